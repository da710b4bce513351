//! Who asks, and what they may do.
//!
//! Covers: TS-0001 11.3.4 in the reduced form that [`Access`] describes; TS-0004 7.3.2.2 (an originator that is not
//! registered is refused before the target is looked at, so that nothing is learned about what exists).

use super::{
    Cse,
    config::Access,
    failure::{Checked, Failure, refuse, shown},
    tree::Key,
};
use crate::primitive::{EntityId, Request, ResourceType, StatusCode};

/// What an originator is to this CSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The administrator.
    Admin,
    /// A registered AE.
    Ae,
    /// A registered CSE, the registrar of this CSE, or an entity behind one of them.
    Remote,
    /// A CSE that is not registered.
    UnknownCse,
    /// Anybody else.
    Unknown,
}

/// The originator of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Originator {
    /// `fr` as it came; empty if there is none.
    pub(super) text: String,
    /// Whom that means; `None` if it means nobody, or asks for an identifier.
    pub(super) id: Option<EntityId>,
    pub(super) standing: Standing,
    /// The request came from the registrar of this CSE.
    pub(super) from_registrar: bool,
}

impl Originator {
    /// The entity, which must be one that is registered, or the administrator.
    pub(super) fn known(&self) -> Checked<&EntityId> {
        match (self.standing, &self.id) {
            (Standing::Admin | Standing::Ae | Standing::Remote, Some(id)) => Ok(id),
            _ if self.text.is_empty() => Err(Failure::bad("fr is absent")),
            _ => refuse(
                StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
                format!("originator {} is not registered", shown(&self.text)),
            ),
        }
    }

    /// Whether it may learn that something does not exist. A CSE that registers asks first for the `<remoteCSE>` of
    /// its last life, and must learn that there is none.
    pub(super) fn expect_known_or_cse(&self) -> Checked {
        if self.standing == Standing::UnknownCse { Ok(()) } else { self.known().map(drop) }
    }
}

impl Cse {
    /// Who makes this request, which came from the registrar of this CSE or from anybody else.
    ///
    /// Who is behind the registrar is known by nothing but the way on which a request comes: any identifier may be one of
    /// theirs. So it is believed for those, and for nobody else.
    pub(super) fn originator(&self, request: &Request, from_registrar: bool) -> Originator {
        let text = request.from.clone().unwrap_or_default();
        let id = self.entity(&text).ok();
        let standing = id.as_ref().map_or(Standing::Unknown, |id| self.standing(id, from_registrar));
        Originator { text, id, standing, from_registrar }
    }

    fn standing(&self, id: &EntityId, from_registrar: bool) -> Standing {
        if !from_registrar {
            if *id == self.admin {
                return Standing::Admin;
            }
            if self.aes.contains_key(id) {
                return Standing::Ae;
            }
        }
        let Some(cse) = self.cse_of(id) else { return Standing::Unknown };
        if from_registrar == self.is_beyond_registrar(&cse) && self.next_hop(&cse).is_some() {
            return Standing::Remote;
        }
        let is_cse = cse == *id && cse != self.own && Some(&cse) != self.registrar.as_ref();
        if is_cse && !from_registrar { Standing::UnknownCse } else { Standing::Unknown }
    }

    /// Whether `who` made the resource or anything above it, or is the administrator.
    pub(super) fn owns(&self, who: &Originator, key: Key) -> bool {
        who.standing == Standing::Admin
            || self.tree.ancestry(key).any(|resource| Some(&resource.creator) == who.id.as_ref())
    }

    /// Whether `who` may retrieve, discover and subscribe to the resource. What somebody has asked is not for others to see
    /// (TS-0004 7.3.2.2).
    pub(super) fn may_read(&self, who: &Originator, key: Key) -> bool {
        who.known().is_ok()
            && (self.config.access == Access::Registered && self.tree.get(key).ty != ResourceType::REQUEST
                || self.tree.get(key).ty == ResourceType::CSE_BASE
                || self.owns(who, key))
    }

    pub(super) fn expect_read(&self, who: &Originator, key: Key) -> Checked {
        who.known()?;
        if self.may_read(who, key) {
            return Ok(());
        }
        refuse(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, format!("{} may not retrieve this resource", shown(&who.text)))
    }

    /// Whether `who` may update or delete the resource, or create something below it.
    pub(super) fn expect_change(&self, who: &Originator, key: Key) -> Checked {
        who.known()?;
        if self.owns(who, key) {
            return Ok(());
        }
        refuse(
            StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
            format!("{} may not change this resource: only its creator and the administrator may", shown(&who.text)),
        )
    }
}
