//! Closing: when it is held back, and what lets it go.

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, OutgoingLimits};
use onem2m_ws::primitive::{Request, Response, StatusCode};

use crate::harness::*;

#[test]
fn ws_6_3_1_either_side_closes_with_the_closing_handshake() {
    for end in [CLIENT, SERVER] {
        let mut world = World::connected();
        world.close(end);
        world.settle();
        for side in &world.ends {
            let ends = side.ends();
            assert_eq!((ends.len(), ends[0].code, ends[0].clean), (1, Some(1000), true));
        }
        assert!(world.end(end).is_over());
        assert!(!world.end(1 - end).is_over(), "the other session goes on");
        assert!(!world.end(1 - end).session.is_connected());
    }
}

#[test]
fn ws_6_5_2_a_close_waits_for_the_response() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.close(CLIENT);
    world.run(25 * SECOND);
    assert!(world.client().session.is_connected() && world.client().session.is_closing());
    assert_eq!(world.send(CLIENT, numbered(1)).unwrap_err().kind(), ErrorKind::Closed);
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    assert!(world.client().is_over());
}

#[test]
fn ws_6_5_2_an_end_that_stops_waits_as_well_and_says_1001() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    world.go_away(SERVER);
    world.run(25 * SECOND);
    assert!(world.server().session.is_connected() && world.server().session.is_closing());
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    for side in &world.ends {
        let ends = side.ends();
        assert_eq!((ends.len(), ends[0].code, ends[0].clean), (1, Some(1001), true));
    }
    assert!(world.server().is_over() && !world.client().is_over(), "the registree may come back");
}

#[test]
fn ws_6_5_2_a_close_waits_for_what_is_queued_behind_the_window() {
    let outgoing = OutgoingLimits { window: 1, ..OutgoingLimits::default() };
    let mut world = World::connected_with(Config { outgoing, ..Config::default() }, Config::default());
    for _ in 0..20 {
        world.ask(CLIENT);
    }
    world.close(CLIENT);
    world.settle();
    assert_eq!(world.client().outcomes.len(), 20);
    assert!(world.client().failures().is_empty());
    assert!(world.client().is_over());
}

#[test]
fn ws_6_5_2_a_close_waits_for_the_answer_that_is_owed() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    world.close(SERVER);
    world.run(10 * SECOND);
    assert!(world.server().session.is_connected());
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    assert!(world.server().is_over());
}

#[test]
fn ws_6_5_2_a_time_out_lets_the_close_go() {
    // Ours: no response comes.
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.close(CLIENT);
    world.run(30 * SECOND);
    assert!(!world.client().session.is_connected());
    world.settle();
    assert_eq!(world.client().failures()[0].1, ErrorKind::Timeout);
    assert!(world.client().is_over());

    // The peer's: our application never answers.
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    world.close(SERVER);
    world.run(31 * SECOND);
    assert!(world.server().is_over());
}

#[test]
fn ws_6_5_2_a_request_that_nobody_waits_for_any_more_lets_the_close_go() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    let (_, token) = world.send(CLIENT, numbered(1)).unwrap();
    world.close(CLIENT);
    world.settle();
    assert!(world.client().session.is_connected());
    let now = world.now;
    world.client().session.cancel(now, token);
    world.settle();
    assert!(world.client().is_over());

    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    world.close(SERVER);
    let (now, (token, _)) = (world.now, world.server().asked.remove(0));
    world.server().session.dismiss(now, token);
    world.settle();
    assert!(world.server().is_over());
}

#[test]
fn a_peer_that_asks_without_end_does_not_hold_a_close_back_for_ever() {
    let mut world = World::connected();
    world.server().manner = Manner::Slow(5 * SECOND);
    for _ in 0..20 {
        world.ask(CLIENT);
    }
    world.settle();
    for _ in 0..50 {
        world.ask(CLIENT);
    }
    world.run(SECOND);
    world.close(SERVER);
    for _ in 0..29 {
        for _ in 0..5 {
            world.ask(CLIENT);
        }
        world.run(SECOND);
        assert!(world.server().session.is_connected(), "it is not cut short either");
    }
    for _ in 0..2 {
        for _ in 0..5 {
            if let Err(error) = world.send(CLIENT, numbered(1)) {
                assert_eq!(error.kind(), ErrorKind::QueueFull);
            }
        }
        world.run(SECOND);
    }
    assert!(world.server().is_over());
}

#[test]
fn closing_without_a_connection_is_immediate() {
    let mut world = World::new(1, Config::default(), Config::default());
    let id = world.ask(CLIENT);
    world.close(CLIENT);
    world.settle();
    assert_eq!(world.client().failures(), [(id, ErrorKind::Closed)]);
    assert!(world.client().is_over());
    assert!(!world.client().session.wants_connection());
    world.close(CLIENT);
    world.settle();
    assert!(world.client().is_over(), "told once");
    assert_eq!(world.send(CLIENT, numbered(1)).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_connection_that_comes_after_the_close_is_closed_at_once() {
    // A client that is closed while it dials: the dialling succeeds a moment later.
    let mut world = World::new(1, Config::default(), Config::default());
    world.close(CLIENT);
    world.connect();
    world.ask(SERVER);
    world.settle();
    assert!(world.client().is_over());
    assert!(!world.client().session.is_connected());
    assert!(world.client().asked.is_empty());
    assert_eq!(world.server().ends()[0].code, Some(1000));
    assert_eq!(world.server().failures()[0].1, ErrorKind::ConnectionLost);
}

#[test]
fn an_abort_fails_what_waits_and_closes_at_once() {
    let outgoing = OutgoingLimits { window: 1, ..OutgoingLimits::default() };
    let mut world = World::connected_with(Config { outgoing, ..Config::default() }, Config::default());
    world.server().manner = Manner::Manual;
    let ids = [world.ask(CLIENT), world.ask(CLIENT)];
    world.ask(SERVER);
    world.settle();
    let now = world.now;
    world.client().session.abort(now, 1001, "going away");
    world.settle();
    assert_eq!(world.client().failures(), ids.map(|id| (id, ErrorKind::Closed)));
    assert!(world.client().is_over());
    let end = world.server().ends()[0].clone();
    assert_eq!((end.code, end.reason.as_str(), end.by_peer), (Some(1001), "going away", true));
    assert_eq!(world.server().failures()[0].1, ErrorKind::ConnectionLost);
    let now = world.now;
    world.client().session.abort(now, 1001, "again");
    world.settle();
    assert!(world.client().is_over());
    world.client().expect_idle();
}

#[test]
fn ws_5_2_3_what_waits_on_a_connection_that_gives_way_fails_at_once_though_the_peer_is_silent() {
    let mut world = World::connected();
    world.client().manner = Manner::Manual;
    let id = world.ask(SERVER);
    world.settle();
    world.cut(Cut::Silence);
    let now = world.now;
    world.server().session.give_way(now, 4001, "a newer one");
    world.settle();
    assert_eq!(world.server().failures(), [(id, ErrorKind::ConnectionLost)], "it can be sent over the newer one now");
    assert_eq!(world.send(SERVER, numbered(1)).unwrap_err().kind(), ErrorKind::Closed);
    world.run(11 * SECOND);
    assert!(world.server().is_over(), "the silent one is given up");

    let mut world = World::connected();
    let now = world.now;
    world.server().session.give_way(now, 4001, "a newer one");
    world.settle();
    let end = world.client().ends()[0].clone();
    assert_eq!((end.code, end.reason.as_str(), end.by_peer, end.clean), (Some(4001), "a newer one", true, true));
    assert!(world.server().is_over() && !world.client().is_over());
}

#[test]
fn an_abort_ends_a_close_that_waits() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.close(CLIENT);
    world.settle();
    let now = world.now;
    world.client().session.abort(now, 1001, "");
    world.settle();
    assert_eq!(world.client().failures()[0].1, ErrorKind::Closed);
    assert!(world.client().is_over());
}

#[test]
fn a_close_that_the_peer_does_not_answer_ends_all_the_same() {
    let mut world = World::connected();
    world.cut(Cut::Silence);
    world.close(CLIENT);
    world.run(4 * SECOND);
    assert!(!world.client().is_over());
    world.run(2 * SECOND);
    assert!(world.client().is_over());
    assert!(!world.client().ends()[0].clean);
}

#[test]
fn a_connection_lost_while_a_close_waits_ends_it() {
    for cut in [Cut::Reset, Cut::Silence] {
        let mut world = World::connected();
        world.server().manner = Manner::Manual;
        world.ask(CLIENT);
        world.settle();
        world.close(CLIENT);
        world.cut(cut);
        world.run(60 * SECOND);
        assert_eq!(world.client().outcomes.len(), 1);
        assert!(world.client().is_over());
    }
}

#[test]
fn both_ends_may_close_at_the_same_time() {
    let mut world = World::connected();
    world.close(CLIENT);
    world.close(SERVER);
    world.settle();
    for end in &world.ends {
        assert!(end.is_over());
        assert!(end.ends()[0].clean);
    }
}

#[test]
fn what_comes_after_our_close_frame_is_not_carried_out() {
    // It could not be answered, and its sender will hear that the connection is lost.
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.close(SERVER);
    world.run(MS);
    let id = world.ask(CLIENT);
    world.settle();
    assert!(world.server().asked.is_empty());
    assert_eq!(world.client().failures(), [(id, ErrorKind::ConnectionLost)]);
    assert!(world.server().is_over());
    world.server().expect_idle();
}

#[test]
fn a_response_that_comes_after_our_close_frame_still_counts() {
    let mut world = World::connected();
    world.ask(CLIENT);
    world.run(15 * MS); // the answer is under way
    let now = world.now;
    world.client().session.disconnect(now, 1000, "");
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
}

#[test]
fn an_answer_for_a_connection_that_is_gone_says_so() {
    for cut in [true, false] {
        let mut world = World::connected();
        world.server().manner = Manner::Manual;
        world.ask(CLIENT);
        world.settle();
        if cut {
            world.cut(Cut::Reset);
        } else {
            let now = world.now;
            world.client().session.abort(now, 1001, "");
        }
        world.run(SECOND);
        world.connect();
        let (token, _) = world.server().asked[0];
        assert_eq!(world.answer(SERVER, Response::ok()).unwrap_err().kind(), ErrorKind::ConnectionLost);
        let now = world.now;
        let error = world.server().session.respond(now, token, Response::ok()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyResponded);
        world.run(60 * SECOND);
        assert_eq!(world.server().session.counters().unanswered, 0);
        assert!(world.client().unmatched().is_empty());
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_replaced_by_5000() {
    use onem2m_ws::primitive::{Content, Format};
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    // An infinite number, which JSON does not have.
    let cbor = Content::from_encoded(Format::Cbor, b"\xa1\x61x\xf9\x7c\x00".as_slice().into());
    assert_eq!(world.answer(SERVER, Response::ok().content(cbor.clone())).unwrap_err().kind(), ErrorKind::Encode);
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);

    // And so with requests: the one that cannot be written fails, the others go on.
    let mut bad = Request::update("x", serde_json::json!({}));
    bad.content = Some(cbor);
    world.server().manner = Manner::Prompt;
    let (bad, _) = world.send(CLIENT, bad).unwrap();
    world.ask(CLIENT);
    world.settle();
    assert_eq!(world.client().failures(), [(bad, ErrorKind::Encode)]);
    assert_eq!(world.client().outcomes.len(), 2);
    world.client().expect_idle();
}

#[test]
fn ws_6_3_2_an_idle_connection_is_closed_where_that_is_set_and_not_a_moment_before() {
    for end in [CLIENT, SERVER] {
        let mut configs = [Config::default(), Config::default()];
        configs[end].idle_close = Some(60 * SECOND);
        let [client, server] = configs;
        let mut world = World::connected_with(client, server);
        world.client().manner = Manner::Prompt;
        world.run(30 * SECOND);
        // A request either way begins the time anew; pings, which go meanwhile, do not.
        for asker in [CLIENT, SERVER] {
            world.ask(asker);
            world.settle();
            assert!(world.end(asker).outcome().is_ok());
        }
        world.run(59 * SECOND);
        assert!(world.client().session.is_connected());
        world.run(2 * SECOND);
        assert!(!world.client().session.is_connected() && !world.server().session.is_connected());
        assert!(world.end(end).session.closed_idle() && !world.end(1 - end).session.closed_idle());
        for side in &world.ends {
            assert_eq!((side.ends()[0].code, side.ends()[0].clean), (Some(1000), true));
            assert!(!side.is_over(), "the sessions go on");
        }
        world.connect();
        world.ask(CLIENT);
        world.settle();
        assert!(world.client().outcome().is_ok());
        assert!(!world.end(end).session.closed_idle());
    }
}

#[test]
fn ws_6_5_2_what_is_under_way_keeps_a_connection_from_being_idle() {
    let idle = || Config { idle_close: Some(SECOND), ..Config::default() };
    let mut world = World::connected_with(idle(), idle());
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.run(20 * SECOND);
    assert!(world.client().session.is_connected());
    world.answer(SERVER, Response::ok()).unwrap();
    world.run(SECOND / 2);
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    assert!(world.client().session.is_connected());
    world.run(2 * SECOND);
    assert!(!world.client().session.is_connected());
}
