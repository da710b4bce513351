//! What is refused before anything is sent, and what is warned of.

use onem2m_ws::ErrorKind;
use onem2m_ws::client::{Client, ClientBuilder};
use tracing::Level;

use crate::collector::logged;
use crate::support::{PASSWORD, collect};

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_a_client_is_made() {
    type Set = fn(ClientBuilder) -> ClientBuilder;
    let ways: [(Set, &str); 7] = [
        (|b| b.basic("zq:zq", PASSWORD), "basic: the user name has a colon"),
        (|b| b.basic("zq\n", PASSWORD), "basic: the user name has a control character"),
        (|b| b.basic("user", "hunter2\n"), "basic: the password has a control character"),
        (|b| b.bearer("hunter2 zq"), "bearer: the token is not of letters"),
        (|b| b.bearer(""), "bearer: the token is not of letters"),
        (|b| b.basic("user", PASSWORD).header("authorization", "zq"), "header \"Authorization\" besides"),
        (|b| b.header("Authorization", "zq").bearer("hunter2"), "header \"Authorization\" besides"),
    ];
    for (set, text) in ways {
        let error = set(Client::builder("ws://127.0.0.1:9")).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(text), "{error}");
        assert!(!format!("{error} {error:?}").contains("zq") && !error.message().contains("hunter2"), "{error}");
    }
    let own = Client::builder("ws://127.0.0.1:9").header("Authorization", "Custom x").build();
    assert!(own.is_ok(), "a program may make the field itself");
}

#[tokio::test]
async fn ws_7_3_that_they_can_be_read_on_the_way_is_warned_of_once() {
    collect();
    for (url, warned) in [
        ("ws://warned.invalid:9000", 1),
        ("ws://192.0.2.77:9000", 1),
        ("ws://localhost:9001", 0),
        ("ws://a.localhost.:9002", 0),
        ("ws://127.0.0.9:9003", 0),
        ("ws://[::1]:9004", 0),
    ] {
        let client = Client::builder(url).basic("gateway", PASSWORD).build().unwrap();
        client.close().await;
        let host = url.trim_start_matches("ws://");
        let said = logged(Level::WARN, host);
        assert_eq!(said.len(), warned, "{url}: {said:?}");
        assert!(said.iter().all(|line| line.contains("can be read on the way")), "{said:?}");
    }
    Client::builder("ws://quiet.invalid:9000").build().unwrap().close().await;
    assert_eq!(logged(Level::WARN, "quiet.invalid"), Vec::<String>::new());
}
