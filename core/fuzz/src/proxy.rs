//! The answer of a proxy to a CONNECT, from one that may be hostile.
//!
//! What must hold, for any bytes, cut anywhere:
//! - where they are cut makes no difference to what comes of them;
//! - a tunnel is opened by a 2xx with nothing behind its head, as httparse sees it, and by nothing else;
//! - an error is one line without control characters, and shows no credentials, also if the proxy sends them back.

use data_encoding::BASE64;
use onem2m_ws::websocket::handshake::{
    Limits, Refusal,
    proxy::{Credentials, ProxyError, ProxyHandshake, ProxyRequest, Tunnel},
};

use super::http::{self, check_line};
use super::input::Input;

/// Small, so that they are reached.
const LIMITS: Limits = Limits { max_bytes: 512, max_fields: 10 };

/// What [`Tunnel`] and [`ProxyError`] call it when bytes come behind the head.
const BEHIND: &str = "bytes came behind it";

/// A client that reads the answer of a proxy.
pub fn connect_response(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let credentials = input.is_set(0).then(|| Credentials::basic("Aladdin", "opensesame").unwrap());
    let request = ProxyRequest { host: "in.example".to_owned(), port: 443, credentials };
    let whole = open(&request, &[input.rest]);
    let pieces = open(&request, &input.pieces(input.rest));
    match (&whole, &pieces) {
        // It tells what has come so far.
        (Err(ProxyError::NotHttp(_)), Err(ProxyError::NotHttp(_))) => {}
        _ => assert_eq!(whole, pieces, "where the bytes are cut makes no difference"),
    }
    match &whole {
        Ok(tunnel) => check_tunnel(input.rest, tunnel),
        Err(error) => check_error(&request, input.rest, error),
    }
}

/// What a client makes of bytes, after which the connection ends.
fn open(request: &ProxyRequest, pieces: &[&[u8]]) -> Result<Tunnel, ProxyError> {
    let mut handshake = ProxyHandshake::new(request, LIMITS)?;
    let asked = handshake.transmit();
    let head = http::request(&asked);
    assert_eq!((head.start.0.as_str(), head.start.1.as_str()), ("CONNECT", "in.example:443"));
    assert_eq!(head.all("proxy-authorization").len(), usize::from(request.credentials.is_some()));
    for (at, piece) in pieces.iter().enumerate() {
        match handshake.handle_data(piece) {
            Ok(None) => {}
            // What comes in a piece after that is the tunnel's, and as unexpected.
            Ok(Some(tunnel)) if pieces[at + 1..].concat().is_empty() => return Ok(tunnel),
            Ok(Some(_)) => return Err(ProxyError::Invalid(BEHIND.to_owned())),
            Err(ProxyError::Invalid(what)) if what.contains(BEHIND) => {
                return Err(ProxyError::Invalid(BEHIND.to_owned()));
            }
            Err(error) => return Err(error),
        }
    }
    Err(handshake.handle_eof())
}

fn check_tunnel(stream: &[u8], tunnel: &Tunnel) {
    let mut head = http::any_answer(stream);
    while head.start.0.starts_with('1') {
        assert_ne!(head.start.0, "101");
        head = http::any_answer(head.rest);
    }
    assert!(head.start.0.starts_with('2'), "a tunnel by status {}", head.start.0);
    assert!(head.rest.is_empty(), "a tunnel with something in it");
    assert!(head.fields.len() <= LIMITS.max_fields && head.fields.len() == tunnel.headers.len());
}

fn check_error(request: &ProxyRequest, stream: &[u8], error: &ProxyError) {
    let line = error.to_string();
    check_line(&line);
    let secret = BASE64.encode(b"Aladdin:opensesame");
    let shows = |text: &str| request.credentials.is_some() && text.contains(&secret);
    assert!(!shows(&line), "credentials in {line}");
    let check_refusal = |refusal: &Refusal| {
        assert_ne!(refusal.status / 100, 2);
        assert!(refusal.body.len() <= LIMITS.max_bytes && refusal.headers.len() <= LIMITS.max_fields);
        let texts = refusal.headers.iter().map(|(_, value)| value.as_str()).chain([refusal.reason.as_str()]);
        assert!(!texts.into_iter().any(shows) && !shows(&String::from_utf8_lossy(&refusal.body)), "credentials");
    };
    match error {
        ProxyError::AuthenticationRequired { refusal, schemes, sent } => {
            check_refusal(refusal);
            // Some proxies say 401 where they mean 407.
            assert!(matches!(refusal.status, 401 | 407) && *sent == request.credentials.is_some());
            assert!(!schemes.iter().any(String::is_empty));
        }
        ProxyError::Refused(refusal) => {
            check_refusal(refusal);
            assert!(!matches!(refusal.status, 401 | 407));
        }
        ProxyError::Ended(bytes) => assert!(*bytes <= stream.len()),
        ProxyError::Request(invalid) => panic!("the request was good: {invalid}"),
        ProxyError::NotHttp(_) | ProxyError::Invalid(_) | ProxyError::TooLarge(_) => {}
    }
}
