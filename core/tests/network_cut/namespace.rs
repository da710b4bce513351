//! The same in a network of our own, whose only interface is taken down: the kernel's TCP meets a network that is gone.
//!
//! The tests start themselves again below `unshare --map-root-user --net` (util-linux), which needs no rights where the system
//! allows user namespaces. Where it does not, a line that begins with `SKIPPED` says so.

use std::process::{Command, Stdio};

use onem2m_ws::ErrorKind;
use onem2m_ws::client::{AeRegistration, ConnectionState, StateChange};
use onem2m_ws::primitive::{Request, StatusCode};

use super::site::{Log, client, eventually, finished, is_complete, notification, server};

/// Set inside, so that nothing is taken down outside.
const INSIDE: &str = "ONEM2M_WS_TEST_IN_OWN_NETWORK";
const UNSHARE: [&str; 3] = ["--map-root-user", "--net", "--"];

fn ip(arguments: &str) {
    assert!(std::env::var_os(INSIDE).is_some(), "outside");
    let done = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(done.success(), "ip {arguments}: {done}");
}

/// True inside. Outside: runs the test inside, and passes on how that went.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return true;
    }
    let trial =
        Command::new("unshare").args(UNSHARE).args(["ip", "link", "set", "lo", "up"]).stdin(Stdio::null()).output();
    if !trial.as_ref().is_ok_and(|trial| trial.status.success()) {
        let why =
            trial.map_or_else(|error| error.to_string(), |it| String::from_utf8_lossy(&it.stderr).trim().to_owned());
        // Past the test harness, which shows nothing of a test that passes.
        let line = format!("SKIPPED, {test}: no network namespace can be had here: {why}\n");
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
        return false;
    }
    let done = Command::new("unshare")
        .args(UNSHARE)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "inside:\n{output}{}", String::from_utf8_lossy(&done.stderr));
    assert!(output.contains("1 passed"), "it did not run: {output}");
    false
}

#[tokio::test]
async fn ws_5_2_9_a_network_that_is_down_and_up_again() {
    if !is_inside("namespace::ws_5_2_9_a_network_that_is_down_and_up_again") {
        return;
    }
    let log = Log::default();
    let server = server(&log, |server| server);
    let client = client(&server.points_of_access()[0].to_string()).build().unwrap();
    log.follow(&client);
    client.register_ae(AeRegistration::new("Ntest")).await.unwrap();
    server.notify("Ca", notification(1)).await.unwrap();
    eventually("the first is delivered", || server.waiting("Ca") == 0).await;

    let mut last = 1;
    for _ in 0..3 {
        let (sender, held) = (client.clone(), log.held());
        let request = tokio::spawn(async move { sender.send(Request::retrieve("held")).await });
        eventually("a request is under way", || log.held() > held).await;
        let connections = client.counters().connections;
        log.forget_states();
        ip("link set lo down");
        for _ in 0..3 {
            last += 1;
            server.notify("Ca", notification(last)).await.unwrap();
        }
        let error = finished(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        eventually("the server notices", || server.connections() == 0).await;
        assert!(server.is_registered("Ca"), "WS-6.4-4");
        assert_eq!(server.waiting("Ca"), 3);
        // There is no network at all for a while; attempts fail, and are made again.
        let failed = |change: &StateChange| {
            change.state == ConnectionState::Disconnected && change.attempt > 1 && change.next_attempt.is_some()
        };
        log.until_state("attempts that fail", failed).await;
        assert_eq!(client.counters().connections, connections);

        ip("link set lo up");
        eventually("all is delivered", || server.waiting("Ca") == 0).await;
        let answer = client.send(Request::retrieve("x")).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        eventually("one connection is left", || server.connections() == 1).await;
    }
    assert_eq!(log.registrations(), 1, "WS-5.2-9");
    is_complete(&log.seen(), last);
}
