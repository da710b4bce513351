//! Every limit at its edge.

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, OutgoingLimits};
use onem2m_ws::primitive::{Content, Request, Response, StatusCode};
use serde_json::json;

use crate::harness::*;

fn outgoing(outgoing: OutgoingLimits) -> Config {
    Config { outgoing, ..Config::default() }
}

#[test]
fn ws_5_2_8_the_queue_takes_as_many_requests_as_it_says() {
    let limits = OutgoingLimits { queued_requests: 3, ..OutgoingLimits::default() };
    let mut world = World::new(1, outgoing(limits), Config::default());
    let (_, token) = world.send(CLIENT, numbered(1)).unwrap();
    world.ask(CLIENT);
    world.ask(CLIENT);
    let error = world.send(CLIENT, numbered(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    assert!(error.message().contains('3'), "{error}");
    assert_eq!(world.client().session.queued(), 3);
    let now = world.now;
    world.client().session.cancel(now, token);
    world.ask(CLIENT);
    assert_eq!(world.send(CLIENT, numbered(9)).unwrap_err().kind(), ErrorKind::QueueFull);
    // Once they are on the wire the queue is free again.
    world.connect();
    for _ in 0..3 {
        world.ask(CLIENT);
    }
    assert_eq!(world.client().session.in_flight(), 6);
}

#[test]
fn the_queue_takes_as_many_bytes_as_it_says_wherever_they_are() {
    let big = |size: usize| json!({ "m2m:cnt": { "lbl": ["x".repeat(size)] } });
    let by_content = |size| Request::update("x", big(size));
    let by_filter = |size| Request::retrieve("x").filter(big(size));
    let by_address = |size: usize| Request::retrieve("x".repeat(size));
    let by_unknown = |size| {
        let mut request = Request::retrieve("x");
        request.additional_mut().unknown.push(("own".to_owned(), Content::from(big(size))));
        request
    };
    let by_list = |size: usize| {
        let mut request = Request::retrieve("x");
        request.additional_mut().tokens = Some(vec!["x".repeat(1000); size / 1000]);
        request
    };
    let by_originator = |size: usize| Request::retrieve("x").from("C".repeat(size));
    let shapes: [&dyn Fn(usize) -> Request; 6] =
        [&by_content, &by_filter, &by_address, &by_unknown, &by_list, &by_originator];
    for (shape, make) in shapes.iter().enumerate() {
        let limits = OutgoingLimits { queued_bytes: 100_000, ..OutgoingLimits::default() };
        let mut world = World::new(1, outgoing(limits), Config::default());
        world.send(CLIENT, make(45_000)).unwrap();
        world.send(CLIENT, make(45_000)).unwrap();
        let error = world.send(CLIENT, make(15_000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QueueFull, "shape {shape}");
        // What was counted is given back, to the last byte.
        world.connect();
        assert_eq!(world.client().session.queued(), 0);
        world.settle();
        world.cut(Cut::Reset);
        world.run(SECOND);
        world.send(CLIENT, make(85_000)).unwrap();
        let error = world.send(CLIENT, make(20_000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QueueFull, "shape {shape}");
    }
}

#[test]
fn small_requests_count_as_well() {
    let limits = OutgoingLimits { queued_requests: usize::MAX, queued_bytes: 20_000, ..OutgoingLimits::default() };
    let mut world = World::new(1, outgoing(limits), Config::default());
    let taken = (0..1000).take_while(|_| world.send(CLIENT, Request::retrieve("x")).is_ok()).count();
    assert!((20..400).contains(&taken), "{taken}");
}

#[test]
fn one_request_more_than_may_be_unanswered_is_refused_with_5207() {
    for most in [1, 5] {
        let server = Config { max_incoming: most, ..Config::default() };
        let mut world = World::connected_with(Config::default(), server);
        world.server().manner = Manner::Manual;
        for _ in 0..=most {
            world.ask(CLIENT);
        }
        world.settle();
        assert_eq!(world.server().asked.len(), most);
        assert_eq!(world.client().outcome().unwrap().status, StatusCode::NOT_ACCEPTABLE);
        world.answer(SERVER, Response::ok()).unwrap();
        world.settle();
        assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
        world.ask(CLIENT);
        world.settle();
        assert_eq!(world.server().asked.len(), most);
        assert!(world.client().outcomes.is_empty());
    }
}

#[test]
fn above_the_high_water_mark_nothing_more_is_taken_out_of_the_queue() {
    let client = Config { high_water: 1000, ..Config::default() };
    let mut world = World::connected_with(client, Config::default());
    let asked: Vec<u64> = (0..50)
        .map(|_| {
            let request = Request::update("x", json!({ "m2m:cnt": { "lbl": ["x".repeat(400)] } }));
            world.send(CLIENT, request).unwrap().0
        })
        .collect();
    let session = &world.client().session;
    assert_eq!(session.in_flight(), 3, "three of them are the first above the mark");
    assert!((1000..2000).contains(&session.buffered()), "{}", session.buffered());
    assert_eq!(session.queued(), 47);
    world.settle();
    assert_eq!(world.client().outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(), asked);
    world.client().expect_idle();
}

#[test]
fn a_message_above_the_limit_closes_with_1009_and_costs_only_its_connection() {
    let mut world = World::new(1, Config::default(), Config::default());
    world.server().websocket.max_message_size = 1000;
    world.server().manner = Manner::Prompt;
    world.connect();
    let request = |size: usize| Request::update("x", json!({ "m2m:cnt": { "lbl": ["x".repeat(size)] } }));
    world.send(CLIENT, request(700)).unwrap();
    world.settle();
    world.client().outcome().unwrap();
    world.send(CLIENT, request(1100)).unwrap();
    world.settle();
    let error = world.client().outcome().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(error.message().contains("1009"), "{error}");
    for end in &world.ends {
        assert_eq!(end.ends()[0].code, Some(1009));
    }
    world.connect();
    world.ask(CLIENT);
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
}
