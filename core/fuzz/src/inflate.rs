//! permessage-deflate in both directions: hostile streams, and what comes back of what was compressed.
//!
//! What must hold:
//! - a message gives what RFC 7692 7.2.2 says, byte for byte as a decompressor by the book gives it, or ends the connection
//!   with the code that its fault has;
//! - no more than the limit is handed over, wherever the bytes are cut;
//! - what is compressed here comes back as it was, refers no further back than was agreed, and to nothing before its message
//!   where that was agreed.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use onem2m_ws::websocket::{Agreement, Compression, Config, Connection, Event, MessageKind, Role};

use super::frames::{self, BINARY, RSV1};
use super::input::{Fixed, Input};
use super::reference::{Failed, Inflater};

/// The sizes of message that a receiver takes.
const LIMITS: [usize; 4] = [0, 100, 1000, 1 << 16];

/// Both halves, chosen by a setting.
pub fn inflate(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    if input.is_set(0) { round_trip(&input) } else { hostile(&input) }
}

/// The rest is a compressed payload, in a message of a peer whose messages know nothing of each other.
fn hostile(input: &Input<'_>) {
    let most = LIMITS[input.number(1)];
    let in_fragments = input.is_set(3);
    let mut stream = Vec::new();
    if in_fragments {
        // In fragments, as it is cut; the frames come in one piece.
        let pieces = input.pieces(input.rest);
        for (at, piece) in pieces.iter().enumerate() {
            let first = if at == 0 { BINARY | RSV1 } else { frames::CONTINUATION };
            let last = if at + 1 == pieces.len() { 0x80 } else { 0 };
            frames::write(&mut stream, first | last, piece, true);
        }
    } else {
        frames::write(&mut stream, 0x80 | BINARY | RSV1, input.rest, true);
    }
    // What comes after a message shows what it left behind.
    frames::write(&mut stream, 0x80 | BINARY | RSV1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], true);
    let pieces = if in_fragments { vec![stream.as_slice()] } else { input.pieces(&stream) };

    let config = Config { max_message_size: most, max_fragments: usize::MAX, ..Config::default() };
    let now = Instant::now();
    let mut connection = Connection::new(Role::Server, config, Box::new(Fixed), now)
        .with_compression(&Compression::default().as_agreed());
    for piece in pieces {
        connection.handle_data(now, &mut piece.to_vec());
    }
    let events: Vec<Event> = std::iter::from_fn(|| connection.poll_event()).collect();

    if input.rest.len() > 2 * most + 1024 {
        // More on the wire than any message of that size takes is refused before it is looked at. What came of it in
        // frames before may have a fault.
        let [Event::Closed(closed)] = &events[..] else { panic!("taken: {events:?}") };
        return assert!(closed.code == Some(1009) || in_fragments && closed.code == Some(1007), "{closed}");
    }
    let by_the_book = match input.rest {
        // It is no block (RFC 7692 7.2.3.6), and yet there are peers that send it for an empty message.
        [] => Ok(Vec::new()),
        payload => Inflater::new().message(payload, most),
    };
    match (by_the_book, &events[..]) {
        (Ok(expected), [Event::Message { payload, .. }, next]) => {
            assert_eq!(*payload, expected);
            match next {
                Event::Message { payload, .. } => assert_eq!(payload, "Hello"),
                Event::Closed(closed) => assert!(most < 5 && closed.code == Some(1009), "{closed}"),
                Event::Pong { .. } => panic!("a pong without a ping"),
            }
        }
        (Err(Failed::TooLarge), [Event::Closed(closed)]) => assert_eq!(closed.code, Some(1009), "{closed}"),
        (Err(_), [Event::Closed(closed)]) => assert_eq!(closed.code, Some(1007), "{closed}"),
        (by_the_book, events) => panic!("by the book it is {by_the_book:?}, and here {events:?}"),
    }
}

/// The rest is messages, which one end sends to another.
fn round_trip(input: &Input<'_>) {
    let Some((second, contents)) = input.rest.split_first() else { return };
    let takeover = input.is_set(1);
    let wanted = Compression {
        send_takeover: takeover,
        send_window_bits: 8 + (second & 7),
        level: 1 + u32::from(second >> 3) % 9,
        min_size: if input.is_set(2) { 32 } else { 0 },
        ..Compression::default()
    };
    let agreed = wanted.as_agreed();
    let there = Agreement { send: agreed.receive, receive: agreed.send, ..agreed.clone() };
    // Repeated, so that there is something to refer to, also beyond a small window.
    let times = if input.is_set(3) { 9 } else { 1 };
    let messages: Vec<Bytes> = input.pieces(contents).iter().map(|piece| piece.repeat(times).into()).collect();

    let now = Instant::now();
    let mut sender = connection(Role::Client, &agreed, now);
    let mut receiver = connection(Role::Server, &there, now);
    let (mut sent, mut wire) = (Vec::new(), BytesMut::new());
    for message in &messages {
        sender.send(MessageKind::Binary, |out| out.extend_from_slice(message)).unwrap();
        sender.poll_transmit(&mut wire);
        sent.extend_from_slice(&wire);
        receiver.handle_data(now, &mut wire.split());
    }
    let arrived: Vec<Event> = std::iter::from_fn(|| receiver.poll_event()).collect();
    let expected =
        messages.iter().map(|payload| Event::Message { kind: MessageKind::Binary, payload: payload.clone() });
    assert!(arrived.into_iter().eq(expected), "what is sent arrives");

    let mut book = Inflater::new();
    let read = frames::messages(&frames::read(&sent, true, true));
    assert_eq!(read.len(), messages.len());
    for ((_, is_compressed, payload), message) in read.iter().zip(&messages) {
        if *is_compressed {
            assert!(message.len() >= wanted.min_size, "a small message is sent as it is");
            assert!(takeover || payload.len() < message.len(), "a message is compressed that becomes no smaller");
            assert_eq!(book.message(payload, usize::MAX / 2), Ok(message.to_vec()));
        } else {
            assert_eq!(payload, message);
        }
        if !takeover {
            book.forget();
        }
    }
    assert!(book.reach <= 1 << agreed.send.window_bits, "a reference reaches {} bytes back", book.reach);
}

fn connection(role: Role, agreement: &Agreement, now: Instant) -> Connection {
    let config = Config { max_message_size: usize::MAX / 4, fragment_size: Some(1000), ..Config::default() };
    Connection::new(role, config, Box::new(Fixed), now).with_compression(agreement)
}
