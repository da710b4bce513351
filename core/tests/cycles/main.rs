//! Every valid primitive survives every cycle of conversions (TS-0004 8.3 to 8.5), and what a format cannot carry is an error,
//! never a changed value.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../generate/mod.rs"]
mod generate;
mod tables;

use bytes::Bytes;
use onem2m_ws::codec::{self, ConvertError, DecodeOptions, EncodeError, Primitive};
use onem2m_ws::primitive::Format;
use proptest::prelude::*;
use serde_json::Value;
use tables::{Chance, Maker, Tables};

fn convert(from: Format, bytes: &Bytes, to: Format) -> Result<Bytes, ConvertError> {
    codec::convert(from, bytes.clone(), to, &DecodeOptions::default())
}

fn value(json: &Bytes) -> Value {
    serde_json::from_slice(json).unwrap()
}

/// Asserts that a primitive in JSON comes back from everywhere.
fn survives(json: &Value) {
    let json = Bytes::from(json.to_string());
    let shown = String::from_utf8_lossy(&json).into_owned();
    let there = |from, bytes: &Bytes, to| match convert(from, bytes, to) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{from:?} to {to:?}: {error}\n{}\n{shown}", String::from_utf8_lossy(bytes)),
    };
    let cbor = there(Format::Json, &json, Format::Cbor);
    let xml = there(Format::Json, &json, Format::Xml);
    let expected = value(&there(Format::Json, &json, Format::Json));
    assert_eq!(expected, value(&json));
    for path in [
        &[Format::Cbor, Format::Json][..],
        &[Format::Xml, Format::Json],
        &[Format::Cbor, Format::Xml, Format::Json],
        &[Format::Xml, Format::Cbor, Format::Json],
        &[Format::Xml, Format::Cbor, Format::Xml, Format::Cbor, Format::Json],
    ] {
        let mut bytes = json.clone();
        let mut from = Format::Json;
        for to in path {
            bytes = there(from, &bytes, *to);
            from = *to;
        }
        let got = value(&bytes);
        assert_eq!(got, expected, "by {path:?}\n{}", String::from_utf8_lossy(&xml));
    }
    // Each form is the only one of its kind.
    assert_eq!(there(Format::Cbor, &cbor, Format::Cbor), cbor);
    assert_eq!(there(Format::Xml, &xml, Format::Xml), xml);
    assert_eq!(there(Format::Cbor, &cbor, Format::Xml), xml);
    // What we write ourselves follows the specification.
    let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
    for (format, bytes) in [(Format::Json, &json), (Format::Cbor, &cbor), (Format::Xml, &xml)] {
        match codec::decode(format, bytes.clone(), &strict) {
            Ok(_) => {}
            // The tables allow both to be absent.
            Err(error) if error.to_string().contains("without rvi") || error.to_string().contains("without fr") => {}
            Err(error) => panic!("{format:?}: {error}\n{}", String::from_utf8_lossy(bytes)),
        }
    }
}

#[test]
fn every_kind_of_resource_survives() {
    let tables = Tables::read();
    for (i, root) in tables.resource_names().enumerate() {
        for round in 0..4 {
            let chance = Chance((i * 4 + round) as u64);
            survives(&Maker { tables: &tables, chance, in_response: false }.primitive_with(root));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_valid_by_the_tables_survives_every_cycle(seed in any::<u64>()) {
        thread_local! { static TABLES: Tables = Tables::read(); }
        TABLES.with(|tables| {
            survives(&Maker { tables, chance: Chance(seed), in_response: false }.primitive());
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cbor_carries_whatever_json_does(primitive in generate::primitive()) {
        let json = generate::encode(Format::Json, &primitive).unwrap();
        let cbor = generate::encode(Format::Cbor, &primitive).unwrap();
        prop_assert_eq!(&convert(Format::Json, &json, Format::Cbor).unwrap(), &cbor);
        // As text: also the order of members, and 1.0 beside 1.
        prop_assert_eq!(&convert(Format::Cbor, &cbor, Format::Json).unwrap(), &json);
    }

    #[test]
    fn xml_carries_a_primitive_as_it_is_or_not_at_all(primitive in generate::primitive()) {
        match generate::encode(Format::Xml, &primitive) {
            Ok(xml) => same_from_xml(&primitive, &xml),
            Err(EncodeError::NotCarried { place, reason }) => prop_assert!(!place.is_empty() && !reason.is_empty()),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

fn same_from_xml(primitive: &Primitive, xml: &Bytes) {
    let json = generate::encode(Format::Json, primitive).unwrap();
    let back = convert(Format::Xml, xml, Format::Json).unwrap();
    assert_eq!(value(&back), value(&json), "{}", String::from_utf8_lossy(xml));
}
