//! The disk alone, redb alone, SQLite.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use redb::{Builder, ReadableDatabase, TableDefinition};

use crate::{REGISTREES, payload};

/// A file that only grows.
pub(crate) fn append(place: &Path, records: usize, at_a_time: usize) {
    let mut file = File::create(place.join("log")).unwrap();
    for batch in 0..records / at_a_time {
        let bytes: Vec<u8> = (0..at_a_time).flat_map(|i| payload(batch * at_a_time + i)).collect();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }
}

/// The same bytes under the same keys, in one table.
fn redb(place: &Path, records: usize, at_a_time: usize, two_phase: bool) {
    const TABLE: TableDefinition<&[u8; 12], &[u8]> = TableDefinition::new("records");
    let database = Builder::new().set_cache_size(16 << 20).create(place.join("redb")).unwrap();
    for batch in 0..records / at_a_time {
        let mut transaction = database.begin_write().unwrap();
        transaction.set_two_phase_commit(two_phase);
        {
            let mut table = transaction.open_table(TABLE).unwrap();
            for number in batch * at_a_time..(batch + 1) * at_a_time {
                let mut key = [0; 12];
                key[..4].copy_from_slice(&((number % REGISTREES) as u32).to_be_bytes());
                key[4..].copy_from_slice(&((number / REGISTREES) as u64).to_be_bytes());
                table.insert(&key, &payload(number)[..]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    assert!(database.begin_read().is_ok());
}

pub(crate) fn redb_one_phase(place: &Path, records: usize, at_a_time: usize) {
    redb(place, records, at_a_time, false);
}

pub(crate) fn redb_two_phase(place: &Path, records: usize, at_a_time: usize) {
    redb(place, records, at_a_time, true);
}

/// With a log of what is written, and a sync per transaction.
pub(crate) fn sqlite(place: &Path, records: usize, at_a_time: usize) {
    let mut database = rusqlite::Connection::open(place.join("sqlite")).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.pragma_update(None, "synchronous", "FULL").unwrap();
    database
        .execute(
            "CREATE TABLE records (registree INTEGER, sequence INTEGER, body BLOB, PRIMARY KEY (registree, sequence))",
            [],
        )
        .unwrap();
    for batch in 0..records / at_a_time {
        let transaction = database.transaction().unwrap();
        {
            let mut insert = transaction.prepare_cached("INSERT INTO records VALUES (?, ?, ?)").unwrap();
            for number in batch * at_a_time..(batch + 1) * at_a_time {
                insert.execute(((number % REGISTREES) as i64, (number / REGISTREES) as i64, payload(number))).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}
