//! Both ends of the WebSocket floor against tungstenite, an independent implementation, over a stream in memory.
//!
//! Proves WS-6.1-1, WS-6.1-2, WS-6.2.2.*, WS-6.2.3.* and WS-6.3-1 with a peer that we did not write.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    rc::Rc,
    time::Instant,
};

use bytes::BytesMut;
use onem2m_ws::websocket::{
    CloseCode, Config, Connection, Disconnect, Event, MessageKind, Random, Role,
    handshake::{
        Limits,
        client::{ClientHandshake, ClientRequest},
        server::ServerHandshake,
    },
};
use tungstenite::{
    HandshakeError, Message, WebSocket,
    handshake::server::{ErrorResponse, Request, Response},
    http::HeaderValue,
    protocol::{CloseFrame, WebSocketConfig},
};

/// Differs from call to call, so that masks do.
struct Counter(u8);

impl Random for Counter {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(71);
            *byte = self.0;
        }
    }
}

/// What tungstenite reads from and writes to; the test stands at the other end.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    to_peer: BytesMut,
    from_peer: BytesMut,
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = &mut self.0.borrow_mut().to_peer;
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let size = out.len().min(bytes.len());
        out[..size].copy_from_slice(&bytes.split_to(size));
        Ok(size)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().from_peer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn give(&self, bytes: &[u8]) {
        self.0.borrow_mut().to_peer.extend_from_slice(bytes);
    }

    fn written(&self) -> BytesMut {
        self.0.borrow_mut().from_peer.split()
    }
}

/// One end of ours and one of tungstenite's.
struct Pair {
    ours: Connection,
    theirs: WebSocket<Wire>,
    wire: Wire,
    now: Instant,
}

impl Pair {
    fn new(role: Role, config: Config) -> Self {
        let peer = match role {
            Role::Client => tungstenite::protocol::Role::Server,
            Role::Server => tungstenite::protocol::Role::Client,
        };
        let (wire, now) = (Wire::default(), Instant::now());
        Self {
            ours: Connection::new(role, config, Box::new(Counter(0)), now),
            theirs: WebSocket::from_raw_socket(wire.clone(), peer, Some(WebSocketConfig::default())),
            wire,
            now,
        }
    }

    /// Brings their bytes to our end in pieces of `step`, and gives our events.
    fn ours_reads(&mut self, step: usize) -> Vec<Event> {
        for piece in self.wire.written().chunks_mut(step) {
            self.ours.handle_data(self.now, piece);
        }
        std::iter::from_fn(|| self.ours.poll_event()).collect()
    }

    /// Brings our bytes to their end, and gives the messages that it reads. Its answers wait on the wire.
    fn theirs_reads(&mut self) -> Vec<Message> {
        let mut out = BytesMut::new();
        while self.ours.poll_transmit(&mut out) {}
        self.wire.give(&out);
        let mut messages = Vec::new();
        loop {
            match self.theirs.read() {
                Ok(message) => messages.push(message),
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return messages;
                }
                Err(tungstenite::Error::ConnectionClosed) => return messages,
                Err(error) => panic!("tungstenite objects: {error}"),
            }
        }
    }
}

/// Lengths on both sides of each form of a frame's length.
const SIZES: [usize; 9] = [0, 1, 125, 126, 127, 65535, 65536, 65537, 300_000];

#[test]
fn ws_6_1_1_messages_of_every_form_of_length_arrive_both_ways() {
    for role in [Role::Client, Role::Server] {
        for fragment_size in [None, Some(1000), Some(32 << 10)] {
            let mut pair = Pair::new(role, Config { fragment_size, ..Config::default() });
            for size in SIZES {
                let payload: Vec<u8> = (0..size).map(|i| (i % 253) as u8).collect();
                let text: String = "primitive €".chars().cycle().take(size).collect();

                pair.ours.send(MessageKind::Binary, |out| out.extend_from_slice(&payload)).expect("open");
                pair.ours.send(MessageKind::Text, |out| out.extend_from_slice(text.as_bytes())).expect("open");
                let expected = [Message::binary(payload.clone()), Message::text(text.clone())];
                assert!(pair.theirs_reads() == expected, "{role:?} to tungstenite, {size} bytes");

                pair.theirs.send(Message::binary(payload.clone())).expect("open");
                pair.theirs.send(Message::text(text.clone())).expect("open");
                let expected = [
                    Event::Message { kind: MessageKind::Binary, payload: payload.into() },
                    Event::Message { kind: MessageKind::Text, payload: text.into() },
                ];
                assert!(pair.ours_reads(1 + size / 7) == expected, "tungstenite to {role:?}, {size} bytes");
            }
        }
    }
}

#[test]
fn pings_are_answered_both_ways() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::new(role, Config::default());
        pair.theirs.send(Message::Ping("are you there".into())).expect("open");
        assert_eq!(pair.ours_reads(3), []);
        assert_eq!(pair.theirs_reads(), [Message::Pong("are you there".into())]);

        let ping = pair.ours.ping(pair.now).expect("open");
        assert_eq!(pair.theirs_reads().len(), 1);
        let events = pair.ours_reads(3);
        assert!(matches!(events[..], [Event::Pong { ping: answered, .. }] if answered == ping), "{events:?}");
    }
}

#[test]
fn ws_6_3_1_the_closing_handshake_completes_from_either_side() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::new(role, Config::default());
        pair.ours.close(pair.now, CloseCode::Away, "sleep");
        let frame = CloseFrame { code: CloseCode::Away, reason: "sleep".into() };
        assert_eq!(pair.theirs_reads(), [Message::Close(Some(frame.clone()))]);
        let [Event::Closed(closed)] = &pair.ours_reads(1)[..] else { panic!("not closed") };
        assert_eq!((closed.code, closed.by_peer, closed.clean), (Some(1001), false, true));

        let mut pair = Pair::new(role, Config::default());
        pair.theirs.close(Some(frame)).expect("open");
        pair.theirs.flush().expect("open");
        let [Event::Closed(closed)] = &pair.ours_reads(1)[..] else { panic!("not closed") };
        assert_eq!((closed.code, closed.reason.as_str()), (Some(1001), "sleep"));
        assert!(closed.by_peer && closed.clean);
        assert_eq!(pair.theirs_reads().len(), 1);
        let expected = if role == Role::Server { Disconnect::Now } else { Disconnect::NotYet };
        assert_eq!(pair.ours.disconnect(), expected);
    }
}

#[test]
fn ws_6_1_1_our_client_is_taken_by_their_server() {
    let request = ClientRequest {
        authority: "example.net:9000".into(),
        target: "/".into(),
        subprotocols: vec!["oneM2M.json".into(), "oneM2M.cbor".into()],
        ..ClientRequest::default()
    };
    let mut client = ClientHandshake::new(&request, Limits::default(), &mut Counter(3)).expect("a valid request");
    let wire = Wire::default();
    wire.give(&client.transmit());
    // The type of the callback's error is tungstenite's.
    #[allow(clippy::result_large_err)]
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        assert_eq!(request.headers()["host"], "example.net:9000");
        assert_eq!(request.headers()["sec-websocket-protocol"], "oneM2M.json, oneM2M.cbor");
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("oneM2M.cbor"));
        Ok(response)
    };
    assert!(tungstenite::accept_hdr(wire.clone(), choose).is_ok());
    let accepted = client.handle_data(&wire.written()).expect("a valid answer").expect("a whole answer");
    assert_eq!(accepted.subprotocol.as_deref(), Some("oneM2M.cbor"));
    assert_eq!(accepted.deviation, None);
}

#[test]
fn ws_6_1_1_our_server_is_taken_by_their_client() {
    let request = tungstenite::ClientRequestBuilder::new("ws://example.net:9000/".parse().expect("a URI"))
        .with_sub_protocol("oneM2M.xml")
        .with_sub_protocol("oneM2M.json");
    let wire = Wire::default();
    let Err(HandshakeError::Interrupted(waiting)) = tungstenite::client(request, wire.clone()) else {
        panic!("tungstenite did not wait for an answer")
    };
    let asked = ServerHandshake::new(Limits::default()).handle_data(&wire.written());
    let asked = asked.expect("a valid request").expect("a whole request");
    assert_eq!((asked.target.as_str(), asked.host.as_str()), ("/", "example.net:9000"));
    assert_eq!(asked.subprotocols, ["oneM2M.xml", "oneM2M.json"]);
    wire.give(&asked.accept(Some("oneM2M.json"), None, &[]).expect("a valid answer"));
    let (_, response) = waiting.handshake().expect("an open connection");
    assert_eq!(response.headers()["sec-websocket-protocol"], "oneM2M.json");
}
