//! What the envelope costs: this codec against serde_json into a typed struct with raw content, and into `Value`.
//!
//! One message each way of what a gateway does most: a CREATE of a contentInstance and its response. Compare within one
//! run; the targets are ratios to `serde_typed`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use onem2m_ws::codec::{self, DecodeOptions, Decoded, Primitive};
use onem2m_ws::primitive::Format;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

const REQUEST: &str = r#"{"op":1,"to":"in-cse/sensorAE/data","fr":"CsensorAE","rqi":"r-00000000001","ty":4,"pc":{"m2m:cin":{"cnf":"text/plain:0","con":"21.50 degC"}},"rvi":"3"}"#;
const RESPONSE: &str = r#"{"rsc":2001,"rqi":"r-00000000001","pc":{"m2m:cin":{"rn":"cin_00010001","ty":4,"ri":"cin0001","pi":"cnt0001","ct":"20240501T120001","lt":"20240501T120001","et":"20290501T120001","st":1,"cs":9,"con":"21.50 degC"}},"rvi":"3"}"#;

/// The usual way with serde: every parameter that the messages can have, strings owned, content raw.
#[derive(Serialize, Deserialize)]
struct Typed {
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsc: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fr: Option<String>,
    rqi: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ty: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pc: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rqet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rcn: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ec: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fc: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rvi: Option<String>,
}

fn ours(bytes: &Bytes) -> Decoded {
    codec::decode(Format::Json, bytes.clone(), &DecodeOptions::default()).unwrap()
}

fn parse(c: &mut Criterion) {
    let large = REQUEST.replace("21.50 degC", &"0123456789abcdef".repeat(4096));
    let mut group = c.benchmark_group("parse");
    for (name, text) in [("request", REQUEST), ("response", RESPONSE), ("request_64k", large.as_str())] {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("ours", name), &bytes, |b, bytes| b.iter(|| ours(black_box(bytes))));
        group.bench_with_input(BenchmarkId::new("serde_typed", name), &bytes, |b, bytes| {
            b.iter(|| serde_json::from_slice::<Typed>(black_box(bytes)).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("serde_value", name), &bytes, |b, bytes| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(bytes)).unwrap());
        });
    }
    group.finish();
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    for (name, text) in [("request", REQUEST), ("response", RESPONSE)] {
        let primitive = ours(&Bytes::copy_from_slice(text.as_bytes())).primitive;
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut out = BytesMut::with_capacity(4096);
        group.bench_function(BenchmarkId::new("ours", name), |b| {
            b.iter(|| {
                out.clear();
                match black_box(&primitive) {
                    Primitive::Request(request) => codec::encode_request(Format::Json, request, &mut out).unwrap(),
                    Primitive::Response(response) => codec::encode_response(Format::Json, response, &mut out).unwrap(),
                }
                assert_eq!(out.len(), text.len());
            });
        });
        let typed: Typed = serde_json::from_str(text).unwrap();
        let mut out = Vec::with_capacity(4096);
        group.bench_function(BenchmarkId::new("serde_typed", name), |b| {
            b.iter(|| {
                out.clear();
                serde_json::to_writer(&mut out, black_box(&typed)).unwrap();
                assert_eq!(out.len(), text.len());
            });
        });
        let value: Value = serde_json::from_str(text).unwrap();
        group.bench_function(BenchmarkId::new("serde_value", name), |b| {
            b.iter(|| {
                out.clear();
                serde_json::to_writer(&mut out, black_box(&value)).unwrap();
                assert_eq!(out.len(), text.len());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse, write);
criterion_main!(benches);
