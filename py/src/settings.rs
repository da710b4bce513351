//! Settings as Python gives them: times in seconds, numbers of any size, compression in parts.

use std::time::Duration;

use onem2m_ws::websocket::Compression;
use onem2m_ws::{Error, ErrorKind};
use pyo3::prelude::*;

pub(crate) fn bad(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, text)
}

pub(crate) fn seconds(name: &str, value: f64) -> onem2m_ws::Result<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| bad(format!("{name}: {value} is not a time in seconds")))
}

/// Where there may be no time, 0 is none.
pub(crate) fn or_none(time: Duration) -> Option<Duration> {
    Some(time).filter(|time| !time.is_zero())
}

/// A number that may be anything in Python.
pub(crate) fn count<T: TryFrom<i128>>(name: &str, value: i128) -> onem2m_ws::Result<T> {
    value.try_into().map_err(|_| bad(format!("{name}: {value} is out of range")))
}

/// A setting by its name in Python, and where it goes in a builder `B`; `None` means the library's default.
pub(crate) type Setting<B, V, T> = (&'static str, Option<V>, fn(B, T) -> B);

/// The builder with the settings that are given, each as `read` takes it.
pub(crate) fn apply<B, V, T, const N: usize>(
    builder: B,
    read: fn(&str, V) -> onem2m_ws::Result<T>,
    settings: [Setting<B, V, T>; N],
) -> onem2m_ws::Result<B> {
    settings.into_iter().try_fold(builder, |builder, (name, value, set)| match value {
        Some(value) => Ok(set(builder, read(name, value)?)),
        None => Ok(builder),
    })
}

/// The fields of `onem2m_ws.Compression`.
pub(crate) type CompressionFields = (bool, bool, i128, i128, i128, i128);

pub(crate) fn compression(fields: CompressionFields) -> onem2m_ws::Result<Compression> {
    let (send_takeover, receive_takeover, send_window_bits, receive_window_bits, level, min_size) = fields;
    Ok(Compression {
        send_takeover,
        receive_takeover,
        send_window_bits: count("compression: send_window_bits", send_window_bits)?,
        receive_window_bits: count("compression: receive_window_bits", receive_window_bits)?,
        level: count("compression: level", level)?,
        min_size: count("compression: min_size", min_size)?,
    })
}

/// The library's defaults, in the order of the fields of `onem2m_ws.Compression`.
#[pyfunction]
pub(crate) fn default_compression() -> (bool, bool, u8, u8, u32, usize) {
    let default = Compression::default();
    (
        default.send_takeover,
        default.receive_takeover,
        default.send_window_bits,
        default.receive_window_bits,
        default.level,
        default.min_size,
    )
}
