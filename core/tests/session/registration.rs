//! What a registration changes at the registree's end.

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Accepts, Config, Event, Registration, RegistreeKind};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use serde_json::json;

use crate::harness::*;

fn registree() -> Config {
    Config { gated: true, originator: Some("C".to_owned()), ..Config::default() }
}

#[test]
fn ws_6_4_3_a_registree_sends_nothing_but_its_registration_first() {
    let mut world = World::connected_with(registree(), Config::default());
    for request in [
        Request::retrieve("cse-in"),
        Request::delete("cse-in/x"),
        numbered(1),
        Request::create("cse-in", ResourceType::CONTAINER, json!({"m2m:cnt": {}})),
    ] {
        assert_eq!(world.send(CLIENT, request).unwrap_err().kind(), ErrorKind::NotRegistered);
    }
    // The registration is under way: that is not enough.
    world.send(CLIENT, register()).unwrap();
    assert_eq!(world.send(CLIENT, numbered(1)).unwrap_err().kind(), ErrorKind::NotRegistered);
    world.settle();
    assert_eq!(world.server().session.counters().requests_received, 1);
    world.send(CLIENT, numbered(1)).unwrap();
}

#[test]
fn ws_6_4_2_the_assigned_ae_id_is_used_from_then_on() {
    let mut world = World::connected_with(registree(), Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::CREATED);
    let registered = world.client().events.iter().find_map(|event| match event {
        Event::Registered(registration) => Some(registration.clone()),
        _ => None,
    });
    let registration = registered.unwrap();
    assert_eq!((registration.entity.as_str(), registration.kind), ("C42", RegistreeKind::Ae));
    assert_eq!(world.client().session.registration(), Some(&registration));
    assert_eq!(world.client().session.originator(), Some("C42"));
    world.server().manner = Manner::Manual;
    world.send(CLIENT, Request::retrieve("cse-in")).unwrap();
    world.send(CLIENT, Request::retrieve("cse-in").from("Cother").release_version("2a")).unwrap();
    world.settle();
    let asked: Vec<_> =
        world.server().asked.iter().map(|(_, r)| (r.from.as_deref(), r.release_version.as_deref())).collect();
    assert_eq!(asked, [(Some("C42"), Some("3")), (Some("Cother"), Some("2a"))]);
}

#[test]
fn a_refused_registration_opens_no_gate() {
    let mut world = World::connected_with(registree(), Config::default());
    world.server().manner = Manner::Manual;
    for status in [StatusCode::CONFLICT, StatusCode::OK, StatusCode::ACCEPTED, StatusCode::INTERNAL_SERVER_ERROR] {
        world.send(CLIENT, register()).unwrap();
        world.settle();
        world.answer(SERVER, Response::new(status).content(json!({"m2m:ae": {"aei": "C1"}}))).unwrap();
        world.settle();
        assert_eq!(world.client().outcome().unwrap().status, status);
        assert_eq!(world.send(CLIENT, numbered(1)).unwrap_err().kind(), ErrorKind::NotRegistered);
    }
    assert_eq!(world.client().session.registration(), None);
}

#[test]
fn a_registrar_that_names_nobody_registers_nobody() {
    let mut world = World::connected_with(registree(), Config::default());
    world.server().manner = Manner::Manual;
    world.send(CLIENT, register()).unwrap();
    world.settle();
    world.answer(SERVER, Response::new(StatusCode::CREATED).content(json!({"m2m:ae": {"aei": "", "ri": ""}}))).unwrap();
    world.settle();
    assert_eq!(world.client().session.registration(), None);
    assert_eq!(world.client().session.originator(), Some("C"));
}

#[test]
fn ws_6_4_5_deleting_the_own_resource_ends_the_registration() {
    let mut world = World::connected_with(registree(), Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    // Not with the deletion of something else, and not with a refused one.
    world.send(CLIENT, Request::delete("cse-in/other")).unwrap();
    world.settle();
    assert!(world.client().session.registration().is_some());
    world.server().manner = Manner::Manual;
    world.send(CLIENT, Request::delete("cse-in/sensor")).unwrap();
    world.settle();
    world.answer(SERVER, Response::new(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE)).unwrap();
    world.settle();
    assert!(world.client().session.registration().is_some());
    world.server().manner = Manner::Prompt;
    world.send(CLIENT, Request::delete("cse-in/sensor")).unwrap();
    world.settle();
    assert_eq!(world.client().session.registration(), None);
    assert!(matches!(world.client().events.last(), Some(Event::Deregistered(r)) if r.entity == "C42"));
    assert_eq!(world.send(CLIENT, numbered(1)).unwrap_err().kind(), ErrorKind::NotRegistered);
}

#[test]
fn ws_5_2_9_a_known_registration_is_not_repeated() {
    let mut world = World::new(1, registree(), Config::default());
    world.client().session.assume_registered(Registration::known("C7"));
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.connect();
    world.send(CLIENT, Request::retrieve("cse-in")).unwrap();
    world.settle();
    assert_eq!(world.server().asked.len(), 2);
    assert_eq!(world.server().asked[1].1.from.as_deref(), Some("C7"));
}

#[test]
fn ws_6_4_4_a_registration_outlives_every_connection() {
    let mut world = World::connected_with(registree(), Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    for cut in [Cut::Reset, Cut::Told(CLIENT), Cut::Silence] {
        world.cut(cut);
        world.run(60 * SECOND);
        assert!(!world.client().session.is_connected());
        assert_eq!(world.client().session.registration().unwrap().entity, "C42");
        world.connect();
    }
}

#[test]
fn ws_6_1_3_what_an_entity_does_not_take_is_answered_and_never_dropped() {
    let notify = || Request::notify("Ctest", json!({"m2m:sgn": {}}));
    for (accepts, retrieve, notification) in [
        (Accepts::AllRequests, StatusCode::OK, StatusCode::OK),
        (Accepts::NotificationsOnly, StatusCode::OPERATION_NOT_ALLOWED, StatusCode::OK),
        (Accepts::Nothing, StatusCode::OPERATION_NOT_ALLOWED, StatusCode::OPERATION_NOT_ALLOWED),
    ] {
        let client = Config { accepts, ..Config::default() };
        let mut world = World::connected_with(client, Config::default());
        world.client().manner = Manner::Prompt;
        for (request, status) in [(numbered(1), retrieve), (notify(), notification)] {
            world.send(SERVER, request).unwrap();
            world.settle();
            assert_eq!(world.server().outcome().unwrap().status, status, "{accepts:?}");
        }
    }
}

#[test]
fn the_registration_of_another_entity_changes_nothing_for_the_first() {
    // A node with two AEs: requests that name no originator stay those of the first.
    let mut world = World::connected_with(registree(), Config::default());
    world.send(CLIENT, register()).unwrap();
    world.settle();
    let answer = |id: &str| Response::new(StatusCode::CREATED).content(json!({"m2m:ae": {"aei": id, "ri": id}}));
    world.server().manner = Manner::Manual;
    for originator in ["Cother", "C", ""] {
        world.send(CLIENT, register().from(originator)).unwrap();
        world.settle();
        world.answer(SERVER, answer("Cother")).unwrap();
        world.settle();
        assert_eq!(world.client().session.originator(), Some("C42"));
        assert_eq!(world.client().session.registration().unwrap().entity, "C42");
    }
    // Its own, again (the registrar has lost its memory), counts.
    world.send(CLIENT, register().from("C42")).unwrap();
    world.settle();
    world.answer(SERVER, answer("C43")).unwrap();
    world.settle();
    assert_eq!(world.client().session.originator(), Some("C43"));
}

#[test]
fn a_registrar_that_passes_a_registration_on_is_not_registered_by_it() {
    let mut world = World::connected();
    world.client().manner = Manner::Prompt;
    world.send(SERVER, register().from("Cfar")).unwrap();
    world.settle();
    assert_eq!(world.server().outcome().unwrap().status, StatusCode::CREATED);
    let session = &world.ends[SERVER].session;
    assert_eq!((session.registration(), session.originator()), (None, None));
    assert!(world.server().events.is_empty());
}
