//! Each limit at its edge, and what is held in memory.

use super::*;

fn small() -> Config {
    Config { max_message_size: 10, max_fragments: 3, ..Config::default() }
}

#[test]
fn the_largest_message_passes_and_one_byte_more_does_not() {
    assert_eq!(served(small(), &[(TEXT, b"0123456789")]).0, [text("0123456789")]);
    let fragmented: Parts = &[(TEXT_BEGINS, b"01234"), (ENDS, b"56789")];
    assert_eq!(served(small(), fragmented).0, [text("0123456789")]);
    assert_fails("in one frame", small(), &[(TEXT, b"0123456789a")], CloseCode::Size);
    assert_fails("in two", small(), &[(TEXT_BEGINS, b"01234"), (ENDS, b"56789a")], CloseCode::Size);
    // Each message counts for itself.
    let two: Parts = &[(TEXT, b"0123456789"), (TEXT, b"0123456789")];
    assert_eq!(served(small(), two).0.len(), 2);
}

#[test]
fn a_large_message_is_refused_by_its_head_alone() {
    for length in [11_u64, 1 << 32, i64::MAX as u64] {
        let mut client = connection(Role::Client, small(), Instant::now());
        match u8::try_from(length) {
            Ok(length) => feed(&mut client, &[BINARY, length]),
            Err(_) => feed(&mut client, &[[BINARY, 127].as_slice(), &length.to_be_bytes()].concat()),
        }
        assert_eq!(closed(&events(&mut client)).code, Some(1009));
    }
}

#[test]
fn as_many_fragments_as_allowed_pass_and_one_more_does_not() {
    let three: Parts = &[(TEXT_BEGINS, b""), (CONTINUES, b""), (ENDS, b"a")];
    assert_eq!(served(small(), three).0, [text("a")]);
    let four: Parts = &[(TEXT_BEGINS, b""), (CONTINUES, b""), (CONTINUES, b""), (ENDS, b"a")];
    assert_fails("four", small(), four, CloseCode::Policy);
}

#[test]
fn a_flood_of_pings_is_answered_in_bounded_memory_and_the_newest_always() {
    let config = Config { max_control_frames: u32::MAX, ..Config::default() };
    let mut server = connection(Role::Server, config, Instant::now());
    for i in 0..1000_u16 {
        feed(&mut server, &frame(Role::Client, PING, &i.to_be_bytes()));
    }
    let expected: Vec<u8> =
        (0..MAX_WAITING_PONGS as u16).chain([999]).flat_map(|i| frame(Role::Server, PONG, &i.to_be_bytes())).collect();
    assert_eq!(transmitted(&mut server), expected);
    // After a transmission each is answered again.
    feed(&mut server, &frames(&[(PING, b"one"), (PING, b"two")]));
    let both = [frame(Role::Server, PONG, b"one"), frame(Role::Server, PONG, b"two")];
    assert_eq!(transmitted(&mut server), both.concat());
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut pair = Pair::new(Config::default());
    for _ in 0..100 {
        pair.client.send(MessageKind::Binary, |out| out.resize(out.len() + 10_000, 7)).unwrap();
    }
    pair.carry();
    assert_eq!(events(&mut pair.server).len(), 100);
    assert_eq!(pair.server.receiver.held(), 0);
    assert_eq!(pair.client.sender.held(), 0);
    assert_eq!(pair.server.events.capacity(), 0);
}

#[test]
fn as_many_control_frames_in_a_second_as_allowed_pass_and_one_more_does_not() {
    let start = Instant::now();
    let config = Config { max_control_frames: 3, ..Config::default() };
    let mut server = connection(Role::Server, config, start);
    let mut ping = |at: Instant| {
        server.handle_data(at, &mut frame(Role::Client, PING, b""));
        server.is_open()
    };
    for second in 0..10 {
        for _ in 0..3 {
            assert!(ping(start + second * SECOND));
        }
    }
    assert!(!ping(start + 9 * SECOND + SECOND * 999 / 1000));
    assert_eq!(closed(&events(&mut server)).code, Some(1008));
    // Pongs that nobody asked for count as well, and a close frame does not.
    let parts: Parts = &[(PONG, b""), (PONG, b""), (PING, b""), (CLOSE, b"")];
    let config = Config { max_control_frames: 3, ..Config::default() };
    assert_eq!(closed(&served(config.clone(), parts).0).code, Some(1005));
    assert_fails("a fourth", config, &[(PONG, b""), (PONG, b""), (PING, b""), (PONG, b"")], CloseCode::Policy);
}
