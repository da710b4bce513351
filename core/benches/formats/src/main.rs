//! The codecs beside what a user would take instead, in one run: `make bench-formats`.
//!
//! Candidates of a group take turns, each for a few milliseconds, over many rounds; the median counts. The last column is
//! the ratio to the first candidate named `*`. Numbers of two runs must not be compared: the machine's speed drifts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{self, DecodeOptions, Decoded, Primitive};
use onem2m_ws::primitive::Format;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

const REQUEST: &str = r#"{"op":1,"to":"in-cse/sensorAE/data","fr":"CsensorAE","rqi":"r-00000000001","ty":4,"pc":{"m2m:cin":{"cnf":"text/plain:0","con":"21.50 degC"}},"rvi":"3"}"#;
const RESPONSE: &str = r#"{"rsc":2001,"rqi":"r-00000000001","pc":{"m2m:cin":{"rn":"cin_00010001","ty":4,"ri":"cin0001","pi":"cnt0001","ct":"20240501T120001","lt":"20240501T120001","et":"20290501T120001","st":1,"cs":9,"con":"21.50 degC"}},"rvi":"3"}"#;

/// How long a candidate runs before the next has its turn, and how often each has one.
const TURN: Duration = Duration::from_millis(3);
const ROUNDS: usize = 41;

/// What a candidate does once.
type Work<'a> = Box<dyn FnMut() + 'a>;

/// Measures candidates in turn and prints a table.
fn group(title: &str, mut candidates: Vec<(&str, Work<'_>)>) {
    let counts: Vec<u32> = candidates
        .iter_mut()
        .map(|(_, work)| {
            let mut count = 1_u32;
            loop {
                let start = Instant::now();
                (0..count).for_each(|_| work());
                let took = start.elapsed();
                if took >= TURN || count > 1 << 24 {
                    return (f64::from(count) * TURN.as_secs_f64() / took.as_secs_f64()).max(1.0) as u32;
                }
                count *= 2;
            }
        })
        .collect();
    let mut times = vec![Vec::with_capacity(ROUNDS); candidates.len()];
    for _ in 0..ROUNDS {
        for (i, (_, work)) in candidates.iter_mut().enumerate() {
            let start = Instant::now();
            (0..counts[i]).for_each(|_| work());
            times[i].push(start.elapsed().as_secs_f64() * 1e9 / f64::from(counts[i]));
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| {
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        })
        .collect();
    let base = candidates.iter().position(|(name, _)| name.starts_with('*')).map_or(medians[0], |i| medians[i]);
    println!("\n{title}");
    for ((name, _), median) in candidates.iter().zip(&medians) {
        println!("  {name:34} {median:12.0} ns {:8.2}", median / base);
    }
}

fn ours(format: Format, bytes: &Bytes) -> Decoded {
    codec::decode(format, bytes.clone(), &DecodeOptions::default()).expect("a primitive")
}

fn value_of(decoded: &Decoded) -> Value {
    let content = match &decoded.primitive {
        Primitive::Request(request) => request.content.as_ref(),
        Primitive::Response(response) => response.content.as_ref(),
    };
    content.expect("content").value().expect("a value")
}

fn write(format: Format, primitive: &Primitive, out: &mut BytesMut) {
    out.clear();
    match primitive {
        Primitive::Request(request) => codec::encode_request(format, request, out).expect("written"),
        Primitive::Response(response) => codec::encode_response(format, response, out).expect("written"),
    }
}

/// The usual way with serde: every parameter that the messages can have, strings owned; `C` is the content.
#[derive(Serialize, Deserialize)]
struct Typed<C> {
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
    pc: Option<C>,
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
    rvi: Option<String>,
}

/// Content typed as well, for formats whose serde has nothing raw.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Pc {
    #[serde(rename = "m2m:cin", alias = "cin", skip_serializing_if = "Option::is_none")]
    cin: Option<Cin>,
    #[serde(rename = "m2m:uril", alias = "uril", skip_serializing_if = "Option::is_none")]
    uril: Option<Value>,
    #[serde(rename = "m2m:rrl", alias = "rrl", skip_serializing_if = "Option::is_none")]
    rrl: Option<Rrl>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Cin {
    #[serde(alias = "@rn", skip_serializing_if = "Option::is_none")]
    rn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ty: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pi: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ct: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    et: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    st: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    con: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Rrl {
    rrf: Vec<Rrf>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Rrf {
    #[serde(alias = "@nm")]
    nm: String,
    #[serde(alias = "@typ")]
    typ: u32,
    #[serde(alias = "$text")]
    val: String,
}

fn json(name: &str, message: &str) {
    let bytes = Bytes::copy_from_slice(message.as_bytes());
    let slice = bytes.as_ref();
    let decoded = ours(Format::Json, &bytes);
    let mut scratch = Vec::new();
    let mut scratch2 = Vec::new();
    group(
        &format!("JSON read, {name}, {} bytes", slice.len()),
        vec![
            ("ours, lazy", Box::new(|| drop(black_box(ours(Format::Json, black_box(&bytes)))))),
            ("ours, content as Value", Box::new(|| drop(black_box(value_of(&ours(Format::Json, black_box(&bytes))))))),
            (
                "* serde_json typed, RawValue",
                Box::new(|| {
                    drop(black_box(serde_json::from_slice::<Typed<Box<RawValue>>>(black_box(slice)).expect("typed")));
                }),
            ),
            (
                "serde_json Value",
                Box::new(|| {
                    drop(black_box(serde_json::from_slice::<Value>(black_box(slice)).expect("value")));
                }),
            ),
            (
                "sonic-rs typed, LazyValue",
                Box::new(|| {
                    drop(black_box(
                        sonic_rs::from_slice::<Typed<sonic_rs::LazyValue<'_>>>(black_box(slice)).expect("typed"),
                    ));
                }),
            ),
            (
                "sonic-rs Value",
                Box::new(|| {
                    drop(black_box(sonic_rs::from_slice::<sonic_rs::Value>(black_box(slice)).expect("value")));
                }),
            ),
            (
                "simd-json typed",
                Box::new(|| {
                    scratch.clear();
                    scratch.extend_from_slice(black_box(slice));
                    drop(black_box(simd_json::from_slice::<Typed<Pc>>(&mut scratch).expect("typed")));
                }),
            ),
            (
                "simd-json Value",
                Box::new(|| {
                    scratch2.clear();
                    scratch2.extend_from_slice(black_box(slice));
                    black_box(simd_json::to_borrowed_value(&mut scratch2).expect("value"));
                }),
            ),
        ],
    );
    let typed: Typed<Box<RawValue>> = serde_json::from_slice(slice).expect("typed");
    let sonic: Typed<sonic_rs::LazyValue<'_>> = sonic_rs::from_slice(slice).expect("typed");
    let value: Value = serde_json::from_slice(slice).expect("value");
    let mut out = BytesMut::with_capacity(2 * slice.len());
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    group(
        &format!("JSON write, {name}"),
        vec![
            ("ours", Box::new(|| write(Format::Json, black_box(&decoded.primitive), &mut out))),
            (
                "* serde_json typed, RawValue",
                Box::new(|| {
                    a.clear();
                    serde_json::to_writer(&mut a, black_box(&typed)).expect("written");
                }),
            ),
            (
                "serde_json Value",
                Box::new(|| {
                    b.clear();
                    serde_json::to_writer(&mut b, black_box(&value)).expect("written");
                }),
            ),
            (
                "sonic-rs typed, LazyValue",
                Box::new(|| {
                    c.clear();
                    sonic_rs::to_writer(&mut c, black_box(&sonic)).expect("written");
                }),
            ),
        ],
    );
}

/// The envelope with minicbor's decoder, its content skipped: what somebody would write by hand.
fn minicbor_by_hand(bytes: &[u8]) -> Option<(u64, Vec<String>, usize)> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut texts = Vec::with_capacity(4);
    let mut numbers = 0;
    let mut content = 0;
    for _ in 0..decoder.map().ok()?? {
        match decoder.str().ok()? {
            "op" | "rsc" | "ty" => numbers += decoder.u64().ok()?,
            "pc" => {
                content = decoder.position();
                decoder.skip().ok()?;
            }
            _ => texts.push(decoder.str().ok()?.to_owned()),
        }
    }
    Some((numbers, texts, content))
}

fn cbor(name: &str, json: &str) {
    let bytes = codec::convert(Format::Json, json.to_owned().into(), Format::Cbor, &DecodeOptions::default());
    let bytes = bytes.expect("CBOR");
    let slice = bytes.as_ref();
    let decoded = ours(Format::Cbor, &bytes);
    group(
        &format!("CBOR read, {name}, {} bytes", slice.len()),
        vec![
            ("ours, lazy", Box::new(|| drop(black_box(ours(Format::Cbor, black_box(&bytes)))))),
            ("ours, content as Value", Box::new(|| drop(black_box(value_of(&ours(Format::Cbor, black_box(&bytes))))))),
            (
                "* ciborium typed",
                Box::new(|| {
                    drop(black_box(ciborium::from_reader::<Typed<Pc>, _>(black_box(slice)).expect("typed")));
                }),
            ),
            (
                "ciborium typed, content a Value",
                Box::new(|| {
                    drop(black_box(
                        ciborium::from_reader::<Typed<ciborium::Value>, _>(black_box(slice)).expect("typed"),
                    ));
                }),
            ),
            (
                "ciborium Value",
                Box::new(|| {
                    drop(black_box(ciborium::from_reader::<ciborium::Value, _>(black_box(slice)).expect("value")));
                }),
            ),
            ("minicbor by hand", Box::new(|| drop(black_box(minicbor_by_hand(black_box(slice)).expect("read"))))),
            (
                "cbor4ii typed",
                Box::new(|| {
                    drop(black_box(cbor4ii::serde::from_slice::<Typed<Pc>>(black_box(slice)).expect("typed")));
                }),
            ),
        ],
    );
    let typed: Typed<Pc> = ciborium::from_reader(slice).expect("typed");
    let mut out = BytesMut::with_capacity(2 * slice.len());
    let mut a = Vec::new();
    let mut b = Vec::with_capacity(2 * slice.len());
    group(
        &format!("CBOR write, {name}"),
        vec![
            ("ours", Box::new(|| write(Format::Cbor, black_box(&decoded.primitive), &mut out))),
            (
                "* ciborium typed",
                Box::new(|| {
                    a.clear();
                    ciborium::into_writer(black_box(&typed), &mut a).expect("written");
                }),
            ),
            (
                "cbor4ii typed",
                Box::new(|| {
                    b.clear();
                    b = cbor4ii::serde::to_vec(std::mem::take(&mut b), black_box(&typed)).expect("written");
                }),
            ),
        ],
    );
}

/// quick-xml's event loop and nothing else.
fn events(text: &str) -> u64 {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut count = 0;
    loop {
        match reader.read_event().expect("an event") {
            quick_xml::events::Event::Eof => return count,
            event => count += event.len() as u64,
        }
    }
}

fn xml(name: &str, json: &str) {
    let bytes = codec::convert(Format::Json, json.to_owned().into(), Format::Xml, &DecodeOptions::default());
    let bytes = bytes.expect("XML");
    let text = std::str::from_utf8(&bytes).expect("UTF-8");
    let decoded = ours(Format::Xml, &bytes);
    let mut candidates: Vec<(&str, Work<'_>)> = vec![
        ("ours, lazy", Box::new(|| drop(black_box(ours(Format::Xml, black_box(&bytes)))))),
        ("ours, content as Value", Box::new(|| drop(black_box(value_of(&ours(Format::Xml, black_box(&bytes))))))),
        ("* quick-xml events", Box::new(|| _ = black_box(events(black_box(text))))),
        ("roxmltree", Box::new(|| drop(black_box(roxmltree::Document::parse(black_box(text)).expect("a tree"))))),
    ];
    if quick_xml::de::from_str::<Typed<Pc>>(text).is_ok() {
        candidates.push((
            "quick-xml serde typed",
            Box::new(|| drop(black_box(quick_xml::de::from_str::<Typed<Pc>>(black_box(text)).expect("typed")))),
        ));
    }
    group(&format!("XML read, {name}, {} bytes", text.len()), candidates);
    let mut out = BytesMut::with_capacity(2 * text.len());
    let from_json = ours(Format::Json, &Bytes::copy_from_slice(json.as_bytes()));
    let mut out2 = BytesMut::with_capacity(2 * text.len());
    let typed: Typed<Pc> = serde_json::from_str(json).expect("typed");
    group(
        &format!("XML write, {name}"),
        vec![
            ("ours, content XML", Box::new(|| write(Format::Xml, black_box(&decoded.primitive), &mut out))),
            ("ours, content JSON", Box::new(|| write(Format::Xml, black_box(&from_json.primitive), &mut out2))),
            (
                "* quick-xml serde typed",
                Box::new(|| {
                    drop(black_box(quick_xml::se::to_string_with_root("m2m:rqp", black_box(&typed)).expect("written")));
                }),
            ),
        ],
    );
}

/// Discovery results of 64 kB: a list of addresses, and a list of references.
fn discoveries() -> [(&'static str, String); 2] {
    let addresses: Vec<_> = (0..1560).map(|i| format!("\"cse-in/building-7/sensor-{i:04}/temperature\"")).collect();
    let references: Vec<_> = (0..900)
        .map(|i| format!(r#"{{"nm":"sensor-{i:04}","typ":3,"val":"cse-in/building-7/sensor-{i:04}"}}"#))
        .collect();
    let response = |content: String| format!(r#"{{"rsc":2000,"rqi":"r-00000000001","pc":{{{content}}},"rvi":"3"}}"#);
    [
        ("addresses", response(format!(r#""m2m:uril":[{}]"#, addresses.join(",")))),
        ("references", response(format!(r#""m2m:rrl":{{"rrf":[{}]}}"#, references.join(",")))),
    ]
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let discoveries = discoveries();
    let mut messages = vec![("request", REQUEST), ("response", RESPONSE)];
    messages.extend(discoveries.iter().map(|(name, text)| (*name, text.as_str())));
    println!("median of {ROUNDS} rounds; the last column is the ratio to the line with *");
    for (format, run) in [("json", json as fn(&str, &str)), ("cbor", cbor), ("xml", xml)] {
        if format.starts_with(&only) {
            messages.iter().for_each(|(name, message)| run(name, message));
        }
    }
}
