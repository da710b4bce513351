//! Accepted notifications per second, each on the disk before it is accepted; and how fast a backlog is delivered.
//!
//! `cargo run --release --manifest-path core/benches/spool/Cargo.toml [DIRECTORY]`: on the disk of DIRECTORY, by default the
//! one of `target`. Rounds of all contenders take turns, so that what else the machine does disturbs all of them; medians
//! and what they are beside each other are printed.

mod backlog;
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

/// Records and how many of them at a time.
type Contender = (&'static str, fn(&Path, usize, usize));

const CONTENDERS: [Contender; 6] = [
    ("fdatasync", others::append),
    ("redb", others::redb_one_phase),
    ("redb, 2 phases", others::redb_two_phase),
    ("SQLite", others::sqlite),
    ("ours", ours::accept),
    ("ours, 1 phase", ours::accept_one_phase),
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
            for (contender, (_, run)) in CONTENDERS.into_iter().enumerate() {
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
    for (contender, (name, _)) in CONTENDERS.into_iter().enumerate() {
        print!("{name:16}");
        for size in 0..SIZES.len() {
            let rate = median(size, contender);
            print!("{rate:>14.0} ({:>4.2} of redb)", rate / median(size, 1));
        }
        println!();
    }
    backlog::run(&place);
    let _ = std::fs::remove_dir_all(&place);
}
