//! Access control policies (TS-0001 9.6.2, 11.3.4; TS-0003 7.1; TS-0004 7.3.3.15, 7.4.2).

use onem2m_ws::primitive::{FilterCriteria, Request, ResourceType, StatusCode};
use onem2m_ws::registrar::{Access, Answer, CseConfig, Limits};
use serde_json::{Value, json};

use crate::harness::*;

pub(crate) const DATA: &str = "cse-in/sensor/data";
pub(crate) const DENIED: StatusCode = StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE;
pub(crate) const BAD: StatusCode = StatusCode::BAD_REQUEST;

const CREATE: u8 = 1;
pub(crate) const RETRIEVE: u8 = 2;
const UPDATE: u8 = 4;
const DELETE: u8 = 8;
const NOTIFY: u8 = 16;
const DISCOVERY: u8 = 32;
const RIGHTS: [u8; 6] = [CREATE, RETRIEVE, UPDATE, DELETE, NOTIFY, DISCOVERY];
pub(crate) const ALL: u8 = 63;

pub(crate) fn rule(who: &str, acop: u8) -> Value {
    json!({"acor": [who], "acop": acop})
}

pub(crate) fn acp(name: &str, pv: &[Value], pvs: &[Value]) -> Value {
    json!({"m2m:acp": {"rn": name, "pv": {"acr": pv}, "pvs": {"acr": pvs}}})
}

/// An ACP of `Csensor` below its AE, in which it has all rights and others these. Returns its identifier.
#[track_caller]
pub(crate) fn share(world: &mut World, name: &str, others: &[Value]) -> String {
    let pv: Vec<Value> = [rule("Csensor", ALL)].into_iter().chain(others.iter().cloned()).collect();
    let policy = acp(name, &pv, &[rule("Csensor", ALL)]);
    world.create("Csensor", "cse-in/sensor", ACP, policy).expect(StatusCode::CREATED).text("ri")
}

#[track_caller]
pub(crate) fn protect(world: &mut World, to: &str, acpi: &[&str]) {
    let root = match to {
        "cse-in/sensor" | "cse-in/actuator" => "m2m:ae",
        _ => "m2m:cnt",
    };
    world.update(ADMIN, to, json!({ root: {"acpi": acpi} })).expect(StatusCode::UPDATED);
}

pub(crate) fn container(name: &str) -> Value {
    json!({"m2m:cnt": {"rn": name}})
}

pub(crate) fn label() -> Value {
    json!({"m2m:cnt": {"lbl": ["x"]}})
}

#[test]
fn an_acp_is_made_retrieved_changed_and_deleted_below_csebase_ae_and_remote_cse() {
    let mut world = World::populated();
    let csr = json!({"m2m:csr": {"rn": "mn", "csi": "/id-mn", "cb": "/id-mn/x", "rr": true, "srv": ["3"]}});
    world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    for (parent, from) in [("cse-in", "Csensor"), ("cse-in/sensor", "Csensor"), ("cse-in/mn", "/id-mn")] {
        let policy = acp("p", &[rule("all", RETRIEVE)], &[rule(from, ALL)]);
        let made = world.create(from, parent, ACP, policy.clone()).expect(StatusCode::CREATED);
        assert_eq!((&made.attributes()["ty"], &made.attributes()["pv"]), (&json!(1), &policy["m2m:acp"]["pv"]));
        let to = format!("{parent}/p");
        let read = world.retrieve(from, &to).expect(StatusCode::OK);
        assert_eq!((&read.content, made.text("ri").starts_with("acp")), (&made.content, true));
        let changed = json!({"m2m:acp": {"pv": {}}});
        let changed = world.update(from, &to, changed).expect(StatusCode::UPDATED);
        assert_eq!(
            (&changed.attributes()["pv"], &changed.attributes()["pvs"]),
            (&json!({}), &policy["m2m:acp"]["pvs"])
        );
        world.delete(from, &to).expect(StatusCode::DELETED);
        world.retrieve(from, &to).expect(StatusCode::NOT_FOUND);
    }
    let policy = || acp("p", &[], &[rule("all", ALL)]);
    for parent in [DATA, "cse-in/sensor/data/la"] {
        let status = world.create("Csensor", parent, ACP, policy()).response.status;
        assert!(
            [StatusCode::INVALID_CHILD_RESOURCE_TYPE, StatusCode::OPERATION_NOT_ALLOWED].contains(&status),
            "{parent} {status}"
        );
    }
    let types = world.retrieve("Csensor", "cse-in").attributes()["srt"].clone();
    assert!(types.as_array().is_some_and(|types| types.contains(&json!(1))));
}

#[test]
fn an_acp_that_is_malformed_or_limits_a_rule_is_refused() {
    let mut world = World::populated();
    let good = json!({"acr": [rule("Csensor", ALL)]});
    world.create("Csensor", "cse-in", ACP, acp("p", &[], &[rule("Csensor", ALL)])).expect(StatusCode::CREATED);
    let limited = json!({"acr": [{"acor": ["all"], "acop": 2, "acco": [{"actw": ["* * * * * * *"]}]}]});
    for (attributes, status, named) in [
        (json!({"pv": good}), BAD, "pvs"),
        (json!({"pvs": good}), BAD, "pv"),
        (json!({"pv": good, "pvs": {}}), BAD, "pvs"),
        (json!({"pv": good, "pvs": {"acr": []}}), BAD, "pvs"),
        (json!({"pv": [], "pvs": good}), BAD, "pv"),
        (json!({"pv": {"acr": [rule("all", 0)]}, "pvs": good}), BAD, "acop"),
        (json!({"pv": {"acr": [rule("all", 64)]}, "pvs": good}), BAD, "acop"),
        (json!({"pv": {"acr": [rule("a b", 1)]}, "pvs": good}), BAD, "acor"),
        (json!({"pv": limited, "pvs": good}), StatusCode::NOT_IMPLEMENTED, "acco"),
        (json!({"pv": good, "pvs": limited}), StatusCode::NOT_IMPLEMENTED, "acco"),
        (json!({"pv": good, "pvs": good, "adri": ["x"]}), StatusCode::NOT_IMPLEMENTED, "adri"),
        (json!({"pv": good, "pvs": good, "acpi": ["x"]}), BAD, "acpi"),
    ] {
        let before = world.cse.resources();
        let made = world.create("Csensor", "cse-in", ACP, json!({"m2m:acp": attributes})).expect(status);
        assert!(made.debug().contains(named), "{attributes}: {}", made.debug());
        assert_eq!(world.cse.resources(), before);
        if attributes.as_object().is_some_and(|attributes| attributes.len() > 1) {
            let before = world.retrieve("Csensor", "cse-in/p").content;
            let changed = world.update("Csensor", "cse-in/p", json!({"m2m:acp": attributes})).expect(status);
            assert!(changed.debug().contains(named), "{attributes}: {}", changed.debug());
            assert_eq!(world.retrieve("Csensor", "cse-in/p").content, before);
        }
    }
    world.update("Csensor", "cse-in/p", json!({"m2m:acp": {"pvs": null}})).expect(BAD);
}

#[test]
fn an_acp_is_protected_by_its_own_pvs_alone() {
    for right in RIGHTS {
        let mut world = World::populated();
        // The privileges and who made it do not count.
        let policy = acp("p", &[rule("all", ALL)], &[rule("Cactuator", right)]);
        world.create("Csensor", "cse-in", ACP, policy).expect(StatusCode::CREATED);
        let of = |needed: u8, status| if right & needed == needed { status } else { DENIED };
        let change = || json!({"m2m:acp": {"lbl": ["x"]}});
        for (from, allowed) in [("Csensor", false), ("Cactuator", true)] {
            let of = |needed, status| if allowed { of(needed, status) } else { DENIED };
            world.retrieve(from, "cse-in/p").expect(of(RETRIEVE, StatusCode::OK));
            world.update(from, "cse-in/p", change()).expect(of(UPDATE, StatusCode::UPDATED));
            world.subscribe(from, "cse-in/p", json!({"nu": [from]})).expect(of(CREATE | RETRIEVE, StatusCode::CREATED));
            world.retrieve_with(from, "cse-in/p", 6, json!({"fu": 1})).expect(of(DISCOVERY, StatusCode::OK));
            world.delete(from, "cse-in/p").expect(of(DELETE, StatusCode::DELETED));
        }
        if right != DELETE {
            world.update(ADMIN, "cse-in/p", change()).expect(StatusCode::UPDATED);
            world.delete(ADMIN, "cse-in/p").expect(StatusCode::DELETED);
        }
    }
}

#[test]
fn each_operation_asks_for_its_own_bit() {
    for acop in (0..6).map(|bit| 1 << bit).chain([CREATE | RETRIEVE, ALL, ALL - RETRIEVE, ALL - CREATE]) {
        let mut world = World::populated();
        let policy = share(&mut world, "p", &[rule("Cactuator", acop)]);
        world.reading("1").expect(StatusCode::CREATED);
        protect(&mut world, DATA, &[&policy]);
        protect(&mut world, "cse-in/sensor", &[&policy]);
        let of = |needed: u8, status| if acop & needed == needed { status } else { DENIED };
        let from = "Cactuator";
        let la = "cse-in/sensor/data/la";
        world.create(from, DATA, CNT, container("c")).expect(of(CREATE, StatusCode::CREATED));
        world.create(from, DATA, CIN, json!({"m2m:cin": {"con": "2"}})).expect(of(CREATE, StatusCode::CREATED));
        world.subscribe(from, DATA, json!({"nu": [from]})).expect(of(CREATE | RETRIEVE, StatusCode::CREATED));
        world.retrieve(from, DATA).expect(of(RETRIEVE, StatusCode::OK));
        world.retrieve(from, la).expect(of(RETRIEVE, StatusCode::OK));
        world.retrieve(from, "cse-in/sensor/data#cni").expect(of(RETRIEVE, StatusCode::OK));
        world.retrieve_with(from, DATA, 4, json!({})).expect(of(RETRIEVE, StatusCode::OK));
        world.retrieve_with(from, DATA, 6, json!({"fu": 1})).expect(of(DISCOVERY, StatusCode::OK));
        world.update(from, DATA, label()).expect(of(UPDATE, StatusCode::UPDATED));
        let notify = Request::notify("cse-in/sensor", json!({"m2m:sgn": {"sur": "x"}})).from(from).request_id("n");
        match world.answer(&notify) {
            Answer::Forward { .. } => assert_eq!(acop & NOTIFY, NOTIFY, "{acop}"),
            Answer::Response(response) => assert_eq!((acop & NOTIFY, response.status), (0, DENIED)),
            other => panic!("{other:?}"),
        }
        world.delete(from, la).expect(of(DELETE, StatusCode::DELETED));
        world.delete(from, DATA).expect(of(DELETE, StatusCode::DELETED));
    }
}

#[test]
fn a_resource_without_acpi_has_that_of_what_is_above_it_and_is_its_creators() {
    let mut world = World::populated();
    let policy = share(&mut world, "p", &[rule("Cactuator", CREATE | RETRIEVE | UPDATE)]);
    world.register("Cthird", "third");
    protect(&mut world, "cse-in/sensor", &[&policy]);
    world.reading("1").expect(StatusCode::CREATED);
    for to in [DATA, "cse-in/sensor/data/la"] {
        world.retrieve("Cactuator", to).expect(StatusCode::OK);
        world.delete("Cactuator", to).expect(DENIED);
        // `Access::Registered` is for what has no policy.
        world.retrieve("Cthird", to).expect(DENIED);
    }
    // What somebody makes below is its own, but for contentInstances, which are as their container.
    let own = "cse-in/sensor/data/own";
    world.create("Cactuator", DATA, CNT, container("own")).expect(StatusCode::CREATED);
    world.create("Cactuator", DATA, CIN, json!({"m2m:cin": {"rn": "i", "con": ""}})).expect(StatusCode::CREATED);
    world.delete("Cactuator", "cse-in/sensor/data/i").expect(DENIED);
    world.create("Cactuator", own, CNT, container("deep")).expect(StatusCode::CREATED);
    world.retrieve("Cthird", own).expect(DENIED);
    world.retrieve("Csensor", "cse-in/sensor/data/own/deep").expect(StatusCode::OK);
    // Its own acpi takes the place of all that, also for its creator.
    let other = share(&mut world, "q", &[rule("Cthird", RETRIEVE)]);
    protect(&mut world, own, &[&other]);
    for to in [own, "cse-in/sensor/data/own/deep"] {
        world.retrieve("Cthird", to).expect(StatusCode::OK);
        world.update("Cthird", to, label()).expect(DENIED);
    }
    world.update("Cactuator", own, label()).expect(DENIED);
    world.update("Cactuator", "cse-in/sensor/data/own/deep", label()).expect(StatusCode::UPDATED);
    world.delete("Cactuator", own).expect(DENIED);
    // Several policies add up.
    protect(&mut world, own, &[&other, &policy]);
    world.update("Cactuator", own, label()).expect(StatusCode::UPDATED);
    world.retrieve("Cthird", own).expect(StatusCode::OK);
}

#[test]
fn a_policy_elsewhere_changes_nothing_for_those_who_use_none() {
    for access in [Access::Registered, Access::CreatorOnly] {
        for with_policy in [false, true] {
            let mut world = World::with(CseConfig { access, ..CseConfig::default() }).populate();
            if with_policy {
                world.register("Cthird", "third");
                let policy = acp("p", &[], &[rule("Cthird", ALL)]);
                world.create("Cthird", "cse-in/third", ACP, policy).expect(StatusCode::CREATED);
                let ae = json!({"m2m:ae": {"acpi": ["cse-in/third/p"]}});
                world.update("Cthird", "cse-in/third", ae).expect(StatusCode::UPDATED);
            }
            for from in ["Cactuator", "Cnobody", "Csensor", "CAdmin"] {
                let owns = from == "Csensor" || from == "CAdmin";
                let reads = owns || from == "Cactuator" && access == Access::Registered;
                let known = from != "Cnobody";
                let pick = |allowed, status| if allowed { status } else { DENIED };
                world.retrieve(from, DATA).expect(pick(reads, StatusCode::OK));
                world.retrieve(from, "cse-in").expect(pick(known, StatusCode::OK));
                world.retrieve(from, "cse-in/sensor/nothing").expect(pick(known, StatusCode::NOT_FOUND));
                world.update(from, "cse-in/sensor/nothing", label()).expect(pick(known, StatusCode::NOT_FOUND));
                world.create(from, "cse-in", CNT, json!({"m2m:cnt": {}})).expect(pick(known, StatusCode::CREATED));
                world.create(from, DATA, CIN, json!({"m2m:cin": {"con": ""}})).expect(pick(owns, StatusCode::CREATED));
                world.update(from, DATA, label()).expect(pick(owns, StatusCode::UPDATED));
                let discovered = world.retrieve_with(from, "cse-in/sensor", 6, json!({"fu": 1, "ty": [3]}));
                let discovered = discovered.expect(pick(reads, StatusCode::OK));
                assert_eq!(discovered.content["m2m:rrl"]["rrf"].as_array().map(Vec::len), reads.then_some(1));
                if from != "CAdmin" {
                    let subscribed = world.subscribe(from, DATA, json!({"nu": [from]}));
                    subscribed.expect(pick(reads, StatusCode::CREATED));
                }
            }
            world.delete("Cactuator", DATA).expect(DENIED);
            world.delete("Csensor", DATA).expect(StatusCode::DELETED);
        }
    }
}

#[test]
fn acpi_takes_policies_in_every_form_and_keeps_their_identifiers() {
    let mut world = World::populated();
    let policy = share(&mut world, "p", &[]);
    let other = share(&mut world, "q", &[]);
    for form in [
        "cse-in/sensor/p",
        "-/sensor/p",
        "Csensor/p",
        policy.as_str(),
        "/id-in/cse-in/sensor/p",
        &format!("/id-in/{policy}"),
        "//onem2m-ws.example/id-in/cse-in/sensor/p",
    ] {
        let content = json!({"m2m:cnt": {"acpi": [form, "cse-in/sensor/q", form]}});
        let made = world.create("Csensor", "cse-in/sensor", CNT, content.clone()).expect(StatusCode::CREATED);
        assert_eq!(made.attributes()["acpi"], json!([policy, other]), "{form}");
        let request = Request::create("cse-in/sensor", CNT, content.clone()).from("Csensor");
        let modified = world.ask(request.result_content(onem2m_ws::primitive::ResultContent(9)));
        assert_eq!(modified.expect(StatusCode::CREATED).attributes()["acpi"], json!([policy, other]));
        let updated = world.update("Csensor", &made.text("ri"), content).expect(StatusCode::UPDATED);
        assert_eq!(updated.attributes()["acpi"], json!([policy, other]));
        let none = world.update("Csensor", &made.text("ri"), json!({"m2m:cnt": {"acpi": null}}));
        assert!(none.expect(StatusCode::UPDATED).attributes().get("acpi").is_none());
    }
    // Every type that may have it; the registrations too.
    let ae = json!({"m2m:ae": {"rn": "new", "api": "N1", "rr": true, "srv": ["3"], "acpi": ["cse-in/open"]}});
    world
        .create(ADMIN, "cse-in", ACP, acp("open", &[rule("all", ALL)], &[rule("all", ALL)]))
        .expect(StatusCode::CREATED);
    world.create("Cnew", "cse-in", AE, ae).expect(StatusCode::CREATED);
    let csr = json!({"m2m:csr": {"csi": "/id-mn", "cb": "x", "rr": true, "srv": ["3"], "acpi": ["cse-in/open"]}});
    world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    let sub = json!({"rn": "s", "nu": ["Csensor"], "acpi": ["cse-in/open"]});
    world.subscribe("Csensor", DATA, sub).expect(StatusCode::CREATED);
    world.delete("Cactuator", "cse-in/sensor/data/s").expect(StatusCode::DELETED);
    let schedule = json!({"m2m:sch": {"se": {"sce": ["* * * * * * *"]}, "acpi": ["cse-in/open"]}});
    world.create("Csensor", "cse-in/sensor", ResourceType::SCHEDULE, schedule).expect(StatusCode::CREATED);
    world.create("Csensor", DATA, CIN, json!({"m2m:cin": {"con": "", "acpi": ["cse-in/open"]}})).expect(BAD);
}

#[test]
fn acpi_is_updated_alone_and_by_whom_the_self_privileges_name() {
    let mut world = World::populated();
    world.register("Cthird", "third");
    // Csensor has all privileges and no selfPrivileges; Cactuator the other way round.
    let policy = acp("p", &[rule("Csensor", ALL)], &[rule("Cactuator", ALL)]);
    let policy = world.create("Csensor", "cse-in", ACP, policy).expect(StatusCode::CREATED).text("ri");
    let free = acp("free", &[rule("all", ALL)], &[rule("all", RETRIEVE)]);
    world.create(ADMIN, "cse-in", ACP, free).expect(StatusCode::CREATED);
    let to = |name: &str| json!({"m2m:cnt": {"acpi": [name]}});
    protect(&mut world, DATA, &[&policy]);

    let both = json!({"m2m:cnt": {"acpi": ["cse-in/free"], "lbl": ["x"]}});
    for from in ["Csensor", "Cactuator", ADMIN] {
        world.update(from, DATA, both.clone()).expect(BAD);
    }
    world.update("Csensor", DATA, label()).expect(StatusCode::UPDATED);
    world.update("Cactuator", DATA, label()).expect(DENIED);
    for content in [to("cse-in/free"), json!({"m2m:cnt": {"acpi": null}})] {
        world.update("Csensor", DATA, content.clone()).expect(DENIED);
        world.update("Cthird", DATA, content).expect(DENIED);
    }
    // Those of the policies before the UPDATE count.
    world.update("Cactuator", DATA, to("cse-in/free")).expect(StatusCode::UPDATED);
    world.update("Cactuator", DATA, to(&policy)).expect(DENIED);
    protect(&mut world, DATA, &[&policy]);
    // Without acpi it is what is above that counts, and who made the resource.
    world.update("Cactuator", DATA, json!({"m2m:cnt": {"acpi": null}})).expect(StatusCode::UPDATED);
    world.update("Cactuator", DATA, to("cse-in/free")).expect(DENIED);
    world.update("Csensor", DATA, to("cse-in/free")).expect(StatusCode::UPDATED);
    world.update(ADMIN, DATA, json!({"m2m:cnt": {"acpi": null}})).expect(StatusCode::UPDATED);
    protect(&mut world, "cse-in/sensor", &[&policy]);
    world.create(ADMIN, "cse-in/sensor", CNT, container("made")).expect(StatusCode::CREATED);
    world.update("Csensor", "cse-in/sensor/made", to("cse-in/free")).expect(DENIED);
    world.update("Cactuator", "cse-in/sensor/made", to("cse-in/free")).expect(StatusCode::UPDATED);
}

#[test]
fn a_policy_that_is_gone_grants_nothing_and_none_takes_its_place() {
    let mut world = World::populated();
    let expiring = json!({"m2m:acp": {"rn": "p", "et": "20270115T080010",
        "pv": {"acr": [rule("all", ALL)]}, "pvs": {"acr": [rule("Csensor", ALL)]}}});
    for expires in [false, true] {
        world.create("Csensor", "cse-in", ACP, expiring.clone()).expect(StatusCode::CREATED);
        let other = share(&mut world, if expires { "r" } else { "q" }, &[rule("Cactuator", RETRIEVE)]);
        let both = json!({"m2m:cnt": {"acpi": ["cse-in/p", other]}});
        world.update(ADMIN, DATA, both).expect(StatusCode::UPDATED);
        world.update("Cactuator", DATA, label()).expect(StatusCode::UPDATED);
        if expires {
            world.advance(11);
        } else {
            world.delete("Csensor", "cse-in/p").expect(StatusCode::DELETED);
        }
        // The other one holds still.
        world.update("Cactuator", DATA, label()).expect(DENIED);
        world.retrieve("Cactuator", DATA).expect(StatusCode::OK);
        world.delete("Csensor", &other).expect(StatusCode::DELETED);
        // Another one of the same name and by somebody else is another one.
        let taken = acp("p", &[rule("all", ALL)], &[rule("Cactuator", ALL)]);
        world.create("Cactuator", "cse-in", ACP, taken).expect(StatusCode::CREATED);
        for from in ["Cactuator", "Csensor"] {
            world.retrieve(from, DATA).expect(DENIED);
            world.update(from, DATA, json!({"m2m:cnt": {"acpi": null}})).expect(DENIED);
        }
        world.delete("Cactuator", "cse-in/p").expect(StatusCode::DELETED);
        world.update(ADMIN, DATA, json!({"m2m:cnt": {"acpi": null}})).expect(StatusCode::UPDATED);
        world.update("Csensor", DATA, label()).expect(StatusCode::UPDATED);
    }
}

#[test]
fn entities_behind_other_cses_are_known_by_their_identifiers() {
    let mut world = World::populated();
    for (csi, spi) in [("/id-mn", None), ("/id-far", Some("//far.example"))] {
        let mut csr = json!({"m2m:csr": {"csi": csi, "cb": "x", "rr": true, "srv": ["3"], "dcse": ["/id-asn"]}});
        if let Some(spi) = spi {
            csr["m2m:csr"]["spi"] = json!(spi);
            csr["m2m:csr"]["dcse"] = json!([]);
        }
        world.create(csi, "cse-in", CSR, csr).expect(StatusCode::CREATED);
    }
    let everybody = [
        "/id-mn",
        "/id-mn/Cx",
        "//onem2m-ws.example/id-mn/Cx",
        "/id-asn/Cx",
        "/id-far",
        "/id-far/Cx",
        "//far.example/id-far/Cx",
        "//far.example/id-far",
        "Cactuator",
        "/id-in/Cactuator",
    ];
    for (acor, granted) in [
        ("/id-mn", &everybody[..1]),
        ("/id-mn/Cx", &everybody[1..3]),
        ("//onem2m-ws.example/id-mn/C*", &everybody[1..3]),
        ("/id-asn/Cx", &everybody[3..4]),
        // It belongs to another service provider, whose name is part of its own.
        ("/id-far/Cx", &[]),
        ("/id-far", &[]),
        ("//far.example/id-far/Cx", &everybody[5..7]),
        ("//far.example/id-far", &["/id-far", "//far.example/id-far"]),
        ("//far.example/*/C*", &everybody[5..7]),
        ("all", &everybody),
    ] {
        let policy = share(&mut world, "p", &[rule(acor, RETRIEVE)]);
        protect(&mut world, DATA, &[&policy]);
        let may: Vec<&str> =
            everybody.into_iter().filter(|from| world.retrieve(from, DATA).response.status == StatusCode::OK).collect();
        assert_eq!(may, granted, "{acor}");
        world.delete("Csensor", &policy).expect(StatusCode::DELETED);
    }
    // Whoever is not registered is not of "all".
    world.retrieve("Cnobody", DATA).expect(DENIED);
}

#[test]
fn discovery_and_children_show_what_one_may() {
    let mut world = World::populated();
    let finds = share(&mut world, "f", &[rule("Cactuator", DISCOVERY)]);
    let reads = share(&mut world, "r", &[rule("Cactuator", RETRIEVE)]);
    let both = share(&mut world, "b", &[rule("Cactuator", RETRIEVE | DISCOVERY)]);
    for (name, policy) in [("finds", &finds), ("reads", &reads), ("both", &both)] {
        let content = json!({"m2m:cnt": {"rn": name, "acpi": [policy]}});
        world.create("Csensor", DATA, CNT, content).expect(StatusCode::CREATED);
        world.create("Csensor", &format!("{DATA}/{name}"), CNT, container("below")).expect(StatusCode::CREATED);
    }
    let names = |reply: &Reply, list: &str, entry: &str| -> Vec<String> {
        let list = reply.attributes()[list].as_array().cloned().unwrap_or_default();
        list.iter().map(|each| each[entry].as_str().unwrap_or_default().to_owned()).collect()
    };
    let reply = world.ask(Request::discover(DATA, FilterCriteria::new()).from("Cactuator")).expect(StatusCode::OK);
    let below = |names: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| [format!("{DATA}/{name}"), format!("{DATA}/{name}/below")]).collect()
    };
    assert_eq!(found(&reply), below(&["finds", "both"]));
    for rcn in [5, 6] {
        let reply = world.retrieve_with("Cactuator", DATA, rcn, json!({})).expect(StatusCode::OK);
        assert_eq!(names(&reply, if rcn == 5 { "ch" } else { "rrf" }, "val"), below(&["reads", "both"]));
    }
    for rcn in [4, 8] {
        let reply = world.retrieve_with("Cactuator", DATA, rcn, json!({})).expect(StatusCode::OK);
        assert_eq!(names(&reply, "m2m:cnt", "rn"), ["reads", "both"]);
    }
    let all = world.ask(Request::discover(DATA, FilterCriteria::new()).from("Csensor")).expect(StatusCode::OK);
    assert_eq!(found(&all), below(&["finds", "reads", "both"]));
}

#[test]
fn a_subscriber_is_told_of_what_it_may_retrieve() {
    let mut world = World::populated();
    let policy = share(&mut world, "p", &[rule("Cactuator", CREATE | RETRIEVE)]);
    let secret = share(&mut world, "secret", &[]);
    protect(&mut world, DATA, &[&policy]);
    let sub = json!({"rn": "s", "nu": ["Cactuator"], "enc": {"net": [1, 3, 4]}});
    world.subscribe("Cactuator", DATA, sub.clone()).expect(StatusCode::CREATED);
    let own = json!({"rn": "own", "nu": ["Csensor"], "enc": {"net": [1, 3, 4]}});
    world.subscribe("Csensor", DATA, own).expect(StatusCode::CREATED);
    world.notifications();
    let told = |world: &mut World| -> Vec<String> { world.notifications().into_iter().map(|(who, _)| who).collect() };
    world.reading("1").expect(StatusCode::CREATED);
    assert_eq!(told(&mut world), ["Cactuator", "Csensor"]);
    // A child that it may not see.
    let hidden = json!({"m2m:cnt": {"rn": "hidden", "acpi": [secret]}});
    world.create("Csensor", DATA, CNT, hidden).expect(StatusCode::CREATED);
    world.delete("Csensor", "cse-in/sensor/data/hidden").expect(StatusCode::DELETED);
    assert_eq!(told(&mut world), ["Csensor", "Csensor"]);
    // A privilege that is taken away, and given back.
    for (acop, expected) in [(CREATE, &["Csensor"][..]), (RETRIEVE, &["Cactuator", "Csensor"])] {
        let pv = json!({"acr": [rule("Csensor", ALL), rule("Cactuator", acop)]});
        world.update("Csensor", &policy, json!({"m2m:acp": {"pv": pv}})).expect(StatusCode::UPDATED);
        world.reading("2").expect(StatusCode::CREATED);
        world.update("Csensor", DATA, label()).expect(StatusCode::UPDATED);
        assert_eq!(told(&mut world), [expected, expected].concat());
    }
}

#[test]
fn a_verification_does_not_outlast_the_privilege() {
    let mut world = World::populated();
    world.register("Cthird", "third");
    let policy = share(&mut world, "p", &[rule("Cactuator", CREATE | RETRIEVE)]);
    protect(&mut world, DATA, &[&policy]);
    let subscribe = Request::create(DATA, SUB, json!({"m2m:sub": {"nu": ["Cthird"]}})).from("Cactuator");
    let Answer::Later(_) = world.answer(&subscribe.request_id("q")) else { panic!("the target is asked") };
    let [(id, _, _)] = &world.verifications()[..] else { panic!("one target") };
    world.delete("Csensor", &policy).expect(StatusCode::DELETED);
    world.verified(*id, Some(StatusCode::OK));
    let [(_, reply)] = &world.late_answers()[..] else { panic!("one answer") };
    assert_eq!(reply.response.status, DENIED);
}

#[test]
fn the_limits_of_policies_hold_at_their_edge() {
    let limits = Limits { rules: 2, originators: 3, policies: 2, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() }).populate();
    let full = StatusCode::NOT_ACCEPTABLE;
    let rules = |count: usize| json!({"acr": vec![rule("Csensor", ALL); count]});
    let wide = |count: usize| {
        let mut acor: Vec<String> = (1..count).map(|number| format!("C{number}")).collect();
        acor.extend(["C*", "all", "C*"].map(str::to_owned));
        json!({"acr": [rule("Csensor", ALL), {"acor": acor, "acop": 1}]})
    };
    for (inside, beyond, named) in [(rules(2), rules(3), "rules"), (wide(3), wide(4), "originators")] {
        for (pv, pvs, status) in
            [(&inside, &inside, StatusCode::CREATED), (&beyond, &inside, full), (&inside, &beyond, full)]
        {
            let content = json!({"m2m:acp": {"pv": pv, "pvs": pvs}});
            let made = world.create("Csensor", "cse-in/sensor", ACP, content.clone()).expect(status);
            if status == full {
                assert!(made.debug().contains(named), "{}", made.debug());
                continue;
            }
            let to = made.text("ri");
            world.update("Csensor", &to, content).expect(StatusCode::UPDATED);
            let refused = world.update("Csensor", &to, json!({"m2m:acp": {"pv": beyond}})).expect(full);
            assert!(refused.debug().contains(named), "{}", refused.debug());
        }
    }
    let names = ["p", "q", "r"];
    for name in names {
        share(&mut world, name, &[]);
    }
    let paths = names.map(|name| format!("cse-in/sensor/{name}"));
    for (count, status) in [(2, StatusCode::UPDATED), (3, full)] {
        world.update("Csensor", DATA, json!({"m2m:cnt": {"acpi": paths[..count]}})).expect(status);
    }
    let Limits { rules, originators, policies, .. } = Limits::default();
    assert_eq!((rules, originators, policies), (32, 64, 16));
}

#[test]
fn policies_and_acpi_are_there_after_a_restart() {
    let mut kept = Kept::new();
    let mut world = World::restored(CseConfig::default(), start(), &kept).populate();
    // The policy is younger than what it is for.
    let policy = share(&mut world, "p", &[rule("C*tuator", RETRIEVE)]);
    let gone = share(&mut world, "gone", &[rule("all", ALL)]);
    protect(&mut world, DATA, &[&policy, &gone]);
    world.delete("Csensor", &gone).expect(StatusCode::DELETED);
    world.reading("1").expect(StatusCode::CREATED);
    for change in world.cse.take_changes() {
        kept.extend(change.resource.map(|resource| (change.ri, resource)));
    }
    // Limits that have become narrower do not end what there is.
    let limits = Limits { rules: 1, originators: 0, policies: 1, ..Limits::default() };
    let mut after = World::restored(CseConfig { limits, ..CseConfig::default() }, world.now, &kept);
    for world in [&mut world, &mut after] {
        world.register("Cthird", "third");
        world.retrieve("Cactuator", "cse-in/sensor/data/la").expect(StatusCode::OK);
        world.update("Cactuator", DATA, label()).expect(DENIED);
        world.retrieve("Cthird", DATA).expect(DENIED);
        world.retrieve("Cthird", &format!("{DATA}/absent")).expect(DENIED);
        world.retrieve("Cactuator", "cse-in/sensor/p").expect(DENIED);
        world.update("Csensor", DATA, json!({"m2m:cnt": {"acpi": null}})).expect(StatusCode::UPDATED);
        world.retrieve("Cthird", DATA).expect(StatusCode::OK);
    }
}
