//! The bounds of the CSE, on both sides of their edges.

use std::time::Duration;

use onem2m_ws::primitive::StatusCode;
use onem2m_ws::registrar::{Cse, CseConfig, Limits};
use serde_json::{Value, json};

use crate::harness::*;

const DATA: &str = "cse-in/sensor/data";

fn limited(limits: Limits) -> World {
    World::with(CseConfig { limits, ..CseConfig::default() }).populate()
}

#[test]
fn resources() {
    let mut world = limited(Limits { resources: 6, ..Limits::default() });
    assert_eq!(world.cse.resources(), 4);
    for content in ["1", "2"] {
        world.reading(content).expect(StatusCode::CREATED);
    }
    world.reading("3").expect(StatusCode::NOT_ACCEPTABLE);
    world.create("Cx", "cse-in", AE, json!({"m2m:ae": {"api": "N"}})).expect(StatusCode::NOT_ACCEPTABLE);
    assert_eq!(world.cse.resources(), 6);
    // What makes room for itself is taken.
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": 2}})).expect(StatusCode::UPDATED);
    world.reading("4").expect(StatusCode::CREATED);
    world.delete("Csensor", &format!("{DATA}/la")).expect(StatusCode::DELETED);
    world.create("Cx", "cse-in", AE, json!({"m2m:ae": {"api": "N"}})).expect(StatusCode::CREATED);
}

#[test]
fn content_bytes() {
    let world = |limit| limited(Limits { content_bytes: limit, ..Limits::default() });
    let content = json!({"m2m:cin": {"con": "x".repeat(1000)}});
    let size = content.to_string().len();
    world(size).create("Csensor", DATA, CIN, content.clone()).expect(StatusCode::CREATED);
    world(size - 1).create("Csensor", DATA, CIN, content).expect(StatusCode::NOT_ACCEPTABLE);
}

#[test]
fn a_resource_does_not_grow_by_updates_for_ever() {
    let mut world = limited(Limits { content_bytes: 2000, ..Limits::default() });
    let labels = json!(vec!["x".repeat(100); 10]);
    world.update("Csensor", "Csensor", json!({"m2m:ae": {"lbl": labels}})).expect(StatusCode::UPDATED);
    world.update("Csensor", "Csensor", json!({"m2m:ae": {"apn": "x".repeat(1000)}})).expect(StatusCode::NOT_ACCEPTABLE);
    world.update("Csensor", "Csensor", json!({"m2m:ae": {"lbl": null}})).expect(StatusCode::UPDATED);
    world.update("Csensor", "Csensor", json!({"m2m:ae": {"apn": "x".repeat(1000)}})).expect(StatusCode::UPDATED);
}

#[test]
fn total_bytes() {
    let mut world = limited(Limits { total_bytes: 20_000, ..Limits::default() });
    let mut taken = 0;
    while world.reading(&"x".repeat(1000)).response.status == StatusCode::CREATED {
        taken += 1;
        assert!(taken < 20, "there is an end");
    }
    assert!(taken > 10, "{taken}");
    world.reading(&"x".repeat(1000)).expect(StatusCode::NOT_ACCEPTABLE);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": ["x".repeat(1000)]}})).expect(StatusCode::NOT_ACCEPTABLE);
    world.delete("Csensor", &format!("{DATA}/ol")).expect(StatusCode::DELETED);
    world.reading(&"x".repeat(1000)).expect(StatusCode::CREATED);
}

#[test]
fn content_depth() {
    for (depth, status) in [(30, StatusCode::CREATED), (31, StatusCode::BAD_REQUEST), (100, StatusCode::BAD_REQUEST)] {
        let mut content = json!(1);
        for _ in 0..depth {
            content = json!([content]);
        }
        World::populated().create("Csensor", DATA, CIN, json!({"m2m:cin": {"con": content}})).expect(status);
    }
}

#[test]
fn nesting() {
    let mut world = limited(Limits { nesting: 4, ..Limits::default() });
    world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {"rn": "a"}})).expect(StatusCode::CREATED);
    world.create("Csensor", "cse-in/sensor/data/a", CNT, json!({"m2m:cnt": {"rn": "b"}})).expect(StatusCode::CREATED);
    world.create("Csensor", "cse-in/sensor/data/a/b", CNT, json!({"m2m:cnt": {}})).expect(StatusCode::NOT_ACCEPTABLE);
}

#[test]
fn names() {
    let mut world = limited(Limits { name_bytes: 20, ..Limits::default() });
    let cnt = |length: usize| json!({"m2m:cnt": {"rn": "n".repeat(length)}});
    world.create("Csensor", DATA, CNT, cnt(20)).expect(StatusCode::CREATED);
    world.create("Csensor", DATA, CNT, cnt(21)).expect(StatusCode::BAD_REQUEST);
    world.create("Csensor", DATA, CNT, cnt(500_000)).expect(StatusCode::BAD_REQUEST);
    let ae = json!({"m2m:ae": {"api": "N"}});
    world.create(&format!("C{}", "x".repeat(19)), "cse-in", AE, ae.clone()).expect(StatusCode::CREATED);
    world.create(&format!("C{}", "x".repeat(20)), "cse-in", AE, ae).expect(StatusCode::BAD_REQUEST);
}

#[test]
fn instances() {
    let mut world = limited(Limits { instances: 3, ..Limits::default() });
    let cni = |world: &mut World| world.retrieve("Csensor", DATA).attributes()["cni"].clone();
    for count in 1..=4_usize {
        world.reading("x").expect(StatusCode::CREATED);
        assert_eq!(cni(&mut world), count.min(3));
    }
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": u64::MAX}})).expect(StatusCode::UPDATED);
    world.reading("x").expect(StatusCode::CREATED);
    assert_eq!(cni(&mut world), 3);
}

#[test]
fn subscriptions_and_their_targets() {
    let mut world = limited(Limits { subscriptions: 2, notification_targets: 2, ..Limits::default() });
    let sub = |targets: usize| json!({"nu": vec!["Csensor"; targets]});
    world.subscribe("Csensor", DATA, sub(3)).expect(StatusCode::NOT_ACCEPTABLE);
    for _ in 0..2 {
        world.subscribe("Csensor", DATA, sub(2)).expect(StatusCode::CREATED);
    }
    world.subscribe("Csensor", DATA, sub(1)).expect(StatusCode::NOT_ACCEPTABLE);
    world.subscribe("Csensor", "cse-in/sensor", sub(1)).expect(StatusCode::CREATED);
}

#[test]
fn verifications() {
    let mut world = limited(Limits { verifications: 1, ..Limits::default() });
    let request = onem2m_ws::primitive::Request::create(DATA, SUB, json!({"m2m:sub": {"nu": ["Cactuator"]}}));
    let request = request.from("Csensor");
    assert!(matches!(world.answer(&request), onem2m_ws::registrar::Answer::Later(_)));
    world.ask(request.clone()).expect(StatusCode::NOT_ACCEPTABLE);
    let [(id, ..)] = world.verifications().try_into().expect("one verification");
    world.verified(id, None);
    assert!(matches!(world.answer(&request), onem2m_ws::registrar::Answer::Later(_)));
}

#[test]
fn many_instances_are_handled_in_constant_time() {
    let mut world = World::populated();
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": 5000}})).expect(StatusCode::UPDATED);
    for n in 0..12_000 {
        world.reading(&n.to_string()).expect(StatusCode::CREATED);
    }
    assert_eq!(world.retrieve("Csensor", DATA).attributes()["cni"], 5000);
    assert_eq!(world.retrieve("Csensor", &format!("{DATA}/ol")).text("con"), "7000");
    assert_eq!(world.cse.resources(), 5004);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let change = |change: fn(&mut CseConfig)| {
        let mut config = CseConfig::default();
        change(&mut config);
        Cse::new(config, start(), Box::new(|| 0)).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(change(|_| {}), Ok(()));
    type Change = fn(&mut CseConfig);
    let cases: [(Change, &str); 12] = [
        (|c| c.cse_id = "id-in".into(), "cse_id"),
        (|c| c.cse_id = "/a/b".into(), "cse_id"),
        (|c| c.cse_id = String::new(), "cse_id"),
        (|c| c.cse_name = "a b".into(), "cse_name"),
        (|c| c.cse_name = "-".into(), "cse_name"),
        (|c| c.cse_name = "/x".into(), "cse_name"),
        (|c| c.cse_name = "id-in".into(), "cse_name"),
        (|c| c.sp_id = "example.net".into(), "sp_id"),
        (|c| c.admin = "admin".into(), "admin"),
        (|c| c.releases.clear(), "releases"),
        (|c| c.default_expiration = Duration::MAX, "default_expiration"),
        (|c| c.verification_time = Duration::MAX, "verification_time"),
    ];
    for (setting, name) in cases {
        let error = change(setting).expect_err(name);
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn identifiers_are_distinct_even_without_randomness() {
    let mut cse = Cse::new(CseConfig::default(), start(), Box::new(|| 0)).expect("a working configuration");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let request = onem2m_ws::primitive::Request::create("cse-in", AE, json!({"m2m:ae": {"api": "N"}}));
        let onem2m_ws::registrar::Answer::Response(response) = cse.handle(start(), &request).answer else {
            panic!("a response")
        };
        let content: Value = response.content.expect("content").value().expect("valid");
        assert!(seen.insert(content["m2m:ae"]["ri"].as_str().expect("ri").to_owned()));
    }
}
