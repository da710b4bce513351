//! Drives the calls of [`Transfers`] over a session: sends their requests, and takes their results.
//!
//! Covers: TS-0020 6.5; rows WS-6.5-1 to -3. The table decides; here is what it needs of the session.

use super::super::deadline::after;
use super::super::transfer::{For, Found, Mode, Step, Transfers};
use super::super::{Event, Now, Registration, Token};
use super::Session;
use crate::primitive::{Request, Response, ResponseTypeInfo};
use crate::{Error, ErrorKind, Result};

impl<W: Clone> Session<W> {
    /// Sends a request whose result comes in the way of `mode`. It takes its time-out from [`Config::request_timeout`] and, if
    /// it has one, from its `rset`, which may be longer; an `oet` counts on top.
    ///
    /// [`Event::Acknowledged`] comes if the peer accepts it for later, and then [`Event::Response`] with the result; for a peer that
    /// answers at once, only that. The token cancels all of it. While it is under way, the connection is not closed for
    /// idleness, and [`close`](Self::close) waits (WS-6.5-2, WS-6.5-3).
    ///
    /// [`Config::request_timeout`]: super::super::Config::request_timeout
    ///
    /// # Errors
    /// As [`send`](Self::send); and `InvalidArgument` for a registration, which is blocking always, and for a request without
    /// an originator whom the result could be notified to.
    pub fn send_in(&mut self, now: Now, mode: Mode, mut request: Request, waiter: W) -> Result<Token> {
        if mode == Mode::Blocking {
            return self.send(now, request, waiter);
        }
        let refuse = |text: &str| Err(Error::new(ErrorKind::InvalidArgument, text));
        if Registration::is_requested_by(&request) {
            return refuse("a registration is sent blocking: its answer decides what may be sent");
        }
        let wait = self.admit(now, &request)?;
        if request.from.is_none() {
            request.from.clone_from(&self.config.originator);
        }
        if request.release_version.is_none() {
            request.release_version.clone_from(&self.config.release_version);
        }
        let own = request.from.clone().filter(|from| !from.is_empty());
        let notification_uris = match (mode, own) {
            (Mode::NonBlockingAsynch, None) => return refuse("the originator is not known yet: register first"),
            (Mode::NonBlockingAsynch, Some(own)) => Some(vec![own]),
            _ => None,
        };
        request.response_type = Some(ResponseTypeInfo { value: mode.response_type(), notification_uris });
        if request.request_id.is_empty() {
            request.request_id = self.outgoing.identifier_of_call();
        }
        let left = |time: &crate::primitive::AbsRelTimestamp| time.remaining(now.wall);
        let oet = request.additional.as_ref().and_then(|more| more.operation_execution_time.as_ref()).and_then(left);
        let patience = match request.result_expiration.as_ref().and_then(left) {
            Some(rset) => rset,
            None => self.config.request_timeout.saturating_add(oet.unwrap_or_default()),
        };
        let id = self.transfers.open(waiter.clone(), waiter, &request, after(now.monotonic, patience))?;
        match self.dispatch(now, request, For::First(id), after(now.monotonic, wait)) {
            Ok(leg) => {
                self.transfers.sent(id, leg);
                Ok(Transfers::<W>::token(id))
            }
            Err(error) => {
                self.transfers.cancel(id);
                Err(error)
            }
        }
    }
}

impl<W> Session<W> {
    /// The outcome of a request goes to whom it was sent for.
    pub(super) fn deliver(&mut self, now: Now, to: For<W>, result: Result<Response>) {
        match to {
            For::Caller(waiter) => self.tell(Event::Response { waiter, result }),
            For::First(id) => {
                let steps = self.transfers.answered(now.monotonic, id, result);
                self.take_steps(now, steps);
            }
            For::Look(id) => {
                let steps = self.transfers.looked(now.monotonic, id, result);
                self.take_steps(now, steps);
            }
        }
    }

    /// There will be no outcome.
    pub(super) fn deliver_failure(&mut self, to: For<W>, error: Error) {
        let steps = match to {
            For::Caller(waiter) => return self.events.push_back(Event::Response { waiter, result: Err(error) }),
            For::First(id) => {
                // The time is of no account: nothing is begun by a failure.
                let Some(deadline) = self.transfers.deadline(id) else { return };
                self.transfers.answered(deadline, id, Err(error))
            }
            For::Look(id) => self.transfers.looked_in_vain(id, error),
        };
        self.tell_steps(steps);
    }

    /// True if a request of the peer's is the result of a call, and was answered.
    pub(super) fn take_result(&mut self, request: &Request) -> bool {
        let Some(found) = self.transfers.find(request) else { return false };
        let rvi = request.release_version.as_deref();
        // Where the answer cannot be written, the connection is closing: the peer will send it again, to no call.
        if self.write_response(&Response::ok(), &request.request_id, rvi).is_ok()
            && let Found::Result(id, response) = found
        {
            let steps = self.transfers.notified(id, *response);
            self.tell_steps(steps);
        }
        true
    }

    /// Does what is due.
    pub(super) fn go_on_with_calls(&mut self, now: Now) {
        let steps = self.transfers.take_due(now.monotonic);
        self.take_steps(now, steps);
    }

    /// Ends the calls that were accepted: there is no way to their results any more.
    pub(super) fn end_calls(&mut self, kind: ErrorKind, why: &str) {
        let steps = self.transfers.end_all(kind, why);
        self.tell_steps(steps);
    }

    fn take_steps(&mut self, now: Now, steps: Vec<Step<W>>) {
        let mut told = Vec::new();
        for step in steps {
            match step {
                Step::Look(id, request) => {
                    let wait = after(now.monotonic, self.config.request_timeout);
                    let deadline = self.transfers.deadline(id).map_or(wait, |deadline| deadline.min(wait));
                    match self.dispatch(now, *request, For::Look(id), deadline) {
                        Ok(leg) => self.transfers.sent(id, leg),
                        Err(error) => told.extend(self.transfers.looked(now.monotonic, id, Err(error))),
                    }
                }
                step => told.push(step),
            }
        }
        self.tell_steps(told);
    }

    /// What was told by steps that begin nothing.
    fn tell_steps(&mut self, steps: Vec<Step<W>>) {
        for step in steps {
            match step {
                Step::Acknowledged(waiter, response) => self.tell(Event::Acknowledged { waiter, response }),
                Step::Done(waiter, result) => self.tell(Event::Response { waiter, result }),
                Step::Look(..) => {}
            }
        }
    }
}
