//! Each request has exactly one outcome, the right one.

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, OutgoingLimits};
use onem2m_ws::primitive::{Request, Response, StatusCode};

use crate::harness::*;

fn window(window: usize) -> Config {
    Config { outgoing: OutgoingLimits { window, ..OutgoingLimits::default() }, ..Config::default() }
}

#[test]
fn ws_5_1_1_every_request_gets_its_own_answer_in_whatever_order_answers_come() {
    for seed in 0..400 {
        let mut world = World::new(seed, window(1 + seed as usize % 7), window(64));
        world.pieces = true;
        world.jitter = 40 * MS;
        for end in &mut world.ends {
            end.manner = Manner::Slow(500 * MS);
        }
        world.connect();
        let mut asked = [Vec::new(), Vec::new()];
        for _ in 0..30 {
            let end = world.rng.below(2) as usize;
            asked[end].push(world.ask(end));
            let pause = world.rng.upto(30 * MS);
            world.run(pause);
        }
        world.run(60 * SECOND);
        for end in [CLIENT, SERVER] {
            let this = world.end(end);
            let mut answered: Vec<u64> = this.outcomes.iter().map(|(id, _)| *id).collect();
            answered.sort_unstable();
            assert_eq!(answered, asked[end], "seed {seed}");
            for (id, result) in &this.outcomes {
                assert_eq!(number_of(result.as_ref().unwrap()), *id, "seed {seed}");
            }
            this.expect_idle();
            let counters = this.session.counters();
            assert_eq!((counters.unmatched, counters.timeouts, counters.unanswered, counters.malformed), (0, 0, 0, 0));
            assert_eq!(counters.requests_sent, asked[end].len() as u64);
            assert_eq!(counters.responses_received, counters.requests_sent);
        }
    }
}

#[test]
fn the_window_bounds_what_is_on_the_wire_and_keeps_the_order() {
    for width in [1, 2, 64] {
        let mut world = World::connected_with(window(width), Config::default());
        world.server().manner = Manner::Manual;
        let asked: Vec<u64> = (0..100).map(|_| world.ask(CLIENT)).collect();
        let mut answered = 0;
        while answered < asked.len() {
            world.settle();
            let expected = width.min(asked.len() - answered);
            assert_eq!(world.client().session.in_flight(), expected);
            assert_eq!(world.client().session.queued(), asked.len() - answered - expected);
            assert_eq!(world.server().asked.len(), expected);
            let offset = world.server().asked[0].1.filter_criteria.as_ref().unwrap().value().unwrap()["ofst"].as_u64();
            assert_eq!(offset, Some(asked[answered]));
            world.answer(SERVER, Response::ok()).unwrap();
            answered += 1;
        }
        world.settle();
        assert_eq!(world.client().outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(), asked);
        world.client().expect_idle();
    }
}

#[test]
fn a_window_of_nothing_is_a_window_of_one() {
    let mut world = World::connected_with(window(0), Config::default());
    world.ask(CLIENT);
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
}

#[test]
fn a_late_answer_is_counted_and_dropped() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.run(30 * SECOND - 5 * MS); // the server's own deadline is 10 ms later than the client's
    assert!(world.client().outcomes.is_empty());
    world.run(6 * MS);
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Timeout);
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    assert!(world.client().outcomes.is_empty());
    assert_eq!(world.client().unmatched().len(), 1);
    let counters = world.client().session.counters();
    assert_eq!((counters.unmatched, counters.timeouts, counters.responses_received), (1, 1, 0));
}

#[test]
fn a_second_answer_is_counted_and_dropped() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.send(CLIENT, Request::retrieve("x").request_id("r1")).unwrap();
    for status in [2000, 4004, 2000] {
        world.inject_text(CLIENT, &format!(r#"{{"rsc":{status},"rqi":"r1"}}"#));
    }
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    assert_eq!(world.client().session.counters().unmatched, 2);
}

#[test]
fn a_response_is_never_answered_whoever_it_is_for() {
    for text in [
        r#"{"rsc":2000,"rqi":"nobody"}"#,
        r#"{"rsc":2000}"#,
        r#"{"rsc":2000,"op":2,"to":"x","rqi":"both"}"#,
        r#"{"rsc":"bad","rqi":"r"}"#,
        r#"{"m2m:rsp":{"rsc":2000,"rqi":"wrapped"}}"#,
        r#"{"rsc":2000,"rqi":"a","rqi":"b"}"#,
    ] {
        for end in [CLIENT, SERVER] {
            let mut world = World::connected();
            world.inject_text(end, text);
            world.settle();
            let counters = world.end(end).session.counters();
            assert_eq!(counters.unmatched + counters.malformed, 1, "{text}");
            assert_eq!((counters.responses_sent, counters.requests_received), (0, 0), "{text}");
            assert!(world.end(1 - end).events.is_empty(), "{text}");
            assert!(world.end(end).session.is_connected());
        }
    }
}

#[test]
fn an_answer_to_an_answer_ends_there() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    world.answer(SERVER, Response::ok()).unwrap();
    let (_, request) = {
        world.ask(CLIENT);
        world.settle();
        world.server().asked.pop().unwrap()
    };
    // The peer answers the request twice, then answers with the identifier of a request that is its own.
    world.inject_text(SERVER, &format!(r#"{{"rsc":2000,"rqi":{:?}}}"#, request.request_id));
    world.settle();
    assert_eq!(world.server().session.counters().unmatched, 1);
    assert_eq!(world.client().unmatched().len(), 0);
}

#[test]
fn an_answer_without_rqi_is_given_to_the_only_request_on_the_wire_and_else_to_nobody() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.inject_text(CLIENT, r#"{"rsc":2000,"rvi":"3"}"#);
    world.settle();
    assert_eq!(world.client().session.counters().unmatched, 1, "nothing waits");

    let first = world.ask(CLIENT);
    world.inject_text(CLIENT, r#"{"rsc":4004,"rvi":"3"}"#);
    world.settle();
    assert_eq!(world.client().outcomes.pop().unwrap().0, first);
    let deviations = world.client().session.counters().deviations;
    assert_eq!(deviations, 2, "one for each message");

    world.ask(CLIENT);
    world.ask(CLIENT);
    world.inject_text(CLIENT, r#"{"rsc":4004,"rvi":"3"}"#);
    world.settle();
    assert!(world.client().outcomes.is_empty());
    assert_eq!(world.client().session.counters().unmatched, 2);
    assert_eq!(world.client().session.in_flight(), 2);
}

#[test]
fn a_queued_request_cannot_be_answered() {
    let mut world = World::connected_with(window(1), Config::default());
    world.server().manner = Manner::Manual;
    for rqi in ["sent", "queued"] {
        world.send(CLIENT, Request::retrieve("x").request_id(rqi)).unwrap();
    }
    world.inject_text(CLIENT, r#"{"rsc":2000,"rqi":"queued"}"#);
    world.settle();
    assert!(world.client().outcomes.is_empty());
    assert_eq!(world.client().session.counters().unmatched, 1);
}

#[test]
fn an_identifier_of_ours_that_waits_is_not_used_twice() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    let mine = || Request::retrieve("x").request_id("mine");
    world.send(CLIENT, mine()).unwrap();
    assert_eq!(world.send(CLIENT, mine()).unwrap_err().kind(), ErrorKind::DuplicateRequestId);
    world.settle();
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    world.send(CLIENT, mine()).unwrap();

    // Neither is one that the session made.
    world.ask(CLIENT);
    world.settle();
    let made = world.server().asked.pop().unwrap().1.request_id;
    let error = world.send(CLIENT, Request::retrieve("x").request_id(made)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateRequestId);
}

#[test]
fn identifiers_made_here_are_unique_across_sessions() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..50 {
        let mut world = World::new(seed, Config::default(), Config::default());
        world.connect();
        for _ in 0..20 {
            world.ask(CLIENT);
        }
        world.settle();
        for (_, request) in &world.server().asked {
            assert!(seen.insert(request.request_id.clone()), "{}", request.request_id);
        }
    }
    assert_eq!(seen.len(), 1000);
}

#[test]
fn an_identifier_of_the_peers_is_refused_while_it_is_pending_and_new_afterwards() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    let text = r#"{"op":2,"to":"x","fr":"Ca","rqi":"again"}"#;
    world.inject_text(SERVER, text);
    world.inject_text(SERVER, text);
    world.settle();
    assert_eq!(world.server().asked.len(), 1);
    let refused = world.client().unmatched();
    assert_eq!((refused[0].status, refused[0].request_id.as_str()), (StatusCode::BAD_REQUEST, "again"));
    world.answer(SERVER, Response::ok()).unwrap();
    world.inject_text(SERVER, text);
    world.settle();
    assert_eq!(world.server().asked.len(), 1, "a new request");
    assert_eq!(world.client().unmatched()[1].status, StatusCode::OK);
}

#[test]
fn a_cancelled_request_makes_room_and_its_answer_counts_as_unmatched() {
    let mut world = World::connected_with(window(1), Config::default());
    world.server().manner = Manner::Manual;
    let (first, token) = world.send(CLIENT, numbered(1)).unwrap();
    let second = world.ask(CLIENT);
    world.settle();
    let now = world.now;
    assert_eq!(world.client().session.cancel(now, token), Some(first));
    assert_eq!(world.client().session.cancel(now, token), None);
    world.settle();
    assert_eq!(world.server().asked.len(), 2, "the second was written at once");
    world.answer(SERVER, Response::ok()).unwrap();
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    assert_eq!(world.client().outcomes.pop().unwrap().0, second);
    assert!(world.client().outcomes.is_empty());
    assert_eq!(world.client().session.counters().unmatched, 1);
    world.client().expect_idle();
}
