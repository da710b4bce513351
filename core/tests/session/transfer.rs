//! Transfer modes at the end of the originator (TS-0020 6.5): acknowledgement, result, and what holds a close back meanwhile.

use std::time::Duration;

use onem2m_ws::binding::{Accepts, Config, Event, Mode, OutgoingLimits, Token};
use onem2m_ws::primitive::{
    AbsRelTimestamp, Format, Operation, Request, ResourceType, Response, ResponseType, StatusCode,
};
use onem2m_ws::{ErrorKind, Result};
use serde_json::{Value, json};

use crate::harness::*;

pub(crate) const SYNCH: StatusCode = StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH;
pub(crate) const ASYNCH: StatusCode = StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH;

impl World {
    /// Connected; the test answers for the registrar.
    pub(crate) fn with_registrar(client: Config) -> Self {
        let server = Config { answer_timeout: 120 * SECOND, ..Config::default() };
        let mut world = Self::connected_with(client, server);
        world.server().manner = Manner::Manual;
        world
    }

    pub(crate) fn call(&mut self, mode: Mode, request: Request) -> Result<(u64, Token)> {
        let now = self.now;
        let id = 1000 + self.rng.below(1_000_000_000);
        self.client().session.send_in(now, mode, request, id).map(|token| (id, token))
    }

    /// Sends, and takes the request out at the registrar: its `rqi`.
    fn begin(&mut self, mode: Mode) -> String {
        self.call(mode, wanted()).unwrap();
        self.settle_shortly();
        let (_, request) = self.server().asked.last().expect("the request came");
        request.request_id.clone()
    }

    /// What is under way arrives.
    fn settle_shortly(&mut self) {
        self.run(25 * MS);
    }

    fn acknowledge(&mut self, status: StatusCode) {
        self.answer(SERVER, Response::new(status).content(json!({"m2m:uri": "cse-in/req1"}))).unwrap();
        self.settle_shortly();
    }

    /// What the client was told of acceptances.
    fn acknowledgements(&mut self) -> Vec<StatusCode> {
        let told = |event: &Event<u64>| match event {
            Event::Acknowledged { response, .. } => Some(response.status),
            _ => None,
        };
        self.client().events.iter().filter_map(told).collect()
    }

    /// The registrar notifies a result.
    fn notify(&mut self, rqi: &str, content: &str) {
        self.send(SERVER, Request::notify("Ctest", result(rqi, content)).from("/id-in")).unwrap();
    }

    /// The registrar's answer to a look at the `<request>`.
    fn show(&mut self, status: u16, rqi: &str, content: &str) {
        let ors = result(rqi, content)["m2m:rsp"].clone();
        let ors = if status == 3 || status == 4 { json!({"rsc": 1000, "rqi": rqi}) } else { ors };
        let request = json!({"m2m:req": {"rn": "req1", "ty": 17, "op": 2, "rs": status, "ors": ors}});
        self.answer(SERVER, Response::ok().content(request)).unwrap();
    }

    /// When the `<request>` was looked at, since the beginning, until this time has passed. There is no result yet.
    fn looks(&mut self, rqi: &str, time: Duration) -> Vec<Duration> {
        let mut looks = Vec::new();
        let end = self.elapsed() + time;
        while self.elapsed() < end {
            self.run(10 * MS);
            while let Some((_, request)) = self.server().asked.first() {
                assert_eq!((request.operation, request.to.as_str()), (Operation::Retrieve, "cse-in/req1"));
                assert_eq!((request.from.as_deref(), &request.response_type), (Some("Ctest"), &None));
                looks.push(self.elapsed());
                self.show(3, rqi, "");
            }
        }
        looks
    }
}

pub(crate) fn wanted() -> Request {
    Request::retrieve("cse-in/box").from("Ctest")
}

/// A result as it is notified.
pub(crate) fn result(rqi: &str, content: &str) -> Value {
    json!({"m2m:rsp": {"rsc": 2000, "rqi": rqi, "fr": "/id-in", "to": "Ctest", "rvi": "3",
        "pc": {"m2m:cin": {"con": content}}}})
}

pub(crate) fn text_of(response: &Response) -> String {
    response.content.as_ref().unwrap().value().unwrap()["m2m:cin"]["con"].as_str().unwrap().to_owned()
}

#[test]
fn ws_6_5_1_what_is_sent_asks_for_the_mode() {
    for (mode, value, targets) in [
        (Mode::NonBlockingSynch, ResponseType::NON_BLOCKING_REQUEST_SYNCH, None),
        (Mode::NonBlockingAsynch, ResponseType::NON_BLOCKING_REQUEST_ASYNCH, Some(vec!["Ctest".to_owned()])),
        (Mode::FlexBlocking, ResponseType::FLEX_BLOCKING, None),
    ] {
        let mut world = World::with_registrar(Config::default());
        world.begin(mode);
        let (_, request) = &world.server().asked[0];
        let rt = request.response_type.as_ref().unwrap();
        assert_eq!((rt.value, &rt.notification_uris), (value, &targets));
        assert_eq!(mode.response_type(), value);
    }
    let mut world = World::with_registrar(Config::default());
    world.begin(Mode::Blocking);
    assert_eq!(world.server().asked[0].1.response_type, None);
}

#[test]
fn ws_6_5_1_an_asynchronous_result_is_taken_by_the_library() {
    for format in [Format::Json, Format::Cbor, Format::Xml] {
        let mut world = World::speaking(format, Config::default(), Config::default());
        world.server().manner = Manner::Manual;
        let rqi = world.begin(Mode::NonBlockingAsynch);
        world.acknowledge(ASYNCH);
        assert_eq!(world.acknowledgements(), [ASYNCH]);
        assert!(world.client().outcomes.is_empty());
        world.run(5 * SECOND);
        world.notify(&rqi, "21");
        world.settle();
        let response = world.client().outcome().unwrap();
        assert_eq!((response.status, response.request_id.as_str()), (StatusCode::OK, rqi.as_str()));
        assert_eq!(text_of(&response), "21");
        assert_eq!(world.server().outcome().unwrap().status, StatusCode::OK, "the notification is answered");
        assert!(world.client().asked.is_empty(), "the application sees nothing of it");
        world.client().expect_idle();
    }
}

#[test]
fn ws_6_5_1_a_result_reaches_also_who_takes_no_requests() {
    let mut world = World::with_registrar(Config { accepts: Accepts::Nothing, ..Config::default() });
    let rqi = world.begin(Mode::NonBlockingAsynch);
    world.acknowledge(ASYNCH);
    world.notify(&rqi, "21");
    world.settle();
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
}

#[test]
fn ws_6_5_1_a_result_before_the_acknowledgement_waits_for_it() {
    let mut world = World::with_registrar(Config::default());
    let rqi = world.begin(Mode::NonBlockingAsynch);
    world.notify(&rqi, "21");
    world.settle_shortly();
    assert_eq!(world.server().outcome().unwrap().status, StatusCode::OK);
    assert!(world.client().outcomes.is_empty() && world.acknowledgements().is_empty());
    world.acknowledge(ASYNCH);
    assert_eq!(world.acknowledgements(), [ASYNCH]);
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");

    // The acknowledgement is lost with its connection, or never sent.
    for cut in [true, false] {
        let mut world = World::with_registrar(Config::default());
        let rqi = world.begin(Mode::NonBlockingAsynch);
        world.notify(&rqi, "21");
        world.settle_shortly();
        if cut {
            world.cut(Cut::Reset);
            world.settle();
        } else {
            world.run(30 * SECOND);
        }
        assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
        assert!(world.acknowledgements().is_empty());
    }
}

#[test]
fn ws_6_5_1_a_notification_that_matches_nothing_goes_to_the_application() {
    let mut world = World::with_registrar(Config::default());
    let rqi = world.begin(Mode::NonBlockingAsynch);
    world.acknowledge(ASYNCH);
    for content in [
        result("other", "x"),
        json!({"m2m:sgn": {"rqi": rqi}}),
        json!({"m2m:rsp": {"rqi": rqi, "rsc": "no number"}}),
        json!({"m2m:rsp": {"rqi": rqi}}),
        json!({"m2m:rsp": [rqi]}),
        json!({"m2m:rsp": {"rqi": 5, "rsc": 2000}}),
    ] {
        world.send(SERVER, Request::notify("Ctest", content)).unwrap();
    }
    let mut retrieve = Request::retrieve("Ctest");
    retrieve.content = Some(result(&rqi, "x").into());
    world.send(SERVER, retrieve).unwrap();
    world.settle_shortly();
    assert_eq!(world.client().asked.len(), 7);
    assert!(world.client().outcomes.is_empty());
    world.notify(&rqi, "21");
    world.notify(&rqi, "22");
    world.settle_shortly();
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
    assert_eq!(world.client().asked.len(), 7, "a result that comes again is nothing new");
    assert_eq!(world.server().outcomes.pop().unwrap().1.unwrap().status, StatusCode::OK, "but it is answered");
}

#[test]
fn ws_6_5_1_a_synchronous_result_is_looked_for() {
    for format in [Format::Json, Format::Cbor, Format::Xml] {
        let mut world = World::speaking(format, Config::default(), Config::default());
        world.server().manner = Manner::Manual;
        let rqi = world.begin(Mode::NonBlockingSynch);
        world.acknowledge(SYNCH);
        assert_eq!(world.acknowledgements(), [SYNCH]);
        let looks = world.looks(&rqi, 25 * SECOND);
        let pauses: Vec<u128> = looks.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        // After 0.1 s, then twice as long each time and 20 ms of way, in steps of 10 ms; at most 5 s.
        assert!((100..=140).contains(&(looks[0].as_millis() - 20)), "{looks:?}");
        for (pause, expected) in pauses.iter().zip([200, 400, 800, 1600, 3200, 5000, 5000]) {
            assert!((expected..=expected + 40).contains(pause), "{pauses:?}");
        }
        assert!(pauses.len() >= 7, "{pauses:?}");
        while world.server().asked.is_empty() {
            world.run(10 * MS);
        }
        world.show(1, &rqi, "21");
        world.settle();
        let response = world.client().outcome().unwrap();
        assert_eq!((response.request_id.as_str(), text_of(&response).as_str()), (rqi.as_str(), "21"));
        world.client().expect_idle();
        world.run(60 * SECOND);
        assert!(world.server().asked.is_empty(), "nobody looks any more");
    }
}

#[test]
fn ws_6_5_1_a_failure_of_the_request_is_a_result() {
    let mut world = World::with_registrar(Config::default());
    let rqi = world.begin(Mode::NonBlockingSynch);
    world.acknowledge(SYNCH);
    world.run(150 * MS);
    let ors = json!({"rsc": 4004, "rqi": rqi, "pc": {"m2m:dbg": "nothing there"}});
    let request = json!({"m2m:req": {"rs": 2, "ors": ors}});
    world.answer(SERVER, Response::ok().content(request)).unwrap();
    world.settle();
    let response = world.client().outcome().unwrap();
    assert_eq!((response.status, response.debug_text().as_deref()), (StatusCode::NOT_FOUND, Some("nothing there")));
}

#[test]
fn ws_6_5_1_an_answer_at_once_is_the_result() {
    for mode in [Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking] {
        for status in [StatusCode::OK, StatusCode::NON_BLOCKING_SYNCH_REQUEST_NOT_SUPPORTED, StatusCode::ACCEPTED] {
            let mut world = World::with_registrar(Config::default());
            world.begin(mode);
            world.answer(SERVER, Response::new(status)).unwrap();
            world.settle();
            assert_eq!(world.client().outcome().unwrap().status, status);
            assert!(world.acknowledgements().is_empty());
            world.client().expect_idle();
        }
    }
}

#[test]
fn ws_6_5_1_the_acknowledgement_says_how_the_result_comes() {
    // Whatever was asked for: a registrar may decide, and some accept with 1000.
    for mode in [Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking] {
        for status in [SYNCH, StatusCode::ACCEPTED] {
            let mut world = World::with_registrar(Config::default());
            let rqi = world.begin(mode);
            world.acknowledge(status);
            world.run(150 * MS);
            world.show(1, &rqi, "kept");
            world.settle();
            assert_eq!(text_of(&world.client().outcome().unwrap()), "kept");
        }
        for status in [ASYNCH, SYNCH] {
            let mut world = World::with_registrar(Config::default());
            let rqi = world.begin(mode);
            world.acknowledge(status);
            world.notify(&rqi, "told");
            world.settle();
            assert_eq!(text_of(&world.client().outcome().unwrap()), "told");
        }
    }
}

#[test]
fn ws_6_5_1_an_acceptance_without_an_address() {
    let mut world = World::with_registrar(Config::default());
    world.begin(Mode::NonBlockingSynch);
    world.answer(SERVER, Response::new(SYNCH)).unwrap();
    world.settle();
    assert_eq!(world.acknowledgements(), [SYNCH]);
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Decode);
    // A notified result needs none (TS-0004 7.3.2.2).
    let mut world = World::with_registrar(Config::default());
    let rqi = world.begin(Mode::NonBlockingAsynch);
    world.answer(SERVER, Response::new(ASYNCH)).unwrap();
    world.settle_shortly();
    world.notify(&rqi, "21");
    world.settle();
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
}

#[test]
fn ws_6_5_1_a_result_that_never_comes_is_a_time_out() {
    for (mode, status) in [(Mode::NonBlockingAsynch, ASYNCH), (Mode::NonBlockingSynch, SYNCH)] {
        for (rset, seconds) in [(None, 30), (Some("5000"), 5), (Some("90000"), 90)] {
            let mut world = World::with_registrar(Config::default());
            let mut request = wanted();
            request.result_expiration = rset.map(AbsRelTimestamp::from_text);
            let began = world.elapsed();
            world.call(mode, request).unwrap();
            world.settle_shortly();
            world.acknowledge(status);
            let mut end = None;
            while end.is_none() {
                world.run(10 * MS);
                while !world.server().asked.is_empty() {
                    world.show(3, "x", "");
                }
                end = (!world.client().outcomes.is_empty()).then(|| world.elapsed() - began);
                assert!(world.elapsed() < 100 * SECOND, "there is an end");
            }
            let end = end.unwrap();
            assert!(end >= seconds * SECOND && end < seconds * SECOND + 50 * MS, "{end:?}");
            let error = world.client().outcome().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert!(error.message().contains("cse-in/req1"), "{error}");
            world.settle_shortly();
            world.client().expect_idle();
        }
    }
}

#[test]
fn ws_6_5_1_the_time_out_begins_at_the_execution_time() {
    let mut world = World::with_registrar(Config::default());
    let mut request = wanted();
    request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("60000"));
    world.call(Mode::NonBlockingAsynch, request).unwrap();
    world.settle_shortly();
    world.acknowledge(ASYNCH);
    world.run(89 * SECOND);
    assert!(world.client().outcomes.is_empty());
    world.run(SECOND);
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn ws_6_5_1_without_an_acknowledgement_it_is_as_with_any_request() {
    let mut world = World::with_registrar(Config::default());
    world.begin(Mode::NonBlockingSynch);
    world.run(30 * SECOND);
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Timeout);
    world.client().expect_idle();
    // What comes after that is nobody's.
    world.acknowledge(SYNCH);
    assert!(world.acknowledgements().is_empty());

    let mut world = World::with_registrar(Config::default());
    world.begin(Mode::NonBlockingAsynch);
    world.cut(Cut::Reset);
    world.settle();
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::ConnectionLost);

    let mut world = World::with_registrar(Config::default());
    let mut late = wanted();
    late.result_expiration = Some(AbsRelTimestamp::from_text("0"));
    assert_eq!(world.call(Mode::NonBlockingAsynch, late).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn ws_6_5_1_a_request_whose_resource_is_gone() {
    for (status, is_over) in [
        (StatusCode::NOT_FOUND, true),
        (StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, true),
        (StatusCode::INTERNAL_SERVER_ERROR, false),
        (StatusCode::TARGET_NOT_REACHABLE, false),
    ] {
        let mut world = World::with_registrar(Config::default());
        let rqi = world.begin(Mode::NonBlockingSynch);
        world.acknowledge(SYNCH);
        world.run(150 * MS);
        world.answer(SERVER, Response::error(status, "why")).unwrap();
        world.settle_shortly();
        if is_over {
            let error = world.client().outcome().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert_eq!(error.response().unwrap().status, status);
        } else {
            world.run(SECOND);
            world.show(1, &rqi, "21");
            world.settle();
            assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
        }
        world.client().expect_idle();
    }
}

#[test]
fn ws_6_5_1_what_is_no_request_resource() {
    for content in [
        None,
        Some(json!({"m2m:req": {"rs": 1}})),
        Some(json!({"m2m:req": {"rs": 1, "ors": {"rqi": "x"}}})),
        Some(json!({"m2m:req": {"rs": 1, "ors": 5}})),
        Some(json!({"m2m:req": 5})),
        Some(json!({"a": 1, "b": 2})),
    ] {
        let mut world = World::with_registrar(Config::default());
        world.begin(Mode::NonBlockingSynch);
        world.acknowledge(SYNCH);
        world.run(150 * MS);
        let mut response = Response::ok();
        response.content = content.map(Into::into);
        world.answer(SERVER, response).unwrap();
        world.settle();
        assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Decode);
    }
}

#[test]
fn ws_6_5_1_a_result_is_taken_over_the_next_connection() {
    for (mode, status) in [(Mode::NonBlockingAsynch, ASYNCH), (Mode::NonBlockingSynch, SYNCH)] {
        for cut in [Cut::Reset, Cut::Told(CLIENT)] {
            let mut world = World::with_registrar(Config::default());
            let rqi = world.begin(mode);
            world.acknowledge(status);
            world.cut(cut);
            world.run(SECOND);
            assert!(world.client().outcomes.is_empty(), "only time ends the wait");
            assert!(world.client().session.wants_connection(), "{mode:?}");
            world.connect();
            world.settle_shortly();
            if mode == Mode::NonBlockingAsynch {
                world.notify(&rqi, "21");
            } else {
                while world.server().asked.is_empty() {
                    world.run(10 * MS);
                }
                world.show(1, &rqi, "21");
            }
            world.settle();
            assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
            world.client().expect_idle();
        }
    }
    // The look itself is cut off.
    let mut world = World::with_registrar(Config::default());
    let rqi = world.begin(Mode::NonBlockingSynch);
    world.acknowledge(SYNCH);
    world.run(150 * MS);
    world.cut(Cut::Reset);
    world.run(SECOND);
    world.server().asked.clear();
    world.connect();
    world.settle_shortly();
    world.show(1, &rqi, "21");
    world.settle();
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
}

#[test]
fn ws_6_5_1_an_application_that_disconnects_is_not_connected_again_for_a_notification() {
    let mut world = World::with_registrar(Config::default());
    let rqi = world.begin(Mode::NonBlockingAsynch);
    world.acknowledge(ASYNCH);
    let now = world.now;
    world.client().session.disconnect(now, 1000, "");
    world.settle();
    assert!(!world.client().session.wants_connection());
    world.connect();
    world.notify(&rqi, "21");
    world.settle();
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
}

#[test]
fn ws_6_5_1_a_call_can_be_cancelled() {
    for stage in 0..3 {
        let mut world = World::with_registrar(Config::default());
        let (_, token) = world.call(Mode::NonBlockingSynch, wanted()).unwrap();
        if stage > 0 {
            world.settle_shortly();
            world.acknowledge(SYNCH);
        }
        if stage > 1 {
            world.run(150 * MS);
        }
        let now = world.now;
        assert!(world.client().session.cancel(now, token).is_some());
        assert!(world.client().session.cancel(now, token).is_none());
        world.settle();
        world.client().expect_idle();
        world.run(60 * SECOND);
        assert!(world.client().outcomes.is_empty());
    }
    // Before it was sent: it is not sent any more.
    let mut world = World::new(1, Config::default(), Config::default());
    let (_, token) = world.call(Mode::NonBlockingSynch, wanted()).unwrap();
    assert_eq!(world.client().session.queued(), 1);
    let now = world.now;
    assert!(world.client().session.cancel(now, token).is_some());
    assert_eq!(world.client().session.queued(), 0);
}

#[test]
fn ws_6_5_1_what_cannot_be_sent_in_a_mode() {
    let mut world = World::with_registrar(Config::default());
    for mode in [Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking] {
        assert_eq!(world.call(mode, register()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    let nobody = Request::retrieve("cse-in");
    assert_eq!(world.call(Mode::NonBlockingAsynch, nobody).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let mut gated = World::with_registrar(Config { gated: true, ..Config::default() });
    assert_eq!(gated.call(Mode::NonBlockingSynch, wanted()).unwrap_err().kind(), ErrorKind::NotRegistered);
    let queue = OutgoingLimits { queued_requests: 0, ..OutgoingLimits::default() };
    let mut full = World::with_registrar(Config { outgoing: queue, ..Config::default() });
    assert_eq!(full.call(Mode::NonBlockingSynch, wanted()).unwrap_err().kind(), ErrorKind::QueueFull);
    // And leaves nothing behind.
    full.close(CLIENT);
    full.settle();
    assert!(full.client().is_over());

    let mut named = World::with_registrar(Config::default());
    named.call(Mode::NonBlockingAsynch, wanted().request_id("mine")).unwrap();
    let again = named.call(Mode::NonBlockingAsynch, wanted().request_id("mine")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::DuplicateRequestId);
    named.settle_shortly();
    named.acknowledge(ASYNCH);
    // It is still pending, though its acknowledgement is in (TS-0001 7.1.7).
    let again = named.call(Mode::NonBlockingAsynch, wanted().request_id("mine")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::DuplicateRequestId);
    named.notify("mine", "21");
    named.settle();
    assert_eq!(text_of(&named.client().outcome().unwrap()), "21");
}

#[test]
fn ws_6_5_2_a_close_waits_for_the_acknowledgement() {
    for mode in [Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking] {
        let mut world = World::with_registrar(Config::default());
        world.begin(mode);
        world.close(CLIENT);
        world.run(29 * SECOND);
        assert!(world.client().session.is_connected() && world.client().session.is_closing());
        world.run(2 * SECOND);
        assert!(!world.client().session.is_connected(), "its time-out lets the close go");
        assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Timeout);
        assert!(world.client().is_over());
    }
}

#[test]
fn ws_6_5_3_a_close_waits_for_the_result() {
    for (mode, status) in [(Mode::NonBlockingAsynch, ASYNCH), (Mode::NonBlockingSynch, SYNCH)] {
        let mut world = World::with_registrar(Config::default());
        let rqi = world.begin(mode);
        world.close(CLIENT);
        world.acknowledge(status);
        if mode == Mode::NonBlockingAsynch {
            world.run(20 * SECOND);
            assert!(world.client().session.is_connected() && !world.client().is_over());
            world.notify(&rqi, "21");
        } else {
            assert!(world.looks(&rqi, 20 * SECOND).len() > 5, "it goes on looking");
            assert!(world.client().session.is_connected() && !world.client().is_over());
            while world.server().asked.is_empty() {
                world.run(10 * MS);
            }
            world.show(1, &rqi, "21");
        }
        world.settle();
        assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
        assert!(world.client().is_over());
    }
}

#[test]
fn ws_6_5_3_a_close_does_not_wait_for_a_result_for_ever() {
    for (mode, status) in [(Mode::NonBlockingAsynch, ASYNCH), (Mode::NonBlockingSynch, SYNCH)] {
        let mut world = World::with_registrar(Config::default());
        let mut request = wanted();
        request.result_expiration = Some(AbsRelTimestamp::from_text("86400000"));
        world.call(mode, request).unwrap();
        world.settle_shortly();
        world.acknowledge(status);
        world.close(CLIENT);
        world.looks("x", 29 * SECOND);
        assert!(world.client().session.is_connected());
        world.looks("x", 2 * SECOND);
        world.settle();
        assert!(world.client().is_over());
        let error = world.client().outcome().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(error.message().contains("cse-in/req1"), "it says where the result may be: {error}");
    }
    // At once.
    let mut world = World::with_registrar(Config::default());
    world.begin(Mode::NonBlockingAsynch);
    world.acknowledge(ASYNCH);
    let now = world.now;
    world.client().session.abort(now, 1000, "");
    world.settle();
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::Closed);
    assert!(world.client().is_over());
}

#[test]
fn ws_6_5_3_an_idle_connection_stays_open_for_a_result() {
    let config = Config { idle_close: Some(2 * SECOND), ..Config::default() };
    let mut world = World::with_registrar(config);
    let rqi = world.begin(Mode::NonBlockingAsynch);
    world.acknowledge(ASYNCH);
    world.run(20 * SECOND);
    assert!(world.client().session.is_connected(), "the procedure is not complete");
    world.notify(&rqi, "21");
    world.settle_shortly();
    assert_eq!(text_of(&world.client().outcome().unwrap()), "21");
    world.run(SECOND);
    assert!(world.client().session.is_connected());
    world.run(2 * SECOND);
    assert!(!world.client().session.is_connected() && world.client().session.closed_idle());
}

#[test]
fn ws_6_5_1_what_cannot_be_opened_ends_it() {
    let mut world = World::with_registrar(Config::default());
    world.begin(Mode::NonBlockingAsynch);
    world.acknowledge(ASYNCH);
    world.cut(Cut::Reset);
    world.run(SECOND);
    let cause = onem2m_ws::Error::new(ErrorKind::HandshakeRefused, "403");
    world.client().session.connection_failed(&cause, false);
    world.settle();
    assert!(world.client().outcomes.is_empty(), "it may be opened later");
    world.client().session.connection_failed(&cause, true);
    world.settle();
    assert_eq!(world.client().outcome().unwrap_err().kind(), ErrorKind::HandshakeRefused);
}

/// The `ty` of what is created is a parameter of the request, not of the `<request>`: it is not lost in a mode.
#[test]
fn ws_6_5_1_a_create_stays_one() {
    let mut world = World::with_registrar(Config::default());
    let create =
        Request::create("cse-in/box", ResourceType::CONTENT_INSTANCE, json!({"m2m:cin": {"con": "1"}})).from("Ctest");
    world.call(Mode::NonBlockingSynch, create.clone()).unwrap();
    world.settle_shortly();
    let (_, request) = &world.server().asked[0];
    assert_eq!((request.operation, request.resource_type), (create.operation, create.resource_type));
    assert_eq!(request.content.as_ref().unwrap().value().unwrap(), json!({"m2m:cin": {"con": "1"}}));
}

#[test]
fn ws_6_5_1_results_are_known_again_for_a_while() {
    let mut world = World::with_registrar(Config::default());
    let mut known = Vec::new();
    for _ in 0..65 {
        let rqi = world.begin(Mode::NonBlockingAsynch);
        world.acknowledge(ASYNCH);
        world.notify(&rqi, "21");
        world.settle_shortly();
        known.push(rqi);
    }
    assert_eq!(world.client().outcomes.len(), 65);
    for (place, asked) in [(64, 0), (1, 0), (0, 1)] {
        world.notify(&known[place], "21");
        world.settle_shortly();
        assert_eq!(world.client().asked.len(), asked, "the last 64 are remembered");
    }
}
