//! Rows that are not there, or are another's: pages and their checksums are right, what they say together is not.

use std::time::{Duration, SystemTime};

use onem2m_ws::ErrorKind;
use onem2m_ws::spool::{Fact, FactKind, Record, RedbSpool, Sequence, Spool, StoreOptions};
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use crate::support::{Place, record, wait};

const RECORDS: TableDefinition<&[u8; 12], &[u8]> = TableDefinition::new("records");
const REGISTREES: TableDefinition<u32, &[u8]> = TableDefinition::new("registrees");
const EXPIRY: TableDefinition<&[u8; 20], ()> = TableDefinition::new("expiry");
const LATEST: TableDefinition<&[u8], &[u8]> = TableDefinition::new("latest");
const FACTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("facts");

fn key(sequence: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&1_u32.to_be_bytes());
    key[4..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// Seven records, of which the fourth was acknowledged.
fn filled() -> Place {
    let place = Place::new();
    let spool = place.open();
    for number in 1..=7 {
        let expires = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33));
        let record = Record { latest_of: Some(number.to_string()), ..record(number, expires) };
        wait(spool.append("Ca", record)).unwrap();
    }
    wait(spool.acknowledge("Ca", Sequence(4), "4")).unwrap();
    let fact = |key: &str| Fact { kind: FactKind::Resource, key: key.to_owned(), value: Some("x".into()) };
    wait(spool.keep(vec![fact("a"), fact("b")])).unwrap();
    drop(spool);
    place
}

fn change(place: &Place, work: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(place.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    work(&transaction);
    transaction.commit().unwrap();
}

fn swap(transaction: &WriteTransaction, one: u64, other: u64) {
    let mut table = transaction.open_table(RECORDS).unwrap();
    let [first, second] = [one, other].map(|at| table.get(&key(at)).unwrap().unwrap().value().to_vec());
    table.insert(&key(one), &second[..]).unwrap();
    table.insert(&key(other), &first[..]).unwrap();
}

fn remove_record(transaction: &WriteTransaction, at: u64) {
    assert!(transaction.open_table(RECORDS).unwrap().remove(&key(at)).unwrap().is_some());
}

/// What the store says of a file that was changed so.
fn refusal(work: impl FnOnce(&WriteTransaction)) -> String {
    let place = filled();
    change(&place, work);
    let error = RedbSpool::open(place.file(), StoreOptions::default()).err().expect("it was opened");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("is damaged"), "{error}");
    error.message().to_owned()
}

#[test]
fn the_file_is_opened_as_it_is() {
    let place = filled();
    change(&place, |_| {});
    assert_eq!(place.open().found().records, 6);
}

#[test]
fn ws_6_5_4_a_record_that_is_missing_is_noticed_and_named() {
    for at in [1, 2, 3, 5, 7] {
        let text = refusal(|transaction| remove_record(transaction, at));
        assert!(text.contains(&format!("record {at} of \"Ca\" is missing")), "{text}");
    }
    let text = refusal(|transaction| remove_record(transaction, 4));
    assert!(text.contains("record 4 of \"Ca\" is missing"), "also a tombstone: {text}");
}

#[test]
fn a_record_in_the_place_of_another_is_noticed() {
    assert!(refusal(|transaction| swap(transaction, 2, 3)).contains("record 2 of registree 1: its checksum is wrong"));
}

#[test]
fn whatever_row_is_missing_is_noticed() {
    let expiry = refusal(|transaction| {
        assert!(transaction.open_table(EXPIRY).unwrap().pop_first().unwrap().is_some());
    });
    assert!(expiry.contains("what expires"), "{expiry}");
    let latest = refusal(|transaction| {
        assert!(transaction.open_table(LATEST).unwrap().pop_last().unwrap().is_some());
    });
    assert!(latest.contains("what is the latest"), "{latest}");
    let registree = refusal(|transaction| {
        assert!(transaction.open_table(REGISTREES).unwrap().pop_last().unwrap().is_some());
    });
    assert!(registree.contains("7 places"), "{registree}");
}

#[test]
fn whatever_row_is_too_many_is_noticed() {
    refusal(|transaction| drop(transaction.open_table(EXPIRY).unwrap().insert(&[9; 20], ()).unwrap()));
    refusal(|transaction| drop(transaction.open_table(LATEST).unwrap().insert(&[9; 20][..], &[][..]).unwrap()));
    refusal(|transaction| drop(transaction.open_table(RECORDS).unwrap().insert(&[9; 12], &[][..]).unwrap()));
    refusal(|transaction| drop(transaction.open_table(REGISTREES).unwrap().insert(9, &[][..]).unwrap()));
}

#[test]
fn a_fact_under_the_name_of_another_is_noticed() {
    let text = refusal(|transaction| {
        let mut table = transaction.open_table(FACTS).unwrap();
        let one = table.get(&b"\x02a"[..]).unwrap().unwrap().value().to_vec();
        table.insert(&b"\x02b"[..], &one[..]).unwrap();
    });
    assert!(text.contains("a fact: its checksum is wrong"), "{text}");
}
