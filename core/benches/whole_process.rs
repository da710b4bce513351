//! Request and response over loopback, whole processes: our server and client beside the plain programs that one would
//! write with tokio-tungstenite and serde_json.
//!
//! Every program is a process, started from this one. Rounds of the kinds alternate, each figure is the median of its
//! rounds, and only ratios within one run mean anything. CPU time is that of the whole process, user and system. A message
//! is one CREATE of a contentInstance (about 151 bytes) and its response (about 222); no server stores anything, and all
//! answer with content that is ready.
//!
//! - Without an argument (`make bench`): a server and a client of each kind. The plain programs are written as is usual: one
//!   task for a connection, a `send` (which flushes) for each message, typed structs whose content stays raw, default
//!   settings; the client has a task that owns the connection and a `oneshot` for each request, and with one request at a
//!   time simply sends and reads.
//! - `messages` (`make bench-server`): servers only, all asked by the same raw client. Beside the usual one there is a plain
//!   server that flushes once for all replies whose requests are there, with a read buffer of `READ_BUFFER` (8 KiB).
//! - `idle` (`make bench-idle`): what 10 000 connections cost a server. The tuned plain server has read buffers of 4 KiB.
//! - `tls` (`make bench-tls`): certificates at both ends; openings, messages, and the memory of 2 000 connections, beside
//!   tokio-rustls with the same cryptography, and messages beside our own without TLS.
//! - `instructions` (`make bench-instructions`): user instructions of a server per message, counted by callgrind.
//!
//! Settings, all from the environment: `ROUNDS`, `ROUND_MS`, `IDLE` (connections), `THREADS` (1: a current-thread runtime in
//! every process, and processes are pinned: both to one processor for one request at a time, else to one each; more: a
//! multi-thread runtime with so many workers, unpinned).

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[cfg(unix)]
#[path = "whole_process/certificates.rs"]
mod certificates;
#[cfg(unix)]
#[path = "whole_process/child.rs"]
mod child;
#[cfg(unix)]
#[path = "whole_process/compare.rs"]
mod compare;
#[cfg(unix)]
#[path = "whole_process/idle.rs"]
mod idle;
#[cfg(unix)]
#[path = "whole_process/instructions.rs"]
mod instructions;
#[cfg(unix)]
#[path = "whole_process/load.rs"]
mod load;
#[cfg(unix)]
#[path = "whole_process/load_tls.rs"]
mod load_tls;
#[cfg(unix)]
#[path = "whole_process/messages.rs"]
mod messages;
#[cfg(unix)]
#[path = "whole_process/ours.rs"]
mod ours;
#[cfg(unix)]
#[path = "whole_process/pair.rs"]
mod pair;
#[cfg(unix)]
#[path = "whole_process/plain.rs"]
mod plain;
#[cfg(unix)]
#[path = "whole_process/process.rs"]
mod process;
#[cfg(unix)]
#[path = "whole_process/tls.rs"]
mod tls;

#[cfg(unix)]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["server", "ours"] => process::server(ours::serve),
        ["server", "plain"] => process::server(plain::serve),
        ["client", "ours", port] => process::client(port.parse().unwrap(), ours::open),
        ["client", "plain", port] => process::client(port.parse().unwrap(), plain::open),
        ["server", "batched"] => process::server(plain::serve_batched),
        ["server", "tuned"] => process::server(plain::serve_tuned),
        ["server", "deflate"] => process::server(ours::serve_compressed),
        ["server", "silent"] => process::server(ours::serve_silent),
        ["server", "strangers"] => process::server(ours::serve_strangers),
        ["server", "ours-tls"] => process::server(ours::serve_tls),
        ["server", "silent-tls"] => process::server(ours::serve_silent_tls),
        ["server", "plain-tls"] => process::server(plain::serve_tls),
        ["server", "tuned-tls"] => process::server(plain::serve_tuned_tls),
        ["server", "batched-tls"] => process::server(plain::serve_batched_tls),
        ["client", "load", port] => process::client(port.parse().unwrap(), load::open),
        ["client", "load-tls", port] => process::client(port.parse().unwrap(), load_tls::open),
        ["client", "pass-1.3", port] => process::client(port.parse().unwrap(), load_tls::pass_13),
        ["client", "pass-1.2", port] => process::client(port.parse().unwrap(), load_tls::pass_12),
        ["client", "hold", port] => load::hold(|_, count| load::connect(port.parse().unwrap(), count)),
        ["client", "hold-tls", port] => {
            load::hold(|first, count| load_tls::connect(port.parse().unwrap(), first, count));
        }
        // `cargo bench` says `--bench`; anything else, such as a test of all targets, only tries whether it works.
        ["messages", ..] => messages::run(arguments.contains(&"--bench")),
        ["instructions", ..] => instructions::run(arguments.contains(&"--bench")),
        ["tls", ..] => tls::run(arguments.contains(&"--bench")),
        ["idle", ..] => idle::run(arguments.contains(&"--bench")),
        _ => compare::run(arguments.contains(&"--bench")),
    }
}

#[cfg(not(unix))]
fn main() {
    println!("CPU time is read through POSIX clocks; nothing is measured here");
}
