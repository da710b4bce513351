//! One pass over JSON text: finds where values end and proves that they are JSON.
//!
//! Covers: RFC 8259 in full, and no more than that: no byte order mark, no comments, no lone surrogates. Builds nothing.
//! Nesting is counted in a word of bits, not on the stack of the thread, so that a peer cannot exhaust that.

use wide::u8x16;

use super::super::parameter::Word;
use super::super::{DecodeError, DecodeErrorKind, MAX_DEPTH};

/// What a value turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// A string. One with a backslash is escaped.
    String { escaped: bool },
    /// An object or array with so many members or items.
    Container { entries: usize },
}

/// A string: its bytes between the quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It contains a backslash and must be unescaped before it is compared or used.
    pub(super) escaped: bool,
}

/// A position in JSON text.
///
/// The text must be UTF-8; everything else is checked. What is called for each member is inlined and nothing else is given the
/// address of a scanner, so that its position stays in a register: each step waits for the one before.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: u32,
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// The first byte from `at` on that cannot stand in a string as it is (`"`, `\`, a control character), or the end.
#[inline]
pub(super) fn find_special(bytes: &[u8], mut at: usize) -> usize {
    // Sixteen at a time, which is more than most strings have.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let chunk = u8x16::new(*chunk);
        let special = chunk.cmp_eq(u8x16::splat(b'"'))
            | chunk.cmp_eq(u8x16::splat(b'\\'))
            | chunk.cmp_eq(chunk.min(u8x16::splat(0x1f)));
        let marks = special.move_mask();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
    }
    // Then eight. The lowest of the marks is right, and that is the one that counts.
    if let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (marks(word, b'"') | marks(word, b'\\') | control) & HIGH;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        at += 1;
    }
    at
}

/// The high bit of each byte of `word` that equals `byte`, of the first of them at least; the other bits have no meaning.
#[inline(always)]
fn marks(word: u64, byte: u8) -> u64 {
    let zeros = word ^ (ONES * u64::from(byte));
    zeros.wrapping_sub(ONES) & !zeros
}

impl<'a> Scanner<'a> {
    /// At the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8], max_depth: u32) -> Self {
        Self { bytes, at: 0, max_depth: max_depth.min(MAX_DEPTH) }
    }

    /// Where it stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space; zero, which is nowhere JSON outside of strings, at the end.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> u8 {
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => *byte,
            _ => {
                self.at = skip_space(self.bytes, self.at);
                self.bytes.get(self.at).copied().unwrap_or(0)
            }
        }
    }

    /// Whether nothing but white space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.peek();
        self.at == self.bytes.len()
    }

    /// Skips the bracket that comes next and opens an object or array inside `depth` others.
    pub(super) fn enter(&mut self, depth: u32) -> Result<(), DecodeError> {
        if depth >= self.max_depth {
            return Err(DecodeError::at(DecodeErrorKind::TooDeep, self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// Skips `byte`, which must come next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8, what: &'static str) -> Result<(), DecodeError> {
        if self.peek() != byte {
            return expected(what, self.at);
        }
        self.at += 1;
        Ok(())
    }

    /// Skips `byte` if it comes next.
    #[inline]
    pub(super) fn take_if(&mut self, byte: u8) -> bool {
        // A branch, not `self.at += usize::from(found)`: that was lost in optimized builds (rustc 1.95.0, its pass
        // SimplifyComparisonIntegral). The tests of the codec run optimized, too, for the sake of its like.
        if self.peek() != byte {
            return false;
        }
        self.at += 1;
        true
    }

    /// Skips a string that comes next; tells whether it contains a backslash.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<bool, DecodeError> {
        if self.peek() != b'"' {
            return expected("a string", self.at);
        }
        self.string_here()
    }

    /// Skips a string whose quote is the next byte.
    ///
    /// Always inlined, as what calls it: that is a third of the time that a small message takes.
    #[inline(always)]
    fn string_here(&mut self) -> Result<bool, DecodeError> {
        self.at = find_special(self.bytes, self.at + 1);
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(false);
        }
        self.at = rest_of_string(self.bytes, self.at)?;
        Ok(true)
    }

    /// Skips the name of a member and its colon; tells where the name stands.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Result<StringSpan, DecodeError> {
        self.peek();
        let start = self.at + 1;
        let escaped = self.string()?;
        let end = self.at - 1;
        self.take(b':', "a colon")?;
        Ok(StringSpan { start, end, escaped })
    }

    /// What may be the name of a member, without skipping it, and how many bytes it has, if they are few with a colon after them.
    /// Whether they are a name, and plain, shows when they equal one.
    #[inline(always)]
    pub(super) fn short_name(&mut self) -> Option<(Word, usize)> {
        if self.peek() != b'"' {
            return None;
        }
        let chunk: &[u8; Word::MOST + 3] = self.bytes.get(self.at..)?.first_chunk()?;
        let word = u64::from_le_bytes(*chunk[1..].first_chunk()?);
        let length = (marks(word, b'"') & HIGH).trailing_zeros() as usize / 8;
        if length > Word::MOST || chunk[length + 2] != b':' {
            return None;
        }
        Some((Word::cut(word, length), length))
    }

    /// Skips a name of `length` bytes that [`short_name`](Self::short_name) found, and its colon.
    #[inline(always)]
    pub(super) fn skip_short_name(&mut self, length: usize) -> StringSpan {
        let start = self.at + 1;
        self.at = start + length + 2;
        StringSpan { start, end: start + length, escaped: false }
    }

    /// Skips one value that stands inside `depth` open objects and arrays.
    #[inline(always)]
    pub(super) fn value(&mut self, depth: u32) -> Result<Value, DecodeError> {
        match self.peek() {
            b'"' => {
                let escaped = self.string_here()?;
                Ok(Value::String { escaped })
            }
            b'{' | b'[' => {
                let (end, entries) = container(*self, depth)?;
                self.at = end;
                Ok(Value::Container { entries })
            }
            // Most numbers of a primitive have one digit.
            b'0'..=b'9' if let Some(b',' | b'}') = self.bytes.get(self.at + 1) => {
                self.at += 1;
                Ok(Value::Scalar)
            }
            _ => {
                self.at = scalar(self.bytes, self.at)?;
                Ok(Value::Scalar)
            }
        }
    }
}

/// Where the object or array at whose first byte `scanner` stands ends, and how many members or items it has.
fn container(scanner: Scanner<'_>, outer: u32) -> Result<(usize, usize), DecodeError> {
    let mut scanner = scanner;
    // Bit 0 tells whether the innermost open container is an object, bit 1 the one around it, and so on.
    let mut objects: u64 = 0;
    let mut depth = outer;
    let mut entries = 0;
    'value: loop {
        match scanner.peek() {
            open @ (b'{' | b'[') => {
                if depth >= scanner.max_depth {
                    return Err(DecodeError::at(DecodeErrorKind::TooDeep, scanner.at));
                }
                depth += 1;
                scanner.at += 1;
                let is_object = open == b'{';
                objects = objects << 1 | u64::from(is_object);
                // The bracket that closes is two above the one that opens, in both pairs.
                if scanner.peek() != open + 2 {
                    entries += usize::from(depth == outer + 1);
                    if is_object {
                        scanner.name()?;
                    }
                    continue 'value;
                }
            }
            b'"' => {
                scanner.string_here()?;
            }
            _ => scanner.at = scalar(scanner.bytes, scanner.at)?,
        }
        loop {
            let is_object = objects & 1 == 1;
            match scanner.peek() {
                b',' => {
                    scanner.at += 1;
                    entries += usize::from(depth == outer + 1);
                    if is_object {
                        scanner.name()?;
                    }
                    continue 'value;
                }
                b'}' if is_object => {}
                b']' if !is_object => {}
                _ => return expected("a comma or the closing bracket", scanner.at),
            }
            scanner.at += 1;
            objects >>= 1;
            depth -= 1;
            if depth == outer {
                return Ok((scanner.at, entries));
            }
        }
    }
}

#[cold]
fn expected<T>(what: &'static str, at: usize) -> Result<T, DecodeError> {
    Err(DecodeError::at(DecodeErrorKind::Syntax(what), at))
}

/// Where white space ends.
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where a string ends, its closing quote included, from something in it that is not its end.
fn rest_of_string(bytes: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(bytes, at)?,
            Some(_) => return expected("an escaped control character", at),
            None => return expected("the end of the string", at),
        }
        at = find_special(bytes, at);
    }
}

/// Where an escape sequence ends.
fn escape(bytes: &[u8], at: usize) -> Result<usize, DecodeError> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex(bytes, at + 2) {
            Some(0xd800..=0xdbff) => {
                let low = match bytes.get(at + 6..at + 8) {
                    Some(br"\u") => hex(bytes, at + 8),
                    _ => None,
                };
                match low {
                    Some(0xdc00..=0xdfff) => Ok(at + 12),
                    _ => expected("a pair of surrogates", at),
                }
            }
            Some(0xdc00..=0xdfff) => expected("a pair of surrogates", at),
            Some(_) => Ok(at + 6),
            None => expected("four hexadecimal digits", at),
        },
        _ => expected("an escape sequence", at),
    }
}

fn hex(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 4)?.iter();
    digits.copied().try_fold(0, |code, digit| Some(code << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?))
}

/// Where a number, `true`, `false` or `null` ends.
#[inline]
fn scalar(bytes: &[u8], at: usize) -> Result<usize, DecodeError> {
    match bytes.get(at) {
        Some(b'-' | b'0'..=b'9') => number(bytes, at),
        Some(b't') => literal(bytes, at, b"true"),
        Some(b'f') => literal(bytes, at, b"false"),
        Some(b'n') => literal(bytes, at, b"null"),
        _ => expected("a value", at),
    }
}

fn literal(bytes: &[u8], at: usize, text: &'static [u8]) -> Result<usize, DecodeError> {
    if bytes[at..].starts_with(text) { Ok(at + text.len()) } else { expected("a value", at) }
}

#[inline]
fn digits(bytes: &[u8], start: usize) -> Result<usize, DecodeError> {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    if at == start { expected("a digit", at) } else { Ok(at) }
}

fn number(bytes: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    if bytes.get(at) == Some(&b'0') {
        at += 1;
    } else {
        at = digits(bytes, at)?;
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    Ok(at)
}

/// The text of a string without its escapes. `text` is what a [`Scanner`] found between two quotes.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (character, length) = escaped_character(&rest.as_bytes()[at..]);
        out.push(character);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// The character that an escape sequence stands for, and the length of the sequence.
fn escaped_character(sequence: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        u32::from_str_radix(std::str::from_utf8(sequence.get(at..at + 4)?).ok()?, 16).ok()
    };
    let simple = |byte| (char::from(byte), 2);
    match sequence.get(1) {
        Some(b'b') => simple(0x08),
        Some(b'f') => simple(0x0c),
        Some(b'n') => simple(b'\n'),
        Some(b'r') => simple(b'\r'),
        Some(b't') => simple(b'\t'),
        Some(b'u') => match (unit(2), unit(8)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                let code = 0x1_0000 + ((high - 0xd800) << 10 | (low - 0xdc00));
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            (Some(code), _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            (None, _) => (char::REPLACEMENT_CHARACTER, sequence.len().min(2)),
        },
        Some(other) => simple(*other),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_string_is_found_at_every_place_and_length() {
        for byte in 0..=u8::MAX {
            let is_special = matches!(byte, b'"' | b'\\' | 0..0x20);
            for length in 1..40 {
                for place in 0..length {
                    // A `#` after a `"` is marked too, by the borrow; only the first mark counts.
                    let mut bytes = vec![b'#'; length];
                    bytes[place] = byte;
                    let first = if is_special { place } else { length };
                    assert_eq!(find_special(&bytes, 0), first, "{byte:#x} at {place} of {length}");
                    assert_eq!(find_special(&bytes, place), first, "{byte:#x} at {place} of {length}");
                }
            }
        }
    }
}
