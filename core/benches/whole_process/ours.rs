//! The two programs with this library.

use std::time::Duration;

use bytes::Bytes;
use onem2m_ws::IncomingRequest;
use onem2m_ws::binding::Registration;
use onem2m_ws::client::Client;
use onem2m_ws::primitive::{Content, Format, Request, ResourceType, Response, StatusCode};
use onem2m_ws::server::{Server, ServerBuilder};
use onem2m_ws::tls::{Pem, Tls};
use onem2m_ws::websocket::Compression;

use super::certificates::{Authority, Credential};
use super::process::{Exchange, REQUEST_CONTENT, RESPONSE_CONTENT, Workers, originator};

/// Registered beforehand: as many as a client process opens connections at most.
pub(crate) const MOST_CONNECTIONS: usize = 20_000;

pub(crate) async fn serve() -> u16 {
    start(Server::builder(), MOST_CONNECTIONS)
}

/// With TLS: it wants a certificate of each client, and takes it for the AE that it names.
pub(crate) async fn serve_tls() -> u16 {
    start_tls(Server::builder())
}

/// With compression for those who offer it, as the raw client does; it reads no more of a compressed message than its head.
pub(crate) async fn serve_compressed() -> u16 {
    start(Server::builder().compression(Some(Compression::default())), MOST_CONNECTIONS)
}

/// For clients that do not answer pings.
pub(crate) async fn serve_silent() -> u16 {
    start(Server::builder().ping_after(Some(Duration::from_secs(3600))), MOST_CONNECTIONS)
}

/// With no registration: shows what one costs.
pub(crate) async fn serve_strangers() -> u16 {
    start(Server::builder(), 0)
}

/// The same with TLS.
pub(crate) async fn serve_silent_tls() -> u16 {
    start_tls(Server::builder().ping_after(Some(Duration::from_secs(3600))))
}

fn start_tls(builder: ServerBuilder) -> u16 {
    let authority = Authority::from_environment();
    let Credential { certificate, key } = authority.server();
    let tls = Tls::new().certificate(Pem::bytes(certificate), Pem::bytes(key)).trust(Pem::bytes(authority.pem));
    start_at("wss://127.0.0.1:0", builder.tls(tls), MOST_CONNECTIONS)
}

fn start(builder: ServerBuilder, registrations: usize) -> u16 {
    start_at("ws://127.0.0.1:0", builder, registrations)
}

fn start_at(place: &str, builder: ServerBuilder, registrations: usize) -> u16 {
    let server = builder
        .listen(place)
        .identity("//sp.example", "/id-in")
        .max_connections(MOST_CONNECTIONS)
        .start(|_: &Server, request: IncomingRequest| {
            let content = Content::from_encoded(Format::Json, Bytes::from_static(RESPONSE_CONTENT.as_bytes()));
            request.respond(Response::new(StatusCode::CREATED).content(content)).unwrap();
        })
        .unwrap();
    for number in 0..registrations {
        server.restore(Registration::known(originator(number)));
    }
    server.points_of_access()[0].port()
}

#[derive(Clone)]
struct Ours(Client);

impl Exchange for Ours {
    async fn exchange(&mut self) -> u64 {
        let content = Content::from_encoded(Format::Json, Bytes::from_static(REQUEST_CONTENT.as_bytes()));
        let request = Request::create("in-cse/sensorAE/data", ResourceType::CONTENT_INSTANCE, content);
        let response = self.0.send(request).await.unwrap();
        assert_eq!(response.status, StatusCode::CREATED);
        1
    }
}

pub(crate) async fn open(port: u16, connections: usize, window: usize) -> Workers {
    let mut workers = Workers::default();
    for number in 0..connections {
        let builder = Client::builder(format!("ws://127.0.0.1:{port}")).originator(originator(number));
        let client = Ours(builder.registered(true).window(window).connect().await.unwrap());
        for _ in 0..window {
            workers.add(client.clone());
        }
    }
    workers
}
