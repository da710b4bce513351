//! Settings as Python gives them: times in seconds, numbers of any size, compression in parts.

use std::time::Duration;

use onem2m_ws::binding::{OutboxConfig, Repeat, WhenFull};
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

/// What a text stands for; the error names what it may be.
pub(crate) fn one_of<T: Copy, const N: usize>(
    name: &str,
    value: &str,
    choices: [(&str, T); N],
) -> onem2m_ws::Result<T> {
    choices.iter().find(|(text, _)| *text == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let texts: Vec<String> = choices.iter().map(|(text, _)| format!("{text:?}")).collect();
        bad(format!("{name}: {value:?} is not one of {}", texts.join(", ")))
    })
}

const REPEATS: [(&str, Repeat); 4] = [
    ("never", Repeat::Never),
    ("retrieve", Repeat::Retrieve),
    ("idempotent", Repeat::Idempotent),
    ("all", Repeat::All),
];
const WHEN_FULL: [(&str, WhenFull); 2] = [("refuse", WhenFull::Refuse), ("drop_oldest", WhenFull::DropOldest)];

pub(crate) fn repeat(name: &str, value: &str) -> onem2m_ws::Result<Repeat> {
    one_of(name, value, REPEATS)
}

/// The text that stands for a value.
fn text_of<T: PartialEq, const N: usize>(value: &T, choices: &[(&'static str, T); N]) -> &'static str {
    choices.iter().find(|(_, choice)| choice == value).map_or("", |(text, _)| text)
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

/// The fields of `onem2m_ws.Outbox`.
pub(crate) type OutboxFields = (i128, i128, String, f64, Option<f64>, i128, String);

pub(crate) fn outbox(fields: OutboxFields) -> onem2m_ws::Result<OutboxConfig> {
    let (requests, bytes, when_full, lifetime, rate, window, repeated) = fields;
    Ok(OutboxConfig {
        requests: count("outbox: requests", requests)?,
        bytes: count("outbox: bytes", bytes)?,
        when_full: one_of("outbox: when_full", &when_full, WHEN_FULL)?,
        lifetime: seconds("outbox: lifetime", lifetime)?,
        rate,
        window: count("outbox: window", window)?,
        repeat: repeat("outbox: repeat", &repeated)?,
    })
}

/// The library's defaults, in the order of the fields of `onem2m_ws.Outbox`.
#[pyfunction]
pub(crate) fn default_outbox() -> (usize, usize, &'static str, f64, Option<f64>, usize, &'static str) {
    let default = OutboxConfig::default();
    (
        default.requests,
        default.bytes,
        text_of(&default.when_full, &WHEN_FULL),
        default.lifetime.as_secs_f64(),
        default.rate,
        default.window,
        text_of(&default.repeat, &REPEATS),
    )
}
