//! `<schedule>`: of registrees, and of subscriptions (TS-0001 9.6.9; TS-0004 7.4.9).

use onem2m_ws::binding::Schedule;
use onem2m_ws::primitive::{ResourceType, StatusCode};
use onem2m_ws::registrar::Effect;
use serde_json::{Value, json};

use crate::harness::*;

const SCH: ResourceType = ResourceType::SCHEDULE;
const MONDAYS: &str = "* * * * * 1 *";
const MORNINGS: &str = "* 0-29 8 * * * *";

fn schedule(entries: &[&str]) -> Value {
    json!({"m2m:sch": {"se": {"sce": entries}}})
}

fn named(name: &str, entries: &[&str]) -> Value {
    json!({"m2m:sch": {"rn": name, "se": {"sce": entries}}})
}

/// Takes what was said about schedules since the last call.
fn said(world: &mut World) -> Vec<(String, Option<Schedule>)> {
    let said = std::mem::take(&mut world.effects);
    let said = said.into_iter().filter_map(|effect| match effect {
        Effect::Scheduled { entity, schedule } => Some((short(&entity), schedule)),
        _ => None,
    });
    said.collect()
}

fn known(world: &World) -> Vec<(String, Schedule)> {
    world.cse.schedules().map(|(entity, schedule)| (short(entity), schedule.clone())).collect()
}

fn parsed(entries: &[&str]) -> Schedule {
    Schedule::parse(entries).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn ws_5_2_7_the_schedule_of_a_registree_is_made_changed_and_deleted() {
    let mut world = World::populated();
    let made =
        world.create("Csensor", "cse-in/sensor", SCH, named("s", &[MONDAYS, MORNINGS])).expect(StatusCode::CREATED);
    assert_eq!(made.attributes()["ty"], 18);
    let both = parsed(&[MONDAYS, MORNINGS]);
    assert_eq!(said(&mut world), [("Csensor".to_owned(), Some(both.clone()))]);
    assert_eq!(known(&world), [("Csensor".to_owned(), both)]);

    let read = world.retrieve("Csensor", "cse-in/sensor/s").expect(StatusCode::OK);
    assert_eq!(read.attributes()["se"], json!({"sce": [MONDAYS, MORNINGS]}));

    // What leaves `se` alone says nothing.
    world.update("Csensor", "cse-in/sensor/s", json!({"m2m:sch": {"lbl": ["x"]}})).expect(StatusCode::UPDATED);
    assert_eq!(said(&mut world), []);
    world.update("Csensor", "cse-in/sensor/s", schedule(&[MONDAYS])).expect(StatusCode::UPDATED);
    assert_eq!(said(&mut world), [("Csensor".to_owned(), Some(parsed(&[MONDAYS])))]);

    world.delete("Csensor", "cse-in/sensor/s").expect(StatusCode::DELETED);
    assert_eq!(said(&mut world), [("Csensor".to_owned(), None)]);
    assert_eq!(known(&world), []);
    world.create("Csensor", "cse-in/sensor", SCH, schedule(&[MORNINGS])).expect(StatusCode::CREATED);
}

#[test]
fn ws_5_2_7_a_remote_cse_has_one_too_and_it_ends_with_it() {
    let mut world = World::new();
    let csr = json!({"m2m:csr": {"rn": "mn", "cb": "/id-mn/cse-mn", "csi": "/id-mn", "rr": true, "srv": ["3"]}});
    world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    world.effects.clear();
    world.create("/id-mn", "cse-in/mn", SCH, schedule(&[MONDAYS])).expect(StatusCode::CREATED);
    assert_eq!(said(&mut world), [("/id-mn".to_owned(), Some(parsed(&[MONDAYS])))]);
    world.delete("/id-mn", "cse-in/mn").expect(StatusCode::DELETED);
    let [Effect::Scheduled { schedule: None, .. }, Effect::Deregistered { .. }] = world.effects.as_slice() else {
        panic!("{:?}", world.effects)
    };
    assert_eq!(known(&world), []);
}

#[test]
fn ws_5_2_7_a_schedule_that_expires_holds_no_longer() {
    let mut world = World::populated();
    let expiring = json!({"m2m:sch": {"et": "20270115T080010", "se": {"sce": [MONDAYS]}}});
    world.create("Csensor", "cse-in/sensor", SCH, expiring).expect(StatusCode::CREATED);
    said(&mut world);
    world.advance(10);
    world.sweep();
    assert_eq!(said(&mut world), [("Csensor".to_owned(), None)]);
}

#[test]
fn ws_5_2_7_what_is_no_schedule_is_refused_by_name() {
    let mut world = World::populated();
    for (content, why) in [
        (json!({}), "\"se\""),
        (json!({"se": null}), "\"se\""),
        (json!({"se": [MONDAYS]}), "\"se\""),
        (json!({"se": {}}), "sce"),
        (json!({"se": {"sce": MONDAYS}}), "sce"),
        (json!({"se": {"sce": [1]}}), "sce"),
        (json!({"se": {"sce": [MONDAYS], "x": 1}}), "sce"),
        (json!({"se": {"sce": []}}), "se: a schedule has at least one entry"),
        (
            json!({"se": {"sce": [MONDAYS, "* 0-75 * * * * *"]}}),
            "se: schedule entry 2, minute: 75 is not within 0 to 59",
        ),
        (json!({"se": {"sce": ["* * * * * 7 *"]}}), "se: schedule entry 1, day of week: 7 is not within 0 to 6"),
        (json!({"se": {"sce": ["* * *"]}}), "se: schedule entry 1: 3 fields"),
    ] {
        let reply = world.create("Csensor", "cse-in/sensor", SCH, json!({ "m2m:sch": content }));
        assert!(reply.debug().contains(why), "{content}: {}", reply.debug());
        reply.expect(StatusCode::BAD_REQUEST);
    }
    world.create("Csensor", "cse-in/sensor", SCH, named("s", &[MONDAYS])).expect(StatusCode::CREATED);
    said(&mut world);
    for content in [json!({"se": null}), json!({"se": {"sce": ["* * * * 13 * *"]}})] {
        world.update("Csensor", "cse-in/sensor/s", json!({ "m2m:sch": content })).expect(StatusCode::BAD_REQUEST);
    }
    assert_eq!((said(&mut world), known(&world).len()), (vec![], 1), "what is refused changes nothing");
}

#[test]
fn ws_5_2_7_where_and_by_whom_a_schedule_may_be_made() {
    let mut world = World::populated();
    for parent in ["cse-in", "cse-in/sensor/data"] {
        let reply = world.create(ADMIN, parent, SCH, schedule(&[MONDAYS]));
        reply.expect(StatusCode::INVALID_CHILD_RESOURCE_TYPE);
    }
    let foreign = world.create("Cactuator", "cse-in/sensor", SCH, schedule(&[MONDAYS]));
    foreign.expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    // TS-0004 7.4.9.2.1: only below a <node>.
    let coordinated = json!({"m2m:sch": {"nco": false, "se": {"sce": [MONDAYS]}}});
    world.create("Csensor", "cse-in/sensor", SCH, coordinated).expect(StatusCode::CONTENTS_UNACCEPTABLE);
    world.create("Csensor", "cse-in/sensor", SCH, named("s", &[MONDAYS])).expect(StatusCode::CREATED);
    world.create("Csensor", "cse-in/sensor", SCH, schedule(&[MONDAYS])).expect(StatusCode::CONFLICT);
    let coordinated = json!({"m2m:sch": {"nco": true}});
    world.update("Csensor", "cse-in/sensor/s", coordinated).expect(StatusCode::CONTENTS_UNACCEPTABLE);
    world
        .subscribe("Csensor", "cse-in/sensor/s", json!({"nu": ["Csensor"]}))
        .expect(StatusCode::TARGET_NOT_SUBSCRIBABLE);
    let types = world.retrieve("Csensor", "cse-in").attributes()["srt"].clone();
    assert!(types.as_array().is_some_and(|types| types.contains(&json!(18))), "{types}");
}

#[test]
fn ws_5_2_7_the_entries_of_a_schedule_are_bounded() {
    let mut world = World::populated();
    let reply = world.create("Csensor", "cse-in/sensor", SCH, schedule(&[MONDAYS; Schedule::MAX_ENTRIES + 1]));
    assert!(reply.debug().contains("32 entries"), "{}", reply.debug());
    reply.expect(StatusCode::NOT_ACCEPTABLE);
    world
        .create("Csensor", "cse-in/sensor", SCH, schedule(&[MONDAYS; Schedule::MAX_ENTRIES]))
        .expect(StatusCode::CREATED);
}

/// `Csensor` watches its container, between 8:00 and 8:30, and it is 8:00.
fn watching(attributes: Value) -> World {
    let mut world = World::populated();
    let mut attributes = attributes;
    attributes["rn"] = json!("sub");
    attributes["nu"] = json!(["Csensor"]);
    attributes["enc"] = json!({"net": [3]});
    world.subscribe("Csensor", "cse-in/sensor/data", attributes).expect(StatusCode::CREATED);
    let sub = "cse-in/sensor/data/sub";
    world.create("Csensor", sub, SCH, schedule(&[MORNINGS])).expect(StatusCode::CREATED);
    assert_eq!(said(&mut world), [], "this one is not about a registree");
    world
}

#[test]
fn ws_5_2_7_a_subscription_notifies_in_its_windows_only() {
    let mut world = watching(json!({}));
    let path = "cse-in/sensor/data/sub/notificationSchedule";
    // It is 8:00:00.
    for (seconds, told) in [(0, 1), (1799, 1), (1, 0), (22 * 3600, 0), (5400 - 1, 0), (1, 1)] {
        world.advance(seconds);
        world.reading("1").expect(StatusCode::CREATED);
        assert_eq!(world.notifications().len(), told, "at {:?}", world.now);
    }
    world.update("Csensor", path, schedule(&["* * 9 * * * *"])).expect(StatusCode::UPDATED);
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(world.notifications(), []);
    world.delete("Csensor", path).expect(StatusCode::DELETED);
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(world.notifications().len(), 1, "without a schedule there is no constraint");
}

#[test]
fn ws_5_2_7_what_is_not_told_does_not_use_a_subscription_up() {
    let mut world = watching(json!({"exc": 1, "su": "Csensor"}));
    world.advance(3600);
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(world.notifications(), []);
    world.advance(23 * 3600);
    world.reading("2").expect(StatusCode::CREATED);
    // The event, and that the subscription is gone, with its schedule.
    assert_eq!(world.notifications().len(), 2);
    world.retrieve("Csensor", "cse-in/sensor/data/sub").expect(StatusCode::NOT_FOUND);
}

#[test]
fn ws_5_2_7_the_schedule_of_a_subscription_has_one_name() {
    let mut world = watching(json!({}));
    let sub = "cse-in/sensor/data/sub";
    world.delete("Csensor", &format!("{sub}/notificationSchedule")).expect(StatusCode::DELETED);
    world.create("Csensor", sub, SCH, named("other", &[MORNINGS])).expect(StatusCode::BAD_REQUEST);
    let made =
        world.create("Csensor", sub, SCH, named("notificationSchedule", &[MORNINGS])).expect(StatusCode::CREATED);
    assert_eq!(made.attributes()["pi"], world.retrieve("Csensor", sub).attributes()["ri"]);
    world.create("Csensor", sub, SCH, schedule(&[MORNINGS])).expect(StatusCode::CONFLICT);
}
