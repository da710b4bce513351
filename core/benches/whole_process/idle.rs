//! What connections cost a server that do nothing: memory when they are new, after a message, and after a large one; and the
//! CPU time to open them.

use super::child::{Process, setting};

/// Each kind of server, and whether it keeps what a large message needed: then not every connection can carry one here.
const KINDS: [(&str, bool); 3] = [("silent", false), ("plain", true), ("tuned", true)];
/// Connections that carry a large message where its memory is kept.
const FEW: usize = 200;

pub(crate) fn run(in_earnest: bool) {
    let count = if in_earnest { setting("IDLE", 10_000) } else { 10 };
    println!(
        "{count} connections, one client for every server: bytes of resident memory for one connection\n\
         {:8} {:>12} {:>10} {:>16} {:>18}",
        "server", "CPU to open", "opened", "after a message", "after one of 1 MB"
    );
    for (kind, keeps) in KINDS {
        let name = if kind == "silent" { "ours" } else { kind };
        let Figures { opening, opened, used, large } =
            measure(kind, "hold", count, if keeps { count.min(FEW) } else { count });
        let target = if keeps { "" } else { "   (to be at most 1500, and 1000 more after the large ones)" };
        println!("{name:8} {opening:9.1} us {opened:10.0} {used:16.0} {large:18.0}{target}");
    }
    let bytes = registration();
    println!("a registration, whether connected or not: {bytes:.0} bytes");
}

pub(crate) struct Figures {
    /// Microseconds to open one connection.
    pub(crate) opening: f64,
    pub(crate) opened: f64,
    pub(crate) used: f64,
    large: f64,
}

/// `large` of them get a large message in the end.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn measure(kind: &str, client: &str, count: usize, large: usize) -> Figures {
    let (mut server, mut client) = start(kind, client);
    // What is needed once is there afterwards.
    let mut command = |what: &str, count: usize| {
        client.say(&format!("{what} {count}"));
        assert_eq!(client.line().trim(), "done");
        server.usage()
    };
    command("connect", 1);
    let start = command("message", 1);
    let opened = command("connect", count);
    let used = command("message", count);
    let after = command("large", large);
    let bytes = |after: u64, before: u64, count: usize| after.saturating_sub(before) as f64 / count.max(1) as f64;
    Figures {
        opening: (opened.cpu - start.cpu) as f64 / count as f64 / 1e3,
        opened: bytes(opened.resident, start.resident, count),
        used: bytes(used.resident, start.resident, count),
        large: bytes(used.resident, start.resident, count) + bytes(after.resident, used.resident, large),
    }
}

/// The memory of one registration: that of a server with many, less that of one without.
#[allow(clippy::cast_precision_loss)]
fn registration() -> f64 {
    let resident = |kind| start(kind, "hold").0.usage().resident;
    resident("ours").saturating_sub(resident("strangers")) as f64 / super::ours::MOST_CONNECTIONS as f64
}

fn start(kind: &str, client: &str) -> (Process, Process) {
    let mut server = Process::start(&["server", kind]);
    let port = server.line();
    let client = Process::start(&["client", client, port.trim()]);
    server.pin(0);
    client.pin(usize::from(std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)));
    (server, client)
}
