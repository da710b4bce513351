//! An MN-CSE of ours under ACME, a CSE that we did not write. Runs where `ACME_WS_URL` names one at which `/id-mn` may
//! register: `python tests/interop/acme.py --member /id-mn -- cargo test -p onem2m-ws --test acme_gateway`.
//!
//! ACME sends what is for the MN, or an AE at it, over connections that it opens to the MN's point of access. A notification
//! from the MN for an AE of its own it looks for on a connection of `/id-in`, not of the AE: such an AE needs a point of access
//! of its own.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::time::Duration;

use onem2m_ws::IncomingRequest;
use onem2m_ws::client::{AeRegistration, Client, Preset, Subscription};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::{Registrar, Upstream};
use onem2m_ws::server::Server;
use serde_json::{Value, json};
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(30);
const ACP: ResourceType = ResourceType(1);
const CNT: ResourceType = ResourceType::CONTAINER;
const CIN: ResourceType = ResourceType::CONTENT_INSTANCE;

async fn create(client: &Client, to: &str, ty: ResourceType, content: Value) {
    let response = client.send(Request::create(to, ty, content)).await.unwrap();
    assert_eq!(response.status, StatusCode::CREATED, "{to}: {:?}", response.debug_text());
}

async fn subscribe(client: &Client, to: &str, target: &str) {
    let response = client.subscribe(to, Subscription::new().notify([target])).await.unwrap();
    assert_eq!(response.status, StatusCode::CREATED, "{to}: {:?}", response.debug_text());
}

fn instance(number: u32) -> Value {
    json!({"m2m:cin": {"con": number.to_string()}})
}

/// Answers 2000, and hands on what contentInstances are notified.
fn hear(sender: &mpsc::UnboundedSender<String>, incoming: IncomingRequest) {
    let content = incoming.request.content.as_ref().and_then(|content| content.value().ok()).unwrap_or_default();
    let _ = incoming.respond(Response::ok());
    if let Some(reading) = content.pointer("/m2m:sgn/nev/rep/m2m:cin/con") {
        let _ = sender.send(reading.as_str().unwrap().to_owned());
    }
}

/// Waits for this number; the one before may come again first, since delivery is at least once.
async fn hears(readings: &mut mpsc::UnboundedReceiver<String>, number: u32) {
    loop {
        let next = tokio::time::timeout(PATIENCE, readings.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("{number} did not come")).unwrap();
        if next == number.to_string() {
            return;
        }
        assert_eq!(next, (number - 1).to_string(), "in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_mn_of_ours_under_acme() {
    let members = std::env::var("ACME_MEMBERS").unwrap_or_default();
    let Some(acme) = std::env::var("ACME_WS_URL").ok().filter(|_| members.split(',').any(|member| member == "/id-mn"))
    else {
        eprintln!("SKIPPED, our MN-CSE under ACME: no ACME at which /id-mn may register (see the head of this file)");
        return;
    };
    let upstream = Upstream::new(&acme, "/id-in").below("cse-in").check_every(Some(Duration::from_millis(500)));
    // ACME now and then leaves a request without an answer: the store sends it again after this time.
    let upstream = upstream.with_client(|client| client.preset(Preset::Acme).request_timeout(Duration::from_secs(3)));
    let gateway = Registrar::builder().cse_id("/id-mn").cse_name("cse-mn").sp_id("//acme.example.com");
    let gateway = gateway.listen("ws://127.0.0.1:0").upstream(upstream).start().unwrap();
    let mut states = gateway.upstream_states().unwrap();
    let joined = tokio::time::timeout(PATIENCE, states.wait_for(|state| state.is_registered)).await;
    assert_eq!(joined.unwrap_or_else(|_| panic!("{:?}", gateway.upstream_state())).unwrap().registrations, 1);

    // An AE at ACME, where those of the MN may use its container, and notify it.
    let boss = Client::builder(&acme).originator("Cgwboss").preset(Preset::Acme).connect().await.unwrap();
    let (sender, mut at_boss) = mpsc::unbounded_channel();
    let notified = Server::builder().listen("ws://127.0.0.1:0").trusted(["/id-mn", "/id-in"]);
    let notified = notified.start(move |_: &Server, incoming: IncomingRequest| hear(&sender, incoming)).unwrap();
    let poa = json!([notified.points_of_access()[0].to_string()]);
    boss.register_ae(AeRegistration::new("Ngateway").name("gwboss").set("poa", poa)).await.unwrap();
    let everything = |who: Value| json!({"acr": [{"acor": who, "acop": 63}]});
    let own = json!(["Cgwboss", "/id-in/Cgwboss"]);
    let all = json!(["Cgwboss", "/id-in/Cgwboss", "/id-mn", "/id-mn/Csensor"]);
    let acp = json!({"m2m:acp": {"rn": "acp", "pv": everything(all), "pvs": everything(own)}});
    create(&boss, "cse-in/gwboss", ACP, acp).await;
    let grant = json!({"m2m:ae": {"acpi": ["cse-in/gwboss/acp"]}});
    let granted = boss.send(Request::update("cse-in/gwboss", grant)).await.unwrap();
    assert_eq!(granted.status, StatusCode::UPDATED, "{:?}", granted.debug_text());
    let orders = json!({"m2m:cnt": {"rn": "orders", "acpi": ["cse-in/gwboss/acp"]}});
    create(&boss, "cse-in/gwboss", CNT, orders).await;

    // An AE at our MN.
    let at = gateway.points_of_access()[0].to_string();
    let sensor = Client::builder(&at).originator("Csensor").connect().await.unwrap();
    let (sender, mut at_sensor) = mpsc::unbounded_channel();
    sensor.on_request(move |incoming| hear(&sender, incoming));
    sensor.register_ae(AeRegistration::new("Ngateway").name("sensor")).await.unwrap();
    create(&sensor, "cse-mn/sensor", CNT, json!({"m2m:cnt": {"rn": "data"}})).await;

    // Up and down: requests.
    create(&sensor, "/id-in/cse-in/gwboss/orders", CIN, instance(1)).await;
    let latest = sensor.send(Request::retrieve("/id-in/cse-in/gwboss/orders/la")).await.unwrap();
    assert_eq!(latest.content.unwrap().value().unwrap()["m2m:cin"]["con"], "1");
    create(&sensor, "cse-mn/sensor/data", CIN, instance(2)).await;
    let latest = boss.send(Request::retrieve("/id-mn/cse-mn/sensor/data/la")).await.unwrap();
    assert_eq!(latest.status, StatusCode::OK, "{:?}", latest.debug_text());
    assert_eq!(latest.content.unwrap().value().unwrap()["m2m:cin"]["con"], "2");

    // Down and up: notifications.
    subscribe(&boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cgwboss").await;
    subscribe(&sensor, "/id-in/cse-in/gwboss/orders", "/id-mn/Csensor").await;
    // One at a time: ACME closes its connection to the AE after each notification, and what meets it closing is answered with an
    // error, which is an answer.
    for number in 3..=6 {
        create(&sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
        hears(&mut at_boss, number).await;
        while gateway.server().waiting("/id-in") > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        create(&boss, "cse-in/gwboss/orders", CIN, instance(number)).await;
        hears(&mut at_sensor, number).await;
    }

    // Deleted behind the back of the MN. ACME serves those behind it all the same, where an access control policy lets them: the
    // MN learns of it when it looks.
    let admin =
        Client::builder(&acme).originator("CAdmin").registered(true).preset(Preset::Acme).connect().await.unwrap();
    let deleted = admin.send(Request::delete("cse-in/id-mn")).await.unwrap();
    assert_eq!(deleted.status, StatusCode::DELETED, "{:?}", deleted.debug_text());
    let again = tokio::time::timeout(PATIENCE, states.wait_for(|state| state.registrations == 2)).await;
    assert!(again.unwrap_or_else(|_| panic!("{:?}", gateway.upstream_state())).unwrap().is_registered);
    let latest = boss.send(Request::retrieve("/id-mn/cse-mn/sensor/data/la")).await.unwrap();
    assert_eq!(latest.status, StatusCode::OK, "{:?}", latest.debug_text());

    let gone = boss.send(Request::delete("cse-in/gwboss")).await.unwrap();
    assert_eq!(gone.status, StatusCode::DELETED, "{:?}", gone.debug_text());
    sensor.close().await;
    boss.close().await;
    gateway.shutdown().await;
    notified.shutdown().await;
}
