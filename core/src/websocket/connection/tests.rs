//! A connection judged by RFC 6455: examples byte for byte, every cut of the stream, every way to end.

use proptest::prelude::*;

use super::*;
use crate::websocket::{
    CloseCode,
    testing::{KEY, Pair, connection, events, frame, transmitted},
};

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
    Event::Message {
        kind: MessageKind::Text,
        payload: payload.into(),
    }
}

fn binary(payload: impl Into<Bytes>) -> Event {
    Event::Message {
        kind: MessageKind::Binary,
        payload: payload.into(),
    }
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
    parts
        .iter()
        .flat_map(|(first, payload)| frame(Role::Client, *first, payload))
        .collect()
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
    assert_eq!(
        (closed.code, closed.by_peer, closed.clean),
        (Some(code), false, false),
        "{name}"
    );
    assert!(!closed.reason.is_empty(), "{name}");
    let payload = [&code.to_be_bytes(), closed.reason.as_bytes()].concat();
    assert!(
        out.ends_with(&frame(Role::Server, CLOSE, &payload)),
        "{name}: {out:02x?}"
    );
}

mod examples_of_rfc_6455_5_7 {
    use super::*;

    #[test]
    fn a_text_without_and_with_mask() {
        let plain = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let masked = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        for (sender, receiver, bytes) in [
            (Role::Server, Role::Client, plain.as_slice()),
            (Role::Client, Role::Server, masked.as_slice()),
        ] {
            let mut sender = open(sender);
            assert_eq!(
                sender.send(MessageKind::Text, |out| out.extend_from_slice(b"Hello")),
                Ok(5)
            );
            assert_eq!(transmitted(&mut sender), bytes);
            let mut receiver = open(receiver);
            feed(&mut receiver, bytes);
            assert_eq!(events(&mut receiver), [text("Hello")]);
        }
    }

    #[test]
    fn ws_6_1_2_a_fragmented_text() {
        let bytes = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
        let config = Config {
            fragment_size: Some(3),
            ..Config::default()
        };
        let mut server = connection(Role::Server, config, Instant::now());
        assert_eq!(
            server.send(MessageKind::Text, |out| out.extend_from_slice(b"Hello")),
            Ok(5)
        );
        assert_eq!(transmitted(&mut server), bytes);
        let mut client = open(Role::Client);
        feed(&mut client, &bytes);
        assert_eq!(events(&mut client), [text("Hello")]);
    }

    #[test]
    fn a_ping_and_its_masked_answer() {
        let mut client = open(Role::Client);
        feed(&mut client, &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(
            transmitted(&mut client),
            [
                0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
        assert_eq!(events(&mut client), []);
    }

    #[test]
    fn binary_messages_of_256_bytes_and_64_kib() {
        for (size, head) in [
            (256, [0x82, 0x7e, 0x01, 0x00].as_slice()),
            (65536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let config = Config {
                fragment_size: None,
                ..Config::default()
            };
            let mut server = connection(Role::Server, config, Instant::now());
            assert_eq!(
                server.send(MessageKind::Binary, |out| out.extend_from_slice(&payload)),
                Ok(size)
            );
            let bytes = transmitted(&mut server);
            assert_eq!(bytes, [head, &payload].concat());
            let mut client = open(Role::Client);
            feed(&mut client, &bytes);
            assert_eq!(events(&mut client), [binary(payload)]);
        }
    }
}

mod messages {
    use super::*;

    #[test]
    fn every_size_at_an_edge_arrives_whole_however_it_is_fragmented() {
        let sizes = [
            0, 1, 124, 125, 126, 127, 128, 250, 251, 1000, 65534, 65535, 65536, 65537, 200_000,
        ];
        let fragments = [
            None,
            Some(0),
            Some(1),
            Some(2),
            Some(125),
            Some(126),
            Some(1000),
            Some(65535),
            Some(65536),
        ];
        for fragment_size in fragments {
            let config = Config {
                fragment_size,
                max_fragments: 1000,
                ..Config::default()
            };
            let mut pair = Pair::new(config);
            for size in sizes
                .into_iter()
                .filter(|size| size / fragment_size.unwrap_or(*size).max(1) < 1000)
            {
                let payload: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
                let write = |out: &mut BytesMut| out.extend_from_slice(&payload);
                // Twice, so that something stands before and after in the outgoing buffer.
                for end in [&mut pair.client, &mut pair.server] {
                    assert_eq!(end.send(MessageKind::Binary, write), Ok(size));
                    assert_eq!(end.send(MessageKind::Binary, write), Ok(size));
                }
                pair.carry();
                for end in [&mut pair.client, &mut pair.server] {
                    let expected = [binary(payload.clone()), binary(payload.clone())];
                    assert!(
                        events(end) == expected,
                        "{size} bytes in frames of {fragment_size:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_outgoing_frames_are_those_of_the_book() {
        for role in [Role::Client, Role::Server] {
            for size in [0, 1, 3, 4, 5, 8, 9, 124] {
                let payload: Vec<u8> = (0..size).collect();
                let config = Config {
                    fragment_size: Some(4),
                    ..Config::default()
                };
                let mut sender = connection(role, config, Instant::now());
                sender
                    .send(MessageKind::Binary, |out| out.extend_from_slice(&payload))
                    .unwrap();
                let mut pieces: Vec<&[u8]> = payload.chunks(4).collect();
                let last = pieces.pop().unwrap_or_default();
                let mut expected = Vec::new();
                for (i, piece) in pieces.iter().enumerate() {
                    let first = if i == 0 { BINARY_BEGINS } else { CONTINUES };
                    expected.extend(frame(role, first, piece));
                }
                expected.extend(frame(
                    role,
                    if pieces.is_empty() { BINARY } else { ENDS },
                    last,
                ));
                assert_eq!(transmitted(&mut sender), expected, "{role:?}, {size} bytes");
            }
        }
    }

    #[test]
    fn ws_6_1_2_a_ping_between_fragments_is_answered_and_changes_nothing() {
        let parts: Parts = &[
            (TEXT_BEGINS, b"m2m"),
            (PING, b"there?"),
            (CONTINUES, b""),
            (PONG, b"nobody asked"),
            (ENDS, b":rqp"),
        ];
        let (events, out) = served(Config::default(), parts);
        assert_eq!(events, [text("m2m:rqp")]);
        assert_eq!(out, frame(Role::Server, PONG, b"there?"));
    }

    #[test]
    fn a_payload_that_cannot_be_written_leaves_no_trace() {
        let mut client = open(Role::Client);
        client
            .send(MessageKind::Text, |out| out.extend_from_slice(b"before"))
            .unwrap();
        let before = client.buffered();
        let failed = client.try_send(MessageKind::Text, |out| {
            out.extend_from_slice(b"half of it");
            Err("no more")
        });
        assert_eq!(failed, Err(SendError::Write("no more")));
        assert_eq!(client.buffered(), before);
        assert_eq!(
            transmitted(&mut client),
            frame(Role::Client, TEXT, b"before")
        );
        assert!(client.is_open());
    }

    #[test]
    fn transmission_appends_to_what_the_caller_has() {
        let mut server = open(Role::Server);
        server
            .send(MessageKind::Text, |out| out.extend_from_slice(b"a"))
            .unwrap();
        let mut out = BytesMut::from(&b"first "[..]);
        assert!(server.poll_transmit(&mut out));
        assert_eq!(
            out,
            [b"first ".as_slice(), &frame(Role::Server, TEXT, b"a")].concat()
        );
        assert!(!server.poll_transmit(&mut out));
        assert_eq!(server.buffered(), 0);
    }
}

mod rules {
    use super::*;

    #[test]
    fn frames_out_of_order_are_protocol_errors() {
        let table: &[(&str, Parts)] = &[
            ("continuation of nothing", &[(CONTINUES, b"a")]),
            ("end of nothing", &[(ENDS, b"a")]),
            ("end after the end", &[(TEXT, b"a"), (ENDS, b"b")]),
            ("text within text", &[(TEXT_BEGINS, b"a"), (TEXT, b"b")]),
            (
                "text within binary",
                &[(BINARY_BEGINS, b"a"), (TEXT_BEGINS, b"b")],
            ),
            ("reserved bit", &[(0xc1, b"a")]),
            (
                "reserved bit on a continuation",
                &[(TEXT_BEGINS, b"a"), (0xc0, b"b")],
            ),
            ("reserved opcode", &[(0x83, b"")]),
            ("fragmented ping", &[(0x09, b"")]),
            ("ping of 126 bytes", &[(PING, &[0; 126])]),
            ("half a close code", &[(CLOSE, b"\x03")]),
            ("close code 1005", &[(CLOSE, b"\x03\xed")]),
            ("close code 0", &[(CLOSE, b"\0\0")]),
        ];
        for (name, parts) in table {
            assert_fails(name, Config::default(), parts, CloseCode::Protocol);
        }
    }

    #[test]
    fn masks_are_for_clients_only() {
        let mut server = open(Role::Server);
        feed(&mut server, &frame(Role::Server, TEXT, b"unmasked"));
        assert_eq!(closed(&events(&mut server)).code, Some(1002));
        let mut client = open(Role::Client);
        feed(&mut client, &frame(Role::Client, TEXT, b"masked"));
        assert_eq!(closed(&events(&mut client)).code, Some(1002));
    }

    #[test]
    fn text_that_is_not_utf8_is_inconsistent_data() {
        let table: &[(&str, Parts)] = &[
            ("in one frame", &[(TEXT, b"\xff")]),
            ("surrogate", &[(TEXT, b"\xed\xa0\x80")]),
            ("overlong", &[(TEXT, b"\xc0\xaf")]),
            ("end within a character", &[(TEXT, b"\xe2\x82")]),
            (
                "end within a character, fragmented",
                &[(TEXT_BEGINS, b"\xe2"), (ENDS, b"\x82")],
            ),
            (
                "empty end within a character",
                &[(TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"")],
            ),
            (
                "character broken by the next fragment",
                &[(TEXT_BEGINS, b"\xe2\x82"), (CONTINUES, b"a")],
            ),
            ("reason of a close frame", &[(CLOSE, b"\x03\xe8\xff")]),
        ];
        for (name, parts) in table {
            assert_fails(name, Config::default(), parts, CloseCode::Invalid);
        }
        let split: Parts = &[
            (TEXT_BEGINS, b"\xe2"),
            (CONTINUES, b"\x82"),
            (PING, b""),
            (ENDS, b"\xac"),
        ];
        assert_eq!(served(Config::default(), split).0, [text("€")]);
        assert_eq!(
            served(Config::default(), &[(BINARY, b"\xff")]).0,
            [binary(b"\xff".as_slice())]
        );
    }

    #[test]
    fn wrong_text_is_noticed_before_its_frame_is_complete() {
        let mut server = open(Role::Server);
        let bytes = frame(
            Role::Client,
            TEXT,
            b"fine so far \xff and a lot more to come",
        );
        let wrong = 6 + b"fine so far ".len();
        feed(&mut server, &bytes[..wrong]);
        assert!(server.is_open());
        feed(&mut server, &bytes[wrong..=wrong]);
        assert_eq!(closed(&events(&mut server)).code, Some(1007));
    }

    #[test]
    fn nothing_is_read_after_a_violation() {
        let (events, _) = served(
            Config::default(),
            &[
                (TEXT, b"good"),
                (0x83, b""),
                (TEXT, b"late"),
                (PING, b"late"),
            ],
        );
        assert_eq!(events.len(), 2);
        assert_eq!(events[0], text("good"));
        closed(&events);
    }
}

mod limits {
    use super::*;

    fn small() -> Config {
        Config {
            max_message_size: 10,
            max_fragments: 3,
            ..Config::default()
        }
    }

    #[test]
    fn the_largest_message_passes_and_one_byte_more_does_not() {
        assert_eq!(
            served(small(), &[(TEXT, b"0123456789")]).0,
            [text("0123456789")]
        );
        let fragmented: Parts = &[(TEXT_BEGINS, b"01234"), (ENDS, b"56789")];
        assert_eq!(served(small(), fragmented).0, [text("0123456789")]);
        assert_fails(
            "in one frame",
            small(),
            &[(TEXT, b"0123456789a")],
            CloseCode::Size,
        );
        assert_fails(
            "in two",
            small(),
            &[(TEXT_BEGINS, b"01234"), (ENDS, b"56789a")],
            CloseCode::Size,
        );
        // Each message counts for itself.
        let two: Parts = &[(TEXT, b"0123456789"), (TEXT, b"0123456789")];
        assert_eq!(served(small(), two).0.len(), 2);
    }

    #[test]
    fn a_large_message_is_refused_by_its_head_alone() {
        for length in [11_u64, 1 << 32, i64::MAX as u64] {
            let mut client = connection(Role::Client, small(), Instant::now());
            match u8::try_from(length) {
                Ok(length) => feed(&mut client, &[BINARY, length]),
                Err(_) => feed(
                    &mut client,
                    &[[BINARY, 127].as_slice(), &length.to_be_bytes()].concat(),
                ),
            }
            assert_eq!(closed(&events(&mut client)).code, Some(1009));
        }
    }

    #[test]
    fn as_many_fragments_as_allowed_pass_and_one_more_does_not() {
        let three: Parts = &[(TEXT_BEGINS, b""), (CONTINUES, b""), (ENDS, b"a")];
        assert_eq!(served(small(), three).0, [text("a")]);
        let four: Parts = &[
            (TEXT_BEGINS, b""),
            (CONTINUES, b""),
            (CONTINUES, b""),
            (ENDS, b"a"),
        ];
        assert_fails("four", small(), four, CloseCode::Policy);
    }

    #[test]
    fn a_flood_of_pings_is_answered_in_bounded_memory_and_the_newest_always() {
        let mut server = open(Role::Server);
        for i in 0..1000_u16 {
            feed(&mut server, &frame(Role::Client, PING, &i.to_be_bytes()));
        }
        let expected: Vec<u8> = (0..MAX_WAITING_PONGS as u16)
            .chain([999])
            .flat_map(|i| frame(Role::Server, PONG, &i.to_be_bytes()))
            .collect();
        assert_eq!(transmitted(&mut server), expected);
        // After a transmission each is answered again.
        feed(&mut server, &frames(&[(PING, b"one"), (PING, b"two")]));
        let both = [
            frame(Role::Server, PONG, b"one"),
            frame(Role::Server, PONG, b"two"),
        ];
        assert_eq!(transmitted(&mut server), both.concat());
    }

    #[test]
    fn an_idle_connection_holds_no_buffer() {
        let mut pair = Pair::new(Config::default());
        for _ in 0..100 {
            pair.client
                .send(MessageKind::Binary, |out| out.resize(out.len() + 10_000, 7))
                .unwrap();
        }
        pair.carry();
        assert_eq!(events(&mut pair.server).len(), 100);
        assert_eq!(pair.server.receiver.held(), 0);
        assert_eq!(pair.client.sender.held(), 0);
        assert!(pair.server.events.capacity() <= IDLE_EVENTS);
    }
}

mod closing {
    use super::*;

    fn end(role: Role, mut pair: Pair) -> (Connection, Connection, Instant) {
        let now = pair.now;
        pair.carry();
        match role {
            Role::Client => (pair.client, pair.server, now),
            Role::Server => (pair.server, pair.client, now),
        }
    }

    #[test]
    fn ws_6_3_1_either_side_closes_and_both_know_why() {
        for role in [Role::Client, Role::Server] {
            let mut pair = Pair::new(Config::default());
            let closer = if role == Role::Client {
                &mut pair.client
            } else {
                &mut pair.server
            };
            closer.close(pair.now, CloseCode::Away, "going to sleep");
            assert!(!closer.is_open() && !closer.is_closed());
            assert_eq!(
                closer.send(MessageKind::Text, |_| ()),
                Err(SendError::Closing)
            );
            let (mut closer, mut peer, now) = end(role, pair);
            let ours = Closed {
                code: Some(1001),
                reason: "going to sleep".into(),
                by_peer: false,
                clean: true,
            };
            assert_eq!(
                events(&mut peer),
                [Event::Closed(Closed {
                    by_peer: true,
                    ..ours.clone()
                })]
            );
            assert_eq!(events(&mut closer), [Event::Closed(ours)]);
            assert_eq!(
                closer.send(MessageKind::Text, |_| ()),
                Err(SendError::Closed)
            );
            // RFC 6455 7.1.1: the server ends TCP, the client waits for that, but not for ever.
            let (mut client, server) = if role == Role::Client {
                (closer, peer)
            } else {
                (peer, closer)
            };
            assert_eq!(server.disconnect(), Disconnect::Now);
            assert_eq!(client.disconnect(), Disconnect::NotYet);
            assert_eq!(client.poll_timeout(), Some(now + 5 * SECOND));
            client.handle_timeout(now + 5 * SECOND);
            assert_eq!(
                (client.disconnect(), client.poll_timeout()),
                (Disconnect::Now, None)
            );
            assert_eq!(events(&mut client), []);
        }
    }

    #[test]
    fn every_allowed_code_is_told_and_echoed() {
        for code in (1000..=1003)
            .chain(1007..=1014)
            .chain([3000, 3999, 4000, 4999_u16])
        {
            let (events, out) = served(
                Config::default(),
                &[(CLOSE, &[&code.to_be_bytes(), b"why".as_slice()].concat())],
            );
            let expected = Closed {
                code: Some(code),
                reason: "why".into(),
                by_peer: true,
                clean: true,
            };
            assert_eq!(events, [Event::Closed(expected)]);
            assert_eq!(out, frame(Role::Server, CLOSE, &code.to_be_bytes()));
        }
        let (events, out) = served(Config::default(), &[(CLOSE, b"")]);
        assert_eq!(
            (closed(&events).code, out),
            (Some(1005), frame(Role::Server, CLOSE, b""))
        );
    }

    #[test]
    fn what_follows_a_close_frame_is_ignored() {
        let (events, out) = served(
            Config::default(),
            &[(CLOSE, b""), (TEXT, b"late"), (PING, b"late"), (0x83, b"")],
        );
        assert_eq!(events.len(), 1);
        assert_eq!(out, frame(Role::Server, CLOSE, b""));
    }

    #[test]
    fn messages_still_come_while_closing_but_nothing_is_sent_any_more() {
        let mut server = open(Role::Server);
        server.close(Instant::now(), CloseCode::Normal, "");
        server.close(Instant::now(), CloseCode::Error, "twice");
        feed(
            &mut server,
            &frames(&[(TEXT, b"on its way"), (PING, b"?"), (CLOSE, b"\x03\xe9")]),
        );
        let events = events(&mut server);
        assert_eq!(events[0], text("on its way"));
        let expected = Closed {
            code: Some(1000),
            reason: String::new(),
            by_peer: false,
            clean: true,
        };
        assert_eq!(closed(&events), &expected);
        assert_eq!(server.ping(Instant::now()), None);
        assert_eq!(
            transmitted(&mut server),
            frame(Role::Server, CLOSE, b"\x03\xe8")
        );
    }

    #[test]
    fn a_close_frame_that_is_not_answered_ends_in_time() {
        let start = Instant::now();
        let mut client = connection(Role::Client, Config::default(), start);
        client.close(start, 4000_u16, "bye");
        transmitted(&mut client);
        assert_eq!(client.poll_timeout(), Some(start + 5 * SECOND));
        client.handle_timeout(start + 4 * SECOND);
        assert!(!client.is_closed());
        client.handle_timeout(start + 5 * SECOND);
        let expected = Closed {
            code: Some(4000),
            reason: "bye".into(),
            by_peer: false,
            clean: false,
        };
        assert_eq!(events(&mut client), [Event::Closed(expected)]);
        assert_eq!(client.disconnect(), Disconnect::Now);
    }

    #[test]
    fn the_end_of_tcp_without_a_close_frame_is_told() {
        let mut client = open(Role::Client);
        feed(&mut client, &frame(Role::Server, TEXT_BEGINS, b"half"));
        client
            .send(MessageKind::Text, |out| {
                out.extend_from_slice(b"nobody reads this")
            })
            .unwrap();
        client.handle_eof(Instant::now());
        let events = events(&mut client);
        let closed = closed(&events);
        assert_eq!(
            (events.len(), closed.code, closed.by_peer, closed.clean),
            (1, None, true, false)
        );
        assert_eq!(
            (client.buffered(), client.disconnect()),
            (0, Disconnect::Now)
        );
        client.handle_eof(Instant::now());
        assert_eq!(client.poll_event(), None);
    }

    #[test]
    fn after_a_violation_the_sending_side_is_shut_and_the_rest_drained() {
        let start = Instant::now();
        let mut server = connection(Role::Server, Config::default(), start);
        server.handle_data(start, &mut frames(&[(0x83, b"")]));
        assert_eq!(server.disconnect(), Disconnect::NotYet); // the close frame first
        transmitted(&mut server);
        assert_eq!(server.disconnect(), Disconnect::Finish);
        server.handle_data(
            start,
            &mut frames(&[(TEXT, b"still sending"), (CLOSE, b"")]),
        );
        assert_eq!(server.disconnect(), Disconnect::Finish);
        assert_eq!(server.poll_timeout(), Some(start + 5 * SECOND));
        server.handle_eof(start);
        assert_eq!(server.disconnect(), Disconnect::Now);
        assert_eq!(events(&mut server).len(), 1);
    }

    #[test]
    fn an_ending_is_one_line_for_a_log() {
        let closed = Closed {
            code: Some(1008),
            reason: "line\nbreak \"x\"".into(),
            by_peer: true,
            clean: true,
        };
        assert_eq!(
            closed.to_string(),
            "closed by the peer with code 1008: line\\nbreak \"x\""
        );
        let mut client = open(Role::Client);
        client.handle_eof(Instant::now());
        let Some(Event::Closed(closed)) = client.poll_event() else {
            panic!("not closed")
        };
        assert_eq!(
            closed.to_string(),
            "ended by the peer without a close frame: the TCP connection ended"
        );
    }
}

mod time {
    use super::*;

    #[test]
    fn ws_6_3_2_a_silent_peer_is_asked_and_a_living_one_answers() {
        let mut pair = Pair::new(Config {
            ping_after: Some(20 * SECOND),
            ..Config::default()
        });
        let start = pair.now;
        assert_eq!(pair.client.poll_timeout(), Some(start + 20 * SECOND));
        pair.client.handle_timeout(start + 20 * SECOND);
        assert_eq!(pair.client.poll_timeout(), Some(start + 30 * SECOND));
        pair.now = start + 21 * SECOND;
        pair.carry();
        assert_eq!(
            events(&mut pair.client),
            [Event::Pong {
                ping: 1,
                round_trip: SECOND
            }]
        );
        assert_eq!(pair.client.poll_timeout(), Some(start + 41 * SECOND));
        assert_eq!(pair.server.poll_timeout(), Some(start + 41 * SECOND));
        assert_eq!(events(&mut pair.server), []);
    }

    #[test]
    fn a_peer_that_stays_silent_is_given_up() {
        let start = Instant::now();
        let mut client = connection(Role::Client, Config::default(), start);
        client.handle_timeout(start + 20 * SECOND);
        assert_eq!(
            transmitted(&mut client),
            frame(Role::Client, PING, &1_u64.to_be_bytes())
        );
        client.handle_timeout(start + 30 * SECOND);
        let events = events(&mut client);
        let closed = closed(&events);
        assert_eq!(
            (closed.code, closed.by_peer, closed.clean),
            (None, false, false)
        );
        assert_eq!(
            (client.disconnect(), client.poll_timeout()),
            (Disconnect::Now, None)
        );
    }

    #[test]
    fn probes_are_numbered_and_answered() {
        let mut pair = Pair::new(Config::default());
        assert_eq!(pair.server.ping(pair.now), Some(1));
        assert_eq!(pair.server.ping(pair.now), Some(2));
        pair.now += SECOND;
        pair.carry();
        assert_eq!(
            events(&mut pair.server),
            [Event::Pong {
                ping: 2,
                round_trip: SECOND
            }]
        );
    }

    #[test]
    fn without_keep_alive_there_is_no_deadline() {
        let config = Config {
            ping_after: None,
            ..Config::default()
        };
        assert_eq!(
            connection(Role::Client, config, Instant::now()).poll_timeout(),
            None
        );
    }
}

mod cuts {
    use super::*;

    /// What a server makes of `stream` when it comes in these pieces: all that can be seen from outside.
    fn observe<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<Event>, Vec<u8>, Disconnect) {
        let config = Config {
            max_message_size: 1000,
            ..Config::default()
        };
        let now = Instant::now();
        let mut server = connection(Role::Server, config, now);
        for piece in pieces {
            server.handle_data(now, &mut piece.to_vec());
        }
        let (events, out) = (events(&mut server), transmitted(&mut server));
        (events, out, server.disconnect())
    }

    fn streams() -> Vec<Vec<u8>> {
        let long = [b'x'; 300];
        let good: Parts = &[
            (TEXT, "grüße €".as_bytes()),
            (BINARY, &long),
            (TEXT_BEGINS, b"\xe2"),
            (PING, b"one"),
            (CONTINUES, b""),
            (CONTINUES, b"\x82\xac and"),
            (PONG, b"two"),
            (ENDS, &long[..130]),
            (TEXT, b""),
        ];
        let ends: [Parts; 6] = [
            &[(CLOSE, b"\x03\xe8bye"), (TEXT, b"ignored")],
            &[(TEXT, b"bad \xff utf-8"), (TEXT, b"ignored")],
            &[(0x83, b"unknown")],
            &[(BINARY, &[0; 1001])],
            &[(ENDS, b"of nothing")],
            &[(BINARY_BEGINS, b"left open")],
        ];
        ends.iter()
            .map(|end| [frames(good), frames(end)].concat())
            .collect()
    }

    #[test]
    fn where_the_stream_is_cut_makes_no_difference() {
        for stream in streams() {
            let whole = observe([stream.as_slice()]);
            assert!(whole.0.len() >= 4);
            for cut in 0..=stream.len() {
                let (first, second) = stream.split_at(cut);
                assert_eq!(observe([first, second]), whole, "cut at {cut}");
            }
            for step in [1, 2, 3, 5, 7, 64] {
                assert_eq!(observe(stream.chunks(step)), whole, "in pieces of {step}");
            }
        }
    }

    /// Frames of every kind, most of them in order, with payloads that are often text.
    fn any_stream() -> impl Strategy<Value = Vec<u8>> {
        let first = prop_oneof![
            8 => prop::sample::select(&[TEXT, BINARY, PING, PONG, TEXT_BEGINS, CONTINUES, ENDS][..]),
            1 => any::<u8>(),
        ];
        let payload = prop_oneof![
            4 => any::<String>().prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..200),
        ];
        prop::collection::vec((first, payload), 1..12).prop_map(|parts| {
            parts
                .iter()
                .flat_map(|(first, payload)| frame(Role::Client, *first, payload))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn random_frames_cut_at_random(stream in any_stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
            prop_assert_eq!(observe(pieces), observe([stream.as_slice()]));
        }

        #[test]
        fn random_bytes_are_survived(bytes: Vec<u8>, step in 1_usize..9) {
            prop_assert_eq!(observe(bytes.chunks(step)), observe([bytes.as_slice()]));
        }

        #[test]
        fn what_is_sent_is_what_arrives(
            messages in prop::collection::vec((any::<bool>(), any::<String>()), 1..8),
            fragment_size in prop::option::of(1_usize..300),
        ) {
            let mut pair = Pair::new(Config { fragment_size, ..Config::default() });
            let mut expected = Vec::new();
            for (is_text, payload) in messages {
                let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
                pair.client.send(kind, |out| out.extend_from_slice(payload.as_bytes())).unwrap();
                expected.push(Event::Message { kind, payload: payload.into() });
            }
            pair.carry();
            prop_assert_eq!(events(&mut pair.server), expected);
        }
    }

    #[test]
    fn the_example_key_masks() {
        // The helpers above would prove nothing with a key of zeros.
        assert!(KEY.iter().all(|byte| *byte != 0));
    }
}
