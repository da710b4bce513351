//! Sockets, clocks and random bytes for the pure floors below.
//!
//! Covers: TS-0020 5.1 (TCP before the handshake), 6.2, 6.6; rows WS-5.1-2, WS-6.2.2.5-1, WS-6.6-1. One [`pump`] moves bytes between a
//! stream and a session. Knows no roles: who dials, listens and answers is decided above.

pub(crate) mod alarms;
pub(crate) mod dial;
pub(crate) mod farewell;
pub(crate) mod link;
pub(crate) mod listen;
pub(crate) mod pump;
pub(crate) mod range;
pub(crate) mod socket;
pub mod tls;

use std::time::{Instant, SystemTime};

use crate::Result;
use crate::binding::{Now, PointOfAccess, Proxy};
use crate::websocket::Random;

/// Both clocks, read now.
pub(crate) fn now() -> Now {
    Now { monotonic: Instant::now(), wall: SystemTime::now() }
}

/// The proxy that the environment of this process names for `poa`.
pub(crate) fn proxy_from_environment(poa: &PointOfAccess) -> Result<Option<Proxy>> {
    // What is no UTF-8 is no URL either, and refused as one.
    Proxy::from_variables(poa, |name| {
        let value = std::env::var_os(name)?;
        Some(value.into_string().unwrap_or_else(|value| value.to_string_lossy().into_owned()))
    })
}

/// The operating system's random source, read in blocks: a masking key (RFC 6455 5.3) costs no system call each.
pub(crate) struct OsRandom {
    block: Box<[u8; BLOCK]>,
    used: usize,
}

const BLOCK: usize = 512;

/// For the connections of a server, whose frames have no masking key (RFC 6455 5.1).
pub(crate) struct MasksNothing;

impl Random for MasksNothing {
    fn fill(&mut self, out: &mut [u8]) {
        OsRandom::new().fill(out);
    }
}

impl OsRandom {
    pub(crate) fn new() -> Self {
        Self { block: Box::new([0; BLOCK]), used: BLOCK }
    }
}

impl Random for OsRandom {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == BLOCK {
                // Without random bytes no key is safe to use, and no operation of this library can go on.
                #[allow(clippy::expect_used)]
                getrandom::fill(self.block.as_mut_slice()).expect("the operating system has no random source");
                self.used = 0;
            }
            *byte = std::mem::take(&mut self.block[self.used]);
            self.used += 1;
        }
    }
}
