//! AE and CSE registration (TS-0001 10.2.2, 10.2.3; TS-0020 6.4, A.1).

use onem2m_ws::primitive::{Request, ResultContent, StatusCode};
use onem2m_ws::registrar::Effect;
use serde_json::json;

use crate::harness::*;

fn ae() -> serde_json::Value {
    json!({"m2m:ae": {"api": "Ntest", "rr": true, "srv": ["3"]}})
}

#[test]
fn an_ae_gets_the_identifier_that_it_asks_for() {
    for (from, aei) in [
        (Some("Csensor"), Some("Csensor")),
        (Some("/id-in/Csensor"), Some("Csensor")),
        (Some("//onem2m-ws.example/id-in/Csensor"), Some("Csensor")),
        (Some("Ssensor"), Some("Ssensor")),
        (Some("/Ssensor"), Some("Ssensor")),
        (Some("C"), None),
        (Some("S"), None),
        (Some(""), None),
        (None, None),
    ] {
        let mut world = World::new();
        let mut request = Request::create("cse-in", AE, ae());
        request.from = from.map(str::to_owned);
        let reply = world.ask(request).expect(StatusCode::CREATED);
        let given = reply.text("aei");
        match aei {
            Some(aei) => assert_eq!(given, aei, "{from:?}"),
            None => {
                let stem = if from == Some("S") { "S" } else { "C" };
                assert!(given.starts_with(stem) && given.len() > 8, "{from:?}: {given}");
            }
        }
        assert_eq!(reply.text("ri"), given);
        assert_eq!(reply.text("rn"), given);
        assert_eq!(reply.text("pi"), "id-in");
        let [Effect::Registered { entity }] = world.effects.as_slice() else { panic!("{:?}", world.effects) };
        assert_eq!(short(entity).trim_start_matches('/'), given);
        assert!(world.cse.is_registered(entity));
        world.retrieve(&given, "cse-in").expect(StatusCode::OK);
    }
}

#[test]
fn other_originators_cannot_register_an_ae() {
    for from in
        ["Xfoo", "sensor", "C sensor", "/id-in", "/id-mn", "/id-mn/Cfoo", "//other.example/id-in/Cfoo", "CAdmin"]
    {
        let mut world = World::new();
        world.create(from, "cse-in", AE, ae()).expect(StatusCode::SECURITY_ASSOCIATION_REQUIRED);
        assert_eq!(world.effects, []);
        assert_eq!(world.cse.resources(), 1);
    }
}

#[test]
fn a_live_ae_id_is_registered_once() {
    let mut world = World::new();
    world.register("Csensor", "sensor");
    for from in ["Csensor", "/id-in/Csensor"] {
        world
            .create(from, "cse-in", AE, json!({"m2m:ae": {"rn": "again", "api": "N", "rr": true}}))
            .expect(StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED);
    }
    world.delete("Csensor", "cse-in/sensor").expect(StatusCode::DELETED);
    world.register("Csensor", "sensor");
}

#[test]
fn ws_6_4_5_deleting_the_registration_ends_it() {
    let mut world = World::populated();
    world.reading("1").expect(StatusCode::CREATED);
    world.delete("Csensor", "Csensor").expect(StatusCode::DELETED);
    let [Effect::Deregistered { entity }] = world.effects.as_slice() else { panic!("{:?}", world.effects) };
    assert_eq!(short(entity), "Csensor");
    assert!(!world.cse.is_registered(entity));
    world.retrieve("Csensor", "cse-in").expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    world.retrieve("Cactuator", "cse-in/sensor/data").expect(StatusCode::NOT_FOUND);
    assert_eq!(world.cse.resources(), 2, "the <CSEBase> and the other AE are left");
}

#[test]
fn a_registration_needs_its_attributes() {
    for (attributes, release, status) in [
        (json!({"api": "N", "rr": true, "srv": ["3"]}), Some("3"), StatusCode::CREATED),
        (json!({"api": "R1", "rr": true, "srv": ["3"]}), Some("3"), StatusCode::CREATED),
        (json!({"rr": true, "srv": ["3"]}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "srv": ["3"]}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": true}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": true}), Some("2a"), StatusCode::CREATED),
        (json!({"api": "N"}), None, StatusCode::CREATED),
        (json!({"api": "X", "rr": true, "srv": ["3"]}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": 1, "srv": ["3"]}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": true, "srv": []}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": true, "srv": ["3"], "aei": "Cx"}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": true, "srv": ["3"], "acpi": []}), Some("3"), StatusCode::BAD_REQUEST),
        (json!({"api": "N", "rr": true, "srv": ["3"], "daci": []}), Some("3"), StatusCode::NOT_IMPLEMENTED),
        (json!({"api": "N", "rr": true, "srv": ["3"], "xyz": 1}), Some("3"), StatusCode::BAD_REQUEST),
    ] {
        let mut world = World::new();
        let mut request = Request::create("cse-in", AE, json!({"m2m:ae": attributes})).from("Cx");
        request.release_version = release.map(|release| release.to_owned().into());
        world.ask(request).expect(status);
    }
}

#[test]
fn an_ae_lies_below_the_csebase_only() {
    let mut world = World::populated();
    world.create("Cx", "cse-in/sensor", AE, ae()).expect(StatusCode::INVALID_CHILD_RESOURCE_TYPE);
}

#[test]
fn ws_a_1_the_flow_of_annex_a_runs() {
    let mut world = World::new();
    let mut request = Request::create(
        "//onem2m-ws.example/id-in",
        AE,
        json!({"m2m:ae": {"rn": "SmartHomeApplication", "api": "Na56", "apn": "app1234"}}),
    )
    .request_id("A1000")
    .result_content(ResultContent::ORIGINAL_RESOURCE);
    let reply = world.ask(request.clone()).expect(StatusCode::CREATED);
    assert_eq!(reply.response.to, None);
    assert_eq!(reply.text("apn"), "app1234");
    let aei = reply.text("aei");

    request.to.push_str("/SmartHomeApplication");
    request.from = Some(aei.clone());
    request.resource_type = Some(CNT);
    request.content = Some(json!({"m2m:cnt": {"rn": "SmartHomeContainer", "mbs": 100_000, "mni": 500}}).into());
    let reply = world.ask(request.request_id("A1001")).expect(StatusCode::CREATED);
    for (name, value) in [("st", 0), ("mni", 500), ("mbs", 100_000), ("cni", 0), ("cbs", 0)] {
        assert_eq!(reply.attributes()[name], value);
    }
    assert_eq!(reply.text("pi"), aei);
}

/// What an ACME MN-CSE sends when it registers.
fn mn() -> serde_json::Value {
    json!({"m2m:csr": {"rn": "id-mn", "rr": true, "cst": 2,
        "csz": ["application/json", "application/vnd.onem2m-res+json", "application/cbor"],
        "srv": ["2a", "3", "4", "5"], "spi": "//acme.example.com", "csi": "/id-mn", "cb": "/id-mn/cse-mn", "dcse": [],
        "poa": ["ws://127.0.0.1:18290"]}})
}

#[test]
fn ws_6_4_1_a_cse_registers() {
    let mut world = World::new();
    let own = "/id-in/cse-in/id-mn";
    world.ask(Request::delete(own).from("/id-mn").release_version("5")).expect(StatusCode::NOT_FOUND);
    world.retrieve("/id-mn", own).expect(StatusCode::NOT_FOUND);
    world.retrieve("/id-mn", "/id-in/cse-in").expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    let create = Request::create("/id-in/cse-in", CSR, mn()).from("/id-mn").release_version("5");
    let reply = world.ask(create).expect(StatusCode::CREATED);
    assert_eq!(reply.attributes()["dcse"], json!([]));
    assert_eq!(reply.response.release_version.as_deref(), Some("5"));
    let [Effect::Registered { entity }] = world.effects.as_slice() else { panic!("{:?}", world.effects) };
    assert_eq!(short(entity), "/id-mn");

    let base = world.retrieve("/id-mn", "/id-in/cse-in").expect(StatusCode::OK);
    for name in ["csi", "cst", "srt", "poa", "srv", "rn", "ri", "ct", "lt", "csz", "spi", "ici"] {
        assert!(!base.attributes()[name].is_null(), "{name}");
    }
    // Its own form of its identifier, which says that it belongs to another provider.
    world
        .update("//acme.example.com/id-mn", own, json!({"m2m:csr": {"poa": ["ws://127.0.0.1:1"]}}))
        .expect(StatusCode::UPDATED);
    world.create("/id-mn", "/id-in/cse-in", CSR, mn()).expect(StatusCode::CONFLICT);
    world.delete("/id-mn", own).expect(StatusCode::DELETED);
    world.retrieve("/id-mn", own).expect(StatusCode::NOT_FOUND);
}

#[test]
fn a_cse_registers_itself_and_once() {
    let with = |name: &str, value: serde_json::Value| {
        let mut content = mn();
        content["m2m:csr"][name] = value;
        content
    };
    for (from, content, status) in [
        ("/id-mn2", mn(), StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        ("Cx", mn(), StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        ("", mn(), StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        ("//acme.example.com/id-mn", mn(), StatusCode::CREATED),
        ("//other.example.com/id-mn", mn(), StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        ("CAdmin", mn(), StatusCode::CREATED),
        ("/id-in", with("csi", json!("/id-in")), StatusCode::CONFLICT),
        ("/id-mn", with("csi", json!("id-mn")), StatusCode::BAD_REQUEST),
        ("/id-mn", with("csi", json!("/id-mn/x")), StatusCode::BAD_REQUEST),
        ("/id-mn", with("cst", json!(9)), StatusCode::BAD_REQUEST),
        ("/id-mn", with("dcse", json!("/x")), StatusCode::BAD_REQUEST),
    ] {
        let mut world = World::new();
        world.create(from, "cse-in", CSR, content).expect(status);
    }
    let mut world = World::new();
    world.create("/id-mn", "cse-in", CSR, mn()).expect(StatusCode::CREATED);
    world
        .create("/id-mn", "cse-in", CSR, with("rn", json!("other")))
        .expect(StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED);
}

#[test]
fn an_identifier_is_an_ae_or_a_cse_and_not_both() {
    let csr = json!({"m2m:csr": {"csi": "/Sx", "cb": "x", "rr": true}});
    let ae = json!({"m2m:ae": {"api": "N"}});
    let mut world = World::new();
    world.create("/Sx", "cse-in", CSR, csr.clone()).expect(StatusCode::CREATED);
    world.create("Sx", "cse-in", AE, ae.clone()).expect(StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED);
    let mut world = World::new();
    world.create("Sx", "cse-in", AE, ae).expect(StatusCode::CREATED);
    world.create("/Sx", "cse-in", CSR, csr).expect(StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED);
}

#[test]
fn a_registration_expires() {
    let mut world = World::new();
    world
        .create("Cx", "cse-in", AE, json!({"m2m:ae": {"api": "N", "et": "20270115T080010"}}))
        .expect(StatusCode::CREATED);
    assert_eq!(world.cse.deadline(), Some(start() + std::time::Duration::from_secs(10)));
    world.advance(9);
    world.retrieve("Cx", "cse-in").expect(StatusCode::OK);
    world.advance(1);
    world.effects.clear();
    world.sweep();
    assert!(matches!(world.effects.as_slice(), [Effect::Deregistered { .. }]), "{:?}", world.effects);
    assert_eq!(world.cse.deadline(), None);
    world
        .create("Cx", "cse-in", AE, json!({"m2m:ae": {"api": "N", "et": "20270115T080010"}}))
        .expect(StatusCode::BAD_REQUEST);
}
