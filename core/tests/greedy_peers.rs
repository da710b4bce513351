//! Peers that are slow or greedy: meanwhile a well-behaved connection goes on, and memory stays bounded.
//!
//! Each test runs its server in a process of its own, so that what that process holds is the server's (and the few buffers
//! of the peers, which are blocking threads in it). No latency is asserted, only that every exchange ends; the figures are
//! printed with `--nocapture`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "hostile/collector.rs"]
mod collector;
#[path = "hostile/harness.rs"]
#[allow(dead_code)]
mod harness;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use harness::{REQUEST, close_payload, frame, request};
use onem2m_ws::server::{Server, ServerBuilder};
use onem2m_ws::websocket::Compression;

const PATIENCE: Duration = Duration::from_secs(60);
const MB: usize = 1 << 20;
const CHILD: &str = "ONEM2M_WS_TEST_CHILD";

/// Runs the test of this name in a process of its own; true in that process.
fn is_child(test: &str) -> bool {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    for line in out.lines().filter(|line| line.contains("p99")) {
        println!("{line}");
    }
    false
}

/// A value of `/proc/self/status`, in bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// A server in this process, and a connection that behaves.
struct Scene {
    runtime: tokio::runtime::Runtime,
    server: Server,
    address: String,
    before: usize,
    bystander: thread::JoinHandle<Vec<Duration>>,
    stop: Arc<AtomicBool>,
}

impl Scene {
    fn start(settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (server, address) = {
            let _within = runtime.enter();
            harness::start(settings)
        };
        let stop = Arc::new(AtomicBool::new(false));
        let mut peer = open(&address);
        for _ in 0..100 {
            exchange(&mut peer);
        }
        let until = Arc::clone(&stop);
        let bystander = thread::spawn(move || {
            let mut times = Vec::new();
            while !until.load(Ordering::Relaxed) {
                times.push(exchange(&mut peer));
            }
            times
        });
        let before = status("VmRSS");
        // From now on the peak counts.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self { runtime, server, address, before, bystander, stop }
    }

    fn wait(&self, what: &str, done: impl Fn(&Server) -> bool) {
        let begin = Instant::now();
        while !done(&self.server) {
            assert!(begin.elapsed() < PATIENCE, "{what}: {:?}, {}", self.server.refusals(), self.server.connections());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The bystander has gone on, and the process never held more than `most` bytes beyond what it had.
    fn end(self, name: &str, most: usize) {
        // Also after it all.
        exchange(&mut open(&self.address));
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.bystander.join().expect("the bystander was disturbed");
        let grown = status("VmHWM").saturating_sub(self.before);
        times.sort_unstable();
        let (count, p50, p99) = (times.len(), times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("{name}: bystander {count} exchanges, p50 {p50:?}, p99 {p99:?}; RSS +{} kB", grown >> 10);
        assert!(grown < most, "{} kB more were held", grown >> 10);
        self.runtime.block_on(self.server.shutdown());
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn open(address: &str) -> TcpStream {
    open_with(address, "")
}

/// A connection with more lines in its handshake.
fn open_with(address: &str, lines: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(&harness::and(lines)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// One frame of at most 125 bytes.
fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("in time");
    assert!(head[1] < 126);
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).expect("in time");
    (head[0], payload)
}

fn exchange(stream: &mut TcpStream) -> Duration {
    let begin = Instant::now();
    stream.write_all(&frame(0x81, &request("1"))).unwrap();
    let (first, answer) = read_frame(stream);
    assert!(first == 0x81 && String::from_utf8_lossy(&answer).contains("2000"), "{answer:?}");
    begin.elapsed()
}

/// Writes `bytes` again and again while the peer takes them, at most so often; true if it stopped taking them.
fn flood(stream: &mut TcpStream, bytes: &[u8], most: usize) -> bool {
    (0..most).any(|_| stream.write_all(bytes).is_err())
}

/// The code of the close frame with which the peer ended, after whatever it said before.
fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let (first, payload) = read_frame(stream);
        if first == 0x88 {
            return close_payload(&payload).0;
        }
    }
}

/// Runs so many greedy peers at once.
fn peers(count: usize, address: &str, peer: impl Fn(&str) + Send + Sync) {
    thread::scope(|scope| {
        let all: Vec<_> = (0..count).map(|_| scope.spawn(|| peer(address))).collect();
        for one in all {
            one.join().unwrap();
        }
    });
}

#[test]
fn a_handshake_byte_by_byte() {
    if !is_child("a_handshake_byte_by_byte") {
        return;
    }
    let scene = Scene::start(|server| server.handshake_timeout(Duration::from_millis(700)));
    let mut slow: Vec<_> = (0..120).map(|_| (connect(&scene.address), false)).collect();
    for byte in REQUEST.as_bytes() {
        for (stream, ended) in &mut slow {
            *ended = *ended || stream.write_all(&[*byte]).is_err();
        }
        if slow.iter().all(|(_, ended)| *ended) || scene.server.refusals().handshake == 120 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    scene.wait("all are closed at their deadline", |server| server.refusals().handshake == 120);
    for (stream, _) in &mut slow {
        let mut answer = Vec::new();
        // Those that went on writing may see a reset.
        let end = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 408 ") || end.is_err(), "{}", String::from_utf8_lossy(&answer));
    }
    scene.end("slow handshakes", 16 * MB);
}

#[test]
fn a_flood_of_half_open_sockets() {
    if !is_child("a_flood_of_half_open_sockets") {
        return;
    }
    let scene = Scene::start(|server| server.handshake_timeout(PATIENCE));
    // 128 places of this address are taken and kept; whoever comes then is told so, or closed at once.
    let mut held: Vec<_> = (0..128).map(|_| connect(&scene.address)).collect();
    for _ in 0..5000 {
        let mut stream = connect(&scene.address);
        let mut some = [0; 12];
        if stream.read_exact(&mut some).is_ok() {
            assert_eq!(&some, b"HTTP/1.1 503");
        }
    }
    assert!(scene.server.refusals().half_open >= 5000);
    assert_eq!(scene.server.refusals().connections, 0);
    // Another address is not concerned.
    scene.runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        let mut peer = harness::Peer(socket.connect(scene.address.parse().unwrap()).await.unwrap());
        peer.say(REQUEST.as_bytes()).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    });
    held.clear();
    scene.wait("their places are free", |server| server.refusals().handshake == 128);
    scene.end("half-open flood", 16 * MB);
}

/// A batch of tiny requests.
fn tiny_requests() -> Vec<u8> {
    frame(0x81, &request("1")).repeat(1000)
}

#[test]
fn requests_of_a_peer_that_reads_nothing() {
    if !is_child("requests_of_a_peer_that_reads_nothing") {
        return;
    }
    // Its answers wait up to the default time; what waits is bounded, and then it is not read from either.
    let scene = Scene::start(|server| server);
    let batch = tiny_requests();
    peers(8, &scene.address, |address| {
        let mut stream = open(address);
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let stopped = (0..10_000).find_map(|_| stream.write_all(&batch).err()).expect("it is not read from any more");
        assert!(matches!(stopped.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stopped}");
        thread::sleep(Duration::from_secs(1));
    });
    scene.end("requests, answers unread", 8 * 4 * MB);
}

#[test]
fn a_reader_that_stops_is_given_up() {
    if !is_child("a_reader_that_stops_is_given_up") {
        return;
    }
    let scene = Scene::start(|server| server.write_timeout(Duration::from_millis(300)));
    let batch = tiny_requests();
    peers(8, &scene.address, |address| {
        let mut stream = open(address);
        assert!(flood(&mut stream, &batch, 10_000), "it is given up");
    });
    scene.wait("only the bystander is left", |server| server.connections() == 1);
    scene.end("reader that stops", 8 * 4 * MB);
}

#[test]
fn a_compression_bomb() {
    if !is_child("a_compression_bomb") {
        return;
    }
    let scene = Scene::start(|server| server.compression(Some(Compression::default())));
    // A MiB of zeros becomes a kB. A flushed block can follow itself: a GiB in a MiB.
    let mut block = Vec::with_capacity(1 << 16);
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    deflate.compress_vec(&vec![b' '; MB], &mut block, flate2::FlushCompress::Full).unwrap();
    assert!(block.len() < 1100, "{}", block.len());
    let bomb = block.repeat(1000);
    let whole = frame(0xc1, &bomb);
    let fragments = [frame(0x41, &bomb[..5]), frame(0x00, &bomb[5..]), frame(0x80, b"")].concat();
    for bytes in [&whole, &fragments] {
        peers(16, &scene.address, |address| {
            let mut stream = open_with(address, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
            // It is cut off within.
            let _ = stream.write_all(bytes);
            assert_eq!(close_code(&mut stream), 1009);
        });
    }
    scene.end("compression bombs", 16 * 3 * MB);
}

#[test]
fn a_million_empty_fragments() {
    if !is_child("a_million_empty_fragments") {
        return;
    }
    let scene = Scene::start(|server| server);
    let empty = frame(0x00, b"").repeat(1000);
    peers(4, &scene.address, |address| {
        let mut stream = open(address);
        stream.write_all(&frame(0x01, b"")).unwrap();
        let _ = flood(&mut stream, &empty, 1000);
        assert_eq!(close_code(&mut stream), 1008);
    });
    // In many messages, each within its limit: each is answered as what it is, an empty text.
    let message = [frame(0x01, b""), empty.repeat(4), frame(0x80, b"")].concat();
    peers(2, &scene.address, |address| {
        let mut stream = open(address);
        for _ in 0..125 {
            stream.write_all(&message).unwrap();
            let (first, answer) = read_frame(&mut stream);
            assert!(first == 0x81 && String::from_utf8_lossy(&answer).contains("4000"), "{answer:?}");
        }
    });
    scene.end("empty fragments", 16 * MB);
}

#[test]
fn a_ping_flood() {
    if !is_child("a_ping_flood") {
        return;
    }
    let scene = Scene::start(|server| server);
    let pings = frame(0x89, &[b'x'; 100]).repeat(200);
    peers(8, &scene.address, |address| {
        // Whoever is cut off comes back for more.
        for _ in 0..10 {
            let mut stream = open(address);
            let _ = flood(&mut stream, &pings, 100);
            assert_eq!(close_code(&mut stream), 1008);
        }
    });
    scene.end("ping flood", 16 * MB);
}

#[test]
fn tiny_messages_without_end() {
    if !is_child("tiny_messages_without_end") {
        return;
    }
    // Peers that read their answers, and ask as fast as they can.
    let scene = Scene::start(|server| server);
    let batch = tiny_requests();
    peers(4, &scene.address, |address| {
        let mut stream = open(address);
        let mut reader = stream.try_clone().unwrap();
        let drain = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        assert!(!flood(&mut stream, &batch, 100));
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Nothing obliges the server to answer whoever has gone.
        let _ = drain.join().unwrap();
    });
    scene.end("request flood", 32 * MB);
}

#[test]
fn no_descriptor_is_left() {
    if !is_child("no_descriptor_is_left") {
        return;
    }
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    collector::collect();
    let refused = || collector::logged(tracing::Level::WARN, "no connection could be accepted").len();
    let scene = Scene::start(|server| server);
    let sockets: Vec<_> =
        (0..20).map(|_| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)).collect();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(200), hard).unwrap();
    let _all: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    let begin = Instant::now();
    let address = scene.address.parse::<std::net::SocketAddr>().unwrap().into();
    let peers: Vec<TcpStream> = sockets
        .into_iter()
        .map(|socket| {
            let socket = socket.unwrap();
            socket.connect(&address).unwrap(); // the system completes it; nobody has accepted it
            socket.into()
        })
        .collect();
    scene.wait("it goes on trying", |_| refused() >= 5);
    // But not all the time.
    assert!(refused() as u128 <= begin.elapsed().as_millis() / 50 + 1, "{} in {:?}", refused(), begin.elapsed());
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    for mut peer in peers {
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.write_all(REQUEST.as_bytes()).unwrap();
        let mut start = [0; 12];
        peer.read_exact(&mut start).expect("it is served after all");
        assert_eq!(&start, b"HTTP/1.1 101");
    }
    scene.end("no descriptors", 16 * MB);
}
