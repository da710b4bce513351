//! The head of one frame: read with every rule of RFC 6455 5.2, and written.
//!
//! Covers: RFC 6455 5.1 (who masks), 5.2 (bits, opcodes, lengths), 5.5 (control frames); row WS-6.1-1.
//! What it does not do: touch payloads, or know in which order frames may come (`receive` does).

use std::borrow::Cow;
use std::io::Cursor;

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use super::{MessageKind, Role, mask::Key};

/// The longest head: two bytes, eight of length, four of masking key.
const MAX_HEAD: usize = 14;

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
    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<Opcode> for OpCode {
    fn from(opcode: Opcode) -> Self {
        match opcode {
            Opcode::Start(MessageKind::Text) => Self::Data(Data::Text),
            Opcode::Start(MessageKind::Binary) => Self::Data(Data::Binary),
            Opcode::Continuation => Self::Data(Data::Continue),
            Opcode::Close => Self::Control(Control::Close),
            Opcode::Ping => Self::Control(Control::Ping),
            Opcode::Pong => Self::Control(Control::Pong),
        }
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
        let mask = masked.then_some(Key::default());
        FrameHeader { mask, ..FrameHeader::default() }.len(length as u64)
    }

    /// Writes the head over `out`, which has exactly [`Head::size`] bytes.
    pub(super) fn write(self, mut out: &mut [u8]) {
        let Self { opcode, is_final, is_compressed, mask, length } = self;
        let header =
            FrameHeader { is_final, rsv1: is_compressed, opcode: opcode.into(), mask, ..FrameHeader::default() };
        debug_assert_eq!(out.len(), header.len(length));
        header.format(length, &mut out).expect("a slice of the head's size takes the head");
    }

    /// Judges what was parsed from `size` bytes. Every rule on a single head is here and nowhere else.
    fn check(header: FrameHeader, length: u64, size: usize, rules: Rules) -> Result<Self, Violation> {
        let FrameHeader { is_final, rsv1: is_compressed, rsv2, rsv3, opcode, mask } = header;
        let opcode = match opcode {
            OpCode::Data(Data::Text) => Opcode::Start(MessageKind::Text),
            OpCode::Data(Data::Binary) => Opcode::Start(MessageKind::Binary),
            OpCode::Data(Data::Continue) => Opcode::Continuation,
            OpCode::Control(Control::Close) => Opcode::Close,
            OpCode::Control(Control::Ping) => Opcode::Ping,
            OpCode::Control(Control::Pong) => Opcode::Pong,
            OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => {
                return Err(unknown_opcode());
            }
        };
        if rsv2 || rsv3 || (is_compressed && !rules.compression) {
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
        let shortest = FrameHeader { mask, ..FrameHeader::default() }.len(length);
        if size != shortest {
            return Err(Violation::protocol("a frame's length is not in its shortest form"));
        }
        Ok(Self { opcode, is_final, is_compressed, mask, length })
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

fn unknown_opcode() -> Violation {
    Violation::protocol("a frame's opcode is unknown")
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
            && let Some((head, size)) = Self::parse(data, rules)?
        {
            take_front(data, size);
            return Ok(Some(head));
        }
        let before = usize::from(self.len);
        let taken = data.len().min(MAX_HEAD - before);
        let have = before + taken;
        self.unfinished[before..have].copy_from_slice(&data[..taken]);
        let Some((head, size)) = Self::parse(&self.unfinished[..have], rules)? else {
            self.len = have as u8;
            take_front(data, taken);
            return Ok(None);
        };
        self.len = 0;
        take_front(data, size - before);
        Ok(Some(head))
    }

    fn parse(bytes: &[u8], rules: Rules) -> Result<Option<(Head, usize)>, Violation> {
        let mut cursor = Cursor::new(bytes);
        // An unknown opcode is the only error of parsing from memory.
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| unknown_opcode())?;
        let Some((header, length)) = parsed else {
            return Ok(None);
        };
        let size = cursor.position() as usize;
        Ok(Some((Head::check(header, length, size, rules)?, size)))
    }
}

#[cfg(test)]
mod tests {
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
