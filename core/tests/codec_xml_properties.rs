//! What holds for every XML document: what is written is read as the same, whatever the content, and what is accepted is
//! well-formed for another parser, too.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeOptions, EncodeError, Primitive};
use onem2m_ws::primitive::{Format, Request, Response};
use proptest::prelude::*;
use quick_xml::events::Event;
use quick_xml::reader::NsReader;
use serde_json::{Map, Value};

/// Names that mean something in one place or another, and some that do not.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "rn", "ty", "ri", "pi", "lbl", "acpi", "cr", "con", "mni", "disr", "enc", "net", "om", "ops", "or", "atr", "nu", "md",
            "num", "dur", "ch", "nm", "typ", "val", "rrf", "acr", "acor", "acop", "pv", "rep", "nev", "sur", "rsc", "rqi", "pc",
            "op", "fc", "uri", "dgt", "red", "gta",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "m2m:cin", "m2m:cnt", "m2m:sub", "m2m:acp", "m2m:sgn", "m2m:rsp", "m2m:rqp", "m2m:agr", "m2m:uril", "m2m:rce",
            "m2m:rrl", "m2m:tsi", "m2m:ae", "cod:color", "cin", "m2m:zzz", "m2m:lbl", "x:y", "xml:lang", "xmlns",
        ]).prop_map(str::to_owned),
        1 => "[a-z]{1,3}",
        1 => any::<String>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{0,4}",
        1 => "[ \t\r\na<>&'\"\\]]{0,5}",
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        5 => text().prop_map(Value::from),
        2 => (-2_i64..300).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 48, 6, |inside| {
        prop_oneof![
            1 => prop::collection::vec(inside.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((name(), inside), 0..6).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn content() -> impl Strategy<Value = Value> {
    (name(), value()).prop_map(|(name, value)| Value::Object(Map::from_iter([(name, value)])))
}

/// What is the same for XML: times as text, and roots with their prefix. Both are known by what is read.
fn is_same(sent: &Value, read: &Value) -> bool {
    match (sent, read) {
        (Value::Number(number), Value::String(text)) => number.to_string() == *text,
        (Value::Array(sent), Value::Array(read)) => {
            sent.len() == read.len() && sent.iter().zip(read).all(|(sent, read)| is_same(sent, read))
        }
        (Value::Object(sent), Value::Object(read)) => {
            sent.len() == read.len()
                && sent.iter().all(|(name, sent)| {
                    read.get(name).or_else(|| read.get(&format!("m2m:{name}"))).is_some_and(|read| is_same(sent, read))
                })
        }
        (sent, read) => sent == read,
    }
}

fn check(sent: &Value, written: Result<(), EncodeError>, out: BytesMut) -> Result<(), TestCaseError> {
    match written {
        Err(EncodeError::NotCarried { place, .. }) => prop_assert!(place.starts_with("pc")),
        Err(other) => prop_assert!(false, "{other}"),
        Ok(()) => {
            let document = std::str::from_utf8(&out).unwrap().to_owned();
            check_well_formed(&document)?;
            let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
            let decoded = codec::decode(Format::Xml, out.freeze(), &strict);
            let decoded = decoded.map_err(|error| TestCaseError::fail(format!("{document}: {error}")))?;
            let content = match decoded.primitive {
                Primitive::Request(request) => request.content,
                Primitive::Response(response) => response.content,
            };
            let read = content.unwrap().value().map_err(|error| TestCaseError::fail(format!("{document}: {error}")))?;
            prop_assert!(is_same(sent, &read), "{sent}\n{document}\n{read}");
            let pretty = codec::pretty(Format::Xml, &Bytes::from(document.clone()));
            let again = codec::decode(Format::Xml, pretty, &strict).unwrap().primitive;
            let content = match again {
                Primitive::Request(request) => request.content,
                Primitive::Response(response) => response.content,
            };
            prop_assert_eq!(content.unwrap().value().unwrap(), read);
        }
    }
    Ok(())
}

fn check_well_formed(document: &str) -> Result<(), TestCaseError> {
    let mut reader = NsReader::from_str(document);
    reader.config_mut().enable_all_checks(true);
    let mut depth = 0;
    loop {
        let event = reader.read_resolved_event();
        let (namespace, event) = event.map_err(|error| TestCaseError::fail(format!("{document}: {error}")))?;
        prop_assert!(!matches!(namespace, quick_xml::name::ResolveResult::Unknown(_)), "{document}");
        match event {
            Event::Start(tag) => {
                depth += 1;
                for attribute in tag.attributes() {
                    prop_assert!(attribute.is_ok(), "{document}");
                }
            }
            Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    prop_assert!(attribute.is_ok(), "{document}");
                }
            }
            Event::End(_) => depth -= 1,
            Event::DocType(_) => prop_assert!(false, "{document}"),
            Event::Eof => break,
            _ => {}
        }
    }
    prop_assert_eq!(depth, 0);
    Ok(())
}

const DOCUMENT: &str = concat!(
    r#"<?xml version="1.0"?><m2m:rqp xmlns:m2m="http://www.onem2m.org/xml/protocols" xmlns:x="urn:x"><op>1</op><to>a</to>"#,
    r#"<fr>C</fr><rqi>r</rqi><!-- c --><ty>3</ty><pc><m2m:cnt rn="a&amp;b" x:y='1'><lbl>a b</lbl><mni>1</mni><zz><![CDATA[ ]]>&#13;</zz>"#,
    r#"<x:z/></m2m:cnt></pc><fc><lim>1</lim></fc><rvi>3</rvi></m2m:rqp>"#
);

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_the_same(content in content()) {
        let mut out = BytesMut::new();
        let request = Request::update("a", content.clone()).request_id("r").from("C");
        let written = codec::encode_request(Format::Xml, &Request { release_version: Some("3".into()), ..request }, &mut out);
        check(&content, written, out)?;
        let mut out = BytesMut::new();
        let response = Response { release_version: Some("3".into()), ..Response::ok().content(content.clone()).request_id("r") };
        let written = codec::encode_response(Format::Xml, &response, &mut out);
        check(&content, written, out)?;
    }

    #[test]
    fn what_is_accepted_is_well_formed(edits in prop::collection::vec((0..DOCUMENT.len(), 0..3_usize, "[<>/&;!?\\[\\]\\-=\"' a:x#\u{1}é]{0,3}"), 1..4)) {
        let mut document = DOCUMENT.to_owned();
        for (at, removed, inserted) in edits {
            let at = (0..=at.min(document.len())).rev().find(|at| document.is_char_boundary(*at)).unwrap();
            let end = (at + removed..=document.len()).find(|end| document.is_char_boundary(*end)).unwrap_or(document.len());
            document.replace_range(at..end, &inserted);
        }
        if let Ok(decoded) = codec::decode_text(Format::Xml, &document, &DecodeOptions::default()) {
            check_well_formed(&document)?;
            // What was accepted can be looked at, or says why not.
            if let Primitive::Request(request) = decoded.primitive {
                let mut out = BytesMut::new();
                if codec::encode_request(Format::Json, &request, &mut out).is_ok() {
                    prop_assert!(serde_json::from_slice::<Value>(&out).is_ok(), "{document}");
                }
                out.clear();
                if codec::encode_request(Format::Xml, &request, &mut out).is_ok() {
                    let again = codec::decode(Format::Xml, out.freeze(), &DecodeOptions::default());
                    prop_assert!(again.is_ok(), "{document}: {again:?}");
                }
            }
        }
    }
}
