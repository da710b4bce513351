//! One `m2m:scheduleEntry`: its fields as sets, and the next second that is in all of them.

use time::{Date, Month};

use super::{Field, Schedule, ScheduleError};

/// The seconds of a day.
pub(super) const DAY: u32 = 86_400;

/// The last year that the year field can name.
const LAST_YEAR: i32 = 9999;
/// Leap years and days of the week repeat after so many years.
const CYCLE: i32 = 400;

/// All values up to 59, as a set: bit `n` for the value `n`.
pub(super) const ALL_60: u64 = (1 << 60) - 1;
const ALL_24: u64 = (1 << 24) - 1;

/// One pattern. A second is in it if it is in every field, also in both fields of the day.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Entry {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    years: Years,
    /// The kinds of years (see [`kind_of`]) that have a day of this pattern.
    kinds: u16,
}

/// The year field.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Years {
    All,
    /// From, to, step; as many as the text has room for.
    Some(Box<[(i32, i32, i32)]>),
}

impl Entry {
    /// Reads the text of an entry; `at` is its place in the list, from 1.
    pub(super) fn parse(text: &str, at: usize) -> Result<Self, ScheduleError> {
        if text.len() > Schedule::MAX_ENTRY_BYTES {
            let why = format!("it has {} bytes; {} are the most", text.len(), Schedule::MAX_ENTRY_BYTES);
            return Err(ScheduleError::in_entry(at, None, why));
        }
        let texts: Vec<&str> = text.split_ascii_whitespace().collect();
        // TS-0004 7.4.9 has seven fields; Release 1 and peers that follow it leave out the year.
        if !(6..=7).contains(&texts.len()) {
            let why = format!(
                "{} fields; expected are 7: second, minute, hour, day of month, month, day of week and year \
                 (which may be left out)",
                texts.len()
            );
            return Err(ScheduleError::in_entry(at, None, why));
        }
        let ranges = |index: usize| {
            let field = Field::ALL[index];
            parse_field(texts.get(index).copied().unwrap_or("*"), field)
                .map_err(|why| ScheduleError::in_entry(at, Some(field), why))
        };
        let set = |index: usize| ranges(index).map(|ranges| as_set(&ranges));
        let mut entry = Self {
            seconds: set(0)?,
            minutes: set(1)?,
            hours: set(2)?,
            days: set(3)?,
            months: set(4)?,
            weekdays: set(5)?,
            // Every year, also one that the field cannot name: a clock that was never set stands in 1970.
            years: if texts.get(6).is_none_or(|year| *year == "*") {
                Years::All
            } else {
                Years::Some(ranges(6)?.into())
            },
            kinds: 0,
        };
        entry.kinds = entry.kinds_with_a_day();
        Ok(entry)
    }

    /// Whether every second of a day is in it, if the day is.
    pub(super) fn is_whole_day(&self) -> bool {
        self.seconds == ALL_60 && self.minutes == ALL_60 && self.hours == ALL_24
    }

    /// Whether a second of a day is in it, if the day is.
    pub(super) fn has_second(&self, second: u32) -> bool {
        let (hour, minute, second) = clock(second);
        has(self.hours, hour) && has(self.minutes, minute) && has(self.seconds, second)
    }

    pub(super) fn has_date(&self, date: Date) -> bool {
        self.has_year(date.year())
            && has(self.months, u8::from(date.month()).into())
            && has(self.days, date.day().into())
            && has(self.weekdays, date.weekday().number_days_from_sunday().into())
    }

    pub(super) fn has_year(&self, year: i32) -> bool {
        match &self.years {
            Years::All => true,
            Years::Some(ranges) => {
                ranges.iter().any(|&(from, to, step)| (from..=to).contains(&year) && (year - from) % step == 0)
            }
        }
    }

    /// The first second of the pattern at or after this one; `None`: there is none, also none in any later year.
    pub(super) fn next(&self, date: Date, second: u32) -> Option<(Date, u32)> {
        if self.has_date(date)
            && let Some(second) = self.next_in_day(second)
        {
            return Some((date, second));
        }
        Some((self.next_date(date.next_day()?)?, self.next_in_day(0)?))
    }

    /// The first second of a day at or after this one.
    fn next_in_day(&self, second: u32) -> Option<u32> {
        let (hour, minute, second) = clock(second);
        let of = |hour, minute, second| hour * 3600 + minute * 60 + second;
        let first_second = first(self.seconds, 0)?;
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = first(self.seconds, second)
            {
                return Some(of(hour, minute, second));
            }
            if let Some(minute) = first(self.minutes, minute + 1) {
                return Some(of(hour, minute, first_second));
            }
        }
        Some(of(first(self.hours, hour + 1)?, first(self.minutes, 0)?, first_second))
    }

    /// The first day at or after this one.
    fn next_date(&self, date: Date) -> Option<Date> {
        let found = if self.has_year(date.year()) { self.next_in_year(date) } else { None };
        found.or_else(|| {
            let january = Date::from_ordinal_date(self.next_year(date.year() + 1)?, 1).ok()?;
            self.next_in_year(january)
        })
    }

    /// The first year at or after this one that has a day of the pattern.
    fn next_year(&self, from: i32) -> Option<i32> {
        // Whatever the step, the kinds of a range have repeated after a cycle of its members.
        let first = |from: i32, to: i32, step: i32| {
            (0..CYCLE).map(|n| from + n * step).take_while(|&year| year <= to).find(|&year| self.has_kind(year))
        };
        match &self.years {
            Years::All => first(from, LAST_YEAR, 1),
            Years::Some(ranges) => ranges
                .iter()
                .filter_map(|&(start, to, step)| {
                    let skipped = (from - start).max(0).unsigned_abs().div_ceil(step.unsigned_abs());
                    first(start + i32::try_from(skipped).ok()? * step, to, step)
                })
                .min(),
        }
    }

    fn has_kind(&self, year: i32) -> bool {
        kind_of(year).is_some_and(|kind| self.kinds & 1 << kind != 0)
    }

    /// The first day at or after this one in its year, whatever the year field says.
    fn next_in_year(&self, date: Date) -> Option<Date> {
        let year = date.year();
        let mut from = date.day();
        for month in u8::from(date.month())..=12 {
            if has(self.months, month.into()) {
                let month = Month::try_from(month).ok()?;
                let weekday = Date::from_calendar_date(year, month, 1).ok()?.weekday().number_days_from_sunday();
                let day = (from..=month.length(year))
                    .find(|&day| has(self.days, day.into()) && has(self.weekdays, u32::from(weekday + day - 1) % 7));
                if let Some(day) = day {
                    return Date::from_calendar_date(year, month, day).ok();
                }
            }
            from = 1;
        }
        None
    }

    fn kinds_with_a_day(&self) -> u16 {
        // 28 years without a century among them have all kinds.
        let years = (2000..2028).filter_map(|year| Date::from_ordinal_date(year, 1).ok());
        let with_a_day = years.filter(|january| self.next_in_year(*january).is_some());
        with_a_day.filter_map(|january| kind_of(january.year())).fold(0, |kinds, kind| kinds | 1 << kind)
    }
}

/// What tells the calendar of a year: the day of the week of 1 January, and whether it is a leap year; 0 to 13.
pub(super) fn kind_of(year: i32) -> Option<u16> {
    let january = Date::from_ordinal_date(year, 1).ok()?;
    Some(u16::from(january.weekday().number_days_from_sunday()) * 2 + u16::from(time::util::is_leap_year(year)))
}

/// Hour, minute and second.
pub(super) const fn clock(second: u32) -> (u32, u32, u32) {
    (second / 3600, second / 60 % 60, second % 60)
}

const fn has(set: u64, value: u32) -> bool {
    set >> value & 1 != 0
}

/// The smallest member that is at least `from`.
fn first(set: u64, from: u32) -> Option<u32> {
    let rest = set.checked_shr(from)?;
    (rest != 0).then(|| from + rest.trailing_zeros())
}

/// The ranges that a field names: from, to, step. On failure: what is wrong.
fn parse_field(text: &str, field: Field) -> Result<Vec<(i32, i32, i32)>, String> {
    let (low, high) = field.range();
    let shown = |text: &str| format!("{:?}", text.chars().take(32).collect::<String>());
    let number = |text: &str| -> Result<i32, String> {
        if text.is_empty() || text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{} is no number", shown(text)));
        }
        text.parse().map_err(|_| format!("{} is no number", shown(text)))
    };
    let value = |text: &str| match number(text)? {
        value if (low..=high).contains(&value) => Ok(value),
        value => Err(format!("{value} is not within {low} to {high}")),
    };
    let interval = |text: &str| match number(text)? {
        0 => Err("the step is 0".to_owned()),
        interval => Ok(interval),
    };
    if text == "*" {
        return Ok(vec![(low, high, 1)]);
    }
    if let Some(step) = text.strip_prefix("*/") {
        return Ok(vec![(low, high, interval(step)?)]);
    }
    let element = |element: &str| {
        let (range, step) = match element.split_once('/') {
            Some((range, step)) => (range, Some(interval(step)?)),
            None => (element, None),
        };
        match (range.split_once('-'), step) {
            (None, None) => value(range).map(|value| (value, value, 1)),
            (None, Some(_)) => Err(format!("{}: a step follows a range or an asterisk", shown(element))),
            (Some((from, to)), step) => match (value(from)?, value(to)?) {
                (from, to) if from <= to => Ok((from, to, step.unwrap_or(1))),
                _ => Err(format!("{} begins after its end", shown(range))),
            },
        }
    };
    text.split(',').map(element).collect()
}

/// Values up to 63 as a set.
fn as_set(ranges: &[(i32, i32, i32)]) -> u64 {
    let values = ranges.iter().flat_map(|&(from, to, step)| (from..=to).step_by(usize::try_from(step).unwrap_or(1)));
    values.fold(0, |set, value| set | 1 << value)
}
