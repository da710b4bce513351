//! Deadlines, with a clock that moves when told.

use super::*;

#[test]
fn ws_6_3_2_a_silent_peer_is_asked_and_a_living_one_answers() {
    let mut pair = Pair::new(Config { ping_after: Some(20 * SECOND), ..Config::default() });
    let start = pair.now;
    assert_eq!(pair.client.poll_timeout(), Some(start + 20 * SECOND));
    pair.client.handle_timeout(start + 20 * SECOND);
    assert_eq!(pair.client.poll_timeout(), Some(start + 30 * SECOND));
    pair.now = start + 21 * SECOND;
    pair.carry();
    assert_eq!(events(&mut pair.client), [Event::Pong { ping: 1, round_trip: SECOND }]);
    assert_eq!(pair.client.poll_timeout(), Some(start + 41 * SECOND));
    assert_eq!(pair.server.poll_timeout(), Some(start + 41 * SECOND));
    assert_eq!(events(&mut pair.server), []);
}

#[test]
fn a_peer_that_stays_silent_is_given_up() {
    let start = Instant::now();
    let mut client = connection(Role::Client, Config::default(), start);
    client.handle_timeout(start + 20 * SECOND);
    assert_eq!(transmitted(&mut client), frame(Role::Client, PING, &1_u64.to_be_bytes()));
    client.handle_timeout(start + 30 * SECOND);
    let events = events(&mut client);
    let closed = closed(&events);
    assert_eq!((closed.code, closed.by_peer, closed.clean), (None, false, false));
    assert_eq!((client.disconnect(), client.poll_timeout()), (Disconnect::AtOnce, None));
}

#[test]
fn probes_are_numbered_and_answered() {
    let mut pair = Pair::new(Config::default());
    assert_eq!(pair.server.ping(pair.now), Some(1));
    assert_eq!(pair.server.ping(pair.now), Some(2));
    pair.now += SECOND;
    pair.carry();
    assert_eq!(events(&mut pair.server), [Event::Pong { ping: 2, round_trip: SECOND }]);
}

#[test]
fn without_keep_alive_there_is_no_deadline() {
    let config = Config { ping_after: None, ..Config::default() };
    assert_eq!(connection(Role::Client, config, Instant::now()).poll_timeout(), None);
}

#[test]
fn ws_6_3_2_a_peer_that_takes_no_bytes_is_given_up_and_one_that_takes_some_is_not() {
    let start = Instant::now();
    let config = Config { ping_after: None, write_timeout: 30 * SECOND, ..Config::default() };
    let mut server = connection(Role::Server, config, start);
    server.handle_write(start, 100, 5000);
    assert_eq!(server.poll_timeout(), Some(start + 30 * SECOND));
    server.handle_write(start + 10 * SECOND, 0, 5000);
    assert_eq!(server.poll_timeout(), Some(start + 30 * SECOND));
    // What the peer sends does not count, what it takes does.
    server.handle_data(start + 20 * SECOND, &mut frame(Role::Client, PING, b""));
    assert_eq!(server.poll_timeout(), Some(start + 30 * SECOND));
    server.handle_write(start + 29 * SECOND, 1, 4999);
    assert_eq!(server.poll_timeout(), Some(start + 59 * SECOND));
    server.handle_timeout(start + 58 * SECOND);
    assert!(server.is_open());
    server.handle_timeout(start + 59 * SECOND);
    let events = events(&mut server);
    let closed = closed(&events);
    assert_eq!((closed.code, closed.by_peer, closed.clean), (None, false, false));
    assert!(closed.reason.contains("taken none of the bytes"), "{closed}");
    assert_eq!(server.disconnect(), Disconnect::AtOnce);
}

#[test]
fn when_all_is_written_nothing_is_waited_for() {
    let start = Instant::now();
    let mut server = connection(Role::Server, Config { ping_after: None, ..Config::default() }, start);
    server.handle_write(start, 0, 1);
    assert!(server.poll_timeout().is_some());
    server.handle_write(start + SECOND, 1, 0);
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn a_peer_that_takes_bytes_need_not_be_asked_whether_it_lives() {
    let start = Instant::now();
    let config = Config { ping_after: Some(20 * SECOND), ..Config::default() };
    let mut server = connection(Role::Server, config, start);
    for seconds in 1..100 {
        server.handle_write(start + seconds * SECOND, 1, 5000);
        server.handle_timeout(start + seconds * SECOND);
    }
    assert_eq!(transmitted(&mut server), b"");
    assert!(server.is_open());
}
