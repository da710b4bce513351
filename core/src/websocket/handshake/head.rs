//! The head of an HTTP/1.1 message: gathered up to its blank line, then read once into fields.
//!
//! Covers: RFC 7230 3 as far as a WebSocket handshake needs it; row WS-6.2.1-1. What it does not do: bodies, folded lines
//! (refused, RFC 7230 3.2.4), and any judgement on what the fields say.

use bytes::BytesMut;

use super::Limits;

/// The head is larger than [`Limits`] allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Gathers bytes up to the blank line; every byte is searched once, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    bytes: BytesMut,
    searched: usize,
    /// Bytes of blank lines before the head; they count, or there would be no end to them.
    skipped: usize,
}

impl Gatherer {
    /// What has come so far.
    pub(super) fn so_far(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes more bytes. With the blank line: the head with it, and what came after it.
    pub(super) fn push(&mut self, data: &[u8], max_bytes: usize) -> Result<Option<(BytesMut, BytesMut)>, TooLarge> {
        self.bytes.extend_from_slice(data);
        let Some(end) = self.find_end() else {
            return if self.skipped + self.bytes.len() < max_bytes { Ok(None) } else { Err(TooLarge) };
        };
        if self.skipped + end > max_bytes {
            return Err(TooLarge);
        }
        let mut head = std::mem::take(self).bytes;
        let rest = BytesMut::from(&head[end..]);
        head.truncate(end);
        Ok(Some((head, rest)))
    }

    /// The position after the blank line. A line may end with LF alone (RFC 7230 3.5). Blank lines before the first other
    /// one end nothing (likewise).
    fn find_end(&mut self) -> Option<usize> {
        if self.searched == 0 {
            let blank = self.bytes.iter().take_while(|b| b"\r\n".contains(b)).count();
            let _ = self.bytes.split_to(blank);
            self.skipped += blank;
        }
        let mut end = None;
        for at in memchr::memchr_iter(b'\n', &self.bytes[self.searched..]).map(|at| at + self.searched) {
            let line = self.bytes[..at].strip_suffix(b"\r").unwrap_or(&self.bytes[..at]);
            if line.ends_with(b"\n") {
                end = Some(at + 1);
                break;
            }
        }
        self.searched = self.bytes.len();
        end
    }
}

/// Header fields in the order in which they came. Names compare without regard to case (RFC 7230 3.2).
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// Values that are not UTF-8 keep what can be read of them; nothing that a handshake depends on is beyond ASCII.
    pub(super) fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim_matches([' ', '\t']).to_owned();
        Self(parsed.iter().map(|field| (field.name.to_owned(), text(field.value))).collect())
    }

    /// The values of all fields of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of that name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a field that may be there once only.
    pub(super) fn only(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value),
        }
    }

    /// The elements of a comma-separated list over all fields of that name; empty ones do not count (RFC 7230 7).
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all(name)
            .flat_map(|value| value.split(','))
            .map(|element| element.trim_matches([' ', '\t']))
            .filter(|e| !e.is_empty())
    }

    /// Whether the list of that name has `token`, in any case.
    pub(super) fn list_has(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token))
    }
}

/// A field that may be there once only is there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

/// Room for the fields that `limits` allow.
pub(super) fn room(limits: &Limits) -> Vec<httparse::Header<'static>> {
    vec![httparse::EMPTY_HEADER; limits.max_fields]
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = Option<(Vec<u8>, Vec<u8>)>;

    /// Pushes `stream` in pieces of `step` bytes; the head, and what was left over together with what was not pushed.
    fn gather(stream: &[u8], step: usize, max: usize) -> Result<Parts, TooLarge> {
        let mut gatherer = Gatherer::default();
        for (i, piece) in stream.chunks(step).enumerate() {
            if let Some((head, rest)) = gatherer.push(piece, max)? {
                let unread = stream.get((i + 1) * step..).unwrap_or_default();
                return Ok(Some((head.to_vec(), [&rest, unread].concat())));
            }
        }
        Ok(None)
    }

    #[test]
    fn the_head_ends_with_its_first_blank_line_however_it_is_cut() {
        for stream in ["A\r\nB: c\r\n\r\nD\r\n\r\n", "A\nB: c\n\nD\r\n\r\n", "A\r\nB: c\n\r\nD\r\n\r\n"] {
            let head = stream.find('D').unwrap();
            for step in 1..=stream.len() {
                let (got, rest) = gather(stream.as_bytes(), step, 100).unwrap().unwrap();
                assert_eq!((got.as_slice(), rest.as_slice()), stream.as_bytes().split_at(head), "{stream:?} by {step}");
            }
        }
    }

    #[test]
    fn blank_lines_before_the_head_end_nothing() {
        for step in 1..8 {
            let (head, rest) = gather(b"\r\n\r\nA\r\n\r\nB", step, 100).unwrap().unwrap();
            assert_eq!((head.as_slice(), rest.as_slice()), (b"A\r\n\r\n".as_slice(), b"B".as_slice()));
        }
    }

    #[test]
    fn the_limit_is_the_size_of_the_head() {
        for step in 1..20 {
            assert!(gather(b"12345\r\n\r\nmore", step, 9).unwrap().is_some(), "by {step}");
            assert_eq!(gather(b"123456\r\n\r\nmore", step, 9), Err(TooLarge), "by {step}");
            assert_eq!(gather(b"no blank line at all", step, 9), Err(TooLarge), "by {step}");
            assert!(gather(b"\r\n12345\n\n", step, 9).unwrap().is_some(), "by {step}");
            assert_eq!(gather(b"\r\n\n12345\n\n", step, 9), Err(TooLarge), "by {step}");
            assert_eq!(gather(&[b'\n'; 99], step, 9), Err(TooLarge), "by {step}");
        }
    }

    #[test]
    fn lists_join_lines_and_commas() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = Fields(vec![field("A", "x, ,Y"), field("b", "no"), field("a", "\tz ,")]);
        assert_eq!(fields.list("a").collect::<Vec<_>>(), ["x", "Y", "z"]);
        assert!(fields.list_has("A", "y") && !fields.list_has("A", "no"));
        assert_eq!((fields.only("b"), fields.only("a"), fields.only("c")), (Ok(Some("no")), Err(Repeated), Ok(None)));
    }
}
