//! What ten thousand clients do after their connections ended together: in virtual time, and three hundred for real.
//!
//! Covers: TS-0020 5.2, rows WS-5.2-5, WS-5.2-6. A registrar that comes back must not meet all of them at once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use onem2m_ws::binding::{Backoff, Reopening};
use onem2m_ws::websocket::Random;

const CLIENTS: usize = 10_000;
const WINDOW: Duration = Duration::from_millis(100);

/// Numbers that are spread and the same each time (SplitMix64).
struct Spread(u64);

impl Random for Spread {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)) as u8;
        }
    }
}

fn clients() -> Vec<Backoff> {
    let client = |seed| Backoff::new(Reopening::default(), Box::new(Spread(seed << 32)));
    (0..CLIENTS as u64).map(client).collect()
}

/// When each client makes each of its attempts, counted from the common cut, if all of them fail at once.
fn attempts(lasted: Duration, rounds: usize) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(CLIENTS); rounds];
    for mut client in clients() {
        client.connection_ended(lasted);
        let mut now = Duration::ZERO;
        for round in &mut times {
            now += client.next_delay();
            round.push(now);
            client.connection_failed();
        }
    }
    times.iter_mut().for_each(|round| round.sort_unstable());
    times
}

/// The most of the sorted `times` in any window of the length `WINDOW`.
fn busiest(times: &[Duration]) -> usize {
    let mut first = 0;
    let in_window = |(last, time): (usize, &Duration)| {
        while *time - times[first] >= WINDOW {
            first += 1;
        }
        last + 1 - first
    };
    times.iter().enumerate().map(in_window).max().unwrap()
}

/// The time in which the middle half of them comes.
fn middle_half(times: &[Duration]) -> Duration {
    times[3 * times.len() / 4] - times[times.len() / 4]
}

#[test]
fn ws_5_2_6_ten_thousand_that_were_cut_off_together_do_not_come_back_together() {
    for lasted in [Duration::from_secs(3600), Duration::from_secs(1)] {
        let rounds = attempts(lasted, 4);
        assert!(busiest(&rounds[0]) <= CLIENTS / 3, "{} in one window", busiest(&rounds[0]));
        // Nor do those that come again after a failure make a crowd with those that come for the first time.
        let mut all: Vec<Duration> = rounds.concat();
        all.sort_unstable();
        assert!(busiest(&all) <= CLIENTS / 2, "{} in one window", busiest(&all));
        assert!(*rounds[0].last().unwrap() <= Reopening::default().first_delay, "and nobody is kept waiting");
    }
}

#[test]
fn ws_5_2_6_later_rounds_are_spread_wider_and_wider() {
    let rounds = attempts(Duration::from_secs(3600), 14);
    for (earlier, later) in rounds.iter().zip(&rounds[1..]) {
        assert!(middle_half(later) > middle_half(earlier));
    }
    // By the fourth round a tenth at most comes in any window, by the eighth a hundredth.
    assert!(busiest(&rounds[3]) <= CLIENTS / 10, "{}", busiest(&rounds[3]));
    assert!(busiest(&rounds[7]) <= CLIENTS / 100, "{}", busiest(&rounds[7]));
    // All the same nobody waits longer than the largest delay, however long it has failed.
    let mut longest = clients().remove(0);
    (0..100_000).for_each(|_| longest.connection_failed());
    assert!((0..1000).all(|_| longest.next_delay() <= Reopening::default().largest_delay));
}

#[test]
fn ws_5_2_6_a_time_of_stability_brings_the_first_delay_back_and_a_short_one_does_not() {
    let policy = Reopening::default();
    let most = |client: &mut Backoff| (0..200).map(|_| client.next_delay()).max().unwrap();
    for mut client in clients().into_iter().step_by(100) {
        (0..10).for_each(|_| client.connection_failed());
        // A registrar that takes connections and loses them is not helped by clients that begin anew each time.
        client.connection_ended(policy.stable_after - Duration::from_nanos(1));
        assert_eq!(client.failures(), 11);
        assert!(most(&mut client) > policy.largest_delay / 2);
        client.connection_ended(policy.stable_after);
        assert_eq!(client.failures(), 0);
        let most = most(&mut client);
        assert!(most <= policy.first_delay && most > policy.first_delay / 2, "{most:?}");
    }
}

#[cfg(feature = "net")]
mod real {
    use std::time::Duration;

    use onem2m_ws::IncomingRequest;
    use onem2m_ws::client::{Client, ConnectionState, Reopening};
    use onem2m_ws::primitive::Response;
    use onem2m_ws::server::Server;

    const CLIENTS: usize = 300;

    /// The delay is so long that nobody's is over while all are looked at.
    #[tokio::test]
    async fn ws_5_2_6_the_first_reopening_after_a_cut_has_a_delay_that_is_another_one_for_each_client() {
        let hour = Duration::from_secs(3600);
        // Connections that count as stable, and others.
        for stable_after in [Duration::from_nanos(1), hour] {
            let answer = |_: &Server, incoming: IncomingRequest| {
                let _ = incoming.respond(Response::ok());
            };
            let server =
                Server::builder().listen("ws://127.0.0.1:0").max_half_open_per_address(1024).start(answer).unwrap();
            let reopening = Reopening { first_delay: hour, largest_delay: hour, stable_after };
            let mut clients = Vec::new();
            for _ in 0..CLIENTS {
                let client = Client::builder(server.points_of_access()[0].to_string()).reopening(reopening);
                clients.push(client.connect().await.unwrap());
            }
            server.shutdown().await;
            let mut fifths = [0; 5];
            for client in &clients {
                let mut states = client.states();
                let lost = states.wait_for(|change| !change.state.is_open());
                let lost = tokio::time::timeout(Duration::from_secs(60), lost).await.unwrap().unwrap().clone();
                assert_eq!(lost.state, ConnectionState::Disconnected, "back already");
                assert!(lost.cause.is_some(), "{lost:?}");
                let delay = lost.next_attempt.unwrap();
                fifths[((delay.as_secs_f64() / hour.as_secs_f64() * 5.0) as usize).min(4)] += 1;
            }
            assert!(fifths.iter().all(|count| *count <= CLIENTS / 3), "{fifths:?}");
        }
    }
}
