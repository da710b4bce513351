//! What is no primitive of the connection's format: it is answered in that format, and the connection goes on
//! (TS-0020 6.2.2.9; TS-0004 8.3, 8.5).

use super::harness::{Peer, close_payload, frame, request, start, with};
use onem2m_ws::codec::{self, DecodeOptions, Primitive};
use onem2m_ws::primitive::Format;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

const fn opcode(format: Format) -> u8 {
    match format {
        Format::Json | Format::Xml => TEXT,
        Format::Cbor => BINARY,
    }
}

fn converted(json: &[u8], format: Format) -> Vec<u8> {
    codec::convert(Format::Json, json.to_vec().into(), format, &DecodeOptions::default()).unwrap().to_vec()
}

/// A connection that speaks this.
async fn open(address: &str, format: Format) -> Peer {
    let mut peer = Peer::connect(address).await;
    peer.say(&with("oneM2M.json", &format!("oneM2M.{format}"))).await;
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(&format!("oneM2M.{format}\r\n")), "{head}");
    peer
}

/// The next frame, which is a response in this format: its status and its `rqi`.
async fn response(peer: &mut Peer, format: Format) -> (u16, String) {
    let (first, payload) = peer.frame().await;
    assert_eq!(first, opcode(format), "{:?}", close_payload(&payload));
    match codec::decode(format, payload.into(), &DecodeOptions::default()).unwrap().primitive {
        Primitive::Response(response) => (response.status.code(), response.request_id),
        Primitive::Request(request) => panic!("{request:?}"),
    }
}

async fn each_is_answered_and_the_connection_goes_on(format: Format, bad: &[(&str, &[u8])]) {
    let (server, address) = start(|server| server);
    let mut peer = open(&address, format).await;
    for (at, (name, payload)) in bad.iter().enumerate() {
        peer.say(&frame(opcode(format), payload)).await;
        assert_eq!(response(&mut peer, format).await, (4000, String::new()), "{name}");
        let rqi = at.to_string();
        peer.say(&frame(opcode(format), &converted(&request(&rqi), format))).await;
        assert_eq!(response(&mut peer, format).await, (2000, rqi), "after {name}");
    }
    assert_eq!(server.counters().malformed, bad.len() as u64);
    // A request with something behind it: it is known whom the refusal is for.
    let more = [&converted(&request("r"), format)[..], b"<x/>"].concat();
    peer.say(&frame(opcode(format), &more)).await;
    assert_eq!(response(&mut peer, format).await, (4000, "r".to_owned()));
}

#[tokio::test]
async fn ws_6_2_2_9_1_what_is_no_cbor_is_answered_in_cbor() {
    let deep_lists = [&[0xa1, 0x61, b'x'][..], &[0x81; 100_000], &[0x00]].concat();
    let deep_maps = [0xa1, 0x61, b'x'].repeat(50_000);
    let deep_tags = [&[0xc6; 100_000][..], &[0xa0]].concat();
    each_is_answered_and_the_connection_goes_on(
        Format::Cbor,
        &[
            ("nothing", b""),
            ("a break", b"\xff"),
            ("null", b"\xf6"),
            ("a list", b"\x80"),
            ("a number", b"\x18\x2a"),
            ("an empty map", b"\xa0"),
            ("a map that ends early", b"\xa2\x62op\x02"),
            ("a map that has more members than there are bytes", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("a list of as many", b"\xa1\x62pc\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("a text of as many bytes", b"\xa1\x62to\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("a byte string of as many", b"\xa1\x62to\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
            ("a text that is not UTF-8", b"\xa1\x62to\x61\xff"),
            ("a map without its end", b"\xbf\x62op\x02"),
            ("chunks of chunks", b"\xa1\x62to\x7f\x7f\x61a\xff\xff"),
            ("a reserved head", b"\xa1\x62to\x1c"),
            ("a number for a name", b"\xa1\x01\x02"),
            ("lists in lists", &deep_lists),
            ("maps in maps", &deep_maps),
            ("tags on tags", &deep_tags),
            ("a map and more", b"\xa0\xa0"),
            ("JSON", b"{\"x\":1}"),
        ],
    )
    .await;
}

#[tokio::test]
async fn ws_6_2_2_9_1_what_is_no_xml_is_answered_in_xml() {
    let deep = "<a>".repeat(100_000);
    let attributes = format!("<m2m:rqp {}/>", (0..20_000).map(|n| format!("a{n}='' ")).collect::<String>());
    let namespaces = format!("<m2m:rqp {}/>", (0..20_000).map(|n| format!("xmlns:a{n}='b' ")).collect::<String>());
    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><m2m:rqp>&b;</m2m:rqp>";
    let external = "<!DOCTYPE l SYSTEM 'file:///etc/passwd'><m2m:rqp/>";
    let entity = "<m2m:rqp xmlns:m2m='http://www.onem2m.org/xml/protocols'><fr>&xxe;</fr></m2m:rqp>";
    each_is_answered_and_the_connection_goes_on(
        Format::Xml,
        &[
            ("nothing", b""),
            ("blanks", b"  \n"),
            ("text", b"hello"),
            ("the beginning of a tag", b"<"),
            ("an open element", b"<m2m:rqp xmlns:m2m='http://www.onem2m.org/xml/protocols'>"),
            ("another element", b"<x/>"),
            ("an unknown prefix", b"<y:rqp/>"),
            ("another namespace", b"<m2m:rqp xmlns:m2m='http://example.org'><op>2</op></m2m:rqp>"),
            ("elements that cross", b"<a><b></a></b>"),
            ("a declaration alone", b"<?xml version='1.0'?>"),
            ("another encoding", b"<?xml version='1.0' encoding='UTF-16'?><m2m:rqp/>"),
            ("entities that grow", laughs.as_bytes()),
            ("a file of ours", external.as_bytes()),
            ("an entity that is not declared", entity.as_bytes()),
            ("a character that XML has not", b"<m2m:rqp>&#1;</m2m:rqp>"),
            ("elements in elements", deep.as_bytes()),
            ("many attributes", attributes.as_bytes()),
            ("many namespaces", namespaces.as_bytes()),
            ("JSON", b"{\"x\":1}"),
        ],
    )
    .await;
}

#[tokio::test]
async fn ws_6_2_2_9_3_text_on_a_cbor_connection_is_a_habit_or_nothing() {
    let (server, address) = start(|server| server);
    let digits =
        |json: &[u8]| converted(json, Format::Cbor).iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let mut peer = open(&address, Format::Cbor).await;
    for (rqi, payload) in [("1", request("1")), ("2", digits(&request("2")).into_bytes())] {
        peer.say(&frame(TEXT, &payload)).await;
        assert_eq!(response(&mut peer, Format::Cbor).await, (2000, rqi.to_owned()));
    }
    assert_eq!((server.counters().deviations, server.counters().malformed), (2, 0));
    peer.say(&frame(TEXT, &converted(&request("3"), Format::Xml))).await;
    assert_eq!(response(&mut peer, Format::Cbor).await, (4000, "3".to_owned()));

    let large = "a0".repeat(500_000);
    let deep = digits(br#"{"op":2,"to":"x","fr":"Cpeer","rqi":"r","rvi":"3"}"#)[2..].repeat(1000);
    let nothing = ["", " ", "a", "a0", "ff", "{}", "[]", "<a/>", "\u{feff}", &large, &deep];
    for payload in nothing {
        let mut peer = open(&address, Format::Cbor).await;
        peer.say(&frame(TEXT, payload.as_bytes())).await;
        assert_eq!(peer.close_frame().await.0, 1003, "{:?}", &payload[..payload.len().min(9)]);
    }
    assert_eq!(server.counters().malformed, 1 + nothing.len() as u64);
}
