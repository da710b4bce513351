//! A proxy that opens tunnels, or does what a script says, and remembers what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, ClientBuilder, ConnectionState, StateChange};
use onem2m_ws::primitive::{Request, ResourceType, StatusCode};
use onem2m_ws::registrar::Registrar;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What to do with a CONNECT.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A tunnel to where it should lead.
    Tunnel,
    /// A tunnel to another place, whatever was asked for.
    TunnelTo(SocketAddr),
    /// These bytes, so many at a time, and then this.
    Bytes(Vec<u8>, usize, Then),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Close,
    Reset,
    /// Takes what comes and says nothing.
    Silence,
    /// The same bytes again, without an end.
    Again,
    /// These bytes, once the client has sent something into the tunnel.
    Reply(&'static [u8]),
}

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    /// The head of every CONNECT.
    asked: Vec<String>,
    /// The first bytes in every tunnel.
    tunnelled: Vec<String>,
}

pub(crate) struct TestProxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    cut: broadcast::Sender<()>,
}

impl TestProxy {
    /// One that does as `script` says, connection by connection, and then again and again what is last in it.
    pub(crate) async fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { script: script.into_iter().collect(), ..State::default() };
        let (state, cut) = (Arc::new(Mutex::new(state)), broadcast::channel(1).0);
        let (state_of_task, cut_of_task) = (Arc::clone(&state), cut.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (state, mut cut) = (Arc::clone(&state_of_task), cut_of_task.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = serve(stream, state) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Self { address, state, cut }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    pub(crate) fn tunnelled(&self) -> Vec<String> {
        self.state.lock().unwrap().tunnelled.clone()
    }

    /// What it does from now on.
    pub(crate) fn does(&self, script: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().script = script.into_iter().collect();
    }

    /// Ends every tunnel.
    pub(crate) fn cut(&self) {
        let _ = self.cut.send(());
    }
}

/// Everything up to the blank line; `None` if the connection ended before.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(asked) = head(&mut stream).await else { return };
    let target = asked.split(' ').nth(1).unwrap().to_owned();
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked);
        if state.script.len() > 1 { state.script.pop_front() } else { state.script.front().cloned() }
    };
    let server = match answer {
        None | Some(Answer::Tunnel) => TcpStream::connect(target).await,
        Some(Answer::TunnelTo(address)) => TcpStream::connect(address).await,
        Some(Answer::Bytes(bytes, step, then)) => return say(stream, &bytes, step, then).await,
    };
    let Ok(mut server) = server else {
        let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
        return;
    };
    stream.write_all(b"HTTP/1.0 200 Connection established\r\nProxy-agent: test\r\n\r\n").await.unwrap();
    let Some(first) = head(&mut stream).await else { return };
    server.write_all(first.as_bytes()).await.unwrap();
    state.lock().unwrap().tunnelled.push(first);
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
}

async fn say(mut stream: TcpStream, bytes: &[u8], step: usize, then: Then) {
    stream.set_nodelay(true).unwrap();
    loop {
        for piece in bytes.chunks(step.max(1)) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        match then {
            Then::Again => {}
            Then::Close => return,
            Then::Reset => {
                // To drop a socket that has unread bytes, or no time to linger, is to reset it.
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                return;
            }
            Then::Silence => break,
            Then::Reply(bytes) => {
                let _ = head(&mut stream).await;
                let _ = stream.write_all(bytes).await;
                break;
            }
        }
    }
    let mut sink = [0; 1024];
    while matches!(stream.read(&mut sink).await, Ok(count) if count > 0) {}
}

pub(crate) fn registrar() -> (Registrar, String) {
    let registrar = Registrar::builder().listen("ws://127.0.0.1:0").start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    (registrar, url)
}

pub(crate) fn client(url: &str, originator: &str) -> ClientBuilder {
    Client::builder(url).originator(originator).open_timeout(PATIENCE)
}

/// Registers and exchanges a request; `name` is the AE's.
pub(crate) async fn register_and_exchange(client: &Client, name: &str) {
    client.register_ae(AeRegistration::new("Ntest").name(name)).await.unwrap();
    let container = json!({"m2m:cnt": {"rn": "data"}});
    let created = client.send(Request::create(format!("cse-in/{name}"), ResourceType::CONTAINER, container)).await;
    assert_eq!(created.unwrap().status, StatusCode::CREATED);
    still_works(client, name).await;
}

pub(crate) async fn still_works(client: &Client, name: &str) {
    let answer = client.send(Request::retrieve(format!("cse-in/{name}/data"))).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.debug_text());
}

/// The next change that is as `wanted`, or the state that is already.
pub(crate) async fn until(client: &Client, wanted: impl Fn(&StateChange) -> bool) -> StateChange {
    let mut states = client.states();
    let change = tokio::time::timeout(PATIENCE, states.wait_for(|change| wanted(change))).await;
    change.unwrap_or_else(|_| panic!("still {:?}", client.state())).unwrap().clone()
}

pub(crate) async fn until_gone(client: &Client) -> StateChange {
    until(client, |change| change.state == ConnectionState::Disconnected && change.next_attempt.is_none()).await
}
