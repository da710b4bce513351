//! One registree's connection, from its opening to its end.
//!
//! Covers: rows WS-5.2-3, WS-6.4-2, -3. What it does not do: accept and open it ([`super::accept`] does), or keep what is
//! registered ([`super::registrations`] does).

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::accept::Place;
use super::authenticate::hint;
use super::events::Order;
use super::secure::Credential;
use super::{Server, Shared};
use crate::Result;
use crate::binding::{Admission, ConnectionId, Event, IncomingToken, PeerIdentity, Registration, Session};
use crate::net::link::{IncomingRequest, Link, Respond, Responder, Waiter, call_application};
use crate::net::listen::Upgraded;
use crate::net::pump::{Owner, Pump};
use crate::net::tls::TlsStream;
use crate::net::{MasksNothing, now};
use crate::primitive::{Request, Response};
use crate::websocket::{CloseCode, Connection, Role};

/// Serves a connection that is open, until it has ended.
#[allow(clippy::manual_async_fn)] // it would hold each argument twice
pub(super) fn serve(
    place: Place,
    mut stream: TlsStream,
    registree: Arc<Registree>,
) -> impl Future<Output = ()> + Send + 'static {
    async move {
        let mut gate = Gate { registree: &registree, admitted: None };
        Pump::new(&mut stream, &registree.link, &mut gate).await;

        let shared = &*place.server().0;
        shared.registrees().remove(&registree.id);
        // A stored request that was handed to this connection while it ended would wait for ever: it is told that it failed,
        // and goes to the next connection.
        registree.link.with(|session, now| session.abort(now, CloseCode::Normal.into(), ""));
        registree.link.hand_out(|event| gate.on_event(event));
        shared.past.lock().unwrap_or_else(PoisonError::into_inner).add(registree.link.peek(Session::counters));
        // Mostly it has been said by the event that the connection is over.
        registree.is_gone("the connection broke");
        drop(stream);
        drop(place);
    }
}

/// Who is at the other end of a connection, and where the handler's answers to it go: registrations are seen on the way.
pub(super) struct Registree {
    pub(super) server: Server,
    id: ConnectionId,
    peer: SocketAddr,
    /// What it has shown, with TLS.
    pub(super) credential: Option<Box<Credential>>,
    identity: Option<Arc<PeerIdentity>>,
    pub(super) link: Link,
}

impl Registree {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Who is authenticated, if anybody.
    pub(super) const fn identity(&self) -> Option<&Arc<PeerIdentity>> {
        self.identity.as_ref()
    }

    pub(super) const fn id(&self) -> ConnectionId {
        self.id
    }

    /// The connection has ended: whoever was reached over it is not any more. Another one may have its place already.
    fn is_gone(&self, cause: &str) {
        let shared = &*self.server.0;
        let ((), orders) = shared.change(Some(self.peer), cause, |registry, now| registry.disconnected(self.id, now));
        shared.follow(&self.server, orders);
    }
}

/// Hears what happens on a connection, and lets requests pass.
struct Gate<'a> {
    registree: &'a Arc<Registree>,
    /// The originator of the last request that passed and would pass again, and the number of changes then: most connections
    /// speak for one entity, and its next request need not ask the registry.
    admitted: Option<(Box<str>, u64)>,
}

impl Owner for Gate<'_> {
    fn on_event(&mut self, event: Event<Waiter>) {
        if catch_unwind(AssertUnwindSafe(|| self.handle(event))).is_err() {
            // A defect of ours, or of a spool. Nobody knows what it left undone here (RFC 6455 7.4.1: 1011).
            tracing::error!(peer = %self.registree.peer, "a defect ended the connection");
            // With the time that it is now: reporting a panic can take seconds.
            self.registree.link.drive(|session, now| session.abort(now, CloseCode::Error.into(), "internal error"));
        }
    }

    fn wake_before(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        self.registree.server.0.alarms.set(now, deadline, self.registree.id)
    }
}

impl Respond for Registree {
    fn respond(&self, token: IncomingToken, about: Option<Box<Request>>, response: &Response) -> Result<()> {
        match about.and_then(|request| Registration::from_exchange(&request, response)) {
            Some(registration) => self.register(registration, token, response),
            None => self.link.respond(token, None, response),
        }
    }

    fn dismiss(&self, token: IncomingToken) {
        self.link.dismiss(token);
    }

    fn connection(&self) -> Option<ConnectionId> {
        Some(self.id)
    }

    fn identity(&self) -> Option<&PeerIdentity> {
        self.identity.as_deref()
    }
}

impl Shared {
    /// Makes the session of a connection and everything that finds it.
    pub(super) fn open(
        &self,
        server: &Server,
        peer: SocketAddr,
        mut upgraded: Upgraded,
        credential: Option<Box<Credential>>,
        identity: Option<Arc<PeerIdentity>>,
    ) -> Arc<Registree> {
        let id = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        let mut connection =
            Connection::new(Role::Server, Arc::clone(&self.websocket), Box::new(MasksNothing), now().monotonic);
        if let Some(agreement) = &upgraded.agreement {
            connection = connection.with_compression(agreement);
        }
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let mut session = Session::new(Arc::clone(&self.session), &mut *random);
        drop(random);
        session.attach(now(), connection, upgraded.format);
        let link = Link::new(session);
        let registree =
            Arc::new(Registree { server: server.clone(), id, peer, credential, identity: identity.clone(), link });
        self.registrees().insert(id, Arc::downgrade(&registree));
        let principal = identity.as_deref().map(PeerIdentity::principal);
        tracing::debug!(%peer, ?principal, "connection opened");

        let hint = hint(&upgraded.request);
        let ((), orders) = self.change(Some(peer), "", |registry, now| registry.connected(id, identity, hint, now));
        if registree.identity.as_ref().is_some_and(|identity| identity.entities().is_some()) {
            self.changed(); // whoever was let pass as what it names is not any more
        }
        self.follow(server, orders);
        let link = &registree.link;
        if *self.stopping.borrow() {
            link.with(|session, now| session.go_away(now));
        }
        let leftover = &mut upgraded.request.leftover;
        if !leftover.is_empty() {
            link.with(|session, now| session.handle_data(now, leftover));
        }
        registree
    }
}

impl Gate<'_> {
    /// Without a look at the registry where nothing can have changed since the last request. One that `registers` is always
    /// looked at.
    fn admit(&mut self, request: &Request, registers: bool) -> (Admission, Vec<Order>) {
        let Registree { server, id, peer, .. } = &**self.registree;
        let shared = &*server.0;
        if let (Some((originator, changes)), Some(from)) = (&self.admitted, &request.from)
            && !registers
            && **originator == **from
            && *changes == shared.changes.load(Ordering::Acquire)
        {
            return (Admission::Pass, Vec::new());
        }
        shared.change(Some(*peer), "", |registry, now| {
            let admission = registry.admit(*id, request, now);
            self.admitted = match &request.from {
                Some(from) if admission == Admission::Pass && registry.passes_again(*id, request) => {
                    Some((from.as_str().into(), shared.changes.load(Ordering::Acquire)))
                }
                _ => None,
            };
            admission
        })
    }

    fn handle(&mut self, event: Event<Waiter>) {
        let Registree { server, id, peer, link, .. } = &**self.registree;
        let shared = &*server.0;
        match event {
            Event::Request { token, mut request } => {
                let registers = Registration::is_requested_by(&request);
                let (admission, orders) = self.admit(&request, registers);
                match admission {
                    Admission::Pass => {}
                    Admission::PassAs(originator) => request.from = Some(originator),
                    Admission::Refuse(status, text) => {
                        // A connection that is gone needs no answer.
                        let _ = link.respond(token, None, &Response::error(status, text));
                        shared.follow(server, orders);
                        return;
                    }
                }
                let about = registers.then(|| request.clone());
                let to: Arc<Registree> = Arc::clone(self.registree);
                let responder = Responder::new(to, token, about);
                let request = IncomingRequest { request, responder };
                call_application(|| shared.handler.on_request(server, request));
                shared.follow(server, orders);
            }
            Event::Alive => {
                let ((), orders) = shared.change(Some(*peer), "", |registry, now| registry.is_alive(*id, now));
                shared.follow(server, orders);
            }
            Event::Malformed(text) => tracing::warn!(%peer, "malformed message: {}", text.escape_debug()),
            Event::Unmatched(response) => {
                tracing::debug!(%peer, rqi = ?response.request_id, "response that nobody waits for");
            }
            Event::Disconnected(closed) => {
                tracing::debug!(%peer, "{closed}");
                self.registree.is_gone(&closed.to_string());
            }
            // Outcomes go to their waiters before they come here; a registrar's end registers nobody itself.
            Event::Response { .. }
            | Event::Acknowledged { .. }
            | Event::Registered(_)
            | Event::Deregistered(_)
            | Event::RegistrationDoubted
            | Event::Closed => {}
        }
    }
}
