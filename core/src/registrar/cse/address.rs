//! Addresses of resources and identifiers of entities, brought to one form.
//!
//! Covers: TS-0001 7.2 (identifier formats), 9.3.1 (structured, unstructured and hybrid addresses); TS-0004 6.2.3,
//! 6.2.4. Canonical entity identifiers: `Cxxx` and `Sxxx` for AEs of this CSE, `/cse` for other CSEs, `/cse/Cxxx` for
//! entities behind them.

use super::{
    Cse,
    config::is_name,
    failure::{Checked, Failure, refuse, shown},
    tree::Key,
};
use crate::primitive::{ResourceType, StatusCode};

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
    /// Something at another CSE: its CSE-ID.
    Elsewhere(String),
    /// Nothing.
    Nowhere,
}

impl Cse {
    /// Finds what `to` addresses.
    pub(super) fn locate(&self, to: &str) -> Checked<Target> {
        if to.is_empty() {
            return Err(Failure::bad("to is empty"));
        }
        let (to, absolute) = match to.strip_prefix("//") {
            None => (to, false),
            Some(rest) => {
                let (provider, rest) = rest.split_once('/').unwrap_or((rest, ""));
                if provider != &self.config.sp_id[2..] {
                    return refuse(
                        StatusCode::NOT_FOUND,
                        format!("service provider {} is not known here", shown(provider)),
                    );
                }
                (rest, true)
            }
        };
        if let Some(rest) = if absolute { Some(to) } else { to.strip_prefix('/') } {
            let (cse, rest) = rest.split_once('/').unwrap_or((rest, ""));
            if cse != &self.config.cse_id[1..] {
                // The SP-relative form of an S-type AE-ID (TS-0001 7.2): `/Sxxx`.
                if rest.is_empty()
                    && let Some(key) = self.ae(cse).filter(|_| cse.starts_with('S'))
                {
                    return Ok(Target::Here(key, None));
                }
                return Ok(if is_name(cse) { Target::Elsewhere(format!("/{cse}")) } else { Target::Nowhere });
            }
            if rest.is_empty() {
                return Ok(Target::Here(self.tree.root(), None));
            }
            return Ok(match self.walk(rest) {
                // TS-0020 A.1 addresses a child of the <CSEBase> without the name of the latter.
                Target::Nowhere => self.descend(self.tree.root(), rest.split('/')),
                found => found,
            });
        }
        Ok(self.walk(to))
    }

    /// A CSE-relative address.
    fn walk(&self, path: &str) -> Target {
        let mut segments = path.split('/');
        let first = segments.next().unwrap_or_default();
        let start =
            if first == self.config.cse_name || first == "-" { Some(self.tree.root()) } else { self.tree.by_id(first) };
        start.map_or(Target::Nowhere, |start| self.descend(start, segments))
    }

    fn descend<'a>(&self, mut key: Key, segments: impl Iterator<Item = &'a str>) -> Target {
        let mut segments = segments;
        while let Some(name) = segments.next() {
            let resource = self.tree.get(key);
            if resource.ty == ResourceType::CONTAINER
                && let Some(edge) = edge(name)
            {
                return if segments.next().is_none() { Target::Here(key, Some(edge)) } else { Target::Nowhere };
            }
            match resource.child(name) {
                Some(child) => key = child,
                None => return Target::Nowhere,
            }
        }
        Target::Here(key, None)
    }

    /// The registered AE with this canonical identifier.
    pub(super) fn ae(&self, id: &str) -> Option<Key> {
        self.tree.by_id(id).filter(|&key| self.tree.get(key).ty == ResourceType::AE)
    }

    /// The canonical form of an entity identifier in any of its formats. Text that is no identifier comes back as it is.
    pub(super) fn canonical(&self, id: &str) -> String {
        let relative = match id.strip_prefix("//") {
            None => id,
            Some(rest) => {
                let (provider, entity) = rest.split_once('/').unwrap_or((rest, ""));
                let cse = format!("/{}", entity.split('/').next().unwrap_or_default());
                let known = provider == &self.config.sp_id[2..]
                    || self.remotes.get(&cse).is_some_and(|&key| {
                        // A CSE of another provider that has registered here says which (`spi`).
                        self.tree.get(key).text("spi").and_then(|spi| spi.strip_prefix("//")) == Some(provider)
                    });
                if known && !entity.is_empty() { &id[2 + provider.len()..] } else { return id.to_owned() }
            }
        };
        if let Some(stem) = relative.strip_prefix(self.config.cse_id.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            return stem.to_owned();
        }
        match relative.strip_prefix('/') {
            Some(stem) if stem.starts_with('S') && self.ae(stem).is_some() => stem.to_owned(),
            _ => relative.to_owned(),
        }
    }

    /// An entity identifier as another CSE must see it: SP-relative.
    pub(super) fn sp_relative(&self, id: &str) -> String {
        if id.starts_with('/') {
            id.to_owned()
        } else if id.starts_with('S') {
            format!("/{id}")
        } else {
            format!("{}/{id}", self.config.cse_id)
        }
    }

    /// The registered CSE through which the CSE `csi` is reached: itself, or the one that names it as a descendant.
    pub(super) fn next_hop(&self, csi: &str) -> Option<&str> {
        if let Some((hop, _)) = self.remotes.get_key_value(csi) {
            return Some(hop);
        }
        self.remotes
            .iter()
            .find(|&(_, &key)| self.tree.get(key).texts("dcse").any(|descendant| descendant == csi))
            .map(|(hop, _)| hop.as_str())
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
