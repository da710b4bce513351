//! Who may take the place of whom: principals, the policy for those without one, and what counts as flapping.
//!
//! Covers: TS-0020 5.2 (at most one connection between two nodes); row WS-5.2-3. What it does not do: authenticate, or
//! keep the routes ([`super::Registry`] does).

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The close code of a connection whose place another one of the same node has taken (RFC 6455 7.4.2: a private one).
/// Whoever is closed with it and opens again at once takes the place back, and so on for ever: two programs share a
/// credential then.
pub const TAKEN_OVER: u16 = 4001;

/// RFC 6455 7.4.1: the policy of this end.
const POLICY: u16 = 1008;

/// The name of an authenticated credential: of a certificate, a key, an account. Two connections with the same principal
/// are of the same node. Names are compared byte by byte, and appear in logs and events: never put a secret into one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Principal(Arc<str>);

impl Principal {
    /// The principal of this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a newcomer without authentication meets that speaks for an entity which is reached over a connection that is open.
///
/// It does not matter to an entity that belongs to a principal: only this principal may speak for it, and its newest
/// connection has it at once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum TakeOver {
    /// The old connection is asked for a sign of life (a ping). If it gives none in time, the newcomer takes its place;
    /// otherwise the newcomer is closed with 1008.
    #[default]
    Probe,
    /// The newcomer is closed with 1008. A registree that comes back before its dead connection was noticed (by
    /// keep-alive) has to try again.
    Refuse,
    /// The newcomer takes the place at once, and the old connection is closed with 4001. **Unsafe**: anybody who can reach
    /// the server takes any entity's notifications by naming it. For closed networks only.
    Newest,
}

/// When take-overs are too many: more than `count` of one entity within `within`. It is told, and has no other
/// consequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flapping {
    /// Take-overs that are still in order: 15. At least 1, at most 10 000.
    pub count: usize,
    /// The time in which they are counted: a minute.
    pub within: Duration,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { count: 15, within: Duration::from_secs(60) }
    }
}

/// How connections take each other's place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TakeOverRules {
    /// For those without authentication.
    pub policy: TakeOver,
    /// When it is flapping.
    pub flapping: Flapping,
    /// Pairs of principals that are one node, while its old credential is exchanged for its new one. Pairs that share a
    /// principal are one node together.
    pub rotation: Vec<(Principal, Principal)>,
}

/// One name for all principals of a node; those that are not here are nodes of their own.
#[derive(Debug, Default)]
pub(super) struct Slots(HashMap<Principal, Principal>);

impl Slots {
    pub(super) fn new(pairs: &[(Principal, Principal)]) -> Self {
        let mut slots = Self::default();
        for (one, other) in pairs {
            let (slot, joins) = (slots.of(one), slots.of(other));
            for name in slots.0.values_mut().filter(|name| **name == joins) {
                name.clone_from(&slot);
            }
            slots.0.insert(joins, slot.clone());
            slots.0.insert(other.clone(), slot.clone());
            slots.0.insert(one.clone(), slot);
        }
        slots
    }

    /// The name of the node to which a principal belongs.
    pub(super) fn of(&self, principal: &Principal) -> Principal {
        self.0.get(principal).unwrap_or(principal).clone()
    }
}

/// The take-overs of one entity that count; mostly there was none, and there is no memory.
#[derive(Debug)]
pub(super) struct Moves(VecDeque<Instant>);

impl Moves {
    pub(super) const NONE: Self = Self(VecDeque::new());

    /// Notes one more. If they are too many now: how many; counting begins anew then.
    pub(super) fn note(&mut self, now: Instant, rule: Flapping) -> Option<usize> {
        let moves = &mut self.0;
        while moves.front().is_some_and(|oldest| now.saturating_duration_since(*oldest) > rule.within) {
            moves.pop_front();
        }
        moves.push_back(now);
        let count = moves.len();
        if count > rule.count {
            *self = Self::NONE;
            return Some(count);
        }
        None
    }
}

/// Why a connection is closed for the sake of another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eviction {
    /// Another connection has taken its place.
    TakenOver,
    /// It spoke for an entity whose connection lives.
    Held,
}

impl Eviction {
    /// The close code: [`TAKEN_OVER`], or 1008.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::TakenOver => TAKEN_OVER,
            Self::Held => POLICY,
        }
    }

    /// The reason in the close frame.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TakenOver => "a newer connection of this node has taken over",
            Self::Held => "another connection of this entity is alive",
        }
    }
}
