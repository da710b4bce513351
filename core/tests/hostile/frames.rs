//! Bad and odd frames, byte by byte, with the close code that each gets (RFC 6455 5, 7.4, 8.1).

use std::future::ready;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use onem2m_ws::Result;
use onem2m_ws::binding::Registration;
use onem2m_ws::spool::{Done, Expired, Fact, FactKind, Record, Sequence, Spool, Stored};

use super::harness::{Peer, close_payload, frame, masked, request, start};
use tokio::io::AsyncWriteExt;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Without FIN.
const FIRST_TEXT: u8 = 0x01;
const MIDDLE: u8 = 0x00;
const LAST: u8 = 0x80;

/// A frame whose length is written over so many bytes, needed or not; its payload is not there.
fn head_of(first: u8, length: u64, bytes: usize) -> Vec<u8> {
    let marker = if bytes == 8 { 0xff } else { 0xfe };
    masked([&[first, marker], &length.to_be_bytes()[8 - bytes..]].concat(), b"")
}

/// Name, bytes, the code of the close frame that answers them.
fn corpus() -> Vec<(String, Vec<u8>, u16)> {
    let mut corpus = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, code| corpus.push((name.to_owned(), bytes, code));
    // 5.2: bits and opcodes.
    for (name, bit) in [("RSV1", 0x40), ("RSV2", 0x20), ("RSV3", 0x10), ("all RSV", 0x70)] {
        for (what, first) in [("text", TEXT), ("binary", BINARY), ("ping", PING), ("close", CLOSE)] {
            add(&format!("{name} on {what}"), frame(first | bit, b""), 1002);
        }
        add(&format!("{name} on a continuation"), [frame(FIRST_TEXT, b"a"), frame(LAST | bit, b"b")].concat(), 1002);
    }
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        add(&format!("opcode {opcode}"), frame(0x80 | opcode, b""), 1002);
        add(&format!("opcode {opcode} with a payload"), frame(0x80 | opcode, b"payload"), 1002);
        add(&format!("opcode {opcode} in fragments"), frame(opcode, b"payload"), 1002);
        let within = [frame(FIRST_TEXT, b"a"), frame(0x80 | opcode, b"")].concat();
        add(&format!("opcode {opcode} within a message"), within, 1002);
    }
    // 5.1: a client masks.
    for (name, bytes) in [
        ("text", &[TEXT, 2, b'h', b'i'][..]),
        ("empty text", &[TEXT, 0]),
        ("binary", &[BINARY, 1, 0]),
        ("ping", &[PING, 0]),
        ("close", &[CLOSE, 2, 3, 0xe8]),
        ("long text", &[TEXT, 126, 1, 0]),
        ("longest text", &[TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        add(&format!("unmasked {name}"), bytes.to_vec(), 1002);
    }
    let unmasked_continuation = [frame(FIRST_TEXT, b"a"), vec![LAST, 1, b'b']].concat();
    add("unmasked continuation", unmasked_continuation, 1002);
    // 5.2: lengths.
    add("125 in two bytes", head_of(TEXT, 125, 2), 1002);
    add("0 in two bytes", head_of(TEXT, 0, 2), 1002);
    add("126 in eight bytes", head_of(TEXT, 126, 8), 1002);
    add("65535 in eight bytes", head_of(BINARY, 0xffff, 8), 1002);
    add("top bit of the length", head_of(TEXT, 1 << 63, 8), 1002);
    add("all bits of the length", head_of(TEXT, u64::MAX, 8), 1002);
    // 5.5: control frames.
    for (name, opcode) in [("close", 8), ("ping", 9), ("pong", 0xa)] {
        add(&format!("fragmented {name}"), frame(opcode, b""), 1002);
        add(&format!("fragmented {name} with its end"), [frame(opcode, b"a"), frame(LAST, b"b")].concat(), 1002);
        add(&format!("{name} of 126 bytes"), frame(0x80 | opcode, &[b'x'; 126]), 1002);
        add(&format!("head of a {name} of 65536 bytes"), head_of(0x80 | opcode, 0x1_0000, 8), 1002);
        add(&format!("{name} of 5 in two bytes"), head_of(0x80 | opcode, 5, 2), 1002);
    }
    // 5.4: fragments.
    add("last continuation of nothing", frame(LAST, b"x"), 1002);
    add("continuation of nothing", frame(MIDDLE, b"x"), 1002);
    add("empty continuation of nothing", frame(LAST, b""), 1002);
    let after_whole = [frame(TEXT, &request("1")), frame(LAST, b"x")].concat();
    add("continuation after a whole message", after_whole, 1002);
    for first in [TEXT, BINARY, FIRST_TEXT, 0x02] {
        let interleaved = [frame(FIRST_TEXT, b"{"), frame(first, b"}")].concat();
        add(&format!("{first:02x} within a message"), interleaved, 1002);
    }
    // 8.1: text is UTF-8, judged as it arrives.
    for (name, bytes) in [
        ("lone continuation", &b"\x80"[..]),
        ("two continuations", b"\xbf\x80"),
        ("overlong slash", b"\xc0\xaf"),
        ("overlong NUL", b"\xc1\x80"),
        ("overlong of three", b"\xe0\x80\xaf"),
        ("overlong of four", b"\xf0\x8f\xbf\xbf"),
        ("low surrogate", b"\xed\xbf\xbf"),
        ("high surrogate", b"\xed\xa0\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
        ("of five", b"\xf8\x88\x80\x80\x80"),
        ("byte fe", b"\xfe"),
        ("byte ff", b"\xff"),
        ("broken off by ASCII", b"\xe2\x82a"),
        ("broken off by another start", b"\xf0\x9f\xe2\x82\xac"),
    ] {
        let padded = |before: usize, after: usize| [&vec![b' '; before], bytes, &vec![b' '; after]].concat();
        for (before, after) in [(0, 0), (0, 9), (1, 0), (13, 40), (300, 0), (70_000, 5)] {
            let name = format!("UTF-8 {name}, {before} before and {after} behind");
            add(&name, frame(TEXT, &padded(before, after)), 1007);
        }
        // The rest of the frame, and of the message, is not waited for.
        let unfinished = masked(vec![TEXT, 0xfe, 0x03, 0xe8], &padded(5, 1));
        add(&format!("UTF-8 {name}, in an unfinished frame"), unfinished, 1007);
        add(&format!("UTF-8 {name}, in an unfinished message"), frame(FIRST_TEXT, &padded(1, 1)), 1007);
        for cut in 0..=bytes.len() {
            let (one, other) = bytes.split_at(cut);
            let fragments = [frame(FIRST_TEXT, one), frame(MIDDLE, b""), frame(LAST, other)].concat();
            add(&format!("UTF-8 {name}, cut at {cut}"), fragments, 1007);
        }
    }
    for (name, bytes) in [("two", &b"\xc3"[..]), ("three", b"\xe2\x82"), ("four", b"\xf0\x9f\x98")] {
        add(&format!("UTF-8 of {name} ends early"), frame(TEXT, bytes), 1007);
        let fragments = [frame(FIRST_TEXT, bytes), frame(LAST, b"")].concat();
        add(&format!("UTF-8 of {name} ends early in fragments"), fragments, 1007);
    }
    // 5.5.1 and 7.4: close frames.
    add("half a close code", frame(CLOSE, b"\x03"), 1002);
    add("close reason that is not UTF-8", frame(CLOSE, b"\x03\xe8\xff"), 1007);
    add("close reason with a surrogate", frame(CLOSE, b"\x03\xe8\xed\xa0\x80"), 1007);
    add("close reason that ends early", frame(CLOSE, b"\x03\xe8\xe2\x82"), 1007);
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 0xffff_u16] {
        add(&format!("close code {code}"), frame(CLOSE, &code.to_be_bytes()), 1002);
        add(
            &format!("close code {code} with a reason"),
            frame(CLOSE, &[&code.to_be_bytes(), &b"x"[..]].concat()),
            1002,
        );
    }
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999_u16]) {
        add(&format!("good close code {code}"), frame(CLOSE, &code.to_be_bytes()), code);
        let reason = [&code.to_be_bytes(), &[b'x'; 123][..]].concat();
        add(&format!("good close code {code} with a reason"), frame(CLOSE, &reason), code);
    }
    add("close without a code", frame(CLOSE, b""), 1005);
    // 10.4: size, by the head already.
    add("a head of 1 MiB and a byte", head_of(TEXT, (1 << 20) + 1, 8), 1009);
    add("a head of 2^63 - 1", head_of(BINARY, i64::MAX as u64, 8), 1009);
    let in_sum = [frame(FIRST_TEXT, &vec![b' '; 1 << 19]), head_of(LAST, (1 << 19) + 1, 8)].concat();
    add("1 MiB and a byte in two fragments", in_sum, 1009);
    // TS-0020 6.2.2.9: the frame's type belongs to the format.
    add("binary that is nothing", frame(BINARY, b"\0\xff\0"), 1003);
    add("empty binary", frame(BINARY, b""), 1003);
    add("a response in binary", frame(BINARY, br#"{"rsc":2000,"rqi":"1","rvi":"3"}"#), 1003);
    corpus
}

#[tokio::test]
async fn ws_6_1_1_each_bad_frame_closes_with_its_code() {
    let (server, address) = start(|server| server);
    let mut wrong = Vec::new();
    for (name, bytes, expected) in corpus() {
        let mut peer = Peer::open(&address).await;
        // What follows is not looked at, and keeps nobody from reading the close frame. (The peer may be gone by then.)
        let late =
            [frame(TEXT, &request("late")), frame(PING, b"late"), frame(CLOSE, &1000_u16.to_be_bytes())].concat();
        let _ = peer.0.write_all(&[bytes, late].concat()).await;
        let mut seen = peer.rest().await;
        // Answers to what was good before it may precede.
        let close = seen.windows(2).rposition(|w| w[0] == CLOSE && usize::from(w[1]) <= 125).unwrap_or_default();
        let close = seen.split_off(close);
        match close.split_first_chunk::<2>() {
            Some(([CLOSE, length], payload)) if payload.len() == usize::from(*length) => {
                let (code, reason) = close_payload(payload);
                if code != expected {
                    wrong.push(format!("{name}: not {expected} but {code} {reason:?}"));
                } else if code != 1005 && !name.starts_with("good") && reason.len() < 5 {
                    wrong.push(format!("{name}: no reason"));
                }
            }
            _ => wrong.push(format!("{name}: no close frame is the last: {close:?}")),
        }
        if String::from_utf8_lossy(&seen).contains("late") {
            wrong.push(format!("{name}: what came after it was answered"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    server.shutdown().await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_only_looks_odd_is_answered() {
    let (_server, address) = start(|server| server);
    let mut peer = Peer::open(&address).await;
    let whole = request("1");
    let (one, rest) = whole.split_at(7);
    let (two, three) = rest.split_at(1);
    // Fragments, also empty ones, with control frames between them.
    for fragments in [
        vec![frame(FIRST_TEXT, one), frame(LAST, rest)],
        vec![frame(FIRST_TEXT, one), frame(MIDDLE, two), frame(LAST, three)],
        vec![frame(FIRST_TEXT, b""), frame(MIDDLE, b""), frame(MIDDLE, &whole), frame(LAST, b"")],
        vec![frame(FIRST_TEXT, one), frame(PONG, b"nobody asked"), frame(LAST, rest)],
        vec![frame(PONG, b""), frame(PONG, &[0; 125]), frame(TEXT, &whole)],
    ] {
        peer.say(&fragments.concat()).await;
        assert_eq!(peer.status().await, 2000);
    }
    for payload in [&b""[..], b"x", b"\0\xff\xfe", &[0xff; 125]] {
        peer.say(&[frame(FIRST_TEXT, one), frame(PING, payload), frame(LAST, rest)].concat()).await;
        assert_eq!(peer.frame().await, (PONG, payload.to_vec()));
        assert_eq!(peer.status().await, 2000);
    }
    // Each length form at its edges.
    for size in [125, 126, 127, 65_535, 65_536, 1 << 20] {
        let padded = [&whole[..], &vec![b' '; size - whole.len()]].concat();
        peer.say(&frame(TEXT, &padded)).await;
        assert_eq!(peer.status().await, 2000, "{size}");
    }
    // Byte by byte.
    for byte in frame(TEXT, &whole) {
        peer.say(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.status().await, 2000);
    // Noncharacters are characters, and a character may be cut anywhere.
    let text = "{\"op\":2,\"to\":\"\u{10ffff}\u{fffe}\u{1f600}\",\"fr\":\"Cpeer\",\"rqi\":\"u\",\"rvi\":\"3\"}";
    for cut in 0..=text.len() {
        let (one, other) = text.as_bytes().split_at(cut);
        peer.say(&[frame(FIRST_TEXT, one), frame(LAST, other)].concat()).await;
        assert_eq!(peer.frame().await.0, TEXT, "cut at {cut}");
    }
}

#[tokio::test]
async fn ws_6_2_2_9_3_a_request_in_a_frame_of_the_wrong_type_is_answered_and_the_connection_goes_on() {
    let (server, address) = start(|server| server);
    let mut peer = Peer::open(&address).await;
    peer.say(&frame(BINARY, &request("1"))).await;
    assert_eq!(peer.status().await, 4000);
    for nothing in ["", " ", "hello", "{", "[]", "42", "{\"op\":2}", "\u{feff}{}"] {
        peer.say(&frame(TEXT, nothing.as_bytes())).await;
        assert_eq!(peer.status().await, 4000, "{nothing:?}");
    }
    peer.say(&frame(TEXT, &request("2"))).await;
    assert_eq!(peer.status().await, 2000);
    assert_eq!(server.counters().malformed, 9);
}

#[tokio::test]
async fn message_size_and_fragments_have_settings() {
    let (_server, address) = start(|server| server.max_message_size(200).max_fragments(3));
    let padded = |size: usize| [&request("1")[..], &vec![b' '; size - request("1").len()]].concat();
    let mut peer = Peer::open(&address).await;
    peer.say(&frame(TEXT, &padded(200))).await;
    assert_eq!(peer.status().await, 2000);
    peer.say(&[frame(FIRST_TEXT, &padded(150)), frame(LAST, &[b' '; 50])].concat()).await;
    assert_eq!(peer.status().await, 2000);
    peer.say(&[frame(FIRST_TEXT, &padded(150)), frame(LAST, &[b' '; 51])].concat()).await;
    assert_eq!(peer.close_frame().await.0, 1009);
    let mut peer = Peer::open(&address).await;
    peer.say(&frame(TEXT, &padded(201))).await;
    assert_eq!(peer.close_frame().await.0, 1009);
    // Three fragments, and four.
    let mut peer = Peer::open(&address).await;
    for middle in [1, 2] {
        peer.say(&frame(FIRST_TEXT, &request("1"))).await;
        peer.say(&frame(MIDDLE, b"").repeat(middle)).await;
        peer.say(&frame(LAST, b"")).await;
        match middle {
            1 => assert_eq!(peer.status().await, 2000),
            _ => assert_eq!(peer.close_frame().await.0, 1008),
        }
    }
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn control_frames_have_a_setting() {
    let (_server, address) = start(|server| server.max_control_frames(5));
    let mut peer = Peer::open(&address).await;
    // Sent at once, they come within one second.
    peer.say(&[frame(PING, b"?").repeat(3), frame(PONG, b"!").repeat(2), frame(TEXT, &request("1"))].concat()).await;
    for _ in 0..3 {
        assert_eq!(peer.frame().await, (PONG, b"?".to_vec()));
    }
    assert_eq!(peer.status().await, 2000);
    for six in [frame(PING, b"?").repeat(6), frame(PONG, b"!").repeat(6)] {
        let mut peer = Peer::open(&address).await;
        peer.say(&six).await;
        let seen = peer.rest().await;
        let close = seen.iter().position(|byte| *byte == CLOSE).expect("a close frame");
        assert_eq!(close_payload(&seen[close + 2..]).0, 1008);
    }
}

#[tokio::test]
async fn sent_messages_are_cut_as_set() {
    for (size, expected) in [(Some(40), 40), (None, usize::MAX), (Some(32 << 10), 32 << 10)] {
        let (_server, address) = start(|server| server.fragment_size(size));
        let mut peer = Peer::open(&address).await;
        // An answer that repeats much of what was asked.
        let long = format!(r#"{{"op":2,"to":"x","fr":"Cpeer","rqi":"{}","rvi":"3"}}"#, "r".repeat(100));
        peer.say(&frame(TEXT, long.as_bytes())).await;
        let mut whole = Vec::new();
        loop {
            let (first, payload) = peer.frame().await;
            assert!(payload.len() <= expected && !payload.is_empty());
            assert_eq!(first & 0x0f, if whole.is_empty() { 1 } else { 0 });
            whole.extend(payload);
            if first & 0x80 != 0 {
                break;
            }
        }
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&whole).unwrap()["rsc"], 2000);
    }
}

#[tokio::test]
async fn ws_6_3_1_after_a_close_frame_nothing_is_said_and_the_server_ends_tcp() {
    let (_server, address) = start(|server| server);
    for code in [1000, 1001_u16] {
        let mut peer = Peer::open(&address).await;
        let close = [&code.to_be_bytes(), &b"enough"[..]].concat();
        peer.say(&[frame(CLOSE, &close), frame(TEXT, &request("1")), frame(PING, b"?")].concat()).await;
        assert_eq!(peer.close_frame().await.0, code);
        assert_eq!(peer.rest().await, b"");
    }
}

#[tokio::test]
async fn a_server_that_stops_closes_with_1001() {
    let (server, address) = start(|server| server);
    let mut peer = Peer::open(&address).await;
    peer.say(&frame(TEXT, &request("1"))).await;
    assert_eq!(peer.status().await, 2000);
    let stopping = tokio::spawn(async move { server.shutdown().await });
    assert_eq!(peer.close_frame().await.0, 1001);
    peer.say(&frame(CLOSE, &1001_u16.to_be_bytes())).await;
    assert_eq!(peer.rest().await, b"");
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_idle_for_too_long_is_closed_with_1000() {
    let (_server, address) = start(|server| server.idle_close(Some(std::time::Duration::from_millis(100))));
    let mut peer = Peer::open(&address).await;
    peer.say(&frame(TEXT, &request("1"))).await;
    assert_eq!(peer.status().await, 2000);
    assert_eq!(peer.close_frame().await.0, 1000);
    peer.say(&frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(peer.rest().await, b"");
}

/// A store with a defect.
struct Broken;

impl Spool for Broken {
    fn append(&self, _: &str, _: Record) -> Done<Sequence> {
        unimplemented!("broken store")
    }

    fn read(&self, _: &str, _: Sequence, _: usize, _: SystemTime) -> Result<Vec<Stored>> {
        unimplemented!("broken store")
    }

    fn acknowledge(&self, _: &str, _: Sequence, _: &str) -> Done<()> {
        Box::pin(ready(Ok(())))
    }

    fn expire(&self, _: SystemTime) -> Done<Vec<Expired>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn drop_entity(&self, _: &str) -> Done<usize> {
        Box::pin(ready(Ok(0)))
    }

    fn waiting(&self, _: &str) -> usize {
        0
    }

    fn keep(&self, _: Vec<Fact>) -> Done<()> {
        Box::pin(ready(Ok(())))
    }

    fn kept(&self, _: FactKind) -> Result<Vec<(String, Bytes)>> {
        Ok(Vec::new())
    }

    fn replaced(&self) -> u64 {
        0
    }

    fn is_durable(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_defect_closes_its_connection_with_1011_and_no_other() {
    let (server, address) = start(|server| server.spool(Arc::new(Broken)));
    server.restore(Registration::known("Cother"));
    let mut bystander = Peer::open(&address).await;
    let mut peer = Peer::open(&address).await;
    // The registrar looks into the store for whoever is back.
    peer.say(&frame(TEXT, br#"{"op":2,"to":"x","fr":"Cother","rqi":"1","rvi":"3"}"#)).await;
    assert_eq!(peer.status().await, 2000);
    assert_eq!(peer.close_frame().await, (1011, "internal error".to_owned()));
    peer.say(&frame(CLOSE, &1011_u16.to_be_bytes())).await;
    assert_eq!(peer.rest().await, b"");
    bystander.say(&frame(TEXT, &request("1"))).await;
    assert_eq!(bystander.status().await, 2000);
    drop(bystander);
    server.shutdown().await;
    assert_eq!(server.connections(), 0);
}
