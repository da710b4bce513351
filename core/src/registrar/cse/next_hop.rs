//! Through whom another CSE is reached: a CSE that is registered here, or the registrar of this CSE.
//!
//! Covers: TS-0001 6.1 (an MN-CSE below its registrar), 10.1 (retargeting), 10.2.2.7 (the registree has a `<remoteCSE>` of its
//! registrar too); row WS-5.2-2. That `<remoteCSE>` is there from the beginning, since who the registrar is is a setting; it
//! cannot be deleted. What it does not do: register this CSE there.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::{
    Cse, Outcome,
    config::CseConfig,
    schema,
    tree::{Key, Seed},
};
use crate::primitive::{CseType, EntityId, Request, ResourceType, format_timestamp};

impl Cse {
    /// Carries out a request that came from the registrar of this CSE: of the registrar, or of an entity behind it.
    ///
    /// Otherwise as [`Cse::handle`].
    pub fn handle_from_registrar(&mut self, now: SystemTime, request: &Request) -> Outcome {
        self.take(now, request, true)
    }

    /// The registrar of this CSE, if it has one.
    #[must_use]
    pub const fn registrar(&self) -> Option<&EntityId> {
        self.registrar.as_ref()
    }

    /// The CSEs that are reached through this one (`dcse`): those registered here, and those behind them.
    #[must_use]
    pub fn descendants(&self) -> Vec<String> {
        let below = self.remotes.iter().filter(|&(entity, _)| Some(entity) != self.registrar.as_ref());
        let mut all: Vec<String> = below
            .flat_map(|(entity, &key)| {
                let behind = self.tree.get(key).texts("dcse").map(str::to_owned);
                behind.chain([self.sp_relative(entity)])
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Notes what the registrar tells of itself: attributes of its `<CSEBase>` that a `<remoteCSE>` has too.
    pub fn note_registrar(&mut self, now: SystemTime, base: &Map<String, Value>) {
        let Some(&key) = self.registrar.as_ref().and_then(|registrar| self.remotes.get(registrar)) else { return };
        let attributes = &mut self.tree.get_mut(key).attributes;
        let before = attributes.clone();
        for name in ["cst", "poa", "csz", "srv"] {
            let told = base.get(name).filter(|value| schema::fits(ResourceType::REMOTE_CSE, name, value));
            attributes.extend(told.map(|value| (name.to_owned(), value.clone())));
        }
        if let Some(name) = base.get("rn").and_then(Value::as_str) {
            attributes.insert("cb".to_owned(), json!(format!("{}/{name}", self.config.registrar)));
        }
        if *attributes != before {
            attributes.insert("lt".to_owned(), json!(format_timestamp(now)));
            self.tree.get_mut(key).modified = now;
            self.tree.resized(key);
        }
    }

    /// Whether this is the `<remoteCSE>` of the registrar.
    pub(super) fn is_of_registrar(&self, key: Key) -> bool {
        self.registrar.as_ref().is_some_and(|registrar| self.remotes.get(registrar) == Some(&key))
    }

    /// Whether the way to a CSE leads through the registrar.
    pub(super) fn is_beyond_registrar(&self, cse: &EntityId) -> bool {
        self.registrar.is_some() && self.next_hop(cse).map(|(hop, _)| hop) == self.registrar.as_ref()
    }

    /// The CSE to which requests for another CSE go: one that is registered here, or the registrar.
    pub(super) fn next_hop(&self, cse: &EntityId) -> Option<(&EntityId, Key)> {
        self.registered_hop(cse).or_else(|| {
            let registrar = self.registrar.as_ref().filter(|_| *cse != self.own)?;
            self.remotes.get_key_value(registrar).map(|(hop, &key)| (hop, key))
        })
    }

    /// The registered CSE through which another CSE is reached: itself, or the one that names it as a descendant.
    fn registered_hop(&self, cse: &EntityId) -> Option<(&EntityId, Key)> {
        self.remotes
            .get_key_value(cse)
            .or_else(|| {
                self.remotes.iter().find(|&(_, &key)| {
                    self.tree.get(key).texts("dcse").any(|descendant| self.entity(descendant).as_ref() == Ok(cse))
                })
            })
            .map(|(hop, &key)| (hop, key))
    }
}

/// Whether this is the identifier of the `<remoteCSE>` of some registrar: those of others have no hyphen there.
pub(super) fn is_of_a_registrar(ri: &str) -> bool {
    ri.starts_with("csr-")
}

/// The `<remoteCSE>` of the registrar (TS-0004 7.4.4).
pub(super) fn of_registrar(config: &CseConfig, registrar: &EntityId, now: SystemTime) -> Seed {
    let time = format_timestamp(now);
    let name = config.registrar.trim_start_matches('/');
    // The same one after a restart.
    let ri = format!("csr-{name}");
    let mut attributes = Map::new();
    for (name, value) in [
        ("rn", json!(name)),
        ("ty", json!(ResourceType::REMOTE_CSE.code())),
        ("ri", json!(ri)),
        ("pi", json!(&config.cse_id[1..])),
        ("ct", json!(time)),
        ("lt", json!(time)),
        ("cst", json!(CseType::IN_CSE.code())),
        ("csi", json!(config.registrar)),
        ("cb", json!(format!("{}/-", config.registrar))),
        ("rr", json!(true)),
    ] {
        attributes.insert(name.to_owned(), value);
    }
    Seed {
        ty: ResourceType::REMOTE_CSE,
        ri,
        rn: name.to_owned(),
        attributes,
        creator: registrar.clone(),
        created: now,
        due: None,
    }
}
