//! PEM (RFC 7468) of keys and certificates.
//!
//! Covers: nothing of TS-0020. Not by a crate, since no copy of a private key may stay in memory.

use data_encoding::BASE64;
use zeroize::Zeroizing;

/// The lines of a PEM text have as many characters (RFC 7468 2).
const LINE: usize = 64;

/// The bytes between `-----BEGIN label-----` and its end, in lines.
pub(super) fn encode(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(BASE64.encode(bytes));
    // As large as it gets, so that it never moves and leaves a copy.
    let size = digits.len() + digits.len() / LINE + 2 * label.len() + 40;
    let mut text = Zeroizing::new(String::with_capacity(size));
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

/// The bytes of every block with this label, in order; `None` if one is not closed, or no base64.
pub(super) fn decode(label: &str, text: &str) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&begin) {
        let (block, after) = after.split_once(&end)?;
        let mut digits = Zeroizing::new(String::with_capacity(block.len()));
        digits.extend(block.split_ascii_whitespace());
        blocks.push(Zeroizing::new(BASE64.decode(digits.as_bytes()).ok()?));
        rest = after;
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_never_moves_while_it_is_written() {
        for length in [0, 1, 47, 48, 49, 96, 121, 2000] {
            let bytes = vec![0xa5; length];
            let text = encode("X", &bytes);
            let digits = length.div_ceil(3) * 4;
            assert!(text.len() <= digits + digits / LINE + 42, "it has grown: {length}");
            assert!(text.lines().all(|line| line.len() <= LINE));
            assert_eq!(**decode("X", &text).unwrap().first().unwrap(), bytes);
        }
    }

    #[test]
    fn several_blocks_and_other_labels() {
        let text =
            [encode("X", b"one"), encode("Y", b"other"), encode("X", b"two")].map(|text| text.to_string()).concat();
        let found: Vec<Vec<u8>> = decode("X", &text).unwrap().iter().map(|block| block.to_vec()).collect();
        assert_eq!(found, [b"one".to_vec(), b"two".to_vec()]);
        assert!(decode("Z", &text).unwrap().is_empty());
        assert!(decode("X", "-----BEGIN X-----\nAAAA\n").is_none());
        assert!(decode("X", "-----BEGIN X-----\nA!\n-----END X-----\n").is_none());
    }
}
