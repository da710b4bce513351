//! Formats of primitives, by their names, and what needs no connection: conversion, and what XML has to be told.

use bytes::Bytes;
use onem2m_ws::codec::{self, AttributeType, ContentError, DecodeOptions};
use onem2m_ws::primitive::{Content, Format, Request, Response, StatusCode};
use onem2m_ws::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{self, OrRaise};
use crate::message;

/// The names of all formats.
#[pyfunction]
pub(crate) fn format_names() -> Vec<&'static str> {
    Format::ALL.iter().map(|format| format.name()).collect()
}

/// Formats by their names, in order of preference.
pub(crate) fn formats(names: &[String]) -> onem2m_ws::Result<Vec<Format>> {
    names.iter().map(|name| name.parse()).collect()
}

/// Reads a whole primitive of one format and writes it in another.
#[pyfunction]
pub(crate) fn convert<'py>(
    py: Python<'py>,
    data: &[u8],
    from_: &str,
    to: &str,
    pretty: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let (from, to): (Format, Format) = (from_.parse().or_raise(py)?, to.parse().or_raise(py)?);
    let data = Bytes::copy_from_slice(data);
    // It may be large.
    let converted = py.detach(|| {
        let converted = codec::convert(from, data, to, &DecodeOptions::default()).map_err(Error::from)?;
        Ok(if pretty { codec::pretty(to, &converted) } else { converted })
    });
    Ok(PyBytes::new(py, &converted.or_raise(py)?))
}

/// Content that Python wrote, as JSON, in a format.
#[pyfunction]
pub(crate) fn content_as<'py>(
    py: Python<'py>,
    content: &[u8],
    format: &str,
    in_response: bool,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let content = message::content(content);
    if in_response {
        let response = Response::new(StatusCode::OK).content(content);
        encoded(py, format, |format| response.content_as(format))
    } else {
        let request = Request::notify("", content);
        encoded(py, format, |format| request.content_as(format))
    }
}

/// Content as bytes of the format with this name.
pub(crate) fn encoded<'py>(
    py: Python<'py>,
    format: &str,
    encode: impl FnOnce(Format) -> Result<Option<Bytes>, ContentError>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let format = format.parse().or_raise(py)?;
    let bytes = encode(format).map_err(Error::from).or_raise(py)?;
    Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
}

/// Content as JSON, which is what Python reads: as it came, if it is JSON already.
pub(crate) fn json<'py>(
    py: Python<'py>,
    content: Option<&Content>,
    convert: impl FnOnce(Format) -> Result<Option<Bytes>, ContentError>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    match content {
        None => Ok(None),
        Some(content) if content.format() == Format::Json => Ok(Some(PyBytes::new(py, content.bytes()))),
        // Whatever is wrong with it, it is content that cannot be read.
        Some(_) => match convert(Format::Json) {
            Ok(bytes) => Ok(bytes.map(|bytes| PyBytes::new(py, &bytes))),
            Err(error) => Err(errors::new(py, ErrorKind::Decode, error.to_string())),
        },
    }
}

/// Makes a prefix stand for a namespace in XML.
#[pyfunction]
pub(crate) fn register_namespace(py: Python<'_>, prefix: &str, uri: &str) -> PyResult<()> {
    codec::register_namespace(prefix, uri).map_err(Error::from).or_raise(py)
}

/// Describes a flexContainer: names of attributes and of their types, in the order of XML.
#[pyfunction]
pub(crate) fn register_flex_container(py: Python<'_>, root: &str, attributes: Vec<(String, String)>) -> PyResult<()> {
    let register = || {
        let attributes: Result<Vec<(&str, AttributeType)>, codec::RegisterError> =
            attributes.iter().map(|(name, of)| Ok((name.as_str(), of.parse()?))).collect();
        codec::register_flex_container(root, &attributes?)
    };
    register().map_err(Error::from).or_raise(py)
}
