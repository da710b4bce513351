//! Every way to end (RFC 6455 7).

use super::*;

fn end(role: Role, mut pair: Pair) -> (Connection, Connection, Instant) {
    let now = pair.now;
    pair.carry();
    match role {
        Role::Client => (pair.client, pair.server, now),
        Role::Server => (pair.server, pair.client, now),
    }
}

#[test]
fn ws_6_3_1_either_side_closes_and_both_know_why() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::new(Config::default());
        let closer = if role == Role::Client { &mut pair.client } else { &mut pair.server };
        closer.close(pair.now, CloseCode::Away, "going to sleep");
        assert!(!closer.is_open() && !closer.is_closed());
        assert_eq!(closer.send(MessageKind::Text, |_| ()), Err(SendError::Closing));
        let (mut closer, mut peer, now) = end(role, pair);
        let ours = Closed { code: Some(1001), reason: "going to sleep".into(), by_peer: false, clean: true };
        assert_eq!(events(&mut peer), [Event::Closed(Closed { by_peer: true, ..ours.clone() })]);
        assert_eq!(events(&mut closer), [Event::Closed(ours)]);
        assert_eq!(closer.send(MessageKind::Text, |_| ()), Err(SendError::Closed));
        // RFC 6455 7.1.1: the server ends TCP, the client waits for that, but not for ever.
        let (mut client, server) = if role == Role::Client { (closer, peer) } else { (peer, closer) };
        assert_eq!(server.disconnect(), Disconnect::Now);
        assert_eq!(client.disconnect(), Disconnect::NotYet);
        assert_eq!(client.poll_timeout(), Some(now + 5 * SECOND));
        client.handle_timeout(now + 5 * SECOND);
        assert_eq!((client.disconnect(), client.poll_timeout()), (Disconnect::AtOnce, None));
        assert_eq!(events(&mut client), []);
    }
}

#[test]
fn every_allowed_code_is_told_and_echoed() {
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999_u16]) {
        let (events, out) = served(Config::default(), &[(CLOSE, &[&code.to_be_bytes(), b"why".as_slice()].concat())]);
        let expected = Closed { code: Some(code), reason: "why".into(), by_peer: true, clean: true };
        assert_eq!(events, [Event::Closed(expected)]);
        assert_eq!(out, frame(Role::Server, CLOSE, &code.to_be_bytes()));
    }
    let (events, out) = served(Config::default(), &[(CLOSE, b"")]);
    assert_eq!((closed(&events).code, out), (Some(1005), frame(Role::Server, CLOSE, b"")));
}

#[test]
fn what_follows_a_close_frame_is_ignored() {
    let (events, out) = served(Config::default(), &[(CLOSE, b""), (TEXT, b"late"), (PING, b"late"), (0x83, b"")]);
    assert_eq!(events.len(), 1);
    assert_eq!(out, frame(Role::Server, CLOSE, b""));
}

#[test]
fn messages_still_come_while_closing_but_nothing_is_sent_any_more() {
    let mut server = open(Role::Server);
    server.close(Instant::now(), CloseCode::Normal, "");
    server.close(Instant::now(), CloseCode::Error, "twice");
    feed(&mut server, &frames(&[(TEXT, b"on its way"), (PING, b"?"), (CLOSE, b"\x03\xe9")]));
    let events = events(&mut server);
    assert_eq!(events[0], text("on its way"));
    let expected = Closed { code: Some(1000), reason: String::new(), by_peer: false, clean: true };
    assert_eq!(closed(&events), &expected);
    assert_eq!(server.ping(Instant::now()), None);
    assert_eq!(transmitted(&mut server), frame(Role::Server, CLOSE, b"\x03\xe8"));
}

#[test]
fn a_close_frame_that_is_not_answered_ends_in_time() {
    let start = Instant::now();
    let mut client = connection(Role::Client, Config::default(), start);
    client.close(start, 4000_u16, "bye");
    transmitted(&mut client);
    assert_eq!(client.poll_timeout(), Some(start + 5 * SECOND));
    client.handle_timeout(start + 4 * SECOND);
    assert!(!client.is_closed());
    client.handle_timeout(start + 5 * SECOND);
    let expected = Closed { code: Some(4000), reason: "bye".into(), by_peer: false, clean: false };
    assert_eq!(events(&mut client), [Event::Closed(expected)]);
    assert_eq!(client.disconnect(), Disconnect::AtOnce);
}

#[test]
fn the_end_of_tcp_without_a_close_frame_is_told() {
    let mut client = open(Role::Client);
    feed(&mut client, &frame(Role::Server, TEXT_BEGINS, b"half"));
    client.send(MessageKind::Text, |out| out.extend_from_slice(b"nobody reads this")).unwrap();
    client.handle_eof(Instant::now());
    let events = events(&mut client);
    let closed = closed(&events);
    assert_eq!((events.len(), closed.code, closed.by_peer, closed.clean), (1, None, true, false));
    assert_eq!((client.buffered(), client.disconnect()), (0, Disconnect::AtOnce));
    client.handle_eof(Instant::now());
    assert_eq!(client.poll_event(), None);
}

#[test]
fn after_a_violation_the_sending_side_is_shut_and_the_rest_drained() {
    let start = Instant::now();
    let mut server = connection(Role::Server, Config::default(), start);
    server.handle_data(start, &mut frames(&[(0x83, b"")]));
    assert_eq!(server.disconnect(), Disconnect::NotYet); // the close frame first
    transmitted(&mut server);
    assert_eq!(server.disconnect(), Disconnect::Finish);
    server.handle_data(start, &mut frames(&[(TEXT, b"still sending"), (CLOSE, b"")]));
    assert_eq!(server.disconnect(), Disconnect::Finish);
    assert_eq!(server.poll_timeout(), Some(start + 5 * SECOND));
    server.handle_eof(start);
    assert_eq!(server.disconnect(), Disconnect::AtOnce);
    assert_eq!(events(&mut server).len(), 1);
}

#[test]
fn an_ending_is_one_line_for_a_log() {
    let closed = Closed { code: Some(1008), reason: "line\nbreak \"x\"".into(), by_peer: true, clean: true };
    assert_eq!(closed.to_string(), "closed by the peer with code 1008: line\\nbreak \"x\"");
    let mut client = open(Role::Client);
    client.handle_eof(Instant::now());
    let Some(Event::Closed(closed)) = client.poll_event() else { panic!("not closed") };
    assert_eq!(closed.to_string(), "ended by the peer without a close frame: the TCP connection ended");
}
