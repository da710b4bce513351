//! Writing primitives as CBOR.
//!
//! Covers: TS-0004 8.5.1: a map with text strings as names. Content that is CBOR is copied, not made anew.

use bytes::{BufMut, BytesMut};
use ciborium_ll::{Header, simple};

use super::super::EncodeError;
use super::super::emit::{self, Emit, Kind, Name};
use super::item::{head, write, write_text};
use crate::primitive::{Content, Format, Request, Response, ResponseTypeInfo};

/// Appends a request.
pub(in super::super) fn encode_request(request: &Request, out: &mut BytesMut) -> Result<(), EncodeError> {
    let content = request.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(64 + request.to.len() + request.request_id.len() + content);
    emit::request(&mut Writer::new(out), request)
}

/// Appends a response to the request `rqi`, of the release `rvi`.
pub(in super::super) fn encode_response(
    response: &Response,
    rqi: &str,
    rvi: Option<&str>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let content = response.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(64 + rqi.len() + content);
    emit::response(&mut Writer::new(out), response, rqi, rvi)
}

struct Writer<'a> {
    out: &'a mut BytesMut,
    /// Where the head of the map stands.
    start: usize,
    members: usize,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut BytesMut) -> Self {
        let start = out.len();
        Self { out, start, members: 0 }
    }

    #[inline]
    fn name(&mut self, name: &str) {
        self.members += 1;
        write_text(self.out, name);
    }

    #[inline]
    fn number(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(number @ ..=23) => self.out.extend_from_slice(&[number]),
            _ => head(self.out, Header::Positive(number)),
        }
    }

    fn texts(&mut self, list: &[String]) {
        head(self.out, Header::Array(Some(list.len())));
        for text in list {
            write_text(self.out, text);
        }
    }

    #[inline]
    fn value(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        self.name(name);
        if content.format() == Format::Cbor {
            self.out.extend_from_slice(content.bytes());
            return Ok(());
        }
        content.write_with(|item| write(item, self.out)).map_err(|error| error.inside(name))
    }
}

impl Emit for Writer<'_> {
    #[inline]
    fn begin(&mut self, _kind: Kind, name: &'static Name, number: u64) {
        // The head of a map of up to 23 members, which is known in the end.
        self.out.put_u8(0);
        self.integer(name, number);
    }

    #[inline]
    fn end(&mut self) {
        match u8::try_from(self.members) {
            Ok(few @ ..=23) => self.out[self.start] = 0xa0 | few,
            _ => {
                let rest = self.out.split_off(self.start + 1);
                self.out.truncate(self.start);
                head(self.out, Header::Map(Some(self.members)));
                self.out.put_slice(&rest);
            }
        }
    }

    #[inline]
    fn integer(&mut self, name: &'static Name, number: u64) {
        self.name(name.short);
        self.number(number);
    }

    fn boolean(&mut self, name: &'static Name, value: bool) {
        self.name(name.short);
        head(self.out, Header::Simple(if value { simple::TRUE } else { simple::FALSE }));
    }

    #[inline]
    fn text(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError> {
        self.name(name.short);
        write_text(self.out, text);
        Ok(())
    }

    #[inline]
    fn token(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError> {
        self.text(name, text)
    }

    fn list(&mut self, name: &'static Name, list: &[String]) -> Result<(), EncodeError> {
        self.name(name.short);
        self.texts(list);
        Ok(())
    }

    fn response_type(&mut self, name: &'static Name, rt: &ResponseTypeInfo) -> Result<(), EncodeError> {
        self.name(name.short);
        head(self.out, Header::Map(Some(1 + usize::from(rt.notification_uris.is_some()))));
        write_text(self.out, "rtv");
        self.number(rt.value.code().into());
        if let Some(uris) = &rt.notification_uris {
            write_text(self.out, "nu");
            self.texts(uris);
        }
        Ok(())
    }

    #[inline]
    fn content(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError> {
        self.value(name.short, content)
    }

    fn structure(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError> {
        self.value(name.short, content)
    }

    fn unknown(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        self.value(name, content)
    }
}
