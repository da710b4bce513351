//! Times in primitives: `m2m:timestamp` and `m2m:absRelTimestamp`.
//!
//! Covers: TS-0004 6.3.3 (`YYYYMMDDThhmmss[,f]`, UTC, no zone; or milliseconds from now). The text is kept as it
//! came and sent as it came; it is read only when a deadline is needed. The clock is an argument.

use std::time::{Duration, SystemTime};

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// The nanoseconds since 1970 of the first and of the last time that has a text: the years 0 to 9999.
const WRITABLE: (i128, i128) = (-62_167_219_200 * 1_000_000_000, 253_402_300_800 * 1_000_000_000 - 1);

/// The text of a point in time, as `m2m:timestamp` (UTC, microseconds). Of a time that has none, since it is before the year 0 or
/// after 9999, the nearest one.
#[must_use]
pub fn format_timestamp(at: SystemTime) -> String {
    let nanoseconds = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
    let nanoseconds = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(before) => -nanoseconds(before.duration()),
    };
    let nanoseconds = nanoseconds.clamp(WRITABLE.0, WRITABLE.1);
    let t = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02},{:06}",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.microsecond()
    )
}

/// Reads an `m2m:timestamp`; `None` if the text is not one.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let number = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse::<u32>().ok()).flatten();
    let (whole, fraction) = match text.split_once([',', '.']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if whole.len() != 15 || !whole.is_ascii() || whole.as_bytes()[8] != b'T' {
        return None;
    }
    let part = |from: usize, to: usize| number(&whole[from..to]).and_then(|n| u8::try_from(n).ok());
    let date = Date::from_calendar_date(
        i32::try_from(number(&whole[..4])?).ok()?,
        Month::try_from(part(4, 6)?).ok()?,
        part(6, 8)?,
    )
    .ok()?;
    let nanoseconds = match fraction {
        None => 0,
        Some(f) if (1..=6).contains(&f.len()) => number(f)? * 10_u32.pow(9 - u32::try_from(f.len()).ok()?),
        Some(_) => return None,
    };
    let time = Time::from_hms_nano(part(9, 11)?, part(11, 13)?, part(13, 15)?, nanoseconds).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().into())
}

/// A time that is either absolute or counted from the moment the primitive was made (`rqet`, `rset`, `oet`, `rp`).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AbsRelTimestamp(String);

impl AbsRelTimestamp {
    /// The text as it came; nothing is checked until [`AbsRelTimestamp::remaining`] is asked.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A relative time, in milliseconds.
    #[must_use]
    pub fn relative(from_now: Duration) -> Self {
        Self(from_now.as_millis().to_string())
    }

    /// An absolute time.
    #[must_use]
    pub fn absolute(at: SystemTime) -> Self {
        Self(format_timestamp(at))
    }

    /// Makes a time that is counted from `now` a point in time, so that it stays the same however late it is looked at.
    pub(crate) fn fix(&mut self, now: SystemTime) {
        if self.0.parse::<i64>().is_ok()
            && let Some(at) = self.remaining(now).and_then(|left| now.checked_add(left))
        {
            *self = Self::absolute(at);
        }
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time left at `now`: zero if it has passed, `None` if the text is neither form.
    ///
    /// A relative value is counted from `now`, the moment of reception.
    #[must_use]
    pub fn remaining(&self, now: SystemTime) -> Option<Duration> {
        if let Ok(milliseconds) = self.0.parse::<i64>() {
            return Some(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)));
        }
        parse_timestamp(&self.0).map(|at| at.duration_since(now).unwrap_or(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_text_is_written_as_the_nearest_time_that_has() {
        let (first, last) = ("00000101T000000,000000", "99991231T235959,999999");
        let year = Duration::from_secs(366 * 86_400);
        for text in [first, last] {
            assert_eq!(format_timestamp(parse_timestamp(text).unwrap()), text);
        }
        let beyond = parse_timestamp(last).unwrap() + Duration::from_micros(1);
        assert_eq!(format_timestamp(beyond), last);
        assert_eq!(format_timestamp(beyond + 100_000_000 * year), last);
        let before = parse_timestamp(first).unwrap() - Duration::from_nanos(1);
        assert_eq!(format_timestamp(before), first);
        assert_eq!(format_timestamp(before - 100_000_000 * year), first);
        assert_eq!(format_timestamp(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "19691231T235959,000000");
    }

    #[test]
    fn timestamps_survive_both_ways() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_462_548_728_123_456);
        assert_eq!(format_timestamp(at), "20160506T153208,123456");
        assert_eq!(parse_timestamp("20160506T153208,123456"), Some(at));
        assert_eq!(parse_timestamp("20160506T153208"), Some(at - Duration::from_micros(123_456)));
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in
            ["", "2016", "20160506 153208", "20161306T153208", "20160506T253208", "20160506T153208,", "2016050ßT15320"]
        {
            assert_eq!(parse_timestamp(text), None, "{text:?}");
        }
    }

    #[test]
    fn relative_times_are_milliseconds_from_now() {
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(AbsRelTimestamp::from_text("1500").remaining(now), Some(Duration::from_millis(1500)));
        assert_eq!(AbsRelTimestamp::from_text("-1").remaining(now), Some(Duration::ZERO));
        assert_eq!(AbsRelTimestamp::from_text("19700101T000002").remaining(now), Some(Duration::from_secs(2)));
        assert_eq!(AbsRelTimestamp::from_text("19690101T000002").remaining(now), Some(Duration::ZERO));
        assert_eq!(AbsRelTimestamp::from_text("bogus").remaining(now), None);
    }
}
