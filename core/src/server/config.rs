//! Settings of a server.
//!
//! Covers: rows WS-6.2.1-3 (own points of access), WS-7-3 (without TLS only on loopback, unless told so), and the limits of
//! the handshake.

use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use super::accounts::Accounts;
use super::authenticate::{Authenticate, Denied, HandshakeInfo};
use super::half_open::HalfOpenLimits;
use super::{Handler, Server};
use crate::binding::{self, Flapping, PointOfAccess, Principal, Registry, TakeOver, TakeOverRules};
use crate::net::listen::Listen;
use crate::net::range::{SOME, check_connection, check_numbers, check_times};
use crate::net::tls::Tls;
use crate::net::tls::acceptor::Acceptor;
use crate::primitive::{CseId, Format, SpId};
use crate::spool::{MemorySpool, RedbSpool, Spool, StoreOptions};
use crate::websocket::handshake::Limits;
use crate::websocket::{self, Compression};
use crate::{Error, ErrorKind, Result};

/// Connections that the system completes before we accept them; it may allow fewer.
const BACKLOG: i32 = 1024;
/// Take-overs that are in order: the time of each is kept.
const FLAPPING: RangeInclusive<usize> = 1..=10_000;
/// Stored requests of one registree that may be under way.
const DELIVERY_WINDOW: RangeInclusive<usize> = 1..=256;

/// Settings of a [`Server`]; made by [`Server::builder`]. Every setting has a default.
#[must_use]
pub struct ServerBuilder {
    listen: Vec<(String, Option<Tls>)>,
    tls: Option<Tls>,
    allow_insecure: bool,
    points_of_access: Vec<String>,
    sp_id: String,
    cse_id: String,
    trusted: Vec<String>,
    several_entities_without_tls: bool,
    pub(super) max_connections: usize,
    pub(super) half_open: HalfOpenLimits,
    pub(super) session: binding::Config,
    pub(super) websocket: websocket::Config,
    pub(super) listening: Listen,
    pub(super) spool: Arc<dyn Spool>,
    store: Option<PathBuf>,
    pub(super) notification_age: Duration,
    take_over: TakeOverRules,
    pub(super) authenticate: Option<Authenticate>,
    pub(super) delivery_window: usize,
}

/// A server's own places, as bound.
pub(super) struct Bound {
    /// With what makes TLS of their connections.
    pub(super) listeners: Vec<(TcpListener, Option<Arc<Acceptor>>)>,
    pub(super) points_of_access: Vec<PointOfAccess>,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            listen: Vec::new(),
            tls: None,
            allow_insecure: false,
            points_of_access: Vec::new(),
            sp_id: String::new(),
            cse_id: String::new(),
            trusted: Vec::new(),
            several_entities_without_tls: false,
            max_connections: 10_000,
            half_open: HalfOpenLimits { total: 1024, per_address: 128 },
            session: binding::Config { originator: None, ..binding::Config::default() },
            websocket: websocket::Config::default(),
            listening: Listen {
                formats: Format::ALL.to_vec(),
                stray_subprotocols: false,
                compression: None,
                paths: Vec::new(),
                allow_origins: Vec::new(),
                limits: Limits::default(),
                deadline: Duration::from_secs(10),
            },
            spool: Arc::new(MemorySpool::default()),
            store: None,
            notification_age: Duration::from_secs(24 * 3600),
            take_over: TakeOverRules::default(),
            authenticate: None,
            delivery_window: 1,
        }
    }

    /// Listens at `ws://host:port` or `wss://host:port`; port 0 takes any that is free. Can be called more than once;
    /// `ws://127.0.0.1:9000` if it is not.
    pub fn listen(mut self, point_of_access: impl Into<String>) -> Self {
        self.listen.push((point_of_access.into(), None));
        self
    }

    /// What TLS is to be like at each `wss://` place. It needs [`identity`](Self::identity): who the peers are depends on it.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Listens at `wss://host:port` with TLS settings of its own.
    pub fn listen_with(mut self, point_of_access: impl Into<String>, tls: Tls) -> Self {
        self.listen.push((point_of_access.into(), Some(tls)));
        self
    }

    /// Allows to listen without TLS at an address that is not loopback (TS-0020 7: closed environments only). Off by default.
    pub fn allow_insecure(mut self, yes: bool) -> Self {
        self.allow_insecure = yes;
        self
    }

    /// Points of access as the registrees see them, where they differ from the addresses that are listened at (behind a
    /// proxy, or at all addresses).
    pub fn point_of_access(mut self, uri: impl Into<String>) -> Self {
        self.points_of_access.push(uri.into());
        self
    }

    /// The CSE-ID of the registrar (`/id-in`) and its service provider (`//sp.example`), by which the forms of an identifier
    /// are told to be the same.
    pub fn identity(mut self, sp_id: impl Into<String>, cse_id: impl Into<String>) -> Self {
        self.sp_id = sp_id.into();
        self.cse_id = cse_id.into();
        self
    }

    /// Whether a connection without TLS, and without a principal that the hook gave it, may speak for several entities: off by
    /// default. It is bound to the first entity that it registers or speaks as, until that is deregistered; a request for another
    /// registered one, or a second registration, is answered 4106. TS-0004 lets anybody speak for any registered AE there, so this
    /// is for gateways that carry several AEs over one connection in a closed network. A registered CSE forwards for others either
    /// way, and those in [`trusted`](Self::trusted) may be spoken for over any connection.
    pub fn several_entities_without_tls(mut self, yes: bool) -> Self {
        self.several_entities_without_tls = yes;
        self
    }

    /// Originators that need no registration, such as the administrator of the CSE.
    pub fn trusted<S: Into<String>>(mut self, originators: impl IntoIterator<Item = S>) -> Self {
        self.trusted = originators.into_iter().map(Into::into).collect();
        self
    }

    /// The paths that are served, such as `/` or `/~/mn-cse`; a handshake for another one is answered 404. By default every
    /// path is. They are compared byte by byte, without the query. If `/` is none of them, the points of access name the
    /// first.
    pub fn paths<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.listening.paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// The web pages that may open connections, as browsers name them in `Origin`: `https://app.example`, compared byte by
    /// byte. A handshake from any other page is answered 403 (RFC 6455 10.2). By default none may. Devices send no `Origin`
    /// and are always taken.
    pub fn allow_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.listening.allow_origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Most connections at a time, with those that are being opened: 10 000. One more is answered 503.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// Most connections whose handshake is not done: 1024. One more is answered 503.
    pub fn max_half_open(mut self, total: usize) -> Self {
        self.half_open.total = total;
        self
    }

    /// Most of these from one IPv4 address, or one IPv6 network of 64 bits: 128. One more is answered 503. All registrees
    /// behind one proxy have its address.
    pub fn max_half_open_per_address(mut self, count: usize) -> Self {
        self.half_open.per_address = count;
        self
    }

    /// Longest time for an opening handshake, counted from the accept: 10 s. A peer that has sent a part of one is answered
    /// 408.
    pub fn handshake_timeout(mut self, time: Duration) -> Self {
        self.listening.deadline = time;
        self
    }

    /// Most bytes of an opening handshake: 16 KiB; 256 to 1 MiB. One more is answered 431.
    pub fn max_handshake_bytes(mut self, bytes: usize) -> Self {
        self.listening.limits.max_bytes = bytes;
        self
    }

    /// Most header fields of an opening handshake: 64; 8 to 1024. One more is answered 431.
    pub fn max_handshake_fields(mut self, count: usize) -> Self {
        self.listening.limits.max_fields = count;
        self
    }

    /// Largest message taken: 1 MiB. A larger one closes the connection with 1009.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.websocket.max_message_size = bytes;
        self
    }

    /// Takes a registree's offer of permessage-deflate (RFC 7692), as this says: off by default.
    pub fn compression(mut self, compression: Option<Compression>) -> Self {
        self.listening.compression = compression;
        self
    }

    /// Closes a connection over which no request or response has travelled for so long, to save power; by default, `None`, it
    /// stays open as long as possible (WS-6.3-2). The registration stays in force. A client that means to stay connected opens it
    /// again at once: such a policy is the client's, mostly.
    pub fn idle_close(mut self, idle: Option<Duration>) -> Self {
        self.session.idle_close = idle;
        self
    }

    /// Most fragments of one message taken: 4096. One more closes the connection with 1008.
    pub fn max_fragments(mut self, count: usize) -> Self {
        self.websocket.max_fragments = count;
        self
    }

    /// Largest payload of one frame that is sent: 32 KiB. `None`: a message is always one frame.
    pub fn fragment_size(mut self, bytes: Option<usize>) -> Self {
        self.websocket.fragment_size = bytes;
        self
    }

    /// Most control frames taken in a second: 256. One more closes the connection with 1008.
    pub fn max_control_frames(mut self, per_second: u32) -> Self {
        self.websocket.max_control_frames = per_second;
        self
    }

    /// So long a registree may take none of the bytes that wait for it: 30 s. Then its connection is given up.
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.websocket.write_timeout = time;
        self
    }

    /// Sends a ping after so much time without a received byte, 20 s by default, `None` for never.
    pub fn ping_after(mut self, silence: Option<Duration>) -> Self {
        self.websocket.ping_after = silence;
        self
    }

    /// So long after a ping without a received byte a registree counts as gone: 10 s.
    pub fn pong_timeout(mut self, time: Duration) -> Self {
        self.websocket.pong_timeout = time;
        self
    }

    /// How long a registree has to answer a close frame, and then to end the TCP connection: 5 s each.
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.websocket.close_timeout = time;
        self
    }

    /// Longest wait for the response of a registree: 30 s.
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.session.request_timeout = time;
        self
    }

    /// Longest time that the handler may take to answer: 30 s, then the registree gets 5000.
    pub fn answer_timeout(mut self, time: Duration) -> Self {
        self.session.answer_timeout = time;
        self
    }

    /// Speaks these formats; each registree chooses among them for its connection. All three by default. Handlers see content
    /// in any of them ([`Content::value`](crate::primitive::Content::value)), and may answer in any: it is converted.
    pub fn formats(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.listening.formats = formats.into_iter().collect();
        self
    }

    /// Takes the subprotocol spellings of older texts (`oneM2M-pro-v1.0`, ...) too. Off by default.
    pub fn stray_subprotocols(mut self, yes: bool) -> Self {
        self.listening.stray_subprotocols = yes;
        self
    }

    /// Refuses every deviation of a registree's from the standard that is tolerated otherwise. Off by default.
    pub fn strict(mut self, yes: bool) -> Self {
        self.session.decode.strict = yes;
        self
    }

    /// Where notifications for registrees that are offline wait: in memory by default. If it is durable, registrations are kept
    /// there too.
    pub fn spool(mut self, spool: Arc<dyn Spool>) -> Self {
        self.spool = spool;
        self.store = None;
        self
    }

    /// Keeps registrations, and notifications for registrees that are offline, in the file at `path`, which is made if there is
    /// none: what was accepted survives a crash. Its limits are the defaults; for others open it and hand it to
    /// [`spool`](Self::spool).
    pub fn store(mut self, path: impl AsRef<Path>) -> Self {
        self.store = Some(path.as_ref().to_owned());
        self
    }

    /// So many stored requests of one registree may be under way at a time: sent, and the store does not know yet that they were
    /// answered. 1 by default, at most 256. A crash, or the loss of a connection, repeats so many at most. More are faster where
    /// the way is long; their order is the same.
    pub fn delivery_window(mut self, count: usize) -> Self {
        self.delivery_window = count;
        self
    }

    /// How long a notification without an expiration time of its own waits at most: a day; more than 0, at most a year.
    pub fn notification_age(mut self, time: Duration) -> Self {
        self.notification_age = time;
        self
    }

    /// Judges each opening handshake that is good otherwise, and says who is at the other end (TS-0020 5.2): `Some` principal
    /// whose credential was accepted, `None` for a peer that is let in without one, or a refusal with 401 or 403. By default
    /// there is no hook, and nobody is authenticated.
    ///
    /// This is the place for `Authorization` ([`HandshakeInfo::basic`], [`HandshakeInfo::bearer`]), and for what a
    /// proxy that terminates TLS says of a client's certificate in a header. Such a header proves something only if
    /// every connection comes through that proxy ([`HandshakeInfo::peer`]), and the proxy takes it out of what clients
    /// send.
    ///
    /// A principal has one connection: its newest, which takes over all entities that belong to it, and the one before is
    /// closed with 4001. An entity belongs to the first principal over whose connection it is reached, until it is deregistered;
    /// nobody else speaks for it ([`ServerEvent::SecurityAlert`](super::ServerEvent::SecurityAlert)).
    ///
    /// Where TLS has accepted a credential, that says who it is ([`HandshakeInfo::identity`]): the hook can only deny then, and its
    /// principal does not count.
    ///
    /// The hook is called on a task that opens connections: it must not block. If it panics, the peer is answered 500.
    pub fn authenticate(
        mut self,
        hook: impl Fn(&HandshakeInfo<'_>) -> std::result::Result<Option<Principal>, Denied> + Send + Sync + 'static,
    ) -> Self {
        self.authenticate = Some(Arc::new(hook));
        self
    }

    /// Lets in whoever has one of these accounts, and nobody else: the hook of [`authenticate`](Self::authenticate),
    /// whose place it takes. Others are answered 401.
    pub fn accounts(self, accounts: Accounts) -> Self {
        self.authenticate(move |handshake| accounts.judge(handshake).map(Some))
    }

    /// What a newcomer meets that speaks, without authentication, for an entity whose connection is open:
    /// [`TakeOver::Probe`] by default.
    pub fn take_over(mut self, policy: TakeOver) -> Self {
        self.take_over.policy = policy;
        self
    }

    /// Two principals that are one node, while its old credential is exchanged for its new one. Can be called more than once.
    pub fn rotation(mut self, old: Principal, new: Principal) -> Self {
        self.take_over.rotation.push((old, new));
        self
    }

    /// Tells ([`ServerEvent::Flapping`](super::ServerEvent::Flapping)) when an entity is taken over more often than `count`
    /// times (1 to 10 000) within `within`: 15 times in a minute.
    pub fn flapping(mut self, count: usize, within: Duration) -> Self {
        self.take_over.flapping = Flapping { count, within };
        self
    }

    /// Starts the server: it listens when this returns. `handler` answers the requests of the registrees.
    ///
    /// # Errors
    /// `InvalidArgument` if a setting is out of range, `Network` if an address cannot be listened at, `Storage` if the store
    /// cannot be opened, or a registration in it cannot be read.
    ///
    /// # Panics
    /// If it is called outside a tokio runtime.
    pub fn start(self, handler: impl Handler) -> Result<Server> {
        Server::start(self, Arc::new(handler), &tokio::runtime::Handle::current())
    }

    /// What the server knows of its registrees before there is any.
    pub(super) fn registry(&self) -> Result<Registry> {
        let Self { sp_id, cse_id, trusted, .. } = self;
        let registry = Registry::new(sp_id, cse_id, trusted.clone()).map_err(|error| {
            let text = format!("identity({sp_id:?}, {cse_id:?}): {error}; they look like //sp.example and /id-in");
            Error::new(ErrorKind::InvalidArgument, text)
        })?;
        Ok(registry
            .with_rules(&self.take_over)
            .with_plain_bound(!self.several_entities_without_tls)
            .with_associations_for_cses(self.listens_with_tls()))
    }

    /// If it does anywhere, a CSE is to use it (TS-0004 7.3.2.1); a server without it is for closed environments (TS-0020 7).
    fn listens_with_tls(&self) -> bool {
        self.listen.iter().any(|(uri, _)| uri.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss:")))
    }

    /// The file that the server is to open, and to close, if any.
    pub(super) fn open_store(&self) -> Result<Option<Arc<RedbSpool>>> {
        let open = |path| RedbSpool::open(path, StoreOptions::default()).map(Arc::new);
        self.store.as_ref().map(open).transpose()
    }

    pub(super) fn bind(&self) -> Result<Bound> {
        self.check()?;
        self.registry()?;
        let default = [("ws://127.0.0.1:9000".to_owned(), None)];
        let places = if self.listen.is_empty() { &default[..] } else { &self.listen };
        let mut bound = Bound { listeners: Vec::new(), points_of_access: Vec::new() };
        // Places with the same settings have the same acceptor.
        let mut common = None;
        for (uri, own) in places {
            let (listener, is_secure) = self.bind_one(uri)?;
            let acceptor = match (own, is_secure) {
                (None, false) => None,
                (Some(tls), true) => Some(self.acceptor(uri, Some(tls))?),
                (None, true) => {
                    if common.is_none() {
                        common = Some(self.acceptor(uri, self.tls.as_ref())?);
                    }
                    common.clone()
                }
                (Some(_), false) => {
                    let text = format!("listen at {uri:?}: there are TLS settings for it; use wss://");
                    return Err(Error::new(ErrorKind::InvalidArgument, text));
                }
            };
            let local = listener.local_addr().map_err(|e| cannot_listen(uri, &e.to_string()))?;
            if !local.ip().is_unspecified() {
                bound.points_of_access.push(self.point_of_access_at(local, is_secure)?);
            }
            bound.listeners.push((listener, acceptor));
        }
        if self.tls.is_some() && common.is_none() {
            let text = "tls is set, and no place is listened at with it: say listen(\"wss://...\")";
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        if !self.points_of_access.is_empty() {
            bound.points_of_access = self.points_of_access.iter().map(|uri| uri.parse()).collect::<Result<_>>()?;
        }
        Ok(bound)
    }

    /// Refuses settings that are out of range, or could never match.
    fn check(&self) -> Result<()> {
        let invalid = |text: String| Err(Error::new(ErrorKind::InvalidArgument, text));
        let Listen { formats, limits, deadline, compression, paths, allow_origins, .. } = &self.listening;
        let Flapping { count, within } = self.take_over.flapping;
        check_times([
            ("handshake_timeout", Some(*deadline)),
            ("flapping: within", Some(within)),
            ("notification_age", Some(self.notification_age)),
        ])?;
        check_numbers([
            ("flapping: count", count, FLAPPING),
            ("max_connections", self.max_connections, SOME),
            ("max_half_open", self.half_open.total, SOME),
            ("max_half_open_per_address", self.half_open.per_address, SOME),
            ("delivery_window", self.delivery_window, DELIVERY_WINDOW),
        ])?;
        check_connection(&self.session, &self.websocket, limits, compression.as_ref())?;
        if formats.is_empty() {
            return invalid("at least one format is to be spoken".to_owned());
        }
        if let Some(path) = paths.iter().find(|path| !is_path(path)) {
            return invalid(format!("served path {path:?}: it begins with / and has no query, as /~/mn-cse"));
        }
        if let Some(origin) = allow_origins.iter().find(|origin| !is_origin(origin)) {
            return invalid(format!("allowed origin {origin:?}: it has scheme and host only, as https://app.example"));
        }
        Ok(())
    }

    /// What makes TLS of the connections at `uri`.
    fn acceptor(&self, uri: &str, tls: Option<&Tls>) -> Result<Arc<Acceptor>> {
        let invalid = |text: &str| Error::new(ErrorKind::InvalidArgument, format!("listen at {uri:?}: {text}"));
        let tls = tls.ok_or_else(|| invalid("wss:// needs tls: a certificate with its key, and whom to trust"))?;
        let (Ok(sp), Ok(cse)) = (SpId::new(&self.sp_id), CseId::new(&self.cse_id)) else {
            return Err(invalid(
                "with TLS the server needs to know its identity, such as \"//sp.example\" and \"/id-in\"",
            ));
        };
        Acceptor::new(tls.clone(), sp, cse).map(Arc::new)
    }

    fn point_of_access_at(&self, address: SocketAddr, is_secure: bool) -> Result<PointOfAccess> {
        let served = &self.listening.paths;
        let scheme = if is_secure { "wss" } else { "ws" };
        match served.first() {
            Some(path) if !served.iter().any(|path| path == "/") => format!("{scheme}://{address}{path}").parse(),
            _ => Ok(PointOfAccess::from_address(address, is_secure)),
        }
    }

    /// The socket, and whether TLS is to be spoken there.
    fn bind_one(&self, uri: &str) -> Result<(TcpListener, bool)> {
        let invalid = |text: &str| Error::new(ErrorKind::InvalidArgument, format!("listen at {uri:?}: {text}"));
        // Port 0 means "any that is free" here, and only here.
        let (text, any_port) = match uri.trim_end_matches('/').strip_suffix(":0") {
            Some(without) => (format!("{without}:1"), true),
            None => (uri.to_owned(), false),
        };
        let poa: PointOfAccess = text.parse()?;
        if poa.target() != "/" {
            return Err(invalid("a path has no meaning here; say in paths which ones are served"));
        }
        let port = if any_port { 0 } else { poa.port() };
        let addresses: Vec<SocketAddr> =
            (poa.host(), port).to_socket_addrs().map_err(|error| cannot_listen(uri, &error.to_string()))?.collect();
        if !poa.is_secure() && !self.allow_insecure && addresses.iter().any(|address| !is_loopback(address.ip())) {
            return Err(invalid(
                "without TLS a server listens on loopback addresses only: use wss:// with tls, or say allow_insecure if the \
                 network is closed (TS-0020 7)",
            ));
        }
        let listener = TcpListener::bind(&addresses[..]).map_err(|error| cannot_listen(uri, &error.to_string()))?;
        // Many may come at once; the standard library lets 128 wait.
        SockRef::from(&listener).listen(BACKLOG).map_err(|error| cannot_listen(uri, &error.to_string()))?;
        listener.set_nonblocking(true).map_err(|error| cannot_listen(uri, &error.to_string()))?;
        Ok((listener, poa.is_secure()))
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && !b"?#".contains(&b))
}

/// An origin as browsers send it (RFC 6454 6.2). "null", which stands for any page without one, is none.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").map_or("", |(_, host)| host);
    !host.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()) && !host.contains('/')
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn cannot_listen(uri: &str, why: &str) -> Error {
    Error::new(ErrorKind::Network, format!("cannot listen at {uri}: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::net::range::LONGEST;

    type Set<T> = fn(ServerBuilder, T) -> ServerBuilder;

    fn refused(builder: &ServerBuilder) -> String {
        let error = builder.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        error.message().to_owned()
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let ServerBuilder {
            max_connections,
            half_open,
            listening,
            websocket,
            session,
            take_over,
            authenticate,
            delivery_window,
            ..
        } = ServerBuilder::new();
        assert_eq!(take_over, TakeOverRules::default());
        assert_eq!((take_over.policy, authenticate.is_none()), (TakeOver::Probe, true));
        assert_eq!((take_over.flapping.count, take_over.flapping.within), (15, Duration::from_secs(60)));
        assert_eq!(delivery_window, 1);
        assert_eq!((max_connections, half_open.total, half_open.per_address), (10_000, 1024, 128));
        assert_eq!((listening.limits, listening.deadline), (Limits::default(), Duration::from_secs(10)));
        assert!(listening.paths.is_empty() && listening.allow_origins.is_empty());
        assert!(!listening.stray_subprotocols && listening.compression.is_none() && !session.decode.strict);
        assert_eq!(websocket, websocket::Config::default());
        let seconds = Duration::from_secs;
        assert_eq!(
            (session.request_timeout, session.answer_timeout, session.idle_close),
            (seconds(30), seconds(30), None)
        );
    }

    #[test]
    fn every_time_has_a_range_and_is_named_by_its_error() {
        let times: [(&str, Set<Duration>); 10] = [
            ("flapping: within", |b, time| b.flapping(15, time)),
            ("notification_age", ServerBuilder::notification_age),
            ("handshake_timeout", ServerBuilder::handshake_timeout),
            ("request_timeout", ServerBuilder::request_timeout),
            ("answer_timeout", ServerBuilder::answer_timeout),
            ("idle_close", |b, time| b.idle_close(Some(time))),
            ("ping_after", |b, time| b.ping_after(Some(time))),
            ("pong_timeout", ServerBuilder::pong_timeout),
            ("write_timeout", ServerBuilder::write_timeout),
            ("close_timeout", ServerBuilder::close_timeout),
        ];
        let tick = Duration::from_nanos(1);
        for (name, set) in times {
            for good in [tick, LONGEST] {
                assert!(set(ServerBuilder::new(), good).check().is_ok(), "{name} {good:?}");
            }
            for bad in [Duration::ZERO, LONGEST + tick, Duration::MAX] {
                assert!(refused(&set(ServerBuilder::new(), bad)).starts_with(name), "{name} {bad:?}");
            }
        }
    }

    #[test]
    fn every_number_has_a_range_and_is_named_by_its_error() {
        let all = usize::MAX;
        let numbers: [(&str, Set<usize>, usize, usize); 12] = [
            ("flapping: count", |b, count| b.flapping(count, Duration::from_secs(60)), 1, 10_000),
            ("max_connections", ServerBuilder::max_connections, 1, all),
            ("max_half_open", ServerBuilder::max_half_open, 1, all),
            ("max_half_open_per_address", ServerBuilder::max_half_open_per_address, 1, all),
            ("max_handshake_bytes", ServerBuilder::max_handshake_bytes, 256, 1 << 20),
            ("max_handshake_fields", ServerBuilder::max_handshake_fields, 8, 1024),
            ("max_message_size", ServerBuilder::max_message_size, 1, all),
            ("max_fragments", ServerBuilder::max_fragments, 1, all),
            ("delivery_window", ServerBuilder::delivery_window, 1, 256),
            ("fragment_size", |b, size| b.fragment_size(Some(size)), 1, all),
            ("max_control_frames", |b, count| b.max_control_frames(count as u32), 1, u32::MAX as usize),
            (
                "compression: level",
                |b, level| b.compression(Some(Compression { level: level as u32, ..Compression::default() })),
                1,
                9,
            ),
        ];
        for (name, set, least, most) in numbers {
            for good in [least, most] {
                assert!(set(ServerBuilder::new(), good).check().is_ok(), "{name} {good}");
            }
            let above = most.checked_add(1).filter(|above| *above <= u32::MAX as usize);
            for bad in [Some(least - 1), above].into_iter().flatten() {
                assert!(refused(&set(ServerBuilder::new(), bad)).starts_with(name), "{name} {bad}");
            }
        }
        let none = ServerBuilder::new().ping_after(None).idle_close(None).fragment_size(None).compression(None);
        assert!(none.check().is_ok());
    }

    #[test]
    fn ws_7_3_a_cse_needs_tls_where_a_server_listens_with_it() {
        let listen = |uris: &[&str]| uris.iter().fold(ServerBuilder::new(), |b, uri| b.listen(*uri)).listens_with_tls();
        assert!(!listen(&[]) && !listen(&["ws://127.0.0.1:0", "ws://[::1]:9000"]));
        assert!(listen(&["ws://127.0.0.1:0", "wss://127.0.0.1:0"]) && listen(&["WSS://127.0.0.1:0"]));
        assert!(!ServerBuilder::new().several_entities_without_tls);
    }

    #[test]
    fn what_could_never_match_is_refused() {
        for path in ["", "b", "/a?b", "/a#b", "/a b", "/\u{e4}"] {
            assert!(refused(&ServerBuilder::new().paths(["/a", path])).contains(&format!("{path:?}")));
        }
        for origin in
            ["", "null", "*", "a.example", "https://", "https://a.example/", "https://A.example", "HTTPS://a.example"]
        {
            assert!(refused(&ServerBuilder::new().allow_origins([origin])).contains(&format!("{origin:?}")));
        }
        let good =
            ServerBuilder::new().paths(["/", "/~/mn-cse"]).allow_origins(["https://a.example", "http://[::1]:8080"]);
        assert!(good.check().is_ok());
    }
}
