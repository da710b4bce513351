//! Calls in every transfer mode, with a registrar and a network that do what they like.

use std::collections::HashMap;
use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::{Config, Mode};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use serde_json::json;

use crate::harness::*;
use crate::transfer::{ASYNCH, SYNCH, result, text_of, wanted};

/// What a registrar does with one request, chosen at random.
#[derive(Debug)]
struct Fate {
    rqi: String,
    /// When it acknowledges, notifies and has the result, if it does, in milliseconds after the request came.
    acknowledges: Option<u64>,
    status: StatusCode,
    notifies: Option<u64>,
    has_result: Option<u64>,
    came: Duration,
    done: [bool; 2],
}

/// Whatever a registrar and the network do, each call ends exactly once, not before it may and in its time, and with the
/// result of its own request; nothing is left behind.
#[test]
fn ws_6_5_1_every_call_ends_once_with_its_own_result_whatever_happens() {
    let mut ends = [0; 3];
    for seed in 0..40 {
        let mut world = World::with_registrar(Config { request_timeout: 10 * SECOND, ..Config::default() });
        world.rng = Rng(seed);
        world.client().manner = Manner::Prompt; // what is no result
        world.jitter = world.rng.upto(50 * MS);
        world.pieces = seed % 2 == 0;
        let mut fates: Vec<Fate> = Vec::new();
        let mut begun: HashMap<u64, String> = HashMap::new();
        let mut away = 0;
        for step in 0..1200 {
            if step < 500 && world.rng.below(25) == 0 {
                let mode =
                    [Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking][world.rng.below(3) as usize];
                let (id, token) = world.call(mode, wanted().request_id(format!("call-{step}"))).unwrap();
                if world.rng.below(10) == 0 {
                    let now = world.now;
                    assert!(world.client().session.cancel(now, token).is_some());
                } else {
                    begun.insert(id, format!("call-{step}"));
                }
            }
            if away == 0 && world.rng.below(300) == 0 {
                let cut = [Cut::Reset, Cut::Told(CLIENT), Cut::Silence][world.rng.below(3) as usize];
                world.cut(cut);
                away = 1 + world.rng.below(100);
            } else if away > 0 {
                away -= 1;
                if away == 0 {
                    world.server().asked.clear();
                    world.connect();
                }
            }
            world.run(10 * MS);
            registrar(&mut world, &mut fates);
        }
        // All time-outs have passed.
        world.run(15 * SECOND);
        let outcomes = std::mem::take(&mut world.client().outcomes);
        assert_eq!(outcomes.len(), begun.len(), "seed {seed}: each ends once");
        for (id, outcome) in outcomes {
            let rqi = begun.remove(&id).unwrap_or_else(|| panic!("seed {seed}: it was not begun, or cancelled"));
            match outcome {
                Ok(response) if response.content.is_some() => {
                    assert_eq!(
                        (text_of(&response), &response.request_id),
                        (rqi.clone(), &rqi),
                        "seed {seed}: the result of its own request"
                    );
                    ends[0] += 1;
                }
                Ok(response) => {
                    assert_eq!(response.status, StatusCode::NOT_IMPLEMENTED, "seed {seed}");
                    ends[1] += 1;
                }
                Err(error) => {
                    let kinds = [ErrorKind::Timeout, ErrorKind::ConnectionLost];
                    assert!(kinds.contains(&error.kind()), "seed {seed}: {error}");
                    ends[2] += 1;
                }
            }
        }
        world.close(CLIENT);
        world.run(11 * SECOND);
        assert!(world.client().is_over(), "seed {seed}: nothing holds the close back");
    }
    assert!(ends.iter().all(|count| *count > 5), "all ends were seen: {ends:?}");
}

/// The registrar's turn.
fn registrar(world: &mut World, fates: &mut Vec<Fate>) {
    let elapsed = world.elapsed();
    let now = world.now;
    for (token, request) in std::mem::take(&mut world.server().asked) {
        if request.to != "cse-in/box" {
            let fate = fates.iter().find(|fate| request.to == fate.rqi).unwrap();
            let done = fate.has_result.is_some_and(|after| elapsed >= fate.came + Duration::from_millis(after));
            let status = if done { 1 } else { 3 };
            let ors =
                if done { result(&fate.rqi, &fate.rqi)["m2m:rsp"].clone() } else { json!({"rsc": 1000, "rqi": "x"}) };
            let response = Response::ok().content(json!({"m2m:req": {"rs": status, "ors": ors}}));
            if world.rng.below(10) > 0 {
                let _ = world.server().session.respond(now, token, response);
            }
            continue;
        }
        let rng = &mut world.rng;
        let mut maybe = |most: u64| (rng.below(6) > 0).then(|| rng.below(most));
        let (acknowledges, notifies, has_result) = (maybe(3000), maybe(6000), maybe(4000));
        let status = [SYNCH, ASYNCH, StatusCode::NOT_IMPLEMENTED, StatusCode::ACCEPTED][rng.below(4) as usize];
        let rqi = request.request_id.clone();
        fates.push(Fate { rqi, acknowledges, status, notifies, has_result, came: elapsed, done: [false; 2] });
        world.server().asked.push((token, request)); // to be acknowledged
    }
    let mut kept = Vec::new();
    for (token, request) in std::mem::take(&mut world.server().asked) {
        let fate = fates.iter_mut().find(|fate| fate.rqi == request.request_id).unwrap();
        let due = fate.acknowledges.is_some_and(|after| elapsed >= fate.came + Duration::from_millis(after));
        if due && !fate.done[0] {
            fate.done[0] = true;
            let response = Response::new(fate.status);
            let response = if fate.status == StatusCode::NOT_IMPLEMENTED {
                response
            } else {
                response.content(json!({"m2m:uri": fate.rqi}))
            };
            let _ = world.server().session.respond(now, token, response);
        } else if fate.acknowledges.is_some() && !fate.done[0] {
            kept.push((token, request));
        }
    }
    world.server().asked = kept;
    for fate in fates.iter_mut() {
        let due = fate.notifies.is_some_and(|after| elapsed >= fate.came + Duration::from_millis(after));
        if due && !fate.done[1] && fate.status == ASYNCH {
            fate.done[1] = true;
            let request = Request::notify("Ctest", result(&fate.rqi, &fate.rqi));
            let _ = world.ends[SERVER].session.send(now, request, 0);
        }
    }
}
