//! Registrations are written before they are answered, and come back.

use futures_util::FutureExt;
use onem2m_ws::ErrorKind;
use onem2m_ws::server::Server;
use onem2m_ws::spool::FactKind;
use serde_json::json;

use crate::double::Double;
use crate::peer::*;

#[tokio::test]
async fn ws_6_4_4_a_registration_is_not_answered_before_it_is_written() {
    let store = Double::new();
    let server = server(store.clone());
    let mut peer = Peer::connect(&server, None).await;
    store.hold();
    peer.say(register("Ca")).await;
    store.until_waiting(1).await;
    // Known already, so that nothing for it is lost; but it hears of nothing before its own answer.
    let mut accepted = Box::pin(server.notify("Ca", notification(1)));
    assert!((&mut accepted).now_or_never().is_none(), "not accepted before it is written");
    assert_eq!(peer.heard().await, Vec::<serde_json::Value>::new());
    assert!(!server.is_connected("Ca"));

    store.release();
    accepted.await.unwrap();
    assert_eq!(peer.hear().await["rsc"], 2001);
    assert_eq!(peer.notified().await.0, 1);
    assert!(store.knows(FactKind::Registration, "Ca"));
}

#[tokio::test]
async fn ws_6_4_4_a_registration_that_cannot_be_written_is_none_and_is_told() {
    let store = Double::new();
    let server = server(store.clone());
    let mut peer = Peer::connect(&server, None).await;
    store.fail(true);
    let answer = peer.ask(register("Ca")).await;
    assert_eq!(answer["rsc"], 5000);
    assert!(answer["pc"]["m2m:dbg"].as_str().unwrap().contains("the disk is full"), "{answer}");
    assert!(!server.is_registered("Ca"));
    assert_eq!(server.notify("Ca", notification(1)).await.unwrap_err().kind(), ErrorKind::NotRegistered);
    assert_eq!(peer.ask(json!({"op": 2, "to": "x", "fr": "Ca", "rqi": "1"})).await["rsc"], 4106);
    store.fail(false);
    assert_eq!(peer.ask(register("Ca")).await["rsc"], 2001);
    // A registration that is in force is not ended by a second one that cannot be written.
    store.fail(true);
    assert_eq!(peer.ask(register("Ca")).await["rsc"], 5000);
    assert!(server.is_connected("Ca"));
}

#[tokio::test]
async fn ws_6_5_4_a_notification_that_cannot_be_written_is_not_accepted() {
    let store = Double::new();
    let server = server(store.clone());
    let mut peer = Peer::registered(&server, "Ca").await;
    store.fail(true);
    assert_eq!(server.notify("Ca", notification(1)).await.unwrap_err().kind(), ErrorKind::Storage);
    store.fail(false);
    server.notify("Ca", notification(2)).await.unwrap();
    assert_eq!(peer.notified().await.0, 2);
    assert_eq!(server.delivery_counters().accepted, 1);
}

#[tokio::test]
async fn ws_6_4_4_a_restarted_server_knows_its_registrees_and_delivers_in_order() {
    let store = Double::new();
    let before = server(store.clone());
    drop(Peer::registered(&before, "Ca").await);
    let mut cse = Peer::connect(&before, None).await;
    let csr =
        json!({"op": 1, "to": "cse-in", "fr": "/id-mn", "rqi": "1", "ty": 16, "pc": {"m2m:csr": {"csi": "/id-mn"}}});
    assert_eq!(cse.ask(csr).await["rsc"], 2001);
    until(|| !before.is_connected("Ca")).await;
    for number in 1..=20 {
        before.notify("Ca", notification(number)).await.unwrap();
    }
    drop(cse);
    before.shutdown().await;

    let after = server(store.clone());
    assert!(after.is_registered("Ca") && after.is_registered("//sp.example/id-in/Ca") && !after.is_connected("Ca"));
    after.notify("Ca", notification(21)).await.unwrap();
    let mut peer = Peer::connect(&after, Some("Ca")).await;
    for number in 1..=21 {
        let (came, rqi) = peer.notified().await;
        assert_eq!(came, number);
        peer.answer(&rqi).await;
    }
    until(|| after.waiting("Ca") == 0).await;
    // Of what kind a registree is, is known too: a CSE forwards for others.
    let mut cse = Peer::connect(&after, Some("/id-mn")).await;
    assert_eq!(cse.ask(json!({"op": 2, "to": "x", "fr": "/id-mn/Cx", "rqi": "2"})).await["rsc"], 2000);
}

#[tokio::test]
async fn ws_6_4_5_a_deregistration_purges_in_order_and_a_restart_does_not_bring_it_back() {
    let store = Double::new();
    let before = server(store.clone());
    drop(Peer::registered(&before, "Ca").await);
    until(|| !before.is_connected("Ca")).await;
    before.notify("Ca", notification(1)).await.unwrap();
    store.take_log();
    store.hold();
    let mut over = Box::pin(before.deregister_durably("/id-in/Ca"));
    assert!(!before.is_registered("Ca"), "at once");
    assert!((&mut over).now_or_never().is_none(), "told when it is written");
    store.release();
    assert!(over.await.unwrap());
    assert_eq!(store.take_log(), ["drop Ca", "forget Registration Ca"]);
    assert!(!before.deregister_durably("Ca").await.unwrap());
    before.shutdown().await;

    let after = server(store.clone());
    assert!(!after.is_registered("Ca"));
    assert_eq!(after.waiting("Ca"), 0);
    let mut peer = Peer::registered(&after, "Ca").await;
    assert_eq!(peer.heard().await, Vec::<serde_json::Value>::new(), "what was for its predecessor is gone");
}

#[tokio::test]
async fn ws_6_4_5_the_other_way_to_end_it_purges_too() {
    let store = Double::new();
    let server = server(store.clone());
    let _peer = Peer::registered(&server, "Ca").await;
    assert!(store.knows(FactKind::Registration, "Ca"));
    assert!(server.deregister("Ca"));
    assert!(!server.deregister("Ca"));
    assert!(!store.knows(FactKind::Registration, "Ca"));
}

#[tokio::test]
async fn a_registration_that_cannot_be_read_is_refused_by_name() {
    let store = Double::new();
    store.note(FactKind::Registration, "Codd", b"{}");
    let started = Server::builder().listen("ws://127.0.0.1:0").spool(store).start(|_: &Server, _| ());
    let error = started.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("\"Codd\""), "{error}");
}
