//! The gate: which requests pass, by whom they name and over which connection they come.
//!
//! Covers: TS-0020 6.4, TS-0004 7.3.2.1; rows WS-6.4-3, WS-7-2, WS-7-3. The rules are those of [`super::super::originator`]; this
//! says what the registry knows for them. What it does not do: route.

use std::sync::Arc;
use std::time::Instant;

use super::super::originator::{Act, Claim, Known, Verdict, judge};
use super::{Admission, Carrier, ConnectionId, Registry};
use crate::binding::RegistreeKind;
use crate::primitive::{CseId, EntityId, IdError, Request, SpId, StatusCode};

/// The names by which identifiers are understood.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) sp_id: SpId,
    pub(super) cse_id: CseId,
    own: EntityId,
}

impl Names {
    /// Where a name is not known (empty), one stands for it that nobody has: all the same `Ca` and `/id-in/Ca` are two then.
    pub(super) fn new(sp_id: &str, cse_id: &str) -> Result<Self, IdError> {
        fn or_nobody(text: &str) -> &str {
            if text.is_empty() { "-" } else { text }
        }
        let (sp_id, cse_id) = (SpId::new(or_nobody(sp_id))?, CseId::new(or_nobody(cse_id))?);
        let own = EntityId::from_originator(cse_id.as_str(), &sp_id, &cse_id)?;
        Ok(Self { sp_id, cse_id, own })
    }

    pub(super) fn entity(&self, originator: &str) -> Result<EntityId, IdError> {
        EntityId::from_originator(originator, &self.sp_id, &self.cse_id)
    }
}

/// What the registry knows of the connection over which a request came.
struct Sight<'a> {
    registry: &'a Registry,
    connection: ConnectionId,
    carrier: &'a Carrier,
}

impl Known for Sight<'_> {
    fn entity(&self, originator: &str) -> Result<EntityId, IdError> {
        self.registry.names.entity(originator)
    }

    fn own(&self) -> &EntityId {
        &self.registry.names.own
    }

    fn registered(&self, entity: &EntityId) -> Option<RegistreeKind> {
        let stem = self.registry.stem(entity.as_str());
        self.registry.entities.get(stem).map(|entry| entry.registration.kind)
    }

    fn is_trusted(&self, originator: &str) -> bool {
        self.registry.is_trusted(originator)
    }

    fn forwards(&self) -> bool {
        self.registry.forwards(self.connection)
    }

    fn carries(&self, entity: &EntityId) -> bool {
        self.registry.speaks_for(self.connection, entity.as_str())
    }

    fn bound(&self) -> Option<&str> {
        self.registry.bound(self.carrier).map(|stem| &**stem)
    }

    fn cse_needs_association(&self) -> bool {
        self.registry.cse_needs_association
    }
}

impl Registry {
    /// The gate (TS-0020 6.4): before a registration only the registration itself passes, and nobody speaks for somebody else
    /// (TS-0004 7.3.2.1).
    pub fn admit(&mut self, connection: ConnectionId, request: &Request, now: Instant) -> Admission {
        let Some(carrier) = self.connections.get(&connection).filter(|carrier| !carrier.is_evicted) else {
            let text = "this connection is being closed, and nothing is taken from it any more";
            return Admission::Refuse(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, text.to_owned());
        };
        let originator = request.from.as_deref().unwrap_or_default();
        let claim = Claim {
            association: carrier.identity.as_deref(),
            act: Act::of(request),
            originator: request.from.as_deref(),
        };
        let verdict = judge(&claim, &Sight { registry: self, connection, carrier });
        let is_new = claim.act.registers();
        let (admission, originator) = match &verdict {
            Verdict::Pass => (Admission::Pass, originator),
            Verdict::PassAs(stem) => (Admission::PassAs(stem.clone()), stem.as_str()),
            Verdict::Refuse { status, text, is_impostor } => {
                if *is_impostor {
                    let stem = self.stem(originator).to_owned();
                    self.tell_impostor(connection, stem);
                }
                return Admission::Refuse(*status, text.clone());
            }
        };
        let stem = self.stem(originator);
        if self.is_of_another(stem, self.slot_of(connection).as_ref()) {
            let stem = stem.to_owned();
            return self.refuse_impostor(connection, &stem);
        }
        if is_new {
            return admission;
        }
        self.speak_for(connection, originator, now).unwrap_or(admission)
    }

    /// Whether other requests of the originator whose request has just passed will pass too, until an event or a new connection
    /// changes something: it is reached over this connection, is trusted, or is forwarded for.
    #[must_use]
    pub fn passes_again(&self, connection: ConnectionId, request: &Request) -> bool {
        let stem = self.stem(request.from.as_deref().unwrap_or_default());
        Act::of(request) == Act::Other && self.entities.get(stem).is_none_or(|entry| entry.route == Some(connection))
    }

    /// The entity for which a connection without an association speaks, as long as that is registered.
    pub(super) fn bound<'a>(&self, carrier: &'a Carrier) -> Option<&'a Arc<str>> {
        carrier.bound.as_ref().filter(|bound| self.binds_plain && self.entities.contains_key(&***bound))
    }

    /// Whether this is an originator that needs no registration, in any form of its identifier.
    pub(super) fn is_trusted(&self, originator: &str) -> bool {
        let stem = self.stem(originator);
        self.trusted.iter().any(|trusted| self.stem(trusted) == stem)
    }
}
