//! Every bound at its edge.

use std::time::{Duration, SystemTime};

use onem2m_ws::ErrorKind;
use onem2m_ws::spool::{Record, Sequence, Spool, StoreLimits, StoreOptions};

use crate::support::{Place, all, numbers, record, wait};

/// What a record takes of the bounds.
fn size() -> u64 {
    let place = Place::new();
    let spool = place.open();
    wait(spool.append("Ca", record(1, None))).unwrap();
    wait(spool.close()).unwrap();
    place.open().found().bytes
}

#[test]
fn ws_6_5_4_a_full_store_refuses_the_new_record_and_keeps_the_old_ones() {
    let size = size();
    let default = StoreLimits::default();
    for limits in [
        StoreLimits { records: 2, ..default },
        StoreLimits { bytes_per_registree: 2 * size, ..default },
        StoreLimits { bytes_per_registree: 3 * size - 1, ..default },
        StoreLimits { bytes: 2 * size, ..default },
        StoreLimits { bytes: 3 * size - 1, ..default },
    ] {
        let place = Place::new();
        let options = StoreOptions { limits, ..StoreOptions::default() };
        let mut spool = place.open_with(options);
        // All at the same time: the bounds are exact within a transaction too.
        let appended: Vec<_> = (1..=5).map(|number| spool.append("Ca", record(number, None))).collect();
        let kinds: Vec<_> = appended.into_iter().map(|done| wait(done).map_err(|error| error.kind())).collect();
        let full = Err(ErrorKind::QueueFull);
        assert_eq!(kinds, [Ok(Sequence(1)), Ok(Sequence(2)), full, full, full], "{limits:?}");
        for _ in 0..2 {
            let error = wait(spool.append("Ca", record(3, None))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::QueueFull, "{limits:?}");
            assert_eq!(numbers(&all(&spool, "Ca")), ["1", "2"]);
            drop(spool);
            spool = place.open_with(options);
        }
        wait(spool.acknowledge("Ca", Sequence(1), "1")).unwrap();
        assert_eq!(wait(spool.append("Ca", record(3, None))).unwrap(), Sequence(3), "{limits:?}");
        assert_eq!(wait(spool.append("Ca", record(4, None))).unwrap_err().kind(), ErrorKind::QueueFull);
        wait(spool.drop_entity("Ca")).unwrap();
        assert_eq!(wait(spool.append("Ca", record(5, None))).unwrap(), Sequence(1), "{limits:?}");
    }
}

#[test]
fn the_total_is_that_of_all_registrees_and_the_others_are_not() {
    let size = size();
    let place = Place::new();
    let limits = StoreLimits { records: 2, bytes: 3 * size, ..StoreLimits::default() };
    let spool = place.open_with(StoreOptions { limits, ..StoreOptions::default() });
    for entity in ["Ca", "Ca", "Cb"] {
        wait(spool.append(entity, record(1, None))).unwrap();
    }
    for entity in ["Ca", "Cb", "Cc"] {
        assert_eq!(wait(spool.append(entity, record(1, None))).unwrap_err().kind(), ErrorKind::QueueFull);
    }
    let expired = Record { expires: Some(SystemTime::UNIX_EPOCH), ..record(9, None) };
    assert_eq!(wait(spool.append("Cb", expired)).unwrap_err().kind(), ErrorKind::QueueFull);
    assert_eq!(wait(spool.drop_entity("Ca")).unwrap(), 2);
    wait(spool.append("Cc", record(1, None))).unwrap();
    wait(spool.append("Cc", record(1, None))).unwrap();
}

#[test]
fn ec_latest_counts_only_what_it_adds() {
    let latest = |number: &str| Record { latest_of: Some("sub".to_owned()), ..record(number, None) };
    let place = Place::new();
    let spool = place.open();
    wait(spool.append("Ca", latest("1"))).unwrap();
    wait(spool.close()).unwrap();
    let size = place.open().found().bytes;
    let limits = StoreLimits { records: 1, bytes: size + 2, bytes_per_registree: size + 2 };
    let spool = place.open_with(StoreOptions { limits, ..StoreOptions::default() });
    assert_eq!(wait(spool.append("Ca", latest("2"))).unwrap(), Sequence(1));
    // One letter more stands in it three times.
    let error = wait(spool.append("Ca", latest("22"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    assert_eq!(numbers(&all(&spool, "Ca")), ["2"], "the one that was accepted is not lost for it");
    assert_eq!(wait(spool.append("Ca", latest("3"))).unwrap(), Sequence(1));
    assert_eq!(wait(spool.append("Ca", record(4, None))).unwrap_err().kind(), ErrorKind::QueueFull);
}

#[test]
fn what_waits_for_the_disk_is_bounded_and_an_acknowledgement_is_never_refused() {
    let place = Place::new();
    let options = StoreOptions { queue: 4, batch: 1, ..StoreOptions::default() };
    let spool = place.open_with(options);
    let appended: Vec<_> = (0..200).map(|number| spool.append("Ca", record(number, None))).collect();
    let acknowledged: Vec<_> = (0..200).map(|at| spool.acknowledge("Ca", Sequence(at), "none")).collect();
    let results: Vec<_> = appended.into_iter().map(wait).collect();
    let stored = results.iter().flatten().count();
    // The one that is being written does not count any more.
    assert!((4..100).contains(&stored), "{stored}");
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|e| e.kind() == ErrorKind::QueueFull));
    assert!(acknowledged.into_iter().all(|done| wait(done).is_ok()));
    assert_eq!(spool.waiting("Ca"), stored);

    let options = StoreOptions { queue_bytes: 1, ..options };
    drop(spool);
    let spool = place.open_with(options);
    assert_eq!(wait(spool.append("Ca", record(1, None))).unwrap_err().kind(), ErrorKind::QueueFull);
}

#[test]
fn ws_5_2_8_a_long_backlog_expires_in_rounds() {
    let place = Place::new();
    let spool = place.open();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    let appended: Vec<_> = (0..5000).map(|number| spool.append("Ca", record(number, Some(at)))).collect();
    assert!(appended.into_iter().all(|done| wait(done).is_ok()));
    wait(spool.append("Ca", record("stays", None))).unwrap();
    assert!(wait(spool.expire(at - Duration::from_nanos(1))).unwrap().is_empty());
    assert_eq!(wait(spool.expire(at)).unwrap().len(), 4096);
    assert_eq!(wait(spool.expire(at)).unwrap().len(), 5000 - 4096);
    assert!(wait(spool.expire(at)).unwrap().is_empty());
    assert_eq!(numbers(&all(&spool, "Ca")), ["stays"]);
}

/// Rows of the table in which records and tombstones are.
fn rows(place: &Place) -> u64 {
    use redb::{ReadableDatabase, ReadableTableMetadata, TableDefinition};
    let database = redb::Database::open(place.file()).unwrap();
    let table = TableDefinition::<&[u8; 12], &[u8]>::new("records");
    database.begin_read().unwrap().open_table(table).unwrap().len().unwrap()
}

#[test]
fn tombstones_are_never_more_than_records() {
    let place = Place::new();
    let spool = place.open();
    let appended: Vec<_> = (1..=1000).map(|number| spool.append("Ca", record(number, None))).collect();
    assert!(appended.into_iter().all(|done| wait(done).is_ok()));
    // From both ends and in the middle, in an order that makes holes, widens them and joins them.
    let acknowledged = (0..1000_u64).map(|i| i * 389 % 1000 + 1).filter(|at| at % 100 != 50);
    let done: Vec<_> = acknowledged.map(|at| spool.acknowledge("Ca", Sequence(at), &at.to_string())).collect();
    let half = done.len() / 2;
    for (i, done) in done.into_iter().enumerate() {
        wait(done).unwrap();
        if i == half {
            assert!(spool.waiting("Ca") <= 505);
        }
    }
    assert_eq!(numbers(&all(&spool, "Ca")).len(), 10);
    drop(spool);
    // One before each record but the first one, and one after the last.
    assert_eq!(rows(&place), 20);
    let spool = place.open();
    for at in (0..10).map(|i| i * 100 + 50) {
        wait(spool.acknowledge("Ca", Sequence(at), &at.to_string())).unwrap();
    }
    assert_eq!(wait(spool.append("Ca", record("next", None))).unwrap(), Sequence(1001));
    drop(spool);
    assert_eq!(rows(&place), 1);
}

#[test]
fn the_file_does_not_grow_with_what_comes_and_goes() {
    let place = Place::new();
    let spool = place.open();
    let mut sizes = Vec::new();
    for _ in 0..30 {
        let appended: Vec<_> = (0..500).map(|number| spool.append("Ca", record(number, None))).collect();
        let places: Vec<_> = appended.into_iter().map(|done| wait(done).unwrap()).collect();
        let acknowledge = |(number, at): (usize, &Sequence)| spool.acknowledge("Ca", *at, &number.to_string());
        let done: Vec<_> = places.iter().enumerate().map(acknowledge).collect();
        assert!(done.into_iter().all(|done| wait(done).is_ok()));
        assert_eq!(spool.waiting("Ca"), 0);
        sizes.push(std::fs::metadata(place.file()).unwrap().len());
    }
    assert!(sizes[29] <= 2 * sizes[4], "{sizes:?}");
}
