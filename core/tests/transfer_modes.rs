//! Transfer modes end to end, in all three formats: a client and the embedded registrar over sockets.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use onem2m_ws::client::{AeRegistration, Client, CseRegistration, Mode, Subscription};
use onem2m_ws::primitive::{
    AbsRelTimestamp, Format, Request, ResourceType, Response, ResponseType, ResponseTypeInfo, StatusCode,
};
use onem2m_ws::registrar::{Limits, Registrar, RegistrarBuilder};
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};

const PATIENCE: Duration = Duration::from_secs(20);
const FORMATS: [Format; 3] = [Format::Json, Format::Xml, Format::Cbor];
const MODES: [Mode; 4] = [Mode::Blocking, Mode::NonBlockingSynch, Mode::NonBlockingAsynch, Mode::FlexBlocking];
const SYNCH: StatusCode = StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH;
const ASYNCH: StatusCode = StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH;

fn registrar_with(change: impl FnOnce(RegistrarBuilder) -> RegistrarBuilder) -> (Registrar, String) {
    let registrar = change(Registrar::builder().listen("ws://127.0.0.1:0")).start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    (registrar, url)
}

fn registrar() -> (Registrar, String) {
    registrar_with(|builder| builder)
}

/// An AE `C{name}` with the container `data`, and what its application is asked.
async fn ae(url: &str, name: &str, format: Format) -> (Client, mpsc::UnboundedReceiver<Value>) {
    let client = Client::builder(url).originator(format!("C{name}")).formats([format]).connect().await.unwrap();
    assert_eq!(client.format(), Some(format));
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().map(|content| content.value().unwrap());
        incoming.respond(Response::ok()).unwrap();
        let _ = sender.send(content.unwrap_or_default());
    });
    client.register_ae(AeRegistration::new("Ntest").name(name)).await.unwrap();
    let container =
        Request::create(format!("cse-in/{name}"), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
    assert_eq!(client.send(container).await.unwrap().status, StatusCode::CREATED);
    (client, receiver)
}

fn reading(name: &str, content: &str) -> Request {
    let instance = json!({"m2m:cin": {"con": content, "lbl": ["a", "b"]}});
    Request::create(format!("cse-in/{name}/data"), ResourceType::CONTENT_INSTANCE, instance)
}

fn text_of(response: &Response) -> String {
    let content = response.content.as_ref().unwrap().value().unwrap();
    content["m2m:cin"]["con"].as_str().unwrap_or_else(|| panic!("{content}")).to_owned()
}

fn address_in(response: &Response) -> String {
    response.content.as_ref().unwrap().value().unwrap()["m2m:uri"].as_str().unwrap().to_owned()
}

/// A way to the registrar that can be cut.
async fn relay(url: &str) -> (String, broadcast::Sender<()>) {
    let target = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    let (cut, _) = broadcast::channel(1);
    let cuts = cut.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (mut far, mut cut) = (TcpStream::connect(&target).await.unwrap(), cuts.subscribe());
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = cut.recv() => {}
                }
            });
        }
    });
    (address, cut)
}

async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

#[tokio::test]
async fn ws_6_5_1_every_mode_in_every_format() {
    let (registrar, url) = registrar();
    for format in FORMATS {
        let name = format!("all{format:?}");
        let (client, mut asked) = ae(&url, &name, format).await;
        for mode in MODES {
            let exchange = client.send_in(mode, reading(&name, "21 \u{b0}C <&>")).unwrap();
            let first = patiently(exchange.acknowledgement()).await.unwrap();
            let expected = match mode {
                Mode::NonBlockingSynch => SYNCH,
                Mode::NonBlockingAsynch => ASYNCH,
                _ => StatusCode::CREATED,
            };
            assert_eq!(first.status, expected, "{format:?} {mode:?} {:?}", first.debug_text());
            let result = patiently(exchange).await.unwrap();
            assert_eq!((result.status, text_of(&result).as_str()), (StatusCode::CREATED, "21 \u{b0}C <&>"));
            let content = result.content.unwrap().value().unwrap();
            assert_eq!(content["m2m:cin"]["lbl"], json!(["a", "b"]), "{format:?} {mode:?}");

            // What goes wrong is a result too.
            let missing = client.send_in(mode, Request::retrieve("cse-in/nowhere")).unwrap();
            let result = patiently(missing).await.unwrap();
            assert_eq!((result.status, result.debug_text().is_some()), (StatusCode::NOT_FOUND, true));

            if expected == SYNCH || expected == ASYNCH {
                // The <request> can be read as it is, by its originator only.
                let address = address_in(&first);
                let shown = client.send(Request::retrieve(address.as_str())).await.unwrap();
                assert_eq!(shown.status, StatusCode::OK, "{format:?} {:?}", shown.debug_text());
                let request = shown.content.unwrap().value().unwrap()["m2m:req"].clone();
                assert_eq!(
                    (&request["rs"], &request["op"], &request["ors"]["rsc"]),
                    (&json!(1), &json!(1), &json!(2001))
                );
                assert_eq!(request["pc"]["m2m:cin"]["con"], "21 \u{b0}C <&>", "{request}");
                assert_eq!(request["mi"]["rt"]["rtv"], json!(mode.response_type().code()), "{request}");
                assert_eq!(client.send(Request::delete(address)).await.unwrap().status, StatusCode::DELETED);
            }
        }
        client.close().await;
        assert!(asked.try_recv().is_err(), "the application is asked nothing");
    }
    registrar.shutdown().await;
}

#[tokio::test]
async fn ws_6_5_1_a_result_waits_for_who_is_away() {
    let (registrar, url) = registrar();
    for format in FORMATS {
        let name = format!("away{format:?}");
        let (client, _) = ae(&url, &name, format).await;
        let mut request = reading(&name, "later");
        request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("300"));
        let exchange = client.send_in(Mode::NonBlockingAsynch, request).unwrap();
        assert_eq!(patiently(exchange.acknowledgement()).await.unwrap().status, ASYNCH);
        // The connection is gone between the acknowledgement and the result, which is stored (WS-6.5-4).
        client.disconnect().await;
        let entity = format!("C{name}");
        let stored = async {
            while registrar.server().waiting(&entity) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        patiently(stored).await;
        assert!(!registrar.server().is_connected(&entity), "a result does not open what the application has closed");
        client.connect().await.unwrap();
        let result = patiently(exchange).await.unwrap();
        assert_eq!((result.status, text_of(&result).as_str()), (StatusCode::CREATED, "later"));
        assert_eq!(client.counters().connections, 2);
        client.close().await;
    }
}

#[tokio::test]
async fn ws_6_5_1_a_connection_that_breaks_is_opened_again_for_the_result() {
    let (_registrar, url) = registrar();
    let (way, cut) = relay(&url).await;
    let (client, _) = ae(&way, "breaks", Format::Json).await;
    for mode in [Mode::NonBlockingAsynch, Mode::NonBlockingSynch] {
        let mut request = reading("breaks", "later");
        request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("500"));
        let exchange = client.send_in(mode, request).unwrap();
        patiently(exchange.acknowledgement()).await.unwrap();
        let before = client.counters().connections;
        cut.send(()).unwrap();
        let result = patiently(exchange).await.unwrap();
        assert_eq!((result.status, text_of(&result).as_str()), (StatusCode::CREATED, "later"), "{mode:?}");
        assert!(client.counters().connections > before);
    }
}

#[tokio::test]
async fn ws_6_5_1_a_request_is_carried_out_at_its_time() {
    let (_registrar, url) = registrar();
    let (client, _) = ae(&url, "oet", Format::Json).await;
    for mode in MODES {
        let began = Instant::now();
        let mut request = reading("oet", "x");
        request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("700"));
        let result = patiently(client.send_in(mode, request).unwrap()).await.unwrap();
        assert_eq!(result.status, StatusCode::CREATED, "{mode:?}");
        assert!(began.elapsed() >= Duration::from_millis(690), "{mode:?} {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn ws_6_5_1_requests_for_other_entities_in_every_mode() {
    let (registrar, url) = registrar();
    let mn = Client::builder(&url).originator("/id-mn").connect().await.unwrap();
    mn.on_request(|incoming| {
        let to = incoming.request.to.clone();
        incoming.respond(Response::ok().content(json!({"m2m:cin": {"con": to}}))).unwrap();
    });
    mn.register_cse(CseRegistration::new("/id-mn", "cse-mn")).await.unwrap();
    let (actuator, mut asked) = ae(&url, "actuator", Format::Xml).await;
    for format in FORMATS {
        let name = format!("asks{format:?}");
        let (client, _) = ae(&url, &name, format).await;
        for mode in MODES {
            let exchange = client.send_in(mode, Request::retrieve("/id-mn/cse-mn/thing")).unwrap();
            let result = patiently(exchange).await.unwrap();
            assert_eq!(result.status, StatusCode::OK, "{format:?} {mode:?} {:?}", result.debug_text());
            assert_eq!(text_of(&result), "/id-mn/cse-mn/thing");
            // Something that waits for an agreement: the actuator is asked whether it wants to be notified.
            let subscription = json!({"m2m:sub": {"nu": ["Cactuator"], "enc": {"net": [2]}}});
            let subscribe = Request::create(format!("cse-in/{name}/data"), ResourceType::SUBSCRIPTION, subscription);
            let result = patiently(client.send_in(mode, subscribe).unwrap()).await.unwrap();
            assert_eq!(result.status, StatusCode::CREATED, "{format:?} {mode:?} {:?}", result.debug_text());
            assert_eq!(patiently(asked.recv()).await.unwrap()["m2m:sgn"]["vrq"], true);
        }
        client.close().await;
    }
    // It does not answer: that is the result.
    let (client, _) = ae(&url, "alone", Format::Json).await;
    mn.close().await;
    for mode in MODES {
        let result = patiently(client.send_in(mode, Request::retrieve("/id-mn/cse-mn/thing")).unwrap()).await.unwrap();
        assert_eq!(result.status, StatusCode::TARGET_NOT_REACHABLE, "{mode:?}");
    }
    actuator.close().await;
    registrar.shutdown().await;
}

#[tokio::test]
async fn ws_6_5_1_the_application_gets_what_is_no_result_of_its_library() {
    let (_registrar, url) = registrar();
    let (client, mut asked) = ae(&url, "own", Format::Json).await;
    let (other, _) = ae(&url, "other", Format::Json).await;
    // A result that another entity asks to be notified here.
    let mut request = Request::retrieve("cse-in").request_id("of-another");
    let rt = ResponseTypeInfo {
        value: ResponseType::NON_BLOCKING_REQUEST_ASYNCH,
        notification_uris: Some(vec!["Cown".to_owned()]),
    };
    request.response_type = Some(rt);
    assert_eq!(other.send(request).await.unwrap().status, ASYNCH);
    let notified = patiently(asked.recv()).await.unwrap();
    assert_eq!(notified["m2m:rsp"]["rqi"], "of-another");
    // And while calls are under way, ordinary notifications.
    assert_eq!(client.subscribe("cse-in/own/data", Subscription::new()).await.unwrap().status, StatusCode::CREATED);
    let exchange = client.send_in(Mode::NonBlockingAsynch, reading("own", "both")).unwrap();
    assert_eq!(text_of(&patiently(exchange).await.unwrap()), "both");
    let notified = patiently(asked.recv()).await.unwrap();
    assert_eq!(notified["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "both");
}

#[tokio::test]
async fn ws_6_5_1_a_request_that_is_deleted_or_forgotten() {
    let (_registrar, url) = registrar();
    let (client, mut asked) = ae(&url, "gone", Format::Json).await;
    let delayed = |content| {
        let mut request = reading("gone", content);
        request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("1500"));
        request
    };
    let exchange = client.send_in(Mode::NonBlockingSynch, delayed("deleted")).unwrap();
    let address = address_in(&patiently(exchange.acknowledgement()).await.unwrap());
    assert_eq!(client.send(Request::delete(address.as_str())).await.unwrap().status, StatusCode::DELETED);
    let error = patiently(exchange).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.response().unwrap().status, StatusCode::NOT_FOUND);
    assert!(error.message().contains(&address), "{error}");

    let exchange = client.send_in(Mode::NonBlockingAsynch, delayed("forgotten")).unwrap();
    patiently(exchange.acknowledgement()).await.unwrap();
    drop(exchange);
    let notified = patiently(asked.recv()).await.unwrap();
    assert_eq!(notified["m2m:rsp"]["pc"]["m2m:cin"]["con"], "forgotten", "nobody else takes it");
    let latest = client.send(Request::retrieve("cse-in/gone/data/la")).await.unwrap();
    assert_eq!(text_of(&latest), "forgotten", "what was deleted is not carried out");
}

#[tokio::test]
async fn ws_6_5_1_a_result_that_comes_too_late() {
    let (registrar, url) = registrar();
    let (client, mut asked) = ae(&url, "late", Format::Json).await;
    let mn = Client::builder(&url).originator("/id-slow").connect().await.unwrap();
    mn.on_request(|incoming| {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let _ = incoming.respond(Response::ok());
        });
    });
    mn.register_cse(CseRegistration::new("/id-slow", "cse-slow")).await.unwrap();
    let mut request = Request::retrieve("/id-slow/x");
    request.result_expiration = Some(AbsRelTimestamp::from_text("500"));
    let exchange = client.send_in(Mode::NonBlockingAsynch, request).unwrap();
    let address = address_in(&patiently(exchange.acknowledgement()).await.unwrap());
    assert_eq!(patiently(exchange).await.unwrap_err().kind(), ErrorKind::Timeout);
    let status = async {
        loop {
            let shown = client.send(Request::retrieve(address.as_str())).await.unwrap();
            let request = shown.content.unwrap().value().unwrap()["m2m:req"].clone();
            if request["rs"] != json!(4) {
                return (request["rs"].clone(), request["ors"]["rsc"].clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(patiently(status).await, (json!(2), json!(4008)), "the resource says so");
    assert_eq!(registrar.server().waiting("Clate"), 0);
    assert!(asked.try_recv().is_err(), "nothing is notified");
}

#[tokio::test]
async fn ws_6_5_1_a_registrar_that_holds_no_more_says_so_at_once() {
    let (_registrar, url) = registrar_with(|builder| builder.limits(Limits { requests: 1, ..Limits::default() }));
    let (client, _) = ae(&url, "full", Format::Json).await;
    for (mode, status) in [
        (Mode::NonBlockingSynch, StatusCode::CREATED),
        (Mode::NonBlockingSynch, StatusCode::NOT_ACCEPTABLE),
        (Mode::NonBlockingAsynch, StatusCode::NOT_ACCEPTABLE),
        (Mode::FlexBlocking, StatusCode::CREATED),
    ] {
        let result = patiently(client.send_in(mode, reading("full", "x")).unwrap()).await.unwrap();
        assert_eq!(result.status, status, "{mode:?} {:?}", result.debug_text());
    }
}

#[tokio::test]
async fn ws_6_5_3_a_client_that_closes_gets_its_result_first() {
    let (_registrar, url) = registrar();
    for mode in [Mode::NonBlockingSynch, Mode::NonBlockingAsynch] {
        let (client, _) = ae(&url, &format!("closes{}", mode.response_type().code()), Format::Json).await;
        let name = format!("closes{}", mode.response_type().code());
        let mut request = reading(&name, "x");
        request.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("500"));
        let exchange = client.send_in(mode, request).unwrap();
        patiently(exchange.acknowledgement()).await.unwrap();
        patiently(client.close()).await;
        assert_eq!(patiently(exchange).await.unwrap().status, StatusCode::CREATED, "{mode:?}");
    }
}

#[tokio::test]
async fn ws_6_5_1_calls_that_cannot_begin() {
    let (_registrar, url) = registrar();
    let (client, _) = ae(&url, "begin", Format::Json).await;
    let ae = Request::create("-", ResourceType::AE, json!({"m2m:ae": {"api": "N1"}}));
    assert_eq!(client.send_in(Mode::NonBlockingSynch, ae).unwrap_err().kind(), ErrorKind::InvalidArgument);
    client.close().await;
    let error = client.send_in(Mode::NonBlockingSynch, Request::retrieve("cse-in")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
