//! The CONNECT byte for byte, answers good and bad, and where credentials never show.

use super::*;

fn request() -> ProxyRequest {
    ProxyRequest { host: "in.example".to_owned(), port: 9000, credentials: None }
}

fn with_credentials() -> ProxyRequest {
    ProxyRequest { credentials: Some(Credentials::basic("Aladdin", "open-sesame").unwrap()), ..request() }
}

const ENCODED: &str = "QWxhZGRpbjpvcGVuLXNlc2FtZQ==";

fn start(request: &ProxyRequest) -> ProxyHandshake {
    ProxyHandshake::new(request, Limits::default()).unwrap()
}

fn answered(answer: &str) -> Result<Option<Tunnel>, ProxyError> {
    start(&request()).handle_data(answer.as_bytes())
}

/// What comes of a whole answer, in pieces of `step` bytes, at the end of the connection if not before.
fn error(request: &ProxyRequest, answer: &str, step: usize) -> ProxyError {
    let mut handshake = start(request);
    for piece in answer.as_bytes().chunks(step) {
        match handshake.handle_data(piece) {
            Ok(None) => {}
            Ok(Some(tunnel)) => panic!("there is a tunnel: {tunnel:?}"),
            Err(error) => return error,
        }
    }
    handshake.handle_eof()
}

#[test]
fn ws_6_6_1_the_connect_has_the_port_in_both_places_always() {
    for (host, port, authority) in [
        ("in.example", 9000, "in.example:9000"),
        ("in.example", 80, "in.example:80"),
        ("in.example", 443, "in.example:443"),
        ("192.0.2.1", 443, "192.0.2.1:443"),
        ("2001:db8::1", 443, "[2001:db8::1]:443"),
    ] {
        let mut handshake = start(&ProxyRequest { host: host.to_owned(), port, credentials: None });
        let expected = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        assert_eq!(std::str::from_utf8(&handshake.transmit()).unwrap(), expected);
        assert!(handshake.transmit().is_empty());
    }
}

#[test]
fn ws_6_6_1_credentials_go_by_basic() {
    let request = with_credentials();
    assert_eq!(
        std::str::from_utf8(&start(&request).transmit()).unwrap(),
        format!(
            "CONNECT in.example:9000 HTTP/1.1\r\nHost: in.example:9000\r\nProxy-Authorization: Basic {ENCODED}\r\n\r\n"
        )
    );
}

#[test]
fn ws_6_6_1_nothing_breaks_out_of_its_place_in_the_connect() {
    for host in [
        "",
        "a b",
        "a\r\nX: y",
        "a\n",
        "a\0",
        "a\t",
        "a\u{7f}",
        "höst",
        "a/b",
        "a?b",
        "a#b",
        "u@a",
        "a:1",
        "[::1]",
        "fe80::1%1",
        "a\\b",
    ] {
        let request = ProxyRequest { host: host.to_owned(), ..request() };
        let error = ProxyHandshake::new(&request, Limits::default()).expect_err(host);
        assert!(matches!(error, ProxyError::Request(_)), "{host:?}: {error:?}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
}

#[test]
fn ws_6_6_1_any_2xx_opens_the_tunnel_and_its_lengths_mean_nothing() {
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 299 Odd\n\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: nonsense\r\n\r\n",
    ] {
        for step in 1..=answer.len() {
            let mut handshake = start(&request());
            let tunnels: Vec<_> =
                answer.as_bytes().chunks(step).filter_map(|piece| handshake.handle_data(piece).unwrap()).collect();
            assert_eq!(tunnels.len(), 1, "{answer:?} by {step}");
        }
    }
    // Answers before the answer are passed over.
    assert_eq!(answered("HTTP/1.1 100 Continue\r\n\r\n").unwrap(), None);
    assert!(answered("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").unwrap().is_some());
    let tunnel = answered("HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\n").unwrap().unwrap();
    assert_eq!(tunnel.headers, [("Via".to_owned(), "1.1 p".to_owned())]);
}

#[test]
fn ws_6_6_1_nothing_may_come_behind_the_head() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    for behind in ["x", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "\r\n", "\0"] {
        let error = answered(&format!("{head}{behind}")).unwrap_err();
        let ProxyError::Invalid(what) = &error else { panic!("{error:?}") };
        assert!(what.starts_with(&format!("{} bytes", behind.len())), "{what}");
    }
}

#[test]
fn ws_6_6_1_407_is_an_error_of_its_own_and_names_the_schemes() {
    let answer = |fields: &str| format!("HTTP/1.1 407 Proxy Authentication Required\r\n{fields}\r\n");
    for (fields, expected) in [
        ("", vec![]),
        ("Proxy-Authenticate: Basic realm=\"x\"\r\n", vec!["Basic"]),
        ("Proxy-Authenticate: Negotiate\r\nPROXY-AUTHENTICATE: basic realm=x\r\n", vec!["Negotiate", "basic"]),
        ("Proxy-Authenticate: Digest realm=\"a, Basic b\", nonce = \"\\\", No c\", NTLM\r\n", vec!["Digest", "NTLM"]),
        ("Proxy-Authenticate: , ,Bearer abc==,\tBasic,basic\r\n", vec!["Bearer", "Basic"]),
        ("WWW-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: \"\r\n", vec!["\""]),
    ] {
        for step in [1, 3, 1000] {
            let error = error(&request(), &answer(fields), step);
            let ProxyError::AuthenticationRequired { refusal, schemes, sent: false } = &error else {
                panic!("{error:?}")
            };
            assert_eq!(
                (refusal.status, schemes),
                (407, &expected.iter().map(|s| (*s).to_owned()).collect()),
                "{fields}"
            );
            for scheme in schemes {
                assert!(error.to_string().contains(scheme.as_str()), "{error}");
            }
        }
    }
    let basic = answer("Proxy-Authenticate: Basic realm=x\r\n");
    assert!(error(&request(), &basic, 9).to_string().ends_with("set the user name and password for the proxy"));
    assert!(error(&with_credentials(), &basic, 9).to_string().contains("does not accept the user name and password"));
    // tinyproxy's answer to wrong credentials.
    let error_of_401 = error(&with_credentials(), "HTTP/1.0 401 Unauthorized\r\n\r\n", 9);
    assert!(matches!(error_of_401, ProxyError::AuthenticationRequired { sent: true, .. }), "{error_of_401:?}");
    assert!(error_of_401.to_string().contains("does not accept the user name and password"), "{error_of_401}");
    let digest = answer("Proxy-Authenticate: Digest realm=x\r\n");
    assert!(error(&with_credentials(), &digest, 9).to_string().contains("only Basic is spoken here"));
}

#[test]
fn ws_6_6_1_any_other_status_is_a_refusal_with_its_body() {
    for (status, help) in [(101, ""), (302, "not followed"), (400, ""), (403, "rules"), (502, "could not reach")] {
        let answer =
            format!("HTTP/1.1 {status} No\r\nLocation: http://b/\r\nContent-Length: 9\r\n\r\nnot today and more");
        for step in [1, 7, 1000] {
            let error = error(&request(), &answer, step);
            let ProxyError::Refused(refusal) = &error else { panic!("{error:?}") };
            let body: &[u8] = if status / 100 == 1 { b"" } else { b"not today" };
            assert_eq!((refusal.status, refusal.body.as_slice()), (status, body), "by {step}");
            assert_eq!(refusal.header("location"), Some("http://b/"));
            let text = error.to_string();
            assert!(text.contains("the proxy refused") && text.contains(help), "{text}");
        }
    }
}

#[test]
fn ws_6_6_1_what_is_no_answer_is_noticed() {
    for start in ["<html>", "\x15\x03\x01", "SSH-2.0-x", "HTTP/2 200", "200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n"] {
        let error = answered(start).unwrap_err();
        assert!(matches!(error, ProxyError::NotHttp(_)), "{start}: {error:?}");
    }
    for malformed in [
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 two OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
    ] {
        let error = answered(malformed).unwrap_err();
        assert!(matches!(error, ProxyError::Invalid(_)), "{malformed:?}: {error:?}");
    }
    let mut handshake = start(&request());
    assert_eq!(handshake.handle_eof(), ProxyError::Ended(0));
    assert_eq!(handshake.handle_data(b"HTTP/1.1 2").unwrap(), None);
    assert_eq!(handshake.handle_eof(), ProxyError::Ended(10));
}

#[test]
fn ws_6_6_1_limits_hold_for_the_answer_of_a_proxy() {
    let head = |bytes: usize| {
        let empty = "HTTP/1.1 200 OK\r\nX: \r\n\r\n";
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(bytes - empty.len()))
    };
    let limits = Limits::default();
    for step in [1000, 1 << 20] {
        let result = |answer: &str| {
            let mut handshake = start(&request());
            answer.as_bytes().chunks(step).find_map(|piece| handshake.handle_data(piece).transpose()).transpose()
        };
        assert!(result(&head(16 << 10)).unwrap().is_some());
        assert_eq!(result(&head((16 << 10) + 1)), Err(ProxyError::TooLarge(limits)));
        assert_eq!(
            result(&format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(9999))),
            Err(ProxyError::TooLarge(limits))
        );
        let fields = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert!(result(&fields(64)).unwrap().is_some());
        assert_eq!(result(&fields(65)), Err(ProxyError::TooLarge(limits)));
    }
    // The body of a refusal has no end, or says that it is large: no more is kept than of a head.
    for fields in ["", "Content-Length: 99999999999999999999\r\n", "Content-Length: 1000000\r\n"] {
        let answer = format!("HTTP/1.1 503 No\r\n{fields}\r\n{}", "z".repeat(1 << 20));
        let ProxyError::Refused(refusal) = error(&request(), &answer, 4096) else { panic!("not refused") };
        assert_eq!(refusal.body.len(), limits.max_bytes);
    }
}

#[test]
fn ws_6_6_1_credentials_show_nowhere() {
    let request = with_credentials();
    let handshake = start(&request);
    let mut shown = vec![format!("{request:?}"), format!("{handshake:?}"), format!("{:?}", request.credentials)];
    let echo = String::from_utf8(start(&request).transmit().to_vec()).unwrap();
    for answer in [
        echo.clone(),
        format!("HTTP/1.1 407 {ENCODED}\r\nProxy-Authenticate: Basic {ENCODED}\r\nX: {ENCODED}\r\n\r\n{echo}"),
        format!("HTTP/1.1 302 Found\r\nLocation: http://b/?{ENCODED}\r\nContent-Length: 3000\r\n\r\n{echo}"),
        // Cut short: a part of them is in what came.
        format!("HTTP/1.1 500 {}\r\n\r\n{}", &ENCODED[..20], &echo[..echo.len() - 10]),
    ] {
        let error = error(&request, &answer, 10_000);
        shown.extend([format!("{error:?}"), error.to_string()]);
    }
    for text in shown {
        for secret in ["Aladdin", "sesame", &ENCODED[..8]] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // Others' answers are shown as they are.
    let other = error(&request, "HTTP/1.1 500 Oh\r\n\r\nno route", 9).to_string();
    assert!(other.contains("500 Oh: no route"), "{other}");
}

#[test]
fn every_error_is_one_printable_line() {
    let refusal = Refusal {
        status: 400,
        reason: "Bad\u{1b}[31m".into(),
        headers: vec![("Location".into(), "\r\n".into())],
        body: b"<html>\r\n\0\xff".to_vec(),
    };
    for error in [
        ProxyError::AuthenticationRequired { refusal: refusal.clone(), schemes: vec!["a\r\n".into()], sent: true },
        ProxyError::Refused(refusal),
        ProxyError::NotHttp("x".into()),
        ProxyError::Invalid("x".into()),
        ProxyError::TooLarge(Limits::default()),
        ProxyError::Ended(0),
        ProxyError::Ended(7),
    ] {
        let line = error.to_string();
        assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    }
}

proptest::proptest! {
    /// What comes of any answer does not depend on how it is cut, up to how much of what follows was read with it.
    #[test]
    fn any_answer_is_survived(bytes: Vec<u8>, step in 1_usize..9, start_of in 0..4_usize) {
        let head = ["", "HTTP/1.1 ", "HTTP/1.1 407 x\r\nProxy-Authenticate: ", "HTTP/1.1 200 OK\r\n"][start_of];
        let stream = [head.as_bytes(), &bytes].concat();
        let mut handshake = start(&with_credentials());
        for piece in stream.chunks(step) {
            match handshake.handle_data(piece) {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(()),
                Err(error) => {
                    proptest::prop_assert!(!error.to_string().contains(char::is_control));
                    return Ok(());
                }
            }
        }
        proptest::prop_assert!(!handshake.handle_eof().to_string().contains(char::is_control));
    }
}
