//! Notifications through the MN, in both directions and with cuts: in order, none lost.

use std::time::Duration;

use onem2m_ws::client::Subscription;
use onem2m_ws::primitive::{Request, StatusCode};
use serde_json::json;

use crate::harness::*;

const MANY: u32 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_ae_at_the_registrar_is_notified_of_what_happens_in_the_mn() {
    let world = World::new().await;
    let mut heard = readings(&world.boss);
    subscribe(&world.boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    for number in 1..=MANY {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    assert_eq!(all_in_order(&mut heard, MANY).await, 0, "nothing was interrupted");
    eventually("the store is empty", || world.gateway.server().waiting("/id-in") == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_8_notifications_for_the_registrar_survive_cuts_of_the_way_up() {
    let world = World::new().await;
    let mut heard = readings(&world.boss);
    subscribe(&world.boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    let hears = tokio::spawn(async move { all_in_order(&mut heard, MANY).await });
    for number in 1..=MANY {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
        if number % 10 == 0 {
            world.up.flicker().await;
        }
    }
    let repeated = hears.await.unwrap();
    assert!(repeated <= MANY / 10, "at most one for each cut: {repeated}");
    eventually("the store is empty", || world.gateway.server().waiting("/id-in") == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_8_notifications_for_the_registrar_wait_while_it_is_away() {
    let world = World::new().await;
    let mut heard = readings(&world.boss);
    subscribe(&world.boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    world.up.cut();
    until(&world.gateway, |state| !state.is_registered).await;
    for number in 1..=MANY {
        create(&world.sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    assert_eq!(world.gateway.server().waiting("/id-in"), MANY as usize);
    assert!(heard.try_recv().is_err());
    world.up.mend();
    assert_eq!(all_in_order(&mut heard, MANY).await, 0, "nothing was under way");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_ae_at_the_mn_is_notified_of_what_happens_at_the_registrar_through_cuts_of_either_side() {
    let world = World::new().await;
    let mut heard = readings(&world.sensor);
    subscribe(&world.sensor, "/id-in/cse-in/boss/orders", "/id-mn/Csensor").await;
    let hears = tokio::spawn(async move { all_in_order(&mut heard, MANY).await });
    for number in 1..=MANY {
        create(&world.boss, "cse-in/boss/orders", CIN, instance(number)).await;
        match number % 20 {
            0 => world.up.flicker().await,
            10 => world.down.flicker().await,
            _ => {}
        }
    }
    let repeated = hears.await.unwrap();
    assert!(repeated <= MANY / 10, "at most one for each cut: {repeated}");
    eventually("the stores are empty", || {
        world.registrar.server().waiting("/id-mn") + world.gateway.server().waiting("Csensor") == 0
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_what_comes_again_while_it_is_handed_on_is_not_stored_twice() {
    let world = World::new().await;
    let mut heard = readings(&world.sensor);
    subscribe(&world.sensor, "/id-in/cse-in/boss/orders", "/id-mn/Csensor").await;
    world.down.freeze();
    create(&world.boss, "cse-in/boss/orders", CIN, instance(1)).await;
    // The MN waits for the AE, the IN for the MN; it asks again over a new connection.
    let repeated = || world.registrar.server().delivery_counters().repeated;
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.up.flicker().await;
    eventually("it came again", || repeated() == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.down.cut();
    eventually("the MN has stored it", || world.gateway.server().waiting("Csensor") > 0).await;
    for number in 2..=10 {
        create(&world.boss, "cse-in/boss/orders", CIN, instance(number)).await;
    }
    world.down.mend();
    assert_eq!(all_in_order(&mut heard, 10).await, 0, "it did not arrive before");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_notifications_wait_at_the_registrar_while_the_mn_is_away_and_at_the_mn_while_the_ae_is_away() {
    let world = World::new().await;
    let mut heard = readings(&world.sensor);
    subscribe(&world.sensor, "/id-in/cse-in/boss/orders", "/id-mn/Csensor").await;
    world.up.cut();
    until(&world.gateway, |state| !state.is_registered).await;
    eventually("the registrar sees it", || !world.registrar.server().is_connected("/id-mn")).await;
    for number in 1..=50 {
        create(&world.boss, "cse-in/boss/orders", CIN, instance(number)).await;
    }
    assert_eq!(world.registrar.server().waiting("/id-mn"), 50, "stored at the IN");
    world.down.cut();
    eventually("the MN sees it", || !world.gateway.server().is_connected("Csensor")).await;
    world.up.mend();
    eventually("it went on to the MN", || world.gateway.server().waiting("Csensor") == 50).await;
    eventually("the IN is done", || world.registrar.server().waiting("/id-mn") == 0).await;
    for number in 51..=100 {
        create(&world.boss, "cse-in/boss/orders", CIN, instance(number)).await;
    }
    assert!(heard.try_recv().is_err());
    world.down.mend();
    assert_eq!(all_in_order(&mut heard, 100).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_notification_targets_on_the_other_side_are_verified() {
    let world = World::new().await;
    let admin = ae(&url(&world.registrar), "Cclerk", "clerk").await;
    let mut boss = readings(&world.boss);
    // Not its own target: `Cboss` is asked, through the MN's connection.
    subscribe(&admin, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    assert_eq!(boss.recv().await.unwrap(), None, "the verification");
    let nobody = Subscription::new().notify(["/id-in/Cnobody"]);
    let refused = admin.subscribe("/id-mn/cse-mn/sensor/data", nobody).await.unwrap();
    expect(&refused, StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED);

    // And the other way round; a target that is away is no target, and nothing of the question is stored.
    let mut sensor = readings(&world.sensor);
    subscribe(&admin, "cse-in/boss/orders", "/id-mn/Csensor").await;
    assert_eq!(sensor.recv().await.unwrap(), None, "the verification");
    world.down.cut();
    eventually("the MN sees it", || !world.gateway.server().is_connected("Csensor")).await;
    let away = Subscription::new().notify(["/id-mn/Csensor"]);
    let refused = admin.subscribe("cse-in/boss/orders", away).await.unwrap();
    expect(&refused, StatusCode::SUBSCRIPTION_VERIFICATION_INITIATION_FAILED);
    assert_eq!(world.gateway.server().waiting("Csensor"), 0);
    admin.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_8_a_notify_of_an_ae_is_stored_while_the_registrar_is_away_and_arrives_in_order() {
    let world = World::new().await;
    let mut heard = readings(&world.boss);
    let notify = |number: u32| Request::notify("/id-in/Cboss", json!({"m2m:sgn": {"number": number.to_string()}}));
    expect(&world.sensor.send(notify(1)).await.unwrap(), StatusCode::OK);
    world.up.cut();
    until(&world.gateway, |state| !state.is_registered).await;
    for number in 2..=30 {
        expect(&world.sensor.send(notify(number)).await.unwrap(), StatusCode::ACCEPTED);
    }
    // Its time is over before the registrar comes back: it does not arrive (the numbers would not be in order).
    let short = notify(99).expires_in(Duration::from_millis(300));
    expect(&world.sensor.send(short).await.unwrap(), StatusCode::ACCEPTED);
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.up.mend();
    for number in 31..=60 {
        let answer = world.sensor.send(notify(number)).await.unwrap();
        assert!(matches!(answer.status, StatusCode::OK | StatusCode::ACCEPTED), "{}", answer.status);
    }
    all_in_order(&mut heard, 60).await;
    world.end().await;
}
