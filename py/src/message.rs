//! Primitives between Python and the library. Content crosses as bytes of JSON, whatever the connection speaks: Python reads it
//! when somebody looks.

use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeOptions, Deviation, Primitive};
use onem2m_ws::primitive::{Content, Format, Request, Response, StatusCode};
use onem2m_ws::{ErrorKind, IncomingRequest, Responder};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{self, OrRaise};
use crate::format;
use crate::wait::Home;

/// Content that Python wrote: `json.dumps` made it, so it is valid.
pub(crate) fn content(bytes: &[u8]) -> Content {
    Content::from_encoded(Format::Json, Bytes::copy_from_slice(bytes))
}

/// Reads a primitive that Python wrote, without its content, with the checks of the codec.
fn primitive(py: Python<'_>, envelope: &[u8]) -> PyResult<Primitive> {
    let bad = |text: String| errors::new(py, ErrorKind::InvalidArgument, text);
    let decoded = codec::decode(Format::Json, Bytes::copy_from_slice(envelope), &DecodeOptions::default())
        .map_err(|error| bad(error.to_string()))?;
    // The session fills these in.
    let filled = [Deviation::MissingFrom, Deviation::MissingReleaseVersion, Deviation::MissingRequestId];
    match decoded.deviations.iter().find(|deviation| !filled.contains(deviation)) {
        Some(deviation) => Err(bad(format!("parameters: {}", deviation.description()))),
        None => Ok(decoded.primitive),
    }
}

/// A request from its envelope.
pub(crate) fn request(py: Python<'_>, envelope: &[u8], pc: Option<&[u8]>) -> PyResult<Request> {
    match primitive(py, envelope)? {
        Primitive::Request(mut request) => {
            request.content = pc.map(content);
            Ok(*request)
        }
        Primitive::Response(_) => {
            Err(errors::new(py, ErrorKind::InvalidArgument, "a response cannot be sent as request"))
        }
    }
}

/// A response from its envelope.
fn response(py: Python<'_>, envelope: &[u8], pc: Option<&[u8]>) -> PyResult<Response> {
    match primitive(py, envelope)? {
        Primitive::Response(mut response) => {
            response.content = pc.map(content);
            Ok(response)
        }
        Primitive::Request(_) => {
            Err(errors::new(py, ErrorKind::InvalidArgument, "a request cannot be sent as response"))
        }
    }
}

/// What came, as JSON; what cannot be written so cannot be read by Python.
fn encoded<'py, E: std::fmt::Display>(
    py: Python<'py>,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = BytesMut::new();
    encode(&mut out).map_err(|error| errors::new(py, ErrorKind::Decode, error.to_string()))?;
    Ok(PyBytes::new(py, &out))
}

/// A response that came.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct ReceivedResponse(Response);

impl ReceivedResponse {
    pub(crate) fn new(response: Response) -> Self {
        Self(response)
    }
}

#[pymethods]
impl ReceivedResponse {
    /// `rsc`.
    #[getter]
    fn status(&self) -> u16 {
        self.0.status.code()
    }

    /// `rqi`.
    #[getter]
    fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// `pc`, as JSON.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        format::json(py, self.0.content.as_ref(), |json| self.0.content_as(json))
    }

    /// `pc`, in the format with this name.
    fn content_as<'py>(&self, py: Python<'py>, format: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        format::encoded(py, format, |format| self.0.content_as(format))
    }

    /// All parameters but the content, as a JSON object.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut envelope = self.0.clone();
        envelope.content = None;
        encoded(py, |out| codec::encode_response(Format::Json, &envelope, out))
    }
}

/// A request that a peer sent, with the obligation to answer it: one that is dropped is answered 5000.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct ReceivedRequest {
    request: Box<Request>,
    responder: Mutex<Option<Responder>>,
    home: Home,
}

impl ReceivedRequest {
    pub(crate) fn new(incoming: IncomingRequest) -> Self {
        let IncomingRequest { request, responder } = incoming;
        Self { request, responder: Mutex::new(Some(responder)), home: Home::here() }
    }

    fn answer(&self, py: Python<'_>, response: impl FnOnce() -> PyResult<Response>) -> PyResult<()> {
        self.home.check(py)?;
        let response = response()?;
        let responder = self.responder.lock().unwrap_or_else(PoisonError::into_inner).take();
        match responder {
            Some(responder) => responder.respond(response).or_raise(py),
            None => Err(errors::new(py, ErrorKind::AlreadyResponded, "the request was answered already")),
        }
    }
}

impl Drop for ReceivedRequest {
    fn drop(&mut self) {
        if !self.home.is_here() {
            // In a forked child the connection belongs to the parent, and its lock may be held for ever.
            let responder = self.responder.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(responder.take());
        }
    }
}

#[pymethods]
impl ReceivedRequest {
    /// `op`.
    #[getter]
    fn operation(&self) -> u8 {
        self.request.operation.code()
    }

    /// `to`.
    #[getter]
    fn to(&self) -> &str {
        &self.request.to
    }

    /// `fr`.
    #[getter]
    fn originator(&self) -> Option<&str> {
        self.request.from.as_deref()
    }

    /// `rqi`.
    #[getter]
    fn request_id(&self) -> &str {
        &self.request.request_id
    }

    /// `ty`.
    #[getter]
    fn ty(&self) -> Option<u32> {
        self.request.resource_type.map(|ty| ty.code())
    }

    /// `pc`, as JSON.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        format::json(py, self.request.content.as_ref(), |json| self.request.content_as(json))
    }

    /// `pc`, in the format with this name.
    fn content_as<'py>(&self, py: Python<'py>, format: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        format::encoded(py, format, |format| self.request.content_as(format))
    }

    /// All parameters but the content, as a JSON object.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut envelope = self.request.clone();
        envelope.content = None;
        encoded(py, |out| codec::encode_request(Format::Json, &envelope, out))
    }

    /// True once it was answered from here.
    #[getter]
    fn answered(&self, py: Python<'_>) -> PyResult<bool> {
        self.home.check(py)?;
        Ok(self.responder.lock().unwrap_or_else(PoisonError::into_inner).is_none())
    }

    /// Answers it.
    fn respond(&self, py: Python<'_>, status: u16, pc: Option<&[u8]>) -> PyResult<()> {
        self.answer(py, || {
            let mut response = Response::new(StatusCode(status));
            response.content = pc.map(content);
            Ok(response)
        })
    }

    /// Answers it with parameters that few responses have.
    fn respond_with(&self, py: Python<'_>, envelope: &[u8], pc: Option<&[u8]>) -> PyResult<()> {
        self.answer(py, || response(py, envelope, pc))
    }
}
