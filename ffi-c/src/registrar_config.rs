//! Settings of the embedded registrar. Defaults and ranges are the core's ([`RegistrarBuilder`], [`ServerBuilder`]).

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::time::Duration;

use onem2m::binding::PointOfAccess;
use onem2m::client::Client;
use onem2m::registrar::{RegistrarBuilder, Upstream};
use onem2m::server::{Accounts, Flapping, Server, ServerBuilder, TakeOver};
use onem2m::{Error, ErrorKind, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::client_config::{ClientSettings, onem2m_ws_client_config};
use crate::format::{FormatsSetting, formats};
use crate::guard::{guard, guard_value};
use crate::handle::{Handle, borrow, borrow_mut, make, take};
use crate::settings::{CompressionSetting, Secret, Settings, Texts, choice, wipe};
use crate::text::{optional_text, text};
use crate::tls_settings::TlsSettings;

/// What can be set, under the names that [`onem2m_ws_registrar_config_load_json`] takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrarSettings {
    listen: Option<Texts>,
    points_of_access: Option<Texts>,
    allow_insecure: Option<bool>,
    tls: Option<TlsSettings>,
    listen_with: Option<BTreeMap<String, TlsSettings>>,
    cse_id: Option<String>,
    cse_name: Option<String>,
    sp_id: Option<String>,
    admin: Option<String>,
    users: Option<BTreeMap<String, Secret>>,
    tokens: Option<BTreeMap<String, Secret>>,
    store: Option<String>,
    notification_age_ms: Option<u64>,
    delivery_window: Option<usize>,
    take_over: Option<TakeOverSetting>,
    flapping_count: Option<usize>,
    flapping_within_ms: Option<u64>,
    result_persistence_ms: Option<u64>,
    upstream: Option<String>,
    upstream_cse_id: Option<String>,
    upstream_below: Option<String>,
    upstream_attributes: Option<Map<String, Value>>,
    upstream_check_every_ms: Option<u64>,
    upstream_client: Option<ConnectionSettings>,
    paths: Option<Texts>,
    allow_origins: Option<Texts>,
    formats: Option<FormatsSetting>,
    stray_subprotocols: Option<bool>,
    compression: Option<CompressionSetting>,
    strict: Option<bool>,
    max_connections: Option<usize>,
    max_half_open: Option<usize>,
    max_half_open_per_address: Option<usize>,
    max_handshake_bytes: Option<usize>,
    max_handshake_fields: Option<usize>,
    max_message_size: Option<usize>,
    max_fragments: Option<usize>,
    fragment_size: Option<usize>,
    max_control_frames: Option<u32>,
    handshake_timeout_ms: Option<u64>,
    request_timeout_ms: Option<u64>,
    answer_timeout_ms: Option<u64>,
    ping_after_ms: Option<u64>,
    pong_timeout_ms: Option<u64>,
    write_timeout_ms: Option<u64>,
    close_timeout_ms: Option<u64>,
    idle_close_ms: Option<u64>,
    poll_mode: Option<bool>,
}

/// Settings of a client, but for the point of access, which is that of the registrar.
struct ConnectionSettings(ClientSettings);

impl<'de> Deserialize<'de> for ConnectionSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut values = Map::deserialize(deserializer)?;
        values.insert("point_of_access".to_owned(), Value::from(""));
        let settings = ClientSettings::deserialize(&values).map(Self).map_err(D::Error::custom);
        values.values_mut().for_each(wipe);
        settings
    }
}

/// What a newcomer meets that speaks for an entity whose connection is open.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_take_over {
    /// The old connection is asked for a sign of life (a ping). If it gives none in time, the newcomer takes its place; otherwise
    /// the newcomer is closed with 1008. The default.
    ONEM2M_WS_TAKE_OVER_PROBE = 0,
    /// The newcomer is closed with 1008. A registree that comes back before its dead connection was noticed (by keep-alive) has
    /// to try again.
    ONEM2M_WS_TAKE_OVER_REFUSE = 1,
    /// The newcomer takes the place at once, and the old connection is closed with 4001. Unsafe: anybody who can reach the
    /// registrar takes any entity's notifications by naming it. For closed networks only.
    ONEM2M_WS_TAKE_OVER_NEWEST = 2,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TakeOverSetting {
    Probe,
    Refuse,
    Newest,
}

impl From<TakeOverSetting> for TakeOver {
    fn from(setting: TakeOverSetting) -> Self {
        match setting {
            TakeOverSetting::Probe => Self::Probe,
            TakeOverSetting::Refuse => Self::Refuse,
            TakeOverSetting::Newest => Self::Newest,
        }
    }
}

impl RegistrarSettings {
    /// The registrar of this one.
    fn upstream(&mut self) -> Result<Option<Upstream>> {
        let (address, cse_id) = match (self.upstream.take(), self.upstream_cse_id.take()) {
            (None, _) => return Ok(None),
            (Some(address), Some(cse_id)) => (address, cse_id),
            (Some(_), None) => {
                let text = "upstream needs upstream_cse_id, the CSE-ID of that registrar (\"/id-in\")";
                return Err(Error::new(ErrorKind::InvalidArgument, text));
            }
        };
        let mut upstream = Upstream::new(&address, cse_id);
        if let Some(ConnectionSettings(settings)) = self.upstream_client.take() {
            let client = settings.apply(Client::builder(address), true)?;
            upstream = upstream.with_client(|_| client);
        }
        if let Some(below) = self.upstream_below.take() {
            upstream = upstream.below(below);
        }
        if let Some(ms) = self.upstream_check_every_ms {
            upstream = upstream.check_every((ms > 0).then(|| Duration::from_millis(ms)));
        }
        let attributes = self.upstream_attributes.take().unwrap_or_default();
        Ok(Some(attributes.into_iter().fold(upstream, |upstream, (name, value)| upstream.set(&name, value))))
    }

    pub(crate) fn poll_mode(&self) -> bool {
        self.poll_mode.unwrap_or(false)
    }

    pub(crate) fn builder(mut self) -> Result<RegistrarBuilder> {
        let mut b = RegistrarBuilder::new();
        if let Some(upstream) = self.upstream()? {
            b = b.upstream(upstream);
        }
        let mut s = Server::builder();
        let time = Duration::from_millis;
        macro_rules! apply {
            ($to:ident: $($field:ident => $apply:expr;)+) => {
                $(if let Some(value) = self.$field { $to = $apply($to, value); })+
            };
        }
        apply! { b:
            cse_id => RegistrarBuilder::cse_id;
            cse_name => RegistrarBuilder::cse_name;
            sp_id => RegistrarBuilder::sp_id;
            admin => RegistrarBuilder::admin;
            result_persistence_ms => |b: RegistrarBuilder, ms| b.result_persistence(time(ms));
        }
        apply! { s:
            listen => |s, texts: Texts| texts.into_list().into_iter().fold(s, ServerBuilder::listen);
            points_of_access => |s, texts: Texts| texts.into_list().into_iter().fold(s, ServerBuilder::point_of_access);
            allow_insecure => ServerBuilder::allow_insecure;
            paths => |s: ServerBuilder, texts: Texts| s.paths(texts.into_list());
            allow_origins => |s: ServerBuilder, texts: Texts| s.allow_origins(texts.into_list());
            formats => |s: ServerBuilder, FormatsSetting(formats)| s.formats(formats);
            stray_subprotocols => ServerBuilder::stray_subprotocols;
            compression => |s: ServerBuilder, CompressionSetting(compression)| s.compression(compression);
            strict => ServerBuilder::strict;
            store => ServerBuilder::store;
            notification_age_ms => |s: ServerBuilder, ms| s.notification_age(time(ms));
            delivery_window => ServerBuilder::delivery_window;
            take_over => |s: ServerBuilder, policy: TakeOverSetting| s.take_over(policy.into());
            max_connections => ServerBuilder::max_connections;
            max_half_open => ServerBuilder::max_half_open;
            max_half_open_per_address => ServerBuilder::max_half_open_per_address;
            max_handshake_bytes => ServerBuilder::max_handshake_bytes;
            max_handshake_fields => ServerBuilder::max_handshake_fields;
            max_message_size => ServerBuilder::max_message_size;
            max_fragments => ServerBuilder::max_fragments;
            fragment_size => |s: ServerBuilder, bytes| s.fragment_size(Some(bytes).filter(|bytes| *bytes > 0));
            max_control_frames => ServerBuilder::max_control_frames;
            handshake_timeout_ms => |s: ServerBuilder, ms| s.handshake_timeout(time(ms));
            request_timeout_ms => |s: ServerBuilder, ms| s.request_timeout(time(ms));
            answer_timeout_ms => |s: ServerBuilder, ms| s.answer_timeout(time(ms));
            ping_after_ms => |s: ServerBuilder, ms| s.ping_after((ms > 0).then(|| time(ms)));
            pong_timeout_ms => |s: ServerBuilder, ms| s.pong_timeout(time(ms));
            write_timeout_ms => |s: ServerBuilder, ms| s.write_timeout(time(ms));
            close_timeout_ms => |s: ServerBuilder, ms| s.close_timeout(time(ms));
            idle_close_ms => |s: ServerBuilder, ms| s.idle_close((ms > 0).then(|| time(ms)));
        }
        if let Some(tls) = self.tls {
            s = s.tls(tls.into_tls()?);
        }
        for (place, tls) in self.listen_with.unwrap_or_default() {
            s = s.listen_with(place, tls.into_tls()?);
        }
        if self.users.is_some() || self.tokens.is_some() {
            if self.users.iter().chain(&self.tokens).all(BTreeMap::is_empty) {
                let text = "users and tokens have nobody in them: then nobody could connect";
                return Err(Error::new(ErrorKind::InvalidArgument, text));
            }
            let mut accounts = Accounts::new();
            for (name, password) in self.users.iter().flatten() {
                accounts = accounts.user(name, password.as_ref())?;
            }
            for (name, token) in self.tokens.iter().flatten() {
                accounts = accounts.token(name, token.as_ref())?;
            }
            s = s.accounts(accounts);
        }
        if self.flapping_count.is_some() || self.flapping_within_ms.is_some() {
            let Flapping { count, within } = Flapping::default();
            s = s.flapping(self.flapping_count.unwrap_or(count), self.flapping_within_ms.map_or(within, time));
        }
        Ok(b.with_server(|_| s))
    }
}

/// Settings of a registrar. Every setting has a default.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_registrar_config(Settings<RegistrarSettings>);

impl Handle for onem2m_ws_registrar_config {}

impl onem2m_ws_registrar_config {
    /// The settings; NULL is the defaults.
    pub(crate) fn settings(config: *const Self) -> Result<RegistrarSettings> {
        if config.is_null() { Settings::new(Map::new()).get() } else { borrow(config, "config")?.0.get() }
    }
}

/// Settings of a registrar. Free them with onem2m_ws_registrar_config_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_new(out: *mut *mut onem2m_ws_registrar_config) -> i32 {
    guard(|| make(out, "out", || Ok(onem2m_ws_registrar_config(Settings::new(Map::new())))))
}

/// Frees settings; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_free(config: *mut onem2m_ws_registrar_config) {
    guard_value((), || {
        drop(take(config));
        Ok(())
    });
}

pub(crate) fn change(
    config: *mut onem2m_ws_registrar_config,
    change: impl FnOnce(&mut Settings<RegistrarSettings>) -> Result<()>,
) -> i32 {
    guard(|| change(&mut borrow_mut(config, "config")?.0))
}

/// Sets everything that a JSON object names, {"listen":"ws://127.0.0.1:9000"}; null sets the default. An unknown name or a
/// wrong value is an error and changes nothing; what is out of range is one when the registrar is started. The names are those
/// of the setters, and:
/// `listen` and `points_of_access`, also with a list;
/// `users` and `tokens` (objects {"name":"password"} and {"name":"token"}: who may open connections, by Basic or Bearer
/// credentials in the handshake; with one of them everybody else is answered 401, and no error or log shows a secret);
/// `formats` (a list of "json", "xml" and "cbor"); `paths` (those that are served, a list: any; a handshake for another one
/// is answered 404), `allow_origins` (the web pages that may open connections, as "https://app.example", a list: none; others
/// are answered 403), `stray_subprotocols` (takes spellings of older texts: false);
/// `max_half_open`, `max_half_open_per_address` (connections whose handshake is not done: 1024 and 128, one more is answered
/// 503), `max_handshake_bytes` (16 384; 256 to 1 048 576), `max_handshake_fields` (64; 8 to 1024);
/// `max_fragments` (of one message: 4096), `fragment_size` (of messages that are sent: 32 768; 0 for messages that are always
/// one frame), `max_control_frames` (in a second: 256);
/// `answer_timeout_ms` (30 000), `pong_timeout_ms` (10 000), `write_timeout_ms` (a peer that takes no byte for so long is given
/// up: 30 000), `close_timeout_ms` (5000), `idle_close_ms` (closes connections over which nothing has travelled for so long; 0,
/// the default, for never); `take_over` is "probe", "refuse" or "newest"; `flapping_count`, `flapping_within_ms`; `upstream`, `upstream_cse_id`,
/// `upstream_client` (an object as onem2m_ws_client_config_load_json() takes it), `upstream_attributes` (of the `<remoteCSE>` that it
/// registers, an object). `compression` is true, false, or an object as onem2m_ws_client_config_load_json() takes it; `tls` is an
/// object as onem2m_ws_tls_load_json() takes it, `listen_with` an object of those by points of access.
/// Every other number is at least 1, and a time at most a year.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_load_json(
    config: *mut onem2m_ws_registrar_config,
    json: *const c_char,
) -> i32 {
    change(config, |settings| settings.load(text(json, "json")?))
}

/// Where to listen: "ws://127.0.0.1:9000" by default; at "wss://host:port" with onem2m_ws_registrar_config_set_tls(). Port 0 takes
/// any that is free.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_listen(
    config: *mut onem2m_ws_registrar_config,
    point_of_access: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("listen", text(point_of_access, "point_of_access")?))
}

/// The CSE-ID: "/id-in" by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_cse_id(
    config: *mut onem2m_ws_registrar_config,
    cse_id: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("cse_id", text(cse_id, "cse_id")?))
}

/// The identifier of the service provider ("//sp.example"): none by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_sp_id(
    config: *mut onem2m_ws_registrar_config,
    sp_id: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("sp_id", optional_text(sp_id, "sp_id")?))
}

/// The resource name of the CSEBase: "cse-in" by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_cse_name(
    config: *mut onem2m_ws_registrar_config,
    cse_name: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("cse_name", text(cse_name, "cse_name")?))
}

/// The originator that may do everything: "CAdmin" by default. Over a connection without TLS whoever names himself so is
/// believed; over one with TLS a credential that names it.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_admin(
    config: *mut onem2m_ws_registrar_config,
    originator: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("admin", text(originator, "originator")?))
}

/// Allows to listen with ws at an address that others can reach, though nothing is encrypted: false by default. For closed
/// networks.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_allow_insecure(
    config: *mut onem2m_ws_registrar_config,
    yes: bool,
) -> i32 {
    change(config, |settings| settings.set("allow_insecure", yes))
}

/// Where registrees reach it, if that is not where it listens (behind a proxy, or at all addresses): "ws://name:9000".
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_points_of_access(
    config: *mut onem2m_ws_registrar_config,
    point_of_access: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("points_of_access", text(point_of_access, "point_of_access")?))
}

/// Speaks these formats, `count` of onem2m_ws_format; each registree chooses among them. All three by default, which `count` 0
/// sets again. A registree that offers none of them is answered 400.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_formats(
    config: *mut onem2m_ws_registrar_config,
    formats: *const i32,
    count: usize,
) -> i32 {
    change(config, |settings| settings.set("formats", self::formats(formats, count)?))
}

/// Most connections at a time: 10 000. One more is answered 503.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_max_connections(
    config: *mut onem2m_ws_registrar_config,
    count: usize,
) -> i32 {
    change(config, |settings| settings.set("max_connections", count))
}

/// Largest message taken: 1 MiB. A larger one closes its connection.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_max_message_size(
    config: *mut onem2m_ws_registrar_config,
    bytes: usize,
) -> i32 {
    change(config, |settings| settings.set("max_message_size", bytes))
}

/// Longest time for an opening handshake, from the accept on: 10 000 ms.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_handshake_timeout_ms(
    config: *mut onem2m_ws_registrar_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("handshake_timeout_ms", milliseconds))
}

/// Longest wait for the response of a registree: 30 000 ms.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_request_timeout_ms(
    config: *mut onem2m_ws_registrar_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("request_timeout_ms", milliseconds))
}

/// Sends a ping after so much time without a received byte: 20 000 ms; 0 for never.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_ping_after_ms(
    config: *mut onem2m_ws_registrar_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("ping_after_ms", milliseconds))
}

/// Takes the offers of registrees that compress messages (RFC 7692), with the library's defaults, which
/// onem2m_ws_registrar_config_load_json() can change. Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_compression(
    config: *mut onem2m_ws_registrar_config,
    yes: bool,
) -> i32 {
    change(config, |settings| settings.set("compression", yes))
}

/// Refuses every deviation of a registree's from the standard that is tolerated otherwise: false by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_strict(config: *mut onem2m_ws_registrar_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("strict", yes))
}

/// Keeps resources, registrations and notifications for registrees that are offline in this file, which is made if there is none:
/// what was answered with success is there after a crash. NULL, the default, keeps them in memory. One process at a time.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_store(
    config: *mut onem2m_ws_registrar_config,
    path: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("store", optional_text(path, "path")?))
}

/// How long a notification without an expiration time of its own waits for its registree: 86 400 000 ms, a day, by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_notification_age_ms(
    config: *mut onem2m_ws_registrar_config,
    milliseconds: u64,
) -> i32 {
    change(config, |settings| settings.set("notification_age_ms", milliseconds))
}

/// So many stored notifications of one registree may be under way at a time: sent, and not yet known to be answered. 1 by default,
/// at most 256. A crash, or the loss of a connection, repeats so many at most. More are faster where the way is long; their
/// order is the same.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_delivery_window(
    config: *mut onem2m_ws_registrar_config,
    count: u32,
) -> i32 {
    change(config, |settings| settings.set("delivery_window", count))
}

/// What a newcomer meets that speaks for an entity whose connection is open: one of onem2m_ws_take_over.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_take_over(
    config: *mut onem2m_ws_registrar_config,
    take_over: i32,
) -> i32 {
    change(config, |settings| {
        use onem2m_ws_take_over::*;
        let names = [
            (ONEM2M_WS_TAKE_OVER_PROBE as i32, "probe"),
            (ONEM2M_WS_TAKE_OVER_REFUSE as i32, "refuse"),
            (ONEM2M_WS_TAKE_OVER_NEWEST as i32, "newest"),
        ];
        settings.set("take_over", choice(take_over, "take_over", &names)?)
    })
}

/// Tells (ONEM2M_WS_REGISTREE_FLAPPING) when an entity is taken over more often than `count` times (1 to 10 000) within this time:
/// 15 times in 60 000 ms by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_flapping(
    config: *mut onem2m_ws_registrar_config,
    count: u32,
    within_ms: u32,
) -> i32 {
    change(config, |settings| {
        settings.set("flapping_count", count)?;
        settings.set("flapping_within_ms", within_ms)
    })
}

/// How long the result of a non-blocking request is kept whose originator does not say it (`rp`): 300 000 ms, five minutes, by
/// default; at least 1, at most a year.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_result_persistence_ms(
    config: *mut onem2m_ws_registrar_config,
    milliseconds: u64,
) -> i32 {
    change(config, |settings| settings.set("result_persistence_ms", milliseconds))
}

// --- its own registrar ------------------------------------------------------------------------------------------------

/// Makes it an MN-CSE: it registers at the registrar at `point_of_access` ("ws://host[:port]"), whose CSE-ID is `cse_id`
/// ("/id-in"), and what is for a CSE that is not registered here goes there. The connection is opened in the background and kept;
/// what has to be notified while it is away is stored. Its own CSE-ID and name must differ from those of that registrar. NULL for
/// both, the default, for none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_upstream(
    config: *mut onem2m_ws_registrar_config,
    point_of_access: *const c_char,
    cse_id: *const c_char,
) -> i32 {
    change(config, |settings| {
        let (address, cse_id) = (optional_text(point_of_access, "point_of_access")?, optional_text(cse_id, "cse_id")?);
        address.map(str::parse::<PointOfAccess>).transpose()?;
        settings.set("upstream", address)?;
        settings.set("upstream_cse_id", cse_id)
    })
}

/// Takes the settings of that connection (preset, times, proxy, compression...) from those of a client, which are copied; its
/// point of access, its originator and its callbacks do not count. NULL, the default, for the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_upstream_client(
    config: *mut onem2m_ws_registrar_config,
    client: *const onem2m_ws_client_config,
) -> i32 {
    change(config, |settings| {
        if client.is_null() {
            return settings.set("upstream_client", Value::Null);
        }
        settings.set("upstream_client", borrow(client, "client")?.values())
    })
}

/// The address of that registrar's `<CSEBase>`: "-" by default, which every CSE has; "cse-in" for older ones.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_upstream_below(
    config: *mut onem2m_ws_registrar_config,
    cse_base: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("upstream_below", optional_text(cse_base, "cse_base")?))
}

/// How often it is looked whether the registration there is still in force: every 60 000 ms, and after each opening of the
/// connection; 0 for the latter only. At most a year.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_upstream_check_every_ms(
    config: *mut onem2m_ws_registrar_config,
    milliseconds: u32,
) -> i32 {
    change(config, |settings| settings.set("upstream_check_every_ms", milliseconds))
}

/// No dispatcher thread: callbacks are called only by onem2m_ws_registrar_dispatch(). Off by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_poll_mode(config: *mut onem2m_ws_registrar_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("poll_mode", yes))
}
