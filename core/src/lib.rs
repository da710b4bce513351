//! The oneM2M WebSocket binding (TS-0020, ITU-T Y.4500.20): request and response primitives over WebSocket.
//!
//! - [`client::Client`]: the registree's end. Connects, registers, sends requests, answers requests, reopens.
//! - [`server::Server`]: the registrar's end. Gate, routing, store-and-forward; a [`server::Handler`] answers.
//! - [`registrar::Registrar`]: a small CSE on such a server, to write and test against.
//! - [`primitive`]: requests, responses, and what they are made of.
//!
//! ```no_run
//! use onem2m_ws::client::{AeRegistration, Client};
//! use onem2m_ws::primitive::{Request, ResourceType};
//! use serde_json::json;
//!
//! # async fn example() -> onem2m_ws::Result<()> {
//! let client = Client::builder("ws://localhost:9000").originator("Csensor1").connect().await?;
//! client.register_ae(AeRegistration::new("Nexample").name("sensor1")).await?;
//! let container = json!({"m2m:cnt": {"rn": "data"}});
//! let response = client.send(Request::create("cse-in/sensor1", ResourceType::CONTAINER, container)).await?;
//! println!("{}", response.status);
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Without the feature `net` only the pure floors are built: [`primitive`], [`codec`], [`websocket`] and [`binding`]. They
//! have no tokio, socket, clock or thread. `docs/architecture.md` in the repository shows how the floors stand on each
//! other; `docs/conformance.md` shows every requirement of the binding with the tests that prove it.

pub mod binding;
#[cfg(all(feature = "bridge", unix))]
pub mod bridge;
#[cfg(feature = "net")]
pub mod client;
pub mod codec;
mod error;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "pki")]
pub mod pki;
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
#[cfg(feature = "net")]
pub use net::tls;

/// The programs of the guide are compiled with the documentation tests.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../../docs/guide-rust.md")]
struct Guide;

/// So is the one of the first page.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../../README.md")]
struct FirstPage;
