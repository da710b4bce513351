//! What is not opened, and what the error says.

use std::path::Path;

use onem2m_ws::ErrorKind;
use onem2m_ws::spool::{RedbSpool, Spool, StoreOptions};

use crate::support::{Place, record, wait};

/// The text of the error with which this is refused; the file is as it was.
fn refusal(path: &Path) -> String {
    let before = std::fs::read(path).ok();
    let error = RedbSpool::open(path, StoreOptions::default()).err().expect("it was opened");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains(&path.display().to_string()), "{error}");
    assert_eq!(std::fs::read(path).ok(), before, "it was changed: {error}");
    error.message().to_owned()
}

#[test]
fn a_file_that_is_open_already_is_refused() {
    let place = Place::new();
    let spool = place.open();
    wait(spool.append("Ca", record(1, None))).unwrap();
    let error = RedbSpool::open(place.file(), StoreOptions::default()).err().unwrap();
    assert!(error.message().contains("is open already"), "{error}");
    drop(spool);
    assert_eq!(place.open().found().records, 1);
}

/// Whatever it begins with: shorter than a head, as long as one, and one that only begins right.
#[test]
fn a_file_of_another_program_is_refused_and_not_touched() {
    let place = Place::new();
    for bytes in [
        b"x".as_slice(),
        b"#!/bin/sh\necho hello\n",
        &[0; 100_000],
        &[b'r'; 4096],
        b"redb\x1A\x0A\xA9\x0D\x0A",
        b"redb",
    ] {
        std::fs::write(place.file(), bytes).unwrap();
        let text = refusal(&place.file());
        assert!(text.contains("damaged") || text.contains("another program"), "{text}");
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_not_touched() {
    use redb::{Database, TableDefinition};
    let place = Place::new();
    for name in ["other", "records", "onem2m-ws"] {
        let _ = std::fs::remove_file(place.file());
        let database = Database::create(place.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(TableDefinition::<u64, u64>::new(name)).unwrap().insert(1, 2).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let error = RedbSpool::open(place.file(), StoreOptions::default()).err().unwrap();
        assert!(error.message().contains("is a database of another program"), "{error}");
        let database = Database::open(place.file()).unwrap();
        let table = redb::ReadableDatabase::begin_read(&database).unwrap();
        assert!(table.open_table(TableDefinition::<u64, u64>::new(name)).unwrap().get(1).unwrap().is_some());
    }
}

#[test]
fn a_file_of_a_later_version_is_refused_by_name() {
    use redb::{Database, TableDefinition};
    let place = Place::new();
    drop(place.open());
    let database = Database::create(place.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<&str, u64>::new("onem2m-ws")).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = RedbSpool::open(place.file(), StoreOptions::default()).err().unwrap();
    assert!(error.message().contains("version 2"), "{error}");
}

#[test]
fn a_file_that_is_nowhere_or_no_file_is_refused() {
    let place = Place::new();
    let directory = place.file().parent().unwrap().to_owned();
    assert!(refusal(&directory.join("missing").join("store")).contains("make its directory"));
    assert!(refusal(&directory).contains("cannot be read or written"));
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let spool = place.open();
    wait(spool.append("Ca", record(1, None))).unwrap();
    assert_eq!(std::fs::metadata(place.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Cut at every kind of place: in the head, in a page, between pages; none of it is opened with fewer records.
#[test]
fn a_truncated_file_is_refused() {
    let place = Place::new();
    let spool = place.open();
    let appended: Vec<_> = (0..500).map(|number| spool.append("Ca", record(number, None))).collect();
    assert!(appended.into_iter().all(|done| wait(done).is_ok()));
    drop(spool);
    let whole = std::fs::read(place.file()).unwrap();
    let length = whole.len();
    for length in
        [1, 8, 9, 63, 64, 200, 319, 320, 4095, 4096, 4097, 8192, 50_000, length / 2, length - 4096, length - 1]
    {
        std::fs::write(place.file(), &whole[..length]).unwrap();
        match RedbSpool::open(place.file(), StoreOptions::default()) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Storage, "{length}: {error}"),
            // There was nothing in the end that was cut off.
            Ok(spool) => assert_eq!(spool.found().records, 500, "cut to {length} of {}", whole.len()),
        }
    }
}
