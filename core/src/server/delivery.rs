//! Store-and-forward: every notification goes through the spool, and leaves it when the registree has answered.
//!
//! Covers: TS-0020 5.2, 6.5; rows WS-5.2-8, WS-6.5-4. One request per registree is under way at a time, which keeps the
//! order; the response primitive, whatever its status, is the acknowledgement, a write to the socket is not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::events::ServerEvent;
use super::{Server, Shared};
use crate::binding::ConnectionId;
use crate::net::OsRandom;
use crate::net::link::Completion;
use crate::primitive::{Request, Response};
use crate::spool::{Done, Expired, Record, Sequence, Spool, Stored, when_done};
use crate::websocket::Random;
use crate::{Error, ErrorKind, Result};

/// After so many waits in vain a request is given up: a registree that never answers one must not lose all the others.
const MOST_ATTEMPTS: u32 = 3;
/// How often expired records are taken out of the spool.
const EXPIRY_ROUND: Duration = Duration::from_secs(10);

pub(super) struct Deliveries {
    spool: Arc<dyn Spool>,
    longest: Duration,
    prefix: String,
    next: AtomicU64,
    under_way: Mutex<HashMap<String, Attempt>>,
}

/// The oldest stored request of an entity, as far as its delivery has come.
struct Attempt {
    /// Of this try. An outcome that comes late cannot be taken for that of another one, also not after the entity was
    /// deregistered and registered anew.
    id: u64,
    sequence: Sequence,
    rqi: String,
    /// Over which it is tried.
    connection: ConnectionId,
    /// Waits in vain so far.
    failures: u32,
    /// False between tries: for the next connection, or the next try.
    waits: bool,
}

/// What follows from the outcome of an attempt.
enum Next {
    /// Nothing: it is no attempt of now.
    Nothing,
    /// The same request over another connection than this one, which has ended: now if the entity has one already, or when
    /// it has.
    Elsewhere(ConnectionId),
    /// The same request again.
    Again,
    /// The request is done with, and the next one follows when the store has it so: a crash then repeats one at most.
    Done(Done<()>),
}

impl Deliveries {
    pub(super) fn new(spool: Arc<dyn Spool>, longest: Duration) -> Self {
        let mut bytes = [0; 8];
        OsRandom::new().fill(&mut bytes);
        Self {
            spool,
            longest,
            prefix: format!("n{:016x}-", u64::from_le_bytes(bytes)),
            next: AtomicU64::new(1),
            under_way: Mutex::default(),
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Attempt>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting(&self, entity: &str) -> usize {
        self.spool.waiting(entity)
    }

    /// Drops all that waits for an entity.
    pub(super) fn forget(&self, entity: &str) {
        self.under_way().remove(entity);
        let (dropped, entity) = (self.spool.drop_entity(entity), entity.to_owned());
        when_done(dropped, move |dropped| match dropped {
            Ok(0) => {}
            Ok(count) => tracing::info!(?entity, count, "stored requests dropped: the entity was deregistered"),
            Err(error) => tracing::error!(?entity, %error, "stored requests could not be dropped"),
        });
    }
}

impl Shared {
    /// Hands a request for an entity to the store; the order of calls is the order of delivery.
    pub(super) fn append(&self, entity: &str, mut request: Request) -> Result<(String, Done<Sequence>)> {
        let stem = {
            let registry = self.registry();
            if !registry.is_registered(entity) {
                return Err(Error::new(ErrorKind::NotRegistered, format!("{entity:?} is not registered here")));
            }
            registry.stem(entity).to_owned()
        };
        let deliveries = &self.deliveries;
        if request.request_id.is_empty() {
            // The same one at every attempt, so that the registree can tell a repetition.
            let number = deliveries.next.fetch_add(1, Ordering::Relaxed);
            request.request_id = format!("{}{number}", deliveries.prefix);
        }
        let now = SystemTime::now();
        let life = match &request.request_expiration {
            Some(rqet) => rqet.remaining(now).ok_or_else(|| {
                let text = format!("rqet {:?} is neither a timestamp nor milliseconds", rqet.as_str());
                Error::new(ErrorKind::InvalidArgument, text)
            })?,
            None => self.schedules.life(&stem, now, deliveries.longest),
        };
        let appended = deliveries.spool.append(&stem, Record::new(request, now.checked_add(life)));
        Ok((stem, appended))
    }

    /// Sends the next stored request of an entity, if it is connected and none is under way.
    pub(super) fn forward(&self, server: &Server, entity: &str) {
        self.forward_unless(server, entity, None);
    }

    /// [`forward`](Self::forward), but not over the connection `ended`.
    fn forward_unless(&self, server: &Server, entity: &str, mut ended: Option<ConnectionId>) {
        loop {
            let Ok(way) = server.way_to(entity) else { return };
            let connection = way.id();
            if ended == Some(connection) {
                return;
            }
            let (id, request) = {
                let mut under_way = self.deliveries.under_way();
                if under_way.get(entity).is_some_and(|attempt| attempt.waits) {
                    return;
                }
                match self.deliveries.spool.read(entity, Sequence(0), 1, SystemTime::now()).map(|mut all| all.pop()) {
                    Ok(Some(Stored { sequence, request, .. })) => {
                        let failures = match under_way.get(entity) {
                            Some(attempt) if attempt.sequence == sequence => attempt.failures,
                            _ => 0,
                        };
                        let id = self.deliveries.next.fetch_add(1, Ordering::Relaxed);
                        let rqi = request.request_id.clone();
                        let attempt = Attempt { id, sequence, rqi, connection, failures, waits: true };
                        under_way.insert(entity.to_owned(), attempt);
                        (id, request)
                    }
                    Ok(None) => {
                        under_way.remove(entity);
                        return;
                    }
                    Err(error) => {
                        tracing::error!(?entity, %error, "stored requests could not be read");
                        return;
                    }
                }
            };
            let outcome = Arc::new(Outcome { server: server.clone(), entity: entity.to_owned() });
            match way.request_with(server, entity, request, outcome, id) {
                Ok(()) => return,
                // It was not taken: as with an outcome, and on with the next one.
                Err(error) => match self.settle(entity, id, Err(error)) {
                    Next::Nothing => return,
                    // If another one has taken its place, that one found the request taken.
                    Next::Elsewhere(connection) => ended = Some(connection),
                    Next::Again => {}
                    Next::Done(done) => return self.go_on_when(server, entity, id, done),
                },
            }
        }
    }

    /// Notes the outcome of an attempt.
    fn settle(&self, entity: &str, id: u64, result: Result<Response>) -> Next {
        let mut under_way = self.deliveries.under_way();
        // The entity may have been deregistered meanwhile.
        let Some(attempt) = under_way.get_mut(entity).filter(|attempt| attempt.id == id) else {
            return Next::Nothing;
        };
        let mut given_up = false;
        if let Err(error) = result {
            match error.kind() {
                ErrorKind::Timeout => {
                    attempt.failures += 1;
                    if attempt.failures < MOST_ATTEMPTS {
                        attempt.waits = false;
                        return Next::Again;
                    }
                    tracing::warn!(?entity, "a stored request was given up: {MOST_ATTEMPTS} times no response");
                    given_up = true;
                }
                ErrorKind::Encode => {
                    tracing::error!(?entity, %error, "a stored request cannot be written");
                    given_up = true;
                }
                _ => {
                    attempt.waits = false;
                    return Next::Elsewhere(attempt.connection);
                }
            }
        }
        if given_up {
            let (entity, rqi) = (entity.to_owned(), attempt.rqi.clone());
            self.events.push(ServerEvent::RequestGivenUp { entity, rqi });
        }
        Next::Done(self.deliveries.spool.acknowledge(entity, attempt.sequence, &attempt.rqi))
    }

    /// On with the next stored request once the store knows that this one is done with.
    fn go_on_when(&self, server: &Server, entity: &str, id: u64, done: Done<()>) {
        let (server, entity) = (server.clone(), entity.to_owned());
        when_done(done, move |written| {
            if let Some(attempt) = server.0.deliveries.under_way().get_mut(&entity).filter(|attempt| attempt.id == id) {
                attempt.waits = false;
            }
            match written {
                Ok(()) => server.0.forward(&server, &entity),
                // It comes again with the next connection.
                Err(error) => {
                    tracing::error!(?entity, %error, "a delivered request could not be taken out of the store");
                }
            }
        });
    }
}

/// Hears the outcome of one delivery.
struct Outcome {
    server: Server,
    entity: String,
}

impl Completion for Outcome {
    fn complete(&self, id: u64, result: Result<Response>) {
        let shared = &*self.server.0;
        match shared.settle(&self.entity, id, result) {
            Next::Nothing => {}
            Next::Elsewhere(ended) => shared.forward_unless(&self.server, &self.entity, Some(ended)),
            Next::Again => shared.forward(&self.server, &self.entity),
            Next::Done(done) => shared.go_on_when(&self.server, &self.entity, id, done),
        }
    }
}

/// Takes expired records out of the spool until the server stops.
pub(super) async fn expire(server: Server) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_ROUND) => {}
            () = server.0.stopped() => return,
        }
        server.0.expire().await;
    }
}

impl Shared {
    async fn expire(&self) {
        match self.deliveries.spool.expire(SystemTime::now()).await {
            Ok(expired) => {
                for Expired { entity, request } in expired {
                    let rqi = request.request_id;
                    tracing::info!(?entity, ?rqi, "a stored request expired");
                    self.events.push(ServerEvent::RequestExpired { entity, rqi });
                }
            }
            Err(error) => tracing::error!(%error, "expired requests could not be taken out of the store"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::binding::Registration;
    use crate::net::link::IncomingRequest;
    use crate::server::Handler;

    struct Listener(Mutex<std::sync::mpsc::Sender<ServerEvent>>);

    impl Handler for Listener {
        fn on_request(&self, _server: &Server, _request: IncomingRequest) {}

        fn on_event(&self, _server: &Server, event: ServerEvent) {
            let _ = self.0.lock().unwrap().send(event);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn ws_5_2_8_a_request_that_expires_is_told() {
        let (told, events) = std::sync::mpsc::channel();
        let server = Server::builder().listen("ws://127.0.0.1:0").notification_age(Duration::from_millis(1));
        let server = server.start(Listener(Mutex::new(told))).unwrap();
        server.restore(Registration::known("Ca"));
        let mut request = Request::notify("Ca", serde_json::json!({}));
        request.request_id = "late".to_owned();
        server.notify("/Ca", request.clone()).await.unwrap_err();
        server.notify("Ca", request).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        server.0.expire().await;
        let expired = ServerEvent::RequestExpired { entity: "Ca".to_owned(), rqi: "late".to_owned() };
        assert_eq!(events.recv_timeout(Duration::from_secs(20)).unwrap(), expired);
        assert_eq!(server.waiting("Ca"), 0);
    }
}
