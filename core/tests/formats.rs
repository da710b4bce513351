//! Clients that speak different formats at one registrar: what is chosen, what is converted on the way from one to the
//! other, and what becomes of that which a format cannot carry (TS-0020 6.2.2.9, 6.2.3.5).
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, ClientBuilder, Subscription};
use onem2m_ws::primitive::{Format, Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::websocket::Compression;
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

fn registrar(formats: &[Format]) -> (Registrar, String) {
    let builder = Registrar::builder().with_server(|server| server.formats(formats.iter().copied()));
    let registrar = builder.listen("ws://127.0.0.1:0").start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    (registrar, url)
}

fn offering(url: &str, formats: &[Format]) -> ClientBuilder {
    Client::builder(url).originator("CAdmin").registered(true).formats(formats.iter().copied())
}

/// An AE named like its format, and the contents of what it is asked.
async fn ae(url: &str, format: Format) -> (Client, mpsc::UnboundedReceiver<Value>) {
    let client = Client::builder(url).originator(format!("C{format}")).formats([format]).connect().await.unwrap();
    assert_eq!(client.format(), Some(format));
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        assert_eq!(incoming.request.content.as_ref().unwrap().format(), format);
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        incoming.respond(Response::ok().content(content.clone())).unwrap();
        let _ = sender.send(content);
    });
    client.register_ae(AeRegistration::new("Ntest").name(format.name())).await.unwrap();
    (client, receiver)
}

async fn next(receiver: &mut mpsc::UnboundedReceiver<Value>) -> Value {
    tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("no request came").unwrap()
}

async fn create(client: &Client, to: &str, ty: ResourceType, content: Value) {
    let response = client.send(Request::create(to, ty, content)).await.unwrap();
    assert_eq!(response.status, StatusCode::CREATED, "{:?}", response.debug_text());
}

#[tokio::test]
async fn ws_6_2_3_5_1_the_format_is_the_first_of_the_clients_that_the_registrar_has() {
    use Format::{Cbor, Json, Xml};
    for (served, offered, chosen) in [
        (&Format::ALL[..], &[Cbor, Json][..], Cbor),
        (&Format::ALL, &[Xml, Cbor, Json], Xml),
        (&[Json, Xml], &[Cbor, Xml, Json], Xml),
        (&[Json], &[Cbor, Json], Json),
    ] {
        let (registrar, url) = registrar(served);
        let client = offering(&url, offered).connect().await.unwrap();
        assert_eq!(client.format(), Some(chosen), "{served:?} {offered:?}");
        assert_eq!(client.send(Request::retrieve("cse-in")).await.unwrap().status, StatusCode::OK);
        client.disconnect().await;
        assert_eq!(client.format(), None, "no connection speaks nothing");
        client.close().await;
        registrar.shutdown().await;
    }
}

#[tokio::test]
async fn ws_6_2_3_5_1_without_a_format_in_common_there_is_no_connection() {
    let (registrar, url) = registrar(&[Format::Json]);
    let error = offering(&url, &[Format::Cbor, Format::Xml]).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HandshakeRefused);
    assert_eq!(error.refusal().unwrap().status, 400);
    assert!(error.message().contains("oneM2M.json"), "{error}");
    // What is offered can be said name by name, and must be said.
    let names = offering(&url, &[Format::Cbor]).subprotocols(["oneM2M.R2.0.json"]).connect().await.unwrap();
    assert_eq!(names.format(), Some(Format::Json));
    for wrong in [
        offering(&url, &[]),
        offering(&url, &[Format::Cbor, Format::Json, Format::Cbor]),
        offering(&url, &[Format::Json]).subprotocols(["oneM2M.yaml"]),
    ] {
        let error = wrong.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let none = Registrar::builder().with_server(|server| server.formats([])).listen("ws://127.0.0.1:0").start();
    assert_eq!(none.unwrap_err().kind(), ErrorKind::InvalidArgument);
    registrar.shutdown().await;
}

#[tokio::test]
async fn ws_6_2_2_9_1_each_hears_in_its_own_format_what_the_others_say() {
    let (registrar, url) = registrar(&Format::ALL);
    let mut all = Vec::new();
    for format in Format::ALL {
        all.push((format, ae(&url, format).await));
    }
    for (format, (client, _)) in &all {
        create(client, &format!("cse-in/{format}"), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}})).await;
    }
    for (own, (client, _)) in &all {
        for format in Format::ALL {
            let name = Subscription::new().name(format!("by-{own}"));
            let subscribed = client.subscribe(format!("cse-in/{format}/data"), name).await.unwrap();
            assert_eq!(subscribed.status, StatusCode::CREATED, "{:?}", subscribed.debug_text());
        }
    }
    for at in 0..all.len() {
        let (format, (client, _)) = &all[at];
        let text = format!("<{format}> & 21.5 \u{b0}C");
        let reading = json!({"m2m:cin": {"con": text, "lbl": ["a", "b"]}});
        create(client, &format!("cse-in/{format}/data"), ResourceType::CONTENT_INSTANCE, reading).await;
        for (_, (_, received)) in &mut all {
            // Subscriptions are children too.
            let reading = loop {
                let sgn = next(received).await;
                if let Some(reading) = sgn["m2m:sgn"]["nev"]["rep"].get("m2m:cin") {
                    break reading.clone();
                }
            };
            assert_eq!((&reading["con"], &reading["lbl"]), (&json!(text), &json!(["a", "b"])));
        }
    }
    // From one registree to another, through the registrar: the request and its answer.
    let (_, (sender, _)) = &all[0];
    for target in ["Cxml", "Ccbor"] {
        let content = json!({"m2m:sgn": {"sur": "x", "vrq": true}});
        let answer = sender.send(Request::notify(target, content.clone())).await.unwrap();
        assert_eq!((answer.status, answer.content.unwrap().value().unwrap()), (StatusCode::OK, content), "{target}");
    }
    for (format, (client, _)) in all {
        assert_eq!(client.counters().deviations, 0, "{format}");
        assert_eq!(client.counters().malformed, 0, "{format}");
        client.close().await;
    }
    registrar.shutdown().await;
}

#[tokio::test]
async fn ws_6_2_2_9_1_each_format_goes_compressed_and_in_fragments() {
    let builder = Registrar::builder()
        .with_server(|server| server.compression(Some(Compression::default())).fragment_size(Some(100)));
    let registrar = builder.listen("ws://127.0.0.1:0").start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    for format in Format::ALL {
        for is_compressed in [false, true] {
            let compression = is_compressed.then(Compression::default);
            let client = offering(&url, &[format]).compression(compression).fragment_size(Some(100));
            let client = client.connect().await.unwrap();
            assert_eq!((client.format(), client.is_compressed()), (Some(format), is_compressed));
            let name = format!("{format}-{is_compressed}");
            create(&client, "cse-in", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": name}})).await;
            let text: String = (0..5000).map(|n: u32| char::from(b' ' + (n * n % 95) as u8)).collect();
            let to = format!("cse-in/{name}");
            create(&client, &to, ResourceType::CONTENT_INSTANCE, json!({"m2m:cin": {"con": text}})).await;
            let latest = client.send(Request::retrieve(format!("{to}/la"))).await.unwrap().content.unwrap();
            assert_eq!((&latest.value().unwrap()["m2m:cin"]["con"], latest.format()), (&json!(text), format));
            assert_eq!(client.counters().deviations, 0);
            client.close().await;
        }
    }
    registrar.shutdown().await;
}

#[tokio::test]
async fn what_a_registree_s_format_cannot_carry_is_an_error_and_holds_nothing_up() {
    let (registrar, url) = registrar(&Format::ALL);
    let (xml, mut received) = ae(&url, Format::Xml).await;
    let (json, _answers) = ae(&url, Format::Json).await;
    // XML has no such characters, and no list items with blanks.
    let bad = json!({"m2m:cin": {"con": "\u{1}"}});
    create(&json, "cse-in/json", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}})).await;
    let subscribed = xml.subscribe("cse-in/json/data", Subscription::new()).await.unwrap();
    assert_eq!(subscribed.status, StatusCode::CREATED);

    // It fails where it is written, and says why.
    let error = xml.send(Request::create("cse-in/json/data", ResourceType::CONTENT_INSTANCE, bad.clone())).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    assert!(error.message().contains("pc/m2m:cin/con"), "{error}");

    // Stored notifications: over a connection and without one. Those that cannot be written go, the next ones come.
    let publish = |con: String| {
        let content = json!({"m2m:cin": {"con": con}});
        create(&json, "cse-in/json/data", ResourceType::CONTENT_INSTANCE, content)
    };
    publish("\u{1}".to_owned()).await;
    publish("one".to_owned()).await;
    assert_eq!(next(&mut received).await["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "one");
    xml.disconnect().await;
    for _ in 0..200 {
        publish("\u{1}".to_owned()).await;
    }
    publish("two".to_owned()).await;
    xml.connect().await.unwrap();
    assert_eq!(next(&mut received).await["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "two");

    // A request for it: its sender hears that it is not reached, and why.
    let answer = json.send(Request::notify("Cxml", bad.clone())).await.unwrap();
    assert_eq!(answer.status, StatusCode::TARGET_NOT_REACHABLE);
    assert!(answer.debug_text().unwrap().contains("pc/m2m:cin/con"), "{:?}", answer.debug_text());

    // An answer.
    publish("\u{1}".to_owned()).await;
    let answer = xml.send(Request::retrieve("cse-in/json/data/la")).await.unwrap();
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.debug_text().unwrap().contains("pc/m2m:cin/con"), "{:?}", answer.debug_text());
    assert_eq!(xml.send(Request::retrieve("cse-in/json/data")).await.unwrap().status, StatusCode::OK);
    assert_eq!(registrar.server().waiting("Cxml"), 0);
    xml.close().await;
    json.close().await;
    registrar.shutdown().await;
}
