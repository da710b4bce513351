//! What permessage-deflate is to be, and what two ends agreed on.
//!
//! Covers: RFC 7692 7.1 (the parameters and their meaning for each end); rows WS-6.2.2.8-1, WS-6.2.3.6-1. What it does not do:
//! negotiate ([`super::handshake`] does), or compress (`deflate` does).

/// The largest window: 32 KiB, what DEFLATE itself allows.
pub(super) const MAX_WINDOW_BITS: u8 = 15;

/// The smallest window that RFC 7692 7.1.2 knows: 256 bytes.
pub(super) const MIN_WINDOW_BITS: u8 = 8;

/// How one end wants to compress messages with permessage-deflate (RFC 7692), and how its peer is to.
///
/// By default neither end remembers anything from one message for the next: a connection then holds no memory for compression
/// between messages. With take-over repeated names cost almost nothing, at about 270 kB of memory for sending and 45 kB for
/// receiving, for as long as the connection lives.
///
/// ```
/// use onem2m_ws::websocket::Compression;
///
/// let small = Compression { level: 9, min_size: 64, ..Compression::default() };
/// small.check().unwrap();
/// assert!(Compression { send_window_bits: 7, ..small }.check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Whether a message that is sent may refer to those before it ("context takeover"); no. The peer can forbid it.
    pub send_takeover: bool,
    /// Whether the peer may do so; no.
    pub receive_takeover: bool,
    /// The window for sending, as a power of two: 8 to 15 for 256 bytes to 32 KiB; 15. The peer can ask for a smaller one.
    pub send_window_bits: u8,
    /// The largest window of the peer's, likewise: 8 to 15; 15. A server declines compression to a client that cannot be held
    /// to less.
    pub receive_window_bits: u8,
    /// How hard to try: 1 (fast) to 9 (small); 6.
    pub level: u32,
    /// Messages of fewer bytes are sent as they are: 128. Most of them would not become smaller.
    pub min_size: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            send_takeover: false,
            receive_takeover: false,
            send_window_bits: MAX_WINDOW_BITS,
            receive_window_bits: MAX_WINDOW_BITS,
            level: 6,
            min_size: 128,
        }
    }
}

impl Compression {
    /// Whether all is in range.
    ///
    /// # Errors
    /// A text that names what is not.
    pub fn check(&self) -> Result<(), String> {
        for (name, bits) in
            [("send_window_bits", self.send_window_bits), ("receive_window_bits", self.receive_window_bits)]
        {
            if !(MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&bits) {
                return Err(format!("compression: {name} is {bits}; it may be {MIN_WINDOW_BITS} to {MAX_WINDOW_BITS}"));
            }
        }
        if !(1..=9).contains(&self.level) {
            return Err(format!("compression: level is {}; it may be 1 to 9", self.level));
        }
        Ok(())
    }

    /// The agreement that has all as it is wanted here: what comes of a handshake with a peer of the same settings, but for
    /// its header.
    pub fn as_agreed(&self) -> Agreement {
        let Self { send_takeover, receive_takeover, send_window_bits, receive_window_bits, level, min_size } = *self;
        Agreement {
            send: Direction { takeover: send_takeover, window_bits: send_window_bits },
            receive: Direction { takeover: receive_takeover, window_bits: receive_window_bits },
            level,
            min_size,
        }
    }
}

/// What was agreed on in a handshake, as one end sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What binds this end.
    pub send: Direction,
    /// What binds the peer.
    pub receive: Direction,
    /// See [`Compression::level`].
    pub level: u32,
    /// See [`Compression::min_size`].
    pub min_size: usize,
}

/// What binds the sender of one direction (RFC 7692 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Whether a message may refer to those before it.
    pub takeover: bool,
    /// How far back it may refer: two to the power of this; 8 to 15.
    pub window_bits: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_edges() {
        let fine = Compression::default();
        for bits in [8, 15] {
            assert_eq!(
                Compression { send_window_bits: bits, receive_window_bits: bits, ..fine.clone() }.check(),
                Ok(())
            );
        }
        for bits in [0, 7, 16, 255] {
            assert!(Compression { send_window_bits: bits, ..fine.clone() }.check().is_err());
            assert!(Compression { receive_window_bits: bits, ..fine.clone() }.check().is_err());
        }
        for (level, good) in [(0, false), (1, true), (9, true), (10, false)] {
            assert_eq!(Compression { level, ..fine.clone() }.check().is_ok(), good, "level {level}");
        }
    }
}
