//! Errors of the library as Python exceptions. The classes are Python's (`onem2m_ws.errors`); the table that names them
//! is [`ErrorKind::python_class`].

use onem2m_ws::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use crate::message::ReceivedResponse;

static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception for an error, as an object.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let make =
        MAKE.get_or_try_init(py, || PyResult::Ok(py.import("onem2m_ws.errors")?.getattr("_from_native")?.unbind()))?;
    let refusal = error.refusal().map(|r| (r.status, r.reason.clone(), PyBytes::new(py, &r.body), r.headers.clone()));
    let response = error.response().cloned().map(ReceivedResponse::new);
    let unknown = error.is_outcome_unknown();
    make.bind(py).call1((error.kind().python_class(), error.message(), refusal, response, unknown))
}

/// The exception for an error, to be raised.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|failure| failure, PyErr::from_value)
}

/// The exception for an error that is found here.
pub(crate) fn new(py: Python<'_>, kind: ErrorKind, text: impl Into<String>) -> PyErr {
    raised(py, &Error::new(kind, text))
}

/// A result of the library as one of Python's.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for onem2m_ws::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error))
    }
}
