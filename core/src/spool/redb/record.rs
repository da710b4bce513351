//! What stands in the tables, as bytes: records, tombstones, registrees, facts; and the keys that they have.
//!
//! Every value begins with what it is and a CRC-32C over all the rest and its key, so that a value that is not the one that
//! was written under its key is found out at every read, whatever the pages around it say.

use std::time::{Duration, SystemTime};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::request;
use crate::primitive::Request;
use crate::spool::{FactKind, Record, Sequence};
use crate::{Error, ErrorKind};

/// What is wrong with what was read.
#[derive(Debug)]
pub(super) struct Damage(pub(super) String);

impl Damage {
    pub(super) fn cut() -> Self {
        Self("it ends too early".to_owned())
    }
}

/// What a value is, and which version of it.
mod tag {
    pub(super) const RECORD: u8 = 1;
    pub(super) const TOMBSTONE: u8 = 2;
    pub(super) const REGISTREE: u8 = 3;
    pub(super) const LATEST: u8 = 4;
    pub(super) const FACT: u8 = 5;
}

/// The tag and the CRC.
const HEAD: usize = 5;
/// Why: neither `rqi` nor name is longer than a message, and a message is not longer than this.
const TOO_LONG: usize = u32::MAX as usize / 2;

// --- keys --------------------------------------------------------------------------------------------------------------

/// Which registree, and the place of the record.
pub(super) type RecordKey = [u8; 12];
/// When it expires, and which record does.
pub(super) type ExpiryKey = [u8; 20];

pub(super) fn record_key(id: u32, sequence: u64) -> RecordKey {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&id.to_be_bytes());
    key[4..].copy_from_slice(&sequence.to_be_bytes());
    key
}

pub(super) fn split_key(key: &RecordKey) -> (u32, u64) {
    let (mut id, mut sequence) = ([0; 4], [0; 8]);
    id.copy_from_slice(&key[..4]);
    sequence.copy_from_slice(&key[4..]);
    (u32::from_be_bytes(id), u64::from_be_bytes(sequence))
}

pub(super) fn expiry_key(at: SystemTime, record: &RecordKey) -> ExpiryKey {
    let mut key = [0; 20];
    key[..8].copy_from_slice(&rank(at).to_be_bytes());
    key[8..].copy_from_slice(record);
    key
}

pub(super) fn record_of(key: &ExpiryKey) -> RecordKey {
    let mut record = [0; 12];
    record.copy_from_slice(&key[8..]);
    record
}

/// The order of times from 1970 to 2554; what is before or after is the first or the last one.
pub(super) fn rank(at: SystemTime) -> u64 {
    u64::try_from(nanoseconds(at).max(0)).unwrap_or(u64::MAX)
}

/// Which registree, and what the record is the latest of.
pub(super) fn latest_key(id: u32, name: &str) -> Vec<u8> {
    [&id.to_be_bytes()[..], name.as_bytes()].concat()
}

pub(super) const fn kind_code(kind: FactKind) -> u8 {
    match kind {
        FactKind::Registration => 1,
        FactKind::Resource => 2,
    }
}

pub(super) fn fact_key(kind: FactKind, name: &str) -> Vec<u8> {
    [&[kind_code(kind)], name.as_bytes()].concat()
}

// --- values ------------------------------------------------------------------------------------------------------------

fn crc(key: &[u8], value: &[u8]) -> u32 {
    // The tag is under it too; the four bytes after it are the CRC itself.
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), &value[..1]);
    crc32c::crc32c_append(crc, &value[HEAD..])
}

fn begin(tag: u8, out: &mut BytesMut) {
    out.put_u8(tag);
    out.put_u32_le(0);
}

/// Writes the CRC of a value, once its key is known.
pub(super) fn seal(key: &[u8], value: &mut [u8]) {
    let crc = crc(key, value);
    value[1..HEAD].copy_from_slice(&crc.to_le_bytes());
}

/// What a value says after its head, if it is what was written under this key.
fn unseal<'a>(key: &[u8], value: &'a [u8]) -> Result<(u8, &'a [u8]), Damage> {
    let Some((head, rest)) = value.split_at_checked(HEAD) else { return Err(Damage::cut()) };
    if head[1..] != crc(key, value).to_le_bytes() {
        return Err(Damage("its checksum is wrong".to_owned()));
    }
    Ok((head[0], rest))
}

fn of_kind<'a>(tag: u8, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Damage> {
    match unseal(key, value)? {
        (found, rest) if found == tag => Ok(rest),
        (found, _) => Err(Damage(format!("it is of the unknown kind {found}"))),
    }
}

/// A record that is to be written; its CRC follows with its place.
pub(super) struct Prepared {
    pub(super) expires: Option<SystemTime>,
    pub(super) latest_of: Option<String>,
    pub(super) value: BytesMut,
}

impl Prepared {
    /// # Errors
    /// `InvalidArgument`: the request has no `rqi`, or is longer than any message may be.
    pub(super) fn new(record: Record) -> Result<Self, Error> {
        let Record { request, expires, latest_of } = record;
        let size = request.size();
        if size > TOO_LONG {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("a request of {size} bytes cannot be stored")));
        }
        let mut value = BytesMut::with_capacity(size);
        begin(tag::RECORD, &mut value);
        value.put_i128_le(expires.map_or(i128::MAX, nanoseconds));
        put_bytes(request.request_id.as_bytes(), &mut value);
        value.put_u8(latest_of.is_some().into());
        put_bytes(latest_of.as_deref().unwrap_or_default().as_bytes(), &mut value);
        request::put(request, &mut value)?;
        Ok(Self { expires, latest_of, value })
    }
}

/// What stands at a place, read as far as its request.
pub(super) enum Place {
    Record(Head),
    /// Nothing from this place up to but without that one: acknowledged or expired before what is older.
    Tombstone(u64),
}

/// A record without its request.
pub(super) struct Head {
    pub(super) expires: Option<SystemTime>,
    pub(super) rqi: String,
    pub(super) latest_of: Option<String>,
    /// Where the request begins in the value.
    body: usize,
}

impl Head {
    /// The request of the record whose value it is.
    pub(super) fn request(&self, value: &[u8]) -> Result<Request, Damage> {
        request::take(Bytes::copy_from_slice(value.get(self.body..).ok_or_else(Damage::cut)?))
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

pub(super) fn place(key: &RecordKey, value: &[u8]) -> Result<Place, Damage> {
    let (found, mut rest) = unseal(key, value)?;
    match found {
        tag::TOMBSTONE => {
            let end = rest.try_get_u64_le().map_err(|_| Damage::cut())?;
            if end <= split_key(key).1 {
                return Err(Damage("it is a gap without length".to_owned()));
            }
            Ok(Place::Tombstone(end))
        }
        tag::RECORD => {
            let expires = match rest.try_get_i128_le().map_err(|_| Damage::cut())? {
                i128::MAX => None,
                nanoseconds => Some(time(nanoseconds)?),
            };
            let rqi = take_str(&mut rest)?.to_owned();
            let is_latest = rest.try_get_u8().map_err(|_| Damage::cut())? != 0;
            let name = take_str(&mut rest)?;
            let latest_of = is_latest.then(|| name.to_owned());
            Ok(Place::Record(Head { expires, rqi, latest_of, body: value.len() - rest.len() }))
        }
        other => Err(Damage(format!("it is of the unknown kind {other}"))),
    }
}

pub(super) fn tombstone(key: &RecordKey, end: u64) -> BytesMut {
    let mut value = BytesMut::with_capacity(HEAD + 8);
    begin(tag::TOMBSTONE, &mut value);
    value.put_u64_le(end);
    seal(key, &mut value);
    value
}

/// What is known of a registree: its records are those in `first..next`, less what tombstones take of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meta {
    pub(super) id: u32,
    /// Where the oldest record is; [`next`](Self::next) if there is none.
    pub(super) first: u64,
    /// The next place to be given away.
    pub(super) next: u64,
    /// Records.
    pub(super) count: u64,
    /// Bytes of their values.
    pub(super) bytes: u64,
    /// Tombstones, each of which may stand for many places.
    pub(super) holes: u64,
}

impl Meta {
    pub(super) const fn new(id: u32) -> Self {
        Self { id, first: 1, next: 1, count: 0, bytes: 0, holes: 0 }
    }

    pub(super) fn value(&self, name: &str) -> BytesMut {
        let mut value = BytesMut::with_capacity(HEAD + 44 + name.len());
        begin(tag::REGISTREE, &mut value);
        for number in [self.first, self.next, self.count, self.bytes, self.holes] {
            value.put_u64_le(number);
        }
        put_bytes(name.as_bytes(), &mut value);
        seal(&self.id.to_be_bytes(), &mut value);
        value
    }

    pub(super) fn read(id: u32, value: &[u8]) -> Result<(String, Self), Damage> {
        let mut rest = of_kind(tag::REGISTREE, &id.to_be_bytes(), value)?;
        let mut number = || rest.try_get_u64_le().map_err(|_| Damage::cut());
        let (first, next, count, bytes, holes) = (number()?, number()?, number()?, number()?, number()?);
        let name = take_str(&mut rest)?.to_owned();
        Ok((name, Self { id, first, next, count, bytes, holes }))
    }
}

pub(super) fn latest(key: &[u8], at: Sequence) -> BytesMut {
    let mut value = BytesMut::with_capacity(HEAD + 8);
    begin(tag::LATEST, &mut value);
    value.put_u64_le(at.0);
    seal(key, &mut value);
    value
}

pub(super) fn read_latest(key: &[u8], value: &[u8]) -> Result<u64, Damage> {
    of_kind(tag::LATEST, key, value)?.try_get_u64_le().map_err(|_| Damage::cut())
}

pub(super) fn fact(key: &[u8], known: &[u8]) -> BytesMut {
    let mut value = BytesMut::with_capacity(HEAD + known.len());
    begin(tag::FACT, &mut value);
    value.put_slice(known);
    seal(key, &mut value);
    value
}

pub(super) fn read_fact(key: &[u8], value: &[u8]) -> Result<(String, Bytes), Damage> {
    let known = of_kind(tag::FACT, key, value)?;
    let name = std::str::from_utf8(key.get(1..).unwrap_or_default());
    let name = name.map_err(|_| Damage("its name is not UTF-8".to_owned()))?;
    Ok((name.to_owned(), Bytes::copy_from_slice(known)))
}

// --- what they are made of ---------------------------------------------------------------------------------------------

/// Since 1970.
fn nanoseconds(at: SystemTime) -> i128 {
    let signed = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX - 1);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => signed(after),
        Err(before) => -signed(before.duration()),
    }
}

fn time(nanoseconds: i128) -> Result<SystemTime, Damage> {
    const SECOND: u128 = 1_000_000_000;
    let size = nanoseconds.unsigned_abs();
    let seconds = u64::try_from(size / SECOND).unwrap_or(u64::MAX);
    let distance = Duration::new(seconds, u32::try_from(size % SECOND).unwrap_or(0));
    let at = if nanoseconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    at.ok_or_else(|| Damage("its time of expiry is none".to_owned()))
}

/// Appends bytes with their length. What holds them is not longer than [`TOO_LONG`].
pub(super) fn put_bytes(bytes: &[u8], out: &mut BytesMut) {
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

pub(super) fn take_bytes(from: &mut Bytes) -> Result<Bytes, Damage> {
    let length = from.try_get_u32_le().map_err(|_| Damage::cut())? as usize;
    if length > from.len() {
        return Err(Damage::cut());
    }
    Ok(from.split_to(length))
}

pub(super) fn take_text(from: &mut Bytes) -> Result<String, Damage> {
    String::from_utf8(take_bytes(from)?.to_vec()).map_err(|_| Damage("a text of it is not UTF-8".to_owned()))
}

fn take_str<'a>(from: &mut &'a [u8]) -> Result<&'a str, Damage> {
    let length = from.try_get_u32_le().map_err(|_| Damage::cut())? as usize;
    let (text, rest) = from.split_at_checked(length).ok_or_else(Damage::cut)?;
    *from = rest;
    std::str::from_utf8(text).map_err(|_| Damage("a text of it is not UTF-8".to_owned()))
}
