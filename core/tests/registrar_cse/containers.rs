//! container, contentInstance, latest and oldest (TS-0001 10.2.4, 9.6.6, 9.6.7).

use onem2m_ws::primitive::StatusCode;
use serde_json::{Value, json};

use crate::harness::*;

const DATA: &str = "cse-in/sensor/data";

fn contents(world: &mut World) -> Vec<String> {
    let reply = world.retrieve_with("Csensor", DATA, 8, json!({})).expect(StatusCode::OK);
    let list = reply.attributes()["m2m:cin"].as_array().cloned().unwrap_or_default();
    list.iter().map(|cin| cin["con"].as_str().unwrap_or_default().to_owned()).collect()
}

fn bounded(attributes: Value) -> World {
    let mut world = World::populated();
    world.update("Csensor", DATA, json!({"m2m:cnt": attributes})).expect(StatusCode::UPDATED);
    world
}

#[test]
fn a_container_counts_what_it_holds() {
    let mut world = World::populated();
    let cin = world.reading("12345").expect(StatusCode::CREATED);
    assert_eq!(cin.attributes()["cs"], 5);
    assert_eq!(cin.attributes()["st"], 1);
    assert!(cin.text("ri").starts_with("cin"));
    world.reading("1").expect(StatusCode::CREATED);
    let cnt = world.retrieve("Csensor", DATA).expect(StatusCode::OK);
    for (name, value) in [("cni", 2), ("cbs", 6), ("st", 2)] {
        assert_eq!(cnt.attributes()[name], value, "{name}");
    }
    world.delete("Csensor", &cin.text("ri")).expect(StatusCode::DELETED);
    let cnt = world.retrieve("Csensor", DATA).expect(StatusCode::OK);
    for (name, value) in [("cni", 1), ("cbs", 1), ("st", 2)] {
        assert_eq!(cnt.attributes()[name], value, "{name}");
    }
}

#[test]
fn content_is_kept_as_it_came() {
    for (content, size) in [
        (json!("é"), 2),
        (json!(""), 0),
        (json!(9_007_199_254_740_993_u64), 16),
        (json!(-1), 2),
        (json!(1.5), 3),
        (json!(true), 4),
        (json!([1, {"a": null}]), 14),
        (json!({"a": {"b": []}}), 14),
    ] {
        let mut world = World::populated();
        world
            .create("Csensor", DATA, CIN, json!({"m2m:cin": {"con": content, "cnf": "application/json:0"}}))
            .expect(StatusCode::CREATED);
        let latest = world.retrieve("Csensor", "cse-in/sensor/data/la").expect(StatusCode::OK);
        assert_eq!(latest.attributes()["con"], content);
        assert_eq!(latest.attributes()["cs"], size, "{content}");
    }
}

#[test]
fn mni_keeps_the_newest() {
    let mut world = bounded(json!({"mni": 2}));
    for content in ["1", "2"] {
        world.reading(content).expect(StatusCode::CREATED);
    }
    assert_eq!(contents(&mut world), ["1", "2"], "at the edge nothing goes");
    world.reading("3").expect(StatusCode::CREATED);
    assert_eq!(contents(&mut world), ["2", "3"]);
    assert_eq!(world.retrieve("Csensor", DATA).attributes()["cni"], 2);

    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": 1}})).expect(StatusCode::UPDATED);
    assert_eq!(contents(&mut world), ["3"], "a smaller bound applies at once");
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": null}})).expect(StatusCode::UPDATED);
    world.reading("4").expect(StatusCode::CREATED);
    assert_eq!(contents(&mut world), ["3", "4"]);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": 0}})).expect(StatusCode::UPDATED);
    assert_eq!(contents(&mut world), Vec::<String>::new());
    world.reading("5").expect(StatusCode::NOT_ACCEPTABLE);
}

#[test]
fn mbs_keeps_the_newest() {
    let mut world = bounded(json!({"mbs": 10}));
    world.reading("01234").expect(StatusCode::CREATED);
    world.reading("56789").expect(StatusCode::CREATED);
    assert_eq!(contents(&mut world).len(), 2, "at the edge nothing goes");
    world.reading("x").expect(StatusCode::CREATED);
    assert_eq!(contents(&mut world), ["56789", "x"]);
    world.reading("0123456789").expect(StatusCode::CREATED);
    assert_eq!(contents(&mut world), ["0123456789"]);
    world.reading("01234567890").expect(StatusCode::NOT_ACCEPTABLE);
    assert_eq!(contents(&mut world), ["0123456789"], "what cannot be taken removes nothing");
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mbs": 9}})).expect(StatusCode::UPDATED);
    assert_eq!(contents(&mut world), Vec::<String>::new());
    assert_eq!(world.retrieve("Csensor", DATA).attributes()["cbs"], 0);
}

#[test]
fn mia_ends_the_old() {
    let mut world = bounded(json!({"mia": 10}));
    world.reading("1").expect(StatusCode::CREATED);
    world.advance(5);
    world.reading("2").expect(StatusCode::CREATED);
    world.advance(4);
    assert_eq!(contents(&mut world), ["1", "2"]);
    world.advance(1);
    assert_eq!(contents(&mut world), ["2"]);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mia": null}})).expect(StatusCode::UPDATED);
    world.advance(100);
    assert_eq!(contents(&mut world), ["2"]);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mia": 50}})).expect(StatusCode::UPDATED);
    assert_eq!(contents(&mut world), Vec::<String>::new());
    // A bound that no clock reaches.
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mia": u64::MAX}})).expect(StatusCode::UPDATED);
    world.reading("3").expect(StatusCode::CREATED);
}

#[test]
fn the_own_expiration_of_an_instance_counts_too() {
    let mut world = bounded(json!({"mia": 100}));
    let cin = json!({"m2m:cin": {"con": "1", "et": "20270115T080005"}});
    world.create("Csensor", DATA, CIN, cin).expect(StatusCode::CREATED);
    world.advance(4);
    assert_eq!(contents(&mut world), ["1"]);
    world.advance(1);
    assert_eq!(contents(&mut world), Vec::<String>::new());
    assert_eq!(world.retrieve("Csensor", DATA).attributes()["cni"], 0);
}

#[test]
fn latest_and_oldest() {
    let mut world = World::populated();
    for edge in ["la", "ol"] {
        world.retrieve("Csensor", &format!("{DATA}/{edge}")).expect(StatusCode::NOT_FOUND);
        world.delete("Csensor", &format!("{DATA}/{edge}")).expect(StatusCode::NOT_FOUND);
    }
    for content in ["1", "2", "3", "4"] {
        world.reading(content).expect(StatusCode::CREATED);
    }
    let ri = world.retrieve("Csensor", DATA).text("ri");
    assert_eq!(world.retrieve("Cactuator", &format!("{DATA}/la")).text("con"), "4");
    assert_eq!(world.retrieve("Cactuator", &format!("{ri}/ol")).text("con"), "1");
    world.delete("Cactuator", &format!("{DATA}/la")).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    world.delete("Csensor", &format!("{DATA}/la")).expect(StatusCode::DELETED);
    world.delete("Csensor", &format!("{DATA}/ol")).expect(StatusCode::DELETED);
    assert_eq!(contents(&mut world), ["2", "3"]);
    let la = format!("{DATA}/la");
    world.update("Csensor", &la, json!({"m2m:cin": {"lbl": []}})).expect(StatusCode::OPERATION_NOT_ALLOWED);
    world.create("Csensor", &la, CIN, json!({"m2m:cin": {"con": ""}})).expect(StatusCode::OPERATION_NOT_ALLOWED);
    world.retrieve("Csensor", &format!("{la}/x")).expect(StatusCode::NOT_FOUND);
    for name in ["la", "ol"] {
        world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {"rn": name}})).expect(StatusCode::CONFLICT);
        world.create("Csensor", "cse-in/sensor", CNT, json!({"m2m:cnt": {"rn": name}})).expect(StatusCode::CREATED);
    }
}

#[test]
fn a_content_instance_does_not_change() {
    let mut world = World::populated();
    let ri = world.reading("1").text("ri");
    for attributes in [json!({"con": "2"}), json!({"lbl": ["x"]}), json!({})] {
        world.update("Csensor", &ri, json!({"m2m:cin": attributes})).expect(StatusCode::OPERATION_NOT_ALLOWED);
    }
    world.create("Csensor", &ri, CNT, json!({"m2m:cnt": {}})).expect(StatusCode::INVALID_CHILD_RESOURCE_TYPE);
}

#[test]
fn attributes_are_checked() {
    for (ty, content, status) in [
        (CNT, json!({"m2m:cnt": {"mni": "5"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"mni": -1}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"mni": 1.5}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"mni": null}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"lbl": "x"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"lbl": [1]}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"cni": 0}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"ri": "x"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"cr": "Csensor"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"et": "tomorrow"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"et": "20200101T000000"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"disr": true}}), StatusCode::NOT_IMPLEMENTED),
        (CNT, json!({"m2m:cnt": {"rn": "a/b"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"rn": ""}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"rn": "-"}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"rn": ".."}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {"rn": "dup"}}), StatusCode::CREATED),
        (CNT, json!({"m2m:cnt": []}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cin": {"con": ""}}), StatusCode::BAD_REQUEST),
        (CNT, json!({"m2m:cnt": {}, "m2m:cin": {}}), StatusCode::BAD_REQUEST),
        (CNT, json!({}), StatusCode::BAD_REQUEST),
        (CNT, json!([]), StatusCode::BAD_REQUEST),
        (CIN, json!({"m2m:cin": {}}), StatusCode::BAD_REQUEST),
        (CIN, json!({"m2m:cin": {"con": null}}), StatusCode::BAD_REQUEST),
        (CIN, json!({"m2m:cin": {"con": "", "cs": 0}}), StatusCode::BAD_REQUEST),
        (CIN, json!({"m2m:cin": {"con": "", "conr": {}}}), StatusCode::NOT_IMPLEMENTED),
    ] {
        let mut world = World::populated();
        let before = world.cse.resources();
        let reply = world.create("Csensor", DATA, ty, content).expect(status);
        assert_eq!(world.cse.resources() > before, reply.response.status.is_success());
    }
    let mut world = World::populated();
    let reply = world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {"bogus": 1}})).expect(StatusCode::BAD_REQUEST);
    assert!(reply.debug().contains("bogus"), "{}", reply.debug());
}

#[test]
fn updates_are_checked() {
    for (attributes, status) in [
        (json!({"lbl": ["a"], "mni": 3}), StatusCode::UPDATED),
        (json!({"lbl": null}), StatusCode::UPDATED),
        (json!({}), StatusCode::UPDATED),
        (json!({"et": null}), StatusCode::UPDATED),
        (json!({"rn": "x"}), StatusCode::BAD_REQUEST),
        (json!({"ct": "20270115T080005"}), StatusCode::BAD_REQUEST),
        (json!({"st": null}), StatusCode::BAD_REQUEST),
        (json!({"cr": null}), StatusCode::BAD_REQUEST),
        (json!({"mbs": true}), StatusCode::BAD_REQUEST),
        (json!({"nonsense": null}), StatusCode::BAD_REQUEST),
        (json!({"acpi": ["x"]}), StatusCode::BAD_REQUEST),
        (json!({"daci": ["x"]}), StatusCode::NOT_IMPLEMENTED),
    ] {
        let mut world = World::populated();
        let before = world.retrieve("Csensor", DATA).content;
        let reply = world.update("Csensor", DATA, json!({"m2m:cnt": attributes})).expect(status);
        if reply.response.status.is_error() {
            assert_eq!(world.retrieve("Csensor", DATA).content, before);
        }
    }
    let mut world = World::populated();
    world.advance(5);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": ["a"]}})).expect(StatusCode::UPDATED);
    let cnt = world.retrieve("Csensor", DATA);
    assert_eq!(cnt.text("lt"), "20270115T080005,000000");
    assert_eq!(cnt.text("ct"), "20270115T080000,000000");
    assert_eq!(cnt.attributes()["st"], 1);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": null}})).expect(StatusCode::UPDATED);
    assert!(world.retrieve("Csensor", DATA).attributes().get("lbl").is_none());
    for name in ["api", "aei"] {
        world.update("Csensor", "Csensor", json!({"m2m:ae": {name: "Nx"}})).expect(StatusCode::BAD_REQUEST);
    }
    world.update("Csensor", "Csensor", json!({"m2m:ae": {"rr": null}})).expect(StatusCode::BAD_REQUEST);
    world.update(ADMIN, "cse-in", json!({"m2m:cb": {"lbl": ["x"]}})).expect(StatusCode::OPERATION_NOT_ALLOWED);
    world.delete(ADMIN, "cse-in").expect(StatusCode::OPERATION_NOT_ALLOWED);
}

#[test]
fn an_updated_expiration_moves_the_end() {
    let mut world = bounded(json!({"et": "20270115T080010"}));
    world.advance(5);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"et": "20270115T080020"}})).expect(StatusCode::UPDATED);
    world.advance(6);
    world.reading("1").expect(StatusCode::CREATED);
    world.advance(9);
    world.retrieve("Csensor", DATA).expect(StatusCode::NOT_FOUND);
    assert_eq!(world.cse.resources(), 3);
}

#[test]
fn the_creator_is_shown_on_request() {
    let mut world = World::populated();
    let without = world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {}})).expect(StatusCode::CREATED);
    assert!(without.attributes().get("cr").is_none());
    let with = world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {"cr": null}})).expect(StatusCode::CREATED);
    assert_eq!(with.text("cr"), "Csensor");
}

#[test]
fn deleting_takes_all_below() {
    let mut world = World::populated();
    for content in ["1", "2"] {
        world.reading(content).expect(StatusCode::CREATED);
    }
    world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {"rn": "inner"}})).expect(StatusCode::CREATED);
    let inner = format!("{DATA}/inner");
    world.create("Csensor", &inner, CIN, json!({"m2m:cin": {"con": "3"}})).expect(StatusCode::CREATED);
    world.delete("Csensor", DATA).expect(StatusCode::DELETED);
    assert_eq!(world.cse.resources(), 3);
    world.retrieve("Csensor", &inner).expect(StatusCode::NOT_FOUND);
    world.create("Csensor", "cse-in/sensor", CNT, json!({"m2m:cnt": {"rn": "data"}})).expect(StatusCode::CREATED);
}
