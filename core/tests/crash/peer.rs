//! A connection that is not ours. Everything may fail at any time: the server is being killed.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::PATIENCE;

pub(crate) struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// The server is gone.
#[derive(Debug)]
pub(crate) struct Gone;

pub(crate) type Result<T> = std::result::Result<T, Gone>;

/// A request of the administrator's.
pub(crate) fn admin(op: u8, to: &str) -> Value {
    json!({"op": op, "to": to, "fr": "CAdmin", "rqi": "admin", "rvi": "3"})
}

impl Peer {
    pub(crate) async fn open(url: &str, origin: Option<&str>) -> Result<Self> {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("X-M2M-Origin", origin.parse().unwrap());
        }
        let connect = tokio_tungstenite::connect_async(request);
        let connected = tokio::time::timeout(PATIENCE, connect).await.expect("the handshake hangs");
        connected.map(|(stream, _)| Self(stream)).map_err(|_| Gone)
    }

    /// As soon as there is a server.
    pub(crate) async fn come(url: &str, origin: Option<&str>) -> Self {
        let come = async {
            loop {
                if let Ok(peer) = Self::open(url, origin).await {
                    return peer;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, come).await.expect("there is no server")
    }

    pub(crate) async fn say(&mut self, primitive: &Value) -> Result<()> {
        self.0.send(Message::text(primitive.to_string())).await.map_err(|_| Gone)
    }

    pub(crate) async fn hear(&mut self) -> Result<Value> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Err(Gone),
            }
        }
    }

    pub(crate) async fn ask(&mut self, primitive: Value) -> Result<Value> {
        self.say(&primitive).await?;
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.hear()).await.expect("no answer came")?;
            if heard["rqi"] == primitive["rqi"] && heard.get("rsc").is_some() {
                return Ok(heard);
            }
        }
    }
}
