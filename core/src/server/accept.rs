//! Accepts connections: places, the opening handshake, and who is turned away.
//!
//! Covers: row WS-6.2.3.1-1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::connection::{Reply, serve};
use super::{Server, Shared};
use crate::net::listen::turn_away;
use crate::net::socket;

/// Accepts connections until the server stops.
pub(super) async fn accept(server: Server, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the listening socket cannot be used");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.0.stopped() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(serve(server.clone(), stream, peer));
            }
            Err(error) => {
                // Out of descriptors, mostly: wait for some to be closed, rather than ask again and again.
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Counts a connection for as long as it lives.
pub(super) struct Place<'a>(&'a Shared);

impl<'a> Place<'a> {
    pub(super) fn take(shared: &'a Shared) -> Option<Self> {
        let place = Self(shared);
        let mut fits = false;
        shared.open.send_modify(|open| {
            *open += 1;
            fits = *open <= shared.max_connections;
        });
        fits.then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// The opening of a connection: `None` if there will be none.
pub(super) async fn welcome(
    server: &Server,
    stream: &mut TcpStream,
    peer: SocketAddr,
    has_place: bool,
) -> Option<Arc<Reply>> {
    let shared = &*server.0;
    if !has_place {
        turn_away(stream, 503, "the server has no place for another connection; try again later").await;
        return None;
    }
    if let Err(error) = socket::tune(stream, shared.websocket.write_timeout) {
        tracing::warn!(%peer, %error, "a socket option could not be set");
    }
    let upgraded = tokio::select! {
        upgraded = shared.listening.upgrade(stream) => upgraded,
        () = shared.stopped() => return None,
    };
    match upgraded {
        Ok(upgraded) => Some(shared.open(server, peer, upgraded)),
        Err(why) => {
            tracing::info!(%peer, "no connection: {}", why.escape_debug());
            None
        }
    }
}
