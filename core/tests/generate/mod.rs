//! Primitives made by chance, with anything in them that the types allow.

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, EncodeError, Primitive};
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

pub(crate) fn value() -> BoxedStrategy<Value> {
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

pub(crate) fn primitive() -> BoxedStrategy<Primitive> {
    prop_oneof![
        request().prop_map(|request| Primitive::Request(Box::new(request))),
        response().prop_map(Primitive::Response)
    ]
    .boxed()
}

pub(crate) fn encode(format: Format, primitive: &Primitive) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::new();
    match primitive {
        Primitive::Request(request) => codec::encode_request(format, request, &mut out)?,
        Primitive::Response(response) => codec::encode_response(format, response, &mut out)?,
    }
    Ok(out.freeze())
}
