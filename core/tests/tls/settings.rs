//! Settings that cannot work are refused before anything is opened, and nothing secret is ever shown.

use onem2m_ws::client::Client;
use onem2m_ws::server::Server;
use onem2m_ws::tls::{Pem, Tls, TlsVersion, Unnamed};
use onem2m_ws::{Error, ErrorKind};

use crate::support::{World, dns, pem, raw_key, self_signed, with};

fn client(tls: Tls) -> Result<(), Error> {
    Client::builder("wss://localhost:1").tls(tls).build().map(drop)
}

fn server(tls: Tls) -> Result<(), Error> {
    let builder = Server::builder().listen("wss://127.0.0.1:0").identity("//sp.example", "/id-in").tls(tls);
    builder.start(|_: &Server, _: onem2m_ws::IncomingRequest| {}).map(drop)
}

fn refused(result: Result<(), Error>, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.message().contains(words), "{words:?} is not in: {error}");
    assert!(!error.message().contains("PRIVATE KEY-----\nM"), "{error}");
}

#[tokio::test]
async fn ws_7_1_settings_of_tls_that_cannot_work_are_refused() {
    let world = World::new();
    let other = self_signed(vec![dns("localhost")]);
    let (raw, ni) = raw_key();
    let trusting = || world.trust(Tls::new());
    let ours = || world.trust(with(&world.server));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (tls, words) in [
        (trusting().certificate("no-such.pem", pem(&world.server.key)), "no-such.pem"),
        (trusting().certificate(pem(&world.server.certificate), pem(&other.key)), "do not belong together"),
        (trusting().certificate(pem(&world.server.certificate), pem("no key")), "holds no private key"),
        (trusting().certificate(pem(&world.server.certificate), pem(encrypted)), "is encrypted"),
        (trusting().certificate(pem(&world.server.key), pem(&world.server.key)), "holds no certificate"),
        (trusting().certificate(pem(garbage), pem(&world.server.key)), "no X.509 certificate"),
        (ours().trust(pem("nothing")), "trust: the PEM in memory holds no certificate"),
        (ours().revoked(pem("nothing")), "holds no list"),
        (ours().trust_for(pem(&world.authority.pem), ["a b"]), "service provider \"a b\""),
        (ours().least_version(TlsVersion::V1_3).most_version(TlsVersion::V1_2), "least_version is newer"),
    ] {
        refused(client(tls.clone()), words);
        refused(server(tls), words);
    }
    for (tls, words) in [
        (Tls::new(), "no server would be trusted"),
        (with(&other), "no server would be trusted"),
        (ours().trust_key(&ni), "not both"),
        (with(&other).trust_key("ni:///md5;abc"), "md5"),
        (ours().peer("DNS:a", ["Sa"]), "peer is for servers"),
        (ours().uri_scheme("m2m"), "uri_scheme is for servers"),
        (ours().unnamed(Unnamed::FirstCome), "unnamed is for servers"),
        (ours().anonymous_clients(true), "anonymous_clients is for servers"),
        (ours().server_name("not a name"), "server name \"not a name\""),
    ] {
        refused(client(tls), words);
    }
    for (tls, words) in [
        (Tls::new(), "a server needs a certificate"),
        (trusting(), "a server needs a certificate"),
        (with(&world.server), "no client could be authenticated"),
        (ours().server_name("in.sp.example"), "server_name is for clients"),
        (ours().trust_system(true), "trust_system is for clients"),
        (ours().peer("DNS:a", ["/cse/below"]), "\"/cse/below\" is neither an AE-ID nor a CSE-ID"),
        (ours().peer("ni:///sha-256;short", ["Sa"]), "sha-256"),
    ] {
        refused(server(tls), words);
    }
    assert!(client(Tls::new().raw_key(raw.clone()).trust_key(&ni)).is_ok());
    assert!(client(Tls::new().trust_system(true)).is_ok() || client(Tls::new().trust_system(true)).is_err());
    assert!(server(Tls::new().raw_key(raw).trust_key(&ni)).is_ok());
    assert!(server(with(&world.server).anonymous_clients(true)).is_ok());
}

#[tokio::test]
async fn ws_7_3_tls_is_where_the_point_of_access_says_so_and_nowhere_else() {
    let world = World::new();
    let tls = || world.trust(with(&world.server));
    refused(Client::builder("wss://localhost").build().map(drop), "wss:// needs tls");
    refused(Client::builder("ws://localhost").tls(tls()).build().map(drop), "use wss://");
    let start = |builder: onem2m_ws::server::ServerBuilder| {
        builder.start(|_: &Server, _: onem2m_ws::IncomingRequest| {}).map(drop)
    };
    let of = || Server::builder().identity("//sp.example", "/id-in");
    refused(start(of().listen("wss://127.0.0.1:0")), "wss:// needs tls");
    refused(start(of().listen("ws://127.0.0.1:0").tls(tls())), "no place is listened at with it");
    refused(start(of().listen_with("ws://127.0.0.1:0", tls())), "use wss://");
    refused(start(Server::builder().listen_with("wss://127.0.0.1:0", tls())), "identity");
    refused(start(of().listen("ws://0.0.0.0:0")), "use wss:// with tls");
    // With TLS any address will do, and beside it a plain one on loopback.
    assert!(start(of().listen("wss://0.0.0.0:0").listen("ws://127.0.0.1:0").tls(tls())).is_ok());
    assert!(start(of().listen("ws://0.0.0.0:0").allow_insecure(true)).is_ok());
}

#[test]
fn no_key_is_shown() {
    let world = World::new();
    let tls = world.trust(with(&world.server)).raw_key(Pem::bytes("-----BEGIN PRIVATE KEY-----\nMSECRET"));
    let shown = format!("{tls:?} {:?}", Client::builder("wss://localhost").tls(tls.clone()));
    assert!(!shown.contains("SECRET") && !shown.contains("BEGIN"), "{shown}");
    assert!(format!("{:?}", Pem::file("ca.pem")).contains("ca.pem"));
}
