//! What [`crate::tls::onem2m_ws_tls_load_json`] takes. No error shows a value: a private key may stand anywhere by mistake.

use onem2m::tls::{Pem, Tls, TlsLibrary, TlsVersion, Unnamed};
use onem2m::{Error, ErrorKind, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::settings::{Values, wipe};

/// By this PEM is told from the name of a file.
const BEGIN: &str = "-----BEGIN ";

/// Settings of TLS. What belongs together is put together when they are used, since setters and files name one at a time.
#[derive(Default)]
pub(crate) struct TlsSettings {
    certificate: Option<Pem>,
    key: Option<Pem>,
    raw_key: Option<Pem>,
    rest: Tls,
}

/// What a value should have been.
type Expected = &'static str;

impl<'de> Deserialize<'de> for TlsSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Object(values) => Values(values),
            mut other => {
                wipe(&mut other);
                return Err(D::Error::custom("tls: an object was expected, {\"certificate\":\"sensor.pem\",...}"));
            }
        };
        let mut settings = Self::default();
        // `null` is the default.
        for (name, value) in values.0.iter().filter(|(_, value)| !value.is_null()) {
            settings
                .set(name, value)
                .map_err(|expected| D::Error::custom(format!("tls: {name}: {expected} was expected")))?;
        }
        Ok(settings)
    }
}

impl TlsSettings {
    fn set(&mut self, name: &str, value: &Value) -> std::result::Result<(), Expected> {
        match name {
            "certificate" => self.certificate = Some(pem(value)?),
            "key" => self.key = Some(pem(value)?),
            "raw_key" => self.raw_key = Some(pem(value)?),
            name => self.rest = rest(std::mem::take(&mut self.rest), name, value)?,
        }
        Ok(())
    }

    /// The core's settings.
    pub(crate) fn into_tls(self) -> Result<Tls> {
        let bad = |text| Err(Error::new(ErrorKind::InvalidArgument, text));
        Ok(match (self.certificate, self.key, self.raw_key) {
            (None, None, None) => self.rest,
            (Some(chain), Some(key), None) => self.rest.certificate(chain, key),
            (None, None, Some(key)) => self.rest.raw_key(key),
            (Some(_), None, None) => return bad("tls: certificate is set without its key"),
            (None, Some(_), None) => return bad("tls: key is set without its certificate; raw_key is a key alone"),
            (_, _, Some(_)) => return bad("tls: raw_key is set, and certificate or key; there is one credential"),
        })
    }
}

fn rest(tls: Tls, name: &str, value: &Value) -> std::result::Result<Tls, Expected> {
    Ok(match name {
        "trust" => each(value).try_fold(tls, |tls, value| Ok::<_, Expected>(tls.trust(pem(value)?)))?,
        "trust_for" => each(value).try_fold(tls, |tls, value| {
            const EXPECTED: Expected = "a list of {\"authorities\":\"ca.pem\",\"providers\":[\"sp.example\"]}";
            let members = value.as_object().filter(|members| members.len() == 2).ok_or(EXPECTED)?;
            let (authorities, providers) = members.get("authorities").zip(members.get("providers")).ok_or(EXPECTED)?;
            Ok::<_, Expected>(tls.trust_for(pem(authorities)?, texts(providers)?))
        })?,
        "trust_key" => texts(value)?.into_iter().fold(tls, Tls::trust_key),
        "trust_system" => tls.trust_system(flag(value)?),
        "revoked" => each(value).try_fold(tls, |tls, value| Ok::<_, Expected>(tls.revoked(pem(value)?)))?,
        "peer" => {
            let peers = value.as_object().ok_or("an object, {\"DNS:node7.sp.example\":[\"Ssensor\"]},")?;
            peers.iter().try_fold(tls, |tls, (credential, entities)| {
                Ok::<_, Expected>(tls.peer(credential.as_str(), texts(entities)?))
            })?
        }
        "pre_shared_key" => {
            let keys = value.as_object().ok_or("an object, {\"7f3a@mef.sp.example\":\"00112233...\"},")?;
            keys.iter().try_fold(tls, |tls, (id, key)| {
                Ok::<_, Expected>(tls.pre_shared_key(id.as_str(), std::mem::take(&mut *of_digits(text(key)?)?)))
            })?
        }
        "pre_shared_keys" => {
            each(value).try_fold(tls, |tls, value| Ok::<_, Expected>(tls.pre_shared_keys(keys(value)?)))?
        }
        "ts0003_suites" => tls.ts0003_suites(flag(value)?),
        "library" => tls.library(match text(value)? {
            "rustls" => TlsLibrary::Rustls,
            "openssl" => TlsLibrary::OpenSsl,
            _ => return Err("\"rustls\" or \"openssl\""),
        }),
        "uri_scheme" => texts(value)?.into_iter().fold(tls, Tls::uri_scheme),
        "unnamed" => tls.unnamed(match text(value)? {
            "refuse" => Unnamed::Refuse,
            "first_come" => Unnamed::FirstCome,
            _ => return Err("\"refuse\" or \"first_come\""),
        }),
        "server_name" => tls.server_name(text(value)?),
        "anonymous_clients" => tls.anonymous_clients(flag(value)?),
        "least_version" => tls.least_version(version(value)?),
        "most_version" => tls.most_version(version(value)?),
        _ => {
            return Err("one of the settings certificate, key, raw_key, trust, trust_for, trust_key, trust_system, \
                        revoked, peer, pre_shared_key, pre_shared_keys, ts0003_suites, library, uri_scheme, unnamed, \
                        server_name, anonymous_clients, least_version and most_version");
        }
    })
}

fn text(value: &Value) -> std::result::Result<&str, Expected> {
    value.as_str().ok_or("a text")
}

fn flag(value: &Value) -> std::result::Result<bool, Expected> {
    value.as_bool().ok_or("true or false")
}

fn version(value: &Value) -> std::result::Result<TlsVersion, Expected> {
    match text(value)? {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        _ => Err("\"1.2\" or \"1.3\""),
    }
}

/// The values of a list; another value is one alone.
fn each(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn texts(value: &Value) -> std::result::Result<Vec<String>, Expected> {
    each(value).map(|value| value.as_str().map(str::to_owned).ok_or("a text, or a list of texts,")).collect()
}

/// PEM: the name of a file that has it, or itself.
fn pem(value: &Value) -> std::result::Result<Pem, Expected> {
    match value.as_str() {
        None | Some("") => Err("the name of a PEM file, or PEM,"),
        Some(text) if text.contains(BEGIN) => Ok(Pem::bytes(text)),
        Some(name) => Ok(Pem::file(name)),
    }
}

/// Keys that both ends have: the name of a file, or what would be in it, lines of an identifier, a colon and the key.
fn keys(value: &Value) -> std::result::Result<Pem, Expected> {
    let is_key = |line: &str| {
        let (id, key) = line.split_once(':').unwrap_or_default();
        id.contains('@') && key.trim().len() >= 16 && key.trim().bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    match value.as_str() {
        None | Some("") => Err("the name of a file of keys, or its lines,"),
        Some(text) if text.lines().any(is_key) => Ok(Pem::bytes(text)),
        Some(name) => Ok(Pem::file(name)),
    }
}

/// Bytes by their hexadecimal digits.
fn of_digits(text: &str) -> std::result::Result<Zeroizing<Vec<u8>>, Expected> {
    let byte = |pair: &[u8]| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? << 4 | digit(1)?).ok()
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().div_ceil(2)));
    for pair in text.as_bytes().chunks(2) {
        bytes.push(byte(pair).ok_or("a key in hexadecimal digits")?);
    }
    Ok(bytes)
}

/// The hexadecimal digits of bytes.
pub(crate) fn in_digits(bytes: &[u8]) -> String {
    // It never grows, which would leave a copy behind.
    let mut text = String::with_capacity(2 * bytes.len());
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    text
}

/// PEM that is in memory, with or without a zero byte at its end.
pub(crate) fn pem_text<'a>(bytes: &'a [u8], argument: &str) -> Result<&'a str> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    std::str::from_utf8(bytes).ok().filter(|text| text.contains(BEGIN)).ok_or_else(|| {
        let text = format!("argument `{argument}` is no PEM: it has no line that begins with {BEGIN}");
        Error::new(ErrorKind::InvalidArgument, text)
    })
}
