//! To whom an entity belongs, by the credentials that were accepted: one principal has it, and nobody else speaks for it.
//!
//! Covers: TS-0003 8.2.1, TS-0004 7.3.2.1; rows WS-5.2-3, WS-7-2. What it does not do: judge what a request says ([`super::gate`]
//! does), or take anything away from a connection.

use std::sync::Arc;
use std::time::Instant;

use super::{Admission, ConnectionId, Eviction, PeerIdentity, Principal, Registry, RegistryEvent};
use crate::primitive::{EntityId, StatusCode};

impl Registry {
    /// Judges a handshake that names an entity (`X-M2M-Origin`), or whose peer is authenticated, before it is answered.
    ///
    /// # Errors
    /// Why it is to be refused (403): the peer may not speak for the entity that it names, or its credential is for an entity
    /// that belongs to another one.
    pub fn greet(&mut self, identity: Option<&PeerIdentity>, hint: Option<&str>) -> Result<(), String> {
        let slot = identity.map(|identity| self.slots.of(identity.principal()));
        let named = identity.and_then(PeerIdentity::entities).unwrap_or_default();
        let mut claimed = named.iter().map(EntityId::as_str).chain(hint).map(|entity| self.stem(entity));
        let taken = claimed.find(|stem| self.is_of_another(stem, slot.as_ref())).map(str::to_owned);
        let principal = identity.map(|identity| identity.principal().clone());
        if let Some(stem) = taken {
            return Err(self.impostor(&stem, principal).1);
        }
        match (identity, hint) {
            // C and S name nobody.
            (Some(identity), Some(hint)) if !matches!(hint, "C" | "S") && !self.may_speak(identity, hint) => {
                let entity = self.stem(hint).to_owned();
                self.events.push_back(RegistryEvent::Impostor { entity, principal });
                Err(format!("the credential does not speak for {hint:?}, which X-M2M-Origin names"))
            }
            _ => Ok(()),
        }
    }

    /// Whether an identity may speak for an entity, as far as it says.
    pub(super) fn may_speak(&self, identity: &PeerIdentity, entity: &str) -> bool {
        identity.entities().is_none() || self.names.entity(entity).is_ok_and(|entity| identity.speaks_for(&entity))
    }

    /// Whether a connection may register an entity, by the identifier that the CSE has assigned. If not, that is told.
    pub fn may_register(&mut self, connection: ConnectionId, entity: &str) -> bool {
        let stem = self.stem(entity);
        let carrier = self.connections.get(&connection);
        let is_its_own = carrier.is_none_or(|carrier| match &carrier.identity {
            Some(identity) => self.may_speak(identity, stem),
            None => self.is_trusted(stem) || self.bound(carrier).is_none_or(|bound| **bound == *stem),
        });
        let may = is_its_own && !self.is_of_another(stem, self.slot_of(connection).as_ref());
        if !may {
            let stem = stem.to_owned();
            self.tell_impostor(connection, stem);
        }
        may
    }

    /// What a credential is for belongs to its node as long as that is connected, unless it belongs to another one.
    pub(super) fn name(&mut self, connection: ConnectionId, slot: &Principal, entities: &[EntityId]) -> Vec<Arc<str>> {
        self.unname(slot);
        let mut named = Vec::new();
        for entity in entities {
            let stem = self.stem(entity.as_str());
            if self.is_of_another(stem, Some(slot)) {
                let stem = stem.to_owned();
                self.tell_impostor(connection, stem);
            } else {
                let stem: Arc<str> = stem.into();
                self.named.insert(Arc::clone(&stem), slot.clone());
                named.push(stem);
            }
        }
        if let Some(node) = self.nodes.get_mut(slot) {
            node.named.clone_from(&named);
        }
        named
    }

    /// Undoes [`name`](Self::name).
    pub(super) fn unname(&mut self, slot: &Principal) {
        let Some(node) = self.nodes.get_mut(slot) else { return };
        for stem in std::mem::take(&mut node.named) {
            self.named.remove(&stem);
        }
    }

    /// A registered entity that belonged to nobody so far belongs to the node whose credential names it, at once: this is proof,
    /// and whoever had it until now had none.
    pub(super) fn claim_named(&mut self, connection: ConnectionId, stem: &Arc<str>, now: Instant) {
        let Some(entry) = self.entities.get(stem).filter(|entry| entry.owner.is_none()) else { return };
        if entry.is_registrar {
            return self.carry(connection, stem);
        }
        let holder = entry.route;
        self.reach(stem, connection, now);
        if let Some(holder) = holder {
            self.evict(holder, Eviction::TakenOver, now);
        }
    }

    /// An entity that belongs to nobody belongs to this node from now on.
    pub(super) fn bind(&mut self, stem: &Arc<str>, slot: &Principal) {
        if let Some(entry) = self.entities.get_mut(stem) {
            entry.owner = Some(slot.clone());
            self.nodes.entry(slot.clone()).or_default().entities.push(Arc::clone(stem));
        }
    }

    /// The node at the other end of a connection.
    pub(super) fn slot_of(&self, connection: ConnectionId) -> Option<Principal> {
        Some(self.slots.of(self.principal_on(connection)?))
    }

    /// True if an entity belongs to another node than this one, or than nobody, or is what the credential of one that is
    /// connected is for.
    pub(super) fn is_of_another(&self, stem: &str, slot: Option<&Principal>) -> bool {
        let owner = self.entities.get(stem).and_then(|entry| entry.owner.as_ref());
        owner.or_else(|| self.named.get(stem)).is_some_and(|owner| Some(owner) != slot)
    }

    pub(super) fn refuse_impostor(&mut self, connection: ConnectionId, stem: &str) -> Admission {
        let principal = self.principal_on(connection).cloned();
        let (status, text) = self.impostor(stem, principal);
        Admission::Refuse(status, text)
    }

    /// Somebody speaks for an entity that belongs to another principal (TS-0004 7.3.2.1).
    pub(super) fn impostor(&mut self, stem: &str, principal: Option<Principal>) -> (StatusCode, String) {
        let status = match principal {
            Some(_) => StatusCode::ORIGINATOR_NOT_AUTHENTICATED,
            None => StatusCode::SECURITY_ASSOCIATION_REQUIRED,
        };
        self.events.push_back(RegistryEvent::Impostor { entity: stem.to_owned(), principal });
        (status, format!("{stem:?} belongs to another credential: connect with that one"))
    }

    pub(super) fn tell_impostor(&mut self, connection: ConnectionId, entity: String) {
        let principal = self.principal_on(connection).cloned();
        self.events.push_back(RegistryEvent::Impostor { entity, principal });
    }

    /// Who is authenticated on a connection.
    pub(super) fn principal_on(&self, connection: ConnectionId) -> Option<&Principal> {
        Some(self.connections.get(&connection)?.identity.as_deref()?.principal())
    }
}
