//! `<schedule>`: when a registree can be reached, and when a subscription notifies.
//!
//! Covers: TS-0001 9.6.9; TS-0004 7.4.9, 6.3.5.11; row WS-5.2-7. As a child of `<AE>` and `<remoteCSE>` it is told to the server
//! ([`Effect::Scheduled`]); as the `notificationSchedule` of a `<subscription>` it keeps notifications from being made outside
//! of its windows (TS-0004 7.4.9.1, example 2).
//!
//! Release 3 hangs the schedule of a registree below its `<node>`. This CSE has no `<node>`, so that the registree's own
//! resource takes its place; and no `<schedule>` of the `<CSEBase>`, because it is always there.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::{
    Cse, Effect,
    failure::{Checked, Failure, refuse},
    tree::Key,
};
use crate::{
    binding::Schedule,
    primitive::{EntityId, ResourceType, StatusCode},
};

/// The name of the `<schedule>` of a `<subscription>`.
const OF_SUBSCRIPTION: &str = "notificationSchedule";

impl Cse {
    /// The schedules of the registrees that have one. Whoever embeds a CSE whose resources come from a store tells them to the
    /// server; afterwards [`Effect::Scheduled`] says what changes.
    pub fn schedules(&self) -> impl Iterator<Item = (&EntityId, &Schedule)> {
        let registrees = self.aes.iter().chain(&self.remotes);
        registrees.filter_map(|(entity, &key)| Some((entity, self.tree.get(key).schedule.as_ref()?)))
    }

    /// Checks a `<schedule>` that is to be made below `parent`.
    pub(super) fn check_new_schedule(&self, parent: Key, given: &Map<String, Value>) -> Checked {
        check_changed_schedule(given)?;
        if let Some(name) = self.fixed_name(parent, ResourceType::SCHEDULE)
            && given.get("rn").is_some_and(|rn| rn != name)
        {
            return Err(Failure::bad(format!("rn of the <schedule> of a <subscription> is {name:?}, or left out")));
        }
        if self.tree.get(parent).schedule.is_some() {
            return refuse(StatusCode::CONFLICT, "there is a <schedule> already: a resource has one at most");
        }
        Ok(())
    }

    /// The name that a child of this type has below `parent`, if there is only one.
    pub(super) fn fixed_name(&self, parent: Key, ty: ResourceType) -> Option<&'static str> {
        let parent = self.tree.get(parent).ty;
        (ty == ResourceType::SCHEDULE && parent == ResourceType::SUBSCRIPTION).then_some(OF_SUBSCRIPTION)
    }

    /// Says what the schedule of a registree is now.
    pub(super) fn tell_schedule(&self, parent: Key, effects: &mut Vec<Effect>) {
        let parent = self.tree.get(parent);
        if matches!(parent.ty, ResourceType::AE | ResourceType::REMOTE_CSE) {
            effects.push(Effect::Scheduled { entity: parent.creator.clone(), schedule: parent.schedule.clone() });
        }
    }

    /// Whether a subscription notifies at this time.
    pub(super) fn may_tell(&self, now: SystemTime, subscription: Key) -> bool {
        self.tree.get(subscription).schedule.as_ref().is_none_or(|schedule| schedule.is_open(now))
    }
}

/// Checks what is given for a `<schedule>`; what `se` says, if it is there.
pub(super) fn check_changed_schedule(given: &Map<String, Value>) -> Checked<Option<Schedule>> {
    if given.contains_key("nco") {
        // TS-0004 7.4.9.2.1, 7.4.9.2.3.
        let why = "nco (networkCoordinated) goes with the <schedule> of a <node> only, which this CSE does not have";
        return refuse(StatusCode::CONTENTS_UNACCEPTABLE, why);
    }
    if given.contains_key("se") { schedule_of(given).map(Some) } else { Ok(None) }
}

/// What `se` says.
pub(super) fn schedule_of(attributes: &Map<String, Value>) -> Checked<Schedule> {
    let malformed = || Failure::bad("se must be an object whose only member, sce, is a list of texts");
    let se = attributes.get("se").and_then(Value::as_object).filter(|se| se.len() == 1).ok_or_else(malformed)?;
    let sce = se.get("sce").and_then(Value::as_array).ok_or_else(malformed)?;
    if sce.len() > Schedule::MAX_ENTRIES {
        let most = Schedule::MAX_ENTRIES;
        return refuse(StatusCode::NOT_ACCEPTABLE, format!("se has more than {most} entries, the limit of this CSE"));
    }
    let texts: Option<Vec<&str>> = sce.iter().map(Value::as_str).collect();
    Schedule::parse(texts.ok_or_else(malformed)?).map_err(|error| Failure::bad(format!("se: {error}")))
}
