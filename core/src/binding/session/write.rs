//! What a session writes to its connection: requests from the queue, answers of the application, and refusals of its own.
//!
//! Covers: rows WS-5.1-1, WS-5.2-6. Decides about no request: what may be sent, and what a response means, is decided beside.

use bytes::BytesMut;

use super::super::subprotocol::message_kind;
use super::super::{IncomingToken, Now, Registration};
use super::Session;
use crate::codec;
use crate::primitive::{Format, Operation, Request, Response, StatusCode};
use crate::websocket::{self, Connection};
use crate::{Error, ErrorKind, Result};

impl<W> Session<W> {
    pub(super) fn write_queue(&mut self) {
        while self.pace.as_ref().is_some_and(|pace| pace.is_free()) && self.write_held() {}
        while self.is_writable()
            && let Some((number, request)) = self.outgoing.next_to_send()
        {
            self.write_request(number, *request);
        }
    }

    pub(super) fn is_writable(&self) -> bool {
        let is_paced = self.pace.as_ref().is_some_and(|pace| !pace.is_free() || pace.held() > 0);
        !is_paced && self.connection.as_ref().is_some_and(|c| c.is_open() && c.buffered() <= self.config.high_water)
    }

    pub(super) fn tick(&mut self, now: Now) {
        if let Some(pace) = &mut self.pace {
            pace.tick(now.monotonic);
        }
    }

    /// Answers that wait for their gap.
    pub(super) fn held(&self) -> usize {
        self.pace.as_ref().map_or(0, |pace| pace.held())
    }

    /// Writes the oldest of them; false if there is none.
    fn write_held(&mut self) -> bool {
        let Some((pace, connection)) = self.pace.as_mut().zip(self.connection.as_mut()) else { return false };
        let Some(answer) = pace.take_held() else { return false };
        pace.sent(None);
        // A connection that takes nothing is closing, and its end is reported by itself.
        let _ = write_primitive(connection, self.format, |out| {
            out.extend_from_slice(&answer);
            Ok(())
        });
        true
    }

    /// Writes them without gaps: the connection is being closed.
    pub(super) fn write_all_held(&mut self) {
        while self.write_held() {}
    }

    pub(super) fn write_request(&mut self, number: u64, request: Request) {
        let Some(connection) = &mut self.connection else { return };
        match write_primitive(connection, self.format, |out| codec::encode_request(self.format, &request, out)) {
            Ok(()) => {
                self.counters.requests_sent += 1;
                if let Some(pace) = &mut self.pace {
                    pace.sent(Some(number));
                }
                let operation = request.operation;
                let registers = operation == Operation::Create && Registration::is_requested_by(&request);
                if registers || operation == Operation::Delete || self.config.repeat.allows(operation) {
                    self.outgoing.keep(number, Box::new(request));
                }
            }
            Err(error) => self.tell_failure(number, error),
        }
    }

    pub(super) fn write_response(&mut self, response: &Response, rqi: &str, rvi: Option<&str>) -> Result<()> {
        let gone = || Error::new(ErrorKind::ConnectionLost, "the connection that brought the request is gone");
        let connection = self.connection.as_mut().filter(|c| c.is_open()).ok_or_else(gone)?;
        let encode = |out: &mut BytesMut| codec::encode_answer(self.format, response, rqi, rvi, out);
        match &mut self.pace {
            None => write_primitive(connection, self.format, encode)?,
            Some(pace) => {
                let mut answer = BytesMut::new();
                encode(&mut answer).map_err(not_encoded)?;
                pace.hold(answer);
                // A peer that asks faster than that gets its answers without gaps, rather than have them pile up.
                if pace.is_free() || pace.held() > self.config.max_incoming {
                    self.write_held();
                }
            }
        }
        self.counters.responses_sent += 1;
        Ok(())
    }

    /// Answers a request that does not reach the application. False if that cannot be said: a connection that takes nothing is
    /// closing, and its end is reported by itself; an `rqi` may have come in a format that carries more than this one.
    pub(super) fn refuse(&mut self, rqi: &str, rvi: Option<&str>, status: StatusCode, text: &str) -> bool {
        self.write_response(&Response::error(status, text), rqi, rvi).is_ok()
    }

    pub(super) fn answer_for_the_application(&mut self, now: Now, token: IncomingToken) {
        self.counters.unanswered += 1;
        let text = "the application did not answer in time";
        // As in `refuse`: a connection that is gone has been reported.
        let _ = self.respond(now, token, Response::error(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
}

/// Writes one primitive as one message (WS-5.1-1), straight into the outgoing buffer.
fn write_primitive(
    connection: &mut Connection,
    format: Format,
    encode: impl FnOnce(&mut BytesMut) -> std::result::Result<(), codec::EncodeError>,
) -> Result<()> {
    connection
        .try_send(message_kind(format), encode)
        .map_err(|error| match error {
            websocket::SendError::Write(error) => not_encoded(error),
            websocket::SendError::Closing | websocket::SendError::Closed => {
                Error::new(ErrorKind::ConnectionLost, "the connection is closing")
            }
        })
        .map(|_| ())
}

fn not_encoded(error: codec::EncodeError) -> Error {
    Error::new(ErrorKind::Encode, error.to_string())
}
