//! The authority for development and tests, for the command `onem2m-ws pki`. Every call opens the folder anew.

use std::path::PathBuf;

use onem2m_ws::pki::{self, Authority, Serial, Subject, Validity};
use pyo3::prelude::*;

use crate::errors::OrRaise;
use crate::settings::{bad, count};

fn validity(days: i128) -> onem2m_ws::Result<Validity> {
    Validity::days(count("days", days)?)
}

/// A kind, as an option of the command is called, and the name that is given with it.
fn subject((kind, name): (String, String)) -> onem2m_ws::Result<Subject> {
    Ok(match kind.as_str() {
        "ae" => Subject::Ae(name),
        "cse" => Subject::Cse(name),
        "server" => Subject::Server(name),
        "node" => Subject::Node(name),
        "device" => {
            let (indication, id) = name.split_once(':').ok_or_else(|| {
                let hint =
                    "write the arcs that say \"an M2M device\", a colon and the rest, as 0.2.481.1:100.3030.10011";
                bad(format!("device {name:?}: {hint}"))
            })?;
            Subject::Device { indication: indication.to_owned(), id: id.to_owned() }
        }
        _ => return Err(bad(format!("{kind:?} is no kind of subject"))),
    })
}

/// Makes an authority, and its folder.
#[pyfunction]
pub(crate) fn pki_init(py: Python<'_>, folder: PathBuf, name: &str, days: i128) -> PyResult<()> {
    let make = || Authority::create(name, validity(days)?)?.save(folder);
    make().or_raise(py)
}

/// Issues a certificate into two files of another folder; its number, and the name of its key.
#[pyfunction]
pub(crate) fn pki_issue(
    py: Python<'_>,
    folder: PathBuf,
    subjects: Vec<(String, String)>,
    days: i128,
    into: PathBuf,
    name: &str,
) -> PyResult<(String, String)> {
    let issue = || {
        let subjects: Vec<Subject> = subjects.into_iter().map(subject).collect::<onem2m_ws::Result<_>>()?;
        let issued = Authority::load(folder)?.issue(&subjects, validity(days)?)?;
        issued.save(into, name)?;
        Ok((issued.serial.to_string(), issued.digest.to_string()))
    };
    issue().or_raise(py)
}

/// The number of a certificate of the authority's.
#[pyfunction]
pub(crate) fn pki_serial(py: Python<'_>, folder: PathBuf, certificate: &str) -> PyResult<String> {
    let look = || Authority::load(folder)?.serial_of(certificate).map(|serial| serial.to_string());
    look().or_raise(py)
}

/// Revokes a certificate and writes the list anew; whether it was not revoked before.
#[pyfunction]
pub(crate) fn pki_revoke(py: Python<'_>, folder: PathBuf, serial: &str, days: i128) -> PyResult<bool> {
    let revoke = || {
        let (serial, validity): (Serial, _) = (serial.parse()?, validity(days)?);
        let mut authority = Authority::load(folder)?;
        let new = authority.revoke(&serial)?;
        authority.save_crl(validity)?;
        Ok(new)
    };
    revoke().or_raise(py)
}

/// Writes the list of revoked certificates anew.
#[pyfunction]
pub(crate) fn pki_crl(py: Python<'_>, folder: PathBuf, days: i128) -> PyResult<()> {
    let write = || Authority::load(folder)?.save_crl(validity(days)?).map(|_| ());
    write().or_raise(py)
}

/// Makes a key pair in two files; the name of the key.
#[pyfunction]
pub(crate) fn pki_raw_key(py: Python<'_>, folder: PathBuf, name: &str) -> PyResult<String> {
    let make = || {
        let key = pki::raw_key()?;
        key.save(folder, name)?;
        Ok(key.digest.to_string())
    };
    make().or_raise(py)
}
