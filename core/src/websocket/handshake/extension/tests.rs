//! The header's grammar, and every case of the negotiation, at both ends.

use proptest::prelude::*;

use super::*;

fn elements(header: &str) -> Vec<Element<'_>> {
    parse([header].into_iter()).expect("a header by the book")
}

/// Settings by what they say: take-over and window of this end, then of the peer.
fn wanted(send: (bool, u8), receive: (bool, u8)) -> Compression {
    Compression {
        send_takeover: send.0,
        send_window_bits: send.1,
        receive_takeover: receive.0,
        receive_window_bits: receive.1,
        ..Compression::default()
    }
}

fn all() -> Compression {
    wanted((true, 15), (true, 15))
}

fn directions(agreement: &Agreement) -> ((bool, u8), (bool, u8)) {
    let of = |direction: Direction| (direction.takeover, direction.window_bits);
    (of(agreement.send), of(agreement.receive))
}

#[test]
fn the_header_is_read_by_rfc_6455_9_1() {
    let read = |lines: &[&str]| {
        parse(lines.iter().copied()).map(|elements| {
            let show = |(key, value): &(&str, Option<String>)| match value {
                Some(value) => format!("{key}={value}"),
                None => (*key).to_owned(),
            };
            elements
                .iter()
                .map(|e| {
                    std::iter::once(e.name.to_owned())
                        .chain(e.parameters.iter().map(show))
                        .collect::<Vec<_>>()
                        .join(";")
                })
                .collect::<Vec<_>>()
                .join(",")
        })
    };
    for (lines, expected) in [
        (&[][..], ""),
        (&[""], ""),
        (&["foo"], "foo"),
        (&["foo, bar; baz=2"], "foo,bar;baz=2"),
        (&["foo", "bar; baz=2"], "foo,bar;baz=2"),
        (&[" foo\t;a ; b = 1 ,, ,bar "], "foo;a;b=1,bar"),
        (&["foo; a=\"1\"; b=\"\\x\\y\""], "foo;a=1;b=xy"),
    ] {
        assert_eq!(read(lines), Ok(expected.to_owned()), "{lines:?}");
    }
    for line in [
        ";",
        "foo;",
        "foo;,",
        "foo; =1",
        "foo; a=",
        "foo; a=\"",
        "foo; a=\"1",
        "foo; a=\"\"",
        "foo; a=\"b c\"",
        "foo; a=\"b,c\"",
        "foo; a=\"1\"2",
        "foo bar",
        "foo/bar",
        "föö",
        "foo; a=\"\\",
        "foo; a=b=c",
        "\"foo\"",
    ] {
        assert_eq!(read(&[line]), Err(Malformed), "{line}");
    }
}

#[test]
fn ws_6_2_2_8_1_a_client_offers_what_its_settings_say() {
    for (settings, header) in [
        (
            Compression::default(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
        (all(), "permessage-deflate; client_max_window_bits"),
        (wanted((true, 10), (true, 15)), "permessage-deflate; client_max_window_bits=10"),
        (
            wanted((false, 15), (true, 8)),
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits",
        ),
    ] {
        assert_eq!(offer(&settings), header);
    }
}

#[test]
fn ws_6_2_3_6_1_a_server_answers_what_it_can_take() {
    for (settings, offered, answered, agreed) in [
        // What the client leaves open, the server decides.
        (all(), "permessage-deflate", "permessage-deflate", ((true, 15), (true, 15))),
        (
            Compression::default(),
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            ((false, 15), (false, 15)),
        ),
        (
            wanted((true, 9), (true, 15)),
            "permessage-deflate",
            "permessage-deflate; server_max_window_bits=9",
            ((true, 9), (true, 15)),
        ),
        // What it asks for is answered, also where it changes nothing.
        (
            all(),
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover",
            ((false, 15), (true, 15)),
        ),
        (
            all(),
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_no_context_takeover",
            ((true, 15), (false, 15)),
        ),
        (
            all(),
            "permessage-deflate; server_max_window_bits=15",
            "permessage-deflate; server_max_window_bits=15",
            ((true, 15), (true, 15)),
        ),
        (
            all(),
            "permessage-deflate; server_max_window_bits=\"8\"",
            "permessage-deflate; server_max_window_bits=8",
            ((true, 8), (true, 15)),
        ),
        (
            wanted((true, 9), (true, 15)),
            "permessage-deflate; server_max_window_bits=12",
            "permessage-deflate; server_max_window_bits=9",
            ((true, 9), (true, 15)),
        ),
        // The client's window can be bounded only if it says so.
        (all(), "permessage-deflate; client_max_window_bits", "permessage-deflate", ((true, 15), (true, 15))),
        (
            all(),
            "permessage-deflate; client_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=9",
            ((true, 15), (true, 9)),
        ),
        (
            wanted((true, 15), (true, 10)),
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10",
            ((true, 15), (true, 10)),
        ),
        (
            wanted((true, 15), (true, 10)),
            "permessage-deflate, permessage-deflate; client_max_window_bits=12",
            "permessage-deflate; client_max_window_bits=10",
            ((true, 15), (true, 10)),
        ),
        // The first offer that can be taken counts.
        (
            all(),
            "x-webkit-deflate-frame, permessage-deflate; unknown, permessage-deflate; client_no_context_takeover, permessage-deflate",
            "permessage-deflate; client_no_context_takeover",
            ((true, 15), (false, 15)),
        ),
    ] {
        let (agreement, answer) = super::answer(&elements(offered), &settings).expect(offered);
        assert_eq!(answer, answered, "{offered}");
        assert_eq!(directions(&agreement), agreed, "{offered}");
    }
}

#[test]
fn ws_6_2_3_6_1_a_server_declines_every_offer_that_is_not_valid() {
    for offered in [
        "",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; unknown=1",
        "permessage-deflate; Server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=9a",
        "permessage-deflate; server_max_window_bits=4294967305",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    ] {
        assert_eq!(super::answer(&elements(offered), &all()), None, "{offered}");
    }
    // A window that has to be bounded and may not be.
    assert_eq!(super::answer(&elements("permessage-deflate"), &wanted((true, 15), (true, 14))), None);
}

#[test]
fn ws_6_2_2_8_1_a_client_takes_an_answer_that_fits_its_offer() {
    let strict = wanted((false, 12), (false, 11));
    for (settings, answered, agreed) in [
        (all(), "permessage-deflate", ((true, 15), (true, 15))),
        // The server may ask for more than was offered.
        (
            all(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=8",
            ((false, 8), (false, 8)),
        ),
        (all(), "permessage-deflate; client_max_window_bits=\"15\"", ((true, 15), (true, 15))),
        (
            strict.clone(),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
            ((false, 12), (false, 11)),
        ),
        (
            strict,
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12",
            ((false, 12), (false, 9)),
        ),
    ] {
        let agreement = judge(&elements(answered), Some(&settings)).unwrap().expect(answered);
        assert_eq!(directions(&agreement), agreed, "{answered}");
    }
    assert_eq!(judge(&[], Some(&all())), Ok(None));
    assert_eq!(judge(&[], None), Ok(None));
}

#[test]
fn ws_6_2_2_8_1_a_client_refuses_an_answer_that_was_not_offered() {
    let strict = wanted((false, 12), (false, 11));
    for (settings, answered, why) in [
        (None, "permessage-deflate", "which was not offered"),
        (Some(all()), "x-webkit-deflate-frame", "which was not offered"),
        (Some(all()), "PERMESSAGE-DEFLATE", "which was not offered"),
        (Some(all()), "permessage-deflate, permessage-deflate", "besides permessage-deflate"),
        (Some(all()), "permessage-deflate, foo", "besides permessage-deflate"),
        (Some(all()), "permessage-deflate; unknown", "not known"),
        (Some(all()), "permessage-deflate; server_no_context_takeover=1", "server_no_context_takeover is \"1\""),
        (Some(all()), "permessage-deflate; server_max_window_bits", "server_max_window_bits has no value"),
        (Some(all()), "permessage-deflate; client_max_window_bits", "client_max_window_bits has no value"),
        (Some(all()), "permessage-deflate; server_max_window_bits=16", "server_max_window_bits is \"16\""),
        (Some(all()), "permessage-deflate; client_max_window_bits=7", "client_max_window_bits is \"7\""),
        (Some(all()), "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "is there twice"),
        (
            Some(strict.clone()),
            "permessage-deflate; server_max_window_bits=11",
            "server_no_context_takeover was asked for",
        ),
        (Some(strict.clone()), "permessage-deflate; server_no_context_takeover", "may be 11 at most"),
        (
            Some(strict.clone()),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
            "may be 11 at most",
        ),
        (
            Some(strict),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=11; client_max_window_bits=13",
            "was offered with 12",
        ),
    ] {
        let error = judge(&elements(answered), settings.as_ref()).expect_err(answered);
        assert!(error.contains(why), "{answered}: {error}");
    }
}

fn settings() -> impl Strategy<Value = Compression> {
    (any::<bool>(), 8..=15u8, any::<bool>(), 8..=15u8)
        .prop_map(|(send, send_bits, receive, receive_bits)| wanted((send, send_bits), (receive, receive_bits)))
}

proptest! {
    /// Whatever the settings of two ends are: the server understands the offer, the client the answer, and both mean the same.
    #[test]
    fn two_ends_agree(client in settings(), server in settings()) {
        let header = offer(&client);
        let (theirs, answer) = super::answer(&elements(&header), &server).expect("our own offer can be taken");
        let ours = judge(&elements(&answer), Some(&client)).expect("our own answer fits").expect("it was not declined");
        // A sender may do less than it is allowed to, as RFC 7692 7.1.1.2 and 7.1.2.2 leave it to a client.
        prop_assert!(ours.send.takeover <= theirs.receive.takeover);
        prop_assert!(ours.send.window_bits <= theirs.receive.window_bits);
        prop_assert_eq!(theirs.send, ours.receive);
        prop_assert!(ours.send.window_bits <= client.send_window_bits && theirs.send.window_bits <= server.send_window_bits);
        prop_assert!(ours.receive.window_bits <= client.receive_window_bits);
        prop_assert!(theirs.receive.window_bits <= server.receive_window_bits);
        prop_assert!(ours.receive.takeover <= client.receive_takeover && theirs.receive.takeover <= server.receive_takeover);
        prop_assert!(ours.send.takeover <= client.send_takeover && theirs.send.takeover <= server.send_takeover);
    }

    #[test]
    fn any_header_is_survived(header: String) {
        if let Ok(elements) = parse([header.as_str()].into_iter()) {
            let _ = super::answer(&elements, &all());
            let _ = judge(&elements, Some(&all()));
        }
    }
}
