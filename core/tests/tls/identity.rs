//! Who is authenticated is bound to the connection: nobody speaks for somebody else (WS-7-2).

use std::time::Duration;

use onem2m_ws::binding::Framework;
use onem2m_ws::client::{AeRegistration, Client};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::tls::Tls;
use serde_json::json;

use crate::support::{Good, Leaf, World, dns, pem, uri, with};

/// The embedded registrar behind TLS.
struct Place {
    world: World,
    registrar: Registrar,
    uri: String,
}

fn place(more: impl FnOnce(Tls) -> Tls) -> Place {
    let world = World::new();
    let tls = more(world.server());
    let registrar = Registrar::builder()
        .sp_id("//sp.example")
        .listen("wss://127.0.0.1:0")
        .with_server(|server| server.tls(tls))
        .start()
        .unwrap();
    let uri = format!("wss://localhost:{}", registrar.points_of_access()[0].port());
    Place { world, registrar, uri }
}

impl Place {
    async fn client(&self, leaf: &Leaf, originator: &str) -> Client {
        let tls = self.world.client(leaf);
        Client::builder(&self.uri).originator(originator).tls(tls).connect().await.unwrap()
    }
}

async fn status(client: &Client, request: Request) -> StatusCode {
    client.send(request).await.unwrap().status
}

#[tokio::test]
async fn ws_7_2_an_ae_speaks_for_itself_and_for_nobody_else() {
    let place = place(|tls| tls);
    let (one, two) = (place.world.ae("//sp.example/Sone"), place.world.ae("//sp.example/id-in/Ctwo"));
    let first = place.client(&one, "Sone").await;
    first.register_ae(AeRegistration::new("Nx")).await.unwrap();
    let second = place.client(&two, "Ctwo").await;
    second.register_ae(AeRegistration::new("Nx")).await.unwrap();

    let identity = place.registrar.server().identity_of("Ctwo").unwrap();
    assert_eq!(identity.framework(), Framework::Certificate);
    assert_eq!(identity.names(), ["URI://sp.example/id-in/Ctwo"]);
    assert_eq!(identity.entities().unwrap()[0].as_str(), "//sp.example/id-in/Ctwo");

    for (from, expected) in [
        ("Sone", StatusCode::OK),
        ("Ctwo", StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        ("Sother", StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        ("/id-mn", StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        ("CAdmin", StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
        ("/Sone", StatusCode::BAD_REQUEST),
        ("//sp.example/Sone", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(status(&first, Request::retrieve("cse-in").from(from)).await, expected, "{from}");
    }
    // Nor does it register for others.
    let register = |from: &str| {
        Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {"api": "Nx", "rr": true, "srv": ["3"]}}))
            .from(from)
    };
    assert_eq!(status(&first, register("Sother")).await, StatusCode::ORIGINATOR_NOT_AUTHENTICATED);
    assert_eq!(status(&second, Request::retrieve("cse-in")).await, StatusCode::OK);
}

#[tokio::test]
async fn ws_7_2_nothing_for_an_entity_goes_over_a_connection_of_another_identity() {
    let place = place(|tls| tls);
    let (one, two) = (place.world.ae("//sp.example/Sone"), place.world.ae("//sp.example/Stwo"));
    let first = place.client(&one, "Sone").await;
    first.on_request(|request| drop(request.respond(Response::ok())));
    first.register_ae(AeRegistration::new("Nx")).await.unwrap();
    first.close().await;
    // Somebody with another certificate says in the handshake that it is the one that is away.
    let tls = place.world.client(&two);
    let refused = Client::builder(&place.uri).originator("Sone").registered(true).tls(tls).connect().await;
    let error = refused.map(drop).unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(403), "{error}");
    let server = place.registrar.server();
    assert!(server.is_registered("Sone") && !server.is_connected("Sone"));
    // It comes back itself, and is reached without a word.
    let again = Client::builder(&place.uri).originator("Sone").registered(true).tls(place.world.client(&one));
    let again = again.connect().await.unwrap();
    again.on_request(|request| drop(request.respond(Response::ok())));
    for _ in 0..100 {
        if server.is_connected("Sone") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let response = server.send("Sone", Request::retrieve("x").from("/id-in")).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn ws_7_2_a_cse_registers_by_its_name_below_the_registrar_and_forwards_for_its_own() {
    let place = place(|tls| tls);
    let mn = place.world.authority.issue(vec![dns("id-mn.id-in.sp.example")], Good::Now);
    let client = place.client(&mn, "/id-mn").await;
    let csr = json!({"m2m:csr": {"csi": "/id-mn", "cb": "/id-mn/cse-mn", "rr": true, "srv": ["3"]}});
    let register = Request::create("cse-in", ResourceType::REMOTE_CSE, csr);
    assert_eq!(status(&client, register).await, StatusCode::CREATED);
    for (from, expected) in [
        ("/id-mn", StatusCode::OK),
        ("/id-mn/Cthing", StatusCode::OK),
        ("Cthing", StatusCode::ORIGINATOR_NOT_AUTHENTICATED),
    ] {
        assert_eq!(status(&client, Request::retrieve("cse-in").from(from)).await, expected, "{from}");
    }
    // Another CSE's certificate does not do.
    let other = place.world.authority.issue(vec![dns("id-other.id-in.sp.example")], Good::Now);
    let tls = place.world.client(&other);
    let refused = Client::builder(&place.uri).originator("/id-mn").registered(true).tls(tls).connect().await;
    assert_eq!(refused.map(drop).unwrap_err().refusal().map(|refusal| refusal.status), Some(403));
}

#[tokio::test]
async fn ws_7_2_a_node_speaks_for_the_aes_that_the_table_gives_it() {
    let place = place(|tls| tls.peer("DNS:node7.sp.example", ["Sone", "Ctwo"]));
    let node = place.world.authority.issue(vec![dns("node7.sp.example")], Good::Now);
    let client = place.client(&node, "Sone").await;
    client.register_ae(AeRegistration::new("Nx")).await.unwrap();
    let second =
        Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {"api": "Nx", "rr": true, "srv": ["3"]}}));
    assert_eq!(status(&client, second.from("Ctwo")).await, StatusCode::CREATED);
    assert_eq!(status(&client, Request::retrieve("cse-in").from("Ctwo")).await, StatusCode::OK);
    assert_eq!(
        status(&client, Request::retrieve("cse-in").from("Cthree")).await,
        StatusCode::ORIGINATOR_NOT_AUTHENTICATED
    );
}

#[tokio::test]
async fn ws_7_2_beside_tls_a_cse_without_an_association_is_asked_for_one() {
    let world = World::new();
    let registrar = Registrar::builder()
        .sp_id("//sp.example")
        .listen("ws://127.0.0.1:0")
        .listen("wss://127.0.0.1:0")
        .with_server(|server| server.tls(world.server()))
        .start()
        .unwrap();
    let plain = registrar.points_of_access().iter().find(|poa| !poa.is_secure()).unwrap().to_string();
    let client = Client::builder(plain).originator("/id-mn").registered(true).connect().await.unwrap();
    let asked = status(&client, Request::retrieve("cse-in")).await;
    assert_eq!(asked, StatusCode::SECURITY_ASSOCIATION_REQUIRED);
    // What is authenticated belongs to its credential, and is nobody's without it.
    let leaf = world.ae("//sp.example/Sone");
    let secure = registrar.points_of_access().iter().find(|poa| poa.is_secure()).unwrap().port();
    let builder = Client::builder(format!("wss://localhost:{secure}")).originator("Sone");
    let secure = builder.tls(world.client(&leaf)).connect().await.unwrap();
    secure.register_ae(AeRegistration::new("Nx")).await.unwrap();
    let refused = Client::builder(registrar.points_of_access()[0].to_string());
    let error = refused.originator("Sone").registered(true).connect().await.map(drop).unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(403), "{error}");
}

#[tokio::test]
async fn ws_7_2_the_newest_connection_of_a_certificate_has_its_place() {
    let place = place(|tls| tls);
    let leaf = place.world.ae("//sp.example/Sone");
    let first = place.client(&leaf, "Sone").await;
    first.register_ae(AeRegistration::new("Nx")).await.unwrap();
    // A renewed certificate of the same AE is the same node.
    let renewed = place.world.authority.issue(vec![uri("//sp.example/Sone")], Good::Now);
    let tls = with(&renewed).trust(pem(&place.world.authority.pem));
    let second = Client::builder(&place.uri).originator("Sone").registered(true).tls(tls).connect().await.unwrap();
    assert_eq!(status(&second, Request::retrieve("cse-in")).await, StatusCode::OK);
    for _ in 0..100 {
        if place.registrar.server().connections() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the first one is still there");
}
