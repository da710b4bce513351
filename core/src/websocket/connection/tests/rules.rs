//! Each rule of RFC 6455 5 and 8.1 that a peer can break, with the close code that follows.

use super::*;

#[test]
fn frames_out_of_order_are_protocol_errors() {
    let table: &[(&str, Parts)] = &[
        ("continuation of nothing", &[(CONTINUES, b"a")]),
        ("end of nothing", &[(ENDS, b"a")]),
        ("end after the end", &[(TEXT, b"a"), (ENDS, b"b")]),
        ("text within text", &[(TEXT_BEGINS, b"a"), (TEXT, b"b")]),
        ("text within binary", &[(BINARY_BEGINS, b"a"), (TEXT_BEGINS, b"b")]),
        ("reserved bit", &[(0xc1, b"a")]),
        ("reserved bit on a continuation", &[(TEXT_BEGINS, b"a"), (0xc0, b"b")]),
        ("reserved opcode", &[(0x83, b"")]),
        ("fragmented ping", &[(0x09, b"")]),
        ("ping of 126 bytes", &[(PING, &[0; 126])]),
        ("half a close code", &[(CLOSE, b"\x03")]),
        ("close code 1005", &[(CLOSE, b"\x03\xed")]),
        ("close code 0", &[(CLOSE, b"\0\0")]),
    ];
    for (name, parts) in table {
        assert_fails(name, Config::default(), parts, CloseCode::Protocol);
    }
}

#[test]
fn masks_are_for_clients_only() {
    let mut server = open(Role::Server);
    feed(&mut server, &frame(Role::Server, TEXT, b"unmasked"));
    assert_eq!(closed(&events(&mut server)).code, Some(1002));
    let mut client = open(Role::Client);
    feed(&mut client, &frame(Role::Client, TEXT, b"masked"));
    assert_eq!(closed(&events(&mut client)).code, Some(1002));
}

#[test]
fn text_that_is_not_utf8_is_inconsistent_data() {
    let table: &[(&str, Parts)] = &[
        ("in one frame", &[(TEXT, b"\xff")]),
        ("surrogate", &[(TEXT, b"\xed\xa0\x80")]),
        ("overlong", &[(TEXT, b"\xc0\xaf")]),
        ("end within a character", &[(TEXT, b"\xe2\x82")]),
        ("end within a character, fragmented", &[(TEXT_BEGINS, b"\xe2"), (ENDS, b"\x82")]),
        ("empty end within a character", &[(TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"")]),
        ("character broken by the next fragment", &[(TEXT_BEGINS, b"\xe2\x82"), (CONTINUES, b"a")]),
        ("reason of a close frame", &[(CLOSE, b"\x03\xe8\xff")]),
    ];
    for (name, parts) in table {
        assert_fails(name, Config::default(), parts, CloseCode::Invalid);
    }
    let split: Parts = &[(TEXT_BEGINS, b"\xe2"), (CONTINUES, b"\x82"), (PING, b""), (ENDS, b"\xac")];
    assert_eq!(served(Config::default(), split).0, [text("€")]);
    assert_eq!(served(Config::default(), &[(BINARY, b"\xff")]).0, [binary(b"\xff".as_slice())]);
}

#[test]
fn wrong_text_is_noticed_before_its_frame_is_complete() {
    let mut server = open(Role::Server);
    let bytes = frame(Role::Client, TEXT, b"fine so far \xff and a lot more to come");
    let wrong = 6 + b"fine so far ".len();
    feed(&mut server, &bytes[..wrong]);
    assert!(server.is_open());
    feed(&mut server, &bytes[wrong..=wrong]);
    assert_eq!(closed(&events(&mut server)).code, Some(1007));
}

#[test]
fn nothing_is_read_after_a_violation() {
    let (events, _) = served(Config::default(), &[(TEXT, b"good"), (0x83, b""), (TEXT, b"late"), (PING, b"late")]);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], text("good"));
    closed(&events);
}
