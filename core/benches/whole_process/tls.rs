//! TLS with certificates at both ends: what an opening costs, a message, and a connection that does nothing; ours beside
//! tokio-rustls with tokio-tungstenite, and a message beside our own without TLS.

use super::child::{median, setting};
use super::idle;
use super::pair::{Pair, Round};

const SHAPES: [(&str, usize, usize); 3] = [("1 x 1", 1, 1), ("1 x 64", 1, 64), ("64 x 8", 64, 8)];
/// Servers of messages, and their clients.
const KINDS: [(&str, &str); 4] =
    [("ours-tls", "load-tls"), ("plain-tls", "load-tls"), ("batched-tls", "load-tls"), ("ours", "load")];
/// Servers of openings. The tuned one does not claim and clear 128 KiB for each connection.
const OPENED: [&str; 3] = ["ours-tls", "plain-tls", "tuned-tls"];
/// Connections that are being opened at the same time.
const TOGETHER: usize = 16;

pub(crate) fn run(in_earnest: bool) {
    openings(in_earnest);
    messages(in_earnest);
    connections(in_earnest);
}

/// What a round brought for each connection or message.
#[derive(Clone, Copy)]
struct Share {
    server: f64,
    per_second: f64,
}

#[allow(clippy::cast_precision_loss)]
fn measure(pair: &mut Pair, connections: usize, window: usize, time: u32) -> Share {
    pair.pin(connections * window > 1);
    loop {
        let Round { messages, server, passed, .. } = pair.round(connections, window, time);
        // On a busy machine it happens that one of the two did not run at all.
        if messages > 0 {
            let count = messages as f64;
            return Share { server: server as f64 / count / 1e3, per_second: count * 1e9 / passed as f64 };
        }
    }
}

/// Rounds of the kinds in turn, one list for each.
fn alternate<const N: usize>(
    pairs: &mut [Pair; N],
    rounds: usize,
    mut measure: impl FnMut(&mut Pair) -> Share,
) -> [Vec<Share>; N] {
    let mut measured = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (pair, measured) in pairs.iter_mut().zip(&mut measured) {
            measured.push(measure(pair));
        }
    }
    measured
}

fn median_of(measured: &[Share], of: fn(&Share) -> f64) -> f64 {
    median(measured.iter().map(of))
}

/// The median of the ratios of rounds that followed upon each other.
fn ratio(ours: &[Share], other: &[Share], of: fn(&Share) -> f64) -> f64 {
    median(ours.iter().zip(other).map(|(ours, other)| of(ours) / of(other)))
}

/// A line of a table: what each kind brought, and ours as part of each other one.
fn line(measured: &[Vec<Share>], name: &str, digits: usize, of: fn(&Share) -> f64, target: &str) {
    print!("{name:10}");
    for kind in measured {
        print!(" {:11.digits$}", median_of(kind, of));
    }
    for other in &measured[1..] {
        print!(" {:9.2}", ratio(&measured[0], other, of));
    }
    println!("   ({target})");
}

fn openings(in_earnest: bool) {
    let (rounds, time) = if in_earnest { (setting("ROUNDS", 9), setting("ROUND_MS", 500)) } else { (1, 50) };
    println!(
        "openings: TCP, TLS with P-256 certificates at both ends, 101; {TOGETHER} at a time, {rounds} rounds of {time} ms, \
         medians: microseconds of the server's CPU time, and openings in a second\n{:10} {:>11} {:>11} {:>11} {:>9} {:>9}",
        "", OPENED[0], OPENED[1], OPENED[2], "/ plain", "/ tuned"
    );
    for (name, client) in [("TLS 1.3", "pass-1.3"), ("TLS 1.2", "pass-1.2")] {
        let mut pairs = OPENED.map(|server| Pair::start(server, client));
        let measured = alternate(&mut pairs, rounds, |pair| measure(pair, TOGETHER, 1, time));
        line(&measured, name, 1, |f| f.server, "the first to be at most 1.05");
        line(&measured, "", 0, |f| f.per_second, "the first to be at least 0.95");
    }
}

fn messages(in_earnest: bool) {
    let (rounds, time) = if in_earnest { (setting("ROUNDS", 9), setting("ROUND_MS", 300)) } else { (1, 20) };
    println!(
        "\nmessages over wss, one client for every server, {rounds} rounds of {time} ms, medians: microseconds of the \
         server's CPU time, and messages in a second\n{:10} {:>11} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9}",
        "conn x win", KINDS[0].0, KINDS[1].0, KINDS[2].0, KINDS[3].0, "/ plain", "/ batched", "/ ours"
    );
    let mut pairs = KINDS.map(|(server, client)| Pair::start(server, client));
    for (name, connections, window) in SHAPES {
        let measured = alternate(&mut pairs, rounds, |pair| measure(pair, connections, window, time));
        line(&measured, name, 2, |f| f.server, "the last to be at most 1.2");
        line(&measured, "", 0, |f| f.per_second, "the first two to be at least 1.0");
    }
}

fn connections(in_earnest: bool) {
    let count = if in_earnest { setting("IDLE", 2_000) } else { 10 };
    println!(
        "\n{count} connections over TLS, bytes of resident memory for one\n{:12} {:>12} {:>10} {:>16}",
        "server", "CPU to open", "opened", "after a message"
    );
    for (kind, target) in [("silent-tls", "   (to be at most 22000)"), ("plain-tls", ""), ("tuned-tls", "")] {
        let name = if kind == "silent-tls" { "ours-tls" } else { kind };
        let idle::Figures { opening, opened, used, .. } = idle::measure(kind, "hold-tls", count, 0);
        println!("{name:12} {opening:9.1} us {opened:10.0} {used:16.0}{target}");
    }
}
