//! What can go wrong does so with a clear error, and disturbs nothing else.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::client::{AeRegistration, Client, ClientBuilder, ConnectionState};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::Server;
use onem2m_ws::{Error, ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A server that answers the first connection with these bytes, and nothing if there are none.
async fn scripted(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let _ = stream.read(&mut request).await;
        stream.write_all(answer).await.unwrap();
        if answer.is_empty() {
            // Silent: it keeps the connection and says nothing.
            while matches!(stream.read(&mut request).await, Ok(count) if count > 0) {}
        }
    });
    url
}

fn impatient(url: &str) -> ClientBuilder {
    Client::builder(url).originator("Ctest").open_timeout(Duration::from_millis(500))
}

async fn refused(url: &str) -> Error {
    impatient(url).connect().await.unwrap_err()
}

fn registrar() -> (Registrar, String) {
    let registrar = Registrar::builder().listen("ws://127.0.0.1:0").start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    (registrar, url)
}

type Raw = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A peer that is not ours, and that says whatever it is told to.
async fn raw(url: &str) -> Raw {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

async fn say(peer: &mut Raw, text: &str) {
    peer.send(Message::text(text.to_owned())).await.unwrap();
}

async fn hear(peer: &mut Raw) -> Value {
    let message = tokio::time::timeout(Duration::from_secs(20), peer.next()).await.expect("no answer").unwrap();
    serde_json::from_str(message.unwrap().to_text().unwrap()).unwrap()
}

async fn register(peer: &mut Raw, originator: &str) {
    let request = json!({"op": 1, "to": "cse-in", "fr": originator, "rqi": "reg", "ty": 2, "rvi": "3",
        "pc": {"m2m:ae": {"api": "Nraw", "rr": true, "srv": ["3"], "rn": originator}}});
    say(peer, &request.to_string()).await;
    let answer = hear(peer).await;
    assert_eq!(answer["rsc"], 2001, "{answer}");
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = refused(&format!("ws://{free}")).await;
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.message().contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn ws_5_1_2_the_handshake_is_the_first_thing_on_a_complete_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let client = tokio::spawn(async move { impatient(&url).connect().await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 16];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request, b"GET / HTTP/1.1\r\n");
    drop(stream);
    assert!(client.await.unwrap().is_err());
}

#[tokio::test]
async fn unknown_host() {
    let error = Client::builder("ws://no-such-host.invalid:9000").connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownHost);
    assert!(error.message().contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_port_that_speaks_no_websocket() {
    let error = refused(&scripted(b"SSH-2.0-OpenSSH_9.2\r\n").await).await;
    assert_eq!(error.kind(), ErrorKind::NotWebSocket);
    assert!(error.message().contains("SSH-2.0"), "{error}");
    assert_eq!(
        refused(&scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await).await.kind(),
        ErrorKind::HandshakeRefused
    );
}

#[tokio::test]
async fn a_server_that_accepts_and_stays_silent() {
    let error = refused(&scripted(b"").await).await;
    assert_eq!(error.kind(), ErrorKind::OpenTimeout);
    assert!(error.message().contains("500ms"), "{error}");
}

#[tokio::test]
async fn ws_6_2_3_1_1_a_4xx_answer_is_shown_with_status_and_body() {
    let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nnot for you\n";
    let error = refused(&scripted(answer).await).await;
    assert_eq!(error.kind(), ErrorKind::HandshakeRefused);
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status, refusal.body.as_slice()), (403, &b"not for you\n"[..]));
    assert!(error.message().contains("403") && error.message().contains("not for you"), "{error}");
}

#[tokio::test]
async fn ws_6_2_3_1_1_a_redirect_is_shown_and_not_followed() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = format!("ws://{}/", elsewhere.local_addr().unwrap());
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\ngone");
        let error = refused(&scripted(answer.leak().as_bytes()).await).await;
        assert_eq!(error.kind(), ErrorKind::HandshakeRefused);
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.status, refusal.header("LOCATION")), (status, Some(location.as_str())));
        assert!(error.message().contains(&location), "{error}");
        assert_eq!(refusal.body, b"gone");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it was followed");
}

#[tokio::test]
async fn each_limit_of_an_answer_holds_at_its_edge() {
    let kind = async |answer: String, builder: fn(ClientBuilder) -> ClientBuilder| {
        let url = scripted(answer.leak().as_bytes()).await;
        builder(impatient(&url)).connect().await.unwrap_err().kind()
    };
    let of_size = |size: usize| {
        let start = "HTTP/1.1 403 No\r\nContent-Length: 0\r\nX: ";
        format!("{start}{}\r\n\r\n", "y".repeat(size - start.len() - 4))
    };
    let with_fields = |count| format!("HTTP/1.1 403 No\r\n{}\r\n", "X: y\r\n".repeat(count));
    for (answer, expected) in [(of_size(300), ErrorKind::HandshakeRefused), (of_size(301), ErrorKind::NotWebSocket)] {
        assert_eq!(kind(answer, |builder| builder.max_handshake_bytes(300)).await, expected);
    }
    for (answer, expected) in
        [(with_fields(9), ErrorKind::HandshakeRefused), (with_fields(10), ErrorKind::NotWebSocket)]
    {
        assert_eq!(kind(answer, |builder| builder.max_handshake_fields(9)).await, expected);
    }
}

/// A refusal is one even if its body has no end: the deadline does not hide it.
#[tokio::test]
async fn a_refusal_whose_body_never_ends_is_shown_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\nlater").await.unwrap();
        let mut sink = [0; 1024];
        while matches!(stream.read(&mut sink).await, Ok(count) if count > 0) {}
    });
    let error = refused(&url).await;
    assert_eq!(error.kind(), ErrorKind::HandshakeRefused, "{error}");
    assert_eq!(error.refusal().map(|refusal| refusal.body.as_slice()), Some(b"later".as_slice()));
    server.await.unwrap();
}

#[tokio::test]
async fn ws_6_2_3_5_1_no_common_subprotocol() {
    let (_registrar, url) = registrar();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    for (protocol, expected) in [
        ("Sec-WebSocket-Protocol: chat, oneM2M.yaml\r\n", "HTTP/1.1 400"),
        ("", "HTTP/1.1 400"),
        ("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: oneM2M.json\r\n", "HTTP/1.1 101"),
    ] {
        let mut stream = TcpStream::connect(url.trim_start_matches("ws://")).await.unwrap();
        stream.write_all(format!("{request}{protocol}\r\n").as_bytes()).await.unwrap();
        let mut answer = vec![0; 2048];
        let count = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(answer.starts_with(expected), "{protocol:?}: {answer}");
        assert!(expected.contains("101") || answer.contains("oneM2M.json"), "it says what is served: {answer}");
    }
    // The same from the client's side: a server that chooses what was not offered.
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: x\r\n\r\n";
    let error = refused(&scripted(answer).await).await;
    assert!(matches!(error.kind(), ErrorKind::NoCommonSubprotocol | ErrorKind::NotWebSocket), "{error:?}");
}

#[tokio::test]
async fn a_request_to_an_entity_that_is_not_registered() {
    let (registrar, url) = registrar();
    let error = registrar.server().send("Cnobody", Request::retrieve("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    let error = registrar.server().notify("Cnobody", Request::notify("x", json!({"m2m:sgn": {}}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    let client = Client::builder(&url).originator("Casks").connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    let answer = client.send(Request::notify("cse-in/nobody", json!({"m2m:sgn": {}}))).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn send_after_close() {
    let (_registrar, url) = registrar();
    let client = impatient(&url).registered(true).connect().await.unwrap();
    client.close().await;
    client.close().await;
    assert_eq!(client.send(Request::retrieve("cse-in")).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.connect().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.state().state, ConnectionState::Closed);
}

#[tokio::test]
async fn never_respond_and_a_handler_that_panics_both_answer_5000() {
    let (registrar, url) = registrar();
    let client = impatient(&url).answer_timeout(Duration::from_millis(200)).connect().await.unwrap();
    let kept = std::sync::Mutex::new(Vec::new());
    client.on_request(move |incoming: IncomingRequest| match incoming.request.to.as_str() {
        "drop" => drop(incoming),
        "panic" => panic!("the handler's own fault"),
        "keep" => kept.lock().unwrap().push(incoming),
        _ => incoming.respond(Response::ok()).unwrap(),
    });
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    for to in ["drop", "panic", "keep"] {
        let answer = registrar.server().send("Ctest", Request::retrieve(to)).await.unwrap();
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{to}");
        assert!(answer.debug_text().is_some());
    }
    let answer = registrar.server().send("Ctest", Request::retrieve("answer")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "nothing else is disturbed");
}

#[tokio::test]
async fn a_late_answer_of_the_application_is_told_so() {
    let (registrar, url) = registrar();
    let client = impatient(&url).answer_timeout(Duration::from_millis(50)).connect().await.unwrap();
    let (sender, mut late) = tokio::sync::mpsc::unbounded_channel();
    client.on_request(move |incoming| sender.send(incoming).unwrap());
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    let answer = registrar.server().send("Ctest", Request::retrieve("x")).await.unwrap();
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let error = late.recv().await.unwrap().respond(Response::ok()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyResponded);
    assert_eq!(client.counters().unanswered, 1);
}

#[tokio::test]
async fn what_is_no_primitive_is_answered_4000_and_the_connection_goes_on() {
    let (_registrar, url) = registrar();
    let mut peer = raw(&url).await;
    register(&mut peer, "Craw1").await;
    for bad in [
        "{bad",
        "",
        "42",
        "\"text\"",
        "null",
        "[]",
        "[{\"op\":2}]",
        "{}",
        r#"{"op":2,"to":"cse-in","fr":"Craw1","fr":"CAdmin","rqi":"x","rvi":"3"}"#,
        r#"{"op":2,"to":"cse-in","fr":"Craw1","\u0066r":"CAdmin","rqi":"x","rvi":"3"}"#,
        r#"{"op":9,"to":"cse-in","fr":"Craw1","rqi":"x","rvi":"3"}"#,
        r#"{"op":2,"to":"cse-in","fr":"Craw1","rqi":"x","rvi":"3"} trailing"#,
    ] {
        say(&mut peer, bad).await;
        let answer = hear(&mut peer).await;
        assert_eq!(answer["rsc"], 4000, "{bad:?} -> {answer}");
        assert!(answer["pc"]["m2m:dbg"].is_string(), "{bad:?} -> {answer}");
    }
    say(&mut peer, r#"{"op":2,"to":"cse-in","fr":"Craw1","rqi":"good","rvi":"3"}"#).await;
    let answer = hear(&mut peer).await;
    assert_eq!((answer["rsc"].as_i64(), answer["rqi"].as_str()), (Some(2000), Some("good")));
}

#[tokio::test]
async fn a_response_nobody_asked_for_is_never_answered() {
    let (registrar, url) = registrar();
    let mut peer = raw(&url).await;
    register(&mut peer, "Craw2").await;
    for stray in [
        r#"{"rsc":2000,"rqi":"nobody-asked","rvi":"3"}"#,
        r#"{"rsc":2000,"rqi":"reg","rvi":"3"}"#,
        r#"{"rsc":4001,"rqi":"reg"}"#,
        r#"{"rsc":"nonsense","rqi":"reg"}"#,
        r#"{"rsc":2000}"#,
    ] {
        say(&mut peer, stray).await;
    }
    say(&mut peer, r#"{"op":2,"to":"cse-in","fr":"Craw2","rqi":"after","rvi":"3"}"#).await;
    assert_eq!(hear(&mut peer).await["rqi"], "after", "nothing came before");
    assert!(registrar.server().counters().unmatched >= 4);
}

#[tokio::test]
async fn an_identifier_that_is_pending_is_refused() {
    // A handler that answers later, so that the first request is still pending.
    let (sender, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::builder()
        .listen("ws://127.0.0.1:0")
        .trusted(["Craw"])
        .start(move |_: &Server, incoming: IncomingRequest| sender.send(incoming).unwrap());
    let server = server.unwrap();
    let mut peer = raw(&server.points_of_access()[0].to_string()).await;
    let request = r#"{"op":2,"to":"x","fr":"Craw","rqi":"same","rvi":"3"}"#;
    say(&mut peer, request).await;
    let first = waiting.recv().await.unwrap();
    say(&mut peer, request).await;
    let refused = hear(&mut peer).await;
    assert_eq!(refused["rsc"], 4000);
    assert!(refused["pc"]["m2m:dbg"].as_str().unwrap().contains("pending"), "{refused}");
    first.respond(Response::ok()).unwrap();
    assert_eq!(hear(&mut peer).await["rsc"], 2000);
    say(&mut peer, request).await;
    waiting.recv().await.unwrap().respond(Response::ok()).unwrap();
    assert_eq!(hear(&mut peer).await["rsc"], 2000, "once finished it is a new request (TS-0001 7.1.7)");
    // The same at our own end.
    let client = impatient(&server.points_of_access()[0].to_string()).originator("Craw").registered(true);
    let client = client.connect().await.unwrap();
    let one = tokio::spawn({
        let client = client.clone();
        async move { client.send(Request::retrieve("x").request_id("mine")).await }
    });
    let pending = waiting.recv().await.unwrap();
    let error = client.send(Request::retrieve("x").request_id("mine")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateRequestId);
    pending.respond(Response::ok()).unwrap();
    assert_eq!(one.await.unwrap().unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn an_oversized_message_closes_its_connection_only() {
    let registrar = Registrar::builder()
        .listen("ws://127.0.0.1:0")
        .with_server(|server| server.max_message_size(4096))
        .start()
        .unwrap();
    let url = registrar.points_of_access()[0].to_string();
    let mut bystander = raw(&url).await;
    register(&mut bystander, "Cbystander").await;

    let client = impatient(&url).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("big")).await.unwrap();
    let request = |size: usize| {
        Request::create("cse-in/big", ResourceType::CONTAINER, json!({"m2m:cnt": {"lbl": ["x".repeat(size)]}}))
    };
    assert_eq!(client.send(request(3000)).await.unwrap().status, StatusCode::CREATED);
    let error = client.send(request(5000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(error.message().contains("1009"), "{error}");
    say(&mut bystander, r#"{"op":2,"to":"cse-in","fr":"Cbystander","rqi":"alive","rvi":"3"}"#).await;
    assert_eq!(hear(&mut bystander).await["rsc"], 2000);
    // And the client comes back.
    assert_eq!(client.send(Request::retrieve("cse-in")).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_full_queue_refuses_and_an_offline_request_runs_out_of_time() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = impatient(&format!("ws://{free}"))
        .registered(true)
        .queue(2, 1 << 20)
        .request_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let sends: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(Request::retrieve("x")).await.unwrap_err() })
        })
        .collect();
    while client.queued() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.send(Request::retrieve("x")).await.unwrap_err().kind(), ErrorKind::QueueFull);
    for send in sends {
        let error = send.await.unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.message().contains("not carried out"), "{error}");
        assert!(error.message().contains("Connection refused"), "it says why: {error}");
    }
}

#[tokio::test]
async fn ws_5_2_3_a_second_connection_does_not_take_over_a_live_one() {
    let (registrar, url) = registrar();
    let first = impatient(&url).connect().await.unwrap();
    first.on_request(|incoming| incoming.respond(Response::ok()).unwrap());
    first.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    // The handshake's hint claims the same entity; the first is probed, answers, and stays.
    let second = impatient(&url).registered(true).stay_connected(false).connect().await.unwrap();
    let mut states = second.states();
    let closed = states.wait_for(|change| change.state == ConnectionState::Disconnected);
    let change = tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap().unwrap().clone();
    assert!(change.cause.unwrap().message().contains("another connection of this entity is alive"));
    assert_eq!(registrar.server().send("Ctest", Request::retrieve("x")).await.unwrap().status, StatusCode::OK);
    assert!(first.state().state.is_open());
}

#[tokio::test]
async fn ws_7_3_without_tls_a_server_listens_on_loopback_only_unless_told_so() {
    let start = |allow: bool| {
        let server = Server::builder().listen("ws://0.0.0.0:0").allow_insecure(allow);
        server.start(|_: &Server, _: IncomingRequest| ())
    };
    let error = start(false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("allow_insecure"), "{error}");
    start(true).unwrap().shutdown().await;
}

#[tokio::test]
async fn ws_6_2_1_3_a_server_tells_its_points_of_access() {
    let (_registrar, url) = registrar();
    let client = impatient(&url).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    let base = client.send(Request::retrieve("cse-in")).await.unwrap().content.unwrap().value().unwrap();
    assert_eq!(base["m2m:cb"]["poa"], json!([url]));
}

#[tokio::test]
async fn one_connection_more_than_there_are_places_is_answered_503() {
    let server = Server::builder().listen("ws://127.0.0.1:0").max_connections(2);
    let server = server.start(|_: &Server, _: IncomingRequest| ()).unwrap();
    let url = server.points_of_access()[0].to_string();
    let first = impatient(&url).originator("C1").connect().await.unwrap();
    let second = impatient(&url).originator("C2").connect().await.unwrap();
    let error = impatient(&url).originator("C3").connect().await.unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(503), "{error}");
    first.close().await;
    while let Err(error) = impatient(&url).originator("C3").connect().await {
        assert_eq!(error.refusal().map(|refusal| refusal.status), Some(503), "{error}");
    }
    second.close().await;
    server.shutdown().await;
    assert_eq!(server.connections(), 0);
}
