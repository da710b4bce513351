//! The limits of accepting, on both sides of their edges.

use std::time::{Duration, Instant};

use super::harness::{Peer, REQUEST, and, frame, request, soon, start};
use onem2m_ws::server::{Refusals, Server};
use tokio::io::AsyncReadExt;

/// Waits until the server has counted so many refusals.
async fn refusals(server: &Server, enough: impl Fn(Refusals) -> bool) {
    let counted = async {
        while !enough(server.refusals()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(counted).await;
}

async fn is_turned_away(address: &str) {
    let mut peer = Peer::connect(address).await;
    let answer = peer.answer().await;
    assert_eq!(answer.status, 503, "{answer:?}");
    answer.assert_is_whole();
}

/// The server has read what came before: it gives an answer to a handshake.
async fn finish(peer: &mut Peer) {
    peer.say(REQUEST.as_bytes()).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
}

#[tokio::test]
async fn half_open_sockets_of_one_address_are_limited_and_their_places_come_free() {
    let (server, address) = start(|server| server.max_half_open(100).max_half_open_per_address(2));
    let mut first = Peer::connect(&address).await;
    let mut second = Peer::connect(&address).await;
    is_turned_away(&address).await;
    assert_eq!(server.refusals().half_open, 1);
    // One that is open is no longer half open.
    finish(&mut first).await;
    let third = Peer::connect(&address).await;
    is_turned_away(&address).await;
    // One that has gone neither.
    drop(third);
    refusals(&server, |refusals| refusals.handshake == 1).await;
    let mut fourth = Peer::connect(&address).await;
    finish(&mut fourth).await;
    finish(&mut second).await;
    // Nor one that was refused.
    for _ in 0..5 {
        let mut bad = Peer::connect(&address).await;
        bad.say(b"GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(bad.answer().await.status, 400);
    }
    // What is open was not disturbed.
    first.say(&frame(0x81, &request("1"))).await;
    assert_eq!(first.status().await, 2000);
}

#[tokio::test]
async fn half_open_sockets_are_limited_in_total_and_each_address_by_itself() {
    // All of 127.0.0.0/8 is loopback: these are different addresses.
    async fn from(source: &str, to: &str) -> Peer {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        Peer(soon(socket.connect(to.parse().unwrap())).await.unwrap())
    }
    let (server, address) = start(|server| server.max_half_open(3).max_half_open_per_address(2));
    let mut peers = Vec::new();
    for source in ["127.0.0.2", "127.0.0.2", "127.0.0.3"] {
        peers.push(from(source, &address).await);
    }
    for source in ["127.0.0.2", "127.0.0.4"] {
        assert_eq!(from(source, &address).await.answer().await.status, 503, "{source}");
    }
    finish(&mut peers[0]).await;
    assert_eq!((server.refusals().half_open, server.refusals().connections), (2, 0));
    let mut other = from("127.0.0.4", &address).await;
    finish(&mut other).await;
}

#[tokio::test]
async fn connections_are_limited_with_those_that_are_being_opened() {
    let (server, address) = start(|server| server.max_connections(2));
    let mut first = Peer::open(&address).await;
    let second = Peer::connect(&address).await;
    is_turned_away(&address).await;
    assert_eq!((server.refusals().connections, server.refusals().half_open), (1, 0));
    drop(second);
    refusals(&server, |refusals| refusals.handshake == 1).await;
    let third = Peer::open(&address).await;
    assert_eq!(server.connections(), 2);
    is_turned_away(&address).await;
    drop(third);
    // The place of a connection that has ended is free, sooner or later.
    let reopened = async {
        loop {
            let mut peer = Peer::connect(&address).await;
            peer.say(REQUEST.as_bytes()).await;
            if peer.head().await.starts_with("HTTP/1.1 101 ") {
                break;
            }
        }
    };
    soon(reopened).await;
    first.say(&frame(0x81, &request("1"))).await;
    assert_eq!(first.status().await, 2000);
}

/// Peers without a place that are told so at a time; what is more is closed at once.
const MOST_TURNED_AWAY: usize = 64;

#[tokio::test]
async fn turning_away_is_no_attack_only_so_many_are_told_at_a_time() {
    let (server, address) = start(|server| server.max_connections(1));
    let _first = Peer::open(&address).await;
    let begin = Instant::now();
    let mut told = Vec::new();
    for _ in 0..MOST_TURNED_AWAY {
        let mut peer = Peer::connect(&address).await;
        // It reads its answer and keeps its socket, as one would that wants to be in the way.
        assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
        told.push(peer);
    }
    let mut one_more = Peer::connect(&address).await;
    let mut answer = Vec::new();
    let end = soon(one_more.0.read_to_end(&mut answer)).await;
    // Each holds its place for a second. A machine that was too slow to see the edge shows nothing.
    if begin.elapsed() < Duration::from_secs(1) {
        assert!(end.is_err() || answer.is_empty(), "{:?}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(server.refusals().connections, 1 + MOST_TURNED_AWAY as u64);
    // After that their places are free, although they did nothing for it.
    let told_again = async {
        while Peer::connect(&address).await.0.read_to_end(&mut answer).await.is_err() || answer.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(told_again).await;
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_handshake_has_its_time_from_the_accept_on() {
    let short = Duration::from_millis(300);
    let (server, address) = start(|server| server.handshake_timeout(short));
    // One that says nothing is closed, one that says a part is told why; one byte after the other is no way round.
    let mut silent = Peer::connect(&address).await;
    let mut slow = Peer::connect(&address).await;
    slow.say(b"GET / HTTP/1.1\r\nHost: x\r\n").await;
    let mut drip = Peer::connect(&address).await;
    let begin = Instant::now();
    let dripping = async {
        let mut byte = [0];
        for next in and(&"X: y\r\n".repeat(50)) {
            drip.say(&[next]).await;
            if tokio::time::timeout(Duration::from_millis(20), drip.0.peek(&mut byte)).await.is_ok() {
                break;
            }
        }
        drip.answer().await
    };
    let answer = soon(dripping).await;
    assert!(begin.elapsed() >= short / 2, "not before its time");
    assert_eq!(answer.status, 408);
    answer.assert_is_whole();
    assert!(answer.body.contains("300ms"), "{answer:?}");
    assert_eq!(slow.answer().await.status, 408);
    assert_eq!(silent.rest().await, b"");
    assert_eq!(server.refusals().handshake, 3);
    // One that is in time stays after it.
    let mut peer = Peer::open(&address).await;
    tokio::time::sleep(short * 2).await;
    peer.say(&frame(0x81, &request("1"))).await;
    assert_eq!(peer.status().await, 2000);
}
