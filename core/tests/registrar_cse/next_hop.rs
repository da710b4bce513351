//! A CSE that has a registrar: where requests for other CSEs go, and who may come from there.

use onem2m_ws::primitive::{CseType, Request, ResourceType, StatusCode};
use onem2m_ws::registrar::{Answer, CseConfig, Effect};
use serde_json::json;

use crate::harness::*;

/// `/id-in`, an MN-CSE here, whose registrar is `/id-up`; `/id-low` is registered at it, with `/id-lowest` behind.
fn world() -> World {
    let config = CseConfig { cse_type: CseType::MN_CSE, registrar: "/id-up".to_owned(), ..CseConfig::default() };
    let mut world = World::populate(World::with(config));
    let csr = json!({"m2m:csr": {"csi": "/id-low", "cb": "x", "rr": true, "srv": ["3"], "dcse": ["/id-lowest"]}});
    world.create("/id-low", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    world.effects.clear();
    world
}

fn from_registrar(world: &mut World, request: Request) -> Answer {
    let outcome = world.cse.handle_from_registrar(world.now, &request.request_id("q"));
    world.effects.extend(outcome.effects);
    outcome.answer
}

#[track_caller]
fn status(answer: Answer) -> StatusCode {
    let Answer::Response(response) = answer else { panic!("a response was expected, not {answer:?}") };
    response.status
}

#[test]
fn ws_5_2_2_what_is_for_a_cse_that_is_not_registered_goes_to_the_registrar() {
    let mut world = world();
    for (from, to, hop, sees) in [
        ("Csensor", "/id-up/cse/x", "/id-up", "/id-in/Csensor"),
        ("Csensor", "/id-far/cse/x", "/id-up", "/id-in/Csensor"),
        ("CAdmin", "//onem2m-ws.example/id-far", "/id-up", "/id-in/CAdmin"),
        ("Csensor", "//elsewhere.example/id-far/cse", "/id-up", "/id-in/Csensor"),
        ("/id-low/Cx", "/id-far/cse/x", "/id-up", "/id-low/Cx"),
        ("/id-lowest/Cx", "/id-up", "/id-up", "/id-lowest/Cx"),
        ("Csensor", "/id-low/cse/x", "/id-low", "/id-in/Csensor"),
        ("Csensor", "/id-lowest/cse/x", "/id-low", "/id-in/Csensor"),
    ] {
        let request = Request::retrieve(to).from(from).request_id("q");
        let Answer::Forward { entity, request } = world.answer(&request) else { panic!("{to} is forwarded") };
        assert_eq!((short(&entity).as_str(), request.from.as_deref(), request.to.as_str()), (hop, Some(sees), to));
    }
    for (from, to) in [("/id-up/Cx", "/id-low/cse/x"), ("/id-far/Cx", "/id-lowest/cse/x"), ("/id-up", "/id-low")] {
        let answer = from_registrar(&mut world, Request::retrieve(to).from(from));
        let Answer::Forward { entity, .. } = answer else { panic!("{to} is forwarded, not {answer:?}") };
        assert_eq!(short(&entity), "/id-low");
    }
}

#[test]
fn ws_5_2_2_nothing_goes_back_to_where_it_came_from() {
    let mut world = world();
    for (from, to) in [
        ("/id-up", "/id-up/cse/x"),
        ("/id-up/Cx", "/id-far/cse"),
        ("/id-far/Cx", "/id-other/cse"),
        ("/id-far/Cx", "//elsewhere.example/id-x"),
    ] {
        let answer = from_registrar(&mut world, Request::retrieve(to).from(from));
        assert_eq!(status(answer), StatusCode::NOT_FOUND, "{from} {to}");
    }
    world.retrieve("/id-low/Cx", "/id-lowest/Cx").expect(StatusCode::NOT_FOUND);
    // What is for this CSE is not looked for elsewhere.
    world.retrieve("Csensor", "/id-in/cse-in/nothing").expect(StatusCode::NOT_FOUND);
}

#[test]
fn ws_5_2_2_who_is_behind_the_registrar_is_known_by_the_way_only() {
    let mut world = world();
    let data = "cse-in/sensor/data";
    for from in ["/id-up", "/id-up/CAdmin", "//onem2m-ws.example/id-up/Cx", "/id-far", "/id-far/Cx", "/Sfar"] {
        let answer = from_registrar(&mut world, Request::retrieve(data).from(from));
        assert_eq!(status(answer), StatusCode::OK, "{from}");
        let answer = from_registrar(&mut world, Request::delete(data).from(from));
        assert_eq!(status(answer), StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, "{from}");
        world.retrieve(from, data).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    }
    // Those of this CSE, and those below it, do not come from there.
    for from in ["Csensor", "/id-in/Csensor", "CAdmin", "/id-in/CAdmin", "/id-in", "/id-low", "/id-lowest/Cx", "", "C"]
    {
        let answer = from_registrar(&mut world, Request::retrieve(data).from(from));
        assert!(status(answer).is_error(), "{from}");
    }
    // A CSE that asks for the <remoteCSE> of its last life still learns that there is none, and may register.
    world.retrieve("/id-new", "cse-in/id-new").expect(StatusCode::NOT_FOUND);
    let csr = json!({"m2m:csr": {"csi": "/id-new", "cb": "x", "rr": true, "srv": ["3"]}});
    world.create("/id-new", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    let csr = json!({"m2m:csr": {"csi": "/id-up", "cb": "x", "rr": true, "srv": ["3"]}});
    world.create("/id-up", "cse-in", CSR, csr).expect(StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED);
}

#[test]
fn ws_5_2_2_the_remote_cse_of_the_registrar_is_there_and_stays() {
    let mut world = world();
    let registrar = world.retrieve("CAdmin", "cse-in/id-up").expect(StatusCode::OK);
    assert_eq!(registrar.text("csi"), "/id-up");
    assert_eq!(registrar.attributes()["rr"], true);
    world.delete("CAdmin", "cse-in/id-up").expect(StatusCode::OPERATION_NOT_ALLOWED);
    let answer = from_registrar(&mut world, Request::delete("cse-in/id-up").from("/id-up"));
    assert_eq!(status(answer), StatusCode::OPERATION_NOT_ALLOWED);
    assert_eq!(world.retrieve("CAdmin", "cse-in").attributes()["cst"], 2);

    let base = json!({"rn": "cse-up", "cst": 1, "poa": ["ws://up.example"], "srv": ["2a", "3"], "csz": 7, "x": 1});
    world.cse.note_registrar(world.now, base.as_object().unwrap());
    let noted = world.retrieve("CAdmin", "cse-in/id-up");
    assert_eq!(noted.attributes()["cb"], "/id-up/cse-up");
    assert_eq!(noted.attributes()["poa"], json!(["ws://up.example"]));
    assert_eq!(noted.attributes()["csz"], json!(null), "what is no value of it is left out");
    assert_eq!(noted.attributes()["x"], json!(null));
}

/// To whom notifications go since the last call, and for whom they are.
fn told(world: &mut World) -> Vec<String> {
    let effects = std::mem::take(&mut world.effects);
    let told = effects.into_iter().filter_map(|effect| match effect {
        Effect::Notify { entity, request } => Some(format!("{} {}", short(&entity), request.to)),
        _ => None,
    });
    told.collect()
}

#[test]
fn ws_5_2_2_notifications_for_those_behind_the_registrar_go_to_it_once_they_are_verified() {
    let mut world = world();
    world.cse.note_registrar(world.now, json!({"srv": ["2a", "3"]}).as_object().unwrap());
    let subscription = json!({"m2m:sub": {"nu": ["/id-up/Cx", "/id-far/Cy"]}});
    let request = Request::create("cse-in/sensor/data", ResourceType::SUBSCRIPTION, subscription).from("/id-far/Cy");
    assert!(matches!(from_registrar(&mut world, request), Answer::Later(_)));
    let asked = world.verifications();
    assert_eq!(asked.len(), 1, "the originator agrees");
    let (id, entity, request) = &asked[0];
    assert_eq!(
        (entity.as_str(), request.to.as_str(), request.from.as_deref()),
        ("/id-up", "/id-up/Cx", Some("/id-in"))
    );
    assert_eq!(request.release_version.as_deref(), Some("3"), "the newest that both know");
    world.verified(*id, Some(StatusCode::OK));
    assert_eq!(world.late_answers()[0].1.response.status, StatusCode::CREATED);
    world.create("Csensor", "cse-in/sensor/data", CIN, json!({"m2m:cin": {"con": "1"}})).expect(StatusCode::CREATED);
    assert_eq!(told(&mut world), [""; 0], "net 1 is an update of the container");
    world.update("Csensor", "cse-in/sensor/data", json!({"m2m:cnt": {"lbl": ["x"]}})).expect(StatusCode::UPDATED);
    assert_eq!(told(&mut world), ["/id-up /id-up/Cx", "/id-up /id-far/Cy"]);
}
