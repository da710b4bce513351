//! The oneM2M WebSocket binding (TS-0020, ITU-T Y.4500.20).

pub mod binding;
pub mod codec;
mod error;
pub mod primitive;
pub mod websocket;

pub use error::{Error, ErrorKind, Result};
