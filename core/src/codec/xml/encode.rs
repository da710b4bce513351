//! Writing primitives as XML.
//!
//! Covers: TS-0004 8.3.1, 8.3.2 (the root, the order of the parameters). Content that is XML of the same kind of primitive is
//! copied, not made anew. An empty element is null in a request, so that an empty text cannot be written there.

use bytes::{BufMut, BytesMut};

use super::super::emit::{self, Emit, Kind, Name};
use super::super::{EncodeError, MAX_DEPTH};
use super::chars::is_space;
use super::read::{primitive, read};
use super::text::{check_collapsed, check_item, write_text};
use super::write::{write_content, write_parameter};
use crate::primitive::{Content, Encoding, Request, Response, ResponseTypeInfo, XmlPlace};

macro_rules! root {
    ($name:literal) => {
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?><m2m:"#,
            $name,
            r#" xmlns:m2m="http://www.onem2m.org/xml/protocols">"#
        )
    };
}

/// Appends a request.
pub(in super::super) fn encode_request(request: &Request, out: &mut BytesMut) -> Result<(), EncodeError> {
    let content = request.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(256 + request.to.len() + request.request_id.len() + content);
    emit::request(&mut Writer { out, in_response: false }, request)
}

/// Appends a response to the request `rqi`, of the release `rvi`.
pub(in super::super) fn encode_response(
    response: &Response,
    rqi: &str,
    rvi: Option<&str>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let content = response.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(256 + rqi.len() + content);
    emit::response(&mut Writer { out, in_response: true }, response, rqi, rvi)
}

struct Writer<'a> {
    out: &'a mut BytesMut,
    in_response: bool,
}

impl Emit for Writer<'_> {
    #[inline]
    fn begin(&mut self, kind: Kind, name: &'static Name, number: u64) {
        self.raw(match kind {
            Kind::Request => root!("rqp"),
            Kind::Response => root!("rsp"),
        });
        self.integer(name, number);
    }

    #[inline]
    fn end(&mut self) {
        self.raw(if self.in_response { "</m2m:rsp>" } else { "</m2m:rqp>" });
    }

    #[inline]
    fn integer(&mut self, name: &'static Name, number: u64) {
        self.raw(name.open);
        self.raw(itoa::Buffer::new().format(number));
        self.raw(name.close);
    }

    fn boolean(&mut self, name: &'static Name, value: bool) {
        self.raw(name.open);
        self.raw(if value { "true" } else { "false" });
        self.raw(name.close);
    }

    #[inline]
    fn text(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError> {
        if text.is_empty() && !self.in_response {
            return Err(EncodeError::not_carried("an empty text").inside(name.short));
        }
        self.raw(name.open);
        write_text(text, self.out).map_err(|error| error.inside(name.short))?;
        self.raw(name.close);
        Ok(())
    }

    #[inline]
    fn token(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError> {
        check_collapsed(text).map_err(|error| error.inside(name.short))?;
        self.text(name, text)
    }

    fn list(&mut self, name: &'static Name, list: &[String]) -> Result<(), EncodeError> {
        if list.is_empty() {
            return Err(EncodeError::not_carried("an empty list").inside(name.short));
        }
        self.raw(name.open);
        self.items(list).map_err(|error| error.inside(name.short))?;
        self.raw(name.close);
        Ok(())
    }

    fn response_type(&mut self, name: &'static Name, rt: &ResponseTypeInfo) -> Result<(), EncodeError> {
        self.raw(name.open);
        self.raw("<rtv>");
        self.raw(itoa::Buffer::new().format(rt.value.code()));
        self.raw("</rtv>");
        match rt.notification_uris.as_deref() {
            None => {}
            Some([]) => self.raw("<nu/>"),
            Some(list) => {
                self.raw("<nu>");
                self.items(list).map_err(|error| error.inside("nu").inside(name.short))?;
                self.raw("</nu>");
            }
        }
        self.raw(name.close);
        Ok(())
    }

    #[inline]
    fn content(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError> {
        self.raw(name.open);
        let place = XmlPlace { in_response: self.in_response, is_parameter: false };
        if content.encoding() == Encoding::Xml(place) {
            self.out.put_slice(content.bytes());
        } else {
            let written = content.write_with(|item| write_content(item, self.in_response, self.out));
            written.map_err(|error| error.inside(name.short))?;
        }
        self.raw(name.close);
        Ok(())
    }

    fn structure(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError> {
        self.parameter(name.short, content)
    }

    fn unknown(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        self.parameter(name, content)
    }
}

impl Writer<'_> {
    #[inline]
    fn raw(&mut self, text: &str) {
        self.out.put_slice(text.as_bytes());
    }

    fn items(&mut self, list: &[String]) -> Result<(), EncodeError> {
        for (i, item) in list.iter().enumerate() {
            check_item(item)?;
            if i > 0 {
                self.raw(" ");
            }
            write_text(item, self.out)?;
        }
        Ok(())
    }

    /// A parameter that is an element with elements in it, or an unknown member.
    fn parameter(&mut self, name: &str, content: &Content) -> Result<(), EncodeError> {
        let Encoding::Xml(place) = content.encoding() else {
            let (own, in_response) = (primitive(self.in_response), self.in_response);
            return content.write_with(|item| write_parameter(own, name, item, in_response, self.out)).map_err(
                |error| match error {
                    EncodeError::BadContent { .. } => error.inside(name),
                    other => other,
                },
            );
        };
        if place.in_response == self.in_response && is_element(content.bytes(), name) {
            self.out.put_slice(content.bytes());
            return Ok(());
        }
        self.converted(name, content, place)
    }

    /// An element of another kind of primitive, or with another name.
    #[cold]
    fn converted(&mut self, name: &str, content: &Content, place: XmlPlace) -> Result<(), EncodeError> {
        let place = XmlPlace { is_parameter: true, ..place };
        let item = std::str::from_utf8(content.bytes()).ok().map(|text| read(text, place, MAX_DEPTH));
        match item {
            Some(Ok(item)) => write_parameter(primitive(self.in_response), name, &item, self.in_response, self.out),
            Some(Err(error)) => Err(EncodeError::BadContent { place: name.to_owned(), error }),
            None => Err(EncodeError::not_carried("bytes that are not UTF-8").inside(name)),
        }
    }
}

/// Whether this is an element of that name.
fn is_element(xml: &[u8], name: &str) -> bool {
    let rest = xml.strip_prefix(b"<").and_then(|xml| xml.strip_prefix(name.as_bytes()));
    rest.and_then(<[u8]>::first).is_some_and(|next| is_space(*next) || matches!(next, b'>' | b'/'))
}
