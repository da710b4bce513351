//! An MN-CSE with a store that is stopped and started again, in between or under another registrar.

use std::path::PathBuf;

use onem2m_ws::registrar::{Registrar, Upstream};

use crate::harness::*;

const MANY: u32 = 50;

struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("onem2m-ws-gateway-{}-{name}", std::process::id())));
        let _ = std::fs::remove_file(&file.0);
        file
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_8_what_waits_for_the_registrar_survives_a_restart_of_the_mn() {
    let file = File::new("restart");
    let registrar = registrar_at("ws://127.0.0.1:0");
    let up = Cable::to(&url(&registrar)).await;
    let start = || gateway(&up.url, |upstream| upstream).store(&file.0).start().unwrap();
    let first = start();
    joined(&first).await;
    let sensor = ae(&url(&first), "Csensor", "sensor").await;
    create(&sensor, "cse-mn/sensor", CNT, container("data")).await;
    let boss = ae(&url(&registrar), "Cboss", "boss").await;
    let mut heard = readings(&boss);
    subscribe(&boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    up.cut();
    until(&first, |state| !state.is_registered).await;
    for number in 1..=MANY {
        create(&sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    sensor.close().await;
    first.shutdown().await;
    drop(first);

    let second = start();
    assert!(second.server().is_registered("Csensor"));
    assert_eq!(second.server().waiting("/id-in"), MANY as usize);
    up.mend();
    assert_eq!(joined(&second).await.registrations, 0, "it was registered there all the time");
    assert_eq!(all_in_order(&mut heard, MANY).await, 0);
    eventually("the store is empty", || second.server().waiting("/id-in") == 0).await;
    boss.close().await;
    second.shutdown().await;
    registrar.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_an_mn_comes_back_under_another_registrar() {
    let file = File::new("another");
    let registrar = registrar_at("ws://127.0.0.1:0");
    let first = gateway(&url(&registrar), |upstream| upstream).store(&file.0).start().unwrap();
    joined(&first).await;
    let admin = ae(&url(&first), "Cae", "ae").await;
    // Below the <remoteCSE> of the registrar there may be more.
    create(&admin, "cse-mn/ae", CNT, container("data")).await;
    admin.close().await;
    first.shutdown().await;
    drop(first);
    registrar.shutdown().await;

    let other =
        Registrar::builder().cse_id("/id-other").cse_name("cse-other").listen("ws://127.0.0.1:0").start().unwrap();
    let upstream = Upstream::new(url(&other), "/id-other").with_client(quick);
    let start = || {
        let moved = Registrar::builder().cse_id("/id-mn").cse_name("cse-mn").listen("ws://127.0.0.1:0");
        moved.upstream(upstream.clone()).store(&file.0).start().unwrap()
    };
    for _ in 0..2 {
        let moved = start();
        joined(&moved).await;
        assert!(moved.server().is_registered("Cae"));
        assert!(!moved.server().is_registered("/id-in"), "that one is forgotten");
        moved.shutdown().await;
    }
    other.shutdown().await;
}
