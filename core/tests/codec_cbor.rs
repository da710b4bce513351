//! CBOR: the standard's vectors, what is accepted, what is refused (TS-0004 8.5; rows WS-6.2.2.9-1, WS-A-2).

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use onem2m_ws::codec::{
    self, DecodeError, DecodeErrorKind, DecodeOptions, Decoded, Deviation, MAX_DEPTH, Primitive, Shape,
};
use onem2m_ws::primitive::{Content, Format, Request};
use serde_json::{Value, json};

fn decode(bytes: impl Into<Bytes>) -> Result<Decoded, DecodeError> {
    codec::decode(Format::Cbor, bytes.into(), &DecodeOptions::default())
}

fn encode(primitive: &Primitive) -> Vec<u8> {
    let mut out = BytesMut::new();
    match primitive {
        Primitive::Request(request) => codec::encode_request(Format::Cbor, request, &mut out).unwrap(),
        Primitive::Response(response) => codec::encode_response(Format::Cbor, response, &mut out).unwrap(),
    }
    out.to_vec()
}

/// A primitive whose only content is this value, from bytes of it.
fn request_with(value: &[u8]) -> Vec<u8> {
    let mut bytes = HEX.decode(b"a6626f700162746f6161626672624361637271696172627063").unwrap();
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(&HEX.decode(b"637276696133").unwrap());
    bytes
}

fn content_of(decoded: Decoded) -> Content {
    match decoded.primitive {
        Primitive::Request(request) => request.content.unwrap(),
        Primitive::Response(response) => response.content.unwrap(),
    }
}

#[test]
fn content_stays_what_it_was_where_it_was() {
    let content = HEX.decode(b"a1676d326d3a63696ea163636f6e626869").unwrap();
    let message = Bytes::from(request_with(&content));
    let decoded = decode(message.clone()).unwrap();
    assert!(decoded.deviations.is_empty(), "{:?}", decoded.deviations);
    let read = content_of(decoded.clone());
    assert_eq!(read.bytes(), &content);
    assert!(message.as_ptr_range().contains(&read.bytes().as_ptr()), "it is a slice of the message");
    assert_eq!(read.value().unwrap(), json!({"m2m:cin": {"con": "hi"}}));
    assert_eq!(encode(&decoded.primitive), message);
}

#[test]
fn what_is_written_in_another_way_is_read_and_written_anew() {
    for (text, value) in [
        // Indefinite lengths, of each kind.
        ("bf676d326d3a63696ebf63636f6e7f61686169ffffff", json!({"m2m:cin": {"con": "hi"}})),
        ("a1676d326d3a63696ea1636c626c9f61616162ff", json!({"m2m:cin": {"lbl": ["a", "b"]}})),
        // Names and text as byte strings, as in TS-0004 8.5.2.
        ("a1476d326d3a63696ea143636f6e426869", json!({"m2m:cin": {"con": "hi"}})),
        ("a1476d326d3a63696ea143636f6e5f41684169ff", json!({"m2m:cin": {"con": "hi"}})),
        // A float of 16 bits.
        ("a1676d326d3a63696ea163636f6ef93e00", json!({"m2m:cin": {"con": 1.5}})),
    ] {
        let decoded = decode(request_with(&HEX.decode(text.as_bytes()).unwrap())).unwrap();
        let is_text = !text.contains("476d326d");
        assert_eq!(!decoded.deviations.contains(Deviation::ByteString), is_text, "{text}");
        let content = content_of(decoded.clone());
        assert_eq!(content.value().unwrap(), value, "{text}");
        let ours = encode(&Primitive::Request(Box::new(Request::notify("a", value).request_id("r"))));
        let at = ours.len() - content.bytes().len();
        assert_eq!(&ours[at..], content.bytes(), "{text}: definite, text, 32 bits");
    }
}

#[test]
fn integers_are_exact_and_floats_have_the_fewest_bits_that_hold_them() {
    for (value, bytes) in [
        (json!(0), "00"),
        (json!(23), "17"),
        (json!(24), "1818"),
        (json!(u64::MAX), "1bffffffffffffffff"),
        (json!(9_007_199_254_740_993_u64), "1b0020000000000001"),
        (json!(-1), "20"),
        (json!(i64::MIN), "3b7fffffffffffffff"),
        (json!(1.5), "fa3fc00000"),
        (json!(0.1), "fb3fb999999999999a"),
        (json!(-0.0), "fa80000000"),
        (json!(1e300), "fb7e37e43c8800759c"),
        (json!(null), "f6"),
        (json!([true, false]), "82f5f4"),
        (json!(""), "60"),
        (json!({}), "a0"),
    ] {
        let request = Request::notify("a", json!({ "x": value })).request_id("r");
        let written = encode(&Primitive::Request(Box::new(request)));
        let mut expected = b"\xa1\x61x".to_vec();
        expected.extend(HEX.decode(bytes.as_bytes()).unwrap());
        assert!(written.ends_with(&expected), "{value}: {}", HEX.encode(&written));
        let read = content_of(decode(written).unwrap()).value().unwrap();
        assert_eq!(read["x"], value);
        assert_eq!(read.to_string(), json!({ "x": value }).to_string());
    }
    // Beyond 64 bits there is no integer in TS-0004 8.5.1; between i64 and -2^64 there is one, which JSON carries as well.
    let least = decode(request_with(&HEX.decode(b"a161783bffffffffffffffff").unwrap())).unwrap();
    let json = codec::convert(Format::Cbor, encode(&least.primitive).into(), Format::Json, &DecodeOptions::default());
    let json = json.unwrap();
    assert!(std::str::from_utf8(&json).unwrap().contains("-18446744073709551616"));
    let back = codec::convert(Format::Json, json, Format::Cbor, &DecodeOptions::default()).unwrap();
    assert_eq!(back, encode(&least.primitive));
    let beyond = r#"{"op":5,"to":"a","fr":"C","rqi":"r","rvi":"3","pc":{"m2m:x":{"n":18446744073709551616}}}"#;
    let error = codec::convert(Format::Json, beyond.into(), Format::Cbor, &DecodeOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), r#""pc/m2m:x/n" holds an integer of more than 64 bits"#);
}

#[test]
fn more_than_23_members_have_a_longer_head() {
    for count in [0_usize, 19, 20, 21, 50] {
        let mut request = Request::retrieve("a").request_id("r");
        request.additional_mut().unknown = (0..count).map(|i| (format!("x{i}"), json!(i).into())).collect();
        let primitive = Primitive::Request(Box::new(request));
        let bytes = encode(&primitive);
        let Primitive::Request(read) = decode(bytes.clone()).unwrap().primitive else { panic!("a request") };
        assert_eq!(read.additional.map_or(0, |additional| additional.unknown.len()), count);
        let members = count + 3;
        let head = if members <= 23 { vec![0xa0 | members as u8] } else { vec![0xb8, members as u8] };
        assert!(bytes.starts_with(&head), "{count}");
    }
}

fn refused(bytes: &[u8]) -> DecodeError {
    match decode(bytes.to_vec()) {
        Ok(decoded) => panic!("{} was read as {decoded:?}", HEX.encode(bytes)),
        Err(error) => error,
    }
}

#[test]
fn what_is_no_primitive_is_refused_and_says_where() {
    let hex = |text: &str| HEX.decode(text.as_bytes()).unwrap();
    for (bytes, kind, offset) in [
        ("", DecodeErrorKind::Syntax("more bytes"), 0),
        ("f6", DecodeErrorKind::NotAnObject, 0),
        ("80", DecodeErrorKind::NotAnObject, 0),
        ("636f6e65", DecodeErrorKind::NotAnObject, 0),
        ("a0", DecodeErrorKind::NeitherRequestNorResponse, 0),
        ("a1", DecodeErrorKind::Syntax("more bytes"), 1),
        ("a0a0", DecodeErrorKind::TrailingBytes, 1),
        // Lengths that are not there.
        ("bb7fffffffffffffff", DecodeErrorKind::Syntax("more bytes"), 9),
        ("a17b7fffffffffffffff6f", DecodeErrorKind::Syntax("more bytes"), 11),
        ("a161789b7fffffffffffffff", DecodeErrorKind::Syntax("more bytes"), 12),
        // Reserved heads, a break without a beginning, chunks of another kind.
        ("a161781c", DecodeErrorKind::Syntax("the head of an item"), 3),
        ("a16178ff", DecodeErrorKind::Syntax("a value of the JSON data model (no tag, no undefined)"), 3),
        ("a161787f4161ff", DecodeErrorKind::Syntax("a chunk of the string"), 4),
        ("a161787f7f6161ffff", DecodeErrorKind::Syntax("a chunk of the string"), 4),
        // Tags, undefined and other simple values; names that are no text; text that is not UTF-8.
        ("a16178c001", DecodeErrorKind::Syntax("a value of the JSON data model (no tag, no undefined)"), 3),
        ("a16178f7", DecodeErrorKind::Syntax("a value of the JSON data model (no tag, no undefined)"), 3),
        ("a16178f0", DecodeErrorKind::Syntax("a value of the JSON data model (no tag, no undefined)"), 3),
        ("a10102", DecodeErrorKind::Syntax("a name that is text"), 1),
        ("a1617861ff", DecodeErrorKind::NotUtf8, 4),
        ("a162ff6101", DecodeErrorKind::NotUtf8, 2),
        ("a3626f700162746f61ff637271696172", DecodeErrorKind::NotUtf8, 9),
        // A parameter of the other kind of primitive.
        ("a4626f700162746f616163727169617263617469 61ff", DecodeErrorKind::NotUtf8, 21),
    ] {
        let error = refused(&hex(&bytes.replace(' ', "")));
        assert_eq!((error.kind(), error.offset()), (&kind, offset), "{bytes}");
    }
}

#[test]
fn members_that_occur_twice_are_refused() {
    // rqi as text, as bytes and with a prefix; an unknown member.
    for (bytes, name) in [
        ("a263727169617263727169 6172", "rqi"),
        ("a263727169617243727169 6172", "rqi"),
        ("a26372716961726763326d3a727169 6172", ""),
        ("a2676d326d3a7271696172 637271696172", "rqi"),
        ("a26178016178 02", "x"),
    ] {
        let error = refused(&HEX.decode(bytes.replace(' ', "").as_bytes()).unwrap());
        if !name.is_empty() {
            assert_eq!(error.kind(), &DecodeErrorKind::DuplicateMember(name.into()), "{bytes}");
        }
    }
    // Inside of content it is found when somebody looks.
    let content = content_of(decode(request_with(&HEX.decode(b"a16178a2616101616102").unwrap())).unwrap());
    assert!(content.value().is_err());
}

#[test]
fn a_request_that_is_refused_can_be_answered() {
    let error = refused(&HEX.decode(b"a4626f7009637271696172627063a062746f6161").unwrap());
    assert_eq!((error.shape(), error.request_id()), (Shape::Request, Some("r")));
    // What was not read may hold a status.
    let error = refused(&HEX.decode(b"a3626f700163727169617263727363").unwrap());
    assert_eq!(error.shape(), Shape::Unknown);
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| {
        // The primitive is level 1 and the content is level 2.
        let mut value = b"\xa1\x61x".to_vec();
        value.extend(std::iter::repeat_n(0x81, depth - 2));
        value.push(0);
        request_with(&value)
    };
    let limit = MAX_DEPTH as usize;
    assert!(content_of(decode(nested(limit)).unwrap()).value().is_ok());
    assert_eq!(refused(&nested(limit + 1)).kind(), &DecodeErrorKind::TooDeep);
    let options = DecodeOptions { max_depth: 3, ..DecodeOptions::default() };
    assert!(codec::decode(Format::Cbor, nested(3).into(), &options).is_ok());
    let error = codec::decode(Format::Cbor, nested(4).into(), &options).unwrap_err();
    assert_eq!(error.kind(), &DecodeErrorKind::TooDeep);
    assert!(codec::decode(Format::Cbor, nested(1_000_000).into(), &options).is_err());
}

#[test]
fn wrappers_and_spellings_of_older_peers_are_noted_and_refused_when_strict() {
    let inner = "a4626f700162746f6161637271696172637276696133";
    for (bytes, deviation) in [
        (format!("a1676d326d3a727170{inner}"), Deviation::Wrapped),
        (format!("a163727170{inner}"), Deviation::Wrapped),
        (format!("bf63727170{inner}ff"), Deviation::Wrapped),
        ("a4626f70613162746f6161637271696172637276696133".into(), Deviation::TextInteger),
        ("a4626f70fa3f80000062746f6161637271696172637276696133".into(), Deviation::FloatInteger),
        ("a4626f700162746f616163727169182a637276696133".into(), Deviation::NumberText),
        ("a4426f700142746f4161437271694172437276694133".into(), Deviation::ByteString),
        ("a5626f700162746f6161637271696172637276696133627063a0".into(), Deviation::EmptyContent),
        ("a5626f700162746f6161637271696172637276696133627063627b7d".into(), Deviation::TextContent),
        ("a5626f700162746f616163727169617263727669613362706361 78".replace(' ', ""), Deviation::PlainContent),
        ("a5626f700162746f6161637271696172637276696133627479f6".into(), Deviation::NullParameter),
    ] {
        let bytes = HEX.decode(bytes.as_bytes()).unwrap();
        let decoded = decode(bytes.clone()).unwrap();
        assert!(decoded.deviations.contains(deviation), "{deviation:?}: {:?}", decoded.deviations);
        let options = DecodeOptions { strict: true, ..DecodeOptions::default() };
        let error = codec::decode(Format::Cbor, bytes.into(), &options).unwrap_err();
        assert_eq!(error.kind(), &DecodeErrorKind::Deviation(deviation));
    }
    for bytes in [
        format!("a2676d326d3a727170{inner}617801"),
        format!("bf676d326d3a727170{inner}617801ff"),
        format!("a1676d326d3a727370{inner}"),
    ] {
        assert_eq!(refused(&HEX.decode(bytes.as_bytes()).unwrap()).kind(), &DecodeErrorKind::BadWrapper, "{bytes}");
    }
}

/// The vectors by their names: JSON, and CBOR.
fn vectors() -> Vec<(String, Bytes, Bytes)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let hex = std::fs::read_to_string(path.with_extension("cbor.hex")).unwrap();
            let cbor = HEX.decode(hex.trim().as_bytes()).unwrap();
            vectors.push((path.display().to_string(), json.to_string().into(), cbor.into()));
        }
    }
    assert!(vectors.len() >= 20);
    vectors
}

/// The primitive as JSON.
fn json_of(primitive: &Primitive) -> Value {
    let bytes = codec::convert(Format::Cbor, encode(primitive).into(), Format::Json, &DecodeOptions::default());
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

#[test]
fn ws_6_2_2_9_1_every_vector_survives() {
    let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
    for (name, json, cbor) in vectors() {
        let read = codec::decode(Format::Cbor, cbor.clone(), &strict).unwrap();
        assert_eq!(json_of(&read.primitive), serde_json::from_slice::<Value>(&json).unwrap(), "{name}");
        let written = codec::convert(Format::Json, json, Format::Cbor, &strict).unwrap();
        let again = codec::decode(Format::Cbor, written.clone(), &strict).unwrap();
        assert_eq!(again, read, "{name}");
        // Members may come in another order, and that is all.
        assert_eq!(written.len(), cbor.len(), "{name}");
        assert_eq!(encode(&read.primitive), written, "{name}");
    }
}

/// As the examples of TS-0004 8.5.2 are written, all four of them: names and texts as byte strings.
#[test]
fn vectors_with_byte_strings_for_texts_are_the_same_primitives() {
    fn as_bytes(value: ciborium::Value) -> ciborium::Value {
        match value {
            ciborium::Value::Text(text) => ciborium::Value::Bytes(text.into_bytes()),
            ciborium::Value::Array(items) => ciborium::Value::Array(items.into_iter().map(as_bytes).collect()),
            ciborium::Value::Map(members) => ciborium::Value::Map(
                members.into_iter().map(|(name, value)| (as_bytes(name), as_bytes(value))).collect(),
            ),
            other => other,
        }
    }
    for (name, _, cbor) in vectors() {
        let odd = as_bytes(ciborium::from_reader(cbor.as_ref()).unwrap());
        let mut bytes = Vec::new();
        ciborium::into_writer(&odd, &mut bytes).unwrap();
        let odd = decode(bytes).unwrap();
        assert!(odd.deviations.contains(Deviation::ByteString), "{name}");
        assert_eq!(odd.primitive, decode(cbor).unwrap().primitive, "{name}: it is not handed on as it came");
    }
}

#[test]
fn values_agree_with_ciborium() {
    let value =
        json!({"m2m:cnt": {"mni": 9_007_199_254_740_993_u64, "lbl": ["a", "é😀"], "x": [1.5, -7, null, {}, []]}});
    let mut theirs = Vec::new();
    ciborium::into_writer(&value, &mut theirs).unwrap();
    let request = Request::notify("a", value.clone()).request_id("r");
    let ours = encode(&Primitive::Request(Box::new(request)));
    let message: Value = ciborium::from_reader(ours.as_slice()).unwrap();
    assert_eq!(message["pc"], value);
    let read = content_of(decode(request_with(&theirs)).unwrap());
    assert_eq!(read.value().unwrap(), value);
}
