//! Two sessions joined in memory, on a clock that moves when told: everything that TS-0020 5.2, 6.1 and 6.3 to 6.5 ask of
//! one connection and of its end, without a socket and without a sleep.
#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
mod closing;
mod correlation;
mod deadlines;
mod formats;
mod harness;
mod limits;
mod pace;
mod registration;
mod reopening;
mod soak;
mod transfer;
mod transfer_soak;
