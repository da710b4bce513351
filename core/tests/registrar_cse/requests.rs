//! What every request must satisfy (TS-0004 7.3.2.1).

use onem2m_ws::primitive::{AbsRelTimestamp, Request, ResourceType, ResponseType, ResponseTypeInfo, StatusCode};
use onem2m_ws::registrar::Answer;
use serde_json::json;

use crate::harness::*;

fn retrieve() -> Request {
    Request::retrieve("cse-in").from("Csensor")
}

#[test]
fn releases() {
    let mut world = World::populated();
    for release in ["2a", "3", "4", "5"] {
        let reply = world.ask(retrieve().release_version(release)).expect(StatusCode::OK);
        assert_eq!(reply.response.release_version.as_deref(), Some(release));
    }
    assert_eq!(world.ask(retrieve()).expect(StatusCode::OK).response.release_version, None);
    for release in ["", "1", "2", "6", "99", "3 ", "\u{1b}[31m"] {
        let reply = world.ask(retrieve().release_version(release));
        let reply = reply.expect(StatusCode::RELEASE_VERSION_NOT_SUPPORTED);
        assert!(!reply.debug().contains('\u{1b}'), "text of a peer is escaped");
    }
}

#[test]
fn expired_requests() {
    let mut world = World::populated();
    for (time, status) in [
        ("1000", StatusCode::OK),
        ("1", StatusCode::OK),
        ("0", StatusCode::REQUEST_TIMEOUT),
        ("-1", StatusCode::REQUEST_TIMEOUT),
        ("20270115T080001", StatusCode::OK),
        ("20270115T080000", StatusCode::REQUEST_TIMEOUT),
        ("20200101T000000", StatusCode::REQUEST_TIMEOUT),
        ("bogus", StatusCode::BAD_REQUEST),
    ] {
        for result in [false, true] {
            let mut request = retrieve();
            let time = Some(AbsRelTimestamp::from_text(time));
            if result {
                request.result_expiration = time
            } else {
                request.request_expiration = time
            }
            world.ask(request).expect(status);
        }
    }
}

#[test]
fn response_types() {
    let mut world = World::populated();
    let mut with = |value: u16| {
        let mut request = retrieve().request_id("r1");
        request.response_type = Some(ResponseTypeInfo { value: ResponseType(value), notification_uris: None });
        world.answer(&request)
    };
    for (value, status) in [
        (1, StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH),
        (2, StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH),
        (3, StatusCode::OK),
        (4, StatusCode::OK),
        (9, StatusCode::BAD_REQUEST),
    ] {
        let Answer::Response(response) = with(value) else { panic!("rt {value} is answered") };
        assert_eq!(response.status, status, "rt {value}");
    }
    assert_eq!(with(5), Answer::NoResponse);

    let mut request =
        Request::create("cse-in/sensor", SUB, json!({"m2m:sub": {"rn": "s", "nu": ["Cactuator"]}})).from("Csensor");
    request.response_type = Some(ResponseTypeInfo { value: ResponseType::NO_RESPONSE, notification_uris: None });
    world.effects.clear();
    assert_eq!(world.answer(&request), Answer::NoResponse);
    let [(id, ..)] = world.verifications().try_into().expect("one verification");
    world.verified(id, Some(StatusCode::OK));
    assert_eq!(world.effects, [], "there is nothing to respond");
    world.retrieve("Csensor", "cse-in/sensor/s").expect(StatusCode::OK);
}

#[test]
fn a_request_is_complete() {
    let mut world = World::populated();
    let mut create = Request::create("cse-in", CNT, json!({"m2m:cnt": {}})).from("Csensor");
    create.resource_type = None;
    world.ask(create.clone()).expect(StatusCode::BAD_REQUEST);
    for (ty, status) in [
        (ResourceType::CSE_BASE, StatusCode::OPERATION_NOT_ALLOWED),
        (ResourceType::GROUP, StatusCode::NOT_IMPLEMENTED),
        (ResourceType(4_000_000_000), StatusCode::NOT_IMPLEMENTED),
    ] {
        create.resource_type = Some(ty);
        world.ask(create.clone()).expect(status);
    }
    create.resource_type = Some(CNT);
    create.content = None;
    world.ask(create).expect(StatusCode::BAD_REQUEST);

    let mut request = retrieve();
    request.resource_type = Some(CNT);
    world.ask(request).expect(StatusCode::BAD_REQUEST);
    let mut request = Request::update("Csensor", json!({})).from("Csensor");
    request.content = None;
    world.ask(request).expect(StatusCode::BAD_REQUEST);
    let mut request = Request::delete("Csensor").from("Csensor");
    request.content = Some(json!({"m2m:ae": {}}).into());
    world.ask(request).expect(StatusCode::BAD_REQUEST);
    let mut request = retrieve();
    request.from = None;
    world.ask(request).expect(StatusCode::BAD_REQUEST);
}

#[test]
fn a_response_says_whose_it_is() {
    let mut world = World::populated();
    for request in [retrieve().request_id("abc"), Request::retrieve("nowhere").from("Csensor").request_id("abc")] {
        let reply = world.ask(request);
        assert_eq!(reply.response.request_id, "abc");
        assert_eq!(reply.response.to.as_deref(), Some("Csensor"));
        assert_eq!(reply.response.from.as_deref(), Some("/id-in"));
    }
}
