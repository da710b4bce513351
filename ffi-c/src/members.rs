//! A primitive as JSON text, and by its members: how C reaches every parameter, also those that have no function.

use std::fmt;
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use onem2m::codec::{self, DecodeOptions, Primitive};
use onem2m::primitive::{Format, Request, Response};
use onem2m::{Error, ErrorKind, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Stands for the request identifier of a primitive that has none yet: the session makes one.
const NO_ID: &str = "-";

fn encode_error(error: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Encode, error.to_string())
}

fn decode_error(error: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Decode, error.to_string())
}

/// The members of a JSON object, in order, their values as they came.
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl Members {
    fn read(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(decode_error)
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| &**value)
    }

    /// Sets a member, or removes it if there is no value.
    pub(crate) fn set(&mut self, name: &str, value: Option<Box<RawValue>>) {
        let place = self.0.iter().position(|(member, _)| member == name);
        match (place, value) {
            (Some(place), Some(value)) => self.0[place].1 = value,
            (Some(place), None) => drop(self.0.remove(place)),
            (None, Some(value)) => self.0.push((name.to_owned(), value)),
            (None, None) => {}
        }
    }

    fn write(&self) -> Result<String> {
        let mut text = String::from("{");
        for (name, value) in &self.0 {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(name).map_err(encode_error)?);
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        Ok(text)
    }
}

/// A JSON value for a member: `null` removes it.
pub(crate) fn value(json: &str) -> Result<Option<Box<RawValue>>> {
    let raw: Box<RawValue> = serde_json::from_str(json)
        .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("argument `json` is not JSON: {error}")))?;
    Ok(Some(raw).filter(|raw| raw.get() != "null"))
}

/// A primitive as JSON, made when somebody looks.
#[derive(Default)]
pub(crate) struct Json(OnceLock<(String, Members)>);

impl Json {
    fn get(&self, make: impl FnOnce() -> Result<Members>) -> Result<&(String, Members)> {
        if let Some(made) = self.0.get() {
            return Ok(made);
        }
        let members = make()?;
        let made = (members.write()?, members);
        Ok(self.0.get_or_init(|| made))
    }

    /// The whole text.
    pub(crate) fn text(&self, make: impl FnOnce() -> Result<Members>) -> Result<&str> {
        Ok(&self.get(make)?.0)
    }

    /// One parameter.
    pub(crate) fn parameter(&self, name: &str, make: impl FnOnce() -> Result<Members>) -> Result<Option<&str>> {
        Ok(self.get(make)?.1.get(name).map(RawValue::get))
    }
}

fn members_of(encoded: &BytesMut, has_id: bool) -> Result<Members> {
    let text = std::str::from_utf8(encoded).map_err(encode_error)?;
    let mut members = Members::read(text)?;
    if !has_id {
        members.set("rqi", None);
    }
    Ok(members)
}

/// The members of a request; without `rqi` if it has none yet.
pub(crate) fn of_request(request: &Request) -> Result<Members> {
    let mut out = BytesMut::new();
    let has_id = !request.request_id.is_empty();
    if has_id {
        codec::encode_request(Format::Json, request, &mut out)
    } else {
        codec::encode_request(Format::Json, &request.clone().request_id(NO_ID), &mut out)
    }
    .map_err(encode_error)?;
    members_of(&out, has_id)
}

/// The members of a response.
pub(crate) fn of_response(response: &Response) -> Result<Members> {
    let mut out = BytesMut::new();
    codec::encode_response(Format::Json, response, &mut out).map_err(encode_error)?;
    members_of(&out, !response.request_id.is_empty())
}

fn decode(text: String) -> Result<Primitive> {
    codec::decode(Format::Json, Bytes::from(text), &DecodeOptions::default())
        .map(|decoded| decoded.primitive)
        .map_err(decode_error)
}

/// A primitive from its JSON text; `rqi` may be missing.
fn read(json: &str) -> Result<(Primitive, bool)> {
    let members = Members::read(json)?;
    // A wrapped primitive (`{"m2m:rqp": {...}}`) has its identifier inside.
    let bare = members.get("op").or_else(|| members.get("rsc")).is_some();
    if bare && members.get("rqi").is_none() {
        return read_without_id(members).map(|primitive| (primitive, false));
    }
    decode(json.to_owned()).map(|primitive| (primitive, true))
}

fn read_without_id(mut members: Members) -> Result<Primitive> {
    members.set("rqi", Some(RawValue::from_string(format!("\"{NO_ID}\"")).map_err(decode_error)?));
    decode(members.write()?)
}

/// A request from its JSON text; `rqi` may be missing.
pub(crate) fn read_request(json: &str) -> Result<Request> {
    match read(json)? {
        (Primitive::Request(mut request), has_id) => {
            if !has_id {
                request.request_id.clear();
            }
            Ok(*request)
        }
        (Primitive::Response(_), _) => Err(decode_error("this is a response (it has rsc), not a request")),
    }
}

/// A response from its JSON text; `rqi` may be missing.
pub(crate) fn read_response(json: &str) -> Result<Response> {
    match read(json)? {
        (Primitive::Response(mut response), has_id) => {
            if !has_id {
                response.request_id.clear();
            }
            Ok(response)
        }
        (Primitive::Request(_), _) => Err(decode_error("this is a request (it has op), not a response")),
    }
}

/// A request from changed members.
pub(crate) fn request_of(members: &Members) -> Result<Request> {
    read_request(&members.write()?)
}

/// A response from changed members.
pub(crate) fn response_of(members: &Members) -> Result<Response> {
    read_response(&members.write()?)
}
