//! Our clients and servers over wss.

use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::client::AeRegistration;
use onem2m_ws::primitive::{Format, Request, ResourceType, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::tls::{Pem, TlsVersion};
use serde_json::json;

use crate::harness::{ID, KEY, PATIENCE, builder, certified, client, port, refused, serve, shared};
use crate::pki::{Authority, Leaf};

/// Registers, creates a container and a long instance, and reads it back.
async fn exchange(port: u16, tls: onem2m_ws::tls::Tls) {
    let client = client(port, tls).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Nsensor").name("sensor")).await.unwrap();
    let container = json!({"m2m:cnt": {"rn": "data"}});
    let made = client.send(Request::create("cse-in/sensor", ResourceType::CONTAINER, container)).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED);
    // Several records of TLS in one message.
    let long = "x".repeat(200_000);
    let instance = json!({"m2m:cin": {"con": long}});
    let to = "cse-in/sensor/data";
    let made = client.send(Request::create(to, ResourceType::CONTENT_INSTANCE, instance)).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED);
    let read = client.send(Request::retrieve("cse-in/sensor/data/la")).await.unwrap();
    assert_eq!(read.status, StatusCode::OK);
    let content = read.content_as(Format::Json).unwrap().unwrap();
    assert!(String::from_utf8_lossy(&content).contains(&long));
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_7_1_a_registree_with_a_pre_shared_key_exchanges_requests_with_the_registrar() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let tls = shared(KEY).ts0003_suites(true).most_version(version);
        let registrar = Registrar::builder()
            .listen("wss://127.0.0.1:0")
            .with_server(|server| server.tls(tls.clone().peer(format!("PSK:{ID}"), ["Ssensor1"])))
            .start()
            .unwrap();
        exchange(port(registrar.server()), tls).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_7_1_a_registree_below_an_authority_with_name_constraints_exchanges_requests() {
    let authority = Authority::constrained(Some("critical,permitted;URI:sp.example"));
    let server = authority.issue(&Leaf::server());
    let sensor = authority.issue(&Leaf::client("URI:m2m://sp.example/Ssensor1"));
    let tls = certified(&server, &authority).ts0003_suites(true).uri_scheme("m2m");
    let registrar = Registrar::builder().sp_id("//sp.example").listen("wss://127.0.0.1:0");
    let registrar = registrar.with_server(|server| server.tls(tls)).start().unwrap();
    exchange(port(registrar.server()), certified(&sensor, &authority).ts0003_suites(true)).await;
}

#[tokio::test]
async fn ws_7_1_nothing_of_who_is_refused_reaches_the_handler() {
    let (server, cse) = serve(shared(KEY));
    let error = refused(port(&server), shared(b"fedcba9876543210")).await;
    assert_eq!(error.kind(), ErrorKind::CredentialRefused);
    assert!(error.message().contains("does not know the pre-shared key \"7f3a@mef.sp.example\""), "{error}");
    let why = cse.refusal().await;
    assert!(why.contains("is another one than here"), "{why}");
    for text in [format!("{error:?}"), why] {
        assert!(!text.contains("fedcba") && !text.contains("012345"), "{text}");
    }
    assert_eq!(server.refusals().tls, 1);

    let authority = Authority::new();
    let (other, cse) = serve(certified(&authority.issue(&Leaf::server()), &authority).ts0003_suites(true));
    let stranger = Authority::new();
    let sensor = stranger.issue(&Leaf::client("URI://sp.example/Ssensor1"));
    let tls = certified(&sensor, &stranger).trust(Pem::bytes(authority.pem()));
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let error =
            refused(port(&other), tls.clone().ts0003_suites(true).least_version(version).most_version(version)).await;
        assert_eq!(error.kind(), ErrorKind::CredentialRefused, "{error}");
    }
    assert!(cse.refusal().await.contains("trust the authority that issued it"));
    let counted = async {
        // The server counts after its farewell.
        while other.refusals().tls < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
    assert!(cse.requests.lock().unwrap().is_empty());
    assert_eq!((server.connections(), other.connections()), (0, 0));
}

#[tokio::test]
async fn ws_7_1_a_server_takes_keys_at_one_place_and_certificates_at_another() {
    let authority = Authority::new();
    let cse = crate::harness::Cse::default();
    let server = builder()
        .listen_with("wss://127.0.0.1:0", shared(KEY))
        .listen_with("wss://127.0.0.1:0", certified(&authority.issue(&Leaf::server()), &authority))
        .start(cse.clone())
        .unwrap();
    let ports: Vec<_> = server.points_of_access().iter().map(|poa| poa.port()).collect();
    let sensor = certified(&authority.issue(&Leaf::client("URI://sp.example/Ssensor1")), &authority);
    let first = client(ports[0], shared(KEY)).originator("Ssensor2").connect().await.unwrap();
    let second = client(ports[1], sensor.clone()).connect().await.unwrap();
    assert_eq!(first.peer_identity().unwrap().principal().as_str(), "PSK:7f3a@mef.sp.example");
    assert_eq!(second.peer_identity().unwrap().principal().as_str(), "DNS:localhost");
    for client in [&first, &second] {
        client.register_ae(AeRegistration::new("Nsensor")).await.unwrap();
    }
    assert!(!cse.requests.lock().unwrap().is_empty());
    refused(ports[0], sensor).await;
    refused(ports[1], shared(KEY)).await;
}

#[tokio::test]
async fn ws_7_1_who_has_a_key_that_is_taken_away_is_closed() {
    let file = std::env::temp_dir().join(format!("onem2m-ws-taken-away-{}", std::process::id()));
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&file, format!("{ID}:{hex}\n8@mef.sp.example:{hex}\n")).unwrap();
    let (server, _cse) = serve(onem2m_ws::tls::Tls::new().pre_shared_keys(&*file));
    let client = client(port(&server), shared(KEY)).connect().await.unwrap();
    assert_eq!(server.reload_tls().unwrap(), 0);
    std::fs::write(&file, format!("8@mef.sp.example:{hex}\n")).unwrap();
    assert_eq!(server.reload_tls().unwrap(), 1);
    let gone = async {
        while server.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("its connection goes on");
    client.close().await;
    let _ = std::fs::remove_file(&file);
}
