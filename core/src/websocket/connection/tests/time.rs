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
