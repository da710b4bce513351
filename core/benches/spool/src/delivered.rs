//! The same through a server: notified, on the disk, sent to a registree, answered, and taken out of the store.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use onem2m_ws::IncomingRequest;
use onem2m_ws::binding::Registration;
use onem2m_ws::client::Client;
use onem2m_ws::primitive::Response;
use onem2m_ws::server::Server;
use onem2m_ws::spool::{RedbSpool, StoreLimits, StoreOptions};

use crate::backlog::peak;
use crate::notification;

/// Notifications that wait to be accepted at a time.
const IN_FLIGHT: usize = 128;

/// How many are notified live, and how many wait, with so many under way at a time.
pub(crate) fn run(place: &Path, window: usize, live: usize, backlog: usize) {
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let limits = StoreLimits { records: 1 << 20, bytes_per_registree: 1 << 30, ..StoreLimits::default() };
        let spool = RedbSpool::open(place.join("ours"), StoreOptions { limits, ..StoreOptions::default() }).unwrap();
        let server = Server::builder().listen("ws://127.0.0.1:0").spool(Arc::new(spool)).delivery_window(window);
        let answer = |_: &Server, incoming: IncomingRequest| incoming.respond(Response::ok()).unwrap();
        let server = server.start(answer).unwrap();
        server.restore(Registration::known("Ca"));
        let url = server.points_of_access()[0].to_string();
        let client = Client::builder(url).originator("Ca").registered(true).stay_connected(false).connect().await.unwrap();
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        client.on_request(move |incoming| {
            count.fetch_add(1, Ordering::Relaxed);
            incoming.respond(Response::ok()).unwrap();
        });
        let accept = async |from: usize, count: usize| {
            for first in (from..from + count).step_by(IN_FLIGHT) {
                let last = (first + IN_FLIGHT).min(from + count);
                let accepted: Vec<_> = (first..last).map(|number| server.notify("Ca", notification(number))).collect();
                for done in accepted {
                    done.await.unwrap();
                }
            }
        };
        let until = async |count: usize| {
            while heard.load(Ordering::Relaxed) < count || server.waiting("Ca") > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let begin = Instant::now();
        accept(0, live).await;
        let accepted = live as f64 / begin.elapsed().as_secs_f64();
        until(live).await;
        let delivered = live as f64 / begin.elapsed().as_secs_f64();
        client.disconnect().await;
        while server.is_connected("Ca") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        accept(live, backlog).await;
        assert_eq!(server.waiting("Ca"), backlog);
        let begin = Instant::now();
        client.connect().await.unwrap();
        until(live + backlog).await;
        let drained = backlog as f64 / begin.elapsed().as_secs_f64();
        println!(
            "through a server, {window} under way: {accepted:.0} accepted and {delivered:.0} delivered a second live; a backlog of \
             {backlog} at {drained:.0}; ratio {:.2}; peak memory {}",
            drained / delivered,
            peak()
        );
        client.close().await;
        server.shutdown().await;
    });
}
