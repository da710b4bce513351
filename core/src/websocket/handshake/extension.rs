//! `Sec-WebSocket-Extensions`: read, offered, answered, and the answer judged, for permessage-deflate.
//!
//! Covers: RFC 6455 9.1 (the header), RFC 7692 5 and 7.1 (negotiation and its parameters); rows WS-6.2.2.8-1, WS-6.2.3.6-1. No other
//! extension is known here. What it does not do: compress.

use super::{is_token, printable};
use crate::websocket::compression::{Agreement, Compression, Direction, MAX_WINDOW_BITS, MIN_WINDOW_BITS};

pub(super) const HEADER: &str = "Sec-WebSocket-Extensions";
const NAME: &str = "permessage-deflate";

/// One element of the header: an extension, and what is said of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, Option<String>)>,
}

/// The header is not of the form that RFC 6455 9.1 gives it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads all lines of the header as one list (RFC 6455 9.1); elements without anything in them do not count.
pub(super) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Element<'a>>, Malformed> {
    let mut elements = Vec::new();
    for line in lines {
        let mut rest = line;
        loop {
            rest = skip_blanks(rest);
            if let Some(after) = rest.strip_prefix(',') {
                rest = after;
                continue;
            }
            if rest.is_empty() {
                break;
            }
            let (element, after) = parse_element(rest)?;
            elements.push(element);
            rest = match after.strip_prefix(',') {
                Some(after) => after,
                None if after.is_empty() => break,
                None => return Err(Malformed),
            };
        }
    }
    Ok(elements)
}

fn parse_element(text: &str) -> Result<(Element<'_>, &str), Malformed> {
    let (name, mut rest) = parse_token(text)?;
    let mut parameters = Vec::new();
    loop {
        rest = skip_blanks(rest);
        let Some(after) = rest.strip_prefix(';') else { return Ok((Element { name, parameters }, rest)) };
        let (key, after) = parse_token(skip_blanks(after))?;
        rest = skip_blanks(after);
        let mut value = None;
        if let Some(after) = rest.strip_prefix('=') {
            let (text, after) = parse_value(skip_blanks(after))?;
            value = Some(text);
            rest = after;
        }
        parameters.push((key, value));
    }
}

fn parse_token(text: &str) -> Result<(&str, &str), Malformed> {
    let end = text.find(|c: char| !is_token(c.encode_utf8(&mut [0; 4]))).unwrap_or(text.len());
    if end == 0 { Err(Malformed) } else { Ok(text.split_at(end)) }
}

/// A token, or one between quotes: what they enclose is a token as well (RFC 6455 9.1).
fn parse_value(text: &str) -> Result<(String, &str), Malformed> {
    let Some(quoted) = text.strip_prefix('"') else {
        return parse_token(text).map(|(token, rest)| (token.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' if is_token(&value) => return Ok((value, &quoted[at + 1..])),
            '"' => return Err(Malformed),
            '\\' => value.push(characters.next().ok_or(Malformed)?.1),
            c => value.push(c),
        }
    }
    Err(Malformed)
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The parameters of permessage-deflate (RFC 7692 7.1), each at most once. A window may be named without a number in an offer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)`: named without a number.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// The text names what is not valid.
    fn read(element: &Element<'_>) -> Result<Self, String> {
        let mut read = Self::default();
        let mut named: Vec<&str> = Vec::new();
        for (key, value) in &element.parameters {
            if named.contains(key) {
                return Err(format!("the parameter {} is there twice", printable(key.as_bytes())));
            }
            named.push(key);
            let is_wrong = || match value {
                Some(value) => Err(format!("the parameter {key} is \"{}\"", printable(value.as_bytes()))),
                None => Err(format!("the parameter {key} has no value")),
            };
            match (*key, value) {
                ("server_no_context_takeover", None) => read.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => read.client_no_context_takeover = true,
                ("client_max_window_bits", None) => read.client_max_window_bits = Some(None),
                ("server_max_window_bits" | "client_max_window_bits", Some(value)) => {
                    let Some(bits) = window_bits(value) else { return is_wrong() };
                    if *key == "server_max_window_bits" {
                        read.server_max_window_bits = Some(bits);
                    } else {
                        read.client_max_window_bits = Some(Some(bits));
                    }
                }
                ("server_max_window_bits" | "server_no_context_takeover" | "client_no_context_takeover", _) => {
                    return is_wrong();
                }
                _ => return Err(format!("the parameter {} is not known", printable(key.as_bytes()))),
            }
        }
        Ok(read)
    }

    fn write(&self) -> String {
        let mut text = NAME.to_owned();
        if self.server_no_context_takeover {
            text += "; server_no_context_takeover";
        }
        if self.client_no_context_takeover {
            text += "; client_no_context_takeover";
        }
        if let Some(bits) = self.server_max_window_bits {
            text += &format!("; server_max_window_bits={bits}");
        }
        match self.client_max_window_bits {
            None => {}
            Some(None) => text += "; client_max_window_bits",
            Some(Some(bits)) => text += &format!("; client_max_window_bits={bits}"),
        }
        text
    }
}

/// A number from 8 to 15, without zeros in front (RFC 7692 7.1.2).
fn window_bits(text: &str) -> Option<u8> {
    if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|bits| (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(bits))
}

/// What a client offers: one element, since a server that cannot do what it asks for declines and loses nothing but
/// compression. That its own window may be bounded is always said.
pub(super) fn offer(wanted: &Compression) -> String {
    let bounded = |bits: u8| Some(bits).filter(|bits| *bits < MAX_WINDOW_BITS);
    Parameters {
        server_no_context_takeover: !wanted.receive_takeover,
        client_no_context_takeover: !wanted.send_takeover,
        server_max_window_bits: bounded(wanted.receive_window_bits),
        client_max_window_bits: Some(bounded(wanted.send_window_bits)),
    }
    .write()
}

/// What a server makes of the offers: the first that it can take, and its answer. `None`: declined, and the connection goes on
/// without.
pub(super) fn answer(offers: &[Element<'_>], wanted: &Compression) -> Option<(Agreement, String)> {
    offers.iter().filter(|offer| offer.name == NAME).find_map(|offer| {
        let offered = Parameters::read(offer).ok()?;
        let mut answer = Parameters {
            // An offer with it is only taken with it (RFC 7692 7.1.1.1); this end may add it.
            server_no_context_takeover: offered.server_no_context_takeover || !wanted.send_takeover,
            client_no_context_takeover: offered.client_no_context_takeover || !wanted.receive_takeover,
            ..Parameters::default()
        };
        let send_bits = offered.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS).min(wanted.send_window_bits);
        if offered.server_max_window_bits.is_some() || send_bits < MAX_WINDOW_BITS {
            answer.server_max_window_bits = Some(send_bits);
        }
        let receive_bits = match offered.client_max_window_bits {
            // It may not be bounded then (RFC 7692 7.1.2.2).
            None if wanted.receive_window_bits < MAX_WINDOW_BITS => return None,
            None => MAX_WINDOW_BITS,
            Some(bits) => {
                let bits = bits.unwrap_or(MAX_WINDOW_BITS).min(wanted.receive_window_bits);
                answer.client_max_window_bits = Some(Some(bits)).filter(|_| bits < MAX_WINDOW_BITS);
                bits
            }
        };
        let agreement = Agreement {
            send: Direction { takeover: !answer.server_no_context_takeover, window_bits: send_bits },
            receive: Direction { takeover: !answer.client_no_context_takeover, window_bits: receive_bits },
            ..wanted.as_agreed()
        };
        Some((agreement, answer.write()))
    })
}

/// What a client makes of the answer to its [`offer`]. `Ok(None)`: declined.
///
/// # Errors
/// What in the answer is not what was offered (RFC 6455 4.1, RFC 7692 5.1): the connection may not be used then.
pub(super) fn judge(answered: &[Element<'_>], wanted: Option<&Compression>) -> Result<Option<Agreement>, String> {
    let Some((element, more)) = answered.split_first() else { return Ok(None) };
    let shown = printable(element.name.as_bytes());
    let Some(wanted) = wanted.filter(|_| element.name == NAME) else {
        return Err(format!("it switches on the extension \"{shown}\", which was not offered"));
    };
    if let Some(other) = more.first() {
        let other = printable(other.name.as_bytes());
        return Err(format!("it switches on the extension \"{other}\" besides {NAME}, which was not offered"));
    }
    let wrong = |what: String| format!("its answer to the offer of {NAME} is wrong: {what}");
    let answer = Parameters::read(element).map_err(wrong)?;
    if !wanted.receive_takeover && !answer.server_no_context_takeover {
        return Err(wrong("server_no_context_takeover was asked for and is missing".to_owned()));
    }
    let receive_bits = answer.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS);
    if receive_bits > wanted.receive_window_bits {
        return Err(wrong(format!("server_max_window_bits may be {} at most", wanted.receive_window_bits)));
    }
    let send_bits = match answer.client_max_window_bits {
        None => wanted.send_window_bits,
        Some(None) => return Err(wrong("the parameter client_max_window_bits has no value".to_owned())),
        Some(Some(bits)) if bits > wanted.send_window_bits => {
            return Err(wrong(format!("client_max_window_bits was offered with {}", wanted.send_window_bits)));
        }
        Some(Some(bits)) => bits,
    };
    Ok(Some(Agreement {
        send: Direction {
            takeover: wanted.send_takeover && !answer.client_no_context_takeover,
            window_bits: send_bits,
        },
        receive: Direction { takeover: !answer.server_no_context_takeover, window_bits: receive_bits },
        ..wanted.as_agreed()
    }))
}

#[cfg(test)]
mod tests;
