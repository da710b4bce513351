//! Messages to bytes: the writing half of a connection.
//!
//! Covers: RFC 6455 5.3 (masking by clients), 5.4 (fragments), 6.1; RFC 7692 6.1; row WS-6.1-2.
//! What it does not do: decide whether anything may be sent (`connection` does).

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::{
    Agreement, Config, MessageKind, Random, Role,
    deflate::Deflater,
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
    config: Arc<Config>,
    deflater: Option<Box<Deflater>>,
    out: BytesMut,
}

impl Sender {
    pub(super) fn new(role: Role, config: Arc<Config>, random: Box<dyn Random>) -> Self {
        let random = (role == Role::Client).then_some(random);
        Self { random, config, deflater: None, out: BytesMut::new() }
    }

    /// Compresses messages from now on, as agreed.
    pub(super) fn compress(&mut self, agreement: &Agreement) {
        self.deflater = Some(Box::new(Deflater::new(agreement)));
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.deflater.is_some()
    }

    /// The largest payload of one frame.
    fn fragment_size(&self) -> Option<usize> {
        self.config.fragment_size.map(|size| size.max(1))
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
        let head = Head { opcode, is_final: true, is_compressed: false, mask: None, length: payload.len() as u64 };
        self.finish_frame(start, head);
    }

    /// Adds a message whose payload `write` appends to the buffer that it is given; gives the payload's size, before it is
    /// compressed.
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
        let room = Head::size(self.fragment_size().unwrap_or(COMMON_FRAME), self.masks());
        self.out.reserve(COMMON_MESSAGE);
        self.out.put_bytes(0, room);
        let payload = self.out.len();
        if let Err(error) = write(&mut self.out) {
            self.out.truncate(start);
            return Err(error);
        }
        let size = self.out.len().checked_sub(payload).expect("the payload is appended to the buffer");
        let is_compressed = self.deflater.as_mut().is_some_and(|deflater| deflater.compress(&mut self.out, payload));
        self.frame_in_place(kind, is_compressed, start, room);
        Ok(size)
    }

    /// Makes frames of the payload that ends the buffer, `room` bytes after `start`, moving each byte at most once.
    fn frame_in_place(&mut self, kind: MessageKind, is_compressed: bool, start: usize, room: usize) {
        let size = self.out.len() - start - room;
        let full = self.fragment_size().unwrap_or(usize::MAX);
        let before_last = if size <= full { 0 } else { (size - 1) / full }; // most need no division
        let full_head = if before_last == 0 { 0 } else { Head::size(full, self.masks()) };
        let last_size = size - before_last * full;
        let last_head = Head::size(last_size, self.masks());

        let end = start + before_last * (full_head + full) + last_head + last_size;
        if end > self.out.len() {
            self.out.resize(end, 0);
        }
        // From the last to the first: only the first could move to the left, and then it is the only one.
        for index in (0..=before_last).rev() {
            let is_final = index == before_last;
            let (head, length) = if is_final { (last_head, last_size) } else { (full_head, full) };
            let from = start + room + index * full;
            let frame = start + index * (full_head + full);
            if from != frame + head {
                self.out.copy_within(from..from + length, frame + head);
            }
            let opcode = if index == 0 { Opcode::Start(kind) } else { Opcode::Continuation };
            let is_compressed = is_compressed && index == 0;
            self.finish_frame(frame, Head { opcode, is_final, is_compressed, mask: None, length: length as u64 });
        }
        self.out.truncate(end);
    }

    /// Writes the head at `start`, before its payload, which is in its place, and masks that with a key of its own.
    fn finish_frame(&mut self, start: usize, mut head: Head) {
        let length = head.length as usize;
        let payload = start + Head::size(length, self.masks());
        if let Some(random) = &mut self.random {
            let mut key = mask::Key::default();
            random.fill(&mut key);
            head.mask = Some(key);
            mask::apply(key, 0, &mut self.out[payload..payload + length]);
        }
        head.write(&mut self.out[start..payload]);
    }

    fn masks(&self) -> bool {
        self.random.is_some()
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { random: _, config: _, deflater, out } = self;
        f.debug_struct("Sender").field("compresses", &deflater.is_some()).field("waiting", &out.len()).finish()
    }
}
