//! Settings of a client. Defaults and ranges are the core's ([`onem2m::client::ClientBuilder`]).

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::time::Duration;

use onem2m::binding::{Accepts, OutboxConfig, Proxy};
use onem2m::client::{Client, ClientBuilder, Preset, Reopening};
use onem2m::websocket::handshake::Credentials;
use onem2m::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client_life::{OutsideSetting, RepeatSetting, WhenFullSetting};
use crate::format::{FormatsSetting, formats};
use crate::guard::{guard, guard_value};
use crate::handle::{Handle, borrow_mut, make, take};
use crate::settings::{CompressionSetting, Secret, Settings, Texts, choice};
use crate::text::{optional_text, text};
use crate::tls_settings::TlsSettings;

/// Which requests of the peer's go to on_request.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_accepts {
    /// Every request: the default.
    ONEM2M_WS_ACCEPT_ALL = 0,
    /// NOTIFY only; others are answered 4005.
    ONEM2M_WS_ACCEPT_NOTIFICATIONS = 1,
    /// None; all are answered 4005.
    ONEM2M_WS_ACCEPT_NOTHING = 2,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum AcceptsSetting {
    All,
    Notifications,
    Nothing,
}

/// What can be set, under the names that [`onem2m_ws_client_config_load_json`] takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientSettings {
    point_of_access: String,
    preset: Option<String>,
    originator: Option<String>,
    registered: Option<bool>,
    stay_connected: Option<bool>,
    patient: Option<bool>,
    keep_registered: Option<bool>,
    registration_lifetime_ms: Option<u64>,
    state_file: Option<String>,
    repeat: Option<RepeatSetting>,
    schedule: Option<Texts>,
    outside_window: Option<OutsideSetting>,
    outbox_requests: Option<usize>,
    outbox_bytes: Option<usize>,
    outbox_when_full: Option<WhenFullSetting>,
    outbox_lifetime_ms: Option<u64>,
    outbox_rate: Option<f64>,
    outbox_window: Option<usize>,
    outbox_repeat: Option<RepeatSetting>,
    outbox_file: Option<String>,
    open_timeout_ms: Option<u64>,
    request_timeout_ms: Option<u64>,
    answer_timeout_ms: Option<u64>,
    reopening_first_delay_ms: Option<u64>,
    reopening_largest_delay_ms: Option<u64>,
    reopening_stable_after_ms: Option<u64>,
    window: Option<usize>,
    queued_requests: Option<usize>,
    queued_bytes: Option<usize>,
    max_message_size: Option<usize>,
    max_fragments: Option<usize>,
    fragment_size: Option<usize>,
    max_control_frames: Option<u32>,
    max_handshake_bytes: Option<usize>,
    max_handshake_fields: Option<usize>,
    ping_after_ms: Option<u64>,
    pong_timeout_ms: Option<u64>,
    write_timeout_ms: Option<u64>,
    close_timeout_ms: Option<u64>,
    idle_close_ms: Option<u64>,
    message_gap_ms: Option<u64>,
    tls: Option<TlsSettings>,
    compression: Option<CompressionSetting>,
    proxy: Option<Secret>,
    proxy_from_environment: Option<bool>,
    proxy_user: Option<Secret>,
    proxy_password: Option<Secret>,
    basic_user: Option<Secret>,
    basic_password: Option<Secret>,
    bearer: Option<Secret>,
    accepts: Option<AcceptsSetting>,
    release_version: Option<String>,
    origin_header: Option<bool>,
    headers: Option<BTreeMap<String, String>>,
    formats: Option<FormatsSetting>,
    subprotocols: Option<Vec<String>>,
    allow_missing_subprotocol: Option<bool>,
    strict: Option<bool>,
    poll_mode: Option<bool>,
    waiting_requests: Option<usize>,
}

/// Requests of the peer's that wait for the program; see [`onem2m_ws_client_config_set_waiting_requests`].
const WAITING_REQUESTS: usize = 256;
/// Longest time that a setting may name.
const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;
const DEFAULT_QUEUE: (usize, usize) = (1024, 8 << 20);

impl ClientSettings {
    pub(crate) fn poll_mode(&self) -> bool {
        self.poll_mode.unwrap_or(false)
    }

    pub(crate) fn waiting_requests(&self) -> usize {
        self.waiting_requests.unwrap_or(WAITING_REQUESTS)
    }

    /// For how long registrations are to be made; by default the registrar decides.
    pub(crate) fn registration_lifetime(&self) -> Result<Option<Duration>> {
        let Some(ms) = self.registration_lifetime_ms.filter(|ms| *ms > 0) else { return Ok(None) };
        if (1000..=YEAR_MS).contains(&ms) {
            return Ok(Some(Duration::from_millis(ms)));
        }
        let text =
            format!("registration_lifetime {ms} ms is out of range: a second to a year, or 0 for the registrar's");
        Err(Error::new(ErrorKind::InvalidArgument, text))
    }

    fn outbox(&self) -> OutboxConfig {
        let default = OutboxConfig::default();
        OutboxConfig {
            requests: self.outbox_requests.unwrap_or(default.requests),
            bytes: self.outbox_bytes.unwrap_or(default.bytes),
            when_full: self.outbox_when_full.map_or(default.when_full, Into::into),
            lifetime: self.outbox_lifetime_ms.map_or(default.lifetime, Duration::from_millis),
            rate: self.outbox_rate.filter(|rate| *rate != 0.0),
            window: self.outbox_window.unwrap_or(default.window),
            repeat: self.outbox_repeat.map_or(default.repeat, Into::into),
        }
    }

    /// The core's settings; `answers` if the program has an `on_request`.
    pub(crate) fn builder(mut self, answers: bool) -> Result<ClientBuilder> {
        let b = Client::builder(std::mem::take(&mut self.point_of_access));
        self.apply(b, answers)
    }

    /// Makes all settings but the point of access.
    pub(crate) fn apply(self, b: ClientBuilder, answers: bool) -> Result<ClientBuilder> {
        let time = Duration::from_millis;
        let mut b = b.outbox(self.outbox());
        // First: what is set besides it holds.
        if let Some(name) = self.preset {
            b = b.preset(Preset::by_name(&name)?);
        }
        macro_rules! apply {
            ($($field:ident => $apply:expr;)+) => {
                $(if let Some(value) = self.$field { b = $apply(b, value); })+
            };
        }
        apply! {
            originator => ClientBuilder::originator;
            registered => ClientBuilder::registered;
            stay_connected => ClientBuilder::stay_connected;
            patient => ClientBuilder::patient;
            keep_registered => ClientBuilder::keep_registered;
            state_file => ClientBuilder::state_file;
            repeat => |b: ClientBuilder, repeat: RepeatSetting| b.repeat(repeat.into());
            schedule => |b: ClientBuilder, texts: Texts| b.schedule(texts.into_list());
            outside_window => |b: ClientBuilder, outside: OutsideSetting| b.outside_window(outside.into());
            outbox_file => ClientBuilder::outbox_file;
            open_timeout_ms => |b: ClientBuilder, ms| b.open_timeout(time(ms));
            request_timeout_ms => |b: ClientBuilder, ms| b.request_timeout(time(ms));
            answer_timeout_ms => |b: ClientBuilder, ms| b.answer_timeout(time(ms));
            window => ClientBuilder::window;
            max_message_size => ClientBuilder::max_message_size;
            max_fragments => ClientBuilder::max_fragments;
            fragment_size => |b: ClientBuilder, bytes| b.fragment_size(Some(bytes).filter(|bytes| *bytes > 0));
            max_control_frames => ClientBuilder::max_control_frames;
            max_handshake_bytes => ClientBuilder::max_handshake_bytes;
            max_handshake_fields => ClientBuilder::max_handshake_fields;
            ping_after_ms => |b: ClientBuilder, ms| b.ping_after((ms > 0).then(|| time(ms)));
            pong_timeout_ms => |b: ClientBuilder, ms| b.pong_timeout(time(ms));
            write_timeout_ms => |b: ClientBuilder, ms| b.write_timeout(time(ms));
            close_timeout_ms => |b: ClientBuilder, ms| b.close_timeout(time(ms));
            idle_close_ms => |b: ClientBuilder, ms| b.idle_close((ms > 0).then(|| time(ms)));
            message_gap_ms => |b: ClientBuilder, ms| b.message_gap((ms > 0).then(|| time(ms)));
            compression => |b: ClientBuilder, CompressionSetting(compression)| b.compression(compression);
            proxy => ClientBuilder::proxy;
            proxy_from_environment => ClientBuilder::proxy_from_environment;
            release_version => |b: ClientBuilder, rvi| b.release_version(Some(rvi).filter(|rvi: &String| !rvi.is_empty()));
            origin_header => ClientBuilder::origin_header;
            headers => |b, headers: BTreeMap<_, _>| headers.into_iter().fold(b, |b: ClientBuilder, (k, v)| b.header(k, v));
            formats => |b: ClientBuilder, FormatsSetting(formats)| b.formats(formats);
            subprotocols => ClientBuilder::subprotocols;
            allow_missing_subprotocol => ClientBuilder::allow_missing_subprotocol;
            strict => ClientBuilder::strict;
        }
        match (self.basic_user, self.basic_password, self.bearer) {
            (None, None, None) => {}
            (None, None, Some(token)) => b = b.bearer(token),
            (Some(user), Some(password), None) => b = b.basic(user, password),
            _ => {
                let text = "credentials for the registrar are basic_user and basic_password, or bearer";
                return Err(Error::new(ErrorKind::InvalidArgument, text));
            }
        }
        if let Some(tls) = self.tls {
            b = b.tls(tls.into_tls()?);
        }
        if self.queued_requests.is_some() || self.queued_bytes.is_some() {
            let (requests, bytes) = DEFAULT_QUEUE;
            b = b.queue(self.queued_requests.unwrap_or(requests), self.queued_bytes.unwrap_or(bytes));
        }
        if self.proxy_user.is_some() || self.proxy_password.is_some() {
            let [user, password] =
                [&self.proxy_user, &self.proxy_password].map(|s| s.as_ref().map_or("", Secret::as_ref));
            b = b.proxy_credentials(user, password);
        }
        let default = Reopening::default();
        b = b.reopening(Reopening {
            first_delay: self.reopening_first_delay_ms.map_or(default.first_delay, time),
            largest_delay: self.reopening_largest_delay_ms.map_or(default.largest_delay, time),
            stable_after: self.reopening_stable_after_ms.map_or(default.stable_after, time),
        });
        Ok(match self.accepts {
            // Nobody is there to answer: the peer hears so at once.
            _ if !answers => b.accepts(Accepts::Nothing),
            None | Some(AcceptsSetting::All) => b,
            Some(AcceptsSetting::Notifications) => b.accepts(Accepts::NotificationsOnly),
            Some(AcceptsSetting::Nothing) => b.accepts(Accepts::Nothing),
        })
    }
}

/// Settings of a client. Every setting has a default; only the point of access is needed, and for most registrars the
/// originator. They are copied when a client is made: one config may serve for many.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_client_config(Settings<ClientSettings>);

impl Handle for onem2m_ws_client_config {}

impl onem2m_ws_client_config {
    pub(crate) fn settings(&self) -> Result<ClientSettings> {
        self.0.get()
    }

    /// Everything that was set, as JSON.
    pub(crate) fn values(&self) -> Map<String, Value> {
        self.0.values()
    }
}

/// Settings of a client of the registrar at `point_of_access`: "ws://host[:port]", or "wss://host[:port]" with
/// onem2m_ws_client_config_set_tls(). Free them with onem2m_ws_client_config_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_new(
    point_of_access: *const c_char,
    out: *mut *mut onem2m_ws_client_config,
) -> i32 {
    guard(|| {
        make(out, "out", || {
            let address = text(point_of_access, "point_of_access")?;
            address.parse::<onem2m::binding::PointOfAccess>()?;
            let values = Map::from_iter([("point_of_access".to_owned(), address.into())]);
            Ok(onem2m_ws_client_config(Settings::new(values)))
        })
    })
}

/// Frees settings; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_free(config: *mut onem2m_ws_client_config) {
    guard_value((), || {
        drop(take(config));
        Ok(())
    });
}

pub(crate) fn change(
    config: *mut onem2m_ws_client_config,
    change: impl FnOnce(&mut Settings<ClientSettings>) -> Result<()>,
) -> i32 {
    guard(|| change(&mut borrow_mut(config, "config")?.0))
}

/// Sets everything that a JSON object names, `{"originator":"Csensor1","request_timeout_ms":5000}`; null sets the default.
/// An unknown name or a wrong value is an error and changes nothing. The names are those of the setters, and:
/// `formats` (a list of "json", "xml" and "cbor", in order of preference), `headers` (an object), `subprotocols` (a list of names
/// to offer), `allow_missing_subprotocol`, `origin_header` (send
/// X-M2M-Origin, on by default), `queued_requests`, `queued_bytes`, `reopening_first_delay_ms`, `reopening_largest_delay_ms`,
/// `reopening_stable_after_ms`, `outbox_requests`, `outbox_bytes`; `repeat` and `outbox_repeat` are "never", "retrieve",
/// "idempotent" or "all", `outbox_when_full` is "refuse" or "drop_oldest", `outside_window` "open" or "hold", `schedule` one entry or
/// a list; `accepts` is "all", "notifications" or "nothing"; `proxy_user`, `proxy_password`;
/// `basic_user` and `basic_password`, or `bearer`;
/// `write_timeout_ms` (a peer that takes no byte for so long is given up: 30 000), `close_timeout_ms` (the longest wait for
/// each step of the closing handshake: 5000), `max_fragments` (of one message: 4096), `max_control_frames` (in a second: 256),
/// `max_handshake_bytes` (of the head of an answer to the opening handshake, or of a proxy's: 16 384; 256 to 1 048 576),
/// `max_handshake_fields` (64; 8 to 1024), `message_gap_ms` (time between two messages of which the first is not known to have
/// been read: 0, or 50 with the ACME preset). `tls` is an object as onem2m_ws_tls_load_json() takes it. `compression` is true,
/// false, or an object with any of `send_takeover`, `receive_takeover` (whether messages refer to those before, which costs
/// memory: false), `send_window_bits`, `receive_window_bits` (8 to 15: 15), `level` (1 to 9: 6), `min_size` (smaller messages
/// are sent as they are: 128).
/// A limit is at least 1; a time is more than 0 and at most a year.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_load_json(config: *mut onem2m_ws_client_config, json: *const c_char) -> i32 {
    change(config, |settings| settings.load(text(json, "json")?))
}

/// What a known registrar asks for: "default", or "acme" (one request at a time, a gap between messages, release
/// version 4). Other settings hold against it, in whatever order they are made.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_preset(config: *mut onem2m_ws_client_config, name: *const c_char) -> i32 {
    change(config, |settings| {
        let name = text(name, "name")?;
        Preset::by_name(name)?;
        settings.set("preset", name)
    })
}

/// The originator of all requests that name none: the AE-ID ("Cname", "Sname") or CSE-ID ("/id"). With "C", "S" or NULL (the
/// default) the registrar assigns an AE-ID at registration.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_originator(
    config: *mut onem2m_ws_client_config,
    originator: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("originator", optional_text(originator, "originator")?))
}

/// Says that the originator is registered already, or needs no registration. Off by default: requests other than a
/// registration are refused until that succeeded.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_registered(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("registered", yes))
}

/// Opens a lost connection again at once, so that notifications arrive. On by default; without it the next request opens it.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_stay_connected(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("stay_connected", yes))
}

/// No dispatcher thread: callbacks are called only by onem2m_ws_client_dispatch(). Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_poll_mode(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("poll_mode", yes))
}

/// Longest time for opening a connection (name, TCP, proxy, handshake): 10 000 ms.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_open_timeout_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("open_timeout_ms", milliseconds))
}

/// Longest wait for a response: 30 000 ms. A request's own expiration counts where it is sooner.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_request_timeout_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("request_timeout_ms", milliseconds))
}

/// Longest time that the program may take to answer a request of the peer's: 30 000 ms, then the peer gets 5000.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_answer_timeout_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("answer_timeout_ms", milliseconds))
}

/// Sends a ping after so much time without a received byte: 20 000 ms; 0 for never.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_ping_after_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("ping_after_ms", milliseconds))
}

/// Gives a connection up that brought no byte for so long after a ping: 10 000 ms.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_pong_timeout_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("pong_timeout_ms", milliseconds))
}

/// Closes a connection over which no request or response has travelled for so long, to save power: 0, the default, for
/// never. The registration stays in force and the next request opens it again; meanwhile no notification arrives.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_idle_close_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("idle_close_ms", milliseconds))
}

/// Connects through this HTTP proxy, by CONNECT: "http://[user:password@]host[:port]", user name and password
/// percent-encoded, port 80 if there is none. NULL, the default, for no proxy. It holds over one of the environment. The proxy
/// resolves the registrar's name. Credentials go to the proxy only, and no error or log shows them.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_proxy(config: *mut onem2m_ws_client_config, url: *const c_char) -> i32 {
    change(config, |settings| {
        let url = optional_text(url, "url")?;
        url.map(str::parse::<Proxy>).transpose()?;
        settings.set("proxy", url)
    })
}

/// Connects through the proxy that the environment names when the client is made: http_proxy or HTTP_PROXY (which does not
/// count where REQUEST_METHOD is set) for ws, https_proxy or HTTPS_PROXY for wss, else all_proxy or ALL_PROXY; not to what
/// no_proxy or NO_PROXY lists (names with all below them, addresses, blocks as 10.0.0.0/8, each with a port or without, or *),
/// and never to loopback. Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_proxy_from_environment(
    config: *mut onem2m_ws_client_config,
    yes: bool,
) -> i32 {
    change(config, |settings| settings.set("proxy_from_environment", yes))
}

/// Who we are towards the proxy, by Basic authentication; they hold over those of its URL. NULL for both, the default, for
/// nobody.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_proxy_credentials(
    config: *mut onem2m_ws_client_config,
    user: *const c_char,
    password: *const c_char,
) -> i32 {
    change(config, |settings| {
        let (user, password) = (optional_text(user, "user")?, optional_text(password, "password")?);
        Credentials::basic(user.unwrap_or_default(), password.unwrap_or_default())
            .map_err(|invalid| Error::new(ErrorKind::InvalidArgument, invalid.to_string()))?;
        settings.set("proxy_user", user)?;
        settings.set("proxy_password", password)
    })
}

/// Who we are towards the registrar, by user name and password (Basic, RFC 7617) in the opening handshake, instead of a
/// token. They go to the registrar only, and no error or log shows them; without TLS they can be read on the way. ACME
/// takes them with its enableBasicAuth. NULL for both, the default, for nobody.
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if the user name has a colon, or either a control character.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_basic(
    config: *mut onem2m_ws_client_config,
    user: *const c_char,
    password: *const c_char,
) -> i32 {
    change(config, |settings| {
        let (user, password) = (optional_text(user, "user")?, optional_text(password, "password")?);
        Credentials::basic(user.unwrap_or_default(), password.unwrap_or_default())
            .map_err(|invalid| Error::new(ErrorKind::InvalidArgument, invalid.to_string()))?;
        settings.set("bearer", Value::Null)?;
        settings.set("basic_user", user)?;
        settings.set("basic_password", password)
    })
}

/// Who we are towards the registrar, by a token (Bearer, RFC 6750), as onem2m_ws_client_config_set_basic() and instead
/// of that. It is of letters, digits and -._~+/, with = at its end only. NULL, the default, for nobody.
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if it has another character.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_bearer(
    config: *mut onem2m_ws_client_config,
    token: *const c_char,
) -> i32 {
    change(config, |settings| {
        let token = optional_text(token, "token")?;
        token
            .map(Credentials::bearer)
            .transpose()
            .map_err(|invalid| Error::new(ErrorKind::InvalidArgument, invalid.to_string()))?;
        settings.set("basic_user", Value::Null)?;
        settings.set("basic_password", Value::Null)?;
        settings.set("bearer", token)
    })
}

/// Offers these formats, `count` of onem2m_ws_format in order of preference; the registrar chooses one for each connection, see
/// onem2m_ws_client_format(). JSON alone by default, which `count` 0 sets again.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_formats(
    config: *mut onem2m_ws_client_config,
    formats: *const i32,
    count: usize,
) -> i32 {
    change(config, |settings| settings.set("formats", self::formats(formats, count)?))
}

/// Offers permessage-deflate (RFC 7692) with the library's defaults, which onem2m_ws_client_config_load_json() can change.
/// Off by default. Where the registrar declines, messages go uncompressed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_compression(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("compression", yes))
}

/// Requests on the wire without a response: 1 to 65 535, 64 by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_window(config: *mut onem2m_ws_client_config, requests: u32) -> i32 {
    change(config, |settings| settings.set("window", requests))
}

/// Bounds of the queue for requests that wait for a connection or a place in the window: 1024 requests and 8 MiB. One that
/// does not fit is refused with ONEM2M_WS_QUEUE_FULL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_queue(
    config: *mut onem2m_ws_client_config,
    requests: u32,
    bytes: usize,
) -> i32 {
    change(config, |settings| {
        settings.set("queued_requests", requests)?;
        settings.set("queued_bytes", bytes)
    })
}

/// Largest message taken: 1 MiB. A larger one closes the connection.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_max_message_size(
    config: *mut onem2m_ws_client_config,
    bytes: usize,
) -> i32 {
    change(config, |settings| settings.set("max_message_size", bytes))
}

/// Largest payload of one frame that is sent: 32 KiB, since some peers refuse larger ones; 0 for messages that are always one
/// frame, for peers that cannot put fragments together.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_fragment_size(config: *mut onem2m_ws_client_config, bytes: usize) -> i32 {
    change(config, |settings| settings.set("fragment_size", bytes))
}

/// Requests of the peer's that may wait for on_request to be called: 256. One more is answered 5207 at once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_waiting_requests(
    config: *mut onem2m_ws_client_config,
    requests: u32,
) -> i32 {
    change(config, |settings| settings.set("waiting_requests", requests))
}

/// Which requests of the peer's go to on_request: one of onem2m_ws_accepts.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_accepts(config: *mut onem2m_ws_client_config, accepts: i32) -> i32 {
    change(config, |settings| {
        use onem2m_ws_accepts::*;
        let names = [
            (ONEM2M_WS_ACCEPT_ALL as i32, "all"),
            (ONEM2M_WS_ACCEPT_NOTIFICATIONS as i32, "notifications"),
            (ONEM2M_WS_ACCEPT_NOTHING as i32, "nothing"),
        ];
        settings.set("accepts", choice(accepts, "accepts", &names)?)
    })
}

/// The release version indicator of all requests that have none: "3" by default; NULL for none (Release 1).
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_release_version(
    config: *mut onem2m_ws_client_config,
    release: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("release_version", optional_text(release, "release")?.unwrap_or_default()))
}

/// Adds a header field to the opening handshake.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_header(
    config: *mut onem2m_ws_client_config,
    name: *const c_char,
    value: *const c_char,
) -> i32 {
    change(config, |settings| settings.set_entry("headers", text(name, "name")?, text(value, "value")?))
}

/// Refuses every deviation of the peer's from the standard that is tolerated otherwise. Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_strict(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("strict", yes))
}
