//! The registree's end: an AE, or a CSE towards its registrar.
//!
//! Covers: TS-0020 5.2, 6.2.2, 6.4, 6.5; rows WS-5.2-1, -4, -5, -6, -9, -10, WS-6.4-1, WS-6.5-1. The settings are in
//! [`ClientBuilder`], what a registration needs in [`AeRegistration`] and [`CseRegistration`].

mod config;
mod driver;
mod event;
mod exchange;
mod outbox;
mod reach;
mod register;
mod secure;
mod state_file;
mod upkeep;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

pub use crate::binding::Reopening;
pub use config::{ClientBuilder, Preset};
pub use event::{ClientEvent, ConnectionState, StateChange};
pub use exchange::Exchange;
pub use register::{AeRegistration, CseRegistration, Subscription};

pub use crate::binding::Mode;
#[cfg(feature = "bridge")]
use crate::binding::Token;
use crate::binding::{Counters, Event, Posted, Reachability, Registration, Session, subprotocol};
use crate::net::OsRandom;
use crate::net::dial::Dial;
#[cfg(feature = "bridge")]
use crate::net::link::Completion;
use crate::net::link::{IncomingRequest, Link, Responder, Waiter, call_application};
use crate::net::tls::connector::Shown;
use crate::primitive::{Format, Request, Response, StatusCode};
use crate::{Error, ErrorKind, Result, websocket};

use outbox::Poster;
use upkeep::Keeper;

/// What the application has to say to requests of the peer's, and hears of the connection. Called on the task that
/// drives the connection: must not block.
pub(crate) trait Application: Send + Sync {
    fn on_request(&self, request: IncomingRequest);
    fn on_state(&self, change: &StateChange);
    fn on_event(&self, event: &ClientEvent);
}

/// A registree's end of the binding. Clones are handles of the same client.
///
/// Requests are sent with [`send`](Self::send) from any task; those of the peer's arrive at
/// [`on_request`](Self::on_request). A lost connection is opened again without a new registration (WS-5.2-9). When the last
/// handle is dropped, the connection is closed at once; use [`close`](Self::close) to wait for what is under way.
///
/// ```no_run
/// use onem2m_ws::client::{AeRegistration, Client};
/// use onem2m_ws::primitive::{Request, ResourceType, Response};
/// use serde_json::json;
///
/// # async fn example() -> onem2m_ws::Result<()> {
/// let client = Client::builder("ws://localhost:9000").originator("Csensor1").connect().await?;
/// client.on_request(|request| {
///     let _ = request.respond(Response::ok());
/// });
/// client.register_ae(AeRegistration::new("Nexample").name("sensor1")).await?;
/// let container = json!({"m2m:cnt": {"rn": "data"}});
/// let response = client.send(Request::create("cse-in/sensor1", ResourceType::CONTAINER, container)).await?;
/// println!("{}", response.status);
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Owner>);

/// Ends the client when the last handle is dropped; the driver's own reference does not count.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.link.with(|session, now| session.abort(now, websocket::CloseCode::Normal.into(), "the client ended"));
    }
}

pub(crate) struct Shared {
    link: Arc<Link>,
    dial: Dial,
    websocket: Arc<websocket::Config>,
    reopening: Reopening,
    stay_connected: bool,
    origin_header: bool,
    preset: Preset,
    /// What is offered, in order of preference.
    formats: Vec<Format>,
    application: RwLock<Option<Arc<dyn Application>>>,
    /// Who is called with what happens besides requests.
    observer: RwLock<Option<Arc<Observer>>>,
    state: watch::Sender<StateChange>,
    /// Held while a change is told, which keeps their order.
    telling: Mutex<()>,
    keeper: Keeper,
    poster: Poster,
    reachability: Mutex<Reachability>,
    patient: bool,
    wanted: Mutex<Wanted>,
    /// What the server of the connection has shown.
    shown: Mutex<Option<Shown>>,
}

type Observer = dyn Fn(&ClientEvent) + Send + Sync;

#[derive(Default)]
struct Wanted {
    /// A connection is to be kept.
    connection: bool,
    /// The connection that is open now is not to be opened again when it ends.
    parked: bool,
    /// Who waits for the outcome of the next attempt.
    asked: Vec<oneshot::Sender<Result<()>>>,
    /// Somebody asked since the last attempt began: the next one is not waited for.
    hurry: bool,
}

impl Client {
    /// Settings of a client of the registrar at `point_of_access`: `ws://host[:port]`.
    pub fn builder(point_of_access: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(point_of_access.into())
    }

    pub(crate) fn start(mut config: ClientBuilder, runtime: &Handle) -> Result<Self> {
        let (poa, subprotocols) = config.check()?;
        let formats = subprotocol::formats_of(&subprotocols);
        let proxy = config.proxy_for(&poa)?;
        let tls = config.connector(&poa)?;
        let credentials = config.credentials_for(&poa)?;
        let schedule = config.parsed_schedule()?;
        let (file, saved) = config.open_state_file(&poa)?;
        let mut session = Session::new(config.session.clone(), &mut OsRandom::new());
        let resumed = saved.as_ref().map(|saved| saved.registration.clone());
        if let Some(registration) = resumed.or_else(|| config.known_registration()) {
            session.assume_registered(registration);
        }
        let shared = Arc::new(Shared {
            link: Arc::new(Link::new(session)),
            dial: Dial {
                poa,
                proxy,
                tls,
                subprotocols,
                compression: config.compression,
                headers: config.headers,
                credentials,
                deadline: config.open_timeout,
                limits: config.handshake,
                write_timeout: config.websocket.write_timeout,
                allow_missing_subprotocol: config.allow_missing_subprotocol,
            },
            websocket: Arc::new(config.websocket),
            reopening: config.reopening,
            stay_connected: config.stay_connected,
            origin_header: config.origin_header,
            preset: config.preset,
            formats,
            application: RwLock::new(None),
            observer: RwLock::new(None),
            state: watch::Sender::new(StateChange::new(ConnectionState::Disconnected)),
            telling: Mutex::new(()),
            keeper: Keeper::new(file, saved, !config.keep_registered),
            poster: Poster::open(config.outbox, config.outbox_file.as_deref(), runtime.clone())?,
            reachability: Mutex::new(Reachability::new(schedule, config.outside_window)),
            patient: config.patient,
            wanted: Mutex::new(Wanted::default()),
            shown: Mutex::new(None),
        });
        runtime.spawn(driver::run(Arc::clone(&shared)));
        runtime.spawn(outbox::run(Arc::clone(&shared)));
        if shared.keeper.has_work() {
            runtime.spawn(upkeep::run(Arc::clone(&shared)));
        }
        Ok(Self(Arc::new(Owner(shared))))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// Opens the connection if it is not open.
    ///
    /// # Errors
    /// Why it could not be opened: `UnknownHost`, `ConnectionRefused`, `OpenTimeout`, `HandshakeRefused` (with the server's
    /// answer), `NotWebSocket`, `NoCommonSubprotocol`, `Network`; with TLS also `PeerNotTrusted`, `CredentialRefused` and
    /// `TlsFailed`; through a proxy also `ProxyAuthenticationRequired` and
    /// `ProxyRefused` (with the proxy's answer) and `NotProxy`; `Closed` if the client was closed.
    pub async fn connect(&self) -> Result<()> {
        let closed = || Error::new(ErrorKind::Closed, "the client was closed");
        let answer = {
            let shared = self.shared();
            match shared.state.borrow().state {
                ConnectionState::Open | ConnectionState::Registered => return Ok(()),
                ConnectionState::Closed => return Err(closed()),
                ConnectionState::Disconnected | ConnectionState::Connecting | ConnectionState::Closing => {}
            }
            let answer = shared.ask_connect();
            // The driver may have ended meanwhile: then nobody answers.
            if shared.state.borrow().state == ConnectionState::Closed {
                return Err(closed());
            }
            answer
        };
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Sends a request and waits for its response, whatever its status. Empty `rqi`, `fr` and `rvi` are filled in.
    ///
    /// Without a connection the request waits for one, which is opened (WS-5.2-6). Dropping the future forgets the
    /// request; it may have been carried out.
    ///
    /// # Errors
    /// `NotRegistered`, `Closed`, `QueueFull`, `DuplicateRequestId`, `InvalidArgument`, `Encode`: it was not sent.
    /// `Timeout`, `ConnectionLost`: the outcome is unknown unless the text says otherwise.
    pub async fn send(&self, request: Request) -> Result<Response> {
        self.shared().link.request(request).await
    }

    /// Accepts a request and delivers it when that is possible: now, or when the connection is open again (WS-5.2-8). Resolves
    /// with its `rqi` when it is accepted, which with an [`outbox_file`](ClientBuilder::outbox_file) is when it is in the file. What
    /// became of it is told by [`ClientEvent::Delivered`]. Requests are delivered in the order of these calls, whenever their
    /// futures are polled, at least once, each time with the same `rqi`; [`send`](Self::send) never sends one twice.
    ///
    /// ```no_run
    /// # use onem2m_ws::{client::Client, primitive::{Request, ResourceType}};
    /// # async fn example(client: Client) -> onem2m_ws::Result<()> {
    /// let reading = serde_json::json!({"m2m:cin": {"con": "21.5"}});
    /// client.post(Request::create("cse-in/sensor1/data", ResourceType::CONTENT_INSTANCE, reading)).await?;
    /// client.flush().await?; // or go on, and let it be delivered when it can
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `QueueFull` ([`OutboxConfig`](crate::binding::OutboxConfig)), `Timeout` if its expiration has passed, `InvalidArgument`, `Closed`, `Storage` if it cannot be
    /// written to the file: it was not accepted.
    pub fn post(&self, request: Request) -> impl Future<Output = Result<String>> + Send + use<> {
        let accepted = self.shared().post(request);
        async move {
            let closed = |_| Error::new(ErrorKind::Closed, "the client was closed");
            accepted?.await.map_err(closed)?
        }
    }

    /// What was accepted by [`post`](Self::post) and is not delivered yet, in its order.
    #[must_use]
    pub fn outbox(&self) -> Vec<Posted> {
        self.shared().poster.list()
    }

    /// How many requests that is.
    #[must_use]
    pub fn outbox_len(&self) -> usize {
        self.shared().poster.len()
    }

    /// Waits until everything that was posted is delivered, or has expired; for ever if it cannot be.
    ///
    /// # Errors
    /// `Closed` if the client is closed meanwhile.
    pub async fn flush(&self) -> Result<()> {
        let shared = self.shared();
        let mut states = shared.state.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as `self` does.
            _ = states.wait_for(|change| change.state == ConnectionState::Closed) => {
                Err(Error::new(ErrorKind::Closed, "the client was closed"))
            }
            () = shared.poster.emptied() => Ok(()),
        }
    }

    /// Sends a request whose outcome is given to `completion`.
    #[cfg(feature = "bridge")]
    pub(crate) fn send_with(&self, request: Request, completion: Arc<dyn Completion>, id: u64) -> Result<Token> {
        self.shared().link.request_with(request, completion, id)
    }

    /// [`send_in`](Self::send_in) whose acknowledgement and outcome are given to `completion`.
    #[cfg(feature = "bridge")]
    pub(crate) fn send_in_with(
        &self,
        mode: Mode,
        request: Request,
        completion: Arc<dyn Completion>,
        id: u64,
    ) -> Result<Token> {
        self.shared().link.begin_with(mode, request, completion, id)
    }

    /// Forgets a request that [`send_with`](Self::send_with) took; true if it still waited.
    #[cfg(feature = "bridge")]
    pub(crate) fn cancel(&self, token: Token) -> bool {
        self.shared().link.with(|session, now| session.cancel(now, token)).is_some()
    }

    /// Takes the requests of the peer's: `handler` is called on the task that drives the connection and must not block. It
    /// answers now, or moves the request to where it is answered later; a request that is dropped is answered 5000.
    /// Without a handler every request is answered 4005 OPERATION_NOT_ALLOWED.
    pub fn on_request(&self, handler: impl Fn(IncomingRequest) + Send + Sync + 'static) {
        struct Handler<F>(F);
        impl<F: Fn(IncomingRequest) + Send + Sync> Application for Handler<F> {
            fn on_request(&self, request: IncomingRequest) {
                (self.0)(request);
            }
            fn on_state(&self, _change: &StateChange) {}
            fn on_event(&self, _event: &ClientEvent) {}
        }
        self.set_application(Arc::new(Handler(handler)));
    }

    /// Hears what happens to the client besides requests and its connection ([`states`](Self::states)). `observer` is called on the
    /// tasks that drive the client, and must not block.
    pub fn on_event(&self, observer: impl Fn(&ClientEvent) + Send + Sync + 'static) {
        *self.shared().observer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(observer));
    }

    pub(crate) fn set_application(&self, application: Arc<dyn Application>) {
        *self.shared().application.write().unwrap_or_else(PoisonError::into_inner) = Some(application);
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> StateChange {
        self.shared().state.borrow().clone()
    }

    /// Follows the changes of the connection. Changes in quick succession may be seen as one.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<StateChange> {
        self.shared().state.subscribe()
    }

    /// The registration in force, if there is one.
    #[must_use]
    pub fn registration(&self) -> Option<Registration> {
        self.shared().link.peek(|session| session.registration().cloned())
    }

    /// Takes it that this registration is in force.
    pub(crate) fn assume_registered(&self, registration: Registration) {
        self.shared().link.with(|session, _| session.assume_registered(registration));
    }

    /// What the client counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared().link.peek(Session::counters)
    }

    /// The format that the connection speaks, which the registrar chose from [`ClientBuilder::formats`]; `None` while there is
    /// no connection.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.shared().link.peek(Session::format)
    }

    /// True if there is a connection, and messages on it are compressed: if the registrar took what
    /// [`ClientBuilder::compression`] offers.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.shared().link.peek(Session::is_compressed)
    }

    /// Requests that wait to be sent: for a connection, or for a place in the window.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared().link.peek(Session::queued)
    }

    /// Closes the connection for now: the next request opens it again (WS-5.2-6), and the registration stays in force
    /// (WS-6.4-4). What waits for a response fails with `ConnectionLost`. Returns when the connection is closed.
    pub async fn disconnect(&self) {
        let shared = self.shared();
        let mut states = shared.state.subscribe();
        if !shared.link.peek(Session::is_connected) {
            return;
        }
        shared.wanted().parked = true;
        shared.closing();
        shared.link.with(|session, now| session.disconnect(now, websocket::CloseCode::Normal.into(), ""));
        let gone = |state| matches!(state, ConnectionState::Disconnected | ConnectionState::Closed);
        // The sender lives as long as `shared` does.
        let _ = states.wait_for(|change| gone(change.state)).await;
    }

    /// Closes the client: takes no further request, waits until nothing under way waits for a response (WS-6.5-2), then
    /// closes the connection. The registration stays in force (WS-6.4-4). What was posted and is not under way is not waited for
    /// ([`flush`](Self::flush) does that): the next run delivers it if it is in a file. Returns when all is done; can be called
    /// again.
    pub async fn close(&self) {
        let mut states = self.shared().state.subscribe();
        self.begin_close();
        // The sender lives as long as `self` does.
        let _ = states.wait_for(|change| change.state == ConnectionState::Closed).await;
        self.shared().poster.written().await;
    }

    /// Begins what [`close`](Self::close) waits for.
    pub(crate) fn begin_close(&self) {
        self.shared().closing();
        self.shared().link.with(|session, now| session.close(now));
    }

    /// Closes at once: what is under way fails with `Closed`.
    #[cfg(feature = "bridge")]
    pub(crate) fn abort(&self) {
        let code = websocket::CloseCode::Normal.into();
        self.shared().link.with(|session, now| session.abort(now, code, ""));
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared().state.borrow().state;
        write!(f, "Client({}, {state:?})", self.shared().dial.poa)
    }
}

impl Shared {
    /// Who we are: as configured, or as assigned at registration.
    fn originator(&self) -> Option<String> {
        self.link.peek(|session| session.originator().map(str::to_owned))
    }

    /// What to dial now: the header names who we are by now (an AE-ID may have been assigned).
    fn dial(&self) -> Dial {
        let mut dial = self.dial.clone();
        if let Some(originator) = self.originator().filter(|_| self.origin_header) {
            dial.headers.push(("X-M2M-Origin".to_owned(), originator));
        }
        dial
    }

    fn handle(&self, event: Event<Waiter>) {
        match event {
            Event::Request { token, request } => {
                let application = self.application.read().unwrap_or_else(PoisonError::into_inner).clone();
                let to: Arc<Link> = Arc::clone(&self.link);
                let responder = Responder::new(to, token, None);
                let request = IncomingRequest { request, responder };
                match application {
                    Some(application) => call_application(|| application.on_request(request)),
                    None => {
                        let text = "this entity has no handler for requests";
                        // A connection that is gone needs no answer.
                        let _ = request.respond(Response::error(StatusCode::OPERATION_NOT_ALLOWED, text));
                    }
                }
            }
            Event::Malformed(text) => {
                tracing::warn!(poa = %self.dial.poa, "malformed message: {}", text.escape_debug())
            }
            Event::Unmatched(response) => {
                tracing::debug!(poa = %self.dial.poa, rqi = ?response.request_id, "response that nobody waits for");
            }
            Event::Registered(registration) => {
                tracing::info!(entity = ?registration.entity, "registered");
                self.advance(ConnectionState::Open, ConnectionState::Registered);
            }
            Event::Deregistered(registration) => {
                tracing::info!(entity = ?registration.entity, "deregistered");
                self.advance(ConnectionState::Registered, ConnectionState::Open);
                self.keeper.ended();
            }
            Event::RegistrationDoubted => self.keeper.doubted(),
            Event::Disconnected(closed) => tracing::info!(poa = %self.dial.poa, "{closed}"),
            // Outcomes go to their waiters before they come here; the end is seen in the session's state.
            Event::Response { .. } | Event::Acknowledged { .. } | Event::Alive | Event::Closed => {}
        }
    }

    fn publish(&self, change: StateChange) {
        self.publish_if(change, |_| true);
    }

    /// From one state to another, if it is that one still.
    fn advance(&self, from: ConnectionState, to: ConnectionState) {
        self.publish_if(StateChange::new(to), |state| state == from);
    }

    /// The connection is to be closed.
    fn closing(&self) {
        self.publish_if(StateChange::new(ConnectionState::Closing), ConnectionState::is_open);
    }

    fn publish_if(&self, change: StateChange, holds: impl FnOnce(ConnectionState) -> bool) {
        let application = self.application.read().unwrap_or_else(PoisonError::into_inner).clone();
        let _in_order = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.state.send_if_modified(|now| {
            let holds = holds(now.state);
            if holds {
                now.clone_from(&change);
            }
            holds
        });
        // It only puts the change into a queue.
        if let Some(application) = application.filter(|_| told) {
            application.on_state(&change);
        }
    }

    fn announce(&self, event: &ClientEvent) {
        let application = self.application.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(application) = application {
            application.on_event(event);
        }
        let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(observer) = observer {
            call_application(|| observer(event));
        }
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection is to be kept.
    fn is_kept(&self) -> bool {
        self.wanted().connection
    }

    fn is_asked(&self) -> bool {
        !self.wanted().asked.is_empty()
    }

    fn is_hurried(&self) -> bool {
        self.wanted().hurry
    }

    /// The connection ended: true if it is to be opened again at once.
    fn reopens(&self) -> bool {
        let closed_idle = self.link.peek(Session::closed_idle);
        let mut wanted = self.wanted();
        let parked = std::mem::take(&mut wanted.parked) || closed_idle;
        wanted.connection = self.stay_connected && !parked;
        wanted.connection
    }

    fn give_up(&self) {
        self.wanted().connection = false;
    }

    fn ask_connect(&self) -> oneshot::Receiver<Result<()>> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut wanted = self.wanted();
            wanted.asked.push(sender);
            wanted.hurry = true;
        }
        self.link.with(|_, _| ()); // wakes the driver
        receiver
    }

    /// Tells those who asked for a connection what became of it; true if anybody did.
    fn answer_connect(&self, outcome: std::result::Result<(), &Error>) -> bool {
        let asked = std::mem::take(&mut self.wanted().asked);
        let any = !asked.is_empty();
        for sender in asked {
            // Who does not wait any more is not told.
            let _ = sender.send(outcome.map_err(Clone::clone));
        }
        any
    }
}
