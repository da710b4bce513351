//! The native module of the Python package: `onem2m_ws._native`.
//!
//! Covers: nothing of TS-0020 itself. It converts, guards and hands over: what people see is the Python beside it, what
//! does the work is [`onem2m_ws::bridge`].
//!
//! Two rules: threads of the runtime never enter the interpreter (no `Py<..>` is ever given to them, calls are known by
//! their numbers), and a Python thread never enters the runtime: it waits, detached from the interpreter, at a queue or a
//! slot of the bridge.

mod client;
mod errors;
mod format;
mod message;
mod pki;
mod queue;
mod registrar;
mod settings;
mod tls;
mod wait;

use onem2m_ws::ErrorKind;
use onem2m_ws::primitive::{NotificationContentType, NotificationEventType, ResourceType, ResultContent, StatusCode};
use pyo3::prelude::*;

/// The classes of all errors, in the order of the library's table.
#[pyfunction]
fn error_classes() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.python_class()).collect()
}

/// What this build has besides what every build has: `openssl` for what TLS by OpenSSL can do.
#[pyfunction]
fn features() -> Vec<&'static str> {
    if cfg!(feature = "openssl") { vec!["openssl"] } else { Vec::new() }
}

/// The name of a value in a table of the standard, or `None`.
#[pyfunction]
fn name_in_table(table: &str, value: u16) -> PyResult<Option<&'static str>> {
    Ok(match table {
        "StatusCode" => StatusCode(value).name(),
        "ResourceType" => ResourceType(value.into()).name(),
        "ResultContent" => ResultContent(value).name(),
        "NotificationEventType" => NotificationEventType(value).name(),
        "NotificationContentType" => NotificationContentType(value).name(),
        _ => return Err(pyo3::exceptions::PyKeyError::new_err(table.to_owned())),
    })
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<queue::Queue>()?;
    module.add_class::<queue::Slot>()?;
    module.add_class::<client::Client>()?;
    module.add_class::<client::Token>()?;
    module.add_class::<registrar::Registrar>()?;
    module.add_class::<message::ReceivedRequest>()?;
    module.add_class::<message::ReceivedResponse>()?;
    module.add_function(wrap_pyfunction!(error_classes, module)?)?;
    module.add_function(wrap_pyfunction!(name_in_table, module)?)?;
    module.add_function(wrap_pyfunction!(features, module)?)?;
    module.add_function(wrap_pyfunction!(format::format_names, module)?)?;
    module.add_function(wrap_pyfunction!(format::convert, module)?)?;
    module.add_function(wrap_pyfunction!(format::content_as, module)?)?;
    module.add_function(wrap_pyfunction!(format::register_namespace, module)?)?;
    module.add_function(wrap_pyfunction!(format::register_flex_container, module)?)?;
    module.add_function(wrap_pyfunction!(pki::pki_crl, module)?)?;
    module.add_function(wrap_pyfunction!(pki::pki_init, module)?)?;
    module.add_function(wrap_pyfunction!(pki::pki_issue, module)?)?;
    module.add_function(wrap_pyfunction!(pki::pki_raw_key, module)?)?;
    module.add_function(wrap_pyfunction!(pki::pki_revoke, module)?)?;
    module.add_function(wrap_pyfunction!(pki::pki_serial, module)?)?;
    module.add_function(wrap_pyfunction!(settings::default_compression, module)?)?;
    module.add_function(wrap_pyfunction!(settings::default_outbox, module)?)?;
    module.add_function(wrap_pyfunction!(wait::begin_exit, module)?)?;
    module.add_function(wrap_pyfunction!(wait::forked, module)?)?;
    module.add("RESULT", queue::RESULT)?;
    module.add("ERROR", queue::ERROR)?;
    module.add("REQUEST", queue::REQUEST)?;
    module.add("STATE", queue::STATE)?;
    module.add("EVENT", queue::EVENT)?;
    module.add("ACKNOWLEDGED", queue::ACKNOWLEDGED)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
