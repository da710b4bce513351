//! Store-and-forward: every notification goes through the spool, and leaves it when the registree has answered.
//!
//! Covers: TS-0020 5.2, 6.5; rows WS-5.2-8, WS-6.4-5, WS-6.5-4. The response primitive, whatever its status, is the
//! acknowledgement, a write to the socket is not. How many requests of one registree are under way at a time, and how their
//! order is kept, is [`lane`]'s part.
//!
//! Several are under way only where each but the last is written to the connection. Otherwise one could run out of time before
//! it is sent, and the one behind it be sent.

mod counters;
mod lane;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;

pub use counters::DeliveryCounters;

use super::uplink::{UPLINK, Way};
use super::{Server, ServerEvent, Shared};
use crate::net::OsRandom;
use crate::net::link::Completion;
use crate::primitive::{EventCategory, Request, Response};
use crate::spool::{Done, Expired, Fact, FactKind, Record, Sequence, Spool, when_done};
use crate::websocket::Random;
use crate::{Error, ErrorKind, Result};

use counters::{Counts, count};
use lane::{Begun, Lane, Settled, TimedOut, Wanted};

/// After so many waits in vain a request is given up: a registree that never answers one must not lose all the others.
const MOST_ATTEMPTS: u32 = 3;
/// How often expired records are taken out of the spool.
const EXPIRY_ROUND: Duration = Duration::from_secs(10);
/// A connection whose queue is full with other requests is asked again after this time.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Deliveries {
    spool: Arc<dyn Spool>,
    longest: Duration,
    window: usize,
    prefix: String,
    next: AtomicU64,
    lanes: Mutex<HashMap<String, Lane>>,
    counts: Counts,
    runtime: Handle,
}

/// What follows from the outcome of an attempt.
enum Next {
    /// Nothing: it is no attempt of now.
    Nothing,
    /// There may be more to send.
    More,
    /// There may be more to send in a while.
    Later,
    /// The request is done with; the place that it takes is free when the store knows so.
    Done(Done<()>),
}

impl Deliveries {
    pub(super) fn new(spool: Arc<dyn Spool>, longest: Duration, window: usize, runtime: Handle) -> Self {
        let mut bytes = [0; 8];
        OsRandom::new().fill(&mut bytes);
        Self {
            spool,
            longest,
            window,
            prefix: format!("n{:016x}-", u64::from_le_bytes(bytes)),
            next: AtomicU64::new(1),
            lanes: Mutex::default(),
            counts: Counts::default(),
            runtime,
        }
    }

    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn spool(&self) -> &Arc<dyn Spool> {
        &self.spool
    }

    pub(super) fn counters(&self) -> DeliveryCounters {
        self.counts.get(self.spool.replaced())
    }

    pub(super) fn waiting(&self, entity: &str) -> usize {
        self.spool.waiting(entity)
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The one who may send to an entity. `None`: somebody does, and will see what is new.
    fn take(&self, entity: &str) -> Option<Turn<'_>> {
        let mut lanes = self.lanes();
        let lane = match lanes.get_mut(entity) {
            Some(lane) => {
                if !lane.take() {
                    return None;
                }
                lane.id
            }
            None => {
                let id = self.new_id();
                lanes.insert(entity.to_owned(), Lane::taken(id));
                id
            }
        };
        Some(Turn { deliveries: self, lane })
    }

    /// Drops all that waits for an entity whose registration is over, and with it what is known of the registration. In this
    /// order: an entity that registers anew never gets what was for its predecessor.
    pub(super) fn forget(&self, entity: &str) -> Done<usize> {
        self.lanes().remove(entity);
        let dropped = self.spool.drop_entity(entity);
        if !self.spool.is_durable() {
            return dropped;
        }
        let fact = Fact { kind: FactKind::Registration, key: entity.to_owned(), value: None };
        let forgotten = self.spool.keep(vec![fact]);
        Box::pin(async move {
            let dropped = dropped.await?;
            forgotten.await?;
            Ok(dropped)
        })
    }

    /// A request as it is stored; `life` is how long it is kept if it does not say so itself.
    fn record(&self, mut request: Request, life: impl FnOnce(SystemTime, Duration) -> Duration) -> Result<Record> {
        if request.request_id.is_empty() {
            // The same one at every attempt, so that the registree can tell a repetition.
            request.request_id = format!("{}{}", self.prefix, self.new_id());
        }
        let now = SystemTime::now();
        let life = match &request.request_expiration {
            Some(rqet) => rqet.remaining(now).ok_or_else(|| {
                let text = format!("rqet {:?} is neither a timestamp nor milliseconds", rqet.as_str());
                Error::new(ErrorKind::InvalidArgument, text)
            })?,
            None => life(now, self.longest),
        };
        let latest_of = subscription_of_latest(&request);
        Ok(Record { latest_of, ..Record::new(request, now.checked_add(life)) })
    }
}

/// The subscription that a notification with `ec` *latest* is of (`sur` in `m2m:sgn`). Only of such a one is the content
/// looked at.
fn subscription_of_latest(request: &Request) -> Option<String> {
    if request.event_category != Some(EventCategory::LATEST) {
        return None;
    }
    let content = request.content.as_ref()?.value().ok()?;
    content.get("m2m:sgn")?.get("sur")?.as_str().map(str::to_owned)
}

/// The right to send to an entity, which one at a time has.
#[derive(Clone, Copy)]
struct Turn<'a> {
    deliveries: &'a Deliveries,
    lane: u64,
}

impl Turn<'_> {
    /// Uses the lane. `None`: the entity was deregistered meanwhile.
    fn with<R>(self, entity: &str, use_lane: impl FnOnce(&mut Lane) -> R) -> Option<R> {
        self.deliveries.lanes().get_mut(entity).filter(|lane| lane.id == self.lane).map(use_lane)
    }

    /// Ends the turn; false if there is news.
    fn ends(self, entity: &str) -> bool {
        let mut lanes = self.deliveries.lanes();
        let Some(lane) = lanes.get_mut(entity).filter(|lane| lane.id == self.lane) else { return true };
        let ends = lane.release();
        if ends && lane.is_done() {
            lanes.remove(entity);
        }
        ends
    }
}

impl Shared {
    /// Hands a request for an entity to the store; the order of calls is the order of delivery.
    pub(super) fn append(&self, entity: &str, request: Request) -> Result<(String, Done<Sequence>)> {
        // Under this lock, so that nothing is stored for an entity after its deregistration.
        let registry = self.registry();
        if !registry.is_registered(entity) {
            return Err(Error::new(ErrorKind::NotRegistered, format!("{entity:?} is not registered here")));
        }
        let stem = registry.stem(entity).to_owned();
        let record = self.deliveries.record(request, |now, longest| self.schedules.life(&stem, now, longest))?;
        let appended = self.deliveries.spool.append(&stem, record);
        Ok((stem, appended))
    }

    /// Counts what came of [`append`](Self::append).
    pub(super) fn appended(&self, result: &Result<Sequence>) {
        let counts = &self.deliveries.counts;
        match result {
            Ok(_) => count(&counts.accepted),
            Err(error) if error.kind() == ErrorKind::QueueFull => count(&counts.refused),
            Err(_) => {}
        }
    }

    /// Sends the next stored requests of an entity, if it is connected and they have a place.
    pub(super) fn forward(&self, server: &Server, entity: &str) {
        let mut route = server.way_to(entity);
        if route.is_err() {
            return;
        }
        let Some(turn) = self.deliveries.take(entity) else { return };
        loop {
            if let Ok(way) = &route {
                while self.send_some(server, way, entity, turn) {}
            }
            if turn.ends(entity) {
                return;
            }
            route = server.way_to(entity);
        }
    }

    /// Sends as many as have a place. True if it is to be looked again.
    fn send_some(&self, server: &Server, way: &Way, entity: &str, turn: Turn<'_>) -> bool {
        let Deliveries { spool, window, counts, .. } = &self.deliveries;
        let connection = way.id();
        let Some(Some(Wanted { mut after, most })) = turn.with(entity, |lane| lane.wants(*window, connection)) else {
            return false;
        };
        let records = match spool.read(entity, after, most, SystemTime::now()) {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(?entity, %error, "stored requests could not be read");
                return false;
            }
        };
        if records.is_empty() {
            turn.with(entity, |lane| lane.drained(after));
            return false;
        }
        let outcome: Arc<dyn Completion> = Arc::new(Outcome { server: server.clone(), entity: entity.to_owned() });
        for stored in records {
            let id = self.deliveries.new_id();
            let begun = turn.with(entity, |lane| {
                let is_behind = lane.is_waiting() && !way.is_drained();
                (!is_behind).then(|| lane.begin(after, id, &stored, *window, connection))
            });
            after = stored.sequence;
            match begun.flatten() {
                // The outcome of the one that is not written yet brings us back.
                None => return false,
                Some(Begun::NotNow) => return true,
                Some(Begun::UnderWay) => continue,
                Some(Begun::First) => {}
                Some(Begun::Again) => count(&counts.repeated),
            }
            if let Err(error) = way.request_with(server, entity, stored.request, Arc::clone(&outcome), id) {
                // It was not taken: as with an outcome.
                let next = self.settle(entity, id, Err(error));
                let at_once = !matches!(next, Next::Later);
                self.go_on(server, entity, id, next);
                return at_once;
            }
        }
        false
    }

    /// Notes the outcome of an attempt.
    fn settle(&self, entity: &str, id: u64, result: Result<Response>) -> Next {
        let mut lanes = self.deliveries.lanes();
        // The entity may have been deregistered meanwhile.
        let Some(lane) = lanes.get_mut(entity) else { return Next::Nothing };
        let counts = &self.deliveries.counts;
        let (settled, given_up) = match result {
            Ok(_) => (lane.settle(id), false),
            Err(error) => match error.kind() {
                ErrorKind::Timeout => match lane.timed_out(id, MOST_ATTEMPTS) {
                    None => return Next::Nothing,
                    Some(TimedOut::Returns) => return Next::More,
                    Some(TimedOut::TooOften) => {
                        tracing::warn!(?entity, "a stored request was given up: {MOST_ATTEMPTS} times no response");
                        (lane.settle(id), true)
                    }
                },
                ErrorKind::Encode => {
                    tracing::error!(?entity, %error, "a stored request cannot be written");
                    (lane.settle(id), true)
                }
                // The connection has enough with other requests.
                ErrorKind::QueueFull | ErrorKind::DuplicateRequestId => {
                    return if lane.not_taken(id) { Next::Later } else { Next::Nothing };
                }
                _ => {
                    return match lane.lost(id) {
                        // It is opened again by this end, which comes back then.
                        None | Some(UPLINK) => Next::Nothing,
                        Some(_) => Next::More,
                    };
                }
            },
        };
        drop(lanes);
        let Some(Settled { sequence, rqi }) = settled else { return Next::Nothing };
        count(if given_up { &counts.given_up } else { &counts.delivered });
        if given_up {
            self.events.push(ServerEvent::RequestGivenUp { entity: entity.to_owned(), rqi: rqi.clone() });
        }
        Next::Done(self.deliveries.spool.acknowledge(entity, sequence, &rqi))
    }

    fn go_on(&self, server: &Server, entity: &str, id: u64, next: Next) {
        match next {
            Next::Nothing => {}
            Next::More => self.forward(server, entity),
            Next::Later => {
                let (server, entity) = (server.clone(), entity.to_owned());
                self.deliveries.runtime.spawn(async move {
                    tokio::time::sleep(PAUSE).await;
                    server.0.forward(&server, &entity);
                });
            }
            Next::Done(done) => self.go_on_when(server, entity, id, done),
        }
    }

    /// On with the next stored request once the store knows that this one is done with.
    fn go_on_when(&self, server: &Server, entity: &str, id: u64, done: Done<()>) {
        let (server, entity) = (server.clone(), entity.to_owned());
        when_done(done, move |written| {
            if let Some(lane) = server.0.deliveries.lanes().get_mut(&entity) {
                lane.acknowledged(id, written.is_ok());
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
        let next = shared.settle(&self.entity, id, result);
        shared.go_on(&self.server, &self.entity, id, next);
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
        loop {
            match self.deliveries.spool.expire(SystemTime::now()).await {
                Ok(expired) if expired.is_empty() => return,
                Ok(expired) => {
                    for Expired { entity, request } in expired {
                        count(&self.deliveries.counts.expired);
                        let rqi = request.request_id;
                        tracing::info!(?entity, ?rqi, "a stored request expired");
                        self.events.push(ServerEvent::RequestExpired { entity, rqi });
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "expired requests could not be taken out of the store");
                    return;
                }
            }
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
