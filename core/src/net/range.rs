//! The ranges of settings: what is out of one is refused with the setting's name.
//!
//! Covers: no row; each limit of a client or server has its edges here.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::binding;
use crate::websocket::handshake::Limits;
use crate::websocket::{self, Compression};
use crate::{Error, ErrorKind, Result};

/// Longest time that a setting may name: a year. Deadlines stay far from the end of the clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Bytes of a handshake: the least holds one without further header fields.
const HANDSHAKE_BYTES: RangeInclusive<usize> = 256..=1 << 20;
/// Header fields of a handshake, likewise.
const HANDSHAKE_FIELDS: RangeInclusive<usize> = 8..=1024;
/// At least one.
pub(crate) const SOME: RangeInclusive<usize> = 1..=usize::MAX;

/// The settings of a connection, which a client and a server have alike.
pub(crate) fn check_connection(
    session: &binding::Config,
    websocket: &websocket::Config,
    handshake: &Limits,
    compression: Option<&Compression>,
) -> Result<()> {
    check_times([
        ("request_timeout", Some(session.request_timeout)),
        ("answer_timeout", Some(session.answer_timeout)),
        ("idle_close", session.idle_close),
        ("message_gap", session.message_gap),
        ("ping_after", websocket.ping_after),
        ("pong_timeout", Some(websocket.pong_timeout)),
        ("write_timeout", Some(websocket.write_timeout)),
        ("close_timeout", Some(websocket.close_timeout)),
    ])?;
    check_numbers([
        ("max_message_size", websocket.max_message_size, SOME),
        ("max_fragments", websocket.max_fragments, SOME),
        ("fragment_size", websocket.fragment_size.unwrap_or(1), SOME),
        ("max_control_frames", websocket.max_control_frames as usize, SOME),
        ("max_handshake_bytes", handshake.max_bytes, HANDSHAKE_BYTES),
        ("max_handshake_fields", handshake.max_fields, HANDSHAKE_FIELDS),
    ])?;
    let checked = compression.map_or(Ok(()), Compression::check);
    checked.map_err(|text| Error::new(ErrorKind::InvalidArgument, text))
}

/// Each time is more than nothing and at most [`LONGEST`]; `None` is none.
pub(crate) fn check_times<const N: usize>(times: [(&str, Option<Duration>); N]) -> Result<()> {
    for (name, time) in times {
        if let Some(time) = time.filter(|time| time.is_zero() || *time > LONGEST) {
            let text = format!("{name} {time:?} is out of range: more than 0, at most {LONGEST:?}");
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
    }
    Ok(())
}

/// Each number is within its range.
pub(crate) fn check_numbers<const N: usize>(numbers: [(&str, usize, RangeInclusive<usize>); N]) -> Result<()> {
    for (name, number, range) in numbers {
        if !range.contains(&number) {
            let most = match range.end() {
                &usize::MAX => String::new(),
                most => format!(", at most {most}"),
            };
            let text = format!("{name} {number} is out of range: at least {}{most}", range.start());
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
    }
    Ok(())
}
