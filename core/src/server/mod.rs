//! The registrar's end: accepts registrees, keeps the gate, routes to them, stores for those that are offline.
//!
//! Covers: TS-0020 5.2, 6.2.3, 6.4, 6.5; rows WS-5.2-1, -3, -5, WS-6.2.1-3, WS-6.4-2 to -5, WS-6.5-4. What the requests mean is
//! decided by a [`Handler`]: your CSE, or the small one in [`crate::registrar`].

mod accept;
mod accounts;
mod authenticate;
mod config;
mod connection;
mod credentials;
mod delivery;
mod events;
mod half_open;
mod registrations;
mod schedules;
mod secure;
mod uplink;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

pub use crate::binding::{Flapping, Principal, TakeOver};
pub use accept::Refusals;
pub use accounts::Accounts;
pub use authenticate::{Denied, HandshakeInfo};
pub use config::ServerBuilder;
pub use credentials::{Basic, Secret};
pub use delivery::DeliveryCounters;
pub use events::{ServerEvent, TakeOverCounters};

use crate::binding::{ConnectionId, Counters, PeerIdentity, PointOfAccess, Registration, Registry, Session};
use crate::net::OsRandom;
use crate::net::alarms::Alarms;
use crate::net::link::IncomingRequest;
use crate::net::listen::Listen;
use crate::net::tls::acceptor::Acceptor;
use crate::primitive::{Request, Response};
use crate::spool::{RedbSpool, Spool};
use crate::{Error, ErrorKind, Result, binding, websocket};

use accept::RefusalCounts;
use authenticate::Authenticate;
use connection::Registree;
use delivery::Deliveries;
use events::Events;
use half_open::HalfOpen;
use schedules::Schedules;
use secure::Told;
use uplink::{Above, Way};

pub(crate) use uplink::Uplink;

/// Answers the requests of registrees: a CSE.
pub trait Handler: Send + Sync + 'static {
    /// A registree asks for something, and has passed the gate (TS-0020 6.4). Called on the task that drives its connection:
    /// answer at once, or move the request to where it is answered later. A request that is dropped is answered 5000.
    ///
    /// An answer 2001 to CREATE `<AE>` or `<remoteCSE>` registers the entity: it is reached from then on. With a store that is
    /// durable the answer leaves when the registration is written; if that fails, it is 5000. When the resource is deleted,
    /// call [`Server::deregister`].
    fn on_request(&self, server: &Server, request: IncomingRequest);

    /// Something happened to a registree. Called without a lock, one event after the other, in their order, on a task of the
    /// server's own: it must not block. While it is slow, events wait; 4096 at most, then they are counted
    /// ([`ServerEvent::Missed`]). By default nothing is done.
    fn on_event(&self, server: &Server, event: ServerEvent) {
        let _ = (server, event);
    }
}

impl<F: Fn(&Server, IncomingRequest) + Send + Sync + 'static> Handler for F {
    fn on_request(&self, server: &Server, request: IncomingRequest) {
        self(server, request);
    }
}

/// A registrar's end of the binding. Clones are handles of the same server; it runs until [`Server::shutdown`].
///
/// ```no_run
/// use onem2m_ws::primitive::Response;
/// use onem2m_ws::server::Server;
///
/// # async fn example() -> onem2m_ws::Result<()> {
/// let server = Server::builder().listen("ws://127.0.0.1:9000").identity("//sp.example", "/id-in").start(
///     |_server: &Server, request: onem2m_ws::IncomingRequest| {
///         let _ = request.respond(Response::ok());
///     },
/// )?;
/// println!("listening on {}", server.points_of_access()[0]);
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Server(Arc<Shared>);

pub(crate) struct Shared {
    handler: Arc<dyn Handler>,
    /// Changed by [`Shared::change`] only.
    registry: Mutex<Registry>,
    events: Events,
    /// Says who is at the other end of a connection.
    authenticate: Option<Authenticate>,
    /// Counts what takes an entity away from a connection that lives; changed with the registry locked.
    changes: AtomicU64,
    /// By connection; each belongs to the task that serves it, and knows the server.
    registrees: Mutex<HashMap<ConnectionId, Weak<Registree>>>,
    /// Wakes those that wait long.
    alarms: Alarms<ConnectionId>,
    /// For the identifiers of what connections send.
    random: Mutex<OsRandom>,
    deliveries: Deliveries,
    schedules: Schedules,
    /// The file that this server has opened, if any.
    store: Option<Arc<RedbSpool>>,
    /// The registrar of an MN-CSE.
    above: OnceLock<Above>,
    points_of_access: Vec<PointOfAccess>,
    session: Arc<binding::Config>,
    websocket: Arc<websocket::Config>,
    listening: Listen,
    max_connections: usize,
    /// Connections that hold a place, also those that are being opened.
    open: watch::Sender<usize>,
    /// Of these, the ones whose handshake is not done.
    half_open: Mutex<HalfOpen>,
    /// Who finds no place, and is told so.
    turning_away: Arc<Semaphore>,
    refusals: RefusalCounts,
    /// One for each place with TLS settings of its own.
    acceptors: Vec<Arc<Acceptor>>,
    tls_refusals_told: Told,
    next_connection: AtomicU64,
    stopping: watch::Sender<bool>,
    /// What connections counted that are gone.
    past: Mutex<Counters>,
}

impl Server {
    /// Settings of a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    pub(crate) fn start(config: ServerBuilder, handler: Arc<dyn Handler>, runtime: &Handle) -> Result<Self> {
        Self::start_with(config, runtime, |_, _| Ok(handler))
    }

    /// Starts with a handler that is made when the points of access and the store are known.
    pub(crate) fn start_with(
        config: ServerBuilder,
        runtime: &Handle,
        handler: impl FnOnce(&[PointOfAccess], Kept<'_>) -> Result<Arc<dyn Handler>>,
    ) -> Result<Self> {
        let bound = config.bind()?;
        let registry = config.registry()?;
        let store = config.open_store()?;
        let spool = store.clone().map_or(config.spool, |store| store as Arc<dyn Spool>);
        let mut registry = registrations::restored(registry, &*spool)?;
        let handler = handler(&bound.points_of_access, Kept { spool: &spool, registry: &mut registry })?;
        let mut session = config.session;
        // What may be under way is not to wait for a place in the window of the connection.
        session.outgoing.window = session.outgoing.window.max(config.delivery_window);
        let mut acceptors: Vec<Arc<Acceptor>> = Vec::new();
        for acceptor in bound.listeners.iter().filter_map(|(_, acceptor)| acceptor.as_ref()) {
            if !acceptors.iter().any(|other| Arc::ptr_eq(other, acceptor)) {
                acceptors.push(Arc::clone(acceptor));
            }
        }
        let shared = Arc::new(Shared {
            handler,
            registry: Mutex::new(registry),
            events: Events::default(),
            authenticate: config.authenticate,
            changes: AtomicU64::new(0),
            registrees: Mutex::default(),
            alarms: Alarms::new(Instant::now()),
            random: Mutex::new(OsRandom::new()),
            deliveries: Deliveries::new(spool, config.notification_age, config.delivery_window, runtime.clone()),
            schedules: Schedules::default(),
            store,
            points_of_access: bound.points_of_access,
            session: Arc::new(session),
            websocket: Arc::new(config.websocket),
            listening: config.listening,
            max_connections: config.max_connections,
            open: watch::Sender::new(0),
            half_open: Mutex::new(HalfOpen::new(config.half_open)),
            above: OnceLock::new(),
            turning_away: accept::turning_away(),
            refusals: RefusalCounts::default(),
            acceptors,
            tls_refusals_told: Told::new(),
            next_connection: AtomicU64::new(1),
            stopping: watch::Sender::new(false),
            past: Mutex::default(),
        });
        let server = Self(shared);
        for (listener, acceptor) in bound.listeners {
            runtime.spawn(accept::accept(server.clone(), listener, acceptor));
        }
        if !server.0.acceptors.is_empty() {
            runtime.spawn(secure::watch_credentials(server.clone()));
        }
        runtime.spawn(delivery::expire(server.clone()));
        runtime.spawn(events::tell(server.clone()));
        runtime.spawn(ring(server.clone()));
        Ok(server)
    }

    /// Where registrees reach this server: for `pointOfAccess` of `<CSEBase>` and `<remoteCSE>` (WS-6.2.1-3).
    #[must_use]
    pub fn points_of_access(&self) -> &[PointOfAccess] {
        &self.0.points_of_access
    }

    /// Sends a request to a registree and waits for its response, whatever its status.
    ///
    /// # Errors
    /// `NotRegistered` or `NotConnected` if it cannot be reached; what [`crate::client::Client::send`] returns.
    pub async fn send(&self, entity: &str, request: Request) -> Result<Response> {
        match self.way_to(entity).map_err(|error| self.say_when(entity, error))? {
            Way::Registree(registree) => registree.link.request(request).await,
            Way::Uplink(uplink) => uplink.send(request).await,
        }
    }

    /// Accepts a request, usually a NOTIFY, for a registree: it is sent now, or stored and sent when the registree opens its
    /// connection again (WS-6.5-4). Requests of one registree arrive in the order of these calls, whenever their futures
    /// are polled, at least once. The future resolves when the request is accepted: with a store that is durable, when it is
    /// written. Dropped before, it may be accepted all the same, and is sent with the next one.
    ///
    /// A notification with `ec` *latest* takes the place of the one before it that waits for the registree and is of the same
    /// subscription (`sur`).
    ///
    /// # Errors
    /// `NotRegistered` if the registree is not known, `QueueFull` if its store is full, `Storage` if it cannot be written.
    pub fn notify(&self, entity: &str, request: Request) -> impl Future<Output = Result<()>> + Send + use<> {
        let server = self.clone();
        let appended = self.0.append(entity, request);
        async move {
            let (entity, appended) = appended?;
            let appended = appended.await;
            server.0.appended(&appended);
            appended?;
            server.0.forward(&server, &entity);
            Ok(())
        }
    }

    /// Makes a registration known that was made before this process began (WS-6.4-4). Those that are in the store are known
    /// already.
    pub fn restore(&self, registration: Registration) {
        self.restore_as(registration, None);
    }

    /// [`restore`](Self::restore) for an entity that belonged to a principal ([`principal_of`](Self::principal_of)): nobody else
    /// speaks for it. Without that it belongs to the first principal over whose connection it is reached.
    pub fn restore_as(&self, registration: Registration, owner: Option<&Principal>) {
        let ((), orders) = self.0.change(None, "", |registry, now| registry.restore(registration, owner, now));
        self.0.follow(self, orders);
    }

    /// The principal to which an entity belongs: the first over whose connection it was reached
    /// ([`ServerBuilder::authenticate`]).
    #[must_use]
    pub fn principal_of(&self, entity: &str) -> Option<Principal> {
        self.0.registry().owner(entity).cloned()
    }

    /// Who is at the other end of the connection over which an entity is reached now, by the credential that was accepted there;
    /// `None` if nobody was authenticated, or the entity is offline.
    #[must_use]
    pub fn identity_of(&self, entity: &str) -> Option<PeerIdentity> {
        let registry = self.0.registry();
        registry.identity(registry.route(entity)?).map(|identity| PeerIdentity::clone(identity))
    }

    /// True if the entity is registered, connected or not.
    #[must_use]
    pub fn is_registered(&self, entity: &str) -> bool {
        self.0.registry().is_registered(entity)
    }

    /// True if the entity is registered and can be reached now.
    #[must_use]
    pub fn is_connected(&self, entity: &str) -> bool {
        self.0.registry().route(entity).is_some()
    }

    /// Notifications that wait for an entity.
    #[must_use]
    pub fn waiting(&self, entity: &str) -> usize {
        let stem = self.0.registry().stem(entity).to_owned();
        self.0.deliveries.waiting(&stem)
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.registrees().len()
    }

    /// What all connections counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = *self.0.past.lock().unwrap_or_else(PoisonError::into_inner);
        for registree in self.all() {
            sum.add(registree.link.peek(Session::counters));
        }
        sum
    }

    /// What became of what was stored for registrees.
    #[must_use]
    pub fn delivery_counters(&self) -> DeliveryCounters {
        self.0.deliveries.counters()
    }

    /// How many peers got no connection, by cause.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.0.refusals.get()
    }

    /// How often connections met others of the same entity (WS-5.2-3).
    #[must_use]
    pub fn take_overs(&self) -> TakeOverCounters {
        self.0.events.counters()
    }

    /// Stops: accepts no connection, closes every one with 1001 as soon as nothing under way waits on it (WS-6.5-2), at the
    /// latest after `grace`. Registrations stay in force in a store that is durable. Returns when all is closed, also the file
    /// of [`ServerBuilder::store`].
    pub async fn shutdown_within(&self, grace: Duration) {
        self.0.stopping.send_replace(true);
        for registree in self.all() {
            registree.link.with(|session, now| session.go_away(now));
        }
        let mut open = self.0.open.subscribe();
        if tokio::time::timeout(grace, open.wait_for(|open| *open == 0)).await.is_err() {
            self.abort();
        }
        if let Some(store) = &self.0.store
            && let Err(error) = store.close().await
        {
            tracing::error!(%error, "the store could not be closed well");
        }
    }

    /// [`Server::shutdown_within`] 5 s.
    pub async fn shutdown(&self) {
        self.shutdown_within(Duration::from_secs(5)).await;
    }

    /// Closes everything at once.
    pub(crate) fn abort(&self) {
        self.0.stopping.send_replace(true);
        let code = websocket::CloseCode::Away.into();
        for registree in self.all() {
            registree.link.with(|session, now| session.abort(now, code, "the server stops"));
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// Waits until the server is asked to stop.
    pub(crate) async fn stopping(&self) {
        self.0.stopped().await;
    }

    fn all(&self) -> Vec<Arc<Registree>> {
        self.0.registrees().values().filter_map(Weak::upgrade).collect()
    }

    fn registree_of(&self, entity: &str) -> Result<Arc<Registree>> {
        let registry = self.0.registry();
        if !registry.is_registered(entity) {
            return Err(Error::new(ErrorKind::NotRegistered, format!("{entity:?} is not registered here")));
        }
        let route = registry.route(entity);
        drop(registry);
        route.and_then(|connection| self.0.registree(connection)).ok_or_else(|| {
            let text = format!("{entity:?} is registered but not connected; only it can open the connection");
            Error::new(ErrorKind::NotConnected, text)
        })
    }
}

/// What a run before this one left, for the handler to take up.
pub(crate) struct Kept<'a> {
    pub(crate) spool: &'a Arc<dyn Spool>,
    pub(crate) registry: &'a mut Registry,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("points_of_access", &self.0.points_of_access).finish_non_exhaustive()
    }
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server is asked to stop.
    async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as `self`.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Waits until the server has stopped and the last connection has gone.
    async fn is_over(&self) {
        self.stopped().await;
        // The sender lives as long as `self`.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    fn registrees(&self) -> MutexGuard<'_, HashMap<ConnectionId, Weak<Registree>>> {
        self.registrees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registree(&self, connection: ConnectionId) -> Option<Arc<Registree>> {
        self.registrees().get(&connection).and_then(Weak::upgrade)
    }
}

/// Wakes the connections that wait long, until the server has stopped and the last one has gone.
async fn ring(server: Server) {
    let shared = &*server.0;
    let ring = |due: Vec<ConnectionId>| {
        for registree in due.into_iter().filter_map(|connection| shared.registree(connection)) {
            registree.link.wake();
        }
    };
    tokio::select! {
        () = shared.alarms.run(ring) => {}
        () = shared.is_over() => {}
    }
}
