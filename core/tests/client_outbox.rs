//! What a client has accepted is delivered: over cuts, restarts of the registrar, and restarts of its own process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onem2m_ws::binding::{OutboxConfig, Repeat, WhenFull};
use onem2m_ws::client::{Client, ClientBuilder, ClientEvent, Reopening};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::Server;
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::json;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a server was asked, by the number in it and the `rqi`.
type Heard = Arc<Mutex<Vec<(u64, String)>>>;

fn start(url: &str, heard: &Heard, answers: bool) -> Option<Server> {
    let heard = Arc::clone(heard);
    let builder = Server::builder().listen(url).trusted(["Cae"]);
    let started = builder.start(move |_: &Server, incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        let number = content["m2m:cin"]["con"].as_u64().unwrap();
        heard.lock().unwrap().push((number, incoming.request.request_id.clone()));
        if answers {
            let _ = incoming.respond(Response::new(StatusCode::CREATED));
        } else {
            // Never: its connection will end first.
            std::mem::forget(incoming);
        }
    });
    started.ok()
}

async fn restarted(url: &str, heard: &Heard) -> Server {
    loop {
        if let Some(server) = start(url, heard, true) {
            return server;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn builder(url: &str) -> ClientBuilder {
    let first_delay = Duration::from_millis(20);
    let reopening = Reopening { first_delay, largest_delay: Duration::from_millis(100), ..Reopening::default() };
    Client::builder(url).originator("Cae").registered(true).reopening(reopening)
}

fn reading(number: u64) -> Request {
    Request::create(
        "cse-in/data",
        onem2m_ws::primitive::ResourceType::CONTENT_INSTANCE,
        json!({"m2m:cin": {"con": number}}),
    )
}

fn delivered(client: &Client) -> mpsc::UnboundedReceiver<(String, onem2m_ws::Result<Response>)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_event(move |event| {
        if let ClientEvent::Delivered { request_id, result } = event {
            let _ = sender.send((request_id.clone(), result.clone()));
        }
    });
    receiver
}

async fn flush(client: &Client) {
    tokio::time::timeout(PATIENCE, client.flush()).await.expect("not everything was delivered").unwrap();
}

fn temporary(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("onem2m-ws-outbox-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn numbers(heard: &Heard) -> Vec<u64> {
    heard.lock().unwrap().iter().map(|(number, _)| *number).collect()
}

#[tokio::test]
async fn ws_5_2_6_ws_5_2_8_what_is_posted_without_a_registrar_is_delivered_when_it_comes() {
    let heard = Heard::default();
    let first = start("ws://127.0.0.1:0", &heard, true).unwrap();
    let url = first.points_of_access()[0].to_string();
    first.shutdown().await;
    let client = builder(&url).build().unwrap();
    let mut outcomes = delivered(&client);
    let mut posted = Vec::new();
    for number in 0..20 {
        posted.push(client.post(reading(number)).await.unwrap());
    }
    assert_eq!(client.outbox_len(), 20);
    let listed: Vec<String> = client.outbox().into_iter().map(|posted| posted.request_id).collect();
    assert_eq!(listed, posted);
    let server = restarted(&url, &heard).await;
    flush(&client).await;
    assert_eq!(numbers(&heard), (0..20).collect::<Vec<_>>());
    for rqi in posted {
        let (delivered, result) = outcomes.recv().await.unwrap();
        assert_eq!((delivered, result.unwrap().status), (rqi, StatusCode::CREATED));
    }
    client.close().await;
    assert_eq!(client.post(reading(21)).await.unwrap_err().kind(), ErrorKind::Closed);
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_8_what_was_under_way_when_the_registrar_went_comes_again_with_its_rqi_or_is_told() {
    for (repeat, again) in [(Repeat::All, true), (Repeat::Never, false)] {
        let heard = Heard::default();
        let silent = start("ws://127.0.0.1:0", &heard, false).unwrap();
        let url = silent.points_of_access()[0].to_string();
        let client = builder(&url).outbox(OutboxConfig { repeat, ..OutboxConfig::default() }).connect().await.unwrap();
        let mut outcomes = delivered(&client);
        let first = client.post(reading(1)).await.unwrap();
        client.post(reading(2)).await.unwrap();
        while numbers(&heard).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        silent.shutdown_within(Duration::ZERO).await;
        let server = restarted(&url, &heard).await;
        flush(&client).await;
        assert_eq!(numbers(&heard), if again { vec![1, 1, 2] } else { vec![1, 2] });
        let (rqi, result) = outcomes.recv().await.unwrap();
        assert_eq!(rqi, first);
        if again {
            let heard = heard.lock().unwrap();
            assert_eq!(heard[0].1, heard[1].1, "the same rqi");
            assert_eq!(result.unwrap().status, StatusCode::CREATED);
        } else {
            assert!(result.unwrap_err().is_outcome_unknown());
        }
        client.close().await;
        server.shutdown().await;
    }
}

#[tokio::test]
async fn ws_5_2_8_the_next_run_delivers_what_this_one_had_accepted() {
    let path = temporary("next-run");
    let heard = Heard::default();
    let first = start("ws://127.0.0.1:0", &heard, true).unwrap();
    let url = first.points_of_access()[0].to_string();
    first.shutdown().await;
    let run = || builder(&url).outbox_file(&path);
    let client = run().build().unwrap();
    let mut posted = Vec::new();
    for number in 0..10 {
        posted.push(client.post(reading(number)).await.unwrap());
    }
    let locked = run().build().unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Storage, "one process at a time: {locked}");
    client.close().await;
    drop(client);

    let server = restarted(&url, &heard).await;
    let next = loop {
        // The file is free when the first one's last task has ended.
        match run().build() {
            Ok(client) => break client,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Storage),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(next.outbox_len(), 10);
    next.post(reading(10)).await.unwrap();
    flush(&next).await;
    assert_eq!(numbers(&heard), (0..11).collect::<Vec<_>>());
    let first_ten: Vec<String> = heard.lock().unwrap()[..10].iter().map(|(_, rqi)| rqi.clone()).collect();
    assert_eq!(first_ten, posted);
    next.close().await;
    drop(next);
    let last = loop {
        if let Ok(client) = run().build() {
            break client;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(last.outbox_len(), 0, "what was delivered is not in the file any more");
    server.shutdown().await;
}

#[tokio::test]
async fn what_makes_room_is_told_and_so_is_what_is_left_when_the_client_closes() {
    let config = OutboxConfig { requests: 2, when_full: WhenFull::DropOldest, ..OutboxConfig::default() };
    let client = builder("ws://127.0.0.1:1").outbox(config).build().unwrap();
    let mut outcomes = delivered(&client);
    let mut posted = Vec::new();
    for number in 0..4 {
        posted.push(client.post(reading(number)).await.unwrap());
    }
    client.close().await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let (rqi, result) = tokio::time::timeout(PATIENCE, outcomes.recv()).await.unwrap().unwrap();
        told.push((rqi, result.unwrap_err().kind()));
    }
    let dropped = told.iter().filter(|(_, kind)| *kind == ErrorKind::QueueFull).count();
    assert_eq!(dropped, 2, "{told:?}");
    assert_eq!(told.iter().filter(|(_, kind)| *kind == ErrorKind::Closed).count(), 2, "{told:?}");
    let mut all: Vec<String> = told.into_iter().map(|(rqi, _)| rqi).collect();
    all.sort();
    posted.sort();
    assert_eq!(all, posted);
}

#[tokio::test]
async fn settings_of_the_outbox_have_a_range() {
    let with = |config| builder("ws://127.0.0.1:1").outbox(config).build();
    let default = OutboxConfig::default();
    for good in [
        OutboxConfig { requests: 1, window: 1, rate: Some(0.001), ..default },
        OutboxConfig { requests: 1_000_000, window: 256, bytes: 0, ..default },
    ] {
        with(good).unwrap();
    }
    for (bad, name) in [
        (OutboxConfig { requests: 0, ..default }, "outbox: requests"),
        (OutboxConfig { requests: 1_000_001, ..default }, "outbox: requests"),
        (OutboxConfig { window: 0, ..default }, "outbox: window"),
        (OutboxConfig { window: 257, ..default }, "outbox: window"),
        (OutboxConfig { rate: Some(0.0), ..default }, "outbox: rate"),
        (OutboxConfig { rate: Some(f64::INFINITY), ..default }, "outbox: rate"),
        (OutboxConfig { rate: Some(f64::NAN), ..default }, "outbox: rate"),
        (OutboxConfig { lifetime: Duration::ZERO, ..default }, "outbox: lifetime"),
    ] {
        let error = with(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().starts_with(name), "{error}");
    }
}
