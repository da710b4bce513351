//! The embedded registrar: what it answers with success is written, with all that belongs to it.

use std::sync::Arc;

use onem2m_ws::ErrorKind;
use onem2m_ws::registrar::Registrar;
use onem2m_ws::spool::{FactKind, Spool};
use serde_json::{Value, json};

use crate::double::Double;
use crate::peer::*;

fn registrar(store: &Arc<Double>) -> Registrar {
    let store: Arc<dyn Spool> = store.clone();
    Registrar::builder().listen("ws://127.0.0.1:0").with_server(|server| server.spool(store)).start().unwrap()
}

fn ae(entity: &str) -> Value {
    let pc = json!({"m2m:ae": {"rn": entity, "api": "Ntest", "rr": true, "srv": ["3"]}});
    json!({"op": 1, "to": "cse-in", "fr": entity, "rqi": "ae", "rvi": "3", "ty": 2, "pc": pc})
}

fn create(ty: u32, to: &str, pc: &Value) -> Value {
    json!({"op": 1, "to": to, "fr": "Ca", "rqi": "create", "rvi": "3", "ty": ty, "pc": pc})
}

fn delete(to: &str) -> Value {
    json!({"op": 4, "to": to, "fr": "Ca", "rqi": "delete", "rvi": "3"})
}

fn retrieve(to: &str) -> Value {
    json!({"op": 2, "to": to, "fr": "Ca", "rqi": "retrieve", "rvi": "3"})
}

fn instance() -> Value {
    create(4, "cse-in/Ca/data", &json!({"m2m:cin": {"con": "x"}}))
}

/// `Ca` with a container, and a subscription of its own to it.
async fn populate(registrar: &Registrar) -> Peer {
    let mut peer = Peer::connect(registrar.server(), None).await;
    assert_eq!(peer.ask(ae("Ca")).await["rsc"], 2001);
    assert_eq!(peer.ask(create(3, "cse-in/Ca", &json!({"m2m:cnt": {"rn": "data"}}))).await["rsc"], 2001);
    let sub = json!({"m2m:sub": {"rn": "sub", "nu": ["Ca"], "enc": {"net": [3]}}});
    assert_eq!(peer.ask(create(23, "cse-in/Ca/data", &sub)).await["rsc"], 2001);
    peer
}

#[tokio::test]
async fn ws_6_5_4_a_create_is_answered_when_it_and_its_notifications_are_written() {
    let store = Double::new();
    let registrar = registrar(&store);
    let mut peer = populate(&registrar).await;
    store.take_log();
    store.hold();
    peer.say(instance()).await;
    store.until_waiting(2).await;
    assert_eq!(peer.heard().await, Vec::<Value>::new(), "neither the answer nor the notification");
    let log = store.take_log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0], "append Ca");
    assert!(log[1].contains("keep Resource cin") && log[1].contains("keep Resource cnt"), "{log:?}");
    assert_eq!(log[1].matches("keep").count(), 2, "{log:?}");
    store.release();
    let mut came = [peer.hear().await, peer.hear().await];
    came.sort_by_key(|primitive| primitive["op"].as_u64());
    assert_eq!((&came[0]["rsc"], &came[1]["op"]), (&json!(2001), &json!(5)));
}

#[tokio::test]
async fn ws_6_4_5_a_delete_is_answered_when_the_purge_is_written_and_a_restart_does_not_bring_it_back() {
    let store = Double::new();
    let before = registrar(&store);
    let mut peer = populate(&before).await;
    store.take_log();
    store.hold();
    peer.say(delete("cse-in/Ca")).await;
    store.until_waiting(3).await;
    assert_eq!(peer.heard().await, Vec::<Value>::new());
    let log = store.take_log();
    assert_eq!(log[..2], ["drop Ca", "forget Registration Ca"]);
    assert_eq!(log[2].matches("forget Resource").count(), 3, "{log:?}");
    store.release();
    assert_eq!(peer.hear().await["rsc"], 2002);
    drop(peer);
    before.shutdown().await;

    let after = registrar(&store);
    assert!(!after.server().is_registered("Ca"));
    let mut peer = Peer::connect(after.server(), Some("Ca")).await;
    assert_eq!(peer.ask(retrieve("cse-in/Ca")).await["rsc"], 4106);
    assert_eq!(peer.ask(ae("Ca")).await["rsc"], 2001, "it may register anew");
}

#[tokio::test]
async fn ws_6_4_4_resources_registrations_and_notifications_are_there_after_a_restart() {
    let store = Double::new();
    let before = registrar(&store);
    let mut peer = populate(&before).await;
    drop(peer);
    until(|| !before.server().is_connected("Ca")).await;
    let mut other = Peer::connect(before.server(), None).await;
    for number in 0..5 {
        let mut create = instance();
        create["fr"] = json!("CAdmin");
        create["pc"]["m2m:cin"]["con"] = json!(number.to_string());
        assert_eq!(other.ask(create).await["rsc"], 2001);
    }
    drop(other);
    before.shutdown().await;

    let after = registrar(&store);
    peer = Peer::connect(after.server(), Some("Ca")).await;
    for number in 0..5 {
        let primitive = peer.hear().await;
        assert_eq!(primitive["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], number.to_string());
        peer.answer(&primitive["rqi"]).await;
    }
    let data = peer.ask(retrieve("cse-in/Ca/data")).await;
    assert_eq!((&data["rsc"], &data["pc"]["m2m:cnt"]["cni"]), (&json!(2000), &json!(5)));
    peer.say(instance()).await;
    let mut came = [peer.hear().await, peer.hear().await];
    came.sort_by_key(|primitive| primitive["op"].as_u64());
    assert_eq!((&came[0]["rsc"], &came[1]["op"]), (&json!(2001), &json!(5)), "and it goes on");
}

#[tokio::test]
async fn ws_6_4_5_a_registration_that_is_ended_before_it_is_answered_does_not_stay() {
    let store = Double::new();
    let registrar = registrar(&store);
    let mut peer = Peer::connect(registrar.server(), None).await;
    let mut admin = Peer::connect(registrar.server(), None).await;
    store.hold();
    peer.say(ae("Ca")).await;
    store.until_waiting(1).await;
    let mut request = delete("cse-in/Ca");
    request["fr"] = json!("CAdmin");
    admin.say(request).await;
    store.until_waiting(2).await;
    store.release();
    assert_eq!(peer.hear().await["rsc"], 2001, "it was so");
    assert_eq!(admin.hear().await["rsc"], 2002);
    until(|| !registrar.server().is_registered("Ca") && !store.knows(FactKind::Registration, "Ca")).await;
}

#[tokio::test]
async fn a_store_that_fails_is_told_and_nothing_is_answered_with_success_until_the_next_start() {
    let store = Double::new();
    let before = registrar(&store);
    let mut peer = populate(&before).await;
    store.fail(true);
    let answer = peer.ask(create(3, "cse-in/Ca", &json!({"m2m:cnt": {"rn": "lost"}}))).await;
    assert_eq!(answer["rsc"], 5000);
    assert!(answer["pc"]["m2m:dbg"].as_str().unwrap().contains("the disk is full"), "{answer}");
    store.fail(false);
    // Memory is ahead of the store: what stands on it could be lost.
    for request in
        [create(3, "cse-in/Ca/lost", &json!({"m2m:cnt": {}})), retrieve("cse-in/Ca/lost"), delete("cse-in/Ca")]
    {
        assert_eq!(peer.ask(request).await["rsc"], 5000);
    }
    drop(peer);
    before.shutdown().await;
    let after = registrar(&store);
    let mut peer = Peer::connect(after.server(), Some("Ca")).await;
    assert_eq!(peer.ask(retrieve("cse-in/Ca/lost")).await["rsc"], 4004);
    assert_eq!(peer.ask(retrieve("cse-in/Ca/data")).await["rsc"], 2000);
    assert_eq!(peer.ask(create(3, "cse-in/Ca", &json!({"m2m:cnt": {"rn": "lost"}}))).await["rsc"], 2001);
}

#[tokio::test]
async fn a_notification_that_cannot_be_written_is_no_success_of_what_it_tells() {
    let store = Double::new();
    let registrar = registrar(&store);
    let mut peer = populate(&registrar).await;
    store.fail_appends(true);
    assert_eq!(peer.ask(instance()).await["rsc"], 5000);
}

#[tokio::test]
async fn what_a_slow_disk_refuses_is_kept_with_the_next_changes() {
    let store = Double::new();
    let before = registrar(&store);
    let mut peer = populate(&before).await;
    store.be_full(true);
    let answer = peer.ask(create(3, "cse-in/Ca", &json!({"m2m:cnt": {"rn": "first"}}))).await;
    assert_eq!(answer["rsc"], 5000);
    assert!(answer["pc"]["m2m:dbg"].as_str().unwrap().contains("not stored yet"), "{answer}");
    let answer = peer.ask(create(3, "cse-in/Ca/first", &json!({"m2m:cnt": {"rn": "second"}}))).await;
    assert_eq!(answer["rsc"], 5207, "it is not looked at");
    store.be_full(false);
    assert_eq!(peer.ask(create(3, "cse-in/Ca/first", &json!({"m2m:cnt": {"rn": "second"}}))).await["rsc"], 2001);
    drop(peer);
    before.shutdown().await;
    let after = registrar(&store);
    let mut peer = Peer::connect(after.server(), Some("Ca")).await;
    assert_eq!(peer.ask(retrieve("cse-in/Ca/first/second")).await["rsc"], 2000);
}

#[tokio::test]
async fn ws_6_4_4_the_resources_decide_who_is_registered() {
    let store = Double::new();
    let before = registrar(&store);
    drop(populate(&before).await);
    before.shutdown().await;
    // A crash between the resource and the registration, and one between the ends of the two.
    store.forget(FactKind::Registration, "Ca");
    store.note(FactKind::Registration, "Cgone", br#"{"id":"Cgone"}"#);
    let after = registrar(&store);
    assert!(after.server().is_registered("Ca"));
    assert!(!after.server().is_registered("Cgone"));
    assert!(!store.knows(FactKind::Registration, "Cgone"));
}

#[tokio::test]
async fn a_resource_that_cannot_be_read_is_refused_by_name() {
    let store = Double::new();
    store.note(FactKind::Resource, "cnt17", b"{");
    let store: Arc<dyn Spool> = store;
    let started = Registrar::builder().listen("ws://127.0.0.1:0").with_server(|server| server.spool(store)).start();
    let error = started.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("\"cnt17\""), "{error}");
}
