//! Who is authenticated on a connection, over real sockets: what comes over it counts for nobody else (rows WS-7-2, WS-7-3). The
//! peers are not ours.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::IncomingRequest;
use onem2m_ws::binding::{Framework, PeerIdentity};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::{Denied, Handler, HandshakeInfo, Principal, Server, ServerBuilder, ServerEvent};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Peer = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(30);

/// Answers everything with success, and keeps who asked and what happened.
#[derive(Clone, Default)]
struct Cse {
    asked: Arc<Mutex<Vec<Option<PeerIdentity>>>>,
    events: Arc<Mutex<Vec<ServerEvent>>>,
}

impl Handler for Cse {
    fn on_request(&self, _server: &Server, incoming: IncomingRequest) {
        self.asked.lock().unwrap().push(incoming.identity().cloned());
        let answer = match incoming.request.resource_type {
            Some(_) => Response::new(StatusCode::CREATED),
            None => Response::ok(),
        };
        let _ = incoming.respond(answer);
    }

    fn on_event(&self, _server: &Server, event: ServerEvent) {
        self.events.lock().unwrap().push(event);
    }
}

/// `Authorization: Bearer NAME` is the principal NAME.
fn by_token(handshake: &HandshakeInfo<'_>) -> Result<Option<Principal>, Denied> {
    assert!(handshake.identity().is_none(), "there is no TLS");
    Ok(handshake.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(Principal::new))
}

fn builder() -> ServerBuilder {
    Server::builder().listen("ws://127.0.0.1:0").identity("//sp.example", "/id-in").authenticate(by_token)
}

fn start(builder: ServerBuilder) -> (Server, Cse) {
    let cse = Cse::default();
    (builder.start(cse.clone()).unwrap(), cse)
}

async fn connect(server: &Server, token: Option<&str>) -> Peer {
    let mut request = server.points_of_access()[0].to_string().into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    if let Some(token) = token {
        headers.insert("Authorization", format!("Bearer {token}").parse().unwrap());
    }
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

async fn say(peer: &mut Peer, primitive: Value) {
    peer.send(Message::text(primitive.to_string())).await.unwrap();
}

async fn hear(peer: &mut Peer) -> Value {
    loop {
        let message = tokio::time::timeout(PATIENCE, peer.next()).await.expect("nothing came").unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

async fn register(peer: &mut Peer, entity: &str) -> Value {
    say(peer, json!({"op": 1, "to": "cse-in", "fr": entity, "rqi": "reg", "ty": 2, "pc": {"m2m:ae": {}}})).await;
    hear(peer).await["rsc"].clone()
}

async fn status_of(peer: &mut Peer, entity: &str) -> Value {
    say(peer, json!({"op": 2, "to": "cse-in", "fr": entity, "rqi": "status"})).await;
    hear(peer).await["rsc"].clone()
}

async fn answer(peer: &mut Peer, rqi: &Value, from: &str) {
    say(peer, json!({"rsc": 2000, "rqi": rqi, "pc": {"by": from}})).await;
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn ws_7_2_a_response_counts_from_the_identity_that_was_asked_alone() {
    // With credentials, and without any: it is a matter of the connection.
    for tokens in [[Some("a"), Some("b")], [None, None]] {
        let (server, _) = start(builder());
        let mut a = connect(&server, tokens[0]).await;
        let mut b = connect(&server, tokens[1]).await;
        assert_eq!((register(&mut a, "Ca").await, register(&mut b, "Cb").await), (json!(2001), json!(2001)));
        let ask = |entity: &'static str| {
            let server = server.clone();
            tokio::spawn(async move { server.send(entity, Request::retrieve(entity)).await })
        };
        // The other one has been asked something, too.
        let (of_a, of_b) = (ask("Ca"), ask("Cb"));
        let (asked_a, asked_b) = (hear(&mut a).await, hear(&mut b).await);
        answer(&mut b, &asked_a["rqi"], "b").await;
        assert_eq!(status_of(&mut b, "Cb").await, 2000, "the forged answer has been read");
        assert_eq!(server.counters().unmatched, 1);
        assert!(!of_a.is_finished() && !of_b.is_finished());
        answer(&mut a, &asked_a["rqi"], "a").await;
        answer(&mut b, &asked_b["rqi"], "b").await;
        for (outcome, by) in [(of_a, "a"), (of_b, "b")] {
            let response = outcome.await.unwrap().unwrap();
            assert_eq!(response.content.unwrap().value().unwrap(), json!({ "by": by }));
        }
        server.shutdown_within(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn ws_7_2_what_is_sent_again_is_answered_by_a_connection_of_the_same_identity_alone() {
    let (server, _) = start(builder());
    let mut a = connect(&server, Some("a")).await;
    let mut b = connect(&server, Some("b")).await;
    register(&mut a, "Ca").await;
    register(&mut b, "Cb").await;
    server.notify("Ca", Request::notify("Ca", json!({"m2m:sgn": {}}))).await.unwrap();
    let rqi = hear(&mut a).await["rqi"].clone();
    answer(&mut b, &rqi, "b").await;
    assert_eq!(status_of(&mut b, "Cb").await, 2000);
    assert_eq!(server.waiting("Ca"), 1, "not delivered by what another one says");

    // Another identity takes nothing of it, by whatever it says.
    assert_eq!(status_of(&mut b, "Ca").await, 4106);
    assert_eq!(register(&mut b, "Ca").await, 4106);
    let mut again = connect(&server, Some("a")).await;
    let repeated = hear(&mut again).await;
    assert_eq!((&repeated["op"], &repeated["rqi"]), (&json!(5), &rqi), "with the same identifier");
    answer(&mut b, &rqi, "b").await;
    assert_eq!(status_of(&mut b, "Cb").await, 2000);
    // The connection that was replaced has no say any more, either.
    let _ = a.send(Message::text(json!({"rsc": 2000, "rqi": rqi}).to_string())).await;
    while let Some(Ok(_)) = a.next().await {}
    assert_eq!(server.waiting("Ca"), 1);
    answer(&mut again, &rqi, "a").await;
    until("it is not delivered", || server.waiting("Ca") == 0).await;
    assert_eq!(server.delivery_counters().delivered, 1);
    server.shutdown_within(Duration::ZERO).await;
}

#[tokio::test]
async fn ws_7_2_the_program_sees_who_asks_and_who_is_reached() {
    let (server, cse) = start(builder());
    let mut peer = connect(&server, Some("key")).await;
    register(&mut peer, "Ca").await;
    let identity: PeerIdentity = Principal::new("key").into();
    assert_eq!((identity.framework(), identity.entities()), (Framework::Program, None));
    assert_eq!(*cse.asked.lock().unwrap(), [Some(identity.clone())]);
    assert_eq!(server.identity_of("/id-in/Ca"), Some(identity.clone()));
    until("no event", || cse.events.lock().unwrap().len() == 2).await;
    let told = cse.events.lock().unwrap()[1].clone();
    assert!(matches!(told, ServerEvent::Reachable { identity: Some(told), .. } if *told == identity));
    drop(peer);
    until("it is still reached", || !server.is_connected("Ca")).await;
    assert_eq!((server.identity_of("Ca"), server.identity_of("Cother")), (None, None));
    assert_eq!(server.principal_of("Ca"), Some(Principal::new("key")), "to which it belongs all the same");

    let mut nobody = connect(&server, None).await;
    register(&mut nobody, "Cb").await;
    assert_eq!(cse.asked.lock().unwrap().last(), Some(&None));
    server.shutdown_within(Duration::ZERO).await;
}

#[tokio::test]
async fn ws_7_3_without_tls_a_connection_speaks_for_one_entity_unless_several_are_allowed() {
    for several in [false, true] {
        let (server, cse) = start(builder().trusted(["CAdmin"]).several_entities_without_tls(several));
        let mut a = connect(&server, None).await;
        let mut b = connect(&server, None).await;
        register(&mut a, "Ca").await;
        register(&mut b, "Cb").await;
        b.close(None).await.unwrap();
        until("it is still there", || !server.is_connected("Cb")).await;
        let expected = if several { json!(2000) } else { json!(4106) };
        for _ in 0..2 {
            assert_eq!(status_of(&mut a, "Ca").await, 2000);
            assert_eq!(status_of(&mut a, "Cb").await, expected);
        }
        assert_eq!(server.is_connected("Cb"), several);
        assert_eq!(register(&mut a, "Cc").await == 2001, several);
        assert_eq!(status_of(&mut a, "CAdmin").await, 2000);
        // A connection with a principal may carry several either way.
        let mut node = connect(&server, Some("node")).await;
        for entity in ["Cd", "Ce"] {
            assert_eq!(register(&mut node, entity).await, 2001);
            assert_eq!(status_of(&mut node, entity).await, 2000);
        }
        assert_eq!(server.take_overs().alerts, if several { 0 } else { 3 });
        let alert = |event: &ServerEvent| matches!(event, ServerEvent::SecurityAlert { entity, principal: None, .. } if entity == "Cb");
        if !several {
            until("no alert", || cse.events.lock().unwrap().iter().any(alert)).await;
        }
        server.shutdown_within(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn ws_7_2_after_a_restart_an_entity_belongs_to_the_same_principal() {
    let directory = std::env::temp_dir().join(format!("onem2m-ws-identity-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("store");
    let (server, _) = start(builder().store(&file));
    let mut peer = connect(&server, Some("key")).await;
    assert_eq!(register(&mut peer, "Ca").await, 2001);
    drop(peer);
    server.shutdown_within(Duration::ZERO).await;

    let (server, _) = start(builder().store(&file));
    assert_eq!(server.principal_of("Ca"), Some(Principal::new("key")));
    let mut other = connect(&server, Some("other")).await;
    let mut nobody = connect(&server, None).await;
    assert_eq!((status_of(&mut other, "Ca").await, status_of(&mut nobody, "Ca").await), (json!(4106), json!(4107)));
    let mut peer = connect(&server, Some("key")).await;
    assert_eq!(status_of(&mut peer, "Ca").await, 2000);
    server.shutdown_within(Duration::ZERO).await;
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn ws_7_2_names_of_a_server_that_are_no_identifiers_are_refused() {
    let error = Server::builder().listen("ws://127.0.0.1:0").identity("//sp example", "/id-in").start(Cse::default());
    assert!(error.unwrap_err().message().contains("//sp.example and /id-in"));
}
