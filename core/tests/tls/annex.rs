//! Annex A.1 over wss, and wss inside the tunnel of a proxy, with a peer that is not ours: rustls and tungstenite.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::client::{AeRegistration, Client};
use onem2m_ws::primitive::Request;
use onem2m_ws::registrar::Registrar;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::support::{Leaf, World, foreign_client};

fn registrar(world: &World) -> Registrar {
    let tls = world.server();
    Registrar::builder()
        .sp_id("//example.net")
        .cse_id("/mncse1234")
        .cse_name("cse")
        .listen("wss://127.0.0.1:0")
        .with_server(|server| server.tls(tls))
        .start()
        .unwrap()
}

type Socket = WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>;

async fn connect(world: &World, leaf: &Leaf, port: u16) -> Socket {
    let config = foreign_client(world, leaf);
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut request = format!("ws://localhost:{port}").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    let (socket, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "oneM2M.json");
    socket
}

async fn exchange(socket: &mut Socket, request: Value) -> Value {
    socket.send(Message::text(request.to_string())).await.unwrap();
    let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no response") };
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn ws_a_1_the_whole_procedure_runs_over_wss_with_the_primitives_shown() {
    let world = World::new();
    let registrar = registrar(&world);
    let port = registrar.points_of_access()[0].port();
    let ae = world.ae("//example.net/S_SAH25");
    // Steps 1 to 3.
    let mut socket = connect(&world, &ae, port).await;
    // Steps 4 to 6: the AE does not say who it is; its certificate does.
    let registered = exchange(
        &mut socket,
        json!({
            "op": 1, "to": "//example.net/mncse1234", "rqi": "A1000", "rcn": 7,
            "pc": { "m2m:ae": { "rn": "SmartHomeApplication", "api": "Na56", "apn": "app1234" } }, "ty": 2
        }),
    )
    .await;
    assert_eq!((&registered["rsc"], &registered["rqi"]), (&json!(2001), &json!("A1000")), "{registered}");
    let shown = &registered["pc"]["m2m:ae"];
    assert_eq!((&shown["aei"], &shown["rn"]), (&json!("S_SAH25"), &json!("SmartHomeApplication")), "{registered}");
    // Steps 7 to 9.
    let container = |from: &str, rqi: &str| {
        json!({
            "op": 1, "to": "//example.net/mncse1234/SmartHomeApplication", "fr": from, "rqi": rqi, "rcn": 7,
            "pc": { "m2m:cnt": { "rn": "SmartHomeContainer", "mbs": 100_000, "mni": 500 } }, "ty": 3
        })
    };
    let created = exchange(&mut socket, container("S_SAH25", "A1001")).await;
    assert_eq!((&created["rsc"], &created["rqi"]), (&json!(2001), &json!("A1001")), "{created}");
    let cnt = &created["pc"]["m2m:cnt"];
    assert_eq!((&cnt["rn"], &cnt["mbs"], &cnt["mni"]), (&json!("SmartHomeContainer"), &json!(100_000), &json!(500)));
    // In another's name the same is refused.
    let refused = exchange(&mut socket, container("S_other", "A1002")).await;
    assert_eq!(refused["rsc"], 4106, "{refused}");
}

/// A proxy that opens one tunnel, and keeps what goes through from the client.
async fn proxy() -> (String, tokio::task::JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let run = async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let to = head.split_whitespace().nth(1).unwrap().to_owned();
        let mut server = TcpStream::connect(to).await.unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let (mut through, mut buffer, mut back) = (Vec::new(), vec![0; 4096], vec![0; 4096]);
        loop {
            tokio::select! {
                count = client.read(&mut buffer) => match count {
                    Ok(count) if count > 0 => {
                        through.extend_from_slice(&buffer[..count]);
                        server.write_all(&buffer[..count]).await.unwrap();
                    }
                    _ => return (head, through),
                },
                count = server.read(&mut back) => match count {
                    Ok(count) if count > 0 => client.write_all(&back[..count]).await.unwrap(),
                    _ => return (head, through),
                },
            }
        }
    };
    (url, tokio::spawn(run))
}

#[tokio::test]
async fn ws_6_6_1_tls_is_inside_the_tunnel_of_a_proxy() {
    let world = World::new();
    let registrar = registrar(&world);
    let port = registrar.points_of_access()[0].port();
    let (url, proxy) = proxy().await;
    let ae = world.ae("//example.net/S_SAH25");
    let client = Client::builder(format!("wss://localhost:{port}"))
        .originator("S_SAH25")
        .tls(world.client(&ae))
        .proxy(url)
        .proxy_credentials("gateway", "s@cret")
        .connect()
        .await
        .unwrap();
    client.register_ae(AeRegistration::new("Na56").below("cse")).await.unwrap();
    assert!(client.send(Request::retrieve("cse")).await.unwrap().status.is_success());
    let identity = client.peer_identity().unwrap();
    assert_eq!(identity.principal().as_str(), "DNS:localhost", "the server, not the proxy");
    client.close().await;
    let (head, through) = proxy.await.unwrap();
    assert!(head.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")), "{head}");
    // Nothing but TLS goes through: the first bytes are a handshake record, and no word of ours can be read.
    assert_eq!(through[..2], [0x16, 3]);
    for word in ["GET /", "oneM2M", "S_SAH25", "Na56", "s@cret", "c2VjcmV0"] {
        assert!(!through.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
    }
}
