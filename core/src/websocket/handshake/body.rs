//! The body of a refusal: read so that its end is noticed, and no more of it than a limit.
//!
//! Covers: RFC 7230 3.3.3 and 4.1 as far as a client needs it to tell people why it was refused.
//! What it does not do: trailers, content codings.

use bytes::{Buf, BytesMut};

use super::head::Fields;

/// How the end of a body is found.
#[derive(Debug)]
enum Framing {
    /// After so many bytes; also the limit, when the body lasts until the end of the connection.
    Length(usize),
    /// By chunks (RFC 7230 4.1); this is what has come of an unfinished one.
    Chunks(BytesMut),
}

/// A reader of one body.
#[derive(Debug)]
pub(super) struct BodyReader {
    framing: Framing,
    most: usize,
}

impl BodyReader {
    /// For the answer with this status and these fields; at most `most` bytes are read.
    pub(super) fn new(status: u16, fields: &Fields, most: usize) -> Self {
        let length = fields.first("Content-Length").and_then(|length| length.parse::<usize>().ok());
        let framing = if matches!(status, 100..=199 | 204 | 304) {
            Framing::Length(0)
        } else if fields.list_has("Transfer-Encoding", "chunked") {
            Framing::Chunks(BytesMut::new())
        } else {
            Framing::Length(length.map_or(most, |length| length.min(most)))
        };
        Self { framing, most }
    }

    /// Adds to `body` what `data` has of it. True: that was its end, or the limit.
    pub(super) fn read(&mut self, data: &[u8], body: &mut Vec<u8>) -> bool {
        match &mut self.framing {
            Framing::Length(length) => {
                let missing = *length - body.len();
                body.extend_from_slice(&data[..data.len().min(missing)]);
                body.len() == *length
            }
            Framing::Chunks(unread) => {
                unread.extend_from_slice(data);
                let is_end = read_chunks(unread, body);
                let is_full = body.len() + unread.len() >= self.most;
                body.truncate(self.most);
                is_end || is_full
            }
        }
    }
}

/// Moves whole chunks from `unread` to `body`. True: the last one was there, or these are no chunks.
fn read_chunks(unread: &mut BytesMut, body: &mut Vec<u8>) -> bool {
    loop {
        let (head, size) = match httparse::parse_chunk_size(unread) {
            Ok(httparse::Status::Complete((_, 0))) | Err(_) => return true,
            Ok(httparse::Status::Complete((head, size))) => (head, size),
            Ok(httparse::Status::Partial) => return false,
        };
        let rest = &unread[head..];
        let whole = usize::try_from(size).ok().filter(|size| rest.len().saturating_sub(2) >= *size);
        let Some(size) = whole else { return false };
        body.extend_from_slice(&rest[..size]);
        unread.advance(head + size + 2); // with the CRLF after the data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(fields: &[(&str, &str)]) -> BodyReader {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        BodyReader::new(400, &Fields(fields), 100)
    }

    /// The body, and whether its end was noticed.
    fn read(fields: &[(&str, &str)], stream: &[u8], step: usize) -> (Vec<u8>, bool) {
        let (mut reader, mut body) = (reader(fields), Vec::new());
        let is_end = stream.chunks(step).any(|piece| reader.read(piece, &mut body));
        (body, is_end)
    }

    const CHUNKED: &[(&str, &str)] = &[("Transfer-Encoding", "Chunked")];

    #[test]
    fn chunks_are_joined_however_they_are_cut() {
        for step in 1..40 {
            let stream = b"3\r\nno \r\nA;ext=1\r\nsuch AE ok\r\n0\r\n\r\n";
            assert_eq!(read(CHUNKED, stream, step), (b"no such AE ok".to_vec(), true), "by {step}");
            assert_eq!(read(CHUNKED, &stream[..12], step), (b"no ".to_vec(), false), "by {step}");
        }
    }

    #[test]
    fn what_is_no_chunk_ends_the_body() {
        assert_eq!(read(CHUNKED, b"3\r\nno \r\n<html>", 5), (b"no ".to_vec(), true));
        assert_eq!(read(CHUNKED, b"ffffffffffffffffff\r\n", 5), (b"".to_vec(), true));
    }

    #[test]
    fn no_framing_reads_beyond_the_limit() {
        let large = [b'x'; 300];
        assert_eq!(read(&[("Content-Length", "200")], &large, 7), (vec![b'x'; 100], true));
        assert_eq!(read(&[], &large, 7), (vec![b'x'; 100], true));
        let chunk = [b"12C\r\n".as_slice(), &large, b"\r\n0\r\n\r\n"].concat();
        assert_eq!(read(CHUNKED, &chunk, 1000), (vec![b'x'; 100], true));
        let (mut reader, mut body) = (reader(CHUNKED), Vec::new());
        let taken = chunk.iter().take_while(|byte| !reader.read(&[**byte], &mut body)).count();
        assert!(taken < 100, "an unfinished chunk counts as well");
    }
}
