//! Discovery and conditional retrieval (TS-0001 8.1.2, 10.2.6).

use onem2m_ws::primitive::{ContentStatus, FilterCriteria, IdResultType, Request, StatusCode};
use onem2m_ws::registrar::{CseConfig, Limits};
use serde_json::{Value, json};

use crate::harness::*;

/// `a` (label x, created at 0), `a/b` (labels x, y, created at 10), `c` (label y, created at 20), a reading in `c`.
fn labelled() -> World {
    let mut world = World::new();
    world.register("Csensor", "sensor");
    let cnt = |name: &str, labels: Value| json!({"m2m:cnt": {"rn": name, "lbl": labels}});
    world.create("Csensor", "Csensor", CNT, cnt("a", json!(["x"]))).expect(StatusCode::CREATED);
    world.advance(10);
    world.create("Csensor", "Csensor/a", CNT, cnt("b", json!(["x", "y"]))).expect(StatusCode::CREATED);
    world.advance(10);
    world.create("Csensor", "Csensor", CNT, cnt("c", json!(["y"]))).expect(StatusCode::CREATED);
    world.advance(10);
    let cin = json!({"m2m:cin": {"rn": "r", "con": "12345", "cnf": "text/plain:0"}});
    world.create("Csensor", "Csensor/c", CIN, cin).expect(StatusCode::CREATED);
    world
}

fn discover(world: &mut World, criteria: Value) -> Vec<String> {
    let mut criteria = criteria;
    criteria["fu"] = json!(1);
    let reply = world.ask(Request::retrieve("cse-in/sensor").from("Csensor").filter(criteria)).expect(StatusCode::OK);
    found(&reply).iter().map(|path| path.strip_prefix("cse-in/sensor/").unwrap_or(path).to_owned()).collect()
}

#[test]
fn criteria() {
    for (criteria, expected) in [
        (json!({}), vec!["a", "a/b", "c", "c/r"]),
        (json!({"ty": [3]}), vec!["a", "a/b", "c"]),
        (json!({"ty": [3, 4]}), vec!["a", "a/b", "c", "c/r"]),
        (json!({"ty": 4}), vec!["c/r"]),
        (json!({"ty": [2]}), vec![]),
        (json!({"lbl": ["x"]}), vec!["a", "a/b"]),
        (json!({"lbl": ["x", "y"]}), vec!["a", "a/b", "c"]),
        (json!({"lbl": ["z"]}), vec![]),
        (json!({"lbl": ["y"], "ty": [4]}), vec![]),
        (json!({"lbl": ["y"], "ty": [4], "fo": 1}), vec![]),
        (json!({"lbl": ["y"], "ty": [4], "fo": 2}), vec!["a/b", "c", "c/r"]),
        (json!({"fo": 2}), vec!["a", "a/b", "c", "c/r"]),
        (json!({"crb": "20270115T080010"}), vec!["a"]),
        (json!({"cra": "20270115T080010"}), vec!["c", "c/r"]),
        (json!({"cra": "20270115T080000", "crb": "20270115T080020"}), vec!["a/b"]),
        (json!({"ms": "20270115T080020"}), vec!["c", "c/r"]),
        (json!({"us": "20270115T080020"}), vec!["a", "a/b"]),
        (json!({"exb": "20280101T000000"}), vec![]),
        (json!({"exa": "20280101T000000"}), vec!["a", "a/b", "c", "c/r"]),
        (json!({"stb": 0}), vec!["c", "c/r"]),
        (json!({"sts": 1}), vec!["a", "a/b"]),
        (json!({"sza": 5}), vec!["c/r"]),
        (json!({"sza": 6}), vec![]),
        (json!({"szb": 6}), vec!["c/r"]),
        (json!({"szb": 5}), vec![]),
        (json!({"cty": ["text/plain:0"]}), vec!["c/r"]),
        (json!({"cty": ["text/xml:0"]}), vec![]),
        (json!({"atr": [{"nm": "rn", "val": "a"}]}), vec!["a"]),
        (json!({"atr": [{"nm": "lbl", "val": "y"}]}), vec!["a/b", "c"]),
        (json!({"atr": [{"nm": "cs", "val": 5}]}), vec!["c/r"]),
        (json!({"atr": [{"nm": "cs", "val": "5"}]}), vec!["c/r"]),
        (json!({"atr": [{"nm": "con", "val": "1*4*"}]}), vec!["c/r"]),
        (json!({"atr": [{"nm": "con", "val": "*4"}]}), vec![]),
        (json!({"atr": [{"nm": "ty", "val": 3}, {"nm": "rn", "val": "c"}]}), vec!["c"]),
        (json!({"lvl": 1}), vec!["a", "c"]),
        (json!({"lvl": 2}), vec!["a", "a/b", "c", "c/r"]),
        (json!({"lim": 2}), vec!["a", "a/b"]),
        (json!({"lim": 0}), vec![]),
        (json!({"lim": 4}), vec!["a", "a/b", "c", "c/r"]),
        (json!({"ofst": 1, "lim": 1}), vec!["a"]),
        (json!({"ofst": 3}), vec!["c", "c/r"]),
        (json!({"ofst": 2, "lim": 2}), vec!["a/b", "c"]),
        (json!({"ofst": 9}), vec![]),
    ] {
        assert_eq!(discover(&mut labelled(), criteria.clone()), expected, "{criteria}");
    }
}

#[test]
fn criteria_are_checked() {
    let mut world = labelled();
    for (criteria, status) in [
        (json!([]), StatusCode::BAD_REQUEST),
        (json!({"xyz": 1}), StatusCode::BAD_REQUEST),
        (json!({"ty": ["3"]}), StatusCode::BAD_REQUEST),
        (json!({"lbl": [1]}), StatusCode::BAD_REQUEST),
        (json!({"cra": "yesterday"}), StatusCode::BAD_REQUEST),
        (json!({"lim": -1}), StatusCode::BAD_REQUEST),
        (json!({"lim": "1"}), StatusCode::BAD_REQUEST),
        (json!({"lvl": 0}), StatusCode::BAD_REQUEST),
        (json!({"ofst": 0}), StatusCode::BAD_REQUEST),
        (json!({"fo": 9}), StatusCode::BAD_REQUEST),
        (json!({"fo": 3}), StatusCode::NOT_IMPLEMENTED),
        (json!({"fu": 3}), StatusCode::NOT_IMPLEMENTED),
        (json!({"smf": ["x"]}), StatusCode::NOT_IMPLEMENTED),
        (json!({"atr": [{"nm": "rn"}]}), StatusCode::BAD_REQUEST),
        (json!({"atr": [{"nm": "rn", "val": {}}]}), StatusCode::BAD_REQUEST),
        (json!({"atr": ["rn"]}), StatusCode::BAD_REQUEST),
    ] {
        let mut criteria = criteria;
        if let Some(members) = criteria.as_object_mut() {
            members.entry("fu").or_insert(json!(1));
        }
        world.ask(Request::retrieve("cse-in").from("Csensor").filter(criteria)).expect(status);
    }
}

#[test]
fn forms_of_the_result() {
    let mut world = labelled();
    let mut request = Request::discover("cse-in", FilterCriteria::new().labels(["x"]).limit(1)).from("Csensor");
    let ri = world.retrieve("Csensor", "Csensor/a").text("ri");
    request.id_result_type = Some(IdResultType::UNSTRUCTURED);
    assert_eq!(found(&world.ask(request.clone())), [ri.as_str()]);
    let reply = world.ask(request.clone().result_content(onem2m_ws::primitive::ResultContent(6)));
    assert_eq!(reply.content, json!({"m2m:rrl": {"rrf": [{"nm": "a", "typ": 3, "val": ri}]}}));
    request.id_result_type = Some(IdResultType::STRUCTURED);
    assert_eq!(found(&world.ask(request.clone())), ["cse-in/sensor/a"]);
    request.id_result_type = Some(IdResultType(9));
    world.ask(request.clone()).expect(StatusCode::BAD_REQUEST);
    request.id_result_type = None;
    for rcn in [0, 1, 4, 5, 7, 8, 9, 99] {
        world
            .ask(request.clone().result_content(onem2m_ws::primitive::ResultContent(rcn)))
            .expect(StatusCode::BAD_REQUEST);
    }
    // Who is registered elsewhere must be able to use the addresses.
    let csr = json!({"m2m:csr": {"csi": "/id-mn", "cb": "x", "rr": true}});
    world.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
    request.from = Some("/id-mn/Cfar".to_owned());
    let reply = world.ask(request);
    assert_eq!(found(&reply), ["/id-in/cse-in/sensor/a"]);
    assert_eq!(world.retrieve("/id-mn/Cfar", found(&reply)[0]).text("rn"), "a");
}

#[test]
fn a_result_that_is_cut_says_so() {
    let mut world = labelled();
    let mut seen = Vec::new();
    let mut next = 1;
    loop {
        let criteria = json!({"fu": 1, "lim": 3, "ofst": next});
        let reply = world.ask(Request::retrieve("Csensor").from("Csensor").filter(criteria));
        seen.extend(found(&reply).into_iter().map(str::to_owned));
        let Some(more) = reply.response.additional else { break };
        assert_eq!(more.content_status, Some(ContentStatus::PARTIAL_CONTENT));
        next = more.content_offset.expect("where to go on");
    }
    assert_eq!(seen.len(), 4);
    assert_eq!(next, 4);
}

#[test]
fn the_limit_of_results_holds_for_everything() {
    let limits = Limits { results: 3, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() });
    world.register("Csensor", "sensor");
    for count in 1..=4 {
        world.create("Csensor", "Csensor", CNT, json!({"m2m:cnt": {}})).expect(StatusCode::CREATED);
        let reply = world.ask(Request::discover("Csensor", FilterCriteria::new().limit(100)).from("Csensor"));
        assert_eq!(found(&reply).len(), count.min(3));
        assert_eq!(reply.response.additional.is_some(), count > 3);
        let reply = world.retrieve_with("Csensor", "Csensor", 8, json!({}));
        assert_eq!(reply.attributes()["m2m:cnt"].as_array().map(Vec::len), Some(count.min(3)));
        assert_eq!(reply.response.additional.is_some(), count > 3);
        assert!(reply.response.additional.is_none_or(|more| more.content_offset.is_none()), "a tree does not go on");
    }
}

#[test]
fn conditional_retrieval_looks_at_the_target() {
    let mut world = labelled();
    for (criteria, status) in [
        (json!({"lbl": ["x"]}), StatusCode::OK),
        (json!({"lbl": ["y"]}), StatusCode::NOT_FOUND),
        (json!({"fu": 2, "lbl": ["y"]}), StatusCode::NOT_FOUND),
        (json!({"ms": "20270115T075959"}), StatusCode::OK),
        (json!({"ms": "20270115T080000"}), StatusCode::NOT_FOUND),
    ] {
        world.retrieve_with("Csensor", "Csensor/a", 1, criteria).expect(status);
    }
}
