//! The answer to a request of ours: the head of the one that is wanted, or head and body of a refusal.
//!
//! Covers: RFC 7230 3 as a client needs it for a WebSocket handshake or a CONNECT; rows WS-6.2.3.1-1, WS-6.6-1. What it does
//! not do: say which fields an answer must have, follow redirects.

use std::fmt;

use bytes::BytesMut;

use super::{
    Limits,
    body::BodyReader,
    head::{Fields, Gatherer, room},
    printable,
};

/// An HTTP answer other than the one that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The phrase after the status.
    pub reason: String,
    /// All header fields.
    pub headers: Vec<(String, String)>,
    /// The body as far as it came, chunks joined, at most [`Limits::max_bytes`].
    pub body: Vec<u8>,
}

/// The answer that was wanted.
#[derive(Debug)]
pub(super) struct Answer {
    /// 1 for HTTP/1.1.
    pub(super) version: u8,
    pub(super) fields: Fields,
    /// What came behind the head.
    pub(super) leftover: BytesMut,
}

/// Why there is no such answer.
#[derive(Debug)]
pub(super) enum AnswerError {
    Refused(Refusal),
    /// The first bytes, printable.
    NotHttp(String),
    Malformed(String),
    TooLarge(Limits),
    /// The connection ended after so many bytes.
    Ended(usize),
}

/// Reads one answer, cut anywhere.
#[derive(Debug)]
pub(super) struct AnswerReader {
    limits: Limits,
    is_wanted: fn(u16) -> bool,
    /// Bytes of answers before the answer.
    interim: usize,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    Head(Gatherer),
    /// The body of a refusal.
    Body(Refusal, BodyReader),
}

/// What a head is.
enum Head {
    Wanted {
        version: u8,
        fields: Fields,
    },
    /// That of an answer before the answer (RFC 7231 6.2): it says nothing to us.
    Interim,
    Refused,
}

impl AnswerReader {
    /// For the answer whose status `is_wanted`; any other is a refusal. Answers before the answer are passed over.
    pub(super) fn new(limits: Limits, is_wanted: fn(u16) -> bool) -> Self {
        Self { limits, is_wanted, interim: 0, reading: Reading::Head(Gatherer::default()) }
    }

    pub(super) fn handle_data(&mut self, data: &[u8]) -> Result<Option<Answer>, AnswerError> {
        let mut data = BytesMut::from(data);
        loop {
            let gatherer = match &mut self.reading {
                Reading::Head(gatherer) => gatherer,
                Reading::Body(refusal, body) => {
                    return if body.read(&data, &mut refusal.body) {
                        Err(AnswerError::Refused(refusal.clone()))
                    } else {
                        Ok(None)
                    };
                }
            };
            let room = self.limits.max_bytes - self.interim;
            let gathered = gatherer.push(&data, room);
            // Before the size, so that it is the same however the bytes are cut.
            check_start(gatherer.so_far())?;
            let Some((head, leftover)) = gathered.map_err(|_| AnswerError::TooLarge(self.limits))? else {
                return Ok(None);
            };
            match self.read_head(&head)? {
                Head::Wanted { version, fields } => return Ok(Some(Answer { version, fields, leftover })),
                Head::Interim => self.interim += head.len(),
                Head::Refused => {}
            }
            data = leftover;
        }
    }

    /// The connection ended, or there is no more time: what this comes to.
    pub(super) fn handle_eof(&mut self) -> AnswerError {
        match &mut self.reading {
            Reading::Head(gatherer) => AnswerError::Ended(gatherer.so_far().len()),
            Reading::Body(refusal, _) => AnswerError::Refused(refusal.clone()),
        }
    }

    fn read_head(&mut self, head: &[u8]) -> Result<Head, AnswerError> {
        check_start(head)?;
        let mut room = room(&self.limits);
        let mut answer = httparse::Response::new(&mut room);
        match answer.parse(head) {
            Ok(status) if status.is_complete() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(AnswerError::TooLarge(self.limits)),
            Ok(_) => return Err(AnswerError::Malformed("its head ends early".to_owned())),
            Err(error) => return Err(AnswerError::Malformed(format!("its head is malformed: {error}"))),
        }
        let fields = Fields::from_parsed(answer.headers);
        let status = answer.code.unwrap_or_default();
        if (self.is_wanted)(status) {
            return Ok(Head::Wanted { version: answer.version.unwrap_or_default(), fields });
        }
        if status / 100 == 1 && status != 101 {
            return Ok(Head::Interim);
        }
        let body = BodyReader::new(status, &fields, self.limits.max_bytes);
        let reason = answer.reason.unwrap_or_default().to_owned();
        self.reading = Reading::Body(Refusal { status, reason, headers: fields.0, body: Vec::new() }, body);
        Ok(Head::Refused)
    }
}

/// Notices at once, not after the deadline, that the peer does not speak HTTP.
fn check_start(so_far: &[u8]) -> Result<(), AnswerError> {
    const START: &[u8] = b"HTTP/1.";
    let compared = so_far.len().min(START.len());
    if so_far[..compared] == START[..compared] { Ok(()) } else { Err(AnswerError::NotHttp(printable(so_far))) }
}

impl Refusal {
    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, printable(self.reason.as_bytes()))?;
        if let Some(location) = self.header("Location") {
            write!(f, ", pointing to {}", printable(location.as_bytes()))?;
        }
        match self.body.trim_ascii() {
            [] => Ok(()),
            body => write!(f, ": {}", printable(body)),
        }
    }
}
