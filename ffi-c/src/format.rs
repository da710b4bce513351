//! Formats of primitives (TS-0004 clause 8): their numbers, conversion, and what XML has to be told.

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

use bytes::Bytes;
use onem2m::codec::{self, AttributeType, DecodeOptions};
use onem2m::primitive::{Content, Format};
use onem2m::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::guard::{guard, guard_value};
use crate::handle::{Handle, array, borrow, make, take};
use crate::text::{onem2m_ws_text, text};

/// How primitives are written on a connection. Programs read and write JSON whatever it is; see
/// onem2m_ws_client_config_set_formats().
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_format {
    /// JSON (TS-0004 8.4): what every registrar speaks.
    ONEM2M_WS_FORMAT_JSON = 1,
    /// XML (TS-0004 8.3).
    ONEM2M_WS_FORMAT_XML = 2,
    /// CBOR (TS-0004 8.5), which is binary.
    ONEM2M_WS_FORMAT_CBOR = 3,
}

/// The number of a format in the header.
pub(crate) const fn number_of(format: Format) -> i32 {
    let number = match format {
        Format::Json => onem2m_ws_format::ONEM2M_WS_FORMAT_JSON,
        Format::Xml => onem2m_ws_format::ONEM2M_WS_FORMAT_XML,
        Format::Cbor => onem2m_ws_format::ONEM2M_WS_FORMAT_CBOR,
    };
    number as i32
}

/// A format argument.
pub(crate) fn format(number: i32, name: &str) -> Result<Format> {
    Format::ALL.into_iter().find(|format| number_of(*format) == number).ok_or_else(|| {
        let text = format!("argument `{name}` has the format {number}; there are 1 (JSON), 2 (XML) and 3 (CBOR)");
        Error::new(ErrorKind::InvalidArgument, text)
    })
}

/// A list of formats as a setting; none of them is the default.
pub(crate) fn formats(formats: *const i32, count: usize) -> Result<Value> {
    let numbers = array(formats, count, "formats")?;
    let names: Result<Vec<Value>> =
        numbers.iter().map(|number| Ok(format(*number, "formats")?.name().into())).collect();
    Ok(Some(names?).filter(|names| !names.is_empty()).map_or(Value::Null, Value::Array))
}

/// Formats by their names.
pub(crate) struct FormatsSetting(pub(crate) Vec<Format>);

impl<'de> Deserialize<'de> for FormatsSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        use serde::de::Error as _;
        let names = Vec::<String>::deserialize(deserializer)?;
        let formats: Result<Vec<Format>> = names.iter().map(|name| name.parse()).collect();
        formats.map(Self).map_err(D::Error::custom)
    }
}

/// The content of a primitive in the formats that it did not come in, each made when somebody looks.
#[derive(Default)]
pub(crate) struct Converted([OnceLock<Bytes>; Format::ALL.len()]);

impl Converted {
    /// The content as `to`: as it is, if that is its format.
    pub(crate) fn get<'a>(
        &'a self,
        content: Option<&'a Content>,
        to: Format,
        convert: impl FnOnce(Format) -> std::result::Result<Option<Bytes>, codec::ContentError>,
    ) -> Result<Option<&'a [u8]>> {
        let Some(content) = content else { return Ok(None) };
        if content.format() == to {
            return Ok(Some(content.bytes()));
        }
        let place = &self.0[match to {
            Format::Json => 0,
            Format::Xml => 1,
            Format::Cbor => 2,
        }];
        if place.get().is_none()
            && let Some(bytes) = convert(to)?
        {
            // Another thread may have been faster, with the same bytes.
            let _ = place.set(bytes);
        }
        Ok(place.get().map(|bytes| &bytes[..]))
    }
}

/// Bytes that the library has made.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_buffer(Bytes);

impl Handle for onem2m_ws_buffer {}

impl onem2m_ws_buffer {
    pub(crate) fn of(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

/// Reads one whole primitive, `length` bytes of the format `from`, and writes it in the format `to` (both of
/// onem2m_ws_format), or in the correct form of the same one. `*out` is to be freed with onem2m_ws_buffer_free(). Needs no
/// client; may be called on any thread.
///
/// Errors: ONEM2M_WS_DECODE if the bytes are not a primitive; ONEM2M_WS_ENCODE if it has something that the other format
/// cannot carry, since nothing is changed to fit. The text names the place and the reason.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_primitive_convert(
    data: *const c_void,
    length: usize,
    from: i32,
    to: i32,
    out: *mut *mut onem2m_ws_buffer,
) -> i32 {
    guard(|| {
        make(out, "out", || {
            let input = Bytes::copy_from_slice(array(data.cast::<u8>(), length, "data")?);
            let (from, to) = (format(from, "from")?, format(to, "to")?);
            Ok(onem2m_ws_buffer(codec::convert(from, input, to, &DecodeOptions::default())?))
        })
    })
}

/// What the buffer holds: text for JSON and XML, any bytes for CBOR. Valid until the buffer is freed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_buffer_view(buffer: *const onem2m_ws_buffer) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || Ok(onem2m_ws_text::of_bytes(&borrow(buffer, "buffer")?.0)))
}

/// Frees a buffer; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_buffer_free(buffer: *mut onem2m_ws_buffer) {
    guard_value((), || {
        drop(take(buffer));
        Ok(())
    });
}

/// Makes `prefix` ("acme") stand for the namespace `uri` in XML, in this whole process: JSON and CBOR know prefixes only.
/// Those of oneM2M and its domains are known already. Cannot be undone; the same again does nothing. May be called at any
/// time, on any thread; best before the first client.
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if one of them is malformed or belongs to another already, or if there are too many.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_register_namespace(prefix: *const c_char, uri: *const c_char) -> i32 {
    guard(|| Ok(codec::register_namespace(text(prefix, "prefix")?, text(uri, "uri")?)?))
}

/// Describes a flexContainer of your own, in this whole process: XML cannot tell a number from a text otherwise. `root` is
/// the name of its member ("acme:thermo"), whose prefix must be known; `names` are its custom attributes in the order in
/// which they stand in XML, `types` their types, and `count` how many there are. A type is "string", "integer", "number",
/// "boolean", "timestamp", "uri", "string_list", "integer_list", "number_list", "boolean_list" or "any". The attributes that
/// every flexContainer has are known. Cannot be undone; the same again does nothing. May be called at any time, on any
/// thread; best before the first client.
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if a name or type is malformed, the prefix unknown, the root or an attribute part of
/// the standard, the root described differently already, or if there are too many.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_register_flex_container(
    root: *const c_char,
    names: *const *const c_char,
    types: *const *const c_char,
    count: usize,
) -> i32 {
    guard(|| {
        let (names, types) = (array(names, count, "names")?, array(types, count, "types")?);
        let attribute =
            |(name, of)| -> Result<(&str, AttributeType)> { Ok((text(name, "names")?, text(of, "types")?.parse()?)) };
        let attributes: Result<Vec<_>> = names.iter().copied().zip(types.iter().copied()).map(attribute).collect();
        Ok(codec::register_flex_container(text(root, "root")?, &attributes?)?)
    })
}
