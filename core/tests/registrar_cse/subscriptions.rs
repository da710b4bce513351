//! Subscriptions and their notifications (TS-0001 9.6.8, 10.2.10; TS-0004 7.4.8, 7.5.1).

use onem2m_ws::primitive::{EventCategory, Operation, Request, StatusCode};
use onem2m_ws::registrar::{Answer, CseConfig, Effect};
use serde_json::{Value, json};

use crate::harness::*;

const DATA: &str = "cse-in/sensor/data";

/// `Csensor` subscribes itself to its container.
fn watching(attributes: Value) -> World {
    let mut world = World::populated();
    let mut attributes = attributes;
    attributes["nu"] = json!(["Csensor"]);
    world.subscribe("Csensor", DATA, attributes).expect(StatusCode::CREATED);
    assert_eq!(world.effects, [], "no verification of the originator itself, no notification of its own creation");
    world
}

fn kinds(world: &mut World) -> Vec<u64> {
    world.notifications().iter().map(|(_, sgn)| sgn["nev"]["net"].as_u64().unwrap_or_default()).collect()
}

#[test]
fn a_new_child_is_told() {
    let mut world = watching(json!({"rn": "s", "enc": {"net": [3]}}));
    let sub = world.retrieve("Csensor", &format!("{DATA}/s")).text("ri");
    let cin = world.reading("1");
    let told = world.notifications();
    let expected = json!({"nev": {"rep": cin.content, "net": 3}, "sur": format!("/id-in/{sub}")});
    assert_eq!(told, [("Csensor".to_owned(), expected)]);
}

#[test]
fn each_event_is_told_to_those_who_want_it() {
    for (net, expected) in [
        (Some(json!([1])), vec![1]),
        (None, vec![1]),
        (Some(json!([2])), vec![2]),
        (Some(json!([3])), vec![3]),
        (Some(json!([4])), vec![4]),
        (Some(json!([1, 2, 3, 4])), vec![3, 1, 4, 2]),
    ] {
        let mut world = watching(net.clone().map_or(json!({}), |net| json!({"enc": {"net": net}})));
        world.reading("1").expect(StatusCode::CREATED);
        world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": ["x"]}})).expect(StatusCode::UPDATED);
        world.delete("Csensor", &format!("{DATA}/la")).expect(StatusCode::DELETED);
        world.delete("Csensor", DATA).expect(StatusCode::DELETED);
        assert_eq!(kinds(&mut world), expected, "{net:?}");
    }
}

#[test]
fn what_room_and_age_remove_is_told_too() {
    let mut world = watching(json!({"enc": {"net": [3, 4]}}));
    world.update("Csensor", DATA, json!({"m2m:cnt": {"mni": 1, "mia": 10}})).expect(StatusCode::UPDATED);
    world.reading("1").expect(StatusCode::CREATED);
    world.reading("2").expect(StatusCode::CREATED);
    assert_eq!(kinds(&mut world), [3, 4, 3]);
    world.advance(10);
    world.sweep();
    assert_eq!(kinds(&mut world), [4]);
}

#[test]
fn the_event_criteria_narrow_it_down() {
    let update = |attributes: Value| ("update", attributes);
    for (enc, (what, attributes), told) in [
        (json!({"net": [1], "atr": ["lbl"]}), update(json!({"lbl": ["x"]})), true),
        (json!({"net": [1], "atr": ["lbl"]}), update(json!({"lbl": null})), true),
        (json!({"net": [1], "atr": ["lbl", "mni"]}), update(json!({"mni": 1})), true),
        (json!({"net": [1], "atr": ["lbl"]}), update(json!({"mni": 1})), false),
        (json!({"net": [1], "ms": "20270101T000000"}), update(json!({"mni": 1})), true),
        (json!({"net": [1], "crb": "20270101T000000"}), update(json!({"mni": 1})), false),
        (json!({"net": [1], "crb": "20270101T000000", "ms": "20270101T000000", "fo": 2}), update(json!({})), true),
        (json!({"net": [3], "chty": [4]}), ("cin", json!({"con": "12345"})), true),
        (json!({"net": [3], "chty": [3, 4]}), ("cin", json!({"con": "12345"})), true),
        (json!({"net": [3], "chty": [3]}), ("cin", json!({"con": "12345"})), false),
        (json!({"net": [3], "chty": [4]}), ("cnt", json!({})), false),
        (json!({"net": [3], "sza": 5}), ("cin", json!({"con": "12345"})), true),
        (json!({"net": [3], "sza": 6}), ("cin", json!({"con": "12345"})), false),
        (json!({"net": [3], "szb": 5}), ("cin", json!({"con": "12345"})), false),
    ] {
        let mut world = watching(json!({"enc": enc}));
        match what {
            "update" => world.update("Csensor", DATA, json!({"m2m:cnt": attributes})).expect(StatusCode::UPDATED),
            "cin" => world.create("Csensor", DATA, CIN, json!({"m2m:cin": attributes})).expect(StatusCode::CREATED),
            _ => world.create("Csensor", DATA, CNT, json!({"m2m:cnt": attributes})).expect(StatusCode::CREATED),
        };
        assert_eq!(world.notifications().len(), usize::from(told), "{enc} {what} {attributes}");
    }
}

#[test]
fn the_content_is_what_the_subscription_asks_for() {
    let mut world = watching(json!({"nct": 1}));
    world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": ["x"], "mni": 5}})).expect(StatusCode::UPDATED);
    let all = world.retrieve("Csensor", DATA).content;
    assert_eq!(world.notifications()[0].1["nev"]["rep"], all);

    let mut world = watching(json!({"nct": 2}));
    world.advance(1);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": ["x"]}})).expect(StatusCode::UPDATED);
    world.update("Csensor", DATA, json!({"m2m:cnt": {"lbl": null}})).expect(StatusCode::UPDATED);
    let told = world.notifications();
    assert_eq!(told[0].1["nev"]["rep"], json!({"m2m:cnt": {"lbl": ["x"], "st": 1, "lt": "20270115T080001,000000"}}));
    assert_eq!(told[1].1["nev"]["rep"], json!({"m2m:cnt": {"lbl": null, "st": 2}}));

    let mut world = watching(json!({"nct": 3, "enc": {"net": [3]}}));
    let ri = world.reading("1").text("ri");
    assert_eq!(world.notifications()[0].1["nev"]["rep"], json!({"m2m:uri": format!("/id-in/{ri}")}));
}

#[test]
fn the_notification_carries_what_the_subscription_says() {
    let mut world = watching(json!({"nfu": "there", "nec": 2}));
    world.update("Csensor", DATA, json!({"m2m:cnt": {}})).expect(StatusCode::UPDATED);
    let Some(Effect::Notify { request, .. }) = world.effects.first() else { panic!("{:?}", world.effects) };
    assert_eq!(request.operation, Operation::Notify);
    assert_eq!(request.to, "Csensor");
    assert_eq!(request.event_category, Some(EventCategory::IMMEDIATE));
    assert_eq!(request.release_version.as_deref(), Some("3"), "the newest that the AE and the CSE both know");
    assert_eq!(world.notifications()[0].1["nfu"], "there");
}

#[test]
fn the_expiration_counter_ends_a_subscription() {
    let mut world = watching(json!({"rn": "s", "exc": 2, "su": "Csensor", "enc": {"net": [3]}}));
    let sub = format!("{DATA}/s");
    let ri = world.retrieve("Csensor", &sub).text("ri");
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(world.retrieve("Csensor", &sub).attributes()["exc"], 1);
    assert_eq!(kinds(&mut world), [3]);
    world.reading("2").expect(StatusCode::CREATED);
    let told = world.notifications();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].1["nev"]["net"], 3);
    assert_eq!(told[1].1, json!({"sud": true, "sur": format!("/id-in/{ri}")}));
    world.retrieve("Csensor", &sub).expect(StatusCode::NOT_FOUND);
    world.reading("3").expect(StatusCode::CREATED);
    assert_eq!(world.notifications(), []);
}

#[test]
fn subscriptions_may_use_each_other_up() {
    let mut world = World::populated();
    for _ in 0..21 {
        let attributes = json!({"nu": ["Csensor"], "exc": 1, "enc": {"net": [3, 4]}});
        world.subscribe("Csensor", DATA, attributes).expect(StatusCode::CREATED);
    }
    // The second uses up the first, whose end uses up the second: they go in pairs.
    assert_eq!(world.cse.resources(), 5, "one is left");
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(world.cse.resources(), 5, "and goes with the next event");
}

#[test]
fn the_end_of_a_subscription_is_told_to_su() {
    for (what, address) in [("itself", "cse-in/sensor/data/s"), ("its parent", DATA), ("the AE above", "cse-in/sensor")]
    {
        let mut world = World::populated();
        let reply = world.subscribe("Csensor", DATA, json!({"rn": "s", "nu": ["Csensor"], "su": "Cactuator"}));
        let ri = reply.expect(StatusCode::CREATED).text("ri");
        world.delete("Csensor", address).expect(StatusCode::DELETED);
        let expected = json!({"sud": true, "sur": format!("/id-in/{ri}")});
        assert_eq!(world.notifications(), [("Cactuator".to_owned(), expected)], "{what}");
    }
    let mut world = watching(json!({"rn": "s"}));
    world.delete("Csensor", &format!("{DATA}/s")).expect(StatusCode::DELETED);
    assert_eq!(world.notifications(), [], "without su nobody is told");
}

#[test]
fn another_entity_is_asked_first() {
    let mut world = World::populated();
    let request = Request::create(DATA, SUB, json!({"m2m:sub": {"rn": "s", "nu": ["Cactuator"], "enc": {"net": [3]}}}))
        .from("Csensor")
        .request_id("q7")
        .release_version("3");
    let Answer::Later(ticket) = world.answer(&request) else { panic!("the answer comes later") };
    let [(id, entity, verification)] = world.verifications().try_into().expect("one verification");
    assert_eq!(entity, "Cactuator");
    assert_eq!(verification.operation, Operation::Notify);
    let content = verification.content.expect("content").value().expect("valid")["m2m:sgn"].clone();
    assert_eq!(content["vrq"], true);
    assert_eq!(content["cr"], "Csensor");
    let rqet = verification.request_expiration.expect("it expires");
    assert_eq!(rqet.remaining(world.now), Some(CseConfig::default().verification_time));

    world.retrieve("Csensor", &format!("{DATA}/s")).expect(StatusCode::NOT_FOUND);
    world.verified(id, Some(StatusCode::OK));
    let [(answered, reply)] = world.late_answers().try_into().expect("one answer");
    assert_eq!(answered, ticket);
    let reply = reply.expect(StatusCode::CREATED);
    assert_eq!((reply.response.request_id.as_str(), reply.response.to.as_deref()), ("q7", Some("Csensor")));
    assert_eq!(content["sur"], format!("/id-in/{}", reply.text("ri")), "what was told is what was made");
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(world.notifications().len(), 1);
    world.verified(id, Some(StatusCode::OK));
    assert_eq!(world.effects, [], "a verification counts once");
}

#[test]
fn a_subscriber_names_itself_in_any_form() {
    for nu in [
        "Cactuator",
        "/id-in/Cactuator",
        "//onem2m-ws.example/id-in/Cactuator",
        "cse-in/actuator",
        "-/actuator",
        "/id-in/cse-in/actuator",
    ] {
        let mut world = World::populated();
        let attributes = json!({"nu": [nu], "enc": {"net": [3]}});
        world.subscribe("Cactuator", DATA, attributes).expect(StatusCode::CREATED);
        world.reading("1").expect(StatusCode::CREATED);
        let [Effect::Notify { entity, request }] = world.effects.as_slice() else { panic!("{:?}", world.effects) };
        assert_eq!((short(entity).as_str(), request.to.as_str()), ("Cactuator", "Cactuator"), "{nu}");
    }
}

#[test]
fn a_target_that_does_not_agree_prevents_the_subscription() {
    for (outcome, status) in [
        (None, StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (Some(StatusCode::BAD_REQUEST), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (Some(StatusCode::SUBSCRIPTION_CREATOR_HAS_NO_PRIVILEGE), StatusCode::SUBSCRIPTION_CREATOR_HAS_NO_PRIVILEGE),
        (Some(StatusCode::SUBSCRIPTION_HOST_HAS_NO_PRIVILEGE), StatusCode::SUBSCRIPTION_HOST_HAS_NO_PRIVILEGE),
    ] {
        let mut world = World::populated();
        world.register("Cthird", "third");
        let content = json!({"m2m:sub": {"nu": ["Cactuator", "Csensor", "Cthird", "cse-in/third"]}});
        let Answer::Later(ticket) = world.answer(&Request::create(DATA, SUB, content).from("Csensor")) else {
            panic!("the answer comes later")
        };
        let [first, second] = world.verifications().try_into().expect("one for each entity that is another");
        world.verified(first.0, Some(StatusCode::OK));
        assert_eq!(world.late_answers().len(), 0, "the other one must agree too");
        world.verified(second.0, outcome);
        let [(answered, reply)] = world.late_answers().try_into().expect("one answer");
        assert_eq!(answered, ticket);
        reply.expect(status);
        assert_eq!(world.cse.resources(), 5);
    }
}

#[test]
fn a_verification_that_nobody_answers_ends() {
    let mut world = World::populated();
    let request = Request::create(DATA, SUB, json!({"m2m:sub": {"nu": ["Cactuator"]}})).from("Csensor");
    let Answer::Later(_) = world.answer(&request) else { panic!("the answer comes later") };
    let deadline = world.cse.deadline().expect("something to wait for");
    world.now = deadline - std::time::Duration::from_millis(1);
    world.sweep();
    assert_eq!(world.late_answers().len(), 0);
    world.now = deadline;
    world.sweep();
    let [(_, reply)] = world.late_answers().try_into().expect("one answer");
    reply.expect(StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED);
    let [(id, ..)] = world.verifications().try_into().expect("the verification");
    world.verified(id, Some(StatusCode::OK));
    assert_eq!(world.effects, [], "too late");
}

#[test]
fn what_changed_during_the_verification_counts() {
    for (change, status) in [
        ("nothing", StatusCode::CREATED),
        ("the target is deleted", StatusCode::NOT_FOUND),
        ("the name is taken", StatusCode::CONFLICT),
        ("the originator is gone", StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        ("the request has expired", StatusCode::REQUEST_TIMEOUT),
    ] {
        let mut world = World::populated();
        let mut request =
            Request::create(DATA, SUB, json!({"m2m:sub": {"rn": "s", "nu": ["Csensor"]}})).from("Cactuator");
        request.request_expiration =
            Some(onem2m_ws::primitive::AbsRelTimestamp::absolute(start() + std::time::Duration::from_secs(5)));
        let Answer::Later(_) = world.answer(&request) else { panic!("the answer comes later") };
        let [(id, ..)] = world.verifications().try_into().expect("one verification");
        match change {
            "the target is deleted" => drop(world.delete("Csensor", DATA).expect(StatusCode::DELETED)),
            "the name is taken" => {
                world.create("Csensor", DATA, CNT, json!({"m2m:cnt": {"rn": "s"}})).expect(StatusCode::CREATED);
            }
            "the originator is gone" => drop(world.delete("Cactuator", "Cactuator").expect(StatusCode::DELETED)),
            "the request has expired" => world.advance(5),
            _ => {}
        }
        world.effects.clear();
        world.verified(id, Some(StatusCode::OK));
        let [(_, reply)] = world.late_answers().try_into().expect("one answer");
        reply.expect(status);
    }
}

#[test]
fn new_targets_of_an_update_are_asked() {
    let mut world = watching(json!({"rn": "s"}));
    let sub = format!("{DATA}/s");
    let request = Request::update(sub.as_str(), json!({"m2m:sub": {"nu": ["Csensor", "Cactuator"]}})).from("Csensor");
    let Answer::Later(_) = world.answer(&request) else { panic!("the answer comes later") };
    let [(id, entity, _)] = world.verifications().try_into().expect("one verification");
    assert_eq!(entity, "Cactuator");
    assert_eq!(world.retrieve("Csensor", &sub).attributes()["nu"], json!(["Csensor"]));
    world.verified(id, Some(StatusCode::OK));
    let [(_, reply)] = world.late_answers().try_into().expect("one answer");
    assert_eq!(reply.expect(StatusCode::UPDATED).attributes()["nu"], json!(["Csensor", "Cactuator"]));
    // Those that have agreed are not asked again.
    world.update("Csensor", &sub, json!({"m2m:sub": {"nu": ["Cactuator"]}})).expect(StatusCode::UPDATED);
}

#[test]
fn subscriptions_are_checked() {
    for (attributes, status) in [
        (json!({}), StatusCode::BAD_REQUEST),
        (json!({"nu": []}), StatusCode::BAD_REQUEST),
        (json!({"nu": "Csensor"}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Cnobody"]}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"nu": ["cse-in"]}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"nu": [DATA]}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"nu": ["/id-mn/Cx"]}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"nu": ["a b"]}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"nu": ["ws://192.0.2.7:8081/"]}), StatusCode::NOT_IMPLEMENTED),
        (json!({"nu": ["http://192.0.2.7:8081/"]}), StatusCode::NOT_IMPLEMENTED),
        (json!({"nu": ["Csensor"], "su": "http://192.0.2.7/"}), StatusCode::NOT_IMPLEMENTED),
        (json!({"nu": ["Csensor"], "su": "Cnobody"}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"nu": ["Csensor"], "exc": 0}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "nct": 4}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "nct": 2, "enc": {"net": [3]}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "nct": 2, "enc": {"net": [1]}}), StatusCode::CREATED),
        (json!({"nu": ["Csensor"], "enc": []}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "enc": {"net": []}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "enc": {"net": 3}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "enc": {"net": [0]}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "enc": {"net": [5]}}), StatusCode::NOT_IMPLEMENTED),
        (json!({"nu": ["Csensor"], "enc": {"atr": [{"nm": "lbl"}]}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "enc": {"ms": "yesterday"}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "enc": {"om": []}}), StatusCode::NOT_IMPLEMENTED),
        (json!({"nu": ["Csensor"], "enc": {"xyz": 1}}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Csensor"], "bn": {"num": 2}}), StatusCode::NOT_IMPLEMENTED),
    ] {
        let mut world = World::populated();
        world.subscribe("Csensor", DATA, attributes).expect(status);
        assert_eq!(world.effects, []);
    }
    let mut world = watching(json!({"rn": "s"}));
    let sub = format!("{DATA}/s");
    for (attributes, status) in [
        (json!({"nu": null}), StatusCode::BAD_REQUEST),
        (json!({"nct": 2, "enc": {"net": [3]}}), StatusCode::BAD_REQUEST),
        (json!({"su": "Csensor"}), StatusCode::BAD_REQUEST),
        (json!({"nu": ["Cnobody"]}), StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED),
        (json!({"enc": null, "exc": 5}), StatusCode::UPDATED),
    ] {
        world.update("Csensor", &sub, json!({"m2m:sub": attributes})).expect(status);
    }
    world.subscribe("Csensor", &sub, json!({"nu": ["Csensor"]})).expect(StatusCode::TARGET_NOT_SUBSCRIBABLE);
    let cin = world.reading("1").text("ri");
    world.subscribe("Csensor", &cin, json!({"nu": ["Csensor"]})).expect(StatusCode::TARGET_NOT_SUBSCRIBABLE);
}

#[test]
fn ws_6_1_3_who_takes_no_requests_gets_none() {
    let mut world = watching(json!({"enc": {"net": [3]}}));
    for (rr, told) in [(true, 1), (false, 0), (true, 1)] {
        world.update("Csensor", "Csensor", json!({"m2m:ae": {"rr": rr}})).expect(StatusCode::UPDATED);
        world.reading("1").expect(StatusCode::CREATED);
        assert_eq!(world.notifications().len(), told);
    }
    world
        .create("Cdeaf", "cse-in", AE, json!({"m2m:ae": {"api": "N", "rr": false, "srv": ["3"]}}))
        .expect(StatusCode::CREATED);
    let reply = world.subscribe("Cdeaf", DATA, json!({"nu": ["Cdeaf"]}));
    let reply = reply.expect(StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED);
    assert!(reply.debug().contains("rr"), "{}", reply.debug());
    let notify = Request::notify("Cdeaf", json!({"m2m:sgn": {"sur": "x"}})).from("Csensor");
    world.ask(notify).expect(StatusCode::TARGET_NOT_REACHABLE);
}

#[test]
fn entities_behind_a_registered_cse_are_notified_through_it() {
    let mut world = World::populated();
    let csr =
        json!({"m2m:csr": {"csi": "/id-mn", "cb": "/id-mn/cse-mn", "rr": true, "srv": ["4"], "dcse": ["/id-asn"]}});
    world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    world.effects.clear();
    for from in ["/id-mn", "/id-mn/Cfar", "/id-asn/Cfar"] {
        let attributes = json!({"nu": [from], "enc": {"net": [3]}, "cr": null});
        let reply = world.subscribe(from, &format!("/id-in/{DATA}"), attributes).expect(StatusCode::CREATED);
        assert_eq!(reply.text("cr"), from);
        world.reading("1").expect(StatusCode::CREATED);
        let [Effect::Notify { entity, request }] = world.effects.as_slice() else { panic!("{:?}", world.effects) };
        assert_eq!(short(entity), "/id-mn");
        assert_eq!((request.to.as_str(), request.release_version.as_deref()), (from, Some("4")));
        world.delete(from, &format!("/id-in/{}", reply.text("ri"))).expect(StatusCode::DELETED);
        world.effects.clear();
    }
}
