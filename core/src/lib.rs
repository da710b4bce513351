//! The oneM2M WebSocket binding (TS-0020, ITU-T Y.4500.20).

pub mod binding;
#[cfg(all(feature = "bridge", unix))]
pub mod bridge;
#[cfg(feature = "net")]
pub mod client;
pub mod codec;
mod error;
#[cfg(feature = "net")]
mod net;
pub mod primitive;
#[cfg(feature = "net")]
pub mod registrar;
#[cfg(feature = "net")]
pub mod server;
#[cfg(feature = "net")]
pub mod spool;
pub mod websocket;

pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "net")]
pub use net::link::{IncomingRequest, Responder};
