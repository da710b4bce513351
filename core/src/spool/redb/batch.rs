//! Operations in one transaction: bounds, places, *latest*, tombstones.
//!
//! Covers: WS-6.5-4; TS-0004 Annex H.2.4 (`ec` *latest*). One operation after the other, in the order of the calls; the
//! registrees are written once at the end, however many of their records came and went.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ::redb::{ReadableTable, Table, WriteTransaction};

use super::StoreLimits;
use super::index::{Changes, Index};
use super::record::{self, ExpiryKey, Head, Meta, Place, Prepared, RecordKey, record_key, split_key};
use super::tables::{Bytes, Cause, EXPIRY, FACTS, LATEST, RECORDS, REGISTREES};
use crate::spool::{Expired, Fact, Sequence};
use crate::{Error, ErrorKind};

/// So many records expire in one round, or so many bytes of them; the others in the next one.
const MOST_EXPIRED: usize = 4096;
const MOST_EXPIRED_BYTES: usize = 16 << 20;

/// Where a record was put.
pub(super) struct Placed {
    pub(super) sequence: Sequence,
    /// True if it took the place of another one.
    pub(super) replaces: bool,
}

pub(super) struct Batch<'t> {
    limits: StoreLimits,
    index: &'t Mutex<Index>,
    changes: Changes,
    /// True if there is something to commit.
    pub(super) changed: bool,
    registrees: Table<'t, u32, Bytes>,
    records: Table<'t, &'static RecordKey, Bytes>,
    expiry: Table<'t, &'static ExpiryKey, ()>,
    latest: Table<'t, Bytes, Bytes>,
    facts: Table<'t, Bytes, Bytes>,
}

impl<'t> Batch<'t> {
    pub(super) fn new(
        transaction: &'t WriteTransaction,
        index: &'t Mutex<Index>,
        limits: StoreLimits,
    ) -> Result<Self, Cause> {
        let changes = index.lock().unwrap_or_else(PoisonError::into_inner).changes();
        Ok(Self {
            limits,
            index,
            changes,
            changed: false,
            registrees: transaction.open_table(REGISTREES)?,
            records: transaction.open_table(RECORDS)?,
            expiry: transaction.open_table(EXPIRY)?,
            latest: transaction.open_table(LATEST)?,
            facts: transaction.open_table(FACTS)?,
        })
    }

    /// Writes what is known of the registrees. What this returns holds once the transaction is committed.
    pub(super) fn finish(mut self) -> Result<Changes, Cause> {
        for (name, meta) in &self.changes.registrees {
            if let Some(meta) = meta {
                self.registrees.insert(meta.id, &meta.value(name)[..])?;
            }
        }
        Ok(self.changes)
    }

    /// A registree, as the operations before this one left it.
    fn meta(&mut self, entity: &str) -> Option<Meta> {
        if let Some(known) = self.changes.registrees.get(entity) {
            return *known;
        }
        self.index.lock().unwrap_or_else(PoisonError::into_inner).registrees.get(entity).copied()
    }

    fn set(&mut self, entity: &str, meta: Option<Meta>) {
        self.changed = true;
        match self.changes.registrees.get_mut(entity) {
            Some(known) => *known = meta,
            None => drop(self.changes.registrees.insert(Arc::from(entity), meta)),
        }
    }

    /// The outer error is the file's, the inner one the record's.
    pub(super) fn append(&mut self, entity: &str, record: &mut Prepared) -> Result<Result<Placed, Error>, Cause> {
        let known = self.meta(entity);
        let Some(mut meta) = known.or_else(|| self.changes.next_id.map(Meta::new)) else {
            return Ok(Err(Error::new(
                ErrorKind::Storage,
                "the store has no numbers left for registrees: open it anew",
            )));
        };
        let size = record.value.len() as u64;
        let replaced = match (&known, &record.latest_of) {
            (Some(meta), Some(name)) => self.latest_of(meta.id, name)?,
            _ => None,
        };
        let freed = replaced.as_ref().map_or(0, |(_, _, size)| *size);
        let count = meta.count - u64::from(replaced.is_some());
        let (bytes, all) = (meta.bytes - freed, self.changes.bytes - freed);
        let StoreLimits { records, bytes_per_registree, bytes: total } = self.limits;
        if count >= records || bytes + size > bytes_per_registree || all + size > total {
            return Ok(Err(Error::new(
                ErrorKind::QueueFull,
                format!(
                    "{entity:?} is offline and its store is full: {count} requests and {bytes} bytes of at most {records} \
                     and {bytes_per_registree}, {all} bytes of at most {total} in total"
                ),
            )));
        }
        let sequence = match &replaced {
            Some((sequence, head, _)) => {
                let key = record_key(meta.id, *sequence);
                if let Some(at) = head.expires {
                    self.expiry.remove(&record::expiry_key(at, &key))?;
                }
                *sequence
            }
            None => meta.next,
        };
        let key = record_key(meta.id, sequence);
        record::seal(&key, &mut record.value);
        self.records.insert(&key, &record.value[..])?;
        if let Some(at) = record.expires {
            self.expiry.insert(&record::expiry_key(at, &key), ())?;
        }
        if replaced.is_none() {
            if let Some(name) = &record.latest_of {
                let key = record::latest_key(meta.id, name);
                self.latest.insert(&key[..], &record::latest(&key, Sequence(sequence))[..])?;
            }
            meta.next += 1;
        }
        (meta.count, meta.bytes, self.changes.bytes) = (count + 1, bytes + size, all + size);
        if known.is_none() {
            self.changes.next_id = meta.id.checked_add(1);
        }
        self.set(entity, Some(meta));
        Ok(Ok(Placed { sequence: Sequence(sequence), replaces: replaced.is_some() }))
    }

    /// The stored record that a later one of this name replaces: its place, itself, and its size.
    fn latest_of(&self, id: u32, name: &str) -> Result<Option<(u64, Head, u64)>, Cause> {
        let key = record::latest_key(id, name);
        let Some(value) = self.latest.get(&key[..])? else { return Ok(None) };
        let what = || format!("the latest record of {name:?}");
        let sequence = record::read_latest(&key, value.value()).map_err(|damage| Cause::damaged(what(), &damage))?;
        match self.get(&record_key(id, sequence))? {
            Some((head, size)) if head.latest_of.as_deref() == Some(name) => Ok(Some((sequence, head, size))),
            _ => Err(Cause::Damaged(format!("{} is not where it is said to be", what()))),
        }
    }

    /// A record and its size.
    fn get(&self, key: &RecordKey) -> Result<Option<(Head, u64)>, Cause> {
        let Some(value) = self.records.get(key)? else { return Ok(None) };
        Ok(match place_of(key, value.value())? {
            Place::Record(head) => Some((head, value.value().len() as u64)),
            Place::Tombstone(_) => None,
        })
    }

    pub(super) fn acknowledge(&mut self, entity: &str, sequence: Sequence, rqi: &str) -> Result<(), Cause> {
        let Some(mut meta) = self.meta(entity) else { return Ok(()) };
        let key = record_key(meta.id, sequence.0);
        let Some((head, size)) = self.get(&key)? else { return Ok(()) };
        if head.rqi == rqi {
            self.remove(&mut meta, sequence.0, &head, size)?;
            self.set(entity, Some(meta));
        }
        Ok(())
    }

    /// Takes back a record that was refused, if it is there.
    pub(super) fn withdraw(&mut self, entity: &str, sequence: Sequence) -> Result<(), Cause> {
        let Some(mut meta) = self.meta(entity) else { return Ok(()) };
        if let Some((head, size)) = self.get(&record_key(meta.id, sequence.0))? {
            self.remove(&mut meta, sequence.0, &head, size)?;
            self.set(entity, Some(meta));
        }
        Ok(())
    }

    /// Takes a record out, and leaves a tombstone where one is needed.
    fn remove(&mut self, meta: &mut Meta, sequence: u64, head: &Head, size: u64) -> Result<(), Cause> {
        let key = record_key(meta.id, sequence);
        self.records.remove(&key)?;
        if let Some(at) = head.expires {
            self.expiry.remove(&record::expiry_key(at, &key))?;
        }
        if let Some(name) = &head.latest_of {
            self.latest.remove(&record::latest_key(meta.id, name)[..])?;
        }
        meta.count -= 1;
        meta.bytes -= size;
        self.changes.bytes -= size;
        // Where it was is a hole from `start` to `end` now, together with those beside it.
        let (mut start, mut end) = (sequence, sequence + 1);
        if meta.holes > 0 {
            if let Some((before, until)) = self.hole_before(meta, sequence)?
                && until == sequence
            {
                self.fill(meta, before)?;
                start = before;
            }
            if let Some(until) = self.hole_at(meta, end)? {
                self.fill(meta, end)?;
                end = until;
            }
        }
        if start == meta.first {
            meta.first = end;
        } else {
            let key = record_key(meta.id, start);
            self.records.insert(&key, &record::tombstone(&key, end)[..])?;
            meta.holes += 1;
        }
        Ok(())
    }

    fn fill(&mut self, meta: &mut Meta, at: u64) -> Result<(), Cause> {
        self.records.remove(&record_key(meta.id, at))?;
        meta.holes -= 1;
        Ok(())
    }

    /// The tombstone that stands just before a place, if one does: where it begins and ends.
    fn hole_before(&self, meta: &Meta, sequence: u64) -> Result<Option<(u64, u64)>, Cause> {
        let mut before =
            self.records.range::<&RecordKey>(&record_key(meta.id, meta.first)..&record_key(meta.id, sequence))?;
        let Some(row) = before.next_back() else { return Ok(None) };
        let (key, value) = row?;
        Ok(match place_of(key.value(), value.value())? {
            Place::Tombstone(end) => Some((split_key(key.value()).1, end)),
            Place::Record(_) => None,
        })
    }

    /// The end of the tombstone that begins at a place.
    fn hole_at(&self, meta: &Meta, sequence: u64) -> Result<Option<u64>, Cause> {
        let key = record_key(meta.id, sequence);
        let Some(value) = self.records.get(&key)? else { return Ok(None) };
        Ok(match place_of(&key, value.value())? {
            Place::Tombstone(end) => Some(end),
            Place::Record(_) => None,
        })
    }

    pub(super) fn expire(&mut self, now: SystemTime) -> Result<Vec<Expired>, Cause> {
        let last = record::expiry_key(now, &record_key(u32::MAX, u64::MAX));
        let mut due = Vec::new();
        for row in self.expiry.range::<&ExpiryKey>(..=&last)?.take(MOST_EXPIRED) {
            due.push(record::record_of(row?.0.value()));
        }
        let mut expired = Vec::new();
        let mut bytes = 0;
        for key in due {
            if bytes > MOST_EXPIRED_BYTES {
                break;
            }
            let (id, sequence) = split_key(&key);
            let missing = || Cause::Damaged(format!("record {sequence} of registree {id} expires, but is not there"));
            let (head, request, size) = {
                let value = self.records.get(&key)?.ok_or_else(missing)?;
                let Place::Record(head) = place_of(&key, value.value())? else { return Err(missing()) };
                // The order of the table is not finer than its keys.
                if !head.is_expired(now) {
                    continue;
                }
                let request = head.request(value.value()).map_err(|damage| damaged(&key, &damage))?;
                (head, request, value.value().len())
            };
            bytes += size;
            let entity = {
                let row = self.registrees.get(id)?;
                match row {
                    Some(row) => {
                        Meta::read(id, row.value()).map_err(|d| Cause::damaged(format_args!("registree {id}"), &d))?.0
                    }
                    None => self.name_of(id).ok_or_else(missing)?,
                }
            };
            let mut meta = self.meta(&entity).filter(|meta| meta.id == id).ok_or_else(missing)?;
            self.remove(&mut meta, sequence, &head, size as u64)?;
            self.set(&entity, Some(meta));
            expired.push(Expired { entity, request });
        }
        Ok(expired)
    }

    /// A registree that has no row yet: it came in this transaction.
    fn name_of(&self, id: u32) -> Option<String> {
        let mut new = self.changes.registrees.iter();
        new.find(|(_, meta)| meta.is_some_and(|meta| meta.id == id)).map(|(name, _)| name.as_ref().to_owned())
    }

    pub(super) fn drop_entity(&mut self, entity: &str) -> Result<usize, Cause> {
        let Some(meta) = self.meta(entity) else { return Ok(0) };
        let (from, to) = (record_key(meta.id, 0), record_key(meta.id, u64::MAX));
        for row in self.records.range::<&RecordKey>(&from..=&to)? {
            let (key, value) = row?;
            if let Place::Record(head) = place_of(key.value(), value.value())?
                && let Some(at) = head.expires
            {
                self.expiry.remove(&record::expiry_key(at, key.value()))?;
            }
        }
        self.records.retain_in::<&RecordKey, _>(&from..=&to, |_, _| false)?;
        let names = meta.id.to_be_bytes();
        match meta.id.checked_add(1).map(u32::to_be_bytes) {
            Some(end) => self.latest.retain_in::<&[u8], _>(&names[..]..&end[..], |_, _| false)?,
            None => self.latest.retain_in::<&[u8], _>(&names[..].., |_, _| false)?,
        }
        self.registrees.remove(meta.id)?;
        self.changes.bytes -= meta.bytes;
        self.set(entity, None);
        Ok(usize::try_from(meta.count).unwrap_or(usize::MAX))
    }

    pub(super) fn keep(&mut self, facts: &[Fact]) -> Result<(), Cause> {
        for Fact { kind, key, value } in facts {
            let key = record::fact_key(*kind, key);
            match value {
                Some(known) => drop(self.facts.insert(&key[..], &record::fact(&key, known)[..])?),
                None => drop(self.facts.remove(&key[..])?),
            }
        }
        self.changed |= !facts.is_empty();
        Ok(())
    }
}

pub(super) fn damaged(key: &RecordKey, damage: &record::Damage) -> Cause {
    let (id, sequence) = split_key(key);
    Cause::damaged(format_args!("record {sequence} of registree {id}"), damage)
}

pub(super) fn place_of(key: &RecordKey, value: &[u8]) -> Result<Place, Cause> {
    record::place(key, value).map_err(|damage| damaged(key, &damage))
}
