//! How many stored requests of one registree are under way, and in which order they come again.

use std::collections::HashSet;
use std::time::Duration;

use onem2m_ws::server::Server;
use serde_json::Value;

use crate::double::Double;
use crate::peer::*;

async fn accept(server: &Server, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        server.notify("Ca", notification(number)).await.unwrap();
    }
}

fn numbers(heard: &[Value]) -> Vec<u64> {
    heard.iter().map(|one| one["pc"]["m2m:sgn"]["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn ws_6_5_4_with_a_window_of_one_nothing_follows_before_the_acknowledgement_is_written() {
    let store = Double::new();
    let before = server(store.clone());
    let mut peer = Peer::registered(&before, "Ca").await;
    accept(&before, 1..=3).await;
    let (number, rqi) = peer.notified().await;
    assert_eq!(number, 1);
    store.hold();
    peer.answer(&rqi).await;
    store.until_waiting(1).await;
    assert_eq!(peer.heard().await, Vec::<Value>::new());
    store.release();
    assert_eq!(peer.notified().await.0, 2);
}

#[tokio::test]
async fn ws_6_5_4_a_window_of_eight_is_used_and_not_passed() {
    let store = Double::new();
    let server = server_with(|builder| builder.spool(store.clone()).delivery_window(8));
    let mut peer = Peer::registered(&server, "Ca").await;
    accept(&server, 1..=20).await;
    let first = peer.heard().await;
    assert_eq!(numbers(&first), [1, 2, 3, 4, 5, 6, 7, 8]);
    store.hold();
    peer.answer(&first[2]["rqi"]).await;
    store.until_waiting(1).await;
    assert_eq!(peer.heard().await, Vec::<Value>::new(), "a place is free when it is written");
    store.release();
    let next = [peer.notified().await];
    assert_eq!(next[0].0, 9);
    // All come again over the next connection, in order, but for the one that was answered.
    drop(peer);
    until(|| !server.is_connected("Ca")).await;
    let mut peer = Peer::connect(&server, Some("Ca")).await;
    let again = peer.heard().await;
    assert_eq!(numbers(&again), [1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(server.delivery_counters().repeated, 8);
    assert_eq!(again[0]["rqi"], first[0]["rqi"], "with the same identifier");
}

/// Answers and cuts, as chance has it, until all have come. Order holds but for repetitions, and each cut repeats no more than
/// the window has room for.
async fn cuts(window: usize, seed: u64) {
    const COUNT: u64 = 400;
    let store = Double::new();
    let mut server = server_with(|builder| builder.spool(store.clone()).delivery_window(window));
    drop(Peer::registered(&server, "Ca").await);
    accept(&server, 1..=COUNT).await;
    let mut state = seed;
    let mut chance = |among: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % among
    };
    let (mut seen, mut latest, mut repeated, mut cuts) = (HashSet::new(), 0, 0, 0);
    while seen.len() < COUNT as usize {
        let mut peer = Peer::connect(&server, Some("Ca")).await;
        let mut open = Vec::new();
        let mut highest = 0;
        for _ in 0..chance(60) {
            if seen.len() == COUNT as usize {
                break;
            }
            let (number, rqi) = peer.notified().await;
            assert!(number > highest, "{number} came after {highest} over one connection");
            highest = number;
            if seen.insert(number) {
                assert_eq!(number, latest + 1, "what is new comes in order");
                latest = number;
            } else {
                repeated += 1;
            }
            open.push(rqi);
            // All of them must be answered now and then, or nothing comes any more.
            while open.len() >= window || (!open.is_empty() && chance(3) == 0) {
                let at = chance(open.len() as u64) as usize;
                peer.answer(&open.remove(at)).await;
            }
        }
        drop(peer);
        cuts += 1;
        if chance(4) == 0 {
            server.shutdown_within(Duration::ZERO).await;
            server = server_with(|builder| builder.spool(store.clone()).delivery_window(window));
        }
        until(|| !server.is_connected("Ca")).await;
    }
    assert!(repeated <= cuts * window, "{repeated} repetitions in {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_6_5_4_with_a_window_of_one_a_cut_repeats_one_at_most() {
    for seed in 1..=3 {
        cuts(1, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_6_5_4_with_a_window_of_eight_the_order_holds_over_cuts_and_restarts() {
    for seed in 1..=5 {
        cuts(8, seed).await;
    }
}

#[tokio::test]
async fn ws_6_5_4_a_wait_in_vain_within_a_window_holds_the_later_ones_back() {
    let store = Double::new();
    let set = |builder: onem2m_ws::server::ServerBuilder| {
        builder.spool(store.clone()).delivery_window(3).request_timeout(Duration::from_millis(300))
    };
    let server = server_with(set);
    let mut peer = Peer::registered(&server, "Ca").await;
    accept(&server, 1..=3).await;
    let first = peer.heard().await;
    assert_eq!(numbers(&first), [1, 2, 3]);
    for one in &first[1..] {
        peer.answer(&one["rqi"]).await;
    }
    // The first is never answered: it comes alone, until it is given up.
    assert_eq!(peer.notified().await.0, 1);
    accept(&server, 4..=6).await;
    assert_eq!(peer.notified().await.0, 1);
    let last = peer.hear().await;
    assert_eq!(numbers(&[last]), [4]);
    assert_eq!(numbers(&peer.heard().await), [5, 6], "together again");
    let counters = server.delivery_counters();
    assert_eq!((counters.given_up, counters.repeated), (1, 2));
}
