//! A long backlog is delivered as fast as what comes just now.

use std::path::Path;
use std::time::{Instant, SystemTime};

use onem2m_ws::spool::{RedbSpool, Sequence, Spool};

use crate::ours::{options, record};

const BACKLOG: usize = 100_000;
const LIVE: usize = 20_000;
const WINDOW: usize = 64;

pub(crate) fn run(place: &Path) {
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spool = RedbSpool::open(place.join("ours"), options(WINDOW)).unwrap();
    runtime.block_on(async {
        let append = async |count: usize| {
            let appended: Vec<_> = (0..count).map(|number| spool.append("Ca", record(number))).collect();
            for done in appended {
                done.await.unwrap();
            }
        };
        let deliver = async || {
            let stored = spool.read("Ca", Sequence(0), WINDOW, SystemTime::now()).unwrap();
            let count = stored.len();
            let acknowledge = |s: &onem2m_ws::spool::Stored| spool.acknowledge("Ca", s.sequence, &s.request.request_id);
            let done: Vec<_> = stored.iter().map(acknowledge).collect();
            for done in done {
                done.await.unwrap();
            }
            count
        };
        let mut live = Vec::new();
        for _ in 0..3 {
            let begin = Instant::now();
            for _ in 0..LIVE / WINDOW {
                append(WINDOW).await;
                assert_eq!(deliver().await, WINDOW);
            }
            live.push((LIVE / WINDOW * WINDOW) as f64 / begin.elapsed().as_secs_f64());
        }
        for _ in 0..BACKLOG / 1000 {
            append(1000).await;
        }
        let full = peak();
        let mut rates = Vec::new();
        let mut begin = Instant::now();
        let mut delivered = 0;
        while let count @ 1.. = deliver().await {
            delivered += count;
            if delivered % (WINDOW * 300) == 0 {
                rates.push((WINDOW * 300) as f64 / begin.elapsed().as_secs_f64());
                begin = Instant::now();
            }
        }
        assert_eq!(delivered, BACKLOG / 1000 * 1000);
        let median = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let (live, drain) = (median(&mut live), median(&mut rates));
        println!("a backlog of {BACKLOG}, {WINDOW} at a time: {drain:.0} a second; live (append, read, acknowledge) {live:.0}; ratio {:.2}", drain / live);
        println!("peak memory {full} with the backlog written, {} with it delivered", peak());
    });
}

pub(crate) fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim().to_owned()
}
