//! What a server and the embedded registrar keep, so that "accepted" survives a restart; over a store whose writing the test
//! controls, and over the one that is a file.
#![allow(clippy::unwrap_used, missing_docs)]

mod counters;
mod double;
mod peer;
mod registrar;
mod registrations;
mod restart;
mod window;
