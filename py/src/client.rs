//! A client, as its Python owners use it: every call names where its outcome goes, and returns at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onem2m_ws::binding::{self, Accepts, OutsideWindow};
use onem2m_ws::bridge::{self, Recipient};
use onem2m_ws::client::{AeRegistration, ClientBuilder, CseRegistration, Mode, Preset, Reopening, Subscription};
use onem2m_ws::primitive::{Format, NotificationContentType, NotificationEventType, Operation, Request, ResourceType};
use onem2m_ws::{ErrorKind, client};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use zeroize::Zeroizing;

use crate::errors::OrRaise;
use crate::format::formats;
use crate::queue::{Queue, To, registered, since_epoch, state};
use crate::settings::{
    CompressionFields, OutboxFields, apply, bad, compression, count, one_of, or_none, outbox, repeat, seconds,
};
use crate::tls::{IdentityFields, TlsFields, identity, tls};
use crate::{errors, message};

/// Names one request that was sent, to cancel it.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Token(binding::Token);

/// A registree's end of the binding.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Client {
    client: bridge::Client,
    queue: Arc<bridge::Queue>,
}

/// A text whose copy here does not stay in memory.
pub(crate) struct Secret(pub(crate) Zeroizing<String>);

impl<'a, 'py> FromPyObject<'a, 'py> for Secret {
    type Error = PyErr;

    fn extract(text: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(Zeroizing::new(text.extract()?)))
    }
}

/// Settings from Python's keyword arguments; `None` means the library's default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    preset: String,
    originator: Option<String>,
    registered: bool,
    stay_connected: bool,
    patient: bool,
    keep_registered: bool,
    state_file: Option<PathBuf>,
    repeat: String,
    outbox: Option<OutboxFields>,
    outbox_file: Option<PathBuf>,
    schedule: Vec<String>,
    outside_window: String,
    open_timeout: Option<f64>,
    request_timeout: Option<f64>,
    answer_timeout: Option<f64>,
    reopen_delay: Option<f64>,
    reopen_delay_max: Option<f64>,
    stable_after: Option<f64>,
    window: Option<i128>,
    queue_requests: Option<i128>,
    queue_bytes: Option<i128>,
    max_message_size: Option<i128>,
    max_fragments: Option<i128>,
    fragment_size: Option<i128>,
    max_control_frames: Option<i128>,
    max_handshake_bytes: Option<i128>,
    max_handshake_fields: Option<i128>,
    ping_after: Option<f64>,
    pong_timeout: Option<f64>,
    write_timeout: Option<f64>,
    close_timeout: Option<f64>,
    idle_close: Option<f64>,
    message_gap: Option<f64>,
    compression: Option<CompressionFields>,
    tls: Option<TlsFields>,
    proxy: Option<Secret>,
    proxy_from_environment: bool,
    proxy_credentials: Option<(Secret, Secret)>,
    basic: Option<(Secret, Secret)>,
    bearer: Option<Secret>,
    accepts: String,
    release_version: Option<String>,
    origin_header: bool,
    headers: Vec<(String, String)>,
    formats: Option<Vec<String>>,
    subprotocols: Option<Vec<String>>,
    allow_missing_subprotocol: bool,
    strict: bool,
}

impl Settings {
    pub(crate) fn builder(self, point_of_access: &str) -> onem2m_ws::Result<ClientBuilder> {
        let mut builder = client::Client::builder(point_of_access)
            .preset(Preset::by_name(&self.preset)?)
            .originator(self.originator.unwrap_or_default())
            .registered(self.registered)
            .stay_connected(self.stay_connected)
            .patient(self.patient)
            .keep_registered(self.keep_registered)
            .repeat(repeat("repeat", &self.repeat)?)
            .schedule(self.schedule)
            .outside_window(one_of(
                "outside_window",
                &self.outside_window,
                [("open", OutsideWindow::Open), ("hold", OutsideWindow::Hold)],
            )?)
            .proxy_from_environment(self.proxy_from_environment)
            .origin_header(self.origin_header)
            .allow_missing_subprotocol(self.allow_missing_subprotocol)
            .strict(self.strict)
            .accepts(one_of(
                "accepts",
                &self.accepts,
                [
                    ("all", Accepts::AllRequests),
                    ("notifications", Accepts::NotificationsOnly),
                    ("nothing", Accepts::Nothing),
                ],
            )?);
        if let Some(path) = self.state_file {
            builder = builder.state_file(path);
        }
        if let Some(fields) = self.outbox {
            builder = builder.outbox(outbox(fields)?);
        }
        if let Some(path) = self.outbox_file {
            builder = builder.outbox_file(path);
        }
        builder = apply(
            builder,
            seconds,
            [
                ("open_timeout", self.open_timeout, ClientBuilder::open_timeout),
                ("request_timeout", self.request_timeout, ClientBuilder::request_timeout),
                ("answer_timeout", self.answer_timeout, ClientBuilder::answer_timeout),
                ("ping_after", self.ping_after, |b, time| b.ping_after(or_none(time))),
                ("pong_timeout", self.pong_timeout, ClientBuilder::pong_timeout),
                ("write_timeout", self.write_timeout, ClientBuilder::write_timeout),
                ("close_timeout", self.close_timeout, ClientBuilder::close_timeout),
                ("idle_close", self.idle_close, |b, time| b.idle_close(or_none(time))),
                ("message_gap", self.message_gap, |b, time| b.message_gap(or_none(time))),
            ],
        )?;
        builder = apply(
            builder,
            count,
            [
                ("window", self.window, ClientBuilder::window),
                ("max_message_size", self.max_message_size, ClientBuilder::max_message_size),
                ("max_fragments", self.max_fragments, ClientBuilder::max_fragments),
                ("fragment_size", self.fragment_size, |b, bytes| {
                    b.fragment_size(Some(bytes).filter(|bytes| *bytes > 0))
                }),
                ("max_handshake_bytes", self.max_handshake_bytes, ClientBuilder::max_handshake_bytes),
                ("max_handshake_fields", self.max_handshake_fields, ClientBuilder::max_handshake_fields),
            ],
        )?;
        if let Some(value) = self.max_control_frames {
            builder = builder.max_control_frames(count("max_control_frames", value)?);
        }
        let mut reopening = Reopening::default();
        if let Some(value) = self.reopen_delay {
            reopening.first_delay = seconds("reopen_delay", value)?;
        }
        if let Some(value) = self.reopen_delay_max {
            reopening.largest_delay = seconds("reopen_delay_max", value)?;
        }
        if let Some(value) = self.stable_after {
            reopening.stable_after = seconds("stable_after", value)?;
        }
        builder = builder.reopening(reopening);
        if self.queue_requests.is_some() || self.queue_bytes.is_some() {
            let default = binding::OutgoingLimits::default();
            let requests = self.queue_requests.map(|value| count("queue_requests", value)).transpose()?;
            let bytes = self.queue_bytes.map(|value| count("queue_bytes", value)).transpose()?;
            builder = builder.queue(requests.unwrap_or(default.queued_requests), bytes.unwrap_or(default.queued_bytes));
        }
        if let Some(fields) = self.compression {
            builder = builder.compression(Some(compression(fields)?));
        }
        if let Some(fields) = self.tls {
            builder = builder.tls(tls(fields)?);
        }
        if let Some(Secret(url)) = self.proxy {
            builder = builder.proxy(url.as_str());
        }
        if let Some((Secret(user), Secret(password))) = self.proxy_credentials {
            builder = builder.proxy_credentials(user.as_str(), password.as_str());
        }
        if let Some((Secret(user), Secret(password))) = self.basic {
            builder = builder.basic(user.as_str(), password.as_str());
        }
        if let Some(Secret(token)) = self.bearer {
            builder = builder.bearer(token.as_str());
        }
        if let Some(rvi) = self.release_version {
            builder = builder.release_version(Some(rvi).filter(|rvi| !rvi.is_empty()));
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        if let Some(names) = self.formats {
            builder = builder.formats(formats(&names)?);
        }
        if let Some(names) = self.subprotocols {
            builder = builder.subprotocols(names);
        }
        Ok(builder)
    }
}

/// Attributes of a resource, by their short names, as a JSON object that Python wrote.
pub(crate) fn attributes(json: &[u8]) -> onem2m_ws::Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(json).map_err(|error| bad(format!("attributes: {error}")))
}

#[pymethods]
impl Client {
    #[new]
    fn new(
        py: Python<'_>,
        queue: &Bound<'_, Queue>,
        handle: u64,
        point_of_access: &str,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let settings: Settings = settings.extract()?;
        let builder = settings.builder(point_of_access).or_raise(py)?;
        let queue = Arc::clone(&queue.get().queue);
        // Making the first client starts threads.
        let client = py.detach(|| bridge::Client::new(builder, Arc::clone(&queue), handle)).or_raise(py)?;
        Ok(Self { client, queue })
    }

    /// Sends a request of the kind that most are.
    fn send(
        &self,
        py: Python<'_>,
        to: To<'_>,
        operation: u8,
        target: String,
        ty: Option<u32>,
        content: Option<&[u8]>,
    ) -> PyResult<Token> {
        let Some(operation) = Operation::from_code(operation.into()) else {
            return Err(errors::new(
                py,
                ErrorKind::InvalidArgument,
                format!("{operation} is not an operation (1 to 5)"),
            ));
        };
        let mut request = Request::new(operation, target);
        request.resource_type = ty.map(ResourceType);
        request.content = content.map(message::content);
        self.hand_over(py, &to, request)
    }

    /// Sends a request with any parameters: `envelope` is the primitive without its content, as JSON. A request
    /// identifier is made if `request_id` says so.
    fn send_with(
        &self,
        py: Python<'_>,
        to: To<'_>,
        envelope: &[u8],
        content: Option<&[u8]>,
        own_request_id: bool,
    ) -> PyResult<Token> {
        let request = whole(py, envelope, content, own_request_id)?;
        self.hand_over(py, &to, request)
    }

    /// Sends a request, given as to `send_with`, whose result comes in this mode. The acknowledgement before it goes to the
    /// queue, with `number`.
    #[allow(clippy::too_many_arguments)]
    fn send_in(
        &self,
        py: Python<'_>,
        to: To<'_>,
        number: u64,
        mode: &str,
        envelope: &[u8],
        content: Option<&[u8]>,
        own_request_id: bool,
    ) -> PyResult<Token> {
        let mode = one_of("mode", mode, MODES).or_raise(py)?;
        let request = whole(py, envelope, content, own_request_id)?;
        match to {
            To::Call(call) => self.client.send_in(mode, request, &Recipient::Queue(Arc::clone(&self.queue)), call),
            To::Slot(slot) => self.client.send_in_telling(mode, request, &slot.get().slot, &self.queue, number),
        }
        .map(Token)
        .or_raise(py)
    }

    /// Accepts a request, given as to `send_with`, for delivery.
    fn post(
        &self,
        py: Python<'_>,
        to: To<'_>,
        envelope: &[u8],
        content: Option<&[u8]>,
        own_request_id: bool,
    ) -> PyResult<()> {
        let request = whole(py, envelope, content, own_request_id)?;
        let (recipient, call) = to.recipient(&self.queue);
        self.client.post(request, &recipient, call).or_raise(py)
    }

    /// Waits until everything that was posted has left the outbox, at most so many seconds.
    fn flush(&self, py: Python<'_>, to: To<'_>, timeout: Option<f64>) -> PyResult<()> {
        let (recipient, call) = to.recipient(&self.queue);
        match timeout {
            None => self.client.flush(&recipient, call),
            Some(time) => seconds("timeout", time).and_then(|time| self.client.flush_within(time, &recipient, call)),
        }
        .or_raise(py)
    }

    /// What was posted and is not delivered yet: (rqi, operation, to, expires in seconds since 1970, attempts).
    fn outbox(&self, py: Python<'_>) -> PyResult<Vec<PostedFields>> {
        let posted = self.client.outbox().or_raise(py)?;
        let entry = |p: binding::Posted| (p.request_id, p.operation.code(), p.to, since_epoch(p.expires), p.attempts);
        Ok(posted.into_iter().map(entry).collect())
    }

    /// True if the outcome will not be delivered any more.
    fn cancel(&self, token: &Token) -> bool {
        self.client.cancel(token.0)
    }

    /// Opens the connection if it is not open.
    fn connect(&self, py: Python<'_>, to: To<'_>) -> PyResult<()> {
        let (recipient, call) = to.recipient(&self.queue);
        self.client.connect(&recipient, call).or_raise(py)
    }

    /// Registers the originator as an AE.
    #[allow(clippy::too_many_arguments)]
    fn register_ae(
        &self,
        py: Python<'_>,
        to: To<'_>,
        app_id: String,
        name: Option<String>,
        registrar: Option<String>,
        lifetime: Option<f64>,
        more: &[u8],
    ) -> PyResult<()> {
        let mut ae = AeRegistration::new(app_id);
        if let Some(name) = name {
            ae = ae.name(name);
        }
        if let Some(registrar) = registrar {
            ae = ae.below(registrar);
        }
        if let Some(time) = lifetime {
            ae = ae.lifetime(lifetime_of(time).or_raise(py)?);
        }
        for (short_name, value) in attributes(more).or_raise(py)? {
            ae = ae.set(&short_name, value);
        }
        let (recipient, call) = to.recipient(&self.queue);
        self.client.register_ae(ae, &recipient, call).or_raise(py)
    }

    /// Registers the originator as a CSE.
    #[allow(clippy::too_many_arguments)]
    fn register_cse(
        &self,
        py: Python<'_>,
        to: To<'_>,
        cse_id: String,
        cse_name: &str,
        registrar: Option<String>,
        lifetime: Option<f64>,
        more: &[u8],
    ) -> PyResult<()> {
        let mut cse = CseRegistration::new(cse_id, cse_name);
        if let Some(registrar) = registrar {
            cse = cse.below(registrar);
        }
        if let Some(time) = lifetime {
            cse = cse.lifetime(lifetime_of(time).or_raise(py)?);
        }
        for (short_name, value) in attributes(more).or_raise(py)? {
            cse = cse.set(&short_name, value);
        }
        let (recipient, call) = to.recipient(&self.queue);
        self.client.register_cse(cse, &recipient, call).or_raise(py)
    }

    /// Creates a subscription.
    #[allow(clippy::too_many_arguments)]
    fn subscribe(
        &self,
        py: Python<'_>,
        to: To<'_>,
        target: String,
        name: Option<String>,
        events: Vec<u16>,
        content_type: Option<u16>,
        more: &[u8],
    ) -> PyResult<Token> {
        let mut subscription = Subscription::new();
        if let Some(name) = name {
            subscription = subscription.name(name);
        }
        for event in events {
            subscription = subscription.event(NotificationEventType(event));
        }
        if let Some(content_type) = content_type {
            subscription = subscription.content(NotificationContentType(content_type));
        }
        for (short_name, value) in attributes(more).or_raise(py)? {
            subscription = subscription.set(&short_name, value);
        }
        let (recipient, call) = to.recipient(&self.queue);
        self.client.subscribe(target, subscription, &recipient, call).map(Token).or_raise(py)
    }

    /// Closes the connection; the next request opens it again.
    fn disconnect(&self, py: Python<'_>, to: To<'_>) -> PyResult<()> {
        let (recipient, call) = to.recipient(&self.queue);
        self.client.disconnect(&recipient, call).or_raise(py)
    }

    /// Closes the client when nothing under way waits any more.
    fn close(&self, py: Python<'_>, to: To<'_>) -> PyResult<()> {
        let (recipient, call) = to.recipient(&self.queue);
        self.client.close(&recipient, call).or_raise(py)
    }

    /// Closes the client at once.
    fn abort(&self) {
        self.client.abort();
    }

    /// (state, cause, attempt, seconds until the next attempt).
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        state(py, &self.client.state().or_raise(py)?)
    }

    /// The name of the format that the connection speaks, or `None`.
    fn format(&self, py: Python<'_>) -> PyResult<Option<&'static str>> {
        Ok(self.client.format().or_raise(py)?.map(Format::name))
    }

    /// (AE-ID or CSE-ID, "AE" or "CSE") of the registration in force, or `None`.
    fn registration(&self, py: Python<'_>) -> PyResult<Option<(String, &'static str)>> {
        let registration = self.client.registration().or_raise(py)?;
        Ok(registration.map(|registration| {
            let (entity, kind) = registered(&registration);
            (entity.to_owned(), kind)
        }))
    }

    /// Who the registrar is, as the fields of `onem2m_ws.PeerIdentity`.
    fn peer_identity(&self, py: Python<'_>) -> PyResult<Option<IdentityFields>> {
        Ok(self.client.peer_identity().or_raise(py)?.as_ref().map(identity))
    }

    /// Reads the files of the TLS settings anew.
    fn reload_tls(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.client.reload_tls()).or_raise(py)
    }

    /// What was counted so far, by name.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.client.counters().or_raise(py)?;
        let dict = PyDict::new(py);
        for (name, value) in [
            ("connections", counters.connections),
            ("requests_sent", counters.requests_sent),
            ("responses_received", counters.responses_received),
            ("requests_received", counters.requests_received),
            ("responses_sent", counters.responses_sent),
            ("unmatched", counters.unmatched),
            ("timeouts", counters.timeouts),
            ("expired", counters.expired),
            ("repeated", counters.repeated),
            ("unanswered", counters.unanswered),
            ("malformed", counters.malformed),
            ("deviations", counters.deviations),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }
}

/// The fields of `onem2m_ws.Posted`.
type PostedFields = (String, u8, String, f64, u32);

/// How the result of a request may come.
const MODES: [(&str, Mode); 4] = [
    ("blocking", Mode::Blocking),
    ("sync", Mode::NonBlockingSynch),
    ("async", Mode::NonBlockingAsynch),
    ("flex", Mode::FlexBlocking),
];

/// How long a registration is to last.
fn lifetime_of(value: f64) -> onem2m_ws::Result<Duration> {
    let time = seconds("lifetime", value)?;
    if time < Duration::from_secs(1) {
        return Err(bad(format!("lifetime: {value} is less than a second")));
    }
    Ok(time)
}

/// A request whose envelope Python wrote; it gets a request identifier later unless that is its own.
fn whole(py: Python<'_>, envelope: &[u8], content: Option<&[u8]>, own_request_id: bool) -> PyResult<Request> {
    let mut request = message::request(py, envelope, content)?;
    if !own_request_id {
        request.request_id.clear();
    }
    Ok(request)
}

impl Client {
    fn hand_over(&self, py: Python<'_>, to: &To<'_>, request: Request) -> PyResult<Token> {
        let (recipient, call) = to.recipient(&self.queue);
        self.client.send(request, &recipient, call).map(Token).or_raise(py)
    }
}
