//! CBOR serialization of primitives.
//!
//! Covers: TS-0004 8.5, RFC 8949; TS-0020 6.2.2.9.

use bytes::{Bytes, BytesMut};

use super::item::Item;
use super::{DecodeError, DecodeOptions, Decoded, EncodeError};
use crate::primitive::{Format, Request, Response};

pub(super) fn decode(_input: &Bytes, _options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Err(DecodeError::unsupported(Format::Cbor))
}
pub(super) fn encode_request(_request: &Request, _out: &mut BytesMut) -> Result<(), EncodeError> {
    Err(EncodeError::not_carried("soon"))
}
pub(super) fn encode_response(
    _response: &Response,
    _rqi: &str,
    _rvi: Option<&str>,
    _out: &mut BytesMut,
) -> Result<(), EncodeError> {
    Err(EncodeError::not_carried("soon"))
}
pub(super) fn read(_bytes: &[u8], _max_depth: u32) -> Result<Item<'_>, DecodeError> {
    Err(DecodeError::unsupported(Format::Cbor))
}
pub(super) fn write(_item: &Item<'_>, _out: &mut BytesMut) -> Result<(), EncodeError> {
    Err(EncodeError::not_carried("soon"))
}
