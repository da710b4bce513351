//! The head of one frame: read with every rule of RFC 6455 5.2, and written.
//!
//! Covers: RFC 6455 5.1 (who masks), 5.2 (bits, opcodes, lengths), 5.5 (control frames); row WS-6.1-1.
//! What it does not do: touch payloads, or know in which order frames may come (`receive` does).

use std::borrow::Cow;

use tungstenite::protocol::frame::coding::CloseCode;

use super::{MessageKind, Role, mask::Key};

/// The longest head: two bytes, eight of length, four of masking key.
const MAX_HEAD: usize = 14;

/// Bits of the first byte.
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
/// Bits of the second byte; the low ones are the length, or tell that it follows in two or eight bytes.
const MASK: u8 = 0x80;
const TWO_BYTES: u8 = 126;
const EIGHT_BYTES: u8 = 127;

/// The most that a control frame carries (RFC 6455 5.5).
pub(super) const MAX_CONTROL: usize = 125;

/// A breach of the protocol or of a limit; the connection fails with this close code (RFC 6455 7.1.7).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: CloseCode,
    /// Goes to the peer in the close frame, and to the user.
    pub(super) reason: Cow<'static, str>,
}

impl Violation {
    pub(super) fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(super) fn protocol(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CloseCode::Protocol, reason)
    }
}

/// The opcodes that exist (RFC 6455 5.2), so that matching on them leaves nothing over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Start(MessageKind),
    Continuation,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Start(MessageKind::Text),
            0x2 => Self::Start(MessageKind::Binary),
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Start(MessageKind::Text) => 0x1,
            Self::Start(MessageKind::Binary) => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A head that obeys the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) opcode: Opcode,
    /// The FIN bit: the last frame of its message.
    pub(super) is_final: bool,
    /// The RSV1 bit: the first frame of a compressed message (RFC 7692 6).
    pub(super) is_compressed: bool,
    pub(super) mask: Option<Key>,
    /// Of the payload, as announced: nothing of it need have arrived.
    pub(super) length: u64,
}

impl Head {
    /// The number of bytes of a head for `length` bytes of payload.
    pub(super) fn size(length: usize, masked: bool) -> usize {
        2 + extended(length as u64) + if masked { size_of::<Key>() } else { 0 }
    }

    /// Writes the head over `out`, which has exactly [`Head::size`] bytes.
    pub(super) fn write(self, out: &mut [u8]) {
        let Self { opcode, is_final, is_compressed, mask, length } = self;
        debug_assert_eq!(out.len(), Self::size(length as usize, mask.is_some()));
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        // Pieces of known sizes: a call for copying two bytes takes longer than all of this.
        let (short, rest) = match extended(length) {
            0 => (length as u8, 2),
            2 => {
                out[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                (TWO_BYTES, 4)
            }
            _ => {
                out[2..10].copy_from_slice(&length.to_be_bytes());
                (EIGHT_BYTES, 10)
            }
        };
        out[0] = bit(is_final, FIN) | bit(is_compressed, RSV1) | opcode.bits();
        out[1] = bit(mask.is_some(), MASK) | short;
        if let Some(key) = mask {
            out[rest..rest + 4].copy_from_slice(&key);
        }
    }

    /// Reads and judges the head at the front of `bytes`, and tells its size; `None` if it is not all there. Every rule on a
    /// single head is here and nowhere else.
    fn parse(bytes: &[u8], rules: Rules) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (length, rest) = match second & !MASK {
            TWO_BYTES => match rest.split_first_chunk() {
                Some((bytes, rest)) => (u16::from_be_bytes(*bytes).into(), rest),
                None => return Ok(None),
            },
            EIGHT_BYTES => match rest.split_first_chunk() {
                Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let (mask, rest) = if second & MASK == 0 {
            (None, rest)
        } else {
            match rest.split_first_chunk::<4>() {
                Some((key, rest)) => (Some(*key), rest),
                None => return Ok(None),
            }
        };
        let size = bytes.len() - rest.len();

        let Some(opcode) = Opcode::from_bits(first & OPCODE) else {
            return Err(Violation::protocol("a frame's opcode is unknown"));
        };
        let (is_final, is_compressed) = (first & FIN != 0, first & RSV1 != 0);
        if first & RSV2_RSV3 != 0 || (is_compressed && !rules.compression) {
            return Err(Violation::protocol("a reserved bit is set that no negotiated extension uses"));
        }
        if is_compressed && !matches!(opcode, Opcode::Start(_)) {
            return Err(Violation::protocol("RSV1 is set on a frame that begins no message (RFC 7692 6.1)"));
        }
        match (rules.receiver, mask) {
            (Role::Server, None) => {
                return Err(Violation::protocol("a client's frame is not masked"));
            }
            (Role::Client, Some(_)) => {
                return Err(Violation::protocol("a server's frame is masked"));
            }
            _ => {}
        }
        if length >> 63 != 0 {
            return Err(Violation::protocol("the top bit of a frame's length is set"));
        }
        if opcode.is_control() {
            if !is_final {
                return Err(Violation::protocol("a control frame is fragmented"));
            }
            if length > MAX_CONTROL as u64 {
                return Err(Violation::protocol("a control frame carries more than 125 bytes"));
            }
        }
        if size != 2 + extended(length) + mask.map_or(0, |key| key.len()) {
            return Err(Violation::protocol("a frame's length is not in its shortest form"));
        }
        Ok(Some((Self { opcode, is_final, is_compressed, mask, length }, size)))
    }
}

/// How many bytes of length follow the first two, in the shortest form.
fn extended(length: u64) -> usize {
    match length {
        0..126 => 0,
        126..=0xffff => 2,
        _ => 8,
    }
}

/// What a head is judged by, besides RFC 6455 5.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The role of the end that reads.
    pub(super) receiver: Role,
    /// Whether permessage-deflate was agreed on.
    pub(super) compression: bool,
}

/// Takes the first `size` bytes off `data`, which has so many.
pub(super) fn take_front<'a>(data: &mut &'a mut [u8], size: usize) -> &'a mut [u8] {
    data.split_off_mut(..size).unwrap_or_default()
}

/// Reads heads from a stream cut anywhere; keeps only the bytes of an unfinished one.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    unfinished: [u8; MAX_HEAD],
    len: u8,
}

impl HeadReader {
    /// Takes one head off the front of `data`. `None`: all of `data` was taken, and more is needed.
    pub(super) fn read(&mut self, data: &mut &mut [u8], rules: Rules) -> Result<Option<Head>, Violation> {
        if data.is_empty() {
            return Ok(None);
        }
        // The common case reads in place; an unfinished head is completed in the small buffer.
        if self.len == 0
            && let Some((head, size)) = Head::parse(data, rules)?
        {
            take_front(data, size);
            return Ok(Some(head));
        }
        let before = usize::from(self.len);
        let taken = data.len().min(MAX_HEAD - before);
        let have = before + taken;
        self.unfinished[before..have].copy_from_slice(&data[..taken]);
        let Some((head, size)) = Head::parse(&self.unfinished[..have], rules)? else {
            self.len = have as u8;
            take_front(data, taken);
            return Ok(None);
        };
        self.len = 0;
        take_front(data, size - before);
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tungstenite::protocol::frame::FrameHeader;

    use super::*;

    fn plain(receiver: Role) -> Rules {
        Rules { receiver, compression: false }
    }

    fn read(rules: Rules, bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let mut bytes = bytes.to_vec();
        HeadReader::default().read(&mut &mut bytes[..], rules)
    }

    fn text(length: u64, mask: Option<Key>) -> Head {
        Head { opcode: Opcode::Start(MessageKind::Text), is_final: true, is_compressed: false, mask, length }
    }

    #[test]
    fn a_head_reads_back_as_written_however_it_is_cut() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, i64::MAX as u64];
        for length in lengths {
            for mask in [None, Some([1, 2, 3, 4])] {
                let head = text(length, mask);
                let mut bytes = vec![0; FrameHeader { mask, ..FrameHeader::default() }.len(length)];
                head.write(&mut bytes);
                let rules = plain(if mask.is_some() { Role::Server } else { Role::Client });
                bytes.extend_from_slice(b"payload");
                for cut in 0..=bytes.len() {
                    let mut stream = bytes.clone();
                    let (mut first, mut second) = stream.split_at_mut(cut);
                    let mut reader = HeadReader::default();
                    let read =
                        reader.read(&mut first, rules).unwrap().or_else(|| reader.read(&mut second, rules).unwrap());
                    assert_eq!(read, Some(head), "length {length}, cut at {cut}");
                    assert_eq!([first, second].concat(), b"payload", "length {length}, cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn every_head_that_passes_is_what_another_implementation_reads_and_writes() {
        let mut passed = 0;
        for (first, second) in (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).map(move |second| (first, second))) {
            let mut bytes = [0; MAX_HEAD];
            (bytes[0], bytes[1], bytes[2]) = (first, second, if second & 127 == 126 { 1 } else { 0 });
            bytes[7..].copy_from_slice(b"\x01ABCDEF");
            for receiver in [Role::Client, Role::Server] {
                let rules = Rules { receiver, compression: true };
                let Ok(Some((head, size))) = Head::parse(&bytes, rules) else { continue };
                let mut cursor = Cursor::new(&bytes[..]);
                let (other, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!((length, cursor.position()), (head.length, size as u64));
                assert_eq!((other.is_final, other.rsv1, other.mask), (head.is_final, head.is_compressed, head.mask));
                assert_eq!(u8::from(other.opcode), head.opcode.bits());
                let mut written = vec![0; Head::size(head.length as usize, head.mask.is_some())];
                head.write(&mut written);
                assert_eq!(written, bytes[..size]);
                passed += 1;
            }
        }
        // By opcode, FIN and RSV1: two that begin messages in four ways and one that goes on in two, each with every length;
        // three control frames in one way, with every length up to 125.
        assert_eq!(passed, 2 * ((2 * 4 + 2) * 128 + 3 * 126));
    }

    #[test]
    fn size_is_what_rfc_6455_5_2_draws() {
        for (length, size) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            assert_eq!(Head::size(length, false), size);
            assert_eq!(Head::size(length, true), size + 4);
        }
    }

    #[test]
    fn each_broken_head_is_a_protocol_error() {
        let table: &[(&str, Role, &[u8])] = &[
            ("RSV1", Role::Client, &[0xc1, 0]),
            ("RSV2", Role::Client, &[0xa1, 0]),
            ("RSV3", Role::Client, &[0x91, 0]),
            ("opcode 3", Role::Client, &[0x83, 0]),
            ("opcode 7", Role::Client, &[0x87, 0]),
            ("opcode b", Role::Client, &[0x8b, 0]),
            ("opcode f", Role::Client, &[0x8f, 0]),
            ("masked to a client", Role::Client, &[0x81, 0x80, 1, 2, 3, 4]),
            ("unmasked to a server", Role::Server, &[0x81, 0]),
            ("fragmented close", Role::Client, &[0x08, 0]),
            ("fragmented ping", Role::Client, &[0x09, 0]),
            ("fragmented pong", Role::Client, &[0x0a, 0]),
            ("ping of 126", Role::Client, &[0x89, 126, 0, 126]),
            ("close of 65536", Role::Client, &[0x88, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            ("125 in two bytes", Role::Client, &[0x82, 126, 0, 125]),
            ("65535 in eight bytes", Role::Client, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            ("top bit", Role::Client, &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ];
        for (name, receiver, bytes) in table {
            let violation = read(plain(*receiver), bytes).expect_err(name);
            assert_eq!(violation.code, CloseCode::Protocol, "{name}");
        }
    }

    #[test]
    fn with_compression_rsv1_is_for_the_first_frame_of_a_message_alone() {
        let rules = Rules { receiver: Role::Client, compression: true };
        for first in [0xc1, 0xc2, 0x41, 0x42] {
            assert!(read(rules, &[first, 0]).unwrap().unwrap().is_compressed, "{first:x}");
        }
        assert!(!read(rules, &[0x81, 0]).unwrap().unwrap().is_compressed);
        for first in [0xc0, 0x40, 0xc8, 0xc9, 0xca, 0xe1, 0xd1, 0xa1, 0x91] {
            assert_eq!(read(rules, &[first, 0]).unwrap_err().code, CloseCode::Protocol, "{first:x}");
        }
    }

    #[test]
    fn the_largest_control_frame_passes() {
        let head = read(plain(Role::Client), &[0x89, 125]).unwrap().unwrap();
        assert_eq!((head.opcode, head.length), (Opcode::Ping, 125));
    }
}
