//! What becomes of a connection whose credential ends, is revoked, or is read anew.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onem2m_ws::ErrorKind;
use onem2m_ws::client::{Client, ConnectionState};
use onem2m_ws::tls::{Pem, Tls};

use crate::support::{
    Authority, Good, PATIENCE, VERSIONS, World, at, dns, foreign_client, raw_key, round, serve, uri, with,
};

const AE: &str = "//sp.example/Sae1";

async fn lost(client: &Client) -> String {
    let mut states = client.states();
    let lost = async {
        loop {
            states.changed().await.unwrap();
            let change = states.borrow().clone();
            if change.state == ConnectionState::Disconnected {
                return change.cause.map(|cause| cause.to_string()).unwrap_or_default();
            }
        }
    };
    tokio::time::timeout(PATIENCE, lost).await.expect("the connection is closed")
}

/// A file that settings name, and that can be written anew.
fn file(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn ws_7_1_a_connection_ends_when_the_certificate_of_its_client_does() {
    let world = World::new();
    for version in VERSIONS {
        let (server, _) = serve(world.server().most_version(version));
        let short = world.authority.issue(vec![uri(AE)], Good::For(Duration::from_secs(3)));
        let (client, _) = round(at(&server).tls(world.client(&short))).await.unwrap();
        let cause = lost(&client).await;
        assert!(cause.contains("1008") && cause.contains("your credential has ended"), "{cause}");
        let again = client.connect().await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::CredentialRefused, "{again}");
    }
}

#[tokio::test]
async fn ws_7_1_a_connection_ends_when_the_certificate_of_its_server_does() {
    let world = World::new();
    let short = world.authority.issue(vec![dns("localhost")], Good::For(Duration::from_secs(3)));
    let (server, _) = serve(world.trust(with(&short)));
    let (client, _) = round(at(&server).tls(world.client(&world.ae(AE)))).await.unwrap();
    let identity = client.peer_identity().unwrap();
    assert_eq!((identity.principal().as_str(), identity.names()), ("DNS:localhost", &["DNS:localhost".to_owned()][..]));
    assert!(identity.not_after().is_some());
    lost(&client).await;
    assert_eq!(client.peer_identity(), None);
    assert_eq!(client.connect().await.unwrap_err().kind(), ErrorKind::PeerNotTrusted);
}

#[tokio::test]
async fn ws_7_1_what_is_revoked_by_a_list_that_is_read_anew_is_closed_and_comes_back_no_more() {
    let world = World::new();
    let (one, two) = (world.ae(AE), world.ae("//sp.example/Sae2"));
    let text = |serials: &[u64]| match world.authority.revoked(serials) {
        Pem::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Pem::File(_) => unreachable!(),
    };
    let list = file("revoked.pem", &text(&[]));
    let (server, seen) = serve(world.server().revoked(&list));
    let (revoked, _) = round(at(&server).tls(world.client(&one))).await.unwrap();
    let kept = at(&server).originator("Sae2").tls(world.client(&two)).connect().await.unwrap();
    assert_eq!(server.reload_tls().unwrap(), 0);

    std::fs::write(&list, text(&[one.serial])).unwrap();
    assert_eq!(server.reload_tls().unwrap(), 1, "the one that is revoked");
    let cause = lost(&revoked).await;
    assert!(cause.contains("1008"), "{cause}");
    assert_eq!(revoked.connect().await.unwrap_err().kind(), ErrorKind::CredentialRefused);
    assert!(seen.refusal().await.contains("revoked"));
    assert_eq!(kept.state().state, ConnectionState::Registered);

    // A file that cannot be used changes nothing.
    std::fs::write(&list, "no list").unwrap();
    let error = server.reload_tls().unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidArgument && error.message().contains("revoked.pem"), "{error}");
    assert_eq!(revoked.connect().await.unwrap_err().kind(), ErrorKind::CredentialRefused);
    assert_eq!(kept.state().state, ConnectionState::Registered);
    let _ = std::fs::remove_file(list);
}

#[tokio::test]
async fn ws_7_1_both_ends_change_their_credentials_without_a_restart() {
    let world = World::new();
    let next = Authority::new("the next authority");
    let ae = world.ae(AE);
    let (certificate, key) = (file("ae.pem", &ae.certificate), file("ae.key", &ae.key));
    let (authorities, servers) = (file("ca.pem", &world.authority.pem), file("servers-ca.pem", &world.authority.pem));
    let server_files = (file("in.pem", &world.server.certificate), file("in.key", &world.server.key));
    let server = Tls::new().certificate(&server_files.0, &server_files.1).trust(&authorities);
    let (server, _) = serve(server);
    let client = Tls::new().certificate(&certificate, &key).trust(&servers);
    let (client, _) = round(at(&server).tls(client)).await.unwrap();

    // Everything moves to the next authority.
    let (new_ae, new_server) = (next.issue(vec![uri(AE)], Good::Now), next.issue(vec![dns("localhost")], Good::Now));
    for (path, content) in [
        (&certificate, &new_ae.certificate),
        (&key, &new_ae.key),
        (&authorities, &next.pem),
        (&servers, &next.pem),
        (&server_files.0, &new_server.certificate),
        (&server_files.1, &new_server.key),
    ] {
        std::fs::write(path, content).unwrap();
    }
    client.reload_tls().unwrap();
    lost(&client).await;
    assert_eq!(server.reload_tls().unwrap(), 0, "the old one has gone");
    client.connect().await.unwrap();
    // And a client that has not heard of it.
    let old = round(at(&server).tls(world.client(&ae))).await.map(drop).unwrap_err();
    assert_eq!(old.kind(), ErrorKind::PeerNotTrusted, "{old}");
}

#[tokio::test]
async fn ws_7_1_a_raw_public_key_that_is_not_known_any_more_ends_its_connection() {
    let world = World::new();
    let (key, ni) = raw_key();
    let (server, _) = serve(world.server().trust_key(&ni));
    let (client, _) = round(at(&server).tls(world.trust(Tls::new().raw_key(key)))).await.unwrap();
    assert_eq!(server.reload_tls().unwrap(), 0, "it is known still");
    assert_eq!(client.state().state, ConnectionState::Registered);
}

#[tokio::test]
async fn ws_7_1_a_client_is_not_connected_before_the_server_has_judged_its_certificate() {
    let world = World::new();
    let unknown = Authority::new("another authority").issue(vec![uri(AE)], Good::Now);
    for version in VERSIONS {
        let (server, _) = serve(world.server().most_version(version));
        let client = at(&server).tls(world.client(&unknown)).build().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut states = client.states();
        let watch = {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                while states.changed().await.is_ok() {
                    let state = states.borrow().state;
                    seen.lock().unwrap().push(state);
                }
            })
        };
        let error = client.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CredentialRefused, "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        watch.abort();
        let seen = seen.lock().unwrap().clone();
        assert!(!seen.contains(&ConnectionState::Open) && !seen.contains(&ConnectionState::Registered), "{seen:?}");
        assert!(seen.contains(&ConnectionState::Disconnected), "{seen:?}");
    }
}

#[tokio::test]
async fn ws_7_1_no_session_is_resumed() {
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::HandshakeKind;
    use tokio_rustls::rustls::client::Resumption;
    use tokio_rustls::rustls::pki_types::ServerName;

    let world = World::new();
    let ae = world.ae(AE);
    for version in VERSIONS {
        let (server, _) = serve(world.server().most_version(version));
        let mut config = foreign_client(&world, &ae);
        config.resumption = Resumption::in_memory_sessions(16);
        let connector = TlsConnector::from(Arc::new(config));
        for _ in 0..3 {
            let port = server.points_of_access()[0].port();
            let tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = connector.connect(name, tcp).await.unwrap();
            // Tickets, if there were any, come before the answer.
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 400");
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        }
    }
}
