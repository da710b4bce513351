//! Accepts connections: who has a place, the opening handshake, and who is turned away.
//!
//! Covers: RFC 6455 4.2.2 and 10.4; row WS-6.2.3.1-1. Whoever finds no place is told so (503), but only so many at a time:
//! beyond that the socket is closed at once, so that turning away costs less than coming. What it does not do: judge
//! handshakes ([`crate::net::listen`] does), or serve what is open ([`super::connection`] does).

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::serve;
use super::half_open::HalfOpen;
use super::secure::Credential;
use super::{Server, Shared};
use crate::net::listen::{NotUpgraded, farewell};
use crate::net::socket;
use crate::net::tls::TlsStream;
use crate::net::tls::acceptor::Acceptor;
use crate::websocket::handshake::server::{Rejection, UpgradeRequest};

/// Peers without a place that are told so at a time. Each holds a socket for a second at most.
const MOST_TURNED_AWAY: usize = 64;

/// How many peers got no connection, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// Their handshake was refused, was too slow, or was never finished.
    pub handshake: u64,
    /// Their TLS handshake failed: mostly their credential is not one that is taken.
    pub tls: u64,
    /// Too many others were being opened, in total or from their address
    /// ([`max_half_open`](super::ServerBuilder::max_half_open)).
    pub half_open: u64,
    /// Every place was taken ([`max_connections`](super::ServerBuilder::max_connections)).
    pub connections: u64,
}

/// [`Refusals`] as they are counted.
#[derive(Debug, Default)]
pub(super) struct RefusalCounts {
    handshake: AtomicU64,
    tls: AtomicU64,
    half_open: AtomicU64,
    connections: AtomicU64,
}

impl RefusalCounts {
    pub(super) fn add_tls(&self) {
        self.tls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Refusals {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Self { handshake, tls, half_open, connections } = self;
        Refusals { handshake: get(handshake), tls: get(tls), half_open: get(half_open), connections: get(connections) }
    }
}

/// Which limit keeps a peer out.
#[derive(Clone, Copy, Debug)]
enum Full {
    HalfOpen,
    Connections,
}

/// Accepts connections until the server stops.
pub(super) async fn accept(server: Server, listener: std::net::TcpListener, tls: Option<Arc<Acceptor>>) {
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
            Ok((stream, peer)) => match Place::claim(&server, peer.ip()) {
                Ok((place, opening)) => {
                    tokio::spawn(welcome(place, opening, stream, tls.clone(), peer, Instant::now()));
                }
                Err(full) => turn_away(&server, stream, peer, full),
            },
            Err(error) => {
                // Out of descriptors, mostly: wait for some to be closed, rather than ask again and again.
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A place for one connection, from its accept to its end.
pub(super) struct Place(Server);

/// A place among those that are being opened.
struct Opening(Server, IpAddr);

impl Place {
    fn claim(server: &Server, peer: IpAddr) -> Result<(Self, Opening), Full> {
        let shared = &*server.0;
        let place = Self(server.clone());
        let mut fits = false;
        shared.open.send_modify(|open| {
            *open += 1;
            fits = *open <= shared.max_connections;
        });
        if !fits {
            return Err(Full::Connections);
        }
        if !shared.half_open().enter(peer) {
            return Err(Full::HalfOpen);
        }
        Ok((place, Opening(server.clone(), peer)))
    }

    pub(super) fn server(&self) -> &Server {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.open.send_modify(|open| *open -= 1);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.0.half_open().leave(self.1);
    }
}

/// For a peer without a place: nothing of what it sends is looked at.
fn turn_away(server: &Server, mut stream: TcpStream, peer: SocketAddr, full: Full) {
    let shared = &*server.0;
    let (count, why) = match full {
        Full::HalfOpen => (&shared.refusals.half_open, "too many connections are being opened; try again later"),
        Full::Connections => {
            (&shared.refusals.connections, "the server has no place for another connection; try again later")
        }
    };
    count.fetch_add(1, Ordering::Relaxed);
    let Ok(turn) = Arc::clone(&shared.turning_away).try_acquire_owned() else {
        tracing::debug!(%peer, "no connection, and no answer: {why}");
        return;
    };
    let rejection = Rejection::new(503, why);
    tracing::info!(%peer, "no connection: {rejection}");
    tokio::spawn(async move {
        farewell(&mut stream, &rejection).await;
        drop((stream, turn));
    });
}

/// The opening of a connection. What becomes of it has a task of its own, since what only the opening needs is not to be held
/// for as long as the connection lives.
async fn welcome(
    place: Place,
    half_open: Opening,
    stream: TcpStream,
    tls: Option<Arc<Acceptor>>,
    peer: SocketAddr,
    accepted: Instant,
) {
    let server = place.server();
    let shared = &*server.0;
    if let Err(error) = socket::tune(&stream, shared.websocket.write_timeout) {
        tracing::warn!(%peer, %error, "a socket option could not be set");
    }
    let opening = async {
        let (mut stream, credential) = match tls {
            None => (TlsStream::Plain(stream), None),
            Some(acceptor) => match acceptor.accept(stream, accepted + shared.listening.deadline).await {
                Ok((stream, shown)) => (stream, shown.map(|shown| Box::new(Credential { shown, to: acceptor }))),
                Err(why) => {
                    shared.not_secure(peer, why);
                    return None;
                }
            },
        };
        let mut identity = None;
        let judge = |request: &UpgradeRequest| {
            let shown = credential.as_ref().map(|credential| Arc::clone(&credential.shown.identity));
            shared.judge(server, request, peer, shown).map(|known| identity = known)
        };
        let why = match shared.listening.upgrade(&mut stream, accepted, judge).await {
            Ok(upgraded) => return Some((stream, upgraded, credential, identity)),
            Err(why) => why,
        };
        shared.refusals.handshake.fetch_add(1, Ordering::Relaxed);
        match why {
            NotUpgraded::Gone(why) => tracing::debug!(%peer, "no connection: {why}"),
            NotUpgraded::Refused(rejection) => {
                tracing::info!(%peer, "no connection: {rejection}");
                farewell(&mut stream, &rejection).await;
            }
        }
        None
    };
    let upgraded = tokio::select! {
        upgraded = opening => upgraded,
        () = shared.stopped() => None,
    };
    drop(half_open);
    if let Some((stream, upgraded, credential, identity)) = upgraded {
        let registree = shared.open(server, peer, upgraded, credential, identity);
        tokio::spawn(serve(place, stream, registree));
    }
}

impl Shared {
    fn half_open(&self) -> MutexGuard<'_, HalfOpen> {
        self.half_open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places in which peers are turned away.
pub(super) fn turning_away() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_TURNED_AWAY))
}
