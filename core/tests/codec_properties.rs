//! What holds for every message: nothing panics, nothing is lost, and the grammar is that of JSON.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeErrorKind, DecodeOptions, Primitive};
use onem2m_ws::primitive::{
    AbsRelTimestamp, Additional, Content, ContentStatus, EventCategory, Format, IdResultType, Operation, Request,
    ResourceType, Response, ResponseAdditional, ResponseType, ResponseTypeInfo, ResultContent, StatusCode,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-zA-Z0-9/._~-]{0,40}",
        any::<String>(),
        vec(
            prop::sample::select(vec!['"', '\\', '\n', '\0', '\u{1f}', ' ', 'a', '\u{7f}', '\u{e9}', '\u{1f600}']),
            0..24
        )
        .prop_map(|characters| characters.into_iter().collect()),
    ]
    .boxed()
}

fn some_text() -> BoxedStrategy<String> {
    text().prop_filter("not empty", |text| !text.is_empty()).boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

fn content() -> BoxedStrategy<Content> {
    (text(), value()).prop_map(|(name, value)| json!({ name: value }).into()).boxed()
}

fn time() -> BoxedStrategy<AbsRelTimestamp> {
    text().prop_map(AbsRelTimestamp::from_text).boxed()
}

fn list() -> BoxedStrategy<Vec<String>> {
    vec(text(), 0..4).boxed()
}

fn unknown() -> BoxedStrategy<Vec<(String, Content)>> {
    // A prefix that no parameter has, and a number that makes the names differ.
    vec((text(), value()), 0..4)
        .prop_map(|members| {
            let numbered = members.into_iter().enumerate();
            numbered.map(|(i, (name, value))| (format!("x{i}{name}"), value.into())).collect()
        })
        .boxed()
}

fn additional() -> BoxedStrategy<Additional> {
    let lists = (of(list()), of(list()), of(list()), of(list()), of(list()), of(list()), of(list()));
    let texts = (of(text()), of(text()), of(text()), of(text()), of(time()), of(time()));
    let booleans = (any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>());
    (lists, texts, booleans, any::<Option<bool>>(), any::<Option<u64>>(), unknown())
        .prop_map(|(lists, texts, booleans, semantic_query_indicator, group_somecast_target_number, unknown)| {
            Additional {
                role_ids: lists.0,
                tokens: lists.1,
                token_ids: lists.2,
                local_token_ids: lists.3,
                group_request_target_members: lists.4,
                authorization_signatures: lists.5,
                ontology_mapping_resources: lists.6,
                group_request_id: texts.0,
                vendor_information: texts.1,
                service_user: texts.2,
                maximum_age: texts.3,
                operation_execution_time: texts.4,
                result_persistence: texts.5,
                delivery_aggregation: booleans.0,
                token_request_indicator: booleans.1,
                authorization_signature_indicator: booleans.2,
                authorization_relationship_indicator: booleans.3,
                semantic_query_indicator,
                group_somecast_target_number,
                unknown,
            }
        })
        .boxed()
}

fn request() -> BoxedStrategy<Request> {
    let operation = (1..=5_i64).prop_map(|code| Operation::from_code(code).unwrap());
    let numbers = (any::<Option<u32>>(), any::<Option<u16>>(), any::<Option<u16>>(), any::<Option<u16>>());
    let times = (of(text()), of(time()), of(time()));
    let response_type = of((any::<u16>(), of(list())));
    let names = (text(), of(text()), some_text(), of(text()));
    (operation, names, numbers, times, response_type, of(content()), of(content()), of(additional()))
        .prop_map(|(operation, names, numbers, times, response_type, content, filter_criteria, additional)| {
            let mut request = Request::new(operation, names.0).request_id(names.2);
            request.from = names.1;
            request.release_version = names.3.map(Into::into);
            request.resource_type = numbers.0.map(ResourceType);
            request.result_content = numbers.1.map(ResultContent);
            request.event_category = numbers.2.map(EventCategory);
            request.id_result_type = numbers.3.map(IdResultType);
            request.originating_timestamp = times.0;
            request.request_expiration = times.1;
            request.result_expiration = times.2;
            request.response_type = response_type
                .map(|(value, notification_uris)| ResponseTypeInfo { value: ResponseType(value), notification_uris });
            request.content = content;
            request.filter_criteria = filter_criteria;
            request.additional = additional.filter(|rare| *rare != Additional::default()).map(Box::new);
            request
        })
        .boxed()
}

fn response() -> BoxedStrategy<Response> {
    let rare = (
        (any::<Option<u16>>(), any::<Option<u16>>(), any::<Option<u64>>(), any::<Option<bool>>()),
        (of(content()), of(content())),
        (of(text()), of(text())),
        unknown(),
    );
    let rare = rare.prop_map(|(numbers, contents, texts, unknown)| ResponseAdditional {
        event_category: numbers.0.map(EventCategory),
        content_status: numbers.1.map(ContentStatus),
        content_offset: numbers.2,
        authorization_signature_request: numbers.3,
        assigned_token_ids: contents.0,
        token_request_information: contents.1,
        vendor_information: texts.0,
        service_user: texts.1,
        unknown,
    });
    let texts = (text(), of(text()), of(text()), of(text()), of(text()), of(time()));
    (any::<u16>(), texts, of(content()), of(rare))
        .prop_map(|(status, texts, content, rare)| Response {
            status: StatusCode(status),
            request_id: texts.0,
            content,
            to: texts.1,
            from: texts.2,
            originating_timestamp: texts.3,
            release_version: texts.4.map(Into::into),
            result_expiration: texts.5,
            additional: rare.filter(|rare| *rare != ResponseAdditional::default()).map(Box::new),
        })
        .boxed()
}

fn encode(primitive: &Primitive) -> Bytes {
    let mut out = BytesMut::new();
    match primitive {
        Primitive::Request(request) => codec::encode_request(Format::Json, request, &mut out).unwrap(),
        Primitive::Response(response) => codec::encode_response(Format::Json, response, &mut out).unwrap(),
    }
    out.freeze()
}

fn primitive() -> BoxedStrategy<Primitive> {
    prop_oneof![
        request().prop_map(|request| Primitive::Request(Box::new(request))),
        response().prop_map(Primitive::Response)
    ]
    .boxed()
}

/// Whether serde_json takes the text; `None` where it is known to be narrower than the grammar.
fn judged_by_serde(input: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<Value>(input) {
        Ok(_) => Some(true),
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(error) if error.to_string().starts_with("recursion limit") => None,
        Err(_) => Some(false),
    }
}

/// Decodes and asserts that the verdict on the grammar is that of serde_json.
fn agree(input: &[u8]) {
    let result = codec::decode(Format::Json, Bytes::copy_from_slice(input), &DecodeOptions::default());
    let Some(is_json) = judged_by_serde(input) else { return };
    let shown = String::from_utf8_lossy(input);
    match result {
        Ok(_) => assert!(is_json, "accepted {shown:?}"),
        Err(error) => match error.kind() {
            DecodeErrorKind::Syntax(_) | DecodeErrorKind::TrailingBytes | DecodeErrorKind::NotUtf8 => {
                assert!(!is_json, "refused {shown:?}: {error}");
            }
            // Refused for another reason, and perhaps before the end was seen.
            _ => {}
        },
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\":",
    "\"c\":1",
    "1",
    "-",
    "0",
    "0.5",
    "1e5",
    "-0",
    "E+",
    ".",
    "true",
    "false",
    "null",
    "\"\\u0041\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"",
    "\\",
    " ",
    "\n",
    "\t",
    "\u{b}",
    "\"\u{e9}\"",
    "{}",
    "[]",
    "{\"x\":[]}",
    "nul",
    "\\u00",
    "\u{0}",
    "/",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read_back(primitive in primitive()) {
        let bytes = encode(&primitive);
        prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        let decoded = codec::decode(Format::Json, bytes, &DecodeOptions::default()).unwrap();
        prop_assert_eq!(decoded.primitive, primitive);
    }

    #[test]
    fn arbitrary_bytes_are_judged_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        agree(&bytes);
    }

    #[test]
    fn mutated_messages_are_judged_as_serde_json_does(
        primitive in primitive(),
        edits in vec((any::<prop::sample::Index>(), prop::sample::select(TOKENS), 0..3_usize), 1..4),
    ) {
        let mut bytes = encode(&primitive).to_vec();
        for (at, token, remove) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, token.bytes());
        }
        agree(&bytes);
    }

    #[test]
    fn cut_messages_are_refused(primitive in primitive(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&primitive);
        let cut = bytes.slice(..at.index(bytes.len()));
        prop_assert!(codec::decode(Format::Json, cut, &DecodeOptions::default()).is_err());
    }

    #[test]
    fn heaps_of_tokens_are_judged_as_serde_json_does(tokens in vec(prop::sample::select(TOKENS), 0..14)) {
        let heap = tokens.concat();
        agree(heap.as_bytes());
        agree(format!("{{\"rsc\":2000,\"x\":{heap}}}").as_bytes());
        agree(format!("{{\"op\":1,\"to\":\"a\",\"rqi\":\"r\",\"pc\":{{\"m\":[{heap}]}}}}").as_bytes());
    }

    #[test]
    fn lenient_reading_of_any_value_of_any_parameter_does_not_panic(
        name in prop::sample::select(vec![
            "op", "to", "fr", "rqi", "ty", "pc", "rids", "ot", "rqet", "rt", "rcn", "da", "fc", "rvi", "gstn", "rsc", "cnot", "ati",
        ]),
        value in value(),
        response in any::<bool>(),
    ) {
        let mut message = if response {
            json!({"rsc": 2000, "rqi": "r"})
        } else {
            json!({"op": 2, "to": "a", "rqi": "r"})
        };
        message[name] = value;
        let text = message.to_string();
        if let Ok(decoded) = codec::decode(Format::Json, text.into(), &DecodeOptions::default()) {
            // What was accepted can be written, and reads the same then.
            let again = codec::decode(Format::Json, encode(&decoded.primitive), &DecodeOptions::default()).unwrap();
            prop_assert_eq!(again.primitive, decoded.primitive);
        }
    }
}
