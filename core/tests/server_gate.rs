//! The gate of a server over real connections: what has passed once does not pass for ever (TS-0020 6.4).
#![allow(clippy::unwrap_used, missing_docs)]

use onem2m_ws::IncomingRequest;
use onem2m_ws::binding::Registration;
use onem2m_ws::client::Client;
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::Server;

fn server() -> (Server, String) {
    let server = Server::builder().listen("ws://127.0.0.1:0").identity("//sp.example", "/id-in");
    let server = server.several_entities_without_tls(true);
    let server = server.start(|_: &Server, request: IncomingRequest| request.respond(Response::ok()).unwrap()).unwrap();
    let url = server.points_of_access()[0].to_string();
    (server, url)
}

async fn open(url: &str, originator: &str) -> Client {
    Client::builder(url).originator(originator).registered(true).connect().await.unwrap()
}

async fn status_of(client: &Client, originator: &str) -> StatusCode {
    client.send(Request::retrieve("cse-in").from(originator)).await.unwrap().status
}

#[tokio::test]
async fn ws_6_4_5_a_deregistration_holds_from_the_next_request_on() {
    let (server, url) = server();
    server.restore(Registration::known("Ca"));
    server.restore(Registration::known("Cb"));
    let client = open(&url, "Ca").await;
    for _ in 0..3 {
        assert_eq!(status_of(&client, "Ca").await, StatusCode::OK);
    }
    assert!(server.deregister("Ca"));
    assert_eq!(status_of(&client, "Ca").await, StatusCode::ORIGINATOR_NOT_AUTHENTICATED);
    assert_eq!(status_of(&client, "Cb").await, StatusCode::OK, "a connection may speak for several entities");
    server.restore(Registration::known("Ca"));
    assert_eq!(status_of(&client, "Ca").await, StatusCode::OK);
    client.close().await;
    server.shutdown().await;
}

#[tokio::test]
async fn ws_6_4_3_one_originator_that_passes_lets_no_other_pass() {
    let (server, url) = server();
    server.restore(Registration::known("Ca"));
    let client = open(&url, "Ca").await;
    for _ in 0..2 {
        assert_eq!(status_of(&client, "Ca").await, StatusCode::OK);
        assert_eq!(status_of(&client, "Cz").await, StatusCode::ORIGINATOR_NOT_AUTHENTICATED);
        // A CSE may ask whether it is registered; that lets nothing else of it pass.
        let own = Request::retrieve("/id-in/cse-in/id-mn").from("/id-mn");
        assert_eq!(client.send(own).await.unwrap().status, StatusCode::OK);
        assert_eq!(status_of(&client, "/id-mn").await, StatusCode::ORIGINATOR_NOT_AUTHENTICATED);
    }
    client.close().await;
    server.shutdown().await;
}
