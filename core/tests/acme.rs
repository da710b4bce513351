//! Live against ACME, a CSE that we did not write. Runs where `ACME_WS_URL` names one (`make test` starts it).
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, ConnectionState, Mode, Preset, Subscription};
use onem2m_ws::primitive::{FilterCriteria, Format, Request, ResourceType, Response, StatusCode};
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::sync::mpsc;

struct Acme {
    url: String,
    cse: String,
}

impl Acme {
    fn running() -> Option<Self> {
        let url = std::env::var("ACME_WS_URL").ok()?;
        Some(Self { url, cse: std::env::var("ACME_CSE_NAME").unwrap_or_else(|_| "cse-in".to_owned()) })
    }

    async fn connect(&self, originator: &str) -> Client {
        Client::builder(&self.url).originator(originator).preset(Preset::Acme).connect().await.unwrap()
    }
}

async fn created(client: &Client, to: String, ty: ResourceType, content: Value) {
    let response = client.send(Request::create(to, ty, content)).await.unwrap();
    assert_eq!(response.status, StatusCode::CREATED, "{:?}", response.debug_text());
}

#[tokio::test]
async fn ws_5_2_10_registers_creates_subscribes_is_notified_and_comes_back() {
    let Some(acme) = Acme::running() else { return };
    let client = acme.connect("Crust1").await;
    let (sender, mut received) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        incoming.respond(Response::ok()).unwrap();
        let _ = sender.send(content);
    });
    let registration = client.register_ae(AeRegistration::new("Nrust").name("rust1")).await.unwrap();
    assert_eq!(registration.entity, "Crust1");
    let base = format!("{}/rust1", acme.cse);
    created(&client, base.clone(), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}})).await;
    let subscribed = client.subscribe(format!("{base}/data"), Subscription::new()).await.unwrap();
    assert_eq!(subscribed.status, StatusCode::CREATED, "{:?}", subscribed.debug_text());

    let reading = json!({"m2m:cin": {"con": "21.5"}});
    created(&client, format!("{base}/data"), ResourceType::CONTENT_INSTANCE, reading).await;
    let notified = tokio::time::timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    assert_eq!(notified["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "21.5");

    let found = Request::discover(&acme.cse, FilterCriteria::new().types([ResourceType::CONTENT_INSTANCE]));
    let found = client.send(found).await.unwrap().content.unwrap().value().unwrap();
    assert!(found["m2m:uril"].as_array().unwrap().iter().any(|uri| uri.as_str().unwrap().contains("rust1/data")));

    // WS-5.2-6 and WS-5.2-9: the next request opens the connection again, without a registration.
    client.disconnect().await;
    assert_eq!(client.state().state, ConnectionState::Disconnected);
    let latest = client.send(Request::retrieve(format!("{base}/data/la"))).await.unwrap();
    assert_eq!(latest.status, StatusCode::OK, "{:?}", latest.debug_text());
    assert_eq!(client.counters().connections, 2);
    // By the address that it was created with, or its identifier: those are known to be the AE.
    assert_eq!(client.send(Request::delete("-/rust1")).await.unwrap().status, StatusCode::DELETED);
    assert_eq!(client.registration(), None, "WS-6.4-5: the registration is over");
    client.close().await;
}

#[tokio::test]
async fn an_error_of_the_cse_is_a_response_with_its_explanation() {
    let Some(acme) = Acme::running() else { return };
    let client = acme.connect("Crust2").await;
    client.register_ae(AeRegistration::new("Nrust").name("rust2")).await.unwrap();
    let missing = client.send(Request::retrieve(format!("{}/nowhere", acme.cse))).await.unwrap();
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.debug_text().is_some());
    client.close().await;
}

#[tokio::test]
async fn a_refused_registration_has_the_answer_of_the_registrar() {
    let Some(acme) = Acme::running() else { return };
    let client = acme.connect("Xnotallowed").await;
    let error = client.register_ae(AeRegistration::new("Nrust").name("rust3")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RegistrationRefused);
    assert_eq!(error.response().unwrap().status, StatusCode::SECURITY_ASSOCIATION_REQUIRED, "{error}");
    client.close().await;
}

#[tokio::test]
async fn ws_6_2_3_1_1_a_refused_handshake_shows_status_and_body() {
    let Some(acme) = Acme::running() else { return };
    // ACME knows only the current names.
    let error = Client::builder(&acme.url).subprotocols(["oneM2M.R2.0.json"]).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HandshakeRefused, "{error}");
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.status, 400);
    assert!(String::from_utf8_lossy(&refusal.body).contains("invalid subprotocol"), "{error}");
}

#[tokio::test]
async fn ws_6_2_2_9_2_both_names_of_the_format_are_offered_and_the_current_one_is_taken() {
    let Some(acme) = Acme::running() else { return };
    let client = Client::builder(&acme.url).originator("Crust5").release_version(Some("4".to_owned()));
    let client = client.connect().await.unwrap();
    client.register_ae(AeRegistration::new("Nrust").name("rust5")).await.unwrap();
    client.close().await;
}

/// The main job over CBOR; tells what was let pass in it.
async fn over_cbor(acme: &Acme, name: &str, registration: AeRegistration) -> u64 {
    let client = Client::builder(&acme.url).originator(format!("C{name}")).preset(Preset::Acme);
    let client = client.formats([Format::Cbor]).connect().await.unwrap();
    assert_eq!(client.format(), Some(Format::Cbor));
    let (sender, mut received) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        incoming.respond(Response::ok()).unwrap();
        let _ = sender.send(content);
    });
    client.register_ae(registration.name(name)).await.unwrap();
    let base = format!("{}/{name}", acme.cse);
    created(&client, base.clone(), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}})).await;
    let subscribed = client.subscribe(format!("{base}/data"), Subscription::new()).await.unwrap();
    assert_eq!(subscribed.status, StatusCode::CREATED, "{:?}", subscribed.debug_text());
    let before = client.counters().deviations;
    let reading = json!({"m2m:cin": {"con": "21.5 \u{b0}C"}});
    // ACME answers when it has the answer to its notification, or has waited 10 s in vain.
    let publish = created(&client, format!("{base}/data"), ResourceType::CONTENT_INSTANCE, reading);
    tokio::time::timeout(Duration::from_secs(8), publish).await.expect("ACME could not read our answer");
    let notified = tokio::time::timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    assert_eq!(notified["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "21.5 \u{b0}C");
    let latest = client.send(Request::retrieve(format!("{base}/data/la"))).await.unwrap();
    assert_eq!(latest.content.unwrap().format(), Format::Cbor);
    let deviations = client.counters().deviations - before;
    assert_eq!(client.send(Request::delete(format!("-/{name}"))).await.unwrap().status, StatusCode::DELETED);
    client.close().await;
    deviations
}

#[tokio::test]
async fn ws_6_2_2_9_1_the_main_job_over_cbor() {
    let Some(acme) = Acme::running() else { return };
    over_cbor(&acme, "rustcbor1", AeRegistration::new("Nrust")).await;
}

#[tokio::test]
async fn ws_6_2_2_9_3_json_notifications_on_a_cbor_connection_are_taken_and_counted() {
    let Some(acme) = Acme::running() else { return };
    // An AE that does not say that it reads CBOR is notified in JSON.
    let silent = AeRegistration::new("Nrust").set("csz", json!(["application/json"]));
    let habit = over_cbor(&acme, "rustcbor2", silent).await;
    let none = over_cbor(&acme, "rustcbor3", AeRegistration::new("Nrust")).await;
    assert!(habit > none, "{habit} deviations, and {none} where the AE says that it reads CBOR");
}

/// ACME loses the first of two messages that come right behind one another, and carries the second out twice: here an answer to
/// a notification and a request, of which more than four in five would be lost.
#[tokio::test]
async fn what_follows_an_answer_at_once_is_carried_out_once() {
    let Some(acme) = Acme::running() else { return };
    let (reader, writer) = (acme.connect("Crust7").await, acme.connect("Crust8").await);
    let (sender, mut received) = mpsc::unbounded_channel();
    reader.on_request(move |incoming: IncomingRequest| {
        incoming.respond(Response::ok()).unwrap();
        let _ = sender.send(());
    });
    reader.register_ae(AeRegistration::new("Nrust").name("rust7")).await.unwrap();
    writer.register_ae(AeRegistration::new("Nrust").name("rust8")).await.unwrap();
    let (base, log) = (format!("{}/rust8", acme.cse), format!("{}/rust7/log", acme.cse));
    created(&writer, base.clone(), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}})).await;
    created(&reader, format!("{}/rust7", acme.cse), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "log"}})).await;
    let data = format!("{base}/data");
    let subscription = json!({"m2m:sub": {"nu": ["Crust7"], "enc": {"net": [3]}, "nct": 1}});
    created(&writer, data.clone(), ResourceType::SUBSCRIPTION, subscription).await;
    received.recv().await.unwrap(); // the verification
    for round in 1..=20 {
        let reading = json!({"m2m:cin": {"con": "1"}});
        let publish = created(&writer, data.clone(), ResourceType::CONTENT_INSTANCE, reading.clone());
        let follow = async {
            received.recv().await.unwrap();
            let request = Request::create(log.clone(), ResourceType::CONTENT_INSTANCE, reading.clone());
            reader.send(request).await.unwrap()
        };
        let (_, answer) = tokio::join!(publish, follow);
        assert_eq!(answer.status, StatusCode::CREATED, "round {round}: {:?}", answer.debug_text());
    }
    let log = reader.send(Request::retrieve(log)).await.unwrap().content.unwrap().value().unwrap();
    assert_eq!(log["m2m:cnt"]["cni"], 20, "none was carried out twice");
    assert_eq!(reader.send(Request::delete("-/rust7")).await.unwrap().status, StatusCode::DELETED);
    assert_eq!(writer.send(Request::delete("-/rust8")).await.unwrap().status, StatusCode::DELETED);
    reader.close().await;
    writer.close().await;
}

/// Every transfer mode, and what ACME answered first in each.
async fn in_every_mode(acme: &Acme, name: &str, format: Format) -> Vec<(Mode, StatusCode)> {
    let client = Client::builder(&acme.url).originator(format!("C{name}")).preset(Preset::Acme);
    let client = client.formats([format]).connect().await.unwrap();
    let (sender, mut asked) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let _ = sender.send(incoming.request.content.clone());
        let _ = incoming.respond(Response::ok());
    });
    client.register_ae(AeRegistration::new("Nrust").name(name)).await.unwrap();
    let base = format!("{}/{name}", acme.cse);
    created(&client, base.clone(), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}})).await;
    let mut first = Vec::new();
    for mode in [Mode::Blocking, Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking] {
        let reading = json!({"m2m:cin": {"con": format!("{mode:?}")}});
        let reading = Request::create(format!("{base}/data"), ResourceType::CONTENT_INSTANCE, reading);
        let exchange = client.send_in(mode, reading).unwrap();
        let patience = Duration::from_secs(20);
        let acknowledgement = tokio::time::timeout(patience, exchange.acknowledgement()).await.unwrap().unwrap();
        first.push((mode, acknowledgement.status));
        let result = tokio::time::timeout(patience, exchange).await.expect("no result").unwrap();
        assert_eq!(result.status, StatusCode::CREATED, "{format:?} {mode:?} {:?}", result.debug_text());
        let content = result.content.unwrap().value().unwrap();
        assert_eq!(content["m2m:cin"]["con"], format!("{mode:?}"), "{content}");

        // What goes wrong is a result too. (A target that does not exist ACME refuses at once, with 4000.)
        let again = Request::create(base.clone(), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
        let again = client.send_in(mode, again).unwrap();
        let result = tokio::time::timeout(patience, again).await.expect("no result").unwrap();
        assert_eq!(result.status, StatusCode::CONFLICT, "{format:?} {mode:?} {:?}", result.debug_text());
    }
    if let Ok(content) = asked.try_recv() {
        panic!("it reached the application: {:?}", content.map(|content| content.value()));
    }
    assert_eq!(client.send(Request::delete(format!("-/{name}"))).await.unwrap().status, StatusCode::DELETED);
    client.close().await;
    first
}

#[tokio::test]
async fn ws_6_5_1_every_transfer_mode() {
    let Some(acme) = Acme::running() else { return };
    for (name, format) in [("rustmode1", Format::Json), ("rustmode2", Format::Cbor)] {
        let first = in_every_mode(&acme, name, format).await;
        let expected = [
            (Mode::Blocking, StatusCode::CREATED),
            (Mode::NonBlockingSynch, StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH),
            (Mode::NonBlockingAsynch, StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH),
            (Mode::FlexBlocking, StatusCode::CREATED), // which it answers as blocking
        ];
        assert_eq!(first, expected, "{format:?}");
    }
}
