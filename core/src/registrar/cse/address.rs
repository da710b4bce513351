//! What addresses mean in this CSE, and which registered entity an identifier leads to.
//!
//! Covers: TS-0001 7.2 (identifier formats), 9.3.1 (structured, unstructured and hybrid addresses); TS-0004 6.2.3,
//! 6.2.4. How identifiers are written is [`crate::primitive`]'s part.

use serde_json::Value;

use super::{
    Cse,
    failure::{Checked, Failure, refuse, shown},
    tree::Key,
};
use crate::primitive::{Address, AddressForm, EntityId, IdError, ResourceType, StatusCode};

/// A virtual child of a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    /// `la`.
    Latest,
    /// `ol`.
    Oldest,
}

/// What an address means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// A resource here, or the virtual child of it.
    Here(Key, Option<Edge>),
    /// Something at another CSE.
    Elsewhere(EntityId),
    /// Nothing. The nearest resource above it that is there.
    Nowhere(Key),
}

/// Whom a notification goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Recipient {
    /// Who gets it: the entity itself, or the CSE on the way to it.
    pub(super) entity: EntityId,
    /// Its `<AE>` or `<remoteCSE>`.
    pub(super) key: Key,
    /// The entity that is meant.
    pub(super) id: EntityId,
    /// `to`.
    pub(super) to: String,
}

impl Cse {
    /// Finds what `to` addresses. A fragment is not looked at.
    pub(super) fn locate(&self, to: &str) -> Checked<Target> {
        let address = Address::parse(to).map_err(|error| Failure::bad(format!("to: {error}")))?;
        let path = address.path().split('#').next().unwrap_or_default();
        if address.form() == AddressForm::CseRelative {
            return Ok(self.walk(path));
        }
        if let Some(provider) = address.sp_id()
            && !provider.eq_ignore_ascii_case(self.sp_id.domain())
        {
            // The IN-CSE knows other service providers (Mcc'), and the way to it begins with the registrar.
            if let Some(registrar) = &self.registrar {
                return Ok(Target::Elsewhere(registrar.clone()));
            }
            return refuse(StatusCode::NOT_FOUND, format!("service provider {} is not known here", shown(provider)));
        }
        let Some(cse) = address.cse_id() else { return Ok(Target::Nowhere(self.tree.root())) };
        if cse != self.cse_id.name() {
            if path.is_empty() && cse.starts_with('S') {
                // The SP-relative form of an S-type AE-ID.
                if let Some(key) = self.tree.by_id(cse).filter(|&key| self.tree.get(key).ty == ResourceType::AE) {
                    return Ok(Target::Here(key, None));
                }
            }
            return Ok(self.entity(&format!("/{cse}")).map_or(Target::Nowhere(self.tree.root()), Target::Elsewhere));
        }
        if path.is_empty() {
            return Ok(Target::Here(self.tree.root(), None));
        }
        Ok(match self.walk(path) {
            // TS-0020 A.1 addresses a child of the <CSEBase> without the name of the latter.
            Target::Nowhere(near) => match self.descend(self.tree.root(), path.split('/')) {
                Target::Nowhere(root) if root == self.tree.root() => Target::Nowhere(near),
                found => found,
            },
            found => found,
        })
    }

    /// A CSE-relative address.
    fn walk(&self, path: &str) -> Target {
        let mut segments = path.split('/');
        let first = segments.next().unwrap_or_default();
        let start =
            if first == self.config.cse_name || first == "-" { Some(self.tree.root()) } else { self.tree.by_id(first) };
        start.map_or(Target::Nowhere(self.tree.root()), |start| self.descend(start, segments))
    }

    fn descend<'a>(&self, mut key: Key, mut segments: impl Iterator<Item = &'a str>) -> Target {
        while let Some(name) = segments.next() {
            let resource = self.tree.get(key);
            if resource.ty == ResourceType::CONTAINER
                && let Some(edge) = edge(name)
            {
                return if segments.next().is_none() { Target::Here(key, Some(edge)) } else { Target::Nowhere(key) };
            }
            match resource.child(name) {
                Some(child) => key = child,
                None => return Target::Nowhere(key),
            }
        }
        Target::Here(key, None)
    }

    /// The entity that an identifier in any form names.
    ///
    /// A CSE of another service provider is known by its `/cse` here; it says in `spi` which provider is its own, and
    /// may then use its absolute form too.
    pub(super) fn entity(&self, text: &str) -> Result<EntityId, IdError> {
        let entity = EntityId::from_originator(text, &self.sp_id, &self.cse_id)?;
        let address = Address::parse(text)?;
        if let (Some(provider), Some(cse)) = (address.sp_id(), address.cse_id())
            && provider != self.sp_id.domain()
            && let Ok(here) = EntityId::from_originator(&format!("/{cse}"), &self.sp_id, &self.cse_id)
            && let Some(&key) = self.remotes.get(&here)
            && self.tree.get(key).text("spi").and_then(|spi| spi.strip_prefix("//")) == Some(provider)
        {
            let relative = &text[2 + provider.len()..];
            return EntityId::from_originator(relative, &self.sp_id, &self.cse_id);
        }
        Ok(entity)
    }

    /// An entity in the shortest form that means the same here: `Cxxx`, `Sxxx`, `/cse`, `/cse/Cxxx`.
    pub(super) fn short(&self, entity: &EntityId) -> String {
        if let Some(&key) = self.aes.get(entity) {
            return self.tree.get(key).ri.clone();
        }
        let relative = self.sp_relative(entity);
        match relative.strip_prefix(self.cse_id.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            Some(stem) => stem.to_owned(),
            None => relative,
        }
    }

    /// An entity as another CSE must see it: SP-relative, or absolute if it is of another service provider.
    pub(super) fn sp_relative(&self, entity: &EntityId) -> String {
        let text = entity.as_str();
        match text.strip_prefix(self.sp_id.as_str()) {
            Some(relative) if relative.starts_with('/') => relative.to_owned(),
            _ => text.to_owned(),
        }
    }

    /// The CSE that an entity is, or is registered to; `None` for an AE with an S-type AE-ID.
    pub(super) fn cse_of(&self, entity: &EntityId) -> Option<EntityId> {
        let relative = self.sp_relative(entity);
        let cse = relative.strip_prefix('/').filter(|rest| !rest.starts_with('/'))?.split('/').next()?;
        self.entity(&format!("/{cse}")).ok()
    }

    /// Refuses if the entity of this `<AE>` or `<remoteCSE>` has declared that it takes no requests (`rr`; WS-6.1-3).
    pub(super) fn expect_reachable(&self, key: Key, status: StatusCode) -> Checked {
        let resource = self.tree.get(key);
        if resource.attributes.get("rr") == Some(&Value::Bool(false)) {
            return refuse(status, format!("{} does not take requests (its rr is false)", shown(&resource.rn)));
        }
        Ok(())
    }

    /// Whom an entry of `nu`, or `su`, means.
    pub(super) fn recipient(&self, text: &str) -> Checked<Recipient> {
        if text.contains("://") {
            return refuse(
                StatusCode::NOT_IMPLEMENTED,
                format!("{}: this CSE notifies registered entities only, not URLs", shown(text)),
            );
        }
        let unknown = || {
            Failure::new(
                StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED,
                format!("{} is neither an entity nor the <AE> of one that is registered here", shown(text)),
            )
        };
        match self.locate(text).map_err(|_| unknown())? {
            Target::Here(key, None) if matches!(self.tree.get(key).ty, ResourceType::AE | ResourceType::REMOTE_CSE) => {
                let entity = self.tree.get(key).creator.clone();
                Ok(Recipient { to: self.short(&entity), id: entity.clone(), entity, key })
            }
            Target::Elsewhere(cse) => {
                let (hop, key) = self.next_hop(&cse).ok_or_else(unknown)?;
                let id = self.entity(text).unwrap_or(cse.clone());
                Ok(Recipient { entity: hop.clone(), key, id, to: text.to_owned() })
            }
            _ => Err(unknown()),
        }
    }
}

/// The virtual child of this name.
pub(super) fn edge(name: &str) -> Option<Edge> {
    match name {
        "la" => Some(Edge::Latest),
        "ol" => Some(Edge::Oldest),
        _ => None,
    }
}
