//! The masking of RFC 6455 5.3: every byte from a client is combined with a key of four bytes.
//!
//! Covers: RFC 6455 5.3. What it does not do: choose keys, or decide who masks.

use wide::u8x16;

/// A masking key as it stands in the frame head.
pub(super) type Key = [u8; 4];

/// Masks or unmasks `data` in place; `offset` is the position of its first byte within the frame's payload.
pub(super) fn apply(key: Key, offset: usize, data: &mut [u8]) {
    let turned: Key = std::array::from_fn(|i| key[offset.wrapping_add(i) & 3]);
    let sixteen = u8x16::new(std::array::from_fn(|i| turned[i & 3]));
    let (chunks, rest) = data.as_chunks_mut::<16>();
    for chunk in chunks {
        *chunk = (u8x16::new(*chunk) ^ sixteen).to_array();
    }
    let (words, rest) = rest.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(turned)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(turned) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in RFC 6455 5.3, one byte after the other.
    fn by_the_book(key: Key, offset: usize, data: &mut [u8]) {
        for (i, byte) in data.iter_mut().enumerate() {
            *byte ^= key[(offset + i) % 4];
        }
    }

    #[test]
    fn every_length_and_offset_agrees_with_the_definition() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..40 {
            for offset in 0..9 {
                let mut fast: Vec<u8> = (0..length).collect();
                let mut slow = fast.clone();
                apply(key, offset, &mut fast);
                by_the_book(key, offset, &mut slow);
                assert_eq!(fast, slow, "length {length}, offset {offset}");
            }
        }
    }

    #[test]
    fn twice_is_the_identity() {
        let mut data = *b"one primitive = one WebSocket message";
        apply([1, 2, 3, 4], 0, &mut data);
        assert_ne!(&data, b"one primitive = one WebSocket message");
        apply([1, 2, 3, 4], 0, &mut data);
        assert_eq!(&data, b"one primitive = one WebSocket message");
    }
}
