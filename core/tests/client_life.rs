//! The life of a client's connection and registration: states with their causes, reopening, renewing, and going on in the next run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use onem2m_ws::binding::{OutsideWindow, Principal};
use onem2m_ws::client::{AeRegistration, Client, ClientBuilder, ClientEvent, ConnectionState, Reopening};
use onem2m_ws::primitive::{Operation, Request, Response, StatusCode, format_timestamp};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::Server;
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::json;
use tokio::sync::mpsc;

use ConnectionState::{Closed, Closing, Connecting, Disconnected, Open, Registered};

const PATIENCE: Duration = Duration::from_secs(20);

fn quick() -> Reopening {
    let first_delay = Duration::from_millis(20);
    Reopening { first_delay, largest_delay: Duration::from_millis(100), ..Reopening::default() }
}

fn client(url: &str, originator: &str) -> ClientBuilder {
    Client::builder(url).originator(originator).reopening(quick())
}

fn registrar_at(url: &str) -> Registrar {
    Registrar::builder().listen(url).start().unwrap()
}

fn address(registrar: &Registrar) -> String {
    registrar.points_of_access()[0].to_string()
}

/// The same place, once the system gives it back.
async fn restarted(url: &str) -> Registrar {
    loop {
        match Registrar::builder().listen(url).start() {
            Ok(registrar) => return registrar,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Network, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until(client: &Client, state: ConnectionState) {
    let mut states = client.states();
    tokio::time::timeout(PATIENCE, states.wait_for(|change| change.state == state)).await.unwrap().unwrap();
}

/// Everything that happens to the client from now on.
fn events(client: &Client) -> mpsc::UnboundedReceiver<ClientEvent> {
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_event(move |event| {
        let _ = sender.send(event.clone());
    });
    receiver
}

async fn next(events: &mut mpsc::UnboundedReceiver<ClientEvent>) -> ClientEvent {
    tokio::time::timeout(PATIENCE, events.recv()).await.expect("no event came").unwrap()
}

fn temporary(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("onem2m-ws-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("state.json")
}

/// A registrar of the test's own: what it answers, and what it was asked.
fn server(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> (Server, mpsc::UnboundedReceiver<Request>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let server = Server::builder()
        .listen("ws://127.0.0.1:0")
        .trusted(["Cae"])
        .start(move |_: &Server, incoming: IncomingRequest| {
            let response = answer(&incoming.request);
            let _ = sender.send((*incoming.request).clone());
            incoming.respond(response).unwrap();
        })
        .unwrap();
    (server, receiver)
}

fn registered(life: Option<Duration>) -> Response {
    let et = life.map(|life| format_timestamp(SystemTime::now() + life));
    Response::new(StatusCode::CREATED)
        .content(json!({"m2m:ae": {"aei": "Cae", "ri": "Cae", "et": et.unwrap_or("20990101T000000".into())}}))
}

async fn heard(requests: &mut mpsc::UnboundedReceiver<Request>, operation: Operation) -> Request {
    let request = tokio::time::timeout(PATIENCE, requests.recv()).await.expect("nothing was asked").unwrap();
    assert_eq!(request.operation, operation, "{request:?}");
    request
}

#[tokio::test]
async fn ws_5_2_5_ws_5_2_6_every_state_is_told_with_its_cause_and_what_comes_next() {
    let registrar = registrar_at("ws://127.0.0.1:0");
    let url = address(&registrar);
    let client = client(&url, "Cstates").build().unwrap();
    let mut states = client.states();
    let told = tokio::spawn(async move {
        let mut told = Vec::new();
        while states.changed().await.is_ok() {
            let change = states.borrow_and_update().clone();
            let closed = change.state == Closed;
            told.push(change);
            if closed {
                break;
            }
        }
        told
    });
    client.connect().await.unwrap();
    assert_eq!(client.state().state, Open);
    client.register_ae(AeRegistration::new("Ntest").name("states")).await.unwrap();
    until(&client, Registered).await;
    registrar.shutdown().await;
    until(&client, Disconnected).await;
    let again = restarted(&url).await;
    until(&client, Registered).await;
    client.close().await;
    let told = told.await.unwrap();
    let seen = |state| told.iter().any(|change| change.state == state);
    assert!(seen(Connecting) && seen(Registered) && seen(Closed), "{told:?}");
    let lost = told.iter().find(|change| change.state == Disconnected).unwrap();
    assert!(lost.cause.as_ref().unwrap().message().contains("1001"), "{lost:?}");
    assert!(lost.next_attempt.is_some_and(|delay| delay <= Duration::from_millis(20)), "{lost:?}");
    assert_eq!(told.last().unwrap().state, Closed);
    again.shutdown().await;
}

#[tokio::test]
async fn the_end_of_a_connection_that_waits_for_a_response_is_told_before_it() {
    let (server, mut requests) = server(|request| match request.operation {
        Operation::Create => registered(None),
        _ => Response::ok(),
    });
    let url = server.points_of_access()[0].to_string();
    let client = client(&url, "Cae").connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    heard(&mut requests, Operation::Create).await;
    // A request of the registrar's that we do not answer holds the close back (WS-6.5-2).
    let (sender, mut receiver) = mpsc::unbounded_channel();
    client.on_request(move |incoming| {
        let _ = sender.send(incoming);
    });
    let asked = {
        let server = server.clone();
        tokio::spawn(async move { server.send("Cae", Request::retrieve("Cae")).await })
    };
    let incoming = receiver.recv().await.unwrap();
    let closing = {
        let client = client.clone();
        tokio::spawn(async move { client.close().await })
    };
    until(&client, Closing).await;
    incoming.respond(Response::ok()).unwrap();
    closing.await.unwrap();
    assert_eq!(client.state().state, Closed);
    assert_eq!(asked.await.unwrap().unwrap().status, StatusCode::OK);
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_6_a_patient_client_goes_on_until_the_registrar_is_there_and_stops_where_it_is_refused() {
    let first = registrar_at("ws://127.0.0.1:0");
    let url = address(&first);
    first.shutdown().await;
    let impatient = client(&url, "Cae").build().unwrap();
    assert_eq!(impatient.connect().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);

    let patient = client(&url, "Cae").patient(true).build().unwrap();
    let connecting = {
        let patient = patient.clone();
        tokio::spawn(async move { patient.connect().await })
    };
    let mut states = patient.states();
    let failed = states.wait_for(|change| change.state == Disconnected && change.attempt >= 3);
    let failed = tokio::time::timeout(PATIENCE, failed).await.unwrap().unwrap().clone();
    assert!(failed.next_attempt.is_some() && failed.cause.is_some(), "{failed:?}");
    let again = restarted(&url).await;
    tokio::time::timeout(PATIENCE, connecting).await.unwrap().unwrap().unwrap();
    again.shutdown().await;

    // Refused for good: the first attempt is the last one.
    let served =
        Server::builder().listen("ws://127.0.0.1:0").paths(["/there"]).start(|_: &Server, _: IncomingRequest| {});
    let served = served.unwrap();
    let elsewhere = served.points_of_access()[0].to_string().replace("/there", "/elsewhere");
    let refused = client(&elsewhere, "Cae").patient(true).build().unwrap();
    let error = tokio::time::timeout(PATIENCE, refused.connect()).await.unwrap().unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 404);
    assert_eq!(refused.state().next_attempt, None);
    served.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_9_a_registrar_that_has_forgotten_is_registered_at_again_and_an_event_says_so() {
    let registrar = registrar_at("ws://127.0.0.1:0");
    let url = address(&registrar);
    let client = client(&url, "Cae").connect().await.unwrap();
    let mut events = events(&client);
    client.register_ae(AeRegistration::new("Ntest").name("ae")).await.unwrap();

    // A reopening at a registrar that knows the entity: it is asked, and nothing is registered.
    client.disconnect().await;
    client.connect().await.unwrap();
    assert!(matches!(next(&mut events).await, ClientEvent::RegistrationConfirmed { until: Some(_) }));

    registrar.shutdown().await;
    until(&client, Disconnected).await;
    let again = restarted(&url).await;
    let ClientEvent::RegisteredAgain(registration) = next(&mut events).await else { panic!("not registered again") };
    assert_eq!(registration.entity, "Cae");
    assert!(again.server().is_registered("Cae"));
    let answer = client.send(Request::retrieve("cse-in/ae")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.debug_text());
    client.close().await;
    again.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_9_an_answer_that_casts_doubt_is_looked_into_on_the_same_connection() {
    let forgotten = Arc::new(AtomicUsize::new(0));
    let registrations = Arc::clone(&forgotten);
    let (server, mut requests) = server(move |request| match request.operation {
        Operation::Create => {
            registrations.fetch_add(1, Ordering::Relaxed);
            registered(None)
        }
        Operation::Retrieve => Response::error(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, "who are you?"),
        _ => Response::ok(),
    });
    let url = server.points_of_access()[0].to_string();
    let client = client(&url, "Cae").connect().await.unwrap();
    let mut events = events(&client);
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    heard(&mut requests, Operation::Create).await;
    let answer = client.send(Request::retrieve("cse-in/box")).await.unwrap();
    assert_eq!(answer.status, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, "the answer is the caller's all the same");
    heard(&mut requests, Operation::Retrieve).await;
    assert_eq!(heard(&mut requests, Operation::Retrieve).await.to, "Cae", "is it still there?");
    heard(&mut requests, Operation::Create).await;
    assert!(matches!(next(&mut events).await, ClientEvent::RegisteredAgain(_)));
    assert_eq!(forgotten.load(Ordering::Relaxed), 2);
    server.shutdown().await;
}

#[tokio::test]
async fn ws_6_4_4_a_registration_is_renewed_before_it_lapses() {
    let (server, mut requests) = server(|request| match request.operation {
        Operation::Create => registered(Some(Duration::from_secs(2))),
        _ => Response::new(StatusCode::UPDATED),
    });
    let url = server.points_of_access()[0].to_string();
    let client = client(&url, "Cae").connect().await.unwrap();
    let mut events = events(&client);
    client.register_ae(AeRegistration::new("Ntest").lifetime(Duration::from_secs(2))).await.unwrap();
    let create = heard(&mut requests, Operation::Create).await.content.unwrap().value().unwrap();
    assert!(create["m2m:ae"]["et"].is_string(), "{create}");
    for _ in 0..2 {
        let renewal = heard(&mut requests, Operation::Update).await;
        assert_eq!(renewal.to, "Cae");
        assert!(renewal.content.unwrap().value().unwrap()["m2m:ae"]["et"].is_string());
        let ClientEvent::RegistrationRenewed { until } = next(&mut events).await else { panic!("not renewed") };
        assert!(until > SystemTime::now() + Duration::from_millis(500));
    }
    client.close().await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_that_is_told_so_leaves_its_registration_alone() {
    let (server, mut requests) = server(|request| match request.operation {
        Operation::Create => registered(Some(Duration::from_millis(200))),
        _ => Response::ok(),
    });
    let url = server.points_of_access()[0].to_string();
    let client = client(&url, "Cae").keep_registered(false).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    heard(&mut requests, Operation::Create).await;
    client.disconnect().await;
    client.connect().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.send(Request::delete("elsewhere")).await.unwrap();
    heard(&mut requests, Operation::Delete).await;
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_9_the_next_run_goes_on_without_registering() {
    let (server, mut requests) = server(|request| match request.operation {
        Operation::Create => registered(None),
        Operation::Delete => Response::new(StatusCode::DELETED),
        _ => Response::ok(),
    });
    let url = server.points_of_access()[0].to_string();
    let path = temporary("next-run");
    let run = || Client::builder(&url).originator("C").reopening(quick()).state_file(&path);
    let first = run().connect().await.unwrap();
    let registration = first.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    assert_eq!(registration.entity, "Cae");
    heard(&mut requests, Operation::Create).await;
    drop(first); // as a process that is killed

    let second = run().build().unwrap();
    assert_eq!(second.state().state, Disconnected, "nothing is opened by itself");
    second.connect().await.unwrap();
    let resumed = second.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    assert_eq!(resumed, registration);
    let asked = heard(&mut requests, Operation::Retrieve).await;
    assert_eq!((asked.to.as_str(), asked.from.as_deref()), ("Cae", Some("Cae")));
    // Deregistered: the run after that begins anew.
    second.send(Request::delete("Cae")).await.unwrap();
    tokio::time::timeout(PATIENCE, async {
        while !std::fs::read_to_string(&path).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    second.close().await;
    while requests.try_recv().is_ok() {}
    let third = run().connect().await.unwrap();
    third.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    heard(&mut requests, Operation::Create).await;
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_9_the_next_run_registers_where_the_registrar_has_forgotten() {
    let path = temporary("forgotten");
    let registrar = registrar_at("ws://127.0.0.1:0");
    let url = address(&registrar);
    let run = || client(&url, "Cae").state_file(&path);
    let first = run().connect().await.unwrap();
    first.register_ae(AeRegistration::new("Ntest").name("ae")).await.unwrap();
    drop(first);
    registrar.shutdown().await;
    let again = restarted(&url).await;
    let second = run().connect().await.unwrap();
    second.register_ae(AeRegistration::new("Ntest").name("ae")).await.unwrap();
    assert!(again.server().is_registered("Cae"));
    second.close().await;
    again.shutdown().await;
}

#[tokio::test]
async fn a_state_file_that_cannot_be_used_is_refused_by_name() {
    let path = temporary("refused");
    let build = |originator: &str, url: &str| client(url, originator).state_file(&path).build();
    let refused = |text: &str, hint: &str| {
        std::fs::write(&path, text).unwrap();
        let error = build("Cae", "ws://127.0.0.1:1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("state.json") && error.message().contains(hint), "{error}");
    };
    refused("{", "is damaged");
    refused("{\"name\": \"somebody's\"}", "is another file");
    std::fs::write(&path, "").unwrap();
    assert!(build("Cae", "ws://127.0.0.1:1").is_ok(), "an empty one is a new one");

    let (server, _requests) = server(|_| registered(None));
    let url = server.points_of_access()[0].to_string();
    let first = client(&url, "Cae").state_file(&path).connect().await.unwrap();
    first.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    drop(first);
    let error = build("Cae", "ws://127.0.0.1:1").unwrap_err();
    assert!(error.message().contains("is for the registrar"), "{error}");
    let error = build("Cother", &url).unwrap_err();
    assert!(error.message().contains("is of \"Cae\", not of \"Cother\""), "{error}");
    let nowhere = client(&url, "Cae").state_file("/nonexistent/folder/state.json").build().unwrap_err();
    assert!(nowhere.message().contains("cannot be written"), "{nowhere}");
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_7_a_client_with_a_schedule_is_connected_in_its_windows_and_else_only_for_requests() {
    let (server, _requests) = server(|_| Response::ok());
    let url = server.points_of_access()[0].to_string();
    // Every third second, in this hour and all others.
    let scheduled = client(&url, "Cae").registered(true).schedule(["*/3 * * * * * *"]).build().unwrap();
    let mut states = scheduled.states();
    for _ in 0..2 {
        tokio::time::timeout(PATIENCE, states.wait_for(|change| change.state.is_open())).await.unwrap().unwrap();
        let second = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() % 3;
        assert!(second <= 1, "it opens when the window begins, or a little later on a busy machine: {second}");
        let closed = states.wait_for(|change| change.state == Disconnected);
        let change = tokio::time::timeout(PATIENCE, closed).await.unwrap().unwrap().clone();
        assert!(change.next_attempt.is_some_and(|wait| wait <= Duration::from_secs(3)), "{change:?}");
    }
    scheduled.close().await;

    // A window that does not come: a request opens the connection all the same, or waits in vain if it is to.
    let never = ["* * * 29 2 * 2096"];
    let opens = client(&url, "Cae").registered(true).schedule(never).build().unwrap();
    assert_eq!(opens.send(Request::retrieve("x")).await.unwrap().status, StatusCode::OK);
    opens.close().await;
    let holds = client(&url, "Cae").registered(true).schedule(never).outside_window(OutsideWindow::Hold);
    let holds = holds.request_timeout(Duration::from_millis(300)).build().unwrap();
    let error = holds.send(Request::retrieve("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_outcome_unknown()), (ErrorKind::Timeout, false));
    assert_eq!(holds.counters().connections, 0);
    let error = client(&url, "Cae").schedule(["* * 25 * * * *"]).build().unwrap_err();
    assert!(error.message().starts_with("schedule: "), "{error}");
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_3_a_client_whose_place_was_taken_over_does_not_take_it_back_by_itself() {
    let authenticated = Server::builder().listen("ws://127.0.0.1:0").trusted(["Cae"]);
    let authenticated =
        authenticated.authenticate(|handshake| Ok(handshake.header("X-M2M-Origin").map(Principal::new)));
    let server = authenticated.start(|_: &Server, incoming: IncomingRequest| incoming.respond(Response::ok()).unwrap());
    let server = server.unwrap();
    let url = server.points_of_access()[0].to_string();
    let first = client(&url, "Cae").registered(true).connect().await.unwrap();
    let second = client(&url, "Cae").registered(true).connect().await.unwrap();
    let mut states = first.states();
    let parked = states.wait_for(|change| change.state == Disconnected);
    let change = tokio::time::timeout(PATIENCE, parked).await.unwrap().unwrap().clone();
    assert!(change.cause.unwrap().message().contains("4001") && change.next_attempt.is_none());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(second.state().state.is_open(), "nobody pushed it out");
    // With its next request it is back (WS-5.2-6).
    assert_eq!(first.send(Request::retrieve("x")).await.unwrap().status, StatusCode::OK);
    server.shutdown().await;
}
