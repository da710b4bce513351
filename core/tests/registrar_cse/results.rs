//! What responses carry (TS-0001 8.1.2, `rcn`).

use onem2m_ws::primitive::{Request, ResultContent, StatusCode};
use serde_json::{Value, json};

use crate::harness::*;

const DATA: &str = "cse-in/sensor/data";

fn names(content: &Value) -> Vec<&str> {
    content.as_object().map(|members| members.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn each_operation_has_its_own_result_contents() {
    let bad = StatusCode::BAD_REQUEST;
    for rcn in 0..=13_u16 {
        let rcn_of = |allowed: &[u16], status| if allowed.contains(&rcn) { status } else { bad };
        let mut world = World::populated();
        let with = |request: Request| request.from("Csensor").result_content(ResultContent(rcn));
        let create = with(Request::create(DATA, CNT, json!({"m2m:cnt": {"rn": "x"}})));
        world.ask(create).expect(rcn_of(&[0, 1, 2, 3, 7, 9], StatusCode::CREATED));
        world.ask(with(Request::retrieve(DATA))).expect(rcn_of(&[1, 4, 5, 6, 8], StatusCode::OK));
        let update = with(Request::update(DATA, json!({"m2m:cnt": {"lbl": []}})));
        world.ask(update).expect(rcn_of(&[0, 1, 9], StatusCode::UPDATED));
        world.ask(with(Request::delete(DATA))).expect(rcn_of(&[0, 1, 4, 5, 6, 8], StatusCode::DELETED));
    }
}

#[test]
fn results_of_create() {
    let mut world = World::populated();
    let mut create = |rcn: Option<u16>, name: &str| {
        let content = json!({"m2m:cnt": {"rn": name, "mni": 3}});
        let mut request = Request::create(DATA, CNT, content).from("Csensor");
        request.result_content = rcn.map(ResultContent);
        world.ask(request).expect(StatusCode::CREATED).content
    };
    let all = ["rn", "ty", "ri", "pi", "ct", "lt", "et", "mni", "st", "cni", "cbs"];
    assert_eq!(names(&create(None, "a")["m2m:cnt"]), all);
    assert_eq!(names(&create(Some(1), "b")["m2m:cnt"]), all);
    assert_eq!(names(&create(Some(7), "c")["m2m:cnt"]), all);
    assert_eq!(create(Some(0), "d"), Value::Null);
    assert_eq!(create(Some(2), "e"), json!({"m2m:uri": "cse-in/sensor/data/e"}));
    let both = create(Some(3), "f");
    assert_eq!(names(&both["m2m:rce"]["m2m:cnt"]), all);
    assert_eq!(both["m2m:rce"]["uri"], "cse-in/sensor/data/f");
    assert_eq!(names(&create(Some(9), "g")["m2m:cnt"]), ["ty", "ri", "pi", "ct", "lt", "et", "st", "cni", "cbs"]);
}

#[test]
fn results_of_update() {
    let mut world = World::populated();
    world.advance(1);
    let mut update = |rcn: Option<u16>| {
        let mut request = Request::update(DATA, json!({"m2m:cnt": {"mni": 3, "lbl": null}})).from("Csensor");
        request.result_content = rcn.map(ResultContent);
        world.ask(request).expect(StatusCode::UPDATED).content
    };
    let all = ["rn", "ty", "ri", "pi", "ct", "lt", "et", "st", "cni", "cbs", "mni"];
    assert_eq!(names(&update(None)["m2m:cnt"]), all);
    assert_eq!(names(&update(Some(1))["m2m:cnt"]), all);
    assert_eq!(update(Some(0)), Value::Null);
    assert_eq!(update(Some(9)), json!({"m2m:cnt": {"mni": 3, "lbl": null, "st": 4}}));
}

#[test]
fn results_of_retrieve_and_delete() {
    let mut world = World::populated();
    let cnt = |name: &str| json!({"m2m:cnt": {"rn": name}});
    world.create("Csensor", DATA, CNT, cnt("inner")).expect(StatusCode::CREATED);
    for content in ["1", "2"] {
        world.reading(content).expect(StatusCode::CREATED);
    }
    world
        .create("Csensor", "cse-in/sensor/data/inner", CIN, json!({"m2m:cin": {"rn": "deep", "con": "3"}}))
        .expect(StatusCode::CREATED);
    let mut get = |rcn: u16, filter: Value| {
        world.retrieve_with("Cactuator", "Csensor", rcn, filter).expect(StatusCode::OK).content
    };

    let tree = get(4, json!({}));
    assert_eq!(tree["m2m:ae"]["api"], "Ntest");
    let data = &tree["m2m:ae"]["m2m:cnt"][0];
    assert_eq!(data["rn"], "data");
    assert_eq!(data["m2m:cin"][0]["con"], "1", "in the order of their creation");
    assert_eq!(data["m2m:cin"][1]["con"], "2");
    assert_eq!(data["m2m:cnt"][0]["m2m:cin"][0]["con"], "3");

    let children = get(8, json!({}));
    assert_eq!(names(&children["m2m:ae"]), ["m2m:cnt"]);
    assert_eq!(children["m2m:ae"]["m2m:cnt"], tree["m2m:ae"]["m2m:cnt"]);
    let shallow = get(8, json!({"lvl": 1}));
    assert!(shallow["m2m:ae"]["m2m:cnt"][0].get("m2m:cin").is_none());
    let only_containers = get(8, json!({"ty": [3]}));
    assert_eq!(only_containers["m2m:ae"]["m2m:cnt"][0]["m2m:cnt"][0]["rn"], "inner");
    assert!(only_containers["m2m:ae"]["m2m:cnt"][0].get("m2m:cin").is_none());

    // A tree shows no resource without those above it; what it does not show does not count.
    let reply = world.retrieve_with("Cactuator", "Csensor", 8, json!({"ty": [4], "lim": 1})).expect(StatusCode::OK);
    assert_eq!((&reply.content, &reply.response.additional), (&json!({"m2m:ae": {}}), &None));
    let refused = world.retrieve_with("Cactuator", "Csensor", 4, json!({"ofst": 2})).expect(StatusCode::BAD_REQUEST);
    assert!(refused.debug().contains("ofst"));
    let mut get = |rcn: u16, filter: Value| {
        world.retrieve_with("Cactuator", "Csensor", rcn, filter).expect(StatusCode::OK).content
    };
    let references = get(6, json!({"lvl": 2, "ty": [3]}));
    let expected = json!([
        {"nm": "data", "typ": 3, "val": "cse-in/sensor/data"},
        {"nm": "inner", "typ": 3, "val": "cse-in/sensor/data/inner"},
    ]);
    assert_eq!(references, json!({"m2m:rrl": {"rrf": expected}}));
    let with_references = get(5, json!({"lvl": 2, "ty": [3]}));
    assert_eq!(with_references["m2m:ae"]["ch"], expected);
    assert_eq!(with_references["m2m:ae"]["api"], "Ntest");

    let request = Request::delete("Csensor").from("Csensor").result_content(ResultContent(4));
    let deleted = world.ask(request).expect(StatusCode::DELETED);
    assert_eq!(deleted.content, tree);
    assert_eq!(world.cse.resources(), 2);
}

#[test]
fn deleting_says_nothing_unless_asked() {
    for (rcn, content) in [(None, false), (Some(0), false), (Some(1), true)] {
        let mut world = World::populated();
        let cnt = world.retrieve("Csensor", DATA).content;
        let mut request = Request::delete(DATA).from("Csensor");
        request.result_content = rcn.map(ResultContent);
        let reply = world.ask(request).expect(StatusCode::DELETED);
        assert_eq!(reply.content, if content { cnt } else { Value::Null });
    }
}

#[test]
fn parts_of_a_resource() {
    let mut world = World::populated();
    let with = |list: Value| {
        let mut request = Request::retrieve(DATA).from("Csensor");
        request.content = Some(json!({"m2m:atrl": list}).into());
        request
    };
    let reply = world.ask(with(json!(["cni", "rn", "mni"]))).expect(StatusCode::OK);
    assert_eq!(reply.content, json!({"m2m:cnt": {"cni": 0, "rn": "data"}}));
    for list in [json!(["nonsense"]), json!([]), json!("rn"), json!([1])] {
        world.ask(with(list)).expect(StatusCode::BAD_REQUEST);
    }
    world.ask(with(json!(["rn"])).result_content(ResultContent(4))).expect(StatusCode::BAD_REQUEST);
    let mut request = Request::retrieve(DATA).from("Csensor");
    request.content = Some(json!({"m2m:cnt": {}}).into());
    world.ask(request).expect(StatusCode::BAD_REQUEST);

    assert_eq!(world.retrieve("Csensor", &format!("{DATA}#rn")).content, json!({"m2m:cnt": {"rn": "data"}}));
    world.retrieve("Csensor", &format!("{DATA}#nonsense")).expect(StatusCode::BAD_REQUEST);
    world.delete("Csensor", &format!("{DATA}#rn")).expect(StatusCode::BAD_REQUEST);

    let mut request = Request::retrieve(DATA).from("Csensor");
    request.additional_mut().unknown.push(("atrl".to_owned(), json!(["rn"]).into()));
    assert_eq!(world.ask(request).content, json!({"m2m:cnt": {"rn": "data"}}));
}
