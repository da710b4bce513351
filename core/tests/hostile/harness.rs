//! A peer that sends any bytes, and what it sees of the answer.

use std::future::Future;
use std::time::Duration;

use onem2m_ws::IncomingRequest;
use onem2m_ws::primitive::Response;
use onem2m_ws::server::{Server, ServerBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A good request, line by line.
pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\n\
    Host: example.net:9000\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: oneM2M.json\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// [`REQUEST`] with a part replaced.
pub(crate) fn with(part: &str, other: &str) -> Vec<u8> {
    assert!(REQUEST.contains(part), "no {part:?}");
    REQUEST.replacen(part, other, 1).into_bytes()
}

/// [`REQUEST`] with more lines.
pub(crate) fn and(lines: &str) -> Vec<u8> {
    with("Upgrade: ", &format!("{lines}Upgrade: "))
}

/// Nothing here takes as long; only what hangs does.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it does not end")
}

/// A server that answers every request of `Cpeer` with 2000.
pub(crate) fn start(settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, String) {
    // A peer that was refused is listened to until it has read why, also on a slow machine.
    let builder = Server::builder().listen("ws://127.0.0.1:0").close_timeout(Duration::from_secs(20));
    let builder = settings(builder.trusted(["Cpeer"]));
    let server = builder.start(|_: &Server, request: IncomingRequest| {
        // One whose connection is gone needs no answer.
        let _ = request.respond(Response::ok());
    });
    let server = server.unwrap();
    let point_of_access = &server.points_of_access()[0];
    let address = format!("{}:{}", point_of_access.host(), point_of_access.port());
    (server, address)
}

/// A request of `Cpeer`'s.
pub(crate) fn request(rqi: &str) -> Vec<u8> {
    format!(r#"{{"op":2,"to":"x","fr":"Cpeer","rqi":"{rqi}","rvi":"3"}}"#).into_bytes()
}

/// An HTTP answer, read to the end of the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).expect("a status line");
        Self { status: status.parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.head.split("\r\n").any(|l| l == line)
    }

    /// What every refusal has: a reason for people, its length, and that the connection ends.
    pub(crate) fn assert_is_whole(&self) {
        assert!(self.body.trim().len() > 3, "{self:?}");
        assert!(self.has(&format!("Content-Length: {}", self.body.len())), "{self:?}");
        assert!(self.head.contains("\r\nConnection: close"), "{self:?}");
        assert!(self.body.trim_end().chars().all(|c| !c.is_control()), "{self:?}");
        assert!(self.head.chars().all(|c| !c.is_control() || "\r\n".contains(c)), "{self:?}");
    }
}

/// A connection on which anything is said.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn connect(address: &str) -> Self {
        Self(soon(TcpStream::connect(address)).await.unwrap())
    }

    /// A connection after a good handshake.
    pub(crate) async fn open(address: &str) -> Self {
        let mut peer = Self::connect(address).await;
        peer.say(REQUEST.as_bytes()).await;
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        soon(self.0.write_all(bytes)).await.unwrap();
    }

    /// Everything up to the end of the connection, which must come without a reset.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        soon(self.0.read_to_end(&mut bytes)).await.expect("no reset");
        bytes
    }

    /// An answer that ends the connection.
    pub(crate) async fn answer(&mut self) -> Answer {
        Answer::parse(std::str::from_utf8(&self.rest().await).unwrap())
    }

    /// A head, up to its blank line and no further.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(self.0.read_u8()).await.unwrap_or_else(|error| panic!("{error} after {head:?}")));
        }
        String::from_utf8(head).unwrap()
    }

    /// The next frame: its first byte, and its payload.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = soon(self.0.read_u8()).await.unwrap();
        let length = match soon(self.0.read_u8()).await.unwrap() {
            126 => u64::from(soon(self.0.read_u16()).await.unwrap()),
            127 => soon(self.0.read_u64()).await.unwrap(),
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        soon(self.0.read_exact(&mut payload)).await.unwrap();
        (first, payload)
    }

    /// A close frame, next: its code and reason.
    pub(crate) async fn close_frame(&mut self) -> (u16, String) {
        let (first, payload) = self.frame().await;
        assert_eq!(first, 0x88, "a close frame, and not {:?}", String::from_utf8_lossy(&payload));
        close_payload(&payload)
    }

    /// The status of the answer to a request, next.
    pub(crate) async fn status(&mut self) -> i64 {
        let (first, payload) = self.frame().await;
        assert_eq!(first, 0x81, "{payload:?}");
        serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["rsc"].as_i64().unwrap()
    }
}

pub(crate) fn close_payload(payload: &[u8]) -> (u16, String) {
    match payload.split_first_chunk() {
        Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap()),
        None => (1005, String::new()),
    }
}

/// A client's frame: `first` as it is, the shortest length, masked.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    masked(bytes, payload)
}

/// A head as it is, then a masking key and the payload under it.
pub(crate) fn masked(mut head: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    head.extend(MASK);
    head.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    head
}
