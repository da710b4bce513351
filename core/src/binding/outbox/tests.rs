use super::*;
use crate::primitive::AbsRelTimestamp;
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;

const SECOND: Duration = Duration::from_secs(1);

fn start() -> Now {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    Now { monotonic: *START.get_or_init(Instant::now), wall: SystemTime::UNIX_EPOCH + 1_000_000_000 * SECOND }
}

fn at(time: Duration) -> Now {
    Now { monotonic: start().monotonic + time, wall: start().wall + time }
}

fn outbox(config: OutboxConfig) -> Outbox {
    Outbox::new(config, "run1-".to_owned())
}

fn request(name: &str) -> Request {
    Request::notify("cse-in/box", json!({ "m2m:sgn": name }))
}

/// Posts and accepts.
fn post(outbox: &mut Outbox, now: Now, name: &str) -> PostId {
    let (id, dropped) = outbox.post(now, request(name)).unwrap();
    assert!(dropped.is_empty());
    outbox.accepted(id);
    id
}

fn lost() -> Result<Response> {
    Err(Error::new(ErrorKind::ConnectionLost, "lost").with_unknown_outcome())
}

fn order(outbox: &Outbox) -> Vec<String> {
    outbox.list().map(|posted| posted.request_id).collect()
}

#[test]
fn ws_5_2_8_what_was_posted_is_delivered_in_order_and_again_with_its_rqi() {
    let mut outbox = outbox(OutboxConfig::default());
    let first = post(&mut outbox, start(), "a");
    let second = post(&mut outbox, start(), "b");
    let (id, request) = outbox.next(start()).unwrap();
    assert_eq!((id, request.request_id.as_str()), (first, "run1-1"));
    assert!(outbox.next(start()).is_none(), "one at a time");
    assert!(outbox.outcome(start(), first, lost()).is_none(), "it stays");
    assert!(outbox.next(start()).is_none(), "not at once");
    assert_eq!(outbox.poll_timeout(start()), Some(at(SECOND).monotonic));
    let (again, request) = outbox.next(at(SECOND)).unwrap();
    assert_eq!((again, request.request_id.as_str()), (first, "run1-1"));
    assert_eq!(outbox.list().next().unwrap().attempts, 2);
    let delivered = outbox.outcome(at(SECOND), first, Ok(Response::ok())).unwrap();
    assert_eq!((delivered.id, delivered.request_id.as_str()), (first, "run1-1"));
    assert!(delivered.result.is_ok());
    assert_eq!(outbox.next(at(SECOND)).unwrap().0, second);
    assert!(outbox.outcome(at(SECOND), second, Ok(Response::error(StatusCode::NOT_FOUND, ""))).is_some(), "any status");
    assert!(outbox.is_empty() && outbox.bytes == 0);
    assert_eq!(outbox.poll_timeout(at(SECOND)), None);
}

#[test]
fn waits_between_attempts_double_and_end_when_the_connection_opens() {
    let mut outbox = outbox(OutboxConfig::default());
    let id = post(&mut outbox, start(), "a");
    let mut now = Duration::ZERO;
    let mut waits = Vec::new();
    for _ in 0..8 {
        outbox.next(at(now)).unwrap();
        outbox.outcome(at(now), id, lost());
        let wait = outbox.poll_timeout(at(now)).unwrap() - at(now).monotonic;
        waits.push(wait.as_secs());
        now += wait;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    outbox.next(at(now)).unwrap();
    outbox.outcome(at(now), id, lost());
    outbox.opened();
    assert!(outbox.next(at(now)).is_some());
}

#[test]
fn what_may_not_be_repeated_has_an_unknown_outcome() {
    let mut outbox = outbox(OutboxConfig { repeat: Repeat::Idempotent, ..OutboxConfig::default() });
    let id = post(&mut outbox, start(), "a");
    outbox.next(start()).unwrap();
    // It was not sent at all: that is no repetition.
    assert!(outbox.outcome(start(), id, Err(Error::new(ErrorKind::Timeout, "no connection"))).is_none());
    outbox.next(at(SECOND)).unwrap();
    let told = outbox.outcome(at(SECOND), id, lost()).unwrap();
    assert!(told.result.unwrap_err().is_outcome_unknown());
    assert!(outbox.is_empty());
}

#[test]
fn a_denial_is_believed_the_second_time() {
    for status in [StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, StatusCode::ORIGINATOR_NOT_AUTHENTICATED] {
        let mut outbox = outbox(OutboxConfig::default());
        let id = post(&mut outbox, start(), "a");
        let denied = || Ok(Response::error(status, "who are you?"));
        outbox.next(start()).unwrap();
        assert!(outbox.outcome(start(), id, denied()).is_none(), "it may be registered again meanwhile");
        assert!(outbox.next(at(SECOND)).is_none());
        outbox.next(at(2 * SECOND)).unwrap();
        let told = outbox.outcome(at(2 * SECOND), id, denied()).unwrap();
        assert_eq!(told.result.unwrap().status, status);
    }
}

#[test]
fn what_is_not_durable_yet_is_not_sent_and_nothing_overtakes_it() {
    let mut outbox = outbox(OutboxConfig::default());
    let (first, _) = outbox.post(start(), request("a")).unwrap();
    let second = post(&mut outbox, start(), "b");
    assert!(outbox.next(start()).is_none());
    outbox.rejected(first);
    assert_eq!(outbox.next(start()).unwrap().0, second);
}

#[test]
fn ws_5_2_8_its_bounds_hold_and_the_new_one_is_refused_or_the_oldest_dropped() {
    let size = Request { request_id: "run1-1".to_owned(), ..request("a") }.size();
    for config in [
        OutboxConfig { requests: 2, ..OutboxConfig::default() },
        OutboxConfig { bytes: 2 * size, ..OutboxConfig::default() },
    ] {
        let mut refusing = outbox(config);
        post(&mut refusing, start(), "a");
        post(&mut refusing, start(), "b");
        let error = refusing.post(start(), request("c")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QueueFull);
        assert_eq!(order(&refusing), ["run1-1", "run1-2"]);

        let mut dropping = outbox(OutboxConfig { when_full: WhenFull::DropOldest, ..config });
        post(&mut dropping, start(), "a");
        post(&mut dropping, start(), "b");
        dropping.next(start()).unwrap();
        let (third, dropped) = dropping.post(start(), request("c")).unwrap();
        dropping.accepted(third);
        assert_eq!(dropped.len(), 1);
        assert_eq!(dropped[0].request_id, "run1-2", "what is under way stays");
        assert_eq!(dropped[0].result.as_ref().unwrap_err().kind(), ErrorKind::QueueFull);
        assert_eq!(order(&dropping), ["run1-1", "run1-3"]);
        let large = request(&"x".repeat(3 * size));
        let refused = OutboxConfig { bytes: 2 * size, ..config };
        dropping.config = OutboxConfig { when_full: WhenFull::DropOldest, ..refused };
        assert!(dropping.post(start(), large).is_err(), "nothing is dropped in vain");
        assert_eq!(order(&dropping), ["run1-1", "run1-3"]);
    }
}

#[test]
fn ws_5_2_8_what_expires_is_told_and_times_from_now_become_points_in_time() {
    let mut outbox = outbox(OutboxConfig { lifetime: 10 * SECOND, ..OutboxConfig::default() });
    let own = request("own").expires_in(20 * SECOND);
    let (own, _) = outbox.post(start(), own).unwrap();
    outbox.accepted(own);
    let (kept, until) = outbox.get(own).unwrap();
    assert_eq!(kept.request_expiration, Some(AbsRelTimestamp::absolute(at(20 * SECOND).wall)));
    assert_eq!(until, at(20 * SECOND).wall);
    post(&mut outbox, start(), "default");
    let sooner = Request { result_expiration: Some(AbsRelTimestamp::from_text("5000")), ..request("rset") };
    let (sooner, _) = outbox.post(start(), sooner).unwrap();
    outbox.accepted(sooner);
    assert_eq!(outbox.poll_timeout(start()), Some(at(5 * SECOND).monotonic));
    for (time, gone) in [(5, "run1-3"), (10, "run1-2"), (20, "run1-1")] {
        let now = at(time * SECOND);
        assert!(outbox.expire(at(time * SECOND - Duration::from_millis(1))).is_empty());
        let expired = outbox.expire(now);
        assert_eq!(expired.len(), 1);
        assert_eq!(expired[0].request_id, gone);
        let error = expired[0].result.as_ref().unwrap_err();
        assert_eq!((error.kind(), error.is_outcome_unknown()), (ErrorKind::Timeout, false));
    }
    for (text, kind) in [("0", ErrorKind::Timeout), ("soon", ErrorKind::InvalidArgument)] {
        let request = Request { request_expiration: Some(AbsRelTimestamp::from_text(text)), ..request("x") };
        assert_eq!(outbox.post(start(), request).unwrap_err().kind(), kind);
    }
}

#[test]
fn a_rate_holds() {
    let mut outbox = outbox(OutboxConfig { rate: Some(4.0), window: 8, ..OutboxConfig::default() });
    for _ in 0..8 {
        post(&mut outbox, start(), "a");
    }
    let mut sent = 0;
    for millisecond in 0..=1000 {
        while outbox.next(at(Duration::from_millis(millisecond))).is_some() {
            sent += 1;
        }
    }
    assert_eq!(sent, 5, "at 0, 250, 500, 750 and 1000 ms");
}

#[derive(Clone, Debug)]
enum Step {
    Post { lives: u8, large: bool },
    Accepted(u8),
    Rejected(u8),
    Next,
    Answered(u8),
    Lost(u8),
    NotSent(u8),
    Opened,
    Time(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..60_u8, any::<bool>()).prop_map(|(lives, large)| Step::Post { lives, large }),
        4 => any::<u8>().prop_map(Step::Accepted),
        1 => any::<u8>().prop_map(Step::Rejected),
        4 => Just(Step::Next),
        3 => any::<u8>().prop_map(Step::Answered),
        2 => any::<u8>().prop_map(Step::Lost),
        1 => any::<u8>().prop_map(Step::NotSent),
        1 => Just(Step::Opened),
        2 => (0..30_u8).prop_map(Step::Time),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// Whatever happens: each request that was accepted leaves once, or is in there; bounds hold; with a window of 1 none is
    /// delivered before an older one.
    #[test]
    fn nothing_is_lost_doubled_or_overtaken(
        steps in steps(),
        window in 1..4_usize,
        when_full in prop_oneof![Just(WhenFull::Refuse), Just(WhenFull::DropOldest)],
    ) {
        let config = OutboxConfig { requests: 6, bytes: 6000, when_full, window, ..OutboxConfig::default() };
        let mut outbox = outbox(config);
        let mut now = Duration::ZERO;
        let (mut posted, mut left) = (Vec::new(), HashMap::new());
        let mut under_way: Vec<PostId> = Vec::new();
        let mut accepting: Vec<PostId> = Vec::new();
        let mut delivered: Vec<PostId> = Vec::new();
        let pick = |from: &mut Vec<PostId>, which: u8| {
            (!from.is_empty()).then(|| from.remove(usize::from(which) % from.len()))
        };
        for step in steps {
            let mut gone = Vec::new();
            match step {
                Step::Post { lives, large } => {
                    let name = if large { "x".repeat(900) } else { "x".to_owned() };
                    let request = request(&name).expires_in(u32::from(lives) * SECOND);
                    if let Ok((id, dropped)) = outbox.post(at(now), request) {
                        posted.push(id);
                        accepting.push(id);
                        gone.extend(dropped);
                    }
                }
                Step::Accepted(which) => pick(&mut accepting, which).into_iter().for_each(|id| outbox.accepted(id)),
                Step::Rejected(which) => {
                    if let Some(id) = pick(&mut accepting, which) {
                        outbox.rejected(id);
                        posted.retain(|other| *other != id);
                    }
                }
                Step::Next => {
                    if let Some((id, _)) = outbox.next(at(now)) {
                        prop_assert!(!under_way.contains(&id) && !accepting.contains(&id));
                        under_way.push(id);
                    }
                }
                Step::Answered(which) => {
                    if let Some(id) = pick(&mut under_way, which) {
                        gone.extend(outbox.outcome(at(now), id, Ok(Response::ok())));
                        delivered.push(id);
                    }
                }
                Step::Lost(which) => {
                    if let Some(id) = pick(&mut under_way, which) {
                        prop_assert!(outbox.outcome(at(now), id, lost()).is_none());
                    }
                }
                Step::NotSent(which) => {
                    if let Some(id) = pick(&mut under_way, which) {
                        let error = Error::new(ErrorKind::Timeout, "no connection");
                        prop_assert!(outbox.outcome(at(now), id, Err(error)).is_none());
                    }
                }
                Step::Opened => outbox.opened(),
                Step::Time(seconds) => now += u32::from(seconds) * SECOND,
            }
            gone.extend(outbox.expire(at(now)));
            for delivery in gone {
                prop_assert!(left.insert(delivery.id, ()).is_none(), "{:?} left twice", delivery.id);
            }
            prop_assert!(outbox.len() <= 6 && outbox.bytes <= 6000 && under_way.len() <= window);
            prop_assert_eq!(outbox.under_way, under_way.len());
            let there = posted.iter().filter(|id| outbox.get(**id).is_some()).count();
            prop_assert_eq!(there, outbox.len());
            prop_assert_eq!(posted.len(), there + left.len());
        }
        if window == 1 {
            prop_assert!(delivered.is_sorted(), "{:?}", delivered);
        }
    }
}
