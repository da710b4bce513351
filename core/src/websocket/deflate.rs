//! Messages to and from DEFLATE, one direction each, with the contexts that this takes.
//!
//! Covers: RFC 7692 6 and 7.2; rows WS-6.2.2.8-1, WS-6.2.3.6-1. A context is large (270 kB for sending, 45 kB for receiving), so
//! without take-over one is borrowed from a pool of the process for the time of a message. What it does not do: negotiate, or
//! know of frames.

use std::sync::Mutex;

use bytes::BytesMut;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::compression::{Agreement, Direction, MIN_WINDOW_BITS};

/// What ends each message as DEFLATE writes it, and is left out on the wire (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// An empty block that says it is the last (RFC 1951 3.2.3 and 3.2.6).
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Contexts that are kept for the next message: about 1 MB.
static COMPRESSORS: Pool<Compressor> = Pool::new(4);
static DECOMPRESSORS: Pool<Decompress> = Pool::new(8);

/// Contexts that nobody uses now. Nobody ever waits for it: who cannot have it at once makes a context.
struct Pool<T> {
    spare: Mutex<Vec<T>>,
    most: usize,
}

impl<T> Pool<T> {
    const fn new(most: usize) -> Self {
        Self { spare: Mutex::new(Vec::new()), most }
    }

    fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut spare = self.spare.try_lock().ok()?;
        let at = spare.iter().position(fits)?;
        Some(spare.swap_remove(at))
    }

    fn put(&self, context: T) {
        if let Ok(mut spare) = self.spare.try_lock()
            && spare.len() < self.most
        {
            spare.push(context);
        }
    }
}

/// A context for sending, and room for what it makes.
struct Compressor {
    deflate: Compress,
    window_bits: u8,
    level: u32,
    written: Vec<u8>,
}

/// Room for a compressed message that a context keeps.
const MOST_ROOM: usize = 64 << 10;

impl Compressor {
    fn take(window_bits: u8, level: u32) -> Self {
        // The library has no window of 256 bytes; see `compress`.
        let bits = window_bits.max(MIN_WINDOW_BITS + 1);
        COMPRESSORS.take(|spare| spare.window_bits == bits && spare.level == level).unwrap_or_else(|| Self {
            deflate: Compress::new_with_window_bits(flate2::Compression::new(level), false, bits),
            window_bits: bits,
            level,
            written: Vec::new(),
        })
    }

    fn give_back(mut self) {
        self.deflate.reset();
        self.written.clear();
        self.written.shrink_to(MOST_ROOM);
        COMPRESSORS.put(self);
    }

    /// Appends blocks for `input` to `written`, up to a whole byte (RFC 7692 7.2.1, steps 1 and 2).
    fn write(&mut self, input: &[u8]) {
        let before = self.deflate.total_in();
        loop {
            let taken = (self.deflate.total_in() - before) as usize;
            let left = &input[taken..];
            self.written.reserve(left.len() + 64);
            // With an output buffer that grows, and input that may be anything, there is nothing to fail.
            let status = self.deflate.compress_vec(left, &mut self.written, FlushCompress::Sync);
            debug_assert!(status.is_ok());
            let is_all = (self.deflate.total_in() - before) as usize == input.len();
            // All is flushed when room was left (zlib's manual on Z_SYNC_FLUSH); `BufError` says that nothing was left to do.
            let has_room = self.written.len() < self.written.capacity();
            if status.is_err() || (is_all && (has_room || matches!(status, Ok(Status::BufError)))) {
                return;
            }
        }
    }
}

/// The compressing of what one end sends.
pub(super) struct Deflater {
    direction: Direction,
    level: u32,
    min_size: usize,
    /// With take-over: what the next message may refer to.
    kept: Option<Compressor>,
}

impl Deflater {
    pub(super) fn new(agreement: &Agreement) -> Self {
        let Agreement { send, level, min_size, .. } = *agreement;
        Self { direction: send, level, min_size, kept: None }
    }

    /// Replaces the message that `out` has from `start` on by its compressed form. False: it stays as it is, since it is small,
    /// or would become no smaller.
    pub(super) fn compress(&mut self, out: &mut BytesMut, start: usize) -> bool {
        let size = out.len() - start;
        if size < self.min_size {
            return false;
        }
        let Direction { takeover, window_bits } = self.direction;
        let mut context = self.kept.take().unwrap_or_else(|| Compressor::take(window_bits, self.level));
        context.written.clear();
        if window_bits == MIN_WINDOW_BITS {
            // Blocks that know nothing of each other, each of one window at most, refer no further back than the window.
            for part in out[start..].chunks(1 << MIN_WINDOW_BITS) {
                context.write(part);
                context.deflate.reset();
            }
        } else {
            context.write(&out[start..]);
        }
        let written = context.written.strip_suffix(&TAIL).unwrap_or(&context.written);
        // RFC 7692 7.2.3.6: nothing is one empty block.
        let written = if written.is_empty() { &[0] } else { written };
        // With take-over the peer has to see all that later messages may refer to.
        let counts = takeover || written.len() < size;
        if counts {
            out.truncate(start);
            out.extend_from_slice(written);
        }
        if takeover {
            context.written.shrink_to(0);
            self.kept = Some(context);
        } else {
            context.give_back();
        }
        counts
    }
}

/// Why a message cannot be decompressed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// It is not DEFLATE.
    Corrupt,
    /// There is more in it than the limit.
    TooLarge,
}

/// The decompressing of what the peer sends.
#[derive(Debug)]
pub(super) struct Inflater {
    takeover: bool,
    /// While a message is under way, and with take-over between messages too.
    context: Option<Decompress>,
    /// A block that says it is the last has ended (RFC 7692 7.2.3.4), and nothing has come since.
    ended: bool,
    /// Something of a message has come.
    begun: bool,
}

impl Inflater {
    pub(super) fn new(agreement: &Agreement) -> Self {
        Self { takeover: agreement.receive.takeover, context: None, ended: false, begun: false }
    }

    /// Appends to `message` what the next `piece` of it holds, until there would be more than `most` bytes in it. `is_end`: it is
    /// the last piece.
    pub(super) fn decompress(
        &mut self,
        piece: &[u8],
        is_end: bool,
        message: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), InflateError> {
        self.begun |= !piece.is_empty();
        self.take_in(piece, message, most)?;
        // Nothing at all is no block (RFC 7692 7.2.3.6), and what is meant is plain.
        if !is_end || !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        if !self.ended {
            self.take_in(&TAIL, message, most)?;
        }
        if self.takeover {
            return Ok(());
        }
        // Whether the message ended with a block: if so, another one can follow. With take-over that would end too much, and
        // what is cut off within a block spoils the next message.
        if !self.ended {
            self.take_in(&LAST_BLOCK, message, most)?;
        }
        if !std::mem::take(&mut self.ended) {
            return Err(InflateError::Corrupt);
        }
        if let Some(mut context) = self.context.take() {
            context.reset(false);
            DECOMPRESSORS.put(context);
        }
        Ok(())
    }

    /// The heap memory held between messages, as far as it matters.
    #[cfg(test)]
    pub(super) fn holds_a_context(&self) -> bool {
        self.context.is_some()
    }

    fn take_in(&mut self, mut input: &[u8], message: &mut Vec<u8>, most: usize) -> Result<(), InflateError> {
        if input.is_empty() {
            return Ok(());
        }
        // The peer's window may be smaller; the library's own takes all of them.
        let context =
            self.context.get_or_insert_with(|| DECOMPRESSORS.take(|_| true).unwrap_or_else(|| Decompress::new(false)));
        loop {
            if self.ended {
                if input.is_empty() {
                    return Ok(());
                }
                // What follows is a data set of its own: nothing in it refers back beyond its beginning (RFC 1951 2).
                context.reset(false);
                self.ended = false;
            }
            make_room(message, input.len(), most)?;
            let before = context.total_in();
            let status = context.decompress_vec(input, message, FlushDecompress::Sync);
            let taken = (context.total_in() - before) as usize;
            input = &input[taken..];
            if message.len() > most {
                return Err(InflateError::TooLarge);
            }
            match status {
                Err(_) => return Err(InflateError::Corrupt),
                Ok(Status::StreamEnd) => self.ended = true,
                // All is taken, and with room left over there is nothing more to come out.
                Ok(_) if input.is_empty() && message.len() < message.capacity() => return Ok(()),
                Ok(Status::BufError) if taken == 0 && message.len() < message.capacity() => {
                    return Err(InflateError::Corrupt);
                }
                Ok(_) => {}
            }
        }
    }
}

/// Makes room in `message` for some of what so much input may become: never for more than one byte above the limit, by which
/// it is noticed that there is more.
fn make_room(message: &mut Vec<u8>, input: usize, most: usize) -> Result<(), InflateError> {
    if message.len() < message.capacity() {
        return Ok(());
    }
    let missing = most.saturating_add(1) - message.len();
    let wanted = message.len().max(input.saturating_mul(4)).max(64);
    message.try_reserve_exact(wanted.min(missing)).map_err(|_| InflateError::TooLarge)
}

#[cfg(test)]
mod tests;
