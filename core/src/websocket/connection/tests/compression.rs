//! Compressed messages among frames: both ends, every cut, the limits, and what RFC 7692 6 forbids.

use super::*;
use crate::websocket::{Agreement, Compression};

/// RSV1 with FIN, and without.
const COMPRESSED_TEXT: u8 = 0xc1;
const COMPRESSED_BINARY: u8 = 0xc2;
const COMPRESSED_TEXT_BEGINS: u8 = 0x41;

const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

fn agreement(takeover: bool) -> Agreement {
    let settings = Compression { send_takeover: takeover, receive_takeover: takeover, ..Compression::default() };
    settings.as_agreed()
}

fn server(config: Config, takeover: bool) -> Connection {
    connection(Role::Server, config, Instant::now()).with_compression(&agreement(takeover))
}

/// What a server with compression makes of a client's frames.
fn inflated(config: Config, parts: Parts) -> Vec<Event> {
    let mut server = server(config, false);
    feed(&mut server, &frames(parts));
    events(&mut server)
}

fn fails_with(name: &str, config: Config, parts: Parts, code: CloseCode) {
    let events = inflated(config, parts);
    assert_eq!(closed(&events).code, Some(code.into()), "{name}: {events:?}");
}

#[test]
fn ws_6_2_3_6_1_both_ends_compress_and_decompress() {
    for takeover in [false, true] {
        let mut pair = Pair::new(Config::default());
        pair.client = pair.client.with_compression(&agreement(takeover));
        pair.server = pair.server.with_compression(&agreement(takeover));
        let long = "a container and its instances ".repeat(3000);
        for message in ["short", &long, &long, "", &long[..200]] {
            for kind in [MessageKind::Text, MessageKind::Binary] {
                let size = pair.client.send(kind, |out| out.extend_from_slice(message.as_bytes())).unwrap();
                assert_eq!(size, message.len());
                assert!(pair.client.buffered() < 1000 || message.len() < 200, "{} bytes", pair.client.buffered());
                pair.carry();
                let expected = Event::Message { kind, payload: Bytes::copy_from_slice(message.as_bytes()) };
                assert_eq!(events(&mut pair.server), std::slice::from_ref(&expected));
                pair.server.send(kind, |out| out.extend_from_slice(message.as_bytes())).unwrap();
                pair.carry();
                assert_eq!(events(&mut pair.client), [expected]);
            }
        }
        assert_eq!(pair.server.receiver.held(), 0);
    }
}

#[test]
fn ws_6_2_2_8_1_without_an_agreement_neither_end_compresses() {
    let mut pair = Pair::new(Config::default());
    pair.client.send(MessageKind::Text, |out| out.extend_from_slice(&[b'a'; 1000])).unwrap();
    assert!(pair.client.buffered() > 1000);
    assert_fails("RSV1", Config::default(), &[(COMPRESSED_TEXT, HELLO)], CloseCode::Protocol);
}

#[test]
fn a_compressed_message_comes_in_fragments_with_pings_between_and_cut_anywhere() {
    let parts: Parts = &[(COMPRESSED_TEXT_BEGINS, &HELLO[..3]), (PING, b"?"), (CONTINUES, b""), (ENDS, &HELLO[3..])];
    let stream = frames(parts);
    for cut in 0..=stream.len() {
        let mut server = server(Config::default(), false);
        feed(&mut server, &stream[..cut]);
        feed(&mut server, &stream[cut..]);
        assert_eq!(events(&mut server), [text("Hello")], "cut at {cut}");
        assert_eq!(transmitted(&mut server), frame(Role::Server, PONG, b"?"));
    }
}

#[test]
fn compressed_and_plain_messages_may_alternate() {
    let parts: Parts = &[(TEXT, b"plain"), (COMPRESSED_TEXT, HELLO), (BINARY, b"\xff"), (COMPRESSED_BINARY, HELLO)];
    let expected = [text("plain"), text("Hello"), binary(&b"\xff"[..]), binary("Hello")];
    assert_eq!(inflated(Config::default(), parts), expected);
}

#[test]
fn a_large_compressed_message_is_sent_in_fragments_of_which_the_first_alone_is_marked() {
    let noise: Vec<u8> = (0..100_000u64).map(|i| (i.wrapping_mul(i) >> 7) as u8 & 0x3f).collect();
    let config = Config { fragment_size: Some(1000), ..Config::default() };
    let mut sender = server(config, false);
    sender.send(MessageKind::Binary, |out| out.extend_from_slice(&noise)).unwrap();
    let mut wire = transmitted(&mut sender);
    let mut firsts = Vec::new();
    let mut at = 0;
    while at < wire.len() {
        firsts.push(wire[at]);
        at += match wire[at + 1] {
            126 => 4 + usize::from(u16::from_be_bytes([wire[at + 2], wire[at + 3]])),
            length => 2 + usize::from(length),
        };
    }
    assert!(firsts.len() > 3);
    assert_eq!(firsts[0], 0x42);
    assert!(firsts[1..firsts.len() - 1].iter().all(|first| *first == CONTINUES));
    assert_eq!(firsts.last(), Some(&ENDS));
    let mut client = connection(Role::Client, Config::default(), Instant::now()).with_compression(&agreement(false));
    client.handle_data(Instant::now(), &mut wire);
    assert_eq!(events(&mut client), [binary(noise)]);
}

#[test]
fn rsv1_is_refused_where_rfc_7692_6_1_does_not_have_it() {
    let all = Config::default;
    fails_with("on a ping", all(), &[(0xc9, b"")], CloseCode::Protocol);
    fails_with("on a close", all(), &[(0xc8, b"")], CloseCode::Protocol);
    fails_with("on a continuation", all(), &[(COMPRESSED_TEXT_BEGINS, HELLO), (0xc0, b"")], CloseCode::Protocol);
    fails_with("RSV2 with it", all(), &[(0xe1, HELLO)], CloseCode::Protocol);
}

#[test]
fn what_is_inside_is_judged_like_any_message() {
    // "\xff" in a block without compression, and a text that ends within a character.
    fails_with(
        "not UTF-8",
        Config::default(),
        &[(COMPRESSED_TEXT, b"\x00\x01\x00\xfe\xff\xff\x00")],
        CloseCode::Invalid,
    );
    fails_with("half", Config::default(), &[(COMPRESSED_TEXT, b"\x00\x01\x00\xfe\xff\xc3\x00")], CloseCode::Invalid);
    fails_with("not DEFLATE", Config::default(), &[(COMPRESSED_BINARY, b"\xff\xff")], CloseCode::Invalid);
    fails_with("cut off", Config::default(), &[(COMPRESSED_BINARY, &HELLO[..4])], CloseCode::Invalid);
}

#[test]
fn inflated_bytes_count_against_the_limit_of_a_message() {
    let limit = |max_message_size| Config { max_message_size, ..Config::default() };
    assert_eq!(inflated(limit(5), &[(COMPRESSED_TEXT, HELLO)]), [text("Hello")]);
    fails_with("one less", limit(4), &[(COMPRESSED_TEXT, HELLO)], CloseCode::Size);
    fails_with("in two", limit(4), &[(COMPRESSED_TEXT_BEGINS, &HELLO[..5]), (ENDS, &HELLO[5..])], CloseCode::Size);
}

#[test]
fn on_the_wire_a_compressed_message_may_take_twice_its_limit_and_a_little() {
    let config = Config { max_message_size: 1000, max_fragments: 10_000, ..Config::default() };
    // Empty blocks of five bytes: nothing comes out of them.
    let blocks = b"\x00\x00\x00\xff\xff".repeat(605);
    let (most, rest) = blocks.split_at(3024);
    let fits: Parts = &[(0x42, most)];
    assert_eq!(inflated(config.clone(), fits), []);
    fails_with("one more", config, &[(0x42, most), (CONTINUES, &rest[..1])], CloseCode::Size);
}
