//! Frames by the book (RFC 6455 5.2), written and read without the code that is judged.

use onem2m_ws::websocket::MessageKind;

use super::input::KEY;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// The bit in the first byte that permessage-deflate uses (RFC 7692 6).
pub(super) const RSV1: u8 = 0x40;

/// One frame.
#[derive(Debug)]
pub(super) struct Frame {
    /// FIN, RSV and opcode.
    pub(super) first: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    pub(super) fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    pub(super) fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode() >= CLOSE
    }
}

/// Writes one frame, its length in the shortest form.
pub(super) fn write(out: &mut Vec<u8>, first: u8, payload: &[u8], masked: bool) {
    let mark = if masked { 0x80 } else { 0 };
    out.push(first);
    match payload.len() {
        length @ ..126 => out.push(mark | length as u8),
        length @ ..0x1_0000 => {
            out.push(mark | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(mark | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&KEY);
        out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        out.extend_from_slice(payload);
    }
}

/// Frames of records: the first byte of the frame, the length of its payload, the payload.
pub(super) fn from_records(mut records: &[u8], masked: bool) -> Vec<u8> {
    let mut stream = Vec::new();
    while let [first, length, rest @ ..] = records {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        write(&mut stream, *first, payload, masked);
        records = rest;
    }
    stream
}

/// Reads whole frames. Panics at what no end may send, whatever it was made to do.
pub(super) fn read(mut bytes: &[u8], masked: bool, may_compress: bool) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut open = false;
    while !bytes.is_empty() {
        let first = take(&mut bytes, 1)[0];
        let second = take(&mut bytes, 1)[0];
        assert_eq!(second & 0x80 != 0, masked, "clients mask, servers do not (RFC 6455 5.1)");
        let length = match second & 0x7f {
            126 => {
                let length = u16::from_be_bytes(take(&mut bytes, 2).try_into().unwrap());
                assert!(length >= 126, "a length has its shortest form (RFC 6455 5.2)");
                usize::from(length)
            }
            127 => {
                let length = u64::from_be_bytes(take(&mut bytes, 8).try_into().unwrap());
                assert!(length > 0xffff, "a length has its shortest form (RFC 6455 5.2)");
                usize::try_from(length).unwrap()
            }
            length => usize::from(length),
        };
        let key: [u8; 4] = if masked { take(&mut bytes, 4).try_into().unwrap() } else { [0; 4] };
        let payload = take(&mut bytes, length).iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let frame = Frame { first, payload };

        assert!(frames.last().is_none_or(|last| last.opcode() != CLOSE), "nothing follows a close frame (5.5.1)");
        let begins = matches!(frame.opcode(), TEXT | BINARY);
        assert!(first & 0x30 == 0, "RSV2 and RSV3 have no meaning");
        assert!(first & RSV1 == 0 || may_compress && begins, "RSV1 is for the first frame of a message (RFC 7692 6.1)");
        match frame.opcode() {
            CONTINUATION => assert!(open, "a continuation continues a message (5.4)"),
            TEXT | BINARY => assert!(!open, "messages do not interleave (5.4)"),
            CLOSE | PING | PONG => {
                assert!(frame.is_final() && length <= 125, "control frames are small and whole (5.5)")
            }
            other => panic!("opcode {other} has no meaning"),
        }
        if !frame.is_control() {
            open = !frame.is_final();
        }
        if frame.opcode() == CLOSE {
            check_close(&frame.payload);
        }
        frames.push(frame);
    }
    assert!(!open, "a message that was begun is ended");
    frames
}

/// The messages in such frames: kind, whether it is compressed, and payload.
pub(super) fn messages(frames: &[Frame]) -> Vec<(MessageKind, bool, Vec<u8>)> {
    let mut messages: Vec<(MessageKind, bool, Vec<u8>)> = Vec::new();
    for frame in frames.iter().filter(|frame| !frame.is_control()) {
        let kind = if frame.opcode() == TEXT { MessageKind::Text } else { MessageKind::Binary };
        match (frame.opcode(), messages.last_mut()) {
            (CONTINUATION, Some((.., payload))) => payload.extend_from_slice(&frame.payload),
            _ => messages.push((kind, frame.first & RSV1 != 0, frame.payload.clone())),
        }
    }
    messages
}

/// The payload of a close frame as RFC 6455 5.5.1 and 7.4 allow it.
fn check_close(payload: &[u8]) {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return assert!(payload.is_empty(), "half a close code");
    };
    let code = u16::from_be_bytes(*code);
    assert!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "close code {code} may not be sent");
    assert!(std::str::from_utf8(reason).is_ok(), "a reason is UTF-8");
}

fn take<'a>(bytes: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at_checked(size).expect("frames are sent whole");
    *bytes = rest;
    taken
}
