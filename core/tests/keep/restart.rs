//! Over the store that is a file: a registrar that is stopped and started again, under clients of ours.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, Mode, Reopening, Subscription};
use onem2m_ws::primitive::{AbsRelTimestamp, Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::{Principal, Server};
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::json;
use tokio::sync::mpsc;

use crate::peer::*;

/// A file of one test, which is removed after it.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("onem2m-ws-keep-{}-{number}", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn registrar(file: &File, at: &str) -> Registrar {
    let mut last = None;
    for _ in 0..200 {
        match Registrar::builder().listen(at).store(&file.0).start() {
            Ok(registrar) => return registrar,
            // The connections of the last run keep the port for a while.
            Err(error) if error.kind() == ErrorKind::Network => last = Some(error),
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_6_4_4_a_client_that_only_reopens_finds_all_as_it_was() {
    let file = File::new();
    let first = registrar(&file, "ws://127.0.0.1:0").await;
    let url = first.points_of_access()[0].to_string();
    let reopening = Reopening {
        first_delay: Duration::from_millis(20),
        largest_delay: Duration::from_millis(100),
        ..Reopening::default()
    };
    let client = Client::builder(&url).originator("Cactuator").reopening(reopening).keep_registered(false);
    let client = client.connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("actuator")).await.unwrap();
    let (sender, mut received) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        incoming.respond(Response::ok()).unwrap();
        let _ = sender.send(content["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"].clone());
    });
    let cnt = Request::create("cse-in/actuator", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
    assert_eq!(client.send(cnt).await.unwrap().status, StatusCode::CREATED);
    let subscribed = client.subscribe("cse-in/actuator/data", Subscription::new()).await.unwrap();
    assert_eq!(subscribed.status, StatusCode::CREATED);

    let mut current = first;
    for round in 0..3 {
        current.shutdown().await;
        current = registrar(&file, &url).await;
        let cin =
            Request::create("cse-in/actuator/data", ResourceType::CONTENT_INSTANCE, json!({"m2m:cin": {"con": round}}));
        // The request brings the connection back; there is no registration between.
        assert_eq!(client.send(cin).await.unwrap().status, StatusCode::CREATED);
        let came = tokio::time::timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
        assert_eq!(came, round);
        let counters = client.counters();
        assert_eq!(counters.requests_sent, 3 + u64::try_from(round).unwrap() + 1, "no registration was repeated");
    }
    client.close().await;
    current.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_8_what_waits_for_a_registree_survives_the_server() {
    let file = File::new();
    let before = server_with(|builder| builder.store(&file.0));
    drop(Peer::registered(&before, "Ca").await);
    until(|| !before.is_connected("Ca")).await;
    for number in 1..=100 {
        before.notify("Ca", notification(number)).await.unwrap();
    }
    before.shutdown().await;

    let after = server_with(|builder| builder.store(&file.0).delivery_window(16));
    let mut peer = Peer::connect(&after, Some("Ca")).await;
    for number in 1..=100 {
        let (came, rqi) = peer.notified().await;
        assert_eq!(came, number);
        peer.answer(&rqi).await;
    }
    until(|| after.waiting("Ca") == 0).await;
    assert!(after.deregister_durably("Ca").await.unwrap());
    after.shutdown().await;
    let third = server_with(|builder| builder.store(&file.0));
    assert!(!third.is_registered("Ca"));
    third.shutdown().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_an_error_of_the_start() {
    let file = File::new();
    std::fs::write(&file.0, "something else").unwrap();
    let server = Server::builder().listen("ws://127.0.0.1:0").store(&file.0).start(|_: &Server, _| ());
    let error = server.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains(file.0.to_str().unwrap()), "{error}");
    let registrar = Registrar::builder().listen("ws://127.0.0.1:0").store(&file.0).start();
    assert_eq!(registrar.unwrap_err().kind(), ErrorKind::Storage);
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_7_a_schedule_is_known_after_a_restart() {
    let file = File::new();
    let first = registrar(&file, "ws://127.0.0.1:0").await;
    let client = Client::builder(first.points_of_access()[0].to_string()).originator("Cae").connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("ae")).await.unwrap();
    let schedule = json!({"m2m:sch": {"se": {"sce": ["* * 6 * * * *"]}}});
    let made = client.send(Request::create("cse-in/ae", ResourceType::SCHEDULE, schedule)).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.debug_text());
    let known = first.server().schedule("Cae").unwrap();
    client.close().await;
    first.shutdown().await;
    let second = registrar(&file, "ws://127.0.0.1:0").await;
    assert_eq!(second.server().schedule("Cae").as_ref(), Some(&known));
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_3_an_entity_belongs_to_its_principal_after_a_restart() {
    let file = File::new();
    let start = async || {
        let authenticated = Registrar::builder()
            .listen("ws://127.0.0.1:0")
            .store(&file.0)
            .with_server(|server| server.authenticate(|handshake| Ok(handshake.header("X-Who").map(Principal::new))));
        authenticated.start().unwrap()
    };
    let first = start().await;
    let url = first.points_of_access()[0].to_string();
    let client = Client::builder(&url).originator("Cae").header("X-Who", "node 7").connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("ae")).await.unwrap();
    client.close().await;
    first.shutdown().await;
    let second = start().await;
    assert_eq!(second.server().principal_of("Cae"), Some(Principal::new("node 7")));
    let url = second.points_of_access()[0].to_string();
    let nobody = Client::builder(&url).originator("Cae").registered(true).connect().await.unwrap_err();
    assert_eq!(nobody.refusal().unwrap().status, 403);
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_6_5_1_a_request_that_waits_for_its_time_is_carried_out_by_the_next_run() {
    let file = File::new();
    let first = registrar(&file, "ws://127.0.0.1:0").await;
    let url = first.points_of_access()[0].to_string();
    let reopening = Reopening { first_delay: Duration::from_millis(20), ..Reopening::default() };
    let client = Client::builder(&url).originator("Cae").reopening(reopening).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("ae")).await.unwrap();
    let mut request = Request::create("cse-in/ae", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "later"}}));
    request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::relative(Duration::from_secs(3)));
    let call = client.send_in(Mode::NonBlockingAsynch, request).unwrap();
    let acknowledged = tokio::time::timeout(PATIENCE, call.acknowledgement()).await.unwrap().unwrap();
    assert_eq!(acknowledged.status, StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH);
    first.shutdown().await;
    let second = registrar(&file, &url).await;
    let result = tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    assert_eq!(result.status, StatusCode::CREATED, "{:?}", result.debug_text());
    client.close().await;
    second.shutdown().await;
}
