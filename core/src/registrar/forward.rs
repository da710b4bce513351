//! Hands a request on to the next hop, whose response is the answer.
//!
//! Covers: TS-0020 5.2, 6.5; rows WS-5.2-2, WS-5.2-8, WS-6.4-2, WS-6.5-4. Retargeted requests and notifications in transit, to
//! registrees and to the registrar of this CSE. A notification that cannot be delivered now is stored; any other request is
//! answered with the reason.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::service::respond;
use crate::net::link::Responder;
use crate::primitive::{EntityId, Operation, Request, Response, StatusCode};
use crate::server::Server;
use crate::{ErrorKind, Result};

/// Notifications that are being handed on.
///
/// Who sends one again, with the same identifier, has lost the connection over which its answer would have come. The
/// repetition takes the place of the attempt that is still under way: if that failed later and was stored then, it would
/// arrive behind those that came after the repetition.
#[derive(Clone, Default)]
pub(super) struct Transit(Arc<Mutex<HashMap<Passenger, Token>>>);

/// The next hop, `fr` and `rqi`.
type Passenger = (String, Option<String>, String);
/// Tells the attempts of one passenger apart.
type Token = Arc<()>;

/// One attempt to hand a notification on.
struct Passage<'a> {
    transit: &'a Transit,
    passenger: Passenger,
    token: Token,
}

impl Transit {
    fn attempts(&self) -> MutexGuard<'_, HashMap<Passenger, Token>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, entity: &str, request: &Request) -> Passage<'_> {
        let passenger = (entity.to_owned(), request.from.clone(), request.request_id.clone());
        let token = Token::default();
        self.attempts().insert(passenger.clone(), Arc::clone(&token));
        Passage { transit: self, passenger, token }
    }

    /// Sends `request` to `entity` and answers with what that answers. What is decided before anything is waited for happens in
    /// the order in which the returned futures are polled first.
    pub(super) async fn forward(self, server: Server, entity: EntityId, request: Request, responder: Responder) {
        respond(responder, self.ask(&server, entity.as_str(), request).await);
    }

    /// The response of `entity`, or why there is none.
    pub(super) async fn ask(&self, server: &Server, entity: &str, mut request: Request) -> Response {
        let passage = (request.operation == Operation::Notify).then(|| self.begin(entity, &request));
        request.request_id.clear();
        let Some(passage) = passage else { return answer(server.send(entity, request).await) };
        // What is stored already comes first.
        if server.waiting(entity) > 0 && is_storable(&request) {
            return store(server, entity, request).await;
        }
        let again = request.clone();
        match server.send(entity, request).await {
            Err(error) if is_passing(error.kind()) && is_storable(&again) && passage.is_latest() => {
                store(server, entity, again).await
            }
            result => answer(result),
        }
    }
}

impl Passage<'_> {
    /// False if the notification has come again meanwhile.
    fn is_latest(&self) -> bool {
        self.transit.attempts().get(&self.passenger).is_some_and(|latest| Arc::ptr_eq(latest, &self.token))
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(latest) = self.transit.attempts().entry(std::mem::take(&mut self.passenger))
            && Arc::ptr_eq(latest.get(), &self.token)
        {
            latest.remove();
        }
    }
}

fn answer(result: Result<Response>) -> Response {
    result.unwrap_or_else(|error| Response::error(StatusCode::TARGET_NOT_REACHABLE, error.message()))
}

/// WS-6.5-4, WS-5.2-8: sent when there is a connection again. What may have arrived arrives twice, rather than never.
async fn store(server: &Server, entity: &str, request: Request) -> Response {
    match server.notify(entity, request).await {
        Ok(()) => Response::new(StatusCode::ACCEPTED),
        Err(error) => Response::error(StatusCode::TARGET_NOT_REACHABLE, error.message()),
    }
}

/// Whether it may be otherwise later.
fn is_passing(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::NotConnected
            | ErrorKind::ConnectionLost
            | ErrorKind::Timeout
            | ErrorKind::QueueFull
            | ErrorKind::Closed
    )
}

/// Whether a notification is worth something later: not if its time is over, or if it asks whether a subscription is wanted
/// (`vrq`), since somebody waits for that answer.
fn is_storable(request: &Request) -> bool {
    let is_over = |request: &Request| {
        let rqet = request.request_expiration.as_ref();
        rqet.and_then(|rqet| rqet.remaining(SystemTime::now())) == Some(Duration::ZERO)
    };
    let is_verification = |request: &Request| {
        let content = request.content.as_ref().and_then(|content| content.value().ok());
        content.is_some_and(|content| content.pointer("/m2m:sgn/vrq").and_then(Value::as_bool) == Some(true))
    };
    !is_over(request) && !is_verification(request)
}
