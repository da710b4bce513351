//! A spool in memory: what waits is lost with the process.
//!
//! Covers: row WS-6.5-4 as far as memory can. Bounded per registree and in total; when a bound is reached the new record is
//! refused, and nothing that was accepted is dropped for it.

use std::collections::{HashMap, VecDeque};
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use super::{Done, Expired, Fact, FactKind, Record, Sequence, Spool, Stored};
use crate::primitive::Request;
use crate::{Error, ErrorKind, Result};

/// Bounds of a [`MemorySpool`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryLimits {
    /// Records that wait for one registree: 1024.
    pub per_entity: usize,
    /// Bytes that the requests for one registree hold: 8 MiB.
    pub bytes_per_entity: usize,
    /// Bytes that all of them hold: 256 MiB.
    pub bytes: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { per_entity: 1024, bytes_per_entity: 8 << 20, bytes: 256 << 20 }
    }
}

/// Keeps records in memory.
pub struct MemorySpool {
    limits: MemoryLimits,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entities: HashMap<String, Waiting>,
    bytes: usize,
    replaced: u64,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    bytes: usize,
    records: VecDeque<Held>,
}

struct Held {
    sequence: Sequence,
    size: usize,
    record: Record,
}

impl Held {
    fn is_expired(&self, now: SystemTime) -> bool {
        self.record.expires.is_some_and(|at| at <= now)
    }
}

impl MemorySpool {
    /// An empty spool.
    #[must_use]
    pub fn new(limits: MemoryLimits) -> Self {
        Self { limits, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, entity: &str, record: Record) -> Result<Sequence> {
        let size = record.request.size();
        let limits = self.limits;
        let mut inner = self.lock();
        let Inner { entities, bytes: total, replaced: count_of_replaced } = &mut *inner;
        let waiting = entities.entry(entity.to_owned()).or_default();
        let replaced = waiting.position_of(record.latest_of.as_deref());
        let freed = replaced.map_or(0, |at| waiting.records[at].size);
        let count = waiting.records.len() - usize::from(replaced.is_some());
        let (bytes, all) = (waiting.bytes - freed, *total - freed);
        if count >= limits.per_entity || bytes + size > limits.bytes_per_entity || all + size > limits.bytes {
            return Err(Error::new(
                ErrorKind::QueueFull,
                format!(
                    "{entity:?} is offline and its store is full: {count} requests and {bytes} bytes of at most {} and {}, \
                     {all} bytes of at most {} in total",
                    limits.per_entity, limits.bytes_per_entity, limits.bytes
                ),
            ));
        }
        waiting.bytes = bytes + size;
        *total = all + size;
        if let Some(at) = replaced {
            let held = &mut waiting.records[at];
            (held.size, held.record) = (size, record);
            *count_of_replaced += 1;
            return Ok(held.sequence);
        }
        waiting.last += 1;
        let sequence = Sequence(waiting.last);
        waiting.records.push_back(Held { sequence, size, record });
        Ok(sequence)
    }
}

impl Waiting {
    /// Where the record is that a later one of this name replaces.
    fn position_of(&self, latest_of: Option<&str>) -> Option<usize> {
        let name = latest_of?;
        self.records.iter().position(|held| held.record.latest_of.as_deref() == Some(name))
    }
}

impl Default for MemorySpool {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl Inner {
    fn remove(&mut self, entity: &str, mut which: impl FnMut(&Held) -> bool) -> Vec<Request> {
        let Some(waiting) = self.entities.get_mut(entity) else { return Vec::new() };
        let mut removed = Vec::new();
        for held in std::mem::take(&mut waiting.records) {
            if which(&held) {
                waiting.bytes -= held.size;
                self.bytes -= held.size;
                removed.push(held.record.request);
            } else {
                waiting.records.push_back(held);
            }
        }
        removed
    }
}

impl Spool for MemorySpool {
    fn append(&self, entity: &str, record: Record) -> Done<Sequence> {
        Box::pin(ready(self.store(entity, record)))
    }

    fn read(&self, entity: &str, after: Sequence, most: usize, now: SystemTime) -> Result<Vec<Stored>> {
        let inner = self.lock();
        let Some(waiting) = inner.entities.get(entity) else { return Ok(Vec::new()) };
        let found = waiting.records.iter().filter(|held| held.sequence > after && !held.is_expired(now)).take(most);
        let stored = |held: &Held| {
            let Record { request, expires, .. } = held.record.clone();
            Stored { sequence: held.sequence, request, expires }
        };
        Ok(found.map(stored).collect())
    }

    fn acknowledge(&self, entity: &str, sequence: Sequence, rqi: &str) -> Done<()> {
        let mut inner = self.lock();
        let Inner { entities, bytes, .. } = &mut *inner;
        // Nearly always the first one.
        if let Some(waiting) = entities.get_mut(entity)
            && let Some(at) = waiting.records.iter().position(|held| held.sequence == sequence)
            && waiting.records[at].record.request.request_id == rqi
            && let Some(held) = waiting.records.remove(at)
        {
            waiting.bytes -= held.size;
            *bytes -= held.size;
        }
        Box::pin(ready(Ok(())))
    }

    fn expire(&self, now: SystemTime) -> Done<Vec<Expired>> {
        let mut inner = self.lock();
        let entities: Vec<String> = inner.entities.keys().cloned().collect();
        let mut expired = Vec::new();
        for entity in entities {
            for request in inner.remove(&entity, |held| held.is_expired(now)) {
                expired.push(Expired { entity: entity.clone(), request });
            }
        }
        Box::pin(ready(Ok(expired)))
    }

    fn drop_entity(&self, entity: &str) -> Done<usize> {
        let mut inner = self.lock();
        let dropped = inner.remove(entity, |_| true).len();
        inner.entities.remove(entity);
        Box::pin(ready(Ok(dropped)))
    }

    fn replaced(&self) -> u64 {
        self.lock().replaced
    }

    fn waiting(&self, entity: &str) -> usize {
        self.lock().entities.get(entity).map_or(0, |waiting| waiting.records.len())
    }

    fn keep(&self, _facts: Vec<Fact>) -> Done<()> {
        Box::pin(ready(Ok(())))
    }

    fn kept(&self, _kind: FactKind) -> Result<Vec<(String, Bytes)>> {
        Ok(Vec::new())
    }

    fn is_durable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use serde_json::json;
    use std::time::Duration;

    fn record(number: u32, expires: Option<SystemTime>) -> Record {
        Record::new(Request::notify("Ca", json!({ "m2m:sgn": number })).request_id(number.to_string()), expires)
    }

    fn next(spool: &MemorySpool, now: SystemTime) -> Option<(Sequence, String)> {
        let mut stored = spool.read("Ca", Sequence(0), 1, now).unwrap();
        stored.pop().map(|stored| (stored.sequence, stored.request.request_id))
    }

    /// What this store does is done when it returns.
    fn done<T>(done: Done<T>) -> T {
        done.now_or_never().unwrap().unwrap()
    }

    #[test]
    fn ws_6_5_4_records_come_in_order_until_they_are_acknowledged() {
        let spool = MemorySpool::default();
        let now = SystemTime::UNIX_EPOCH;
        for number in 1..=3 {
            assert_eq!(spool.store("Ca", record(number, None)).unwrap(), Sequence(number.into()));
        }
        assert_eq!(next(&spool, now), Some((Sequence(1), "1".to_owned())));
        assert_eq!(next(&spool, now), Some((Sequence(1), "1".to_owned())), "not acknowledged: it comes again");
        done(spool.acknowledge("Ca", Sequence(1), "1"));
        done(spool.acknowledge("Ca", Sequence(1), "1"));
        assert_eq!(next(&spool, now), Some((Sequence(2), "2".to_owned())));
        assert_eq!(spool.waiting("Ca"), 2);
    }

    #[test]
    fn ws_5_2_8_what_expired_is_not_delivered_but_reported() {
        let spool = MemorySpool::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        spool.store("Ca", record(1, Some(now))).unwrap();
        spool.store("Ca", record(2, Some(now + Duration::from_secs(1)))).unwrap();
        assert_eq!(next(&spool, now), Some((Sequence(2), "2".to_owned())));
        let expired = done(spool.expire(now));
        assert_eq!(expired.len(), 1);
        assert_eq!((expired[0].entity.as_str(), expired[0].request.request_id.as_str()), ("Ca", "1"));
        assert_eq!(spool.waiting("Ca"), 1);
    }

    #[test]
    fn ws_6_4_5_deregistration_drops_what_waits_and_frees_its_room() {
        let limits = MemoryLimits { per_entity: 2, ..MemoryLimits::default() };
        let spool = MemorySpool::new(limits);
        spool.store("Ca", record(1, None)).unwrap();
        spool.store("Ca", record(2, None)).unwrap();
        assert_eq!(done(spool.drop_entity("Ca")), 2);
        assert_eq!(spool.lock().bytes, 0);
        spool.store("Ca", record(3, None)).unwrap();
    }

    #[test]
    fn a_full_store_refuses_the_new_record_and_keeps_the_old_ones() {
        let size = record(1, None).request.size();
        for limits in [
            MemoryLimits { per_entity: 2, ..MemoryLimits::default() },
            MemoryLimits { bytes_per_entity: 2 * size, ..MemoryLimits::default() },
            MemoryLimits { bytes: 2 * size, ..MemoryLimits::default() },
        ] {
            let spool = MemorySpool::new(limits);
            spool.store("Ca", record(1, None)).unwrap();
            spool.store("Ca", record(2, None)).unwrap();
            assert_eq!(spool.store("Ca", record(3, None)).unwrap_err().kind(), ErrorKind::QueueFull, "{limits:?}");
            assert_eq!(spool.waiting("Ca"), 2);
            done(spool.acknowledge("Ca", Sequence(1), "1"));
            spool.store("Ca", record(3, None)).unwrap();
        }
    }

    #[test]
    fn ec_latest_takes_the_place_of_the_older_one_of_its_subscription() {
        let spool = MemorySpool::new(MemoryLimits { per_entity: 3, ..MemoryLimits::default() });
        let latest = |number, of: &str| Record { latest_of: Some(of.to_owned()), ..record(number, None) };
        spool.store("Ca", latest(1, "sub1")).unwrap();
        spool.store("Ca", record(2, None)).unwrap();
        spool.store("Ca", latest(3, "sub2")).unwrap();
        assert_eq!(
            spool.store("Ca", latest(4, "sub1")).unwrap(),
            Sequence(1),
            "also where there is no room for one more"
        );
        let read = || spool.read("Ca", Sequence(0), 9, SystemTime::UNIX_EPOCH).unwrap();
        let order = || read().into_iter().map(|stored| stored.request.request_id).collect::<Vec<_>>();
        assert_eq!((order(), spool.replaced()), (["4", "2", "3"].map(str::to_owned).to_vec(), 1));
        // The one that was replaced was under way: its answer does not take the later one away.
        done(spool.acknowledge("Ca", Sequence(1), "1"));
        assert_eq!(order(), ["4", "2", "3"]);
        done(spool.acknowledge("Ca", Sequence(1), "4"));
        assert_eq!(order(), ["2", "3"]);
        assert_eq!(read()[0].sequence, Sequence(2));
        assert_eq!(spool.read("Ca", Sequence(2), 9, SystemTime::UNIX_EPOCH).unwrap().len(), 1);
    }
}
