//! Starts the four processes, lets them run in turn, and compares.

use super::child::{median, setting};
use super::pair::{Pair, Round};

/// What is compared: its name, connections, and requests in flight on each.
const SHAPES: [(&str, usize, usize); 3] = [("1 x 1", 1, 1), ("1 x 64", 1, 64), ("64 x 8", 64, 8)];
const KINDS: [&str; 2] = ["ours", "plain"];

pub(crate) fn run(in_earnest: bool) {
    let (rounds, time) = if in_earnest { (setting("ROUNDS", 5), setting("ROUND_MS", 500)) } else { (1, 20) };
    println!(
        "request and response over loopback, {rounds} rounds of {time} ms, medians; CPU in microseconds per message\n\
         {:10} {:8} {:>11} {:>11} {:>11}",
        "conn x win", "programs", "server CPU", "client CPU", "messages/s"
    );
    let mut pairs = KINDS.map(|kind| Pair::start(kind, kind));
    let mut summary = Vec::new();
    for (name, connections, window) in SHAPES {
        for pair in &pairs {
            pair.pin(connections * window > 1);
        }
        let mut measured = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (pair, measured) in pairs.iter_mut().zip(&mut measured) {
                measured.push(Figures::of(&pair.round(connections, window, time)));
            }
        }
        let [ours, plain] = measured.map(Figures::median_of);
        for (kind, figures) in KINDS.iter().zip([ours, plain]) {
            let Figures { server, client, per_second } = figures;
            println!("{name:10} {kind:8} {server:11.2} {client:11.2} {per_second:11.0}");
        }
        summary.push(format!(
            "{name}: server {:.2}, client {:.2}, rate {:.2}",
            ours.server / plain.server,
            ours.client / plain.client,
            ours.per_second / plain.per_second
        ));
    }
    println!("ours / plain = {}", summary.join("; "));
}

/// What a round brought: microseconds of CPU time for each message, and messages in a second.
#[derive(Clone, Copy)]
struct Figures {
    server: f64,
    client: f64,
    per_second: f64,
}

impl Figures {
    #[allow(clippy::cast_precision_loss)]
    fn of(round: &Round) -> Self {
        assert!(round.messages > 0, "nothing was exchanged");
        let count = round.messages as f64;
        Self {
            server: round.server as f64 / count / 1e3,
            client: round.client as f64 / count / 1e3,
            per_second: count * 1e9 / round.passed as f64,
        }
    }

    fn median_of(rounds: Vec<Self>) -> Self {
        let median = |of: fn(&Self) -> f64| median(rounds.iter().map(of));
        Self { server: median(|f| f.server), client: median(|f| f.client), per_second: median(|f| f.per_second) }
    }
}
