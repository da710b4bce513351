//! How replies are cut into TLS records: what is ready together leaves together.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use onem2m_ws::IncomingRequest;
use onem2m_ws::binding::Registration;
use onem2m_ws::primitive::{Response, StatusCode};
use onem2m_ws::server::Server;
use onem2m_ws::tls::TlsVersion;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::support::{PATIENCE, VERSIONS, World, foreign_client};

/// The most that a record holds (RFC 8446 5.1).
const RECORD: usize = 1 << 14;
/// Requests that are sent in one record.
const TOGETHER: usize = 32;

/// Counts the records of protected data that come by.
struct Counting {
    stream: TcpStream,
    count: Arc<AtomicUsize>,
    /// The head of the record that has begun, and what is missing of the rest.
    head: Vec<u8>,
    missing: usize,
}

impl Counting {
    fn look_at(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.missing > 0 {
                let size = self.missing.min(bytes.len());
                self.missing -= size;
                bytes = &bytes[size..];
                continue;
            }
            self.head.push(*first);
            bytes = rest;
            if let [kind, _, _, high, low] = self.head[..] {
                self.count.fetch_add(usize::from(kind == 23), Ordering::SeqCst);
                self.missing = usize::from(u16::from_be_bytes([high, low]));
                self.head.clear();
            }
        }
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.look_at(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A server whose replies have contents of `size` bytes, and an open connection to it.
async fn open(version: TlsVersion, size: usize) -> (Server, TlsStream<Counting>, Arc<AtomicUsize>) {
    let world = World::new();
    let server = Server::builder()
        .tls(world.server().most_version(version))
        .listen("wss://127.0.0.1:0")
        .identity("//sp.example", "/id-in")
        .start(move |_: &Server, request: IncomingRequest| {
            let content = serde_json::json!({"m2m:cin": {"con": "x".repeat(size)}});
            let _ = request.respond(Response::new(StatusCode::CREATED).content(content));
        })
        .unwrap();
    server.restore(Registration::known("Sae1"));

    let ae = world.ae("//sp.example/Sae1");
    let config = foreign_client(&world, &ae);
    let port = server.points_of_access()[0].port();
    let count = Arc::new(AtomicUsize::new(0));
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let stream = Counting { stream, count: Arc::clone(&count), head: Vec::new(), missing: 0 };
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let opening = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Protocol: oneM2M.json\r\n\r\n";
    stream.write_all(opening.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    (server, stream, count)
}

/// One masked frame with a request; the mask is zero.
fn request(number: usize) -> Vec<u8> {
    let text = format!(
        r#"{{"op":1,"to":"in/a","fr":"Sae1","rqi":"r{number}","ty":4,"pc":{{"m2m:cin":{{"con":"1"}}}},"rvi":"3"}}"#
    );
    assert!(text.len() < 126);
    [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text.as_bytes()].concat()
}

/// The length of the first frame, head and all, once its head is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [_, 126, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([high, low]))),
        [_, 126, ..] => None,
        [_, short, ..] => Some(2 + usize::from(short)),
        _ => None,
    }
}

/// Records in which the replies to requests of one record came, and how long they were together.
async fn answered(version: TlsVersion, size: usize) -> (usize, usize) {
    let (_server, mut stream, count) = open(version, size).await;
    let before = count.load(Ordering::SeqCst);
    let requests: Vec<u8> = (0..TOGETHER).flat_map(request).collect();
    assert!(requests.len() < 4096, "{} bytes are not read at once", requests.len());
    stream.write_all(&requests).await.unwrap();
    stream.flush().await.unwrap();
    let (mut replies, mut at, mut frames) = (Vec::new(), 0, 0);
    while frames < TOGETHER {
        match frame_length(&replies[at..]) {
            Some(length) if replies.len() - at >= length => (at, frames) = (at + length, frames + 1),
            _ => assert_ne!(stream.read_buf(&mut replies).await.unwrap(), 0, "after {frames} replies"),
        }
    }
    assert_eq!(String::from_utf8_lossy(&replies).matches(r#""rsc":2001"#).count(), TOGETHER);
    (count.load(Ordering::SeqCst) - before, replies.len())
}

#[tokio::test]
async fn replies_that_are_ready_together_leave_in_one_record_or_in_as_few_as_hold_them() {
    for version in VERSIONS {
        for size in [0, 300, 1000] {
            let answered = tokio::time::timeout(PATIENCE, answered(version, size));
            let (records, length) = answered.await.expect("replies are missing");
            assert_eq!(records, length.div_ceil(RECORD), "{length} bytes, contents of {size}, {version:?}");
            assert!(records == 1 || size == 1000, "{length} bytes should fit one record");
        }
    }
}
