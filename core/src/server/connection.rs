//! One registree's connection, from its opening to its end.
//!
//! Covers: rows WS-5.2-3, WS-6.4-2, -3, -4. What it does not do: accept and open it ([`super::accept`] does).

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::accept::{Place, welcome};
use super::{Server, Shared};
use crate::binding::{Admission, ConnectionId, Event, IncomingToken, Registration, Session};
use crate::net::link::{IncomingRequest, Link, Respond, Responder, Waiter, call_application};
use crate::net::listen::Upgraded;
use crate::net::{OsRandom, now, pump};
use crate::primitive::{Request, Response};
use crate::websocket::{CloseCode, Connection, Role};
use crate::{Result, binding};

/// Serves a connection that was accepted, until it has ended.
pub(super) async fn serve(mut place: Place, mut stream: TcpStream, peer: SocketAddr, accepted: Instant) {
    // Boxed: what only the opening needs is not to be held for as long as the connection lives.
    let Some(reply) = Box::pin(welcome(&mut place, &mut stream, peer, accepted)).await else { return };
    let server = place.server();
    let shared = &*server.0;
    let mut admitted = None;
    let mut on_event = |event| {
        let handle = AssertUnwindSafe(|| shared.handle(server, &reply, &mut admitted, peer, event));
        if catch_unwind(handle).is_err() {
            // A defect of ours, or of a spool. Nobody knows what it left undone here (RFC 6455 7.4.1: 1011).
            tracing::error!(%peer, "a defect ended the connection");
            reply.link.with(|session, now| session.abort(now, CloseCode::Error.into(), "internal error"));
        }
    };
    pump::run(&mut stream, &reply.link, &mut on_event).await;

    shared.links().remove(&reply.id);
    // A stored request that was handed to this connection while it ended would wait for ever: it is told that it failed,
    // and goes to the next connection.
    reply.link.with(|session, now| session.abort(now, CloseCode::Normal.into(), ""));
    reply.link.hand_out(&mut on_event);
    shared.past.lock().unwrap_or_else(PoisonError::into_inner).add(reply.link.peek(Session::counters));
    let handed_over = shared.registry().disconnected(reply.id);
    for (entity, _) in handed_over {
        shared.forward(server, &entity);
    }
}

/// Where the handler's answers to one connection go: registrations are seen on the way.
pub(super) struct Reply {
    server: Server,
    link: Arc<Link>,
    id: ConnectionId,
}

impl Respond for Reply {
    fn respond(&self, token: IncomingToken, about: Option<Box<Request>>, response: Response) -> Result<()> {
        let shared = &*self.server.0;
        // WS-6.4-2: the route is there before the registree hears of its success.
        let registered =
            about.and_then(|request| Registration::from_exchange(&request, &response)).map(|registration| {
                let mut registry = shared.registry();
                // The entity may have been reached over another connection.
                shared.changes.fetch_add(1, Ordering::Release);
                registry.register(self.id, registration)
            });
        let sent = self.link.respond(token, None, response);
        if let Some(entity) = registered {
            tracing::info!(?entity, "registered");
            shared.forward(&self.server, &entity);
        }
        sent
    }

    fn dismiss(&self, token: IncomingToken) {
        self.link.dismiss(token);
    }
}

/// The originator of the last request that passed because its entity is reached over the connection, and the number of
/// changes then: most connections speak for one entity, and its next request need not ask the registry.
type Admitted = Option<(String, u64)>;

impl Shared {
    /// Makes the session of a connection and everything that finds it.
    pub(super) fn open(&self, server: &Server, peer: SocketAddr, mut upgraded: Upgraded) -> Arc<Reply> {
        let id = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        let random = Box::new(OsRandom::new());
        let mut connection = Connection::new(Role::Server, Arc::clone(&self.websocket), random, now().monotonic);
        if let Some(agreement) = &upgraded.agreement {
            connection = connection.with_compression(agreement);
        }
        let mut session = Session::new(Arc::clone(&self.session), &mut OsRandom::new());
        session.attach(now(), connection, upgraded.format);
        let link = Link::new(session);
        self.links().insert(id, Arc::clone(&link));
        tracing::debug!(%peer, "connection opened");

        let hint = upgraded.request.header("X-M2M-Origin").filter(|hint| !hint.is_empty());
        let admission = self.registry().connected(id, hint);
        self.follow(server, &admission);
        if *self.stopping.borrow() {
            link.with(|session, now| session.go_away(now));
        }
        let leftover = &mut upgraded.request.leftover;
        if !leftover.is_empty() {
            link.with(|session, now| session.handle_data(now, leftover));
        }
        Arc::new(Reply { server: server.clone(), link, id })
    }

    /// The gate, without a look at the registry where nothing can have changed since the last request.
    fn admit(&self, id: ConnectionId, admitted: &mut Admitted, request: &Request) -> Admission {
        if let (Some((originator, changes)), Some(from)) = (&*admitted, &request.from)
            && originator == from
            && *changes == self.changes.load(Ordering::Acquire)
        {
            return Admission::Pass;
        }
        let mut registry = self.registry();
        let admission = registry.admit(id, request);
        *admitted = match &request.from {
            Some(from) if registry.route(from) == Some(id) => {
                Some((from.clone(), self.changes.load(Ordering::Acquire)))
            }
            _ => None,
        };
        admission
    }

    fn handle(
        &self,
        server: &Server,
        reply: &Arc<Reply>,
        admitted: &mut Admitted,
        peer: SocketAddr,
        event: Event<Waiter>,
    ) {
        match event {
            Event::Request { token, request } => {
                let admission = self.admit(reply.id, admitted, &request);
                if let Admission::Refuse(status, text) = &admission {
                    // A connection that is gone needs no answer.
                    let _ = reply.link.respond(token, None, Response::error(*status, text));
                    return;
                }
                let about = Registration::is_requested_by(&request).then(|| request.clone());
                let to: Arc<Reply> = Arc::clone(reply);
                let responder = Responder::new(to, token, about);
                let request = IncomingRequest { request: *request, responder };
                call_application(|| self.handler.on_request(server, request));
                self.follow(server, &admission);
            }
            Event::Alive => {
                let refused = self.registry().is_alive(reply.id);
                for id in refused {
                    if let Some(link) = self.links().get(&id).cloned() {
                        let text = "another connection of this entity is alive";
                        link.with(|session, now| session.disconnect(now, CloseCode::Policy.into(), text));
                    }
                }
            }
            Event::Malformed(text) => tracing::warn!(%peer, "malformed message: {}", text.escape_debug()),
            Event::Unmatched(response) => {
                tracing::debug!(%peer, rqi = ?response.request_id, "response that nobody waits for");
            }
            Event::Disconnected(closed) => tracing::debug!(%peer, "{closed}"),
            // Outcomes go to their waiters before they come here; a registrar's end registers nobody itself.
            Event::Response { .. } | Event::Registered(_) | Event::Deregistered(_) | Event::Closed => {}
        }
    }

    /// What follows from an admission besides passing.
    fn follow(&self, server: &Server, admission: &Admission) {
        match admission {
            Admission::PassAndRoute(entity) => self.forward(server, entity),
            Admission::PassAndProbe(holder) => {
                if let Some(link) = self.links().get(holder).cloned() {
                    link.with(|session, now: binding::Now| session.probe(now));
                }
            }
            Admission::Pass | Admission::Refuse(..) => {}
        }
    }
}
