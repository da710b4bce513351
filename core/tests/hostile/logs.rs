//! What a log says of peers that are refused: one line each, in which nothing of theirs acts.

use super::collector::{collect, logged};
use super::harness::{Peer, REQUEST, and, start, with};
use tracing::Level;

/// What is said at `info` and above of a peer; other tests have other peers.
fn said_of(peer: &Peer) -> Vec<String> {
    logged(Level::INFO, &peer.0.local_addr().unwrap().to_string())
}

#[tokio::test]
async fn each_refusal_is_one_line_that_is_safe_to_read() {
    collect();
    let (_server, address) = start(|server| server);
    for (request, status) in [
        (with("HTTP/1.1", "HTTP/1.0"), "400"),
        (with("GET", &"G".repeat(5000)), "405"),
        (with("Version: 13", "Version: \u{9b}31mred\u{202e}"), "426"),
        (with("Host: example.net:9000", "Host: \u{2028}/\"'\\"), "400"),
        (with("oneM2M.json", "\u{1f600}\u{85}\u{feff}"), "400"),
        (with("oneM2M.json", "%0d%0a"), "400"),
        (and("Origin: https://\u{202e}\r\n"), "403"),
        (and(&format!("X: {}\r\n", "\u{9b}".repeat(10_000))), "431"),
        (b"\x16\x03\x01\x1b[2J".to_vec(), "400"),
    ] {
        let mut peer = Peer::connect(&address).await;
        peer.say(&request).await;
        peer.answer().await;
        let said = said_of(&peer);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(status), "{said:?}");
        assert!(said[0].len() < 1500 && said[0].chars().all(|c| !c.is_control()), "{said:?}");
        assert!(!said[0].contains(['\u{202e}', '\u{2028}', '\u{feff}']), "{said:?}");
    }
    // For one more than there are places likewise, and nothing where nothing was refused.
    let (_server, address) = start(|server| server.max_connections(1));
    let mut peer = Peer::connect(&address).await;
    peer.say(REQUEST.as_bytes()).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    let mut other = Peer::connect(&address).await;
    assert_eq!(other.answer().await.status, 503);
    assert_eq!((said_of(&peer).len(), said_of(&other).len()), (0, 1));
}
