//! Store-and-forward towards peers that are not ours: nothing that was accepted is lost or taken for something else.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::IncomingRequest;
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::Server;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Peer = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(20);

fn server() -> Server {
    Server::builder()
        .listen("ws://127.0.0.1:0")
        .trusted(["CAdmin"])
        .start(|_: &Server, incoming: IncomingRequest| {
            let answer = match incoming.request.resource_type {
                Some(_) => Response::new(StatusCode::CREATED),
                None => Response::ok(),
            };
            incoming.respond(answer).unwrap();
        })
        .unwrap()
}

async fn connect(server: &Server, origin: Option<&str>) -> Peer {
    let mut request = server.points_of_access()[0].to_string().into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("X-M2M-Origin", origin.parse().unwrap());
    }
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

async fn say(peer: &mut Peer, primitive: Value) {
    peer.send(Message::text(primitive.to_string())).await.unwrap();
}

async fn hear(peer: &mut Peer) -> Value {
    let message = tokio::time::timeout(PATIENCE, peer.next()).await.expect("nothing came").unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn register(peer: &mut Peer) {
    say(peer, json!({"op": 1, "to": "cse-in", "fr": "Ca", "rqi": "register", "ty": 2, "pc": {"m2m:ae": {}}})).await;
    assert_eq!(hear(peer).await["rsc"], 2001);
}

fn notification(number: u32) -> Request {
    Request::notify("Ca", json!({ "m2m:sgn": { "number": number } }))
}

/// What the next notification is, and its identifier.
async fn notified(peer: &mut Peer) -> (u64, Value) {
    let primitive = hear(peer).await;
    assert_eq!(primitive["op"], 5, "{primitive}");
    (primitive["pc"]["m2m:sgn"]["number"].as_u64().unwrap(), primitive["rqi"].clone())
}

#[tokio::test]
async fn ws_6_5_4_what_is_not_answered_comes_again_over_the_next_connection_with_the_same_rqi() {
    let server = server();
    let mut first = connect(&server, None).await;
    register(&mut first).await;
    for number in 1..=2 {
        server.notify("Ca", notification(number)).await.unwrap();
    }
    let (number, rqi) = notified(&mut first).await;
    assert_eq!(number, 1);
    drop(first); // the write was no acknowledgement

    let mut second = connect(&server, Some("Ca")).await;
    assert_eq!(notified(&mut second).await, (1, rqi.clone()));
    say(&mut second, json!({"rsc": 4000, "rqi": rqi})).await; // any response is one
    let (number, rqi) = notified(&mut second).await;
    assert_eq!(number, 2);
    say(&mut second, json!({"rsc": 2000, "rqi": rqi})).await;
    while server.waiting("Ca") > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ws_6_4_5_a_late_answer_from_before_a_deregistration_acknowledges_nothing_of_after() {
    let server = server();
    let mut before = connect(&server, None).await;
    register(&mut before).await;
    server.notify("Ca", notification(1)).await.unwrap();
    let (_, late) = notified(&mut before).await;

    assert!(server.deregister("Ca"));
    let mut after = connect(&server, None).await;
    register(&mut after).await;
    server.notify("Ca", notification(2)).await.unwrap();
    assert_eq!(notified(&mut after).await.0, 2);

    say(&mut before, json!({"rsc": 2000, "rqi": late})).await;
    say(&mut before, json!({"op": 2, "to": "x", "fr": "CAdmin", "rqi": "seen"})).await;
    assert_eq!(hear(&mut before).await["rqi"], "seen", "the late answer has been read");
    assert_eq!(server.waiting("Ca"), 1, "the second notification is not answered yet");
    drop(after);
    let mut again = connect(&server, Some("Ca")).await;
    assert_eq!(notified(&mut again).await.0, 2);
}
