//! The ranges of settings: what is out of one is refused with the setting's name.
//!
//! Covers: no row; each limit of a client or server has its edges here.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// Longest time that a setting may name: a year. Deadlines stay far from the end of the clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Bytes of a handshake: the least holds one without further header fields.
pub(crate) const HANDSHAKE_BYTES: RangeInclusive<usize> = 256..=1 << 20;
/// Header fields of a handshake, likewise.
pub(crate) const HANDSHAKE_FIELDS: RangeInclusive<usize> = 8..=1024;
/// At least one.
pub(crate) const SOME: RangeInclusive<usize> = 1..=usize::MAX;

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
