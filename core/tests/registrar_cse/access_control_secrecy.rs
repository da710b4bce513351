//! What access control does not tell: who may not see a resource or a policy learns nothing of it (TS-0004 7.3.3.15).

use bytes::BytesMut;
use onem2m_ws::codec::encode_response;
use onem2m_ws::primitive::{Format, Request, ResourceType, ResultContent, StatusCode};
use onem2m_ws::registrar::{Access, Answer, CseConfig};
use serde_json::json;

use crate::access_control::*;
use crate::harness::*;

#[test]
fn acpi_tells_nothing_of_policies_that_one_may_not_see() {
    let mut world = World::populated();
    let hidden = acp("hidden", &[rule("all", ALL)], &[rule("CAdmin", ALL), rule("all", ALL - RETRIEVE)]);
    world.create(ADMIN, "cse-in", ACP, hidden).expect(StatusCode::CREATED);
    let mut said = Vec::new();
    for wrong in ["cse-in/hidden", "cse-in/absent", DATA, "cse-in/hidden#pv", "cse-in/sensor/data/la", "a b", "Cnobody"]
    {
        let content = json!({"m2m:cnt": {"acpi": [wrong]}});
        let refused = world.create("Csensor", "cse-in/sensor", CNT, content.clone()).expect(BAD);
        assert_eq!(world.update("Csensor", DATA, content).expect(BAD).debug(), refused.debug());
        said.push(refused.debug().replace(wrong, "X"));
    }
    assert!(said.iter().all(|text| text == &said[0]), "{said:?}");
    let elsewhere = json!({"m2m:cnt": {"acpi": ["/id-far/p"]}});
    let refused = world.update("Csensor", DATA, elsewhere).expect(StatusCode::NOT_IMPLEMENTED);
    assert!(refused.debug().contains("/id-far/p"), "{}", refused.debug());
    world.update(ADMIN, DATA, json!({"m2m:cnt": {"acpi": ["cse-in/hidden"]}})).expect(StatusCode::UPDATED);
    for malformed in [json!([]), json!([1]), json!("cse-in/hidden"), json!({})] {
        world.update(ADMIN, DATA, json!({"m2m:cnt": {"acpi": malformed}})).expect(BAD);
    }
}

/// Everything that one can ask, of a resource or of what is not there.
fn questions(from: &str, to: &str) -> Vec<Request> {
    let odd = json!({"m2m:xyz": {"acpi": 7}});
    let create = |ty| Request::create(to, ty, odd.clone());
    let mut all = vec![
        Request::retrieve(to),
        Request::retrieve(format!("{to}#lbl")),
        Request::retrieve(to).filter(json!({"fu": 1})),
        Request::retrieve(to).filter(json!({"fu": 77})),
        Request::retrieve(to).filter(json!([])),
        Request::retrieve(to).result_content(ResultContent(7)),
        Request::update(to, label()),
        Request::update(to, odd.clone()),
        Request::update(to, json!({"m2m:cnt": {"acpi": null}})),
        Request::update(format!("{to}#lbl"), label()),
        Request::delete(to),
        Request::delete(format!("{to}#lbl")),
        Request::notify(to, json!({"m2m:sgn": {}})),
    ];
    for ty in [ACP, AE, CNT, CIN, SUB, CSR, ResourceType::CSE_BASE, ResourceType::REQUEST, ResourceType::GROUP] {
        all.push(create(ty));
    }
    all.push(Request::create(to, CNT, container("c")));
    all.push(Request::create(to, SUB, json!({"m2m:sub": {"nu": [from]}})));
    all.into_iter().map(|request| request.from(from).request_id("same").release_version("3")).collect()
}

#[test]
fn who_has_no_privilege_learns_nothing_of_what_exists() {
    for access in [Access::Registered, Access::CreatorOnly] {
        let mut world = World::with(CseConfig { access, ..CseConfig::default() }).populate();
        world.register("Cthird", "third");
        let csr = json!({"m2m:csr": {"csi": "/id-mn", "cb": "x", "rr": true, "srv": ["3"]}});
        world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
        let policy = share(&mut world, "p", &[rule("Cthird", ALL)]);
        world.subscribe("Csensor", DATA, json!({"rn": "s", "nu": ["Csensor"]})).expect(StatusCode::CREATED);
        world.reading("1").expect(StatusCode::CREATED);
        world.create("Csensor", DATA, CIN, json!({"m2m:cin": {"rn": "i", "con": ""}})).expect(StatusCode::CREATED);
        world.create("Csensor", DATA, CNT, container("inner")).expect(StatusCode::CREATED);
        protect(&mut world, DATA, &[&policy]);
        let bytes = |world: &mut World, request: &Request| {
            let Answer::Response(response) = world.answer(request) else { panic!("an answer to {request:?}") };
            let mut out = BytesMut::new();
            encode_response(Format::Json, &response, &mut out).expect("it can be written");
            (response.status, out)
        };
        let there = ["s", "i", "la", "ol", "inner", "inner/ol"].map(|name| format!("{DATA}/{name}"));
        for from in ["Cactuator", "Cnobody", "/id-mn", "/id-mn/Cx", "/id-new", "", "C"] {
            let answers = |world: &mut World, to: &str| -> Vec<(StatusCode, BytesMut)> {
                questions(from, to).iter().map(|request| bytes(world, request)).collect()
            };
            let before = world.cse.resources();
            let absent = answers(&mut world, &format!("{DATA}/absent"));
            for to in &there {
                assert_eq!(answers(&mut world, to), absent, "{from} {to}");
            }
            let refused = if from.is_empty() { BAD } else { DENIED };
            assert!(absent.iter().all(|(status, _)| *status == refused), "{from}: {absent:?}");
            assert_eq!(world.cse.resources(), before);
        }
        // Who may, learns it.
        world.retrieve("Cthird", &format!("{DATA}/absent")).expect(StatusCode::NOT_FOUND);
        world.update("Cthird", &format!("{DATA}/absent"), label()).expect(StatusCode::NOT_FOUND);
        world.retrieve(ADMIN, &format!("{DATA}/absent")).expect(StatusCode::NOT_FOUND);
    }
}
