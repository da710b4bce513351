//! The embedded registrar, as its Python owners use it.

use onem2m_ws::bridge::{self, Recipient};
use onem2m_ws::registrar::RegistrarBuilder;
use onem2m_ws::server::{Server, ServerBuilder};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::OrRaise;
use crate::format::formats;
use crate::queue::{Queue, Slot};
use crate::settings::{CompressionFields, apply, compression, count, or_none, seconds};

/// Settings from Python's keyword arguments; `None` means the library's default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    listen: Vec<String>,
    point_of_access: Vec<String>,
    allow_insecure: bool,
    cse_id: String,
    cse_name: String,
    admin: String,
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
            .compression(self.compression.map(compression).transpose()?);
        if let Some(names) = self.formats {
            server = server.formats(formats(&names)?);
        }
        server = self.listen.into_iter().fold(server, ServerBuilder::listen);
        server = self.point_of_access.into_iter().fold(server, ServerBuilder::point_of_access);
        server = apply(
            server,
            seconds,
            [
                ("handshake_timeout", self.handshake_timeout, ServerBuilder::handshake_timeout),
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
        let builder = RegistrarBuilder::new().cse_id(self.cse_id).cse_name(self.cse_name).admin(self.admin);
        Ok(builder.with_server(|_| server))
    }
}

/// A registrar that runs in this process; one that is forgotten stops at once.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Registrar(bridge::Registrar);

#[pymethods]
impl Registrar {
    #[new]
    fn new(py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let settings: Settings = settings.extract()?;
        let builder = settings.builder().or_raise(py)?;
        // Names may have to be looked up, and the first handle starts threads.
        py.detach(|| bridge::Registrar::start(builder)).map(Self).or_raise(py)
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
