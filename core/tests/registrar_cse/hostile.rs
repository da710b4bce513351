//! Whatever comes, the CSE answers, stays within its bounds and keeps its books.

use bytes::Bytes;
use onem2m_ws::primitive::{
    AbsRelTimestamp, Content, Format, IdResultType, Request, ResourceType, ResponseType, ResponseTypeInfo,
    ResultContent, StatusCode,
};
use onem2m_ws::registrar::{Access, Answer, CseConfig, Effect, Limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::*;

const RESOURCES: usize = 40;

pub(crate) fn small() -> CseConfig {
    let limits = Limits {
        resources: RESOURCES,
        total_bytes: 20_000,
        content_bytes: 2_000,
        nesting: 4,
        results: 10,
        instances: 5,
        subscriptions: 4,
        notification_targets: 3,
        verifications: 3,
        ..Limits::default()
    };
    CseConfig { limits, ..CseConfig::default() }
}

fn entity() -> impl Strategy<Value = String> {
    let usual = vec!["Csensor", "Cactuator", "CAdmin", "/id-mn", "/id-mn/Cfar", "Snew", "/Snew"];
    let odd = vec!["C", "S", "", "/", "//", "/id-in", "//onem2m-ws.example/id-in/Csensor", "Xfoo"];
    prop_oneof![
        7 => prop::sample::select(usual).prop_map(str::to_owned),
        2 => prop::sample::select(odd).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn address() -> impl Strategy<Value = String> {
    let name = || {
        prop::sample::select(vec![
            "cse-in", "-", "id-in", "sensor", "actuator", "data", "s", "la", "ol", "Csensor", "a", "..", "", "id-mn",
            "Snew",
        ])
    };
    prop_oneof![
        6 => prop::sample::select(vec![
            "cse-in", "cse-in/sensor", "cse-in/sensor/data", "cse-in/sensor/data/la", "cse-in/sensor/data/s",
            "cse-in/sensor/data/a", "cse-in/sensor/p", "/id-in/cse-in", "/id-mn/x", "Cactuator", "cse-in/sensor/data#cni",
        ]).prop_map(str::to_owned),
        3 => prop::collection::vec(name(), 0..6).prop_map(|names| names.join("/")),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0_u64, 1, 2, 3, 4, 5, 16, 23, 10_000, u64::MAX]).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "20270115T080003",
            "20991231T235959",
            "x",
            "Ntest",
            "text/plain:0",
            "/id-mn",
            "la",
            "a",
            "s",
            "all",
            "C*",
            "cse-in/sensor/p",
        ])
        .prop_map(Value::from),
        entity().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((member(), inner), 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "rn", "lbl", "et", "api", "rr", "srv", "poa", "mni", "mbs", "mia", "con", "cnf", "cr", "nu", "enc", "net",
        "chty", "atr", "nct", "exc", "su", "csi", "cb", "cst", "dcse", "spi", "ty", "fu", "fo", "lim", "ofst", "lvl",
        "cra", "ms", "sza", "nm", "val", "ri", "acpi", "pv", "pvs", "acr", "acor", "acop", "acco", "xyz", "",
    ])
    .prop_map(str::to_owned)
}

/// A request that is right, or was.
fn sound() -> impl Strategy<Value = Request> {
    let data = "cse-in/sensor/data";
    let ae = json!({"m2m:ae": {"rn": "new", "api": "Ntest", "rr": true, "srv": ["3"]}});
    let csr = json!({"m2m:csr": {"rn": "id-mn", "csi": "/id-mn", "cb": "/id-mn/x", "rr": true, "srv": ["3"]}});
    let cin = json!({"m2m:cin": {"con": "12345"}});
    let cnt = |name: &str| json!({"m2m:cnt": {"rn": name}});
    let sub =
        |target: &str| json!({"m2m:sub": {"nu": [target], "exc": 2, "enc": {"net": [1, 2, 3, 4]}, "su": "Cactuator"}});
    let rules =
        |acop: u8| json!({"acr": [{"acor": ["Csensor"], "acop": 63}, {"acor": ["C*", "/id-mn"], "acop": acop}]});
    let policy = |acop: u8| json!({"m2m:acp": {"rn": "p", "pv": rules(acop), "pvs": rules(acop)}});
    let guard = |root: &str| json!({ root: {"acpi": ["cse-in/sensor/p"]} });
    let bounds = json!({"m2m:cnt": {"mni": 2, "mbs": 12, "mia": 2, "lbl": ["x"]}});
    let mut requests = vec![
        Request::create("cse-in", AE, ae).from("Snew"),
        Request::create("cse-in", AE, json!({"m2m:ae": {"rn": "sensor", "api": "Ntest"}})).from("Csensor"),
        Request::create("cse-in", CSR, csr).from("/id-mn"),
        Request::create("cse-in/sensor", CNT, cnt("data")).from("Csensor"),
        Request::create(data, CNT, cnt("a")).from("Csensor"),
        Request::create("cse-in", CNT, cnt("b")).from("/id-mn/Cfar"),
        Request::create(data, SUB, sub("Csensor")).from("Csensor"),
        Request::create(data, SUB, sub("Csensor")).from("Cactuator"),
        Request::create("cse-in/sensor", SUB, sub("/id-mn/Cfar")).from("/id-mn/Cfar"),
        Request::create("cse-in", SUB, sub("Cactuator")).from("Csensor"),
        Request::update(data, bounds).from("Csensor"),
        Request::create("cse-in/sensor", ACP, policy(3)).from("Csensor"),
        Request::update("cse-in/sensor/p", json!({"m2m:acp": {"pv": rules(63), "pvs": rules(4)}})).from("Csensor"),
        Request::update(data, guard("m2m:cnt")).from("Csensor"),
        Request::update("Csensor", guard("m2m:ae")).from("Csensor"),
        Request::update(data, json!({"m2m:cnt": {"acpi": null}})).from("Csensor"),
        Request::retrieve(data).from("Cactuator"),
        Request::update("Csensor", json!({"m2m:ae": {"lbl": ["x"], "apn": null}})).from("Csensor"),
        Request::notify("Cactuator", json!({"m2m:sgn": {"sur": "x"}})).from("Csensor"),
        Request::retrieve("/id-mn/x").from("Csensor"),
    ];
    for (to, from) in [
        ("cse-in/sensor/data/ol", "Csensor"),
        ("cse-in/sensor/data/a", "Csensor"),
        (data, "Csensor"),
        ("Csensor", "Csensor"),
        ("Snew", "Snew"),
        ("cse-in/id-mn", "/id-mn"),
        ("cse-in/sensor/p", "Csensor"),
    ] {
        requests.push(Request::delete(to).from(from));
        requests.push(Request::retrieve(to).from(from));
    }
    let reading = |to: &str| Request::create(to, CIN, cin.clone()).from("Csensor");
    prop_oneof![
        2 => prop::sample::select(vec![reading(data), reading("cse-in/sensor/data/a")]),
        3 => prop::sample::select(requests),
    ]
}

fn content(near: Option<Content>) -> impl Strategy<Value = Option<Content>> {
    let near = near.and_then(|content| content.value().ok()).unwrap_or(Value::Null);
    let changed = prop::collection::vec((member(), value()), 1..3).prop_map(move |changes| {
        let mut content = near.clone();
        let resource = content.as_object_mut().and_then(|members| members.values_mut().next());
        if let Some(attributes) = resource.and_then(Value::as_object_mut) {
            attributes.extend(changes);
        }
        Some(content.into())
    });
    prop_oneof![
        12 => changed,
        1 => value().prop_map(|value| Some(value.into())),
        1 => any::<Vec<u8>>().prop_map(|bytes| Some(Content::from_encoded(Format::Json, Bytes::from(bytes)))),
        1 => Just(Some(Content::from_encoded(Format::Cbor, Bytes::from_static(&[0xa0])))),
        1 => Just(None),
    ]
}

/// A request of which some things are not right.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    let rare = |strategy| prop::option::weighted(0.06, strategy);
    let rest = (
        rare((0_u16..14).boxed()),
        rare((0_u16..4).boxed()),
        rare((0_u16..7).boxed()),
        prop::option::weighted(0.06, value()),
        prop::option::weighted(0.06, "[0-9T,]{0,16}|20270115T08000[0-9]"),
        prop::option::weighted(0.06, prop::sample::select(vec!["2a", "3", "4", "9"])),
        rare((0_u16..40).boxed()),
    );
    (sound(), rest)
        .prop_flat_map(|(request, rest)| {
            let content = content(request.content.clone());
            (
                Just(request),
                Just(rest),
                prop::option::weighted(0.3, content),
                prop::option::weighted(0.1, address()),
                prop::option::weighted(0.1, entity()),
            )
        })
        .prop_map(|(mut request, (rcn, drt, rtv, filter, rqet, rvi, ty), content, to, from)| {
            request.request_id = "r".to_owned();
            request.result_content = rcn.map(ResultContent);
            request.id_result_type = drt.map(IdResultType);
            request.response_type =
                rtv.map(|rtv| ResponseTypeInfo { value: ResponseType(rtv), notification_uris: None });
            request.filter_criteria = filter.map(Content::from);
            request.request_expiration = rqet.map(AbsRelTimestamp::from_text);
            request.release_version = rvi.map(|rvi| rvi.to_owned().into());
            if let Some(ty) = ty {
                request.resource_type = Some(ResourceType(ty.into()));
            }
            if let Some(content) = content {
                request.content = content;
            }
            if let Some(to) = to {
                request.to = to;
            }
            if let Some(from) = from {
                request.from = Some(from).filter(|from| !from.is_empty());
            }
            request
        })
}

/// Counts the resources below, and checks what containers say of what they hold.
fn audit(attributes: &Value) -> usize {
    let mut count = 0;
    for (name, children) in attributes.as_object().into_iter().flatten() {
        let Some(children) = children.as_array().filter(|_| name.starts_with("m2m:")) else { continue };
        for child in children {
            count += 1 + audit(child);
            if name == "m2m:cnt" {
                let none = Vec::new();
                let instances = child["m2m:cin"].as_array().unwrap_or(&none);
                assert_eq!(child["cni"], instances.len());
                let bytes: u64 = instances.iter().filter_map(|cin| cin["cs"].as_u64()).sum();
                assert_eq!(child["cbs"], bytes);
            }
        }
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_comes_breaks_it(
        requests in prop::collection::vec((request(), 0_u64..3, any::<Option<bool>>()), 1..60),
        closed in any::<bool>(),
    ) {
        let access = if closed { Access::CreatorOnly } else { Access::Registered };
        let mut world = World::with(CseConfig { access, ..small() }).populate();
        let mut waiting = Vec::new();
        for (request, seconds, agree) in requests {
            world.advance(seconds);
            let before = world.cse.resources();
            let expires = world.cse.deadline().is_some_and(|deadline| deadline <= world.now);
            match world.answer(&request) {
                Answer::Response(response) => {
                    prop_assert!(response.status.name().is_some());
                    prop_assert!(response.status != StatusCode::INTERNAL_SERVER_ERROR);
                    if response.status.is_error() {
                        prop_assert!(expires || world.cse.resources() == before, "a refusal changes nothing");
                        let debug = Reply::new(response).debug().to_owned();
                        prop_assert!(debug.chars().all(|c| !c.is_control()), "{debug:?}");
                        prop_assert!(debug.len() < 1000);
                    }
                }
                Answer::Later(ticket) => waiting.push(ticket),
                Answer::Forward { entity, .. } => prop_assert!(world.cse.is_registered(&entity)),
                Answer::NoResponse => {}
            }
            if let Some(agree) = agree {
                for (id, ..) in world.verifications() {
                    world.verified(id, agree.then_some(StatusCode::OK));
                }
            }
            prop_assert!(world.cse.resources() <= RESOURCES);
        }
        // Every request that waits is answered.
        world.advance(3600);
        world.sweep();
        let answered = world.effects.iter().filter(|effect| matches!(effect, Effect::Respond { .. })).count();
        prop_assert_eq!(answered, waiting.len());
        prop_assert!(world.cse.deadline().is_none_or(|deadline| deadline > world.now));
    }

    #[test]
    fn the_books_are_right(
        requests in prop::collection::vec((request(), 0_u64..3), 1..60),
    ) {
        let config = CseConfig { limits: Limits { results: 1000, ..small().limits }, ..small() };
        let mut world = World::with(config).populate();
        for (request, seconds) in requests {
            world.advance(seconds);
            let _ = world.answer(&request);
        }
        let tree = world.retrieve_with(ADMIN, "cse-in", 8, json!({}));
        prop_assert_eq!(audit(tree.attributes()) + 1, world.cse.resources());
    }

    #[test]
    fn patterns_match_as_expected(text in "[ab]{0,8}", pattern in "[ab*]{0,6}") {
        // The slow, obvious way.
        fn matches(text: &[u8], pattern: &[u8]) -> bool {
            match (text, pattern) {
                ([], []) => true,
                (_, [b'*', rest @ ..]) => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
                ([t, text @ ..], [p, pattern @ ..]) => t == p && matches(text, pattern),
                _ => false,
            }
        }
        let mut world = World::populated();
        world.reading(&text).expect(StatusCode::CREATED);
        let criteria = json!({"fu": 1, "ty": [4], "atr": [{"nm": "con", "val": pattern}]});
        let reply = world.ask(Request::retrieve("cse-in").from("Csensor").filter(criteria));
        prop_assert_eq!(found(&reply).len() == 1, matches(text.as_bytes(), pattern.as_bytes()));
    }
}

#[test]
fn deep_content_is_refused_and_not_followed() {
    for depth in [200, 100_000] {
        for (open, close) in [("[", "]"), ("{\"m2m:cin\":", "}")] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let mut config = small();
            config.limits.content_bytes = usize::MAX;
            let mut world = World::with(config).populate();
            let content = Content::from_encoded(Format::Json, text.into());
            let request = Request::create("cse-in/sensor/data", CIN, content.clone()).from("Csensor");
            world.ask(request).expect(StatusCode::BAD_REQUEST);
            world.ask(Request::retrieve("cse-in").from("Csensor").filter(content)).expect(StatusCode::BAD_REQUEST);
        }
    }
}
