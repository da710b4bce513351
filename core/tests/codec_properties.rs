//! What holds for every message: nothing panics, nothing is lost, and the grammar is that of JSON.

#![allow(clippy::unwrap_used)]

mod generate;

use bytes::Bytes;
use onem2m_ws::codec::{self, DecodeErrorKind, DecodeOptions};
use onem2m_ws::primitive::Format;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

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
    fn what_was_written_is_read_back(primitive in generate::primitive()) {
        let bytes = generate::encode(Format::Json, &primitive).unwrap();
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
        primitive in generate::primitive(),
        edits in vec((any::<prop::sample::Index>(), prop::sample::select(TOKENS), 0..3_usize), 1..4),
    ) {
        let mut bytes = generate::encode(Format::Json, &primitive).unwrap().to_vec();
        for (at, token, remove) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, token.bytes());
        }
        agree(&bytes);
    }

    #[test]
    fn cut_messages_are_refused(primitive in generate::primitive(), at in any::<prop::sample::Index>()) {
        let bytes = generate::encode(Format::Json, &primitive).unwrap();
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
        value in generate::value(),
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
            let again = codec::decode(Format::Json, generate::encode(Format::Json, &decoded.primitive).unwrap(), &DecodeOptions::default()).unwrap();
            prop_assert_eq!(again.primitive, decoded.primitive);
        }
    }
}
