//! What is particular to the creation and update of a `<subscription>`: its criteria, and the verification of targets.
//!
//! Covers: TS-0001 10.2.10.2; TS-0004 7.4.8.2.1 (verification of notification targets), 7.4.8.2.3, 6.3.5.7.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::{
    Answer, Call, Cse, Effect, Pending, Ticket, VerificationId,
    access::Originator,
    address::Recipient,
    failure::{Checked, Failure, refuse, shown},
    filter::EVENT_CONDITIONS,
    notification::criteria,
    wants_no_response,
};
use crate::primitive::{
    AbsRelTimestamp, Content, EntityId, NotificationContentType, NotificationEventType, Response, StatusCode,
};

impl Cse {
    /// Checks the attributes that a subscription would have.
    pub(super) fn check_subscription(&self, attributes: &Map<String, Value>) -> Checked {
        let targets = attributes.get("nu").and_then(Value::as_array).map_or(0, Vec::len);
        if targets > self.config.limits.notification_targets {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("nu has more than {} entries, the limit of this CSE", self.config.limits.notification_targets),
            );
        }
        let default = Map::new();
        let enc = attributes.get("enc").and_then(Value::as_object).unwrap_or(&default);
        for (name, value) in enc {
            let numbers = |most: u64| {
                value.as_array().is_some_and(|list| {
                    !list.is_empty() && list.iter().all(|n| n.as_u64().is_some_and(|n| (1..=most).contains(&n)))
                })
            };
            match name.as_str() {
                "net" if numbers(4) => {}
                "net" if numbers(u16::MAX.into()) => {
                    return refuse(StatusCode::NOT_IMPLEMENTED, "net: only events 1 to 4 are implemented by this CSE");
                }
                "net" => return Err(Failure::bad("net must be a list of at least one event type")),
                "chty" if numbers(u32::MAX.into()) => {}
                "chty" => return Err(Failure::bad("chty must be a list of at least one resource type")),
                "atr" if value.as_array().is_some_and(|l| !l.is_empty() && l.iter().all(Value::is_string)) => {}
                "atr" => return Err(Failure::bad("atr must be a list of at least one attribute name")),
                "om" | "md" | "aq" => {
                    return refuse(
                        StatusCode::NOT_IMPLEMENTED,
                        format!("event criterion {name} is not implemented by this CSE"),
                    );
                }
                name if EVENT_CONDITIONS.contains(&name) => {}
                name => return Err(Failure::bad(format!("enc has no member {}", shown(name)))),
            }
        }
        criteria(enc)?;
        let update = u64::from(NotificationEventType::UPDATE_OF_RESOURCE.code());
        let only_updates = enc
            .get("net")
            .and_then(Value::as_array)
            .is_none_or(|net| net.iter().all(|kind| kind.as_u64() == Some(update)));
        let modified = u64::from(NotificationContentType::MODIFIED_ATTRIBUTES.code());
        if attributes.get("nct").and_then(Value::as_u64) == Some(modified) && !only_updates {
            return Err(Failure::bad("nct 2 (modified attributes) goes with net 1 (update) only"));
        }
        Ok(())
    }

    /// The targets that must agree before `who` subscribes them: all but itself.
    pub(super) fn targets_to_ask(
        &self,
        who: &Originator,
        attributes: &Map<String, Value>,
        agreed: impl Fn(&str) -> bool,
    ) -> Checked<Vec<Recipient>> {
        if let Some(su) = attributes.get("su").and_then(Value::as_str) {
            self.recipient(su)?;
        }
        let targets = attributes.get("nu").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut ask: Vec<Recipient> = Vec::new();
        for target in targets {
            let recipient = self.recipient(target)?;
            self.expect_reachable(recipient.key, StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED)?;
            let asked = ask.iter().any(|other| other.id == recipient.id);
            if who.id.as_ref() != Some(&recipient.id) && !asked && !agreed(target) {
                ask.push(recipient);
            }
        }
        Ok(ask)
    }

    /// Asks the targets, and puts the request aside until they have answered. `ri` is that of the subscription.
    pub(super) fn ask(
        &mut self,
        call: &Call<'_>,
        ri: &str,
        creator: &EntityId,
        targets: Vec<Recipient>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        if self.waiting.len().saturating_add(targets.len()) > self.config.limits.verifications {
            return refuse(StatusCode::NOT_ACCEPTABLE, "too many verifications are under way in this CSE");
        }
        let left = self.config.verification_time;
        let left = call
            .request
            .request_expiration
            .as_ref()
            .and_then(|rqet| rqet.remaining(call.now))
            .map_or(left, |r| r.min(left));
        let ticket = Ticket(self.next_serial());
        let content: Content =
            json!({ "m2m:sgn": { "vrq": true, "sur": self.reference(ri), "cr": self.short(creator) } }).into();
        for recipient in &targets {
            let id = VerificationId(self.next_serial());
            self.waiting.insert(id, ticket);
            let mut request = self.notification(recipient, content.clone());
            request.request_expiration = Some(match call.now.checked_add(left) {
                Some(at) => AbsRelTimestamp::absolute(at),
                None => AbsRelTimestamp::relative(left),
            });
            effects.push(Effect::Verify { id, entity: recipient.entity.clone(), request: Box::new(request) });
        }
        let pending = Pending {
            request: Box::new(call.request.clone()),
            from_registrar: call.originator.from_registrar,
            ri: ri.to_owned(),
            unanswered: targets.len(),
            deadline: call.now.checked_add(left + GRACE).unwrap_or(call.now),
        };
        self.pending.insert(ticket, pending);
        Ok(Answer::Later(ticket))
    }

    /// Takes the outcome of a verification: the status with which the target answered, or `None` if it could not be
    /// reached or did not answer in time.
    ///
    /// When the last one is in, or the first one failed, the effects carry the answer to the request that waits. The
    /// outcome of a verification that nobody waits for any more has no effect.
    pub fn verified(&mut self, now: SystemTime, id: VerificationId, outcome: Option<StatusCode>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.expire(now, &mut effects);
        let Some(ticket) = self.waiting.remove(&id) else { return effects };
        let failure = match outcome {
            Some(status) if status.is_success() => None,
            Some(
                status @ (StatusCode::SUBSCRIPTION_CREATOR_HAS_NO_PRIVILEGE
                | StatusCode::SUBSCRIPTION_HOST_HAS_NO_PRIVILEGE),
            ) => Some(Failure::new(status, "a notification target refuses this subscription")),
            Some(status) => Some(unverified(format!("a notification target answered the verification with {status}"))),
            None => Some(unverified("a notification target did not answer the verification")),
        };
        match failure {
            Some(failure) => self.settle(now, ticket, Err(failure), &mut effects),
            None => {
                let unanswered = self.pending.get_mut(&ticket).map(|pending| {
                    pending.unanswered = pending.unanswered.saturating_sub(1);
                    pending.unanswered
                });
                if unanswered == Some(0) {
                    self.settle(now, ticket, Ok(()), &mut effects);
                }
            }
        }
        effects
    }

    /// Ends the waiting of a request: carries it out, or refuses it.
    fn settle(&mut self, now: SystemTime, ticket: Ticket, verdict: Checked, effects: &mut Vec<Effect>) {
        let Some(pending) = self.pending.remove(&ticket) else { return };
        self.waiting.retain(|_, waits| *waits != ticket);
        // Everything is checked once more: what was true when the request came need not be true any longer.
        let answer = verdict
            .and_then(|()| self.process(now, &pending.request, pending.from_registrar, Some(pending.ri), effects));
        let response = match answer {
            Ok(Answer::Response(response)) => response,
            Ok(_) => Response::error(StatusCode::INTERNAL_SERVER_ERROR, "a request waited twice"),
            Err(failure) => failure.into_response(),
        };
        let response = self.complete(response, &pending.request);
        if let Some(response) = self.settle_job(now, ticket, response, effects)
            && !wants_no_response(&pending.request)
        {
            effects.push(Effect::Respond { ticket, response });
        }
    }

    /// Refuses the requests whose verification has taken too long.
    pub(super) fn give_up_waiting(&mut self, now: SystemTime, effects: &mut Vec<Effect>) {
        let late: Vec<Ticket> =
            self.pending.iter().filter(|(_, pending)| pending.deadline <= now).map(|(&ticket, _)| ticket).collect();
        for ticket in late {
            let failure = unverified("a notification target did not answer the verification in time");
            self.settle(now, ticket, Err(failure), effects);
        }
    }
}

/// What a verification outcome may take to be reported after the verification request has expired.
const GRACE: Duration = Duration::from_secs(1);

fn unverified(debug: impl Into<String>) -> Failure {
    Failure::new(StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED, debug)
}
