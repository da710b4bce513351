//! Bad and odd handshakes, byte by byte, with the status that each gets.

use super::harness::{Answer, KEY, Peer, REQUEST, and, soon, start, with};
use tokio::io::AsyncWriteExt;

async fn ask(address: &str, request: &[u8]) -> Answer {
    let mut peer = Peer::connect(address).await;
    peer.say(request).await;
    peer.answer().await
}

/// The status line of the answer, whatever follows.
async fn status(address: &str, request: &[u8]) -> u16 {
    let mut peer = Peer::connect(address).await;
    peer.say(request).await;
    peer.head().await[9..12].parse().unwrap()
}

/// Name, bytes, status. RFC 6455 4.2.1, RFC 7230 2.6 to 5.4.
fn corpus() -> Vec<(&'static str, Vec<u8>, u16)> {
    let key = |value: &str| with(&format!("Key: {KEY}"), &format!("Key: {value}"));
    let version = |value: &str| with("Version: 13", &format!("Version: {value}"));
    let target = |value: &str| with("GET / ", &format!("GET {value} "));
    let host = |value: &str| with("Host: example.net:9000", &format!("Host: {value}"));
    let bytes = |text: &str| text.as_bytes().to_vec();
    vec![
        // The request line.
        ("no HTTP", bytes("hello\r\n\r\n"), 400),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        ("zeros", vec![0; 64], 400),
        ("HTTP/2 without an upgrade", bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400),
        ("HTTP/0.9", bytes("GET /\r\n\r\n"), 400),
        ("HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), 400),
        ("HTTP/1.2", with("HTTP/1.1", "HTTP/1.2"), 400),
        ("HTTP/2.0", with("HTTP/1.1", "HTTP/2.0"), 400),
        ("HTTP/1.10", with("HTTP/1.1", "HTTP/1.10"), 400),
        ("version in lower case", with("HTTP/1.1", "http/1.1"), 400),
        ("two blanks before the target", with("GET / ", "GET  / "), 400),
        ("two blanks after the target", with("GET / ", "GET /  "), 400),
        ("tab after the method", with("GET / ", "GET\t/ "), 400),
        ("blank after the version", with("HTTP/1.1", "HTTP/1.1 "), 400),
        ("blank before the method", with("GET", " GET"), 400),
        ("method that is no token", with("GET", "G(T"), 400),
        ("method in lower case", with("GET", "get"), 405),
        ("POST", with("GET", "POST"), 405),
        ("HEAD", with("GET", "HEAD"), 405),
        ("OPTIONS *", with("GET / ", "OPTIONS * "), 405),
        ("CONNECT", with("GET / ", "CONNECT example.net:9000 "), 405),
        ("a long method", with("GET", &"G".repeat(9000)), 405),
        ("target *", target("*"), 400),
        ("target host:port", target("example.net:9000"), 400),
        ("target without a slash", target("cse"), 400),
        ("target with a fragment", target("/#x"), 400),
        ("target in Latin-1", with("GET / ", "GET /?\u{e4} "), 400),
        ("target with a control character", target("/\x01"), 400),
        (
            "target that is not UTF-8",
            with("GET / ", "GET /\u{1} ").iter().map(|b| if *b == 1 { 0xff } else { *b }).collect(),
            400,
        ),
        ("target of another scheme", target("ftp://example.net/"), 400),
        // Lines.
        ("folded with a blank", with("Upgrade: websocket", "Upgrade:\r\n websocket"), 400),
        ("folded with a tab", with("Upgrade: websocket", "Upgrade:\r\n\twebsocket"), 400),
        ("folded first line", with("Host:", " X: y\r\nHost:"), 400),
        ("blank before the colon", with("Upgrade:", "Upgrade :"), 400),
        ("tab before the colon", with("Host:", "Host\t:"), 400),
        ("no colon", and("X\r\n"), 400),
        ("no name", and(": x\r\n"), 400),
        ("name with a blank", and("X Y: z\r\n"), 400),
        ("name with NUL", and("X\0: z\r\n"), 400),
        ("name beyond ASCII", and("\u{e4}: z\r\n"), 400),
        ("NUL in a value", and("X: a\0b\r\n"), 400),
        ("control character in a value", and("X: a\x01b\r\n"), 400),
        ("escape in a value", and("X: \x1b[31m\r\n"), 400),
        ("DEL in a value", and("X: \x7f\r\n"), 400),
        ("CR alone in a value", and("X: a\rb\r\n"), 400),
        ("CR alone at the end of a line", and("X: a\rY: b\r\n"), 400),
        ("CR twice at the end of a line", and("X: a\r\r\n"), 400),
        // Host: exactly one, and one that can be (RFC 7230 5.4).
        ("no Host", with("Host: example.net:9000\r\n", ""), 400),
        ("empty Host", host(""), 400),
        ("blank Host", host(" \t "), 400),
        ("two Hosts", with("Host: ", "Host: other\r\nHost: "), 400),
        ("the same Host twice", with("Host: ", "Host: example.net:9000\r\nHost: "), 400),
        ("two Hosts in one line", host("example.net:9000, other"), 400),
        ("two Hosts in one line, without a blank", host("example.net:9000,other"), 400),
        ("Host with a blank", host("example.net 9000"), 400),
        ("Host with a user", host("me@example.net"), 400),
        ("Host with a path", host("example.net/x"), 400),
        ("Host with a scheme", host("http://example.net"), 400),
        ("Host beyond ASCII", host("ex\u{e4}mple.net"), 400),
        // A body has no place here (and two views of where it ends are how requests are smuggled).
        ("a body", [and("Content-Length: 5\r\n"), b"hello".to_vec()].concat(), 400),
        ("a body that does not come", and("Content-Length: 5\r\n"), 400),
        ("two lengths", and("Content-Length: 0\r\nContent-Length: 5\r\n"), 400),
        ("two lengths in one line", and("Content-Length: 0, 0\r\n"), 400),
        ("length +0", and("Content-Length: +0\r\n"), 400),
        ("no length at all", and("Content-Length:\r\n"), 400),
        ("chunks", [and("Transfer-Encoding: chunked\r\n"), b"5\r\nhello\r\n0\r\n\r\n".to_vec()].concat(), 400),
        ("identity", and("Transfer-Encoding: identity\r\n"), 400),
        ("chunks and a length", and("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400),
        // Upgrade and Connection.
        ("no Upgrade", with("Upgrade: websocket\r\n", ""), 400),
        ("other Upgrade", with("Upgrade: websocket", "Upgrade: h2c"), 400),
        ("longer Upgrade", with("Upgrade: websocket", "Upgrade: websockets"), 400),
        ("two tokens without a comma", with("Upgrade: websocket", "Upgrade: h2c websocket"), 400),
        ("no Connection", with("Connection: Upgrade\r\n", ""), 400),
        ("other Connection", with("Connection: Upgrade", "Connection: close"), 400),
        ("longer Connection", with("Connection: Upgrade", "Connection: Upgrades"), 400),
        // Version: one, 13.
        ("no version", with("Sec-WebSocket-Version: 13\r\n", ""), 400),
        ("empty version", version(""), 400),
        ("two versions", version("13\r\nSec-WebSocket-Version: 8"), 400),
        ("the same version twice", version("13\r\nsec-websocket-version: 13"), 400),
        ("two versions in one line", version("13, 8"), 400),
        ("the same version twice in one line", version("13,13"), 400),
        ("version 8", version("8"), 426),
        ("version 0", version("0"), 426),
        ("version 14", version("14"), 426),
        ("version 013", version("013"), 426),
        ("version +13", version("+13"), 426),
        ("version 13.0", version("13.0"), 426),
        ("version 1 3", version("1 3"), 426),
        ("version 256", version("256"), 426),
        ("version beyond ASCII", version("\u{661}\u{663}"), 426),
        // Key: one, the base64 form of 16 bytes.
        ("no key", with(&format!("Sec-WebSocket-Key: {KEY}\r\n"), ""), 400),
        ("empty key", key(""), 400),
        ("two keys", key(&format!("{KEY}\r\nSec-WebSocket-Key: {KEY}")), 400),
        ("two keys in one line", key(&format!("{KEY}, {KEY}")), 400),
        ("key of 15 bytes", key("AAAAAAAAAAAAAAAAAAAA"), 400),
        ("key of 17 bytes", key("AAAAAAAAAAAAAAAAAAAAAAA="), 400),
        ("key without padding", key("dGhlIHNhbXBsZSBub25jZQ"), 400),
        ("key with bits left over", key("dGhlIHNhbXBsZSBub25jZR=="), 400),
        ("key of the other alphabet", key("dGhlIHNhbXBsZSBub25j_Q=="), 400),
        ("key with a blank", key("dGhlIHNhbXBsZSBub25j ZQ=="), 400),
        // Subprotocols.
        ("no subprotocol", with("Sec-WebSocket-Protocol: oneM2M.json\r\n", ""), 400),
        ("empty subprotocol", with("Protocol: oneM2M.json", "Protocol: "), 400),
        ("subprotocol that is no token", with("oneM2M.json", "oneM2M/json"), 400),
        ("two subprotocols without a comma", with("oneM2M.json", "oneM2M.json oneM2M.cbor"), 400),
        ("unknown subprotocol", with("oneM2M.json", "chat"), 400),
        // Origin: a page that is not known, whatever it says.
        ("a page", and("Origin: https://example.net\r\n"), 403),
        ("the same page as the server", and("Origin: http://example.net:9000\r\n"), 403),
        ("a page without an origin", and("Origin: null\r\n"), 403),
        ("an empty origin", and("Origin:\r\n"), 403),
        ("two origins", and("Origin: https://a.example\r\nOrigin: https://b.example\r\n"), 400),
        // Size.
        ("65 fields", and(&"X: y\r\n".repeat(59)), 431),
        ("more than 16 KiB", and(&format!("X: {}\r\n", "y".repeat(16 << 10))), 431),
        ("20 kB of one name", and(&format!("{}: y\r\n", "X".repeat(20_000))), 431),
        ("20 kB of a target", target(&format!("/{}", "x".repeat(20_000))), 431),
        ("endless blank lines", vec![b'\n'; 20_000], 431),
        ("200 kB without an end", vec![b'x'; 200_000], 431),
    ]
}

#[tokio::test]
async fn ws_6_2_3_1_1_each_bad_handshake_gets_its_status_and_can_read_it() {
    let (server, address) = start(|server| server);
    let corpus = corpus();
    let mut wrong = Vec::new();
    for (name, request, expected) in &corpus {
        let mut peer = Peer::connect(&address).await;
        peer.say(request).await;
        let head = peer.head().await;
        if head[9..12] != expected.to_string() {
            wrong.push(format!("{name}: not {expected} but {}", head.lines().next().unwrap_or_default()));
            continue;
        }
        let answer = Answer::parse(&(head + std::str::from_utf8(&peer.rest().await).unwrap()));
        match *name {
            "HEAD" => assert_eq!(answer.body, "", "RFC 7231 4.3.2"),
            _ => answer.assert_is_whole(),
        }
        assert!(answer.body.len() < 1000, "{name}: no more is told than helps");
        match expected {
            405 => assert!(answer.has("Allow: GET"), "{name}: {answer:?}"),
            426 => {
                assert!(answer.has("Sec-WebSocket-Version: 13"), "{name}: {answer:?}");
                assert!(answer.has("Upgrade: WebSocket"), "{name}: RFC 7231 6.5.15: {answer:?}");
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(server.refusals().handshake, corpus.len() as u64);
    // The server has not minded.
    Peer::open(&address).await;
    server.shutdown().await;
}

#[tokio::test]
async fn what_only_looks_odd_is_taken() {
    let (_server, address) = start(|server| server);
    let long = format!("X: {}\r\n", "y".repeat(16_000));
    for request in [
        REQUEST.into(),
        REQUEST.replace("\r\n", "\n").into_bytes(),
        with("GET", "\r\n\r\nGET"),
        with("GET / ", "GET /~/mn-cse?x=%20 "),
        with("GET / ", "GET //double "),
        with("GET / ", "GET http://example.net:9000/ "),
        with("GET / ", "GET ws://example.net:9000 "),
        with("Host: example.net:9000", "hOST:[2001:db8::1]:9000"),
        with("Host: example.net:9000", "Host: \t example.net \t "),
        with("Upgrade: websocket", "UPGRADE: WebSocket"),
        with("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: ,websocket,"),
        with("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        with("Connection: Upgrade", "connection: close\r\nconnection: UPGRADE"),
        with("Version: 13", "Version:13"),
        and("Content-Length: 0\r\n"),
        and("X: \u{e4}\r\nX-Empty:\r\n"),
        and("Expect: 100-continue\r\nTE: trailers\r\n"),
        and("Sec-WebSocket-Extensions: x-unknown; a=b, permessage-foo\r\n"),
        and(&"X: y\r\n".repeat(57)),
        and(&long),
    ] {
        assert_eq!(status(&address, &request).await, 101, "{:?}", String::from_utf8_lossy(&request));
    }
}

#[tokio::test]
async fn ws_6_2_2_1_1_a_path_that_is_not_served_is_answered_404() {
    let (server, address) = start(|server| server.paths(["/~/mn-cse", "/b"]));
    assert_eq!(server.points_of_access()[0].target(), "/~/mn-cse");
    for (target, expected) in [
        ("/~/mn-cse", 101),
        ("/b", 101),
        ("/b?token=x", 101),
        ("http://example.net/b?x", 101),
        ("/", 404),
        ("/B", 404),
        ("/b/", 404),
        ("/bc", 404),
        ("//b", 404),
        ("/%62", 404),
        ("/x/../b", 404),
        ("http://example.net", 404),
    ] {
        let mut peer = Peer::connect(&address).await;
        peer.say(&with("GET / ", &format!("GET {target} "))).await;
        if expected == 101 {
            assert!(peer.head().await.starts_with("HTTP/1.1 101 "), "{target}");
        } else {
            let answer = peer.answer().await;
            assert_eq!(answer.status, expected, "{target}");
            answer.assert_is_whole();
        }
    }
}

#[tokio::test]
async fn only_pages_that_are_allowed_by_their_whole_origin_get_in() {
    let allowed = ["https://app.example", "http://localhost:8080"];
    let (_server, address) = start(|server| server.allow_origins(allowed));
    for (origin, expected) in [
        ("https://app.example", 101),
        ("http://localhost:8080", 101),
        ("http://app.example", 403),
        ("https://app.example:443", 403),
        ("https://app.example/", 403),
        ("https://App.example", 403),
        ("HTTPS://app.example", 403),
        ("https://evil.example/https://app.example", 403),
        ("https://app.example.evil.example", 403),
        ("https://not-app.example", 403),
        ("https://sub.app.example", 403),
        ("https://app.example, https://evil.example", 403),
        ("https://app.example https://evil.example", 403),
        ("http://localhost", 403),
        ("http://localhost:80800", 403),
        ("null", 403),
        ("", 403),
    ] {
        assert_eq!(status(&address, &and(&format!("Origin: {origin}\r\n"))).await, expected, "{origin:?}");
    }
    // Devices send none.
    assert_eq!(status(&address, REQUEST.as_bytes()).await, 101);
}

#[tokio::test]
async fn frames_that_came_with_the_handshake_are_the_first_of_the_connection() {
    use super::harness::{frame, request};
    let (_server, address) = start(|server| server);
    let mut peer = Peer::connect(&address).await;
    peer.say(&[REQUEST.as_bytes(), &frame(0x81, &request("1"))[..]].concat()).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.status().await, 2000);
    // And what came after a refused one is nothing.
    let smuggled = [and("Content-Length: 0, 200\r\n"), REQUEST.into(), frame(0x81, &request("2"))].concat();
    let answer = ask(&address, &smuggled).await;
    assert_eq!(answer.status, 400);
    answer.assert_is_whole();
}

#[tokio::test]
async fn a_handshake_is_read_however_it_is_cut() {
    let (_server, address) = start(|server| server);
    let mut peer = Peer::connect(&address).await;
    peer.0.set_nodelay(true).unwrap();
    for byte in REQUEST.as_bytes() {
        peer.say(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
}

#[tokio::test]
async fn handshake_bytes_and_fields_have_settings() {
    let (_server, address) = start(|server| server.max_handshake_bytes(400).max_handshake_fields(8));
    let filled = |size: usize| and(&format!("X: {}\r\n", "y".repeat(size - and("X: \r\n").len())));
    assert_eq!(filled(400).len(), 400);
    assert_eq!(status(&address, &filled(400)).await, 101);
    assert_eq!(ask(&address, &filled(401)).await.status, 431);
    assert_eq!(status(&address, &and(&"X: y\r\n".repeat(2))).await, 101);
    assert_eq!(ask(&address, &and(&"X: y\r\n".repeat(3))).await.status, 431);
}

#[tokio::test]
async fn a_refused_peer_that_goes_on_sending_reads_its_answer_but_is_not_heard_for_ever() {
    let (server, address) = start(|server| server);
    // More than the handshake may have, and a body: all of it is sent before the answer is read.
    let mut peer = Peer::connect(&address).await;
    peer.say(&and("Content-Length: 200000\r\n")).await;
    peer.say(&vec![b'x'; 200_000]).await;
    assert_eq!(peer.answer().await.status, 400);
    // One that never stops is cut off.
    let mut peer = Peer::connect(&address).await;
    let flood = async { while peer.0.write_all(&[b'x'; 4096]).await.is_ok() {} };
    soon(flood).await;
    assert_eq!(server.refusals().handshake, 2);
    server.shutdown().await;
}
