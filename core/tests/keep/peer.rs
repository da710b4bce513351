//! A registree that is not ours, and servers that answer everything.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::IncomingRequest;
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::{Server, ServerBuilder};
use onem2m_ws::spool::Spool;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Answers every CREATE 2001, and everything else 2000. `CAdmin` needs no registration.
pub(crate) fn server(spool: Arc<dyn Spool>) -> Server {
    server_with(|builder| builder.spool(spool))
}

pub(crate) fn server_with(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    let builder = Server::builder().listen("ws://127.0.0.1:0").identity("//sp.example", "/id-in").trusted(["CAdmin"]);
    let handler = |_: &Server, incoming: IncomingRequest| {
        let answer = match incoming.request.resource_type {
            Some(_) => Response::new(StatusCode::CREATED),
            None => Response::ok(),
        };
        incoming.respond(answer).unwrap();
    };
    set(builder).start(handler).unwrap()
}

pub(crate) struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Peer {
    pub(crate) async fn open(url: &str, origin: Option<&str>) -> Self {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("X-M2M-Origin", origin.parse().unwrap());
        }
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// To the server, as an entity that is registered already, or is not.
    pub(crate) async fn connect(server: &Server, origin: Option<&str>) -> Self {
        Self::open(&server.points_of_access()[0].to_string(), origin).await
    }

    pub(crate) async fn registered(server: &Server, entity: &str) -> Self {
        let mut peer = Self::connect(server, None).await;
        peer.say(register(entity)).await;
        assert_eq!(peer.hear().await["rsc"], 2001);
        peer
    }

    pub(crate) async fn say(&mut self, primitive: Value) {
        self.0.send(Message::text(primitive.to_string())).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Value {
        let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing came").unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    pub(crate) async fn ask(&mut self, primitive: Value) -> Value {
        self.say(primitive).await;
        self.hear().await
    }

    /// Everything that the server had to say up to now has been heard, and is this.
    pub(crate) async fn heard(&mut self) -> Vec<Value> {
        self.say(json!({"op": 2, "to": "cse-in", "fr": "CAdmin", "rqi": "fence"})).await;
        let mut all = Vec::new();
        loop {
            let primitive = self.hear().await;
            if primitive["rqi"] == "fence" {
                return all;
            }
            all.push(primitive);
        }
    }

    /// The number in the next notification, and its `rqi`.
    pub(crate) async fn notified(&mut self) -> (u64, Value) {
        let primitive = self.hear().await;
        assert_eq!(primitive["op"], 5, "{primitive}");
        (primitive["pc"]["m2m:sgn"]["number"].as_u64().unwrap(), primitive["rqi"].clone())
    }

    pub(crate) async fn answer(&mut self, rqi: &Value) {
        self.say(json!({"rsc": 2000, "rqi": rqi})).await;
    }
}

pub(crate) fn register(entity: &str) -> Value {
    json!({"op": 1, "to": "cse-in", "fr": entity, "rqi": "register", "ty": 2, "pc": {"m2m:ae": {"rn": entity}}})
}

pub(crate) fn notification(number: u64) -> Request {
    Request::notify("Ca", json!({ "m2m:sgn": { "number": number } }))
}

pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it never became so");
}
