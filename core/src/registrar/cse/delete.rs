//! DELETE, and everything else that ends a resource: expiration, and room made in a container.
//!
//! Covers: TS-0001 10.1.4, 10.2.2.4, 10.2.3.4 (deregistration), 9.6.1.3 (`et`); TS-0004 7.3.3.8, 7.3.3.9; TS-0020 6.4
//! (row WS-6.4-5).

use std::time::SystemTime;

use serde_json::json;

use super::{
    Call, Cse, Effect,
    address::Edge,
    failure::{Checked, Failure, refuse},
    notification::{Event, Subject},
    result::{refuse_rcn, representation},
    tree::{Key, Resource},
};
use crate::primitive::{NotificationEventType, Operation, ResourceType, Response, ResultContent, StatusCode};

impl Cse {
    pub(super) fn delete(
        &mut self,
        call: &Call<'_>,
        key: Key,
        edge: Option<Edge>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Response> {
        let key = match edge {
            None => key,
            Some(edge) => self.instance(key, edge)?,
        };
        if key == self.tree.root() {
            return refuse(StatusCode::OPERATION_NOT_ALLOWED, "the <CSEBase> cannot be deleted");
        }
        if self.is_of_registrar(key) {
            return refuse(StatusCode::OPERATION_NOT_ALLOWED, "the <remoteCSE> of the registrar cannot be deleted");
        }
        if call.request.content.is_some() {
            return Err(Failure::bad("DELETE with content"));
        }
        if self.is_forwarded(key) {
            // TS-0004 7.4.12.2.4
            return refuse(StatusCode::UNABLE_TO_RECALL_REQUEST, "the request is on its way to another entity");
        }
        let filter = self.filter(call.request)?.unwrap_or_default();
        let mut response = match call.request.result_content.unwrap_or(ResultContent::NOTHING) {
            ResultContent::NOTHING => Response::new(StatusCode::DELETED),
            ResultContent::ATTRIBUTES => Response::new(StatusCode::DELETED).content(representation(self.tree.get(key))),
            rcn => match self.with_children(&call.originator, call.request, key, rcn, &filter)? {
                Some(response) => response,
                None => return refuse_rcn(Operation::Delete, rcn),
            },
        };
        response.status = StatusCode::DELETED;
        self.remove(call.now, key, effects);
        Ok(response)
    }

    /// Ends a resource and all below it, and tells those who want to know.
    pub(super) fn remove(&mut self, now: SystemTime, key: Key, effects: &mut Vec<Effect>) {
        let parent = self.tree.get(key).parent;
        self.tell_removal(now, key, effects);
        let mut last = None;
        for key in self.tree.leaves_first(key) {
            last = Some(self.unlink(key, effects));
        }
        if let (Some(parent), Some(gone)) = (parent, last) {
            let kind = NotificationEventType::DELETE_OF_DIRECT_CHILD_RESOURCE;
            self.notify(now, parent, Event { kind, subject: Subject::Gone(&gone), modified: None }, effects);
        }
    }

    /// Takes one resource out of the tree and out of what is kept beside it.
    fn unlink(&mut self, key: Key, effects: &mut Vec<Effect>) -> Resource {
        let resource = self.tree.remove_leaf(key);
        match resource.ty {
            ResourceType::AE => {
                self.aes.remove(&resource.creator);
                effects.push(Effect::Deregistered { entity: resource.creator.clone() });
            }
            ResourceType::REMOTE_CSE => {
                self.remotes.remove(&resource.creator);
                effects.push(Effect::Deregistered { entity: resource.creator.clone() });
            }
            ResourceType::SCHEDULE => {
                if let Some(parent) = resource.parent {
                    self.tell_schedule(parent, effects);
                }
            }
            ResourceType::SUBSCRIPTION => self.tell_deletion(&resource, effects),
            ResourceType::REQUEST => self.give_up(&resource.ri),
            ResourceType::CONTENT_INSTANCE => {
                let size = resource.number("cs").unwrap_or(0);
                if let Some(container) = resource.parent {
                    let container = self.tree.get_mut(container);
                    let cbs = container.number("cbs").unwrap_or(0).saturating_sub(size);
                    let cni = container.instance_count();
                    container.attributes.insert("cni".to_owned(), json!(cni));
                    container.attributes.insert("cbs".to_owned(), json!(cbs));
                }
            }
            _ => {}
        }
        resource
    }

    /// Ends what has expired: resources (`et`, `mia`) and verifications. Carries out the requests whose execution time
    /// (`oet`) has come.
    ///
    /// [`Cse::handle`] does so too before it looks at a request; call this at [`Cse::deadline`] so that notifications
    /// and answers are not held up while no request comes.
    pub fn sweep(&mut self, now: SystemTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.expire(now, &mut effects);
        effects
    }

    pub(super) fn expire(&mut self, now: SystemTime, effects: &mut Vec<Effect>) {
        // In the order in which it is due: what is to be carried out sees the resources that there are at that time.
        loop {
            let ends = self.tree.first_due().filter(|(due, _)| *due <= now);
            let begins = self.transfers.next().filter(|at| *at <= now);
            match (begins, ends) {
                (Some(at), ends) if ends.is_none_or(|(due, _)| at <= due) => self.carry_out_next(now, effects),
                (_, Some((_, key))) => self.remove(now, key, effects),
                (_, None) => break,
            }
        }
        if !self.pending.is_empty() {
            self.give_up_waiting(now, effects);
        }
    }

    /// When [`Cse::sweep`] has something to do next.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        let due = self.tree.first_due().map(|(due, _)| due);
        let pending = self.pending.values().map(|pending| pending.deadline);
        due.into_iter().chain(pending).chain(self.transfers.next()).min()
    }
}
