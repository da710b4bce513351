//! Everything at once, at random, in every format: no outcome is lost, none comes twice, nothing is left over.

use std::collections::HashSet;
use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, OutgoingLimits};
use onem2m_ws::primitive::{Format, Request};
use serde_json::json;

use crate::harness::*;

#[derive(Default)]
struct Tally {
    answered: usize,
    failed: HashSet<i32>,
}

fn soak(seed: u64, tally: &mut Tally) {
    let mut rng = Rng(seed);
    let mut config = || Config {
        request_timeout: Duration::from_millis(200 + rng.below(5000)),
        answer_timeout: Duration::from_millis(200 + rng.below(5000)),
        max_incoming: 1 + rng.below(20) as usize,
        outgoing: OutgoingLimits {
            window: 1 + rng.below(10) as usize,
            queued_requests: 1 + rng.below(30) as usize,
            queued_bytes: 1 << (8 + rng.below(10)),
        },
        high_water: 1 << rng.below(12),
        message_gap: (rng.below(3) == 0).then(|| Duration::from_millis(1 + rng.below(80))),
        ..Config::default()
    };
    let (client, server) = (config(), config());
    let mut world = World::new(seed, client, server);
    world.pieces = rng.below(2) == 0;
    world.latency = rng.upto(100 * MS);
    world.jitter = rng.upto(200 * MS);
    for end in &mut world.ends {
        end.manner = match rng.below(4) {
            0 => Manner::Prompt,
            1 => Manner::Slow(50 * MS),
            2 => Manner::Slow(4 * SECOND), // often too late
            _ => Manner::Manual,           // never
        };
        end.websocket.ping_after = Some(Duration::from_millis(500 + rng.below(3000)));
        end.websocket.pong_timeout = Duration::from_millis(500 + rng.below(3000));
        end.websocket.close_timeout = Duration::from_millis(100 + rng.below(2000));
        end.websocket.fragment_size = [None, Some(1), Some(40), Some(32 << 10)][rng.below(4) as usize];
    }
    let mut taken = [HashSet::new(), HashSet::new()];
    let mut tokens = [Vec::new(), Vec::new()];
    let mut cancelled = HashSet::new();
    for _ in 0..120 {
        let end = rng.below(2) as usize;
        match rng.below(24) {
            0..12 => {
                let mut request = match rng.below(8) {
                    // XML has no character for it, and each connection may speak another format.
                    0 => Request::notify("cse-in/box", json!({"m2m:cin": {"con": "\u{1}"}})),
                    _ => numbered(world.rng.next()),
                };
                if rng.below(4) == 0 {
                    request = request.expires_in(rng.upto(2 * SECOND));
                }
                match world.send(end, request) {
                    Ok((id, token)) => {
                        taken[end].insert(id);
                        tokens[end].push((id, token));
                    }
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::QueueFull | ErrorKind::Timeout), "{error}"),
                }
            }
            12 => {
                if let Some((id, token)) = tokens[end].pop() {
                    let now = world.now;
                    if world.end(end).session.cancel(now, token) == Some(id) {
                        cancelled.insert(id);
                    }
                }
            }
            13 => world.cut([Cut::Reset, Cut::Told(CLIENT), Cut::Told(SERVER), Cut::Silence][rng.below(4) as usize]),
            14 => {
                let now = world.now;
                world.end(end).session.disconnect(now, 1000, "");
            }
            15 => {
                let text = ["{", r#"{"op":2,"rqi":"x"}"#, r#"{"rsc":2000,"rqi":"q"}"#][rng.below(3) as usize];
                let first = if rng.below(8) == 0 { 0x82 } else { 0x81 };
                world.inject(end, first, text.as_bytes());
            }
            16..19 => {
                if world.ends.iter().all(|end| !end.session.is_connected()) || rng.below(10) == 0 {
                    world.format = Format::ALL[rng.below(3) as usize];
                    world.connect();
                }
            }
            _ => {
                let pause = rng.upto(SECOND);
                world.run(pause);
            }
        }
        for end in &world.ends {
            assert!(!end.session.is_closing());
        }
    }
    // In some runs both ends are closed, in others they are left alone until all has run out of time.
    let closes = seed.is_multiple_of(2);
    if closes {
        world.close(CLIENT);
        world.close(SERVER);
    }
    world.run(30 * SECOND);
    for (end, taken) in taken.iter().enumerate() {
        let this = world.end(end);
        let mut seen = HashSet::new();
        for (id, result) in &this.outcomes {
            assert!(seen.insert(*id), "two outcomes of {id}");
            assert!(!cancelled.contains(id), "an outcome of {id}, which was cancelled");
            match result {
                Ok(_) => tally.answered += 1,
                Err(error) => {
                    let expected =
                        [ErrorKind::Timeout, ErrorKind::ConnectionLost, ErrorKind::Closed, ErrorKind::Encode];
                    assert!(expected.contains(&error.kind()), "{error}");
                    tally.failed.insert(error.kind().c_code());
                }
            }
        }
        let lost: Vec<_> = taken.iter().filter(|id| !seen.contains(id) && !cancelled.contains(id)).collect();
        assert!(lost.is_empty(), "no outcome of {lost:?}");
        assert_eq!(seen.len() + taken.iter().filter(|id| cancelled.contains(id)).count(), taken.len());
        this.expect_idle();
        let counters = this.session.counters();
        assert!(counters.responses_received <= counters.requests_sent);
        assert!(counters.responses_sent <= counters.requests_received + counters.malformed);
        assert!(!closes || this.is_over());
        if !this.session.is_connected() {
            assert_eq!(this.session.poll_timeout(), None, "nothing to wait for");
        }
    }
}

#[test]
fn no_outcome_is_lost_and_nothing_is_left_over() {
    let mut tally = Tally::default();
    for seed in 0..1500 {
        let run = std::panic::AssertUnwindSafe(|| soak(seed, &mut tally));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
    // The soak means something only if all of it happened.
    assert!(tally.answered > 10_000, "{}", tally.answered);
    assert_eq!(tally.failed.len(), 4, "{:?}", tally.failed);
}
