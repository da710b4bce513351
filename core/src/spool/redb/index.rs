//! What is in memory of the file: the registrees and their counts, never a record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::record::Meta;

#[derive(Default)]
pub(super) struct Index {
    /// As the last commit left them.
    pub(super) registrees: HashMap<Arc<str>, Meta>,
    /// Bytes that all of them have.
    pub(super) bytes: u64,
    /// The number of the next registree, if there is one.
    pub(super) next_id: Option<u32>,
    /// Acknowledged, but not yet written so: it does not come again for that.
    pub(super) acknowledged: HashMap<(u32, u64), String>,
    /// To be dropped, likewise.
    pub(super) dropped: HashSet<u32>,
}

/// What a transaction changes of it.
pub(super) struct Changes {
    /// `None`: it is gone.
    pub(super) registrees: HashMap<Arc<str>, Option<Meta>>,
    pub(super) bytes: u64,
    pub(super) next_id: Option<u32>,
}

impl Index {
    pub(super) fn changes(&self) -> Changes {
        Changes { registrees: HashMap::new(), bytes: self.bytes, next_id: self.next_id }
    }

    pub(super) fn apply(&mut self, changes: Changes) {
        (self.bytes, self.next_id) = (changes.bytes, changes.next_id);
        for (name, meta) in changes.registrees {
            match meta {
                Some(meta) => drop(self.registrees.insert(name, meta)),
                None => drop(self.registrees.remove(&name)),
            }
        }
    }

    /// What is known of a registree that is not about to be dropped.
    pub(super) fn get(&self, entity: &str) -> Option<&Meta> {
        self.registrees.get(entity).filter(|meta| !self.dropped.contains(&meta.id))
    }
}
