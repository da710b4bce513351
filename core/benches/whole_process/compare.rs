//! Starts the four processes, lets them run in turn, and compares.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

/// What is compared: its name, connections, and requests in flight on each.
const SHAPES: [(&str, usize, usize); 3] = [("1 x 1", 1, 1), ("1 x 64", 1, 64), ("64 x 8", 64, 8)];
const KINDS: [&str; 2] = ["ours", "plain"];

/// Worker threads of each process.
pub(crate) fn threads() -> usize {
    setting("THREADS", 1)
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(crate) fn run(in_earnest: bool) {
    let (rounds, time, idle) =
        if in_earnest { (setting("ROUNDS", 5), setting("ROUND_MS", 500), setting("IDLE", 2000)) } else { (1, 20, 10) };
    println!(
        "request and response over loopback, {rounds} rounds of {time} ms, medians; CPU in microseconds per message\n\
         {:10} {:8} {:>11} {:>11} {:>11}",
        "conn x win", "programs", "server CPU", "client CPU", "messages/s"
    );
    let mut pairs = KINDS.map(Pair::start);
    let mut summary = Vec::new();
    for (name, connections, window) in SHAPES {
        for pair in &pairs {
            pair.pin(connections * window > 1);
        }
        let mut measured = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (pair, measured) in pairs.iter_mut().zip(&mut measured) {
                measured.push(pair.measure(connections, window, time));
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
    drop(pairs);
    if idle > 0 {
        let [ours, plain] = KINDS.map(|kind| idle_bytes(kind, idle));
        println!(
            "{idle} idle connections after one message each: bytes of the server for one: ours {ours:.0}, plain {plain:.0}"
        );
        summary.push(format!("idle bytes {:.3}", ours / plain));
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
    fn median_of(rounds: Vec<Self>) -> Self {
        let median = |of: fn(&Self) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Self { server: median(|f| f.server), client: median(|f| f.client), per_second: median(|f| f.per_second) }
    }
}

/// A server and its client.
struct Pair {
    client: Process,
    server: Process,
}

impl Pair {
    fn start(kind: &str) -> Self {
        Self::start_kinds(kind, kind)
    }

    fn start_kinds(server: &str, client: &str) -> Self {
        let mut server = Process::start(&["server", server]);
        let port = server.line();
        Self { client: Process::start(&["client", client, port.trim()]), server }
    }

    /// With one message under way at a time, both ends work in turn and belong on one processor; waking another one costs
    /// more than anything that is compared here.
    fn pin(&self, apart: bool) {
        if threads() == 1 {
            let other = usize::from(apart && std::thread::available_parallelism().is_ok_and(|count| count.get() > 1));
            self.server.pin(0);
            self.client.pin(other);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn measure(&mut self, connections: usize, window: usize, time: u32) -> Figures {
        self.client.say(&format!("{connections} {window}"));
        assert_eq!(self.client.line().trim(), "ready");
        let (before, _) = self.server_usage();
        self.client.say(&time.to_string());
        let [count, client, passed] = numbers(&self.client.line());
        let (after, _) = self.server_usage();
        assert!(count > 0, "nothing was exchanged");
        let count = count as f64;
        Figures {
            server: (after - before) as f64 / count / 1e3,
            client: client as f64 / count / 1e3,
            per_second: count * 1e9 / passed as f64,
        }
    }

    /// CPU time in nanoseconds, and resident bytes.
    fn server_usage(&mut self) -> (u64, u64) {
        self.server.say("usage");
        let [cpu, resident] = numbers(&self.server.line());
        (cpu, resident)
    }
}

/// What an idle connection costs a server, after one message. Both are asked by the same client.
#[allow(clippy::cast_precision_loss)]
fn idle_bytes(kind: &str, connections: usize) -> f64 {
    let mut pair = Pair::start_kinds(kind, "ours");
    pair.measure(1, 64, 20); // what is needed once is there
    let (_, before) = pair.server_usage();
    pair.client.say(&format!("{connections} 1"));
    assert_eq!(pair.client.line().trim(), "ready");
    let (_, after) = pair.server_usage();
    after.saturating_sub(before) as f64 / connections as f64
}

fn numbers<const N: usize>(line: &str) -> [u64; N] {
    let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// One of the programs; it ends when its standard input does.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { input: child.stdin.take(), output, child }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "a process ended early");
        line
    }

    #[cfg(target_os = "linux")]
    fn pin(&self, processor: usize) {
        let mut set = nix::sched::CpuSet::new();
        set.set(processor).unwrap();
        let id = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        // Not every processor need be ours to use; unpinned figures only vary more.
        let _ = nix::sched::sched_setaffinity(id, &set);
    }

    #[cfg(not(target_os = "linux"))]
    fn pin(&self, _processor: usize) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        // A program that does not end by itself would keep the benchmark; killing one that has ended does nothing.
        for _ in 0..50 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
