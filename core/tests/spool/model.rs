//! Operations by chance, on the store and on a model that anybody can check by reading it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use onem2m_ws::ErrorKind;
use onem2m_ws::spool::{Fact, FactKind, MemoryLimits, MemorySpool, Record, Sequence, Spool, StoreLimits, StoreOptions};
use proptest::prelude::*;

use crate::support::{Place, record, wait};

const RECORDS: usize = 6;
const ENTITIES: [&str; 3] = ["Ca", "Cb", "/cse-1"];
const NAMES: [&str; 2] = ["sub1", "sub2"];

#[derive(Clone, Debug)]
enum Operation {
    /// Who, when it expires, what it is the latest of.
    Append(usize, Option<u64>, Option<usize>),
    /// Who, which place, and with the `rqi` that is there, or with another one.
    Acknowledge(usize, u64, bool),
    Expire(u64),
    Drop(usize),
    Keep(Vec<(bool, u8, Option<u8>)>),
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let who = 0..ENTITIES.len();
    prop_oneof![
        8 => (who.clone(), proptest::option::of(0..9_u64), proptest::option::of(0..NAMES.len()))
            .prop_map(|(who, expires, latest)| Operation::Append(who, expires, latest)),
        8 => (who.clone(), 0..14_u64, prop::bool::weighted(0.9))
            .prop_map(|(who, at, right)| Operation::Acknowledge(who, at, right)),
        1 => (0..9_u64).prop_map(Operation::Expire),
        1 => who.prop_map(Operation::Drop),
        1 => prop::collection::vec((any::<bool>(), 0..3_u8, any::<Option<u8>>()), 0..4).prop_map(Operation::Keep),
        1 => Just(Operation::Reopen),
    ]
}

fn time(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

#[derive(Default)]
struct Model {
    entities: BTreeMap<usize, (u64, BTreeMap<u64, Record>)>,
    facts: BTreeMap<(bool, u8), u8>,
}

impl Model {
    fn append(&mut self, who: usize, record: Record) -> Option<u64> {
        let (last, records) = self.entities.entry(who).or_default();
        let replaced = record.latest_of.as_ref().and_then(|name| {
            records.iter().find(|(_, other)| other.latest_of.as_ref() == Some(name)).map(|(at, _)| *at)
        });
        if replaced.is_none() && records.len() == RECORDS {
            return None;
        }
        let at = replaced.unwrap_or_else(|| {
            *last += 1;
            *last
        });
        records.insert(at, record);
        Some(at)
    }

    fn rqi(&self, who: usize, at: u64) -> String {
        let found = self.entities.get(&who).and_then(|(_, records)| records.get(&at));
        found.map(|record| record.request.request_id.clone()).unwrap_or_default()
    }
}

fn run(operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let limits = StoreLimits { records: RECORDS as u64, ..StoreLimits::default() };
    let options = StoreOptions { limits, ..StoreOptions::default() };
    let place = Place::new();
    let mut store = place.open_with(options);
    let memory = MemorySpool::new(MemoryLimits { per_entity: RECORDS, ..MemoryLimits::default() });
    let mut model = Model::default();
    for (number, operation) in operations.into_iter().enumerate() {
        match operation {
            Operation::Append(who, expires, latest) => {
                let mut record = record(number, expires.map(time));
                record.latest_of = latest.map(|name| NAMES[name].to_owned());
                let expected = model.append(who, record.clone());
                for spool in [&store as &dyn Spool, &memory] {
                    let stored = wait(spool.append(ENTITIES[who], record.clone()));
                    match (&stored, expected) {
                        (Ok(at), Some(expected)) => prop_assert_eq!(*at, Sequence(expected)),
                        (Err(error), None) => prop_assert_eq!(error.kind(), ErrorKind::QueueFull),
                        _ => prop_assert!(false, "{stored:?}, not {expected:?}"),
                    }
                }
            }
            Operation::Acknowledge(who, at, right) => {
                let rqi = if right { model.rqi(who, at) } else { "another".to_owned() };
                if let Some((_, records)) = model.entities.get_mut(&who)
                    && right
                {
                    records.remove(&at);
                }
                for spool in [&store as &dyn Spool, &memory] {
                    let done = spool.acknowledge(ENTITIES[who], Sequence(at), &rqi);
                    // As of the call, not only when it is written.
                    let read = spool.read(ENTITIES[who], Sequence(at.saturating_sub(1)), 1, time(0)).unwrap();
                    let comes_again = read.first().is_some_and(|stored| stored.sequence.0 == at && right);
                    prop_assert!(!comes_again, "{read:?}");
                    wait(done).unwrap();
                }
            }
            Operation::Expire(now) => {
                let mut expected = Vec::new();
                for (who, (_, records)) in &mut model.entities {
                    records.retain(|_, record| {
                        let expired = record.expires.is_some_and(|at| at <= time(now));
                        if expired {
                            expected.push((ENTITIES[*who].to_owned(), record.request.request_id.clone()));
                        }
                        !expired
                    });
                }
                expected.sort();
                for spool in [&store as &dyn Spool, &memory] {
                    let expired = wait(spool.expire(time(now))).unwrap().into_iter();
                    let mut expired: Vec<_> = expired.map(|e| (e.entity, e.request.request_id)).collect();
                    expired.sort();
                    prop_assert_eq!(&expired, &expected);
                }
            }
            Operation::Drop(who) => {
                let expected = model.entities.remove(&who).map_or(0, |(_, records)| records.len());
                for spool in [&store as &dyn Spool, &memory] {
                    prop_assert_eq!(wait(spool.drop_entity(ENTITIES[who])).unwrap(), expected);
                }
            }
            Operation::Keep(facts) => {
                let kind = |registration| if registration { FactKind::Registration } else { FactKind::Resource };
                for (registration, key, value) in &facts {
                    match value {
                        Some(value) => drop(model.facts.insert((*registration, *key), *value)),
                        None => drop(model.facts.remove(&(*registration, *key))),
                    }
                }
                let facts = facts.into_iter().map(|(registration, key, value)| Fact {
                    kind: kind(registration),
                    key: key.to_string(),
                    value: value.map(|value| Bytes::copy_from_slice(&[value])),
                });
                wait(store.keep(facts.collect())).unwrap();
                for registration in [true, false] {
                    let of_kind = model.facts.iter().filter(|((of, _), _)| *of == registration);
                    let expected: Vec<_> =
                        of_kind.map(|((_, key), value)| (key.to_string(), Bytes::copy_from_slice(&[*value]))).collect();
                    prop_assert_eq!(store.kept(kind(registration)).unwrap(), expected);
                }
            }
            Operation::Reopen => {
                drop(store);
                store = place.open_with(options);
                let records: usize = model.entities.values().map(|(_, records)| records.len()).sum();
                prop_assert_eq!(store.found().records, records as u64);
                prop_assert_eq!(store.found().facts, model.facts.len() as u64);
            }
        }
        for (who, entity) in ENTITIES.into_iter().enumerate() {
            let none = BTreeMap::new();
            let records = model.entities.get(&who).map_or(&none, |(_, records)| records);
            prop_assert_eq!(store.waiting(entity), records.len());
            for (after, most, now) in [(0, 99, 0), (0, 1, 4), (3, 2, 0), (5, 99, 6)] {
                let expected = records.range(after + 1..).filter(|(_, r)| r.expires.is_none_or(|at| at > time(now)));
                let expected: Vec<_> = expected.take(most).map(|(at, r)| (*at, r.request.clone(), r.expires)).collect();
                for spool in [&store as &dyn Spool, &memory] {
                    let read = spool.read(entity, Sequence(after), most, time(now)).unwrap().into_iter();
                    let read: Vec<_> = read.map(|s| (s.sequence.0, s.request, s.expires)).collect();
                    prop_assert_eq!(&read, &expected);
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn ws_6_5_4_any_operations_give_what_the_model_gives(operations in prop::collection::vec(operation(), 1..120)) {
        run(operations)?;
    }
}
