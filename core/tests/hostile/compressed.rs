//! Bad and odd frames where permessage-deflate was agreed on (RFC 7692 6, 7.2).

use super::harness::{Peer, and, close_payload, frame, request, start};
use onem2m_ws::server::Server;
use onem2m_ws::websocket::Compression;
use tokio::io::AsyncWriteExt;

const TEXT: u8 = 0x81;
const DEFLATED_TEXT: u8 = 0xc1;
const DEFLATED_FIRST: u8 = 0x41;
const MIDDLE: u8 = 0x00;
const LAST: u8 = 0x80;

/// The payload of a compressed message, as RFC 7692 7.2.1 makes it.
fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    deflate.compress_vec(payload, &mut out, flate2::FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

fn compressing(most: usize) -> (Server, String) {
    start(|server| server.compression(Some(Compression::default())).max_message_size(most))
}

async fn open(address: &str) -> Peer {
    let mut peer = Peer::connect(address).await;
    peer.say(&and("Sec-WebSocket-Extensions: permessage-deflate\r\n")).await;
    let head = peer.head().await;
    assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"), "{head}");
    peer
}

#[tokio::test]
async fn each_bad_compressed_frame_closes_with_its_code() {
    let (_server, address) = compressing(1 << 20);
    let good = deflate(&request("1"));
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("RSV1 on a ping", frame(0xc9, b""), 1002),
        ("RSV1 on a pong", frame(0xca, b""), 1002),
        ("RSV1 on a close frame", frame(0xc8, &[3, 0xe8]), 1002),
        ("RSV1 on a continuation", [frame(DEFLATED_FIRST, &good[..3]), frame(0xc0, &good[3..])].concat(), 1002),
        ("RSV1 on a continuation of a plain message", [frame(0x01, b"{"), frame(0xc0, b"}")].concat(), 1002),
        ("RSV2 beside RSV1", frame(0xe1, &good), 1002),
        ("RSV3 beside RSV1", frame(0xd1, &good), 1002),
        ("RSV2 alone", frame(0xa1, b""), 1002),
        ("a reserved block type", frame(DEFLATED_TEXT, b"\x06\x00"), 1007),
        ("plain text with RSV1", frame(DEFLATED_TEXT, &request("1")), 1007),
        ("zeros and ones", frame(DEFLATED_TEXT, &[0xff; 64]), 1007),
        ("a distance beyond the beginning", frame(DEFLATED_TEXT, b"\x02\x13\x00"), 1007),
        ("a stored block with two lengths", frame(DEFLATED_TEXT, b"\x00\x05\x00\x05\x00hello"), 1007),
        ("text that is not UTF-8", frame(DEFLATED_TEXT, &deflate(b"ab\xff")), 1007),
        ("text that ends early", frame(DEFLATED_TEXT, &deflate(b"ab\xe2\x82")), 1007),
        ("text that is not UTF-8, in an unfinished message", frame(DEFLATED_FIRST, &deflate(b"ab\xff")), 1007),
        ("1 MiB and a byte", frame(DEFLATED_TEXT, &deflate(&vec![b' '; (1 << 20) + 1])), 1009),
        ("1 MiB and a byte, in an unfinished message", frame(DEFLATED_FIRST, &deflate(&vec![b' '; 2 << 20])), 1009),
        ("binary that is nothing", frame(0xc2, &deflate(b"\0\xff\0")), 1003),
    ];
    let mut wrong = Vec::new();
    for (name, bytes, expected) in table {
        let mut peer = open(&address).await;
        let _ = peer.0.write_all(&[bytes, frame(0x88, &[3, 0xe8])].concat()).await;
        let seen = peer.rest().await;
        match seen.split_first_chunk::<2>() {
            Some(([0x88, _], payload)) if close_payload(payload).0 == expected => {}
            _ => wrong.push(format!("{name}: not {expected} but {seen:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Without an agreement RSV1 means nothing.
    let mut peer = Peer::open(&address).await;
    peer.say(&frame(DEFLATED_TEXT, &good)).await;
    assert_eq!(peer.close_frame().await.0, 1002);
}

#[tokio::test]
async fn what_only_looks_odd_is_answered() {
    let (_server, address) = compressing(1 << 20);
    let mut peer = open(&address).await;
    let good = deflate(&request("1"));
    let stored =
        [&[0, request("1").len() as u8, 0, !(request("1").len() as u8), 0xff][..], &request("1"), &[0]].concat();
    let mut finished = Vec::with_capacity(1 << 10);
    let mut to_end = flate2::Compress::new(flate2::Compression::fast(), false);
    to_end.compress_vec(&request("1"), &mut finished, flate2::FlushCompress::Finish).unwrap();
    finished.push(0); // RFC 7692 7.2.3.4: a block with BFINAL, and an empty one after it
    let largest = [&request("1")[..], &vec![b' '; (1 << 20) - request("1").len()]].concat();
    for bytes in [
        frame(DEFLATED_TEXT, &good),
        frame(TEXT, &request("1")),
        frame(DEFLATED_TEXT, &stored),
        frame(DEFLATED_TEXT, &finished),
        [frame(DEFLATED_FIRST, &good[..1]), frame(MIDDLE, b""), frame(LAST, &good[1..])].concat(),
        [frame(DEFLATED_FIRST, b""), frame(LAST, &good)].concat(),
        [frame(DEFLATED_FIRST, &good), frame(LAST, b"")].concat(),
        frame(DEFLATED_TEXT, &deflate(&largest)),
    ] {
        peer.say(&bytes).await;
        assert_eq!(peer.status().await, 2000);
    }
    // An empty message is one byte, and none at all is one, too.
    for empty in [&b"\0"[..], b""] {
        peer.say(&frame(DEFLATED_TEXT, empty)).await;
        assert_eq!(peer.status().await, 4000);
    }
}
