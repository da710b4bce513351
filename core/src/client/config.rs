//! Settings of a client, with the defaults of the library and presets for known registrars.
//!
//! Covers: TS-0020 6.4 (a client is configured with its registrar's point of access), rows WS-6.4-1, WS-6.2.2.7-1, WS-6.6-1.

mod credentials;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Client;
use super::state_file::StateFile;
use crate::binding::{
    self, Accepts, OutboxConfig, OutsideWindow, PointOfAccess, Proxy, Registration, Reopening, Repeat, Saved, Schedule,
    subprotocol,
};
use crate::net;
use crate::net::range::{check_connection, check_numbers, check_times};
use crate::net::tls::Tls;
use crate::net::tls::connector::Connector;
use crate::primitive::Format;
use crate::websocket::handshake::{Credentials, Limits};
use crate::websocket::{self, Compression};
use crate::{Error, ErrorKind, Result};

/// Of 300 pairs of messages ACME 2026.5 mixed up 254 without a gap, 10 with 5 ms, and none with 10 ms; on a busy machine 280 without
/// one, 2 with 20 ms, and none with 30 ms.
const ACME_GAP: Duration = Duration::from_millis(50);

/// Settings that a known registrar asks for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Preset {
    /// What the standard says.
    #[default]
    Standard,
    /// ACME: one request at a time and a gap between messages ([`ClientBuilder::message_gap`]), `rvi` 4, and a `ws://` point of access in the AE, without
    /// which it sends no notifications.
    Acme,
}

impl Preset {
    /// The preset with this name: `default` or `acme`.
    ///
    /// # Errors
    /// `InvalidArgument`, with the names that there are.
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "default" => Ok(Self::Standard),
            "acme" => Ok(Self::Acme),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("there is no preset {name:?}; there are \"default\" and \"acme\""),
            )),
        }
    }
}

/// Settings of a [`Client`]; made by [`Client::builder`].
///
/// Every setting has a default; only the point of access is needed, and for most registrars the originator.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    pub(super) point_of_access: String,
    pub(super) originator: Option<String>,
    pub(super) registered: bool,
    pub(super) stay_connected: bool,
    pub(super) patient: bool,
    pub(super) keep_registered: bool,
    state_file: Option<PathBuf>,
    pub(super) outbox: OutboxConfig,
    pub(super) outbox_file: Option<PathBuf>,
    schedule: Vec<String>,
    pub(super) outside_window: OutsideWindow,
    pub(super) open_timeout: Duration,
    pub(super) reopening: Reopening,
    tls: Option<Tls>,
    proxy: Option<Result<Proxy>>,
    proxy_from_environment: bool,
    proxy_credentials: Option<Result<Credentials>>,
    credentials: Option<Result<Credentials>>,
    pub(super) handshake: Limits,
    pub(super) origin_header: bool,
    pub(super) headers: Vec<(String, String)>,
    /// In order of preference.
    formats: Vec<Format>,
    subprotocols: Option<Vec<String>>,
    /// Offers the names of Release 2 too.
    release_2_names: bool,
    pub(super) allow_missing_subprotocol: bool,
    pub(super) preset: Preset,
    pub(super) session: binding::Config,
    pub(super) websocket: websocket::Config,
    pub(super) compression: Option<Compression>,
}

impl ClientBuilder {
    pub(super) fn new(point_of_access: String) -> Self {
        Self {
            point_of_access,
            originator: None,
            registered: false,
            stay_connected: true,
            patient: false,
            keep_registered: true,
            state_file: None,
            outbox: OutboxConfig::default(),
            outbox_file: None,
            schedule: Vec::new(),
            outside_window: OutsideWindow::default(),
            open_timeout: Duration::from_secs(10),
            reopening: Reopening::default(),
            tls: None,
            proxy: None,
            proxy_from_environment: false,
            proxy_credentials: None,
            credentials: None,
            handshake: Limits::default(),
            origin_header: true,
            headers: Vec::new(),
            formats: vec![Format::Json],
            subprotocols: None,
            release_2_names: true,
            allow_missing_subprotocol: false,
            preset: Preset::Standard,
            session: binding::Config { gated: true, ..binding::Config::default() },
            websocket: websocket::Config::default(),
            compression: None,
        }
    }

    /// The originator (`fr`) of all requests that name none: the AE-ID (`Cname`, `Sname`) or CSE-ID (`/id`). Without one, or
    /// with `C` or `S`, the registrar assigns an AE-ID at registration, which is used from then on.
    pub fn originator(mut self, id: impl Into<String>) -> Self {
        self.originator = Some(id.into()).filter(|id| !id.is_empty());
        self
    }

    /// Says that the originator is registered already, or needs no registration (an administrator): requests are sent
    /// without one. Off by default: everything but a registration is refused until it succeeded (WS-6.4-3).
    pub fn registered(mut self, yes: bool) -> Self {
        self.registered = yes;
        self
    }

    /// Opens a lost connection again at once, so that notifications arrive. On by default; without it the next request
    /// opens it (WS-5.2-6).
    pub fn stay_connected(mut self, yes: bool) -> Self {
        self.stay_connected = yes;
        self
    }

    /// [`Client::connect`] goes on trying as a lost connection is tried for, until the connection is open or trying again is
    /// pointless. Off by default: the first attempt that fails is told.
    pub fn patient(mut self, yes: bool) -> Self {
        self.patient = yes;
        self
    }

    /// Keeps the registration alive that [`Client::register_ae`] or [`Client::register_cse`] made: it is renewed before its
    /// expiration time, and after a reopening the registrar is asked whether it still knows the entity (a RETRIEVE behind the
    /// requests that go out); one that does not is registered at again. [`Client::on_event`] tells. On by default.
    pub fn keep_registered(mut self, yes: bool) -> Self {
        self.keep_registered = yes;
        self
    }

    /// Keeps who the entity is in this file, which is made if it does not exist: a restarted program then goes on without
    /// registering again (WS-5.2-9). [`Client::register_ae`] asks the registrar whether it still knows the entity, and registers
    /// only if it does not. One file is for one entity at one registrar, and one process at a time. None by default.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_file = Some(path.into());
        self
    }

    /// Which requests are sent again, with the same `rqi`, when the connection broke before their response came: none by default,
    /// and their outcome is told to be unknown ([`Error::is_outcome_unknown`]).
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.session.repeat = repeat;
        self
    }

    /// Bounds and manner of the outbox, which [`Client::post`] fills.
    pub fn outbox(mut self, config: OutboxConfig) -> Self {
        self.outbox = config;
        self
    }

    /// Keeps the outbox in this file, which is made if it does not exist: what was accepted survives a crash, and the next run
    /// delivers it. One file is for one client, and one process at a time. None by default.
    pub fn outbox_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.outbox_file = Some(path.into());
        self
    }

    /// The times at which the entity is reachable, as `scheduleEntries` of its `<schedule>` resource ([`Schedule`]): the
    /// connection is opened when such a time begins, and closed at its end when nothing is pending (WS-5.2-7). None by default:
    /// the entity is always reachable. The registrar hears of it by a `<schedule>` resource below the `<AE>`.
    pub fn schedule<S: Into<String>>(mut self, entries: impl IntoIterator<Item = S>) -> Self {
        self.schedule = entries.into_iter().map(Into::into).collect();
        self
    }

    /// What becomes of a request outside of the times of the schedule: by default it opens the connection (WS-5.2-6).
    pub fn outside_window(mut self, outside: OutsideWindow) -> Self {
        self.outside_window = outside;
        self
    }

    /// Longest time for opening a connection (name, TCP, proxy, handshake): 10 s; more than 0, at most a year.
    pub fn open_timeout(mut self, time: Duration) -> Self {
        self.open_timeout = time;
        self
    }

    /// Longest wait for a response: 30 s; more than 0, at most a year. A request's own expiration counts where it is sooner.
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.session.request_timeout = time;
        self
    }

    /// Longest time that the application may take to answer a request of the peer's: 30 s, then the peer gets 5000. More
    /// than 0, at most a year.
    pub fn answer_timeout(mut self, time: Duration) -> Self {
        self.session.answer_timeout = time;
        self
    }

    /// When a lost connection is opened again.
    pub fn reopening(mut self, reopening: Reopening) -> Self {
        self.reopening = reopening;
        self
    }

    /// Requests on the wire without a response: 1 to 65 535, 64 by default.
    pub fn window(mut self, requests: usize) -> Self {
        self.session.outgoing.window = requests;
        self
    }

    /// Bounds of the queue for requests that wait for a connection or a place in the window: 1024 requests and 8 MiB. A
    /// request that does not fit is refused.
    pub fn queue(mut self, requests: usize, bytes: usize) -> Self {
        self.session.outgoing.queued_requests = requests;
        self.session.outgoing.queued_bytes = bytes;
        self
    }

    /// Largest message taken: 1 MiB; at least 1 byte. A larger one closes the connection with 1009.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.websocket.max_message_size = bytes;
        self
    }

    /// The most fragments of one message taken: 4096; at least 1. One more closes the connection with 1008.
    pub fn max_fragments(mut self, fragments: usize) -> Self {
        self.websocket.max_fragments = fragments;
        self
    }

    /// The largest payload of one frame that is sent: 32 KiB, since some peers refuse larger frames; at least 1 byte. `None`:
    /// a message is always one frame, for peers that cannot put fragments together.
    pub fn fragment_size(mut self, bytes: Option<usize>) -> Self {
        self.websocket.fragment_size = bytes;
        self
    }

    /// The most control frames (pings, pongs) taken in a second: 256; at least 1. One more closes the connection with 1008.
    pub fn max_control_frames(mut self, frames: u32) -> Self {
        self.websocket.max_control_frames = frames;
        self
    }

    /// Offers permessage-deflate (RFC 7692), as this says: off by default. Where the registrar declines, messages go uncompressed.
    pub fn compression(mut self, compression: Option<Compression>) -> Self {
        self.compression = compression;
        self
    }

    /// Closes a connection over which no request or response has travelled for so long, to save power; by default, `None`, it
    /// stays open as long as possible (WS-6.3-2). The registration stays in force, and the next request opens it again, nothing
    /// else: meanwhile no notification arrives. More than 0, at most a year.
    pub fn idle_close(mut self, idle: Option<Duration>) -> Self {
        self.session.idle_close = idle;
        self
    }

    /// Leaves so much time between two messages of which the first is not known to have been read: a request is when its response
    /// has come. None by default. For a registrar that mixes up what comes right behind one another: ACME loses the first of the
    /// two then, and carries the second out twice; its preset sets 50 ms. More than 0, at most a year.
    pub fn message_gap(mut self, gap: Option<Duration>) -> Self {
        self.session.message_gap = gap;
        self
    }

    /// Sends a ping after so much time without a received byte: 20 s, `None` for never; more than 0, at most a year.
    pub fn ping_after(mut self, silence: Option<Duration>) -> Self {
        self.websocket.ping_after = silence;
        self
    }

    /// Gives a connection up that brought no byte for so long after a ping: 10 s; more than 0, at most a year.
    pub fn pong_timeout(mut self, time: Duration) -> Self {
        self.websocket.pong_timeout = time;
        self
    }

    /// Gives a connection up whose peer takes none of the bytes that wait for it for so long: 30 s; more than 0, at most a
    /// year.
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.websocket.write_timeout = time;
        self
    }

    /// Longest wait for the peer's close frame, and then for the end of the TCP connection: 5 s each; more than 0, at most a
    /// year.
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.websocket.close_timeout = time;
        self
    }

    /// Largest head of an answer to the opening handshake, or of a proxy's, and the most that is kept of the body of a
    /// refusal: 16 KiB; 256 bytes to 1 MiB. A larger one fails with `NotWebSocket` or `NotProxy`.
    pub fn max_handshake_bytes(mut self, bytes: usize) -> Self {
        self.handshake.max_bytes = bytes;
        self
    }

    /// The most header fields in such an answer: 64; 8 to 1024.
    pub fn max_handshake_fields(mut self, fields: usize) -> Self {
        self.handshake.max_fields = fields;
        self
    }

    /// What TLS is to be like, for a `wss://` point of access, which has none without this.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connects through this HTTP proxy, which is asked for a tunnel by CONNECT (WS-6.6-1):
    /// `http://[user:password@]host[:port]`, see [`Proxy`]. None by default. It holds over one of the environment, and no
    /// variable of the environment counts then. The proxy resolves the registrar's name.
    ///
    /// ```no_run
    /// # async fn example() -> onem2m_ws::Result<()> {
    /// let client = onem2m_ws::client::Client::builder("ws://in.example:9000")
    ///     .originator("Csensor1")
    ///     .proxy("http://proxy.example:3128")
    ///     .proxy_credentials("gateway", "s@cret")
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        self.proxy = Some(url.as_ref().parse());
        self
    }

    /// Connects through the proxy that `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name, as [`Proxy::from_variables`] says. They
    /// are read when the client is made. Off by default.
    pub fn proxy_from_environment(mut self, yes: bool) -> Self {
        self.proxy_from_environment = yes;
        self
    }

    /// Who we are towards the proxy, by Basic authentication; they hold over those of the proxy's URL. None by default. They
    /// go to the proxy in the CONNECT, in clear as Basic is, and are shown nowhere.
    pub fn proxy_credentials(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let credentials = Credentials::basic(user.as_ref(), password.as_ref());
        self.proxy_credentials = Some(credentials::named("proxy_credentials", credentials));
        self
    }

    /// Which requests the application takes: all by default (WS-6.1-3).
    pub fn accepts(mut self, accepts: Accepts) -> Self {
        self.session.accepts = accepts;
        self
    }

    /// The release version indicator (`rvi`) of all requests that have none: `3` by default; `None` for Release 1.
    pub fn release_version(mut self, rvi: Option<String>) -> Self {
        self.session.release_version = rvi.map(Into::into);
        self
    }

    /// Sends the originator in the handshake header `X-M2M-Origin`: on by default, since ACME and tinyIoT need it.
    pub fn origin_header(mut self, yes: bool) -> Self {
        self.origin_header = yes;
        self
    }

    /// Adds a header field to the opening handshake. Its value is no secret: credentials are for [`basic`](Self::basic)
    /// or [`bearer`](Self::bearer).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Offers these formats, in order of preference; the registrar chooses one for each connection ([`Client::format`]).
    /// JSON alone by default. Content may be given in any format: it is converted if the connection has another one.
    pub fn formats(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.formats = formats.into_iter().collect();
        self
    }

    /// Offers these subprotocol names instead of both names of each of the formats, `oneM2M.json` and `oneM2M.R2.0.json`.
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.subprotocols = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Tolerates a server that chooses no subprotocol: then the first one offered is spoken. Off by default.
    pub fn allow_missing_subprotocol(mut self, yes: bool) -> Self {
        self.allow_missing_subprotocol = yes;
        self
    }

    /// Refuses every deviation of the peer's from the standard that is tolerated otherwise. Off by default.
    pub fn strict(mut self, yes: bool) -> Self {
        self.session.decode.strict = yes;
        self
    }

    /// Sets what a known registrar asks for. Settings made after this call hold.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        if preset == Preset::Acme {
            self.session.outgoing.window = 1;
            self.session.message_gap = Some(ACME_GAP);
            self.session.release_version = Some("4".into());
            self.release_2_names = false;
        }
        self
    }

    /// Makes the client; nothing is opened before [`Client::connect`] or the first request.
    ///
    /// # Errors
    /// `InvalidArgument` if a setting is out of range.
    ///
    /// # Panics
    /// If it is called outside a tokio runtime.
    pub fn build(self) -> Result<Client> {
        Client::start(self, &tokio::runtime::Handle::current())
    }

    /// Makes the client and opens its connection.
    ///
    /// # Errors
    /// `InvalidArgument` if a setting is out of range, and what [`Client::connect`] returns.
    ///
    /// # Panics
    /// If it is called outside a tokio runtime.
    pub async fn connect(self) -> Result<Client> {
        let client = self.build()?;
        client.connect().await?;
        Ok(client)
    }

    /// Checks the settings and puts together what the session and the dialing need.
    pub(super) fn check(&mut self) -> Result<(PointOfAccess, Vec<String>)> {
        let bad = |text: String| Err(Error::new(ErrorKind::InvalidArgument, text));
        let poa: PointOfAccess = self.point_of_access.parse()?;
        let outgoing = self.session.outgoing;
        if outgoing.window == 0 || outgoing.window.saturating_add(outgoing.queued_requests) > 65_535 {
            return bad(format!(
                "window {} and queue {} are out of range: at least 1, together at most 65535",
                outgoing.window, outgoing.queued_requests
            ));
        }
        check_times([("open_timeout", Some(self.open_timeout)), ("outbox: lifetime", Some(self.outbox.lifetime))])?;
        let OutboxConfig { requests, window, rate, .. } = self.outbox;
        check_numbers([("outbox: requests", requests, 1..=1_000_000), ("outbox: window", window, 1..=256)])?;
        if rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
            return bad(format!("outbox: rate {rate:?} is out of range: more than 0 in a second"));
        }
        check_connection(&self.session, &self.websocket, &self.handshake, self.compression.as_ref())?;
        let subprotocols = match &self.subprotocols {
            Some(names) => names.clone(),
            None => subprotocol::offer(&self.formats, self.release_2_names),
        };
        if let Some(name) = subprotocols.iter().find(|name| subprotocol::format_of(name, true).is_none()) {
            let known = subprotocol::offer(&Format::ALL, true).join(", ");
            return bad(format!("subprotocol {name:?} is not one of those that stand for a format: {known}"));
        }
        if subprotocols.is_empty() {
            let what = if self.subprotocols.is_some() { "subprotocol" } else { "format" };
            return bad(format!("at least one {what} is to be offered"));
        }
        if let Some(i) = (1..self.formats.len()).find(|i| self.formats[..*i].contains(&self.formats[*i])) {
            return bad(format!("format {} is there twice", self.formats[i]));
        }
        if self.registered && self.originator.is_none() {
            return bad("registered needs the originator that is registered".to_owned());
        }
        self.session.originator.clone_from(&self.originator);
        Ok((poa, subprotocols))
    }

    /// What makes TLS of connections to `poa`, if it is a `wss://` one.
    pub(super) fn connector(&self, poa: &PointOfAccess) -> Result<Option<Arc<Connector>>> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::InvalidArgument, format!("{poa}: {text}")));
        match (&self.tls, poa.is_secure()) {
            (Some(tls), true) => Connector::new(tls.clone(), poa.host()).map(Arc::new).map(Some),
            (None, false) => Ok(None),
            (None, true) => wrong("wss:// needs tls: at least the authority of the server's certificate"),
            (Some(_), false) => wrong("tls is set, and this point of access has none: use wss://"),
        }
    }

    /// By which proxy `poa` is reached.
    pub(super) fn proxy_for(&self, poa: &PointOfAccess) -> Result<Option<Proxy>> {
        let credentials = self.proxy_credentials.clone().transpose()?;
        let proxy = match &self.proxy {
            Some(proxy) => Some(proxy.clone()?),
            None if self.proxy_from_environment => net::proxy_from_environment(poa)?,
            None if credentials.is_some() => {
                let text = "proxy_credentials without a proxy: name one, or take it from the environment";
                return Err(Error::new(ErrorKind::InvalidArgument, text));
            }
            None => None,
        };
        Ok(match credentials {
            Some(credentials) => proxy.map(|proxy| proxy.with_credentials(credentials)),
            None => proxy,
        })
    }

    /// The schedule, if there is one.
    pub(super) fn parsed_schedule(&self) -> Result<Option<Schedule>> {
        if self.schedule.is_empty() {
            return Ok(None);
        }
        let wrong = |error| Error::new(ErrorKind::InvalidArgument, format!("schedule: {error}"));
        Schedule::parse(&self.schedule).map(Some).map_err(wrong)
    }

    /// The state file, and what an earlier run left in it.
    pub(super) fn open_state_file(&mut self, poa: &PointOfAccess) -> Result<(Option<StateFile>, Option<Saved>)> {
        let Some(path) = &self.state_file else { return Ok((None, None)) };
        let (file, saved) = StateFile::open(path, poa.to_string())?;
        if let (Some(saved), Some(originator)) = (&saved, &self.originator) {
            let entity = &saved.registration.entity;
            if entity != originator && !matches!(originator.as_str(), "C" | "S") {
                return Err(Error::new(
                    ErrorKind::Storage,
                    format!(
                        "the state file {path:?} is of {entity:?}, not of {originator:?}: name another file, or delete it"
                    ),
                ));
            }
        }
        Ok((Some(file), saved))
    }

    /// The registration that is in force from the beginning.
    pub(super) fn known_registration(&self) -> Option<Registration> {
        self.registered.then(|| Registration::known(self.originator.clone().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests;
