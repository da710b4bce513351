//! Cuts while a connection is being opened or closed.

use onem2m_ws::ErrorKind;
use onem2m_ws::client::ConnectionState;

use super::site::{CLOSE, Log, PATIENCE, Site, client, eventually, finished, is_complete, server};
use super::wire::Direction::{Both, ToClient, ToServer};
use super::wire::Wire;

/// Ends in time, whatever the peer does.
async fn ends<T>(what: &str, task: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, task).await.unwrap_or_else(|_| panic!("never ends: {what}"))
}

#[tokio::test]
async fn ws_5_2_6_an_opening_handshake_that_is_cut_ends_with_open_timeout_at_both_ends() {
    for direction in [Both, ToServer, ToClient] {
        let log = Log::default();
        // A place that is not given back would keep everybody else out.
        let server = server(&log, |server| server.max_half_open(1));
        let wire = Wire::to(&server.points_of_access()[0].to_string()).await;
        wire.cut(direction);
        let error = ends("connect", client(wire.url()).connect()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OpenTimeout, "{direction:?}: {error}");
        eventually("the server lets go of it", || server.connections() == 0).await;
        wire.mend();
        let again = loop {
            match ends("connect", client(wire.url()).connect()).await {
                Ok(again) => break again,
                Err(error) => assert_eq!(error.refusal().map(|refusal| refusal.status), Some(503), "{error}"),
            }
        };
        assert_eq!(again.state().state, ConnectionState::Open);
        again.close().await;
    }
}

#[tokio::test]
async fn ws_5_2_6_a_reopening_that_only_the_server_believes_in_takes_nothing_with_it() {
    let site = Site::new().await;
    site.wire.cut(ToClient);
    site.notices_at_the_client().await;
    // The server takes the next connection for a good one, and sends what it has.
    site.notify(1).await;
    eventually("it is sent to nowhere", || site.wire.has_swallowed(r#""number":1"#)).await;
    eventually("the server accepted a connection in vain", || site.wire.has_swallowed("101 Switching Protocols")).await;
    site.wire.cut(Both);
    site.notify(2).await;
    site.wire.mend();
    site.is_whole().await;
    is_complete(&site.log().seen(), 2);
}

#[tokio::test]
async fn ws_6_5_2_a_close_that_is_cut_ends_in_time() {
    for direction in [Both, ToServer, ToClient] {
        let site = Site::new().await;
        site.wire.cut(direction);
        ends("close", site.client.close()).await;
        assert_eq!(site.client.state().state, ConnectionState::Closed);
        site.notices_at_the_server().await;
        eventually("the server lets go of it", || site.server.connections() == 0).await;
    }
}

#[tokio::test]
async fn ws_6_5_2_a_close_that_waits_for_what_is_under_way_ends_when_the_network_is_cut() {
    let site = Site::new().await;
    let request = site.send_held().await;
    let client = site.client.clone();
    let closing = tokio::spawn(async move { client.close().await });
    tokio::time::sleep(CLOSE / 10).await;
    site.wire.cut(Both);
    let error = finished(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    finished(closing).await;
}

#[tokio::test]
async fn ws_5_2_6_a_disconnect_that_is_cut_ends_in_time_and_the_next_request_opens_again() {
    for direction in [Both, ToServer, ToClient] {
        let site = Site::new().await;
        site.wire.cut(direction);
        ends("disconnect", site.client.disconnect()).await;
        assert!(!site.client.state().state.is_open());
        site.notify(1).await;
        site.wire.mend();
        site.is_whole().await;
        is_complete(&site.log().seen(), 1);
    }
}

#[tokio::test]
async fn ws_6_5_2_a_server_that_stops_does_not_wait_for_a_client_that_is_cut_off() {
    for direction in [Both, ToServer, ToClient] {
        let site = Site::new().await;
        site.wire.cut(direction);
        // Long enough that only the closing handshake's own end can be in time.
        ends("shutdown", site.server.shutdown_within(2 * PATIENCE)).await;
        assert_eq!(site.server.connections(), 0);
    }
}
