//! permessage-deflate between a client and a registrar, over real sockets: agreed on where both want it, and off otherwise.
#![allow(clippy::unwrap_used, missing_docs)]

use onem2m_ws::client::{AeRegistration, Client};
use onem2m_ws::primitive::{Request, ResourceType, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::websocket::Compression;
use serde_json::json;

fn registrar(compression: Option<Compression>) -> (Registrar, String) {
    let builder = Registrar::builder().listen("ws://127.0.0.1:0");
    let registrar = builder.with_server(|server| server.compression(compression)).start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    (registrar, url)
}

/// Registers, writes large and small content, and reads it again; whether the connection was compressed.
async fn exchange(url: &str, compression: Option<Compression>) -> bool {
    let client = Client::builder(url).originator("Czip").compression(compression).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("zip")).await.unwrap();
    let container = Request::create("cse-in/zip", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
    assert_eq!(client.send(container).await.unwrap().status, StatusCode::CREATED);
    for size in [1, 100, 10_000, 200_000] {
        let content = "21.5 degC; ".repeat(size / 11 + 1);
        let instance = json!({"m2m:cin": {"con": content}});
        let created = client.send(Request::create("cse-in/zip/data", ResourceType::CONTENT_INSTANCE, instance)).await;
        assert_eq!(created.unwrap().status, StatusCode::CREATED);
        let read = client.send(Request::retrieve("cse-in/zip/data/la")).await.unwrap();
        assert_eq!(read.content.unwrap().value().unwrap()["m2m:cin"]["con"], content);
    }
    let is_compressed = client.is_compressed();
    client.close().await;
    is_compressed
}

#[tokio::test]
async fn ws_6_2_2_8_1_and_ws_6_2_3_6_1_compression_is_used_where_both_ends_want_it_and_in_both_directions() {
    let takeover = Compression {
        send_takeover: true,
        receive_takeover: true,
        send_window_bits: 10,
        receive_window_bits: 9,
        ..Compression::default()
    };
    let smallest =
        Compression { send_window_bits: 8, receive_window_bits: 8, level: 9, min_size: 0, ..takeover.clone() };
    let all = [None, Some(Compression::default()), Some(takeover), Some(smallest)];
    for server in &all {
        for client in &all {
            let (registrar, url) = registrar(server.clone());
            let both = server.is_some() && client.is_some();
            assert_eq!(exchange(&url, client.clone()).await, both, "server {server:?}, client {client:?}");
            registrar.shutdown().await;
        }
    }
}

#[tokio::test]
async fn settings_out_of_range_are_refused_by_name() {
    let wrong = Some(Compression { level: 10, ..Compression::default() });
    let error = Client::builder("ws://127.0.0.1:1").compression(wrong.clone()).connect().await.unwrap_err();
    assert!(error.message().contains("level is 10"), "{error}");
    let builder = Registrar::builder().listen("ws://127.0.0.1:0");
    let error = builder.with_server(|server| server.compression(wrong)).start().unwrap_err();
    assert!(error.message().contains("level is 10"), "{error}");
}
