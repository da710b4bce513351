//! Many at a time are one transaction, and keep their order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use onem2m_ws::spool::{Record, Sequence, Spool};

use crate::support::{Place, all, numbers, record, wait};

#[test]
fn what_comes_at_the_same_time_is_committed_together() {
    let place = Place::new();
    let spool = place.open();
    let appended: Vec<_> = (1..=128).map(|number| spool.append("Ca", record(number, None))).collect();
    for (i, done) in appended.into_iter().enumerate() {
        assert_eq!(wait(done).unwrap(), Sequence(i as u64 + 1));
    }
    // The first may go alone; what comes meanwhile is the second one.
    assert!(spool.commits() <= 8, "{} commits", spool.commits());
}

/// 128 callers, each of which waits for its record before it has the next one.
#[test]
fn callers_that_wait_for_each_record_are_committed_together() {
    const CALLERS: u64 = 128;
    const EACH: u64 = 10;
    let place = Place::new();
    let spool = Arc::new(place.open());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let callers = (0..CALLERS).map(|caller| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    spool.append(&format!("C{caller}"), record(number, None)).await.unwrap();
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
    });
    // On a busy machine a round is not always one transaction; without grouping it would be 128.
    let commits = spool.commits();
    assert!(commits < CALLERS * EACH / 8, "{commits} commits for {} records", CALLERS * EACH);
}

#[test]
fn ws_6_5_4_the_order_of_calls_is_the_order_of_records() {
    let place = Place::new();
    let spool = Arc::new(place.open());
    let threads: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| {
            let spool = spool.clone();
            std::thread::spawn(move || {
                let one = |number: u32| spool.append("Ca", record(format_args!("{name}{number:03}"), None));
                let appended: Vec<_> = (0..250).map(one).collect();
                appended.into_iter().map(|done| wait(done).unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    for thread in threads {
        let places = thread.join().unwrap();
        assert!(places.is_sorted(), "the places of one caller are in the order of its calls");
    }
    let stored = all(&spool, "Ca");
    assert_eq!(stored.len(), 1000);
    for name in ["a", "b", "c", "d"] {
        let own: Vec<_> = numbers(&stored).into_iter().filter(|rqi| rqi.starts_with(name)).collect();
        assert_eq!(own.len(), 250);
        assert!(own.is_sorted());
    }
}

/// Beside the time of a commit by itself, which is not ours.
#[test]
fn a_single_caller_does_not_wait_for_others() {
    let place = Place::new();
    let slow = onem2m_ws::spool::StoreOptions { linger: Duration::from_secs(5), ..Default::default() };
    let spool = place.open_with(slow);
    let begin = Instant::now();
    for number in 0..20 {
        wait(spool.append("Ca", record(number, None))).unwrap();
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(spool.commits(), 20);
}

#[test]
fn a_future_that_nobody_polls_is_done_all_the_same() {
    let place = Place::new();
    let spool = place.open();
    drop(spool.append("Ca", record(1, None)));
    drop(spool.append("Ca", Record { latest_of: Some("sub".to_owned()), ..record(2, None) }));
    drop(spool.acknowledge("Ca", Sequence(1), "1"));
    drop(spool);
    let spool = place.open();
    assert_eq!(numbers(&all(&spool, "Ca")), ["2"]);
}

#[test]
fn closing_waits_for_all_and_takes_nothing_more() {
    let place = Place::new();
    let spool = place.open();
    let appended: Vec<_> = (0..1000).map(|number| spool.append("Ca", record(number, None))).collect();
    let (first, second) = (spool.close(), spool.close());
    let late = spool.append("Ca", record("late", None));
    assert_eq!(wait(late).unwrap_err().kind(), onem2m_ws::ErrorKind::Closed);
    wait(first).unwrap();
    wait(second).unwrap();
    wait(spool.close()).unwrap();
    assert!(appended.into_iter().all(|done| wait(done).is_ok()));
    assert_eq!(
        spool.read("Ca", Sequence(0), 1, std::time::UNIX_EPOCH).unwrap_err().kind(),
        onem2m_ws::ErrorKind::Closed
    );
    // The file is free while the old one is still there.
    assert_eq!(place.open().found().records, 1000);
}
