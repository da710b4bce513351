//! Names of public keys by their digests: `ni:///sha-256;...` (RFC 6920).
//!
//! Covers: TS-0003 10.1.2 (public key identifiers of raw public keys). A key is hashed as its SubjectPublicKeyInfo in DER,
//! which is what RFC 7250 sends in place of a certificate. What it does not do: read keys from PEM or certificates, and the
//! other forms of RFC 6920 (`nih`, `.well-known`, binary). Parameters (`?ct=...`) say what a name is for, and are refused.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind};

/// The longest authority that is taken, in bytes: that of a domain name and a port.
const MAX_AUTHORITY: usize = 261;

/// How much of a SHA-256 digest a name has (TS-0003 10.1.2, which takes these three of RFC 6920's).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Truncation {
    /// All of it: `sha-256`. What is to be used wherever there is room for it.
    #[default]
    Full,
    /// The first 128 bits: `sha-256-128`.
    To128,
    /// The first 120 bits: `sha-256-120`.
    To120,
}

impl Truncation {
    /// All of them, the longest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::To128, Self::To120];

    /// The name of the algorithm in a `ni` URI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "sha-256",
            Self::To128 => "sha-256-128",
            Self::To120 => "sha-256-120",
        }
    }

    /// The bytes of the digest that are kept.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Full => 32,
            Self::To128 => 16,
            Self::To120 => 15,
        }
    }
}

/// The digest of a public key, as it is configured and compared.
///
/// Two are equal if algorithm and digest are: an authority only says where to ask (RFC 6920 2). A truncated one is never
/// equal to a longer one; whether a key belongs to it, [`matches`](Self::matches) tells.
///
/// ```
/// use onem2m_ws::binding::ni::{KeyDigest, Truncation};
///
/// let key = KeyDigest::of(b"Hello World!", Truncation::Full);
/// assert_eq!(key.to_string(), "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk");
/// let configured: KeyDigest = "ni:///sha-256-120;f4OxZX_x_FO5LcGBSKHW".parse()?;
/// assert!(configured.matches(b"Hello World!"));
/// # Ok::<(), onem2m_ws::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyDigest {
    truncation: Truncation,
    authority: Option<Box<str>>,
    /// Zero behind the length of the truncation.
    digest: [u8; 32],
}

impl KeyDigest {
    /// The digest of a public key: `key` is its SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn of(key: &[u8], truncation: Truncation) -> Self {
        let mut digest: [u8; 32] = Sha256::digest(key).into();
        digest[truncation.length()..].fill(0);
        Self { truncation, authority: None, digest }
    }

    /// Whether this is a digest of that key, given as its SubjectPublicKeyInfo in DER (TS-0003 10.1.2: by the algorithm that
    /// this one names). Takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        *self == Self::of(key, self.truncation)
    }

    /// How much of SHA-256 it has.
    #[must_use]
    pub fn truncation(&self) -> Truncation {
        self.truncation
    }

    /// Who may be asked about it, if it says so.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The digest: 32, 16 or 15 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.digest[..self.truncation.length()]
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        let different = self.digest.iter().zip(&other.digest).fold(0, |all, (one, other)| all | (one ^ other));
        // The digest comes from outside; where it begins to differ is not to be measured.
        (self.truncation == other.truncation) & (std::hint::black_box(different) == 0)
    }
}

impl Eq for KeyDigest {}

impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.truncation.hash(state);
        self.digest.hash(state);
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority().unwrap_or_default();
        write!(f, "ni://{authority}/{};{}", self.truncation.name(), BASE64URL_NOPAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({self})")
    }
}

impl FromStr for KeyDigest {
    type Err = Error;

    /// Takes `ni://[authority]/sha-256;digest`, `sha-256-128` and `sha-256-120`, the digest in base64url without `=`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).map_err(|what| {
            // It may be long, and come from anywhere.
            let shown: String = text.chars().take(120).collect();
            let text = format!("{shown:?} is no digest of a public key: {what}; write it as ni:///sha-256;DIGEST");
            Error::new(ErrorKind::InvalidArgument, text)
        })
    }
}

fn read(text: &str) -> Result<KeyDigest, String> {
    // A scheme may be written in capitals (RFC 3986 3.1); the rest is compared as it stands.
    let rest = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("ni://") => &text[5..],
        _ => return Err("it does not begin with ni://".to_owned()),
    };
    let (authority, name) = rest.split_once('/').ok_or("it has no / behind the authority")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    if authority.len() > MAX_AUTHORITY || !authority.bytes().all(allowed) {
        return Err("its authority is no host name with or without a port".to_owned());
    }
    let (algorithm, digest) = name.split_once(';').ok_or("it has no ; behind the algorithm")?;
    let truncation = Truncation::ALL
        .into_iter()
        .find(|truncation| truncation.name() == algorithm)
        .ok_or("its algorithm is none of sha-256, sha-256-128 and sha-256-120")?;
    if digest.contains('?') {
        return Err("it has parameters behind a ?, which mean nothing for a key".to_owned());
    }
    let bytes = BASE64URL_NOPAD
        .decode(digest.as_bytes())
        .map_err(|error| format!("its digest is no base64url without padding: {error}"))?;
    if bytes.len() != truncation.length() {
        let (wanted, got) = (truncation.length(), bytes.len());
        return Err(format!("a digest of {} has {wanted} bytes, not {got}", truncation.name()));
    }
    let mut all = [0; 32];
    all[..bytes.len()].copy_from_slice(&bytes);
    let authority = Some(authority).filter(|authority| !authority.is_empty()).map(Box::from);
    Ok(KeyDigest { truncation, authority, digest: all })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 6920 8.2, figure 5.
    const KEY: &str = "\
        30820122300d06092a864886f70d01010105000382010f003082010a0282010100a25f83da9bd9f17a3a3667bafd5a940ecf\
        16d55a553a5ed403b1658e6dcfa3b7dba4e7cc0f52c67d351dc468c2bd7b9ddbe40ad710cdf95320ee0dd7566e5b7aae2c5f\
        830a193c725896d686e80ee694eb5cf2903ef3a88a8856b6cd3638762297b16b3c9c07f34f9708a1bc29389b81062b746038\
        7a932f39be1234096e0b5710b7a37bf2c6eed6c1e5ecaec59c8314f46b58e2def2ffc97707e3f34c97cf1a289e38a1b39341\
        75a1a4763f4d78d744d61ae3cee25dc5784cb531222ec74b8c6f56785ca1c4c01dcae5b944d7e9909cbceeb0a2b1dcda6da0\
        0ff6ad1e2c12a2a766603e36d49141c2f2e769392c9dd2dfb5a34495487c876489ddbf0501eedd0203010001";

    fn parse(text: &str) -> KeyDigest {
        text.parse().unwrap()
    }

    #[test]
    fn the_examples_of_rfc_6920() {
        let key = HEXLOWER.decode(KEY.as_bytes()).unwrap();
        let named = |bytes, truncation| KeyDigest::of(bytes, truncation).to_string();
        assert_eq!(
            named(b"Hello World!", Truncation::Full),
            "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
        );
        assert_eq!(named(&key, Truncation::Full), "ni:///sha-256;UyaQV-Ev4rdLoHyJJWCi11OHfrYv9E1aGQAlMO2X_-Q");
        let hex = |truncation| HEXLOWER.encode(KeyDigest::of(&key, truncation).as_bytes());
        assert_eq!(hex(Truncation::To120), "53269057e12fe2b74ba07c892560a2");
        assert_eq!(hex(Truncation::To128), "53269057e12fe2b74ba07c892560a2d7");
        assert_eq!(named(&key, Truncation::To120), "ni:///sha-256-120;UyaQV-Ev4rdLoHyJJWCi");
    }

    #[test]
    fn what_is_shown_can_be_read_and_matches_its_key_alone() {
        for truncation in Truncation::ALL {
            let digest = KeyDigest::of(b"key", truncation);
            assert_eq!(digest.as_bytes().len(), truncation.length());
            assert_eq!(parse(&digest.to_string()), digest);
            assert!(digest.matches(b"key"));
            assert!(!digest.matches(b"kex") && !digest.matches(b""));
            // One bit less at either end.
            for at in [0, truncation.length() - 1] {
                let mut other = digest.clone();
                other.digest[at] ^= 1;
                assert!(other != digest && !other.matches(b"key"), "{truncation:?} {at}");
            }
        }
        let all: HashSet<KeyDigest> = Truncation::ALL.map(|truncation| KeyDigest::of(b"key", truncation)).into();
        assert_eq!(all.len(), 3, "a truncated digest is not the longer one");
    }

    #[test]
    fn an_authority_is_kept_and_not_compared() {
        let with = parse("NI://example.com:80/sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk");
        assert_eq!(with.authority(), Some("example.com:80"));
        assert_eq!(with.to_string(), "ni://example.com:80/sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk");
        let without = parse("ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk");
        assert_eq!((without.authority(), &without), (None, &with));
        assert_eq!(HashSet::from([with, without]).len(), 1);
    }

    #[test]
    fn what_is_no_digest_is_refused_with_the_reason() {
        let long = format!("ni://{}/sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk", "a".repeat(262));
        for (text, reason) in [
            ("", "begin"),
            ("ni:", "begin"),
            ("nih:sha-256-120;5326-9057-e12f-e2b7-4ba0-7c89-2560-a2;f", "begin"),
            ("né:///sha-256;f4OxZX", "begin"),
            ("ni://sha-256;f4OxZX", "no /"),
            ("ni:///sha-256", "no ;"),
            ("ni:///sha-256-32;f4OxZQ", "none of"),
            ("ni:///SHA-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk", "none of"),
            ("ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk?ct=text/plain", "parameters"),
            ("ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk=", "base64url"),
            ("ni:///sha-256;f4OxZX/x/FO5LcGBSKHWXfwtSx+j1ncoSt3SABJtkGk", "base64url"),
            // The two bits behind the last byte are not zero: a second way to write the same digest.
            ("ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGl", "base64url"),
            ("ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkG", "base64url"),
            ("ni:///sha-256;", "32 bytes, not 0"),
            ("ni:///sha-256;UyaQV-Ev4rdLoHyJJWCi", "32 bytes, not 15"),
            ("ni:///sha-256-128;UyaQV-Ev4rdLoHyJJWCi", "16 bytes, not 15"),
            ("ni://user@host/sha-256;UyaQV-Ev4rdLoHyJJWCi", "authority"),
            ("ni://a\r\nb/sha-256;UyaQV-Ev4rdLoHyJJWCi", "authority"),
            (long.as_str(), "authority"),
        ] {
            let error = text.parse::<KeyDigest>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(reason), "{text:?}: {error}");
            assert!(!error.message().contains('\n') && error.message().len() < 400);
        }
        assert!(long.replacen("aa", "a", 1).parse::<KeyDigest>().is_ok(), "the longest authority");
    }
}
