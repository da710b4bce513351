//! A text that mostly needs no memory of its own: an identifier, kept until its request is answered.

use std::fmt;

/// Of one byte less than so many, most are.
const INLINE: usize = 31;

/// Like a `Box<str>`, but what is short stands in it.
pub(super) enum Text {
    Short { bytes: [u8; INLINE], length: u8 },
    Long(Box<str>),
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        match self {
            // It was made of a text, so it is one.
            Self::Short { bytes, length } => std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text.as_bytes());
                Self::Short { bytes, length: text.len() as u8 }
            }
            None => Self::Long(text.into()),
        }
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        match self {
            Self::Short { bytes, length } => bytes[..usize::from(*length)] == *other.as_bytes(),
            Self::Long(text) => **text == *other,
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_it_was_made_of() {
        for length in [0, 1, INLINE - 1, INLINE, INLINE + 1, 1000] {
            for part in ["x", "\u{e4}"] {
                let made = part.repeat(length);
                let text = Text::from(made.as_str());
                assert_eq!(text.as_str(), made);
                assert!(text == *made.as_str() && text != *"other" && text != *format!("{made}x").as_str());
                assert_eq!(matches!(text, Text::Short { .. }), made.len() <= INLINE);
            }
        }
    }
}
