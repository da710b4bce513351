//! What all four programs have in common: they obey lines on standard input, and end with it.

use std::future::Future;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) const REQUEST_CONTENT: &str = r#"{"m2m:cin":{"cnf":"text/plain:0","con":"21.50 degC"}}"#;
pub(crate) const RESPONSE_CONTENT: &str = r#"{"m2m:cin":{"rn":"cin_00010001","ty":4,"ri":"cin0001","pi":"cnt0001","ct":"20240501T120001","lt":"20240501T120001","et":"20290501T120001","st":1,"cs":9,"con":"21.50 degC"}}"#;

pub(crate) fn originator(number: usize) -> String {
    format!("Csensor{number}")
}

/// One request and its response, or as many as go together.
pub(crate) trait Exchange: Send + 'static {
    /// Gives the number of responses.
    fn exchange(&mut self) -> impl Future<Output = u64> + Send;
}

/// Tasks that exchange one message after the other, all at the same time.
#[derive(Default)]
pub(crate) struct Workers {
    stop: Arc<AtomicBool>,
    go: Vec<mpsc::Sender<()>>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Workers {
    pub(crate) fn add(&mut self, mut exchange: impl Exchange) {
        let stop = Arc::clone(&self.stop);
        let (sender, mut go) = mpsc::channel::<()>(1);
        self.go.push(sender);
        self.tasks.push(tokio::spawn(async move {
            exchange.exchange().await; // warms up
            let mut count = 0;
            while go.recv().await.is_some() {
                while !stop.load(Ordering::Relaxed) {
                    count += exchange.exchange().await;
                }
            }
            count
        }));
    }

    /// Messages exchanged in `time`.
    async fn run(self, time: Duration) -> u64 {
        for go in self.go {
            go.send(()).await.unwrap();
        }
        tokio::time::sleep(time).await;
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = 0;
        for task in self.tasks {
            sum += task.await.unwrap();
        }
        sum
    }
}

/// Runs a server. Each line is answered with CPU time in nanoseconds and resident memory in bytes.
pub(crate) fn server<F: Future<Output = u16>>(serve: fn() -> F) {
    runtime().block_on(async {
        let port = serve().await;
        answer(format_args!("{port}"));
        let lines = std::thread::spawn(|| {
            for _ in std::io::stdin().lock().lines() {
                answer(format_args!("{} {}", cpu().as_nanos(), resident()));
            }
            // Nothing is left to be done in an orderly way, and other threads may be busy.
            std::process::exit(0);
        });
        std::future::pending::<()>().await;
        drop(lines);
    });
}

/// Runs a client. Lines come in pairs: `connections window`, answered `ready` when all have exchanged one message; then
/// `milliseconds`, answered with the messages, the CPU time and the time that passed, in nanoseconds.
pub(crate) fn client<F: Future<Output = Workers>>(port: u16, open: fn(u16, usize, usize) -> F) {
    runtime().block_on(async {
        let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
        while let Some(line) = lines.next() {
            let (connections, window) = line.split_once(' ').unwrap();
            let workers = open(port, connections.parse().unwrap(), window.parse().unwrap()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            answer(format_args!("ready"));
            let Some(line) = lines.next() else { return };
            let (before, since) = (cpu(), Instant::now());
            let count = workers.run(Duration::from_millis(line.parse().unwrap())).await;
            answer(format_args!("{count} {} {}", (cpu() - before).as_nanos(), since.elapsed().as_nanos()));
            // Lets the connections go before standard input is waited for, which nothing runs beside.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = match super::child::threads() {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build().unwrap()
}

pub(crate) fn answer(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn cpu() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap())
}

/// Resident memory of this process in bytes; 0 where the system does not tell it in this way.
fn resident() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}
