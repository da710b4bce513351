//! The negotiation of permessage-deflate, judged by a second reading of RFC 7692 5 and 7.1.
//!
//! What must hold, for any lines of `Sec-WebSocket-Extensions` and any settings:
//! - a server answers the first offer that it can take, as that offer allows, and declines if there is none;
//! - a client takes an answer that its offer allows, and no other;
//! - both ends of a handshake agree on the same.

use std::collections::BTreeMap;

use onem2m_ws::websocket::handshake::{
    Limits,
    client::{Accepted, ClientHandshake, ClientRequest, HandshakeError},
    server::{ServerHandshake, UpgradeRequest},
};
use onem2m_ws::websocket::{Agreement, Compression, Direction};

use super::http;
use super::input::{Fixed, Input};

const NAME: &str = "permessage-deflate";
const HEADER: &str = "sec-websocket-extensions";

/// Both directions, and one against the other. The rest: two bytes of settings, and lines of the header.
pub fn deflate_negotiation(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let [windows, more_windows, text @ ..] = input.rest else { return };
    let wanted = |first: u32, windows: &u8| Compression {
        send_takeover: input.is_set(first),
        receive_takeover: input.is_set(first + 1),
        send_window_bits: 8 + (windows & 7),
        receive_window_bits: 8 + (windows >> 3 & 7),
        ..Compression::default()
    };
    let (ours, theirs) = (wanted(0, windows), wanted(2, more_windows));
    // What HTTP itself refuses is not of interest here, nor is its size.
    let text: String =
        text.iter().filter(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n')).map(|b| char::from(*b)).take(4000).collect();
    let lines: Vec<&str> = text.lines().take(20).collect();

    server(&lines, &ours);
    client(&lines, &ours);
    both(&ours, &theirs);
}

/// An element of the header: its name, and its parameters in order.
type Element = (String, Vec<(String, Option<String>)>);

/// What binds the two directions, as an element says it. `Some(None)`: a window is named without a number.
#[derive(Debug, Default, PartialEq, Eq)]
struct Terms {
    server_fresh: bool,
    client_fresh: bool,
    server_window: Option<u8>,
    client_window: Option<Option<u8>>,
}

fn server(lines: &[&str], wanted: &Compression) {
    let mut head = "GET / HTTP/1.1\r\nHost: in.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_owned();
    for line in lines {
        head += &format!("Sec-WebSocket-Extensions: {line}\r\n");
    }
    let elements = read(lines);
    let request = match ServerHandshake::new(Limits::default()).handle_data((head + "\r\n").as_bytes()) {
        Ok(request) => request.expect("the request is whole"),
        Err(rejection) => {
            assert!(elements.is_none(), "the header is fine: {rejection}");
            return assert_eq!(rejection.status(), 400);
        }
    };
    let elements = elements.expect("the header is not fine");
    let can_take = |offer: &Terms| offer.client_window.is_some() || wanted.receive_window_bits == 15;
    let offers = elements.iter().filter(|(name, _)| name == NAME).filter_map(terms);
    let Some(offer) = offers.into_iter().find(can_take) else {
        return assert_eq!(request.negotiate(wanted), None);
    };
    let (answer, agreed) = answer(&request, wanted).expect("there is an offer that can be taken");
    check(&offer, &answer);
    let (sends, receives) = (agreed.send, agreed.receive);
    assert!(!sends.takeover || wanted.send_takeover && !answer.server_fresh);
    assert!(!receives.takeover || wanted.receive_takeover && !answer.client_fresh);
    assert!(sends.window_bits <= wanted.send_window_bits && sends.window_bits <= answer.server_window.unwrap_or(15));
    assert!(receives.window_bits <= wanted.receive_window_bits);
    assert_eq!(receives.window_bits, client_window(&offer, &answer));
}

/// What a server answers, read again, and what it goes by itself.
fn answer(request: &UpgradeRequest, wanted: &Compression) -> Option<(Terms, Agreement)> {
    let negotiated = request.negotiate(wanted)?;
    let answer = request.accept(None, Some(&negotiated), &[]).unwrap();
    let elements = read(&http::answer(&answer).all(HEADER)).unwrap();
    let [element] = &elements[..] else { panic!("{} elements are answered", elements.len()) };
    assert_eq!(element.0, NAME);
    Some((terms(element).unwrap(), negotiated.agreement))
}

/// Whether an offer allows an answer (RFC 7692 7.1).
fn allows(offer: &Terms, answer: &Terms) -> bool {
    (answer.server_fresh || !offer.server_fresh)
        && answer.client_window != Some(None)
        && offer.server_window.is_none_or(|most| answer.server_window.is_some_and(|bits| bits <= most))
        && match (offer.client_window, answer.client_window) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(most), Some(bits)) => bits <= Some(most.unwrap_or(15)),
        }
}

fn check(offer: &Terms, answer: &Terms) {
    assert!(allows(offer, answer), "{answer:?} does not answer {offer:?}");
}

/// The window that a client keeps to: what it was told, and what it said itself.
fn client_window(offer: &Terms, answer: &Terms) -> u8 {
    let said = offer.client_window.flatten().unwrap_or(15);
    answer.client_window.flatten().unwrap_or(15).min(said)
}

fn client(lines: &[&str], wanted: &Compression) {
    let (offer, accepted) = open(lines, wanted);
    let expected = read(lines).and_then(|elements| match &elements[..] {
        [] => Some(None),
        [element] if element.0 == NAME => terms(element).filter(|answer| allows(&offer, answer)).map(Some),
        _ => None,
    });
    let Some(answer) = expected else {
        return assert!(matches!(accepted, Err(HandshakeError::Invalid(_))), "{accepted:?}");
    };
    let agreement = accepted.unwrap().agreement;
    assert_eq!(agreement.is_some(), answer.is_some());
    if let (Some(answer), Some(agreement)) = (answer, agreement) {
        let send = Direction {
            takeover: wanted.send_takeover && !answer.client_fresh,
            window_bits: client_window(&offer, &answer),
        };
        let receive = Direction { takeover: !answer.server_fresh, window_bits: answer.server_window.unwrap_or(15) };
        assert_eq!(agreement, Agreement { send, receive, ..wanted.as_agreed() });
        assert!(receive.window_bits <= wanted.receive_window_bits && (!receive.takeover || wanted.receive_takeover));
    }
}

/// The handshake of a client that wants this compression.
fn handshake_of(wanted: &Compression) -> ClientHandshake {
    let request = ClientRequest {
        authority: "in.example".to_owned(),
        target: "/".to_owned(),
        compression: Some(wanted.clone()),
        ..ClientRequest::default()
    };
    ClientHandshake::new(&request, Limits::default(), &mut Fixed).unwrap()
}

/// What a client offers, and what it makes of an answer with these lines.
fn open(lines: &[&str], wanted: &Compression) -> (Terms, Result<Accepted, HandshakeError>) {
    let mut handshake = handshake_of(wanted);
    let asked = handshake.transmit();
    let elements = read(&http::request(&asked).all(HEADER)).unwrap();
    let [element] = &elements[..] else { panic!("{} elements are offered", elements.len()) };
    let mut head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: 7Ubo2JRe6fIuZAdGHq7kDA4XEQ0=\r\n"
        .to_owned();
    for line in lines {
        head += &format!("Sec-WebSocket-Extensions: {line}\r\n");
    }
    let accepted = handshake.handle_data((head + "\r\n").as_bytes());
    (terms(element).unwrap(), accepted.map(|accepted| accepted.expect("the answer is whole")))
}

/// A client of ours with `theirs`, a server of ours with `ours`.
fn both(ours: &Compression, theirs: &Compression) {
    let mut client = handshake_of(theirs);
    let request = ServerHandshake::new(Limits::default()).handle_data(&client.transmit()).unwrap().unwrap();
    let negotiated = request.negotiate(ours).expect("our client can be held to any window");
    let answer = request.accept(None, Some(&negotiated), &[]).unwrap();
    let accepted = client.handle_data(&answer).unwrap().unwrap().agreement.unwrap();
    let agreed = negotiated.agreement;
    assert_eq!((accepted.send, accepted.receive), (agreed.receive, agreed.send), "both ends agree on the same");
}

/// The elements of the header (RFC 6455 9.1). `None`: it is not of that form.
fn read(lines: &[&str]) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    for line in lines {
        for element in split(line, ',')?.into_iter().filter(|element| !trim(element).is_empty()) {
            let mut parts = split(element, ';')?.into_iter();
            let name = token(parts.next()?)?;
            let parameters = parts.map(|part| match part.split_once('=') {
                None => Some((token(part)?, None)),
                Some((key, value)) => Some((token(key)?, Some(token(&unquote(trim(value))?)?))),
            });
            elements.push((name, parameters.collect::<Option<_>>()?));
        }
    }
    Some(elements)
}

/// Splits at `mark`, but for those between quotes. `None`: a quote is left open.
fn split(text: &str, mark: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped, mut from, mut parts) = (false, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == mark && !quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (!quoted).then_some(parts)
}

fn unquote(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(value),
            '\\' => value.push(characters.next()?),
            c => value.push(c),
        }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn token(text: &str) -> Option<String> {
    let text = trim(text);
    let is_token = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c));
    is_token.then(|| text.to_owned())
}

/// The parameters of permessage-deflate. `None`: one is unknown, is there twice, or has a wrong value.
fn terms((_, parameters): &Element) -> Option<Terms> {
    let mut named = BTreeMap::new();
    for (key, value) in parameters {
        if named.insert(key.as_str(), value.as_deref()).is_some() {
            return None;
        }
    }
    let bits = |value: &str| (8..=15_u8).find(|bits| bits.to_string() == value);
    let mut terms = Terms::default();
    for (key, value) in named {
        match (key, value) {
            ("server_no_context_takeover", None) => terms.server_fresh = true,
            ("client_no_context_takeover", None) => terms.client_fresh = true,
            ("server_max_window_bits", Some(value)) => terms.server_window = Some(bits(value)?),
            ("client_max_window_bits", None) => terms.client_window = Some(None),
            ("client_max_window_bits", Some(value)) => terms.client_window = Some(Some(bits(value)?)),
            _ => return None,
        }
    }
    Some(terms)
}
