//! UTF-8 checked as it arrives, in pieces cut anywhere (RFC 6455 8.1).
//!
//! Covers: RFC 6455 5.6 and 8.1 with RFC 3629. A wrong byte is noticed with the piece that holds it, not at the end of the
//! message. What it does not do: keep the text; only the up to three bytes of an unfinished character stay here.

use simdutf8::{basic, compat::from_utf8};

/// A text that is there as a whole, if it is one.
pub(super) fn whole(text: &[u8]) -> Option<&str> {
    basic::from_utf8(text).ok()
}

/// The check of one text, from its first to its last byte.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// The bytes of a character whose end has not arrived: `unfinished[..len]`.
    unfinished: [u8; 4],
    len: u8,
}

impl Checker {
    /// Takes the next piece. False as soon as no continuation could make the text valid.
    #[must_use]
    pub(super) fn accepts(&mut self, mut piece: &[u8]) -> bool {
        if self.len > 0 {
            match self.finish_character(piece) {
                Some(rest) => piece = rest,
                None => return false,
            }
        }
        match from_utf8(piece) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() => {
                let tail = &piece[error.valid_up_to()..];
                self.unfinished[..tail.len()].copy_from_slice(tail);
                self.len = tail.len() as u8;
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the text may end here, not within a character.
    #[must_use]
    pub(super) fn may_end(&self) -> bool {
        self.len == 0
    }

    /// Completes the unfinished character from the front of `piece` as far as it goes. `None`: it cannot be completed.
    fn finish_character<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let have = usize::from(self.len);
        // A byte that starts no character is never kept, so the first byte tells the width.
        let width = match self.unfinished[0] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        let (end, rest) = piece.split_at(piece.len().min(width - have));
        self.unfinished[have..have + end.len()].copy_from_slice(end);
        let so_far = &self.unfinished[..have + end.len()];
        match std::str::from_utf8(so_far) {
            Ok(_) => self.len = 0,
            Err(error) if error.error_len().is_none() => self.len = so_far.len() as u8,
            Err(_) => return None,
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `text` passes when it arrives in pieces of `step` bytes.
    fn passes(text: &[u8], step: usize) -> bool {
        let mut checker = Checker::default();
        text.chunks(step).all(|piece| checker.accepts(piece)) && checker.may_end()
    }

    #[test]
    fn edges_of_utf8_in_pieces_of_every_size() {
        // What is valid is decided by RFC 3629; the third column says where the first byte stands that cannot be mended.
        let table: &[(&str, &[u8], Option<usize>)] = &[
            ("empty", b"", None),
            ("ascii", b"m2m:rqp", None),
            ("U+0000", b"\0", None),
            ("two bytes, first", "\u{80}".as_bytes(), None),
            ("two bytes, last", "\u{7ff}".as_bytes(), None),
            ("three bytes, first", "\u{800}".as_bytes(), None),
            ("below the surrogates", "\u{d7ff}".as_bytes(), None),
            ("above the surrogates", "\u{e000}".as_bytes(), None),
            ("noncharacter U+FFFF", "\u{ffff}".as_bytes(), None),
            ("four bytes, first", "\u{10000}".as_bytes(), None),
            ("four bytes, last", "\u{10ffff}".as_bytes(), None),
            ("greek", "κόσμε".as_bytes(), None),
            ("surrogate D800", b"\xed\xa0\x80", Some(1)),
            ("surrogate DFFF", b"\xed\xbf\xbf", Some(1)),
            ("above U+10FFFF", b"\xf4\x90\x80\x80", Some(1)),
            ("lead F5", b"\xf5\x80\x80\x80", Some(0)),
            ("lead FE", b"\xfe", Some(0)),
            ("overlong slash, two", b"\xc0\xaf", Some(0)),
            ("overlong slash, three", b"\xe0\x80\xaf", Some(1)),
            ("overlong slash, four", b"\xf0\x80\x80\xaf", Some(1)),
            ("overlong U+007F", b"\xc1\xbf", Some(0)),
            ("lone continuation", b"\x80", Some(0)),
            ("two-byte lead, then ascii", b"\xc3a", Some(1)),
            ("three-byte lead, then ascii", b"\xe2\x82a", Some(2)),
            ("Autobahn 6.4.1", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited", Some(12)),
            ("latin-1", b"caf\xe9!", Some(4)),
        ];
        for (name, text, wrong_at) in table {
            for step in 1..=text.len().max(1) {
                assert_eq!(passes(text, step), wrong_at.is_none(), "{name} in pieces of {step}");
            }
            // Fail fast: everything before the wrong byte passes, nothing with it does.
            if let Some(at) = *wrong_at {
                assert!(Checker::default().accepts(&text[..at]), "{name} before the wrong byte");
                let mut bytewise = Checker::default();
                assert!(text[..at].iter().all(|b| bytewise.accepts(&[*b])), "{name} before the wrong byte");
                assert!(!bytewise.accepts(&text[at..=at]), "{name} at the wrong byte");
            }
        }
    }

    #[test]
    fn a_text_may_not_end_within_a_character() {
        for text in ["é", "€", "😀"] {
            for cut in 1..text.len() {
                let mut checker = Checker::default();
                assert!(checker.accepts(&text.as_bytes()[..cut]));
                assert!(!checker.may_end(), "{text} cut at {cut}");
                assert!(checker.accepts(&text.as_bytes()[cut..]));
                assert!(checker.may_end());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn pieces_agree_with_the_standard_library(text: Vec<u8>, step in 1usize..7) {
            proptest::prop_assert_eq!(passes(&text, step), std::str::from_utf8(&text).is_ok());
        }

        #[test]
        fn valid_text_passes_in_pieces(text: String, step in 1usize..70) {
            proptest::prop_assert!(passes(text.as_bytes(), step));
        }
    }
}
