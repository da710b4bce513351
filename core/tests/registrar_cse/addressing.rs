//! Addresses in all forms (TS-0001 7.2, 9.3.1), and what lies elsewhere.

use onem2m_ws::primitive::{Request, StatusCode};
use onem2m_ws::registrar::Answer;
use serde_json::json;

use crate::harness::*;

#[test]
fn a_resource_has_many_addresses() {
    let mut world = World::populated();
    let cnt = world.retrieve(ADMIN, "cse-in/sensor/data").text("ri");
    let cin = world.reading("1").text("ri");
    let base = "id-in".to_owned();
    let cases: Vec<(String, &str)> = vec![
        ("cse-in".into(), &base),
        ("-".into(), &base),
        ("id-in".into(), &base),
        ("/id-in".into(), &base),
        ("/id-in/cse-in".into(), &base),
        ("/id-in/-".into(), &base),
        ("/id-in/id-in".into(), &base),
        ("//onem2m-ws.example/id-in".into(), &base),
        ("//onem2m-ws.example/id-in/cse-in".into(), &base),
        ("//ONEM2M-WS.example/id-in/cse-in".into(), &base),
        ("cse-in/sensor".into(), "Csensor"),
        ("-/sensor".into(), "Csensor"),
        ("Csensor".into(), "Csensor"),
        ("/id-in/Csensor".into(), "Csensor"),
        ("//onem2m-ws.example/id-in/Csensor".into(), "Csensor"),
        ("/id-in/sensor".into(), "Csensor"),
        ("cse-in/sensor/data".into(), &cnt),
        ("-/sensor/data".into(), &cnt),
        ("Csensor/data".into(), &cnt),
        ("/id-in/Csensor/data".into(), &cnt),
        ("/id-in/-/sensor/data".into(), &cnt),
        (cnt.clone(), &cnt),
        (format!("/id-in/{cnt}"), &cnt),
        (format!("{cnt}/la"), &cin),
        (format!("/id-in/{cnt}/ol"), &cin),
        (format!("{cnt}/{cin}"), &cin),
        ("cse-in/sensor/data/la".into(), &cin),
        (cin.clone(), &cin),
    ];
    for (to, ri) in cases {
        let reply = world.retrieve("Csensor", &to);
        assert_eq!(reply.response.status, StatusCode::OK, "{to}: {}", reply.content);
        assert_eq!(reply.text("ri"), ri, "{to}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut world = World::populated();
    for to in [
        "sensor",
        "cse-in/nothing",
        "cse-in/sensor/data/nothing",
        "cse-in/sensor/la",
        "cse-in/cse-in",
        "cse-in/-",
        "/id-in/nothing",
        "/id-x",
        "/id-x/cse-in",
        "//other.example/id-in/cse-in",
        "//onem2m-ws.example",
        "Cnobody",
        "cse-in/Csensor",
        "la",
    ] {
        world.retrieve("Csensor", to).expect(StatusCode::NOT_FOUND);
    }
    for to in ["", "/", "//", "cse-in/", "cse-in//sensor", "a b", "cse-in/../x", "ws://host/x", "é", "a#b#c", "#a"] {
        world.retrieve("Csensor", to).expect(StatusCode::BAD_REQUEST);
    }
}

#[test]
fn what_belongs_to_a_registered_cse_goes_there() {
    let mut world = World::populated();
    for (csi, descendants) in [("/id-mn", json!(["/id-asn"])), ("/id-other", json!([]))] {
        let csr = json!({"m2m:csr": {"csi": csi, "cb": "x", "rr": true, "srv": ["3"], "dcse": descendants}});
        world.create(csi, "cse-in", CSR, csr).expect(StatusCode::CREATED);
    }
    for (from, to, hop, sees) in [
        ("Csensor", "/id-mn/cse-mn/x", "/id-mn", "/id-in/Csensor"),
        ("/id-in/Csensor", "/id-mn", "/id-mn", "/id-in/Csensor"),
        ("Csensor", "//onem2m-ws.example/id-mn/Cx", "/id-mn", "/id-in/Csensor"),
        ("Csensor", "/id-asn/Cx", "/id-mn", "/id-in/Csensor"),
        ("CAdmin", "/id-mn/Cx", "/id-mn", "/id-in/CAdmin"),
        ("/id-other/Cx", "/id-mn/Cx", "/id-mn", "/id-other/Cx"),
    ] {
        let request = Request::update(to, json!({"m2m:cnt": {}})).from(from).request_id("q");
        let Answer::Forward { entity, request: forwarded } = world.answer(&request) else {
            panic!("{to} is forwarded")
        };
        assert_eq!(short(&entity), hop);
        assert_eq!(forwarded.from.as_deref(), Some(sees));
        assert_eq!((forwarded.to.as_str(), forwarded.request_id.as_str()), (to, "q"));
        assert_eq!(forwarded.content, request.content);
    }
    world.retrieve("Cnobody", "/id-mn/Cx").expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    world.retrieve("/id-mn/Cx", "/id-asn/Cx").expect(StatusCode::NOT_FOUND);
    world.retrieve("/id-mn", "/id-mn/Cx").expect(StatusCode::NOT_FOUND);
}

#[test]
fn a_notify_goes_to_the_ae() {
    let mut world = World::populated();
    for to in ["Cactuator", "/id-in/Cactuator", "cse-in/actuator"] {
        let request = Request::notify(to, json!({"m2m:sgn": {"sur": "x"}})).from("Csensor");
        let Answer::Forward { entity, request } = world.answer(&request) else { panic!("{to} is forwarded") };
        assert_eq!((short(&entity).as_str(), request.to.as_str()), ("Cactuator", "Cactuator"));
    }
    for (from, to, status) in [
        ("Cnobody", "Cactuator", StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        ("Csensor", "cse-in", StatusCode::OPERATION_NOT_ALLOWED),
        ("Csensor", "cse-in/sensor/data", StatusCode::OPERATION_NOT_ALLOWED),
        ("Csensor", "Cnobody", StatusCode::NOT_FOUND),
    ] {
        world.ask(Request::notify(to, json!({"m2m:sgn": {}})).from(from)).expect(status);
    }
}
