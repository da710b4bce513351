//! The embedded registrar, as its Python owners use it.

use std::path::PathBuf;
use std::sync::Arc;

use onem2m_ws::bridge::{self, Recipient};
use onem2m_ws::registrar::{RegistrarBuilder, Upstream};
use onem2m_ws::server::{Accounts, Server, ServerBuilder, TakeOver};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client::{self, Secret};
use crate::errors::OrRaise;
use crate::format::formats;
use crate::queue::{self, Queue, Slot};
use crate::settings::{CompressionFields, apply, compression, count, one_of, or_none, seconds};
use crate::tls::{IdentityFields, TlsFields, identity, tls};

/// What `onem2m_ws.Upstream` has: point of access, CSE-ID, address of the CSEBase, attributes as JSON, seconds between two looks,
/// settings of the connection.
type UpstreamFields = (String, String, Option<String>, Vec<u8>, Option<f64>, client::Settings);

fn upstream(fields: UpstreamFields) -> onem2m_ws::Result<Upstream> {
    let (point_of_access, cse_id, below, more, check_every, connection) = fields;
    let connection = connection.builder(&point_of_access)?;
    let mut upstream = Upstream::new(point_of_access, cse_id).with_client(|_| connection);
    if let Some(below) = below {
        upstream = upstream.below(below);
    }
    for (short_name, value) in client::attributes(&more)? {
        upstream = upstream.set(&short_name, value);
    }
    if let Some(time) = check_every {
        upstream = upstream.check_every(or_none(seconds("check_every", time)?));
    }
    Ok(upstream)
}

/// Settings from Python's keyword arguments; `None` means the library's default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    listen: Vec<(String, Option<TlsFields>)>,
    tls: Option<TlsFields>,
    point_of_access: Vec<String>,
    allow_insecure: bool,
    cse_id: String,
    cse_name: String,
    admin: String,
    users: Vec<(String, Secret)>,
    tokens: Vec<(String, Secret)>,
    sp_id: Option<String>,
    upstream: Option<UpstreamFields>,
    store: Option<PathBuf>,
    take_over: String,
    flapping: Option<(i128, f64)>,
    delivery_window: Option<i128>,
    notification_age: Option<f64>,
    result_persistence: Option<f64>,
    paths: Vec<String>,
    allow_origins: Vec<String>,
    formats: Option<Vec<String>>,
    stray_subprotocols: bool,
    compression: Option<CompressionFields>,
    strict: bool,
    max_connections: Option<i128>,
    max_half_open: Option<i128>,
    max_half_open_per_address: Option<i128>,
    max_handshake_bytes: Option<i128>,
    max_handshake_fields: Option<i128>,
    max_message_size: Option<i128>,
    max_fragments: Option<i128>,
    fragment_size: Option<i128>,
    max_control_frames: Option<i128>,
    handshake_timeout: Option<f64>,
    request_timeout: Option<f64>,
    answer_timeout: Option<f64>,
    ping_after: Option<f64>,
    pong_timeout: Option<f64>,
    write_timeout: Option<f64>,
    close_timeout: Option<f64>,
    idle_close: Option<f64>,
}

impl Settings {
    fn builder(self) -> onem2m_ws::Result<RegistrarBuilder> {
        let mut server = Server::builder()
            .allow_insecure(self.allow_insecure)
            .paths(self.paths)
            .allow_origins(self.allow_origins)
            .stray_subprotocols(self.stray_subprotocols)
            .strict(self.strict)
            .take_over(one_of(
                "take_over",
                &self.take_over,
                [("probe", TakeOver::Probe), ("refuse", TakeOver::Refuse), ("newest", TakeOver::Newest)],
            )?)
            .compression(self.compression.map(compression).transpose()?);
        if let Some(names) = self.formats {
            server = server.formats(formats(&names)?);
        }
        if let Some(fields) = self.tls {
            server = server.tls(tls(fields)?);
        }
        for (place, own) in self.listen {
            server = match own {
                None => server.listen(place),
                Some(fields) => server.listen_with(place, tls(fields)?),
            };
        }
        server = self.point_of_access.into_iter().fold(server, ServerBuilder::point_of_access);
        server = apply(
            server,
            seconds,
            [
                ("handshake_timeout", self.handshake_timeout, ServerBuilder::handshake_timeout),
                ("notification_age", self.notification_age, ServerBuilder::notification_age),
                ("request_timeout", self.request_timeout, ServerBuilder::request_timeout),
                ("answer_timeout", self.answer_timeout, ServerBuilder::answer_timeout),
                ("ping_after", self.ping_after, |s, time| s.ping_after(or_none(time))),
                ("pong_timeout", self.pong_timeout, ServerBuilder::pong_timeout),
                ("write_timeout", self.write_timeout, ServerBuilder::write_timeout),
                ("close_timeout", self.close_timeout, ServerBuilder::close_timeout),
                ("idle_close", self.idle_close, |s, time| s.idle_close(or_none(time))),
            ],
        )?;
        server = apply(
            server,
            count,
            [
                ("delivery_window", self.delivery_window, ServerBuilder::delivery_window),
                ("max_connections", self.max_connections, ServerBuilder::max_connections),
                ("max_half_open", self.max_half_open, ServerBuilder::max_half_open),
                ("max_half_open_per_address", self.max_half_open_per_address, ServerBuilder::max_half_open_per_address),
                ("max_handshake_bytes", self.max_handshake_bytes, ServerBuilder::max_handshake_bytes),
                ("max_handshake_fields", self.max_handshake_fields, ServerBuilder::max_handshake_fields),
                ("max_message_size", self.max_message_size, ServerBuilder::max_message_size),
                ("max_fragments", self.max_fragments, ServerBuilder::max_fragments),
                ("fragment_size", self.fragment_size, |s, bytes| {
                    s.fragment_size(Some(bytes).filter(|bytes| *bytes > 0))
                }),
            ],
        )?;
        if let Some(value) = self.max_control_frames {
            server = server.max_control_frames(count("max_control_frames", value)?);
        }
        if !self.users.is_empty() || !self.tokens.is_empty() {
            let mut accounts = Accounts::new();
            for (name, Secret(password)) in &self.users {
                accounts = accounts.user(name, password)?;
            }
            for (name, Secret(token)) in &self.tokens {
                accounts = accounts.token(name, token)?;
            }
            server = server.accounts(accounts);
        }
        if let Some((times, within)) = self.flapping {
            server = server.flapping(count("flapping", times)?, seconds("flapping", within)?);
        }
        if let Some(path) = self.store {
            server = server.store(path);
        }
        let mut builder = RegistrarBuilder::new().cse_id(self.cse_id).cse_name(self.cse_name).admin(self.admin);
        if let Some(id) = self.sp_id {
            builder = builder.sp_id(id);
        }
        if let Some(fields) = self.upstream {
            builder = builder.upstream(upstream(fields)?);
        }
        let builder = apply(
            builder,
            seconds,
            [("result_persistence", self.result_persistence, RegistrarBuilder::result_persistence)],
        )?;
        Ok(builder.with_server(|_| server))
    }
}

/// A registrar that runs in this process; one that is forgotten stops at once.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Registrar(bridge::Registrar);

#[pymethods]
impl Registrar {
    #[new]
    fn new(py: Python<'_>, queue: &Bound<'_, Queue>, handle: u64, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let settings: Settings = settings.extract()?;
        let builder = settings.builder().or_raise(py)?;
        let queue = Arc::clone(&queue.get().queue);
        // Names may have to be looked up, the store is read, and the first handle starts threads.
        py.detach(|| bridge::Registrar::start_telling(builder, queue, handle)).map(Self).or_raise(py)
    }

    /// How it stands with its registrar, as an event; `None` if it has none.
    fn upstream<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.upstream_state().or_raise(py)?.map(|state| queue::upstream(py, &state)).transpose()
    }

    /// Notifications that wait for an entity.
    fn waiting(&self, py: Python<'_>, entity: &str) -> PyResult<usize> {
        self.0.waiting(entity).or_raise(py)
    }

    /// What was counted so far, by name.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let deliveries = self.0.delivery_counters().or_raise(py)?;
        let meetings = self.0.take_overs().or_raise(py)?;
        let refusals = self.0.refusals().or_raise(py)?;
        let dict = PyDict::new(py);
        for (name, value) in [
            ("accepted", deliveries.accepted),
            ("delivered", deliveries.delivered),
            ("repeated", deliveries.repeated),
            ("expired", deliveries.expired),
            ("given_up", deliveries.given_up),
            ("replaced", deliveries.replaced),
            ("refused", deliveries.refused),
            ("taken_over", meetings.taken_over),
            ("newcomers_refused", meetings.refused),
            ("security_alerts", meetings.alerts),
            ("flapping", meetings.flapping),
            ("handshakes_refused", refusals.handshake),
            ("tls_refused", refusals.tls),
            ("connections_refused", refusals.half_open + refusals.connections),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// Who is at the other end of the connection of an entity, as the fields of `onem2m_ws.PeerIdentity`.
    fn identity_of(&self, py: Python<'_>, entity: &str) -> PyResult<Option<IdentityFields>> {
        Ok(self.0.identity_of(entity).or_raise(py)?.as_ref().map(identity))
    }

    /// Reads the files of all TLS settings anew; how many connections were closed for it.
    fn reload_tls(&self, py: Python<'_>) -> PyResult<usize> {
        py.detach(|| self.0.reload_tls()).or_raise(py)
    }

    /// Where registrees reach it.
    fn points_of_access(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.0.points_of_access().or_raise(py)
    }

    /// Stops; that it has stopped is delivered to `queue` as the outcome of `call`.
    fn stop(&self, py: Python<'_>, queue: &Bound<'_, Queue>, call: u64) -> PyResult<()> {
        self.0.stop(&Recipient::Queue(queue.get().queue.clone()), call).or_raise(py)
    }

    /// Stops; that it has stopped is the outcome that `slot` gets.
    fn stop_to(&self, py: Python<'_>, slot: &Bound<'_, Slot>) -> PyResult<()> {
        self.0.stop(&Recipient::Slot(slot.get().slot.clone()), 0).or_raise(py)
    }
}
