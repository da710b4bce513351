//! What a connection brings to its session: requests to the application, responses to their requests, the rest refused.
//!
//! Covers: TS-0020 6.2.2.9; TS-0001 7.1.7; rows WS-5.1-1, WS-6.1-3, WS-6.2.2.9-3. Reads no bytes (the codec does) and
//! decides nothing about privileges (the CSE does).

use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;

use super::super::deadline::after;
use super::super::subprotocol::message_kind;
use super::super::{Event, Now, Registration};
use super::{Phase, Session};
use crate::ErrorKind;
use crate::codec::{self, DecodeError, Decoded, Deviation, Primitive, Shape};
use crate::primitive::{Format, Request, Response, StatusCode};
use crate::websocket::{self, CloseCode, Connection, MessageKind, Whole};

impl<W> Session<W> {
    /// Takes what the connection has to tell, and then what has run out of time: what has come before counts.
    pub(super) fn absorb(&mut self, now: Now) {
        self.tick(now);
        self.take_in(now);
        self.expire(now);
        self.write_queue();
        self.close_if_idle(now);
        self.go_on_closing(now);
    }

    /// Takes what the connection has to tell.
    pub(super) fn take_in(&mut self, now: Now) {
        while let Some(event) = self.connection.as_mut().and_then(Connection::poll_event) {
            match event {
                websocket::Event::Message { kind, payload } => self.handle_message(now, kind, payload),
                websocket::Event::Pong { .. } => self.events.push_back(Event::Alive),
                websocket::Event::Closed(closed) => {
                    let text = closed.to_string();
                    self.fail_sent(&text);
                    self.events.push_back(Event::Disconnected(closed));
                }
            }
        }
    }

    /// What was under way is told that its outcome is unknown, or is sent again on the next connection where that is allowed.
    fn fail_sent(&mut self, why: &str) {
        self.incoming.lose();
        let again = self.phase == Phase::Open;
        let mut numbers = self.outgoing.sent_numbers();
        let sent = numbers.len();
        // The last one first, so that the first one is at the front of the queue.
        numbers.reverse();
        numbers.retain(|number| {
            let repeats = self.config.repeat;
            !(again
                && self.outgoing.kept(*number).is_some_and(|request| repeats.allows(request.operation))
                && self.outgoing.send_again(*number))
        });
        self.counters.repeated += (sent - numbers.len()) as u64;
        for number in numbers.into_iter().rev() {
            let text = format!("the connection was {why}; the response did not come and the outcome is unknown");
            self.fail(number, ErrorKind::ConnectionLost, &text);
        }
    }

    /// A message that stands where it was read into.
    #[inline]
    pub(super) fn handle_whole(&mut self, now: Now, message: Whole<'_>) {
        match (message, message_kind(self.format)) {
            (Whole::Text(text), MessageKind::Text) => {
                let decoded = codec::decode_text(self.format, text, &self.config.decode);
                self.handle_decoded(now, decoded);
            }
            (Whole::Binary(bytes), _) => self.handle_message(now, MessageKind::Binary, Bytes::copy_from_slice(bytes)),
            (Whole::Text(text), MessageKind::Binary) => {
                self.handle_message(now, MessageKind::Text, Bytes::copy_from_slice(text.as_bytes()));
            }
        }
    }

    fn handle_message(&mut self, now: Now, kind: MessageKind, payload: Bytes) {
        if kind != message_kind(self.format) {
            return self.handle_wrong_opcode(now, kind, payload);
        }
        let decoded = codec::decode(self.format, payload, &self.config.decode);
        self.handle_decoded(now, decoded);
    }

    #[inline]
    fn handle_decoded(&mut self, now: Now, decoded: Result<Decoded, DecodeError>) {
        self.note_primitive(now);
        match decoded {
            Ok(decoded) => {
                self.counters.deviations += decoded.deviations.iter().count() as u64;
                match decoded.primitive {
                    Primitive::Request(request) => self.handle_request(now, request),
                    Primitive::Response(response) => self.handle_response(now, response),
                }
            }
            Err(error) => self.handle_malformed(&error),
        }
    }

    /// WS-6.2.2.9-3: what deployed peers are known to do is let pass and counted, unless the session is strict; anything else
    /// is answered where an `rqi` can be read, otherwise closed; never guessed.
    #[cold]
    fn handle_wrong_opcode(&mut self, now: Now, kind: MessageKind, payload: Bytes) {
        let options = &self.config.decode;
        let decode = |format, payload: &Bytes| codec::decode(format, payload.clone(), options);
        let (habit, read, other) = match self.format {
            // nCube sends digits, ACME its JSON notifications to an AE without a `csz`.
            Format::Cbor => match HEXLOWER_PERMISSIVE.decode(&payload) {
                Ok(bytes) => (Some(Deviation::HexCbor), decode(Format::Cbor, &bytes.into()), Format::Json),
                Err(_) => (Some(Deviation::JsonOnCbor), decode(Format::Json, &payload), Format::Xml),
            },
            format => (None, decode(format, &payload), Format::Cbor),
        };
        let read = match (read, habit) {
            (Ok(mut decoded), Some(habit)) if !options.strict => {
                decoded.deviations.insert(habit);
                return self.handle_decoded(now, Ok(decoded));
            }
            (read, _) => read,
        };
        let unreadable = read.as_ref().is_err_and(|error| error.shape() == Shape::Unknown);
        let read = if unreadable { decode(other, &payload) } else { read };
        self.note_primitive(now);
        self.refuse_wrong_opcode(now, kind, read);
    }

    fn refuse_wrong_opcode(&mut self, now: Now, kind: MessageKind, read: Result<Decoded, DecodeError>) {
        self.counters.malformed += 1;
        let text = format!("a {kind:?} frame does not carry {:?} (TS-0020 table 6.2.2.9-1)", self.format);
        let (rqi, rvi) = match read.map(|decoded| decoded.primitive) {
            Ok(Primitive::Request(request)) => (Some(request.request_id), request.release_version),
            Ok(Primitive::Response(_)) => (None, None),
            Err(error) if error.shape() == Shape::Request => {
                (error.request_id().map(str::to_owned), self.config.release_version.clone())
            }
            Err(_) => (None, None),
        };
        let answered = rqi.is_some_and(|rqi| {
            self.counters.requests_received += 1;
            self.refuse(&rqi, rvi.as_deref(), StatusCode::BAD_REQUEST, &text)
        });
        if !answered {
            self.close_connection(now, CloseCode::Unsupported.into(), &text);
        }
        self.events.push_back(Event::Malformed(text));
    }

    /// What is no primitive is answered, unless it may be a response: an answer to an answer has no end.
    fn handle_malformed(&mut self, error: &DecodeError) {
        self.counters.malformed += 1;
        if error.shape() != Shape::Response {
            let rqi = error.request_id().unwrap_or_default().to_owned();
            let rvi = self.config.release_version.clone();
            self.refuse(&rqi, rvi.as_deref(), error.status(), &error.to_string());
        }
        self.events.push_back(Event::Malformed(error.to_string()));
    }

    fn handle_request(&mut self, now: Now, request: Box<Request>) {
        self.counters.requests_received += 1;
        if self.said_close {
            // It cannot be answered. Carried out, it would be carried out again when its sender tries again.
            return;
        }
        if self.take_result(&request) {
            return;
        }
        let mut wait = self.config.answer_timeout;
        let refusal = if !self.config.accepts.takes(request.operation) {
            Some((
                StatusCode::OPERATION_NOT_ALLOWED,
                format!("this entity does not take {} requests", request.operation),
            ))
        } else if self.incoming.len() >= self.config.max_incoming {
            let text = format!("{} requests on this connection are unanswered already", self.config.max_incoming);
            Some((StatusCode::NOT_ACCEPTABLE, text))
        } else {
            match request.time_left(now.wall) {
                Err(expiration) => Some((StatusCode::BAD_REQUEST, format!("{expiration} is no time"))),
                Ok(Some((Duration::ZERO, expiration))) => {
                    self.counters.expired += 1;
                    Some((StatusCode::REQUEST_TIMEOUT, format!("{expiration} has passed")))
                }
                Ok(Some((left, _))) => {
                    wait = wait.min(left);
                    None
                }
                Ok(None) => None,
            }
        };
        if let Some((status, text)) = refusal {
            self.refuse(&request.request_id, request.release_version.as_deref(), status, &text);
            return;
        }
        let rvi = request.release_version.clone();
        match self.incoming.push(&request.request_id, rvi, after(now.monotonic, wait)) {
            Some(token) => {
                self.tell(Event::Request { token, request });
            }
            None => {
                let text = "a request with this rqi is pending already (TS-0001 7.1.7)";
                self.refuse(&request.request_id, request.release_version.as_deref(), StatusCode::BAD_REQUEST, text);
            }
        }
    }

    fn handle_response(&mut self, now: Now, response: Response) {
        let number = if response.request_id.is_empty() {
            self.outgoing.only_sent()
        } else {
            self.outgoing.find(&response.request_id)
        };
        if let (Some(pace), Some(number)) = (&mut self.pace, number) {
            pace.answered(number);
        }
        let Some(finished) = number.and_then(|number| self.outgoing.finish(number)) else {
            self.counters.unmatched += 1;
            self.events.push_back(Event::Unmatched(response));
            return;
        };
        self.counters.responses_received += 1;
        if let Some(request) = &finished.kept {
            self.note_registration(request, &response);
        }
        if matches!(response.status, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE | StatusCode::ORIGINATOR_NOT_AUTHENTICATED)
            && self.config.gated
            && self.registration.is_some()
        {
            self.events.push_back(Event::RegistrationDoubted);
        }
        self.deliver(now, finished.waiter, Ok(response));
    }

    /// Whether the exchange began or ended our registration (TS-0020 6.4).
    #[cold]
    fn note_registration(&mut self, request: &Request, response: &Response) {
        if self.is_own_registration(request)
            && let Some(registration) = Registration::from_exchange(request, response)
        {
            self.assume_registered(registration.clone());
            self.events.push_back(Event::Registered(registration));
        }
        if response.status == StatusCode::DELETED
            && let Some(registration) = self.registration.take_if(|r| r.may_end_with(request))
        {
            self.events.push_back(Event::Deregistered(*registration));
        }
    }

    /// Only a registree registers, and not by what it sends for somebody else: a registrar passes registrations on, and a
    /// node may have several AEs.
    fn is_own_registration(&self, request: &Request) -> bool {
        let current = self.registration.as_ref().map(|registration| registration.entity.as_str());
        self.config.gated && (current.is_none() || current == request.from.as_deref())
    }
}
