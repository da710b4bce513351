//! Messages to bytes: the writing half of a connection.
//!
//! Covers: RFC 6455 5.3 (masking by clients), 5.4 (fragments), 6.1; row WS-6.1-2.
//! What it does not do: decide whether anything may be sent (`connection` does).

use bytes::{BufMut, BytesMut};

use super::{
    MessageKind, Random, Role,
    frame::{Head, Opcode},
    mask,
};

/// The frame size for which room is left when messages are not fragmented: most primitives are smaller, and the payload of a
/// larger one is moved once.
const COMMON_FRAME: usize = 0xffff;

/// Most messages fit in so many bytes with their heads: memory is claimed once for them.
const COMMON_MESSAGE: usize = 512;

/// The writer, with everything that waits for transmission.
pub(super) struct Sender {
    /// For masking keys, at a client.
    random: Option<Box<dyn Random>>,
    /// The largest payload of one frame.
    fragment_size: Option<usize>,
    out: BytesMut,
}

impl Sender {
    pub(super) fn new(role: Role, fragment_size: Option<usize>, random: Box<dyn Random>) -> Self {
        let random = (role == Role::Client).then_some(random);
        Self { random, fragment_size: fragment_size.map(|size| size.max(1)), out: BytesMut::new() }
    }

    /// The number of bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.out.len()
    }

    /// The heap memory held, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.out.capacity()
    }

    /// Takes memory for what is written next, unless something waits.
    pub(super) fn lend(&mut self, mut room: BytesMut) {
        if self.out.is_empty() {
            room.clear();
            self.out = room;
        }
    }

    /// Moves everything that waits to the end of `out`; false if there was nothing, and then no memory is held any more.
    pub(super) fn drain_into(&mut self, out: &mut BytesMut) -> bool {
        let waiting = std::mem::take(&mut self.out);
        let any = !waiting.is_empty();
        if !out.is_empty() {
            out.extend_from_slice(&waiting);
        } else if any || out.capacity() == 0 {
            // With nothing in it this is lent memory, which goes back.
            *out = waiting;
        }
        any
    }

    /// Forgets everything that waits: nobody is there to take it.
    pub(super) fn clear(&mut self) {
        self.out = BytesMut::new();
    }

    /// Adds a control frame; `payload` has at most 125 bytes.
    pub(super) fn control(&mut self, opcode: Opcode, payload: &[u8]) {
        let start = self.out.len();
        let size = Head::size(payload.len(), self.masks());
        self.out.put_bytes(0, size);
        self.out.put_slice(payload);
        self.finish_frame(start, opcode, true, payload.len());
    }

    /// Adds a message whose payload `write` appends to the buffer that it is given; gives the payload's size.
    ///
    /// When `write` fails, nothing is added.
    ///
    /// # Panics
    /// When `write` removes what was in the buffer before.
    pub(super) fn message<E>(
        &mut self,
        kind: MessageKind,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<usize, E> {
        // The size is known only afterwards, so room is left for the head of a full frame.
        let start = self.out.len();
        let room = Head::size(self.fragment_size.unwrap_or(COMMON_FRAME), self.masks());
        self.out.reserve(COMMON_MESSAGE);
        self.out.put_bytes(0, room);
        let payload = self.out.len();
        if let Err(error) = write(&mut self.out) {
            self.out.truncate(start);
            return Err(error);
        }
        let size = self.out.len().checked_sub(payload).expect("the payload is appended to the buffer");
        self.frame_in_place(Opcode::Start(kind), start, room, size);
        Ok(size)
    }

    /// Makes frames of the payload that ends the buffer, `room` bytes after `start`, moving each byte at most once.
    fn frame_in_place(&mut self, opcode: Opcode, start: usize, room: usize, size: usize) {
        let full = self.fragment_size.unwrap_or(usize::MAX);
        let before_last = size.saturating_sub(1) / full;
        let full_head = if before_last == 0 { 0 } else { Head::size(full, self.masks()) };
        let last_size = size - before_last * full;
        let last_head = Head::size(last_size, self.masks());

        let end = start + before_last * (full_head + full) + last_head + last_size;
        self.out.resize(end.max(self.out.len()), 0);
        // From the last to the first: only the first could move to the left, and then it is the only one.
        for index in (0..=before_last).rev() {
            let is_final = index == before_last;
            let (head, length) = if is_final { (last_head, last_size) } else { (full_head, full) };
            let from = start + room + index * full;
            let frame = start + index * (full_head + full);
            self.out.copy_within(from..from + length, frame + head);
            let opcode = if index == 0 { opcode } else { Opcode::Continuation };
            self.finish_frame(frame, opcode, is_final, length);
        }
        self.out.truncate(end);
    }

    /// Writes the head at `start`, before a payload of `length` that is in its place, and masks that.
    fn finish_frame(&mut self, start: usize, opcode: Opcode, is_final: bool, length: usize) {
        let key = self.random.as_mut().map(|random| {
            let mut key = mask::Key::default();
            random.fill(&mut key);
            key
        });
        let payload = start + Head::size(length, key.is_some());
        Head { opcode, is_final, mask: key, length: length as u64 }.write(&mut self.out[start..payload]);
        if let Some(key) = key {
            mask::apply(key, 0, &mut self.out[payload..payload + length]);
        }
    }

    fn masks(&self) -> bool {
        self.random.is_some()
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { random: _, fragment_size, out } = self;
        f.debug_struct("Sender").field("fragment_size", fragment_size).field("waiting", &out.len()).finish()
    }
}
