//! Writing primitives as JSON.
//!
//! Covers: TS-0004 8.4.2 (types, no white space that is not needed). Content that is JSON is copied, not made anew.

use bytes::BytesMut;

use super::super::EncodeError;
use super::super::emit::{self, Emit, Kind, Name};
use super::scanner::find_special;
use crate::primitive::{Content, Format, Request, Response, ResponseTypeInfo};

/// Appends a request.
pub(in super::super) fn encode_request(request: &Request, out: &mut BytesMut) -> Result<(), EncodeError> {
    let content = request.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(96 + request.to.len() + request.request_id.len() + content);
    emit::request(&mut Writer { out }, request)
}

/// Appends a response to the request `rqi`, of the release `rvi`.
pub(in super::super) fn encode_response(
    response: &Response,
    rqi: &str,
    rvi: Option<&str>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let content = response.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(96 + rqi.len() + content);
    emit::response(&mut Writer { out }, response, rqi, rvi)
}

struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl Emit for Writer<'_> {
    #[inline]
    fn begin(&mut self, _kind: Kind, name: &'static Name, number: u64) {
        self.raw(b"{");
        self.raw(&name.json.as_bytes()[1..]);
        self.number(number);
    }

    #[inline]
    fn end(&mut self) {
        self.raw(b"}");
    }

    #[inline]
    fn integer(&mut self, name: &'static Name, number: u64) {
        self.raw(name.json.as_bytes());
        self.number(number);
    }

    fn boolean(&mut self, name: &'static Name, value: bool) {
        self.raw(name.json.as_bytes());
        self.raw(if value { b"true" } else { b"false" });
    }

    #[inline]
    fn text(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError> {
        self.raw(name.json_text.as_bytes());
        self.rest_of_string(text);
        Ok(())
    }

    #[inline]
    fn token(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError> {
        self.text(name, text)
    }

    fn list(&mut self, name: &'static Name, list: &[String]) -> Result<(), EncodeError> {
        self.raw(name.json.as_bytes());
        self.texts(list);
        Ok(())
    }

    fn response_type(&mut self, name: &'static Name, rt: &ResponseTypeInfo) -> Result<(), EncodeError> {
        self.raw(name.json.as_bytes());
        self.raw(br#"{"rtv":"#);
        self.number(rt.value.code().into());
        if let Some(uris) = &rt.notification_uris {
            self.raw(br#","nu":"#);
            self.texts(uris);
        }
        self.raw(b"}");
        Ok(())
    }

    #[inline]
    fn content(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError> {
        self.structure(name, content)
    }

    #[inline]
    fn structure(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError> {
        self.raw(name.json.as_bytes());
        self.value(name.short, content)
    }

    fn unknown(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        self.raw(b",\"");
        self.rest_of_string(name);
        self.raw(b":");
        self.value(name, content)
    }
}

impl Writer<'_> {
    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn number(&mut self, number: u64) {
        self.raw(itoa::Buffer::new().format(number).as_bytes());
    }

    fn texts(&mut self, list: &[String]) {
        self.raw(b"[");
        for (i, item) in list.iter().enumerate() {
            self.raw(if i > 0 { b",\"" } else { b"\"" });
            self.rest_of_string(item);
        }
        self.raw(b"]");
    }

    #[inline]
    fn value(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        if content.format() != Format::Json {
            return self.converted(name, content);
        }
        self.raw(content.bytes());
        Ok(())
    }

    #[cold]
    fn converted(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        content.write_with(|item| super::write(item, self.out)).map_err(|error| error.inside(name))
    }

    /// The rest of a string after the quote that opens it.
    #[inline]
    fn rest_of_string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let special = find_special(bytes, 0);
        if special == bytes.len() {
            self.raw(bytes);
        } else {
            self.escaped(bytes, special);
        }
        self.raw(b"\"");
    }

    #[cold]
    fn escaped(&mut self, bytes: &[u8], mut special: usize) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut copied = 0;
        while let Some(byte) = bytes.get(special) {
            self.raw(&bytes[copied..special]);
            match byte {
                b'"' => self.raw(br#"\""#),
                b'\\' => self.raw(br"\\"),
                b'\n' => self.raw(br"\n"),
                b'\r' => self.raw(br"\r"),
                b'\t' => self.raw(br"\t"),
                _ => {
                    self.raw(br"\u00");
                    self.raw(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                }
            }
            copied = special + 1;
            special = find_special(bytes, copied);
        }
        self.raw(&bytes[copied..]);
    }
}

/// Appends a string with its quotes.
pub(super) fn write_string(text: &str, out: &mut BytesMut) {
    let mut w = Writer { out };
    w.raw(b"\"");
    w.rest_of_string(text);
}
