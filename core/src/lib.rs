//! The oneM2M WebSocket binding (TS-0020, ITU-T Y.4500.20).

pub mod codec;
pub mod primitive;
pub mod registrar;
pub mod websocket;
