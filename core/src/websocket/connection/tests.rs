//! A connection judged by RFC 6455: examples byte for byte, every cut of the stream, every way to end.

use proptest::prelude::*;

use super::*;
use crate::websocket::{
    CloseCode,
    testing::{Pair, connection, events, frame, transmitted},
};

mod closing;
mod compression;
mod cuts;
mod limits;
mod messages;
mod rules;
mod time;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Without FIN.
const TEXT_BEGINS: u8 = 0x01;
const BINARY_BEGINS: u8 = 0x02;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;

const SECOND: Duration = Duration::from_secs(1);

fn text(payload: impl Into<Bytes>) -> Event {
    Event::Message { kind: MessageKind::Text, payload: payload.into() }
}

fn binary(payload: impl Into<Bytes>) -> Event {
    Event::Message { kind: MessageKind::Binary, payload: payload.into() }
}

fn open(role: Role) -> Connection {
    connection(role, Config::default(), Instant::now())
}

fn feed(connection: &mut Connection, bytes: &[u8]) {
    connection.handle_data(Instant::now(), &mut bytes.to_vec());
}

/// Frames by their first byte and payload.
type Parts<'a> = &'a [(u8, &'a [u8])];

/// A client's frames, for a server to read.
fn frames(parts: Parts) -> Vec<u8> {
    parts.iter().flat_map(|(first, payload)| frame(Role::Client, *first, payload)).collect()
}

/// What a server makes of these frames of a client: its events and what it transmits.
fn served(config: Config, parts: Parts) -> (Vec<Event>, Vec<u8>) {
    let mut server = connection(Role::Server, config, Instant::now());
    feed(&mut server, &frames(parts));
    (events(&mut server), transmitted(&mut server))
}

fn closed(events: &[Event]) -> &Closed {
    match events.last() {
        Some(Event::Closed(closed)) => closed,
        other => panic!("not closed, the last event is {other:?}"),
    }
}

/// That the frames fail the connection with `code`, told to the peer and to the user alike.
fn assert_fails(name: &str, config: Config, parts: Parts, code: CloseCode) {
    let code = u16::from(code);
    let (events, out) = served(config, parts);
    let closed = closed(&events);
    assert_eq!((closed.code, closed.by_peer, closed.clean), (Some(code), false, false), "{name}");
    assert!(!closed.reason.is_empty(), "{name}");
    let payload = [&code.to_be_bytes(), closed.reason.as_bytes()].concat();
    assert!(out.ends_with(&frame(Role::Server, CLOSE, &payload)), "{name}: {out:02x?}");
}

#[test]
fn a_connection_goes_to_any_thread() {
    fn goes<T: Send + 'static>() {}
    goes::<Connection>();
}

mod examples_of_rfc_6455_5_7 {
    use super::*;

    #[test]
    fn a_text_without_and_with_mask() {
        let plain = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        for (sender, receiver, bytes) in
            [(Role::Server, Role::Client, plain.as_slice()), (Role::Client, Role::Server, masked.as_slice())]
        {
            let mut sender = open(sender);
            assert_eq!(sender.send(MessageKind::Text, |out| out.extend_from_slice(b"Hello")), Ok(5));
            assert_eq!(transmitted(&mut sender), bytes);
            let mut receiver = open(receiver);
            feed(&mut receiver, bytes);
            assert_eq!(events(&mut receiver), [text("Hello")]);
        }
    }

    #[test]
    fn ws_6_1_2_a_fragmented_text() {
        let bytes = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
        let config = Config { fragment_size: Some(3), ..Config::default() };
        let mut server = connection(Role::Server, config, Instant::now());
        assert_eq!(server.send(MessageKind::Text, |out| out.extend_from_slice(b"Hello")), Ok(5));
        assert_eq!(transmitted(&mut server), bytes);
        let mut client = open(Role::Client);
        feed(&mut client, &bytes);
        assert_eq!(events(&mut client), [text("Hello")]);
    }

    #[test]
    fn a_ping_and_its_masked_answer() {
        let mut client = open(Role::Client);
        feed(&mut client, &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(transmitted(&mut client), [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        assert_eq!(events(&mut client), []);
    }

    #[test]
    fn binary_messages_of_256_bytes_and_64_kib() {
        for (size, head) in [(256, [0x82, 0x7e, 0x01, 0x00].as_slice()), (65536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0])]
        {
            let payload: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let config = Config { fragment_size: None, ..Config::default() };
            let mut server = connection(Role::Server, config, Instant::now());
            assert_eq!(server.send(MessageKind::Binary, |out| out.extend_from_slice(&payload)), Ok(size));
            let bytes = transmitted(&mut server);
            assert_eq!(bytes, [head, &payload].concat());
            let mut client = open(Role::Client);
            feed(&mut client, &bytes);
            assert_eq!(events(&mut client), [binary(payload)]);
        }
    }
}
