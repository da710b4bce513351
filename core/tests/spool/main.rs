//! The durable store by its public face: what it promises, compared with a simple model and with the store in memory.

#[allow(dead_code)]
#[path = "../generate/mod.rs"]
mod generate;

mod bounds;
mod grouping;

mod model;
mod requests;
mod support;
