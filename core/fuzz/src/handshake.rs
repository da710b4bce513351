//! The opening handshake, at either end, before a peer that sends anything at all.
//!
//! What must hold, for any bytes, cut anywhere:
//! - where they are cut makes no difference to what comes of them;
//! - what is accepted is what RFC 6455 4.1 and 4.2.1 ask for, read again by httparse;
//! - our client takes what our server answers;
//! - a refusal is HTTP that a client can read, and an error is one line without control characters.

use data_encoding::BASE64;
use onem2m_ws::websocket::Random;
use onem2m_ws::websocket::handshake::{
    Limits,
    client::{Accepted, ClientHandshake, ClientRequest, Deviation, HandshakeError},
    server::{Rejection, ServerHandshake, UpgradeRequest},
};
use tungstenite::handshake::derive_accept_key;

use super::http::{self, Head, check_line};
use super::input::{Fixed, Input};

/// Small, so that they are reached; a handshake needs half of it.
const LIMITS: Limits = Limits { max_bytes: 512, max_fields: 10 };

/// A server that reads a request.
pub fn server_handshake(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let whole = serve(&[input.rest]);
    let pieces = serve(&input.pieces(input.rest));
    match (&whole, &pieces) {
        (Ok(None), Ok(None)) => {}
        (Ok(Some(whole)), Ok(Some(pieces))) => assert_eq!(seen(whole), seen(pieces)),
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        _ => panic!("where the bytes are cut makes a difference: {whole:?}, {pieces:?}"),
    }
    match whole {
        Ok(Some(request)) => check_request(input.rest, &request),
        Ok(None) => assert!(input.rest.len() < LIMITS.max_bytes),
        Err(rejection) => check_rejection(input.rest, &rejection),
    }
}

/// What a server makes of bytes; with a request, everything behind it is its leftover.
fn serve(pieces: &[&[u8]]) -> Result<Option<UpgradeRequest>, Rejection> {
    let mut handshake = ServerHandshake::new(LIMITS);
    for (at, piece) in pieces.iter().enumerate() {
        if let Some(mut request) = handshake.handle_data(piece)? {
            request.leftover.extend_from_slice(&pieces[at + 1..].concat());
            return Ok(Some(request));
        }
    }
    Ok(None)
}

fn seen(request: &UpgradeRequest) -> impl PartialEq + std::fmt::Debug {
    let UpgradeRequest { target, host, subprotocols, origin, leftover, .. } = request.clone();
    (target, host, subprotocols, origin, leftover, request.headers().to_vec())
}

/// RFC 6455 4.2.1 as httparse sees it.
fn check_request(stream: &[u8], request: &UpgradeRequest) {
    let head = http::request(stream);
    assert!(stream.len() - head.rest.len() <= LIMITS.max_bytes);
    assert!(head.fields.len() <= LIMITS.max_fields);
    assert_eq!(head.rest, request.leftover);
    assert_eq!(head.start, ("GET".to_owned(), request.target.clone()));
    assert_eq!(head.only("host"), request.host);
    assert!(!request.host.is_empty());
    check_upgrade(&head);
    assert_eq!(head.list("sec-websocket-version"), ["13"]);
    assert!(request.path().starts_with('/') && !request.path().contains(['?', '#']));
    assert!(head.all("origin").len() <= 1 && request.origin.as_deref() == head.all("origin").pop());
    assert!(head.all("transfer-encoding").is_empty() && head.all("content-length").iter().all(|length| *length == "0"));
    let key = head.only("sec-websocket-key");
    let bytes: [u8; 16] = BASE64.decode(key.as_bytes()).unwrap().try_into().unwrap();

    let offered: Vec<Option<&str>> = request.subprotocols.iter().map(|name| Some(name.as_str())).collect();
    for chosen in if offered.is_empty() { vec![None] } else { offered } {
        let answer = request.accept(chosen, None, &[("X-Room".to_owned(), "1".to_owned())]).unwrap();
        let head = http::answer(&answer);
        assert_eq!((head.start.0.as_str(), head.rest.len()), ("101", 0));
        assert_eq!(head.only("sec-websocket-accept"), derive_accept_key(key.as_bytes()));
        assert_eq!(head.all("sec-websocket-protocol"), Vec::from_iter(chosen));

        // A client of ours that drew the same key.
        let asked = ClientRequest {
            authority: "in.example".to_owned(),
            target: "/".to_owned(),
            subprotocols: request.subprotocols.clone(),
            ..ClientRequest::default()
        };
        let mut client = ClientHandshake::new(&asked, Limits::default(), &mut Given(bytes)).unwrap();
        assert_eq!(http::request(&client.transmit()).only("sec-websocket-key"), key);
        let accepted = client.handle_data(&answer).unwrap().unwrap();
        assert_eq!((accepted.subprotocol.as_deref(), accepted.deviation), (chosen, None));
    }
    assert!(request.accept(Some("not, offered"), None, &[]).is_err());
    assert!(request.accept(None, None, &[("X".to_owned(), "a\r\nb: c".to_owned())]).is_err());
}

fn check_upgrade(head: &Head<'_>) {
    assert!(head.list("upgrade").iter().any(|one| one == "websocket"));
    assert!(head.list("connection").iter().any(|one| one == "upgrade"));
}

/// Random bytes that were drawn before.
struct Given([u8; 16]);

impl Random for Given {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

fn check_rejection(stream: &[u8], rejection: &Rejection) {
    check_line(&rejection.to_string());
    let bytes = rejection.to_bytes();
    let head = http::answer(&bytes);
    assert_eq!(head.start.0, rejection.status().to_string());
    assert!(!head.start.1.is_empty() && !rejection.reason().is_empty());
    assert!(head.list("connection").contains(&"close".to_owned()));
    let body = std::str::from_utf8(head.rest).unwrap();
    if stream.trim_ascii_start().starts_with(b"HEAD ") && rejection.status() == 405 {
        assert_eq!(body, "", "an answer to HEAD has no body");
    } else {
        assert_eq!(head.only("content-length"), body.len().to_string());
        check_line(body.strip_suffix('\n').unwrap());
    }
    match rejection.status() {
        400 | 431 => {}
        405 => assert_eq!(head.only("allow"), "GET"),
        426 => {
            assert_eq!(head.only("sec-websocket-version"), "13");
            check_upgrade(&head);
        }
        other => panic!("this floor does not refuse with {other}"),
    }
}

/// A client that reads an answer.
pub fn client_handshake(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let offers = [["oneM2M.json", "oneM2M.R2.0.json"].as_slice(), &[]][usize::from(input.is_set(0))];
    let request = ClientRequest {
        authority: "in.example:8080".to_owned(),
        target: "/".to_owned(),
        subprotocols: offers.iter().map(|name| (*name).to_owned()).collect(),
        allow_missing_subprotocol: input.is_set(1),
        ..ClientRequest::default()
    };
    let whole = open(&request, &[input.rest]);
    let pieces = open(&request, &input.pieces(input.rest));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(format!("{whole:?}"), format!("{pieces:?}")),
        // It tells what has come so far.
        (Err(HandshakeError::NotHttp(_)), Err(HandshakeError::NotHttp(_))) => {}
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        _ => panic!("where the bytes are cut makes a difference: {whole:?}, {pieces:?}"),
    }
    match &whole {
        Ok(accepted) => check_accepted(input.rest, &request, accepted),
        Err(error) => check_error(input.rest, error),
    }
}

/// What a client makes of bytes, after which the connection ends; everything behind an answer is its leftover.
fn open(request: &ClientRequest, pieces: &[&[u8]]) -> Result<Accepted, HandshakeError> {
    let mut handshake = ClientHandshake::new(request, LIMITS, &mut Fixed)?;
    check_opening(request, &http::request(&handshake.transmit()));
    for (at, piece) in pieces.iter().enumerate() {
        if let Some(mut accepted) = handshake.handle_data(piece)? {
            accepted.leftover.extend_from_slice(&pieces[at + 1..].concat());
            return Ok(accepted);
        }
    }
    Err(handshake.handle_eof())
}

fn check_opening(request: &ClientRequest, head: &Head<'_>) {
    assert_eq!(head.start, ("GET".to_owned(), request.target.clone()));
    assert_eq!(head.only("host"), request.authority);
    assert!(head.rest.is_empty());
    check_upgrade(head);
}

/// RFC 6455 4.1 as httparse sees it.
fn check_accepted(stream: &[u8], request: &ClientRequest, accepted: &Accepted) {
    let mut key = [0; 16];
    Fixed.fill(&mut key);
    // Answers before the answer are passed over (RFC 7231 6.2).
    let (mut head, mut rest) = (http::any_answer(stream), stream);
    while head.start.0 != "101" {
        assert!(head.start.0.starts_with('1'), "status {}", head.start.0);
        rest = head.rest;
        head = http::any_answer(rest);
    }
    let head = http::answer(rest);
    assert_eq!(head.rest, accepted.leftover);
    assert!(head.fields.len() <= LIMITS.max_fields && head.fields.len() == accepted.headers.len());
    check_upgrade(&head);
    assert_eq!(head.list("upgrade").len(), 1);
    assert_eq!(head.only("sec-websocket-accept"), derive_accept_key(BASE64.encode(&key).as_bytes()));
    assert!(head.all("sec-websocket-extensions").iter().all(|list| list.split(',').all(|one| one.trim().is_empty())));
    let answered = head.all("sec-websocket-protocol");
    let offered = &request.subprotocols;
    match (&accepted.subprotocol, &accepted.deviation) {
        (Some(name), None) => assert!(offered.contains(name) && answered == [name]),
        (Some(name), Some(Deviation::SubprotocolCase(spelling))) => {
            assert!(offered.contains(name) && answered == [spelling]);
            assert!(name != spelling && name.eq_ignore_ascii_case(spelling));
        }
        (None, None) => assert!(offered.is_empty() && answered.is_empty()),
        (None, Some(Deviation::SubprotocolMissing)) => {
            assert!(request.allow_missing_subprotocol && !offered.is_empty() && answered.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

fn check_error(stream: &[u8], error: &HandshakeError) {
    check_line(&error.to_string());
    match error {
        HandshakeError::Refused(refusal) | HandshakeError::Unauthorized { refusal, .. } => {
            assert_ne!(refusal.status, 101);
            assert_eq!(refusal.status == 401, matches!(error, HandshakeError::Unauthorized { .. }));
            assert!(refusal.body.len() <= LIMITS.max_bytes && refusal.body.len() <= stream.len());
            assert!(refusal.headers.len() <= LIMITS.max_fields);
        }
        HandshakeError::Request(invalid) => panic!("the request was good: {invalid}"),
        HandshakeError::Ended(bytes) => assert!(*bytes <= stream.len()),
        HandshakeError::NotHttp(_)
        | HandshakeError::Invalid(_)
        | HandshakeError::Subprotocol(_)
        | HandshakeError::TooLarge(_) => {}
    }
}
