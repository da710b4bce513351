//! This CSE as a registree of its registrar: an MN-CSE.
//!
//! Covers: TS-0020 5.2, 6.4; TS-0001 10.2.2.7; rows WS-5.2-2, WS-5.2-8. The connection is opened and kept, the `<remoteCSE>` of
//! this CSE is made there, looked for after every opening, and made again where the registrar has forgotten it. Until that is
//! known nothing is sent: what a registrar that has forgotten us refuses would be lost. What goes over it is decided by
//! [`super::Cse`], what waits for it is stored by [`crate::server`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};

use super::service::Service;
use crate::binding::{Backoff, Registration, Reopening, Upkeep};
use crate::client::{Client, ClientBuilder, ConnectionState, CseRegistration};
use crate::net::OsRandom;
use crate::net::range::check_times;
use crate::primitive::{Content, Request, Response, StatusCode};
use crate::server::{Server, Uplink};
use crate::{Error, ErrorKind, Result};

/// How long a request waits for a connection that is being opened, or for the registration over it.
const PATIENCE: Duration = Duration::from_secs(2);
/// A registration that was seen within this time is not looked for because of a NOT_FOUND, which mostly is about the target.
const FRESH: Duration = Duration::from_secs(1);

/// The registrar of an MN-CSE: where it is, and how this CSE is known there. See [`super::RegistrarBuilder::upstream`].
///
/// ```no_run
/// use onem2m_ws::registrar::{Registrar, Upstream};
///
/// # async fn example() -> onem2m_ws::Result<()> {
/// let gateway = Registrar::builder()
///     .cse_id("/id-mn")
///     .cse_name("cse-mn")
///     .listen("ws://127.0.0.1:9001")
///     .upstream(Upstream::new("ws://in.example:9000", "/id-in"))
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Upstream {
    client: ClientBuilder,
    pub(super) cse_id: String,
    below: Option<String>,
    attributes: Map<String, Value>,
    check_every: Option<Duration>,
}

impl Upstream {
    /// The registrar with this CSE-ID (`/id-in`) at `ws://host[:port]`.
    pub fn new(point_of_access: impl Into<String>, cse_id: impl Into<String>) -> Self {
        Self {
            client: Client::builder(point_of_access),
            cse_id: cse_id.into(),
            below: None,
            attributes: Map::new(),
            check_every: Some(Duration::from_secs(60)),
        }
    }

    /// Changes the settings of the connection. Its originator is the CSE-ID of this CSE, whatever is set here.
    pub fn with_client(mut self, change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        self.client = change(self.client);
        self
    }

    /// The address of the registrar's `<CSEBase>`: `-` by default, which every CSE has; `cse-in` for older ones.
    pub fn below(mut self, cse_base: impl Into<String>) -> Self {
        self.below = Some(cse_base.into());
        self
    }

    /// Sets any attribute of the `<remoteCSE>` by its short name. `poa` is the points of access of this CSE by default.
    pub fn set(mut self, short_name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(short_name.to_owned(), value.into());
        self
    }

    /// How often it is looked whether the registration is still there: every 60 s, and after each opening of the connection;
    /// `None` for the latter only. More than 0, at most a year.
    pub fn check_every(mut self, time: Option<Duration>) -> Self {
        self.check_every = time;
        self
    }
}

/// How an MN-CSE stands with its registrar.
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct UpstreamState {
    /// There is a connection, and the registration is known to be in force: what is for the registrar, or for somebody behind
    /// it, is sent now.
    pub is_registered: bool,
    /// How often this process has registered there: more than once if the registrar has forgotten it.
    pub registrations: u64,
    /// Why it is not registered now, as far as that is known.
    pub cause: Option<Error>,
}

/// The relation of this CSE to its registrar, while it runs.
pub(super) struct Membership {
    client: Client,
    /// `/id-in`
    registrar: String,
    /// CREATE of the `<remoteCSE>`.
    register: Request,
    /// Its address.
    address: String,
    attributes: Value,
    service: Service,
    server: Server,
    check_every: Option<Duration>,
    state: watch::Sender<UpstreamState>,
    /// The CSEs behind this one that the registrar knows of.
    told: std::sync::Mutex<Vec<String>>,
    /// When the registration was seen last; locked while it is looked for, so that all who doubt look together.
    seen: Mutex<Option<Instant>>,
}

impl Membership {
    /// Opens the connection in the background; it is kept until the server stops.
    pub(super) fn start(
        upstream: Upstream,
        cse_id: &str,
        cse_name: &str,
        service: Service,
        server: &Server,
        runtime: &Handle,
    ) -> Result<Arc<Self>> {
        let Upstream { client, cse_id: registrar, below, attributes, check_every } = upstream;
        let points_of_access: Vec<String> = server.points_of_access().iter().map(ToString::to_string).collect();
        let mut registration = CseRegistration::new(cse_id, cse_name).set("poa", points_of_access);
        for (name, value) in attributes {
            registration = registration.set(&name, value);
        }
        if let Some(below) = below {
            registration = registration.below(below);
        }
        let register = registration.into_request().from(cse_id);
        let attributes = resource(register.content.as_ref(), "m2m:csr").unwrap_or_default();
        let name = attributes.get("rn").and_then(Value::as_str).unwrap_or_default();
        let address = format!("{}/{name}", register.to);
        // The gate of the client stays open: whether the registration is in force is asked before anything is sent.
        // One of the two keeps the registration, and this one knows what else is to be told there.
        let client = client.originator(cse_id).registered(true).keep_registered(false);
        let client = Client::start(client, runtime)?;
        let membership = Arc::new(Self {
            client,
            registrar,
            register,
            address,
            attributes,
            service: service.clone(),
            server: server.clone(),
            check_every,
            state: watch::Sender::default(),
            told: std::sync::Mutex::default(),
            seen: Mutex::default(),
        });
        let from_above = server.clone();
        membership.client.on_request(move |incoming| service.take(&from_above, incoming, true));
        let uplink: Arc<dyn Uplink> = Arc::<Self>::clone(&membership);
        server.set_uplink(&membership.registrar, Arc::downgrade(&uplink));
        runtime.spawn(keep(Arc::clone(&membership)));
        Ok(membership)
    }

    /// What holds the connection.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Checks the settings that are not the client's.
    pub(super) fn check(upstream: &Upstream) -> Result<()> {
        check_times([("check_every", upstream.check_every)])
    }

    pub(super) fn state(&self) -> UpstreamState {
        self.state.borrow().clone()
    }

    pub(super) fn states(&self) -> watch::Receiver<UpstreamState> {
        self.state.subscribe()
    }

    pub(super) async fn close(&self) {
        self.client.close().await;
    }

    fn connections(&self) -> u64 {
        self.client.counters().connections
    }

    fn is_connected(&self) -> bool {
        self.client.state().state.is_open()
    }

    /// Looks whether this CSE is registered, and registers it if it is not. True if what was refused before may pass now.
    async fn look(&self, seen: &mut Option<Instant>) -> Result<bool> {
        let before = Instant::now();
        if self.client.registration().is_some() {
            let answer = self.client.send(Request::retrieve(self.address.as_str())).await?;
            match answer.status {
                status if status.is_success() => {
                    self.bring_up_to_date(&answer).await?;
                    *seen = Some(before);
                    return Ok(false);
                }
                status if Upkeep::is_forgotten(status) => {}
                _ => return Err(self.refused("the question whether this CSE is registered", answer)),
            }
        }
        let descendants = self.descendants();
        let mut register = self.register.clone();
        if !descendants.is_empty() {
            let mut attributes = self.attributes.clone();
            attributes["dcse"] = json!(descendants);
            register.content = Some(json!({ "m2m:csr": attributes }).into());
        }
        let answer = self.client.send(register).await?;
        self.tell(descendants);
        match answer.status {
            StatusCode::CREATED => {
                let mut again = false;
                self.state.send_modify(|state| {
                    again = state.registrations > 0;
                    state.registrations += 1;
                });
                match again {
                    false => tracing::info!(registrar = %self.registrar, "registered"),
                    true => {
                        tracing::warn!(registrar = %self.registrar, "registered again: the registrar had forgotten it")
                    }
                }
                *seen = Some(before);
                Ok(true)
            }
            // It was there all the time, under a name that was not looked for.
            StatusCode::CONFLICT | StatusCode::ALREADY_EXISTS | StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED => {
                self.client.assume_registered(Registration::known(self.register.from.clone().unwrap_or_default()));
                *seen = Some(before);
                Ok(true)
            }
            _ => Err(self.refused("the registration", answer)),
        }
    }

    /// A CSE that was started anew may be reached elsewhere, and others may be reached through it by now.
    async fn bring_up_to_date(&self, answer: &Response) -> Result<()> {
        let there = resource(answer.content.as_ref(), "m2m:csr").unwrap_or_default();
        let mut news = Map::new();
        if there.get("poa") != Some(&self.attributes["poa"]) {
            news.insert("poa".to_owned(), self.attributes["poa"].clone());
        }
        let descendants = self.descendants();
        if there.get("dcse").unwrap_or(&json!([])) != &json!(descendants) {
            news.insert("dcse".to_owned(), json!(descendants));
        }
        self.tell(descendants);
        if !news.is_empty() {
            let update = Request::update(self.address.as_str(), json!({ "m2m:csr": news }));
            let answer = self.client.send(update).await?;
            if !answer.status.is_success() {
                let (status, why) = (answer.status, answer.debug_text());
                tracing::warn!(registrar = %self.registrar, %status, ?why, "poa and dcse there stay old");
            }
        }
        Ok(())
    }

    fn refused(&self, what: &str, answer: Response) -> Error {
        let debug = answer.debug_text().unwrap_or_default();
        let text = format!("{} answered {what} with {}: {debug:?}", self.registrar, answer.status);
        Error::new(ErrorKind::RegistrationRefused, text).with_response(answer)
    }

    /// Looks for the registration until it is in force on the connection that is open now; returns which one that is.
    async fn join(&self) -> Result<u64> {
        loop {
            let before = self.connections();
            self.look(&mut *self.seen.lock().await).await?;
            // One that was opened meanwhile may lead to a registrar that was started anew.
            if self.is_connected() && self.connections() == before {
                return Ok(before);
            }
        }
    }

    /// A request was refused as if this CSE were not registered, which it may not be: true if it is to be sent again.
    async fn doubt(&self, registrations: u64, status: Option<StatusCode>) -> bool {
        let refused = Instant::now();
        let mut seen = self.seen.lock().await;
        if self.state.borrow().registrations > registrations {
            return true;
        }
        let most = if status == Some(StatusCode::NOT_FOUND) { FRESH } else { Duration::ZERO };
        if seen.is_some_and(|seen| seen + most >= refused) {
            return false;
        }
        self.look(&mut seen).await.unwrap_or_else(|error| {
            tracing::warn!(registrar = %self.registrar, %error, "whether this CSE is still registered is not known");
            false
        })
    }

    /// Waits until this CSE is registered, if that may be soon.
    async fn reach(&self) -> Result<()> {
        let mut states = self.state.subscribe();
        if states.borrow().is_registered {
            return Ok(());
        }
        let connection = self.client.state();
        let fails = match connection.state {
            ConnectionState::Connecting => connection.attempt > 1,
            ConnectionState::Disconnected => connection.attempt > 0,
            ConnectionState::Closing | ConnectionState::Closed => true,
            ConnectionState::Open | ConnectionState::Registered => false,
        };
        let joined = states.wait_for(|state| state.is_registered);
        if !fails && tokio::time::timeout(PATIENCE, joined).await.is_ok_and(|state| state.is_ok()) {
            return Ok(());
        }
        let cause = self.state.borrow().cause.clone().or(connection.cause);
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = format!("the registrar {} cannot be reached, or does not know this CSE{cause}", self.registrar);
        Err(Error::new(ErrorKind::NotConnected, text))
    }

    async fn send_up(&self, request: Request) -> Result<Response> {
        self.reach().await?;
        let registrations = self.state.borrow().registrations;
        let again = request.clone();
        let result = self.client.send(request).await;
        let refused = match &result {
            Ok(answer) => match answer.status {
                status if Upkeep::is_forgotten(status) => Some(Some(status)),
                _ => None,
            },
            Err(error) => (error.kind() == ErrorKind::NotRegistered).then_some(None),
        };
        if let Some(status) = refused
            && self.doubt(registrations, status).await
        {
            // It was not carried out.
            return self.client.send(again).await;
        }
        match result {
            // It waited for a connection, not for an answer.
            Err(error) if error.kind() == ErrorKind::Timeout && !self.is_connected() => {
                Err(Error::new(ErrorKind::NotConnected, error.message()))
            }
            result => result,
        }
    }
}

impl Uplink for Membership {
    fn send(self: Arc<Self>, request: Request) -> Pin<Box<dyn Future<Output = Result<Response>> + Send>> {
        Box::pin(async move { self.send_up(request).await })
    }

    fn is_open(&self) -> bool {
        self.state.borrow().is_registered
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("registrar", &self.registrar).finish_non_exhaustive()
    }
}

/// Keeps the connection and the registration until the server stops.
async fn keep(membership: Arc<Membership>) {
    let mut backoff = Backoff::new(Reopening::default(), Box::new(OsRandom::new()));
    let go_on = async {
        loop {
            match membership.join().await {
                Ok(connection) => {
                    backoff.connection_ended(Reopening::default().stable_after);
                    membership.note_base().await;
                    membership.state.send_modify(|state| (state.is_registered, state.cause) = (true, None));
                    membership.server.resume(&membership.registrar);
                    membership.rest(connection).await;
                }
                Err(error) => {
                    backoff.connection_failed();
                    let delay = backoff.next_delay();
                    tracing::warn!(registrar = %membership.registrar, %error, ?delay, "not registered; tried again");
                    membership.lose(error);
                    tokio::time::sleep(delay).await;
                }
            }
        }
    };
    tokio::select! {
        () = membership.server.stopping() => {}
        () = go_on => {}
        () = membership.note_causes() => {}
    }
}

impl Membership {
    /// Waits while the connection lasts, until it is time to look again.
    async fn rest(&self, connection: u64) {
        let mut states = self.client.states();
        let lasts = async {
            while self.is_connected() && self.connections() == connection {
                if states.changed().await.is_err() {
                    return;
                }
            }
        };
        let due = async {
            match self.check_every {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let lost = tokio::select! {
            () = lasts => true,
            () = due => false,
            () = self.descendants_change() => false,
        };
        if lost {
            let text = format!("the connection to {} was lost", self.registrar);
            let cause = self.client.state().cause.unwrap_or_else(|| Error::new(ErrorKind::ConnectionLost, text));
            self.lose(cause);
        }
    }

    fn descendants(&self) -> Vec<String> {
        self.service.with_cse(|cse| cse.descendants()).unwrap_or_default()
    }

    fn tell(&self, descendants: Vec<String>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = descendants;
    }

    /// Waits until other CSEs are reached through this one than the registrar knows of.
    async fn descendants_change(&self) {
        while self.descendants() == *self.told.lock().unwrap_or_else(PoisonError::into_inner) {
            self.service.registrees_change().await;
        }
    }

    /// Keeps up with why there is no connection.
    async fn note_causes(&self) {
        let mut states = self.client.states();
        while states.changed().await.is_ok() {
            let cause = states.borrow_and_update().cause.clone();
            self.state.send_if_modified(|state| {
                let news = cause.is_some() && !state.is_registered && !self.server.is_stopping();
                if news {
                    state.cause = cause;
                }
                news
            });
        }
    }

    /// What fails because this end stops is no news.
    fn lose(&self, cause: Error) {
        if !self.server.is_stopping() {
            self.state.send_modify(|state| (state.is_registered, state.cause) = (false, Some(cause)));
        }
    }

    /// Asks the registrar what it is. It is not needed: a registrar that does not say is taken for an IN-CSE.
    async fn note_base(&self) {
        let Ok(answer) = self.client.send(Request::retrieve(self.register.to.as_str())).await else { return };
        if let Some(Value::Object(base)) = resource(answer.content.as_ref(), "m2m:cb") {
            self.service.with_cse(|cse| cse.note_registrar(SystemTime::now(), &base));
        }
    }
}

/// The attributes of the resource in some content.
fn resource(content: Option<&Content>, root: &str) -> Option<Value> {
    content?.value().ok()?.get_mut(root).map(Value::take)
}
