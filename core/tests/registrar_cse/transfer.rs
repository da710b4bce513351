//! Transfer modes (TS-0020 6.5, TS-0001 8.2.2): what becomes of a request whose result is not awaited, and when it is
//! carried out.

use std::time::Duration;

use onem2m_ws::primitive::{
    AbsRelTimestamp, Request, ResourceType, Response, ResponseType, ResponseTypeInfo, StatusCode, format_timestamp,
};
use onem2m_ws::registrar::{Access, Answer, Cse, CseConfig, Effect, Limits};
use serde_json::{Value, json};

use crate::harness::*;

const SYNCH: ResponseType = ResponseType::NON_BLOCKING_REQUEST_SYNCH;
const ASYNCH: ResponseType = ResponseType::NON_BLOCKING_REQUEST_ASYNCH;
const FLEXIBLE: ResponseType = ResponseType::FLEX_BLOCKING;
const BLOCKING: ResponseType = ResponseType::BLOCKING_REQUEST;
const ACCEPTED_SYNCH: StatusCode = StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH;
const ACCEPTED_ASYNCH: StatusCode = StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH;
const DATA: &str = "cse-in/sensor/data";

/// The same request in a mode.
fn by(mode: ResponseType, targets: Option<&[&str]>, mut request: Request) -> Request {
    let notification_uris = targets.map(|targets| targets.iter().map(ToString::to_string).collect());
    request.response_type = Some(ResponseTypeInfo { value: mode, notification_uris });
    request
}

fn time(text: impl Into<String>) -> Option<AbsRelTimestamp> {
    Some(AbsRelTimestamp::from_text(text))
}

/// The same request, to be carried out at this time.
fn at(oet: &str, mut request: Request) -> Request {
    request.additional_mut().operation_execution_time = time(oet);
    request
}

fn reading(content: &str) -> Request {
    Request::create(DATA, CIN, json!({"m2m:cin": {"con": content}}))
        .from("Csensor")
        .request_id("r7")
        .release_version("3")
}

fn retrieve(to: &str) -> Request {
    Request::retrieve(to).from("Csensor").request_id("r7").release_version("3")
}

/// A request that waits for the agreement of `Cactuator`.
fn subscribe() -> Request {
    Request::create(DATA, SUB, json!({"m2m:sub": {"rn": "s", "nu": ["Cactuator"]}})).from("Csensor").request_id("r7")
}

impl World {
    /// Sends, and gives the address of the `<request>`.
    #[track_caller]
    fn accepted(&mut self, status: StatusCode, request: Request) -> String {
        let reply = self.ask(request).expect(status);
        reply.content["m2m:uri"].as_str().expect("an address").to_owned()
    }

    /// The attributes of a `<request>`.
    #[track_caller]
    fn request(&mut self, from: &str, address: &str) -> Value {
        let reply = self.retrieve(from, address).expect(StatusCode::OK);
        reply.content["m2m:req"].clone()
    }

    /// Takes the notified results since the last call: whom, and what.
    fn results(&mut self) -> Vec<(String, Value)> {
        let taken = std::mem::take(&mut self.effects);
        let mut found = Vec::new();
        for effect in taken {
            match effect {
                Effect::Notify { entity, request } => {
                    let content = request.content.expect("content").value().expect("valid content");
                    found.push((short(&entity), content["m2m:rsp"].clone()));
                }
                other => self.effects.push(other),
            }
        }
        found
    }

    /// With the CSE `/id-mn`, and an AE of it.
    fn with_mn(mut self) -> Self {
        let csr = json!({"m2m:csr": {"csi": "/id-mn", "cb": "/id-mn/cse-mn", "rr": true, "srv": ["3"]}});
        self.create("/id-mn", "cse-in", CSR, csr).expect(StatusCode::CREATED);
        self.effects.clear();
        self
    }
}

#[test]
fn ws_6_5_1_the_result_of_a_synchronous_request_stands_in_its_resource() {
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("21")));
    assert!(address.starts_with("cse-in/req"), "{address}");
    let request = world.request("Csensor", &address);
    let expected = json!({"rsc": 2001, "rqi": "r7", "to": "Csensor", "fr": "/id-in"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(request["ors"][name], *value, "{name} in {request}");
    }
    assert_eq!(request["ors"]["pc"]["m2m:cin"]["con"], "21");
    for (name, value) in [
        ("ty", json!(17)),
        ("pi", json!("id-in")),
        ("op", json!(1)),
        ("tg", json!(DATA)),
        ("org", json!("Csensor")),
        ("rid", json!("r7")),
        ("lbl", json!(["Csensor"])),
        ("pc", json!({"m2m:cin": {"con": "21"}})),
        ("rs", json!(1)),
        ("mi", json!({"ty": 4, "rt": {"rtv": 1}, "rvi": "3"})),
        ("et", json!(format_timestamp(start() + Duration::from_secs(300)))),
    ] {
        assert_eq!(request[name], value, "{name} in {request}");
    }
    assert_eq!(world.results(), [], "nobody is notified");
    world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::OK);
    let served = world.retrieve("Csensor", "cse-in").attributes()["srt"].clone();
    assert!(served.as_array().unwrap().contains(&json!(17)), "{served}");
}

#[test]
fn ws_6_5_1_an_error_is_a_result_too() {
    let mut world = World::populated();
    for (request, status) in [
        (retrieve("cse-in/nowhere"), 4004),
        (reading("x").from("Cactuator"), 4103),
        (Request::create(DATA, CIN, json!({"m2m:cnt": {}})).from("Csensor"), 4000),
    ] {
        let from = request.from.clone().unwrap();
        let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, request));
        let request = world.request(&from, &address);
        assert_eq!((&request["rs"], &request["ors"]["rsc"]), (&json!(2), &json!(status)), "{request}");
        assert!(request["ors"]["pc"]["m2m:dbg"].is_string(), "{request}");
    }
}

#[test]
fn ws_6_5_1_the_result_of_an_asynchronous_request_is_notified() {
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, None, reading("21")));
    let [(entity, result)] = world.results().try_into().expect("one notification");
    assert_eq!(entity, "Csensor");
    for (name, value) in [
        ("rsc", json!(2001)),
        ("rqi", json!("r7")),
        ("to", json!("Csensor")),
        ("fr", json!("/id-in")),
        ("rvi", json!("3")),
    ] {
        assert_eq!(result[name], value, "{name} in {result}");
    }
    assert_eq!(result["pc"]["m2m:cin"]["con"], "21");
    let request = world.request("Csensor", &address);
    assert_eq!((&request["rs"], &request["ors"]["rsc"]), (&json!(1), &json!(2001)));
    assert_eq!(request["ors"]["pc"], result["pc"]);
}

#[test]
fn ws_6_5_1_whom_an_asynchronous_result_goes_to() {
    let told = |targets: Option<&[&str]>| {
        let mut world = World::populated().with_mn();
        world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, targets, reading("21")));
        world.results().into_iter().map(|(entity, _)| entity).collect::<Vec<_>>()
    };
    assert_eq!(told(Some(&[])), [""; 0], "an empty list is nobody");
    assert_eq!(told(Some(&["Cactuator", "Csensor"])), ["Cactuator", "Csensor"]);
    assert_eq!(told(Some(&["cse-in/actuator"])), ["Cactuator"], "by the address of its <AE>");
    assert_eq!(told(Some(&["/id-mn/Cfar"])), ["/id-mn"], "by way of its CSE");

    let mut world = World::populated();
    for (target, status) in [
        ("Cnobody", StatusCode::BAD_REQUEST),
        (DATA, StatusCode::BAD_REQUEST),
        ("mqtt://example.net/x", StatusCode::NOT_IMPLEMENTED),
        ("", StatusCode::BAD_REQUEST),
    ] {
        world.ask(by(ASYNCH, Some(&[target]), reading("x"))).expect(status);
    }
    let ask = by(ASYNCH, None, retrieve("cse-in").from(ADMIN));
    world.ask(ask).expect(StatusCode::BAD_REQUEST); // it has no <AE>, and so no connection to be notified on
    world.update("Csensor", "cse-in/sensor", json!({"m2m:ae": {"rr": false}})).expect(StatusCode::UPDATED);
    world.ask(by(ASYNCH, None, reading("x"))).expect(StatusCode::TARGET_NOT_REACHABLE);
    assert_eq!(world.results(), []);
    world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::NOT_FOUND); // nothing of it was carried out
}

#[test]
fn ws_6_5_1_the_number_of_targets_has_a_limit() {
    let limits = Limits { notification_targets: 2, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() }).populate();
    world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, Some(&["Csensor", "Cactuator"]), reading("x")));
    let three = ["Csensor", "Cactuator", "Csensor"];
    world.ask(by(ASYNCH, Some(&three), reading("x"))).expect(StatusCode::NOT_ACCEPTABLE);
}

#[test]
fn ws_6_5_1_a_flexible_request_is_blocking_unless_it_must_wait() {
    let mut world = World::populated().with_mn();
    world.ask(by(FLEXIBLE, None, reading("21"))).expect(StatusCode::CREATED);
    world.ask(by(FLEXIBLE, Some(&["Csensor"]), retrieve("cse-in/nowhere"))).expect(StatusCode::NOT_FOUND);
    assert_eq!(world.results(), []);
    let mut world_with = |targets: Option<&[&str]>, status, request: Request| {
        let address = world.accepted(status, by(FLEXIBLE, targets, request));
        (world.request("Csensor", &address)["rs"].clone(), world.results())
    };
    // For another entity, for the agreement of one, and for its time.
    assert_eq!(world_with(None, ACCEPTED_SYNCH, retrieve("/id-mn/x")), (json!(4), vec![]));
    assert_eq!(world_with(Some(&["Csensor"]), ACCEPTED_ASYNCH, retrieve("/id-mn/x")), (json!(4), vec![]));
    assert_eq!(world_with(None, ACCEPTED_SYNCH, subscribe()), (json!(3), vec![]));
    assert_eq!(world_with(None, ACCEPTED_SYNCH, at("1000", reading("x"))), (json!(3), vec![]));
}

#[test]
fn ws_6_5_1_a_flexible_request_blocks_where_there_is_no_room() {
    let limits = Limits { requests: 0, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() }).populate().with_mn();
    assert!(matches!(world.answer(&by(FLEXIBLE, None, retrieve("/id-mn/x"))), Answer::Forward { .. }));
    let Answer::Later(ticket) = world.answer(&by(FLEXIBLE, None, subscribe())) else { panic!("it waits") };
    let [(id, ..)] = world.verifications().try_into().expect("one verification");
    world.verified(id, Some(StatusCode::OK));
    let [(answered, reply)] = world.late_answers().try_into().expect("one answer");
    assert_eq!((answered, reply.response.status), (ticket, StatusCode::CREATED));
}

#[test]
fn ws_6_5_1_no_response_is_none() {
    let mut world = World::populated();
    assert_eq!(world.answer(&by(ResponseType::NO_RESPONSE, None, reading("1"))), Answer::NoResponse);
    assert_eq!(world.answer(&at("1000", by(ResponseType::NO_RESPONSE, None, reading("2")))), Answer::NoResponse);
    world.advance(1);
    world.sweep();
    assert_eq!(world.late_answers().len(), 0);
    let latest = world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::OK);
    assert_eq!(latest.text("con"), "2");
}

#[test]
fn ws_6_5_1_only_the_originator_and_the_administrator_see_a_request() {
    for access in [Access::Registered, Access::CreatorOnly] {
        let mut world = World::with(CseConfig { access, ..CseConfig::default() }).populate();
        let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("secret")));
        world.retrieve("Cactuator", &address).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
        world.delete("Cactuator", &address).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
        world.retrieve("Cnobody", &address).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
        let nu = json!({"nu": ["Cactuator"]});
        world.subscribe("Cactuator", &address, nu).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
        world.retrieve(ADMIN, &address).expect(StatusCode::OK);
        let filter = json!({"fu": 1, "ty": [17]});
        let discover = |from: &str| Request::retrieve("cse-in").from(from).filter(filter.clone());
        assert_eq!(found(&world.ask(discover("Cactuator"))), [""; 0]);
        assert_eq!(found(&world.ask(discover("Csensor"))), [address.as_str()]);
        world.delete("Csensor", &address).expect(StatusCode::DELETED);
        world.retrieve("Csensor", &address).expect(StatusCode::NOT_FOUND);
    }
}

#[test]
fn ws_6_5_1_who_watches_the_cse_is_not_told_what_others_ask() {
    let mut world = World::populated();
    for (from, nu) in [("Cactuator", "Cactuator"), ("Csensor", "Csensor")] {
        world.subscribe(from, "cse-in", json!({"nu": [nu], "enc": {"net": [3, 4]}})).expect(StatusCode::CREATED);
    }
    world.effects.clear();
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("secret")));
    world.delete("Csensor", &address).expect(StatusCode::DELETED);
    let told: Vec<_> =
        world.notifications().into_iter().map(|(entity, event)| (entity, event["nev"]["net"].clone())).collect();
    assert_eq!(told, [("Csensor".to_owned(), json!(3)), ("Csensor".to_owned(), json!(4))]);
}

#[test]
fn ws_6_5_1_a_request_can_be_watched() {
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, at("1000", reading("21"))));
    world.subscribe("Csensor", &address, json!({"nu": ["Csensor"]})).expect(StatusCode::CREATED);
    world.effects.clear();
    world.advance(1);
    world.sweep();
    let [(_, event)] = world.notifications().try_into().expect("one notification");
    assert_eq!(event["nev"]["rep"]["m2m:req"]["ors"]["rsc"], 2001);
}

#[test]
fn ws_6_5_1_a_request_is_made_and_changed_by_the_cse_only() {
    let mut world = World::populated();
    let create = world.create("Csensor", "cse-in", ResourceType::REQUEST, json!({"m2m:req": {"op": 2}}));
    create.expect(StatusCode::OPERATION_NOT_ALLOWED);
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("21")));
    for attribute in [json!({"rs": 1}), json!({"lbl": ["x"]}), json!({"et": "20300101T000000"})] {
        world.update("Csensor", &address, json!({"m2m:req": attribute})).expect(StatusCode::OPERATION_NOT_ALLOWED);
    }
    for child in [CNT, ResourceType::REQUEST] {
        let refused = world.create("Csensor", &address, child, json!({}));
        assert!(refused.response.status.is_error());
    }
}

#[test]
fn ws_6_5_1_a_request_is_asked_for_blocking() {
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("21")));
    for mode in [SYNCH, ASYNCH] {
        for request in [retrieve(&address), Request::delete(&address).from("Csensor")] {
            world.ask(by(mode, None, request)).expect(StatusCode::BAD_REQUEST);
        }
    }
    world.ask(by(FLEXIBLE, None, retrieve(&address))).expect(StatusCode::OK);
    world.ask(by(FLEXIBLE, None, Request::delete(&address).from("Csensor"))).expect(StatusCode::DELETED);
}

#[test]
fn ws_6_5_1_what_is_wrong_is_refused_at_once() {
    let mut world = World::populated();
    let before = world.cse.resources();
    for mode in [SYNCH, ASYNCH] {
        world.ask(by(mode, None, retrieve("cse-in").from("Cnobody"))).expect(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
        let mut nameless = retrieve("cse-in");
        nameless.from = None;
        world.ask(by(mode, None, nameless)).expect(StatusCode::BAD_REQUEST);
        let Answer::Response(nameless) = world.answer(&by(mode, None, Request::retrieve("cse-in").from("Csensor")))
        else {
            panic!("it has no rqi")
        };
        assert_eq!(nameless.status, StatusCode::BAD_REQUEST);
        let old = retrieve("cse-in").release_version("99");
        world.ask(by(mode, None, old)).expect(StatusCode::RELEASE_VERSION_NOT_SUPPORTED);
        world.ask(by(mode, None, retrieve("///"))).expect(StatusCode::BAD_REQUEST);
        let mut form = retrieve("cse-in");
        form.id_result_type = Some(onem2m_ws::primitive::IdResultType(9));
        world.ask(by(mode, None, form)).expect(StatusCode::BAD_REQUEST);
        let ae = json!({"m2m:ae": {"api": "N1", "rr": true, "srv": ["3"]}});
        let register = Request::create("cse-in", AE, ae).from("Csensor");
        world.ask(by(mode, None, register)).expect(StatusCode::NOT_IMPLEMENTED);
    }
    assert_eq!(world.cse.resources(), before, "nothing was made");
}

#[test]
fn ws_6_5_1_the_address_is_in_the_form_that_the_originator_understands() {
    let mut world = World::populated().with_mn();
    let mut unstructured = reading("1");
    unstructured.id_result_type = Some(onem2m_ws::primitive::IdResultType::UNSTRUCTURED);
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, unstructured));
    assert!(address.starts_with("req"), "{address}");
    world.request("Csensor", &address);
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, retrieve("/id-in/cse-in").from("/id-mn/Cfar")));
    assert!(address.starts_with("/id-in/cse-in/req"), "{address}");
    assert_eq!(world.request("/id-mn/Cfar", &address)["ors"]["rsc"], 2000);
}

#[test]
fn ws_6_5_1_times_that_have_passed_on_arrival() {
    for mode in [BLOCKING, SYNCH, ASYNCH, FLEXIBLE] {
        let mut world = World::populated();
        for past in ["0", "-5", "20270115T080000", "20200101T000000"] {
            for result in [false, true] {
                let mut request = reading("late");
                *(if result { &mut request.result_expiration } else { &mut request.request_expiration }) = time(past);
                world.ask(by(mode, None, request)).expect(StatusCode::REQUEST_TIMEOUT);
            }
        }
        // An execution time that has passed is now (TS-0001 8.1.2).
        for past in ["0", "-5", "20270115T080000", "20200101T000000"] {
            let status = world.ask(by(mode, None, at(past, reading(past)))).response.status;
            assert!(!status.is_error(), "{status}");
            let latest = world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::OK);
            assert_eq!(latest.text("con"), past);
        }
        world.ask(by(mode, None, at("bogus", reading("x")))).expect(StatusCode::BAD_REQUEST);
        // What could never be carried out in time.
        for (oet, end, status) in [
            ("2000", "2000", Some(StatusCode::BAD_REQUEST)),
            ("2000", "1999", Some(StatusCode::BAD_REQUEST)),
            ("2000", "20270115T080002", Some(StatusCode::BAD_REQUEST)),
            ("1999", "2000", None),
        ] {
            for result in [false, true] {
                let mut request = at(oet, reading("x"));
                *(if result { &mut request.result_expiration } else { &mut request.request_expiration }) = time(end);
                match (world.answer(&by(mode, None, request)), status) {
                    (Answer::Response(response), Some(status)) => assert_eq!(response.status, status),
                    (Answer::Response(response), None) => assert!(!response.status.is_error()),
                    (Answer::Later(_), None) => assert_eq!(mode, BLOCKING),
                    (other, _) => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn ws_6_5_1_a_request_is_carried_out_at_its_time() {
    for oet in ["90000", "20270115T080130"] {
        let mut world = World::populated();
        let address = world.accepted(ACCEPTED_ASYNCH, at(oet, by(ASYNCH, None, reading("21"))));
        let execution = start() + Duration::from_secs(90);
        assert_eq!(world.cse.deadline(), Some(execution), "somebody has to come back");
        let request = world.request("Csensor", &address);
        assert_eq!((&request["rs"], &request["ors"]), (&json!(3), &json!({"rsc": 1000, "rqi": "r7"})));
        let expected = if oet == "90000" { format_timestamp(execution) } else { oet.to_owned() };
        assert_eq!(request["mi"]["oet"], json!(expected), "it is absolute");
        world.now = execution - Duration::from_millis(1);
        world.sweep();
        world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::NOT_FOUND);
        world.now = execution;
        world.sweep();
        world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::OK);
        let [(_, result)] = world.results().try_into().expect("one notification");
        assert_eq!((&result["rsc"], &result["rqi"]), (&json!(2001), &json!("r7")));
        assert_eq!(world.request("Csensor", &address)["rs"], 1);
    }
}

#[test]
fn ws_6_5_1_a_blocking_request_waits_for_its_time() {
    let mut world = World::populated();
    let Answer::Later(ticket) = world.answer(&at("20000", reading("21"))) else { panic!("it waits") };
    world.advance(19);
    world.sweep();
    assert!(world.late_answers().is_empty());
    world.advance(1);
    world.sweep();
    let [(answered, reply)] = world.late_answers().try_into().expect("one answer");
    assert_eq!(
        (answered, reply.response.status, reply.response.request_id.as_str()),
        (ticket, StatusCode::CREATED, "r7")
    );
    // The edge of Limits::blocking_delay.
    world.ask(at("20001", reading("x"))).expect(StatusCode::NOT_ACCEPTABLE);
    world.accepted(ACCEPTED_SYNCH, at("20001", by(SYNCH, None, reading("x"))));
}

#[test]
fn ws_6_5_1_a_blocking_request_waits_for_its_time_and_then_for_an_agreement() {
    let mut world = World::populated();
    let Answer::Later(ticket) = world.answer(&at("1000", subscribe())) else { panic!("it waits") };
    assert!(world.verifications().is_empty(), "not before its time");
    world.advance(1);
    world.sweep();
    let [(id, ..)] = world.verifications().try_into().expect("one verification");
    assert!(world.late_answers().is_empty());
    world.verified(id, Some(StatusCode::OK));
    let [(answered, reply)] = world.late_answers().try_into().expect("one answer");
    assert_eq!((answered, reply.response.status), (ticket, StatusCode::CREATED));
}

#[test]
fn ws_6_5_1_blocking_requests_that_wait_have_a_limit() {
    let limits = Limits { requests: 2, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() }).populate();
    for _ in 0..2 {
        assert!(matches!(world.answer(&at("1000", reading("x"))), Answer::Later(_)));
    }
    world.ask(at("1000", reading("x"))).expect(StatusCode::NOT_ACCEPTABLE);
    world.advance(1);
    world.sweep();
    assert!(matches!(world.answer(&at("1000", reading("x"))), Answer::Later(_)));
}

#[test]
fn ws_6_5_1_a_request_that_waits_for_an_agreement() {
    for (outcome, status) in [(Some(StatusCode::OK), 2001), (Some(StatusCode::BAD_REQUEST), 5204), (None, 5204)] {
        let mut world = World::populated();
        let address = world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, None, subscribe()));
        let [(id, ..)] = world.verifications().try_into().expect("one verification");
        assert_eq!(world.request("Csensor", &address)["rs"], 3);
        assert_eq!(world.results(), []);
        world.verified(id, outcome);
        let [(_, result)] = world.results().try_into().expect("one notification");
        assert_eq!((&result["rsc"], &result["rqi"]), (&json!(status), &json!("r7")));
        assert_eq!(world.late_answers().len(), 0, "nobody waits on a connection");
        let request = world.request("Csensor", &address);
        assert_eq!(request["ors"]["rsc"], status);
    }
    // The target never says anything.
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, subscribe()));
    world.advance(12);
    world.sweep();
    assert_eq!(world.request("Csensor", &address)["ors"]["rsc"], 5204);
}

#[test]
fn ws_6_5_1_a_request_for_another_entity() {
    for (request, entity) in [
        (retrieve("/id-mn/x"), "/id-mn"),
        (Request::notify("Cactuator", json!({"m2m:sgn": {}})).from("Csensor").request_id("r7"), "Cactuator"),
    ] {
        let mut world = World::populated().with_mn();
        let address = world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, None, request));
        let [Effect::Forward { ticket, entity: to, request: on }] = world.effects.as_slice() else {
            panic!("it goes on: {:?}", world.effects)
        };
        assert_eq!(short(to), entity);
        assert_eq!(on.response_type, None, "this CSE waits for the response");
        let ticket = *ticket;
        assert_eq!(world.request("Csensor", &address)["rs"], 4);
        // What has gone on cannot be called back.
        world.delete("Csensor", &address).expect(StatusCode::UNABLE_TO_RECALL_REQUEST);
        world.effects.clear();
        let mut response = Response::ok().content(json!({"m2m:cnt": {"rn": "far"}})).request_id("other");
        response.from = Some("/id-mn".to_owned());
        world.effects = world.cse.forwarded(world.now, ticket, response);
        let [(_, result)] = world.results().try_into().expect("one notification");
        assert_eq!((&result["rsc"], &result["rqi"], &result["fr"]), (&json!(2000), &json!("r7"), &json!("/id-mn")));
        let request = world.request("Csensor", &address);
        assert_eq!((&request["rs"], &request["ors"]["pc"]["m2m:cnt"]["rn"]), (&json!(1), &json!("far")));
        // It is answered once.
        assert_eq!(world.cse.forwarded(world.now, ticket, Response::ok()), []);
        world.delete("Csensor", &address).expect(StatusCode::DELETED);
    }
    let mut world = World::populated().with_mn();
    // On at once, with its time; but not if that has passed (TS-0004 7.3.2.6).
    let Answer::Forward { request, .. } = world.answer(&at("5000", retrieve("/id-mn/x"))) else { panic!("it goes on") };
    assert_eq!(request.additional.unwrap().operation_execution_time, time("5000"));
    world.ask(at("0", retrieve("/id-mn/x"))).expect(StatusCode::REQUEST_TIMEOUT);
    world.ask(at("0", by(SYNCH, None, retrieve("/id-mn/x")))).expect(StatusCode::REQUEST_TIMEOUT);
    // And nowhere.
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, retrieve("/id-other/x")));
    assert_eq!(world.request("Csensor", &address)["ors"]["rsc"], 4004);
}

#[test]
fn ws_6_5_1_a_result_after_rset_is_not_notified_and_the_resource_says_so() {
    for (seconds, in_time) in [(4, true), (5, false)] {
        let mut world = World::populated().with_mn();
        let mut request = by(ASYNCH, None, retrieve("/id-mn/x"));
        request.result_expiration = time("5000"); // counted from its arrival
        let address = world.accepted(ACCEPTED_ASYNCH, request);
        let [Effect::Forward { ticket, .. }] = world.effects.as_slice() else { panic!("it goes on") };
        let ticket = *ticket;
        world.advance(seconds);
        world.effects = world.cse.forwarded(world.now, ticket, Response::ok());
        assert_eq!(world.results().len(), usize::from(in_time));
        let request = world.request("Csensor", &address);
        let expected = if in_time { (json!(1), json!(2000)) } else { (json!(2), json!(4008)) };
        assert_eq!((request["rs"].clone(), request["ors"]["rsc"].clone()), expected);
    }
}

#[test]
fn ws_6_5_1_a_notified_result_is_not_kept_longer_than_rset() {
    let mut world = World::populated();
    let mut request = by(ASYNCH, None, reading("x"));
    request.result_expiration = time("5000");
    world.accepted(ACCEPTED_ASYNCH, request);
    let [Effect::Notify { request, .. }] = world.effects.as_slice() else { panic!("it is notified") };
    assert_eq!(request.request_expiration, Some(AbsRelTimestamp::absolute(start() + Duration::from_secs(5))));
}

#[test]
fn ws_6_5_1_rqet_that_passes_while_it_waits_is_the_result() {
    let mut world = World::populated();
    let mut request = by(ASYNCH, None, subscribe());
    request.request_expiration = time("3000");
    world.accepted(ACCEPTED_ASYNCH, request);
    let [(id, ..)] = world.verifications().try_into().expect("one verification");
    world.advance(3);
    world.verified(id, Some(StatusCode::OK));
    let [(_, result)] = world.results().try_into().expect("one notification");
    assert_eq!(result["rsc"], 4008);
    world.retrieve("Csensor", &format!("{DATA}/s")).expect(StatusCode::NOT_FOUND);
}

#[test]
fn ws_6_5_1_a_request_that_is_deleted_before_its_time_is_not_carried_out() {
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_ASYNCH, at("1000", by(ASYNCH, None, reading("x"))));
    world.delete("Csensor", &address).expect(StatusCode::DELETED);
    world.advance(2);
    world.sweep();
    world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::NOT_FOUND);
    assert_eq!(world.results(), []);

    let address = world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, None, subscribe()));
    let [(id, ..)] = world.verifications().try_into().expect("one verification");
    world.delete("Csensor", &address).expect(StatusCode::DELETED);
    world.verified(id, Some(StatusCode::OK));
    world.retrieve("Csensor", &format!("{DATA}/s")).expect(StatusCode::NOT_FOUND);
    assert_eq!(world.results(), []);
}

#[test]
fn ws_6_5_1_a_result_is_kept_as_long_as_is_asked_for() {
    for (rp, rset, oet, life) in [
        (None, None, None, 300),
        (Some("60000"), None, None, 60),
        (Some("20270115T080100"), None, None, 60),
        (Some("60000"), Some("10000"), None, 70),
        (None, Some("10000"), None, 310),
        (Some("60000"), None, Some("30000"), 90),
        (Some("20270115T080010"), None, Some("30000"), 30),
    ] {
        let mut world = World::populated();
        let mut request = by(SYNCH, None, reading("x"));
        request.result_expiration = rset.and_then(time);
        let more = request.additional_mut();
        more.result_persistence = rp.and_then(time);
        more.operation_execution_time = oet.and_then(time);
        let address = world.accepted(ACCEPTED_SYNCH, request);
        let end = start() + Duration::from_secs(life);
        assert_eq!(world.request("Csensor", &address)["et"], json!(format_timestamp(end)), "{rp:?} {rset:?} {oet:?}");
        world.now = end - Duration::from_millis(1);
        world.request("Csensor", &address);
        world.now = end;
        world.retrieve("Csensor", &address).expect(StatusCode::NOT_FOUND);
    }
    let mut world = World::populated();
    for (rp, status) in [
        ("bogus", StatusCode::BAD_REQUEST),
        ("0", StatusCode::BAD_REQUEST),
        ("20200101T000000", StatusCode::BAD_REQUEST),
        ("86400000", ACCEPTED_SYNCH),
        ("86400001", StatusCode::NOT_ACCEPTABLE),
        ("99999999999999999", StatusCode::NOT_ACCEPTABLE),
        ("99991231T235959", StatusCode::NOT_ACCEPTABLE),
    ] {
        let mut request = by(SYNCH, None, reading("x"));
        request.additional_mut().result_persistence = time(rp);
        world.ask(request).expect(status);
    }
}

#[test]
fn ws_6_5_1_requests_that_are_kept_have_a_limit() {
    let limits = Limits { requests: 2, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() }).populate();
    let first = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("1")));
    world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, None, reading("2")));
    world.ask(by(SYNCH, None, reading("3"))).expect(StatusCode::NOT_ACCEPTABLE);
    let latest = world.retrieve("Csensor", &format!("{DATA}/la")).expect(StatusCode::OK);
    assert_eq!(latest.text("con"), "2", "what is refused is not carried out");
    world.reading("4").expect(StatusCode::CREATED);
    world.delete("Csensor", &first).expect(StatusCode::DELETED);
    world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("5")));
    world.advance(300);
    world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("6")));
}

#[test]
fn ws_6_5_1_a_result_that_is_too_large_to_be_kept_is_told_all_the_same() {
    let mut world = World::populated();
    world.reading(&"x".repeat(5000)).expect(StatusCode::CREATED);
    // Room for the request, but not for its result.
    let limits = Limits { total_bytes: 9000, ..Limits::default() };
    let mut world = World::with(CseConfig { limits, ..CseConfig::default() }).populate();
    world.reading(&"x".repeat(5000)).expect(StatusCode::CREATED);
    let address = world.accepted(ACCEPTED_ASYNCH, by(ASYNCH, None, retrieve(&format!("{DATA}/la"))));
    let [(_, result)] = world.results().try_into().expect("one notification");
    assert_eq!(result["pc"]["m2m:cin"]["con"].as_str().map(str::len), Some(5000));
    let request = world.request("Csensor", &address);
    assert_eq!((&request["rs"], &request["ors"]["rsc"]), (&json!(2), &json!(5207)));
}

#[test]
fn ws_6_5_1_an_originator_that_is_gone_is_not_told() {
    let mut world = World::populated();
    let address = world.accepted(ACCEPTED_ASYNCH, at("1000", by(ASYNCH, None, retrieve("cse-in"))));
    world.delete("Csensor", "cse-in/sensor").expect(StatusCode::DELETED);
    world.effects.clear();
    world.advance(1);
    world.sweep();
    assert_eq!(world.results(), []);
    // And may not any more what it might: everything is checked when it is carried out.
    assert_eq!(world.request(ADMIN, &address)["ors"]["rsc"], 4103);
}

#[test]
fn ws_6_5_1_how_long_results_are_kept_is_a_setting() {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let with = |time| {
        let config = CseConfig { result_persistence: time, ..CseConfig::default() };
        Cse::new(config, start(), Box::new(|| 7)).map(drop).map_err(|error| error.to_string())
    };
    assert!(with(Duration::ZERO).unwrap_err().contains("result_persistence"));
    assert_eq!(with(Duration::from_millis(1)), Ok(()));
    assert_eq!(with(YEAR), Ok(()));
    assert!(with(YEAR + Duration::from_millis(1)).unwrap_err().contains("result_persistence"));
    let config = CseConfig { result_persistence: Duration::from_secs(7), ..CseConfig::default() };
    let mut world = World::with(config).populate();
    let address = world.accepted(ACCEPTED_SYNCH, by(SYNCH, None, reading("x")));
    world.advance(6);
    world.request("Csensor", &address);
    world.advance(1);
    world.retrieve("Csensor", &address).expect(StatusCode::NOT_FOUND);
}

#[test]
fn ws_6_5_1_what_is_due_happens_in_its_order_however_late_anybody_looks() {
    let mut world = World::populated();
    // The result is of use up to its own time, and not longer.
    let mut request = at("30000", by(ASYNCH, None, reading("in time")));
    request.additional_mut().result_persistence = time("20270115T080010");
    let address = world.accepted(ACCEPTED_ASYNCH, request);
    // A container that is gone by then, and one that is still there.
    for (name, et) in [("gone", "20270115T080029"), ("there", "20270115T080031")] {
        world
            .create("Csensor", "cse-in/sensor", CNT, json!({"m2m:cnt": {"rn": name, "et": et}}))
            .expect(StatusCode::CREATED);
        let look = Request::retrieve(format!("cse-in/sensor/{name}")).from("Csensor").request_id(name);
        world.accepted(ACCEPTED_ASYNCH, at("30000", by(ASYNCH, None, look)));
    }
    world.advance(100);
    world.sweep();
    let results: Vec<_> =
        world.results().into_iter().map(|(_, result)| (result["rqi"].clone(), result["rsc"].clone())).collect();
    assert_eq!(results, [(json!("r7"), json!(2001)), (json!("gone"), json!(4004)), (json!("there"), json!(2000))]);
    world.retrieve("Csensor", &address).expect(StatusCode::NOT_FOUND);
    world.retrieve("Csensor", "cse-in/sensor/there").expect(StatusCode::NOT_FOUND);
}
