//! The resources of the CSE: a tree in a slab, with the indexes that keep each request independent of its size.
//!
//! By identifier, by name below a parent, contentInstances of a container in order, and by the moment at which a
//! resource ceases to be. Keys are valid until the resource is removed; nothing outside one request keeps a key (what
//! must wait keeps the resource identifier). Where a store keeps the resources, those that have changed are noted; how one is
//! written is [`super::keeping`]'s part.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::SystemTime,
};

use serde_json::{Map, Value};
use slab::Slab;

use super::{policy::Policy, schedule::schedule_of};
use crate::{
    binding::Schedule,
    primitive::{EntityId, ResourceType},
};

pub(super) type Key = usize;

/// One resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) ty: ResourceType,
    pub(super) ri: String,
    pub(super) rn: String,
    pub(super) parent: Option<Key>,
    /// Levels below the `<CSEBase>`.
    pub(super) depth: usize,
    /// Everything that a RETRIEVE shows, in the order in which it is shown.
    pub(super) attributes: Map<String, Value>,
    /// The entity that made it, whether or not there is a `cr`.
    pub(super) creator: EntityId,
    pub(super) created: SystemTime,
    pub(super) modified: SystemTime,
    /// When it ceases to be (`et`, and for a contentInstance `mia` of its container).
    pub(super) due: Option<SystemTime>,
    bytes: u64,
    /// Its place among all resources, in the order of their creation.
    pub(super) sequence: u64,
    names: HashMap<String, Key>,
    instances: BTreeMap<u64, Key>,
    others: BTreeMap<u64, Key>,
    subscriptions: Vec<Key>,
    /// What its child `<schedule>` says; `None`: it has none.
    pub(super) schedule: Option<Schedule>,
    /// What it says if it is an `<accessControlPolicy>`.
    pub(super) policy: Option<Box<Policy>>,
    /// It has an `acpi`.
    pub(super) has_acpi: bool,
}

impl Resource {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.attributes.get(name)?.as_u64()
    }

    /// The texts of a list attribute.
    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.attributes.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Subscriptions directly below.
    pub(super) fn subscriptions(&self) -> &[Key] {
        &self.subscriptions
    }

    /// contentInstances, oldest first.
    pub(super) fn instances(&self) -> impl DoubleEndedIterator<Item = Key> + '_ {
        self.instances.values().copied()
    }

    pub(super) fn instance_count(&self) -> usize {
        self.instances.len()
    }

    /// All children: contentInstances last, otherwise in the order of their creation.
    pub(super) fn children(&self) -> impl Iterator<Item = Key> + '_ {
        self.others.values().chain(self.instances.values()).copied()
    }

    pub(super) fn child(&self, name: &str) -> Option<Key> {
        self.names.get(name).copied()
    }

    /// Whether it says by itself who may do what.
    fn is_ruled(&self) -> bool {
        self.has_acpi || self.ty == ResourceType::ACCESS_CONTROL_POLICY
    }
}

/// What a new resource is made of.
pub(super) struct Seed {
    pub(super) ty: ResourceType,
    pub(super) ri: String,
    pub(super) rn: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) creator: EntityId,
    pub(super) created: SystemTime,
    pub(super) due: Option<SystemTime>,
}

/// All resources of a CSE.
#[derive(Debug)]
pub(super) struct Tree {
    resources: Slab<Resource>,
    ids: HashMap<String, Key>,
    due: BTreeSet<(SystemTime, Key)>,
    sequence: u64,
    bytes: u64,
    requests: usize,
    /// How many have an access rule of their own.
    ruled: usize,
    root: Key,
    /// Identifiers of the resources that were made, changed or removed since they were last taken, if somebody takes them.
    changed: Option<HashSet<String>>,
}

impl Tree {
    /// A tree of this root.
    pub(super) fn new(root: Seed) -> Self {
        let mut tree = Self {
            resources: Slab::new(),
            ids: HashMap::new(),
            due: BTreeSet::new(),
            sequence: 0,
            bytes: 0,
            requests: 0,
            ruled: 0,
            root: 0,
            changed: None,
        };
        tree.root = tree.put(None, root);
        tree
    }

    /// From now on, what has changed is noted. The root has, since it is made anew at every start.
    pub(super) fn note_changes(&mut self) {
        self.changed = Some(HashSet::new());
        self.note(self.root);
    }

    /// The identifiers of what has changed since the last call: resources that are there, or are not any more.
    pub(super) fn take_changed(&mut self) -> HashSet<String> {
        self.changed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn has_changed(&self) -> bool {
        self.changed.as_ref().is_some_and(|changed| !changed.is_empty())
    }

    /// These have changed still: what was taken of them could not be kept.
    pub(super) fn note_again(&mut self, identifiers: impl IntoIterator<Item = String>) {
        if let Some(changed) = &mut self.changed {
            changed.extend(identifiers);
        }
    }

    fn note(&mut self, key: Key) {
        if let Some(changed) = &mut self.changed
            && !changed.contains(&self.resources[key].ri)
        {
            changed.insert(self.resources[key].ri.clone());
        }
    }

    pub(super) const fn root(&self) -> Key {
        self.root
    }

    pub(super) fn len(&self) -> usize {
        self.resources.len()
    }

    /// Bytes of all attributes, about.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of them are `<request>`s.
    pub(super) const fn requests(&self) -> usize {
        self.requests
    }

    /// Whether there is any `<accessControlPolicy>` or `acpi`.
    pub(super) const fn has_policies(&self) -> bool {
        self.ruled > 0
    }

    pub(super) fn get(&self, key: Key) -> &Resource {
        &self.resources[key]
    }

    /// For attributes, `modified` and `policy`; [`Tree::resized`] afterwards if an attribute has grown or shrunk.
    pub(super) fn get_mut(&mut self, key: Key) -> &mut Resource {
        self.note(key);
        &mut self.resources[key]
    }

    pub(super) fn by_id(&self, ri: &str) -> Option<Key> {
        self.ids.get(ri).copied()
    }

    /// Adds a resource below `parent`. The caller has checked that the identifier and the name are free.
    pub(super) fn insert(&mut self, parent: Key, seed: Seed) -> Key {
        self.put(Some(parent), seed)
    }

    /// Adds a resource that has this place in the order of their creation; it comes after all that are there.
    pub(super) fn insert_again(&mut self, parent: Key, seed: Seed, sequence: u64, modified: SystemTime) -> Key {
        self.sequence = self.sequence.max(sequence.saturating_sub(1));
        let key = self.put(Some(parent), seed);
        self.resources[key].modified = modified;
        key
    }

    fn put(&mut self, parent: Option<Key>, seed: Seed) -> Key {
        self.sequence += 1;
        let sequence = self.sequence;
        let bytes = weight(&seed.attributes);
        let has_acpi = seed.attributes.contains_key("acpi");
        let schedule = (seed.ty == ResourceType::SCHEDULE).then(|| schedule_of(&seed.attributes).ok()).flatten();
        let depth = parent.map_or(0, |parent| self.get(parent).depth + 1);
        let key = self.resources.insert(Resource {
            ty: seed.ty,
            ri: seed.ri.clone(),
            rn: seed.rn.clone(),
            parent,
            depth,
            attributes: seed.attributes,
            creator: seed.creator,
            created: seed.created,
            modified: seed.created,
            due: seed.due,
            bytes,
            sequence,
            names: HashMap::new(),
            instances: BTreeMap::new(),
            others: BTreeMap::new(),
            subscriptions: Vec::new(),
            schedule: None,
            policy: None,
            has_acpi,
        });
        self.bytes += bytes;
        self.ruled += usize::from(self.resources[key].is_ruled());
        self.requests += usize::from(seed.ty == ResourceType::REQUEST);
        self.ids.insert(seed.ri, key);
        if let Some(due) = seed.due {
            self.due.insert((due, key));
        }
        if let Some(parent) = parent {
            let ty = seed.ty;
            let parent = &mut self.resources[parent];
            parent.names.insert(seed.rn, key);
            if ty == ResourceType::CONTENT_INSTANCE {
                parent.instances.insert(sequence, key);
            } else {
                parent.others.insert(sequence, key);
            }
            if ty == ResourceType::SUBSCRIPTION {
                parent.subscriptions.push(key);
            }
            if ty == ResourceType::SCHEDULE {
                parent.schedule = schedule;
            }
        }
        self.note(key);
        key
    }

    /// Removes a resource that has no children, and gives it back.
    pub(super) fn remove_leaf(&mut self, key: Key) -> Resource {
        self.note(key);
        let resource = self.resources.remove(key);
        debug_assert!(resource.names.is_empty(), "only leaves are removed");
        self.bytes -= resource.bytes;
        self.ruled -= usize::from(resource.is_ruled());
        self.requests -= usize::from(resource.ty == ResourceType::REQUEST);
        self.ids.remove(&resource.ri);
        if let Some(due) = resource.due {
            self.due.remove(&(due, key));
        }
        if let Some(parent) = resource.parent {
            let parent = &mut self.resources[parent];
            parent.names.remove(&resource.rn);
            parent.instances.remove(&resource.sequence);
            parent.others.remove(&resource.sequence);
            if resource.ty == ResourceType::SUBSCRIPTION {
                parent.subscriptions.retain(|&subscription| subscription != key);
            }
            if resource.ty == ResourceType::SCHEDULE {
                parent.schedule = None;
            }
        }
        resource
    }

    /// `key` and all below it, children before their parents.
    pub(super) fn leaves_first(&self, key: Key) -> Vec<Key> {
        let mut found = vec![key];
        let mut next = 0;
        while let Some(&key) = found.get(next) {
            found.extend(self.get(key).children());
            next += 1;
        }
        found.reverse();
        found
    }

    /// Counts the attributes of `key` anew.
    pub(super) fn resized(&mut self, key: Key) {
        let resource = &mut self.resources[key];
        self.ruled -= usize::from(resource.is_ruled());
        resource.has_acpi = resource.attributes.contains_key("acpi");
        self.ruled += usize::from(resource.is_ruled());
        let bytes = weight(&resource.attributes);
        self.bytes = self.bytes - resource.bytes + bytes;
        resource.bytes = bytes;
    }

    /// Sets when `key` ceases to be.
    pub(super) fn set_due(&mut self, key: Key, due: Option<SystemTime>) {
        self.note(key);
        let before = std::mem::replace(&mut self.resources[key].due, due);
        if let Some(before) = before {
            self.due.remove(&(before, key));
        }
        if let Some(due) = due {
            self.due.insert((due, key));
        }
    }

    /// The resource that ceases to be first, and when.
    pub(super) fn first_due(&self) -> Option<(SystemTime, Key)> {
        self.due.first().copied()
    }

    /// The key and its ancestors, up to the root.
    pub(super) fn ancestry(&self, key: Key) -> impl Iterator<Item = &Resource> {
        std::iter::successors(Some(self.get(key)), |resource| resource.parent.map(|parent| self.get(parent)))
    }

    /// The structured CSE-relative address.
    pub(super) fn path(&self, key: Key) -> String {
        let mut names: Vec<&str> = self.ancestry(key).map(|resource| resource.rn.as_str()).collect();
        names.reverse();
        names.join("/")
    }
}

/// About the bytes that attributes take: names, texts and 16 for everything else.
pub(super) fn weight(attributes: &Map<String, Value>) -> u64 {
    attributes.iter().map(|(name, value)| name.len() as u64 + value_weight(value)).sum()
}

fn value_weight(value: &Value) -> u64 {
    16 + match value {
        Value::String(text) => text.len() as u64,
        Value::Array(list) => list.iter().map(value_weight).sum(),
        Value::Object(members) => weight(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
