//! Events, and whom they are told.
//!
//! Covers: TS-0001 9.6.8, 10.2.10.5 to 10.2.10.7; TS-0004 7.5.1 (payload of a notification, subscription deletion),
//! 6.3.5.13. Events 1 to 4, content types 1 to 3.
//!
//! A subscription is not told of its own creation, nor of a resource whose policies do not let its creator retrieve it (any more). What `mni`, `mbs`, `mia` and `et` remove is told like any deletion.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Cse, Effect,
    address::Recipient,
    failure::Checked,
    filter::{Criteria, EVENT_CONDITIONS},
    result::{One, encoded, root},
    tree::{Key, Resource},
};
use crate::primitive::{
    Content, EventCategory, NotificationContentType, NotificationEventType, Request, ResourceType, StatusCode,
};

/// Something that happened to a resource or to a child of it.
#[derive(Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) kind: NotificationEventType,
    pub(super) subject: Subject<'a>,
    /// What an update has changed; deleted attributes are null.
    pub(super) modified: Option<&'a Map<String, Value>>,
}

/// What the event is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Here(Key),
    Gone(&'a Resource),
}

/// `m2m:sgn` about an event (TS-0004 6.3.5.13).
#[derive(Serialize)]
struct Notification<'a> {
    nev: NotificationEvent<'a>,
    sur: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nfu: Option<&'a str>,
}

#[derive(Serialize)]
struct NotificationEvent<'a> {
    rep: Representation<'a>,
    net: u16,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Representation<'a> {
    Attributes(One<'a, &'a Map<String, Value>>),
    Address(&'a Map<String, Value>),
}

impl Cse {
    /// Tells the subscriptions directly below `watched`, counts them down, and deletes those that are used up.
    pub(super) fn notify(&mut self, now: SystemTime, watched: Key, event: Event<'_>, effects: &mut Vec<Effect>) {
        let told: Vec<Key> = self
            .tree
            .get(watched)
            .subscriptions()
            .iter()
            .copied()
            .filter(|&subscription| self.wants(subscription, &event) && self.may_tell(now, subscription))
            .collect();
        let mut used_up = Vec::new();
        for subscription in told {
            effects.extend(self.notifications(subscription, &event));
            match self.tree.get(subscription).number("exc") {
                None => {}
                Some(left @ 2..) => {
                    self.tree.get_mut(subscription).attributes.insert("exc".to_owned(), json!(left - 1));
                }
                Some(_) => used_up.push(self.tree.get(subscription).ri.clone()),
            }
        }
        for subscription in used_up {
            // Deleting one may have used up and deleted another.
            if let Some(subscription) = self.tree.by_id(&subscription) {
                self.remove(now, subscription, effects);
            }
        }
    }

    /// Whether a subscription asks for this event (`enc`).
    fn wants(&self, subscription: Key, event: &Event<'_>) -> bool {
        let subject = match event.subject {
            Subject::Here(key) if key == subscription => return false,
            Subject::Here(key) => self.tree.get(key),
            Subject::Gone(resource) => resource,
        };
        let watcher = &self.tree.get(subscription).creator;
        if subject.ty == ResourceType::REQUEST && *watcher != subject.creator && *watcher != self.admin {
            // What somebody has asked is not for others to see (TS-0004 7.3.2.2).
            return false;
        }
        if !self.may_be_told(watcher, subject) {
            return false;
        }
        let default = Map::new();
        let enc = self.tree.get(subscription).attributes.get("enc").and_then(Value::as_object).unwrap_or(&default);
        let list = |name: &str| enc.get(name).and_then(Value::as_array);
        let kind = u64::from(event.kind.code());
        let kinds = list("net").map_or(kind == 1, |net| net.iter().any(|net| net.as_u64() == Some(kind)));
        let child = matches!(
            event.kind,
            NotificationEventType::CREATE_OF_DIRECT_CHILD_RESOURCE
                | NotificationEventType::DELETE_OF_DIRECT_CHILD_RESOURCE
        );
        let types = !child
            || list("chty").is_none_or(|chty| chty.iter().any(|ty| ty.as_u64() == Some(subject.ty.code().into())));
        let attributes = match (list("atr"), event.modified) {
            (Some(atr), Some(modified)) => atr.iter().filter_map(Value::as_str).any(|name| modified.contains_key(name)),
            _ => true,
        };
        kinds && types && attributes && criteria(enc).is_ok_and(|criteria| criteria.match_with(subject))
    }

    /// The notifications of one subscription about one event.
    fn notifications(&self, subscription: Key, event: &Event<'_>) -> Vec<Effect> {
        let subject = match event.subject {
            Subject::Here(key) => self.tree.get(key),
            Subject::Gone(resource) => resource,
        };
        let resource = self.tree.get(subscription);
        let content = resource.number("nct").and_then(|nct| nct.try_into().ok()).map(NotificationContentType);
        let uri = Map::from_iter([("m2m:uri".to_owned(), json!(self.reference(&subject.ri)))]);
        let none = Map::new();
        let representation = match content {
            Some(NotificationContentType::RESOURCE_ID) => Representation::Address(&uri),
            Some(NotificationContentType::MODIFIED_ATTRIBUTES) => {
                Representation::Attributes(One(root(subject.ty), event.modified.unwrap_or(&none)))
            }
            _ => Representation::Attributes(One(root(subject.ty), &subject.attributes)),
        };
        let content = encoded(&One(
            "m2m:sgn",
            Notification {
                nev: NotificationEvent { rep: representation, net: event.kind.code() },
                sur: self.reference(&resource.ri),
                nfu: resource.text("nfu"),
            },
        ));
        let category = resource.number("nec").and_then(|nec| nec.try_into().ok()).map(EventCategory);
        resource
            .texts("nu")
            .filter_map(|target| self.recipient(target).ok())
            // It may have become deaf since it was verified.
            .filter(|recipient| self.expect_reachable(recipient.key, StatusCode::TARGET_NOT_REACHABLE).is_ok())
            .map(|recipient| {
                let mut request = self.notification(&recipient, content.clone());
                request.event_category = category;
                Effect::Notify { entity: recipient.entity, request: Box::new(request) }
            })
            .collect()
    }

    /// Tells `su` that a subscription is gone.
    pub(super) fn tell_deletion(&self, subscription: &Resource, effects: &mut Vec<Effect>) {
        if let Some(recipient) = subscription.text("su").and_then(|su| self.recipient(su).ok()) {
            let content = json!({ "m2m:sgn": { "sud": true, "sur": self.reference(&subscription.ri) } });
            let request = Box::new(self.notification(&recipient, content.into()));
            effects.push(Effect::Notify { entity: recipient.entity, request });
        }
    }

    /// A NOTIFY of this CSE, in the newest release that both sides know.
    pub(super) fn notification(&self, recipient: &Recipient, content: Content) -> Request {
        let known: Vec<&str> = self.tree.get(recipient.key).texts("srv").collect();
        let release = self.config.releases.iter().rev().find(|release| known.contains(&release.as_str()));
        Request::notify(recipient.to.as_str(), content)
            .from(self.config.cse_id.as_str())
            .release_version(release.map_or_else(|| self.config.release(), String::as_str).to_owned())
    }

    /// How other entities address a resource of this CSE: SP-relative, unstructured.
    pub(super) fn reference(&self, ri: &str) -> String {
        format!("{}/{ri}", self.config.cse_id)
    }

    /// Tells the subscriptions of `key` and of all below that they go.
    pub(super) fn tell_removal(&mut self, now: SystemTime, key: Key, effects: &mut Vec<Effect>) {
        let watched: Vec<Key> = self
            .tree
            .leaves_first(key)
            .into_iter()
            .filter(|&key| !self.tree.get(key).subscriptions().is_empty())
            .collect();
        for key in watched {
            // Only subscriptions go meanwhile, and they have none of their own.
            debug_assert!(self.tree.get(key).ty != ResourceType::SUBSCRIPTION, "what is watched stays");
            let kind = NotificationEventType::DELETE_OF_RESOURCE;
            self.notify(now, key, Event { kind, subject: Subject::Here(key), modified: None }, effects);
        }
    }
}

/// The conditions in `enc`.
pub(super) fn criteria(enc: &Map<String, Value>) -> Checked<Criteria> {
    let mut criteria = Criteria::default();
    for (name, value) in enc.iter().filter(|(name, _)| EVENT_CONDITIONS.contains(&name.as_str())) {
        criteria.read(name, value)?;
    }
    Ok(criteria)
}
