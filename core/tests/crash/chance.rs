//! Random choices that a seed repeats.

use std::time::SystemTime;

pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
        let seed = seed.unwrap_or_else(|| u64::from(now()) << 16 ^ u64::from(std::process::id()));
        Self { seed, state: seed }
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Other choices, for somebody else.
    pub(crate) fn fork(&mut self) -> Self {
        let seed = self.next();
        Self { seed, state: seed }
    }

    const fn next(&mut self) -> u64 {
        // splitmix64
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
