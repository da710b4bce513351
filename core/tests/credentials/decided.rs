//! A server decides by them: who comes in, who does not, and what each side is told.

use onem2m_ws::ErrorKind;
use onem2m_ws::client::ClientBuilder;
use onem2m_ws::primitive::{Request, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::Accounts;
use tracing::Level;

use crate::collector::logged;
use crate::support::{Deciding, PASSWORD, TOKEN, client, collect, refusing};

/// The parts by which a log would show them, encoded or not.
const SHOWN: [&str; 4] = ["hunter2", "aHVudGVy", "Z2F0ZXdheTpodW50ZXIy", "eyJhbGci"];

fn nothing_is_shown_by(text: &str) {
    for secret in SHOWN {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn ws_5_2_3_whoever_has_the_right_ones_comes_in_as_its_principal() {
    collect();
    let deciding = Deciding::start();
    type Set = fn(ClientBuilder) -> ClientBuilder;
    let ways: [Set; 3] = [
        |b| b.basic("gateway", PASSWORD),
        |b| b.bearer(TOKEN),
        |b| b.bearer("wrong").basic("wrong", "wrong").bearer(TOKEN), // the last one holds
    ];
    for (count, set) in ways.into_iter().enumerate() {
        let builder = set(deciding.client());
        nothing_is_shown_by(&format!("{builder:?}"));
        let client = builder.connect().await.unwrap();
        nothing_is_shown_by(&format!("{client:?}"));
        assert_eq!(client.send(Request::retrieve("cse-in")).await.unwrap().status, StatusCode::OK);
        assert_eq!(deciding.handled(), count + 1);
        client.close().await;
    }
    for secret in SHOWN {
        assert_eq!(logged(Level::TRACE, secret), Vec::<String>::new());
    }
    deciding.server.shutdown().await;
}

#[tokio::test]
async fn ws_6_2_3_1_1_whoever_has_not_is_told_why_and_reaches_nothing() {
    collect();
    let deciding = Deciding::start();
    type Set = fn(ClientBuilder) -> ClientBuilder;
    let ways: [(Set, u16, &str); 5] = [
        (|b| b, 401, "credentials are wanted (Basic realm="),
        (|b| b.basic("gateway", "hunter2"), 401, "our credentials are not accepted (Basic realm="),
        (|b| b.basic("gatewax", PASSWORD), 401, "our credentials are not accepted (Basic realm="),
        (|b| b.bearer("eyJhbGciOiJub25lIn0.hunter2"), 401, "our credentials are not accepted (Bearer error="),
        (|b| b.basic("mallory", PASSWORD), 403, "not any more"),
    ];
    for (count, (set, status, text)) in ways.into_iter().enumerate() {
        // One that is patient does not try again either.
        for (attempt, patient) in [false, true].into_iter().enumerate() {
            let client = set(deciding.client()).patient(patient).build().unwrap();
            let error = client.connect().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::HandshakeRefused, "{error}");
            let refusal = error.refusal().unwrap();
            assert_eq!((refusal.status, refusal.header("WWW-Authenticate").is_some()), (status, status == 401));
            assert!(error.message().contains(text), "{error}");
            nothing_is_shown_by(&format!("{error} {error:?} {refusal:?}"));
            assert_eq!(client.send(Request::retrieve("cse-in")).await.unwrap_err().kind(), ErrorKind::HandshakeRefused);
            assert_eq!(deciding.judged(), 4 * count + 2 * (attempt + 1), "each attempt is one handshake");
            client.close().await;
        }
    }
    assert_eq!(deciding.handled(), 0);
    for secret in SHOWN {
        assert_eq!(logged(Level::TRACE, secret), Vec::<String>::new());
    }
    deciding.server.shutdown().await;
}

#[tokio::test]
async fn a_server_that_repeats_them_makes_no_error_and_no_log_show_them() {
    collect();
    for status in [401, 403, 503] {
        let url = refusing(status, true).await;
        for builder in [client(&url).basic("gateway", PASSWORD), client(&url).bearer(TOKEN)] {
            let error = builder.connect().await.unwrap_err();
            let refusal = error.refusal().unwrap();
            assert_eq!(refusal.status, status);
            let body = String::from_utf8_lossy(&refusal.body);
            nothing_is_shown_by(&format!("{error} {error:?} {refusal:?} {body}"));
            assert!(body.contains("left out"), "{body}");
        }
        let nobody = client(&url).connect().await.unwrap_err();
        assert_eq!(nobody.refusal().unwrap().body, b"you sent nothing");
    }
    for secret in SHOWN {
        assert_eq!(logged(Level::TRACE, secret), Vec::<String>::new());
    }
}

#[tokio::test]
async fn ws_6_2_3_1_1_accounts_let_in_whoever_has_one() {
    collect();
    let accounts = Accounts::new().user("gateway", PASSWORD).unwrap().user("other", "else").unwrap();
    let accounts = accounts.token("sensor", TOKEN).unwrap();
    assert_eq!(format!("{accounts:?}"), "Accounts { users: 2, tokens: 1 }");
    let registrar = Registrar::builder().listen("ws://127.0.0.1:0").with_server(|server| server.accounts(accounts));
    let registrar = registrar.start().unwrap();
    let url = registrar.points_of_access()[0].to_string();
    for good in
        [client(&url).basic("gateway", PASSWORD), client(&url).basic("other", "else"), client(&url).bearer(TOKEN)]
    {
        good.connect().await.unwrap().close().await;
    }
    for bad in [
        client(&url),
        client(&url).basic("gateway", "else"),
        client(&url).basic("other", PASSWORD),
        client(&url).basic("sensor", TOKEN),
        client(&url).basic("gateway", ""),
        client(&url).basic("", ""),
        client(&url).bearer("sensor"),
        client(&url).header("Authorization", format!("Bearer {TOKEN}")).header("Authorization", "Bearer x"),
    ] {
        let error = bad.connect().await.unwrap_err();
        assert_eq!(error.refusal().map(|refusal| refusal.status), Some(401), "{error}");
    }
    for secret in SHOWN {
        assert_eq!(logged(Level::TRACE, secret), Vec::<String>::new());
    }
    for (name, password) in [("", "p"), ("u", ""), ("u:v", "p"), ("u\n", "p"), ("u", "hunter2\n")] {
        let error = Accounts::new().user(name, password).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidArgument && !error.message().contains("hunter2"), "{error}");
    }
    assert!(Accounts::new().token("", TOKEN).is_err() && Accounts::new().token("sensor", "a b").is_err());
    registrar.shutdown().await;
}
