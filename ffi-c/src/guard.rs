//! What stands around every entry point: no panic leaves it, and an error becomes a code and a text.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use onem2m::{Error, ErrorKind, Result};

use crate::error;

fn defect(payload: Box<dyn Any + Send>) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    // Dropping it could panic once more.
    std::mem::forget(payload);
    Error::new(ErrorKind::Internal, format!("a defect of the library, please report it: {text}"))
}

fn run<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, i32> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(defect(payload))).map_err(error::remember)
}

/// Runs the body of a function that returns a result code.
pub(crate) fn guard(body: impl FnOnce() -> Result<()>) -> i32 {
    run(body).map_or_else(|code| code, |()| error::OK)
}

/// Runs the body of a function that returns a number, negative for an error.
pub(crate) fn guard_number(body: impl FnOnce() -> Result<i32>) -> i32 {
    run(body).unwrap_or_else(|code| code)
}

/// Runs the body of a function that returns something else; `otherwise` stands for an error.
pub(crate) fn guard_value<T>(otherwise: T, body: impl FnOnce() -> Result<T>) -> T {
    run(body).unwrap_or(otherwise)
}
