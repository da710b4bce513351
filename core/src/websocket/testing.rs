//! Two connections joined in memory, and frames made by the book, for the tests of this floor and of those above.

use std::time::Instant;

use bytes::BytesMut;

use super::{Config, Connection, Event, Random, Role};

/// Random bytes that are the same each time: these four, over and over.
pub(crate) struct Repeat(pub(crate) [u8; 4]);

impl Random for Repeat {
    fn fill(&mut self, out: &mut [u8]) {
        for (byte, given) in out.iter_mut().zip(self.0.into_iter().cycle()) {
            *byte = given;
        }
    }
}

/// The masking key of the examples in RFC 6455 5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) fn connection(role: Role, config: Config, now: Instant) -> Connection {
    Connection::new(role, config, Box::new(Repeat(KEY)), now)
}

/// Everything that the connection has to tell.
pub(crate) fn events(connection: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| connection.poll_event()).collect()
}

/// Everything that the connection has to transmit.
pub(crate) fn transmitted(connection: &mut Connection) -> Vec<u8> {
    let mut out = BytesMut::new();
    while connection.poll_transmit(&mut out) {}
    out.to_vec()
}

/// A frame as RFC 6455 5.2 draws it. `first` is its first byte: FIN, RSV and opcode.
pub(crate) fn frame(sender: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let masked = sender == Role::Client;
    let mark = if masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(mark | length as u8),
        length @ ..0x1_0000 => {
            frame.push(mark | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(mark | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if masked {
        frame.extend_from_slice(&KEY);
        frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        frame.extend_from_slice(payload);
    }
    frame
}

/// A client and a server, joined in memory, with a clock that moves when told.
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    pub(crate) now: Instant,
}

impl Pair {
    /// Both ends with the same configuration.
    pub(crate) fn new(config: Config) -> Self {
        let now = Instant::now();
        let client = connection(Role::Client, config.clone(), now);
        let server = connection(Role::Server, config, now);
        Self { client, server, now }
    }

    /// Carries bytes both ways until both ends have nothing more to transmit.
    pub(crate) fn carry(&mut self) {
        let mut wire = BytesMut::new();
        loop {
            let mut quiet = true;
            while self.client.poll_transmit(&mut wire) {
                self.server.handle_data(self.now, &mut wire.split());
                quiet = false;
            }
            while self.server.poll_transmit(&mut wire) {
                self.client.handle_data(self.now, &mut wire.split());
                quiet = false;
            }
            if quiet {
                return;
            }
        }
    }
}
