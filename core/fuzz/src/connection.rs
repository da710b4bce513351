//! A connection after its handshake, at either end, before a peer that sends anything at all.
//!
//! What must hold, for any bytes, cut anywhere:
//! - where they are cut makes no difference to what the application sees, nor to what is sent;
//! - what is handed over is within the limits, text is UTF-8, and the end is told once, last;
//! - what is sent could be read by any peer (RFC 6455 5), ends with the close frame, and is little for what came;
//! - an application that echoes everything gets everything, and all of it arrives;
//! - tungstenite, which others wrote, reads the same messages out of them;
//! - and the connection comes to its end in time, also if nothing more comes.

use std::io;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use onem2m_ws::websocket::{
    Agreement, Closed, Compression, Config, Connection, Disconnect, Event, MessageKind, Read, Role, Whole,
};
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::frames::{self, CLOSE};
use super::input::{Fixed, Input};
use super::reference::Inflater;

/// Small, so that they are reached.
const MAX_MESSAGE: usize = 1000;
const MAX_FRAGMENTS: usize = 8;
const MAX_CONTROL: u32 = 40;
const FRAGMENT: usize = 100;
/// The windows for what is sent.
const WINDOWS: [u8; 4] = [8, 9, 12, 15];

/// The most that may wait when nothing was taken away: sixteen pongs, one more, and a close frame, each with its head.
const MAX_WAITING: usize = 18 * (2 + 4 + 125);

/// The server's end.
pub fn server_connection(data: &[u8]) {
    judge(Role::Server, data);
}

/// The client's end.
pub fn client_connection(data: &[u8]) {
    judge(Role::Client, data);
}

/// What can be seen from outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    events: Vec<Event>,
    sent: Vec<u8>,
    disconnect: Disconnect,
}

fn judge(role: Role, data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let peer_masks = role == Role::Server;
    // Random bytes seldom are frames; records are.
    let stream = if input.is_set(0) { frames::from_records(input.rest, peer_masks) } else { input.rest.to_vec() };
    let pieces = input.pieces(&stream);
    let end = End {
        role,
        compression: input.is_set(1).then(|| {
            let wanted = Compression {
                send_takeover: input.is_set(2),
                receive_takeover: input.is_set(3),
                send_window_bits: WINDOWS[input.number(4)],
                min_size: if input.is_set(6) { 128 } else { 0 },
                ..Compression::default()
            };
            wanted.as_agreed()
        }),
    };

    let whole = end.observe(&[&stream]);
    end.check(&whole);
    assert_eq!(end.observe(&pieces), whole, "where the bytes are cut makes no difference");

    let echoed = end.echo(&pieces, false);
    end.check(&echoed);
    assert_eq!(echoed.events, whole.events, "what is sent makes no difference to what comes");
    let messages: Vec<_> = messages(&whole.events).collect();
    assert_eq!(end.messages_sent(&echoed), messages, "every echo arrives");

    let closed = end.echo(&pieces, true);
    end.check(&closed);
    assert_eq!(end.echo(&[&stream], true), closed, "where the bytes are cut makes no difference to a closing");

    if end.compression.is_none() {
        compare(role, &stream, &whole.events, &messages);
    }
}

/// The end that is judged.
struct End {
    role: Role,
    compression: Option<Agreement>,
}

impl End {
    fn connection(&self, now: Instant) -> Connection {
        let config = Config {
            max_message_size: MAX_MESSAGE,
            max_fragments: MAX_FRAGMENTS,
            max_control_frames: MAX_CONTROL,
            fragment_size: Some(FRAGMENT),
            ..Config::default()
        };
        let connection = Connection::new(self.role, config, Box::new(Fixed), now);
        match &self.compression {
            Some(agreement) => connection.with_compression(agreement),
            None => connection,
        }
    }

    /// An application that only listens, and a network that takes nothing until all has come.
    fn observe(&self, pieces: &[&[u8]]) -> Seen {
        let now = Instant::now();
        let mut connection = self.connection(now);
        for piece in pieces {
            connection.handle_data(now, &mut piece.to_vec());
            assert!(connection.buffered() <= MAX_WAITING, "{} bytes wait", connection.buffered());
        }
        let events = events(&mut connection);
        let mut sent = BytesMut::new();
        connection.poll_transmit(&mut sent);
        let seen = Seen { events, sent: sent.to_vec(), disconnect: connection.disconnect() };
        come_to_an_end(connection, now, &seen);
        seen
    }

    /// An application that sends every message back, and may close after the first.
    fn echo(&self, pieces: &[&[u8]], closes: bool) -> Seen {
        let now = Instant::now();
        let mut connection = self.connection(now);
        let (mut events, mut sent) = (Vec::new(), BytesMut::new());
        for piece in pieces {
            let mut piece = piece.to_vec();
            let mut rest = piece.as_mut_slice();
            loop {
                let lent = match connection.read_next(now, &mut rest) {
                    Read::All => break,
                    Read::Some => None,
                    Read::Message(Whole::Text(text)) => Some((MessageKind::Text, text.as_bytes())),
                    Read::Message(Whole::Binary(bytes)) => Some((MessageKind::Binary, bytes)),
                };
                let lent =
                    lent.map(|(kind, payload)| Event::Message { kind, payload: Bytes::copy_from_slice(payload) });
                for event in self::events(&mut connection).into_iter().chain(lent) {
                    if let Event::Message { kind, payload } = &event {
                        let done = connection.send(*kind, |out| out.extend_from_slice(payload));
                        assert!(
                            closes || done.is_ok(),
                            "a message is handed over while its answer can be sent: {done:?}"
                        );
                        if closes {
                            connection.close(now, 1000_u16, "enough");
                        }
                    }
                    events.push(event);
                }
                // Once a whole thing, so that no pong is left out, however the bytes are cut.
                connection.poll_transmit(&mut sent);
            }
        }
        connection.poll_transmit(&mut sent);
        Seen { events, sent: sent.to_vec(), disconnect: connection.disconnect() }
    }

    /// What holds whatever the application does.
    fn check(&self, seen: &Seen) {
        let Seen { events, sent, disconnect } = seen;
        for (kind, payload) in messages(events) {
            assert!(payload.len() <= MAX_MESSAGE, "a message of {} bytes", payload.len());
            assert!(kind == MessageKind::Binary || std::str::from_utf8(&payload).is_ok(), "text is UTF-8");
        }
        let frames = frames::read(sent, self.role == Role::Client, self.compression.is_some());
        let said_close = frames.last().is_some_and(|frame| frame.opcode() == CLOSE);
        let told = events.iter().position(|event| matches!(event, Event::Closed(_)));
        match told.map(|at| (at + 1 == events.len(), &events[at])) {
            Some((is_last, Event::Closed(closed))) => {
                assert!(is_last, "nothing follows the end");
                assert!(said_close, "both ends send a close frame, also when one breaks the rules");
                assert_ne!((closed.code, closed.clean, closed.by_peer), (None, true, true));
                check_closed(self.role, closed, *disconnect);
            }
            _ => assert_eq!(*disconnect, Disconnect::NotYet),
        }
    }

    /// The messages that were sent, decompressed by the book.
    fn messages_sent(&self, seen: &Seen) -> Vec<(MessageKind, Bytes)> {
        let frames = frames::read(&seen.sent, self.role == Role::Client, self.compression.is_some());
        assert!(frames.iter().all(|frame| frame.payload.len() <= FRAGMENT || frame.is_control()), "large frames");
        let mut book = Inflater::new();
        let messages = frames::messages(&frames).into_iter().map(|(kind, is_compressed, mut payload)| {
            if let Some(agreement) = self.compression.as_ref().filter(|_| is_compressed) {
                payload = book.message(&payload, MAX_MESSAGE).unwrap();
                assert!(book.reach <= 1 << agreement.send.window_bits, "a reference reaches {} bytes back", book.reach);
                if !agreement.send.takeover {
                    book.forget();
                }
            }
            (kind, payload.into())
        });
        messages.collect()
    }
}

/// Nothing more comes: the end of the TCP connection, or time, ends it, and it is told once.
fn come_to_an_end(mut connection: Connection, mut now: Instant, seen: &Seen) {
    let was_told = seen.events.iter().any(|event| matches!(event, Event::Closed(_)));
    assert_eq!(connection.is_closed(), was_told);
    assert!(was_told || seen.disconnect == Disconnect::NotYet);
    let mut told = usize::from(was_told);
    for _ in 0..4 {
        let Some(at) = connection.poll_timeout() else { break };
        now = now.max(at);
        connection.handle_timeout(now);
        told += events(&mut connection).len();
        connection.poll_transmit(&mut BytesMut::new());
    }
    assert_eq!(connection.poll_timeout(), None, "it ends by itself");
    connection.handle_eof(now);
    told += events(&mut connection).len();
    assert_eq!((told, connection.disconnect()), (1, Disconnect::AtOnce));
}

fn events(connection: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| connection.poll_event()).collect()
}

fn check_closed(role: Role, closed: &Closed, disconnect: Disconnect) {
    match closed.code {
        Some(1005) => assert!(closed.by_peer && closed.reason.is_empty()),
        Some(code) => assert!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "close code {code}"),
        None => panic!("there was a close frame"),
    }
    let expected = match (closed.clean, role) {
        (true, Role::Server) => Disconnect::Now,
        (true, Role::Client) => Disconnect::NotYet,
        (false, _) => Disconnect::Finish,
    };
    assert_eq!(disconnect, expected, "the server closes first (RFC 6455 7.1.1)");
    let line = closed.to_string();
    assert!(!line.chars().any(char::is_control) && line.len() < 1000, "fit for a log: {line:?}");
}

fn messages(events: &[Event]) -> impl Iterator<Item = (MessageKind, Bytes)> {
    events.iter().filter_map(|event| match event {
        Event::Message { kind, payload } => Some((*kind, payload.clone())),
        _ => None,
    })
}

/// What comes from the peer, and room for what goes to it.
struct Wire<'a>(&'a [u8]);

impl io::Read for Wire<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match io::Read::read(&mut self.0, out) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            done => done,
        }
    }
}

impl io::Write for Wire<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// tungstenite reads the same messages. One of the two may stop before the other only where we are known to be stricter.
fn compare(role: Role, stream: &[u8], events: &[Event], ours: &[(MessageKind, Bytes)]) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let role = match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let mut peer = WebSocket::from_raw_socket(Wire(stream), role, Some(config));
    let mut theirs = Vec::new();
    let end = loop {
        match peer.read() {
            Ok(Message::Text(text)) => theirs.push((MessageKind::Text, Bytes::from(text))),
            Ok(Message::Binary(payload)) => theirs.push((MessageKind::Binary, payload)),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    if theirs == ours {
        return;
    }
    let both = theirs.len().min(ours.len());
    assert_eq!(ours[..both], theirs[..both], "tungstenite reads other messages");
    assert!(theirs.len() > both, "tungstenite stops earlier: {end}");
    // Limits that it does not have, and text that it checks only as a whole.
    let Some(Event::Closed(closed)) = events.last() else { panic!("tungstenite reads more: {theirs:?}") };
    assert!(!closed.by_peer, "tungstenite reads more, and we took a close frame before: {closed}");
}
