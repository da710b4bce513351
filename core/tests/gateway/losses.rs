//! The loss of either side: what goes on, what is answered, and how soon.

use std::time::{Duration, Instant};

use onem2m_ws::primitive::{Request, StatusCode};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_registrees_go_on_while_the_registrar_is_away() {
    let world = World::new().await;
    world.up.cut();
    until(&world.gateway, |state| !state.is_registered).await;
    let mut heard = readings(&world.sensor);
    let other = ae(&url(&world.gateway), "Cother", "other").await;
    subscribe(&world.sensor, "cse-mn/other", "Csensor").await;
    create(&other, "cse-mn/other", CNT, container("x")).await;
    assert_eq!(tokio::time::timeout(PATIENCE, heard.recv()).await.unwrap().unwrap(), None, "notified of a container");
    create(&other, "cse-mn/other/x", CIN, instance(1)).await;

    let before = Instant::now();
    let away = other.send(Request::retrieve("/id-in/cse-in").request_id("mine")).await.unwrap();
    expect(&away, StatusCode::TARGET_NOT_REACHABLE);
    assert_eq!(away.request_id, "mine");
    assert!(away.debug_text().unwrap().contains("/id-in"), "{:?}", away.debug_text());
    assert!(before.elapsed() < Duration::from_secs(3), "it is known to be away: {:?}", before.elapsed());
    let unverified = onem2m_ws::client::Subscription::new().notify(["/id-in/Cboss"]);
    let unverified = other.subscribe("cse-mn/other/x", unverified).await.unwrap();
    expect(&unverified, StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED);

    world.up.mend();
    joined(&world.gateway).await;
    expect(&other.send(Request::retrieve("/id-in/cse-in")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.gateway.upstream_state().unwrap().registrations, 1, "WS-5.2-9: without a new registration");
    other.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_registrar_that_falls_silent_is_given_up_and_joined_again() {
    let quickly = Duration::from_millis(200);
    let world = World::with(|upstream| {
        upstream.with_client(|client| client.ping_after(Some(quickly)).pong_timeout(quickly).open_timeout(quickly))
    })
    .await;
    let mut heard = readings(&world.boss);
    subscribe(&world.boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    world.up.freeze();
    for number in 1..=10 {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    until(&world.gateway, |state| !state.is_registered).await;
    // Both at once: nobody above, and nobody to notify below.
    world.down.cut();
    tokio::time::sleep(quickly).await;
    world.down.mend();
    world.up.mend();
    for number in 11..=20 {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    all_in_order(&mut heard, 20).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_request_from_above_for_a_registree_that_is_away_is_answered() {
    let world = World::new().await;
    world.down.cut();
    eventually("the MN sees it", || !world.gateway.server().is_connected("Csensor")).await;
    // What is in the tree of the MN does not need the AE.
    expect(&world.boss.send(Request::retrieve("/id-mn/cse-mn/sensor/data")).await.unwrap(), StatusCode::OK);
    let stored = Request::notify("/id-mn/Csensor", serde_json::json!({"m2m:sgn": {"number": "1"}}));
    expect(&world.boss.send(stored).await.unwrap(), StatusCode::ACCEPTED);
    let mut heard = readings(&world.sensor);
    world.down.mend();
    all_in_order(&mut heard, 1).await;
    // And an MN that is away.
    world.up.cut();
    eventually("the IN sees it", || !world.registrar.server().is_connected("/id-mn")).await;
    let away = world.boss.send(Request::retrieve("/id-mn/cse-mn")).await.unwrap();
    expect(&away, StatusCode::TARGET_NOT_REACHABLE);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_stopped_mn_keeps_its_registration() {
    let world = World::new().await;
    let World { gateway, registrar, boss, .. } = &world;
    gateway.shutdown().await;
    assert!(registrar.server().is_registered("/id-mn"), "WS-6.4-4");
    eventually("the connection is closed", || !registrar.server().is_connected("/id-mn")).await;
    let away = boss.send(Request::retrieve("/id-mn/cse-mn")).await.unwrap();
    expect(&away, StatusCode::TARGET_NOT_REACHABLE);
}
