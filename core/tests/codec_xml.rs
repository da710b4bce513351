//! XML primitives as the standard writes them: the same primitives as in JSON, in both directions.

#![allow(clippy::unwrap_used)]

#[path = "common/xml_tree.rs"]
mod xml_tree;

use std::fs;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeOptions, Decoded, Deviation, Deviations, Primitive};
use onem2m_ws::primitive::{Content, Format, Request};
use serde_json::Value;
use xml_tree::tree;

fn decode(format: Format, text: &str) -> Decoded {
    let input = Bytes::copy_from_slice(text.as_bytes());
    let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
    codec::decode(format, input, &strict).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn encode(format: Format, primitive: &Primitive) -> String {
    let mut out = BytesMut::new();
    match primitive {
        Primitive::Request(request) => codec::encode_request(format, request, &mut out),
        Primitive::Response(response) => codec::encode_response(format, response, &mut out),
    }
    .unwrap_or_else(|error| panic!("{primitive:?}: {error}"));
    String::from_utf8(out.to_vec()).unwrap()
}

/// What the content is, and the primitive without it and the other structured parameters.
fn parts(primitive: Primitive) -> (Vec<Value>, Primitive) {
    match primitive {
        Primitive::Request(mut request) => {
            let contents = [request.content.take(), request.filter_criteria.take()];
            let values = contents.into_iter().flatten().map(|content| content.value().unwrap());
            (values.collect(), Primitive::Request(request))
        }
        Primitive::Response(mut response) => {
            let values = response.content.take().into_iter().map(|content| content.value().unwrap());
            (values.collect(), Primitive::Response(response))
        }
    }
}

fn vectors() -> Vec<(PathBuf, String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "xml"));
    paths.sort();
    let read = |path: PathBuf| {
        let (xml, json) =
            (fs::read_to_string(&path).unwrap(), fs::read_to_string(path.with_extension("json")).unwrap());
        (path, xml, json)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn vectors_are_the_same_primitives_as_in_json() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 20);
    for (path, xml, json) in vectors {
        let (from_xml, from_json) = (decode(Format::Xml, &xml), decode(Format::Json, &json));
        assert_eq!(from_xml.deviations, Deviations::NONE, "{path:?}");
        assert_eq!(parts(from_xml.primitive), parts(from_json.primitive), "{path:?}");
    }
}

#[test]
fn vectors_are_written_as_the_same_documents() {
    for (path, xml, json) in vectors() {
        let written = encode(Format::Xml, &decode(Format::Json, &json).primitive);
        assert_eq!(tree(&written), tree(&xml), "{path:?}");
    }
}

#[test]
fn vectors_survive_the_way_from_xml_to_json_and_back() {
    for (path, xml, json) in vectors() {
        let to_json = encode(Format::Json, &decode(Format::Xml, &xml).primitive);
        let (to_json, json) =
            (serde_json::from_str::<Value>(&to_json).unwrap(), serde_json::from_str::<Value>(&json).unwrap());
        assert_eq!(to_json, json, "{path:?}");
        let same = encode(Format::Xml, &decode(Format::Xml, &xml).primitive);
        assert_eq!(tree(&same), tree(&xml), "{path:?}");
    }
}

#[test]
fn pretty_documents_are_those_of_the_vectors() {
    for (path, xml, json) in vectors() {
        let written = encode(Format::Xml, &decode(Format::Json, &json).primitive);
        let pretty = codec::pretty(Format::Xml, &Bytes::from(written));
        let expected = xml.replace("version='1.0' encoding='UTF-8'", r#"version="1.0" encoding="UTF-8""#);
        assert_eq!(std::str::from_utf8(&pretty).unwrap(), expected.trim_end(), "{path:?}");
        assert_eq!(codec::pretty(Format::Xml, &pretty), pretty);
    }
    for broken in ["", "<a>", "</a>", "text"] {
        assert_eq!(codec::pretty(Format::Xml, &Bytes::from(broken)), broken);
    }
}

#[test]
fn the_request_of_ts_0004_8_3_2() {
    let example = r#"<?xml version="1.0" encoding="UTF-8"?>
<m2m:rqp xmlns:m2m="http://www.onem2m.org/xml/protocols">
    <op>1</op>
    <to>//example.net/myCSE/-/Cont1</to>
    <fr>/myCSE/C2345</fr>
    <rqi>0002bf63</rqi>
    <ty>4</ty>
    <pc>
        <m2m:cin>
            <cnf>application/xml:1</cnf>
            <con>PHRpbWU+MTc4ODkzMDk8L3RpbWU+PHRlbXA+MjA8L3RlbXA+DQo=</con>
        </m2m:cin>
    </pc>
</m2m:rqp>"#;
    let input = Bytes::from(example);
    let decoded = codec::decode(Format::Xml, input, &DecodeOptions::default()).unwrap();
    // The example is older than the release version.
    assert_eq!(decoded.deviations.iter().collect::<Vec<_>>(), [Deviation::MissingReleaseVersion]);
    assert_eq!(tree(&encode(Format::Xml, &decoded.primitive)), tree(example));
    let json: Value = serde_json::from_str(&encode(Format::Json, &decoded.primitive)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "op": 1, "to": "//example.net/myCSE/-/Cont1", "fr": "/myCSE/C2345", "rqi": "0002bf63", "ty": 4,
            "pc": {"m2m:cin": {
                "cnf": "application/xml:1", "con": "PHRpbWU+MTc4ODkzMDk8L3RpbWU+PHRlbXA+MjA8L3RlbXA+DQo="
            }},
        })
    );
}

#[test]
fn the_null_of_ts_0004_8_3_2() {
    let content =
        Content::from_encoded(Format::Xml, Bytes::from_static(b"<m2m:grp>\n        <mnm></mnm>\n    </m2m:grp>"));
    assert_eq!(content.value().unwrap(), serde_json::json!({"m2m:grp": {"mnm": null}}));
}

#[test]
fn parameters_that_an_application_gives_as_xml_are_converted_without_their_name() {
    let mut request = Request::retrieve("x").request_id("r");
    request.filter_criteria = Some(Content::from_encoded(Format::Xml, "<fc><lim>3</lim><lbl>a b</lbl></fc>".into()));
    let mut out = BytesMut::new();
    codec::encode_request(Format::Json, &request, &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["fc"], serde_json::json!({"lim": 3, "lbl": ["a", "b"]}));
}
