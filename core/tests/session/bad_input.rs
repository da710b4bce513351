//! What is no primitive: answered where that is possible, and never at the cost of anything else.

use onem2m_ws::binding::{Config, Event};
use onem2m_ws::codec::DecodeOptions;
use onem2m_ws::primitive::{Response, StatusCode};

use crate::harness::*;

/// A connection on which a request waits, which must not be disturbed.
fn with_a_request_under_way(server: Config) -> World {
    let mut world = World::connected_with(Config::default(), server);
    world.server().manner = Manner::Manual;
    world.ask(CLIENT);
    world.settle();
    world
}

fn expect_undisturbed(world: &mut World, what: &str) {
    assert!(world.client().outcomes.is_empty(), "{what}");
    world.answer(SERVER, Response::ok()).unwrap();
    world.settle();
    assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK, "{what}");
    world.client().expect_idle();
    world.server().expect_idle();
}

#[test]
fn malformed_messages_are_answered_4000_and_disturb_nothing() {
    let deep = format!(r#"{{"op":2,"to":"x","fr":"C","rqi":"r","pc":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    for (text, rqi) in [
        ("", ""),
        ("{", ""),
        ("hello", ""),
        ("7", ""),
        ("null", ""),
        ("\"text\"", ""),
        ("[]", ""),
        (r#"[{"op":2,"to":"x","fr":"C","rqi":"r"}]"#, ""),
        ("{}", ""),
        (r#"{"rqi":"r"}"#, "r"),
        (r#"{"op":2,"rqi":"r"}"#, "r"),
        (r#"{"op":2,"to":"x","fr":"C"}"#, ""),
        (r#"{"op":2,"to":"x","fr":"C","rqi":""}"#, ""),
        (r#"{"op":9,"to":"x","fr":"C","rqi":"r"}"#, "r"),
        (r#"{"op":2,"to":"x","rqi":"r","fr":"C","fr":"D"}"#, "r"),
        (r#"{"op":2,"to":"x","rqi":"r","fr":"C","m2m:fr":"D"}"#, "r"),
        (r#"{"op":2,"to":"x","fr":"C","rqi":"r"}{}"#, "r"),
        (r#"{"op":2,"to":["x"],"fr":"C","rqi":"r"}"#, "r"),
        (deep.as_str(), "r"),
    ] {
        let mut world = with_a_request_under_way(Config::default());
        world.inject_text(SERVER, text);
        world.settle();
        assert_eq!(world.server().malformed(), 1, "{text}");
        assert_eq!(world.server().asked.len(), 1, "{text}");
        let answers = world.client().unmatched();
        // An answer without `rqi` finds the only request on the wire; a peer with none gets to see it.
        if rqi.is_empty() {
            assert!(answers.is_empty());
            assert_eq!(world.client().outcome().unwrap().status, StatusCode::BAD_REQUEST, "{text}");
        } else {
            assert_eq!((answers[0].status, answers[0].request_id.as_str()), (StatusCode::BAD_REQUEST, rqi), "{text}");
            assert!(answers[0].debug_text().is_some());
            expect_undisturbed(&mut world, text);
        }
        assert_eq!(world.server().session.counters().malformed, 1);
        assert!(world.server().session.is_connected());
    }
}

#[test]
fn noise_does_not_disturb_the_requests_of_the_other_direction() {
    let mut world = World::connected();
    world.client().manner = Manner::Slow(SECOND);
    let asked: Vec<u64> = (0..20).map(|_| world.ask(SERVER)).collect();
    for text in ["{", "[]", "7", r#"{"rqi":"x"}"#, r#"{"op":1,"op":2}"#] {
        for _ in 0..5 {
            world.inject_text(SERVER, text);
            world.run(20 * MS);
        }
    }
    world.settle();
    assert_eq!(world.server().malformed(), 25);
    assert_eq!(world.server().outcomes.len(), asked.len());
    for (id, result) in &world.server().outcomes {
        assert_eq!(number_of(result.as_ref().unwrap()), *id);
    }
    assert_eq!(world.client().unmatched().len(), 25);
}

#[test]
fn what_may_be_a_response_is_not_answered() {
    for text in [r#"{"rsc":2000,"rqi":"r""#, r#"{"rsc":"x","rqi":"r"}"#, r#"{"rqi":"r","rsc":2000,"pc":{]}"#] {
        let mut world = with_a_request_under_way(Config::default());
        world.inject_text(SERVER, text);
        world.settle();
        assert_eq!(world.server().malformed(), 1, "{text}");
        assert!(world.client().events.is_empty(), "{text}");
        expect_undisturbed(&mut world, text);
    }
}

#[test]
fn ws_6_2_2_9_3_a_wrong_opcode_is_answered_where_an_rqi_can_be_read() {
    for text in [r#"{"op":2,"to":"x","fr":"C","rqi":"r"}"#, r#"{"op":2,"rqi":"r"}"#] {
        let mut world = with_a_request_under_way(Config::default());
        world.inject(SERVER, 0x82, text.as_bytes());
        world.settle();
        assert_eq!(world.server().asked.len(), 1, "it is not carried out");
        let answer = world.client().unmatched()[0].clone();
        assert_eq!((answer.status, answer.request_id.as_str()), (StatusCode::BAD_REQUEST, "r"));
        assert!(answer.debug_text().unwrap().contains("6.2.2.9-1"));
        expect_undisturbed(&mut world, text);
        assert_eq!(world.server().session.counters().malformed, 1);
    }
}

#[test]
fn ws_6_2_2_9_3_a_wrong_opcode_is_closed_with_1003_where_no_rqi_can_be_read() {
    for payload in [&b"\xa1\x01\x02"[..], b"", b"{}", br#"{"rsc":2000,"rqi":"r"}"#, br#"{"op":2,"to":"x"}"#] {
        let mut world = with_a_request_under_way(Config::default());
        world.inject(SERVER, 0x82, payload);
        world.inject_text(SERVER, r#"{"op":2,"to":"x","fr":"C","rqi":"next"}"#);
        world.settle();
        assert_eq!(world.client().ends()[0].code, Some(1003), "{payload:?}");
        assert_eq!(world.server().asked.len(), 1, "what follows is not carried out");
        assert!(world.client().unmatched().is_empty());
    }
}

#[test]
fn a_strict_session_refuses_what_a_lenient_one_counts() {
    let wrapped = r#"{"m2m:rqp":{"op":"2","to":"x","fr":"C","rqi":"r","rvi":"3"}}"#;
    let mut world = with_a_request_under_way(Config::default());
    world.inject_text(SERVER, wrapped);
    world.settle();
    assert_eq!(world.server().asked.len(), 2);
    assert_eq!(world.server().session.counters().deviations, 2);

    let decode = DecodeOptions { strict: true, ..DecodeOptions::default() };
    let mut world = with_a_request_under_way(Config { decode, ..Config::default() });
    world.inject_text(SERVER, wrapped);
    world.settle();
    assert_eq!(world.server().asked.len(), 1);
    assert_eq!(world.server().malformed(), 1);
    assert_eq!(world.server().session.counters().deviations, 0);
}

#[test]
fn broken_frames_cost_the_connection_and_nothing_else() {
    for (frame, code) in
        [(&[0x83, 0x80][..], 1002), (&[0xc1, 0x80], 1002), (&[0x81, 0x00], 1002), (&[0x80, 0x80], 1002)]
    {
        let mut world = World::connected();
        let (now, mut frame) = (world.now, frame.to_vec());
        frame.extend([0; 8]);
        world.server().session.handle_data(now, &mut frame);
        world.settle();
        assert_eq!(world.client().ends()[0].code, Some(code));
        assert!(!world.server().is_over());
        world.connect();
        world.ask(CLIENT);
        world.settle();
        assert_eq!(world.client().outcome().unwrap().status, StatusCode::OK);
    }
}

#[test]
fn text_that_is_not_utf8_closes_with_1007() {
    let mut world = World::connected();
    world.inject(SERVER, 0x81, b"{\"op\":2,\"to\":\"\xff\"}");
    world.settle();
    assert_eq!(world.client().ends()[0].code, Some(1007));
    assert!(world.server().events.iter().all(|event| !matches!(event, Event::Malformed(_))));
}

#[test]
fn random_bytes_never_panic() {
    for seed in 0..3000 {
        let mut world = World::connected();
        world.rng = Rng(seed);
        let mut bytes = vec![0; 1 + world.rng.below(200) as usize];
        onem2m_ws::websocket::Random::fill(&mut world.rng, &mut bytes);
        let printable = seed % 2 == 0;
        if printable {
            // Made of what messages are made of.
            for byte in &mut bytes {
                *byte = b"{}[]\",:0123456789oprqicsftxue\\ "[usize::from(*byte) % 31];
            }
            world.inject(SERVER, 0x81, &bytes);
        } else {
            let now = world.now;
            world.server().session.handle_data(now, &mut bytes);
        }
        world.settle();
        assert_eq!(world.server().session.counters().requests_received, 0);
    }
}
