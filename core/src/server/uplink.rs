//! The way to the one entity that is no registree: the registrar of an MN-CSE, over a connection that this end opened.
//!
//! Covers: rows WS-5.2-2, WS-5.2-8. Requests and stored notifications for it go to an [`Uplink`] instead of a connection of the
//! server's; the registrar itself may speak to this server over connections that it opens, as ACME does. What it does not do:
//! open the connection, or register there ([`crate::registrar`] does).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::connection::Registree;
use super::{Server, Shared};
use crate::binding::{ConnectionId, Registration, Session};
use crate::net::link::{Completion, Responder};
use crate::primitive::{Request, Response};
use crate::{Error, ErrorKind, Result};

/// Time before stored requests are tried again that were not taken although the way is open: the queue was full.
const AGAIN: Duration = Duration::from_millis(100);

/// Stands for the connection that an uplink has: those of the server begin with 1.
pub(super) const UPLINK: ConnectionId = ConnectionId(0);

/// Where requests for one entity go.
pub(crate) trait Uplink: Send + Sync + 'static {
    /// Sends a request; `NotConnected` if the entity cannot be reached now.
    fn send(self: Arc<Self>, request: Request) -> Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

    /// Whether the entity can be reached now.
    fn is_open(&self) -> bool;
}

/// An entity, and the way to it; who made the way keeps it.
pub(super) struct Above {
    entity: String,
    uplink: Weak<dyn Uplink>,
}

/// How the next request gets to an entity.
pub(super) enum Way {
    Registree(Arc<Registree>),
    Uplink(Arc<dyn Uplink>),
}

impl Way {
    /// Sends a request whose outcome goes to `completion`.
    pub(super) fn request_with(
        &self,
        server: &Server,
        entity: &str,
        request: Request,
        completion: Arc<dyn Completion>,
        id: u64,
    ) -> Result<()> {
        let uplink = match self {
            Self::Registree(registree) => return registree.link.request_with(request, completion, id).map(drop),
            Self::Uplink(uplink) => Arc::clone(uplink),
        };
        let (server, entity) = (server.clone(), entity.to_owned());
        tokio::spawn(async move {
            let result = Arc::clone(&uplink).send(request).await;
            let failed = result.is_err();
            completion.complete(id, result);
            // The way may have opened while this attempt failed: nobody else comes back for what is stored.
            if failed && uplink.is_open() {
                tokio::time::sleep(AGAIN).await;
                server.0.forward(&server, &entity);
            }
        });
        Ok(())
    }

    /// The connection of the server's, if it is one.
    pub(super) fn id(&self) -> ConnectionId {
        match self {
            Self::Registree(registree) => registree.id(),
            Self::Uplink(_) => UPLINK,
        }
    }

    /// True if all that was sent is on its way. Over an uplink one goes after the other.
    pub(super) fn is_drained(&self) -> bool {
        match self {
            Self::Registree(registree) => registree.link.peek(Session::queued) == 0,
            Self::Uplink(_) => false,
        }
    }
}

impl Server {
    /// Sends what is for `entity` over `uplink` from now on. Set once. The entity counts as registered: what is for it can be
    /// stored, and its own connections pass the gate.
    pub(crate) fn set_uplink(&self, entity: &str, uplink: Weak<dyn Uplink>) {
        let mut registry = self.0.registry();
        registry.set_registrar(Registration::known(entity));
        let entity = registry.stem(entity).to_owned();
        drop(registry);
        if self.0.above.set(Above { entity, uplink }).is_err() {
            tracing::error!("a server has one uplink only");
        }
    }

    /// Sends the stored requests of an entity if it can be reached: the uplink has opened.
    pub(crate) fn resume(&self, entity: &str) {
        let stem = self.0.registry().stem(entity).to_owned();
        self.0.forward(self, &stem);
    }

    /// Whether the request came over a connection that the entity at the other end of the uplink opened.
    pub(crate) fn is_from_uplink(&self, responder: &Responder) -> bool {
        self.0.above.get().is_some_and(|above| {
            responder.connection().is_some_and(|connection| self.0.registry().speaks_for(connection, &above.entity))
        })
    }

    /// The way to an entity that can be reached.
    pub(super) fn way_to(&self, entity: &str) -> Result<Way> {
        match self.0.uplink_to(entity) {
            None => self.registree_of(entity).map(Way::Registree),
            Some(uplink) => uplink.upgrade().map(Way::Uplink).ok_or_else(|| {
                Error::new(
                    ErrorKind::NotConnected,
                    format!("the connection to {entity:?} was given up: this CSE stops"),
                )
            }),
        }
    }
}

impl Shared {
    fn uplink_to(&self, entity: &str) -> Option<&Weak<dyn Uplink>> {
        let above = self.above.get()?;
        (*self.registry().stem(entity) == *above.entity).then_some(&above.uplink)
    }
}
