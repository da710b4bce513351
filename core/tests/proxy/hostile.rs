//! Proxies that mean ill, or are none: each attempt ends with its error, and no credentials in it.

use std::time::Duration;

use onem2m_ws::{Error, ErrorKind};

use crate::support::{Answer, TestProxy, Then, client};

/// Of a client that asks this proxy for a tunnel, and has credentials.
async fn error(answer: Answer) -> (Error, TestProxy) {
    let proxy = TestProxy::new([answer]).await;
    let through = format!("http://gateway:hunter2@{}", proxy.address);
    let error = client("ws://in.invalid:9000", "Chostile").proxy(through).connect().await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.refusal());
    assert!(!shown.contains("hunter2") && !shown.contains("Z2F0ZXdh"), "{shown}");
    assert!(!error.message().contains(char::is_control), "{error:?}");
    (error, proxy)
}

fn bytes(answer: impl AsRef<[u8]>, step: usize, then: Then) -> Answer {
    Answer::Bytes(answer.as_ref().to_vec(), step, then)
}

#[tokio::test]
async fn ws_6_6_1_hostile_answers_end_the_attempt() {
    const WHOLE: usize = 1 << 20;
    let long_line = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(20_000));
    let many_fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(65));
    let large_refusal = format!("HTTP/1.1 503 No\r\n\r\n{}", "z".repeat(100_000));
    let echo = "CONNECT in.invalid:9000 HTTP/1.1\r\nProxy-Authorization: Basic Z2F0ZXdheTpodW50ZXIy\r\n\r\n";
    let page = format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n{echo}", echo.len());
    let not_proxy = ErrorKind::NotProxy;
    let refused = ErrorKind::ProxyRefused;
    for (answer, kind, text) in [
        // A head without an end.
        (bytes(long_line, WHOLE, Then::Silence), not_proxy, "larger than 16384 bytes"),
        (bytes("HTTP/1.1 200 OK\r\nX: y\r\n", 64, Then::Again), not_proxy, "larger than"),
        (bytes("X", WHOLE, Then::Again), not_proxy, "does not speak HTTP"),
        (bytes(many_fields, WHOLE, Then::Silence), not_proxy, "64 header fields"),
        // Bytes behind the head of a 2xx.
        (bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", WHOLE, Then::Silence), not_proxy, "5 bytes came"),
        (
            bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", WHOLE, Then::Silence),
            not_proxy,
            "5 bytes came",
        ),
        (
            bytes("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", WHOLE, Then::Silence),
            not_proxy,
            "bytes came",
        ),
        // Other answers.
        (
            bytes("HTTP/1.1 302 Found\r\nLocation: http://evil.invalid/\r\n\r\n", WHOLE, Then::Close),
            refused,
            "redirects",
        ),
        (bytes("HTTP/1.1 101 Switching Protocols\r\n\r\n", WHOLE, Then::Close), refused, "101"),
        (bytes(large_refusal, WHOLE, Then::Silence), refused, "503"),
        (bytes(page, WHOLE, Then::Silence), refused, "400"),
        // No answers.
        (bytes(echo, WHOLE, Then::Silence), not_proxy, "does not speak HTTP"),
        (bytes("<html>hello</html>\n", WHOLE, Then::Close), not_proxy, "<html>"),
        (bytes("\x05\0", 1, Then::Close), not_proxy, "does not speak HTTP"),
        (bytes("HTTP/0.9 200 OK\r\n\r\n", 1, Then::Close), not_proxy, "does not speak HTTP"),
        (bytes("HTTP/1.1 OK\r\n\r\n", 1, Then::Close), not_proxy, "invalid"),
        (bytes("HTTP/1.1 200 OK\r\nX", 1, Then::Close), not_proxy, "ended after 18 bytes"),
        (bytes("", 1, Then::Close), not_proxy, "ended the connection"),
        (bytes("HTTP/1.1 2", 1, Then::Reset), not_proxy, "ended after 10 bytes"),
        (bytes("", 1, Then::Reset), not_proxy, "ended the connection"),
    ] {
        let shown = format!("{answer:?}").chars().take(120).collect::<String>();
        let (error, proxy) = error(answer).await;
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.message().contains("at the proxy") && error.message().contains(text), "{shown}: {error}");
        assert_eq!(proxy.asked().len(), 1, "{shown}: it was asked once");
        assert_eq!(error.refusal().is_some(), kind == refused);
    }
}

#[tokio::test]
async fn ws_6_6_1_407_is_asked_about_once() {
    let answer = "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate, Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nnow";
    for step in [1, 1000] {
        let (error, proxy) = error(bytes(answer, step, Then::Silence)).await;
        assert_eq!(error.kind(), ErrorKind::ProxyAuthenticationRequired);
        assert!(error.message().contains("(Negotiate, Basic)"), "{error}");
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.status, refusal.body.as_slice()), (407, b"now".as_slice()));
        assert_eq!(refusal.header("proxy-authenticate"), Some("Negotiate, Basic realm=\"x\""));
        assert_eq!(proxy.asked().len(), 1);
    }
}

/// The lengths in a 2xx mean nothing, in whatever pieces it comes: what follows is the server's.
#[tokio::test]
async fn ws_6_6_1_lengths_in_a_2xx_mean_nothing() {
    for fields in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n"] {
        for step in [1, 1000] {
            let head = format!("HTTP/1.1 299 Odd\r\n{fields}\r\n");
            let (error, _) =
                error(bytes(head, step, Then::Reply(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"))).await;
            assert_eq!(error.kind(), ErrorKind::HandshakeRefused, "{error}");
            assert!(error.message().contains("behind the proxy"), "{error}");
        }
    }
    // A body that comes late is no handshake.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let (error, _) = error(bytes(head, 1000, Then::Reply(b"hello"))).await;
    assert_eq!(error.kind(), ErrorKind::NotWebSocket);
}

#[tokio::test]
async fn ws_6_6_1_one_deadline_covers_the_whole_way() {
    let silent = |answer: &str| bytes(answer, 1000, Then::Silence);
    for (answer, kind, text) in [
        (silent(""), ErrorKind::OpenTimeout, "at the proxy"),
        (silent("HTTP/1.1 200 OK\r\nX: "), ErrorKind::OpenTimeout, "at the proxy"),
        (silent("HTTP/1.1 200 OK\r\n\r\n"), ErrorKind::OpenTimeout, "behind the proxy"),
        // Blank lines before a head end nothing, but count as a part of it.
        (silent(&"\r\n".repeat(10_000)), ErrorKind::NotProxy, "larger than"),
        // Refused, with a body that never ends.
        (silent("HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\nnot"), ErrorKind::ProxyRefused, "403 No: not"),
        (silent("HTTP/1.1 407 No\r\nContent-Length: 99\r\n\r\n"), ErrorKind::ProxyAuthenticationRequired, "407"),
    ] {
        let proxy = TestProxy::new([answer]).await;
        let builder = client("ws://in.invalid", "Cslow").open_timeout(Duration::from_millis(300));
        let error = builder.proxy(proxy.url()).connect().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(text), "{error}");
    }
}
