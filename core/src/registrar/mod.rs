//! The small CSE that is embedded in the library, so that an AE can be written and tested with nothing else installed.
//!
//! It is no product CSE: one process, nine resource types and two virtual ones, access control without contexts. What it does, it
//! does as TS-0001 and TS-0004 say. [`Registrar`] listens; [`Cse`] is its engine, without I/O.
//!
//! Covers: see [`cse`] and [`Registrar`].

pub mod cse;
mod forward;
mod keeper;
mod secure;
mod service;
mod upstream;

pub use cse::{
    Access, Answer, Change, ConfigError, Cse, CseConfig, Effect, Limits, Outcome, RandomSource, Ticket, VerificationId,
};
pub use service::{Registrar, RegistrarBuilder};
pub use upstream::{Upstream, UpstreamState};
