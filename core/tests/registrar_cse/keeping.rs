//! What of the CSE outlives the process (WS-6.4-4).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use onem2m_ws::ErrorKind;
use onem2m_ws::primitive::{Request, StatusCode};
use onem2m_ws::registrar::{Answer, Cse, CseConfig, Effect, Limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::*;
use crate::hostile::{request, small};

/// Writes what has changed. Returns the identifiers.
fn keep(world: &mut World, kept: &mut Kept) -> Vec<String> {
    let mut all = Vec::new();
    for change in world.cse.take_changes() {
        match change.resource {
            Some(resource) => drop(kept.insert(change.ri.clone(), resource)),
            None => drop(kept.remove(&change.ri)),
        }
        all.push(change.ri);
    }
    all.sort();
    all
}

/// A CSE that notes its changes, with the AEs and the container of [`World::populated`].
fn populated() -> (World, Kept) {
    let mut kept = Kept::new();
    let mut world = World::restored(CseConfig::default(), start(), &kept).populate();
    keep(&mut world, &mut kept);
    (world, kept)
}

fn again(world: &World, kept: &Kept) -> World {
    World::restored(CseConfig::default(), world.now, kept)
}

fn tree(world: &mut World) -> Value {
    world.retrieve_with(ADMIN, "cse-in", 8, json!({})).expect(StatusCode::OK).content
}

fn refused(config: CseConfig, kept: Kept) -> (ErrorKind, String) {
    let error = Cse::restore(config, start(), Box::new(|| 7), kept).expect_err("it is refused");
    (error.kind(), error.message().to_owned())
}

#[test]
fn ws_6_4_4_registrations_and_all_resources_are_there_after_a_restart() {
    let (mut world, mut kept) = populated();
    let csr =
        json!({"m2m:csr": {"csi": "/id-mn", "cb": "/id-mn/cse-mn", "rr": true, "srv": ["3"], "dcse": ["/id-asn"]}});
    world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    world.register("S", "assigned");
    world.subscribe(
        "Csensor",
        "cse-in/sensor/data",
        json!({"rn": "sub", "nu": ["Csensor"], "exc": 3, "nct": 1, "enc": {"net": [3]}}),
    );
    for number in 0..12 {
        world.advance(1);
        world.reading(&number.to_string()).expect(StatusCode::CREATED);
        keep(&mut world, &mut kept);
    }
    assert_eq!(world.notifications().len(), 3, "the subscription is used up");
    world.subscribe(
        "Csensor",
        "cse-in/sensor/data",
        json!({"rn": "sub2", "nu": ["Csensor"], "exc": 3, "enc": {"net": [3]}}),
    );
    world.reading("12").expect(StatusCode::CREATED);
    keep(&mut world, &mut kept);
    world.notifications();

    let mut after = again(&world, &kept);
    assert_eq!(tree(&mut after), tree(&mut world));
    assert_eq!((after.cse.resources(), after.cse.deadline()), (world.cse.resources(), world.cse.deadline()));
    // Who is registered is so still, and reached as before; and what it made is its own.
    for (from, to) in
        [("Csensor", "cse-in/sensor/data/la"), ("/id-mn", "cse-in"), ("/id-mn/Cx", "cse-in/sensor/data/ol")]
    {
        after.retrieve(from, to).expect(StatusCode::OK);
    }
    let Answer::Forward { entity, .. } = after.answer(&Request::retrieve("/id-asn/x").from("Csensor").request_id("r"))
    else {
        panic!("descendants of a registered CSE are reached through it")
    };
    assert_eq!(short(&entity), "/id-mn");
    after.delete("Cactuator", "cse-in/sensor/data").expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    // The countdown goes on where it was.
    for _ in 0..2 {
        after.reading("x").expect(StatusCode::CREATED);
    }
    assert_eq!(after.notifications().len(), 2);
    after.retrieve("Csensor", "cse-in/sensor/data/sub2").expect(StatusCode::NOT_FOUND);
    // Counters and the order of what is new too.
    let data = after.retrieve("Csensor", "cse-in/sensor/data").expect(StatusCode::OK);
    assert_eq!((&data.attributes()["cni"], &data.attributes()["st"]), (&json!(15), &json!(15)));
    assert_eq!(after.retrieve("Csensor", "cse-in/sensor/data/la").attributes()["con"], "x");
    assert_eq!(after.retrieve("Csensor", "cse-in/sensor/data/ol").attributes()["con"], "0");
    // What is made now has its place behind all that there was.
    keep(&mut after, &mut kept);
    assert_eq!(tree(&mut again(&after, &kept)), tree(&mut after));
}

#[test]
fn a_new_instance_writes_itself_and_its_container_only() {
    let (mut world, mut kept) = populated();
    for _ in 0..100 {
        world.reading("x").expect(StatusCode::CREATED);
    }
    // One that is told of it, but does not count, is not changed by that.
    let sub = json!({"nu": ["Csensor"], "enc": {"net": [3]}});
    world.subscribe("Csensor", "cse-in/sensor/data", sub).expect(StatusCode::CREATED);
    keep(&mut world, &mut kept);
    let data = world.retrieve("Csensor", "cse-in/sensor/data").text("ri");
    let made = world.reading("x").text("ri");
    assert_eq!(world.notifications().len(), 1);
    assert_eq!(keep(&mut world, &mut kept), [made, data.clone()]);
    let container = world.create("Csensor", "cse-in/sensor/data", CNT, json!({"m2m:cnt": {}})).text("ri");
    assert_eq!(keep(&mut world, &mut kept), [container]);
    world.retrieve("Csensor", "cse-in/sensor/data/la").expect(StatusCode::OK);
    world.delete("Cactuator", &data).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    assert_eq!(keep(&mut world, &mut kept), [""; 0]);
    assert_eq!(kept.len(), world.cse.resources());
}

#[test]
fn a_cse_without_a_store_notes_nothing() {
    let mut world = World::populated();
    world.reading("x").expect(StatusCode::CREATED);
    assert_eq!(world.cse.take_changes(), []);
}

#[test]
fn ws_6_4_5_what_was_deleted_does_not_come_back() {
    let (mut world, mut kept) = populated();
    for _ in 0..3 {
        world.reading("x").expect(StatusCode::CREATED);
    }
    keep(&mut world, &mut kept);
    world.delete("Csensor", "cse-in/sensor").expect(StatusCode::DELETED);
    assert_eq!(keep(&mut world, &mut kept).len(), 5);
    let mut after = again(&world, &kept);
    assert_eq!(after.cse.resources(), 2, "the <CSEBase> and the other AE");
    after.retrieve("Csensor", "cse-in").expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    after.register("Csensor", "sensor");
}

#[test]
fn what_expired_meanwhile_ends_with_all_that_follows() {
    let (mut world, mut kept) = populated();
    world.subscribe("Csensor", "cse-in/sensor/data", json!({"nu": ["Csensor"], "enc": {"net": [4]}}));
    world.update("Csensor", "cse-in/sensor/data", json!({"m2m:cnt": {"mia": 60}})).expect(StatusCode::UPDATED);
    world.reading("old").expect(StatusCode::CREATED);
    let ae = json!({"m2m:ae": {"api": "Ntest", "rr": true, "srv": ["3"], "et": "20270115T080100"}});
    world.create("Cshort", "cse-in", AE, ae).expect(StatusCode::CREATED);
    keep(&mut world, &mut kept);
    world.advance(61);
    let mut after = again(&world, &kept);
    assert_eq!(after.cse.deadline(), Some(start() + Duration::from_secs(60)));
    after.sweep();
    assert!(
        after
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Deregistered { entity } if short(entity) == "Cshort"))
    );
    assert_eq!(after.notifications().len(), 1, "of the instance that is gone");
    assert_eq!(keep(&mut after, &mut kept).len(), 4, "the base (it is made anew), the AE, the instance, the container");
}

#[test]
fn the_base_is_of_the_settings_and_as_old_as_it_was() {
    let (mut world, kept) = populated();
    let born = world.retrieve(ADMIN, "cse-in").text("ct");
    world.advance(3600);
    let config = CseConfig {
        cse_name: "other".to_owned(),
        points_of_access: vec!["ws://a:1".to_owned()],
        ..CseConfig::default()
    };
    let mut after = World::restored(config, world.now, &kept);
    let base = after.retrieve("Csensor", "other").expect(StatusCode::OK);
    assert_eq!((base.text("ct"), &base.attributes()["poa"]), (born, &json!(["ws://a:1"])));
    after.retrieve("Csensor", "other/sensor/data").expect(StatusCode::OK);
}

#[test]
fn a_store_of_another_cse_and_what_cannot_be_read_are_refused_by_name() {
    let (mut world, mut kept) = populated();
    let data = world.retrieve("Csensor", "cse-in/sensor/data").text("ri");
    world.reading("x").expect(StatusCode::CREATED);
    keep(&mut world, &mut kept);

    for config in [
        CseConfig { cse_id: "/id-other".to_owned(), ..CseConfig::default() },
        CseConfig { sp_id: "//other.example".to_owned(), ..CseConfig::default() },
    ] {
        let (kind, text) = refused(config, kept.clone());
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.contains("\"/id-in\" of \"//onem2m-ws.example\""), "{text}");
    }
    let unlikely = CseConfig { cse_name: "-".to_owned(), ..CseConfig::default() };
    assert_eq!(refused(unlikely, Kept::new()).0, ErrorKind::InvalidArgument);

    let changed = |name: &str, value: Value| {
        let mut resource: Value = serde_json::from_slice(&kept[&data]).expect("it is JSON");
        resource[name] = value;
        let mut kept = kept.clone();
        kept.insert(data.clone(), resource.to_string().into());
        kept
    };
    let mut all = vec![
        changed("c", json!("")),
        changed("p", json!("nobody")),
        changed("p", Value::Null),
        changed("a", json!({})),
        changed("t", json!([[u64::MAX, 0], [0, 0], null])),
        changed("y", json!("x")),
    ];
    let mut cut = kept.clone();
    cut.insert(data.clone(), kept[&data].slice(1..));
    all.push(cut);
    for kept in all {
        let (kind, text) = refused(CseConfig::default(), kept);
        assert_eq!(kind, ErrorKind::Storage);
        assert!(text.contains(&format!("{data:?}")), "{text}");
    }
    // Without its parent, and without the base, it is not taken for something else.
    for gone in [data.as_str(), "id-in"] {
        let mut kept = kept.clone();
        kept.remove(gone);
        assert_eq!(refused(CseConfig::default(), kept).0, ErrorKind::Storage, "{gone}");
    }
    let twice = Kept::from_iter([("cin1".to_owned(), Bytes::from_static(b"{}"))]);
    assert_eq!(refused(CseConfig::default(), twice).0, ErrorKind::Storage);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes: what was noted, request by request, is what there is.
    #[test]
    fn ws_6_4_4_what_is_noted_is_what_there_is(
        requests in prop::collection::vec((request(), 0_u64..3, any::<Option<bool>>()), 1..60),
    ) {
        let config = CseConfig { limits: Limits { results: 1000, ..small().limits }, ..small() };
        let mut kept = Kept::new();
        let mut world = World::restored(config.clone(), start(), &kept).populate();
        for (request, seconds, agree) in requests {
            world.advance(seconds);
            let _ = world.answer(&request);
            if let Some(agree) = agree {
                for (id, ..) in world.verifications() {
                    world.verified(id, agree.then_some(StatusCode::OK));
                }
            }
            keep(&mut world, &mut kept);
            prop_assert_eq!(kept.len(), world.cse.resources());
        }
        // Requests that wait for verifications do not outlive it.
        let now: SystemTime = world.now + Duration::from_secs(60);
        world.now = now;
        world.sweep();
        keep(&mut world, &mut kept);
        world.effects.clear();
        let mut after = World::restored(config, now, &kept);
        prop_assert_eq!(after.cse.deadline(), world.cse.deadline());
        prop_assert_eq!(tree(&mut after), tree(&mut world));
        // It also ends as the other one does.
        for world in [&mut world, &mut after] {
            world.advance(101 * 365 * 86_400);
            world.sweep();
        }
        prop_assert_eq!(after.cse.resources(), world.cse.resources());
        prop_assert_eq!(after.notifications(), world.notifications());
    }
}
