//! Settings under construction: by setters and by JSON text, checked as they come.

use std::marker::PhantomData;

use onem2m::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Values by name, which always make up an `S`.
pub(crate) struct Settings<S> {
    values: Map<String, Value>,
    of: PhantomData<fn() -> S>,
}

impl<S: DeserializeOwned> Settings<S> {
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Self { values, of: PhantomData }
    }

    /// Sets one value; what is not a value of `S` is refused and changes nothing.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.merge(Map::from_iter([(name.to_owned(), value.into())]))
    }

    /// Sets one entry of a value that is itself an object.
    pub(crate) fn set_entry(&mut self, name: &str, key: &str, value: &str) -> Result<()> {
        let mut entries = self.values.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        entries.insert(key.to_owned(), value.into());
        self.set(name, entries)
    }

    /// Sets all values of a JSON object.
    pub(crate) fn load(&mut self, json: &str) -> Result<()> {
        let values = serde_json::from_str(json)
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("settings are a JSON object: {error}")))?;
        self.merge(values)
    }

    fn merge(&mut self, new: Map<String, Value>) -> Result<()> {
        let mut values = self.values.clone();
        for (name, value) in new {
            // `null` is the default.
            if value.is_null() {
                values.remove(&name);
            } else {
                values.insert(name, value);
            }
        }
        let before = std::mem::replace(&mut self.values, values);
        self.get().map(|_| ()).inspect_err(|_| self.values = before)
    }

    pub(crate) fn get(&self) -> Result<S> {
        serde_json::from_value(Value::Object(self.values.clone()))
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("setting: {error}")))
    }
}
