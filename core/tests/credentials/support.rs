//! A server that knows one user and one token, and one that refuses everybody and repeats what it was sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use onem2m_ws::IncomingRequest;
use onem2m_ws::client::{Client, ClientBuilder};
use onem2m_ws::primitive::Response;
use onem2m_ws::server::{Denied, HandshakeInfo, Principal, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::collector;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const PASSWORD: &str = "hunter2-hunter2";
pub(crate) const TOKEN: &str = "eyJhbGciOiJub25lIn0.hunter2.";

/// Keeps what this process logs.
pub(crate) fn collect() {
    static ONCE: Once = Once::new();
    ONCE.call_once(collector::collect);
}

pub(crate) struct Deciding {
    pub(crate) server: Server,
    pub(crate) url: String,
    /// Requests that came to the handler.
    pub(crate) handled: Arc<AtomicUsize>,
    /// Handshakes that were judged.
    pub(crate) judged: Arc<AtomicUsize>,
}

/// Lets `gateway` in by its password and `sensor` by its token; `mallory` is known, and not let in.
fn judge(handshake: &HandshakeInfo<'_>) -> Result<Option<Principal>, Denied> {
    if let Some(token) = handshake.bearer() {
        return match token.is(TOKEN) {
            true => Ok(Some(Principal::new("sensor"))),
            false => Err(Denied::unauthorized("Bearer error=\"invalid_token\"")),
        };
    }
    let denied = || Denied::unauthorized("Basic realm=\"cse\"");
    let peer = handshake.basic().ok_or_else(denied)?;
    match (peer.user.expose(), peer.password.is(PASSWORD)) {
        ("gateway", true) => Ok(Some(Principal::new("gateway"))),
        ("mallory", true) => Err(Denied::forbidden("not any more")),
        _ => Err(denied()),
    }
}

impl Deciding {
    pub(crate) fn start() -> Self {
        let [handled, judged] = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
        let (of_handler, of_hook) = (Arc::clone(&handled), Arc::clone(&judged));
        let builder = Server::builder().listen("ws://127.0.0.1:0").trusted(["Cpeer"]).authenticate(move |handshake| {
            of_hook.fetch_add(1, Ordering::SeqCst);
            judge(handshake)
        });
        let server = builder.start(move |_: &Server, request: IncomingRequest| {
            of_handler.fetch_add(1, Ordering::SeqCst);
            request.respond(Response::ok()).unwrap();
        });
        let server = server.unwrap();
        let url = server.points_of_access()[0].to_string();
        Self { server, url, handled, judged }
    }

    pub(crate) fn client(&self) -> ClientBuilder {
        client(&self.url)
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }

    pub(crate) fn judged(&self) -> usize {
        self.judged.load(Ordering::SeqCst)
    }
}

pub(crate) fn client(url: &str) -> ClientBuilder {
    Client::builder(url).originator("Cpeer").registered(true).open_timeout(PATIENCE)
}

/// Answers each handshake with a refusal of this status; if it `repeats`, what the client sent in `Authorization` is in
/// all parts of it.
pub(crate) async fn refusing(status: u16, repeats: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = zeroize::Zeroizing::new(Vec::with_capacity(4096));
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = std::str::from_utf8(&head).unwrap();
            let named = head.lines().find_map(|line| line.strip_prefix("Authorization: "));
            let sent = named.filter(|_| repeats).unwrap_or("nothing");
            let challenge = format!("WWW-Authenticate: Basic realm=\"{sent}\"");
            let body = format!("you sent {sent}");
            let answer =
                format!("HTTP/1.1 {status} {sent}\r\n{challenge}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}
