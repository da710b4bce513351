//! Request and response over loopback, whole processes: our server and client beside the plain programs that one would
//! write with tokio-tungstenite and serde_json.
//!
//! Four processes are started from this program: a server and a client of each kind. Rounds of the two kinds alternate, each
//! figure is the median of its rounds, and only ratios within one run mean anything. CPU time is that of the whole process,
//! user and system. A message is one CREATE of a contentInstance (about 151 bytes) and its response (about 222); neither
//! server stores anything, and both answer with content that is ready.
//!
//! The plain programs are written as is usual: one task for a connection, a `send` (which flushes) for each message, typed
//! structs whose content stays raw, default settings; the client has a task that owns the connection and a `oneshot` for
//! each request, and with one request at a time simply sends and reads.
//!
//! Settings, all from the environment: `ROUNDS` (5), `ROUND_MS` (500), `IDLE` (2000 connections; 0 leaves that part out),
//! `THREADS` (1: a current-thread runtime in every process, and processes are pinned: both to one processor for one request at
//! a time, else to one each; more: a multi-thread runtime with so many workers, unpinned).

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[cfg(unix)]
#[path = "whole_process/compare.rs"]
mod compare;
#[cfg(unix)]
#[path = "whole_process/ours.rs"]
mod ours;
#[cfg(unix)]
#[path = "whole_process/plain.rs"]
mod plain;
#[cfg(unix)]
#[path = "whole_process/process.rs"]
mod process;

#[cfg(unix)]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["server", "ours"] => process::server(ours::serve),
        ["server", "plain"] => process::server(plain::serve),
        ["client", "ours", port] => process::client(port.parse().unwrap(), ours::open),
        ["client", "plain", port] => process::client(port.parse().unwrap(), plain::open),
        // `cargo bench` says `--bench`; anything else, such as a test of all targets, only tries whether it works.
        _ => compare::run(arguments.contains(&"--bench")),
    }
}

#[cfg(not(unix))]
fn main() {
    println!("CPU time is read through POSIX clocks; nothing is measured here");
}
