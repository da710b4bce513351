//! Through a proxy that does as it should: what it is asked, what goes through, and what comes of an end.

use onem2m_ws::ErrorKind;
use onem2m_ws::client::{Client, Reopening};
use std::time::Duration;
use tokio::net::TcpListener;

use crate::support::{
    Answer, TestProxy, Then, client, register_and_exchange, registrar, still_works, until, until_gone,
};

#[tokio::test]
async fn ws_6_6_1_the_connect_names_the_registrar_and_the_handshake_is_its_own() {
    let (_registrar, url) = registrar();
    let authority = url.trim_start_matches("ws://").to_owned();
    let proxy = TestProxy::new([]).await;
    let through = format!("http://gate%77ay:s%40cret@{}", proxy.address);
    let client = client(&url, "Cthrough").proxy(through).connect().await.unwrap();
    register_and_exchange(&client, "through").await;
    // "gateway:s@cret"
    let credentials = "Z2F0ZXdheTpzQGNyZXQ=";
    assert_eq!(
        proxy.asked(),
        [format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n"
        )]
    );
    let inner = &proxy.tunnelled()[0];
    assert!(inner.starts_with("GET / HTTP/1.1\r\n"), "{inner}");
    assert!(inner.contains(&format!("\r\nHost: {authority}\r\n")), "{inner}");
    assert!(!inner.contains("Proxy") && !inner.contains(credentials), "{inner}");
}

#[tokio::test]
async fn ws_6_6_1_credentials_set_apart_hold_over_those_of_the_url() {
    let (_registrar, url) = registrar();
    let proxy = TestProxy::new([]).await;
    let through = format!("http://other:one@{}", proxy.address);
    let builder = client(&url, "Capart").proxy(through).proxy_credentials("gateway", "s@cret");
    assert!(!format!("{builder:?}").contains("s@cret") && !format!("{builder:?}").contains("other"), "{builder:?}");
    let client = builder.connect().await.unwrap();
    assert!(proxy.asked()[0].contains("Basic Z2F0ZXdheTpzQGNyZXQ=\r\n"), "{:?}", proxy.asked());
    assert!(!format!("{client:?}").contains("s@cret"));
}

#[tokio::test]
async fn ws_6_6_1_credentials_for_the_registrar_are_not_for_the_proxy() {
    let (_registrar, url) = registrar();
    let proxy = TestProxy::new([]).await;
    let client = client(&url, "Cinner").basic("gateway", "s@cret").proxy(proxy.url()).connect().await.unwrap();
    assert!(!proxy.asked()[0].contains("Authorization"), "{:?}", proxy.asked());
    let inner = &proxy.tunnelled()[0];
    assert!(inner.ends_with("\r\nAuthorization: Basic Z2F0ZXdheTpzQGNyZXQ=\r\n\r\n"), "{inner}");
    assert!(!format!("{client:?}").contains("s@cret"));
}

#[tokio::test]
async fn ws_6_6_1_the_proxy_resolves_the_name_and_host_stays_the_registrars() {
    let (_registrar, url) = registrar();
    let address = url.trim_start_matches("ws://").parse().unwrap();
    let proxy = TestProxy::new([Answer::TunnelTo(address)]).await;
    let client = client("ws://in.invalid", "Cname").proxy(proxy.url()).connect().await.unwrap();
    register_and_exchange(&client, "name").await;
    assert_eq!(proxy.asked(), ["CONNECT in.invalid:80 HTTP/1.1\r\nHost: in.invalid:80\r\n\r\n"]);
    assert!(proxy.tunnelled()[0].contains("\r\nHost: in.invalid\r\n"), "{:?}", proxy.tunnelled());
}

#[tokio::test]
async fn ws_6_6_1_a_lost_tunnel_is_opened_again_without_a_registration() {
    let (_registrar, url) = registrar();
    let proxy = TestProxy::new([]).await;
    let client = client(&url, "Cagain").proxy(proxy.url()).connect().await.unwrap();
    register_and_exchange(&client, "again").await;
    proxy.cut();
    while client.counters().connections < 2 {
        until(&client, |change| change.state.is_open()).await;
        tokio::task::yield_now().await;
    }
    still_works(&client, "again").await;
    assert_eq!(proxy.asked().len(), 2);
    // The same for a connection that was closed on purpose.
    client.disconnect().await;
    still_works(&client, "again").await;
    assert_eq!(proxy.asked().len(), 3);
}

fn says(answer: &str) -> Answer {
    Answer::Bytes(answer.as_bytes().to_vec(), 1000, Then::Close)
}

#[tokio::test]
async fn ws_6_6_1_reopening_outlasts_a_proxys_5xx_and_ends_with_its_4xx() {
    let (_registrar, url) = registrar();
    let proxy = TestProxy::new([]).await;
    let quick = Reopening { first_delay: Duration::from_millis(20), ..Reopening::default() };
    let client = client(&url, "Cfatal").proxy(proxy.url()).reopening(quick).connect().await.unwrap();
    register_and_exchange(&client, "fatal").await;
    let busy = ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"]
        .map(|status| says(&format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")));
    proxy.does(busy.into_iter().chain([Answer::Tunnel]));
    proxy.cut();
    while client.counters().connections < 2 {
        until(&client, |change| change.state.is_open()).await;
        tokio::task::yield_now().await;
    }
    still_works(&client, "fatal").await;
    assert_eq!(proxy.asked().len(), 1 + 3 + 1);

    for (status, kind) in [(407, ErrorKind::ProxyAuthenticationRequired), (403, ErrorKind::ProxyRefused)] {
        let before = proxy.asked().len();
        proxy.does([says(&format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n"))]);
        proxy.cut();
        let change = until_gone(&client).await;
        assert_eq!(change.cause.as_ref().unwrap().kind(), kind, "{change:?}");
        assert_eq!(proxy.asked().len(), before + 1, "it was asked once");
        // What is sent then asks again, and fails with the proxy's answer.
        let error = client.send(onem2m_ws::primitive::Request::retrieve("cse-in")).await.unwrap_err();
        assert_eq!((error.kind(), error.refusal().unwrap().status), (kind, status), "{error}");
        proxy.does([Answer::Tunnel]);
        client.connect().await.unwrap();
        still_works(&client, "fatal").await;
    }
}

#[tokio::test]
async fn ws_6_6_1_an_error_says_which_hop_failed() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = TestProxy::new([]).await;
    let (at, behind) = ("at the proxy", "behind the proxy");
    let registrar = format!("ws://{free}");
    let nobody = format!("http://u:hunter2@{free}");
    let table = [
        (nobody.as_str(), ErrorKind::ConnectionRefused, at, "is the proxy running"),
        ("http://u:hunter2@no-proxy.invalid:3128", ErrorKind::UnknownHost, at, "no-proxy.invalid"),
        (&proxy.url(), ErrorKind::ProxyRefused, at, "could not reach the server"),
    ];
    for (url, kind, place, text) in table {
        let error = client(&registrar, "Chop").proxy(url).connect().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().starts_with(&registrar), "{error}");
        assert!(error.message().contains(place) && error.message().contains(text), "{error}");
        assert!(!error.message().contains("hunter2"), "{error}");
    }
    // The tunnel is open; what fails is the server behind it.
    for (answer, kind, text) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ErrorKind::HandshakeRefused, "200 OK: hi"),
        ("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", ErrorKind::HandshakeRefused, "407"),
        (
            "HTTP/1.1 302 Found\r\nLocation: ws://b/\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::HandshakeRefused,
            "ws://b/",
        ),
        ("SSH-2.0", ErrorKind::NotWebSocket, "SSH-2.0"),
        ("", ErrorKind::NotWebSocket, "ended the connection"),
    ] {
        let server = TestProxy::new([says(answer)]).await;
        let url = format!("ws://{}", server.address);
        let error = client(&url, "Chop").proxy(proxy.url()).connect().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(behind) && error.message().contains(text), "{error}");
    }
}

#[tokio::test]
async fn ws_6_6_1_what_is_no_setting_is_refused_before_anything_is_sent() {
    let proxy = TestProxy::new([]).await;
    let with = |set: &dyn Fn(onem2m_ws::client::ClientBuilder) -> onem2m_ws::client::ClientBuilder| {
        set(Client::builder("ws://in.example")).build().unwrap_err()
    };
    for (error, text) in [
        (with(&|b| b.proxy("https://u:hunter2@proxy")), "https://"),
        (with(&|b| b.proxy("http://u:hunter2@proxy\r\nX: y")), "control"),
        (with(&|b| b.proxy(proxy.url()).proxy_credentials("u\r\nX: y", "hunter2")), "user name"),
        (with(&|b| b.proxy(proxy.url()).proxy_credentials("u", "hunter2\0")), "password"),
        (with(&|b| b.proxy(proxy.url()).proxy_credentials("u:x", "hunter2")), "colon"),
        (with(&|b| b.proxy_credentials("u", "hunter2")), "without a proxy"),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(text), "{error}");
        assert!(!error.message().contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(proxy.asked(), [""; 0]);
}
