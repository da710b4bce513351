//! The main job, end to end on the embedded registrar: register, exchange primitives both ways, go offline, come back.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, ConnectionState, CseRegistration, Subscription};
use onem2m_ws::primitive::{
    FilterCriteria, NotificationContentType, NotificationEventType, Request, ResourceType, Response, StatusCode,
};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::Server;
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

fn registrar() -> (Registrar, String) {
    let registrar = Registrar::builder().listen("ws://127.0.0.1:0").start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    (registrar, url)
}

async fn ae(url: &str, originator: &str, name: &str) -> Client {
    let client = Client::builder(url).originator(originator).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name(name)).await.unwrap();
    client
}

/// Answers every request 2000 and hands it on.
fn notifications(client: &Client) -> mpsc::UnboundedReceiver<Value> {
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        incoming.respond(Response::ok()).unwrap();
        let _ = sender.send(content);
    });
    receiver
}

async fn next(receiver: &mut mpsc::UnboundedReceiver<Value>) -> Value {
    tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("no notification came").unwrap()
}

fn container(name: &str) -> Value {
    json!({"m2m:cnt": {"rn": name}})
}

fn instance(content: &str) -> Value {
    json!({"m2m:cin": {"con": content}})
}

async fn create(client: &Client, to: &str, ty: ResourceType, content: Value) -> Response {
    let response = client.send(Request::create(to, ty, content)).await.unwrap();
    assert_eq!(response.status, StatusCode::CREATED, "{:?}", response.debug_text());
    response
}

async fn until(client: &Client, state: ConnectionState) {
    let mut states = client.states();
    tokio::time::timeout(PATIENCE, states.wait_for(|change| change.state == state)).await.unwrap().unwrap();
}

#[tokio::test]
async fn ws_5_2_10_register_exchange_go_offline_come_back() {
    let (registrar, url) = registrar();
    let sensor = ae(&url, "Csensor", "sensor").await;
    create(&sensor, "cse-in/sensor", ResourceType::CONTAINER, container("data")).await;

    let actuator = ae(&url, "Cactuator", "actuator").await;
    let mut received = notifications(&actuator);
    let subscribed = actuator.subscribe("cse-in/sensor/data", Subscription::new().name("sub")).await.unwrap();
    assert_eq!(subscribed.status, StatusCode::CREATED, "{:?}", subscribed.debug_text());

    create(&sensor, "cse-in/sensor/data", ResourceType::CONTENT_INSTANCE, instance("one")).await;
    let first = next(&mut received).await;
    assert_eq!(first["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "one");
    assert_eq!(first["m2m:sgn"]["nev"]["net"], 3);

    // Away: what is notified meanwhile is stored (WS-6.5-4).
    actuator.disconnect().await;
    assert_eq!(actuator.state().state, ConnectionState::Disconnected);
    while registrar.server().is_connected("Cactuator") {
        tokio::task::yield_now().await;
    }
    for content in ["two", "three", "four"] {
        create(&sensor, "cse-in/sensor/data", ResourceType::CONTENT_INSTANCE, instance(content)).await;
    }
    assert_eq!(registrar.server().waiting("Cactuator"), 3);
    assert!(registrar.server().is_registered("Cactuator"), "WS-6.4-4: a close does not end the registration");

    // Back with the next request (WS-5.2-6), and without a registration (WS-5.2-9).
    let registered = actuator.registration();
    let answer = actuator.send(Request::retrieve("cse-in/sensor/data/la")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.debug_text());
    assert_eq!(actuator.registration(), registered);
    for content in ["two", "three", "four"] {
        assert_eq!(next(&mut received).await["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], content);
    }
    assert_eq!(actuator.counters().connections, 2);

    // Deregistration ends the routing and drops what is stored (WS-6.4-5).
    let deleted = actuator.send(Request::delete("cse-in/actuator")).await.unwrap();
    assert_eq!(deleted.status, StatusCode::DELETED);
    assert!(!registrar.server().is_registered("Cactuator"));
    actuator.close().await;
    sensor.close().await;
    registrar.shutdown().await;
    assert_eq!(registrar.server().connections(), 0);
}

#[tokio::test]
async fn ws_6_4_3_before_the_registration_requests_are_refused_at_both_ends() {
    let (registrar, url) = registrar();
    let client = Client::builder(&url).originator("Cnew").connect().await.unwrap();
    let error = client.send(Request::retrieve("cse-in")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    let error = registrar.server().send("Cnew", Request::retrieve("Cnew")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered, "nothing is routed to it before");

    let pretender = Client::builder(&url).originator("Cpretender").registered(true).connect().await.unwrap();
    let refused = pretender.send(Request::retrieve("cse-in")).await.unwrap();
    assert_eq!(refused.status, StatusCode::ORIGINATOR_NOT_AUTHENTICATED);
}

#[tokio::test]
async fn an_assigned_ae_id_is_used_from_then_on() {
    let (registrar, url) = registrar();
    for originator in ["C", "S", ""] {
        let client = Client::builder(&url).originator(originator).connect().await.unwrap();
        let registration = client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
        assert!(registration.entity.len() > 1, "{registration:?}");
        let answer = client.send(Request::retrieve("cse-in")).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.debug_text());
        assert!(registrar.server().is_connected(&registration.entity));
    }
}

#[tokio::test]
async fn ws_6_4_2_requests_for_a_registree_are_routed_to_its_connection() {
    let (registrar, url) = registrar();
    let mn = Client::builder(&url).originator("/id-mn").connect().await.unwrap();
    mn.on_request(|incoming| {
        let text = format!("{} {}", incoming.request.operation, incoming.request.to);
        let from = incoming.request.from.clone().unwrap_or_default();
        incoming.respond(Response::ok().content(json!({"m2m:cnt": {"lbl": [text, from]}}))).unwrap();
    });
    mn.register_cse(CseRegistration::new("/id-mn", "cse-mn")).await.unwrap();

    let client = ae(&url, "Casks", "asks").await;
    let answer = client.send(Request::retrieve("/id-mn/cse-mn/thing")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let content = answer.content.unwrap().value().unwrap();
    assert_eq!(content, json!({"m2m:cnt": {"lbl": ["RETRIEVE /id-mn/cse-mn/thing", "/id-in/Casks"]}}));

    // The other way round, the MN's own AE asks through it.
    let forwarded = Request::retrieve("/id-in/cse-in").from("/id-mn/Cfar");
    let answer = mn.send(forwarded).await.unwrap();
    assert_ne!(answer.status, StatusCode::BAD_REQUEST);

    mn.disconnect().await;
    while registrar.server().is_connected("/id-mn") {
        tokio::task::yield_now().await;
    }
    let answer = client.send(Request::retrieve("/id-mn/cse-mn/thing")).await.unwrap();
    assert_eq!(answer.status, StatusCode::TARGET_NOT_REACHABLE);
}

#[tokio::test]
async fn crudn_and_discovery_over_the_wire() {
    let (_registrar, url) = registrar();
    let client = ae(&url, "Ccrud", "crud").await;
    let mut received = notifications(&client);
    create(&client, "cse-in/crud", ResourceType::CONTAINER, container("box")).await;
    let subscription = Subscription::new()
        .event(NotificationEventType::UPDATE_OF_RESOURCE)
        .content(NotificationContentType::MODIFIED_ATTRIBUTES);
    assert_eq!(client.subscribe("cse-in/crud/box", subscription).await.unwrap().status, StatusCode::CREATED);

    let updated = client.send(Request::update("cse-in/crud/box", json!({"m2m:cnt": {"lbl": ["x"]}}))).await.unwrap();
    assert_eq!(updated.status, StatusCode::UPDATED);
    let notified = next(&mut received).await;
    assert_eq!(notified["m2m:sgn"]["nev"]["rep"]["m2m:cnt"]["lbl"], json!(["x"]));

    let found = client.send(Request::discover("cse-in", FilterCriteria::new().labels(["x"]))).await.unwrap();
    assert_eq!(found.content.unwrap().value().unwrap(), json!({"m2m:uril": ["cse-in/crud/box"]}));

    assert_eq!(client.send(Request::delete("cse-in/crud/box")).await.unwrap().status, StatusCode::DELETED);
    let gone = client.send(Request::retrieve("cse-in/crud/box")).await.unwrap();
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(gone.debug_text().is_some());
}

/// An MN-CSE: the registrar of its AEs, and the registree of an IN-CSE, in one process.
#[tokio::test]
async fn ws_5_2_2_one_process_is_registrar_and_registree() {
    let (registrar, url) = registrar();
    let upwards = Client::builder(&url).originator("/id-mn").connect().await.unwrap();
    upwards.register_cse(CseRegistration::new("/id-mn", "cse-mn")).await.unwrap();

    // What its AEs ask for goes on to the IN-CSE, in their name.
    let on = upwards.clone();
    let mn = Server::builder().listen("ws://127.0.0.1:0").identity("//onem2m-ws.example", "/id-mn");
    let mn = mn.start(move |_: &Server, incoming: IncomingRequest| {
        let IncomingRequest { mut request, responder } = incoming;
        if request.resource_type == Some(ResourceType::AE) {
            responder.respond(Response::new(StatusCode::CREATED)).unwrap();
            return;
        }
        request.from = request.from.map(|stem| format!("/id-mn/{stem}"));
        request.request_id.clear();
        let on = on.clone();
        tokio::spawn(async move { responder.respond(on.send(*request).await.unwrap()).unwrap() });
    });
    let mn = mn.unwrap();

    // And what the IN-CSE has for them goes down.
    let down = mn.clone();
    upwards.on_request(move |incoming| {
        let IncomingRequest { mut request, responder } = incoming;
        request.request_id.clear();
        let down = down.clone();
        tokio::spawn(async move { responder.respond(down.send("Cbelow", *request).await.unwrap()).unwrap() });
    });

    let below = Client::builder(mn.points_of_access()[0].to_string()).originator("Cbelow").connect().await.unwrap();
    below.on_request(|incoming| {
        let to = incoming.request.to.clone();
        incoming.respond(Response::ok().content(json!({"m2m:cnt": {"lbl": [to]}}))).unwrap();
    });
    below.register_ae(AeRegistration::new("Nbelow")).await.unwrap();
    let base = below.send(Request::retrieve("/id-in/cse-in")).await.unwrap();
    assert_eq!(base.status, StatusCode::OK, "{:?}", base.debug_text());
    assert_eq!(base.content.unwrap().value().unwrap()["m2m:cb"]["csi"], "/id-in");

    let above = ae(&url, "Cabove", "above").await;
    let answer = above.send(Request::retrieve("/id-mn/Cbelow")).await.unwrap();
    assert_eq!(answer.content.unwrap().value().unwrap(), json!({"m2m:cnt": {"lbl": ["/id-mn/Cbelow"]}}));
    assert!(registrar.server().is_connected("/id-mn"));
}

#[tokio::test]
async fn ws_5_2_6_a_connection_closed_for_idleness_is_opened_by_the_next_request_and_not_before() {
    let (registrar, url) = registrar();
    let builder = Client::builder(&url).originator("Cidle").idle_close(Some(Duration::from_millis(100)));
    let client = builder.connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name("idle")).await.unwrap();
    until(&client, ConnectionState::Disconnected).await;
    assert_eq!(client.state().next_attempt, None, "it stays closed");
    assert!(registrar.server().is_registered("Cidle"));
    create(&client, "cse-in/idle", ResourceType::CONTAINER, container("data")).await;
    assert_eq!(client.counters().connections, 2);
}
