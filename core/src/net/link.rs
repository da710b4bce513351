//! A session that several tasks and threads share: the handle that they hold, and what wakes the task that drives it.
//!
//! Covers: row WS-5.1-1 (requests and responses in either direction). One lock; it is never held while user code runs,
//! and no task, channel or box is made for a request: a future waits in a slab beside the session.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::BytesMut;
use slab::Slab;

use super::now;
use crate::binding::{ConnectionId, Event, IncomingToken, Mode, Now, PeerIdentity, Session, Token};
use crate::primitive::{Request, Response};
use crate::{Error, ErrorKind, Result};

/// Takes the outcome of a request by its number: how foreign languages wait without a future.
pub(crate) trait Completion: Send + Sync {
    /// Called once per request, on the task that drives the connection; must not block.
    fn complete(&self, id: u64, result: Result<Response>);

    /// Called before that if the peer accepted the request for later; likewise.
    fn acknowledge(&self, _id: u64, _acknowledgement: Response) {}
}

/// Who waits for the outcome of a request.
#[derive(Clone)]
pub(crate) enum Waiter {
    /// A future, by its place in the slab.
    Task(usize),
    /// Somebody who is called.
    Call(Arc<dyn Completion>, u64),
}

/// A session behind a lock.
pub(crate) struct Link(Mutex<State>);

struct State {
    session: Session<Waiter>,
    driver: Driver,
    tasks: Tasks,
}

/// The task that drives the session.
enum Driver {
    /// It is woken when something has changed.
    Resting(Waker),
    /// It looks for changes by itself. Its turn has one time, read once for everything in it.
    Running(Option<Now>),
}

impl State {
    /// The time of this turn. Between two turns it is read anew each time.
    fn time(&mut self) -> Now {
        match &mut self.driver {
            Driver::Running(time) => *time.get_or_insert_with(now),
            Driver::Resting(_) => now(),
        }
    }

    /// The driver rests until it is woken.
    fn rest(&mut self, waker: &Waker) {
        self.driver = Driver::Resting(waker.clone());
    }
}

/// Something has changed: wakes the driver for it, without the lock. What else changes in the same turn has this time.
fn changed(mut state: MutexGuard<'_, State>, time: Now) {
    let driver = std::mem::replace(&mut state.driver, Driver::Running(Some(time)));
    drop(state);
    if let Driver::Resting(waker) = driver {
        waker.wake();
    }
}

/// The futures that wait; in a box, since most sessions of a registrar send nothing.
#[derive(Default)]
struct Tasks(Option<Box<Slab<Task>>>);

impl Tasks {
    fn insert(&mut self, task: Task) -> usize {
        self.0.get_or_insert_default().insert(task)
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut Task> {
        self.0.as_mut()?.get_mut(place)
    }

    fn remove(&mut self, place: usize) -> Option<Task> {
        let tasks = self.0.as_mut()?;
        let task = tasks.try_remove(place);
        if tasks.is_empty() {
            self.0 = None;
        }
        task
    }
}

struct Task {
    waker: Option<Waker>,
    result: Option<Result<Response>>,
    /// Of a call in a mode of its own.
    call: Option<Box<Acknowledgement>>,
}

#[derive(Default)]
struct Acknowledgement {
    waker: Option<Waker>,
    response: Option<Response>,
}

/// Where a call in a mode of its own waits.
pub(crate) struct Place {
    place: usize,
    token: Token,
}

impl Link {
    pub(crate) fn new(session: Session<Waiter>) -> Self {
        Self(Mutex::new(State { session, driver: Driver::Running(None), tasks: Tasks::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state half-changed in a way that matters more than going on: all of it is counters,
        // queues and buffers of this one connection.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the session, then wakes its driver, which looks for what has changed.
    pub(crate) fn with<R>(&self, use_session: impl FnOnce(&mut Session<Waiter>, Now) -> R) -> R {
        let mut state = self.lock();
        let time = state.time();
        let result = use_session(&mut state.session, time);
        changed(state, time);
        result
    }

    /// Uses the session from its driver, which looks for changes by itself: nobody is woken, also not by what user code
    /// does before the driver rests again.
    pub(crate) fn drive<R>(&self, use_session: impl FnOnce(&mut Session<Waiter>, Now) -> R) -> R {
        let mut state = self.lock();
        let time = now();
        state.driver = Driver::Running(Some(time));
        use_session(&mut state.session, time)
    }

    /// Wakes the driver, which looks for what has changed, or is due.
    pub(crate) fn wake(&self) {
        self.with(|_, _| ());
    }

    /// Looks at the session without waking anybody.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&Session<Waiter>) -> R) -> R {
        look(&self.lock().session)
    }

    /// Sends a request; its outcome comes from the future, which forgets the request when it is dropped.
    pub(crate) const fn request(&self, request: Request) -> ResponseFuture<'_> {
        ResponseFuture { link: self, state: FutureState::Unsent(request) }
    }

    /// Sends a request whose outcome goes to `completion` with the number `id`.
    pub(crate) fn request_with(&self, request: Request, completion: Arc<dyn Completion>, id: u64) -> Result<Token> {
        self.with(|session, now| session.send(now, request, Waiter::Call(completion, id)))
    }

    /// [`request_with`](Self::request_with) in a mode of its own.
    #[cfg(feature = "bridge")]
    pub(crate) fn begin_with(
        &self,
        mode: Mode,
        request: Request,
        completion: Arc<dyn Completion>,
        id: u64,
    ) -> Result<Token> {
        self.with(|session, now| session.send_in(now, mode, request, Waiter::Call(completion, id)))
    }

    /// Sends a request in a mode of its own, which waits until [`poll_result`](Self::poll_result) took its result, or it is
    /// [forgotten](Self::forget).
    pub(crate) fn begin(&self, mode: Mode, request: Request) -> Result<Place> {
        let mut state = self.lock();
        let place = state.tasks.insert(Task { waker: None, result: None, call: Some(Box::default()) });
        let time = state.time();
        match state.session.send_in(time, mode, request, Waiter::Task(place)) {
            Ok(token) => {
                changed(state, time);
                Ok(Place { place, token })
            }
            Err(error) => {
                state.tasks.remove(place);
                Err(error)
            }
        }
    }

    /// The acknowledgement of a call, or its outcome if there is none.
    pub(crate) fn poll_acknowledgement(&self, place: &Place, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        let mut state = self.lock();
        let Some(Task { result, call: Some(call), .. }) = state.tasks.get_mut(place.place) else {
            return Poll::Pending;
        };
        match (&call.response, result) {
            (Some(response), _) => Poll::Ready(Ok(response.clone())),
            (None, Some(result)) => Poll::Ready(result.clone()),
            (None, None) => {
                call.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The outcome of a call, which then is over.
    pub(crate) fn poll_result(&self, place: &Place, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        let mut state = self.lock();
        let Some(task) = state.tasks.get_mut(place.place) else { return Poll::Pending };
        match task.result.take() {
            Some(result) => {
                state.tasks.remove(place.place);
                Poll::Ready(result)
            }
            None => {
                task.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Forgets a call.
    pub(crate) fn forget(&self, place: &Place) {
        let mut state = self.lock();
        let time = state.time();
        state.session.cancel(time, place.token);
        state.tasks.remove(place.place);
        changed(state, time);
    }

    /// For the driver: gives everything that happened to the role above; outcomes of requests go to their waiters. No lock is
    /// held meanwhile.
    pub(crate) fn hand_out(&self, on_event: impl FnMut(Event<Waiter>)) {
        self.hand_on(None, on_event);
    }

    /// For the driver: takes in what came from the peer, and hands out what happened. Each request goes to the role above, and
    /// its answer into the outgoing buffer if it is ready at once, before the next one is read: what a message needs is in the
    /// nearest cache and is claimed again by the next one, however many came together.
    pub(crate) fn take_in(&self, room: BytesMut, data: &mut [u8], on_event: impl FnMut(Event<Waiter>)) {
        self.drive(|session, _| session.lend(room));
        self.hand_on(Some(data), on_event);
    }

    fn hand_on(&self, mut data: Option<&mut [u8]>, mut on_event: impl FnMut(Event<Waiter>)) {
        loop {
            let mut state = self.lock();
            let time = state.time();
            while let Some(bytes) = &mut data
                && !state.session.has_events()
            {
                if !state.session.handle_next(time, bytes) {
                    data = None;
                }
            }
            match state.session.poll_event() {
                Some(Event::Response { waiter: Waiter::Task(place), result }) => {
                    let waker = state.tasks.get_mut(place).and_then(|task| {
                        task.result = Some(result);
                        if let Some(other) = task.call.as_mut().and_then(|call| call.waker.take()) {
                            other.wake();
                        }
                        task.waker.take()
                    });
                    drop(state);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                Some(Event::Acknowledged { waiter: Waiter::Task(place), response }) => {
                    let call = state.tasks.get_mut(place).and_then(|task| task.call.as_mut());
                    let waker = call.and_then(|call| {
                        call.response = Some(response);
                        call.waker.take()
                    });
                    drop(state);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                Some(Event::Acknowledged { waiter: Waiter::Call(completion, id), response }) => {
                    drop(state);
                    completion.acknowledge(id, response);
                }
                Some(Event::Response { waiter: Waiter::Call(completion, id), result }) => {
                    drop(state);
                    completion.complete(id, result);
                }
                Some(event) => {
                    drop(state);
                    on_event(event);
                }
                None => return,
            }
        }
    }

    /// For the driver: moves what is ready to `out`, if there is an `out` that takes more. If there is nothing, and no event
    /// either, `waker` is kept for the next change, and the time of the next deadline is returned.
    pub(crate) fn poll_transmit(&self, out: Option<&mut BytesMut>, waker: &Waker) -> Transmit {
        let mut state = self.lock();
        if out.is_some_and(|out| state.session.poll_transmit(out)) || state.session.has_events() {
            return Transmit::Progress;
        }
        let now = state.time().monotonic;
        state.rest(waker);
        Transmit::Idle { now, deadline: state.session.poll_timeout() }
    }

    /// For the driver between connections: waits until `ready` says that there is something to do, and handles deadlines
    /// meanwhile through the returned time.
    pub(crate) fn poll_until(&self, waker: &Waker, ready: impl FnOnce(&Session<Waiter>) -> bool) -> Until {
        let mut state = self.lock();
        if state.session.has_events() || ready(&state.session) {
            return Until::Ready;
        }
        state.rest(waker);
        Until::Wait(state.session.poll_timeout())
    }
}

/// What [`Link::poll_transmit`] found.
pub(crate) enum Transmit {
    /// Bytes, or an event: look again.
    Progress,
    /// Nothing until a wake-up, or this time.
    Idle { now: Instant, deadline: Option<Instant> },
}

/// What [`Link::poll_until`] found.
pub(crate) enum Until {
    /// There is something to do.
    Ready,
    /// Nothing until a wake-up, or this time.
    Wait(Option<Instant>),
}

/// The response to a request, in the future.
pub(crate) struct ResponseFuture<'a> {
    link: &'a Link,
    state: FutureState,
}

#[allow(clippy::large_enum_variant)] // a box would cost an allocation for each request
enum FutureState {
    Unsent(Request),
    Waiting { place: usize, token: Token },
    Done,
}

impl Future for ResponseFuture<'_> {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match std::mem::replace(&mut this.state, FutureState::Done) {
            FutureState::Unsent(request) => {
                let mut state = this.link.lock();
                let place = state.tasks.insert(Task { waker: Some(cx.waker().clone()), result: None, call: None });
                let time = state.time();
                match state.session.send(time, request, Waiter::Task(place)) {
                    Ok(token) => {
                        changed(state, time);
                        this.state = FutureState::Waiting { place, token };
                        Poll::Pending
                    }
                    Err(error) => {
                        state.tasks.remove(place);
                        Poll::Ready(Err(error))
                    }
                }
            }
            FutureState::Waiting { place, token } => {
                let mut state = this.link.lock();
                if let Some(task) = state.tasks.get_mut(place) {
                    if let Some(result) = task.result.take() {
                        state.tasks.remove(place);
                        return Poll::Ready(result);
                    }
                    if !task.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                        task.waker = Some(cx.waker().clone());
                    }
                }
                drop(state);
                this.state = FutureState::Waiting { place, token };
                Poll::Pending
            }
            FutureState::Done => Poll::Pending,
        }
    }
}

impl Drop for ResponseFuture<'_> {
    fn drop(&mut self) {
        if let FutureState::Waiting { place, token } = self.state {
            let mut state = self.link.lock();
            let time = state.time();
            state.session.cancel(time, token);
            state.tasks.remove(place);
            // Its place in the window is free, and a close may have waited for it.
            changed(state, time);
        }
    }
}

/// Where the answer to a request of the peer's goes.
pub(crate) trait Respond: Send + Sync {
    /// Sends the answer, which is completed and not moved, since it is large; `about` is the request, if its outcome matters to
    /// the role.
    fn respond(&self, token: IncomingToken, about: Option<Box<Request>>, response: &Response) -> Result<()>;

    /// The request is not answered at all.
    fn dismiss(&self, token: IncomingToken);

    /// The connection of a server's over which the request came.
    fn connection(&self) -> Option<ConnectionId> {
        None
    }

    /// Who is authenticated at the other end of it.
    fn identity(&self) -> Option<&PeerIdentity> {
        None
    }
}

impl Respond for Link {
    fn respond(&self, token: IncomingToken, _about: Option<Box<Request>>, response: &Response) -> Result<()> {
        self.with(|session, now| session.answer(now, token, response))
    }

    fn dismiss(&self, token: IncomingToken) {
        self.with(|session, now| session.dismiss(now, token));
    }
}

/// The obligation to answer one request of the peer's, exactly once.
///
/// Dropped without an answer, it answers 5000 INTERNAL_SERVER_ERROR by itself, so that a peer never waits in vain. It
/// may be kept and used on any thread, as long as the answer time-out allows.
pub struct Responder(Option<Obligation>);

struct Obligation {
    to: Arc<dyn Respond>,
    token: IncomingToken,
    about: Option<Box<Request>>,
}

impl Responder {
    pub(crate) fn new(to: Arc<dyn Respond>, token: IncomingToken, about: Option<Box<Request>>) -> Self {
        Self(Some(Obligation { to, token, about }))
    }

    /// Sends the answer. `rqi` is filled in.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyResponded`] if the answer time-out was faster, [`ErrorKind::ConnectionLost`] if the connection is
    /// gone, [`ErrorKind::Encode`] if the content cannot be written (5000 was sent instead).
    pub fn respond(mut self, response: Response) -> Result<()> {
        match self.0.take() {
            Some(Obligation { to, token, about }) => to.respond(token, about, &response),
            None => Err(Error::new(ErrorKind::AlreadyResponded, "the request was answered already")),
        }
    }
}

impl Responder {
    /// The connection of a server's over which the request came.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.0.as_ref().and_then(|obligation| obligation.to.connection())
    }

    fn identity(&self) -> Option<&PeerIdentity> {
        self.0.as_ref().and_then(|obligation| obligation.to.identity())
    }

    /// Sends no answer: the originator asked for none (`rt` 5, noResponse).
    pub(crate) fn dismiss(mut self) {
        if let Some(Obligation { to, token, .. }) = self.0.take() {
            to.dismiss(token);
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(Obligation { to, token, about }) = self.0.take() {
            let status = crate::primitive::StatusCode::INTERNAL_SERVER_ERROR;
            // A connection that is gone needs no answer.
            let _ = to.respond(token, about, &Response::error(status, "the application did not answer"));
        }
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}

/// Calls user code so that a panic in it ends nothing but the call: what it held of the request is dropped, which answers
/// 5000.
pub(crate) fn call_application(call: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
        tracing::error!("the handler for requests panicked");
    }
}

/// A request of the peer's, with the obligation to answer it.
#[derive(Debug)]
pub struct IncomingRequest {
    /// The request; in a box, as it goes from hand to hand.
    pub request: Box<Request>,
    /// Answers it.
    pub responder: Responder,
}

impl IncomingRequest {
    /// Answers the request; see [`Responder::respond`].
    ///
    /// # Errors
    /// As [`Responder::respond`].
    pub fn respond(self, response: Response) -> Result<()> {
        self.responder.respond(response)
    }

    /// Who is at the other end of the connection over which it came, by the credential that was accepted; `None` if nobody was
    /// authenticated there, and at a client. Its `fr` has been judged by it (TS-0004 7.3.2.1).
    #[must_use]
    pub fn identity(&self) -> Option<&PeerIdentity> {
        self.responder.identity()
    }
}
