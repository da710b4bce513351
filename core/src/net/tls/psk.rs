//! Keys that both ends have, and what they are called.
//!
//! Covers: TS-0003 8.2.2.1, 10.5 (Kpsa and its identifier, KpsaID); row WS-7-1. The bounds are those that every implementation
//! takes (RFC 4279 5.3). What it does not do: handshakes.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::material::{self, invalid};
use super::settings::{Pem, Tls};
use super::who::Directory;
use crate::binding::{Framework, PeerIdentity, Principal};
use crate::{Error, Result};

/// Bytes of a key. What is shorter can be guessed from one handshake that somebody has seen.
const KEY: RangeInclusive<usize> = 16..=64;
/// Most bytes of an identifier.
const MOST_ID: usize = 128;
/// Most bytes of a label of a domain name (RFC 1035 2.3.4).
const MOST_LABEL: usize = 63;

/// A key that both ends have, with its identifier.
#[derive(Clone)]
pub(super) struct PreSharedKey {
    id: String,
    key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey").field("id", &self.id).field("key", &format_args!("..")).finish()
    }
}

impl PreSharedKey {
    /// Not checked yet.
    pub(super) fn new(id: String, key: Vec<u8>) -> Self {
        Self { id, key: Zeroizing::new(key) }
    }

    fn check(&self) -> Result<()> {
        let Self { id, key } = self;
        is_id(id).map_err(|why| {
            invalid(format!("tls: pre_shared_key {id:?}: {why}; it is like 7f3a@mef.sp.example (TS-0003 10.5)"))
        })?;
        if !KEY.contains(&key.len()) {
            return Err(invalid(format!(
                "tls: pre_shared_key {id:?}: its key has {} bytes; it has {} to {}",
                key.len(),
                KEY.start(),
                KEY.end()
            )));
        }
        Ok(())
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Who has it, which a client only wants to know. As with a raw public key, this end was told of it: who has it may come,
    /// whatever [`Unnamed`](super::Unnamed) says, and speaks for what it registers if the settings say nothing more.
    pub(super) fn sharer(&self, directory: Option<&Directory>) -> PeerIdentity {
        let name = format!("PSK:{}", self.id);
        let identity =
            PeerIdentity::new(Framework::PreSharedKey, Principal::new(name.clone())).named(vec![name.clone()]);
        match directory {
            Some(directory) => directory.with_entities(identity, &name),
            None => identity,
        }
    }
}

/// Whether it is an identifier of a key: `relative@issuer`, the issuer by its domain name.
fn is_id(id: &str) -> std::result::Result<(), &'static str> {
    if id.len() > MOST_ID {
        return Err("it is longer than 128 bytes");
    }
    let Some((relative, issuer)) = id.split_once('@') else { return Err("it names no issuer behind @") };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if relative.is_empty() || !relative.bytes().all(is_plain) {
        return Err("before @ there are letters, digits, and - . _");
    }
    let is_label = |label: &str| {
        (1..=MOST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !issuer.split('.').all(is_label) {
        return Err("behind @ there is the domain name of the issuer");
    }
    Ok(())
}

/// The keys of a listener.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<String, Arc<PreSharedKey>>);

impl Keys {
    /// All that the settings name.
    ///
    /// # Errors
    /// `InvalidArgument`: a file cannot be read, an identifier or a key is none, or one is there twice; settings are there that have
    /// no meaning with keys.
    pub(super) fn read(tls: &Tls) -> Result<Self> {
        let others = [
            (tls.certificate.is_some(), "certificate"),
            (tls.key.is_some(), "raw_key"),
            (!tls.trusted.is_empty(), "trust"),
            (tls.trust_system, "trust_system"),
            (!tls.revoked.is_empty(), "revoked"),
            (!tls.known_keys.is_empty(), "trust_key"),
            (tls.anonymous_clients, "anonymous_clients"),
            (!tls.uri_schemes.is_empty(), "uri_scheme"),
        ];
        if let Some((_, name)) = others.iter().find(|(is_set, _)| *is_set) {
            return Err(invalid(format!(
                "tls: {name} has no meaning with pre-shared keys; a server can have both at two places, by listen_with"
            )));
        }
        let mut keys = Self::default();
        for key in &tls.pre_shared_keys {
            keys.add(Arc::clone(key))?;
        }
        for file in &tls.pre_shared_key_files {
            keys.add_file(file)?;
        }
        for (credential, _) in &tls.peers {
            if let Some(id) = credential.strip_prefix("PSK:")
                && !keys.0.contains_key(id)
            {
                return Err(invalid(format!("tls: peer {credential:?}: there is no pre-shared key of this name")));
            }
        }
        Ok(keys)
    }

    fn add(&mut self, key: Arc<PreSharedKey>) -> Result<()> {
        key.check()?;
        match self.0.insert(key.id.clone(), Arc::clone(&key)) {
            None => Ok(()),
            Some(_) => Err(invalid(format!("tls: pre_shared_key {:?} is there twice", key.id))),
        }
    }

    fn add_file(&mut self, file: &Pem) -> Result<()> {
        let (place, bytes) = material::read(file, "pre_shared_keys")?;
        if let Pem::File(path) = file {
            material::warn_if_open_to_others(path);
        }
        // Nothing of a line goes into an error: it could be a key.
        let wrong = |number: usize, what: &str| invalid(format!("{place}: line {}: {what}", number + 1));
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let form = || wrong(number, "it is an identifier, a colon, and the key in hexadecimal digits");
            let at = line.iter().position(|byte| *byte == b':').ok_or_else(form)?;
            let id = std::str::from_utf8(&line[..at]).map_err(|_| form())?;
            let key = HEXLOWER_PERMISSIVE.decode(&line[at + 1..]).map_err(|_| form())?;
            let key = PreSharedKey::new(id.to_owned(), key);
            self.add(Arc::new(key)).map_err(|error: Error| wrong(number, error.message()))?;
        }
        Ok(())
    }

    /// The key of that name, whatever the peer has sent as one.
    pub(super) fn find(&self, id: &[u8]) -> Option<&Arc<PreSharedKey>> {
        let id = std::str::from_utf8(id).ok().filter(|id| is_id(id).is_ok())?;
        self.0.get(id)
    }

    /// The only key, if it is the only one.
    pub(super) fn only(&self) -> Option<&Arc<PreSharedKey>> {
        let mut all = self.0.values();
        all.next().filter(|_| all.next().is_none())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ws_7_1_an_identifier_has_its_issuer_by_a_domain_name() {
        let label = "a".repeat(63);
        let longest = format!("{}@sp.example", "r".repeat(128 - 11));
        for good in ["7f3a@mef.sp.example", "A-Z.0_9@x", &format!("r@{label}.example"), &longest] {
            is_id(good).unwrap_or_else(|why| panic!("{good}: {why}"));
        }
        let too_long = format!("r{longest}");
        let bad = [
            "",
            "@",
            "relative",
            "@sp.example",
            "r@",
            "r@sp..example",
            "r@.example",
            "r@example.",
            "r@-x.example",
            "r@x-.example",
            "r@sp_x.example",
            "r r@sp.example",
            "r\n@sp.example",
            "r@s@sp.example",
            "\u{e9}@sp.example",
            &format!("r@a{label}.example"),
            &too_long,
        ];
        for bad in bad {
            assert!(is_id(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ws_7_1_a_key_has_16_to_64_bytes_and_is_shown_nowhere() {
        let read = |length: usize| Keys::read(&Tls::new().pre_shared_key("r@sp.example", vec![b'k'; length]));
        for (length, is_good) in [(0, false), (15, false), (16, true), (64, true), (65, false)] {
            assert_eq!(read(length).is_ok(), is_good, "{length}");
        }
        let error = read(15).unwrap_err();
        assert_eq!(error.message(), "tls: pre_shared_key \"r@sp.example\": its key has 15 bytes; it has 16 to 64");
        let tls = Tls::new().pre_shared_key("r@sp.example", *b"a very secret key");
        let shown = format!("{tls:?} {:?}", Keys::read(&tls).unwrap());
        assert!(shown.contains("PreSharedKey { id: \"r@sp.example\", key: .. }"), "{shown}");
        for secret in ["secret", &format!("{:?}", b"secret")[1..20]] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn ws_7_1_what_a_peer_names_is_looked_up_only_if_it_is_an_identifier() {
        let keys = Keys::read(&Tls::new().pre_shared_key("r@sp.example", [1; 16])).unwrap();
        assert!(keys.find(b"r@sp.example").is_some());
        for other in [&b""[..], b"R@sp.example", b"r@SP.example", b"r@sp.example\0", b"\xff@sp.example", &[b'a'; 1000]]
        {
            assert!(keys.find(other).is_none(), "{other:?}");
        }
        assert_eq!(keys.only().unwrap().id(), "r@sp.example");
    }
}
