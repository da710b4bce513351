//! Requests through the MN, in both directions.

use onem2m_ws::primitive::{FilterCriteria, Request, ResourceType, StatusCode};
use serde_json::json;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_ae_at_the_registrar_uses_the_tree_of_the_mn() {
    let world = World::new().await;
    let base = world.boss.send(Request::retrieve("/id-mn/cse-mn").request_id("mine")).await.unwrap();
    expect(&base, StatusCode::OK);
    assert_eq!(base.request_id, "mine", "the answer has the identifier of the request that it answers");
    assert_eq!(content(&base)["m2m:cb"]["cst"], 2, "an MN-CSE");
    assert_eq!(content(&base)["m2m:cb"]["csi"], "/id-mn");

    create(&world.sensor, "cse-mn/sensor/data", CIN, instance(7)).await;
    let latest = world.boss.send(Request::retrieve("/id-mn/cse-mn/sensor/data/la")).await.unwrap();
    assert_eq!(content(&latest)["m2m:cin"]["con"], "7");
    let filter = FilterCriteria::new().types([ResourceType::CONTAINER]);
    let found = world.boss.send(Request::discover("/id-mn/cse-mn", filter)).await.unwrap();
    assert_eq!(content(&found)["m2m:uril"], json!(["/id-mn/cse-mn/sensor/data"]));

    let made = create(&world.boss, "/id-mn/cse-mn", CNT, json!({"m2m:cnt": {"rn": "notes", "cr": null}})).await;
    assert_eq!(content(&made)["m2m:cnt"]["cr"], "/id-in/Cboss", "who it is there");
    create(&world.boss, "/id-mn/cse-mn/notes", CIN, instance(1)).await;
    let update = Request::update("/id-mn/cse-mn/notes", json!({"m2m:cnt": {"mni": 3}}));
    expect(&world.boss.send(update).await.unwrap(), StatusCode::UPDATED);
    let foreign = world.boss.send(Request::delete("/id-mn/cse-mn/sensor/data")).await.unwrap();
    expect(&foreign, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    expect(&world.boss.send(Request::delete("/id-mn/cse-mn/notes")).await.unwrap(), StatusCode::DELETED);
    let gone = world.boss.send(Request::retrieve("/id-mn/cse-mn/notes")).await.unwrap();
    expect(&gone, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_ae_at_the_mn_uses_the_tree_of_the_registrar() {
    let world = World::new().await;
    let made = create(&world.sensor, "/id-in/cse-in", CNT, json!({"m2m:cnt": {"rn": "log", "cr": null}})).await;
    assert_eq!(content(&made)["m2m:cnt"]["cr"], "/id-mn/Csensor", "fr is SP-relative there");
    create(&world.sensor, "//onem2m-ws.example/id-in/cse-in/log", CIN, instance(3)).await;
    let latest = Request::retrieve("/id-in/cse-in/log/la").request_id("mine");
    let latest = world.sensor.send(latest).await.unwrap();
    assert_eq!((content(&latest)["m2m:cin"]["con"].as_str(), latest.request_id.as_str()), (Some("3"), "mine"));
    let own = world.boss.send(Request::retrieve("cse-in/log/la")).await.unwrap();
    assert_eq!(content(&own)["m2m:cin"]["con"], "3");

    for (to, status) in [
        ("/id-in/cse-in/nothing", StatusCode::NOT_FOUND),
        // The way to a CSE that nobody knows ends at the registrar, and does not come back.
        ("/id-nowhere/cse/x", StatusCode::NOT_FOUND),
        ("//elsewhere.example/id-x/cse", StatusCode::NOT_FOUND),
        ("/id-mn/cse-mn/nothing", StatusCode::NOT_FOUND),
    ] {
        expect(&world.sensor.send(Request::retrieve(to)).await.unwrap(), status);
    }
    let before = world.registrar.server().counters().requests_received;
    let unknown = world.boss.send(Request::retrieve("/id-nowhere/cse/x")).await.unwrap();
    expect(&unknown, StatusCode::NOT_FOUND);
    assert_eq!(world.registrar.server().counters().requests_received, before + 1, "nothing came back from the MN");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_two_mns_under_one_registrar_reach_each_other() {
    let world = World::new().await;
    let upstream = onem2m_ws::registrar::Upstream::new(url(&world.registrar), "/id-in");
    let other = onem2m_ws::registrar::Registrar::builder().cse_id("/id-mn2").cse_name("cse-mn2");
    let other = other.listen("ws://127.0.0.1:0").upstream(upstream).start().unwrap();
    joined(&other).await;
    let far = ae(&url(&other), "Cfar", "far").await;
    create(&world.sensor, "cse-mn/sensor/data", CIN, instance(5)).await;
    let latest = far.send(Request::retrieve("/id-mn/cse-mn/sensor/data/la")).await.unwrap();
    expect(&latest, StatusCode::OK);
    let mut heard = readings(&far);
    subscribe(&far, "/id-mn/cse-mn/sensor/data", "/id-mn2/Cfar").await;
    for number in 1..=20 {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    all_in_order(&mut heard, 20).await;
    far.close().await;
    other.shutdown().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_notify_reaches_an_ae_on_either_side_and_its_answer_comes_back() {
    let world = World::new().await;
    let refuse = |client: &onem2m_ws::client::Client| {
        client.on_request(|incoming: onem2m_ws::IncomingRequest| {
            let from = incoming.request.from.clone().unwrap_or_default();
            incoming.respond(onem2m_ws::primitive::Response::error(StatusCode::NOT_ACCEPTABLE, from)).unwrap();
        });
    };
    refuse(&world.sensor);
    refuse(&world.boss);
    for (from, to, sees) in
        [(&world.sensor, "/id-in/Cboss", "/id-mn/Csensor"), (&world.boss, "/id-mn/Csensor", "/id-in/Cboss")]
    {
        let answer = from.send(Request::notify(to, json!({"m2m:sgn": {"sur": "x"}}))).await.unwrap();
        expect(&answer, StatusCode::NOT_ACCEPTABLE);
        assert_eq!(answer.debug_text().as_deref(), Some(sees));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_cse_below_the_mn_is_reached_from_the_registrar_and_reaches_it() {
    let world = World::with(|upstream| upstream.check_every(None)).await;
    let upstream = onem2m_ws::registrar::Upstream::new(url(&world.gateway), "/id-mn");
    let low = onem2m_ws::registrar::Registrar::builder().cse_id("/id-low").cse_name("cse-low");
    let low = low.listen("ws://127.0.0.1:0").upstream(upstream).start().unwrap();
    joined(&low).await;
    let meter = ae(&url(&low), "Cmeter", "meter").await;
    create(&meter, "cse-low/meter", CNT, container("data")).await;
    create(&meter, "/id-in/cse-in", CNT, container("low")).await;
    // The registrar learns who is behind the MN.
    let mut behind = json!(null);
    for _ in 0..1000 {
        let there = world.boss.send(Request::retrieve("cse-in/id-mn")).await.unwrap();
        behind = content(&there)["m2m:csr"]["dcse"].clone();
        if behind == json!(["/id-low"]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(behind, json!(["/id-low"]));
    expect(&world.boss.send(Request::retrieve("/id-low/cse-low/meter/data")).await.unwrap(), StatusCode::OK);
    // And again, when it has forgotten the MN.
    let admin = onem2m_ws::client::Client::builder(url(&world.registrar)).originator("CAdmin").registered(true);
    let admin = admin.connect().await.unwrap();
    expect(&admin.send(Request::delete("cse-in/id-mn")).await.unwrap(), StatusCode::DELETED);
    create(&meter, "/id-in/cse-in", CNT, container("again")).await;
    expect(&world.boss.send(Request::retrieve("/id-low/cse-low/meter/data")).await.unwrap(), StatusCode::OK);
    let mut heard = readings(&world.boss);
    subscribe(&world.boss, "/id-low/cse-low/meter/data", "/id-in/Cboss").await;
    for number in 1..=20 {
        create(&meter, "cse-low/meter/data", CIN, instance(number)).await;
        if number == 10 {
            world.up.flicker().await;
        }
    }
    all_in_order(&mut heard, 20).await;
    meter.close().await;
    low.shutdown().await;
    world.end().await;
}
