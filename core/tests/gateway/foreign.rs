//! A registrar that speaks to the MN over connections that it opens itself, as ACME does, and others that pretend to be it.

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::primitive::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::harness::*;

/// What is answered to one request over a connection of its own.
async fn ask(url: &str, origin: Option<&str>, primitive: Value) -> Value {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("X-M2M-Origin", origin.parse().unwrap());
    }
    let (mut peer, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    peer.send(Message::text(primitive.to_string())).await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, peer.next()).await.unwrap().unwrap().unwrap();
    let answer = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    peer.close(None).await.unwrap();
    answer
}

fn retrieve(from: &str, to: &str) -> Value {
    json!({"op": 2, "to": to, "fr": from, "rqi": "q", "rvi": "3"})
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_the_registrar_may_open_connections_of_its_own_and_is_trusted_on_them() {
    let world = World::new().await;
    let at = url(&world.gateway);
    let data = "/id-mn/cse-mn/sensor/data";
    for (origin, from, to, status) in [
        (Some("/id-in"), "/id-in", "/id-mn/cse-mn", StatusCode::OK),
        (Some("/id-in"), "/id-in/CAdmin", data, StatusCode::OK),
        (Some("/id-in"), "//onem2m-ws.example/id-in/CAdmin", data, StatusCode::OK),
        (Some("/id-in"), "/id-mn2/Cfar", data, StatusCode::OK),
        // Not by its word alone.
        (None, "/id-in/CAdmin", data, StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        (None, "/id-mn2/Cfar", data, StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        (Some("Cnobody"), "/id-in/CAdmin", data, StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        (Some("/id-mn2"), "/id-mn2/Cfar", data, StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        // A name that is chosen so that the gate takes it for the question of a CSE after itself.
        (None, "/data", "cse-mn/sensor/data", StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        (None, "/sensor/data", "/id-mn/cse-mn/sensor/data", StatusCode::BAD_REQUEST),
        (None, "/id-x", "cse-mn/id-x", StatusCode::NOT_FOUND),
        // The registrar does not speak for the entities of this CSE.
        (Some("/id-in"), "/id-mn/CAdmin", data, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
        (Some("/id-in"), "/id-mn", data, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE),
    ] {
        let answer = ask(&at, origin, retrieve(from, to)).await;
        assert_eq!(answer["rsc"], status.code(), "{origin:?} {from} {to}: {answer}");
    }
    // Two at a time: each is the registrar's.
    let one = ask(&at, Some("/id-in"), retrieve("/id-in/CAdmin", data));
    let other = ask(&at, Some("/id-in"), retrieve("/id-in/CAdmin", data));
    let (one, other) = tokio::join!(one, other);
    assert_eq!((one["rsc"].as_u64(), other["rsc"].as_u64()), (Some(2000), Some(2000)));

    // What is for the registrar goes over the connection of the MN all the same.
    let mut heard = readings(&world.boss);
    subscribe(&world.boss, data, "/id-in/Cboss").await;
    for number in 1..=20 {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
        ask(&at, Some("/id-in"), retrieve("/id-in", "/id-mn/cse-mn")).await;
    }
    all_in_order(&mut heard, 20).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_the_registrar_of_an_mn_cannot_register_at_it() {
    let world = World::new().await;
    let csr = json!({"m2m:csr": {"csi": "/id-in", "cb": "/id-in/cse-in", "rr": true, "srv": ["3"]}});
    let register = json!({"op": 1, "to": "cse-mn", "fr": "/id-in", "rqi": "q", "rvi": "3", "ty": 16, "pc": csr});
    for origin in [None, Some("/id-in")] {
        let answer = ask(&url(&world.gateway), origin, register.clone()).await;
        assert!(answer["rsc"].as_u64().unwrap() >= 4000, "{answer}");
    }
    world.end().await;
}
