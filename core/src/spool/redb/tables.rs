//! The tables of the file, and what can go wrong with them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::redb::TableDefinition;

use super::record::{Damage, ExpiryKey, RecordKey};
use crate::{Error, ErrorKind};

pub(super) type Bytes = &'static [u8];

/// What the file is: [`FORMAT_KEY`] only.
pub(super) const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("onem2m-ws");
/// Registrees by number.
pub(super) const REGISTREES: TableDefinition<u32, Bytes> = TableDefinition::new("registrees");
/// Records and tombstones.
pub(super) const RECORDS: TableDefinition<&RecordKey, Bytes> = TableDefinition::new("records");
/// Which records expire, by time.
pub(super) const EXPIRY: TableDefinition<&ExpiryKey, ()> = TableDefinition::new("expiry");
/// Where the record is that a later one of its name replaces.
pub(super) const LATEST: TableDefinition<Bytes, Bytes> = TableDefinition::new("latest");
/// What is to be known after a restart.
pub(super) const FACTS: TableDefinition<Bytes, Bytes> = TableDefinition::new("facts");

pub(super) const FORMAT_KEY: &str = "format";
/// The format of the tables. A file of a later one is not touched.
pub(super) const FORMAT: u64 = 1;

/// Why the file could not be read or written.
#[derive(Debug)]
pub(super) enum Cause {
    Database(::redb::Error),
    /// What is in it is not what was written.
    Damaged(String),
}

impl Cause {
    /// Something that is not as it was written.
    pub(super) fn damaged(what: impl std::fmt::Display, damage: &Damage) -> Self {
        Self::Damaged(format!("{what}: {}", damage.0))
    }

    /// The error of the library, for the file at `path`.
    pub(super) fn error(&self, path: &Path) -> Error {
        let path = path.display();
        let damaged = |what: &dyn std::fmt::Display| {
            format!(
                "the store {path} is damaged ({what}): stop, keep a copy of it, and restore one from before; without one, \
                 remove it, and what waited in it is lost"
            )
        };
        let text = match self {
            Self::Damaged(what) => damaged(what),
            Self::Database(::redb::Error::Corrupted(what)) => damaged(what),
            Self::Database(::redb::Error::DatabaseAlreadyOpen) => {
                format!(
                    "the store {path} is open already, here or in another process: stop that one, or name another file"
                )
            }
            Self::Database(::redb::Error::UpgradeRequired(version)) => format!(
                "the store {path} has version {version} of the file format, which this version of the library does not read: \
                 use the one that wrote it, or name another file"
            ),
            Self::Database(::redb::Error::Io(error)) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    format!(
                        "the disk of the store {path} is full ({error}): make room, or bound the store more narrowly"
                    )
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    format!(
                        "the store {path} may not be written ({error}): give this user the right to, or name another file"
                    )
                }
                io::ErrorKind::NotFound => {
                    format!("the store {path} cannot be there ({error}): make its directory, or name another file")
                }
                io::ErrorKind::UnexpectedEof => damaged(&"it was truncated"),
                _ => format!("the store {path} cannot be read or written ({error}): look to the disk that it is on"),
            },
            Self::Database(error) => format!("the store {path} cannot be read or written: {error}"),
        };
        Error::new(ErrorKind::Storage, text)
    }
}

macro_rules! from {
    ($($error:ident)+) => {
        $(impl From<::redb::$error> for Cause {
            fn from(error: ::redb::$error) -> Self {
                Self::Database(error.into())
            }
        })+
    };
}

from! { StorageError TableError TransactionError CommitError DatabaseError SetDurabilityError }

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Database(::redb::Error::Io(error))
    }
}

/// A page that was changed behind its back can make redb panic. That is the file's fault, and no reason to go down.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Cause::Damaged("its pages do not fit together: the library that reads them gave up".to_owned()))
    })
}
