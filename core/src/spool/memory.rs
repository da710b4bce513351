//! A spool in memory: what waits is lost with the process.
//!
//! Covers: row WS-6.5-4 as far as memory can. Bounded per registree and in total; when a bound is reached the new record is
//! refused, and nothing that was accepted is dropped for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Appended, Expired, Sequence, Spool};
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
}

#[derive(Default)]
struct Waiting {
    last: u64,
    bytes: usize,
    records: VecDeque<Record>,
}

struct Record {
    sequence: Sequence,
    size: usize,
    expires: Option<SystemTime>,
    request: Request,
}

impl Record {
    fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
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

    fn store(&self, entity: &str, request: Request, expires: Option<SystemTime>) -> Result<Sequence> {
        let size = request.size();
        let mut inner = self.lock();
        let total = inner.bytes;
        let waiting = inner.entities.entry(entity.to_owned()).or_default();
        let (count, bytes) = (waiting.records.len(), waiting.bytes);
        let limits = self.limits;
        if count >= limits.per_entity || bytes + size > limits.bytes_per_entity || total + size > limits.bytes {
            return Err(Error::new(
                ErrorKind::QueueFull,
                format!(
                    "{entity:?} is offline and its store is full: {count} requests and {bytes} bytes of at most {} and {}, \
                     {total} bytes of at most {} in total",
                    limits.per_entity, limits.bytes_per_entity, limits.bytes
                ),
            ));
        }
        waiting.last += 1;
        waiting.bytes += size;
        let sequence = Sequence(waiting.last);
        waiting.records.push_back(Record { sequence, size, expires, request });
        inner.bytes += size;
        Ok(sequence)
    }
}

impl Default for MemorySpool {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl Inner {
    fn remove(&mut self, entity: &str, mut which: impl FnMut(&Record) -> bool) -> Vec<Request> {
        let Some(waiting) = self.entities.get_mut(entity) else { return Vec::new() };
        let mut removed = Vec::new();
        for record in std::mem::take(&mut waiting.records) {
            if which(&record) {
                waiting.bytes -= record.size;
                self.bytes -= record.size;
                removed.push(record.request);
            } else {
                waiting.records.push_back(record);
            }
        }
        removed
    }
}

impl Spool for MemorySpool {
    fn append(&self, entity: &str, request: Request, expires: Option<SystemTime>) -> Appended {
        let stored = self.store(entity, request, expires);
        Box::pin(std::future::ready(stored))
    }

    fn next(&self, entity: &str, now: SystemTime) -> Result<Option<(Sequence, Request)>> {
        let inner = self.lock();
        let oldest = inner.entities.get(entity).and_then(|w| w.records.iter().find(|record| !record.is_expired(now)));
        Ok(oldest.map(|record| (record.sequence, record.request.clone())))
    }

    fn acknowledge(&self, entity: &str, sequence: Sequence) -> Result<()> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(waiting) = inner.entities.get_mut(entity) else { return Ok(()) };
        // Nearly always the first one.
        if let Some(at) = waiting.records.iter().position(|record| record.sequence == sequence)
            && let Some(record) = waiting.records.remove(at)
        {
            waiting.bytes -= record.size;
            inner.bytes -= record.size;
        }
        Ok(())
    }

    fn expire(&self, now: SystemTime) -> Result<Vec<Expired>> {
        let mut inner = self.lock();
        let entities: Vec<String> = inner.entities.keys().cloned().collect();
        let mut expired = Vec::new();
        for entity in entities {
            for request in inner.remove(&entity, |record| record.is_expired(now)) {
                expired.push(Expired { entity: entity.clone(), request });
            }
        }
        Ok(expired)
    }

    fn drop_entity(&self, entity: &str) -> Result<usize> {
        let mut inner = self.lock();
        let dropped = inner.remove(entity, |_| true).len();
        inner.entities.remove(entity);
        Ok(dropped)
    }

    fn waiting(&self, entity: &str) -> usize {
        self.lock().entities.get(entity).map_or(0, |waiting| waiting.records.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn request(number: u32) -> Request {
        Request::notify("Ca", json!({ "m2m:sgn": number })).request_id(number.to_string())
    }

    fn next(spool: &MemorySpool, now: SystemTime) -> Option<(Sequence, String)> {
        spool.next("Ca", now).unwrap().map(|(sequence, request)| (sequence, request.request_id))
    }

    #[test]
    fn ws_6_5_4_records_come_in_order_until_they_are_acknowledged() {
        let spool = MemorySpool::default();
        let now = SystemTime::UNIX_EPOCH;
        for number in 1..=3 {
            assert_eq!(spool.store("Ca", request(number), None).unwrap(), Sequence(number.into()));
        }
        assert_eq!(next(&spool, now), Some((Sequence(1), "1".to_owned())));
        assert_eq!(next(&spool, now), Some((Sequence(1), "1".to_owned())), "not acknowledged: it comes again");
        spool.acknowledge("Ca", Sequence(1)).unwrap();
        spool.acknowledge("Ca", Sequence(1)).unwrap();
        assert_eq!(next(&spool, now), Some((Sequence(2), "2".to_owned())));
        assert_eq!(spool.waiting("Ca"), 2);
    }

    #[test]
    fn ws_5_2_8_what_expired_is_not_delivered_but_reported() {
        let spool = MemorySpool::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        spool.store("Ca", request(1), Some(now)).unwrap();
        spool.store("Ca", request(2), Some(now + Duration::from_secs(1))).unwrap();
        assert_eq!(next(&spool, now), Some((Sequence(2), "2".to_owned())));
        let expired = spool.expire(now).unwrap();
        assert_eq!(expired.len(), 1);
        assert_eq!((expired[0].entity.as_str(), expired[0].request.request_id.as_str()), ("Ca", "1"));
        assert_eq!(spool.waiting("Ca"), 1);
    }

    #[test]
    fn ws_6_4_5_deregistration_drops_what_waits_and_frees_its_room() {
        let limits = MemoryLimits { per_entity: 2, ..MemoryLimits::default() };
        let spool = MemorySpool::new(limits);
        spool.store("Ca", request(1), None).unwrap();
        spool.store("Ca", request(2), None).unwrap();
        assert_eq!(spool.drop_entity("Ca").unwrap(), 2);
        assert_eq!(spool.lock().bytes, 0);
        spool.store("Ca", request(3), None).unwrap();
    }

    #[test]
    fn a_full_store_refuses_the_new_record_and_keeps_the_old_ones() {
        let size = request(1).size();
        for limits in [
            MemoryLimits { per_entity: 2, ..MemoryLimits::default() },
            MemoryLimits { bytes_per_entity: 2 * size, ..MemoryLimits::default() },
            MemoryLimits { bytes: 2 * size, ..MemoryLimits::default() },
        ] {
            let spool = MemorySpool::new(limits);
            spool.store("Ca", request(1), None).unwrap();
            spool.store("Ca", request(2), None).unwrap();
            assert_eq!(spool.store("Ca", request(3), None).unwrap_err().kind(), ErrorKind::QueueFull, "{limits:?}");
            assert_eq!(spool.waiting("Ca"), 2);
            spool.acknowledge("Ca", Sequence(1)).unwrap();
            spool.store("Ca", request(3), None).unwrap();
        }
    }
}
