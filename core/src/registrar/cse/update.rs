//! UPDATE.
//!
//! Covers: TS-0001 10.1.3; TS-0004 7.3.3.7, 7.4.6.2.3 (container: new bounds apply at once), 7.4.8.2.3 (subscription:
//! new targets are verified). An attribute with the value null is deleted.

use serde_json::{Map, Value, json};

use super::{
    Answer, Call, Cse, Effect,
    address::Edge,
    create::{aged, earliest},
    failure::{Checked, Failure, refuse},
    notification::{Event, Subject},
    result::Shape,
    schedule::check_changed_schedule,
    schema::schema,
    tree::{Key, weight},
};
use crate::primitive::{NotificationEventType, ResourceType, StatusCode, format_timestamp, parse_timestamp};

impl Cse {
    pub(super) fn update(
        &mut self,
        call: &Call<'_>,
        key: Key,
        edge: Option<Edge>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        let resource = self.tree.get(key);
        let fixed =
            matches!(resource.ty, ResourceType::CSE_BASE | ResourceType::CONTENT_INSTANCE | ResourceType::REQUEST);
        let Some(schema) = schema(resource.ty).filter(|_| !fixed && edge.is_none()) else {
            return refuse(StatusCode::OPERATION_NOT_ALLOWED, "this resource cannot be updated");
        };
        let shape = Shape::for_update(call.request)?;
        let mut given = self.representation(call.request, schema)?;
        schema.check_update(&given)?;
        self.expect_update(&call.originator, key, &given)?;
        let named = call.originator.abroad.as_ref().or(call.originator.id.as_ref());
        self.link_policies(&call.originator, named.unwrap_or(&self.own), &mut given)?;
        let schedule = if resource.ty == ResourceType::SCHEDULE { check_changed_schedule(&given)? } else { None };
        let life = match given.get("et") {
            None => None,
            Some(Value::Null) => Some(self.default_life(resource.parent.unwrap_or(key), call.now)),
            Some(_) => self.life(&given, call.now)?,
        };

        let mut attributes = resource.attributes.clone();
        for (name, value) in &given {
            if value.is_null() {
                attributes.shift_remove(name);
            } else {
                attributes.insert(name.clone(), value.clone());
            }
        }
        if let Some((et, _)) = &life {
            attributes.insert("et".to_owned(), json!(et));
        }
        if resource.ty == ResourceType::CONTAINER {
            let state = resource.number("st").unwrap_or(0).saturating_add(1);
            attributes.insert("st".to_owned(), json!(state));
        }
        attributes.insert("lt".to_owned(), json!(format_timestamp(call.now)));
        self.expect_growth(key, &attributes)?;
        let policy = self.policy_of(resource.ty, &attributes)?;
        if resource.ty == ResourceType::SUBSCRIPTION {
            self.check_subscription(&attributes)?;
            if call.resumed.is_none() {
                let agreed = |target: &str| resource.texts("nu").any(|known| known == target);
                let targets = self.targets_to_ask(&call.originator, &attributes, agreed)?;
                if !targets.is_empty() {
                    let (ri, creator) = (resource.ri.clone(), resource.creator.clone());
                    return self.ask(call, &ri, &creator, targets, effects);
                }
            }
        }

        let modified = difference(&self.tree.get(key).attributes, &attributes, &given);
        let resource = self.tree.get_mut(key);
        resource.attributes = attributes;
        resource.modified = call.now;
        resource.policy = policy;
        self.tree.resized(key);
        if let Some((_, due)) = life {
            self.tree.set_due(key, due);
        }
        if let (Some(schedule), Some(parent)) = (schedule, self.tree.get(key).parent) {
            self.tree.get_mut(parent).schedule = Some(schedule);
            self.tell_schedule(parent, effects);
        }
        if self.tree.get(key).ty == ResourceType::CONTAINER {
            self.apply_bounds(call, key, &given, effects);
        }
        let kind = NotificationEventType::UPDATE_OF_RESOURCE;
        let event = Event { kind, subject: Subject::Here(key), modified: Some(&modified) };
        self.notify(call.now, key, event, effects);
        Ok(Answer::Response(self.shaped(StatusCode::UPDATED, shape, key, |_| modified)))
    }

    /// The bounds on what resources take, for one that is about to have other attributes.
    fn expect_growth(&self, key: Key, attributes: &Map<String, Value>) -> Checked {
        let limits = &self.config.limits;
        let (before, after) = (weight(&self.tree.get(key).attributes), weight(attributes));
        // Attributes that shrink are always welcome.
        if after > before
            && (after > limits.content_bytes as u64
                || self.tree.bytes().saturating_sub(before).saturating_add(after) > limits.total_bytes)
        {
            return Err(Failure::new(StatusCode::NOT_ACCEPTABLE, "the resource would be too large for this CSE"));
        }
        Ok(())
    }

    /// Makes the contentInstances of a container fit its new bounds.
    fn apply_bounds(&mut self, call: &Call<'_>, key: Key, given: &Map<String, Value>, effects: &mut Vec<Effect>) {
        while let Some(surplus) = self.surplus(key) {
            self.remove(call.now, surplus, effects);
        }
        let mia = self.tree.get(key).number("mia");
        if given.contains_key("mia") {
            let instances: Vec<Key> = self.tree.get(key).instances().collect();
            for instance in instances {
                let resource = self.tree.get(instance);
                let et = resource.text("et").and_then(parse_timestamp);
                let due = earliest(et, aged(resource.created, mia));
                self.tree.set_due(instance, due);
            }
            self.expire(call.now, effects);
        }
    }

    /// The oldest contentInstance of a container that holds more than it may.
    fn surplus(&self, container: Key) -> Option<Key> {
        let container = self.tree.get(container);
        let most = self.instance_limit(container.number("mni"));
        let bytes = container.number("mbs").unwrap_or(u64::MAX);
        let full = container.instance_count() > most || container.number("cbs").unwrap_or(0) > bytes;
        container.instances().next().filter(|_| full)
    }
}

/// What an update has changed: everything that was given, and everything that is different.
fn difference(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Map<String, Value> {
    let mut modified = Map::new();
    for name in given.keys() {
        modified.insert(name.clone(), after.get(name).cloned().unwrap_or(Value::Null));
    }
    for (name, value) in after {
        if before.get(name) != Some(value) {
            modified.insert(name.clone(), value.clone());
        }
    }
    modified
}
