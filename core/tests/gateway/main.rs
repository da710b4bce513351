//! An MN-CSE of ours between its registrar and its registrees: each direction, and the loss of either side.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod example;
mod foreign;
mod harness;
mod losses;
mod notifications;
mod registration;
mod requests;
mod restart;
