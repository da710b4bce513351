//! User instructions of a server for one message, as callgrind counts them: not seconds, but the same in every run.
//!
//! A server runs under callgrind twice, for a short time and for a long one; what the second has more, of instructions and of
//! messages, is what messages cost. The kernel's instructions are not counted.

use std::process::Command;

use super::child::{Process, numbers};

const KINDS: [&str; 3] = ["ours", "batched", "plain"];
/// Requests in flight on the one connection.
const WINDOW: usize = 64;
/// What ours may be.
const TARGET: u64 = 6600;

pub(crate) fn run(in_earnest: bool) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("NOT MEASURED: valgrind, which counts instructions, is not installed");
        return;
    }
    let times = if in_earnest { [500, 3000] } else { [50, 150] };
    println!("user instructions of a server per message, 1 connection x {WINDOW} (ours to be at most {TARGET})");
    let counts = KINDS.map(|kind| {
        let [short, long] = times.map(|time| count(kind, time));
        (long.1 - short.1) / (long.0 - short.0).max(1)
    });
    for (kind, count) in KINDS.iter().zip(counts) {
        println!("{kind:10} {count:8} {:8.2}", counts[0] as f64 / count as f64);
    }
}

/// Messages and instructions of a server of this kind that is asked for `time` milliseconds.
fn count(kind: &str, time: u32) -> (u64, u64) {
    let log = std::env::temp_dir().join(format!("instructions-{}-{kind}-{time}", std::process::id()));
    let log_option = format!("--log-file={}", log.display());
    let mut server = Process::under(
        &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &log_option],
        &["server", kind],
    );
    let port = server.line();
    let mut client = Process::start(&["client", "load", port.trim()]);
    client.say(&format!("1 {WINDOW}"));
    assert_eq!(client.line().trim(), "ready");
    client.say(&time.to_string());
    let [messages, ..] = numbers::<3>(&client.line());
    drop(client);
    server.finish();
    let text = std::fs::read_to_string(&log).unwrap();
    let _ = std::fs::remove_file(&log);
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
    (messages, collected.unwrap().parse().unwrap())
}
