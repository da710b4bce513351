//! ACME as registrar, killed under our client and started again with an empty memory. Runs where `ACME_PYTHON` names the
//! Python that starts ACME with `tests/interop/acme.py` (`make test` does).
#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use onem2m_ws::ErrorKind;
use onem2m_ws::client::{AeRegistration, Client, ClientEvent, ConnectionState, Preset, Reopening, StateChange};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

const PATIENCE: Duration = Duration::from_secs(120);

/// An ACME of our own; it ends with this.
struct Acme {
    script: Child,
    said: HashMap<String, String>,
}

impl Acme {
    /// Ready to answer when this returns. `None` where ACME is not to be had.
    fn start(port: u16) -> Option<Self> {
        let python = std::env::var_os("ACME_PYTHON")?;
        let mut script = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/acme.py"))
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
        let said = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { script, said })
    }

    fn said(&self, name: &str) -> &str {
        self.said.get(name).unwrap_or_else(|| panic!("ACME did not start: {:?}", self.said))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.said("ACME_PID").parse().unwrap()), signal).unwrap();
    }

    /// As a loss of power: no close frame, no farewell.
    fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.script.wait().unwrap();
    }
}

impl Drop for Acme {
    fn drop(&mut self) {
        if let Ok(None) = self.script.try_wait() {
            // It ends ACME first.
            kill(Pid::from_raw(self.script.id() as i32), Signal::SIGTERM).unwrap();
            self.script.wait().unwrap();
        }
    }
}

/// All that the client's connection went through.
struct States(Arc<Mutex<Vec<StateChange>>>);

impl States {
    fn of(client: &Client) -> Self {
        let (mut states, all) = (client.states(), Arc::<Mutex<Vec<StateChange>>>::default());
        let writer = Arc::clone(&all);
        tokio::spawn(async move {
            while states.changed().await.is_ok() {
                writer.lock().unwrap().push(states.borrow_and_update().clone());
            }
        });
        Self(all)
    }

    /// The first one that is as wanted; those before it do not count any more.
    async fn until(&self, what: &str, wanted: impl Fn(&StateChange) -> bool) -> StateChange {
        let find = async {
            loop {
                {
                    let mut all = self.0.lock().unwrap();
                    if let Some(at) = all.iter().position(&wanted) {
                        return all.drain(..=at).next_back().unwrap();
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, find).await {
            Ok(found) => found,
            Err(_) => panic!("not seen: {what}, but {:?}", self.0.lock().unwrap()),
        }
    }
}

async fn in_time<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

fn send(client: &Client, request: Request) -> tokio::task::JoinHandle<onem2m_ws::Result<Response>> {
    let client = client.clone();
    tokio::spawn(async move { client.send(request).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_9_acme_is_killed_and_started_again_under_our_client() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(acme) = block_in_place(|| Acme::start(port)) else { return };
    let own = format!("{}/restart", acme.said("ACME_CSE_NAME"));
    let reopening = Reopening {
        first_delay: Duration::from_millis(200),
        largest_delay: Duration::from_millis(500),
        ..Reopening::default()
    };
    let client = Client::builder(acme.said("ACME_WS_URL"))
        .originator("Crestart")
        .preset(Preset::Acme)
        .reopening(reopening)
        .build()
        .unwrap();
    let states = States::of(&client);
    let (events, mut heard) = mpsc::unbounded_channel();
    client.on_event(move |event| {
        let _ = events.send(event.clone());
    });
    client.register_ae(AeRegistration::new("Nrestart").name("restart")).await.unwrap();
    let container = Request::create(&own, ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
    assert_eq!(client.send(container).await.unwrap().status, StatusCode::CREATED);
    states.until("open", |change| change.state.is_open()).await;

    // One request is on the wire, and another waits for its place in the window, when ACME is killed.
    acme.signal(Signal::SIGSTOP);
    let sent = client.counters().requests_sent;
    let under_way = send(&client, Request::retrieve(&own));
    let written = async {
        while client.counters().requests_sent == sent {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    in_time("the request is written", written).await;
    let waiting = send(&client, Request::retrieve(&own));
    block_in_place(|| acme.kill());

    let error = in_time("the request under way", under_way).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    assert!(error.message().contains("unknown"), "{error}");

    // Nobody is there: attempts fail with a cause and are made again.
    let failed = |change: &StateChange| {
        change.state == ConnectionState::Disconnected
            && change.cause.as_ref().is_some_and(|cause| cause.kind() == ErrorKind::ConnectionRefused)
    };
    let refused = states.until("a refused attempt", failed).await;
    assert!(refused.attempt > 0 && refused.next_attempt.is_some(), "{refused:?}");
    let again = |change: &StateChange| change.state == ConnectionState::Connecting && change.attempt > refused.attempt;
    states.until("the attempt after that", again).await;
    assert!(!waiting.is_finished(), "it waits for the next connection");

    let acme = block_in_place(|| Acme::start(port)).unwrap();
    states.until("open again", |change| change.state.is_open()).await;
    // ACME took the connection before it was ready, and answers in some way.
    in_time("the request that waited", waiting).await.unwrap().unwrap();

    // ACME has forgotten us. The client finds out by asking, registers again and says so.
    let again = async {
        loop {
            match heard.recv().await.unwrap() {
                ClientEvent::RegisteredAgain(registration) => return registration,
                // Asked before it was ready, ACME answers something else; it is asked again after a while.
                ClientEvent::RegistrationFailed(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let registration = in_time("the registration is made again", again).await;
    assert_eq!(registration.entity, "Crestart");
    assert_eq!(client.registration(), Some(registration));
    let answer = client.send(Request::retrieve(&own)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.debug_text());
    // What was below it is gone, and the application's to make again.
    let gone = client.send(Request::retrieve(format!("{own}/data"))).await.unwrap();
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "{:?}", gone.debug_text());

    client.close().await;
    drop(acme);
}
