//! The small file in which a client keeps who it is, so that a restarted program goes on without registering again.
//!
//! Covers: row WS-5.2-9. What is in it is [`Saved`]; here it is only read and written, as a whole: a crash leaves the old or the
//! new one. It holds no secrets.

use std::fs::{self, File};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binding::Saved;
use crate::{Error, ErrorKind, Result};

/// What the file says about itself.
const ABOUT: &str = "onem2m-ws: the registration of an entity, kept by its client";

#[derive(Clone, Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// The registrar's point of access, which the registration is at.
    registrar: String,
}

impl StateFile {
    /// Opens the file for a client of this registrar; what an earlier run left in it comes with it.
    pub(super) fn open(path: &Path, registrar: String) -> Result<(Self, Option<Saved>)> {
        let file = Self { path: path.to_owned(), registrar };
        let saved = file.read()?;
        if saved.is_none() {
            // Whether it can be written is to be known before it is needed.
            file.replace("").map_err(|error| file.error(&format!("cannot be written: {error}")))?;
        }
        Ok((file, saved))
    }

    fn read(&self) -> Result<Option<Saved>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) if text.is_empty() => return Ok(None),
            Ok(text) => text,
            Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.error(&format!("cannot be read: {error}"))),
        };
        let hint = "delete it, and the entity registers anew";
        let value: Value =
            serde_json::from_str(&text).map_err(|error| self.error(&format!("is damaged: {error}; {hint}")))?;
        let part = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        if part("about") != ABOUT {
            return Err(self.error("is another file: name one that does not exist yet"));
        }
        if part("registrar") != self.registrar {
            return Err(self.error(&format!(
                "is for the registrar {:?}, not {:?}: name another file, or delete it",
                part("registrar"),
                self.registrar
            )));
        }
        let state = value.get("state").map(Value::to_string).unwrap_or_default();
        Saved::from_json(&state).map(Some).map_err(|error| self.error(&format!("{}; {hint}", error.message())))
    }

    /// Writes what is to be known in the next run; nothing if the registration has ended.
    pub(super) fn write(&self, saved: Option<&Saved>) -> Result<()> {
        let text = match saved {
            Some(saved) => {
                let state: Value = serde_json::from_str(&saved.to_json()).unwrap_or_default();
                let all = serde_json::json!({ "about": ABOUT, "registrar": self.registrar, "state": state });
                serde_json::to_string_pretty(&all).unwrap_or_default()
            }
            None => String::new(),
        };
        self.replace(&text).map_err(|error| self.error(&format!("could not be written: {error}")))
    }

    /// The new text is there as a whole, or the old one is.
    fn replace(&self, text: &str) -> std::io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn error(&self, text: &str) -> Error {
        Error::new(ErrorKind::Storage, format!("the state file {:?} {text}", self.path))
    }
}
