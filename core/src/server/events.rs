//! What a server has to tell its program: who comes, goes and is taken over, and what was not delivered.
//!
//! Covers: rows WS-5.2-3, WS-5.2-8, WS-6.4-2, -4, -5. Nothing of it is on the way of a request. What it does not do: decide
//! ([`crate::binding::Registry`] does), or tell of single requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::{Server, Shared};
use crate::binding::{ConnectionId, Eviction, PeerIdentity, Principal, Registry, RegistryEvent};
use crate::net::link::call_application;

/// Events that wait while a handler is slow. More are counted and not kept.
const MOST_WAITING: usize = 4096;

/// Something that happened to a registree. Events come in the order in which it happened. Entities are named by the shortest
/// form of their identifier: `Ca` for `/id-in/Ca`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A registration succeeded over a connection. [`Reachable`](Self::Reachable) follows, unless another connection of the
    /// entity is open.
    Registered {
        /// Who.
        entity: String,
    },
    /// A registration has ended. Nothing is routed to the entity any more.
    Deregistered {
        /// Who.
        entity: String,
    },
    /// The entity was offline and is reached over a connection now; what waits for it is sent.
    Reachable {
        /// Who.
        entity: String,
        /// Over which connection.
        connection: ConnectionId,
        /// Who is authenticated on that, if anybody.
        identity: Option<Arc<PeerIdentity>>,
    },
    /// The entity is offline. Notifications for it wait until it comes back.
    Unreachable {
        /// Who.
        entity: String,
        /// The connection over which it was reached.
        connection: ConnectionId,
        /// How that ended, in one line that is safe to log.
        cause: String,
    },
    /// The entity is reached over another connection than before, without a time between them in which it was offline.
    TakenOver {
        /// Who.
        entity: String,
        /// The connection that it has now.
        by: ConnectionId,
        /// The name of who is authenticated on that, if anybody.
        principal: Option<Principal>,
        /// Who that is.
        identity: Option<Arc<PeerIdentity>>,
    },
    /// A newcomer spoke for an entity whose connection lives, and was closed for it.
    NewcomerRefused {
        /// For whom it spoke.
        entity: String,
        /// The newcomer.
        connection: ConnectionId,
        /// Whence it came; `None` if it has gone meanwhile.
        peer: Option<SocketAddr>,
    },
    /// An entity is taken over so often that two programs seem to have its credential
    /// ([`flapping`](super::ServerBuilder::flapping)). Nobody is banned for it.
    Flapping {
        /// Who.
        entity: String,
        /// So many take-overs within the time that is set.
        count: usize,
    },
    /// Somebody spoke for an entity that belongs to another credential, or for which its connection may not speak, and was
    /// refused.
    SecurityAlert {
        /// For whom.
        entity: String,
        /// Who is authenticated there, if anybody.
        principal: Option<Principal>,
        /// Whence it came.
        peer: Option<SocketAddr>,
    },
    /// Somebody got no connection because TLS failed: their credential is not one that is taken here, or they do not speak it. At
    /// most 16 in a second are told; [`Server::refusals`](super::Server::refusals) counts all.
    TlsRefused {
        /// Whence they came.
        peer: SocketAddr,
        /// Why, in one line that is safe to log.
        why: String,
    },
    /// A request that was accepted for an entity expired before the entity came to take it.
    RequestExpired {
        /// For whom.
        entity: String,
        /// Its request identifier.
        rqi: String,
    },
    /// A request that was accepted for an entity will not be sent any more: it was not answered in several tries, or cannot be
    /// written.
    RequestGivenUp {
        /// For whom.
        entity: String,
        /// Its request identifier.
        rqi: String,
    },
    /// The handler was too slow for so many events, which were not kept.
    Missed {
        /// How many.
        count: u64,
    },
}

/// How often connections met others of the same entity. Plain numbers, never reset.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct TakeOverCounters {
    /// Entities that changed from one connection to another.
    pub taken_over: u64,
    /// Newcomers that were refused because a connection lives.
    pub refused: u64,
    /// Times that somebody spoke for what belongs to another credential.
    pub alerts: u64,
    /// Times that take-overs were too many.
    pub flapping: u64,
}

/// Events that wait for the handler, and the counts of some.
#[derive(Debug, Default)]
pub(super) struct Events {
    outbox: Mutex<Outbox>,
    wake: Notify,
    taken_over: AtomicU64,
    refused: AtomicU64,
    alerts: AtomicU64,
    flapping: AtomicU64,
}

#[derive(Debug, Default)]
struct Outbox {
    waiting: VecDeque<ServerEvent>,
    missed: u64,
}

impl Outbox {
    fn push(&mut self, event: ServerEvent) {
        if self.waiting.len() < MOST_WAITING && self.missed == 0 {
            self.waiting.push_back(event);
        } else {
            self.missed += 1;
        }
    }

    fn pop(&mut self) -> Option<ServerEvent> {
        let event = self.waiting.pop_front();
        if event.is_none() && self.missed > 0 {
            return Some(ServerEvent::Missed { count: std::mem::take(&mut self.missed) });
        }
        event
    }
}

impl Events {
    pub(super) fn counters(&self) -> TakeOverCounters {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Self { taken_over, refused, alerts, flapping, .. } = self;
        TakeOverCounters {
            taken_over: get(taken_over),
            refused: get(refused),
            alerts: get(alerts),
            flapping: get(flapping),
        }
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the handler told, by the task that does so: never on the stack of whoever caused it.
    pub(super) fn push(&self, event: ServerEvent) {
        self.count(&event);
        self.outbox().push(event);
        self.wake.notify_one();
    }

    fn count(&self, event: &ServerEvent) {
        let count = match event {
            ServerEvent::TakenOver { .. } => &self.taken_over,
            ServerEvent::NewcomerRefused { .. } => &self.refused,
            ServerEvent::SecurityAlert { .. } => &self.alerts,
            ServerEvent::Flapping { .. } => &self.flapping,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is to be done after a change of the registry, without its lock.
#[derive(Debug)]
pub(super) enum Order {
    /// Send what waits for an entity.
    Forward(String),
    Probe(ConnectionId),
    Close(ConnectionId, Eviction),
}

impl Shared {
    /// Changes the registry. `peer` is whose doing it is, and `cause` how a connection ended, if one did. The orders are to be
    /// [followed](Self::follow).
    pub(super) fn change<R>(
        &self,
        peer: Option<SocketAddr>,
        cause: &str,
        change: impl FnOnce(&mut Registry, Instant) -> R,
    ) -> (R, Vec<Order>) {
        let mut orders = Vec::new();
        let mut registry = self.registry();
        let result = change(&mut registry, Instant::now());
        while let Some(event) = registry.poll_event() {
            self.take(event, peer, cause, &mut orders);
        }
        (result, orders)
    }

    /// Makes orders of an event, and puts it where the handler's are: the registry is locked, which keeps their order.
    fn take(&self, event: RegistryEvent, peer: Option<SocketAddr>, cause: &str, orders: &mut Vec<Order>) {
        let event = match event {
            RegistryEvent::Registered { entity } => {
                tracing::info!(?entity, "registered");
                self.changed();
                ServerEvent::Registered { entity }
            }
            RegistryEvent::Deregistered { entity } => {
                self.changed();
                ServerEvent::Deregistered { entity }
            }
            RegistryEvent::Reachable { entity, connection } => {
                orders.push(Order::Forward(entity.clone()));
                ServerEvent::Reachable { entity, connection, identity: self.identity(connection) }
            }
            RegistryEvent::Unreachable { entity, connection, why } => {
                let cause = why.map_or(cause, |why| why.reason());
                self.changed();
                ServerEvent::Unreachable { entity, connection, cause: cause.to_owned() }
            }
            RegistryEvent::TakenOver { entity, from, by, principal } => {
                tracing::info!(?entity, ?from, ?by, ?principal, "taken over");
                self.changed();
                orders.push(Order::Forward(entity.clone()));
                ServerEvent::TakenOver { entity, by, principal, identity: self.identity(by) }
            }
            RegistryEvent::Refused { entity, connection } => {
                let peer = self.registree(connection).map(|registree| registree.peer());
                tracing::info!(?entity, ?peer, "a newcomer was refused: the entity's connection lives");
                ServerEvent::NewcomerRefused { entity, connection, peer }
            }
            RegistryEvent::Flapping { entity, count } => {
                tracing::warn!(?entity, count, "taken over too often: does another program have its credential?");
                ServerEvent::Flapping { entity, count }
            }
            RegistryEvent::Impostor { entity, principal } => {
                tracing::warn!(?entity, ?principal, ?peer, "refused: somebody spoke for an entity that is not theirs");
                ServerEvent::SecurityAlert { entity, principal, peer }
            }
            RegistryEvent::Probe { connection } => return orders.push(Order::Probe(connection)),
            RegistryEvent::Close { connection, why } => {
                self.changed();
                return orders.push(Order::Close(connection, why));
            }
        };
        self.events.push(event);
    }

    fn identity(&self, connection: ConnectionId) -> Option<Arc<PeerIdentity>> {
        self.registree(connection)?.identity().cloned()
    }

    /// What connections know of the registry may be wrong now.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Does what follows from a change of the registry.
    pub(super) fn follow(&self, server: &Server, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Forward(entity) => self.forward(server, &entity),
                Order::Probe(connection) => {
                    if let Some(holder) = self.registree(connection) {
                        holder.link.with(|session, now| session.probe(now));
                    }
                }
                Order::Close(connection, why) => {
                    if let Some(registree) = self.registree(connection) {
                        registree.link.with(|session, now| session.give_way(now, why.code(), why.reason()));
                    }
                }
            }
        }
    }
}

/// Hands events to the handler, one after the other, until the server has stopped and the last connection has gone.
pub(super) async fn tell(server: Server) {
    let shared = &*server.0;
    let over = shared.is_over();
    tokio::pin!(over);
    loop {
        let is_over = tokio::select! {
            () = shared.events.wake.notified() => false,
            () = &mut over => true,
        };
        loop {
            // The lock is not held while the handler is called.
            let next = shared.events.outbox().pop();
            let Some(event) = next else { break };
            call_application(|| shared.handler.on_event(&server, event));
        }
        if is_over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_beyond_the_bound_are_counted_and_told_as_missed() {
        let mut outbox = Outbox::default();
        let event = |number: usize| ServerEvent::Registered { entity: number.to_string() };
        for number in 0..MOST_WAITING {
            outbox.push(event(number));
        }
        assert_eq!(outbox.missed, 0);
        outbox.push(event(MOST_WAITING));
        assert_eq!(outbox.pop(), Some(event(0)));
        // There is room again, but the ones between are missing: what comes now would stand in the wrong place.
        outbox.push(event(MOST_WAITING + 1));
        for number in 1..MOST_WAITING {
            assert_eq!(outbox.pop(), Some(event(number)));
        }
        assert_eq!(outbox.pop(), Some(ServerEvent::Missed { count: 2 }));
        outbox.push(event(7));
        assert_eq!((outbox.pop(), outbox.pop()), (Some(event(7)), None));
    }
}
