//! JSON primitives as the standard writes them: the typed fields, the order on the wire, and nothing lost on the way.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeOptions, Decoded, Deviation, Deviations, EncodeError, Primitive};
use onem2m_ws::primitive::{
    AbsRelTimestamp, Additional, Content, ContentStatus, EventCategory, Format, IdResultType, Operation, Request,
    ResourceType, Response, ResponseAdditional, ResponseType, ResponseTypeInfo, ResultContent, StatusCode,
};
use serde_json::{Value, json};

fn decode(text: &str) -> Decoded {
    let input = Bytes::copy_from_slice(text.as_bytes());
    codec::decode(Format::Json, input, &DecodeOptions::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn request(text: &str) -> Request {
    match decode(text).primitive {
        Primitive::Request(request) => *request,
        Primitive::Response(response) => panic!("{response:?}"),
    }
}

fn response(text: &str) -> Response {
    match decode(text).primitive {
        Primitive::Response(response) => response,
        Primitive::Request(request) => panic!("{request:?}"),
    }
}

fn encode(primitive: &Primitive) -> String {
    let mut out = BytesMut::new();
    match primitive {
        Primitive::Request(request) => codec::encode_request(Format::Json, request, &mut out).unwrap(),
        Primitive::Response(response) => codec::encode_response(Format::Json, response, &mut out).unwrap(),
    }
    String::from_utf8(out.to_vec()).unwrap()
}

fn vector(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn ws_a_2_every_vector_survives() {
    let mut seen = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
        let decoded = codec::decode(Format::Json, text.clone().into(), &strict)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(decoded.deviations.is_empty());
        let before: Value = serde_json::from_str(&text).unwrap();
        let after: Value = serde_json::from_str(&encode(&decoded.primitive)).unwrap();
        assert_eq!(after, before, "{}", path.display());
        // `Value` keeps the order of members: comparing text compares that.
        assert_eq!(after["pc"].to_string(), before["pc"].to_string(), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 20);
}

#[test]
fn fields_of_a_registration() {
    let request = request(&vector("01-create-ae-request"));
    assert_eq!(request.operation, Operation::Create);
    assert_eq!((request.to.as_str(), request.from.as_deref()), ("/in-cse", Some("C")));
    assert_eq!(request.request_id, "r-0001");
    assert_eq!(request.resource_type, Some(ResourceType::AE));
    assert_eq!(request.result_content, Some(ResultContent::ATTRIBUTES));
    assert_eq!(request.release_version.as_deref(), Some("3"));
    assert_eq!(request.additional, None);
    let (name, ae) = request.content.unwrap().resource().unwrap();
    assert_eq!((name.as_str(), &ae["api"]), ("m2m:ae", &json!("N.com.example.sensor")));

    let response = response(&vector("02-create-ae-response"));
    assert_eq!(response.status, StatusCode::CREATED);
    assert_eq!((response.to.as_deref(), response.from.as_deref()), (Some("CsensorAE"), Some("/in-cse")));
    assert_eq!(response.originating_timestamp.as_deref(), Some("20240501T120000"));
}

#[test]
fn fields_of_a_non_blocking_request() {
    let request = request(&vector("11-nonblocking-request"));
    let text = |text: &str| Some(AbsRelTimestamp::from_text(text));
    assert_eq!(request.request_expiration, text("20240501T121002"));
    assert_eq!(request.result_expiration, text("600000"));
    assert_eq!(request.event_category, Some(EventCategory(100)));
    let response_type = request.response_type.unwrap();
    assert_eq!(response_type.value, ResponseType::NON_BLOCKING_REQUEST_ASYNCH);
    assert_eq!(response_type.notification_uris.unwrap(), ["/in-cse/CsensorAE", "ws://192.0.2.7:8081/notify"]);
    let additional = request.additional.unwrap();
    assert_eq!(additional.operation_execution_time, text("20240501T120502,5"));
    assert_eq!(additional.result_persistence, text("3600000"));
    assert_eq!(additional.delivery_aggregation, Some(false));
    assert_eq!(additional.group_request_id.as_deref(), Some("g-1"));
    assert_eq!(additional.vendor_information.as_deref(), Some("vendor info"));
}

#[test]
fn content_and_filter_are_slices_of_the_input() {
    for name in ["04-create-cin-request", "07-discovery-request"] {
        let input = Bytes::from(vector(name));
        let decoded = codec::decode(Format::Json, input.clone(), &DecodeOptions::default()).unwrap();
        let Primitive::Request(request) = decoded.primitive else { panic!() };
        let content = request.content.or(request.filter_criteria).unwrap();
        assert!(input.as_ptr_range().contains(&content.bytes().as_ptr()), "{name}: copied");
    }
}

#[test]
fn ws_a_1_primitives_of_annex_a_are_read_and_written() {
    // TS-0020 A.1 steps 4, 6, 7 and 9, with the conversion damage of the published text taken out.
    let registration = r#"{"op": 1, "to": "//example.net/mncse1234", "rqi": "A1000", "rcn": 7,
        "pc": {"m2m:ae": {"rn": "SmartHomeApplication", "api": "Na56", "apn": "app1234"}}, "ty": 2}"#;
    let registered = r#"{"rsc": 2001, "rqi": "A1000", "pc": {"m2m:ae": {"rn": "SmartHomeApplication", "ty": 2,
        "ri": "ae1", "api": "Na56", "apn": "app1234", "pi": "cb1", "ct": "20160506T153208", "lt": "20160506T153208",
        "acpi": ["acp1", "acp2"], "et": "20180506T153208", "aei": "S_SAH25"}}}"#;
    let container = r#"{"op": 1, "to": "//example.net/mncse1234/SmartHomeApplication", "fr": "S_SAH25", "rqi": "A1001",
        "rcn": 7, "pc": {"m2m:cnt": {"rn": "SmartHomeContainer", "mbs": 100000, "mni": 500}}, "ty": 3}"#;
    let created = r#"{"rsc": 2001, "rqi": "A1001", "pc": {"m2m:cnt": {"rn": "SmartHomeContainer", "ty": 3, "ri": "cnt1",
        "pi": "ae1", "ct": "20160506T154048", "lt": "20160506T154048", "acpi": ["acp1"], "et": "20180506T154048",
        "cr": "S_SAH25", "st": 0, "mni": 500, "mbs": 100000, "cni": 0, "cbs": 0, "mia": 3600}}}"#;

    let first = request(registration);
    assert_eq!((first.operation, first.resource_type), (Operation::Create, Some(ResourceType::AE)));
    assert_eq!(first.result_content, Some(ResultContent::ORIGINAL_RESOURCE));
    assert_eq!(first.from, None, "an AE that wants an identifier has none yet");
    assert_eq!(response(registered).content.unwrap().resource().unwrap().1["aei"], "S_SAH25");
    assert_eq!(request(container).from.as_deref(), Some("S_SAH25"));
    assert_eq!(response(created).content.unwrap().resource().unwrap().1["mia"], 3600);

    for text in [registration, registered, container, created] {
        let decoded = decode(text);
        assert_eq!(decoded.deviations, Deviations::from_iter([Deviation::MissingReleaseVersion]));
        let again: Value = serde_json::from_str(&encode(&decoded.primitive)).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }
}

fn strings(items: &[&str]) -> Option<Vec<String>> {
    Some(items.iter().map(ToString::to_string).collect())
}

fn full_request() -> Request {
    let mut request = Request::create("in-cse/a", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "x"}}))
        .from("Ca")
        .request_id("r1")
        .release_version("4")
        .result_content(ResultContent::NOTHING)
        .filter(json!({"fu": 1}));
    request.originating_timestamp = Some("20240101T000000".into());
    request.request_expiration = Some(AbsRelTimestamp::from_text("1000"));
    request.result_expiration = Some(AbsRelTimestamp::from_text("2000"));
    request.response_type =
        Some(ResponseTypeInfo { value: ResponseType::NON_BLOCKING_REQUEST_ASYNCH, notification_uris: strings(&[]) });
    request.event_category = Some(EventCategory::LATEST);
    request.id_result_type = Some(IdResultType::UNSTRUCTURED);
    request.additional = Some(Box::new(Additional {
        role_ids: strings(&["role"]),
        operation_execution_time: Some(AbsRelTimestamp::from_text("3000")),
        result_persistence: Some(AbsRelTimestamp::from_text("4000")),
        delivery_aggregation: Some(true),
        group_request_id: Some("g".into()),
        tokens: strings(&["a.b.c", "d"]),
        token_ids: strings(&["t"]),
        local_token_ids: strings(&["l"]),
        token_request_indicator: Some(false),
        group_request_target_members: strings(&["m"]),
        authorization_signature_indicator: Some(true),
        authorization_signatures: strings(&["s"]),
        authorization_relationship_indicator: Some(false),
        semantic_query_indicator: Some(true),
        vendor_information: Some("v \"quoted\" \\ \u{7} \n \u{1f600}".into()),
        ontology_mapping_resources: strings(&["o"]),
        group_somecast_target_number: Some(u64::MAX),
        service_user: Some("u".into()),
        maximum_age: Some("PT1S".into()),
        unknown: vec![("xnew".into(), json!({"a": [1]}).into()), ("cnst".into(), json!(1).into())],
    }));
    request
}

fn full_response() -> Response {
    let mut response = Response::new(StatusCode::OK).request_id("r1").content(json!({"m2m:dbg": "x"}));
    response.to = Some("Ca".into());
    response.from = Some("/in-cse".into());
    response.originating_timestamp = Some("20240101T000000".into());
    response.result_expiration = Some(AbsRelTimestamp::from_text("1000"));
    response.release_version = Some("4".into());
    response.additional = Some(Box::new(ResponseAdditional {
        event_category: Some(EventCategory::BEST_EFFORT),
        content_status: Some(ContentStatus::PARTIAL_CONTENT),
        content_offset: Some(7),
        assigned_token_ids: Some(json!({"ltia": [{"lti": "l", "tkid": "t"}]}).into()),
        token_request_information: Some(json!({"dasi": []}).into()),
        authorization_signature_request: Some(true),
        vendor_information: Some("v".into()),
        service_user: Some("u".into()),
        unknown: vec![("xnew".into(), json!(null).into()), ("ty".into(), json!(2).into())],
    }));
    response
}

/// Members of an encoded primitive, in order.
fn members(text: &str) -> Vec<String> {
    serde_json::from_str::<serde_json::Map<String, Value>>(text).unwrap().keys().cloned().collect()
}

#[test]
fn every_parameter_of_a_request_round_trips_in_the_order_of_the_table() {
    let primitive = Primitive::Request(Box::new(full_request()));
    let text = encode(&primitive);
    assert_eq!(
        members(&text).join(" "),
        "op to fr rqi ty pc rids ot rqet rset oet rt rp rcn ec da gid fc drt tkns tids ltids tqi grtm asi aus auri sqi \
         rvi vsi omr gstn msu ma xnew cnst"
    );
    let decoded = decode(&text);
    assert_eq!(decoded.primitive, primitive);
    assert!(decoded.deviations.is_empty());
}

#[test]
fn every_parameter_of_a_response_round_trips_in_the_order_of_the_table() {
    let primitive = Primitive::Response(full_response());
    let text = encode(&primitive);
    assert_eq!(members(&text).join(" "), "rsc rqi pc to fr ot rset ec cnst cnot ati tqf asri rvi vsi msu xnew ty");
    let decoded = decode(&text);
    assert_eq!(decoded.primitive, primitive);
    assert!(decoded.deviations.is_empty());
}

#[test]
fn json_types_on_the_wire_follow_8_4_2() {
    let value: Value = serde_json::from_str(&encode(&Primitive::Request(Box::new(full_request())))).unwrap();
    for name in ["op", "ty", "rcn", "ec", "drt", "gstn"] {
        assert!(value[name].is_u64(), "{name}");
    }
    for name in ["to", "fr", "rqi", "rvi", "ot", "rqet", "rset", "oet", "rp", "gid", "vsi", "msu", "ma"] {
        assert!(value[name].is_string(), "{name}");
    }
    for name in ["da", "tqi", "asi", "auri", "sqi"] {
        assert!(value[name].is_boolean(), "{name}");
    }
    for name in ["rids", "tkns", "tids", "ltids", "grtm", "aus", "omr"] {
        assert!(value[name].is_array(), "{name}");
    }
    assert_eq!(value["rt"], json!({"rtv": 2, "nu": []}));
}

#[test]
fn unknown_members_and_integers_of_64_bits_are_exact() {
    let text = r#"{"rsc":2000,"rqi":"r","pc":{"m2m:cnt":{"a":18446744073709551615,"b":-9223372036854775808,"c":1.10}},"rvi":"3","big":18446744073709551615,"huge":123456789012345678901234567890,"low":-9223372036854775808}"#;
    let decoded = decode(text);
    assert_eq!(encode(&decoded.primitive), text);
    let Primitive::Response(response) = decoded.primitive else { panic!() };
    let value = response.content.unwrap().value().unwrap();
    assert_eq!(value["m2m:cnt"]["a"], u64::MAX);
    assert_eq!(value["m2m:cnt"]["b"], i64::MIN);
    let unknown = response.additional.unwrap().unknown;
    assert_eq!(unknown[0].1.value().unwrap(), u64::MAX);
    assert_eq!(unknown[2].1.value().unwrap(), i64::MIN);
}

#[test]
fn values_outside_the_tables_are_carried() {
    let text = r#"{"op":2,"to":"a","fr":"Ca","rqi":"r","ty":4294967295,"rcn":65535,"ec":999,"drt":77,"rvi":"99"}"#;
    let request = request(text);
    assert_eq!(request.resource_type, Some(ResourceType(u32::MAX)));
    assert_eq!(request.result_content.unwrap().name(), None);
    assert_eq!(encode(&Primitive::Request(Box::new(request))), text);
    assert_eq!(response(r#"{"rsc":4999,"rqi":"r"}"#).status, StatusCode(4999));
}

#[test]
fn escapes_are_undone_in_names_and_values() {
    let request = request(
        r#"{"o\u0070":1,"\u0074o":"a\/b","fr":"C\u00e9\ud83d\ude00","rqi":"\"\\\b\f\n\r\t","rvi":"3","x\ty":1}"#,
    );
    assert_eq!(request.to, "a/b");
    assert_eq!(request.from.as_deref(), Some("C\u{e9}\u{1f600}"));
    assert_eq!(request.request_id, "\"\\\u{8}\u{c}\n\r\t");
    assert_eq!(request.additional.unwrap().unknown[0].0, "x\ty");
}

#[test]
fn numbers_are_read_as_the_nearest_that_there_is() {
    let content = Content::from_encoded(Format::Json, "[184406474709573516161E5,0.1,2.2250738585072014e-308]".into());
    let exact = ["184406474709573516161E5", "0.1", "2.2250738585072014e-308"].map(|text| text.parse::<f64>().unwrap());
    assert_eq!(content.value().unwrap(), json!(exact));
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_no_trace() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut refused = |request: &Request| {
        let error = codec::encode_request(Format::Json, request, &mut out).unwrap_err();
        assert_eq!(out, &b"before"[..]);
        error
    };
    let good = Request::retrieve("a").request_id("r");
    assert_eq!(refused(&Request::retrieve("a")), EncodeError::Missing("rqi"));

    let mut other = good.clone();
    other.content = Some(Content::from_encoded(Format::Cbor, Bytes::from_static(&[0xa1])));
    assert!(matches!(refused(&other), EncodeError::BadContent { place, .. } if place == "pc"));
    let endless = b"\xa1\x61x\xa1\x61y\xf9\x7c\x00";
    other.content = Some(Content::from_encoded(Format::Cbor, Bytes::from_static(endless)));
    assert!(matches!(refused(&other), EncodeError::NotCarried { place, .. } if place == "pc/x/y"));

    // A member of these names would be read as the parameter, or make a response of the request.
    for name in ["fr", "m2m:fr", "ma", "rsc", "m2m:rsc", "op"] {
        let mut other = good.clone();
        other.additional_mut().unknown = vec![(name.into(), json!(1).into())];
        assert_eq!(refused(&other), EncodeError::MemberName(name.into()));
    }
    let mut twice = good.clone();
    twice.additional_mut().unknown = vec![("x".into(), json!(1).into()), ("x".into(), json!(2).into())];
    assert_eq!(refused(&twice), EncodeError::MemberName("x".into()));

    let mut response = Response::ok();
    response.additional_mut().unknown = vec![("op".into(), json!(1).into())];
    assert!(codec::encode_response(Format::Json, &response, &mut out).is_err());
    assert_eq!(out, &b"before"[..]);
}

#[test]
fn a_response_to_a_request_without_identifier_has_none() {
    let text = encode(&Primitive::Response(Response::error(StatusCode::BAD_REQUEST, "rqi is missing")));
    assert_eq!(text, r#"{"rsc":4000,"pc":{"m2m:dbg":"rqi is missing"}}"#);
}

#[test]
fn content_is_read_as_one_member_or_as_a_type() {
    #[derive(serde::Deserialize)]
    struct Instance {
        con: String,
    }
    #[derive(serde::Deserialize)]
    struct Root {
        #[serde(rename = "m2m:cin")]
        cin: Instance,
    }
    let content = Content::from(json!({"m2m:cin": {"con": "21"}}));
    assert_eq!(content.resource().unwrap(), ("m2m:cin".into(), json!({"con": "21"})));
    assert_eq!(content.decode::<Root>().unwrap().cin.con, "21");

    for bad in ["{}", r#"{"a":1,"b":2}"#, r#"{"a":1,"a":1}"#, "[]", "1", "{", r#"{"a":1}x"#] {
        let content = Content::from_encoded(Format::Json, Bytes::copy_from_slice(bad.as_bytes()));
        assert!(content.resource().is_err(), "{bad}");
    }
    assert!(Content::from_encoded(Format::Xml, Bytes::from_static(b"<a>")).value().is_err());
    let deep = |levels: usize| {
        let text = "[".repeat(levels) + &"]".repeat(levels);
        Content::from_encoded(Format::Json, text.into()).value()
    };
    assert!(deep(64).is_ok());
    assert!(deep(200_000).is_err());
}

#[test]
fn debug_text_is_found_and_errors_are_escaped() {
    assert_eq!(Response::error(StatusCode::CONFLICT, "a \"b\"").debug_text().as_deref(), Some("a \"b\""));
    assert_eq!(Response::ok().debug_text(), None);
    assert_eq!(Response::ok().content(json!({"m2m:cin": {}})).debug_text(), None);

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let error = Content::from(json!({"evil\nline": 1})).decode::<Nothing>().unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
}
