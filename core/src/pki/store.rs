//! The files of an authority: each there as a whole or not at all, none overwritten unasked, keys for their owner alone.
//!
//! Covers: nothing of TS-0020.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use super::bad;
use crate::{Error, ErrorKind, Result};

/// More than any file of an authority has, but for a long list of revoked certificates.
const MAX_FILE: u64 = 16 << 20;

/// A file that is to be made.
pub(super) struct Target(PathBuf);

impl Target {
    /// `folder/name.extension`; the name is a plain one.
    pub(super) fn new(folder: &Path, name: &str, extension: &str) -> Result<Self> {
        let plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | ':');
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(bad(format!("{name:?} is no name of a file: it has no / \\ : and does not begin with a dot")));
        }
        Ok(Self(folder.join(format!("{name}.{extension}"))))
    }

    fn must_be_new(&self) -> Result<()> {
        match fs::symlink_metadata(&self.0) {
            Err(error) if error.kind() == IoErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&self.0, "cannot be looked for", &error)),
            Ok(_) => Err(exists(&self.0)),
        }
    }

    fn create(&self, text: &str, mode: u32) -> Result<()> {
        let beside = Beside::write(&self.0, text, mode)?;
        // Unlike a rename, a link never replaces what is there.
        match fs::hard_link(&beside.0, &self.0) {
            Err(error) if error.kind() == IoErrorKind::AlreadyExists => Err(exists(&self.0)),
            Err(error) => Err(failed(&self.0, "could not be made", &error)),
            Ok(()) => {
                drop(beside);
                sync_folder(&self.0)
            }
        }
    }
}

/// Makes a private file (mode 0600) and a public one, or neither.
pub(super) fn create_both(private: &Target, secret: &str, public: &Target, text: &str) -> Result<()> {
    let folder = folder_of(&private.0);
    fs::create_dir_all(folder).map_err(|error| failed(folder, "could not be made", &error))?;
    public.must_be_new()?;
    private.create(secret, 0o600)?;
    public.create(text, 0o644).inspect_err(|_| _ = fs::remove_file(&private.0))
}

/// Puts a public file in the place of the one that is there, if any.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = Beside::write(path, text, 0o644)?;
    fs::rename(&beside.0, path).map_err(|error| failed(path, "could not be replaced", &error))?;
    sync_folder(path)
}

/// Adds a line. Two processes that do so at once both succeed.
pub(super) fn append(path: &Path, line: &str) -> Result<()> {
    let mut file =
        options(0o644).append(true).create(true).open(path).map_err(|e| failed(path, "cannot be opened", &e))?;
    let written = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| failed(path, "could not be written", &error))?;
    sync_folder(path)
}

/// A file as text, wiped when it is dropped; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "cannot be opened", &error)),
    };
    let length = file.metadata().map_err(|error| failed(path, "cannot be read", &error))?.len();
    if length > MAX_FILE {
        return Err(Error::new(ErrorKind::Storage, format!("{path:?} has {length} bytes: it is another file")));
    }
    // With room for all of it, so that it does not move and leave a copy.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    let read = file.take(MAX_FILE).read_to_string(&mut text);
    read.map_err(|error| failed(path, "cannot be read", &error))?;
    Ok(Some(text))
}

/// A file with another name, beside the one that it is to become; removed when it is dropped.
struct Beside(PathBuf);

impl Beside {
    fn write(path: &Path, text: &str, mode: u32) -> Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("no random bytes: {error}")))?;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", HEXLOWER.encode(&random)));
        let beside = PathBuf::from(name);
        // The mode holds from the first moment on.
        let mut file = options(mode)
            .write(true)
            .create_new(true)
            .open(&beside)
            .map_err(|error| failed(path, "could not be made", &error))?;
        let beside = Self(beside);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map(|()| beside).map_err(|error| failed(path, "could not be written", &error))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
fn options(mode: u32) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(mode);
    options
}

#[cfg(not(unix))]
fn options(_: u32) -> OpenOptions {
    OpenOptions::new()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new name is safe on the disk when its folder is.
fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    match cfg!(unix) {
        true => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed(folder, "could not be written", &error)),
        false => Ok(()),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::Storage, format!("{path:?} is there already and is not overwritten: take another name"))
}

fn failed(path: &Path, what: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, format!("{path:?} {what}: {error}"))
}
