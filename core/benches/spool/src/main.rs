//! Accepted notifications per second, each on the disk before it is accepted; and how fast a backlog is delivered.
//!
//! `cargo run --release --manifest-path core/benches/spool/Cargo.toml [DIRECTORY]`: on the disk of DIRECTORY, by default the
//! one of `target` (`make bench-spool`). Rounds of all contenders take turns, so that what else the machine does disturbs all of them; medians
//! and what they are beside each other are printed.

mod backlog;
mod delivered;
mod others;
mod ours;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use onem2m_ws::primitive::Request;
use serde_json::json;

const ROUNDS: usize = 5;
/// Registrees that the notifications are for.
const REGISTREES: usize = 64;

/// A notification of about 1 KiB.
fn notification(number: usize) -> Request {
    let content = json!({"m2m:sgn": {"nev": {"rep": {"m2m:cin": {
        "ty": 4, "ri": format!("cin{number:08}"), "pi": "cnt1234", "rn": format!("cin{number:08}"),
        "ct": "20260506T153208,123456", "lt": "20260506T153208,123456", "st": number, "cs": 640,
        "con": "0123456789abcdef".repeat(40),
    }}, "net": 3}, "sur": "/cse-in/cnt1234/sub5678"}});
    let mut request = Request::notify("/cse-in/Csensor", content).from("/cse-in").request_id(format!("n{number:016x}"));
    request.release_version = Some("3".into());
    request
}

/// What is written by the others: as many bytes as the store writes for a notification.
fn payload(number: usize) -> Vec<u8> {
    let request = notification(number);
    let content = request.content.as_ref().map_or(&[][..], |content| content.bytes());
    let mut bytes = vec![b'x'; 150];
    bytes.extend_from_slice(content);
    bytes
}

/// What it does with records, so many at a time, and the contender that it is compared with: redb with as many phases.
type Contender = (&'static str, fn(&Path, usize, usize), usize);

const CONTENDERS: [Contender; 6] = [
    ("fdatasync", others::append, 1),
    ("redb", others::redb_one_phase, 1),
    ("redb, 2 phases", others::redb_two_phase, 1),
    ("SQLite", others::sqlite, 1),
    ("ours", ours::accept, 2),
    ("ours, 1 phase", ours::accept_one_phase, 1),
];

/// Records of one round, and how many of them at a time.
const SIZES: [(usize, usize); 3] = [(400, 1), (128 * 100, 128), (1024 * 30, 1024)];

fn main() {
    let place = std::env::args().nth(1).map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let place = place.join("bench-spool");
    println!("a notification is {} bytes; rates are per second", payload(1).len());
    let mut rates: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (size, (records, at_a_time)) in SIZES.into_iter().enumerate() {
            for (contender, (_, run, _)) in CONTENDERS.into_iter().enumerate() {
                let _ = std::fs::remove_dir_all(&place);
                std::fs::create_dir_all(&place).unwrap();
                let begin = Instant::now();
                run(&place, records, at_a_time);
                rates.entry((size, contender)).or_default().push(records as f64 / begin.elapsed().as_secs_f64());
            }
        }
    }
    let median = |size, contender| {
        let mut rates = rates[&(size, contender)].clone();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    println!("{:16}{:>28}{:>28}{:>28}", "", "1 at a time", "128 at a time", "1024 at a time");
    for (contender, (name, _, base)) in CONTENDERS.into_iter().enumerate() {
        print!("{name:16}");
        for size in 0..SIZES.len() {
            let rate = median(size, contender);
            print!("{rate:>13.0} ({:>5.2} of redb)", rate / median(size, base));
        }
        println!();
    }
    backlog::run(&place);
    delivered::run(&place, 1, 2_000, 10_000);
    delivered::run(&place, 64, 20_000, 100_000);
    let _ = std::fs::remove_dir_all(&place);
}
