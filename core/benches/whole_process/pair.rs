//! A server and its client, as their parent sees them: both measurements of messages ask them the same.

use super::child::{Process, numbers, threads};

/// What a round brought: messages, and nanoseconds of CPU time of either end and of time that passed.
pub(crate) struct Round {
    pub(crate) messages: u64,
    pub(crate) server: u64,
    pub(crate) client: u64,
    pub(crate) passed: u64,
}

/// A server and its client.
pub(crate) struct Pair {
    client: Process,
    server: Process,
}

impl Pair {
    pub(crate) fn start(server: &str, client: &str) -> Self {
        let mut server = Process::start(&["server", server]);
        let port = server.line();
        Self { client: Process::start(&["client", client, port.trim()]), server }
    }

    /// With one message under way at a time, both ends work in turn and belong on one processor; waking another one costs
    /// more than anything that is compared here.
    pub(crate) fn pin(&self, apart: bool) {
        if threads() == 1 {
            let other = usize::from(apart && std::thread::available_parallelism().is_ok_and(|count| count.get() > 1));
            self.server.pin(0);
            self.client.pin(other);
        }
    }

    /// Exchanges messages for `time` milliseconds.
    pub(crate) fn round(&mut self, connections: usize, window: usize, time: u32) -> Round {
        self.client.say(&format!("{connections} {window}"));
        assert_eq!(self.client.line().trim(), "ready");
        let before = self.server.usage().cpu;
        self.client.say(&time.to_string());
        let [messages, client, passed] = numbers(&self.client.line());
        let server = self.server.usage().cpu - before;
        Round { messages, server, client, passed }
    }
}
