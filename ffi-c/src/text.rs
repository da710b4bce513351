//! Text that comes from C, and text that C looks at.

use std::ffi::{CStr, c_char};

use bytes::Bytes;
use onem2m::primitive::{Content, Format};
use onem2m::{Error, ErrorKind, Result};
use serde_json::value::RawValue;

use crate::handle::null;

/// Text inside a handle: UTF-8, not ended by a zero byte. It belongs to the handle and stays valid until the handle is
/// changed or freed. `data` is NULL if there is no such text. To print it: printf("%.*s", (int)text.len, text.data).
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_text {
    /// The first byte, or NULL.
    pub data: *const c_char,
    /// How many bytes.
    pub len: usize,
}

impl onem2m_ws_text {
    pub(crate) const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr().cast(), len: bytes.len() }
    }

    pub(crate) fn of_option(text: Option<&str>) -> Self {
        text.map_or(Self::NONE, Self::of)
    }

    pub(crate) fn of_optional_bytes(bytes: Option<&[u8]>) -> Self {
        bytes.map_or(Self::NONE, Self::of_bytes)
    }
}

/// A text argument.
pub(crate) fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    optional_text(pointer, name)?.ok_or_else(|| null(name))
}

/// A text argument that may be NULL.
pub(crate) fn optional_text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: header, "Arguments": a text argument is NULL or points to bytes that end with a zero byte and do not change
    // during the call.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|error| {
        let at = error.valid_up_to();
        Error::new(ErrorKind::InvalidArgument, format!("argument `{name}` is not UTF-8, from byte {at} on"))
    })
}

/// Content of a primitive: a JSON object.
pub(crate) fn content(json: &str, name: &str) -> Result<Content> {
    let raw: &RawValue = serde_json::from_str(json)
        .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("argument `{name}` is not JSON: {error}")))?;
    if !raw.get().starts_with('{') {
        let text =
            format!("argument `{name}` is JSON, but not an object: content is one object, {{\"m2m:cin\": {{...}}}}");
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    Ok(Content::from_encoded(Format::Json, Bytes::copy_from_slice(raw.get().as_bytes())))
}

/// Copies text to a buffer of C's, with a zero byte at its end.
pub(crate) fn copy_out(text: &str, buffer: *mut c_char, size: usize) -> Result<()> {
    if buffer.is_null() {
        return Err(null("buffer"));
    }
    if text.len() >= size {
        let needed = text.len() + 1;
        let text = format!("the buffer has {size} bytes; {needed} are needed");
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    // SAFETY: header, "Arguments": a buffer has as many bytes as its size says, which was compared above.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}
