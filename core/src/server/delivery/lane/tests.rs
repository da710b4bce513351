use super::*;
use crate::primitive::Request;
use serde_json::json;

const ONE: ConnectionId = ConnectionId(1);
const TWO: ConnectionId = ConnectionId(2);
const MOST: u32 = 3;

/// A lane and the store that it reads, which holds these places.
struct World {
    lane: Lane,
    stored: Vec<u64>,
    latest: bool,
    window: usize,
    next_id: u64,
    /// Attempts that are under way: their numbers and their places.
    sent: Vec<(u64, u64)>,
}

impl World {
    fn new(window: usize, stored: impl IntoIterator<Item = u64>) -> Self {
        let stored = stored.into_iter().collect();
        Self { lane: Lane::taken(0), stored, latest: false, window, next_id: 1, sent: Vec::new() }
    }

    /// Sends what has a place. Returns the places, and which of them go out again.
    fn send(&mut self, connection: ConnectionId) -> (Vec<u64>, Vec<u64>) {
        let (mut sent, mut again) = (Vec::new(), Vec::new());
        while let Some(Wanted { mut after, most }) = self.lane.wants(self.window, connection) {
            let read: Vec<u64> = self.stored.iter().copied().filter(|place| *place > after.0).take(most).collect();
            if read.is_empty() {
                self.lane.drained(after);
                break;
            }
            for place in read {
                let mut request = Request::notify("Ca", json!({})).request_id(format!("r{place}"));
                request.event_category = self.latest.then_some(EventCategory::LATEST);
                let stored = Stored { sequence: Sequence(place), request, expires: None };
                let id = self.next_id;
                self.next_id += 1;
                match self.lane.begin(after, id, &stored, self.window, connection) {
                    Begun::UnderWay => {}
                    Begun::NotNow => break,
                    begun => {
                        self.sent.push((id, place));
                        sent.push(place);
                        again.extend((begun == Begun::Again).then_some(place));
                    }
                }
                after = Sequence(place);
            }
        }
        (sent, again)
    }

    /// The attempt of a place.
    fn id(&self, place: u64) -> u64 {
        self.sent.iter().rfind(|(_, sent)| *sent == place).unwrap().0
    }

    fn answer(&mut self, place: u64) {
        let settled = self.lane.settle(self.id(place)).unwrap();
        assert_eq!((settled.sequence, settled.rqi), (Sequence(place), format!("r{place}")));
    }

    /// The store has taken it out.
    fn write(&mut self, place: u64) {
        self.stored.retain(|stored| *stored != place);
        self.lane.acknowledged(self.id(place), true);
    }

    fn time_out(&mut self, place: u64) -> TimedOut {
        self.lane.timed_out(self.id(place), MOST).unwrap()
    }
}

const NONE: Vec<u64> = Vec::new();

#[test]
fn ws_6_5_4_with_a_window_of_one_the_next_goes_when_the_store_knows_of_the_answer() {
    let mut world = World::new(1, 1..=3);
    assert_eq!(world.send(ONE), (vec![1], NONE));
    world.answer(1);
    assert_eq!(world.send(ONE), (NONE, NONE), "a crash now repeats the first; it must be the only one");
    world.write(1);
    assert_eq!(world.send(ONE), (vec![2], NONE));
}

#[test]
fn ws_6_5_4_a_window_is_filled_in_order_and_not_passed() {
    let mut world = World::new(3, 1..=9);
    assert_eq!(world.send(ONE), (vec![1, 2, 3], NONE));
    world.answer(2);
    assert_eq!(world.send(ONE).0, NONE, "a place is free when it is written");
    world.write(2);
    assert_eq!(world.send(ONE).0, [4]);
    for place in [1, 3] {
        world.answer(place);
        world.write(place);
    }
    assert_eq!(world.send(ONE).0, [5, 6]);
}

#[test]
fn ws_6_5_4_a_lost_connection_brings_all_that_was_not_answered_again_in_order() {
    let mut world = World::new(3, 1..=5);
    world.send(ONE);
    world.answer(2);
    assert!(world.lane.lost(world.id(1)).is_some());
    assert_eq!(world.send(ONE).0, NONE, "it takes nothing any more");
    assert_eq!(world.send(TWO).0, NONE, "the third may still have arrived over the first connection");
    assert!(world.lane.lost(world.id(3)).is_some());
    assert_eq!(world.send(TWO), (vec![1, 3], vec![1, 3]), "the second is answered, and takes a place still");
    world.write(2);
    assert_eq!(world.send(TWO), (vec![4], NONE));
    assert!(world.lane.lost(1).is_none(), "of the first connection nothing is known any more");
}

#[test]
fn a_wait_in_vain_ends_the_pipelining_until_it_is_settled() {
    let mut world = World::new(3, 1..=9);
    world.send(ONE);
    assert_eq!(world.time_out(1), TimedOut::Returns);
    assert_eq!(world.send(ONE).0, NONE, "the others come to their ends first");
    world.answer(3);
    world.write(3);
    assert_eq!(world.send(ONE).0, NONE);
    assert_eq!(world.time_out(2), TimedOut::Returns);
    assert_eq!(world.send(ONE), (vec![1], vec![1]), "alone");
    world.answer(1);
    world.write(1);
    assert_eq!(world.send(ONE), (vec![2], vec![2]), "alone, since it failed too");
    world.answer(2);
    world.write(2);
    assert_eq!(world.send(ONE), (vec![4, 5, 6], NONE));
}

#[test]
fn what_was_waited_for_too_often_is_settled_and_makes_room() {
    for window in [1, 2] {
        let mut world = World::new(window, [1, 2]);
        world.send(ONE);
        if window == 2 {
            world.answer(2);
            world.write(2);
        }
        for _ in 1..MOST {
            assert_eq!(world.time_out(1), TimedOut::Returns);
            assert_eq!(world.send(ONE), (vec![1], vec![1]));
        }
        assert_eq!(world.time_out(1), TimedOut::TooOften);
        world.answer(1);
        world.write(1);
        assert_eq!(world.send(ONE).0, if window == 1 { vec![2] } else { NONE });
    }
}

#[test]
fn waits_in_vain_are_counted_across_connections() {
    let mut world = World::new(1, [1]);
    world.send(ONE);
    world.time_out(1);
    world.send(ONE);
    world.lane.lost(world.id(1));
    world.send(TWO);
    assert_eq!(world.time_out(1), TimedOut::Returns);
    world.send(TWO);
    assert_eq!(world.time_out(1), TimedOut::TooOften);
}

#[test]
fn what_is_not_in_the_store_any_more_is_not_waited_for() {
    let mut world = World::new(2, [1, 2, 3, 4]);
    world.send(ONE);
    world.time_out(1);
    world.time_out(2);
    world.stored = vec![3, 4]; // the first two have expired
    assert_eq!(world.send(ONE).0, [3, 4]);
    world.time_out(3);
    world.time_out(4);
    world.stored.clear();
    assert_eq!(world.send(ONE).0, NONE);
    assert!(world.lane.is_done());
    world.stored = vec![5, 6];
    assert_eq!(world.send(ONE).0, [5, 6]);
}

#[test]
fn the_place_of_one_that_can_be_replaced_is_looked_at_again() {
    let mut world = World::new(2, [1, 2, 3]);
    world.latest = true;
    world.send(ONE);
    // It is replaced while it is under way: the store keeps the later one in its place.
    world.answer(1);
    world.lane.acknowledged(world.id(1), true);
    assert_eq!(world.send(ONE), (vec![1], NONE));
}

#[test]
fn what_the_store_could_not_be_told_comes_again() {
    let mut world = World::new(1, [1, 2]);
    world.send(ONE);
    world.answer(1);
    world.lane.acknowledged(world.id(1), false);
    assert_eq!(world.send(ONE).0, [1]);
}

#[test]
fn what_was_not_taken_is_no_repetition() {
    let mut world = World::new(2, [1, 2]);
    world.send(ONE);
    assert!(world.lane.not_taken(world.id(2)));
    assert_eq!(world.send(ONE), (vec![2], NONE));
}

#[test]
fn one_at_a_time_sends_and_hears_of_news() {
    let mut lane = Lane::taken(7);
    assert!(!lane.take());
    assert!(!lane.release(), "somebody came meanwhile");
    assert!(lane.release());
    assert!(lane.take());
    assert!(lane.release());
}
