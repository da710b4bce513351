//! CREATE.
//!
//! Covers: TS-0004 7.3.3.3 to 7.3.3.5, 7.4.6.2.1 (container), 7.4.7.2.1 (contentInstance); TS-0001 10.1.1, 10.2.4.
//! Registrations are completed in [`super::registration`], subscriptions in [`super::subscription`].

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::{
    Answer, Call, Cse, Effect,
    access::Originator,
    address::{Edge, edge},
    failure::{Checked, Failure, refuse, shown},
    notification::{Event, Subject},
    result::Shape,
    schema::{Schema, schema},
    tree::{Key, Seed, weight},
};
use crate::primitive::{
    Address, EntityId, NotificationEventType, Request, ResourceType, Response, StatusCode, format_timestamp,
    parse_timestamp,
};

/// A resource about to be made: checked, but not yet in the tree.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) schema: &'static Schema,
    pub(super) parent: Key,
    pub(super) ri: String,
    pub(super) given: Map<String, Value>,
    /// Set by the time the resource is made.
    pub(super) creator: Option<EntityId>,
    pub(super) shape: Shape,
}

impl Cse {
    pub(super) fn create(
        &mut self,
        call: &Call<'_>,
        parent: Key,
        edge: Option<Edge>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        let ty = call.request.resource_type.unwrap_or(ResourceType(0));
        let schema = hosted(ty)?;
        if edge.is_some() || matches!(ty, ResourceType::CSE_BASE | ResourceType::REQUEST) {
            return refuse(StatusCode::OPERATION_NOT_ALLOWED, "nothing can be created there");
        }
        self.expect_child_type(parent, schema)?;
        let shape = Shape::for_create(call.request)?;
        let given = self.representation(call.request, schema)?;
        schema.check_create(&given, is_before_release_3(call.request))?;
        if let Some(name) = given.get("rn").and_then(Value::as_str) {
            self.expect_free_name(parent, name)?;
        }
        self.life(&given, call.now)?;

        let creator = call.originator.id.clone();
        let mut draft = Draft { schema, parent, ri: String::new(), given, creator, shape };
        match ty {
            ResourceType::AE => self.prepare_ae(call, &mut draft)?,
            ResourceType::REMOTE_CSE => self.prepare_remote_cse(call, &mut draft)?,
            ResourceType::SCHEDULE => {
                self.check_new_schedule(parent, &draft.given)?;
                draft.ri = self.new_id(schema.prefix);
            }
            ResourceType::SUBSCRIPTION => {
                self.check_subscription(&draft.given)?;
                // Before anybody is asked.
                self.link_draft(&call.originator, &mut draft)?;
                self.expect_capacity(parent, ty, weight(&draft.given), &[])?;
                match &call.resumed {
                    Some(ri) => draft.ri.clone_from(ri),
                    None => {
                        draft.ri = self.new_id(schema.prefix);
                        let targets = self.targets_to_ask(&call.originator, &draft.given, |_| false)?;
                        if !targets.is_empty() {
                            let creator = call.originator.known()?;
                            return self.ask(call, &draft.ri, creator, targets, effects);
                        }
                    }
                }
            }
            _ => draft.ri = self.new_id(schema.prefix),
        }
        self.link_draft(&call.originator, &mut draft)?;
        self.finish(call.now, draft, effects).map(Answer::Response)
    }

    /// Finds the policies that the draft names, for its creator.
    fn link_draft(&self, who: &Originator, draft: &mut Draft) -> Checked {
        let Some(named) = who.abroad.as_ref().or(draft.creator.as_ref()) else { return Ok(()) };
        self.link_policies(who, named, &mut draft.given)
    }

    /// Puts a draft into the tree and says so.
    fn finish(&mut self, now: SystemTime, draft: Draft, effects: &mut Vec<Effect>) -> Checked<Response> {
        let Draft { schema, parent, ri, given, creator, shape } = draft;
        let Some(creator) = creator else { return Err(Failure::bad("fr is absent")) };
        let mut attributes = Map::with_capacity(given.len() + 12);
        let unnamed = self.fixed_name(parent, schema.ty).unwrap_or(&ri);
        let rn = given.get("rn").and_then(Value::as_str).unwrap_or(unnamed).to_owned();
        let time = format_timestamp(now);
        let (et, mut due) = match self.life(&given, now)? {
            Some(life) => life,
            None => self.default_life(parent, now),
        };
        for (name, value) in [
            ("rn", json!(rn)),
            ("ty", json!(schema.ty.code())),
            ("ri", json!(ri)),
            ("pi", json!(self.tree.get(parent).ri)),
            ("ct", json!(time)),
            ("lt", json!(time)),
            ("et", json!(et)),
        ] {
            attributes.insert(name.to_owned(), value);
        }
        // All that the originator gave is kept as it came, but for `cr`, which it asked for, and `acpi`, which is written anew.
        let known: Vec<String> =
            given.keys().filter(|name| !["cr", "acpi"].contains(&name.as_str())).cloned().collect();
        for (name, value) in given {
            attributes.entry(name).or_insert(value);
        }
        if attributes.contains_key("cr") {
            attributes.insert("cr".to_owned(), json!(self.short(&creator)));
        }

        let policy = self.policy_of(schema.ty, &attributes)?;
        let mut evicted = Vec::new();
        match schema.ty {
            ResourceType::AE => {
                attributes.insert("aei".to_owned(), json!(ri));
            }
            ResourceType::CONTAINER => {
                for counter in ["st", "cni", "cbs"] {
                    attributes.insert(counter.to_owned(), json!(0));
                }
            }
            ResourceType::CONTENT_INSTANCE => {
                let size = attributes.get("con").map_or(0, size_of);
                let container = self.tree.get(parent);
                let state = container.number("st").unwrap_or(0).saturating_add(1);
                attributes.insert("cs".to_owned(), json!(size));
                attributes.insert("st".to_owned(), json!(state));
                due = earliest(due, aged(now, container.number("mia")));
                evicted = self.make_room(parent, size)?;
            }
            _ => {}
        }
        self.expect_capacity(parent, schema.ty, weight(&attributes), &evicted)?;

        for old in evicted {
            self.remove(now, old, effects);
        }
        let key = self.tree.insert(
            parent,
            Seed { ty: schema.ty, ri: ri.clone(), rn, attributes, creator: creator.clone(), created: now, due },
        );
        match schema.ty {
            ResourceType::ACCESS_CONTROL_POLICY => self.tree.get_mut(key).policy = policy,
            ResourceType::CONTENT_INSTANCE => self.count_instance(now, parent, key),
            ResourceType::AE => {
                self.aes.insert(creator.clone(), key);
                effects.push(Effect::Registered { entity: creator });
            }
            ResourceType::REMOTE_CSE => {
                self.remotes.insert(creator.clone(), key);
                effects.push(Effect::Registered { entity: creator });
            }
            ResourceType::SCHEDULE => self.tell_schedule(parent, effects),
            _ => {}
        }
        let response = self.shaped(StatusCode::CREATED, shape, key, |made| {
            let unknown = made.attributes.iter().filter(|(name, _)| !known.contains(name));
            unknown.map(|(name, value)| (name.clone(), value.clone())).collect()
        });
        // Last: telling may use up subscriptions, and one of them may be the new resource.
        let kind = NotificationEventType::CREATE_OF_DIRECT_CHILD_RESOURCE;
        self.notify(now, parent, Event { kind, subject: Subject::Here(key), modified: None }, effects);
        Ok(response)
    }

    /// Whether a resource of this type may be a child of `parent`.
    pub(super) fn expect_child_type(&self, parent: Key, child: &Schema) -> Checked {
        let parent = self.tree.get(parent);
        if schema(parent.ty).is_some_and(|parent| parent.children.contains(&child.ty)) {
            return Ok(());
        }
        if child.ty == ResourceType::SUBSCRIPTION {
            return refuse(
                StatusCode::TARGET_NOT_SUBSCRIBABLE,
                format!("a resource of type {} cannot be subscribed to", parent.ty),
            );
        }
        refuse(
            StatusCode::INVALID_CHILD_RESOURCE_TYPE,
            format!("a resource of type {} cannot be a child of one of type {}", child.ty, parent.ty),
        )
    }

    pub(super) fn expect_free_name(&self, parent: Key, name: &str) -> Checked {
        if name.len() > self.config.limits.name_bytes {
            return Err(Failure::bad(format!("rn has more than {} bytes", self.config.limits.name_bytes)));
        }
        if !is_name(name) {
            return Err(Failure::bad(format!("rn {} is no name: unreserved characters only", shown(name))));
        }
        let parent = self.tree.get(parent);
        if parent.ty == ResourceType::CONTAINER && edge(name).is_some() {
            return refuse(StatusCode::CONFLICT, format!("rn {name:?} is the name of a virtual resource"));
        }
        if parent.child(name).is_some() {
            return refuse(StatusCode::CONFLICT, format!("there is a child {} already", shown(name)));
        }
        Ok(())
    }

    /// `et` as given: its text and the moment.
    pub(super) fn life(
        &self,
        given: &Map<String, Value>,
        now: SystemTime,
    ) -> Checked<Option<(String, Option<SystemTime>)>> {
        let Some(text) = given.get("et").and_then(Value::as_str) else { return Ok(None) };
        match parse_timestamp(text) {
            Some(at) if at > now => Ok(Some((text.to_owned(), Some(at)))),
            Some(_) => Err(Failure::bad("et has passed")),
            None => Err(Failure::bad("et is no timestamp")),
        }
    }

    /// The expiration time of a resource whose creator gave none: that of the parent if it ends sooner.
    pub(super) fn default_life(&self, parent: Key, now: SystemTime) -> (String, Option<SystemTime>) {
        let own = now.checked_add(self.config.default_expiration);
        let parents = self.tree.get(parent).text("et").and_then(parse_timestamp);
        let at = earliest(own, parents);
        (at.map(format_timestamp).unwrap_or_default(), at)
    }

    /// The contentInstances that must go so that one of `size` bytes fits (TS-0004 7.4.7.2.1).
    fn make_room(&self, container: Key, size: u64) -> Checked<Vec<Key>> {
        let container = self.tree.get(container);
        let count = self.instance_limit(container.number("mni"));
        let bytes = container.number("mbs").unwrap_or(u64::MAX);
        if count == 0 {
            return refuse(StatusCode::NOT_ACCEPTABLE, "mni of the container is 0: it holds nothing");
        }
        if size > bytes {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("the content has {size} bytes; mbs of the container is {bytes}"),
            );
        }
        let size_of = |key: Key| self.tree.get(key).number("cs").unwrap_or(0);
        let mut held = container.instance_count();
        let mut total = container.number("cbs").unwrap_or(0);
        let mut evicted = Vec::new();
        for oldest in container.instances() {
            if held < count && total.saturating_add(size) <= bytes {
                break;
            }
            held -= 1;
            total = total.saturating_sub(size_of(oldest));
            evicted.push(oldest);
        }
        Ok(evicted)
    }

    /// How many contentInstances a container holds whose `mni` is this.
    pub(super) fn instance_limit(&self, mni: Option<u64>) -> usize {
        let own = self.config.limits.instances;
        mni.map_or(own, |mni| usize::try_from(mni).unwrap_or(usize::MAX).min(own))
    }

    /// Brings a container up to date after an instance came.
    fn count_instance(&mut self, now: SystemTime, container: Key, added: Key) {
        let (size, state) = {
            let added = self.tree.get(added);
            (added.number("cs").unwrap_or(0), added.number("st").unwrap_or(0))
        };
        let container = self.tree.get_mut(container);
        let cbs = container.number("cbs").unwrap_or(0).saturating_add(size);
        container.modified = now;
        for (name, value) in [
            ("cni", json!(container.instance_count())),
            ("cbs", json!(cbs)),
            ("st", json!(state)),
            ("lt", json!(format_timestamp(now))),
        ] {
            container.attributes.insert(name.to_owned(), value);
        }
    }

    /// The bounds of the CSE as a whole. `evicted` go before the new resource comes.
    pub(super) fn expect_capacity(&self, parent: Key, ty: ResourceType, bytes: u64, evicted: &[Key]) -> Checked {
        let limits = &self.config.limits;
        let full = |what: String| refuse(StatusCode::NOT_ACCEPTABLE, format!("this CSE is full: {what}"));
        if self.tree.len() - evicted.len() >= limits.resources {
            return full(format!("it holds {} resources", limits.resources));
        }
        let freed: u64 = evicted.iter().map(|&key| weight(&self.tree.get(key).attributes)).sum();
        if self.tree.bytes().saturating_sub(freed).saturating_add(bytes) > limits.total_bytes {
            return full(format!("its resources take {} bytes", limits.total_bytes));
        }
        let parent = self.tree.get(parent);
        if parent.depth >= limits.nesting {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("resources are nested at most {} deep in this CSE", limits.nesting),
            );
        }
        if ty == ResourceType::SUBSCRIPTION && parent.subscriptions().len() >= limits.subscriptions {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("a resource has at most {} subscriptions in this CSE", limits.subscriptions),
            );
        }
        Ok(())
    }
}

/// Whether a text can be one part of an address, and means nothing special there.
fn is_name(text: &str) -> bool {
    Address::parse(text).is_ok() && !text.contains(['/', '#']) && text != "-"
}

/// The table of a type, or why there is none.
fn hosted(ty: ResourceType) -> Checked<&'static Schema> {
    schema(ty).ok_or_else(|| {
        Failure::new(StatusCode::NOT_IMPLEMENTED, format!("resource type {ty} is not implemented by this CSE"))
    })
}

/// Releases 1 and 2 do not know all attributes that are mandatory since.
fn is_before_release_3(request: &Request) -> bool {
    request.release_version.as_deref().is_none_or(|release| release.starts_with(['1', '2']))
}

/// `cs`: the bytes of the content (TS-0001 9.6.7); of what is no text, as JSON.
fn size_of(content: &Value) -> u64 {
    match content {
        Value::String(text) => text.len() as u64,
        other => other.to_string().len() as u64,
    }
}

/// When something made `now` has the age `mia`, in seconds.
pub(super) fn aged(now: SystemTime, mia: Option<u64>) -> Option<SystemTime> {
    now.checked_add(Duration::from_secs(mia?))
}

/// The earlier of two moments, where `None` is never.
pub(super) fn earliest(a: Option<SystemTime>, b: Option<SystemTime>) -> Option<SystemTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
