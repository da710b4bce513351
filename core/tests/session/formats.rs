//! What a connection speaks, and what peers send in the wrong frames (TS-0020 6.2.2.9; rows WS-6.2.2.9-1, -3).

use data_encoding::HEXLOWER;
use onem2m_ws::binding::Config;
use onem2m_ws::codec::{self, DecodeOptions};
use onem2m_ws::primitive::{Content, Format, Request, Response, StatusCode};
use serde_json::json;

use super::harness::{CLIENT, Manner, SERVER, World};

fn strict() -> Config {
    Config { decode: DecodeOptions { strict: true, ..DecodeOptions::default() }, ..Config::default() }
}

fn cbor(json: &str) -> Vec<u8> {
    codec::convert(Format::Json, json.to_owned().into(), Format::Cbor, &DecodeOptions::default()).unwrap().to_vec()
}

#[test]
fn ws_6_2_2_9_1_each_format_carries_requests_both_ways() {
    for format in Format::ALL {
        let mut world = World::speaking(format, Config::default(), Config::default());
        assert_eq!(world.client().session.format(), Some(format));
        world.server().manner = Manner::Manual;
        let content = json!({"m2m:cin": {"con": "21.5", "lbl": ["a", "b"], "st": 7}});
        for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
            let mut request = Request::notify("x", content.clone());
            request.from = Some("Cae".into());
            world.send(from, request).unwrap();
            world.settle();
            assert_eq!(world.end(to).asked[0].1.content.as_ref().unwrap().value().unwrap(), content, "{format}");
            world.answer(to, Response::ok().content(content.clone())).unwrap();
            world.settle();
            let answer = world.end(from).outcome().unwrap();
            assert!(answer.status.is_success(), "{format}");
            assert_eq!(answer.content.unwrap().value().unwrap(), content, "{format}");
            assert_eq!(world.end(to).session.counters().deviations, 0, "{format}");
        }
    }
}

#[test]
fn content_is_converted_to_what_the_connection_speaks() {
    let value = json!({"m2m:cin": {"con": "x", "st": 3}});
    let json = Request::notify("x", value.clone()).request_id("r");
    for from in Format::ALL {
        let given = Content::from_encoded(from, json.content_as(from).unwrap().unwrap());
        for format in Format::ALL {
            let mut world = World::speaking(format, Config::default(), Config::default());
            world.server().manner = Manner::Manual;
            let mut request = Request::notify("x", json!({}));
            request.content = Some(given.clone());
            world.send(CLIENT, request).unwrap();
            world.settle();
            assert_eq!(world.server().asked[0].1.content.as_ref().unwrap().value().unwrap(), value);
            assert_eq!(world.server().asked[0].1.content.as_ref().unwrap().format(), format);
            let mut answer = Response::ok();
            answer.content = Some(given.clone());
            world.answer(SERVER, answer).unwrap();
            world.settle();
            assert_eq!(world.client().outcome().unwrap().content.unwrap().value().unwrap(), value);
        }
    }
}

#[test]
fn what_a_format_cannot_carry_fails_for_its_sender_and_for_nobody_else() {
    // A list item with a blank has no XML.
    let bad = json!({"m2m:cnt": {"lbl": ["a b"]}});
    let mut world = World::speaking(Format::Xml, Config::default(), Config::default());
    world.server().manner = Manner::Manual;
    let (failed, _) = world.send(CLIENT, Request::update("x", bad.clone())).unwrap();
    world.send(CLIENT, Request::retrieve("y")).unwrap();
    world.settle();
    let (id, error) = world.client().outcomes.remove(0);
    let error = error.unwrap_err();
    assert_eq!((id, error.kind()), (failed, onem2m_ws::ErrorKind::Encode));
    assert!(error.to_string().contains("pc/m2m:cnt/lbl"), "{error}");
    // And an answer: the peer hears 5000, its sender the reason.
    let error = world.answer(SERVER, Response::ok().content(bad)).unwrap_err();
    assert!(error.to_string().contains("pc/m2m:cnt/lbl"), "{error}");
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
    world.client().expect_idle();
}

#[test]
fn ws_6_2_2_9_3_json_in_text_frames_is_let_pass_on_a_cbor_connection_and_counted() {
    let notification = r#"{"op":5,"to":"x","fr":"C","rqi":"r","rvi":"3","pc":{"m2m:sgn":{"vrq":true}}}"#;
    let mut world = World::speaking(Format::Cbor, Config::default(), Config::default());
    world.inject_text(CLIENT, notification);
    world.settle();
    world.answer(CLIENT, Response::ok().content(json!({"m2m:uri": "x"}))).unwrap();
    world.settle();
    let answer = world.server().unmatched()[0].clone();
    assert!(answer.status.is_success() && answer.request_id == "r");
    assert_eq!(answer.content.unwrap().format(), Format::Cbor, "the answer is CBOR all the same");
    let counters = world.client().session.counters();
    assert_eq!((counters.deviations, counters.malformed), (1, 0));

    let mut world = World::speaking(Format::Cbor, strict(), strict());
    world.client().manner = Manner::Prompt;
    world.inject_text(CLIENT, notification);
    world.settle();
    let answer = world.server().unmatched()[0].clone();
    assert_eq!((answer.status, answer.request_id.as_str()), (StatusCode::BAD_REQUEST, "r"));
    assert!(world.client().asked.is_empty());
}

#[test]
fn ws_6_2_2_9_3_cbor_in_hexadecimal_digits_is_let_pass_and_counted() {
    let request = cbor(r#"{"op":2,"to":"x","fr":"C","rqi":"r","rvi":"3"}"#);
    for digits in [HEXLOWER.encode(&request), HEXLOWER.encode(&request).to_uppercase()] {
        let mut world = World::speaking(Format::Cbor, Config::default(), Config::default());
        world.inject_text(SERVER, &digits);
        world.settle();
        assert!(world.client().unmatched()[0].status.is_success());
        assert_eq!(world.server().session.counters().deviations, 1);

        let mut world = World::speaking(Format::Cbor, strict(), strict());
        world.inject_text(SERVER, &digits);
        world.settle();
        assert_eq!(world.client().unmatched()[0].status, StatusCode::BAD_REQUEST);
    }
}

#[test]
fn ws_6_2_2_9_3_what_cannot_be_answered_in_the_format_of_the_connection_closes_it() {
    // An identifier that XML has no characters for.
    let mut world = World::speaking(Format::Xml, Config::default(), Config::default());
    world.inject(SERVER, 0x82, &cbor(r#"{"op":2,"to":"x","fr":"C","rqi":"\u0001","rvi":"3"}"#));
    world.settle();
    assert_eq!(world.client().ends()[0].code, Some(1003));
}

#[test]
fn an_answer_with_nothing_that_can_be_written_is_an_error_all_the_same() {
    let mut world = World::speaking(Format::Xml, Config::default(), Config::default());
    world.server().manner = Manner::Manual;
    world.send(CLIENT, Request::retrieve("x")).unwrap();
    world.settle();
    let mut answer = Response::ok();
    answer.release_version = Some("\u{1}".into());
    assert_eq!(world.answer(SERVER, answer).unwrap_err().kind(), onem2m_ws::ErrorKind::Encode);
    world.settle();
    let outcome = world.client().outcome().unwrap();
    assert_eq!(outcome.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(outcome.debug_text().unwrap().contains("rvi"), "{:?}", outcome.debug_text());
}

#[test]
fn ws_6_2_2_9_1_what_a_session_says_by_itself_is_in_the_format_of_the_connection() {
    let bad = r#"{"op":2,"to":"x","fr":"C","rqi":"r","rvi":"3","rcn":"x"}"#;
    let late = r#"{"op":2,"to":"x","fr":"C","rqi":"s","rvi":"3","rqet":"20000101T000000"}"#;
    for format in [Format::Json, Format::Xml] {
        let mut world = World::speaking(format, Config::default(), Config::default());
        let late = codec::convert(Format::Json, late.into(), format, &DecodeOptions::default()).unwrap();
        world.inject(SERVER, 0x81, &late);
        world.inject(SERVER, 0x81, if format == Format::Json { bad.as_bytes() } else { b"<m2m:rqp" });
        world.settle();
        let answers: Vec<_> = world.client().unmatched().into_iter().cloned().collect();
        assert_eq!(answers[0].status, StatusCode::REQUEST_TIMEOUT, "{format}");
        assert_eq!(answers[1].status, StatusCode::BAD_REQUEST, "{format}");
        assert_eq!(
            world.client().session.counters().deviations,
            u64::from(format == Format::Xml),
            "only rqi is missing"
        );
    }
}

#[test]
fn what_is_queued_is_written_in_the_format_of_the_connection_that_comes() {
    let mut world = World::new(1, Config::default(), Config::default());
    world.server().manner = Manner::Manual;
    let good = json!({"m2m:cin": {"con": "x"}});
    let bad = json!({"m2m:cnt": {"lbl": ["a b"]}});
    let cbor = Request::notify("x", good.clone()).request_id("r").content_as(Format::Cbor).unwrap().unwrap();
    let mut first = Request::notify("x", json!({}));
    first.content = Some(Content::from_encoded(Format::Cbor, cbor));
    world.send(CLIENT, first).unwrap();
    let (failed, _) = world.send(CLIENT, Request::update("x", bad)).unwrap();
    world.send(CLIENT, Request::notify("x", good.clone())).unwrap();
    world.format = Format::Xml;
    world.connect();
    world.settle();
    let (id, error) = world.client().outcomes.remove(0);
    assert_eq!((id, error.unwrap_err().kind()), (failed, onem2m_ws::ErrorKind::Encode));
    let asked: Vec<_> = world.server().asked.iter().map(|(_, request)| request.content.clone().unwrap()).collect();
    assert_eq!(asked.len(), 2, "the one after it is sent all the same");
    assert!(asked.iter().all(|content| content.format() == Format::Xml && content.value().unwrap() == good));
    assert_eq!((world.client().session.queued(), world.client().session.in_flight()), (0, 2));
}

#[test]
fn ws_6_2_2_9_3_anything_else_in_the_wrong_frame_is_answered_or_closed() {
    let json = r#"{"op":2,"to":"x","fr":"C","rqi":"r","rvi":"3"}"#;
    let options = DecodeOptions::default();
    let xml = codec::convert(Format::Json, json.into(), Format::Xml, &options).unwrap();
    for (format, first, payload) in [
        (Format::Json, 0x82, json.as_bytes().to_vec()),
        (Format::Json, 0x82, cbor(json)),
        (Format::Xml, 0x82, xml.to_vec()),
        (Format::Xml, 0x82, cbor(json)),
        (Format::Cbor, 0x81, xml.to_vec()),
    ] {
        let mut world = World::speaking(format, Config::default(), Config::default());
        world.inject(SERVER, first, &payload);
        world.settle();
        let answer = world.client().unmatched()[0].clone();
        assert_eq!((answer.status, answer.request_id.as_str()), (StatusCode::BAD_REQUEST, "r"), "{format}");
        assert!(answer.debug_text().unwrap().contains("6.2.2.9-1"));
        assert!(world.server().asked.is_empty());
    }
    for (format, first, payload) in [
        (Format::Cbor, 0x81, &b"hello"[..]),
        (Format::Cbor, 0x81, b"a1"),
        (Format::Cbor, 0x81, b"{}"),
        (Format::Xml, 0x82, b"<x/>"),
        (Format::Json, 0x82, b"\xa0"),
    ] {
        let mut world = World::speaking(format, Config::default(), Config::default());
        world.inject(SERVER, first, payload);
        world.settle();
        assert_eq!(world.client().ends()[0].code, Some(1003), "{format} {payload:?}");
    }
    // The right opcode with another format in it is a bad primitive, and nothing is guessed either.
    let mut world = World::speaking(Format::Json, Config::default(), Config::default());
    world.inject(SERVER, 0x81, &xml);
    world.settle();
    assert!(world.server().asked.is_empty());
    assert_eq!(world.server().malformed(), 1);
}
