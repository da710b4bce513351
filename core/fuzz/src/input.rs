//! How an input is used: a head with settings and cuts, and the bytes that the peer sends.

use onem2m_ws::websocket::Random;

/// The masking key of the examples in RFC 6455 5.7.
pub(super) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Random bytes that are the same each time.
#[derive(Clone, Copy)]
pub(super) struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        for (byte, given) in out.iter_mut().zip(KEY.into_iter().cycle()) {
            *byte = given;
        }
    }
}

/// `settings`, one byte; the number of piece lengths, one byte, modulo 8; the lengths, one byte each; the rest.
pub(super) struct Input<'a> {
    settings: u8,
    lengths: &'a [u8],
    pub(super) rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// `None` when there is not even a head.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let [settings, count, rest @ ..] = data else { return None };
        let (lengths, rest) = rest.split_at_checked(usize::from(count % 8))?;
        Some(Self { settings: *settings, lengths, rest })
    }

    /// One bit of the settings.
    pub(super) fn is_set(&self, bit: u32) -> bool {
        self.settings & 1 << bit != 0
    }

    /// Two bits of the settings.
    pub(super) fn number(&self, bit: u32) -> usize {
        usize::from(self.settings >> bit & 3)
    }

    /// `stream` in pieces of these lengths, over and over; in one piece if there are none. A piece may be empty.
    pub(super) fn pieces<'b>(&self, mut stream: &'b [u8]) -> Vec<&'b [u8]> {
        if self.lengths.iter().all(|length| *length == 0) {
            return vec![stream];
        }
        let mut pieces = Vec::new();
        for length in self.lengths.iter().cycle() {
            let (piece, rest) = stream.split_at(stream.len().min(usize::from(*length)));
            pieces.push(piece);
            stream = rest;
            if stream.is_empty() {
                break;
            }
        }
        pieces
    }
}
