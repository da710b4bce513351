//! Opening: a file is used only when all of it is known to be right.
//!
//! Covers: the promise of WS-6.5-4 across a restart. Every page, every checksum, every count is looked at; a file that is
//! locked, of another program, of a later version, damaged or not writable is refused by name and left as it is. What a
//! crash left half written is undone by redb.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::redb::{Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::batch::{damaged, place_of};
use super::index::Index;
use super::record::{self, Meta, Place, RecordKey, record_key, split_key};
use super::tables::{ABOUT, Cause, EXPIRY, FACTS, FORMAT, FORMAT_KEY, LATEST, RECORDS, REGISTREES, guarded};
use super::{Found, StoreOptions};
use crate::{Error, ErrorKind};

/// How a file of redb begins.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) index: Index,
    pub(super) found: Found,
}

/// Where the bytes are.
pub(super) enum Source {
    File(PathBuf),
    /// Something that fails when a test says so.
    #[cfg(test)]
    Test(super::tests::Faulty),
}

impl Source {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            #[cfg(test)]
            Self::Test(_) => Path::new("test"),
        }
    }
}

/// Opens the file, or makes it.
///
/// # Errors
/// `Storage`, which says what to do.
pub(super) fn open(source: &Source, options: &StoreOptions) -> Result<Opened, Error> {
    let mut builder = Builder::new();
    // Not only after a crash: a bit may have changed in a file that was closed.
    builder.set_cache_size(options.cache).set_check_integrity_on_open(true);
    let database = || -> Result<Database, Cause> {
        match source {
            Source::File(path) => {
                make(path)?;
                Ok(builder.create(path)?)
            }
            #[cfg(test)]
            Source::Test(backend) => Ok(builder.create_with_backend(backend.clone())?),
        }
    };
    guarded(|| read(database()?)).map_err(|cause| refusal(&cause, source.path()))
}

/// Makes the file, which only its owner may read, or sees that it is one of redb's.
fn make(path: &Path) -> Result<(), Cause> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            file.sync_all()?;
            // Without it the file's name may be gone after a power failure, and all that was written with it.
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            #[cfg(unix)]
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
            #[cfg(not(unix))]
            let _ = directory;
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // As it will be opened: what cannot be written is refused here.
            let mut begin = Vec::new();
            OpenOptions::new().read(true).write(true).open(path)?.take(MAGIC.len() as u64).read_to_end(&mut begin)?;
            if begin.is_empty() || begin == MAGIC { Ok(()) } else { Err(Cause::Damaged(NOT_REDB.to_owned())) }
        }
        Err(error) => Err(error.into()),
    }
}

const NOT_REDB: &str = "it does not begin as a store does, and may be a file of another program";

fn refusal(cause: &Cause, path: &Path) -> Error {
    match cause {
        Cause::Database(::redb::Error::TableTypeMismatch { .. } | ::redb::Error::TableDoesNotExist(_)) => Error::new(
            ErrorKind::Storage,
            format!("{} is a database of another program: name another file for the store", path.display()),
        ),
        cause => cause.error(path),
    }
}

fn read(database: Database) -> Result<Opened, Cause> {
    let transaction = database.begin_read()?;
    let is_new = transaction.list_tables()?.next().is_none();
    if is_new {
        drop(transaction);
        let transaction = database.begin_write()?;
        transaction.open_table(ABOUT)?.insert(FORMAT_KEY, FORMAT)?;
        transaction.open_table(REGISTREES)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(EXPIRY)?;
        transaction.open_table(LATEST)?;
        transaction.open_table(FACTS)?;
        transaction.commit()?;
        let index = Index { next_id: Some(1), ..Index::default() };
        return Ok(Opened { database, index, found: Found::default() });
    }
    let format = transaction.open_table(ABOUT)?.get(FORMAT_KEY)?.map(|format| format.value());
    match format {
        Some(FORMAT) => {}
        Some(later) if later > FORMAT => {
            return Err(Cause::Database(::redb::Error::UpgradeRequired(later.min(255) as u8)));
        }
        _ => return Err(Cause::Damaged("it does not say which format it has".to_owned())),
    }
    let (index, found) = verify(&transaction)?;
    drop(transaction);
    Ok(Opened { database, index, found })
}

/// Reads all of it.
fn verify(transaction: &ReadTransaction) -> Result<(Index, Found), Cause> {
    let mut index = Index::default();
    let mut found = Found::default();
    let mut last = 0;
    let mut metas = Vec::new();
    for row in transaction.open_table(REGISTREES)?.iter()? {
        let (id, value) = row?;
        let id = id.value();
        let read = Meta::read(id, value.value());
        let (name, meta) = read.map_err(|damage| Cause::damaged(format_args!("registree {id}"), &damage))?;
        last = last.max(id);
        index.bytes += meta.bytes;
        found.records += meta.count;
        metas.push((name, meta));
    }
    let mut walk = Walk::new(transaction)?;
    for (name, meta) in metas {
        walk.registree(&name, &meta)?;
        if index.registrees.insert(name.as_str().into(), meta).is_some() {
            return Err(Cause::Damaged(format!("{name:?} is there twice")));
        }
    }
    walk.end()?;
    for row in transaction.open_table(FACTS)?.iter()? {
        let (key, value) = row?;
        record::read_fact(key.value(), value.value()).map_err(|damage| Cause::damaged("a fact", &damage))?;
        found.facts += 1;
    }
    index.next_id = last.checked_add(1);
    found.registrees = index.registrees.len() as u64;
    found.bytes = index.bytes;
    Ok((index, found))
}

/// Compares the records with what the other tables say of them.
struct Walk {
    records: ::redb::ReadOnlyTable<&'static record::RecordKey, super::tables::Bytes>,
    expiry: ::redb::ReadOnlyTable<&'static record::ExpiryKey, ()>,
    latest: ::redb::ReadOnlyTable<super::tables::Bytes, super::tables::Bytes>,
    rows: u64,
    expiring: u64,
    named: u64,
}

impl Walk {
    fn new(transaction: &ReadTransaction) -> Result<Self, Cause> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            expiry: transaction.open_table(EXPIRY)?,
            latest: transaction.open_table(LATEST)?,
            rows: 0,
            expiring: 0,
            named: 0,
        })
    }

    /// Every place from the first to the next one holds a record or is in a tombstone, and they are as many as is said.
    fn registree(&mut self, name: &str, meta: &Meta) -> Result<(), Cause> {
        let gap = |at: u64| Cause::Damaged(format!("record {at} of {name:?} is missing"));
        let mut seen = Meta { next: meta.first, count: 0, bytes: 0, holes: 0, ..*meta };
        let (from, to) = (record_key(meta.id, 0), record_key(meta.id, u64::MAX));
        for row in self.records.range::<&RecordKey>(&from..=&to)? {
            let (key, value) = row?;
            let (key, value) = (key.value(), value.value());
            let at = split_key(key).1;
            if at != seen.next {
                return Err(gap(seen.next));
            }
            match place_of(key, value)? {
                Place::Tombstone(end) => {
                    seen.next = end;
                    seen.holes += 1;
                }
                Place::Record(head) => {
                    seen.next = at + 1;
                    seen.count += 1;
                    seen.bytes += value.len() as u64;
                    if let Some(expires) = head.expires {
                        self.expiring += 1;
                        self.expiry.get(&record::expiry_key(expires, key))?.ok_or_else(|| unlisted(name, at))?;
                    }
                    if let Some(latest) = head.latest_of {
                        self.named += 1;
                        let row = record::latest_key(meta.id, &latest);
                        let value = self.latest.get(&row[..])?.ok_or_else(|| unlisted(name, at))?;
                        let place = record::read_latest(&row, value.value()).map_err(|damage| damaged(key, &damage))?;
                        if place != at {
                            return Err(unlisted(name, at));
                        }
                    }
                }
            }
            self.rows += 1;
        }
        if seen == *meta {
            Ok(())
        } else if seen.next < meta.next {
            Err(gap(seen.next))
        } else {
            Err(Cause::Damaged(format!("{name:?} has other records than is noted: {seen:?} instead of {meta:?}")))
        }
    }

    /// Nothing stands in a table that no registree accounts for.
    fn end(&self) -> Result<(), Cause> {
        let (records, expiry, latest) = (self.records.len()?, self.expiry.len()?, self.latest.len()?);
        if (records, expiry, latest) == (self.rows, self.expiring, self.named) {
            return Ok(());
        }
        Err(Cause::Damaged(format!(
            "{records} places, {expiry} times of expiry and {latest} names are there instead of {}, {} and {}",
            self.rows, self.expiring, self.named
        )))
    }
}

fn unlisted(name: &str, at: u64) -> Cause {
    Cause::Damaged(format!("record {at} of {name:?} is not in the table of what expires, or of what is the latest"))
}
