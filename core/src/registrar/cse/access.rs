//! Who asks, and what they may do.
//!
//! Covers: TS-0001 11.3.4 in the reduced form that [`Access`] describes; TS-0004 7.3.2.2 (an originator that is not
//! registered is refused before the target is looked at, so that nothing is learned about what exists).

use super::{
    Cse,
    config::Access,
    failure::{Checked, refuse, shown},
    tree::Key,
};
use crate::primitive::{Request, ResourceType, StatusCode};

/// What an originator is to this CSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The administrator.
    Admin,
    /// A registered AE.
    Ae,
    /// A registered CSE, or an entity behind one.
    Remote,
    /// A CSE that is not registered.
    UnknownCse,
    /// Anybody else.
    Unknown,
}

/// The originator of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Originator {
    /// Canonical identifier; empty if the request has none.
    pub(super) id: String,
    pub(super) standing: Standing,
}

impl Originator {
    pub(super) fn expect_known(&self) -> Checked {
        match self.standing {
            Standing::Admin | Standing::Ae | Standing::Remote => Ok(()),
            Standing::UnknownCse | Standing::Unknown => refuse(
                StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
                format!("originator {} is not registered", shown(&self.id)),
            ),
        }
    }

    /// As [`Originator::expect_known`], but a CSE that registers asks first for the `<remoteCSE>` of its last life, and
    /// must learn that there is none.
    pub(super) fn expect_known_or_cse(&self) -> Checked {
        if self.standing == Standing::UnknownCse { Ok(()) } else { self.expect_known() }
    }
}

impl Cse {
    /// Who makes this request.
    pub(super) fn originator(&self, request: &Request) -> Checked<Originator> {
        let from = request.from.as_deref().unwrap_or_default();
        if from.len() > 4 * self.config.limits.name_bytes {
            return refuse(StatusCode::BAD_REQUEST, "fr is too long");
        }
        let id = self.canonical(from);
        let standing = if id == self.config.admin {
            Standing::Admin
        } else if self.ae(&id).is_some() {
            Standing::Ae
        } else if let Some(rest) = id.strip_prefix('/') {
            let cse = rest.split('/').next().unwrap_or_default();
            if self.next_hop(&format!("/{cse}")).is_some() {
                Standing::Remote
            } else if rest == cse && !cse.is_empty() && id != self.config.cse_id {
                Standing::UnknownCse
            } else {
                Standing::Unknown
            }
        } else {
            Standing::Unknown
        };
        Ok(Originator { id, standing })
    }

    /// Whether `who` made the resource or anything above it, or is the administrator.
    pub(super) fn owns(&self, who: &Originator, key: Key) -> bool {
        who.standing == Standing::Admin || self.tree.ancestry(key).any(|resource| resource.creator == who.id)
    }

    /// Whether `who` may retrieve, discover and subscribe to the resource.
    pub(super) fn may_read(&self, who: &Originator, key: Key) -> bool {
        who.expect_known().is_ok()
            && (self.config.access == Access::Registered
                || self.tree.get(key).ty == ResourceType::CSE_BASE
                || self.owns(who, key))
    }

    pub(super) fn expect_read(&self, who: &Originator, key: Key) -> Checked {
        who.expect_known()?;
        if self.may_read(who, key) {
            return Ok(());
        }
        refuse(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, format!("{} may not retrieve this resource", shown(&who.id)))
    }

    /// Whether `who` may update or delete the resource, or create something below it.
    pub(super) fn expect_change(&self, who: &Originator, key: Key) -> Checked {
        who.expect_known()?;
        if self.owns(who, key) {
            return Ok(());
        }
        refuse(
            StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
            format!("{} may not change this resource: only its creator and the administrator may", shown(&who.id)),
        )
    }
}
