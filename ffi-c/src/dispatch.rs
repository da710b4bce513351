//! A client, its callbacks, and its asynchronous calls: what happened goes to the program from here. When, and on which
//! thread, is decided in [`crate::courier`]. No callback is called while a lock is held.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use onem2m::binding::Token;
use onem2m::bridge::{self, Delivery, Outcome};
use onem2m::primitive::Response;
use onem2m::{Error, ErrorKind, Result};

use crate::callback::{Calling, Completion, onem2m_ws_callbacks, with_state};
use crate::courier::{Receiver, lock};
use crate::error::{OK, remember};
use crate::event::with_event;
use crate::handle::give;
use crate::request::onem2m_ws_request;
use crate::response::onem2m_ws_response;

/// A client, its callbacks, and the asynchronous calls that wait for their outcome.
pub(crate) struct Calls {
    client: bridge::Client,
    callbacks: onem2m_ws_callbacks,
    /// For how long the program wants registrations to be made.
    registration_lifetime: Option<Duration>,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    last: u64,
    waiting: HashMap<u64, Call>,
}

struct Call {
    completion: Completion,
    token: Option<Token>,
}

impl Calls {
    pub(crate) fn new(
        client: bridge::Client,
        callbacks: onem2m_ws_callbacks,
        registration_lifetime: Option<Duration>,
    ) -> Self {
        Self { client, callbacks, registration_lifetime, pending: Mutex::default() }
    }

    pub(crate) fn registration_lifetime(&self) -> Option<Duration> {
        self.registration_lifetime
    }

    pub(crate) fn client(&self) -> &bridge::Client {
        &self.client
    }

    /// True on a thread that is in a callback of this client.
    pub(crate) fn is_calling(&self) -> bool {
        Calling::is_of(self)
    }

    /// Begins an asynchronous call; its completion is called once if this succeeds, and not at all if it fails.
    pub(crate) fn call(
        &self,
        completion: Completion,
        begin: impl FnOnce(&bridge::Client, u64) -> Result<Option<Token>>,
    ) -> Result<u64> {
        // The outcome may come before `begin` returns.
        let number = {
            let mut pending = lock(&self.pending);
            pending.last += 1;
            let number = pending.last;
            pending.waiting.insert(number, Call { completion, token: None });
            number
        };
        match begin(&self.client, number) {
            Ok(token) => {
                if let Some(call) = lock(&self.pending).waiting.get_mut(&number) {
                    call.token = token;
                }
                Ok(number)
            }
            Err(error) => {
                lock(&self.pending).waiting.remove(&number);
                Err(error)
            }
        }
    }

    /// Forgets an asynchronous call: its completion is not called. False if that has happened or happens.
    pub(crate) fn cancel(&self, number: u64) -> bool {
        let call = lock(&self.pending).waiting.remove(&number);
        if let Some(token) = call.as_ref().and_then(|call| call.token) {
            self.client.cancel(token);
        }
        call.is_some()
    }

    fn acknowledge(&self, call: u64, response: Response) {
        let acknowledged = lock(&self.pending).waiting.get(&call).and_then(|call| call.completion.acknowledged());
        if let Some(acknowledged) = acknowledged {
            let _calling = Calling::of(self);
            acknowledged.call(&onem2m_ws_response::new(response));
        }
    }

    fn complete(&self, call: u64, result: Result<Outcome>) {
        // Not there: it was cancelled.
        let Some(Call { completion, .. }) = lock(&self.pending).waiting.remove(&call) else { return };
        let _calling = Calling::of(self);
        match result {
            Ok(Outcome::Response(response)) => completion.call(OK, Some(&onem2m_ws_response::new(response)), None),
            Ok(Outcome::Posted(request_id)) => completion.call(OK, None, Some(&request_id)),
            Ok(_) => completion.call(OK, None, None),
            Err(error) => completion.call(remember(error), None, None),
        }
    }
}

impl Receiver for Calls {
    const WHAT: &'static str = "client";

    fn deliver(&self, delivery: Delivery, freed: bool) {
        match delivery {
            Delivery::Completed { call, result } => self.complete(call, result),
            // A program that has freed the client expects nothing else; a request is answered 5000 by being dropped.
            _ if freed => {}
            Delivery::Acknowledged { call, response } => self.acknowledge(call, response),
            Delivery::Request { request, .. } => {
                if let Some(on_request) = self.callbacks.on_request {
                    let _calling = Calling::of(self);
                    on_request(self.callbacks.user_data, give(onem2m_ws_request::incoming(request)));
                }
            }
            Delivery::State { change, .. } => {
                if let Some(on_state) = self.callbacks.on_state {
                    let _calling = Calling::of(self);
                    with_state(&change, |state| on_state(self.callbacks.user_data, state));
                }
            }
            // It goes to registrars.
            Delivery::Registree { .. } | Delivery::Upstream { .. } => {}
            Delivery::Event { event, .. } => {
                if let Some(on_event) = self.callbacks.on_event {
                    let _calling = Calling::of(self);
                    with_event(event, |event| on_event(self.callbacks.user_data, event));
                }
            }
        }
    }

    /// `Closed` for every call that still waits, then `drop`.
    fn finish(&self) {
        let mut waiting: Vec<u64> = lock(&self.pending).waiting.keys().copied().collect();
        waiting.sort_unstable();
        for call in waiting {
            self.complete(call, Err(Error::new(ErrorKind::Closed, "the client was freed before the outcome came")));
        }
        if let Some(drop) = self.callbacks.drop {
            let _calling = Calling::of(self);
            drop(self.callbacks.user_data);
        }
    }
}
