//! Deviations of deployed peers: each is understood, named, and refused when strict.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use onem2m_ws::codec::{self, DecodeErrorKind, DecodeOptions, Deviation, Primitive};
use onem2m_ws::primitive::{Format, Operation, Request, Response, ResultContent, StatusCode};
use serde_json::{Value, json};

/// Reads `text`, asserts that it deviates in exactly these ways, and that strict mode refuses the first of them it meets.
fn decode(text: &str, deviations: &[Deviation]) -> Primitive {
    let input = Bytes::copy_from_slice(text.as_bytes());
    let decoded = codec::decode(Format::Json, input.clone(), &DecodeOptions::default())
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut expected = deviations.to_vec();
    expected.sort();
    assert_eq!(decoded.deviations.iter().collect::<Vec<_>>(), expected, "{text}");
    let strict = codec::decode(Format::Json, input, &DecodeOptions { strict: true, ..DecodeOptions::default() });
    match strict {
        Ok(_) => assert!(deviations.is_empty(), "strict accepted {text}"),
        Err(error) => match error.kind() {
            DecodeErrorKind::Deviation(deviation) => {
                assert!(deviations.contains(deviation), "{text}: {error}");
                assert_eq!(error.status(), StatusCode::BAD_REQUEST);
            }
            _ => panic!("{text}: {error}"),
        },
    }
    decoded.primitive
}

fn request(text: &str, deviations: &[Deviation]) -> Request {
    match decode(text, deviations) {
        Primitive::Request(request) => *request,
        Primitive::Response(response) => panic!("{response:?}"),
    }
}

fn response(text: &str, deviations: &[Deviation]) -> Response {
    match decode(text, deviations) {
        Primitive::Response(response) => response,
        Primitive::Request(request) => panic!("{request:?}"),
    }
}

/// A request with this member more.
fn with(member: &str, deviations: &[Deviation]) -> Request {
    request(&format!(r#"{{"op":2,"to":"a","fr":"Ca","rqi":"r","rvi":"3",{member}}}"#), deviations)
}

#[test]
fn ws_a_2_wrapped_primitives_are_unwrapped() {
    let bare = r#"{"op":2,"to":"a","fr":"Ca","rqi":"r","rvi":"3"}"#;
    let plain = request(bare, &[]);
    for wrapper in ["m2m:rqp", "rqp", r"m2m\u003arqp"] {
        assert_eq!(request(&format!(r#" {{ "{wrapper}" : {bare} }} "#), &[Deviation::Wrapped]), plain);
    }
    let bare = r#"{"rsc":2000,"rqi":"r","rvi":"3","pc":{"m2m:uri":"x"}}"#;
    let plain = response(bare, &[]);
    for wrapper in ["m2m:rsp", "rsp"] {
        assert_eq!(response(&format!(r#"{{"{wrapper}":{bare}}}"#), &[Deviation::Wrapped]), plain);
    }
    // The content of a notification may be a primitive; that is no wrapper.
    let notify = r#"{"op":5,"to":"a","fr":"Ca","rqi":"r","rvi":"3","pc":{"m2m:rsp":{"rsc":2000,"rqi":"q","rvi":"3"}}}"#;
    assert_eq!(request(notify, &[]).operation, Operation::Notify);
}

#[test]
fn names_with_a_prefix_are_known() {
    let text =
        r#"{"m2m:rqp":{"m2m:op":1,"m2m:to":"a","m2m:fr":"Ca","m2m:rqi":"r","m2m:ty":3,"m2m:rvi":"3","m2m:own":1}}"#;
    let request = request(text, &[Deviation::Wrapped, Deviation::PrefixedMember]);
    assert_eq!((request.to.as_str(), request.from.as_deref()), ("a", Some("Ca")));
    assert_eq!(request.additional.unwrap().unknown[0].0, "m2m:own");
}

#[test]
fn a_message_with_a_status_is_a_response_whatever_else_it_has() {
    let text = r#"{"op":2,"to":"a","fr":"Ca","rqi":"r","rvi":"3","rsc":2000}"#;
    let response = response(text, &[Deviation::OperationInResponse]);
    assert_eq!((response.status, response.to.as_deref()), (StatusCode::OK, Some("a")));
    assert_eq!(response.additional, None, "op is ignored");
}

#[test]
fn integers_in_other_spellings() {
    for (token, deviations) in [
        ("2001", &[][..]),
        ("2001.0", &[Deviation::FloatInteger]),
        ("2.001e3", &[Deviation::FloatInteger]),
        ("20010E-1", &[Deviation::FloatInteger]),
        (r#""2001""#, &[Deviation::TextInteger]),
        (r#"" +2001 ""#, &[Deviation::TextInteger]),
        (r#""002001""#, &[Deviation::TextInteger]),
        (r#""\u0032001""#, &[Deviation::TextInteger]),
    ] {
        let response = response(&format!(r#"{{"rsc":{token},"rqi":"r","rvi":"3"}}"#), deviations);
        assert_eq!(response.status, StatusCode::CREATED, "{token}");
    }
    assert_eq!(with(r#""rcn":"1""#, &[Deviation::TextInteger]).result_content, Some(ResultContent::ATTRIBUTES));
    let text = r#"{"op":"1","to":"a","fr":"Ca","rqi":"r","rvi":"3","ty":"3","drt":2.0}"#;
    let request = request(text, &[Deviation::TextInteger, Deviation::FloatInteger]);
    assert_eq!(request.resource_type.unwrap().code(), 3);
}

#[test]
fn booleans_in_other_spellings() {
    for (token, value, deviations) in [
        ("true", true, &[][..]),
        ("false", false, &[]),
        (r#""true""#, true, &[Deviation::TextBoolean]),
        (r#""false""#, false, &[Deviation::TextBoolean]),
        (r#""1""#, true, &[Deviation::TextBoolean]),
        (r#""0""#, false, &[Deviation::TextBoolean]),
        ("1", true, &[Deviation::NumberBoolean]),
        ("0", false, &[Deviation::NumberBoolean]),
    ] {
        let request = with(&format!(r#""da":{token}"#), deviations);
        assert_eq!(request.additional.unwrap().delivery_aggregation, Some(value), "{token}");
    }
}

#[test]
fn single_values_in_place_of_lists() {
    let list = |member: &str, deviations: &[Deviation]| with(member, deviations).additional.unwrap().role_ids.unwrap();
    assert_eq!(list(r#""rids":["a","b\n"]"#, &[]), ["a", "b\n"]);
    assert_eq!(list(r#""rids":[ ]"#, &[]), [""; 0]);
    assert_eq!(list(r#""rids":"a""#, &[Deviation::SingleForList]), ["a"]);
    assert_eq!(list(r#""rids":"""#, &[Deviation::SingleForList]), [""; 0]);

    let nu = |rt: &str, deviations: &[Deviation]| with(&format!(r#""rt":{rt}"#), deviations).response_type.unwrap();
    assert_eq!(nu(r#"{"nu":"x","rtv":2}"#, &[Deviation::SingleForList]).notification_uris.unwrap(), ["x"]);
    assert_eq!(nu("3", &[Deviation::BareResponseType]).value.code(), 3);
    assert_eq!(nu(r#"{"rtv":"3"}"#, &[Deviation::TextInteger]).value.code(), 3);
    assert_eq!(nu(r#"{"rtv":3,"x":[1]}"#, &[Deviation::ResponseTypeMember]).value.code(), 3);
}

#[test]
fn numbers_in_place_of_identifiers() {
    let text = r#"{"op":2,"to":"a","fr":"Ca","rqi":18446744073709551616,"rvi":3}"#;
    let request = request(text, &[Deviation::NumberText]);
    assert_eq!((request.request_id.as_str(), request.release_version.as_deref()), ("18446744073709551616", Some("3")));
    assert_eq!(response(r#"{"rsc":2000,"rqi":17,"rvi":"3"}"#, &[Deviation::NumberText]).request_id, "17");
}

#[test]
fn times_are_text_or_milliseconds() {
    for (token, text) in
        [(r#""1000""#, "1000"), ("1000", "1000"), ("-5", "-5"), (r#""20240101T000000""#, "20240101T000000")]
    {
        assert_eq!(with(&format!(r#""rqet":{token}"#), &[]).request_expiration.unwrap().as_str(), text);
    }
    assert_eq!(with(r#""rqet":1e3"#, &[Deviation::FloatInteger]).request_expiration.unwrap().as_str(), "1000");
}

#[test]
fn content_that_is_empty_is_absent() {
    for token in [r#""""#, "{}", "{ }"] {
        assert_eq!(with(&format!(r#""pc":{token}"#), &[Deviation::EmptyContent]).content, None, "{token}");
    }
    assert_eq!(with(r#""pc":null"#, &[Deviation::NullParameter]).content, None);
    assert_eq!(with(r#""fc":"""#, &[Deviation::EmptyContent]).filter_criteria, None);
    assert_eq!(with(r#""fc":{}"#, &[]).filter_criteria.unwrap().bytes(), "{}");
}

#[test]
fn content_as_text_is_read() {
    let request = with(r#""pc":"{\"m2m:cin\":{\"con\":\"\\u00e9\"}}""#, &[Deviation::TextContent]);
    assert_eq!(request.content.unwrap().value().unwrap(), json!({"m2m:cin": {"con": "\u{e9}"}}));
    for text in ["plain", "{broken", r"[1]", r#"{\"a\":1} {}"#] {
        let request = with(&format!(r#""pc":"{text}""#), &[Deviation::PlainContent]);
        assert!(matches!(request.content.unwrap().value().unwrap(), Value::String(_)));
    }
    let request = with(r#""pc":{"a":1,"b":[2,3]}"#, &[Deviation::ContentMembers]);
    assert_eq!(request.content.unwrap().value().unwrap(), json!({"a": 1, "b": [2, 3]}));
}

#[test]
fn null_parameters_are_absent() {
    let request = with(r#""da":null,"ot":null,"rcn":null,"rids":null,"rt":null"#, &[Deviation::NullParameter]);
    assert_eq!(request.additional, None);
    assert_eq!(request.result_content, None);
}

#[test]
fn missing_parameters() {
    assert_eq!(request(r#"{"op":2,"to":"a","rqi":"r","rvi":"3"}"#, &[Deviation::MissingFrom]).from, None);
    assert_eq!(request(r#"{"op":1,"to":"a","rqi":"r","rvi":"3"}"#, &[]).from, None, "optional on CREATE");
    let no_version = r#"{"op":2,"to":"a","fr":"Ca","rqi":"r"}"#;
    assert_eq!(request(no_version, &[Deviation::MissingReleaseVersion]).release_version, None);
    for rqi in ["", r#""rqi":"","#] {
        let text = format!(r#"{{{rqi}"rsc":2000,"rvi":"3"}}"#);
        assert_eq!(response(&text, &[Deviation::MissingRequestId]).request_id, "");
    }
    let null = r#"{"rqi":null,"rsc":2000,"rvi":"3"}"#;
    assert_eq!(response(null, &[Deviation::NullParameter, Deviation::MissingRequestId]).request_id, "");
}

#[test]
fn every_deviation_has_a_name_of_its_own() {
    let mut names: Vec<_> = Deviation::ALL.iter().map(|deviation| deviation.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Deviation::ALL.len());
}
