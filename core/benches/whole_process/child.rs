//! The programs as their parent sees them: it starts them, tells them what to do, and reads what they measured.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

/// Worker threads of each process.
pub(crate) fn threads() -> usize {
    setting("THREADS", 1)
}

pub(crate) fn setting<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = figures.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

pub(crate) fn numbers<const N: usize>(line: &str) -> [u64; N] {
    let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// CPU time in nanoseconds, and resident bytes.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: u64,
    pub(crate) resident: u64,
}

/// One of the programs; it ends when its standard input does.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()).args(arguments))
    }

    /// Starts one inside of another program, which gets its name and arguments after its own.
    pub(crate) fn under(outer: &[&str], arguments: &[&str]) -> Self {
        Self::spawn(Command::new(outer[0]).args(&outer[1..]).arg(std::env::current_exe().unwrap()).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        super::certificates::hand_over(command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { input: child.stdin.take(), output, child }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "a process ended early");
        line
    }

    /// Waits for its end.
    pub(crate) fn finish(&mut self) {
        self.input = None;
        self.child.wait().unwrap();
    }

    /// What a server has used so far.
    pub(crate) fn usage(&mut self) -> Usage {
        self.say("usage");
        let [cpu, resident] = numbers(&self.line());
        Usage { cpu, resident }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn pin(&self, processor: usize) {
        let mut set = nix::sched::CpuSet::new();
        set.set(processor).unwrap();
        let id = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        // Not every processor need be ours to use; unpinned figures only vary more.
        let _ = nix::sched::sched_setaffinity(id, &set);
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn pin(&self, _processor: usize) {}
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
