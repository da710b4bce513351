//! A server that keeps what reaches it, and clients.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use onem2m_ws::client::{Client, ClientBuilder, Reopening};
use onem2m_ws::primitive::{Response, StatusCode};
use onem2m_ws::server::{Handler, Server, ServerBuilder, ServerEvent};
use onem2m_ws::tls::{Pem, Tls};
use onem2m_ws::{Error, IncomingRequest};

use crate::pki::{Authority, Issued};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const ID: &str = "7f3a@mef.sp.example";
pub(crate) const KEY: &[u8] = b"0123456789abcdef";

/// Answers everything, and keeps what it is told.
#[derive(Clone, Default)]
pub(crate) struct Cse {
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    events: Arc<Mutex<Vec<ServerEvent>>>,
}

impl Handler for Cse {
    fn on_request(&self, _server: &Server, incoming: IncomingRequest) {
        self.requests.lock().unwrap().push(incoming.request.from.clone().unwrap_or_default());
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

impl Cse {
    /// Why somebody was refused.
    pub(crate) async fn refusal(&self) -> String {
        let look = async {
            loop {
                let seen = self.events.lock().unwrap().clone();
                if let Some(ServerEvent::TlsRefused { why, .. }) =
                    seen.into_iter().find(|event| matches!(event, ServerEvent::TlsRefused { .. }))
                {
                    return why;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("nobody was refused")
    }
}

pub(crate) fn builder() -> ServerBuilder {
    Server::builder().identity("//sp.example", "/id-in")
}

pub(crate) fn serve(tls: Tls) -> (Server, Cse) {
    let cse = Cse::default();
    (builder().listen("wss://127.0.0.1:0").tls(tls).start(cse.clone()).unwrap(), cse)
}

pub(crate) fn port(server: &Server) -> u16 {
    server.points_of_access()[0].port()
}

pub(crate) fn client(port: u16, tls: Tls) -> ClientBuilder {
    Client::builder(format!("wss://localhost:{port}")).originator("Ssensor1").tls(tls).reopening(Reopening {
        first_delay: Duration::from_millis(5),
        largest_delay: Duration::from_millis(50),
        stable_after: Duration::from_millis(1),
    })
}

pub(crate) async fn refused(port: u16, tls: Tls) -> Error {
    client(port, tls).connect().await.expect_err("it is connected")
}

pub(crate) fn shared(key: &[u8]) -> Tls {
    Tls::new().pre_shared_key(ID, key)
}

pub(crate) fn certified(issued: &Issued, authority: &Authority) -> Tls {
    Tls::new().certificate(Pem::bytes(issued.pem()), Pem::bytes(issued.key_pem())).trust(Pem::bytes(authority.pem()))
}
