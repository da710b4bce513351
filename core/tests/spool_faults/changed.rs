//! One bit of the file is another one.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use onem2m_ws::ErrorKind;
use onem2m_ws::spool::{Fact, FactKind, Record, RedbSpool, Sequence, Spool, StoreOptions, Stored};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::support::{Place, all, record, wait};

const ENTITIES: [&str; 5] = ["Ca", "Cb", "Cc", "/cse-1", "Cempty"];
const PAGE: usize = 4096;
const NEWEST: usize = 9;

/// Something in every table: records, tombstones, times of expiry, names of what is the latest, facts.
fn fill(place: &Place) -> RedbSpool {
    let spool = place.open();
    let mut done = Vec::new();
    for number in 0..600 {
        let expires = (number % 2 == 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33));
        let latest_of = (number % 5 == 0).then(|| format!("subscription {}", number % 45));
        done.push(spool.append(ENTITIES[number % 4], Record { latest_of, ..record(number, expires) }));
    }
    for number in 0..150 {
        let fact = |kind, key: String| Fact { kind, key, value: Some(Bytes::from(vec![b'f'; 300])) };
        let facts = vec![
            fact(FactKind::Registration, format!("C{number}")),
            fact(FactKind::Resource, format!("/cse/{number}")),
        ];
        drop(wait(spool.keep(facts)));
    }
    assert!(done.into_iter().all(|done| wait(done).is_ok()));
    for entity in ENTITIES {
        for stored in all(&spool, entity).iter().filter(|stored| stored.sequence.0 % 7 > 4 || stored.sequence.0 == 1) {
            wait(spool.acknowledge(entity, stored.sequence, &stored.request.request_id)).unwrap();
        }
    }
    spool
}

#[derive(PartialEq, Debug)]
struct Contents(Vec<Vec<Stored>>, Vec<usize>, Vec<Vec<(String, Bytes)>>);

fn contents(spool: &RedbSpool) -> onem2m_ws::Result<Contents> {
    let read = |entity| spool.read(entity, Sequence(0), usize::MAX, SystemTime::UNIX_EPOCH);
    Ok(Contents(
        ENTITIES.into_iter().map(read).collect::<Result<_, _>>()?,
        ENTITIES.into_iter().map(|entity| spool.waiting(entity)).collect(),
        [FactKind::Registration, FactKind::Resource]
            .into_iter()
            .map(|kind| spool.kept(kind))
            .collect::<Result<_, _>>()?,
    ))
}

/// Changes one bit at each of these positions; returns how often that was noticed, and where it did harm.
fn harm(file: &[u8], expected: &Contents, positions: impl Iterator<Item = usize>) -> (usize, Vec<String>) {
    let place = Place::new();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut noticed = 0;
    let mut harm = Vec::new();
    for at in positions {
        let bit = 1 << (rng.next_u32() % 8);
        let mut changed = file.to_vec();
        changed[at] ^= bit;
        std::fs::write(place.file(), &changed).unwrap();
        let found = RedbSpool::open(place.file(), StoreOptions::default()).and_then(|spool| contents(&spool));
        match found {
            Err(error) if error.kind() == ErrorKind::Storage => noticed += 1,
            Err(error) => harm.push(format!("byte {at}, bit {bit:02x}: {error:?}")),
            Ok(found) if found == *expected => {}
            Ok(found) => harm.push(format!("byte {at}, bit {bit:02x}: {:?} instead of {:?}", found.1, expected.1)),
        }
    }
    (noticed, harm)
}

/// 200 positions over all pages that hold something, and those of the head.
fn positions(file: &[u8]) -> Vec<usize> {
    let used: Vec<usize> =
        (0..file.len() / PAGE).filter(|page| file[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0)).collect();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[1; 32]);
    let mut within = move |size: usize| rng.next_u32() as usize % size;
    // In the first bytes of a page is what it is and where its entries are, in the last ones are values.
    let pages = (0..200).map(|i| {
        let page = used[i * used.len() / 200];
        page * PAGE + if i % 4 == 0 { within(64) } else { within(PAGE) }
    });
    pages.chain((0..320).step_by(3)).collect()
}

#[test]
fn ws_6_5_4_a_changed_bit_is_noticed_or_does_no_harm() {
    let place = Place::new();
    let spool = fill(&place);
    let expected = contents(&spool).unwrap();
    assert!(expected.1[..4].iter().all(|count| *count > 50), "{:?}", expected.1);
    wait(spool.close()).unwrap();
    let file = std::fs::read(place.file()).unwrap();
    // Which of two commits is the newest one stands in the bits of this byte.
    let (noticed, harm) = harm(&file, &expected, positions(&file).into_iter().chain([NEWEST; 30]));
    assert!(harm.is_empty(), "{harm:#?}");
    assert!(noticed > 100, "{noticed}");
}

/// The same after a crash: the newest commit is not taken for one that was torn, and undone. But there is one bit which
/// nothing can check: after a crash each of two commits may be the newest one that was finished.
#[test]
fn ws_6_5_4_a_changed_bit_in_a_file_after_a_crash_is_noticed_or_does_no_harm() {
    let place = Place::new();
    let spool = fill(&place);
    let expected = contents(&spool).unwrap();
    let file = std::fs::read(place.file()).unwrap();
    drop(spool);
    let (noticed, harm) = harm(&file, &expected, positions(&file).into_iter().filter(|at| *at != NEWEST));
    assert!(harm.is_empty(), "{harm:#?}");
    assert!(noticed > 100, "{noticed}");
}
