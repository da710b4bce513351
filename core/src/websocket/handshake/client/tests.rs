//! The request byte for byte, and answers good and bad.

use super::*;
use crate::websocket::handshake::server::ServerHandshake;

/// Gives the key `ud63env87LQLd4uIV20/oQ==` of the examples in TS-0020.
struct ExampleKey;

impl Random for ExampleKey {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&BASE64.decode(b"ud63env87LQLd4uIV20/oQ==").unwrap());
    }
}

/// The answer of TS-0020 5.2, step 3, with the accept value of RFC 6455.
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Protocol: oneM2M.json\r\n\
    Sec-WebSocket-Accept: 5thN0mVgdTFTgHSjknHQ8H0EtnM=\r\n\
    \r\n";

fn request() -> ClientRequest {
    ClientRequest {
        authority: "example.net:9000".into(),
        target: "/".into(),
        subprotocols: vec!["oneM2M.json".into(), "oneM2M.R2.0.json".into()],
        ..ClientRequest::default()
    }
}

fn start(request: &ClientRequest) -> Result<ClientHandshake, HandshakeError> {
    ClientHandshake::new(request, Limits::default(), &mut ExampleKey)
}

fn answered(request: &ClientRequest, answer: &str) -> Result<Option<Accepted>, HandshakeError> {
    start(request)?.handle_data(answer.as_bytes())
}

fn accepted(answer: &str) -> Accepted {
    answered(&request(), answer).unwrap().expect("the answer is whole")
}

fn with(line: &str, other: &str) -> String {
    assert!(ANSWER.contains(line), "no line {line:?}");
    ANSWER.replacen(line, other, 1)
}

#[test]
fn ws_6_2_2_1_1_the_request_is_that_of_ts_0020_byte_for_byte() {
    let mut request = request();
    request.headers = vec![("X-M2M-Origin".into(), "Csensor1".into()), ("X-A".into(), "b c".into())];
    let mut handshake = start(&request).unwrap();
    assert_eq!(
        std::str::from_utf8(&handshake.transmit()).unwrap(),
        "GET / HTTP/1.1\r\n\
         Host: example.net:9000\r\n\
         Upgrade: WebSocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: ud63env87LQLd4uIV20/oQ==\r\n\
         Sec-WebSocket-Protocol: oneM2M.json, oneM2M.R2.0.json\r\n\
         Sec-WebSocket-Version: 13\r\n\
         X-M2M-Origin: Csensor1\r\n\
         X-A: b c\r\n\
         \r\n"
    );
    assert!(handshake.transmit().is_empty());
}

#[test]
fn ws_6_2_2_5_1_the_key_is_16_fresh_bytes() {
    struct Counter(u8);
    impl Random for Counter {
        fn fill(&mut self, out: &mut [u8]) {
            for byte in out {
                self.0 += 1;
                *byte = self.0;
            }
        }
    }
    let mut random = Counter(0);
    let mut keys = std::iter::from_fn(|| {
        let request = ClientHandshake::new(&request(), Limits::default(), &mut random).unwrap().transmit();
        let request = std::str::from_utf8(&request).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        Some(BASE64.decode(key.as_bytes()).unwrap())
    });
    assert_eq!(keys.next().unwrap(), (1..=16).collect::<Vec<u8>>());
    assert_eq!(keys.next().unwrap(), (17..=32).collect::<Vec<u8>>());
}

#[test]
fn nothing_breaks_out_of_its_place_in_the_request() {
    type Broken<'a> = (&'a str, &'a dyn Fn(&mut ClientRequest));
    let broken: &[Broken<'_>] = &[
        ("authority", &|r| r.authority = "a\r\nX: y".into()),
        ("authority", &|r| r.authority = String::new()),
        ("authority", &|r| r.authority = "user@host".into()),
        ("authority", &|r| r.authority = "host/path".into()),
        ("authority", &|r| r.authority = "höst".into()),
        ("target", &|r| r.target = "/ HTTP/1.1\r\nX: y".into()),
        ("target", &|r| r.target = String::new()),
        ("target", &|r| r.target = "path".into()),
        ("target", &|r| r.target = "/a#b".into()),
        ("subprotocol", &|r| r.subprotocols.push("a\r\nX: y".into())),
        ("subprotocol", &|r| r.subprotocols.push("a,b".into())),
        ("subprotocol", &|r| r.subprotocols.push(String::new())),
        ("header", &|r| r.headers.push(("X\r\nY".into(), "z".into()))),
        ("header", &|r| r.headers.push(("X".into(), "y\r\nZ: a".into()))),
        ("header", &|r| r.headers.push(("X".into(), "\u{85}".into()))),
        ("header", &|r| r.headers.push(("host".into(), "other".into()))),
        ("header", &|r| r.headers.push(("Sec-WebSocket-Key".into(), "mine".into()))),
    ];
    for (part, break_it) in broken {
        let mut request = request();
        break_it(&mut request);
        let error = start(&request).expect_err(part);
        assert!(matches!(error, HandshakeError::Request(_)), "{error}");
        let line = error.to_string();
        assert!(line.contains(part) && !line.contains(char::is_control), "{line}");
    }
}

#[test]
fn ws_6_2_3_4_1_accept_is_computed_and_checked() {
    let accepted = accepted(ANSWER);
    assert_eq!(accepted.subprotocol.as_deref(), Some("oneM2M.json"));
    assert_eq!((accepted.deviation, accepted.headers.len()), (None, 4));
    // The value printed in editions of TS-0020 does not answer the key printed there.
    let printed = with("5thN0mVgdTFTgHSjknHQ8H0EtnM=", "FuSSKANnI7C/6/FrPMt70mfBY8E=");
    assert!(matches!(answered(&request(), &printed), Err(HandshakeError::Invalid(_))));
}

#[test]
fn an_answer_that_is_none_is_invalid() {
    let table: &[(&str, String)] = &[
        ("HTTP/1.0", with("HTTP/1.1", "HTTP/1.0")),
        ("no Upgrade", with("Upgrade: WebSocket\r\n", "")),
        ("other Upgrade", with("Upgrade: WebSocket", "Upgrade: h2c")),
        ("another Upgrade beside it", with("Upgrade: WebSocket", "Upgrade: WebSocket, h2c")),
        ("no Connection", with("Connection: Upgrade\r\n", "")),
        ("other Connection", with("Connection: Upgrade", "Connection: close")),
        ("no accept", with("Sec-WebSocket-Accept: 5thN0mVgdTFTgHSjknHQ8H0EtnM=\r\n", "")),
        ("accept in another case", with("5thN", "5THN")),
        ("two accepts", with("Sec-WebSocket-Accept:", "Sec-WebSocket-Accept: a\r\nSec-WebSocket-Accept:")),
        ("extension", with("Upgrade:", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade:")),
        ("two subprotocols", with("Upgrade:", "Sec-WebSocket-Protocol: oneM2M.json\r\nUpgrade:")),
        ("malformed field", with("Upgrade: ", "Upg rade: ")),
    ];
    for (name, answer) in table {
        let error = answered(&request(), answer).expect_err(name);
        assert!(matches!(error, HandshakeError::Invalid(_)), "{name}: {error:?}");
    }
    for tolerated in [
        with("Upgrade: WebSocket", "upgrade: websocket"),
        with("Connection: Upgrade", "connection: keep-alive, upgrade"),
        with("Switching Protocols", ""),
        with("Accept: 5thN0mVgdTFTgHSjknHQ8H0EtnM=", "Accept:  5thN0mVgdTFTgHSjknHQ8H0EtnM= "),
    ] {
        assert_eq!(accepted(&tolerated).deviation, None);
    }
}

#[test]
fn ws_6_2_3_5_1_the_subprotocol_is_one_that_was_offered() {
    let other = with("oneM2M.json", "oneM2M.xml");
    assert_eq!(answered(&request(), &other).unwrap_err(), HandshakeError::Subprotocol(Some("oneM2M.xml".into())));
    let missing = with("Sec-WebSocket-Protocol: oneM2M.json\r\n", "");
    assert_eq!(answered(&request(), &missing).unwrap_err(), HandshakeError::Subprotocol(None));
    // Nothing offered, nothing chosen; nothing offered, something chosen.
    let none = ClientRequest { subprotocols: Vec::new(), ..request() };
    assert_eq!(answered(&none, &missing).unwrap().unwrap().subprotocol, None);
    assert!(matches!(answered(&none, ANSWER), Err(HandshakeError::Subprotocol(Some(_)))));
}

#[test]
fn known_deviations_are_tolerated_and_told() {
    let cased = accepted(&with("oneM2M.json", "ONEM2M.r2.0.JSON"));
    assert_eq!(cased.subprotocol.as_deref(), Some("oneM2M.R2.0.json"));
    assert_eq!(cased.deviation, Some(Deviation::SubprotocolCase("ONEM2M.r2.0.JSON".into())));
    let lenient = ClientRequest { allow_missing_subprotocol: true, ..request() };
    let missing = answered(&lenient, &with("Sec-WebSocket-Protocol: oneM2M.json\r\n", "")).unwrap().unwrap();
    assert_eq!((missing.subprotocol, missing.deviation), (None, Some(Deviation::SubprotocolMissing)));
}

#[test]
fn an_answer_is_read_however_it_is_cut_and_what_follows_is_kept() {
    let stream = [ANSWER.as_bytes(), b"\x81\x00first frame"].concat();
    for step in (1..40).chain([stream.len()]) {
        let mut handshake = start(&request()).unwrap();
        let mut pieces = stream.chunks(step);
        let accepted = pieces.find_map(|piece| handshake.handle_data(piece).unwrap()).unwrap();
        let unread: Vec<u8> = pieces.flatten().copied().collect();
        assert_eq!([&accepted.leftover[..], &unread].concat(), b"\x81\x00first frame", "in pieces of {step}");
    }
}

/// The refusal that comes of `stream` in pieces of `step`, by itself or at the end of the connection.
fn refusal(stream: &str, step: usize) -> (Refusal, bool) {
    let mut handshake = start(&request()).unwrap();
    let by_itself = stream.as_bytes().chunks(step).find_map(|piece| handshake.handle_data(piece).err());
    let came_by_itself = by_itself.is_some();
    match by_itself.unwrap_or_else(|| handshake.handle_eof()) {
        HandshakeError::Refused(refusal) => (refusal, came_by_itself),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_refusal_is_given_with_its_body() {
    let head = "HTTP/1.1 403 Forbidden\r\nX-A: b\r\n";
    let table = [
        ("length", "Content-Length: 5\r\n\r\nno AE and more", "no AE", true),
        ("no body", "Content-Length: 0\r\n\r\n", "", true),
        ("until the end", "\r\nno AE", "no AE", false),
        ("cut short", "Content-Length: 50\r\n\r\nno AE", "no AE", false),
    ];
    for (name, rest, body, by_itself) in table {
        for step in 1..60 {
            let (refusal, came_by_itself) = refusal(&format!("{head}{rest}"), step);
            assert_eq!((refusal.status, refusal.reason.as_str()), (403, "Forbidden"), "{name}");
            assert_eq!(refusal.header("x-a"), Some("b"), "{name}");
            assert_eq!((refusal.body.as_slice(), came_by_itself), (body.as_bytes(), by_itself), "{name} by {step}");
        }
    }
    assert!(refusal("HTTP/1.1 204 No Content\r\n\r\n", 7).1);
    let (large, by_itself) = refusal(&format!("{head}\r\n{}", "x".repeat(20_000)), 1000);
    assert_eq!((large.body.len(), by_itself), (16 << 10, true));
}

#[test]
fn a_redirect_is_a_refusal_that_tells_where_to() {
    let (refusal, _) = refusal("HTTP/1.1 301 Moved\r\nLocation: ws://b/\r\nContent-Length: 0\r\n\r\n", 9);
    assert_eq!(refusal.to_string(), "301 Moved, pointing to ws://b/");
}

#[test]
fn a_peer_that_does_not_speak_http_is_noticed_at_its_first_bytes() {
    for start_of in ["\x15\x03\x01\0\x02", "SSH-2.0-OpenSSH", "HTTQ", "ICY 200 OK"] {
        let error = answered(&request(), start_of).unwrap_err();
        let HandshakeError::NotHttp(shown) = &error else { panic!("{error:?}") };
        assert!(!shown.contains(char::is_control) && error.to_string().contains(shown.as_str()));
    }
    assert_eq!(answered(&request(), "HTTP").unwrap().map(|_| ()), None);
}

#[test]
fn limits_hold_for_answers_too() {
    let long = format!("HTTP/1.1 101 x\r\nX: {}", "y".repeat(16 << 10));
    assert_eq!(answered(&request(), &long).unwrap_err(), HandshakeError::TooLarge(Limits::default()));
    // ANSWER has 4 fields.
    let fields = |more| with("Upgrade:", &format!("{}Upgrade:", "X: y\r\n".repeat(more)));
    assert!(answered(&request(), &fields(60)).is_ok());
    assert_eq!(answered(&request(), &fields(61)).unwrap_err(), HandshakeError::TooLarge(Limits::default()));
}

#[test]
fn the_end_of_the_connection_is_told_apart_from_a_refusal() {
    let mut handshake = start(&request()).unwrap();
    assert_eq!(handshake.handle_eof(), HandshakeError::Ended(0));
    assert_eq!(handshake.handle_data(b"HTTP/1.1 4").unwrap().map(|_| ()), None);
    assert_eq!(handshake.handle_eof(), HandshakeError::Ended(10));
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
        HandshakeError::Refused(refusal),
        HandshakeError::NotHttp("x".into()),
        HandshakeError::Invalid("x".into()),
        HandshakeError::Subprotocol(Some("a\nb".into())),
        HandshakeError::Subprotocol(None),
        HandshakeError::TooLarge(Limits::default()),
        HandshakeError::Ended(0),
        HandshakeError::Ended(7),
    ] {
        let line = error.to_string();
        assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn both_ends_understand_each_other() {
    let mut client = start(&request()).unwrap();
    let asked = ServerHandshake::new(Limits::default()).handle_data(&client.transmit()).unwrap().unwrap();
    assert_eq!(asked.subprotocols, ["oneM2M.json", "oneM2M.R2.0.json"]);
    let answer = asked.accept(Some("oneM2M.R2.0.json"), None, &[]).unwrap();
    let accepted = client.handle_data(&answer).unwrap().unwrap();
    assert_eq!(accepted.subprotocol.as_deref(), Some("oneM2M.R2.0.json"));

    let mut client = start(&request()).unwrap();
    let rejection = crate::websocket::handshake::server::Rejection::new(400, "no format in common");
    let HandshakeError::Refused(refusal) = client.handle_data(&rejection.to_bytes()).unwrap_err() else {
        panic!("not refused")
    };
    assert_eq!(refusal.to_string(), "400 Bad Request: no format in common");
}

proptest::proptest! {
    #[test]
    fn any_answer_is_survived(bytes: Vec<u8>, step in 1_usize..9) {
        let mut handshake = start(&request()).unwrap();
        let stream = [b"HTTP/1.1 ".as_slice(), &bytes].concat();
        for piece in stream.chunks(step) {
            if handshake.handle_data(piece).is_err() {
                break;
            }
        }
        proptest::prop_assert!(!handshake.handle_eof().to_string().contains(char::is_control));
    }
}

#[test]
fn answers_before_the_answer_are_passed_over_within_the_limit() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let stream = format!("{early}{ANSWER}\u{1}rest");
    for step in [1, 7, stream.len()] {
        let mut handshake = start(&request()).unwrap();
        let accepted = stream.as_bytes().chunks(step).find_map(|piece| handshake.handle_data(piece).unwrap());
        assert_eq!(accepted.unwrap().subprotocol.as_deref(), Some("oneM2M.json"), "by {step}");
    }
    let refused = format!("{early}HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    let Err(HandshakeError::Refused(refusal)) = answered(&request(), &refused) else { panic!("not refused") };
    assert_eq!((refusal.status, refusal.body.as_slice()), (403, &b"no"[..]));
    let limits = Limits { max_bytes: early.len() + ANSWER.len(), ..Limits::default() };
    let read = |limits| {
        let mut handshake = ClientHandshake::new(&request(), limits, &mut ExampleKey).unwrap();
        handshake.handle_data(format!("{early}{ANSWER}").as_bytes())
    };
    assert!(read(limits).unwrap().is_some());
    let less = Limits { max_bytes: limits.max_bytes - 1, ..limits };
    assert_eq!(read(less).unwrap_err(), HandshakeError::TooLarge(less));
}

#[test]
fn ws_6_2_2_8_1_compression_is_offered_and_the_answer_taken() {
    let asked = ClientRequest { compression: Some(Compression::default()), ..request() };
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 client_max_window_bits\r\n";
    let sent = start(&asked).unwrap().transmit();
    assert!(std::str::from_utf8(&sent).unwrap().contains(offer), "{sent:?}");
    let with_answer = |answer: &str| with("Upgrade:", &format!("Sec-WebSocket-Extensions: {answer}\r\nUpgrade:"));
    let accepted = answered(&asked, &with_answer("permessage-deflate; server_no_context_takeover")).unwrap().unwrap();
    assert!(!accepted.agreement.unwrap().receive.takeover);
    // Declined, and taken without.
    assert_eq!(answered(&asked, ANSWER).unwrap().unwrap().agreement, None);
    for wrong in ["permessage-deflate", "permessage-deflate; a=", "foo", ";"] {
        let error = answered(&asked, &with_answer(wrong)).unwrap_err();
        assert!(matches!(error, HandshakeError::Invalid(_)), "{wrong}: {error}");
    }
    let out_of_range = Some(Compression { level: 0, ..Compression::default() });
    let error = start(&ClientRequest { compression: out_of_range, ..request() }).unwrap_err();
    assert!(error.to_string().contains("level is 0"), "{error}");
}

fn with_credentials(credentials: Credentials) -> ClientRequest {
    ClientRequest { credentials: Some(credentials), ..request() }
}

#[test]
fn credentials_are_the_last_field_and_there_once() {
    let mut request = with_credentials(Credentials::basic("Aladdin", "open sesame").unwrap());
    request.headers = vec![("X-A".into(), "b".into())];
    let mut handshake = start(&request).unwrap();
    let text = handshake.transmit();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.ends_with("X-A: b\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"), "{text}");
    assert!(handshake.transmit().is_empty());
    let shown = format!("{handshake:?} {request:?} {:?}", start(&request).unwrap());
    assert!(!shown.contains("QWxh") && !shown.contains("sesame") && !shown.contains("[71, 69, 84"), "{shown}");
    for name in ["Authorization", "AUTHORIZATION"] {
        request.headers = vec![(name.into(), "Bearer zq".into())];
        let error = start(&request).unwrap_err();
        assert!(matches!(error, HandshakeError::Request(_)) && !error.to_string().contains("zq"), "{error}");
    }
    request.credentials = None;
    assert!(start(&request).is_ok(), "a program may make the field itself");
}

#[test]
fn ws_6_2_3_1_1_a_401_says_whether_credentials_are_wanted_or_not_accepted() {
    let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cse\"\r\n\
        WWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno";
    for (credentials, said) in [
        (None, "credentials are wanted (Basic realm=\"cse\", Bearer); set them"),
        (
            Credentials::bearer("zqzqzqzq").ok(),
            "our credentials are not accepted (Basic realm=\"cse\", Bearer); check them",
        ),
    ] {
        let sent = credentials.is_some();
        let error = answered(&ClientRequest { credentials, ..request() }, answer).unwrap_err();
        assert!(
            matches!(&error, HandshakeError::Unauthorized { refusal, sent: s } if refusal.status == 401 && *s == sent)
        );
        let text = error.to_string().replace("\\\"", "\"");
        assert!(text.contains("401 Unauthorized: no; ") && text.ends_with(said), "{text}");
    }
}

#[test]
fn no_answer_makes_an_error_show_the_credentials() {
    let basic = Credentials::basic("Aladdin", "open-sesame").unwrap();
    let bearer = Credentials::bearer("eyJhbGciOiJub25lIn0.e30.").unwrap();
    for (credentials, secret) in
        [(&basic, "QWxhZGRpbjpvcGVuLXNlc2FtZQ=="), (&basic, "open-sesame"), (&bearer, "eyJhbGciOiJub25lIn0.e30.")]
    {
        for answer in [
            format!("HTTP/1.1 401 {secret}\r\nWWW-Authenticate: Basic realm=\"{secret}\"\r\n\r\n{secret}"),
            format!("HTTP/1.1 403 No\r\nContent-Length: 200\r\n\r\nyou sent {secret}"),
            format!("HTTP/1.1 302 Found\r\nLocation: /?{secret}\r\nContent-Length: 0\r\n\r\n"),
            format!("220 {secret} ready\r\n\r\n"),
            with("Protocol: oneM2M.json", &format!("Protocol: {secret}")),
            with("Connection: Upgrade", &format!("Connection: Upgrade\r\nSec-WebSocket-Extensions: {secret}")),
            with("Connection: Upgrade", &format!("Connection: Upgrade\r\n{secret}")),
            with("Accept: ", &format!("Accept: {secret}")),
        ] {
            for step in [1, 7, 1000] {
                let mut handshake = start(&with_credentials(credentials.clone())).unwrap();
                let failed = answer.as_bytes().chunks(step).find_map(|piece| handshake.handle_data(piece).err());
                let error = failed.unwrap_or_else(|| handshake.handle_eof());
                let mut shown = format!("{error} {error:?}");
                if let HandshakeError::Refused(refusal) | HandshakeError::Unauthorized { refusal, .. } = &error {
                    shown += &String::from_utf8_lossy(&refusal.body);
                }
                assert!(!shown.contains(secret), "{answer:?} by {step}: {shown}");
            }
        }
    }
}
