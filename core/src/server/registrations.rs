//! Registrations that outlive the process: written before the registree hears of its success, read at the start, forgotten when
//! the resource is deleted.
//!
//! Covers: rows WS-6.4-2, -4, -5. With a store that is lost with the process nothing is written, and nothing waits.

use std::future::Future;
use std::time::Instant;

use super::connection::Registree;
use super::events::Order;
use super::{Server, Shared};
use crate::binding::{IncomingToken, Registration, Registry};
use crate::net::link::Respond;
use crate::primitive::{Response, StatusCode};
use crate::spool::{Done, Fact, FactKind, Spool, when_done};
use crate::{Error, ErrorKind, Result};

/// A registry that knows what the store has.
pub(super) fn restored(mut registry: Registry, spool: &dyn Spool) -> Result<Registry> {
    for (entity, bytes) in spool.kept(FactKind::Registration)? {
        let (registration, owner) = Registration::from_bytes(&bytes).map_err(|error| {
            let text = format!("the registration of {entity:?} in the store cannot be read: {}", error.message());
            Error::new(ErrorKind::Storage, text)
        })?;
        registry.restore(registration, owner.as_ref(), Instant::now());
    }
    Ok(registry)
}

impl Registree {
    /// Registers the entity and answers, as soon as a crash cannot undo it.
    pub(super) fn register(&self, registration: Registration, token: IncomingToken, response: &Response) -> Result<()> {
        let shared = &*self.server.0;
        let spool = shared.deliveries.spool();
        // By the identifier that the CSE has assigned.
        let may = |registry: &mut Registry, _| registry.may_register(self.id(), &registration.entity);
        if !shared.change(Some(self.peer()), "", may).0 {
            let text = format!("{:?} was assigned, for which this connection may not speak", registration.entity);
            let refusal = Response::error(StatusCode::ORIGINATOR_NOT_AUTHENTICATED, text);
            return self.link.respond(token, None, &refusal);
        }
        if !spool.is_durable() {
            let orders = self.route(registration);
            let sent = self.link.respond(token, None, response);
            shared.follow(&self.server, orders);
            return sent;
        }
        let owner = shared.registry().owner_over(self.id(), &registration.entity);
        let value = match registration.to_bytes(owner.as_ref()) {
            Ok(value) => value,
            Err(error) => return self.registered(registration, false, Err(error), token, response),
        };
        let (is_new, written) = {
            // The order of the facts is that of what happened. From here on requests for the entity are stored; none goes out
            // to it before the answer.
            let mut registry = shared.registry();
            let key = registry.stem(&registration.entity).to_owned();
            let is_new = !registry.is_registered(&key);
            registry.restore(registration.clone(), None, Instant::now());
            (is_new, spool.keep(vec![Fact { kind: FactKind::Registration, key, value: Some(value) }]))
        };
        let Some(this) = shared.registree(self.id()) else { return Err(connection_lost()) };
        let response = response.clone();
        when_done(written, move |written| {
            // A connection that is gone needs no answer: the entity is registered, or is told so when it asks again.
            let _ = this.registered(registration, is_new, written, token, &response);
        });
        Ok(())
    }

    /// The registration is written, or cannot be.
    fn registered(
        &self,
        registration: Registration,
        is_new: bool,
        written: Result<()>,
        token: IncomingToken,
        response: &Response,
    ) -> Result<()> {
        let shared = &*self.server.0;
        if let Err(error) = written {
            tracing::error!(entity = ?registration.entity, %error, "a registration could not be written");
            if is_new {
                // What was stored for it meanwhile was not accepted either, or is dropped with it.
                self.server.deregister(&registration.entity);
            }
            let text = format!("the registration could not be stored: {}", error.message());
            return self.link.respond(token, None, &Response::error(StatusCode::INTERNAL_SERVER_ERROR, text));
        }
        // It may be over already: then there is no way to it, and the answer tells only that it was.
        let is_in_force = shared.registry().is_registered(&registration.entity);
        let orders = is_in_force.then(|| self.route(registration));
        let sent = self.link.respond(token, None, response);
        shared.follow(&self.server, orders.unwrap_or_default());
        sent
    }

    /// WS-6.4-2: the route is there before the registree hears of its success.
    fn route(&self, registration: Registration) -> Vec<Order> {
        let shared = &*self.server.0;
        let register = |registry: &mut Registry, now| registry.register(self.id(), registration, now);
        shared.change(Some(self.peer()), "", register).1
    }
}

impl Server {
    /// Ends a registration because its resource was deleted (WS-6.4-5): nothing is routed to the entity any more, and what
    /// was stored for it is dropped. The connection stays open. True if it was registered.
    ///
    /// What the store has of it goes in the course of time; [`deregister_durably`](Self::deregister_durably) tells when.
    pub fn deregister(&self, entity: &str) -> bool {
        let Some((stem, dropped)) = self.0.end(entity) else { return false };
        let _runtime = self.0.deliveries.runtime().enter();
        when_done(dropped, move |dropped| match dropped {
            Ok(0) => {}
            Ok(count) => tracing::info!(entity = ?stem, count, "stored requests dropped: the entity was deregistered"),
            Err(error) => tracing::error!(entity = ?stem, %error, "a deregistration could not be written"),
        });
        true
    }

    /// Like [`deregister`](Self::deregister), at once; the future resolves when a restart does not bring it back.
    ///
    /// # Errors
    /// The future's: `Storage`. The registration is over all the same, until a restart.
    pub fn deregister_durably(&self, entity: &str) -> impl Future<Output = Result<bool>> + Send + use<> {
        let ended = self.0.end(entity);
        async move {
            match ended {
                None => Ok(false),
                Some((_, dropped)) => dropped.await.map(|_| true),
            }
        }
    }
}

impl Shared {
    /// Ends a registration. `None` if there is none.
    fn end(&self, entity: &str) -> Option<(String, Done<usize>)> {
        // All of it with the registry locked: an entity that registers anew does not lose what is of its new life. Nothing is to
        // be done for others.
        let (ended, _orders) = self.change(None, "", |registry, _| {
            let stem = registry.stem(entity).to_owned();
            registry.deregister(&stem).then(|| {
                self.schedules.forget(&stem);
                let dropped = self.deliveries.forget(&stem);
                (stem, dropped)
            })
        });
        ended
    }
}

fn connection_lost() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the connection that brought the request is gone")
}
