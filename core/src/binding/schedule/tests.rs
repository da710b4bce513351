//! Each answer is compared with an oracle that knows nothing of sets and calendars: it looks at one second after the other.

use proptest::prelude::*;
use time::OffsetDateTime;

use super::*;
use crate::primitive::{format_timestamp, parse_timestamp};

fn schedule(entries: &[&str]) -> Schedule {
    Schedule::parse(entries).unwrap()
}

fn at(text: &str) -> SystemTime {
    parse_timestamp(text).unwrap()
}

/// Seconds, so that failures are read as times.
fn text(at: Option<SystemTime>) -> Option<String> {
    at.map(|at| format_timestamp(at)[..15].to_owned())
}

/// Whether a field has a value, read as the standard's text reads.
fn oracle_field(field: &str, low: u32, value: u32) -> bool {
    field.split(',').any(|element| {
        let (range, step) =
            element.split_once('/').map_or((element, 1), |(range, step)| (range, step.parse().unwrap()));
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (low, u32::MAX),
            (_, Some((from, to))) => (from.parse().unwrap(), to.parse().unwrap()),
            (one, None) => (one.parse().unwrap(), one.parse().unwrap()),
        };
        (from..=to).contains(&value) && (value - from).is_multiple_of(step)
    })
}

fn oracle(entries: &[String], at: SystemTime) -> bool {
    let at = OffsetDateTime::from(at);
    entries.iter().any(|entry| {
        let fields: Vec<&str> = entry.split_whitespace().collect();
        let values = [
            (0, u32::from(at.second())),
            (0, u32::from(at.minute())),
            (0, u32::from(at.hour())),
            (1, u32::from(at.day())),
            (1, u32::from(u8::from(at.month()))),
            (0, u32::from(at.weekday().number_days_from_sunday())),
            (2000, u32::try_from(at.year()).unwrap()),
        ];
        fields.iter().zip(values).all(|(field, (low, value))| oracle_field(field, low, value))
    })
}

/// A field whose values lie in a range.
fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let element = (low..=high, low..=high, 1_u32..9, 0_u8..3).prop_map(|(a, b, step, kind)| match kind {
        0 => a.to_string(),
        1 => format!("{}-{}", a.min(b), a.max(b)),
        _ => format!("{}-{}/{step}", a.min(b), a.max(b)),
    });
    prop_oneof![
        4 => Just("*".to_owned()),
        1 => (1_u32..40).prop_map(|step| format!("*/{step}")),
        2 => prop::collection::vec(element, 1..4).prop_map(|elements| elements.join(",")),
    ]
}

fn entry() -> impl Strategy<Value = String> {
    let year = prop_oneof![
        Just(String::new()),
        field(2023, 2026).prop_filter("no step over all years", |f| !f.contains("*/"))
    ];
    (field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6), year)
        .prop_map(|(a, b, c, d, e, f, g)| format!("{a} {b} {c} {d} {e} {f} {g}"))
}

/// The first second from `at` on, within a range, that is open or not.
fn search(entries: &[String], at: SystemTime, seconds: u64, open: bool) -> Option<SystemTime> {
    (0..seconds).map(|n| at + Duration::from_secs(n)).find(|&at| oracle(entries, at) == open)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Second by second, over three hours from a second that the schedule itself names, or any.
    #[test]
    fn ws_5_2_7_answers_are_those_of_looking_at_every_second(
        entries in prop::collection::vec(entry(), 1..5),
        start in 1_672_531_200_u64..1_798_761_600,
        near: bool,
        before in 0_u64..7200,
    ) {
        const RANGE: u64 = 3 * 3600;
        let schedule = Schedule::parse(&entries).unwrap();
        let mut start = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
        if near {
            start = schedule.next_open(start).map_or(start, |open| open - Duration::from_secs(before));
        }
        let is_open = schedule.is_open(start);
        prop_assert_eq!(is_open, oracle(&entries, start));
        prop_assert_eq!(schedule.is_open(start + Duration::from_nanos(999_999_999)), is_open);
        let end = start + Duration::from_secs(RANGE);
        let next = search(&entries, start, RANGE, true);
        let until = search(&entries, start, RANGE, false);
        let answer = schedule.next_open(start);
        match next {
            Some(_) => prop_assert_eq!(answer, next),
            None => prop_assert!(answer.is_none_or(|answer| answer >= end && oracle(&entries, answer))),
        }
        let answer = schedule.open_until(start);
        match until {
            Some(_) => prop_assert_eq!(answer, until),
            None => prop_assert!(answer.is_none_or(|answer| answer >= end && !oracle(&entries, answer))),
        }
    }

    /// Whole days and longer: at noon of every day over three years.
    #[test]
    fn ws_5_2_7_windows_of_days_are_those_of_looking_at_every_day(
        days in prop::collection::vec((field(1, 31), field(1, 12), field(0, 6), field(2023, 2025)), 1..5),
        start in 19_358_u64..20_454,
    ) {
        let entries: Vec<String> = days
            .into_iter()
            .map(|(day, month, weekday, year)| format!("* * * {day} {month} {weekday} {}", year.replace("*/", "2000-9999/")))
            .collect();
        let schedule = Schedule::parse(&entries).unwrap();
        let day = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(n * 86_400);
        let range = start..start + 1100;
        let next = range.clone().find(|&n| oracle(&entries, day(n))).map(day);
        let until = range.clone().find(|&n| !oracle(&entries, day(n))).map(day);
        match next {
            Some(_) => prop_assert_eq!(schedule.next_open(day(start)), next),
            None => prop_assert!(schedule.next_open(day(start)).is_none_or(|at| at >= day(range.end) && oracle(&entries, at))),
        }
        match until {
            Some(_) => prop_assert_eq!(schedule.open_until(day(start)), until),
            None => prop_assert!(schedule.open_until(day(start)).is_none_or(|at| at >= day(range.end))),
        }
    }

    #[test]
    fn any_text_is_survived(entries in prop::collection::vec(".{0,40}", 0..4), odd in "[-*/,0-9 ]{0,60}", seconds: u64) {
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        for entries in [&entries[..], &[odd]] {
            if let (Ok(schedule), Some(at)) = (Schedule::parse(entries), at) {
                let _ = (schedule.is_open(at), schedule.next_open(at), schedule.open_until(at));
            }
        }
    }
}

#[test]
fn ws_5_2_7_the_examples_of_the_standard() {
    // TS-0004 7.4.9.1. The minute field 0-5 has six minutes, so the window ends at 2:06.
    let first = schedule(&["* 0-5 2,6,10 * * * *"]);
    assert_eq!(text(first.next_open(at("20261126T030000"))).as_deref(), Some("20261126T060000"));
    assert_eq!(text(first.open_until(at("20261126T060000"))).as_deref(), Some("20261126T060600"));
    assert_eq!(text(first.next_open(at("20261126T100600"))).as_deref(), Some("20261127T020000"));
    let second = schedule(&["* * 8-20 * * * *"]);
    assert_eq!(text(second.open_until(at("20261126T100000"))).as_deref(), Some("20261126T210000"));
    assert_eq!(text(second.next_open(at("20261126T210000"))).as_deref(), Some("20261127T080000"));
    let third = schedule(&["* * 0-23/2 * * * *"]);
    assert_eq!(third, schedule(&["* * 0,2,4,6,8,10,12,14,16,18,20,22 * * * *"]));
    // 26 November 2026 is a Thursday.
    let fourth = schedule(&["* * * * * */2 *"]);
    assert_eq!(fourth, schedule(&["* * * * * 0,2,4,6 *"]));
    assert_eq!(text(fourth.open_until(at("20261126T120000"))).as_deref(), Some("20261127T000000"));
    // Saturday and Sunday are one window.
    assert_eq!(text(fourth.open_until(at("20261128T120000"))).as_deref(), Some("20261130T000000"));
}

#[test]
fn ws_5_2_7_the_year_may_be_left_out_and_spaces_are_free() {
    assert_eq!(schedule(&["* 0-5 2,6,10 * * *"]), schedule(&["  * 0-5\t2,6,10  * * * * "]));
    assert_eq!(schedule(&["00 01 02 03 04 05 2026"]), schedule(&["0 1 2 3 4 5 2026"]));
}

#[test]
fn ws_5_2_7_both_day_fields_must_match() {
    // Friday the 13th; cron would open on every Friday and on every 13th.
    let friday = schedule(&["0 0 0 13 * 5 *"]);
    assert_eq!(text(friday.next_open(at("20261126T000000"))).as_deref(), Some("20270813T000000"));
}

#[test]
fn ws_5_2_7_what_matches_rarely_or_never_is_found_at_once() {
    let leap = schedule(&["* * * 29 2 * *"]);
    assert_eq!(text(leap.next_open(at("20961231T000000"))).as_deref(), Some("21040229T000000"));
    assert_eq!(text(leap.open_until(at("21040229T120000"))).as_deref(), Some("21040301T000000"));
    // 29 February on a Sunday: usually every 28 years, but 2100 is no leap year.
    let sunday = schedule(&["0 0 0 29 2 0 *"]);
    assert_eq!(text(sunday.next_open(at("20880301T000000"))).as_deref(), Some("21280229T000000"));
    for (never, from) in [
        ("* * * 30 2 * *", "20261126T000000"),
        ("* * * 31 2,4,6,9,11 * *", "20261126T000000"),
        ("* * * 29 2 * 2001-2003", "20000101T000000"),
        ("* * * 29 2 * 2001-9999/4", "20261126T000000"),
        ("* * * * * * 2000-2025", "20261126T000000"),
    ] {
        let never = schedule(&[never]);
        assert_eq!(text(never.next_open(at(from))), None);
        assert_eq!(never.open_until(at(from)), Some(at(from)), "it is closed");
    }
    let far = schedule(&["0 0 0 1 1 * 9999"]);
    assert_eq!(text(far.next_open(at("20261126T000000"))).as_deref(), Some("99990101T000000"));
    assert_eq!(text(far.next_open(at("99990101T000001"))), None);
    let stepped = schedule(&["0 0 0 29 2 * 2001-9999/3"]);
    assert_eq!(text(stepped.next_open(at("20261126T000000"))).as_deref(), Some("20280229T000000"));
}

#[test]
fn ws_5_2_7_a_window_that_does_not_end_is_known_as_such() {
    let now = at("20261126T120000");
    for entries in [
        &["* * * * * * *"][..],
        &["* * * * * *"],
        &["* * * * * 0-2 *", "* * * * * 3-6 *"],
        &["* * 0-11 * * * *", "*/2 * 12-23 * * * *", "1-59/2 * 12-23 * * * *"],
        &["* * * * 1-6 * *", "* * * 1-15 7-12 * *", "* * * 16-31 7-12 * *"],
        &["* * * * * * 2000-5000", "* * * * * * 5001-9999"],
    ] {
        assert_eq!(text(schedule(entries).open_until(now)), None, "{entries:?}");
    }
    let gap = schedule(&["* * * * * * 2000-2300", "* * * * * * 2302-9999", "0-58 * * * * * 2301"]);
    assert_eq!(text(gap.open_until(now)).as_deref(), Some("23010101T000059"));
    // A gap that is more than 400 years away is none.
    let years = |last: u32| Schedule::parse([format!("* * * * * * 2000-{last}")]).unwrap();
    assert_eq!(text(years(2425).open_until(now)).as_deref(), Some("24260101T000000"));
    assert_eq!(text(years(2426).open_until(now)), None);
    let leap = schedule(&["* * * 1-28 * * *", "* * * 29-31 1,3-12 * *"]);
    assert_eq!(text(leap.open_until(now)).as_deref(), Some("20280229T000000"));
}

#[test]
fn ws_5_2_7_times_at_the_edges_of_the_clock() {
    let always = schedule(&["* * * * * * *"]);
    let morning = schedule(&["* * 6 * * * *"]);
    // A clock that was never set, and one before that.
    let unset = SystemTime::UNIX_EPOCH;
    assert!(always.is_open(unset) && always.is_open(unset - Duration::from_millis(1)));
    assert_eq!(morning.next_open(unset - Duration::from_millis(1)), Some(unset + Duration::from_secs(6 * 3600)));
    assert_eq!(morning.next_open(unset - Duration::from_secs(86_400)), Some(unset - Duration::from_secs(18 * 3600)));
    // What is beyond the year 9999 is closed.
    let last = at("99991231T235959");
    assert!(always.is_open(last) && !always.is_open(last + Duration::from_secs(1)));
    assert_eq!(morning.next_open(last), None);
    if let Some(far) = unset.checked_add(Duration::from_secs(1 << 60)) {
        assert_eq!((always.is_open(far), always.next_open(far), always.open_until(far)), (false, None, Some(far)));
    }
}

#[test]
fn ws_5_2_7_what_is_no_schedule_is_refused_with_its_field() {
    for (entry, field, why) in [
        ("60 * * * * * *", Some(Field::Second), "60 is not within 0 to 59"),
        ("* 0-60 * * * * *", Some(Field::Minute), "60 is not within 0 to 59"),
        ("* * 24 * * * *", Some(Field::Hour), "24 is not within 0 to 23"),
        ("* * * 0 * * *", Some(Field::DayOfMonth), "0 is not within 1 to 31"),
        ("* * * 32 * * *", Some(Field::DayOfMonth), "32 is not within 1 to 31"),
        ("* * * * 0 * *", Some(Field::Month), "0 is not within 1 to 12"),
        ("* * * * JAN * *", Some(Field::Month), "\"JAN\" is no number"),
        ("* * * * * 7 *", Some(Field::DayOfWeek), "7 is not within 0 to 6"),
        ("* * * * * SUN *", Some(Field::DayOfWeek), "\"SUN\" is no number"),
        ("* * * * * * 1999", Some(Field::Year), "1999 is not within 2000 to 9999"),
        ("* * * * * * 10000", Some(Field::Year), "\"10000\" is no number"),
        ("*/0 * * * * * *", Some(Field::Second), "the step is 0"),
        ("*/ * * * * * *", Some(Field::Second), "\"\" is no number"),
        ("5/2 * * * * * *", Some(Field::Second), "\"5/2\": a step follows a range or an asterisk"),
        ("1-5/0 * * * * * *", Some(Field::Second), "the step is 0"),
        ("9-5 * * * * * *", Some(Field::Second), "\"9-5\" begins after its end"),
        ("1-2-3 * * * * * *", Some(Field::Second), "\"2-3\" is no number"),
        ("*,5 * * * * * *", Some(Field::Second), "\"*\" is no number"),
        ("5, * * * * * *", Some(Field::Second), "\"\" is no number"),
        ("-5 * * * * * *", Some(Field::Second), "\"\" is no number"),
        ("+5 * * * * * *", Some(Field::Second), "\"+5\" is no number"),
        ("\u{661} * * * * * *", Some(Field::Second), "\"\u{661}\" is no number"),
        ("* * * * *", None, "5 fields;"),
        ("* * * * * * * *", None, "8 fields;"),
        ("", None, "0 fields;"),
    ] {
        let error = Schedule::parse(["* * * * * * *", entry]).unwrap_err();
        assert_eq!((error.entry(), error.field()), (Some(2), field), "{entry:?}");
        assert!(error.to_string().contains(why), "{entry:?}: {error}");
    }
}

#[test]
fn ws_5_2_7_the_bounds_of_a_schedule_at_their_edges() {
    let many = |count| std::iter::repeat_n("* * * * * * *", count);
    assert!(Schedule::parse(many(Schedule::MAX_ENTRIES)).is_ok());
    let error = Schedule::parse(many(Schedule::MAX_ENTRIES + 1)).unwrap_err();
    assert_eq!((error.entry(), error.to_string().as_str()), (None, "a schedule has at most 32 entries"));
    assert!(Schedule::parse(many(0)).unwrap_err().to_string().contains("at least one"));
    let long = |bytes: usize| format!("{:<bytes$}", "* * * * * * *");
    assert!(Schedule::parse([long(Schedule::MAX_ENTRY_BYTES)]).is_ok());
    let error = Schedule::parse([long(Schedule::MAX_ENTRY_BYTES + 1)]).unwrap_err();
    assert_eq!(error.to_string(), "schedule entry 1: it has 257 bytes; 256 are the most");
}

/// Patterns that are open for ever, half a day each, and others that apply on days whose number, month or day of the week has
/// a bit set: as many combinations as there are days in a year.
#[test]
fn ws_5_2_7_the_work_for_hostile_patterns_is_bounded() {
    let with_bit = |bit: u32, most: u32| -> String {
        let values: Vec<String> = (1..=most).filter(|n| n >> bit & 1 == 1).map(|n| n.to_string()).collect();
        values.join(",")
    };
    let mut entries = vec!["* * 0-11 * * * *".to_owned(), "* * 12-23 * * * *".to_owned()];
    entries.extend((0..4).map(|bit| format!("* 0-58 * * {} * *", with_bit(bit, 12))));
    entries.extend((0..3).map(|bit| format!("* 0-58 * * * {} *", with_bit(bit, 6))));
    let now = at("20261126T120000");
    // 84 kinds of days.
    assert_eq!(text(Schedule::parse(&entries).unwrap().open_until(now)), None);
    entries.extend((0..5).map(|bit| format!("* 0-58 * {} * * *", with_bit(bit, 31))));
    let hostile = Schedule::parse(&entries).unwrap();
    // 128 days after that of `now`: it is still open then, and who asks again learns more.
    let until = hostile.open_until(now).unwrap();
    assert_eq!(text(Some(until)).as_deref(), Some("20270404T000000"));
    assert!(hostile.is_open(until));
    assert_eq!(text(hostile.open_until(until)).as_deref(), Some("20270811T000000"));

    // Years one by one, none of which has the day.
    let years: Vec<String> = (0..40).map(|n| (2101 + n * 4).to_string()).collect();
    let entries = vec![format!("* * * 29 2 * {}", years.join(",")); Schedule::MAX_ENTRIES];
    assert_eq!(Schedule::parse(&entries).unwrap().next_open(now), None);
}

/// The text for the crate `cron`, which counts days of the week from 1.
fn for_cron(entry: &str) -> String {
    let mut fields: Vec<String> = entry.split_whitespace().map(str::to_owned).collect();
    let plus_one = |number: &str| (number.parse::<u32>().unwrap() + 1).to_string();
    let element = |element: &str| {
        let (range, step) = element.split_once('/').map_or((element, None), |(range, step)| (range, Some(step)));
        let range = match range.split_once('-') {
            Some((from, to)) => format!("{}-{}", plus_one(from), plus_one(to)),
            None if range == "*" => range.to_owned(),
            None => plus_one(range),
        };
        step.map_or(range.clone(), |step| format!("{range}/{step}"))
    };
    fields[5] = fields[5].split(',').map(element).collect::<Vec<_>>().join(",");
    fields.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// `cron` wants both day fields to match too; it ends with the year 2100, and refuses steps above the largest value.
    #[test]
    fn ws_5_2_7_the_next_opening_is_that_of_the_crate_cron(entry in entry(), start in 1_672_531_200_u64..1_798_761_600) {
        let judge = for_cron(&entry).parse::<cron::Schedule>();
        prop_assume!(judge.is_ok());
        let judge = judge.unwrap();
        let before = chrono::DateTime::from_timestamp(i64::try_from(start).unwrap() - 1, 0).unwrap();
        let judged = judge.after(&before).next().map(|at| u64::try_from(at.timestamp()).unwrap());
        let from = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
        let next = schedule(&[&entry]).next_open(from);
        let next = next.map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
        prop_assert_eq!(next.filter(|next| *next < 4_102_444_800), judged);
    }
}
