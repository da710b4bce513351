//! Cuts of a connection that is open.

use onem2m_ws::ErrorKind;
use onem2m_ws::client::ConnectionState;
use onem2m_ws::primitive::StatusCode;

use super::site::{Site, eventually, finished, is_complete};
use super::wire::Direction::{Both, ToClient, ToServer};

/// Says so, so that an application can tell it from a request that was never sent.
fn is_unknown(error: &onem2m_ws::Error) {
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    assert!(error.message().contains("unknown"), "{error}");
}

#[tokio::test]
async fn ws_5_2_9_a_client_that_is_cut_off_tells_what_is_unknown_and_goes_on_without_a_registration() {
    let site = Site::new().await;
    let reached = site.send_held().await;
    site.wire.cut(Both);
    let swallowed = site.send("x");
    is_unknown(&finished(reached).await.unwrap_err());
    is_unknown(&finished(swallowed).await.unwrap_err());

    // What is asked for meanwhile waits, while attempt after attempt ends in silence.
    let waiting = site.send("x");
    let log = site.log();
    let failed = log.until_state("an attempt that ends in silence", |change| {
        change.state == ConnectionState::Disconnected
            && change.cause.as_ref().is_some_and(|cause| cause.kind() == ErrorKind::OpenTimeout)
    });
    let failed = failed.await;
    assert!(failed.attempt > 0 && failed.next_attempt.is_some(), "{failed:?}");
    log.until_state("one more", |change| {
        change.state == ConnectionState::Connecting && change.attempt > failed.attempt
    })
    .await;
    site.wire.mend();
    assert_eq!(finished(waiting).await.unwrap().status, StatusCode::OK);
    site.is_whole().await;
}

#[tokio::test]
async fn ws_6_4_4_a_server_notices_a_cut_keeps_the_registration_and_what_comes_and_delivers_it_in_order() {
    let site = Site::new().await;
    site.notify(1).await;
    eventually("the first is delivered", || site.server.waiting("Ca") == 0).await;
    site.wire.cut(Both);
    // It is written into a connection that is dead already.
    site.notify(2).await;
    eventually("the second is on its way to nowhere", || site.wire.has_swallowed(r#""number":2"#)).await;
    site.notify(3).await;
    site.notices_at_the_server().await;
    for number in 4..=6 {
        site.notify(number).await;
    }
    assert_eq!(site.server.waiting("Ca"), 5, "the write was no acknowledgement");
    assert_eq!(site.log().seen().len(), 1);
    site.wire.mend();
    site.is_whole().await;
    is_complete(&site.log().seen(), 6);
    assert_eq!(site.log().seen().len(), 6, "the second never came before");
}

#[tokio::test]
async fn ws_6_5_4_an_answer_that_is_lost_brings_the_notification_again_with_the_same_rqi() {
    let site = Site::new().await;
    site.notify(1).await;
    eventually("the first is delivered", || site.server.waiting("Ca") == 0).await;
    site.wire.cut(ToServer);
    site.notify(2).await;
    eventually("the second comes", || site.log().seen().len() == 2).await;
    site.notices_at_the_server().await;
    assert_eq!(site.server.waiting("Ca"), 1, "its answer did not come");
    site.wire.mend();
    site.is_whole().await;
    let seen = site.log().seen();
    is_complete(&seen, 2);
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1], seen[2], "once more, and known as such by its rqi");
}

#[tokio::test]
async fn ws_5_2_9_only_what_the_client_sends_is_lost_and_the_server_notices_first() {
    // The client is not in a hurry, and hears the server all the time.
    let site = Site::with(|server| server, |client| client.ping_after(None)).await;
    site.wire.cut(ToServer);
    let request = site.send("x");
    eventually("the request is lost", || site.wire.swallowed(ToServer) > 100).await;
    site.notices_at_the_server().await;
    is_unknown(&finished(request).await.unwrap_err());
    site.wire.mend();
    site.is_whole().await;
}

#[tokio::test]
async fn ws_5_2_9_only_what_the_client_sends_is_lost_and_no_server_pings() {
    let site = Site::with(|server| server.ping_after(None), |client| client).await;
    site.wire.cut(ToServer);
    let request = site.send("x");
    is_unknown(&finished(request).await.unwrap_err());
    // The server hears of the old connection only by the probe that the new one causes.
    site.wire.mend();
    site.notify(1).await;
    site.is_whole().await;
    is_complete(&site.log().seen(), 1);
}

#[tokio::test]
async fn ws_5_2_9_only_what_the_server_sends_is_lost() {
    let site = Site::new().await;
    site.wire.cut(ToClient);
    let request = site.send("x");
    eventually("it is answered in vain", || site.wire.has_swallowed(r#""rsc":2000"#)).await;
    is_unknown(&finished(request).await.unwrap_err());
    site.notify(1).await;
    site.wire.mend();
    site.is_whole().await;
    is_complete(&site.log().seen(), 1);
}

#[tokio::test]
async fn ws_5_2_3_a_client_that_comes_back_before_the_server_noticed_gets_everything() {
    // The server waits for ever by itself: only the newcomer makes it look at the old connection.
    let site = Site::with(|server| server.ping_after(None), |client| client).await;
    site.wire.cut(Both);
    site.notify(1).await;
    eventually("it is on its way to nowhere", || site.wire.has_swallowed(r#""number":1"#)).await;
    site.notify(2).await;
    site.notices_at_the_client().await;
    site.wire.mend();
    eventually("both come", || site.log().seen().len() == 2).await;
    site.is_whole().await;
    is_complete(&site.log().seen(), 2);
}

#[tokio::test]
async fn ws_6_5_4_lost_0_over_many_cuts_of_every_kind_at_any_moment() {
    const CUTS: u64 = 12;
    let site = Site::new().await;
    let mut last = 0;
    for round in 0..CUTS {
        let direction = [Both, ToServer, ToClient][round as usize % 3];
        for step in 0..10 {
            last += 1;
            site.notify(last).await;
            if step == round % 10 {
                site.wire.cut(direction);
            }
            if step % 3 == 0 {
                tokio::task::yield_now().await; // some are delivered, some are not
            }
        }
        let before = site.wire.connections();
        eventually("an end notices", || site.wire.connections() > before || !site.server.is_connected("Ca")).await;
        site.wire.mend();
        // Every second time the next cut comes while the backlog is on its way.
        if round % 2 == 0 {
            site.is_whole().await;
        } else {
            eventually("it goes on", || site.server.waiting("Ca") < 10).await;
        }
    }
    site.is_whole().await;
    let seen = site.log().seen();
    is_complete(&seen, last);
    let again = seen.len() as u64 - last;
    assert!(again <= CUTS, "{again} came again: at most one at each cut");
}
