//! Bytes to messages and control frames: the reading half of a connection.
//!
//! Covers: RFC 6455 5.4 (fragments), 5.5 (control frames among them), 6.2, 8.1 (text checked as it arrives), 10.4 (limits
//! before buffering); RFC 7692 6.2; rows WS-6.1-1, WS-6.1-2. What it does not do: answer anything, or know whether the connection
//! is open.

use std::sync::Arc;

use bytes::Bytes;
use tungstenite::protocol::frame::coding::CloseCode;

use super::{
    Agreement, Config, MessageKind, Role,
    deflate::{InflateError, Inflater},
    frame::{self, Head, HeadReader, Opcode, Rules, Violation},
    mask, utf8,
};

/// What one or more frames amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received<'a> {
    /// A message in one frame, all of which was there: nothing of it need be copied.
    Whole(Whole<'a>),
    Message {
        kind: MessageKind,
        payload: Bytes,
    },
    Ping(Bytes),
    Pong(Bytes),
    Close(Bytes),
}

/// The payload of a message where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole<'a> {
    /// Of a text message.
    Text(&'a str),
    /// Of a binary message.
    Binary(&'a [u8]),
}

/// The reader. Between two messages it owns no heap memory, but for what compression with take-over remembers.
#[derive(Debug)]
pub(super) struct Receiver {
    role: Role,
    config: Arc<Config>,
    heads: HeadReader,
    begun: Option<Box<Begun>>,
    inflater: Option<Box<Inflater>>,
}

/// What has begun and not ended.
#[derive(Debug, Default)]
struct Begun {
    /// The frame that is being read.
    frame: Option<Frame>,
    /// The payload of a control frame, as far as it has arrived; it may come between the fragments of a message (5.5).
    control: Vec<u8>,
    message: Option<Message>,
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
    is_compressed: bool,
    text: utf8::Checker,
    payload: Vec<u8>,
    /// The sum of the lengths in the heads so far.
    announced: usize,
    fragments: usize,
}

impl Receiver {
    /// `role` is that of this end.
    pub(super) fn new(role: Role, config: Arc<Config>) -> Self {
        Self { role, config, heads: HeadReader::default(), begun: None, inflater: None }
    }

    /// Takes compressed messages from now on, as agreed.
    pub(super) fn decompress(&mut self, agreement: &Agreement) {
        self.inflater = Some(Box::new(Inflater::new(agreement)));
    }

    /// Forgets what has begun: nothing more will be read.
    pub(super) fn clear(&mut self) {
        self.begun = None;
        self.inflater = None;
    }

    /// The heap memory held, in bytes, without contexts of compression.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.begun.as_ref().map_or(0, |begun| {
            size_of::<Begun>() + begun.control.capacity() + begun.message.as_ref().map_or(0, |m| m.payload.capacity())
        })
    }

    /// Takes the next whole thing off the front of `data`, unmasking in place. `None`: all of `data` was taken.
    ///
    /// After an error the stream has lost its meaning; nothing more may be read from it.
    pub(super) fn next<'a>(&mut self, data: &mut &'a mut [u8]) -> Result<Option<Received<'a>>, Violation> {
        loop {
            let mut frame = match self.begun.as_mut().and_then(|begun| begun.frame.take()) {
                Some(frame) => frame,
                None => {
                    let rules = Rules { receiver: self.role, compression: self.inflater.is_some() };
                    let Some(head) = self.heads.read(data, rules)? else { return Ok(None) };
                    if self.begun.is_none()
                        && head.length <= data.len() as u64
                        && let Some(kind) = whole_message(head)
                    {
                        return self.take_whole(kind, head, data).map(Some);
                    }
                    self.admit(head)?;
                    Frame { head, taken: 0 }
                }
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
                self.begun.get_or_insert_default().frame = Some(frame);
                return Ok(None);
            }
            if received.is_some() {
                self.begun.take_if(|begun| begun.message.is_none());
                return Ok(received);
            }
        }
    }

    /// The common case: a message in one frame, all of which is there.
    fn take_whole<'a>(
        &self,
        kind: MessageKind,
        head: Head,
        data: &mut &'a mut [u8],
    ) -> Result<Received<'a>, Violation> {
        let length = head.length as usize; // as much as there is in memory
        if length > self.config.max_message_size {
            return Err(self.too_large());
        }
        let payload = frame::take_front(data, length);
        if let Some(key) = head.mask {
            mask::apply(key, 0, payload);
        }
        Ok(Received::Whole(match kind {
            MessageKind::Text => Whole::Text(utf8::whole(payload).ok_or_else(not_utf8)?),
            MessageKind::Binary => Whole::Binary(payload),
        }))
    }

    /// Checks a data frame's place in its message and its announced size, before any of its payload is kept.
    fn admit(&mut self, head: Head) -> Result<(), Violation> {
        let begun = match head.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => return Ok(()),
            Opcode::Start(_) | Opcode::Continuation => self.begun.get_or_insert_default(),
        };
        let message = match (head.opcode, &mut begun.message) {
            (Opcode::Start(kind), none @ None) => none.insert(Message::new(kind, head.is_compressed)),
            (Opcode::Continuation, Some(message)) => message,
            (_, Some(_)) => return Err(Violation::protocol("a message begins before the one before it has ended")),
            (_, None) => return Err(Violation::protocol("a continuation frame continues nothing")),
        };
        message.fragments += 1;
        if message.fragments > self.config.max_fragments.max(1) {
            let reason = format!("a message has more than {} fragments", self.config.max_fragments);
            return Err(Violation::new(CloseCode::Policy, reason));
        }
        // What is compressed may be larger on the wire than what it holds, and is not kept; its content is counted as it comes.
        let most = match message.is_compressed {
            true => self.config.max_message_size.saturating_mul(2).saturating_add(1 << 10),
            false => self.config.max_message_size,
        };
        let room = most - message.announced;
        match usize::try_from(head.length) {
            Ok(length) if length <= room => message.announced += length,
            _ => return Err(self.too_large()),
        }
        Ok(())
    }

    /// Takes the next piece of a frame's payload; `is_whole` with its last one.
    fn take(&mut self, head: Head, piece: &[u8], is_whole: bool) -> Result<Option<Received<'static>>, Violation> {
        let received = match head.opcode {
            Opcode::Start(_) | Opcode::Continuation => return self.take_data(piece, is_whole && head.is_final),
            Opcode::Ping => Received::Ping,
            Opcode::Pong => Received::Pong,
            Opcode::Close => Received::Close,
        };
        if is_whole && self.begun.as_ref().is_none_or(|begun| begun.control.is_empty()) {
            return Ok(Some(received(Bytes::copy_from_slice(piece))));
        }
        let control = &mut self.begun.get_or_insert_default().control;
        control.extend_from_slice(piece);
        Ok(is_whole.then(|| received(Bytes::from(std::mem::take(control)))))
    }

    fn take_data(&mut self, piece: &[u8], is_end: bool) -> Result<Option<Received<'static>>, Violation> {
        let Some(begun) = &mut self.begun else { return Ok(None) };
        let Some(message) = &mut begun.message else { return Ok(None) };
        let before = message.payload.len();
        let decompressed = match &mut self.inflater {
            Some(inflater) if message.is_compressed => {
                inflater.decompress(piece, is_end, &mut message.payload, self.config.max_message_size)
            }
            _ => {
                message.make_room(piece.len());
                message.payload.extend_from_slice(piece);
                Ok(())
            }
        };
        // What came out before a fault counts first: the same fault is found however the bytes are cut.
        if message.kind == MessageKind::Text {
            let is_whole = is_end && decompressed.is_ok();
            let valid = message.text.accepts(&message.payload[before..]) && (!is_whole || message.text.may_end());
            if !valid {
                return Err(not_utf8());
            }
        }
        match decompressed {
            Ok(()) => {}
            Err(InflateError::TooLarge) => return Err(self.too_large()),
            Err(InflateError::Corrupt) => {
                let reason = "a compressed message is not in DEFLATE format (RFC 7692 7.2.2)";
                return Err(Violation::new(CloseCode::Invalid, reason));
            }
        }
        if !is_end {
            return Ok(None);
        }
        let Some(Message { kind, mut payload, .. }) = begun.message.take() else { return Ok(None) };
        payload.shrink_to_fit();
        Ok(Some(Received::Message { kind, payload: Bytes::from(payload) }))
    }

    fn too_large(&self) -> Violation {
        let reason = format!("a message is larger than {} bytes", self.config.max_message_size);
        Violation::new(CloseCode::Size, reason)
    }
}

/// The kind of the message that this one frame is, as it is.
fn whole_message(head: Head) -> Option<MessageKind> {
    match head.opcode {
        Opcode::Start(kind) if head.is_final && !head.is_compressed => Some(kind),
        _ => None,
    }
}

fn not_utf8() -> Violation {
    Violation::new(CloseCode::Invalid, "a text message is not UTF-8")
}

impl Message {
    fn new(kind: MessageKind, is_compressed: bool) -> Self {
        let text = utf8::Checker::default();
        Self { kind, is_compressed, text, payload: Vec::new(), announced: 0, fragments: 0 }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::testing::frame;

    const BINARY: u8 = 0x82;

    fn receiver() -> Receiver {
        Receiver::new(Role::Client, Arc::new(Config { max_fragments: 10, ..Config::default() }))
    }

    #[test]
    fn a_head_alone_claims_no_memory() {
        let mut receiver = receiver();
        let mut bytes = frame(Role::Server, BINARY, &[1; 1 << 20]);
        assert_eq!(receiver.next(&mut &mut bytes[..11]), Ok(None));
        assert_eq!(receiver.held(), size_of::<Begun>() + 1);
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
