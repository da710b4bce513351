//! Access control over a connection, in each format: a policy reads the same, and decides the same.

use std::time::Duration;

use onem2m_ws::IncomingRequest;
use onem2m_ws::client::{AeRegistration, Client, Subscription};
use onem2m_ws::primitive::{Format, Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::Registrar;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::harness::*;

const DATA: &str = "cse-in/sensor/data";
const DENIED: StatusCode = StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE;

async fn ae(url: &str, format: Format, id: &str) -> (Client, mpsc::UnboundedReceiver<Value>) {
    let client = Client::builder(url).originator(id).formats([format]).connect().await.expect("a connection");
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().and_then(|content| content.value().ok());
        let _ = incoming.respond(Response::ok());
        let _ = sender.send(content.unwrap_or_default());
    });
    let name = id.trim_start_matches('C').to_owned();
    client.register_ae(AeRegistration::new("Ntest").name(name)).await.expect("a registration");
    (client, receiver)
}

#[track_caller]
fn content(response: &Response, status: StatusCode) -> Value {
    assert_eq!(response.status, status, "{:?}", response.debug_text());
    response.content.as_ref().and_then(|content| content.value().ok()).unwrap_or_default()
}

async fn ask(client: &Client, request: Request, status: StatusCode) -> Value {
    content(&client.send(request).await.expect("an answer"), status)
}

#[tokio::test]
async fn a_policy_is_the_same_in_json_xml_and_cbor() {
    for format in Format::ALL {
        let registrar = Registrar::builder()
            .with_server(|server| server.formats(Format::ALL))
            .listen("ws://127.0.0.1:0")
            .start()
            .expect("a registrar");
        let url = registrar.points_of_access()[0].to_string();
        let (sensor, _) = ae(&url, format, "Csensor").await;
        let (actuator, mut received) = ae(&url, format, "Cactuator").await;
        let (third, _) = ae(&url, format, "Cthird").await;

        let reader = json!({"acor": ["Cactuator", "/id-mn/C*"], "acop": 35});
        let owner = json!({"acor": ["//onem2m-ws.example/id-in/Csensor"], "acop": 63});
        let policy = json!({"rn": "p", "pv": {"acr": [owner, reader]}, "pvs": {"acr": [owner]}});
        let create = |to: &str, ty, content: Value| Request::create(to, ty, content);
        let made = ask(&sensor, create("cse-in/sensor", ACP, json!({"m2m:acp": policy})), StatusCode::CREATED).await;
        assert_eq!((&made["m2m:acp"]["pv"], &made["m2m:acp"]["pvs"]), (&policy["pv"], &policy["pvs"]), "{format}");
        let ri = made["m2m:acp"]["ri"].clone();
        let data = json!({"m2m:cnt": {"rn": "data", "acpi": ["cse-in/sensor/p"]}});
        let made = ask(&sensor, create("cse-in/sensor", CNT, data), StatusCode::CREATED).await;
        assert_eq!(made["m2m:cnt"]["acpi"], json!([ri]), "{format}");

        let subscribed = actuator.subscribe(DATA, Subscription::new().name("s")).await.expect("an answer");
        assert_eq!(subscribed.status, StatusCode::CREATED, "{:?}", subscribed.debug_text());
        let reading = || json!({"m2m:cin": {"con": "21"}});
        ask(&sensor, create(DATA, CIN, reading()), StatusCode::CREATED).await;
        // What was made before is told too: the subscription itself is a child.
        let told = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let told = received.recv().await.expect("a connection");
                if told["m2m:sgn"]["nev"]["rep"].get("m2m:cin").is_some() {
                    return told;
                }
            }
        });
        assert_eq!(told.await.expect("a notification")["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "21", "{format}");
        ask(&actuator, Request::retrieve(format!("{DATA}/la")), StatusCode::OK).await;
        ask(&actuator, Request::delete(DATA), DENIED).await;
        ask(&actuator, Request::update("cse-in/sensor/p", json!({"m2m:acp": {"lbl": ["x"]}})), DENIED).await;

        // For somebody else it is as if there were nothing.
        for to in [DATA.to_owned(), format!("{DATA}/la"), format!("{DATA}/absent")] {
            let refused = ask(&third, Request::retrieve(to), DENIED).await;
            assert_eq!(refused["m2m:dbg"], "\"Cthird\" has not the privileges that this request needs", "{format}");
        }
        let found = third.send(Request::retrieve("cse-in").filter(json!({"fu": 1, "ty": [3, 4]}))).await;
        let found = content(&found.expect("an answer"), StatusCode::OK);
        assert_eq!(found["m2m:uril"], json!([]), "{format}");

        let limited = json!({"acr": [{"acor": ["all"], "acop": 1, "acod": [{"chty": [4]}]}]});
        let limited = create("cse-in/sensor", ACP, json!({"m2m:acp": {"pv": limited, "pvs": policy["pvs"]}}));
        let refused = ask(&sensor, limited, StatusCode::NOT_IMPLEMENTED).await;
        assert!(refused["m2m:dbg"].as_str().is_some_and(|text| text.contains("acod")), "{format} {refused}");
        let opened = json!({"acr": [{"acor": ["all"], "acop": 2}]});
        ask(&sensor, Request::update("cse-in/sensor/p", json!({"m2m:acp": {"pv": opened}})), StatusCode::UPDATED).await;
        ask(&third, Request::retrieve(DATA), StatusCode::OK).await;
        ask(&sensor, create(DATA, ResourceType::CONTENT_INSTANCE, reading()), DENIED).await;
        ask(&sensor, Request::update(DATA, json!({"m2m:cnt": {"acpi": null}})), StatusCode::UPDATED).await;
        ask(&sensor, create(DATA, CIN, reading()), StatusCode::CREATED).await;
        registrar.shutdown().await;
    }
}
