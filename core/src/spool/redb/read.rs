//! Reading: in a transaction of its own, which sees what was committed last and waits for nobody.

use std::time::SystemTime;

use ::redb::ReadTransaction;
use bytes::Bytes;

use super::batch::{damaged, place_of};
use super::record::{self, Meta, Place, RecordKey, record_key, split_key};
use super::tables::{Cause, FACTS, RECORDS, REGISTREES};
use crate::spool::{Sequence, Stored};

/// The records of a registree after a place, without what is acknowledged or expired.
pub(super) fn records(
    transaction: &ReadTransaction,
    id: u32,
    after: u64,
    most: usize,
    now: SystemTime,
    is_acknowledged: impl Fn(u64, &str) -> bool,
) -> Result<Vec<Stored>, Cause> {
    // The registree as it is in this transaction.
    let Some(row) = transaction.open_table(REGISTREES)?.get(id)? else { return Ok(Vec::new()) };
    let read = Meta::read(id, row.value());
    let (name, meta) = read.map_err(|damage| Cause::damaged(format_args!("registree {id}"), &damage))?;
    let records = transaction.open_table(RECORDS)?;
    let key = |sequence| record_key(meta.id, sequence);
    let mut expected = meta.first.max(after.saturating_add(1));
    let mut found = Vec::new();
    if expected >= meta.next || most == 0 {
        return Ok(found);
    }
    // The place may be in the middle of a tombstone.
    if meta.holes > 0
        && let Some(row) = records.range::<&RecordKey>(&key(meta.first)..=&key(expected))?.next_back()
    {
        let (at, value) = row?;
        if let Place::Tombstone(end) = place_of(at.value(), value.value())? {
            expected = expected.max(end);
        }
    }
    for row in records.range::<&RecordKey>(&key(expected)..&key(meta.next))? {
        let (at, value) = row?;
        let sequence = split_key(at.value()).1;
        if sequence != expected {
            break;
        }
        match place_of(at.value(), value.value())? {
            Place::Tombstone(end) => expected = end,
            Place::Record(head) => {
                expected += 1;
                if head.is_expired(now) || is_acknowledged(sequence, &head.rqi) {
                    continue;
                }
                let request = head.request(value.value()).map_err(|damage| damaged(at.value(), &damage))?;
                found.push(Stored { sequence: Sequence(sequence), request, expires: head.expires });
                if found.len() == most {
                    return Ok(found);
                }
            }
        }
    }
    if expected < meta.next {
        return Err(Cause::Damaged(format!("record {expected} of {name:?} is missing")));
    }
    Ok(found)
}

/// All facts of one kind, by its number.
pub(super) fn facts(transaction: &ReadTransaction, kind: u8) -> Result<Vec<(String, Bytes)>, Cause> {
    let table = transaction.open_table(FACTS)?;
    let mut found = Vec::new();
    for row in table.range::<&[u8]>(&[kind][..]..&[kind + 1][..])? {
        let (key, value) = row?;
        let fact = record::read_fact(key.value(), value.value());
        found.push(fact.map_err(|damage| Cause::damaged(format_args!("a fact of kind {kind}"), &damage))?);
    }
    Ok(found)
}
