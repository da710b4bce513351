use super::*;
use crate::primitive::{Operation, ResourceType};

const LIFE: Duration = Duration::from_secs(1000);

fn at(seconds: u64) -> Now {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    let wait = Duration::from_secs(seconds);
    Now { monotonic: start + wait, wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + wait }
}

fn et(seconds: u64) -> String {
    format_timestamp(at(seconds).wall)
}

fn ae(et: &str) -> Response {
    Response::new(StatusCode::CREATED).content(json!({"m2m:ae": {"aei": "Ca", "ri": "Ca", "rn": "sensor", "et": et}}))
}

fn create() -> Request {
    let ae = json!({"m2m:ae": {"rn": "sensor", "api": "Nx", "et": et(1000)}});
    Request::create("cse-in", ResourceType::AE, ae).from("C").request_id("first")
}

/// Registered at 0 for 1000 s.
fn registered() -> Upkeep {
    let mut upkeep = Upkeep::new(0);
    let (request, response) = (create(), ae(&et(1000)));
    let registration = Registration::from_exchange(&request, &response).unwrap();
    upkeep.registered(at(0), registration, &request, &response);
    upkeep
}

fn answer(upkeep: &mut Upkeep, seconds: u64, status: StatusCode) -> Option<UpkeepOutcome> {
    upkeep.answered(at(seconds), &Ok(Response::new(status)))
}

fn seconds_until_next(upkeep: &Upkeep, now: u64) -> Option<u64> {
    upkeep.poll_timeout(at(now)).map(|then| then.duration_since(at(now).monotonic).as_secs())
}

#[test]
fn ws_6_4_4_a_registration_is_renewed_before_it_lapses_and_again_after_that() {
    let mut upkeep = registered();
    assert_eq!(upkeep.next(at(0)), None);
    assert_eq!(seconds_until_next(&upkeep, 0), Some(750));
    assert_eq!(upkeep.next(at(749)), None);
    let request = upkeep.next(at(750)).unwrap();
    assert_eq!(
        (request.operation, request.to.as_str(), request.from.as_deref()),
        (Operation::Update, "Ca", Some("Ca"))
    );
    assert_eq!(request.content.unwrap().value().unwrap(), json!({"m2m:ae": {"et": et(1750)}}));
    assert_eq!((upkeep.next(at(751)), seconds_until_next(&upkeep, 751)), (None, None), "one at a time");
    let outcome = answer(&mut upkeep, 752, StatusCode::UPDATED);
    assert_eq!(outcome, Some(UpkeepOutcome::Renewed { until: at(1752).wall }));
    assert_eq!(seconds_until_next(&upkeep, 752), Some(750));
}

#[test]
fn the_registrar_decides_how_long_it_lasts() {
    let mut upkeep = registered();
    upkeep.next(at(750)).unwrap();
    let shorter = Response::new(StatusCode::UPDATED).content(json!({"m2m:ae": {"et": et(1250)}}));
    assert_eq!(upkeep.answered(at(750), &Ok(shorter)), Some(UpkeepOutcome::Renewed { until: at(1250).wall }));
    assert_eq!(seconds_until_next(&upkeep, 750), Some(250));
}

#[test]
fn those_who_registered_together_do_not_renew_together() {
    let waits: Vec<u64> = [0, 1 << 14, u16::MAX]
        .map(|random| {
            let mut upkeep = registered();
            upkeep.spread = Upkeep::new(random).spread;
            seconds_until_next(&upkeep, 0).unwrap()
        })
        .to_vec();
    assert_eq!(waits, [750, 724, 650]);
}

#[test]
fn ws_5_2_9_what_was_forgotten_is_registered_again_and_only_that() {
    for (status, forgotten) in [
        (StatusCode::OK, false),
        (StatusCode::NOT_FOUND, true),
        (StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, true),
        (StatusCode::ORIGINATOR_NOT_AUTHENTICATED, true),
        (StatusCode::INTERNAL_SERVER_ERROR, false),
    ] {
        let mut upkeep = registered();
        upkeep.opened();
        let check = upkeep.next(at(10)).unwrap();
        assert_eq!(
            (check.operation, check.to.as_str(), check.from.as_deref()),
            (Operation::Retrieve, "Ca", Some("Ca"))
        );
        let outcome = answer(&mut upkeep, 10, status);
        assert_eq!(upkeep.is_confirmed(), !forgotten, "{status}");
        let Some(register) = upkeep.next(at(10)) else {
            assert!(!forgotten, "{status}");
            assert_eq!(matches!(outcome, Some(UpkeepOutcome::Failed { .. })), status != StatusCode::OK, "{status}");
            continue;
        };
        assert!(forgotten, "{status}");
        assert_eq!((register.operation, register.request_id.as_str()), (Operation::Create, ""));
        assert_eq!(register.from.as_deref(), Some("Ca"), "with the AE-ID that was assigned");
        let expected = json!({"m2m:ae": {"rn": "sensor", "api": "Nx", "et": et(1010)}});
        assert_eq!(register.content.unwrap().value().unwrap(), expected, "for as long as before, from now on");
        let outcome = upkeep.answered(at(11), &Ok(ae(&et(1010)))).unwrap();
        assert!(matches!(&outcome, UpkeepOutcome::RegisteredAgain(made) if made.entity == "Ca"), "{outcome:?}");
        assert!(upkeep.is_confirmed());
        assert_eq!(upkeep.next(at(12)), None);
    }
}

#[test]
fn who_cannot_be_retrieved_but_is_registered_is_left_alone() {
    let mut upkeep = registered();
    upkeep.opened();
    upkeep.next(at(1)).unwrap();
    answer(&mut upkeep, 1, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    upkeep.next(at(1)).unwrap();
    let outcome = answer(&mut upkeep, 1, StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED);
    assert_eq!(outcome, Some(UpkeepOutcome::Confirmed { until: Some(at(1000).wall) }));
    assert_eq!(upkeep.next(at(2)), None);
}

#[test]
fn what_fails_is_told_and_tried_again_after_a_while() {
    let mut upkeep = registered();
    upkeep.next(at(800)).unwrap();
    let refused = Response::error(StatusCode::NOT_ACCEPTABLE, "not longer");
    let outcome = upkeep.answered(at(800), &Ok(refused)).unwrap();
    let UpkeepOutcome::Failed { attempt, status, debug } = outcome else { panic!("{outcome:?}") };
    assert_eq!((attempt, status, debug.as_str()), ("to renew it", StatusCode::NOT_ACCEPTABLE, "not longer"));
    let mut now = 800;
    for wait in [2, 4, 8, 16, 32, 60, 60] {
        assert_eq!((upkeep.next(at(now)), seconds_until_next(&upkeep, now)), (None, Some(wait)));
        now += wait;
        assert_eq!(upkeep.next(at(now)).unwrap().operation, Operation::Update);
        answer(&mut upkeep, now, StatusCode::NOT_ACCEPTABLE);
    }
    upkeep.next(at(now + 60)).unwrap();
    // The connection broke: at once on the next one, with a check first or the renewal that is due.
    let lost = Err(Error::new(ErrorKind::ConnectionLost, "lost"));
    assert_eq!(upkeep.answered(at(now + 60), &lost), None);
    assert_eq!(upkeep.next(at(now + 61)), None);
    upkeep.opened();
    assert_eq!(upkeep.next(at(now + 61)).unwrap().operation, Operation::Update);
}

#[test]
fn doubts_are_looked_into_once_in_a_while() {
    let mut upkeep = registered();
    upkeep.doubted(at(1));
    assert_eq!(upkeep.next(at(1)).unwrap().operation, Operation::Retrieve);
    upkeep.doubted(at(1));
    answer(&mut upkeep, 2, StatusCode::OK);
    upkeep.doubted(at(60));
    assert_eq!(upkeep.next(at(60)), None);
    upkeep.doubted(at(61));
    assert!(upkeep.next(at(61)).is_some());
}

#[test]
fn nothing_is_kept_that_was_ended_or_never_began() {
    let mut upkeep = registered();
    upkeep.ended();
    upkeep.opened();
    upkeep.doubted(at(1));
    assert_eq!((upkeep.next(at(5000)), upkeep.poll_timeout(at(5000)), upkeep.saved()), (None, None, None));
}

#[test]
fn ws_5_2_9_the_next_run_goes_on_with_what_was_saved() {
    let first = registered();
    let text = first.saved().unwrap().to_json();
    let saved = Saved::from_json(&text).unwrap();
    assert_eq!(&saved, first.saved().unwrap(), "{text}");
    assert_eq!(saved.life, Some(LIFE));
    let mut second = Upkeep::new(0);
    second.resume(saved);
    assert_eq!(second.next(at(100)), None, "there is no connection yet");
    second.opened();
    assert!(!second.is_confirmed());
    assert_eq!(second.next(at(100)).unwrap().operation, Operation::Retrieve, "checked, not registered");
    let there = Response::ok().content(json!({"m2m:ae": {"et": et(1000)}}));
    assert!(matches!(second.answered(at(100), &Ok(there)), Some(UpkeepOutcome::Confirmed { .. })));
    assert_eq!(seconds_until_next(&second, 100), Some(650));
}

#[test]
fn what_is_damaged_is_named() {
    let text = registered().saved().unwrap().to_json();
    for (from, to) in
        [("{", "["), ("\"registration\"", "\"x\""), ("\"until\": \"2", "\"until\": \"x"), ("\"op\"", "\"x\"")]
    {
        let error = Saved::from_json(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().starts_with("it is damaged: "), "{error}");
    }
}
