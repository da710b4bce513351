//! Deadlines, to the nanosecond.

use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, Event};
use onem2m_ws::primitive::{AbsRelTimestamp, Request, Response, StatusCode};

use crate::harness::*;

const NS: Duration = Duration::from_nanos(1);

/// When the first request of a client fails whose answer does not come.
fn fails_after(config: Config, request: Request) -> Duration {
    let mut world = World::connected_with(config, Config::default());
    world.server().manner = Manner::Manual;
    world.send(CLIENT, request).unwrap();
    let mut step = Duration::ZERO;
    while world.client().outcomes.is_empty() {
        let next = world.client().session.poll_timeout().unwrap();
        step = next - world.now.monotonic;
        world.run(step - NS);
        assert!(world.client().outcomes.is_empty(), "a nanosecond too early");
        world.run(NS);
    }
    assert!(step > Duration::ZERO);
    let error = world.client().outcome().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("not known"), "{error}");
    assert_eq!(world.client().session.counters().timeouts, 1);
    world.elapsed()
}

#[test]
fn a_request_fails_at_its_deadline_and_not_a_nanosecond_before() {
    let config = |timeout| Config { request_timeout: timeout, ..Config::default() };
    let plain = || Request::retrieve("x");
    assert_eq!(fails_after(Config::default(), plain()), 30 * SECOND);
    assert_eq!(fails_after(config(7 * SECOND), plain()), 7 * SECOND);
    assert_eq!(fails_after(config(7 * SECOND), plain().expires_in(2 * SECOND)), 2 * SECOND, "relative rqet, sooner");
    assert_eq!(fails_after(config(7 * SECOND), plain().expires_in(9 * SECOND)), 7 * SECOND, "relative rqet, later");

    let wall = World::connected().now.wall;
    let mut absolute = plain();
    absolute.request_expiration = Some(AbsRelTimestamp::absolute(wall + 1500 * MS));
    assert_eq!(fails_after(config(7 * SECOND), absolute.clone()), 1500 * MS, "absolute rqet, sooner");
    absolute.request_expiration = Some(AbsRelTimestamp::absolute(wall + 8 * SECOND));
    assert_eq!(fails_after(config(7 * SECOND), absolute), 7 * SECOND, "absolute rqet, later");

    let mut result = plain();
    result.result_expiration = Some(AbsRelTimestamp::relative(3 * SECOND));
    assert_eq!(fails_after(config(7 * SECOND), result), 3 * SECOND, "nobody wants the result after rset");
}

#[test]
fn what_has_expired_already_is_not_sent() {
    let mut world = World::connected();
    let past = AbsRelTimestamp::absolute(world.now.wall - MS);
    let this_instant = AbsRelTimestamp::absolute(world.now.wall);
    for rqet in [past, this_instant, AbsRelTimestamp::from_text("0"), AbsRelTimestamp::from_text("-1")] {
        for result in [false, true] {
            let mut request = Request::retrieve("x");
            let field = if result { &mut request.result_expiration } else { &mut request.request_expiration };
            *field = Some(rqet.clone());
            assert_eq!(world.send(CLIENT, request).unwrap_err().kind(), ErrorKind::Timeout, "{rqet:?}");
        }
    }
    let mut request = Request::retrieve("x");
    request.request_expiration = Some(AbsRelTimestamp::from_text("soon"));
    assert_eq!(world.send(CLIENT, request).unwrap_err().kind(), ErrorKind::InvalidArgument);
    world.settle();
    assert_eq!(world.client().session.counters().requests_sent, 0);
    world.client().expect_idle();
}

#[test]
fn ws_5_2_8_a_request_that_expires_while_it_is_buffered_fails_and_is_not_sent_later() {
    let mut world = World::new(1, Config::default(), Config::default());
    let (expires, _) = world.send(CLIENT, numbered(1).expires_in(5 * SECOND)).unwrap();
    let stays = world.ask(CLIENT);
    world.run(6 * SECOND);
    let (id, result) = world.client().outcomes.pop().unwrap();
    let error = result.unwrap_err();
    assert_eq!((id, error.kind()), (expires, ErrorKind::Timeout));
    assert!(error.message().contains("was not carried out"), "{error}");
    world.server().manner = Manner::Prompt;
    world.connect();
    world.settle();
    assert_eq!(world.server().session.counters().requests_received, 1);
    assert_eq!(world.client().outcomes.pop().unwrap().0, stays);
}

#[test]
fn the_cause_of_a_missing_connection_is_told_with_the_time_out() {
    let mut world = World::new(1, Config::default(), Config::default());
    world.ask(CLIENT);
    let cause = onem2m_ws::Error::new(ErrorKind::ConnectionRefused, "nobody listens at 127.0.0.1:9");
    world.client().session.connection_failed(&cause, false);
    world.run(30 * SECOND);
    assert!(world.client().outcome().unwrap_err().message().contains("127.0.0.1:9"));

    world.ask(CLIENT);
    world.client().session.connection_failed(&cause, true);
    world.settle();
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::ConnectionRefused, "at once if fatal");
}

#[test]
fn an_answer_at_the_last_instant_counts() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.latency = Duration::ZERO;
    world.ask(CLIENT);
    world.run(30 * SECOND - NS);
    world.latency = NS;
    world.answer(SERVER, Response::ok()).unwrap();
    world.run(NS);
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
}

#[test]
fn ws_5_2_8_what_expired_on_the_way_is_refused_with_4008_and_counted() {
    let mut world = World::connected();
    world.latency = 100 * MS;
    let mut request = numbered(1);
    request.request_expiration = Some(AbsRelTimestamp::absolute(world.now.wall + 50 * MS));
    world.send(CLIENT, request).unwrap();
    world.settle();
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(world.server().session.counters().requests_received, 1);
    assert_eq!(world.client().unmatched()[0].status, StatusCode::REQUEST_TIMEOUT);

    assert_eq!(world.server().session.counters().expired, 1);
    let times = [("0", 4008), ("-10", 4008), ("20200101T000000", 4008), ("whenever", 4000)];
    for (name, (time, status)) in ["rqet", "rset"].into_iter().flat_map(|name| times.map(|time| (name, time))) {
        world.client().events.clear();
        let text = format!(r#"{{"op":2,"to":"x","fr":"Ca","rqi":"r","{name}":"{time}"}}"#);
        world.inject_text(SERVER, &text);
        world.settle();
        let answer = world.client().unmatched()[0].clone();
        assert_eq!(answer.status.code(), status, "{name} {time}");
        assert!(answer.debug_text().unwrap().starts_with(name), "{:?}", answer.debug_text());
    }
    assert_eq!(world.server().session.counters().expired, 7);
}

#[test]
fn a_request_that_the_application_does_not_answer_is_answered_5000() {
    for (rqet, after) in [("", 30 * SECOND), (r#","rqet":"4000""#, 4 * SECOND), (r#","rqet":"60000""#, 30 * SECOND)] {
        let mut world = World::connected();
        world.latency = Duration::ZERO;
        world.server().manner = Manner::Manual;
        world.inject_text(SERVER, &format!(r#"{{"op":2,"to":"x","fr":"Ca","rqi":"r"{rqet}}}"#));
        world.run(after - NS);
        assert!(world.client().unmatched().is_empty());
        world.run(NS);
        let answer = world.client().unmatched()[0].clone();
        assert_eq!((answer.status, answer.request_id.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "r"));
        assert_eq!(world.server().session.counters().unanswered, 1);
        assert_eq!(world.answer(SERVER, Response::ok()).unwrap_err().kind(), ErrorKind::AlreadyResponded);
        world.settle();
        assert_eq!(world.client().unmatched().len(), 1);
    }
}

#[test]
fn a_request_is_answered_once() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    let (token, _) = world.server().asked[0];
    world.answer(SERVER, Response::ok()).unwrap();
    let now = world.now;
    let again = world.server().session.respond(now, token, Response::new(StatusCode::NOT_FOUND));
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyResponded);
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    world.run(60 * SECOND);
    assert_eq!(world.server().session.counters().unanswered, 0);
}

#[test]
fn time_outs_beyond_the_clock_are_no_panic() {
    let config = || Config { request_timeout: Duration::MAX, answer_timeout: Duration::MAX, ..Config::default() };
    let mut world = World::connected_with(config(), config());
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.run(3600 * SECOND);
    world.answer(SERVER, Response::ok()).unwrap();
    world.close(CLIENT);
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    assert!(world.client().is_over());
}

#[test]
fn a_flood_does_not_postpone_time_outs() {
    // A driver that never comes to rest, because bytes are always there, does not get round to `handle_timeout`.
    let mut world = World::connected();
    let now = world.now;
    world.client().session.send(now, Request::retrieve("x"), 7).unwrap();
    let later = now.monotonic + 31 * SECOND;
    world.set(later);
    let now = world.now;
    let session = &mut world.client().session;
    session.handle_data(now, &mut [0x8a, 0]); // a pong that nobody asked for
    let event = session.poll_event();
    assert!(matches!(&event, Some(Event::Response { waiter: 7, result: Err(e) }) if e.kind() == ErrorKind::Timeout));
}

#[test]
fn an_idle_session_wakes_for_nothing_but_the_keep_alive() {
    let mut world = World::new(1, Config::default(), Config::default());
    for end in &mut world.ends {
        end.websocket.ping_after = None;
        end.manner = Manner::Prompt;
    }
    world.connect();
    for round in 0..20 {
        for _ in 0..50 {
            world.ask(CLIENT);
            world.ask(SERVER);
        }
        world.run(SECOND);
        for end in &mut world.ends {
            assert_eq!(end.session.poll_timeout(), None, "round {round}");
            end.expect_idle();
        }
    }
}
