//! Who may do what (TS-0001 11.3.4, reduced as `Access` says).

use onem2m_ws::primitive::{FilterCriteria, Request, StatusCode};
use onem2m_ws::registrar::{Access, CseConfig};
use serde_json::json;

use crate::harness::*;

const DATA: &str = "cse-in/sensor/data";
const DENIED: StatusCode = StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE;

fn closed() -> World {
    World::with(CseConfig { access: Access::CreatorOnly, ..CseConfig::default() }).populate()
}

#[test]
fn reading() {
    for (world, from, to, status) in [
        (World::populated as fn() -> World, "Csensor", DATA, StatusCode::OK),
        (World::populated, "CAdmin", DATA, StatusCode::OK),
        (World::populated, "Cactuator", DATA, StatusCode::OK),
        (World::populated, "Cnobody", DATA, DENIED),
        (World::populated, "Cnobody", "cse-in", DENIED),
        (World::populated, "Cnobody", "cse-in/nothing", DENIED),
        (World::populated, "/id-mn/Cx", "cse-in", DENIED),
        (World::populated, "nonsense here", "cse-in", DENIED),
        (closed, "Csensor", DATA, StatusCode::OK),
        (closed, "CAdmin", DATA, StatusCode::OK),
        (closed, "Cactuator", DATA, DENIED),
        (closed, "Cactuator", "cse-in", StatusCode::OK),
        (closed, "Cnobody", "cse-in", DENIED),
    ] {
        let mut world = world();
        world.retrieve(from, to).expect(status);
        let may_subscribe = if status == StatusCode::OK { StatusCode::CREATED } else { status };
        if from != "CAdmin" && !to.ends_with("nothing") {
            world.subscribe(from, to, json!({"nu": [from]})).expect(may_subscribe);
        }
    }
}

#[test]
fn changing() {
    for world in [World::populated as fn() -> World, closed] {
        for (from, allowed) in [("Csensor", true), ("CAdmin", true), ("Cactuator", false), ("Cnobody", false)] {
            let mut world = world();
            let pick = |status| if allowed { status } else { DENIED };
            world.update(from, DATA, json!({"m2m:cnt": {"lbl": []}})).expect(pick(StatusCode::UPDATED));
            world.create(from, DATA, CIN, json!({"m2m:cin": {"con": ""}})).expect(pick(StatusCode::CREATED));
            world.create(from, "Csensor", CNT, json!({"m2m:cnt": {}})).expect(pick(StatusCode::CREATED));
            world.delete(from, DATA).expect(pick(StatusCode::DELETED));
            world.delete(from, "Csensor").expect(pick(StatusCode::DELETED));
        }
    }
}

#[test]
fn every_registree_may_create_below_the_csebase() {
    let mut world = World::populated();
    world.create("Cactuator", "cse-in", CNT, json!({"m2m:cnt": {"rn": "own"}})).expect(StatusCode::CREATED);
    world.create("Cactuator", "cse-in/own", CIN, json!({"m2m:cin": {"con": ""}})).expect(StatusCode::CREATED);
    world.create("Csensor", "cse-in/own", CIN, json!({"m2m:cin": {"con": ""}})).expect(DENIED);
    world.create("Cnobody", "cse-in", CNT, json!({"m2m:cnt": {}})).expect(DENIED);
    world.delete("Csensor", "cse-in/own").expect(DENIED);
    // What it has made stays when it goes; it may come back to it.
    world.delete("Cactuator", "Cactuator").expect(StatusCode::DELETED);
    world.retrieve("Csensor", "cse-in/own/la").expect(StatusCode::OK);
    world.register("Cactuator", "actuator");
    world.delete("Cactuator", "cse-in/own").expect(StatusCode::DELETED);
}

#[test]
fn a_subscription_belongs_to_its_creator_and_to_whom_it_watches() {
    for from in ["Cactuator", "Csensor", "CAdmin"] {
        let mut world = World::populated();
        world.register("Cthird", "third");
        world.subscribe("Cactuator", DATA, json!({"rn": "s", "nu": ["Cactuator"]})).expect(StatusCode::CREATED);
        world.delete("Cthird", &format!("{DATA}/s")).expect(DENIED);
        world.delete(from, &format!("{DATA}/s")).expect(StatusCode::DELETED);
    }
}

#[test]
fn discovery_shows_what_one_may_see() {
    let mut world = closed();
    world.subscribe("Csensor", DATA, json!({"rn": "s", "nu": ["Csensor"]})).expect(StatusCode::CREATED);
    for (from, expected) in [
        ("Csensor", vec!["cse-in/sensor", "cse-in/sensor/data", "cse-in/sensor/data/s"]),
        ("Cactuator", vec!["cse-in/actuator"]),
        (ADMIN, vec!["cse-in/sensor", "cse-in/sensor/data", "cse-in/sensor/data/s", "cse-in/actuator"]),
    ] {
        let reply = world.ask(Request::discover("cse-in", FilterCriteria::new()).from(from)).expect(StatusCode::OK);
        assert_eq!(found(&reply), expected, "{from}");
    }
    let reply = world.retrieve_with("Cactuator", "cse-in", 8, json!({})).expect(StatusCode::OK);
    assert_eq!(reply.attributes().as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn the_administrator_is_no_ae() {
    let mut world = World::populated();
    world
        .subscribe(ADMIN, DATA, json!({"nu": [ADMIN]}))
        .expect(StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED);
    for from in ["/id-in/CAdmin", "//onem2m-ws.example/id-in/CAdmin"] {
        world.delete(from, DATA).expect(StatusCode::DELETED);
        world.create(from, "cse-in/sensor", CNT, json!({"m2m:cnt": {"rn": "data"}})).expect(StatusCode::CREATED);
    }
    world.delete("/id-mn/CAdmin", DATA).expect(DENIED);
    world.delete("//other.example/id-in/CAdmin", DATA).expect(DENIED);
}
