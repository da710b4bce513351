//! Lost connections, keep-alive, and what goes on over the next connection.

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, Event, OutgoingLimits, Repeat};
use onem2m_ws::primitive::{Request, StatusCode};

use crate::harness::*;

fn window(window: usize) -> Config {
    Config {
        outgoing: OutgoingLimits { window, ..OutgoingLimits::default() },
        gated: true,
        originator: Some("C".to_owned()),
        ..Config::default()
    }
}

#[test]
fn ws_5_2_6_what_was_sent_fails_and_what_was_queued_goes_out_on_the_next_connection() {
    let mut world = World::connected_with(window(3), Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    world.client().outcome().unwrap();
    world.server().manner = Manner::Manual;
    let asked: Vec<u64> = (0..10).map(|_| world.ask(CLIENT)).collect();
    world.run(5 * MS);
    world.cut(Cut::Reset);
    world.run(SECOND);
    let lost: Vec<_> = asked[..3].iter().map(|id| (*id, ErrorKind::ConnectionLost)).collect();
    assert_eq!(world.client().failures(), lost);
    assert!(world.client().session.wants_connection());
    assert_eq!((world.client().session.in_flight(), world.client().session.queued()), (0, 7));

    // WS-5.2-9: the next primitive on the new connection is the queued one, and no registration.
    world.server().manner = Manner::Prompt;
    world.client().outcomes.clear();
    let registered = world.client().session.counters().requests_sent;
    world.connect();
    assert!(!world.client().session.wants_connection());
    world.settle();
    let answered: Vec<u64> = world
        .client()
        .outcomes
        .iter()
        .map(|(id, r)| {
            r.as_ref().unwrap();
            *id
        })
        .collect();
    assert_eq!(answered, asked[3..]);
    assert_eq!(world.client().session.counters().requests_sent, registered + 7);
    assert_eq!(world.client().session.counters().connections, 2);
}

#[test]
fn ws_5_2_9_requests_go_out_directly_after_a_reopening() {
    let mut world = World::connected_with(window(64), Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    world.client().outcome().unwrap();
    for _ in 0..3 {
        let now = world.now;
        world.client().session.disconnect(now, 1000, "for now");
        world.settle();
        assert!(!world.client().is_over());
        assert_eq!(world.client().session.registration().unwrap().entity, "C42");
        let (id, _) =
            world.send(CLIENT, Request::retrieve("cse-in/box").filter(serde_json::json!({"ofst": 1}))).unwrap();
        assert!(world.client().session.wants_connection());
        world.server().manner = Manner::Manual;
        world.connect();
        world.run(10 * MS);
        assert_eq!(world.server().asked.len(), 1);
        assert_eq!(world.server().asked[0].1.from.as_deref(), Some("C42"));
        world.answer(SERVER, onem2m_ws::primitive::Response::ok()).unwrap();
        world.settle();
        assert_eq!(world.client().outcomes.pop().unwrap().0, id);
    }
}

#[test]
fn requests_of_the_server_wait_in_the_same_way() {
    let mut world = World::connected();
    world.client().manner = Manner::Prompt;
    world.cut(Cut::Reset);
    world.run(SECOND);
    let id = world.ask(SERVER);
    world.connect();
    world.settle();
    assert_eq!(world.server().outcomes.pop().unwrap().0, id);
}

#[test]
fn a_new_connection_takes_the_place_of_the_old_one() {
    let mut world = World::connected();
    world.server().manner = Manner::Manual;
    let lost = world.ask(CLIENT);
    world.settle();
    world.connect(); // nobody was told that the first one is dead
    world.settle();
    assert_eq!(world.client().failures(), [(lost, ErrorKind::ConnectionLost)]);
    assert_eq!(world.server().ends().len(), 1);
    let error = world.answer(SERVER, onem2m_ws::primitive::Response::ok()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "an answer does not go out on the wrong connection");
    world.settle();
    assert!(world.client().unmatched().is_empty());
}

#[test]
fn ws_6_3_2_an_idle_connection_stays_open_and_is_watched() {
    let mut world = World::connected();
    world.run(3600 * SECOND);
    for end in &world.ends {
        assert!(end.session.is_connected());
        assert!(end.ends().is_empty());
        assert!(end.events.iter().all(|event| matches!(event, Event::Alive)));
    }
    let alive = world.ends.iter().flat_map(|end| &end.events).count();
    assert!((100..400).contains(&alive), "{alive} pongs in an hour");
}

#[test]
fn a_silent_peer_is_given_up_30_seconds_after_its_last_byte() {
    let mut world = World::connected();
    world.run(5 * SECOND);
    world.ask(CLIENT);
    world.settle();
    world.client().outcome().unwrap();
    world.cut(Cut::Silence);
    let heard = world.elapsed();
    let id = world.ask(CLIENT);
    while world.client().ends().is_empty() {
        world.run(MS);
    }
    assert_eq!(world.elapsed() - heard, 30 * SECOND);
    // Its request ran out of time at the same instant: one outcome, whichever.
    assert_eq!(world.client().failures().len(), 1);
    assert_eq!(world.client().failures()[0].0, id);
    assert!(!world.client().session.is_connected());
}

#[test]
fn a_probe_finds_a_dead_peer_in_10_seconds_and_a_live_one_in_a_round_trip() {
    let mut world = World::connected();
    let now = world.now;
    world.server().session.probe(now);
    world.run(20 * MS);
    assert!(matches!(world.server().events[..], [Event::Alive]));
    world.cut(Cut::Silence);
    let now = world.now;
    world.server().session.probe(now);
    world.run(10 * SECOND - MS);
    assert!(world.server().ends().is_empty());
    world.run(MS);
    assert_eq!(world.server().ends().len(), 1);
}

#[test]
fn one_sided_losses_come_to_the_same_at_both_ends() {
    for told in [CLIENT, SERVER] {
        let mut world = World::connected();
        for end in &mut world.ends {
            end.manner = Manner::Manual;
        }
        world.ask(CLIENT);
        world.ask(SERVER);
        world.settle();
        world.cut(Cut::Told(told));
        world.run(60 * SECOND);
        for end in &world.ends {
            assert_eq!((end.ends().len(), end.outcomes.len()), (1, 1));
            assert!(!end.session.is_connected());
        }
        world.connect();
        for end in &mut world.ends {
            end.manner = Manner::Prompt;
            end.outcomes.clear();
        }
        world.ask(CLIENT);
        world.ask(SERVER);
        world.settle();
        for end in &mut world.ends {
            assert_eq!(end.outcome().unwrap().status, StatusCode::OK);
        }
    }
}

/// What is under way when the connection breaks, by its `rqi`: RETRIEVE, CREATE, UPDATE, DELETE, NOTIFY.
fn under_way(world: &mut World) -> Vec<(u64, &'static str)> {
    let content = serde_json::json!({"m2m:cnt": {}});
    [
        (Request::retrieve("cse-in/a"), "r"),
        (Request::create("cse-in/a", onem2m_ws::primitive::ResourceType::CONTAINER, content.clone()), "c"),
        (Request::update("cse-in/a", content.clone()), "u"),
        (Request::delete("cse-in/a"), "d"),
        (Request::notify("cse-in/a", content), "n"),
    ]
    .into_iter()
    .map(|(request, rqi)| (world.send(CLIENT, request.request_id(rqi)).unwrap().0, rqi))
    .collect()
}

#[test]
fn ws_5_2_6_only_what_may_be_repeated_is_sent_again_with_its_rqi_and_the_rest_is_told_that_its_outcome_is_unknown() {
    for (repeat, again) in
        [(Repeat::Never, ""), (Repeat::Retrieve, "r"), (Repeat::Idempotent, "rud"), (Repeat::All, "rcudn")]
    {
        let mut world = World::connected_with(Config { repeat, ..window(64) }, Config::default());
        world.send(CLIENT, register()).unwrap();
        world.settle();
        world.client().outcome().unwrap();
        world.server().manner = Manner::Manual;
        let asked = under_way(&mut world);
        let later = world.ask(CLIENT);
        world.run(5 * MS);
        world.server().asked.clear();
        world.cut(Cut::Reset);
        world.run(SECOND);
        let may = |rqi: &str| again.contains(rqi);
        let mut lost: Vec<u64> = asked.iter().filter(|(_, rqi)| !may(rqi)).map(|(id, _)| *id).collect();
        if !may("r") {
            lost.push(later);
        }
        let outcomes = std::mem::take(&mut world.client().outcomes);
        assert_eq!(outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(), lost, "{repeat:?}");
        for (_, outcome) in outcomes {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionLost);
            assert!(error.is_outcome_unknown() && error.message().contains("outcome is unknown"), "{error}");
        }
        assert_eq!(world.client().session.wants_connection(), repeat != Repeat::Never);
        let repeated = again.len() as u64 + u64::from(may("r"));
        assert_eq!(world.client().session.counters().repeated, repeated);

        // In their order, with their identifiers, before what comes now.
        world.connect();
        world.send(CLIENT, Request::retrieve("cse-in/new").request_id("new")).unwrap();
        world.run(10 * MS);
        let heard: Vec<&str> = world.server().asked.iter().map(|(_, request)| request.request_id.as_str()).collect();
        let named: String = heard.iter().copied().filter(|rqi| rqi.len() == 1).collect();
        assert_eq!(named, again, "{repeat:?}");
        assert_eq!(heard.last(), Some(&"new"));
        assert_eq!(heard.len(), again.len() + usize::from(may("r")) + 1);
        let count = heard.len();
        for _ in 0..count {
            world.answer(SERVER, onem2m_ws::primitive::Response::ok()).unwrap();
        }
        world.settle();
        assert_eq!(world.client().outcomes.len(), count);
        assert!(world.client().outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
        assert_eq!((world.client().session.in_flight(), world.client().session.queued()), (0, 0));
    }
}

#[test]
fn ws_5_2_6_what_is_repeated_keeps_its_deadline() {
    let mut world = World::connected_with(Config { repeat: Repeat::All, ..window(64) }, Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    world.client().outcome().unwrap();
    world.server().manner = Manner::Manual;
    under_way(&mut world);
    world.run(10 * SECOND);
    world.cut(Cut::Reset);
    world.run(SECOND);
    assert!(world.client().outcomes.is_empty());
    world.connect();
    world.run(10 * SECOND);
    world.cut(Cut::Reset);
    world.run(SECOND);
    let queued: Vec<String> = world.client().session.queue().map(|(request, _)| request.request_id.clone()).collect();
    assert_eq!(queued, ["r", "c", "u", "d", "n"], "they wait for a third connection, which does not come");
    world.run(10 * SECOND);
    assert_eq!(world.client().failures().len(), 5, "30 s after they were sent first");
    assert!(world.client().outcomes.iter().all(|(_, outcome)| outcome.as_ref().unwrap_err().is_outcome_unknown()));
}
