//! Settings under construction: by setters and by JSON text, checked as they come. Texts do not stay in memory, since there
//! are passwords among them.

use std::marker::PhantomData;

use onem2m::websocket::Compression;
use onem2m::{Error, ErrorKind, Result};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

/// Values by name, which always make up an `S`.
pub(crate) struct Settings<S> {
    values: Values,
    of: PhantomData<fn() -> S>,
}

/// Their texts do not stay in memory.
#[derive(Clone)]
pub(crate) struct Values(pub(crate) Map<String, Value>);

impl Drop for Values {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

/// Leaves none of its texts in memory.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(values) => values.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text that no error shows.
pub(crate) struct Secret(Zeroizing<String>);

impl AsRef<str> for Secret {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(Zeroizing::new(text))),
            _ => Err(D::Error::custom("what is not shown here is no text")),
        }
    }
}

/// Compression: whether, with the library's defaults, or how.
pub(crate) struct CompressionSetting(pub(crate) Option<Compression>);

impl<'de> Deserialize<'de> for CompressionSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Details {
            send_takeover: Option<bool>,
            receive_takeover: Option<bool>,
            send_window_bits: Option<u8>,
            receive_window_bits: Option<u8>,
            level: Option<u32>,
            min_size: Option<usize>,
        }
        let value = Value::deserialize(deserializer)?;
        if let Value::Bool(yes) = value {
            return Ok(Self(yes.then(Compression::default)));
        }
        let details = Details::deserialize(value)
            .map_err(|error| D::Error::custom(format!("compression is true, false or an object: {error}")))?;
        let default = Compression::default();
        let compression = Compression {
            send_takeover: details.send_takeover.unwrap_or(default.send_takeover),
            receive_takeover: details.receive_takeover.unwrap_or(default.receive_takeover),
            send_window_bits: details.send_window_bits.unwrap_or(default.send_window_bits),
            receive_window_bits: details.receive_window_bits.unwrap_or(default.receive_window_bits),
            level: details.level.unwrap_or(default.level),
            min_size: details.min_size.unwrap_or(default.min_size),
        };
        compression.check().map_err(D::Error::custom)?;
        Ok(Self(Some(compression)))
    }
}

/// A text, or a list of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or a list of texts, was expected")]
pub(crate) enum Texts {
    One(String),
    Several(Vec<String>),
}

impl Texts {
    pub(crate) fn into_list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        }
    }
}

/// The name in JSON of a number of an enumeration, which is the argument `argument`.
pub(crate) fn choice(number: i32, argument: &str, names: &[(i32, &'static str)]) -> Result<&'static str> {
    names.iter().find(|(of, _)| *of == number).map(|(_, name)| *name).ok_or_else(|| {
        let there: Vec<String> = names.iter().map(|(of, name)| format!("{of} ({name})")).collect();
        let text = format!("argument `{argument}` is {number}; there are {}", there.join(", "));
        Error::new(ErrorKind::InvalidArgument, text)
    })
}

impl<S: DeserializeOwned> Settings<S> {
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Self { values: Values(values), of: PhantomData }
    }

    /// Sets one value; what is not a value of `S` is refused and changes nothing.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.merge(Map::from_iter([(name.to_owned(), value.into())]))
    }

    /// Sets values that belong together.
    pub(crate) fn set_all<const N: usize>(&mut self, values: [(&str, Value); N]) -> Result<()> {
        self.merge(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Sets one entry of a value that is itself an object; `null` removes it.
    pub(crate) fn set_entry(&mut self, name: &str, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut entries = self.values.0.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let value = value.into();
        let before = if value.is_null() { entries.remove(key) } else { entries.insert(key.to_owned(), value) };
        before.into_iter().for_each(|mut before| wipe(&mut before));
        self.set(name, entries)
    }

    /// Adds one to the values of a list.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        let mut list = match self.values.0.get(name).cloned() {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
        };
        list.push(value.into());
        self.set(name, list)
    }

    /// Sets all values of a JSON object.
    pub(crate) fn load(&mut self, json: &str) -> Result<()> {
        let bad = |text| Error::new(ErrorKind::InvalidArgument, text);
        match serde_json::from_str(json).map_err(|error| bad(format!("settings are a JSON object: {error}")))? {
            Value::Object(values) => self.merge(values),
            mut other => {
                wipe(&mut other);
                Err(bad("settings are a JSON object, and this is another value".to_owned()))
            }
        }
    }

    fn merge(&mut self, new: Map<String, Value>) -> Result<()> {
        let mut values = self.values.clone();
        for (name, value) in new {
            // `null` is the default.
            let before = if value.is_null() { values.0.remove(&name) } else { values.0.insert(name, value) };
            before.into_iter().for_each(|mut before| wipe(&mut before));
        }
        let before = std::mem::replace(&mut self.values, values);
        self.get().map(|_| ()).inspect_err(|_| self.values = before)
    }

    /// What was set. It may have passwords in it.
    pub(crate) fn values(&self) -> Map<String, Value> {
        self.values.0.clone()
    }

    pub(crate) fn get(&self) -> Result<S> {
        S::deserialize(&self.values.0)
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("setting: {error}")))
    }
}
