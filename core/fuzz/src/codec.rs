//! The codecs: any bytes as a primitive, and a primitive through all formats.
//!
//! What must hold:
//! - decoding does not panic, and claims no more memory than a small multiple of its input, whatever lengths that declares;
//!   so does reading the content, with the multiple that a tree of values costs;
//! - what was read can be written, or the error names the place; and what was written reads the same, also when strict;
//! - CBOR carries whatever JSON does, or names the integer that is too large; XML carries it unchanged, or names the place.

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeErrorKind, DecodeOptions, Decoded, Deviation, EncodeError, Primitive};
use onem2m_ws::primitive::{Content, Format};
use serde_json::Value;

/// What decoding may claim: the primitive, its strings, and a list of them from a value with little in each item.
const DECODING: (u64, u64) = (32, 8 << 10);
/// What a tree may claim: a `Value` for each byte or two, and twice that while a list grows.
const READING: (u64, u64) = (400, 16 << 10);

/// Runs `work`, and panics if it claims more than so many times its input, and so much beside.
fn capped<T>(input: &[u8], (times, more): (u64, u64), work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(work()));
    let most = times * input.len() as u64 + more;
    assert!(info.bytes_max <= most, "{} bytes claimed for {} of input", info.bytes_max, input.len());
    result.expect("it was run")
}

/// Any bytes as JSON.
pub fn codec_json(data: &[u8]) {
    hostile(Format::Json, data);
}

/// Any bytes as XML.
pub fn codec_xml(data: &[u8]) {
    hostile(Format::Xml, data);
}

/// Any bytes as CBOR.
pub fn codec_cbor(data: &[u8]) {
    hostile(Format::Cbor, data);
}

fn hostile(format: Format, data: &[u8]) {
    let input = Bytes::copy_from_slice(data);
    let decoded = capped(data, DECODING, || codec::decode(format, input.clone(), &DecodeOptions::default()));
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(codec::decode_text(format, text, &DecodeOptions::default()), decoded);
    }
    let strict = codec::decode(format, input, &DecodeOptions { strict: true, ..DecodeOptions::default() });
    match decoded {
        Ok(decoded) => {
            assert_eq!(strict.is_ok(), decoded.deviations.is_empty());
            for content in contents(&decoded.primitive) {
                let value = capped(data, READING, || content.value());
                drop(value);
            }
            written_reads_the_same(format, &decoded);
        }
        Err(error) => {
            assert!(error.offset() <= data.len());
            assert!(error.to_string().len() < 1000);
            let strict = strict.expect_err("strict is stricter");
            assert!(matches!(strict.kind(), DecodeErrorKind::Deviation(_)) || strict.shape() == error.shape());
        }
    }
}

fn contents(primitive: &Primitive) -> Vec<Content> {
    let (content, unknown) = match primitive {
        Primitive::Request(request) => (
            [request.content.clone(), request.filter_criteria.clone()],
            request.additional.as_ref().map(|additional| additional.unknown.clone()),
        ),
        Primitive::Response(response) => (
            [response.content.clone(), None],
            response.additional.as_ref().map(|additional| additional.unknown.clone()),
        ),
    };
    let unknown = unknown.unwrap_or_default().into_iter().map(|(_, content)| content);
    content.into_iter().flatten().chain(unknown).collect()
}

fn encode(format: Format, primitive: &Primitive) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::new();
    match primitive {
        Primitive::Request(request) => codec::encode_request(format, request, &mut out)?,
        Primitive::Response(response) => codec::encode_response(format, response, &mut out)?,
    }
    Ok(out.freeze())
}

/// The primitive as JSON, if its content is a value at all and no number in it is beyond all ranges.
fn value(primitive: &Primitive) -> Option<Value> {
    serde_json::from_slice(&encode(Format::Json, primitive).ok()?).ok()
}

fn written_reads_the_same(format: Format, decoded: &Decoded) {
    let Ok(bytes) = encode(format, &decoded.primitive) else { return };
    let again = codec::decode(format, bytes, &DecodeOptions::default()).expect("what was written is read");
    // What is not there cannot be put right, and content that is handed on is not looked into.
    let left = |deviation| {
        matches!(
            deviation,
            Deviation::MissingFrom
                | Deviation::MissingReleaseVersion
                | Deviation::MissingRequestId
                | Deviation::ContentMembers
                | Deviation::PlainContent
        )
    };
    assert!(again.deviations.iter().all(left), "{:?}", again.deviations);
    assert_eq!(value(&again.primitive), value(&decoded.primitive));
}

/// XML gives the roots of content the prefix that some peers leave off.
fn without_prefix(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let bare = |name: String| name.strip_prefix("m2m:").map(str::to_owned).unwrap_or(name);
            Value::Object(members.into_iter().map(|(name, value)| (bare(name), without_prefix(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_prefix).collect()),
        other => other,
    }
}

/// A primitive in JSON, through the other formats; and any bytes, which no two decoders take for a primitive.
pub fn codec_convert(data: &[u8]) {
    let options = DecodeOptions::default();
    let input = Bytes::copy_from_slice(data);
    let taken = [Format::Json, Format::Xml, Format::Cbor].map(|format| codec::decode(format, input.clone(), &options));
    assert!(taken.iter().filter(|result| result.is_ok()).count() <= 1);
    let [Ok(Decoded { primitive, .. }), ..] = taken else { return };
    // A number beyond all ranges, or a name twice: then nothing but JSON can hold it.
    let Some(expected) = value(&primitive) else { return };
    for format in [Format::Cbor, Format::Xml] {
        match capped(data, READING, || encode(format, &primitive)) {
            Ok(bytes) => {
                let read = codec::decode(format, bytes, &options).expect("what was written is read").primitive;
                let read = value(&read).expect("what was read is a value");
                match format {
                    Format::Xml => assert_eq!(without_prefix(read), without_prefix(expected.clone())),
                    _ => assert_eq!(read, expected, "by way of {format:?}"),
                }
            }
            Err(EncodeError::NotCarried { place, .. } | EncodeError::BadContent { place, .. }) => {
                assert!(!place.is_empty());
            }
            Err(error) => panic!("{error}"),
        }
    }
    let json = codec::convert(Format::Json, input, Format::Json, &options).expect("it was read and written before");
    assert_eq!(serde_json::from_slice::<Value>(&json).expect("it is JSON"), expected);
}
