//! A gap between messages, for a peer that mixes up what comes right behind one another.
//!
//! The wire takes 10 ms each way.

use onem2m_ws::binding::Config;

use crate::harness::*;

/// A gap of 50 ms.
fn apart() -> Config {
    Config { message_gap: Some(50 * MS), ..Config::default() }
}

/// A client that answers at once, and a server that waits for the test.
fn with(client: Config) -> World {
    let mut world = World::connected_with(client, Config::default());
    world.client().manner = Manner::Prompt;
    world.server().manner = Manner::Manual;
    world
}

/// The server has asked three times at once.
fn asked_thrice(client: Config) -> World {
    let mut world = with(client);
    for _ in 0..3 {
        world.ask(SERVER);
    }
    world
}

#[test]
fn two_answers_are_apart() {
    let mut world = asked_thrice(apart());
    for (time, answered) in [(19, 0), (1, 1), (49, 1), (1, 2), (49, 2), (1, 3)] {
        world.run(time * MS);
        assert_eq!(world.server().outcomes.len(), answered, "after {:?}", world.elapsed());
    }
    assert_eq!(world.server().outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3], "in their order");
}

#[test]
fn a_request_is_apart_from_the_answer_before_it() {
    let mut world = with(apart());
    world.ask(SERVER);
    world.run(10 * MS);
    world.ask(CLIENT);
    assert_eq!(world.client().session.queued(), 1);
    world.run(59 * MS);
    assert!(world.server().asked.is_empty());
    world.run(MS);
    assert_eq!(world.server().asked.len(), 1);
}

#[test]
fn an_answer_is_apart_from_the_request_before_it() {
    let mut world = with(apart());
    world.ask(SERVER);
    world.run(9 * MS);
    world.ask(CLIENT);
    world.run(59 * MS);
    assert!(world.server().outcomes.is_empty());
    world.run(MS);
    assert_eq!(world.server().outcomes.len(), 1);
}

#[test]
fn what_is_answered_was_read_and_needs_no_gap() {
    let mut world = with(apart());
    world.server().manner = Manner::Prompt;
    for _ in 0..5 {
        world.ask(CLIENT);
    }
    world.run(100 * MS);
    assert_eq!(world.client().outcomes.len(), 5, "one in 20 ms");
    world.ask(CLIENT);
    world.run(20 * MS);
    assert_eq!(world.client().outcomes.len(), 6);
}

#[test]
fn without_the_setting_nothing_waits() {
    let mut world = asked_thrice(Config::default());
    world.run(20 * MS);
    assert_eq!(world.server().outcomes.len(), 3);
}

#[test]
fn ws_6_5_2_a_close_waits_for_the_answers_that_wait() {
    let mut world = asked_thrice(apart());
    world.run(10 * MS);
    world.close(CLIENT);
    world.run(110 * MS);
    assert_eq!(world.server().outcomes.len(), 3);
    assert!(world.server().outcomes.iter().all(|(_, result)| result.is_ok()));
    world.run(SECOND);
    assert!(world.client().is_over());
}

#[test]
fn an_abort_lets_the_answers_go_first() {
    let mut world = asked_thrice(apart());
    world.run(10 * MS);
    let now = world.now;
    world.client().session.abort(now, 1000, "");
    world.run(10 * MS);
    assert!(world.server().outcomes.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(world.server().outcomes.len(), 3);
}

#[test]
fn what_waits_ends_with_its_connection() {
    let mut world = asked_thrice(apart());
    world.run(10 * MS);
    world.cut(Cut::Reset);
    world.run(SECOND);
    assert_eq!(world.server().failures().len(), 3, "the first answer was cut off too");
    world.connect();
    world.ask(SERVER);
    world.run(20 * MS);
    assert_eq!(world.server().outcomes.len(), 4, "a new connection begins without a gap, and with nothing old");
    assert!(world.server().unmatched().is_empty());
}

#[test]
fn answers_do_not_pile_up() {
    let mut world = with(Config { max_incoming: 4, ..apart() });
    for _ in 0..20 {
        world.ask(SERVER);
    }
    world.run(20 * MS);
    assert_eq!(world.server().outcomes.len(), 16, "beyond four that wait the oldest goes without a gap");
    world.run(4 * 50 * MS);
    assert_eq!(world.server().outcomes.len(), 20);
}
