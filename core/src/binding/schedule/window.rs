//! Where a window of several patterns ends: the first second that is in none of them.
//!
//! Days on which the same patterns apply are alike, and so are years of the same calendar in which the same patterns apply:
//! each kind is looked at once.

use std::collections::HashMap;

use time::Date;

use super::entry::{ALL_60, DAY, Entry, kind_of};

/// So many different kinds of days are looked at. More can only be met by patterns that were made for it: so many different
/// combinations of them, of which each opens a whole day.
const MOST_KINDS_OF_DAYS: usize = 128;

/// So many years are looked at: a cycle of leap years and days of the week.
const MOST_YEARS: i32 = 400;

/// A set of patterns, by their places.
type Applying = u32;

/// The first closed second at or after this one; `None`: there is none in [`MOST_YEARS`] years.
///
/// Where days of more than [`MOST_KINDS_OF_DAYS`] kinds follow each other without a gap, the start of a day in the window.
pub(super) fn end(entries: &[Entry], date: Date, second: u32) -> Option<(Date, u32)> {
    let mut search = Search { entries, days: HashMap::new(), years: HashMap::new() };
    if let Some(second) = first_closed(entries, search.applying(|entry| entry.has_date(date)), second) {
        return Some((date, second));
    }
    let mut from = date.next_day()?;
    while from.year() <= date.year() + MOST_YEARS {
        if let Some(found) = search.in_year(from) {
            let closed = first_closed(entries, search.applying(|entry| entry.has_date(found)), 0);
            return Some((found, closed.unwrap_or(0)));
        }
        from = Date::from_ordinal_date(from.year() + 1, 1).ok()?;
    }
    None
}

struct Search<'a> {
    entries: &'a [Entry],
    /// Whether a day has no closed second, by the patterns that apply to it.
    days: HashMap<Applying, bool>,
    /// The first day with a closed second in a year, by its calendar and the patterns that apply.
    years: HashMap<(u16, Applying), Option<u16>>,
}

impl Search<'_> {
    fn applying(&self, applies: impl Fn(&Entry) -> bool) -> Applying {
        let places = self.entries.iter().enumerate();
        places.fold(0, |set, (place, entry)| if applies(entry) { set | 1 << place } else { set })
    }

    /// The first day in the year of `from`, and not before `from`, that has a closed second.
    fn in_year(&mut self, from: Date) -> Option<Date> {
        let year = from.year();
        if from.ordinal() > 1 {
            return self.first_day(from);
        }
        let key = (kind_of(year)?, self.applying(|entry| entry.has_year(year)));
        let ordinal = match self.years.get(&key) {
            Some(known) => *known,
            None => {
                let found = self.first_day(from).map(Date::ordinal);
                self.years.insert(key, found);
                found
            }
        };
        Date::from_ordinal_date(year, ordinal?).ok()
    }

    fn first_day(&mut self, from: Date) -> Option<Date> {
        let year = from.year();
        let days = std::iter::successors(Some(from), |date| date.next_day()).take_while(|date| date.year() == year);
        for date in days {
            let applying = self.applying(|entry| entry.has_date(date));
            let is_open = match self.days.get(&applying) {
                Some(&known) => known,
                None if self.days.len() == MOST_KINDS_OF_DAYS => false,
                None => {
                    let is_open = first_closed(self.entries, applying, 0).is_none();
                    self.days.insert(applying, is_open);
                    is_open
                }
            };
            if !is_open {
                return Some(date);
            }
        }
        None
    }
}

/// The first second of a day at or after this one that is in none of the patterns that apply.
fn first_closed(entries: &[Entry], applying: Applying, second: u32) -> Option<u32> {
    let apply: Vec<&Entry> =
        entries.iter().enumerate().filter(|(place, _)| applying >> place & 1 != 0).map(|(_, entry)| entry).collect();
    if apply.iter().any(|entry| entry.is_whole_day()) {
        return None;
    }
    let mut skip = second % 60;
    for minute in second / 60..DAY / 60 {
        let within =
            apply.iter().filter(|entry| entry.hours >> (minute / 60) & entry.minutes >> (minute % 60) & 1 != 0);
        let open = within.fold(0, |open, entry| open | entry.seconds);
        let closed = !open & ALL_60 & (u64::MAX << skip);
        if closed != 0 {
            return Some(minute * 60 + closed.trailing_zeros());
        }
        skip = 0;
    }
    None
}
