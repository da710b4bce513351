//! What a registry has to tell: what happened, and what is to be done about it.

use super::ConnectionId;
use super::take_over::{Eviction, Principal};

/// What follows from an input of a [`super::Registry`], in the order in which it happened. Entities are named by their
/// [`stem`](super::Registry::stem).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegistryEvent {
    /// The entity is registered.
    Registered {
        /// Who.
        entity: String,
    },
    /// Its registration has ended.
    Deregistered {
        /// Who.
        entity: String,
    },
    /// The entity was offline, and is reached over a connection now: what waits for it is to be sent.
    Reachable {
        /// Who.
        entity: String,
        /// Over which connection.
        connection: ConnectionId,
    },
    /// The entity is offline.
    Unreachable {
        /// Who.
        entity: String,
        /// The connection over which it was reached.
        connection: ConnectionId,
        /// Why that is closed; `None`: it was said to have ended.
        why: Option<Eviction>,
    },
    /// The entity is reached over another connection now: what waits for it, and what the old one did not answer, is to be
    /// sent there.
    TakenOver {
        /// Who.
        entity: String,
        /// The old connection.
        from: ConnectionId,
        /// The new one.
        by: ConnectionId,
        /// Who is authenticated on the new one.
        principal: Option<Principal>,
    },
    /// A newcomer did not get an entity, since the connection of that lives. The newcomer is to be closed:
    /// [`Close`](Self::Close) follows.
    Refused {
        /// For whom it spoke.
        entity: String,
        /// The newcomer.
        connection: ConnectionId,
    },
    /// Somebody spoke for an entity that belongs to another principal, and was refused.
    Impostor {
        /// For whom.
        entity: String,
        /// Who is authenticated there, if anybody.
        principal: Option<Principal>,
    },
    /// The entity was taken over too often ([`super::Flapping`]).
    Flapping {
        /// Who.
        entity: String,
        /// So often.
        count: usize,
    },
    /// To do: ask this connection for a sign of life. [`super::Registry::is_alive`] takes it;
    /// [`super::Registry::disconnected`] is for when it gives none.
    Probe {
        /// Which one.
        connection: ConnectionId,
    },
    /// To do: close this connection. Nothing is routed to it any more, and nothing of it passes.
    Close {
        /// Which one.
        connection: ConnectionId,
        /// With which code and reason.
        why: Eviction,
    },
}
