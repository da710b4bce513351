//! Joins the CSE to the server: requests in, answers, notifications and verifications out.
//!
//! Covers: rows WS-5.2-2, -10, WS-6.2.1-3, WS-6.4-2, -5, WS-6.5-1, -4. The lock around the CSE is held only while it thinks; the
//! order in which it decided on notifications is the order in which they are stored. What outlives the process is
//! [`super::keeper`]'s part.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::forward::Transit;
use super::keeper::{self, Keeper};
use super::upstream::{Membership, Upstream, UpstreamState};
use super::{Access, Answer, Cse, CseConfig, Effect, Limits, RandomSource, Ticket};
use crate::binding::PointOfAccess;
use crate::net::OsRandom;
use crate::net::link::{IncomingRequest, Responder};
use crate::primitive::{CseType, EntityId, Response};
use crate::server::{self, Handler, Server, ServerBuilder, ServerEvent};
use crate::spool::{Done, FactKind};
use crate::websocket::Random;
use crate::{Error, ErrorKind, Result};

/// How often resources are looked through for those whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// Settings of a [`Registrar`]. Every setting has a default.
#[must_use]
pub struct RegistrarBuilder {
    server: ServerBuilder,
    cse: CseConfig,
    upstream: Option<Upstream>,
    on_event: Option<OnEvent>,
}

/// Hears what happens to registrees.
type OnEvent = Arc<dyn Fn(&Server, ServerEvent) + Send + Sync>;

impl Default for RegistrarBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl RegistrarBuilder {
    /// The registrar `/id-in` named `cse-in` at `ws://127.0.0.1:9000`, with the administrator `CAdmin`.
    pub fn new() -> Self {
        Self { server: Server::builder(), cse: CseConfig::default(), upstream: None, on_event: None }
    }

    /// Listens at `ws://host:port`; port 0 takes any that is free. See [`ServerBuilder::listen`].
    pub fn listen(self, point_of_access: impl Into<String>) -> Self {
        self.with_server(|server| server.listen(point_of_access))
    }

    /// Changes the settings of the server that carries the CSE.
    pub fn with_server(mut self, change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = change(self.server);
        self
    }

    /// The CSE-ID: `/id-in` by default.
    pub fn cse_id(mut self, id: impl Into<String>) -> Self {
        self.cse.cse_id = id.into();
        self
    }

    /// The name of the `<CSEBase>`: `cse-in` by default.
    pub fn cse_name(mut self, name: impl Into<String>) -> Self {
        self.cse.cse_name = name.into();
        self
    }

    /// The identifier of the service provider: `//onem2m-ws.example` by default.
    pub fn sp_id(mut self, id: impl Into<String>) -> Self {
        self.cse.sp_id = id.into();
        self
    }

    /// The originator that needs no registration and may do everything: `CAdmin` by default.
    pub fn admin(mut self, originator: impl Into<String>) -> Self {
        self.cse.admin = originator.into();
        self
    }

    /// Who may read what others have created.
    pub fn access(mut self, access: Access) -> Self {
        self.cse.access = access;
        self
    }

    /// How long the result of a non-blocking request is kept whose originator gives no `rp`: 5 minutes by default.
    pub fn result_persistence(mut self, time: Duration) -> Self {
        self.cse.result_persistence = time;
        self
    }

    /// Bounds of the CSE.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.cse.limits = limits;
        self
    }

    /// Makes it an MN-CSE (WS-5.2-2): it registers at this registrar, and what is for a CSE that is not registered here goes
    /// there. The connection is opened in the background and kept; what has to be notified while it is away is stored.
    /// [`cse_id`](Self::cse_id) and [`cse_name`](Self::cse_name) must be set to other values than those of the registrar.
    pub fn upstream(mut self, registrar: Upstream) -> Self {
        self.upstream = Some(registrar);
        self
    }

    /// Calls `callback` when a registree registers, comes, goes, is taken over, and so on. It must not block; see
    /// [`Handler::on_event`].
    pub fn on_event(mut self, callback: impl Fn(&Server, ServerEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(callback));
        self
    }

    /// Keeps resources, registrations and notifications in the file at `path`, which is made if there is none: what was
    /// answered with success is there after a crash. See [`ServerBuilder::store`]. By default they are in memory.
    pub fn store(self, path: impl AsRef<Path>) -> Self {
        self.with_server(|server| server.store(path))
    }

    /// Starts the registrar: it listens when this returns.
    ///
    /// # Errors
    /// `InvalidArgument` if a setting cannot work, `Network` if an address cannot be listened at, `Storage` if the store cannot
    /// be opened, or a resource in it cannot be read.
    ///
    /// # Panics
    /// If it is called outside a tokio runtime.
    pub fn start(self) -> Result<Registrar> {
        self.start_on(&Handle::current())
    }

    pub(crate) fn start_on(self, runtime: &Handle) -> Result<Registrar> {
        let Self { server, mut cse, upstream, on_event } = self;
        if let Some(upstream) = &upstream {
            Membership::check(upstream)?;
            cse.registrar.clone_from(&upstream.cse_id);
            cse.cse_type = CseType::MN_CSE;
        }
        let (cse_id, cse_name) = (cse.cse_id.clone(), cse.cse_name.clone());
        let server = server.identity(cse.sp_id.clone(), cse.cse_id.clone()).trusted([cse.admin.clone()]);
        let service = Service { state: Arc::default(), changed: Arc::default(), on_event, transit: Transit::default() };
        let handler = service.clone();
        let server = Server::start_with(server, runtime, |points_of_access, kept| {
            cse.points_of_access = points_of_access.iter().map(PointOfAccess::to_string).collect();
            let mut random = OsRandom::new();
            let next = move || {
                let mut bytes = [0; 8];
                random.fill(&mut bytes);
                u64::from_le_bytes(bytes)
            };
            handler.begin(cse, Box::new(next), kept)?;
            Ok(Arc::new(handler) as Arc<dyn Handler>)
        })?;
        let in_runtime = runtime.enter();
        service.resume(&server);
        drop(in_runtime);
        runtime.spawn(sweep(service.clone(), server.clone()));
        let upstream = upstream.map(|upstream| {
            Membership::start(upstream, &cse_id, &cse_name, service, &server, runtime).inspect_err(|_| server.abort())
        });
        Ok(Registrar { server, upstream: upstream.transpose()? })
    }
}

/// A small CSE that listens. Clones are handles of the same registrar; it runs until [`Registrar::shutdown`].
///
/// ```no_run
/// use onem2m_ws::registrar::Registrar;
///
/// # async fn example() -> onem2m_ws::Result<()> {
/// let registrar = Registrar::builder().listen("ws://127.0.0.1:0").start()?;
/// println!("listening on {}", registrar.points_of_access()[0]);
/// registrar.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Registrar {
    server: Server,
    pub(super) upstream: Option<Arc<Membership>>,
}

impl Registrar {
    /// Settings of a registrar.
    pub fn builder() -> RegistrarBuilder {
        RegistrarBuilder::new()
    }

    /// Where registrees reach it.
    #[must_use]
    pub fn points_of_access(&self) -> &[PointOfAccess] {
        self.server.points_of_access()
    }

    /// The server that carries it: who is connected, what waits, counters.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How it stands with its registrar; `None` if it has none.
    #[must_use]
    pub fn upstream_state(&self) -> Option<UpstreamState> {
        self.upstream.as_ref().map(|upstream| upstream.state())
    }

    /// Follows how it stands with its registrar; `None` if it has none. Changes in quick succession may be seen as one.
    #[must_use]
    pub fn upstream_states(&self) -> Option<watch::Receiver<UpstreamState>> {
        self.upstream.as_ref().map(|upstream| upstream.states())
    }

    /// Stops: see [`Server::shutdown`]; then closes the connection to its registrar, where it stays registered (WS-6.4-4).
    pub async fn shutdown(&self) {
        self.server.shutdown().await;
        if let Some(upstream) = &self.upstream {
            upstream.close().await;
        }
    }

    /// Closes everything at once.
    #[cfg(feature = "bridge")]
    pub(crate) fn abort(&self) {
        self.server.abort();
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("points_of_access", &self.points_of_access()).finish_non_exhaustive()
    }
}

/// The CSE and the requests that it answers later.
#[derive(Clone)]
pub(super) struct Service {
    state: Arc<Mutex<State>>,
    /// Tells that somebody was registered or deregistered.
    changed: Arc<Notify>,
    on_event: Option<OnEvent>,
    transit: Transit,
}

#[derive(Default)]
struct State {
    /// Set before the server accepts its first connection.
    cse: Option<Cse>,
    /// If there is a store that outlives the process.
    keeper: Option<Keeper>,
    later: HashMap<Ticket, Responder>,
}

/// What was handed to the store, in order.
struct Stored {
    /// Notifications, and ends of registrations.
    effects: Vec<Done<()>>,
    /// What the CSE has changed.
    changes: Option<Done<()>>,
    /// Who has a registration in it that is still to be answered.
    registered: Option<EntityId>,
    keeper: Option<Keeper>,
}

impl Service {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with what the store has.
    fn begin(&self, config: CseConfig, random: RandomSource, kept: server::Kept<'_>) -> Result<()> {
        let (mut state, now) = (self.state(), SystemTime::now());
        state.keeper = Keeper::new(kept.spool);
        let cse = match &state.keeper {
            None => Cse::new(config, now, random)
                .map_err(|error| Error::new(ErrorKind::InvalidArgument, error.to_string()))?,
            Some(keeper) => {
                let mut cse = Cse::restore(config, now, random, kept.spool.kept(FactKind::Resource)?)?;
                keeper::reconcile(&cse, kept);
                // Before everything of this run. If it cannot be written, what follows cannot either.
                drop(keeper.keep(&mut cse));
                cse
            }
        };
        state.cse = Some(cse);
        Ok(())
    }

    /// Goes on with what the store has brought back: the schedules of registrees, and requests that are not carried out yet.
    fn resume(&self, server: &Server) {
        for (entity, schedule) in self.state().cse.iter().flat_map(Cse::schedules) {
            server.set_schedule(entity.as_str(), Some(schedule.clone()));
        }
        self.go_on(server, |cse| cse.resume(SystemTime::now()));
    }

    /// Carries out effects. Notifications and what the CSE has changed are handed to the store in here, under the caller's
    /// lock, which keeps their order; the returned futures tell when they are accepted.
    fn carry_out(
        &self,
        state: &mut State,
        server: &Server,
        effects: Vec<Effect>,
    ) -> (Stored, Vec<(Responder, Response)>) {
        let mut stored: Vec<Done<()>> = Vec::new();
        let mut registered = None;
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Notify { entity, request } => {
                    stored.push(Box::pin(server.notify(entity.as_str(), *request)));
                }
                Effect::Verify { id, entity, request } => {
                    let (service, server) = (self.clone(), server.clone());
                    tokio::spawn(async move {
                        let answer = server.send(entity.as_str(), *request).await;
                        service.go_on(&server, |cse| {
                            cse.verified(SystemTime::now(), id, answer.ok().map(|response| response.status))
                        });
                    });
                }
                Effect::Forward { ticket, entity, request } => {
                    let (service, server) = (self.clone(), server.clone());
                    tokio::spawn(async move {
                        let response = service.transit.ask(&server, entity.as_str(), *request).await;
                        service.go_on(&server, |cse| cse.forwarded(SystemTime::now(), ticket, response));
                    });
                }
                Effect::Respond { ticket, response } => {
                    answers.extend(state.later.remove(&ticket).map(|responder| (responder, response)));
                }
                // The server sees a registration in the answer to it; it may be over by then.
                Effect::Registered { entity } => {
                    self.changed.notify_one();
                    registered = state.keeper.is_some().then_some(entity);
                }
                Effect::Scheduled { entity, schedule } => {
                    server.set_schedule(entity.as_str(), schedule);
                }
                Effect::Deregistered { entity } if state.keeper.is_some() => {
                    self.changed.notify_one();
                    let ended = server.deregister_durably(entity.as_str());
                    stored.push(Box::pin(async move { ended.await.map(drop) }));
                }
                Effect::Deregistered { entity } => {
                    self.changed.notify_one();
                    server.deregister(entity.as_str());
                }
            }
        }
        let State { cse, keeper, .. } = state;
        let changes = cse.as_mut().zip(keeper.as_ref()).and_then(|(cse, keeper)| keeper.keep(cse));
        let keeper = keeper.clone();
        (Stored { effects: stored, changes, registered, keeper }, answers)
    }

    /// The resource of a registration may have been deleted before the server learned of the registration.
    fn end_if_over(&self, server: &Server, registered: Option<EntityId>) {
        let Some(entity) = registered else { return };
        if !self.state().cse.as_ref().is_some_and(|cse| cse.is_registered(&entity)) {
            server.deregister(entity.as_str());
        }
    }

    /// Lets the CSE go on by itself, and carries out what follows.
    fn go_on(&self, server: &Server, think: impl FnOnce(&mut Cse) -> Vec<Effect>) {
        let (stored, answers) = {
            let mut state = self.state();
            if state.keeper.as_ref().is_some_and(Keeper::has_failed) {
                return;
            }
            let Some(cse) = &mut state.cse else { return };
            let effects = think(cse);
            self.carry_out(&mut state, server, effects)
        };
        when_stored(stored, move |refusal| {
            for (responder, response) in answers {
                respond(responder, refusal.clone().unwrap_or(response));
            }
        });
    }
}

impl Service {
    /// Uses the CSE for something that has no effects.
    pub(super) fn with_cse<R>(&self, change: impl FnOnce(&mut Cse) -> R) -> Option<R> {
        self.state().cse.as_mut().map(change)
    }

    /// Waits until somebody was registered or deregistered.
    pub(super) async fn registrees_change(&self) {
        self.changed.notified().await;
    }

    /// Takes a request: from the registrar of this CSE, or from a registree.
    pub(super) fn take(&self, server: &Server, incoming: IncomingRequest, from_registrar: bool) {
        let IncomingRequest { request, responder } = incoming;
        let mut state = self.state();
        if let Some(refusal) = state.refusal() {
            drop(state);
            return respond(responder, refusal);
        }
        let mut responder = Some(responder);
        let (answer, mut stored, answers) = {
            let Some(cse) = &mut state.cse else { return };
            let now = SystemTime::now();
            let outcome =
                if from_registrar { cse.handle_from_registrar(now, &request) } else { cse.handle(now, &request) };
            if let Answer::Later(ticket) = &outcome.answer
                && let Some(responder) = responder.take()
            {
                state.later.insert(*ticket, responder);
            }
            let (stored, answers) = self.carry_out(&mut state, server, outcome.effects);
            (outcome.answer, stored, answers)
        };
        drop(state);
        let (service, server) = (self.clone(), server.clone());
        let registered = stored.registered.take();
        // What was accepted is stored before success is told.
        when_stored(stored, move |refusal| {
            for (responder, response) in answers {
                respond(responder, refusal.clone().unwrap_or(response));
            }
            let Some(responder) = responder else { return };
            match answer {
                Answer::Response(response) => {
                    respond(responder, refusal.unwrap_or(response));
                    service.end_if_over(&server, registered);
                }
                Answer::Later(_) => {}
                Answer::NoResponse => responder.dismiss(),
                Answer::Forward { entity, request } => {
                    start(service.transit.forward(server, entity, *request, responder));
                }
            }
        });
    }
}

impl Handler for Service {
    fn on_request(&self, server: &Server, incoming: IncomingRequest) {
        let from_registrar = server.is_from_uplink(&incoming.responder);
        self.take(server, incoming, from_registrar);
    }

    fn on_event(&self, server: &Server, event: ServerEvent) {
        if let Some(on_event) = &self.on_event {
            on_event(server, event);
        }
    }
}

impl State {
    /// The answer to a request that must not be looked at, since something could not be written before.
    fn refusal(&mut self) -> Option<Response> {
        let Self { cse, keeper, .. } = self;
        keeper.as_ref()?.refusal(cse.as_mut()?)
    }
}

impl Stored {
    /// Waits until all is written. What is to be answered instead of success, if it is not.
    async fn written(self) -> Option<Response> {
        let Self { effects, changes, keeper, .. } = self;
        let mut refusal = None;
        for effect in effects {
            if let Err(error) = effect.await {
                tracing::warn!(%error, "a notification was not accepted");
                refusal = refusal.or(keeper.as_ref().and_then(|keeper| keeper.verdict_of_one(&error)));
            }
        }
        if let (Some(changes), Some(keeper)) = (changes, keeper) {
            refusal = refusal.or(keeper.verdict(changes.await));
        }
        refusal
    }
}

/// Calls `then` once all is written: now if it is, otherwise on a task of its own. It gets what is to be answered instead of
/// success, if something could not be written.
fn when_stored(stored: Stored, then: impl FnOnce(Option<Response>) + Send + 'static) {
    if stored.effects.is_empty() && stored.changes.is_none() {
        return then(None);
    }
    start(async move { then(stored.written().await) });
}

/// Begins something now, so that what is begun in some order happens in that order; ends it on a task of its own if need be.
fn start(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(task);
    }
}

pub(super) fn respond(responder: Responder, response: Response) {
    // A registree whose connection is gone will ask again.
    let _ = responder.respond(response);
}

async fn sweep(service: Service, server: Server) {
    loop {
        tokio::time::sleep(SWEEP).await;
        if server.is_stopping() {
            return;
        }
        service.go_on(&server, |cse| cse.sweep(SystemTime::now()));
    }
}
