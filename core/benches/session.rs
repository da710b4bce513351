//! What the binding costs without sockets: a request and its response through two sessions joined in memory.
//!
//! Everything that both ends do for a message: queue and number the request, encode, frame, mask; unmask, unframe, decode,
//! hand to the application; its response the same way back; correlate. Time is given for each message.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use onem2m_ws::binding::{Config, Event, Now, Session};
use onem2m_ws::primitive::{Content, Format, Request, ResourceType, Response, StatusCode};
use onem2m_ws::websocket::{self, Connection, Random, Role};

const REQUEST_CONTENT: &[u8] = br#"{"m2m:cin":{"cnf":"text/plain:0","con":"21.50 degC"}}"#;
const RESPONSE_CONTENT: &[u8] = br#"{"m2m:cin":{"rn":"cin_00010001","ty":4,"ri":"cin0001","pi":"cnt0001","ct":"20240501T120001","lt":"20240501T120001","et":"20290501T120001","st":1,"cs":9,"con":"21.50 degC"}}"#;

/// Masking keys cost what copying them costs; where they come from is not measured here.
struct Counting(u32);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        self.0 = self.0.wrapping_add(0x9e37_79b9);
        for (byte, given) in out.iter_mut().zip(self.0.to_le_bytes().into_iter().cycle()) {
            *byte = given;
        }
    }
}

fn session(role: Role, now: Now) -> Session<usize> {
    let config = Config { originator: Some("CsensorAE".to_owned()), ..Config::default() };
    let mut session = Session::new(config, &mut Counting(1));
    let connection = Connection::new(role, websocket::Config::default(), Box::new(Counting(2)), now.monotonic);
    session.attach(now, connection, Format::Json);
    session
}

/// Brings everything that one end has ready to the other.
fn carry(now: Now, from: &mut Session<usize>, to: &mut Session<usize>, wire: &mut BytesMut) {
    from.poll_transmit(wire);
    to.handle_data(now, wire);
    wire.clear();
}

fn exchange(now: Now, client: &mut Session<usize>, server: &mut Session<usize>, wire: &mut BytesMut, window: usize) {
    for number in 0..window {
        let content = Content::from_encoded(Format::Json, Bytes::from_static(REQUEST_CONTENT));
        let request = Request::create("in-cse/sensorAE/data", ResourceType::CONTENT_INSTANCE, content);
        client.send(now, request, number).unwrap();
    }
    carry(now, client, server, wire);
    while let Some(event) = server.poll_event() {
        let Event::Request { token, request } = event else { panic!("{event:?}") };
        black_box(request);
        let content = Content::from_encoded(Format::Json, Bytes::from_static(RESPONSE_CONTENT));
        server.respond(now, token, Response::new(StatusCode::CREATED).content(content)).unwrap();
    }
    carry(now, server, client, wire);
    let mut answered = 0;
    while let Some(event) = client.poll_event() {
        let Event::Response { waiter, result } = event else { panic!("{event:?}") };
        assert_eq!((waiter, result.unwrap().status), (answered, StatusCode::CREATED));
        answered += 1;
    }
    assert_eq!(answered, window);
    black_box((client.poll_timeout(), server.poll_timeout()));
}

fn request_and_response(c: &mut Criterion) {
    let mut group = c.benchmark_group("session");
    for window in [1, 64] {
        let now = Now { monotonic: Instant::now(), wall: SystemTime::now() };
        let (mut client, mut server) = (session(Role::Client, now), session(Role::Server, now));
        let mut wire = BytesMut::new();
        group.throughput(Throughput::Elements(window as u64));
        group.bench_function(BenchmarkId::new("request_and_response", window), |b| {
            b.iter(|| exchange(now, &mut client, &mut server, &mut wire, window));
        });
    }
    group.finish();
}

criterion_group!(benches, request_and_response);
criterion_main!(benches);
