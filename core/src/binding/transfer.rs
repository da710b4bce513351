//! Calls in a transfer mode of their own: from the request over its acknowledgement to the result, wherever that comes from.
//!
//! Covers: TS-0020 6.5; TS-0001 8.2.2; TS-0004 7.3.1.4, 7.4.12; rows WS-6.5-1 to -3. A pure table: [`super::Session`] sends what
//! it says and tells it what came. Does not carry out anything for a peer: that is the CSE's part.
//!
//! ```text
//!   Sent ──1001──► Resting ──time──► Looking ──RETRIEVE answered, no result yet──► Resting ...
//!    │ │                                 └──result──► done
//!    │ └─1002──► Told later ──NOTIFY with m2m:rsp──► done
//!    └─any other answer──► done
//! ```
//!
//! A notification that comes before the acknowledgement is kept until that is in, so that a caller always sees them in order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use memchr::memmem;
use serde_json::Value;
use slab::Slab;

use super::Token;
use crate::codec::{self, DecodeOptions, Primitive};
use crate::primitive::{Format, Operation, ReleaseVersion, Request, Response, ResponseType, StatusCode};
use crate::{Error, ErrorKind, Result};

/// How the result of a request comes to its originator (TS-0001 8.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Mode {
    /// In the response (`rt` 3).
    #[default]
    Blocking,
    /// In a `<request>` at the registrar, which is looked at until it is there (`rt` 1).
    NonBlockingSynch,
    /// In a NOTIFY of the registrar's (`rt` 2).
    NonBlockingAsynch,
    /// In whichever of these ways the registrar decides for (`rt` 4).
    FlexBlocking,
}

impl Mode {
    /// The value of `rt` that asks for it.
    #[must_use]
    pub const fn response_type(self) -> ResponseType {
        match self {
            Self::Blocking => ResponseType::BLOCKING_REQUEST,
            Self::NonBlockingSynch => ResponseType::NON_BLOCKING_REQUEST_SYNCH,
            Self::NonBlockingAsynch => ResponseType::NON_BLOCKING_REQUEST_ASYNCH,
            Self::FlexBlocking => ResponseType::FLEX_BLOCKING,
        }
    }
}

/// The first look comes so long after the acknowledgement; each further one after twice the time, up to [`RAREST_LOOK`].
const FIRST_LOOK: Duration = Duration::from_millis(100);
const RAREST_LOOK: Duration = Duration::from_secs(5);

/// Marks the token of a call, which is no number of a request.
const CALL: u64 = 1 << 63;
const SLOT_BITS: u32 = 16;

/// For whom a request was sent.
pub(super) enum For<W> {
    /// Whoever waits for its response.
    Caller(W),
    /// A call, whose first request it is.
    First(u64),
    /// A call, for which it looks whether there is a result.
    Look(u64),
}

/// What follows.
#[derive(Debug)]
pub(super) enum Step<W> {
    /// Tell that the request was accepted.
    Acknowledged(W, Response),
    /// Tell the result: the call is over.
    Done(W, Result<Response>),
    /// Send this for the call, and tell [`Transfers::looked`] what came of it.
    Look(u64, Box<Request>),
}

/// How many results are remembered that were notified, so that none is taken for something new when it comes again: a peer
/// that did not get our answer repeats it (WS-6.5-4), and ACME repeats some of its own accord.
const MOST_REMEMBERED: usize = 64;

/// The calls that are under way; no memory until there is one.
pub(super) struct Transfers<W>(Option<Box<Table<W>>>);

struct Table<W> {
    calls: Slab<Call<W>>,
    next: u64,
    /// Whose result was notified: the newest at the end.
    notified: VecDeque<String>,
}

/// What a request of the peer's is to the calls.
pub(super) enum Found {
    /// The result of this one.
    Result(u64, Box<Response>),
    /// A result that was taken already.
    Again,
}

struct Call<W> {
    id: u64,
    waiter: W,
    /// Who is told of the acknowledgement.
    acknowledged: Option<W>,
    /// Of the request; its result names it.
    rqi: String,
    from: Option<String>,
    release_version: Option<ReleaseVersion>,
    /// When the result is of no use any more.
    deadline: Instant,
    /// The request that is under way for it, or was the last to be.
    leg: Option<Token>,
    state: State,
}

enum State {
    /// The request is not answered. The result may have been faster.
    Sent { result: Option<Response> },
    /// The result will be notified.
    Told { uri: Option<String> },
    /// The `<request>` is looked at again at `at`.
    Resting { uri: String, at: Instant, delay: Duration },
    /// The `<request>` is being looked at.
    Looking { uri: String, since: Instant, delay: Duration },
}

impl State {
    fn uri(&self) -> Option<&str> {
        match self {
            Self::Sent { .. } => None,
            Self::Told { uri } => uri.as_deref(),
            Self::Resting { uri, .. } | Self::Looking { uri, .. } => Some(uri),
        }
    }
}

impl<W> Default for Transfers<W> {
    fn default() -> Self {
        Self(None)
    }
}

impl<W> Transfers<W> {
    /// Takes a call in whose request is about to be sent; its `rqi` is known.
    pub(super) fn open(&mut self, waiter: W, acknowledged: W, request: &Request, deadline: Instant) -> Result<u64> {
        let table =
            self.0.get_or_insert_with(|| Box::new(Table { calls: Slab::new(), next: 1, notified: VecDeque::new() }));
        if table.calls.len() >> SLOT_BITS != 0 {
            return Err(Error::new(ErrorKind::QueueFull, "65536 calls are under way already"));
        }
        if table.calls.iter().any(|(_, call)| call.rqi == request.request_id) {
            return Err(Error::new(
                ErrorKind::DuplicateRequestId,
                format!("the result of a request with the identifier {:?} is still to come", request.request_id),
            ));
        }
        let id = CALL | (table.next << SLOT_BITS) | table.calls.vacant_key() as u64;
        table.next += 1;
        table.calls.insert(Call {
            id,
            waiter,
            acknowledged: Some(acknowledged),
            rqi: request.request_id.clone(),
            from: request.from.clone(),
            release_version: request.release_version.clone(),
            deadline,
            leg: None,
            state: State::Sent { result: None },
        });
        Ok(id)
    }

    /// The token of a call.
    pub(super) const fn token(id: u64) -> Token {
        Token::new(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|table| table.calls.is_empty())
    }

    /// Whether something is expected from the peer although no request of ours is under way.
    pub(super) fn are_expecting(&self) -> bool {
        self.calls().any(|call| matches!(call.state, State::Told { .. }))
    }

    /// A request was sent for a call.
    pub(super) fn sent(&mut self, id: u64, leg: Token) {
        if let Some(call) = self.get_mut(id) {
            call.leg = Some(leg);
        }
    }

    /// Forgets a call; the request that may be under way for it is to be forgotten too.
    pub(super) fn cancel(&mut self, id: u64) -> Option<(W, Option<Token>)> {
        self.take(id).map(|call| (call.waiter, call.leg))
    }

    /// The first response, or why there is none.
    pub(super) fn answered(&mut self, now: Instant, id: u64, outcome: Result<Response>) -> Vec<Step<W>> {
        let Some(call) = self.get_mut(id) else { return Vec::new() };
        let State::Sent { result } = &mut call.state else { return Vec::new() };
        let result = result.take();
        let response = match (outcome, result) {
            (Ok(response), result) => match accepted_as(&response) {
                None => return self.done(id, Ok(result.unwrap_or(response))),
                Some(later) => {
                    let acknowledged = call.acknowledged.take();
                    let uri = address_in(&response);
                    let mut steps: Vec<_> =
                        acknowledged.map(|waiter| Step::Acknowledged(waiter, response)).into_iter().collect();
                    if let Some(result) = result {
                        steps.extend(self.done(id, Ok(result)));
                        return steps;
                    }
                    call.state = match (later, uri) {
                        (Later::Notified, uri) => State::Told { uri },
                        (Later::Kept, Some(uri)) => State::Resting { uri, at: now + FIRST_LOOK, delay: FIRST_LOOK },
                        (Later::Kept, None) => {
                            let text = "the request was accepted without the address of a <request>: its result cannot be \
                                        asked for; use another mode";
                            steps.extend(self.done(id, Err(Error::new(ErrorKind::Decode, text))));
                            return steps;
                        }
                    };
                    return steps;
                }
            },
            // The acknowledgement is lost, but what it was for is there.
            (Err(_), Some(result)) => Ok(result),
            (Err(error), None) => Err(error),
        };
        self.done(id, response)
    }

    /// What came of a look.
    pub(super) fn looked(&mut self, now: Instant, id: u64, outcome: Result<Response>) -> Vec<Step<W>> {
        let Some(call) = self.get_mut(id) else { return Vec::new() };
        let State::Looking { uri, delay, .. } = &call.state else { return Vec::new() };
        let (uri, delay) = (uri.clone(), (*delay * 2).min(RAREST_LOOK));
        let over = match outcome {
            Ok(response) if response.status.is_success() => match result_in(&response) {
                Ok(None) => None,
                Ok(Some(result)) => Some(Ok(result)),
                Err(text) => Some(Err(Error::new(ErrorKind::Decode, format!("the <request> {uri:?}: {text}")))),
            },
            // It is not for long.
            Ok(response) if response.status.code() / 1000 == 5 => None,
            Ok(response) => {
                let why = response.debug_text().unwrap_or_default();
                let text = format!(
                    "the request was accepted, but its <request> {uri:?} is answered with {} {why:?}: whether it was \
                     carried out is not known",
                    response.status
                );
                Some(Err(Error::new(ErrorKind::Timeout, text).with_response(response)))
            }
            Err(error) => match error.kind() {
                ErrorKind::ConnectionLost | ErrorKind::Timeout | ErrorKind::QueueFull => None,
                _ => Some(Err(error)),
            },
        };
        match over {
            Some(result) => self.done(id, result),
            None => {
                call.state = State::Resting { uri, at: now + delay, delay };
                Vec::new()
            }
        }
    }

    /// [`looked`](Self::looked) in vain, at a time that nobody knows: it counts from when the look began.
    pub(super) fn looked_in_vain(&mut self, id: u64, error: Error) -> Vec<Step<W>> {
        let since = match self.get_mut(id).map(|call| &call.state) {
            Some(State::Looking { since, .. }) => *since,
            _ => return Vec::new(),
        };
        self.looked(since, id, Err(error))
    }

    /// The call whose result this request of the peer's is.
    pub(super) fn find(&self, request: &Request) -> Option<Found> {
        let table = self.0.as_ref().filter(|_| request.operation == Operation::Notify)?;
        let content = request.content.as_ref()?;
        // Notifications of other things need not be read.
        memmem::find(content.bytes(), b"rsp")?;
        let (name, mut value) = content.resource().ok()?;
        if name != "m2m:rsp" && name != "rsp" {
            return None;
        }
        let rqi = value.get("rqi")?.as_str()?;
        match self.calls().find(|call| call.rqi == rqi).map(|call| call.id) {
            Some(id) => response_from(&mut value).map(|response| Found::Result(id, Box::new(response))),
            None => table.notified.iter().any(|known| known == rqi).then_some(Found::Again),
        }
    }

    /// The result of a call was notified.
    pub(super) fn notified(&mut self, id: u64, response: Response) -> Vec<Step<W>> {
        self.remember(id);
        match self.get_mut(id).map(|call| &mut call.state) {
            Some(State::Sent { result }) => {
                result.get_or_insert(response);
                Vec::new()
            }
            Some(_) => self.done(id, Ok(response)),
            None => Vec::new(),
        }
    }

    fn remember(&mut self, id: u64) {
        let Some(rqi) = self.get_mut(id).map(|call| call.rqi.clone()) else { return };
        let Some(table) = &mut self.0 else { return };
        table.notified.retain(|known| *known != rqi);
        if table.notified.len() >= MOST_REMEMBERED {
            table.notified.pop_front();
        }
        table.notified.push_back(rqi);
    }

    /// What is due: looks, and ends.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Step<W>> {
        let Some(table) = &mut self.0 else { return Vec::new() };
        let mut steps = Vec::new();
        let mut late = Vec::new();
        for (_, call) in &mut table.calls {
            if call.deadline <= now {
                // A request without an answer has a deadline of its own.
                late.extend((!matches!(call.state, State::Sent { .. })).then_some(call.id));
            } else if let State::Resting { uri, at, delay } = &mut call.state
                && *at <= now
            {
                let mut look = Request::retrieve(uri.as_str());
                look.from.clone_from(&call.from);
                look.release_version.clone_from(&call.release_version);
                steps.push(Step::Look(call.id, Box::new(look)));
                call.state = State::Looking { uri: std::mem::take(uri), since: now, delay: *delay };
            }
        }
        late.sort_unstable();
        for id in late {
            steps.extend(self.end(id, ErrorKind::Timeout, "its result did not come in time"));
        }
        steps
    }

    /// When the next thing is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = |call: &Call<W>| match call.state {
            State::Sent { .. } => None,
            State::Resting { at, .. } => Some(at.min(call.deadline)),
            State::Told { .. } | State::Looking { .. } => Some(call.deadline),
        };
        self.calls().filter_map(due).min()
    }

    /// When the result of a call is of no use any more.
    pub(super) fn deadline(&self, id: u64) -> Option<Instant> {
        self.calls().find(|call| call.id == id).map(|call| call.deadline)
    }

    /// Ends all calls that were accepted.
    pub(super) fn end_all(&mut self, kind: ErrorKind, why: &str) -> Vec<Step<W>> {
        let mut ids: Vec<u64> =
            self.calls().filter(|call| !matches!(call.state, State::Sent { .. })).map(|call| call.id).collect();
        ids.sort_unstable();
        ids.into_iter().flat_map(|id| self.end(id, kind, why)).collect()
    }

    fn end(&mut self, id: u64, kind: ErrorKind, why: &str) -> Vec<Step<W>> {
        let place = self
            .get_mut(id)
            .and_then(|call| call.state.uri())
            .map_or_else(String::new, |uri| format!("; it may be found in the <request> {uri:?}"));
        self.done(id, Err(Error::new(kind, format!("the request was accepted, but {why}{place}"))))
    }

    fn done(&mut self, id: u64, result: Result<Response>) -> Vec<Step<W>> {
        self.take(id).map(|call| Step::Done(call.waiter, result)).into_iter().collect()
    }

    fn calls(&self) -> impl Iterator<Item = &Call<W>> {
        self.0.iter().flat_map(|table| &table.calls).map(|(_, call)| call)
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Call<W>> {
        self.0.as_mut()?.calls.get_mut(slot_of(id)).filter(|call| call.id == id)
    }

    fn take(&mut self, id: u64) -> Option<Call<W>> {
        self.get_mut(id)?;
        let table = self.0.as_mut()?;
        let call = table.calls.remove(slot_of(id));
        if table.calls.is_empty() {
            // An idle session holds no memory; identifiers go on, so that a stale one names nothing.
            table.calls = Slab::new();
        }
        Some(call)
    }
}

#[allow(clippy::cast_possible_truncation)] // the mask leaves 16 bits
const fn slot_of(id: u64) -> usize {
    (id & ((1 << SLOT_BITS) - 1)) as usize
}

/// How the result of an accepted request comes.
enum Later {
    Kept,
    Notified,
}

/// `None`: it is the result. Some peers accept with 1000, and say by an address whether the result is kept.
fn accepted_as(response: &Response) -> Option<Later> {
    match response.status {
        StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH => Some(Later::Kept),
        StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH => Some(Later::Notified),
        StatusCode::ACCEPTED if address_in(response).is_some() => Some(Later::Kept),
        _ => None,
    }
}

/// The address of the `<request>`.
fn address_in(response: &Response) -> Option<String> {
    match response.content.as_ref()?.resource().ok()? {
        (name, Value::String(uri)) if (name == "m2m:uri" || name == "uri") && !uri.is_empty() => Some(uri),
        _ => None,
    }
}

/// The result in a `<request>`; `None` if there is none yet.
fn result_in(response: &Response) -> std::result::Result<Option<Response>, String> {
    const OPEN: [u64; 2] = [3, 4]; // PENDING, FORWARDED (TS-0004 6.3.4.2.13)
    let content = response.content.as_ref().ok_or("it came without content")?;
    let (_, mut request) = content.resource().map_err(|error| error.to_string())?;
    let status = request.get("rs").and_then(Value::as_u64);
    if status.is_some_and(|status| OPEN.contains(&status)) {
        return Ok(None);
    }
    let result = request.get_mut("ors").ok_or("it has no ors (operationResult)")?;
    let result = response_from(result).ok_or("its ors (operationResult) is no response")?;
    // What is made before there is a result (TS-0004 7.3.2.2).
    Ok((status.is_some() || result.status != StatusCode::ACCEPTED).then_some(result))
}

/// A response as a member of another document. ACME writes null for what there is not.
fn response_from(value: &mut Value) -> Option<Response> {
    let members = value.as_object_mut()?;
    members.retain(|_, value| !value.is_null());
    let text = value.to_string();
    match codec::decode(Format::Json, text.into(), &DecodeOptions::default()).ok()?.primitive {
        Primitive::Response(response) => Some(response),
        Primitive::Request(_) => None,
    }
}

impl Token {
    /// The call that it names, if it names one.
    pub(super) fn call(self) -> Option<u64> {
        Some(self.number()).filter(|number| number & CALL != 0)
    }
}
