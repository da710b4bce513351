//! A request as bytes, and back: equal in every part.
//!
//! Covers: what a record of the durable store is made of. The parameters are the primitive in JSON, as the codec writes it.
//! Content stands beside it in the bytes that it has, whatever their format: it is not converted, and what its originator
//! wrote wrongly is not refused here but by the one who reads it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::record::{Damage, put_bytes, take_bytes, take_text};
use crate::codec::{self, DecodeOptions, Primitive};
use crate::primitive::{Content, Encoding, Format, Request, XmlPlace};
use crate::{Error, ErrorKind};

/// What follows the parameters: one byte that says what it is.
mod part {
    pub(super) const CONTENT: u8 = 1;
    pub(super) const FILTER: u8 = 2;
    /// There are [`Additional`](crate::primitive::Additional) parameters, if only unknown ones.
    pub(super) const ADDITIONAL: u8 = 3;
    pub(super) const UNKNOWN: u8 = 4;
}

/// Appends a request, which has its `rqi`.
///
/// # Errors
/// `InvalidArgument`.
pub(super) fn put(mut request: Request, out: &mut BytesMut) -> Result<(), Error> {
    let (content, filter) = (request.content.take(), request.filter_criteria.take());
    let unknown = request.additional.as_mut().map(|additional| std::mem::take(&mut additional.unknown));
    let at = out.len();
    out.put_u32_le(0);
    codec::encode_request(Format::Json, &request, out).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, format!("a request to {:?} cannot be stored: {error}", request.to))
    })?;
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    for (what, content) in [(part::CONTENT, content), (part::FILTER, filter)] {
        if let Some(content) = content {
            out.put_u8(what);
            put_content(&content, out);
        }
    }
    if let Some(unknown) = unknown {
        out.put_u8(part::ADDITIONAL);
        for (name, content) in unknown {
            out.put_u8(part::UNKNOWN);
            put_bytes(name.as_bytes(), out);
            put_content(&content, out);
        }
    }
    Ok(())
}

/// Reads what [`put`] wrote.
pub(super) fn take(mut from: Bytes) -> Result<Request, Damage> {
    let parameters = take_bytes(&mut from)?;
    let decoded = codec::decode(Format::Json, parameters, &DecodeOptions::default());
    let Ok(Primitive::Request(request)) = decoded.map(|decoded| decoded.primitive) else {
        return Err(Damage("its parameters are not a request".to_owned()));
    };
    let mut request = *request;
    while from.has_remaining() {
        match from.get_u8() {
            part::CONTENT => request.content = Some(take_content(&mut from)?),
            part::FILTER => request.filter_criteria = Some(take_content(&mut from)?),
            part::ADDITIONAL => drop(request.additional_mut()),
            part::UNKNOWN => {
                let name = take_text(&mut from)?;
                let content = take_content(&mut from)?;
                request.additional_mut().unknown.push((name, content));
            }
            other => return Err(Damage(format!("a part of its request is of the unknown kind {other}"))),
        }
    }
    Ok(request)
}

fn put_content(content: &Content, out: &mut BytesMut) {
    out.put_u8(match content.encoding() {
        Encoding::Json => 0,
        Encoding::Cbor => 1,
        Encoding::Xml(place) => 2 | u8::from(place.in_response) << 2 | u8::from(place.is_parameter) << 3,
    });
    put_bytes(content.bytes(), out);
}

fn take_content(from: &mut Bytes) -> Result<Content, Damage> {
    let encoding = from.try_get_u8().map_err(|_| Damage::cut())?;
    let bytes = take_bytes(from)?;
    Ok(match encoding {
        0 => Content::from_encoded(Format::Json, bytes),
        1 => Content::from_encoded(Format::Cbor, bytes),
        _ if encoding & !0b1100 == 2 => {
            let place = XmlPlace { in_response: encoding & 0b100 != 0, is_parameter: encoding & 0b1000 != 0 };
            Content::from_xml(bytes, place)
        }
        other => return Err(Damage(format!("content in the unknown encoding {other}"))),
    })
}
