//! Every credential that can be good or bad, at both ends, in both versions.

use onem2m_ws::ErrorKind;
use onem2m_ws::tls::{Tls, TlsVersion, Unnamed};

use crate::support::{
    Authority, Good, PATIENCE, VERSIONS, World, at, dns, pem, raw_key, round, self_signed, serve, uri, with,
};

const AE: &str = "//sp.example/Sae1";

/// What a client meets: nothing, or this error, and the server's words.
type Expected = std::result::Result<(), (ErrorKind, &'static str)>;

/// A client comes with one credential, and is judged by the server.
async fn meet(version: TlsVersion, name: &str, server: Tls, client: Tls, expected: Expected) {
    let (server, seen) = serve(server.least_version(version).most_version(version));
    let met = tokio::time::timeout(PATIENCE, round(at(&server).tls(client))).await.unwrap();
    match (met, expected) {
        (Ok((_, response)), Ok(())) => {
            assert!(response.status.is_success(), "{name} {version:?}: {response:?}");
            assert_eq!(seen.requests(), 1);
        }
        (Err(error), Err((kind, words))) => {
            assert_eq!(error.kind(), kind, "{name} {version:?}: {error}");
            let told = seen.refusal().await;
            assert!(told.contains(words), "{name} {version:?}: {told}");
            assert_eq!((seen.requests(), server.connections()), (0, 0), "{name}: nothing reaches the handler");
            assert_eq!(server.refusals().tls, 1, "{name} {version:?}");
        }
        (met, expected) => panic!("{name} {version:?}: {:?}, expected {expected:?}", met.map(|_| ())),
    }
    server.shutdown().await;
}

#[tokio::test]
async fn ws_7_1_the_server_judges_every_credential_of_a_client() {
    let world = World::new();
    let other = Authority::new("another authority");
    let refused = |words| Err((ErrorKind::CredentialRefused, words));
    let valid = world.ae(AE);
    let revoked = world.ae(AE);
    let (known, ni) = raw_key();
    let (unknown, _) = raw_key();
    for version in VERSIONS {
        let issue = |names, good| world.client(&world.authority.issue(names, good));
        let cases = [
            ("valid", world.client(&valid), Ok(())),
            ("expired", issue(vec![uri(AE)], Good::Before), refused("expired")),
            ("not yet valid", issue(vec![uri(AE)], Good::Later), refused("not valid yet")),
            (
                "of another authority",
                world.trust(with(&other.issue(vec![uri(AE)], Good::Now))),
                refused("nobody who is trusted"),
            ),
            ("self-signed", world.trust(with(&self_signed(vec![uri(AE)]))), refused("nobody who is trusted")),
            ("without a name of an entity", issue(vec![dns("www.sp.example")], Good::Now), refused("names no entity")),
            ("without any name", issue(vec![], Good::Now), refused("names no entity")),
            ("with a scheme", issue(vec![uri("m2m://sp.example/Sae1")], Good::Now), refused("names no entity")),
            ("with a wildcard", issue(vec![dns("*.id-in.sp.example")], Good::Now), refused("names no entity")),
            ("revoked", world.client(&revoked), refused("revoked")),
            ("nothing", world.trust(Tls::new()), refused("no certificate")),
        ];
        for (name, client, expected) in cases {
            let server = world.server().revoked(world.authority.revoked(&[revoked.serial]));
            meet(version, name, server, client, expected).await;
        }
    }
    for (name, key, expected) in [("known key", known, Ok(())), ("unknown key", unknown, refused("is not known here"))]
    {
        let server = world.server().trust_key(&ni).peer(&ni, ["Sae1"]);
        meet(TlsVersion::V1_3, name, server, world.trust(Tls::new().raw_key(key)), expected).await;
    }
}

/// A server has one credential, and is judged by the client, which says nothing to it then.
async fn judge(version: TlsVersion, name: &str, server: Tls, client: Tls, expected: Expected) {
    let (server, seen) = serve(server.least_version(version).most_version(version));
    let met = tokio::time::timeout(PATIENCE, round(at(&server).tls(client))).await.unwrap();
    match (met, expected) {
        (Ok((client, _)), Ok(())) => assert!(client.peer_identity().is_some()),
        (Err(error), Err((kind, words))) => {
            assert_eq!(error.kind(), kind, "{name} {version:?}: {error}");
            assert!(error.message().contains(words), "{name} {version:?}: {error}");
            let told = seen.refusal().await;
            assert!(told.contains("does not accept the credential"), "{name} {version:?}: the server hears it: {told}");
            assert_eq!(seen.requests(), 0);
        }
        (met, expected) => panic!("{name} {version:?}: {:?}, expected {expected:?}", met.map(|_| ())),
    }
    server.shutdown().await;
}

#[tokio::test]
async fn ws_7_1_a_client_judges_every_credential_of_a_server() {
    let world = World::new();
    let other = Authority::new("another authority");
    let ae = world.ae(AE);
    let refused = |words| Err((ErrorKind::PeerNotTrusted, words));
    let revoked = world.authority.issue(vec![dns("localhost")], Good::Now);
    for version in VERSIONS {
        let issue = |names, good| world.trust(with(&world.authority.issue(names, good)));
        let cases = [
            ("valid", world.server(), Ok(())),
            ("expired", issue(vec![dns("localhost")], Good::Before), refused("expired")),
            ("not yet valid", issue(vec![dns("localhost")], Good::Later), refused("not valid yet")),
            ("another authority", world.trust(with(&other.issue(vec![dns("localhost")], Good::Now))), refused("trust")),
            ("self-signed", world.trust(with(&self_signed(vec![dns("localhost")]))), refused("not accepted")),
            ("another name", issue(vec![dns("in.sp.example")], Good::Now), refused("server_name")),
            ("no name", issue(vec![], Good::Now), refused("not accepted")),
            ("part of the name", issue(vec![dns("ocalhost")], Good::Now), refused("server_name")),
            ("revoked", world.trust(with(&revoked)), refused("revoked")),
        ];
        for (name, server, expected) in cases {
            let client = world.client(&ae).revoked(world.authority.revoked(&[revoked.serial]));
            judge(version, name, server, client, expected).await;
        }
    }
    let (key, ni) = raw_key();
    let (_, another) = raw_key();
    for (name, trusted, expected) in [("known key", ni, Ok(())), ("unknown key", another, refused("is not known here"))]
    {
        let server = world.trust(Tls::new().raw_key(key.clone()));
        let client = with(&ae).trust_key(trusted);
        judge(TlsVersion::V1_3, name, server, client, expected).await;
    }
}

#[tokio::test]
async fn ws_7_1_one_port_takes_certificates_and_raw_public_keys_by_what_is_offered() {
    let world = World::new();
    let (key, ni) = raw_key();
    let (servers_key, servers_ni) = raw_key();
    let ae = world.ae(AE);
    let of_pair = onem2m_ws::binding::ni::KeyDigest::of(&spki(&world.server.key), Default::default()).to_string();
    let (server, _) = serve(world.server().trust_key(&ni).peer(&ni, ["Sae2"]));
    let kinds = [
        ("certificate, certificate", world.client(&ae)),
        ("certificate, key", with(&ae).trust_key(&of_pair)),
        ("key, certificate", world.trust(Tls::new().raw_key(key.clone()))),
        ("key, key", Tls::new().raw_key(key.clone()).trust_key(&of_pair)),
    ];
    for (name, tls) in kinds {
        let entity = if name.starts_with("key") { "Sae2" } else { "Sae1" };
        let client = at(&server).originator(entity).tls(tls).connect().await;
        let client = client.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(client.peer_identity().is_some());
    }
    // A server that has but a key, and clients that have but a key.
    let (server, _) = serve(Tls::new().raw_key(servers_key).trust_key(&ni));
    round(at(&server).tls(Tls::new().raw_key(key).trust_key(servers_ni))).await.unwrap();
    let error = round(at(&server).tls(world.client(&ae))).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TlsFailed, "{error}");
}

fn spki(key: &str) -> Vec<u8> {
    use rcgen::PublicKeyData;
    rcgen::KeyPair::from_pem(key).unwrap().subject_public_key_info()
}

#[tokio::test]
async fn ws_7_1_a_certificate_of_whose_state_nothing_is_known_is_refused() {
    let world = World::new();
    let client = || world.client(&world.ae(AE));
    let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 24 * 3600);
    let old = world.authority.revoked_as_of(ago, &[]);
    let of_another = Authority::new("another authority").revoked(&[]);
    for version in VERSIONS {
        for (name, list, words) in [("expired", &old, "has expired"), ("another's", &of_another, "is not known")] {
            let server = world.server().revoked(list.clone());
            meet(version, name, server, client(), Err((ErrorKind::CredentialRefused, words))).await;
        }
        meet(version, "good", world.server().revoked(world.authority.revoked(&[])), client(), Ok(())).await;
    }
}

#[tokio::test]
async fn ws_7_1_what_a_credential_without_a_name_may_is_a_setting() {
    let world = World::new();
    let node = world.authority.issue(vec![dns("node7.sp.example")], Good::Now);
    let refused = Err((ErrorKind::CredentialRefused, "names no entity"));
    let cases = [
        ("by default", world.server(), refused),
        ("first come", world.server().unnamed(Unnamed::FirstCome), Ok(())),
        ("in the table", world.server().peer("DNS:node7.SP.example", ["Sae1", "Ctwo"]), Ok(())),
        ("another in the table", world.server().peer("DNS:node8.sp.example", ["Sae1"]), refused),
    ];
    for (name, server, expected) in cases {
        meet(TlsVersion::V1_3, name, server, world.client(&node), expected).await;
    }
    let schemed = world.authority.issue(vec![uri("m2m://sp.example/Sae1")], Good::Now);
    meet(TlsVersion::V1_3, "scheme", world.server().uri_scheme("m2m"), world.client(&schemed), Ok(())).await;
    // An authority that may certify the entities of one provider only.
    let ours = with(&world.server).trust_for(pem(&world.authority.pem), ["sp.example"]);
    meet(TlsVersion::V1_3, "its provider", ours, world.client(&world.ae(AE)), Ok(())).await;
    let others = with(&world.server).trust_for(pem(&world.authority.pem), ["other.example"]);
    let refused = Err((ErrorKind::CredentialRefused, "another service provider"));
    meet(TlsVersion::V1_3, "another provider", others, world.client(&world.ae(AE)), refused).await;
}
