//! The store, by its public face.

use std::path::Path;
use std::time::{Duration, SystemTime};

use onem2m_ws::spool::{Record, RedbSpool, Spool, StoreLimits, StoreOptions};

use crate::{REGISTREES, notification};

/// Without bounds that would end a round. A batch is as large as that of the others, but not smaller than by default.
pub(crate) fn options(at_a_time: usize) -> StoreOptions {
    let batch = StoreOptions::default().batch.max(at_a_time);
    let limits = StoreLimits { records: u64::MAX, bytes_per_registree: u64::MAX, bytes: u64::MAX };
    StoreOptions { limits, batch, ..StoreOptions::default() }
}

pub(crate) fn record(number: usize) -> Record {
    Record::new(notification(number), Some(SystemTime::now() + Duration::from_secs(3600)))
}

fn run(place: &Path, records: usize, at_a_time: usize, two_phase: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let names: Vec<String> = (0..REGISTREES).map(|i| format!("Csensor{i}")).collect();
    let spool = RedbSpool::open(place.join("ours"), StoreOptions { two_phase, ..options(at_a_time) }).unwrap();
    runtime.block_on(async {
        for batch in 0..records / at_a_time {
            let numbers = batch * at_a_time..(batch + 1) * at_a_time;
            let appended: Vec<_> = numbers.map(|n| spool.append(&names[n % REGISTREES], record(n))).collect();
            for done in appended {
                done.await.unwrap();
            }
        }
    });
}

pub(crate) fn accept(place: &Path, records: usize, at_a_time: usize) {
    run(place, records, at_a_time, true);
}

pub(crate) fn accept_one_phase(place: &Path, records: usize, at_a_time: usize) {
    run(place, records, at_a_time, false);
}
