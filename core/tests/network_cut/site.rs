//! A registrar, a wire that can be cut, and a registered client at its other end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, ClientBuilder, ConnectionState, Reopening, StateChange};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::{Server, ServerBuilder};
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::json;

use super::wire::Wire;

/// Far more than anything takes here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Silence before a ping.
pub(crate) const PING_AFTER: Duration = Duration::from_millis(150);
/// And after it.
pub(crate) const PONG: Duration = Duration::from_millis(500);
/// For an opening handshake, at either end.
pub(crate) const OPEN: Duration = Duration::from_millis(400);
/// For a closing handshake.
pub(crate) const CLOSE: Duration = Duration::from_millis(300);

/// A notification as the client saw it.
pub(crate) type Seen = (String, u64);

/// What the two ends did, seen from outside.
#[derive(Clone, Default)]
pub(crate) struct Log {
    /// Registrations that the server answered.
    registrations: Arc<Mutex<usize>>,
    /// Requests that it does not answer.
    held: Arc<Mutex<Vec<IncomingRequest>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    states: Arc<Mutex<Vec<StateChange>>>,
}

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) wire: Wire,
    pub(crate) client: Client,
    log: Log,
}

pub(crate) fn server(log: &Log, change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    let log = log.clone();
    let builder = Server::builder()
        .listen("ws://127.0.0.1:0")
        .ping_after(Some(PING_AFTER))
        .pong_timeout(PONG)
        .handshake_timeout(OPEN)
        .close_timeout(CLOSE);
    let handler = move |_: &Server, incoming: IncomingRequest| {
        if incoming.request.resource_type.is_some() {
            *log.registrations.lock().unwrap() += 1;
            incoming.respond(Response::new(StatusCode::CREATED)).unwrap();
        } else if incoming.request.to == "held" {
            log.held.lock().unwrap().push(incoming);
        } else {
            // Its connection may be gone by now.
            let _ = incoming.respond(Response::ok());
        }
    };
    change(builder).start(handler).unwrap()
}

pub(crate) fn client(url: &str) -> ClientBuilder {
    let reopening = Reopening {
        first_delay: Duration::from_millis(50),
        largest_delay: Duration::from_millis(200),
        stable_after: Duration::from_secs(30),
    };
    Client::builder(url)
        .originator("Ca")
        .ping_after(Some(PING_AFTER))
        .pong_timeout(PONG)
        .open_timeout(OPEN)
        .close_timeout(CLOSE)
        .reopening(reopening)
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|server| server, |client| client).await
    }

    pub(crate) async fn with(
        change_server: impl FnOnce(ServerBuilder) -> ServerBuilder,
        change_client: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let log = Log::default();
        let server = server(&log, change_server);
        let wire = Wire::to(&server.points_of_access()[0].to_string()).await;
        let client = change_client(client(wire.url())).build().unwrap();
        log.follow(&client);
        client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
        Self { server, wire, client, log }
    }

    /// A request that waits for its response, in a task of its own.
    pub(crate) fn send(&self, to: &str) -> tokio::task::JoinHandle<onem2m_ws::Result<Response>> {
        let (client, request) = (self.client.clone(), Request::retrieve(to));
        tokio::spawn(async move { client.send(request).await })
    }

    /// A request that reached the server, which does not answer.
    pub(crate) async fn send_held(&self) -> tokio::task::JoinHandle<onem2m_ws::Result<Response>> {
        let before = self.log.held();
        let sent = self.send("held");
        eventually("the request is held", || self.log.held() > before).await;
        sent
    }

    pub(crate) async fn notify(&self, number: u64) {
        self.server.notify("Ca", notification(number)).await.unwrap();
    }

    /// Both ends are together, over a connection that lives, and the client did not register anew.
    pub(crate) async fn is_whole(&self) {
        while let Err(error) = finished(self.send("x")).await {
            // The server may have given up a connection that the client still believes in.
            assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        }
        eventually("the server reaches the client", || self.server.is_connected("Ca")).await;
        eventually("all is delivered", || self.server.waiting("Ca") == 0).await;
        eventually("one connection is left (WS-5.2-3)", || self.server.connections() == 1).await;
        assert_eq!(self.log.registrations(), 1, "WS-5.2-9");
    }

    pub(crate) async fn notices_at_the_client(&self) {
        self.log.until_state("the client notices", |change| change.state == ConnectionState::Disconnected).await;
    }

    pub(crate) async fn notices_at_the_server(&self) {
        eventually("the server notices", || !self.server.is_connected("Ca")).await;
        assert!(self.server.is_registered("Ca"), "WS-6.4-4");
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

impl Log {
    /// Writes down what the client sees, and answers every request 2000.
    pub(crate) fn follow(&self, client: &Client) {
        let seen = Arc::clone(&self.seen);
        client.on_request(move |incoming: IncomingRequest| {
            let content = incoming.request.content.as_ref().unwrap().value().unwrap();
            let number = content["m2m:sgn"]["number"].as_u64().unwrap();
            seen.lock().unwrap().push((incoming.request.request_id.to_string(), number));
            let _ = incoming.respond(Response::ok());
        });
        let (mut states, all) = (client.states(), Arc::clone(&self.states));
        tokio::spawn(async move {
            while states.changed().await.is_ok() {
                all.lock().unwrap().push(states.borrow_and_update().clone());
            }
        });
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn held(&self) -> usize {
        self.held.lock().unwrap().len()
    }

    pub(crate) fn registrations(&self) -> usize {
        *self.registrations.lock().unwrap()
    }

    /// What was seen so far does not count any more.
    pub(crate) fn forget_states(&self) {
        self.states.lock().unwrap().clear();
    }

    /// The first state from now on, or from the past, that is as wanted.
    pub(crate) async fn until_state(&self, what: &str, wanted: impl Fn(&StateChange) -> bool) -> StateChange {
        let find = || self.states.lock().unwrap().iter().find(|change| wanted(change)).cloned();
        eventually(what, || find().is_some()).await;
        find().unwrap()
    }
}

/// Each of `1..=last` once and in order, repetitions left out; a repetition is known by its `rqi`.
pub(crate) fn is_complete(seen: &[Seen], last: u64) {
    let mut identifiers = Vec::<&str>::new();
    let mut numbers = Vec::new();
    for (rqi, number) in seen {
        match identifiers.iter().position(|known| known == rqi) {
            Some(at) => assert_eq!(numbers[at], *number, "the same rqi for something else"),
            None => {
                identifiers.push(rqi);
                numbers.push(*number);
            }
        }
    }
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "lost, out of order, or again with another rqi: {seen:?}");
}

pub(crate) fn notification(number: u64) -> Request {
    Request::notify("Ca", json!({ "m2m:sgn": { "number": number } }))
}

/// What a task of [`Site::send`] comes to.
pub(crate) async fn finished<T>(task: tokio::task::JoinHandle<T>) -> T {
    tokio::time::timeout(PATIENCE, task).await.expect("the request waits for ever").unwrap()
}

pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "not within {PATIENCE:?}: {what}");
}
