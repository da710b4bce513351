//! When an entity can be reached: the `scheduleElement` of a `<schedule>`.
//!
//! Covers: TS-0004 7.4.9 (the format of `m2m:scheduleEntry` and what it means), 6.3.5.11; TS-0001 9.6.9; TS-0020 5.2, row
//! WS-5.2-7. Pure: the time is an argument. What a client makes of it is in [`super::reachability`].
//!
//! An entry has seven fields: second (0 to 59), minute (0 to 59), hour (0 to 23), day of month (1 to 31), month (1 to 12), day of
//! week (0 to 6, 0 being Sunday) and year (2000 to 9999), in UTC. Each is `*`, `*/n`, or a list of numbers, ranges `a-b` and
//! `a-b/n`. A second is open if all fields of one entry have it.
//!
//! Where the standard says nothing, or peers differ:
//! - The year may be left out, as in the examples of Release 1: every year.
//! - Both day fields must match, as all others: nothing is said of the exception that cron makes for them.
//! - Names of days and months, 7 for Sunday, `a-b` with `a` above `b`, a step of 0 and a step after a number are refused.
//! - `*` as the year means every year, also before 2000: a clock that was never set must not shut an entity off.
//! - A leap second is part of the second before it, as in POSIX time.

mod entry;
mod window;

use std::fmt;
use std::time::{Duration, SystemTime};

use time::Date;

use entry::{DAY, Entry};

/// The Julian day of 1 January 1970.
const EPOCH: i64 = 2_440_588;

/// When an entity can be reached, in whole seconds of UTC.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use onem2m_ws::binding::Schedule;
///
/// let schedule = Schedule::parse(["* 0-4 2,6,10 * * * *"])?;
/// let at = |hour: u64, minute: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600 + minute * 60);
/// assert!(schedule.is_open(at(2, 3)));
/// assert_eq!(schedule.open_until(at(2, 3)), Some(at(2, 5)));
/// assert_eq!(schedule.next_open(at(2, 5)), Some(at(6, 0)));
/// let error = Schedule::parse(["* 0-75 2 * * * *"]).unwrap_err();
/// assert_eq!(error.to_string(), "schedule entry 1, minute: 75 is not within 0 to 59");
/// # Ok::<(), onem2m_ws::binding::ScheduleError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Schedule {
    entries: Box<[Entry]>,
}

impl Schedule {
    /// The most entries of a schedule.
    pub const MAX_ENTRIES: usize = 32;
    /// The most bytes of one entry.
    pub const MAX_ENTRY_BYTES: usize = 256;

    /// Reads the entries of a `scheduleElement`: 1 to [`Schedule::MAX_ENTRIES`], each of at most
    /// [`Schedule::MAX_ENTRY_BYTES`] bytes.
    ///
    /// # Errors
    /// Names the entry, the field and what is wrong with it.
    pub fn parse<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, ScheduleError> {
        let mut read = Vec::new();
        for (index, text) in entries.into_iter().enumerate() {
            if index == Self::MAX_ENTRIES {
                return Err(ScheduleError::new(format!("a schedule has at most {} entries", Self::MAX_ENTRIES)));
            }
            read.push(Entry::parse(text.as_ref(), index + 1)?);
        }
        if read.is_empty() {
            return Err(ScheduleError::new("a schedule has at least one entry".to_owned()));
        }
        Ok(Self { entries: read.into() })
    }

    /// Whether the entity can be reached at this moment.
    #[must_use]
    pub fn is_open(&self, at: SystemTime) -> bool {
        moment(at).is_some_and(|(date, second)| self.has(date, second))
    }

    /// The first moment at or after this one at which the entity can be reached: `at` itself in a window, otherwise the start of
    /// the next one. `None`: never again.
    #[must_use]
    pub fn next_open(&self, at: SystemTime) -> Option<SystemTime> {
        let (date, second) = moment(at)?;
        if self.has(date, second) {
            return Some(at);
        }
        let next = self.entries.iter().filter_map(|entry| entry.next(date, second)).min();
        next.and_then(|(date, second)| system_time(date, second))
    }

    /// The end of the window that has this moment: the first one at which the entity cannot be reached any more. `None`: for
    /// ever, that is for the next 400 years. Outside of a window: `at` itself.
    ///
    /// For entries of which more than a hundred different combinations open whole days without a gap, it may be an earlier
    /// moment at which the window goes on: look again then. No schedule does so that was not made for it.
    #[must_use]
    pub fn open_until(&self, at: SystemTime) -> Option<SystemTime> {
        let Some((date, second)) = moment(at).filter(|&(date, second)| self.has(date, second)) else {
            return Some(at);
        };
        window::end(&self.entries, date, second).and_then(|(date, second)| system_time(date, second))
    }

    fn has(&self, date: Date, second: u32) -> bool {
        self.entries.iter().any(|entry| entry.has_second(second) && entry.has_date(date))
    }
}

/// The day and the second in it; `None` beyond the years -9999 to 9999.
fn moment(at: SystemTime) -> Option<(Date, u32)> {
    let seconds = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok()?,
        Err(before) => {
            let before = before.duration();
            -i64::try_from(before.as_secs()).ok()? - i64::from(before.subsec_nanos() > 0)
        }
    };
    let day = i32::try_from(seconds.div_euclid(DAY.into()) + EPOCH).ok()?;
    Some((Date::from_julian_day(day).ok()?, u32::try_from(seconds.rem_euclid(DAY.into())).ok()?))
}

fn system_time(date: Date, second: u32) -> Option<SystemTime> {
    let seconds = (i64::from(date.to_julian_day()) - EPOCH) * i64::from(DAY) + i64::from(second);
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// A field of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Field {
    /// 0 to 59.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12.
    Month,
    /// 0 to 6; 0 is Sunday.
    DayOfWeek,
    /// 2000 to 9999.
    Year,
}

impl Field {
    const ALL: [Self; 7] =
        [Self::Second, Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek, Self::Year];

    /// TS-0004 table 7.4.9.1-4.
    const fn range(self) -> (i32, i32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
            Self::Year => (2000, 9999),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
            Self::Year => "year",
        })
    }
}

/// Why entries are no schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleError {
    entry: Option<usize>,
    field: Option<Field>,
    why: String,
}

impl ScheduleError {
    fn new(why: String) -> Self {
        Self { entry: None, field: None, why }
    }

    fn in_entry(entry: usize, field: Option<Field>, why: String) -> Self {
        Self { entry: Some(entry), field, why }
    }

    /// The place of the entry in the list, from 1; `None` if it is about the list.
    #[must_use]
    pub fn entry(&self) -> Option<usize> {
        self.entry
    }

    /// The field; `None` if it is about the entry or the list.
    #[must_use]
    pub fn field(&self) -> Option<Field> {
        self.field
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.entry, self.field) {
            (Some(entry), Some(field)) => write!(f, "schedule entry {entry}, {field}: {}", self.why),
            (Some(entry), None) => write!(f, "schedule entry {entry}: {}", self.why),
            _ => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for ScheduleError {}

#[cfg(test)]
mod tests;
