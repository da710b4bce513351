//! The registrar is killed at random moments under load, again and again: what it accepted is delivered, in order.
//!
//! Covers: rows WS-5.2-9, WS-6.4-4, -5, WS-6.5-4. `CRASHES` says how often (5), `CRASH_WINDOW` how many notifications of one
//! registree may be under way (1), `CRASH_SEED` repeats the choices of a run, though not its timing.
//!
//! The registrar is a process of its own, which this test starts from its own binary. Producers create contentInstances in
//! containers that registrees are subscribed to; an answer 2001 is the acceptance of the notification. Some registrees stay,
//! some come and go, and some register, or end their registration, while the registrar is being killed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![cfg(unix)]

mod arrivals;
mod chance;
mod peer;
mod producers;
mod registrees;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use arrivals::Arrivals;
use chance::Chance;
use peer::{Peer, admin};
use producers::Accepted;
use server::Process;

const TEST: &str = "ws_6_5_4_a_registrar_that_is_killed_loses_nothing";
/// Registrees that stay connected: clients of ours.
const STAYING: usize = 3;
/// Registrees that come and go.
const MOVING: usize = 3;
const PRODUCERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// What everybody in the test knows.
pub(crate) struct World {
    pub(crate) url: String,
    /// No more is produced, and nobody goes any more.
    pub(crate) is_ending: AtomicBool,
    /// All is seen.
    pub(crate) is_over: AtomicBool,
    /// Names of registrees that were made while it went on, with what the last answer about each was.
    pub(crate) sequence: AtomicU64,
    /// Registrations that a client of ours did not find any more after a reopening.
    pub(crate) forgotten: Arc<AtomicU64>,
}

#[test]
fn ws_6_5_4_a_registrar_that_is_killed_loses_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some((store, listen)) = server::asked_for() {
        runtime.block_on(server::serve(&store, &listen));
    } else {
        runtime.block_on(crash(number("CRASHES").unwrap_or(5), number("CRASH_SEED")));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Notifications of one registree that may be under way, in both processes.
fn window() -> usize {
    number("CRASH_WINDOW").map_or(1, |window| window as usize)
}

async fn crash(crashes: u64, seed: Option<u64>) {
    let begin = Instant::now();
    let mut chance = Chance::new(seed);
    println!("CRASH_SEED={}", chance.seed());
    let file = server::File::new();
    let mut process = Process::start(&file, "ws://127.0.0.1:0");
    let world = Arc::new(World {
        url: process.url().to_owned(),
        is_ending: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
        forgotten: Arc::default(),
        sequence: AtomicU64::new(0),
    });

    let arrivals: Vec<Arc<Arrivals>> =
        (0..STAYING + MOVING).map(|number| Arrivals::new(format!("C{number}"))).collect();
    let mut tasks = Vec::new();
    for (number, arrivals) in arrivals.iter().enumerate() {
        let (world, arrivals) = (world.clone(), arrivals.clone());
        if number < STAYING {
            let client = registrees::stay(&world, arrivals).await;
            tasks.push(tokio::spawn(registrees::keep(client, world)));
        } else {
            registrees::populate(&world, &arrivals).await;
            tasks.push(tokio::spawn(registrees::come_and_go(world, arrivals, chance.fork())));
        }
    }
    let newcomers = tokio::spawn(registrees::register_and_end(world.clone(), chance.fork()));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| tokio::spawn(producers::produce(world.clone(), number, STAYING + MOVING, chance.fork())))
        .collect();

    for _ in 0..crashes {
        tokio::time::sleep(Duration::from_millis(20 + chance.below(250))).await;
        process.kill();
        process = Process::start(&file, &world.url);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.is_ending.store(true, Ordering::SeqCst);
    let mut accepted = Accepted::default();
    for producer in producers {
        accepted.add(producer.await.unwrap());
    }
    let newcomers = newcomers.await.unwrap();

    // Everything that was accepted arrives.
    let missing = || -> Vec<String> {
        let lost = |(number, con): &(usize, String)| !arrivals[*number].has(con);
        accepted.answered.iter().filter(|one| lost(one)).map(|(number, con)| format!("C{number}: {con}")).collect()
    };
    let deadline = Instant::now() + PATIENCE;
    while !missing().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lost = missing();

    let mut peer = Peer::open(&world.url, None).await.unwrap();
    let mut resources = 0;
    for (number, arrivals) in arrivals.iter().enumerate() {
        let kept = contents(&mut peer, &arrivals.entity).await;
        resources += kept.len();
        let of_this = accepted.answered.iter().filter(|(of, _)| *of == number);
        let gone: Vec<_> = of_this.map(|(_, con)| con).filter(|con| !kept.contains(con)).collect();
        assert!(gone.is_empty(), "{}: answered 2001, and not there: {gone:?}", arrivals.entity);
    }
    newcomers.check(&mut peer).await;
    world.is_over.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    process.end();

    let (mut delivered, mut repeated, mut cuts) = (0, 0, 0);
    for arrivals in &arrivals {
        let summary = arrivals.summary();
        assert!(summary.disorder.is_empty(), "{}: out of order: {:?}", arrivals.entity, summary.disorder);
        let most = window() as u64 * (crashes + summary.cuts);
        assert!(summary.repeated <= most, "{}: {} repeated, at most {most}", arrivals.entity, summary.repeated);
        delivered += summary.delivered;
        repeated += summary.repeated;
        cuts += summary.cuts;
    }
    println!(
        "{crashes} crashes, {cuts} cuts of registrees: {} accepted, {delivered} delivered, lost {}, {repeated} repeated, \
         {} without an answer, {resources} resources, {} registrations and {} ends meanwhile, {:.1} s",
        accepted.answered.len(),
        lost.len(),
        accepted.unknown,
        newcomers.registered(),
        newcomers.ended(),
        begin.elapsed().as_secs_f64(),
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(accepted.answered.len() as u64 >= crashes, "hardly anything was accepted");
}

/// What the instances of a registree's container hold, oldest first.
async fn contents(peer: &mut Peer, entity: &str) -> Vec<String> {
    let mut request = admin(2, &format!("cse-in/{entity}/data"));
    request["rcn"] = json!(8);
    let answer = peer.ask(request).await.unwrap();
    assert_eq!(answer["rsc"], 2000, "{answer}");
    let all = answer["pc"]["m2m:cnt"]["m2m:cin"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one: &Value| one["con"].as_str().unwrap().to_owned()).collect()
}
