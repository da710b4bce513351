//! Messages that are refused, and what is still known of them.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use onem2m_ws::codec::{self, DecodeError, DecodeErrorKind, DecodeOptions, MAX_DEPTH, Shape};
use onem2m_ws::primitive::{Format, StatusCode};

fn refused(input: impl AsRef<[u8]>) -> DecodeError {
    refused_with(input, &DecodeOptions::default())
}

fn refused_with(input: impl AsRef<[u8]>, options: &DecodeOptions) -> DecodeError {
    let input = input.as_ref();
    match codec::decode(Format::Json, Bytes::copy_from_slice(input), options) {
        Ok(decoded) => panic!("{}: {decoded:?}", String::from_utf8_lossy(input)),
        Err(error) => {
            assert_eq!(error.status(), StatusCode::BAD_REQUEST);
            error
        }
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["1", "\"x\"", "null", "true", "[]", r#"[{"op":1}]"#] {
        assert_eq!(*refused(text).kind(), DecodeErrorKind::NotAnObject, "{text}");
    }
}

#[test]
fn broken_grammar_is_refused() {
    let long = format!(r#"{{"op":1,"x":"{}"#, "a".repeat(100));
    for text in [
        "",
        " ",
        "{",
        "{bad",
        "bad",
        "\u{feff}{\"op\":1}",
        r#"{"op"}"#,
        r#"{"op":}"#,
        r#"{"op":1"#,
        r#"{"op":1,}"#,
        r#"{,"op":1}"#,
        r#"{"op" 1}"#,
        r#"{op:1}"#,
        r#"{'op':1}"#,
        r#"{"op":01}"#,
        r#"{"op":-}"#,
        r#"{"op":1.}"#,
        r#"{"op":.5}"#,
        r#"{"op":1e}"#,
        r#"{"op":1e+}"#,
        r#"{"op":+1}"#,
        r#"{"op":NaN}"#,
        r#"{"op":tru}"#,
        r#"{"op":nulll}"#,
        r#"{"op":1,"x":[1,]}"#,
        r#"{"op":1,"x":[1}"#,
        r#"{"op":1,"x":{"a":1]}"#,
        r#"{"op":1,"x":[1 2]}"#,
        r#"{"op":1,"x":{"a"}}"#,
        r#"{"op":1,"x":{1:1}}"#,
        r#"{"op":1,"x":"\x"}"#,
        r#"{"op":1,"x":"\u12"}"#,
        r#"{"op":1,"x":"\u12g4"}"#,
        r#"{"op":1,"x":"\u+123"}"#,
        r#"{"op":1,"x":"\ud800"}"#,
        r#"{"op":1,"x":"\udc00"}"#,
        r#"{"op":1,"x":"\ud800\u0041"}"#,
        r#"{"op":1,"x":"\ud800x"}"#,
        r#"{"op":1,"x":"\"#,
        "{\"op\":1,\"x\":\"a\nb\"}",
        "{\"op\":1,\"x\":\"a\0b\"}",
        "{\"op\":1,\0\"x\":1}",
        "{\"op\":1}\0",
        "{\"op\":1,\u{a0}\"x\":1}",
        "{\"op\":1,\u{c}\"x\":1}",
        r#"{"op":1 /* x */}"#,
        "{\"op\":1,\"x\":\"a\u{1f}b\"}",
        &long,
    ] {
        let error = refused(text);
        assert!(
            matches!(error.kind(), DecodeErrorKind::Syntax(_) | DecodeErrorKind::TrailingBytes),
            "{text:?}: {error}"
        );
        assert!(error.offset() <= text.len());
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text:?} is JSON");
    }
}

#[test]
fn positions_are_those_of_the_offending_byte() {
    for (text, offset) in [
        (r#"{"op":1,}"#, 8),
        (r#"{"op":1,"x":01}"#, 13),
        ("{\"op\":1,\"x\":\"a\nb\"}", 14),
        (r#"{"op":1} x"#, 9),
        (r#"{"op":1,"op":2}"#, 8),
        (r#"{"op":9,"rqi":"r"}"#, 6),
        (r#"{"op":1,"rqi":[]}"#, 14),
    ] {
        assert_eq!(refused(text).offset(), offset, "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    let error = refused(b"{\"op\":1,\"x\":\"\xc3\x28\"}");
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::NotUtf8, 13));
    assert_eq!(*refused([0xff]).kind(), DecodeErrorKind::NotUtf8);
    assert_eq!(*refused(b"{\"op\":1,\"x\":\"\xed\xa0\x80\"}").kind(), DecodeErrorKind::NotUtf8);
}

#[test]
fn something_behind_the_primitive_is_refused() {
    let good = r#"{"rsc":2000,"rqi":"r"}"#;
    for tail in ["x", "{}", ",", "}", "\u{0}", " 1"] {
        assert_eq!(*refused(format!("{good}{tail}")).kind(), DecodeErrorKind::TrailingBytes, "{tail:?}");
    }
    assert!(codec::decode(Format::Json, format!("{good} \r\n\t").into(), &DecodeOptions::default()).is_ok());
}

#[test]
fn members_that_occur_twice_are_refused() {
    for (text, name) in [
        (r#"{"op":1,"fr":"Ca","fr":"Cb"}"#, "fr"),
        (r#"{"op":1,"fr":"Ca","\u0066r":"Cb"}"#, "fr"),
        (r#"{"op":1,"fr":"Ca","m2m:fr":"Cb"}"#, "m2m:fr"),
        (r#"{"op":1,"fr":null,"fr":"Cb"}"#, "fr"),
        (r#"{"op":1,"pc":{},"pc":{}}"#, "pc"),
        (r#"{"op":1,"x":1,"y":2,"\u0078":1}"#, "x"),
        (r#"{"m2m:rqp":{"op":1,"op":2}}"#, "op"),
    ] {
        assert_eq!(*refused(text).kind(), DecodeErrorKind::DuplicateMember(name.into()), "{text}");
    }
    let rt = r#"{"op":2,"to":"a","fr":"Ca","rqi":"r","rt":{"rtv":1,"r\u0074v":2}}"#;
    assert_eq!(*refused(rt).kind(), DecodeErrorKind::DuplicateMember("rtv".into()));
}

#[test]
fn nesting_is_limited_at_its_edge() {
    // The primitive is level 1 and `pc` level 2.
    let nested = |levels: usize, open: &str, close: &str| {
        format!(r#"{{"rsc":2000,"rqi":"r","pc":{{"a":{}1{}}}}}"#, open.repeat(levels - 2), close.repeat(levels - 2))
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
        let per = open.matches(['[', '{']).count();
        let with = |levels: usize| nested((levels - 2) / per + 2, open, close);
        let input = Bytes::from(with(64));
        assert!(codec::decode(Format::Json, input.clone(), &DecodeOptions::default()).is_ok());
        let options = DecodeOptions { max_depth: 63, ..DecodeOptions::default() };
        assert_eq!(*refused_with(&input, &options).kind(), DecodeErrorKind::TooDeep);
        assert_eq!(*refused(with(64 + per)).kind(), DecodeErrorKind::TooDeep);
        let wide = DecodeOptions { max_depth: u32::MAX, ..DecodeOptions::default() };
        assert_eq!(*refused_with(with(MAX_DEPTH as usize + per), &wide).kind(), DecodeErrorKind::TooDeep);
    }
    // A wrapper is a level too.
    let wrapped = |levels| format!(r#"{{"rsp":{}}}"#, nested(levels, "[", "]"));
    assert!(codec::decode(Format::Json, wrapped(63).into(), &DecodeOptions::default()).is_ok());
    assert_eq!(*refused(wrapped(64)).kind(), DecodeErrorKind::TooDeep);
    // An attack on the stack.
    assert_eq!(*refused(format!(r#"{{"op":1,"pc":{}"#, "[".repeat(1_000_000))).kind(), DecodeErrorKind::TooDeep);
    // A string that holds JSON hides no depth.
    let inner = format!(r#"{{\"a\":{}{}}}"#, "[".repeat(63), "]".repeat(63));
    let decoded =
        codec::decode(Format::Json, format!(r#"{{"rsc":2000,"pc":"{inner}"}}"#).into(), &DecodeOptions::default());
    assert!(decoded.unwrap().deviations.contains(codec::Deviation::PlainContent));
    for (max_depth, text) in [(0, "{}"), (1, r#"{"rsp":{"rsc":2000}}"#), (1, r#"{"rsc":2000,"pc":{}}"#)] {
        let options = DecodeOptions { max_depth, ..DecodeOptions::default() };
        assert_eq!(*refused_with(text, &options).kind(), DecodeErrorKind::TooDeep, "{text}");
    }
}

#[test]
fn unknown_members_are_limited_at_their_edge() {
    let with = |count: usize| {
        let members: String = (0..count).map(|i| format!(r#","x{i}":0"#)).collect();
        format!(r#"{{"rsc":2000{members}}}"#)
    };
    assert!(codec::decode(Format::Json, with(64).into(), &DecodeOptions::default()).is_ok());
    assert_eq!(*refused(with(65)).kind(), DecodeErrorKind::TooManyUnknownMembers);
    let options = DecodeOptions { max_unknown_members: 2, ..DecodeOptions::default() };
    assert!(codec::decode(Format::Json, with(2).into(), &options).is_ok());
    assert_eq!(*refused_with(with(3), &options).kind(), DecodeErrorKind::TooManyUnknownMembers);
}

#[test]
fn wrappers_hold_one_primitive_of_their_kind() {
    for text in [
        r#"{"m2m:rqp":{"op":1,"to":"a","rqi":"r"},"x":1}"#,
        r#"{"m2m:rqp":{"rsc":2000,"rqi":"r"}}"#,
        r#"{"m2m:rsp":{"op":1,"to":"a","rqi":"r"}}"#,
    ] {
        assert_eq!(*refused(text).kind(), DecodeErrorKind::BadWrapper, "{text}");
    }
    for text in [
        "{}",
        r#"{"m2m:rqp":{}}"#,
        r#"{"m2m:rqp":1}"#,
        r#"{"x":{},"m2m:rqp":{"op":1}}"#,
        r#"{"m2m:rqp":{"m2m:rqp":{"op":1}}}"#,
    ] {
        assert_eq!(*refused(text).kind(), DecodeErrorKind::NeitherRequestNorResponse, "{text}");
    }
}

#[test]
fn mandatory_parameters_of_a_request() {
    for (text, member) in [
        (r#"{"op":2,"to":"a","fr":"Ca"}"#, "rqi"),
        (r#"{"op":2,"to":"a","fr":"Ca","rqi":""}"#, "rqi"),
        (r#"{"op":2,"to":"a","fr":"Ca","rqi":null}"#, "rqi"),
        (r#"{"op":2,"fr":"Ca","rqi":"r"}"#, "to"),
        (r#"{"op":2,"to":null,"fr":"Ca","rqi":"r"}"#, "to"),
        (r#"{"op":null,"to":"a","rqi":"r"}"#, "op"),
        (r#"{"rsc":null,"rqi":"r"}"#, "rsc"),
    ] {
        assert_eq!(*refused(text).kind(), DecodeErrorKind::Missing(member), "{text}");
    }
}

#[test]
fn values_of_the_wrong_type_or_size_are_refused() {
    for (member, name) in [
        (r#""ty":"x""#, "ty"),
        (r#""ty":-1"#, "ty"),
        (r#""ty":4294967296"#, "ty"),
        (r#""ty":1.5"#, "ty"),
        (r#""ty":true"#, "ty"),
        (r#""ty":[1]"#, "ty"),
        (r#""ty":"""#, "ty"),
        (r#""ty":"-""#, "ty"),
        (r#""ty":1e400"#, "ty"),
        (r#""ty":99999999999999999999999999999999999999999999"#, "ty"),
        (r#""ty":"1.0""#, "ty"),
        (r#""ty":"+-1""#, "ty"),
        (r#""rcn":65536"#, "rcn"),
        (r#""ec":{}"#, "ec"),
        (r#""drt":"a""#, "drt"),
        (r#""fr":1"#, "fr"),
        (r#""ot":{}"#, "ot"),
        (r#""rvi":true"#, "rvi"),
        (r#""rvi":[]"#, "rvi"),
        (r#""rqet":true"#, "rqet"),
        (r#""rqet":1.5"#, "rqet"),
        (r#""da":"yes""#, "da"),
        (r#""da":2"#, "da"),
        (r#""rids":[1]"#, "rids"),
        (r#""rids":{}"#, "rids"),
        (r#""rids":["a",null]"#, "rids"),
        (r#""rt":{}"#, "rt"),
        (r#""rt":{"rtv":70000}"#, "rt"),
        (r#""rt":{"nu":[]}"#, "rt"),
        (r#""rt":"x""#, "rt"),
        (r#""rt":{"rtv":1,"nu":1}"#, "rt"),
        (r#""fc":[]"#, "fc"),
        (r#""fc":"x""#, "fc"),
        (r#""pc":1"#, "pc"),
        (r#""pc":[]"#, "pc"),
        (r#""pc":false"#, "pc"),
        (r#""gstn":18446744073709551616"#, "gstn"),
        (r#""gstn":-1"#, "gstn"),
    ] {
        let op = if name == "fr" { "1" } else { r#"1,"fr":"Ca""# };
        let error = refused(format!(r#"{{"op":{op},"to":"a","rqi":"r",{member}}}"#));
        assert!(
            matches!(error.kind(), DecodeErrorKind::BadValue { member, .. } if *member == name),
            "{member}: {error}"
        );
        // Such a request can be answered.
        assert_eq!((error.shape(), error.request_id()), (Shape::Request, Some("r")));
    }
    for op in ["0", "6", "-1", "256", r#""create""#, "9223372036854775808"] {
        let error = refused(format!(r#"{{"op":{op},"to":"a","rqi":"r"}}"#));
        assert!(matches!(error.kind(), DecodeErrorKind::BadValue { member: "op", .. }), "{op}: {error}");
    }
    for rsc in [r#""OK""#, "65536", "-2000", "{}", "2000.5", "true"] {
        let error = refused(format!(r#"{{"rsc":{rsc},"rqi":"r"}}"#));
        assert!(matches!(error.kind(), DecodeErrorKind::BadValue { member: "rsc", .. }), "{rsc}: {error}");
        assert_eq!(error.shape(), Shape::Response);
    }
}

#[test]
fn a_session_learns_whether_and_how_to_answer() {
    for (text, shape, rqi) in [
        (r#"{"op":1,"rqi":"r","pc":{bad"#, Shape::Request, Some("r")),
        (r#"{"op":1,"rqi":"\u0072\n","x"}"#, Shape::Request, Some("r\n")),
        (r#"{"op":1,"rqi":17,"x"}"#, Shape::Request, Some("17")),
        (r#"{"op":1,"rqi":[],"x"}"#, Shape::Request, None),
        (r#"{"op":1,"rqi":"","x"}"#, Shape::Request, None),
        (r#"{"op":1,"to":"a"}"#, Shape::Request, None),
        (r#"{"rqi":"r","to":"a"}"#, Shape::Unknown, Some("r")),
        (r#"{"rqi":"r","rsc":2000,"pc":{bad"#, Shape::Response, Some("r")),
        (r#"{"op":1,"rqi":"r","rsc":2000,bad"#, Shape::Response, Some("r")),
        // What was not read yet may be a status: then nobody is to be answered.
        (r#"{"op":1,"rqi":"r","x":bad,"rsc":2000}"#, Shape::Unknown, Some("r")),
        (r#"{"op":1,"rqi":"r","rsc":"#, Shape::Unknown, Some("r")),
        (r#"{"m2m:rqp":{"op":1,"rqi":"r","pc":{bad"#, Shape::Request, Some("r")),
        ("{bad", Shape::Unknown, None),
        ("7", Shape::Unknown, None),
    ] {
        let error = refused(text);
        assert_eq!((error.shape(), error.request_id()), (shape, rqi), "{text}");
    }
}

#[test]
fn error_texts_hold_no_raw_text_of_a_peer() {
    let name = format!(r"\n\u001b[31m{}", "x".repeat(500));
    let error = refused(format!(r#"{{"op":1,"{name}":1,"{name}":2}}"#));
    let text = error.to_string();
    assert!(text.len() < 150 && text.is_ascii() && !text.contains(['\n', '\u{1b}']), "{text}");
}
