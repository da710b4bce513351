//! The registration of the MN at its registrar: made, found, made again.

use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::client::Client;
use onem2m_ws::primitive::{Request, StatusCode};
use onem2m_ws::registrar::{Registrar, Upstream};
use serde_json::json;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_each_cse_has_a_remote_cse_of_the_other() {
    let world = World::new().await;
    let there = world.boss.send(Request::retrieve("cse-in/id-mn")).await.unwrap();
    let there = &content(&there)["m2m:csr"];
    assert_eq!(there["cst"], 2);
    assert_eq!(there["csi"], "/id-mn");
    assert_eq!(there["cb"], "/id-mn/cse-mn");
    assert_eq!(there["poa"], json!([url(&world.gateway)]));
    let here = world.sensor.send(Request::retrieve("cse-mn/id-in")).await.unwrap();
    let here = &content(&here)["m2m:csr"];
    assert_eq!((here["cst"].as_u64(), here["csi"].as_str()), (Some(1), Some("/id-in")));
    assert_eq!(here["cb"], "/id-in/cse-in", "as the registrar says of itself");
    assert_eq!(here["poa"], json!([url(&world.registrar)]));
    let admin = Client::builder(url(&world.gateway)).originator("CAdmin").registered(true).connect().await.unwrap();
    let deleted = admin.send(Request::delete("cse-mn/id-in")).await.unwrap();
    expect(&deleted, StatusCode::OPERATION_NOT_ALLOWED);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_mn_that_is_started_anew_goes_on_with_its_registration() {
    let registrar = registrar_at("ws://127.0.0.1:0");
    let first = gateway(&url(&registrar), |upstream| upstream).start().unwrap();
    assert_eq!(joined(&first).await.registrations, 1);
    first.shutdown().await;
    let second = gateway(&url(&registrar), |upstream| upstream).start().unwrap();
    assert_eq!(joined(&second).await.registrations, 0, "it was registered already");
    let boss = ae(&url(&registrar), "Cboss", "boss").await;
    let there = boss.send(Request::retrieve("cse-in/id-mn")).await.unwrap();
    assert_eq!(content(&there)["m2m:csr"]["poa"], json!([url(&second)]), "it is reached elsewhere now");
    expect(&boss.send(Request::retrieve("/id-mn/cse-mn")).await.unwrap(), StatusCode::OK);

    // Known there under another name: that is no failure either.
    second.shutdown().await;
    let third = gateway(&url(&registrar), |upstream| upstream.set("rn", "other")).start().unwrap();
    assert_eq!(joined(&third).await.registrations, 0);
    expect(&boss.send(Request::retrieve("/id-mn/cse-mn")).await.unwrap(), StatusCode::OK);
    // What it cannot tell the registrar it does not try to tell for ever.
    let low = Registrar::builder().cse_id("/id-low").cse_name("cse-low").listen("ws://127.0.0.1:0");
    let low = low.upstream(Upstream::new(url(&third), "/id-mn")).start().unwrap();
    joined(&low).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = registrar.server().counters().requests_received;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(registrar.server().counters().requests_received, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_mn_that_was_forgotten_registers_again_at_the_next_refusal() {
    let world = World::with(|upstream| upstream.check_every(None)).await;
    let admin = Client::builder(url(&world.registrar)).originator("CAdmin").registered(true).connect().await.unwrap();
    for times in 2..=3 {
        expect(&admin.send(Request::delete("cse-in/id-mn")).await.unwrap(), StatusCode::DELETED);
        assert!(world.gateway.upstream_state().unwrap().is_registered, "it has not heard of it");
        // Refused, registered again, sent again: the AE sees nothing of it.
        create(&world.sensor, "/id-in/cse-in", CNT, container(&format!("c{times}"))).await;
        assert_eq!(world.gateway.upstream_state().unwrap().registrations, times);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_mn_that_was_forgotten_registers_again_when_it_looks() {
    let world = World::with(|upstream| upstream.check_every(Some(Duration::from_millis(50)))).await;
    let admin = Client::builder(url(&world.registrar)).originator("CAdmin").registered(true).connect().await.unwrap();
    expect(&admin.send(Request::delete("cse-in/id-mn")).await.unwrap(), StatusCode::DELETED);
    until(&world.gateway, |state| state.registrations == 2).await;
    expect(&world.boss.send(Request::retrieve("/id-mn/cse-mn")).await.unwrap(), StatusCode::OK);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_delete_of_the_mns_own_registration_through_the_mn_does_not_shut_it_out() {
    let world = World::with(|upstream| upstream.check_every(None)).await;
    // The MN may delete its registration, an AE of it may not; and something else may have the same name.
    let refused = world.sensor.send(Request::delete("/id-in/cse-in/id-mn")).await.unwrap();
    expect(&refused, StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE);
    create(&world.sensor, "/id-in/cse-in", CNT, container("c")).await;
    create(&world.sensor, "/id-in/cse-in/c", CNT, container("id-mn")).await;
    // To the client of the MN this looks like the end of its registration.
    expect(&world.sensor.send(Request::delete("/id-in/cse-in/c/id-mn")).await.unwrap(), StatusCode::DELETED);
    create(&world.sensor, "/id-in/cse-in", CNT, container("after")).await;
    assert_eq!(world.gateway.upstream_state().unwrap().registrations, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_a_registrar_that_comes_later_or_anew_is_joined() {
    let first = registrar_at("ws://127.0.0.1:0");
    let place = url(&first);
    first.shutdown().await;
    let gateway = gateway(&place, |upstream| upstream).start().unwrap();
    let sensor = ae(&url(&gateway), "Csensor", "sensor").await;
    create(&sensor, "cse-mn/sensor", CNT, container("data")).await; // nobody above is needed for that
    let alone = sensor.send(Request::retrieve("/id-in/cse-in")).await.unwrap();
    expect(&alone, StatusCode::TARGET_NOT_REACHABLE);

    let second = registrar_at(&place);
    assert_eq!(joined(&gateway).await.registrations, 1);
    expect(&sensor.send(Request::retrieve("/id-in/cse-in")).await.unwrap(), StatusCode::OK);
    second.shutdown().await;
    until(&gateway, |state| !state.is_registered).await;
    // In memory, it has forgotten everything.
    let third = registrar_at(&place);
    assert_eq!(joined(&gateway).await.registrations, 2);
    expect(&sensor.send(Request::retrieve("/id-in/cse-in")).await.unwrap(), StatusCode::OK);
    gateway.shutdown().await;
    third.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_settings_that_cannot_work_are_refused_by_name() {
    let start = |builder: onem2m_ws::registrar::RegistrarBuilder| builder.listen("ws://127.0.0.1:0").start();
    let upstream = || Upstream::new("ws://127.0.0.1:1", "/id-in");
    let day = Duration::from_secs(86_400);
    for (builder, says) in [
        (Registrar::builder().upstream(upstream()), "registrar"),
        (Registrar::builder().cse_id("/id-mn").upstream(Upstream::new("ws://127.0.0.1:1", "id-in")), "registrar"),
        (gateway("ftp://x", |upstream| upstream), "ftp"),
        (gateway("ws://x", |upstream| upstream.check_every(Some(Duration::ZERO))), "check_every"),
        (gateway("ws://x", |upstream| upstream.check_every(Some(366 * day))), "check_every"),
        (gateway("ws://x", |upstream| upstream.with_client(|client| client.window(0))), "window"),
    ] {
        let error = start(builder).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(error.message().contains(says), "{says}: {error}");
    }
    for time in [Duration::from_nanos(1), 365 * day] {
        start(gateway("ws://127.0.0.1:1", |upstream| upstream.check_every(Some(time)))).unwrap().shutdown().await;
    }
}
