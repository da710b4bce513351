//! Bytes to messages and control frames: the reading half of a connection.
//!
//! Covers: RFC 6455 5.4 (fragments), 5.5 (control frames among them), 6.2, 8.1 (text checked as it arrives), 10.4 (limits
//! before buffering); rows WS-6.1-1, WS-6.1-2. What it does not do: answer anything, or know whether the connection is open.

use bytes::Bytes;
use tungstenite::protocol::frame::coding::CloseCode;

use super::{
    MessageKind, Role,
    frame::{self, Head, HeadReader, Opcode, Violation},
    mask,
    utf8::Checker,
};

/// What one or more frames amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Message { kind: MessageKind, payload: Bytes },
    Ping(Bytes),
    Pong(Bytes),
    Close(Bytes),
}

/// The reader. Between two messages it owns no heap memory.
#[derive(Debug)]
pub(super) struct Receiver {
    heads: HeadReader,
    /// The frame that is being read.
    frame: Option<Frame>,
    /// The payload of a control frame, as far as it has arrived; it may come between the fragments of a message (5.5).
    control: Vec<u8>,
    /// The message that has begun and not ended.
    message: Option<Message>,
    max_message_size: usize,
    max_fragments: usize,
}

#[derive(Debug)]
struct Frame {
    head: Head,
    /// How much of the payload has been taken.
    taken: u64,
}

#[derive(Debug)]
struct Message {
    kind: MessageKind,
    text: Checker,
    payload: Vec<u8>,
    /// The sum of the lengths in the heads so far.
    announced: usize,
    fragments: usize,
}

impl Receiver {
    pub(super) fn new(receiver: Role, max_message_size: usize, max_fragments: usize) -> Self {
        let heads = HeadReader::new(receiver);
        Self { heads, frame: None, control: Vec::new(), message: None, max_message_size, max_fragments }
    }

    /// Forgets what has begun: nothing more will be read.
    pub(super) fn clear(&mut self) {
        self.frame = None;
        self.control = Vec::new();
        self.message = None;
    }

    /// The heap memory held, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, |message| message.payload.capacity())
    }

    /// Takes the next whole thing off the front of `data`, unmasking in place. `None`: all of `data` was taken.
    ///
    /// After an error the stream has lost its meaning; nothing more may be read from it.
    pub(super) fn next(&mut self, data: &mut &mut [u8]) -> Result<Option<Received>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.heads.read(data)? {
                    Some(head) => {
                        self.admit(head)?;
                        Frame { head, taken: 0 }
                    }
                    None => return Ok(None),
                },
            };
            let missing = frame.head.length - frame.taken;
            let size = usize::try_from(missing).map_or(data.len(), |missing| missing.min(data.len()));
            let piece = frame::take_front(data, size);
            if let Some(key) = frame.head.mask {
                mask::apply(key, frame.taken as usize, piece);
            }
            frame.taken += size as u64;
            let is_whole = frame.taken == frame.head.length;
            let received = self.take(frame.head, piece, is_whole)?;
            if !is_whole {
                self.frame = Some(frame);
                return Ok(None);
            }
            if received.is_some() {
                return Ok(received);
            }
        }
    }

    /// Checks a data frame's place in its message and its announced size, before any of its payload is kept.
    fn admit(&mut self, head: Head) -> Result<(), Violation> {
        match (head.opcode, &self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
            (Opcode::Start(kind), None) => self.message = Some(Message::new(kind)),
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Start(_), Some(_)) => {
                return Err(Violation::protocol("a message begins before the one before it has ended"));
            }
            (Opcode::Continuation, None) => {
                return Err(Violation::protocol("a continuation frame continues nothing"));
            }
        }
        let Some(message) = &mut self.message else {
            return Ok(());
        };
        message.fragments += 1;
        if message.fragments > self.max_fragments {
            let reason = format!("a message has more than {} fragments", self.max_fragments);
            return Err(Violation::new(CloseCode::Policy, reason));
        }
        let room = self.max_message_size - message.announced;
        match usize::try_from(head.length) {
            Ok(length) if length <= room => message.announced += length,
            _ => {
                let reason = format!("a message is larger than {} bytes", self.max_message_size);
                return Err(Violation::new(CloseCode::Size, reason));
            }
        }
        Ok(())
    }

    /// Takes the next piece of a frame's payload; `is_whole` with its last one.
    fn take(&mut self, head: Head, piece: &[u8], is_whole: bool) -> Result<Option<Received>, Violation> {
        let received = match head.opcode {
            Opcode::Start(_) | Opcode::Continuation => {
                return self.take_data(piece, is_whole && head.is_final);
            }
            Opcode::Ping => Received::Ping,
            Opcode::Pong => Received::Pong,
            Opcode::Close => Received::Close,
        };
        Ok(gather(&mut self.control, piece, is_whole).map(received))
    }

    fn take_data(&mut self, piece: &[u8], is_end: bool) -> Result<Option<Received>, Violation> {
        let Some(message) = &mut self.message else {
            return Ok(None);
        };
        if message.kind == MessageKind::Text {
            let valid = message.text.accepts(piece) && (!is_end || message.text.may_end());
            if !valid {
                return Err(Violation::new(CloseCode::Invalid, "a text message is not UTF-8"));
            }
        }
        if !is_end || !message.payload.is_empty() {
            message.make_room(piece.len());
        }
        let Some(payload) = gather(&mut message.payload, piece, is_end) else {
            return Ok(None);
        };
        let kind = message.kind;
        self.message = None;
        Ok(Some(Received::Message { kind, payload }))
    }
}

impl Message {
    fn new(kind: MessageKind) -> Self {
        Self { kind, text: Checker::default(), payload: Vec::new(), announced: 0, fragments: 0 }
    }

    /// Grows by doubling, so that a head alone claims no memory, but never beyond what was announced, so that nothing is
    /// left over in the message that the user keeps.
    fn make_room(&mut self, more: usize) {
        let needed = self.payload.len() + more;
        if needed > self.payload.capacity() {
            let target = needed.max(2 * self.payload.capacity()).min(self.announced);
            self.payload.reserve_exact(target - self.payload.len());
        }
    }
}

/// Adds `piece` to what is kept; with the last one, gives the whole and keeps nothing. What comes in one piece is copied once.
fn gather(kept: &mut Vec<u8>, piece: &[u8], is_end: bool) -> Option<Bytes> {
    if is_end && kept.is_empty() {
        return Some(Bytes::copy_from_slice(piece));
    }
    kept.extend_from_slice(piece);
    is_end.then(|| Bytes::from(std::mem::take(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::testing::frame;

    const BINARY: u8 = 0x82;

    fn receiver() -> Receiver {
        Receiver::new(Role::Client, 1 << 20, 10)
    }

    #[test]
    fn a_head_alone_claims_no_memory() {
        let mut receiver = receiver();
        let mut bytes = frame(Role::Server, BINARY, &[1; 1 << 20]);
        assert_eq!(receiver.next(&mut &mut bytes[..11]), Ok(None));
        assert_eq!(receiver.held(), 1);
    }

    #[test]
    fn a_message_in_pieces_owns_its_size_and_leaves_nothing_behind() {
        for step in [1000, 1 << 12, 1 << 18] {
            let mut receiver = receiver();
            let payload = vec![1; 300_001];
            let mut bytes = [frame(Role::Server, 0x02, &payload), frame(Role::Server, 0x80, &payload[..77])].concat();
            let mut whole = None;
            for mut piece in bytes.chunks_mut(step) {
                whole = whole.or(receiver.next(&mut piece).unwrap());
            }
            let Some(Received::Message { payload, .. }) = whole else { panic!("no message") };
            assert_eq!(payload.len(), 300_078);
            assert_eq!(payload.try_into_mut().unwrap().capacity(), 300_078);
            assert_eq!(receiver.held(), 0);
        }
    }

    #[test]
    fn a_control_frame_in_pieces_leaves_nothing_behind() {
        let mut receiver = receiver();
        let mut bytes = frame(Role::Server, 0x89, b"in pieces");
        let (mut first, mut second) = bytes.split_at_mut(5);
        assert_eq!(receiver.next(&mut first), Ok(None));
        assert_eq!(receiver.next(&mut second), Ok(Some(Received::Ping(Bytes::from_static(b"in pieces")))));
        assert_eq!(receiver.held(), 0);
    }
}
