//! The same clients for every server: raw sockets, messages made beforehand, responses counted and not read.
//!
//! They cost little, so that what is measured is the server: a read, a count of the frames in it, and one write of as many
//! requests as were answered. A server that answers in batches is thereby asked in batches.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::process::{Exchange, REQUEST_CONTENT, Workers, answer, originator};

/// Requests made beforehand for each connection. An identifier is used again when they have all been sent, long after its
/// first use was answered.
const REQUESTS: usize = 256;
/// Connections that are opened at the same time.
const TOGETHER: usize = 32;
/// Of the contents of a large request, in bytes.
const LARGE: usize = 1_000_000;

// ---- messages as fast as they are answered

/// A connection on which a number of requests is always under way.
pub(crate) struct Crowd<S> {
    stream: S,
    requests: Requests,
    count: Counter,
    window: usize,
    buffer: Vec<u8>,
}

pub(crate) async fn open(port: u16, connections: usize, window: usize) -> Workers {
    let mut workers = Workers::default();
    for (number, stream) in connect(port, connections).into_iter().enumerate() {
        stream.set_nonblocking(true).unwrap();
        workers.add(Crowd::new(tokio::net::TcpStream::from_std(stream).unwrap(), number, window));
    }
    workers
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Exchange for Crowd<S> {
    async fn exchange(&mut self) -> u64 {
        let first = std::mem::take(&mut self.window);
        self.send(first).await;
        let size = self.stream.read(&mut self.buffer).await.unwrap();
        assert_ne!(size, 0, "the server closed the connection");
        let answered = self.count.whole_frames(&self.buffer[..size]);
        self.send(answered).await;
        answered as u64
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Crowd<S> {
    pub(crate) fn new(stream: S, number: usize, window: usize) -> Self {
        let (requests, count, buffer) = (Requests::new(number), Counter::default(), vec![0; 64 << 10]);
        Self { stream, requests, count, window, buffer }
    }

    async fn send(&mut self, mut count: usize) {
        while count > 0 {
            let (some, bytes) = self.requests.next(count);
            count -= some;
            self.stream.write_all(bytes).await.unwrap();
        }
        self.stream.flush().await.unwrap();
    }
}

/// Requests of one originator, one after the other in memory, sent again and again.
struct Requests {
    bytes: Vec<u8>,
    /// Where each begins, and where the last one ends.
    bounds: Vec<usize>,
    next: usize,
}

impl Requests {
    fn new(number: usize) -> Self {
        let (mut bytes, mut bounds) = (Vec::new(), vec![0]);
        for count in 0..REQUESTS {
            bytes.extend(request(number, count, REQUEST_CONTENT));
            bounds.push(bytes.len());
        }
        Self { bytes, bounds, next: 0 }
    }

    /// The next `count` requests, or as many as come before the last one: how many, and their bytes.
    fn next(&mut self, count: usize) -> (usize, &[u8]) {
        let (first, end) = (self.next, (self.next + count).min(REQUESTS));
        self.next = end % REQUESTS;
        (end - first, &self.bytes[self.bounds[first]..self.bounds[end]])
    }
}

/// One masked text frame with a request.
fn request(number: usize, count: usize, content: &str) -> Vec<u8> {
    let from = originator(number);
    let mut text = format!(
        r#"{{"op":1,"to":"in-cse/sensorAE/data","fr":"{from}","rqi":"r-{count:011}","ty":4,"pc":{content},"rvi":"3"}}"#
    )
    .into_bytes();
    let mut frame = vec![0x81];
    match text.len() {
        0..126 => frame.push(0x80 | text.len() as u8),
        126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((text.len() as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    let key = [0x37, 0xfa, 0x21, 0x3d];
    frame.extend(key);
    for four in text.chunks_mut(4) {
        four.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
    frame.extend(text);
    frame
}

/// Counts the unmasked frames of a stream that is cut anywhere.
#[derive(Default)]
struct Counter {
    /// The head of the frame that has begun, as far as it is there.
    head: Vec<u8>,
    /// What is missing of its payload, once the head is whole.
    missing: Option<usize>,
}

impl Counter {
    fn whole_frames(&mut self, mut data: &[u8]) -> usize {
        let mut count = 0;
        while !data.is_empty() {
            let Some(missing) = self.missing else {
                self.head.push(data[0]);
                data = &data[1..];
                self.missing = length(&self.head);
                if self.missing.is_some() {
                    self.head.clear();
                }
                continue;
            };
            let size = missing.min(data.len());
            data = &data[size..];
            self.missing = Some(missing - size);
            if size == missing {
                self.missing = None;
                count += 1;
            }
        }
        count
    }
}

/// The length of the payload after a head that is whole.
fn length(head: &[u8]) -> Option<usize> {
    let (short, rest) = (usize::from(*head.get(1)?), &head[2..]);
    Some(match short {
        126 => u16::from_be_bytes(rest.try_into().ok()?).into(),
        127 => usize::try_from(u64::from_be_bytes(rest.try_into().ok()?)).unwrap(),
        _ => short,
    })
}

// ---- connections that are held

/// Opens connections and uses each a little. Lines are `connect`, `message` and `large`, each with a number of connections,
/// and are answered when it is done.
pub(crate) fn hold<S: Read + Write>(connect: impl Fn(usize, usize) -> Vec<S>) {
    let mut held = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (what, count) = line.split_once(' ').unwrap();
        let count = count.parse().unwrap();
        match what {
            "connect" => held.extend(connect(held.len(), count)),
            "message" => exchange(&mut held[..count], REQUEST_CONTENT),
            "large" => exchange(&mut held[..count], &format!(r#"{{"m2m:cin":{{"con":"{}"}}}}"#, "x".repeat(LARGE))),
            _ => panic!("{line}"),
        }
        answer(format_args!("done"));
    }
}

/// One request and its response on each connection.
fn exchange(streams: &mut [impl Read + Write], content: &str) {
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&request(number, 0, content)).unwrap();
        let (mut buffer, mut count) = ([0; 4096], Counter::default());
        loop {
            let size = stream.read(&mut buffer).unwrap();
            assert_ne!(size, 0, "the server closed the connection");
            if count.whole_frames(&buffer[..size]) > 0 {
                break;
            }
        }
    }
}

/// The opening handshake.
pub(crate) fn opening(port: u16) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: oneM2M.json\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
}

/// Opens connections, some at a time.
pub(crate) fn connect(port: u16, count: usize) -> Vec<TcpStream> {
    let handshake = opening(port);
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let first = streams.len();
        for _ in first..count.min(first + TOGETHER) {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.write_all(handshake.as_bytes()).unwrap();
            streams.push(stream);
        }
        for stream in &mut streams[first..] {
            read_accept(stream);
        }
    }
    streams
}

pub(crate) fn read_accept(stream: &mut impl Read) {
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"\r\n\r\n") {
        let size = stream.read(&mut buffer).unwrap();
        assert_ne!(size, 0, "refused: {}", String::from_utf8_lossy(&answer));
        answer.extend(&buffer[..size]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
}
