//! Both ends by OpenSSL, and by each library at one of them: suites, versions, and who is seen.

use std::pin::Pin;
use std::time::Duration;

use openssl::ssl::SslRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::ErrorKind;
use crate::binding::Framework;
use crate::net::tls::acceptor::Acceptor;
use crate::net::tls::connector::Connector;
use crate::net::tls::failure;
use crate::net::tls::settings::{Pem, TlsLibrary, Unnamed};
use crate::net::tls::shown::Shown;
use crate::net::tls::stream::TlsStream;
use crate::net::tls::who::Judged;

#[path = "../../../../tests/tls_openssl/pki.rs"]
#[allow(dead_code)]
mod pki;

use pki::{Authority, Issued, Leaf};

const ID: &str = "7f3a@mef.sp.example";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

type Connected = std::result::Result<(TlsStream, Shown), (ErrorKind, String)>;

fn acceptor(tls: Tls) -> Result<Acceptor> {
    Acceptor::new(tls, SpId::new("//sp.example").unwrap(), CseId::new("/id-in").unwrap())
}

/// Lets both meet; a client hears with its first byte whether it was taken.
async fn meet(server: &Acceptor, client: &Connector) -> (Judged<(TlsStream, Option<Shown>)>, Connected) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut accepted = server.accept(stream, Instant::now() + Duration::from_secs(10)).await;
        if let Ok((stream, _)) = &mut accepted {
            stream.write_all(b"!").await.unwrap();
            stream.flush().await.unwrap();
        }
        accepted
    };
    let join = async {
        let (mut stream, shown) = client.connect(TcpStream::connect(address).await.unwrap()).await?;
        match stream.read_u8().await {
            Ok(_) => Ok((stream, shown)),
            Err(error) => Err(failure::told(&error).unwrap_or((ErrorKind::Network, error.to_string()))),
        }
    };
    let (accepted, connected) = tokio::join!(serve, join);
    assert!(ErrorStack::get().errors().is_empty(), "errors are left for the next connection");
    (accepted, connected)
}

fn ssl(stream: &TlsStream) -> &SslRef {
    match stream {
        TlsStream::OpenSsl(stream) => stream.ssl(),
        _ => panic!("it is not by OpenSSL"),
    }
}

fn with_key(id: &str, key: &[u8]) -> Tls {
    Tls::new().pre_shared_key(id, key)
}

fn only(tls: Tls, version: TlsVersion) -> Tls {
    tls.least_version(version).most_version(version)
}

fn connector(tls: Tls) -> Connector {
    Connector::new(tls, "localhost").unwrap()
}

/// Some other program's end, with one suite.
fn foreign(method: SslMethod, version: TlsVersion, suite: &str) -> SslContextBuilder {
    let mut context = SslContextBuilder::new(method).unwrap();
    context.set_min_proto_version(Some(super::version(version))).unwrap();
    context.set_max_proto_version(Some(super::version(version))).unwrap();
    match version {
        TlsVersion::V1_2 => context.set_cipher_list(suite).unwrap(),
        TlsVersion::V1_3 => context.set_ciphersuites(suite).unwrap(),
    }
    context.set_psk_client_callback(|_, _, id, key| {
        id[..ID.len()].copy_from_slice(ID.as_bytes());
        id[ID.len()] = 0;
        key[..KEY.len()].copy_from_slice(KEY);
        Ok(KEY.len())
    });
    context.set_psk_server_callback(|_, id, key| {
        assert_eq!(id, Some(ID.as_bytes()));
        key[..KEY.len()].copy_from_slice(KEY);
        Ok(KEY.len())
    });
    context
}

/// Two connected sockets.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
    (accepted.unwrap().0, connected.unwrap())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn assert_shares_the_key(shown: &Shown) {
    assert_eq!(shown.identity.framework(), Framework::PreSharedKey);
    assert_eq!(shown.identity.principal().as_str(), "PSK:7f3a@mef.sp.example");
    assert_eq!(shown.identity.names(), ["PSK:7f3a@mef.sp.example"]);
    assert_eq!(shown.identity.entities(), None);
}

/// Suites of TLS 1.2 with pre-shared keys, and whether they are spoken without `ts0003_suites`.
const SUITES_1_2: [(&str, bool); 6] = [
    ("ECDHE-PSK-CHACHA20-POLY1305", true),
    ("ECDHE-PSK-AES128-CBC-SHA256", true),
    ("PSK-AES128-GCM-SHA256", true),
    ("PSK-CHACHA20-POLY1305", true),
    ("PSK-AES128-CCM", true),
    ("PSK-AES128-CBC-SHA256", false),
];

/// What others could speak, and we never do: a pre-shared key with a certificate, with a short tag, without any.
const NEVER: [&str; 5] =
    ["PSK-AES128-CCM8", "PSK-AES128-CBC-SHA", "RSA-PSK-AES128-GCM-SHA256", "ADH-AES128-GCM-SHA256", "AECDH-AES128-SHA"];

#[tokio::test]
async fn ws_7_1_pre_shared_keys_make_an_association_with_every_suite_at_either_end() {
    for is_strict in [false, true] {
        let tls = with_key(ID, KEY).ts0003_suites(is_strict);
        let server = acceptor(tls.clone()).unwrap();
        let client = connector(tls);
        let mut cases: Vec<_> =
            SUITES_1_2.iter().map(|(suite, always)| (TlsVersion::V1_2, *suite, *always || is_strict)).collect();
        cases.extend(NEVER.map(|suite| (TlsVersion::V1_2, suite, false)));
        cases.push((TlsVersion::V1_3, "TLS_AES_128_GCM_SHA256", true));
        cases.push((TlsVersion::V1_3, "TLS_CHACHA20_POLY1305_SHA256", true));
        cases.push((TlsVersion::V1_3, "TLS_AES_256_GCM_SHA384", false));
        for (version, suite, is_taken) in cases {
            let suite_at_0 = format!("{suite}:@SECLEVEL=0");
            let suites = if version == TlsVersion::V1_2 { suite_at_0.as_str() } else { suite };

            let (near, far) = sockets().await;
            let theirs = foreign(SslMethod::tls_client(), version, suites).build();
            let mut theirs = tokio_openssl::SslStream::new(Ssl::new(&theirs).unwrap(), far).unwrap();
            let (accepted, connected) = tokio::join!(server.accept(near, soon()), async {
                let connected = Pin::new(&mut theirs).connect().await;
                if connected.is_err() {
                    let _ = theirs.get_mut().shutdown().await;
                }
                connected
            });
            assert_eq!((accepted.is_ok(), connected.is_ok()), (is_taken, is_taken), "server, {suite}");
            if let Ok((stream, shown)) = accepted {
                assert_eq!(ssl(&stream).current_cipher().unwrap().name(), suite);
                assert_shares_the_key(&shown.unwrap());
            }

            let (near, far) = sockets().await;
            let theirs = foreign(SslMethod::tls_server(), version, suites).build();
            let mut theirs = tokio_openssl::SslStream::new(Ssl::new(&theirs).unwrap(), far).unwrap();
            let (connected, accepted) = tokio::join!(client.connect(near), async {
                let accepted = Pin::new(&mut theirs).accept().await;
                if accepted.is_err() {
                    let _ = theirs.get_mut().shutdown().await;
                }
                accepted
            });
            assert_eq!((connected.is_ok(), accepted.is_ok()), (is_taken, is_taken), "client, {suite}");
            if let Ok((stream, shown)) = connected {
                assert_eq!(ssl(&stream).current_cipher().unwrap().name(), suite);
                assert_shares_the_key(&shown);
            }
        }
    }
}

#[tokio::test]
async fn ws_7_1_both_ends_choose_forward_secrecy_and_nothing_to_come_back_by() {
    let tls = with_key(ID, KEY).ts0003_suites(true);
    let best = [(TlsVersion::V1_3, "TLS_AES_128_GCM_SHA256"), (TlsVersion::V1_2, "ECDHE-PSK-CHACHA20-POLY1305")];
    for (version, suite) in best {
        let (server, client) = (acceptor(tls.clone()).unwrap(), connector(only(tls.clone(), version)));
        let (accepted, connected) = meet(&server, &client).await;
        let (server_stream, _) = accepted.unwrap();
        let (client_stream, _) = connected.unwrap();
        for stream in [&server_stream, &client_stream] {
            assert_eq!(ssl(stream).current_cipher().unwrap().name(), suite);
            assert_eq!(ssl(stream).version2(), Some(super::version(version)));
            assert!(ssl(stream).security_level() >= 2);
        }
        assert_eq!(ssl(&server_stream).num_tickets(), 0);
        assert!(ssl(&client_stream).session().is_none_or(|session| session.id().is_empty()));
    }
}

#[tokio::test]
async fn ws_7_1_a_wrong_key_and_an_unknown_one_are_refused_alike() {
    let server = acceptor(with_key(ID, KEY).pre_shared_key("other@mef.sp.example", [7; 16])).unwrap();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let mut seen = Vec::new();
        let cases = [
            (ID, "its pre-shared key \"7f3a@mef.sp.example\" is another one than here"),
            ("9999@mef.sp.example", "it names the pre-shared key \"9999@mef.sp.example\", which is not known here"),
        ];
        for (id, why) in cases {
            let client = connector(only(with_key(id, b"fedcba9876543210"), version));
            let (accepted, connected) = meet(&server, &client).await;
            assert_eq!(accepted.err().unwrap(), crate::websocket::escape(why));
            let (kind, text) = connected.err().unwrap();
            assert_eq!(kind, ErrorKind::CredentialRefused);
            assert!(
                text.starts_with(&format!("the server does not know the pre-shared key {id:?}, or has another one (")),
                "{text}"
            );
            seen.push(text.replace(id, ""));
        }
        assert_eq!(seen[0], seen[1], "a client can tell which identifiers there are");
    }
}

#[tokio::test]
async fn ws_7_1_who_has_a_certificate_or_nothing_is_no_holder_of_a_key() {
    let authority = Authority::new();
    let server = acceptor(with_key(ID, KEY)).unwrap();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        // A client without a key.
        let library = |tls: Tls, library| only(tls.library(library), version);
        for by in [TlsLibrary::Rustls, TlsLibrary::OpenSsl] {
            let client = connector(library(Tls::new().trust(Pem::bytes(authority.pem())), by));
            let (accepted, connected) = meet(&server, &client).await;
            accepted.err().unwrap();
            assert_eq!(connected.err().unwrap().0, ErrorKind::TlsFailed);
        }
        // A server that has a certificate, and not the key.
        let other = acceptor(with_certificate(&authority.issue(&Leaf::server())).anonymous_clients(true)).unwrap();
        let client = connector(only(with_key(ID, KEY), version));
        let (accepted, connected) = meet(&other, &client).await;
        accepted.err().unwrap();
        let (kind, text) = connected.err().unwrap();
        match version {
            TlsVersion::V1_2 => assert_eq!(kind, ErrorKind::TlsFailed, "{text}"),
            TlsVersion::V1_3 => {
                assert_eq!(kind, ErrorKind::PeerNotTrusted, "{text}");
                assert_eq!(text, "the server shows a certificate, and not that it has the pre-shared key");
            }
        }
    }
}

#[tokio::test]
async fn ws_7_2_the_settings_say_who_speaks_with_a_key() {
    let tls = with_key(ID, KEY).peer("PSK:7f3a@mef.sp.example", ["Ssensor1", "/id-mn"]).unnamed(Unnamed::Refuse);
    let server = acceptor(tls).unwrap();
    let (accepted, _) = meet(&server, &connector(with_key(ID, KEY))).await;
    let identity = accepted.unwrap().1.unwrap().identity;
    let entities: Vec<_> = identity.entities().unwrap().iter().map(|entity| entity.as_str()).collect();
    assert_eq!(entities, ["//sp.example/Ssensor1", "//sp.example/id-mn"]);
}

#[tokio::test]
async fn ws_7_1_a_key_that_is_taken_away_or_changed_does_not_count_any_more() {
    let file = std::env::temp_dir().join(format!("onem2m-ws-keys-{}", std::process::id()));
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let hex = data_encoding::HEXLOWER.encode(KEY);
    write(&format!("# the keys\n\n{ID}:{hex}\nother@x.example:{hex}\n"));
    let server = acceptor(Tls::new().pre_shared_keys(&*file)).unwrap();
    let client = connector(with_key(ID, KEY));
    let (accepted, connected) = meet(&server, &client).await;
    let (shown, server_shown) = (accepted.unwrap().1.unwrap(), connected.unwrap().1);
    server.reload().unwrap();
    server.review(&shown).unwrap();
    client.review(&server_shown).unwrap();

    write("broken\n");
    let error = server.reload().unwrap_err().to_string();
    assert!(
        error.contains("line 1: it is an identifier, a colon, and the key") && !error.contains("broken"),
        "{error}"
    );
    server.review(&shown).unwrap(); // goes on with what it has

    write(&format!("{ID}:{}\n", hex.to_uppercase()));
    server.reload().unwrap();
    server.review(&shown).unwrap();
    for text in [format!("{ID}:{}ff\n", &hex[2..]), format!("other@x.example:{hex}\n")] {
        write(&text);
        server.reload().unwrap();
        let why = server.review(&shown).unwrap_err();
        assert_eq!(why, "its pre-shared key is not known any more, or is another one");
        assert!(meet(&server, &client).await.0.is_err());
    }
    let _ = std::fs::remove_file(&file);
}

#[tokio::test]
async fn the_end_of_a_connection_does_not_wait_for_the_peer() {
    let (accepted, connected) = meet(&acceptor(with_key(ID, KEY)).unwrap(), &connector(with_key(ID, KEY))).await;
    let (mut ours, mut theirs) = (accepted.unwrap().0, connected.unwrap().0);
    for _ in 0..2 {
        tokio::time::timeout(Duration::from_secs(10), ours.shutdown()).await.expect("it waits").unwrap();
    }
    assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0);
    // One that is cut is not one that has ended.
    let (accepted, connected) = meet(&acceptor(with_key(ID, KEY)).unwrap(), &connector(with_key(ID, KEY))).await;
    drop(accepted);
    let error = connected.unwrap().0.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

fn with_certificate(issued: &Issued) -> Tls {
    Tls::new().certificate(Pem::bytes(issued.pem()), Pem::bytes(issued.key_pem()))
}

/// A server by OpenSSL with a certificate, which trusts this authority, and a client by `library`.
fn both(authority: &Authority, client: &Leaf<'_>, library: TlsLibrary) -> (Tls, Tls) {
    let trusting = |issued: &Issued| with_certificate(issued).trust(Pem::bytes(authority.pem()));
    let server = trusting(&authority.issue(&Leaf::server())).library(TlsLibrary::OpenSsl);
    (server, trusting(&authority.issue(client)).library(library))
}

#[tokio::test]
async fn ws_7_2_certificates_name_entities_as_they_do_by_rustls() {
    let authority = Authority::new();
    let leaf = Leaf::client("URI://sp.example/Ssensor1 DNS:node7.sp.example");
    for library in [TlsLibrary::OpenSsl, TlsLibrary::Rustls] {
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            let (server, client) = both(&authority, &leaf, library);
            let (server, client) = (acceptor(server).unwrap(), connector(only(client, version)));
            let (accepted, connected) = meet(&server, &client).await;
            let (_, shown) = accepted.unwrap();
            let shown = shown.unwrap();
            assert_eq!(shown.identity.framework(), Framework::Certificate);
            assert_eq!(shown.identity.principal().as_str(), "URI://sp.example/Ssensor1");
            assert_eq!(shown.identity.entities().unwrap()[0].as_str(), "//sp.example/Ssensor1");
            assert!(shown.identity.not_after().is_some());
            server.reload().unwrap();
            server.review(&shown).unwrap();
            let (_, shown) = connected.unwrap();
            assert_eq!(shown.identity.principal().as_str(), "DNS:localhost");
            client.reload().unwrap();
            client.review(&shown).unwrap();
        }
    }
}

#[tokio::test]
async fn ws_7_2_an_authority_with_name_constraints_for_uris_is_taken_with_a_scheme() {
    let authority = Authority::constrained(Some("critical,permitted;URI:sp.example"));
    let cases = [
        ("URI:m2m://sp.example/Ssensor1", None),
        ("URI:m2m://other.example/Ssensor1", Some("its authority may not certify this name")),
        ("URI:m2m://x.sp.example/Ssensor1", Some("its authority may not certify this name")),
        ("URI://sp.example/Ssensor1", Some("as m2m://sp.example/Ssensor1 (uri_scheme)")),
    ];
    for (names, why) in cases {
        let (server, client) = both(&authority, &Leaf::client(names), TlsLibrary::Rustls);
        let server = acceptor(server.uri_scheme("m2m")).unwrap();
        let (accepted, connected) = meet(&server, &connector(client)).await;
        match (accepted, why) {
            (Ok((_, shown)), None) => {
                let identity = shown.unwrap().identity;
                assert_eq!(identity.principal().as_str(), "URI:m2m://sp.example/Ssensor1");
                assert_eq!(identity.entities().unwrap()[0].as_str(), "//sp.example/Ssensor1");
            }
            (Err(text), Some(why)) => {
                assert!(text.contains(why), "{names}: {text}");
                assert_eq!(connected.err().unwrap().0, ErrorKind::CredentialRefused);
            }
            (accepted, _) => panic!("{names}: {:?}", accepted.err()),
        }
    }
    // What rustls makes of it is why there is OpenSSL.
    let (server, client) = both(&authority, &Leaf::client(cases[0].0), TlsLibrary::Rustls);
    let server = acceptor(server.library(TlsLibrary::Rustls).uri_scheme("m2m")).unwrap();
    assert!(meet(&server, &connector(client)).await.0.is_err());
}

#[tokio::test]
async fn ws_7_2_an_authority_is_trusted_for_its_providers_only() {
    let authority = Authority::new();
    let issued = authority.issue(&Leaf::client("URI://sp.example/Ssensor1"));
    let client = connector(with_certificate(&issued).trust(Pem::bytes(authority.pem())));
    for (provider, is_taken) in [("//sp.example", true), ("//other.example", false)] {
        let server = with_certificate(&authority.issue(&Leaf::server())).library(TlsLibrary::OpenSsl);
        let server = acceptor(server.trust_for(Pem::bytes(authority.pem()), [provider])).unwrap();
        let (accepted, connected) = meet(&server, &client).await;
        assert_eq!((accepted.is_ok(), connected.is_ok()), (is_taken, is_taken), "{provider}");
        if let Err(why) = accepted {
            assert!(why.contains("an entity of another service provider"), "{why}");
            assert_eq!(connected.err().unwrap().0, ErrorKind::CredentialRefused);
        }
    }
}

#[tokio::test]
async fn ws_7_1_credentials_that_are_not_good_are_refused_at_either_end() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let name = "URI://sp.example/Ssensor1";
    let now = pki::now();
    let expired = Leaf { until: now - 60, ..Leaf::client(name) };
    let early = Leaf { from: now + 600, until: now + 6000, ..Leaf::client(name) };
    let for_servers = Leaf { is_server: true, ..Leaf::client(name) };
    let refused = ErrorKind::CredentialRefused;
    let clients: [(&str, Option<Issued>, &str); 7] = [
        ("expired", Some(authority.issue(&expired)), "certificate has expired; is the clock right?"),
        ("early", Some(authority.issue(&early)), "certificate is not yet valid; is the clock right?"),
        ("stranger's", Some(stranger.issue(&Leaf::client(name))), "; trust the authority that issued it"),
        ("for servers", Some(authority.issue(&for_servers)), "unsuitable certificate purpose"),
        (
            "nobody's",
            Some(authority.issue(&Leaf::client("DNS:node7.elsewhere.example"))),
            "names no entity of this CSE",
        ),
        ("nameless", Some(authority.issue(&Leaf::client(""))), "names no entity of this CSE"),
        ("none", None, "the peer showed no certificate, and one is needed"),
    ];
    for (what, issued, why) in &clients {
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            let (server, _) = both(&authority, &Leaf::client(name), TlsLibrary::OpenSsl);
            let client = issued.as_ref().map_or_else(Tls::new, with_certificate).trust(Pem::bytes(authority.pem()));
            for library in [TlsLibrary::Rustls, TlsLibrary::OpenSsl] {
                let client = connector(only(client.clone(), version).library(library));
                let (accepted, connected) = meet(&acceptor(server.clone()).unwrap(), &client).await;
                let text = accepted.err().unwrap_or_else(|| panic!("{what} is taken"));
                assert!(text.contains(why), "{what}: {text}");
                let (kind, text) = connected.err().unwrap();
                let expected =
                    if issued.is_none() && version == TlsVersion::V1_2 { ErrorKind::TlsFailed } else { refused };
                assert_eq!(kind, expected, "{what} {version:?} {library:?}: {text}");
            }
        }
    }
    let servers = [
        (authority.issue(&Leaf { until: now - 60, ..Leaf::server() }), "certificate has expired"),
        (stranger.issue(&Leaf::server()), "; trust the authority that issued it"),
        (
            authority.issue(&Leaf { names: "DNS:elsewhere.example", ..Leaf::server() }),
            "; connect by a name that it has",
        ),
        (authority.issue(&Leaf { is_server: false, ..Leaf::server() }), "unsuitable certificate purpose"),
    ];
    for (issued, why) in &servers {
        let (_, client) = both(&authority, &Leaf::client(name), TlsLibrary::OpenSsl);
        for library in [TlsLibrary::Rustls, TlsLibrary::OpenSsl] {
            let server = with_certificate(issued).trust(Pem::bytes(authority.pem())).library(library);
            let (accepted, connected) = meet(&acceptor(server).unwrap(), &connector(client.clone())).await;
            let (kind, text) = connected.err().unwrap();
            assert_eq!(kind, ErrorKind::PeerNotTrusted, "{text}");
            assert!(text.contains(why), "{why}: {text}");
            accepted.err().unwrap();
        }
    }
    let (server, client) = both(&authority, &Leaf::client(name), TlsLibrary::OpenSsl);
    let by_address = Connector::new(client, "127.0.0.1").unwrap();
    let (accepted, connected) = meet(&acceptor(server).unwrap(), &by_address).await;
    accepted.unwrap();
    assert_eq!(connected.unwrap().1.identity.principal().as_str(), "IP:127.0.0.1");
}

#[tokio::test]
async fn ws_7_1_lists_of_what_is_revoked_count_for_newcomers_and_for_who_is_there() {
    let authority = Authority::new();
    let issued = authority.issue(&Leaf::client("URI://sp.example/Ssensor1"));
    let file = std::env::temp_dir().join(format!("onem2m-ws-lists-{}", std::process::id()));
    let later = pki::now() + 3600;
    std::fs::write(&file, authority.revoke(&[], later)).unwrap();
    let (server, _) = both(&authority, &Leaf::client(""), TlsLibrary::OpenSsl);
    let server = acceptor(server.revoked(&*file)).unwrap();
    let client = connector(with_certificate(&issued).trust(Pem::bytes(authority.pem())));
    let shown = meet(&server, &client).await.0.unwrap().1.unwrap();
    server.review(&shown).unwrap();

    let other = Authority::new();
    let lists = [
        (authority.revoke(&[&issued], later), "certificate revoked"),
        (other.revoke(&[], later), "CRL"),
        (authority.revoke(&[], pki::now() - 60), "CRL has expired"),
    ];
    for (list, why) in lists {
        std::fs::write(&file, list).unwrap();
        server.reload().unwrap();
        let text = server.review(&shown).unwrap_err();
        assert!(text.contains(why), "{why}: {text}");
        let (accepted, connected) = meet(&server, &client).await;
        assert!(accepted.err().unwrap().contains(why));
        assert_eq!(connected.err().unwrap().0, ErrorKind::CredentialRefused);
    }
    std::fs::write(&file, "no list").unwrap();
    assert!(server.reload().unwrap_err().to_string().contains("BEGIN X509 CRL"));
    let _ = std::fs::remove_file(&file);

    // The list of a client, in memory.
    let shown_by_server = authority.issue(&Leaf::server());
    let server = with_certificate(&shown_by_server).library(TlsLibrary::OpenSsl).anonymous_clients(true);
    let list = Pem::bytes(authority.revoke(&[&shown_by_server], later));
    let client = Tls::new().trust(Pem::bytes(authority.pem())).revoked(list).library(TlsLibrary::OpenSsl);
    let (_, connected) = meet(&acceptor(server).unwrap(), &connector(client)).await;
    let (kind, text) = connected.err().unwrap();
    assert_eq!(kind, ErrorKind::PeerNotTrusted);
    assert!(text.contains("certificate revoked"), "{text}");
}

#[tokio::test]
async fn ws_7_1_a_certificate_ends_while_its_connection_lives() {
    let authority = Authority::new();
    let leaf = Leaf { until: pki::now() + 1, ..Leaf::client("URI://sp.example/Ssensor1") };
    let (server, client) = both(&authority, &leaf, TlsLibrary::OpenSsl);
    let server = acceptor(server).unwrap();
    let shown = meet(&server, &connector(client)).await.0.unwrap().1.unwrap();
    let look = async {
        loop {
            if let Err(why) = server.review(&shown) {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let why = tokio::time::timeout(Duration::from_secs(10), look).await.unwrap();
    assert!(why.contains("certificate has expired"), "{why}");
}

#[tokio::test]
async fn ws_7_1_suites_of_ts_0003_are_spoken_where_that_is_said() {
    let authority = Authority::new();
    let suite = "ECDHE-ECDSA-AES128-SHA256";
    for is_strict in [false, true] {
        let (server, client) = both(&authority, &Leaf::client("URI://sp.example/Ssensor1"), TlsLibrary::OpenSsl);
        let server = acceptor(server.ts0003_suites(is_strict)).unwrap();
        let (near, far) = sockets().await;
        let mut theirs = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
        theirs.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        theirs.set_cipher_list(suite).unwrap();
        certificates::show(&mut theirs, &client).unwrap();
        let theirs = theirs.build();
        let mut theirs = tokio_openssl::SslStream::new(Ssl::new(&theirs).unwrap(), far).unwrap();
        let (accepted, _) = tokio::join!(server.accept(near, soon()), Pin::new(&mut theirs).connect());
        assert_eq!(accepted.is_ok(), is_strict, "{:?}", accepted.err());
        if let Ok((stream, _)) = accepted {
            assert_eq!(ssl(&stream).current_cipher().unwrap().name(), suite);
        }
    }
    // It is the last one that is chosen.
    let (server, client) = both(&authority, &Leaf::client("URI://sp.example/Ssensor1"), TlsLibrary::OpenSsl);
    let (server, client) = (server.ts0003_suites(true), only(client.ts0003_suites(true), TlsVersion::V1_2));
    let (accepted, _) = meet(&acceptor(server).unwrap(), &connector(client)).await;
    assert_eq!(ssl(&accepted.unwrap().0).current_cipher().unwrap().name(), "ECDHE-ECDSA-AES128-GCM-SHA256");
}

#[tokio::test]
async fn ws_7_1_a_client_that_is_too_slow_gets_no_association() {
    let server = acceptor(with_key(ID, KEY)).unwrap();
    let (near, _far) = sockets().await;
    let why = server.accept(near, Instant::now() + Duration::from_millis(50)).await.err().unwrap();
    assert_eq!(why, "the peer did not finish the TLS handshake in time");
    for (bytes, expected) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], "does not speak TLS"), (b"", "ended the connection")] {
        let (near, mut far) = sockets().await;
        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();
        let why = server.accept(near, soon()).await.err().unwrap();
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn settings_that_openssl_cannot_fulfil_are_refused() {
    let authority = Authority::new();
    let own = || with_certificate(&authority.issue(&Leaf::server())).library(TlsLibrary::OpenSsl);
    let trust = || Pem::bytes(authority.pem());
    let psk = || with_key(ID, KEY);
    let cases = [
        (Tls::new().library(TlsLibrary::OpenSsl), "a server needs a certificate and its key, or pre-shared keys"),
        (own(), "no client could be authenticated"),
        (own().trust_key("ni:///sha-256;x"), "raw public keys are by rustls only"),
        (psk().trust(trust()), "trust has no meaning with pre-shared keys"),
        (own().pre_shared_key(ID, KEY), "certificate has no meaning with pre-shared keys"),
        (psk().anonymous_clients(true), "anonymous_clients has no meaning"),
        (psk().pre_shared_key(ID, [1; 16]), "is there twice"),
        (psk().peer("PSK:7f3a@mef.sp.exampel", ["Ssensor1"]), "there is no pre-shared key of this name"),
        (psk().least_version(TlsVersion::V1_3).most_version(TlsVersion::V1_2), "least_version is newer"),
        (psk().server_name("x"), "server_name is for clients"),
    ];
    for (tls, why) in cases {
        let error = acceptor(tls).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(why), "{why}: {error}");
    }
    let two = psk().pre_shared_key("8@mef.sp.example", KEY);
    for (tls, why) in [
        (two, "exactly one"),
        (psk().peer("PSK:x", ["Sx"]), "peer is for servers"),
        (Tls::new().library(TlsLibrary::OpenSsl), "no server would be trusted"),
    ] {
        let error = Connector::new(tls, "localhost").err().unwrap();
        assert!(error.message().contains(why), "{why}: {error}");
    }
}
