//! A disk that fails when a test says so, at every write and every sync that there is.
//!
//! Real ones fail like this too rarely, and never the same way twice; `tests/spool_faults` has a real full one.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use ::redb::StorageBackend;
use futures_util::FutureExt;
use serde_json::json;

use super::lock;
use super::open::Source;
use super::{RedbSpool, StoreOptions};
use crate::ErrorKind;
use crate::primitive::Request;
use crate::spool::{Done, Fact, FactKind, Record, Sequence, Spool};

/// A disk in memory.
#[derive(Clone, Default, Debug)]
pub(super) struct Faulty(Arc<Mutex<Disk>>);

#[derive(Default, Debug)]
struct Disk {
    /// What the system shows.
    bytes: Vec<u8>,
    /// What is on the disk.
    synced: Vec<u8>,
    /// Writes, changes of length and syncs until one fails, and all after it.
    left: Option<u64>,
    kind: Option<io::ErrorKind>,
    failed: u64,
}

impl Disk {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => {
                self.failed += 1;
                Err(self.kind.unwrap_or(io::ErrorKind::Other).into())
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl StorageBackend for Faulty {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = lock(&self.0);
        let from = disk.bytes.get(offset as usize..).unwrap_or_default();
        out.copy_from_slice(from.get(..out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.step()?;
        disk.bytes.resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.step()?;
        disk.synced = disk.bytes.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.step()?;
        let at = offset as usize;
        disk.bytes[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}

impl Faulty {
    /// Lets so many steps pass, and then none.
    fn fail(&self, after: u64, kind: io::ErrorKind) {
        let mut disk = lock(&self.0);
        (disk.left, disk.kind) = (Some(after), Some(kind));
    }

    /// It works again; `forgets`: what was not synced is gone, as the system's memory of it may be after an error.
    fn mend(&self, forgets: bool) {
        let mut disk = lock(&self.0);
        disk.left = None;
        if forgets {
            disk.bytes = disk.synced.clone();
        }
    }

    fn failed(&self) -> u64 {
        lock(&self.0).failed
    }

    fn open(&self) -> RedbSpool {
        RedbSpool::open_source(Source::Test(self.clone()), StoreOptions::default()).unwrap()
    }
}

fn wait<T>(mut done: Done<T>) -> crate::Result<T> {
    let begin = Instant::now();
    loop {
        if let Some(result) = (&mut done).now_or_never() {
            return result;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "the store does not answer");
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn record(rqi: &str) -> Record {
    let later = SystemTime::now() + Duration::from_secs(3600);
    Record::new(Request::notify("Ca", json!({ "m2m:sgn": rqi })).request_id(rqi), Some(later))
}

fn there(spool: &RedbSpool) -> Vec<String> {
    let stored = spool.read("Ca", Sequence(0), 99, SystemTime::UNIX_EPOCH).unwrap();
    stored.into_iter().map(|stored| stored.request.request_id).collect()
}

/// Until the store takes something again.
fn wait_until_it_works(spool: &RedbSpool) {
    let begin = Instant::now();
    while let Err(error) = wait(spool.append("Cb", record("probe"))) {
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(begin.elapsed() < Duration::from_secs(60), "the store does not recover: {error}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One more step succeeds each time, until all do: everything that was answered is so, and nothing that was refused.
fn fails_at_every_step(kind: io::ErrorKind, forgets: bool) {
    for after in 0.. {
        let disk = Faulty::default();
        let spool = disk.open();
        for rqi in ["1", "2"] {
            wait(spool.append("Ca", record(rqi))).unwrap();
        }
        disk.fail(after, kind);
        let appended = ["3", "4"].map(|rqi| (rqi, spool.append("Ca", record(rqi))));
        let acknowledged = spool.acknowledge("Ca", Sequence(1), "1");
        let fact = Fact { kind: FactKind::Registration, key: "Ca".to_owned(), value: Some("known".into()) };
        let kept = wait(spool.keep(vec![fact]));
        let acknowledged = wait(acknowledged);
        let appended = appended.map(|(rqi, done)| (rqi, wait(done)));
        let all_well = disk.failed() == 0;
        if !all_well && kept.is_err() {
            let error = wait(spool.append("Ca", record("5"))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
            assert!(kind != io::ErrorKind::StorageFull || error.message().contains("full"), "{error}");
        }
        disk.mend(forgets);
        wait_until_it_works(&spool);

        let check = |spool: &RedbSpool| {
            let there = there(spool);
            let is_there = |rqi: &str| there.iter().any(|other| other == rqi);
            for (rqi, appended) in &appended {
                assert_eq!(is_there(rqi), appended.is_ok(), "{after}: {rqi}, {appended:?}, {there:?}");
            }
            assert!(!is_there("5") && is_there("2"), "{after}: {there:?}");
            assert!(!(acknowledged.is_ok() && is_there("1")), "{after}: {there:?}");
            assert_eq!(spool.waiting("Ca"), there.len(), "{after}");
            let known = spool.kept(FactKind::Registration).unwrap();
            assert!(kept.is_err() || known.len() == 1, "{after}");
        };
        check(&spool);
        drop(spool);
        check(&disk.open());
        if all_well {
            assert!(after > 5, "{after} steps only");
            return;
        }
    }
}

#[test]
fn ws_6_5_4_a_disk_that_is_full_at_any_step_loses_nothing_that_was_accepted() {
    fails_at_every_step(io::ErrorKind::StorageFull, false);
}

#[test]
fn ws_6_5_4_a_disk_that_breaks_at_any_step_loses_nothing_that_was_accepted() {
    fails_at_every_step(io::ErrorKind::Other, false);
}

/// After an error of a sync the system may drop what it was to write, and say nothing of it at the next one.
#[test]
fn ws_6_5_4_a_system_that_forgets_what_it_could_not_write_loses_nothing_that_was_accepted() {
    fails_at_every_step(io::ErrorKind::Other, true);
}

#[test]
fn while_the_disk_fails_calls_fail_at_once_and_name_the_cause() {
    let disk = Faulty::default();
    let spool = disk.open();
    wait(spool.append("Ca", record("1"))).unwrap();
    disk.fail(0, io::ErrorKind::StorageFull);
    let error = wait(spool.append("Ca", record("2"))).unwrap_err();
    assert!(error.message().contains("is full") && error.message().contains("make room"), "{error}");
    // It is opened again and again meanwhile, in vain.
    let before = disk.failed();
    let begin = Instant::now();
    while disk.failed() < before + 3 {
        assert!(begin.elapsed() < Duration::from_secs(20), "nobody tries");
        for result in [
            wait(spool.append("Ca", record("2"))).map(drop),
            wait(spool.acknowledge("Ca", Sequence(1), "1")),
            wait(spool.drop_entity("Ca")).map(drop),
            wait(spool.expire(SystemTime::UNIX_EPOCH)).map(drop),
            spool.read("Ca", Sequence(0), 1, SystemTime::UNIX_EPOCH).map(drop),
        ] {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Storage);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Also what was acknowledged in vain comes again once the disk works, and goes when that is written.
    disk.mend(true);
    wait_until_it_works(&spool);
    assert_eq!(there(&spool), ["1"]);
    wait(spool.append("Ca", record("3"))).unwrap();
    wait(spool.acknowledge("Ca", Sequence(1), "1")).unwrap();
    assert_eq!(there(&spool), ["3"]);
    disk.fail(0, io::ErrorKind::Other);
    wait(spool.append("Ca", record("4"))).unwrap_err();
    let closed = wait(spool.close());
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::Storage);
    drop(spool);
    disk.mend(true);
    assert_eq!(there(&disk.open()), ["3"]);
}

#[test]
fn ws_6_4_4_after_a_resource_was_not_written_none_is_taken_that_may_stand_on_it() {
    let disk = Faulty::default();
    let spool = disk.open();
    let keep = |spool: &RedbSpool, kind, key: &str| {
        wait(spool.keep(vec![Fact { kind, key: key.to_owned(), value: Some("x".into()) }]))
    };
    keep(&spool, FactKind::Resource, "parent").unwrap();
    disk.fail(0, io::ErrorKind::StorageFull);
    keep(&spool, FactKind::Resource, "lost").unwrap_err();
    disk.mend(false);
    wait_until_it_works(&spool);
    keep(&spool, FactKind::Registration, "Ca").unwrap();
    let error = keep(&spool, FactKind::Resource, "child of lost").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    drop(spool);
    let spool = disk.open();
    assert_eq!(spool.kept(FactKind::Resource).unwrap().len(), 1, "the parent alone");
    keep(&spool, FactKind::Resource, "new").unwrap();
}
