//! What is stored is what comes back.

use bytes::Bytes;
use onem2m_ws::codec::{self, DecodeOptions, Primitive};
use onem2m_ws::primitive::{Content, Format, Request};
use onem2m_ws::spool::{Record, Sequence, Spool};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use std::time::{Duration, SystemTime};

use crate::generate;
use crate::support::{Place, all, wait};

/// Stores all of them, and compares, also after a restart.
fn store_and_compare(requests: Vec<Request>) {
    let place = Place::new();
    let spool = place.open();
    let last = requests.iter().map(|request| spool.append("Ca", Record::new(request.clone(), None))).last().unwrap();
    assert_eq!(wait(last).unwrap(), Sequence(requests.len() as u64));
    let compare = |spool| {
        let stored = all(spool, "Ca");
        assert_eq!(stored.len(), requests.len());
        for (stored, request) in stored.iter().zip(&requests) {
            assert_eq!(stored.request, *request);
        }
    };
    compare(&spool);
    wait(spool.close()).unwrap();
    compare(&place.open());
}

#[test]
fn ws_6_5_4_every_request_comes_back_equal() {
    let mut runner = TestRunner::new(Config::default());
    let mut requests = Vec::new();
    let primitive = generate::primitive();
    while requests.len() < 1000 {
        if let Primitive::Request(request) = primitive.new_tree(&mut runner).unwrap().current() {
            requests.push(*request);
        }
    }
    store_and_compare(requests);
}

/// As they were read from the wire in each format, with their content in its format.
#[test]
fn requests_of_every_format_come_back_equal() {
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let (format, bytes) = if name.ends_with(".json") {
            (Format::Json, bytes)
        } else if name.ends_with(".xml") {
            (Format::Xml, bytes)
        } else if name.ends_with(".cbor.hex") {
            let text: Vec<u8> = bytes.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
            (Format::Cbor, data_encoding::HEXLOWER_PERMISSIVE.decode(&text).unwrap())
        } else {
            continue;
        };
        let decoded = codec::decode(format, bytes.into(), &DecodeOptions::default()).unwrap();
        if let Primitive::Request(request) = decoded.primitive {
            requests.push(*request);
        }
    }
    let formats = |format| requests.iter().filter_map(|r| r.content.as_ref()).filter(|c| c.format() == format).count();
    assert!(Format::ALL.into_iter().all(|format| formats(format) > 2));
    store_and_compare(requests);
}

/// It would be sent as it is, too.
#[test]
fn content_that_is_wrong_in_its_format_comes_back_equal() {
    let request = |format, bytes: &'static [u8]| {
        let content = || Content::from_encoded(format, Bytes::from_static(bytes));
        let mut request = Request::notify("Ca", content()).request_id("1");
        request.filter_criteria = Some(content());
        request.additional_mut().unknown.push(("rqi".to_owned(), content()));
        request
    };
    let deep = Box::leak("[".repeat(200).into_boxed_str()).as_bytes();
    let contents = [b"".as_slice(), b"{", b"\xff\0", deep];
    store_and_compare(
        Format::ALL.into_iter().flat_map(|format| contents.map(|content| request(format, content))).collect(),
    );
}

#[test]
fn times_of_expiry_come_back_to_the_nanosecond() {
    let place = Place::new();
    let spool = place.open();
    let epoch = SystemTime::UNIX_EPOCH;
    let far = Duration::from_secs(1 << 40);
    let times = [
        epoch + Duration::from_nanos(1),
        epoch + Duration::new(1_800_000_000, 999_999_999),
        epoch + far,
        epoch - Duration::from_nanos(1),
        epoch - far,
    ];
    for at in times {
        wait(spool.append("Ca", Record::new(Request::notify("Ca", serde_json::json!("x")).request_id("1"), Some(at))))
            .unwrap();
    }
    wait(spool.close()).unwrap();
    let stored = place.open().read("Ca", Sequence(0), 9, epoch - 2 * far).unwrap();
    assert_eq!(stored.iter().map(|stored| stored.expires).collect::<Vec<_>>(), times.map(Some));
}

#[test]
fn a_request_without_rqi_is_refused() {
    let place = Place::new();
    let spool = place.open();
    let refused =
        wait(spool.append("Ca", Record::new(Request::notify("Ca", serde_json::json!("x")), None))).unwrap_err();
    assert_eq!(refused.kind(), onem2m_ws::ErrorKind::InvalidArgument, "{refused}");
    assert_eq!(spool.waiting("Ca"), 0);
}
