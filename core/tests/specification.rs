//! What TS-0020 shows in clause 5.2 and in Annex A.1, done: its handshakes byte for byte, its primitives member for
//! member, and the flow of figure 5.2-2 from the first handshake to a request on the reopened connection.
//!
//! Where the printed text is damaged the meaning is taken, and said: the accept value that it prints is not the one that
//! RFC 6455 4.2.2 computes for its key, its `Host` is not the authority of its URI, and three identifiers got lost
//! characters or additional ones on their way into print (`://example.net`, `S\\_SAH25`, ` S_SAH25`).
#![allow(clippy::unwrap_used, missing_docs)]

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use onem2m_ws::binding::{PointOfAccess, subprotocol};
use onem2m_ws::codec::{self, DecodeOptions, Deviation, Primitive};
use onem2m_ws::primitive::{Format, Operation, Request, ResourceType, Response, ResultContent, StatusCode};
use onem2m_ws::websocket::Random;
use onem2m_ws::websocket::handshake::Limits;
use onem2m_ws::websocket::handshake::client::{Accepted, ClientHandshake, ClientRequest};
use onem2m_ws::websocket::handshake::server::{ServerHandshake, UpgradeRequest};
use serde_json::{Value, json};

/// The URI of clause 5.2, step 2.
const URI: &str = "ws://example.net:9000/";
/// The key of every example.
const KEY: &str = "ud63env87LQLd4uIV20/oQ==";

/// Gives the bytes whose base64 form is [`KEY`].
struct KeyOfTheText;

impl Random for KeyOfTheText {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&BASE64.decode(KEY.as_bytes()).unwrap());
    }
}

fn client_handshake(uri: &str, subprotocols: &[&str]) -> ClientHandshake {
    let poa: PointOfAccess = uri.parse().unwrap();
    let request = ClientRequest {
        authority: poa.authority(),
        target: poa.target().to_owned(),
        subprotocols: subprotocols.iter().map(|name| (*name).to_owned()).collect(),
        ..ClientRequest::default()
    };
    ClientHandshake::new(&request, Limits::default(), &mut KeyOfTheText).unwrap()
}

fn upgrade(request: &[u8]) -> UpgradeRequest {
    ServerHandshake::new(Limits::default()).handle_data(request).unwrap().unwrap()
}

/// The answer of a server that speaks these formats.
fn answer(request: &UpgradeRequest, formats: &[Format]) -> (Bytes, Format) {
    let (name, format) = subprotocol::select(&request.subprotocols, formats, false).unwrap();
    (request.accept(Some(name), None, &[]).unwrap(), format)
}

fn crlf(lines: &[&str]) -> Vec<u8> {
    let mut text = lines.join("\r\n");
    text.push_str("\r\n\r\n");
    text.into_bytes()
}

fn accepted(handshake: &mut ClientHandshake, answer: &[u8]) -> Accepted {
    handshake.handle_data(answer).unwrap().unwrap()
}

// ---- clause 5.2, steps 2 and 3

#[test]
fn ws_6_2_2_1_1_ws_6_2_2_2_1_ws_6_2_2_3_1_ws_6_2_2_5_1_step_2_of_clause_5_2_is_written_as_printed() {
    let written = client_handshake(URI, &["oneM2M.json"]).transmit();
    let printed = crlf(&[
        "GET / HTTP/1.1",
        "Host: example.net:9000", // WS-6.2.2.2-1: the authority of the URI in use
        "Upgrade: WebSocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: ud63env87LQLd4uIV20/oQ==",
        "Sec-WebSocket-Protocol: oneM2M.json",
        "Sec-WebSocket-Version: 13",
    ]);
    assert_eq!(*written, printed, "{}", String::from_utf8_lossy(&written));
}

#[test]
fn ws_6_2_3_1_1_ws_6_2_3_4_1_step_3_of_clause_5_2_is_written_as_printed_with_the_accept_of_rfc_6455() {
    let mut client = client_handshake(URI, &["oneM2M.json"]);
    let request = upgrade(&client.transmit());
    assert_eq!((request.target.as_str(), request.host.as_str()), ("/", "example.net:9000"));
    let (written, format) = answer(&request, &[Format::Json]);
    assert_eq!(format, Format::Json);
    let printed = crlf(&[
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: WebSocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Protocol: oneM2M.json",
        "Sec-WebSocket-Accept: 5thN0mVgdTFTgHSjknHQ8H0EtnM=",
    ]);
    assert_eq!(written, printed, "{}", String::from_utf8_lossy(&written));
    let accepted = accepted(&mut client, &written);
    assert_eq!(accepted.subprotocol.as_deref(), Some("oneM2M.json"));
    assert_eq!(accepted.deviation, None);
    assert!(accepted.leftover.is_empty());
}

#[test]
fn ws_6_2_3_4_1_the_accept_value_in_print_is_refused() {
    let mut client = client_handshake(URI, &["oneM2M.json"]);
    let printed = crlf(&[
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: WebSocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Protocol: oneM2M.json",
        "Sec-WebSocket-Accept: FuSSKANnI7C/6/FrPMt70mfBY8E=",
    ]);
    let error = client.handle_data(&printed).unwrap_err();
    assert!(error.to_string().contains("Sec-WebSocket-Accept"), "{error}");
}

#[test]
fn ws_6_2_2_6_1_another_version_is_answered_426_with_the_one_that_is_taken() {
    let text = String::from_utf8(client_handshake(URI, &["oneM2M.json"]).transmit().to_vec()).unwrap();
    let other = text.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8");
    let rejection = ServerHandshake::new(Limits::default()).handle_data(other.as_bytes()).unwrap_err();
    assert_eq!(rejection.status(), 426);
    let answer = String::from_utf8(rejection.to_bytes().to_vec()).unwrap();
    assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{answer}");
}

// ---- clause 6.2.2.7 and Annex A.1, steps 2 and 3

#[test]
fn ws_6_2_2_7_1_ws_6_2_3_5_1_annex_a_1_offers_json_and_xml_and_the_server_takes_json() {
    let mut client = client_handshake(URI, &["oneM2M.json", "oneM2M.xml"]);
    let request = client.transmit();
    let text = String::from_utf8(request.to_vec()).unwrap();
    assert!(text.contains("\r\nSec-WebSocket-Protocol: oneM2M.json, oneM2M.xml\r\n"), "{text}");
    let request = upgrade(text.as_bytes());
    for formats in [&[Format::Json][..], &[Format::Xml, Format::Json], &[Format::Json, Format::Xml, Format::Cbor]] {
        let (written, format) = answer(&request, formats);
        assert_eq!(format, Format::Json, "the client's preference rules, not the server's");
        let text = String::from_utf8(written.to_vec()).unwrap();
        assert!(text.contains("\r\nSec-WebSocket-Protocol: oneM2M.json\r\n"), "{text}");
        let mut client = client_handshake(URI, &["oneM2M.json", "oneM2M.xml"]);
        assert_eq!(accepted(&mut client, &written).subprotocol.as_deref(), Some("oneM2M.json"));
    }
    assert_eq!(answer(&request, &[Format::Xml]).1, Format::Xml);
    assert_eq!(subprotocol::select(&request.subprotocols, &[Format::Cbor], false), None);
}

#[test]
fn ws_6_2_2_7_2_repeated_lines_say_what_one_joined_line_says() {
    let head = ["GET / HTTP/1.1", "Host: example.net:9000", "Upgrade: WebSocket", "Connection: Upgrade"];
    let key = format!("Sec-WebSocket-Key: {KEY}");
    let with = |lines: &[&str]| {
        let all = [&head[..], &[key.as_str()], lines, &["Sec-WebSocket-Version: 13"]].concat();
        upgrade(&crlf(&all)).subprotocols
    };
    let joined = with(&["Sec-WebSocket-Protocol: oneM2M.xml, oneM2M.json"]);
    assert_eq!(joined, ["oneM2M.xml", "oneM2M.json"]);
    for lines in [
        &["Sec-WebSocket-Protocol: oneM2M.xml", "Sec-WebSocket-Protocol: oneM2M.json"][..],
        &["sec-websocket-protocol: oneM2M.xml", "SEC-WEBSOCKET-PROTOCOL: oneM2M.json"],
        &["Sec-WebSocket-Protocol:oneM2M.xml,oneM2M.json"],
        &["Sec-WebSocket-Protocol: oneM2M.xml ,\toneM2M.json "],
    ] {
        assert_eq!(with(lines), joined, "{lines:?}");
    }
    // The order is the preference.
    let other = with(&["Sec-WebSocket-Protocol: oneM2M.json", "Sec-WebSocket-Protocol: oneM2M.xml"]);
    let both = [Format::Json, Format::Xml];
    assert_eq!(subprotocol::select(&joined, &both, false).unwrap().1, Format::Xml);
    assert_eq!(subprotocol::select(&other, &both, false).unwrap().1, Format::Json);
}

#[test]
fn ws_6_2_1_1_ws_6_2_2_3_1_names_and_tokens_of_header_fields_are_compared_without_regard_to_case() {
    let text = String::from_utf8(client_handshake(URI, &["oneM2M.json"]).transmit().to_vec()).unwrap();
    let (first, fields) = text.split_once("\r\n").unwrap();
    for change in [str::to_lowercase, str::to_uppercase] {
        let fields: Vec<String> = fields
            .lines()
            .map(|line| match line.split_once(": ") {
                Some((name @ ("Upgrade" | "Connection"), value)) => format!("{}: {}", change(name), change(value)),
                Some((name, value)) => format!("{}: {value}", change(name)),
                None => line.to_owned(),
            })
            .collect();
        let request = upgrade(format!("{first}\r\n{}\r\n", fields.join("\r\n")).as_bytes());
        assert_eq!(request.subprotocols, ["oneM2M.json"]);
    }
}

#[test]
fn ws_6_2_1_2_the_points_of_access_of_clause_6_2_1() {
    for (uri, secure, host, port) in [
        ("ws://ws-server.example.com:80", false, "ws-server.example.com", 80),
        ("ws://ws-server.example.com", false, "ws-server.example.com", 80),
        ("wss://10.251.232.119:443", true, "10.251.232.119", 443),
    ] {
        let poa: PointOfAccess = uri.parse().unwrap();
        assert_eq!((poa.is_secure(), poa.host(), poa.port(), poa.target()), (secure, host, port, "/"), "{uri}");
    }
}

// ---- the primitives of clause 5.2 and Annex A.1

/// Step 4 of clause 5.2.
fn registration_of_5_2() -> Value {
    json!({
        "op": 1,
        "to": "//example.net/mncse1234",
        "rqi": "A1234",
        "pc": { "m2m:ae": { "api": "a56", "apn": "app1234" } },
        "ty": 2
    })
}

/// Step 4 of Annex A.1.
fn registration_of_a_1() -> Value {
    json!({
        "op": 1,
        "to": "//example.net/mncse1234",
        "rqi": "A1000",
        "rcn": 7,
        "pc": { "m2m:ae": { "rn": "SmartHomeApplication", "api": "Na56", "apn": "app1234" } },
        "ty": 2
    })
}

/// Step 6.
fn registered_of_a_1() -> Value {
    json!({
        "rsc": 2001,
        "rqi": "A1000",
        "pc": { "m2m:ae": {
            "rn": "SmartHomeApplication", "ty": 2, "ri": "ae1", "api": "Na56", "apn": "app1234", "pi": "cb1",
            "ct": "20160506T153208", "lt": "20160506T153208", "acpi": ["acp1", "acp2"],
            "et": "20180506T153208", "aei": "S_SAH25"
        } }
    })
}

/// Step 7.
fn container_of_a_1(originator: &str) -> Value {
    json!({
        "op": 1,
        "to": "//example.net/mncse1234/SmartHomeApplication",
        "fr": originator,
        "rqi": "A1001",
        "rcn": 7,
        "pc": { "m2m:cnt": { "rn": "SmartHomeContainer", "mbs": 100_000, "mni": 500 } },
        "ty": 3
    })
}

/// Step 9.
fn created_of_a_1() -> Value {
    json!({
        "rsc": 2001,
        "rqi": "A1001",
        "pc": { "m2m:cnt": {
            "rn": "SmartHomeContainer", "ty": 3, "ri": "cnt1", "pi": "ae1", "ct": "20160506T154048",
            "lt": "20160506T154048", "acpi": ["acp1"], "et": "20180506T154048", "cr": "S_SAH25", "st": 0,
            "mni": 500, "mbs": 100_000, "cni": 0, "cbs": 0, "mia": 3600
        } }
    })
}

fn decode(primitive: &Value) -> (Primitive, Vec<Deviation>) {
    let decoded = codec::decode(Format::Json, primitive.to_string().into(), &DecodeOptions::default()).unwrap();
    (decoded.primitive, decoded.deviations.iter().collect())
}

fn request(primitive: &Value) -> Request {
    match decode(primitive).0 {
        Primitive::Request(request) => *request,
        Primitive::Response(response) => panic!("{response:?}"),
    }
}

fn response(primitive: &Value) -> Response {
    match decode(primitive).0 {
        Primitive::Response(response) => response,
        Primitive::Request(request) => panic!("{request:?}"),
    }
}

#[test]
fn ws_a_1_the_request_primitives_of_the_text_are_read_as_they_are_meant() {
    let registration = request(&registration_of_5_2());
    assert_eq!(registration.operation, Operation::Create);
    assert_eq!(registration.to, "//example.net/mncse1234");
    assert_eq!((registration.request_id.as_str(), registration.from.as_deref()), ("A1234", None));
    assert_eq!((registration.resource_type, registration.result_content), (Some(ResourceType::AE), None));
    let content = registration.content.unwrap().value().unwrap();
    assert_eq!(content, json!({ "m2m:ae": { "api": "a56", "apn": "app1234" } }));

    let registration = request(&registration_of_a_1());
    assert_eq!((registration.request_id.as_str(), registration.resource_type), ("A1000", Some(ResourceType::AE)));
    assert_eq!(registration.result_content, Some(ResultContent::ORIGINAL_RESOURCE));

    let container = request(&container_of_a_1("S_SAH25"));
    assert_eq!(container.operation, Operation::Create);
    assert_eq!(container.to, "//example.net/mncse1234/SmartHomeApplication");
    assert_eq!(container.from.as_deref(), Some("S_SAH25"));
    assert_eq!((container.request_id.as_str(), container.resource_type), ("A1001", Some(ResourceType::CONTAINER)));
    assert_eq!(container.content.unwrap().value().unwrap()["m2m:cnt"]["mbs"], 100_000);
    assert_eq!((container.release_version, container.additional), (None, None), "nothing is invented");
}

#[test]
fn ws_a_1_the_response_primitives_of_the_text_are_read_as_they_are_meant() {
    let registered = response(&registered_of_a_1());
    assert_eq!((registered.status, registered.request_id.as_str()), (StatusCode::CREATED, "A1000"));
    let ae = registered.content.unwrap().value().unwrap();
    assert_eq!(ae["m2m:ae"]["aei"], "S_SAH25");
    assert_eq!(ae["m2m:ae"]["acpi"], json!(["acp1", "acp2"]));
    let created = response(&created_of_a_1());
    assert_eq!((created.status, created.request_id.as_str()), (StatusCode::CREATED, "A1001"));
    assert_eq!(created.content.unwrap().value().unwrap()["m2m:cnt"]["mia"], 3600);
}

#[test]
fn ws_a_2_the_primitives_of_the_text_are_bare_and_come_out_with_the_same_members() {
    for primitive in [
        registration_of_5_2(),
        registration_of_a_1(),
        registered_of_a_1(),
        container_of_a_1("S_SAH25"),
        created_of_a_1(),
    ] {
        let (decoded, deviations) = decode(&primitive);
        // Later releases made `fr` (but for a registration) and `rvi` mandatory; else the text follows itself.
        assert!(deviations.iter().all(|d| matches!(d, Deviation::MissingFrom | Deviation::MissingReleaseVersion)));
        let mut out = BytesMut::new();
        match &decoded {
            Primitive::Request(request) => codec::encode_request(Format::Json, request, &mut out).unwrap(),
            Primitive::Response(response) => codec::encode_response(Format::Json, response, &mut out).unwrap(),
        }
        let written: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(written, primitive);
        // The content is not made anew: its bytes are those that came.
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert!(text.contains(&primitive["pc"].to_string()), "{text}");

        // Requests have `op`, responses `rsc` (the note in A.1); the older wrapper is read all the same.
        let name = if matches!(decoded, Primitive::Request(_)) { "m2m:rqp" } else { "m2m:rsp" };
        let (wrapped, deviations) = decode(&json!({ name: primitive }));
        assert_eq!(wrapped, decoded);
        assert!(deviations.contains(&Deviation::Wrapped));
    }
}

// ---- figure 5.2-2

#[cfg(feature = "net")] // the registrar's engine is pure, but is built with the rest of the registrar
mod flow {
    use std::collections::HashMap;
    use std::time::{Duration, Instant, SystemTime};

    use onem2m_ws::ErrorKind;
    use onem2m_ws::binding::{Config, Event, IncomingToken, Now, Session};
    use onem2m_ws::registrar::{Answer, Cse, CseConfig, Effect, Ticket, VerificationId};
    use onem2m_ws::websocket::{self, Connection, Role};

    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&mut self, out: &mut [u8]) {
            for byte in out {
                self.0 = self.0.wrapping_mul(37).wrapping_add(11);
                *byte = self.0;
            }
        }
    }

    /// What the registrar waits for, from its registree.
    enum Asked {
        Notification,
        Verification(VerificationId),
    }

    /// An ADN-AE and its registrar, in the roles of the figure.
    struct Figure {
        now: Now,
        ae: Session<u64>,
        registrar: Session<Asked>,
        cse: Cse,
        waiting: HashMap<Ticket, IncomingToken>,
        responses: Vec<Response>,
        notified: Vec<Value>,
        /// The entities that were registered, in order.
        registrations: Vec<String>,
        /// The text of each message on the wire, by its sender.
        wire: Vec<(Role, u8)>,
    }

    impl Figure {
        fn new() -> Self {
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_462_548_728); // 20160506T153208
            // The primitives of the text carry no `rvi`, and their registration no `fr`.
            let bare = Config { release_version: None, ..Config::default() };
            let config = CseConfig {
                sp_id: "//example.net".to_owned(),
                cse_id: "/mncse1234".to_owned(),
                cse_name: "mncse".to_owned(),
                ..CseConfig::default()
            };
            let mut numbers = 1;
            let random = Box::new(move || {
                numbers += 0x1234_5678_9abc;
                numbers
            });
            Self {
                now: Now { monotonic: Instant::now(), wall },
                ae: Session::new(Config { gated: true, ..bare.clone() }, &mut Fixed(1)),
                registrar: Session::new(bare, &mut Fixed(2)),
                cse: Cse::new(config, wall, random).unwrap(),
                waiting: HashMap::new(),
                responses: Vec::new(),
                notified: Vec::new(),
                registrations: Vec::new(),
                wire: Vec::new(),
            }
        }

        /// Steps 2 and 3.
        fn open(&mut self) {
            let mut client = client_handshake(URI, &["oneM2M.json"]);
            let (written, format) = answer(&upgrade(&client.transmit()), &[Format::Json]);
            assert_eq!(accepted(&mut client, &written).subprotocol.as_deref(), Some("oneM2M.json"));
            let connection =
                |role| Connection::new(role, websocket::Config::default(), Box::new(Fixed(3)), self.now.monotonic);
            let (ours, theirs) = (connection(Role::Client), connection(Role::Server));
            self.ae.attach(self.now, ours, format);
            self.registrar.attach(self.now, theirs, format);
            self.go();
        }

        /// Carries everything to and fro until nothing more happens.
        fn go(&mut self) {
            loop {
                let mut busy = false;
                while let Some(event) = self.ae.poll_event() {
                    busy = true;
                    match event {
                        Event::Response { result, .. } => self.responses.push(result.unwrap()),
                        Event::Request { token, request } => {
                            assert_eq!(request.operation, Operation::Notify);
                            self.notified.push(request.content.unwrap().value().unwrap());
                            self.ae.respond(self.now, token, Response::ok()).unwrap();
                        }
                        Event::Unmatched(response) => panic!("{response:?}"),
                        Event::Malformed(text) => panic!("{text}"),
                        _ => {}
                    }
                }
                while let Some(event) = self.registrar.poll_event() {
                    busy = true;
                    match event {
                        Event::Request { token, request } => self.carry_out(token, &request),
                        Event::Response { waiter: Asked::Verification(id), result } => {
                            let effects = self.cse.verified(self.now.wall, id, result.map(|r| r.status).ok());
                            self.follow(effects);
                        }
                        Event::Response { waiter: Asked::Notification, result } => {
                            assert_eq!(result.unwrap().status, StatusCode::OK);
                        }
                        Event::Unmatched(response) => panic!("{response:?}"),
                        Event::Malformed(text) => panic!("{text}"),
                        _ => {}
                    }
                }
                let mut bytes = BytesMut::new();
                if self.ae.poll_transmit(&mut bytes) {
                    busy = true;
                    self.wire.push((Role::Client, bytes[0]));
                    self.registrar.handle_data(self.now, &mut bytes.split());
                }
                if self.registrar.poll_transmit(&mut bytes) {
                    busy = true;
                    self.wire.push((Role::Server, bytes[0]));
                    self.ae.handle_data(self.now, &mut bytes.split());
                }
                if !busy {
                    return;
                }
            }
        }

        /// Steps 8 to 10.
        fn carry_out(&mut self, token: IncomingToken, request: &Request) {
            let outcome = self.cse.handle(self.now.wall, request);
            match outcome.answer {
                Answer::Response(response) => self.registrar.respond(self.now, token, response).unwrap(),
                Answer::Later(ticket) => assert!(self.waiting.insert(ticket, token).is_none()),
                other => panic!("{other:?}"),
            }
            self.follow(outcome.effects);
        }

        fn follow(&mut self, effects: Vec<Effect>) {
            for effect in effects {
                match effect {
                    Effect::Notify { request, .. } => {
                        self.registrar.send(self.now, *request, Asked::Notification).unwrap();
                    }
                    Effect::Verify { id, request, .. } => {
                        self.registrar.send(self.now, *request, Asked::Verification(id)).unwrap();
                    }
                    Effect::Respond { ticket, response } => {
                        let token = self.waiting.remove(&ticket).unwrap();
                        self.registrar.respond(self.now, token, response).unwrap();
                    }
                    Effect::Registered { entity } => self.registrations.push(entity.to_string()),
                    Effect::Deregistered { entity } => panic!("{entity:?} was deregistered"),
                    Effect::Scheduled { entity, .. } => panic!("{entity:?} has no schedule"),
                    Effect::Forward { entity, .. } => panic!("a request goes on to {entity:?}"),
                }
            }
        }

        /// Sends what the text shows and gives the answer.
        fn send(&mut self, primitive: &Value) -> Response {
            self.ae.send(self.now, request(primitive), 0).unwrap();
            self.go();
            assert_eq!(self.responses.len(), 1);
            self.responses.pop().unwrap()
        }

        fn close(&mut self, by: Role) {
            match by {
                Role::Client => self.ae.disconnect(self.now, 1000, ""),
                Role::Server => self.registrar.disconnect(self.now, 1000, ""),
            }
            self.go();
            self.ae.detach(self.now);
            self.registrar.detach(self.now);
            self.go();
        }
    }

    fn attributes(response: &Response, of: &str) -> Value {
        assert_eq!(response.status, StatusCode::CREATED, "{:?}", response.debug_text());
        response.content.as_ref().unwrap().value().unwrap()[of].clone()
    }

    #[test]
    fn ws_a_1_registration_and_container_creation_run_with_the_primitives_shown() {
        let mut figure = Figure::new();
        figure.open();
        figure.wire.clear();
        let registered = figure.send(&registration_of_a_1());
        // "the 4-bit opcode in the Base Framing Protocol of the first message fragment is set to x1"
        assert_eq!(figure.wire, [(Role::Client, 0x81), (Role::Server, 0x81)]);
        assert_eq!(registered.request_id, "A1000");
        let ae = attributes(&registered, "m2m:ae");
        for (name, value) in [("rn", json!("SmartHomeApplication")), ("ty", json!(2)), ("api", json!("Na56"))] {
            assert_eq!(ae[name], value);
        }
        assert_eq!(ae["ct"], "20160506T153208,000000");
        // All attributes that the text shows and that do not need an access control policy.
        for name in ["ri", "pi", "apn", "lt", "et", "aei"] {
            assert!(ae[name].is_string(), "{name}: {ae}");
        }
        let aei = ae["aei"].as_str().unwrap().to_owned();
        assert_eq!(figure.ae.registration().unwrap().entity, aei);
        assert_eq!(figure.registrations.len(), 1);

        let created = figure.send(&container_of_a_1(&aei));
        assert_eq!(created.request_id, "A1001");
        let cnt = attributes(&created, "m2m:cnt");
        let shown = &created_of_a_1()["pc"]["m2m:cnt"];
        for name in ["rn", "ty", "st", "mni", "mbs", "cni", "cbs"] {
            assert_eq!(cnt[name], shown[name], "{name}: {cnt}");
        }
        assert_eq!(cnt["pi"], ae["ri"]);
        assert!(figure.registrar.counters().malformed == 0 && figure.ae.counters().malformed == 0);
    }

    #[test]
    fn ws_5_2_10_ws_5_2_4_the_flow_of_figure_5_2_2_from_handshake_to_reopening() {
        let mut figure = Figure::new();
        // Before the registration nothing else is let through (6.4).
        let early = figure.ae.send(figure.now, request(&container_of_a_1("Cx")), 0);
        assert_eq!(early.unwrap_err().kind(), ErrorKind::NotRegistered);
        // 1) The AE wants to register, and there is no connection: it waits while steps 2) and 3) are done.
        figure.ae.send(figure.now, request(&registration_of_a_1()), 0).unwrap();
        assert!(figure.ae.wants_connection());
        figure.open();
        // 4) to 14)
        let ae = attributes(&figure.responses.pop().unwrap(), "m2m:ae");
        let aei = ae["aei"].as_str().unwrap().to_owned();
        assert_eq!(figure.ae.originator(), Some(aei.as_str()));

        // 15) CRUDN in both directions.
        attributes(&figure.send(&container_of_a_1(&aei)), "m2m:cnt");
        let container = "//example.net/mncse1234/SmartHomeApplication/SmartHomeContainer";
        let subscription = json!({ "m2m:sub": { "rn": "sub", "nu": [aei], "nct": 1, "enc": { "net": [3] } } });
        let create = |ty: u32, rqi: &str, content: Value| json!({ "op": 1, "to": container, "ty": ty, "rqi": rqi, "pc": content });
        attributes(&figure.send(&create(23, "A1002", subscription)), "m2m:sub");
        figure.notified.clear();
        attributes(&figure.send(&create(4, "A1003", json!({ "m2m:cin": { "con": "21" } }))), "m2m:cin");
        assert_eq!(figure.notified.len(), 1);
        let retrieved = figure.send(&json!({ "op": 2, "to": format!("{container}/la"), "rqi": "A1004" }));
        assert_eq!(retrieved.content.unwrap().value().unwrap()["m2m:cin"]["con"], "21");

        // The connection is closed temporarily. The registration stays (6.4), and what is to be notified waits (6.5).
        figure.close(Role::Client);
        assert!(!figure.ae.is_connected() && !figure.registrar.is_connected());
        assert_eq!(figure.ae.registration().unwrap().entity, aei);
        let mut outside = request(&create(4, "B1", json!({ "m2m:cin": { "con": "22" } })));
        outside.from = Some("CAdmin".to_owned());
        let outcome = figure.cse.handle(figure.now.wall, &outside);
        figure.follow(outcome.effects);
        assert_eq!(figure.registrar.queued(), 1);

        // The next request reopens it, and is the first primitive on it: "the registration procedure is omitted".
        figure.now.monotonic += Duration::from_secs(5);
        figure.now.wall += Duration::from_secs(5);
        let again = request(&json!({ "op": 2, "to": format!("{container}/la"), "rqi": "A1005" }));
        let sent = figure.ae.counters().requests_sent;
        figure.ae.send(figure.now, again, 0).unwrap();
        assert!(figure.ae.wants_connection());
        figure.open();
        let retrieved = figure.responses.pop().unwrap();
        assert_eq!((retrieved.status, retrieved.request_id.as_str()), (StatusCode::OK, "A1005"));
        assert_eq!(retrieved.content.unwrap().value().unwrap()["m2m:cin"]["con"], "22");
        assert_eq!(figure.ae.counters().requests_sent, sent + 1);
        assert_eq!(figure.registrations.len(), 1, "registered once");
        assert_eq!(figure.notified.len(), 2, "the stored notification came");
        assert_eq!(figure.notified[1]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "22");
        assert_eq!(figure.ae.counters().connections, 2);
    }

    #[test]
    fn ws_5_2_5_ws_6_4_4_either_side_closes_and_the_next_request_of_the_client_opens_again() {
        let mut figure = Figure::new();
        figure.open();
        attributes(&figure.send(&registration_of_a_1()), "m2m:ae");
        for by in [Role::Server, Role::Client, Role::Server] {
            figure.close(by);
            assert!(!figure.ae.is_connected() && !figure.registrar.is_connected());
            assert!(!figure.ae.wants_connection(), "not while there is nothing to send");
            let retrieve = request(&json!({ "op": 2, "to": "//example.net/mncse1234", "rqi": "A2000" }));
            figure.ae.send(figure.now, retrieve, 0).unwrap();
            assert!(figure.ae.wants_connection());
            figure.open();
            assert_eq!(figure.responses.pop().unwrap().status, StatusCode::OK);
        }
        assert_eq!((figure.ae.counters().connections, figure.registrations.len()), (4, 1));
    }
}
