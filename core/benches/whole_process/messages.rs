//! CPU time of a server for one message: ours beside tokio-tungstenite in both ways of writing it, asked by the same client.

use super::child::{median, setting};
use super::pair::{Pair, Round};

const SHAPES: [(&str, usize, usize); 3] = [("1 x 1", 1, 1), ("1 x 64", 1, 64), ("64 x 8", 64, 8)];
const KINDS: [&str; 4] = ["ours", "plain", "batched", "deflate"];
/// What is asked of ours in the second and third shape: its time as part of that of each other one.
const TARGETS: [f64; 3] = [1.0, 0.25, 0.85];

pub(crate) fn run(in_earnest: bool) {
    let (rounds, time) = if in_earnest { (setting("ROUNDS", 9), setting("ROUND_MS", 300)) } else { (1, 20) };
    println!(
        "one client for every server over loopback, {rounds} rounds of {time} ms, medians; microseconds of the server's CPU \
         time per message\n(deflate: ours, which compresses what it sends)\n{:10} {:>8} {:>8} {:>8} {:>8} {:>15} {:>15}",
        "conn x win", KINDS[0], KINDS[1], KINDS[2], KINDS[3], "ours / plain", "ours / batched"
    );
    let mut pairs = KINDS.map(|kind| Pair::start(kind, "load"));
    for (name, connections, window) in SHAPES {
        let mut measured = KINDS.map(|_| Vec::new());
        for _ in 0..rounds {
            for (pair, measured) in pairs.iter_mut().zip(&mut measured) {
                pair.pin(connections * window > 1);
                measured.push(measure(pair, connections, window, time));
            }
        }
        let ratio = |at: usize| median(measured[0].iter().zip(&measured[at]).map(|(ours, other)| ours / other));
        let ratios = [ratio(1), ratio(2)];
        let [ours, plain, batched, deflate] = measured.map(median);
        print!("{name:10} {ours:8.2} {plain:8.2} {batched:8.2} {deflate:8.2} {:15.2} {:15.2}", ratios[0], ratios[1]);
        match window {
            1 => println!(),
            _ => println!("   (to be at most {} and {})", TARGETS[1], TARGETS[2]),
        }
    }
}

/// Microseconds of the server's CPU time per message.
#[allow(clippy::cast_precision_loss)]
fn measure(pair: &mut Pair, connections: usize, window: usize, time: u32) -> f64 {
    loop {
        let Round { messages, server, .. } = pair.round(connections, window, time);
        // On a busy machine it happens that one of the two did not run at all.
        if messages > 0 {
            return server as f64 / messages as f64 / 1e3;
        }
    }
}
