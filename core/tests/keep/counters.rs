//! What became of what was accepted is counted, and nothing ends silently.

use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::primitive::{AbsRelTimestamp, Content, EventCategory, Format, Request};
use onem2m_ws::server::{DeliveryCounters, Server};
use onem2m_ws::spool::MemoryLimits;
use serde_json::json;

use crate::double::Double;
use crate::peer::*;

fn counted(server: &Server, has: impl Fn(DeliveryCounters) -> bool) -> impl FnMut() -> bool {
    move || has(server.delivery_counters())
}

async fn offline(server: &Server) {
    drop(Peer::registered(server, "Ca").await);
    until(|| !server.is_connected("Ca")).await;
}

#[tokio::test]
async fn accepted_delivered_and_repeated_are_counted() {
    let server = server(Double::new());
    let mut peer = Peer::registered(&server, "Ca").await;
    for number in 1..=2 {
        server.notify("Ca", notification(number)).await.unwrap();
    }
    let (_, rqi) = peer.notified().await;
    peer.answer(&rqi).await;
    peer.notified().await;
    drop(peer);
    until(|| !server.is_connected("Ca")).await;
    let mut peer = Peer::connect(&server, Some("Ca")).await;
    let (number, rqi) = peer.notified().await;
    assert_eq!(number, 2);
    peer.answer(&rqi).await;
    until(counted(&server, |counters| counters.delivered == 2)).await;
    let DeliveryCounters { accepted, repeated, expired, given_up, replaced, refused, .. } = server.delivery_counters();
    assert_eq!((accepted, repeated, expired, given_up, replaced, refused), (2, 1, 0, 0, 0, 0));
}

#[tokio::test]
async fn ws_5_2_8_what_expired_is_counted_and_not_delivered() {
    let server = server(Double::new());
    offline(&server).await;
    let mut soon = notification(1);
    soon.request_expiration = Some(AbsRelTimestamp::relative(Duration::from_millis(100)));
    server.notify("Ca", soon).await.unwrap();
    server.notify("Ca", notification(2)).await.unwrap();
    until(counted(&server, |counters| counters.expired == 1)).await;
    let mut peer = Peer::connect(&server, Some("Ca")).await;
    assert_eq!(peer.notified().await.0, 2);
    assert_eq!(server.waiting("Ca"), 1);
}

#[tokio::test]
async fn what_is_never_answered_is_given_up_after_three_tries() {
    let server = server_with(|builder| builder.spool(Double::new()).request_timeout(Duration::from_millis(50)));
    let mut peer = Peer::registered(&server, "Ca").await;
    for number in 1..=2 {
        server.notify("Ca", notification(number)).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(peer.notified().await.0, 1);
    }
    assert_eq!(peer.notified().await.0, 2);
    let counters = server.delivery_counters();
    assert_eq!((counters.given_up, counters.repeated, counters.delivered), (1, 2, 0));
}

#[tokio::test]
async fn what_cannot_be_written_in_the_registrees_format_is_given_up() {
    let server = server(Double::new());
    let mut peer = Peer::registered(&server, "Ca").await;
    let broken = Content::from_encoded(Format::Cbor, vec![0xff].into());
    server.notify("Ca", Request::notify("Ca", broken)).await.unwrap();
    server.notify("Ca", notification(2)).await.unwrap();
    assert_eq!(peer.notified().await.0, 2);
    assert_eq!(server.delivery_counters().given_up, 1);
}

#[tokio::test]
async fn what_a_full_store_refuses_is_counted() {
    let server = server(Double::with(MemoryLimits { per_entity: 2, ..MemoryLimits::default() }));
    offline(&server).await;
    for number in 1..=2 {
        server.notify("Ca", notification(number)).await.unwrap();
    }
    assert_eq!(server.notify("Ca", notification(3)).await.unwrap_err().kind(), ErrorKind::QueueFull);
    let counters = server.delivery_counters();
    assert_eq!((counters.accepted, counters.refused), (2, 1));
}

#[tokio::test]
async fn ws_6_5_4_ec_latest_replaces_the_older_one_of_its_subscription_in_every_format() {
    let content = |number: u64, sub: &str| json!({"m2m:sgn": {"sur": sub, "nev": {"rep": {"m2m:cin": {"con": number.to_string()}}, "net": 3}}});
    let latest = |content: Content| {
        let mut request = Request::notify("Ca", content);
        request.event_category = Some(EventCategory::LATEST);
        request
    };
    let in_format = |number, sub: &str, format| {
        let mut request = latest(content(number, sub).into());
        let bytes = request.content_as(format).unwrap().unwrap();
        request.content = Some(Content::from_encoded(format, bytes));
        request
    };
    let server = server(Double::new());
    offline(&server).await;
    server.notify("Ca", in_format(1, "/id-in/sub1", Format::Json)).await.unwrap();
    server.notify("Ca", latest(content(2, "/id-in/sub2").into())).await.unwrap();
    // The same content without `ec`, and with another one, stands by itself.
    server.notify("Ca", Request::notify("Ca", content(3, "/id-in/sub1"))).await.unwrap();
    let mut other = latest(content(4, "/id-in/sub1").into());
    other.event_category = Some(EventCategory::IMMEDIATE);
    server.notify("Ca", other).await.unwrap();
    server.notify("Ca", in_format(5, "/id-in/sub1", Format::Cbor)).await.unwrap();
    server.notify("Ca", in_format(6, "/id-in/sub1", Format::Xml)).await.unwrap();
    // Without a subscription there is nothing that it is the latest of.
    for number in [7, 8] {
        server.notify("Ca", latest(json!({"m2m:sgn": {"number": number}}).into())).await.unwrap();
    }
    assert_eq!((server.waiting("Ca"), server.delivery_counters().replaced), (6, 2));
    let mut peer = Peer::connect(&server, Some("Ca")).await;
    let mut came = Vec::new();
    for _ in 0..6 {
        let primitive = peer.hear().await;
        let sgn = &primitive["pc"]["m2m:sgn"];
        let con = &sgn["nev"]["rep"]["m2m:cin"]["con"];
        let number = con.as_str().map(|text| text.parse().unwrap()).or(sgn["number"].as_u64());
        came.push(number.unwrap());
        peer.answer(&primitive["rqi"]).await;
    }
    assert_eq!(came, [6, 2, 3, 4, 7, 8]);
}

#[tokio::test]
async fn ws_6_5_4_one_that_is_replaced_while_it_is_under_way_is_followed_by_the_later_one() {
    for window in [1, 4] {
        let server = server_with(|builder| builder.spool(Double::new()).delivery_window(window));
        let mut peer = Peer::registered(&server, "Ca").await;
        let latest = |number: u64| {
            let mut request = Request::notify("Ca", json!({"m2m:sgn": {"sur": "sub1", "number": number}}));
            request.event_category = Some(EventCategory::LATEST);
            request
        };
        server.notify("Ca", latest(1)).await.unwrap();
        let (number, rqi) = peer.notified().await;
        assert_eq!(number, 1);
        server.notify("Ca", latest(2)).await.unwrap();
        peer.answer(&rqi).await;
        let (number, rqi) = peer.notified().await;
        assert_eq!(number, 2);
        peer.answer(&rqi).await;
        until(|| server.waiting("Ca") == 0).await;
        let counters = server.delivery_counters();
        assert_eq!((counters.delivered, counters.replaced, counters.repeated), (2, 1, 0));
    }
}
