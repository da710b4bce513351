//! The durable store by its public face: what it promises, compared with a simple model and with the store in memory.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)]
#[path = "../generate/mod.rs"]
mod generate;

mod bounds;
mod grouping;
mod killed;
mod model;
mod requests;
mod support;
