//! Peers that do not speak TLS, speak it slowly, or break off.

use std::time::{Duration, Instant};

use onem2m_ws::ErrorKind;
use onem2m_ws::client::Client;
use onem2m_ws::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{PATIENCE, World, at, round, serve, serve_with};

/// The beginning of a TLS 1.2 ClientHello record of 512 bytes.
const BEGINNING: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

async fn raw(server: &Server) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.points_of_access()[0].port())).await.unwrap()
}

#[tokio::test]
async fn ws_7_1_one_deadline_covers_tls_and_the_opening_handshake() {
    let world = World::new();
    let short = Duration::from_millis(400);
    let (server, seen) = serve_with(Server::builder().tls(world.server()).handshake_timeout(short));
    // Nothing at all; a piece of the first message; a byte now and then.
    for (name, pieces) in [("silent", vec![]), ("half", vec![BEGINNING]), ("slow", BEGINNING.chunks(1).collect())] {
        let mut peer = raw(&server).await;
        let begun = Instant::now();
        let (mut reading, mut writing) = peer.split();
        let drip = async {
            for piece in pieces {
                if writing.write_all(piece).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            std::future::pending::<()>().await;
        };
        let mut scrap = [0; 64];
        let ended = async { while matches!(reading.read(&mut scrap).await, Ok(count) if count > 0) {} };
        tokio::select! {
            () = drip => {}
            ended = tokio::time::timeout(PATIENCE, ended) => ended.unwrap(),
        }
        assert!(begun.elapsed() >= short, "{name}");
        assert!(seen.refusal().await.contains("in time"), "{name}");
    }
    // TLS is done quickly, and then there is no opening handshake.
    let tls = world.client(&world.ae("//sp.example/Sae1"));
    assert_eq!(server.refusals().tls, 3);
    round(at(&server).tls(tls)).await.unwrap();
}

#[tokio::test]
async fn ws_7_1_who_speaks_something_else_gets_no_connection_and_is_told_of() {
    let world = World::new();
    let (server, seen) = serve(world.server());
    let mut noise = vec![0x16, 3, 3, 0x40, 0];
    noise.resize(20_000, 0xa5);
    for (name, bytes) in [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("noise", vec![0xff; 4096]),
        ("a record that is too large", noise),
        ("a record that is empty", vec![0x16, 3, 1, 0, 0]),
        ("SSL 2", vec![0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10]),
    ] {
        let mut peer = raw(&server).await;
        peer.write_all(&bytes).await.unwrap();
        let _ = peer.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, peer.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.len() < 64 && !answer.starts_with(b"HTTP"), "{name}: an alert or nothing");
    }
    counted(&server, 5).await;
    assert_eq!((seen.requests(), server.connections()), (0, 0));
    // A client that forgot the TLS.
    let port = server.points_of_access()[0].port();
    let error = Client::builder(format!("ws://localhost:{port}")).connect().await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotWebSocket, "{error}");
    assert!(error.message().contains("wss://"), "it says what to do: {error}");
}

#[tokio::test]
async fn ws_7_1_a_client_says_what_a_server_without_tls_does() {
    let world = World::new();
    let tls = world.client(&world.ae("//sp.example/Sae1"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers: [(&[u8], ErrorKind); 3] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::TlsFailed),
        (b"", ErrorKind::TlsFailed),
        (&[0x15, 3, 3, 0, 2, 2, 0x28], ErrorKind::TlsFailed),
    ];
    for (answer, kind) in answers {
        let client = Client::builder(format!("wss://localhost:{port}")).tls(tls.clone()).build().unwrap();
        let server = async {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut hello = [0; 4096];
            let _ = peer.read(&mut hello).await.unwrap();
            peer.write_all(answer).await.unwrap();
            let _ = peer.shutdown().await;
            while matches!(peer.read(&mut hello).await, Ok(count) if count > 0) {}
        };
        let (connected, ()) = tokio::join!(client.connect(), server);
        let error = connected.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().starts_with("wss://localhost"), "{error}");
    }
    // One that accepts and stays silent.
    let short = Duration::from_millis(300);
    let client = Client::builder(format!("wss://localhost:{port}")).tls(tls).open_timeout(short).build().unwrap();
    assert_eq!(client.connect().await.unwrap_err().kind(), ErrorKind::OpenTimeout);
}

#[tokio::test]
async fn ws_7_1_a_connection_that_breaks_within_tls_leaves_nothing_behind() {
    let world = World::new();
    let (server, _) = serve(world.server());
    for _ in 0..20 {
        let mut peer = raw(&server).await;
        peer.write_all(BEGINNING).await.unwrap();
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    }
    round(at(&server).tls(world.client(&world.ae("//sp.example/Sae1")))).await.unwrap();
    counted(&server, 20).await;
}

/// Waits until so many have been refused.
async fn counted(server: &Server, count: u64) {
    for _ in 0..200 {
        if server.refusals().tls == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.refusals().tls, count);
}
