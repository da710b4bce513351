//! Requests good and bad, and the answer to each.

use super::*;

const KEY: &str = "ud63env87LQLd4uIV20/oQ==";

/// The request of TS-0020 5.2, step 2.
const REQUEST: &str = "GET / HTTP/1.1\r\n\
    Host: example.net:9000\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: ud63env87LQLd4uIV20/oQ==\r\n\
    Sec-WebSocket-Protocol: oneM2M.json\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

fn read(request: &str) -> Result<UpgradeRequest, Rejection> {
    let request = ServerHandshake::new(Limits::default()).handle_data(request.as_bytes())?;
    Ok(request.expect("the request is whole"))
}

/// `REQUEST` with a line replaced; none may be left out by mistake.
fn with(line: &str, other: &str) -> String {
    assert!(REQUEST.contains(line), "no line {line:?}");
    REQUEST.replacen(line, other, 1)
}

fn rejected(request: &str) -> Rejection {
    match read(request) {
        Err(rejection) => rejection,
        Ok(request) => panic!("accepted: {request:?}"),
    }
}

#[test]
fn ws_6_2_3_4_1_the_answer_is_that_of_ts_0020_with_the_accept_of_rfc_6455() {
    let request = read(REQUEST).unwrap();
    assert_eq!((request.target.as_str(), request.host.as_str()), ("/", "example.net:9000"));
    let answer = request.accept(Some("oneM2M.json"), None, &[]).unwrap();
    assert_eq!(
        std::str::from_utf8(&answer).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: WebSocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Protocol: oneM2M.json\r\n\
         Sec-WebSocket-Accept: 5thN0mVgdTFTgHSjknHQ8H0EtnM=\r\n\
         \r\n"
    );
}

#[test]
fn the_example_of_rfc_6455_1_3() {
    let request = read(&with(KEY, "dGhlIHNhbXBsZSBub25jZQ==")).unwrap();
    let answer = request.accept(None, None, &[("X-A".into(), "b".into())]).unwrap();
    let answer = std::str::from_utf8(&answer).unwrap();
    assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-A: b\r\n\r\n"));
    assert!(!answer.contains("Protocol:"));
}

#[test]
fn ws_6_2_3_1_1_each_fault_has_its_status() {
    let table: &[(&str, String, u16)] = &[
        ("no HTTP", "hello\r\n\r\n".into(), 400),
        ("HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), 400),
        ("HTTP/2", with("HTTP/1.1", "HTTP/2.0"), 400),
        ("two blanks", with("GET / ", "GET  / "), 400),
        ("control character", with("GET /", "GET /\x01"), 400),
        ("folded line", with("Upgrade: WebSocket", "Upgrade:\r\n WebSocket"), 400),
        ("blank before colon", with("Upgrade:", "Upgrade :"), 400),
        ("POST", with("GET", "POST"), 405),
        ("HEAD", with("GET", "HEAD"), 405),
        ("no Host", with("Host: example.net:9000\r\n", ""), 400),
        ("empty Host", with("example.net:9000", ""), 400),
        ("two Hosts", with("Host: ", "Host: a\r\nHost: "), 400),
        ("body", with("Upgrade: ", "Content-Length: 5\r\nUpgrade: "), 400),
        ("chunked body", with("Upgrade: ", "Transfer-Encoding: chunked\r\nUpgrade: "), 400),
        ("no Upgrade", with("Upgrade: WebSocket\r\n", ""), 400),
        ("other Upgrade", with("Upgrade: WebSocket", "Upgrade: h2c"), 400),
        ("longer Upgrade", with("Upgrade: WebSocket", "Upgrade: WebSockets"), 400),
        ("no Connection", with("Connection: Upgrade\r\n", ""), 400),
        ("other Connection", with("Connection: Upgrade", "Connection: keep-alive"), 400),
        ("no version", with("Sec-WebSocket-Version: 13\r\n", ""), 400),
        ("version 8", with("Version: 13", "Version: 8"), 426),
        ("version 013", with("Version: 13", "Version: 013"), 426),
        (
            "two versions",
            with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8"),
            400,
        ),
        ("no key", with(&format!("Sec-WebSocket-Key: {KEY}\r\n"), ""), 400),
        ("two keys", with("Sec-WebSocket-Key:", &format!("Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Key:")), 400),
        ("key of 15 bytes", with(KEY, "AAAAAAAAAAAAAAAAAAAA"), 400),
        ("key of 17 bytes", with(KEY, "AAAAAAAAAAAAAAAAAAAAAAA="), 400),
        ("key without padding", with(KEY, "ud63env87LQLd4uIV20/oQ"), 400),
        ("key with a wrong character", with(KEY, "ud63env87LQLd4uIV20_oQ=="), 400),
        ("subprotocol with a blank", with("oneM2M.json", "oneM2M json"), 400),
        ("too many fields", with("Upgrade: ", &format!("{}Upgrade: ", "X: y\r\n".repeat(59))), 431),
        ("too many bytes", with("Upgrade: ", &format!("X: {}\r\nUpgrade: ", "y".repeat(16 << 10))), 431),
    ];
    for (name, request, status) in table {
        let rejection = rejected(request);
        assert_eq!(rejection.status(), *status, "{name}: {rejection}");
        assert!(!rejection.reason().is_empty(), "{name}");
    }
}

#[test]
fn each_limit_holds_at_its_edge() {
    // REQUEST has 6 fields.
    let fields = |more: usize| with("Upgrade: ", &format!("{}Upgrade: ", "X: y\r\n".repeat(more)));
    assert!(read(&fields(58)).is_ok());
    assert_eq!(rejected(&fields(59)).status(), 431);
    let frame = with("Upgrade: ", "X: \r\nUpgrade: ").len();
    let bytes = |total: usize| with("Upgrade: ", &format!("X: {}\r\nUpgrade: ", "y".repeat(total - frame)));
    assert!(read(&bytes(16 << 10)).is_ok());
    assert_eq!(rejected(&bytes((16 << 10) + 1)).status(), 431);
    // Without an end in sight, the limit is found before the end.
    let endless = "GET / HTTP/1.1\r\nX: ".to_owned() + &"y".repeat(16 << 10);
    assert_eq!(rejected(&endless).status(), 431);
}

#[test]
fn ws_6_2_2_6_1_another_version_is_told_the_one_that_is_taken() {
    let answer = rejected(&with("Version: 13", "Version: 8")).to_bytes();
    let answer = std::str::from_utf8(&answer).unwrap();
    let head = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n";
    assert!(answer.starts_with(head) && answer.contains("\r\nConnection: close, Upgrade\r\n"), "{answer}");
    let answer = rejected(&with("GET", "POST")).to_bytes();
    assert!(answer.starts_with(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"));
    assert!(answer.ends_with(b"GET\n"));
    // RFC 7231 4.3.2.
    assert!(rejected(&with("GET", "HEAD")).to_bytes().ends_with(b"\r\n\r\n"));
}

#[test]
fn ws_6_2_2_3_1_names_and_tokens_compare_without_case_and_within_lists() {
    for (line, other) in [
        ("Upgrade: WebSocket", "UPGRADE: websocket"),
        ("Upgrade: WebSocket", "upgrade: h2c, WEBSOCKET"),
        ("Connection: Upgrade", "connection: keep-alive, upgrade"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade"),
        ("Host: ", "HOST:"),
        ("Sec-WebSocket-Key:", "sec-websocket-key:"),
        ("Version: 13", "Version:13 \t"),
        ("Upgrade: WebSocket", "Upgrade: WebSocket\r\nContent-Length: 0"),
        ("GET / ", "GET /~/mn-cse?x=1 "),
        ("GET / ", "\r\nGET / "),
        ("Sec-WebSocket-Protocol: oneM2M.json\r\n", ""),
    ] {
        assert!(read(&with(line, other)).is_ok(), "{other:?}");
    }
}

#[test]
fn ws_6_2_2_7_2_names_in_one_line_and_in_several_are_the_same() {
    let line = "Sec-WebSocket-Protocol: oneM2M.json\r\n";
    let one = "Sec-WebSocket-Protocol: oneM2M.xml,oneM2M.json , oneM2M-R2.0_XML\r\n";
    let several = "Sec-WebSocket-Protocol: oneM2M.xml\r\nX: y\r\n\
                   sec-websocket-protocol: oneM2M.json, ,oneM2M-R2.0_XML\r\n";
    for lines in [one, several] {
        let request = read(&with(line, lines)).unwrap();
        assert_eq!(request.subprotocols, ["oneM2M.xml", "oneM2M.json", "oneM2M-R2.0_XML"]);
    }
    assert!(read(&with(line, "")).unwrap().subprotocols.is_empty());
}

#[test]
fn the_rest_of_the_request_is_there_to_see() {
    let more = "Origin: https://example.net\r\nX-M2M-Origin: Cä\r\nX-Empty:\r\nUpgrade: ";
    let request = read(&with("Upgrade: ", more)).unwrap();
    assert_eq!(request.origin.as_deref(), Some("https://example.net"));
    assert_eq!(request.header("x-m2m-origin"), Some("Cä"));
    assert_eq!((request.header("x-empty"), request.header("absent")), (Some(""), None));
    assert_eq!(request.headers().len(), 9);
    assert_eq!(request.headers()[0], ("Host".to_owned(), "example.net:9000".to_owned()));
}

#[test]
fn a_request_is_read_however_it_is_cut_and_what_follows_is_kept() {
    let stream = [REQUEST.as_bytes(), b"\x81\x80first frame"].concat();
    for step in (1..40).chain([stream.len()]) {
        let mut handshake = ServerHandshake::new(Limits::default());
        let mut pieces = stream.chunks(step);
        let request = pieces.find_map(|piece| handshake.handle_data(piece).unwrap()).unwrap();
        let unread: Vec<u8> = pieces.flatten().copied().collect();
        assert_eq!(request.subprotocols, ["oneM2M.json"]);
        assert_eq!([&request.leftover[..], &unread].concat(), b"\x81\x80first frame", "in pieces of {step}");
    }
}

#[test]
fn what_can_never_be_a_request_is_refused_at_once() {
    let tls = ServerHandshake::new(Limits::default()).handle_data(b"\x16\x03\x01").unwrap_err();
    assert!(tls.reason().contains("TLS"), "{tls}");
    for start in [b"\0".as_slice(), b"\x80", b" GET"] {
        assert_eq!(ServerHandshake::new(Limits::default()).handle_data(start).unwrap_err().status(), 400);
    }
}

#[test]
fn only_what_was_offered_is_accepted_and_nothing_breaks_out_of_its_line() {
    let request = read(REQUEST).unwrap();
    assert!(request.accept(Some("oneM2M.xml"), None, &[]).is_err());
    for (name, value) in [
        ("X", "a\r\nSet-Cookie: b"),
        ("X", "a\n"),
        ("X", "\0"),
        ("X\r\nY", "a"),
        ("X Y", "a"),
        ("", "a"),
        ("Upgrade", "h2c"),
        ("sec-websocket-accept", "mine"),
        ("Content-Length", "0"),
    ] {
        let error = request.accept(None, None, &[(name.into(), value.into())]).expect_err(name);
        assert!(!error.to_string().contains('\n'));
        assert!(Rejection::new(401, "").with_header(name, value).is_err());
    }
}

#[test]
fn ws_6_2_3_1_1_a_rejection_tells_its_reason_and_escapes_it() {
    let rejection = Rejection::new(503, "full: 2 of 2\r\nretry").with_header("Retry-After", "7").unwrap();
    assert_eq!(
        std::str::from_utf8(&rejection.to_bytes()).unwrap(),
        "HTTP/1.1 503 Service Unavailable\r\n\
         Retry-After: 7\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 22\r\n\
         Connection: close\r\n\
         \r\n\
         full: 2 of 2\\r\\nretry\n"
    );
    assert_eq!(rejection.to_string(), "503 Service Unavailable: full: 2 of 2\\r\\nretry");
    assert!(rejected(&with("13", "\u{7f}9")).to_bytes().is_ascii());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>, step in 1_usize..9) {
        let mut handshake = ServerHandshake::new(Limits { max_bytes: 64, max_fields: 2 });
        for piece in bytes.chunks(step) {
            if handshake.handle_data(piece).is_err() {
                break;
            }
        }
        proptest::prop_assert!(handshake.gatherer.so_far().len() <= 64 + step);
    }

    #[test]
    fn a_request_with_one_wrong_byte_is_survived(at in 0..REQUEST.len(), byte: u8) {
        let mut request = REQUEST.as_bytes().to_vec();
        request[at] = byte;
        if let Err(rejection) = ServerHandshake::new(Limits::default()).handle_data(&request) {
            let answer = rejection.to_bytes();
            let text = std::str::from_utf8(&answer).unwrap();
            proptest::prop_assert_eq!(text.matches("\r\n\r\n").count(), 1);
            proptest::prop_assert!(!text.chars().any(|c| c.is_control() && !"\r\n".contains(c)));
        }
    }
}

#[test]
fn ws_6_2_3_6_1_compression_is_answered_only_where_it_is_wanted() {
    let asked = |extensions: &str| {
        let request = REQUEST.replacen("Upgrade:", &format!("Sec-WebSocket-Extensions: {extensions}\r\nUpgrade:"), 1);
        ServerHandshake::new(Limits::default()).handle_data(request.as_bytes())
    };
    let request = asked("foo, permessage-deflate; client_max_window_bits").unwrap().unwrap();
    let negotiated = request.negotiate(&Compression::default()).unwrap();
    let text = |answer: Bytes| String::from_utf8(answer.to_vec()).unwrap();
    assert!(!text(request.accept(None, None, &[]).unwrap()).contains("Extensions"));
    let answer = text(request.accept(None, Some(&negotiated), &[]).unwrap());
    let header =
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
    assert!(answer.contains(header), "{answer}");
    assert_eq!(asked("foo").unwrap().unwrap().negotiate(&Compression::default()), None);
    // RFC 6455 9.1: what cannot be read ends the connection, wanted or not.
    assert_eq!(asked("permessage-deflate; a=").unwrap_err().status(), 400);
}
