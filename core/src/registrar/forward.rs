//! Hands a request on to the next hop, whose response is the answer.
//!
//! Covers: TS-0020 5.2, 6.5; rows WS-5.2-2, WS-5.2-8, WS-6.4-2, WS-6.5-4. Retargeted requests and notifications in transit, to
//! registrees and to the registrar of this CSE. A notification that cannot be delivered now is stored; any other request is
//! answered with the reason.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::service::respond;
use crate::ErrorKind;
use crate::net::link::Responder;
use crate::primitive::{EntityId, Operation, Request, Response, StatusCode};
use crate::server::Server;

/// Sends `request` to `entity` and answers with what that answers. What is decided before anything is waited for happens in the
/// order in which the returned futures are polled first.
pub(super) async fn forward(server: Server, entity: EntityId, request: Request, responder: Responder) {
    respond(responder, ask(&server, entity.as_str(), request).await);
}

/// The response of `entity`, or why there is none.
pub(super) async fn ask(server: &Server, entity: &str, mut request: Request) -> Response {
    request.request_id.clear();
    let is_notification = request.operation == Operation::Notify;
    // What is stored already comes first.
    if is_notification && server.waiting(entity) > 0 && is_storable(&request) {
        return store(server, entity, request).await;
    }
    let again = is_notification.then(|| request.clone());
    match (server.send(entity, request).await, again) {
        (Ok(response), _) => response,
        (Err(error), Some(request)) if is_passing(error.kind()) && is_storable(&request) => {
            store(server, entity, request).await
        }
        (Err(error), _) => Response::error(StatusCode::TARGET_NOT_REACHABLE, error.message()),
    }
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
