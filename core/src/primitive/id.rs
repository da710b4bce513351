//! Identifiers of entities and addresses of resources, in their three forms.
//!
//! Covers: TS-0001 7.2 (`M2M-SP-ID`, `CSE-ID`, `AE-ID-Stem`, resource identifiers) and TS-0004 6.2.3, 6.2.4 (how they
//! are written). Characters are the unreserved ones of RFC 3986 2.3, so that an identifier that was accepted can go
//! into a path, a log or a file name as it is. Whether an address is structured, unstructured or a mix of both is known
//! only to the CSE that hosts the resource: nothing here looks anything up.

use std::fmt;
use std::str::FromStr;

/// The longest identifier or address, in bytes.
///
/// The standard sets no limit; peers have smaller ones, and identifiers are kept per connection and in every queue.
pub const MAX_ID_LENGTH: usize = 1024;

/// Why a text is no identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum IdError {
    /// Empty, where something must stand.
    Empty,
    /// Longer than [`MAX_ID_LENGTH`].
    TooLong,
    /// A character that may not stand there, at this byte.
    Character(usize),
    /// Two slashes in a row or a slash at the end: a part is missing at this byte.
    EmptySegment(usize),
    /// A part is `.` or `..`, which some software resolves, at this byte.
    DotSegment(usize),
    /// Not an AE or a CSE: an originator starts with `C`, `S` or a slash, and names no resource below the entity.
    NotAnEntity,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("identifier is empty"),
            Self::TooLong => write!(f, "identifier is longer than {MAX_ID_LENGTH} bytes"),
            Self::Character(at) => write!(f, "character at byte {at} may not stand in an identifier"),
            Self::EmptySegment(at) => write!(f, "part at byte {at} of the identifier is empty"),
            Self::DotSegment(at) => write!(f, "part at byte {at} of the identifier is . or .."),
            Self::NotAnEntity => f.write_str("identifier is neither of an AE nor of a CSE"),
        }
    }
}

impl std::error::Error for IdError {}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Checks one part of an identifier that starts at byte `at` of the whole.
fn check_segment(segment: &str, at: usize) -> Result<(), IdError> {
    match segment {
        "" => Err(IdError::EmptySegment(at)),
        "." | ".." => Err(IdError::DotSegment(at)),
        _ => match segment.bytes().position(|byte| !is_unreserved(byte)) {
            Some(bad) => Err(IdError::Character(at + bad)),
            None => Ok(()),
        },
    }
}

fn check_length(text: &str) -> Result<(), IdError> {
    match text.len() {
        0 => Err(IdError::Empty),
        length if length > MAX_ID_LENGTH => Err(IdError::TooLong),
        _ => Ok(()),
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
    };
}

/// Identifier of a service provider (`M2M-SP-ID`), as `//example.net`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SpId(String);

text_type!(SpId);

impl SpId {
    /// From `//example.net` or `example.net`. A provider's name is a domain name, so letters are made small.
    ///
    /// # Errors
    /// [`IdError`] if it is not one part of allowed characters.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_length(text)?;
        let (name, at) = text.strip_prefix("//").map_or((text, 0), |name| (name, 2));
        check_segment(name, at)?;
        Ok(Self(format!("//{}", name.to_ascii_lowercase())))
    }

    /// The domain name alone.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.0[2..]
    }
}

/// Identifier of a CSE within its service provider (`SP-relative-CSE-ID`), as `/id-in`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CseId(String);

text_type!(CseId);

impl CseId {
    /// From `/id-in` or `id-in`.
    ///
    /// # Errors
    /// [`IdError`] if it is not one part of allowed characters.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_length(text)?;
        let (name, at) = text.strip_prefix('/').map_or((text, 0), |name| (name, 1));
        check_segment(name, at)?;
        Ok(Self(format!("/{name}")))
    }

    /// The identifier without its slash.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0[1..]
    }
}

/// Who assigned the stem of an AE-ID (TS-0001 7.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AeIdScope {
    /// `C...`: the registrar CSE; unique there.
    Cse,
    /// `S...`: the service provider's IN-CSE; unique in the provider's domain.
    ServiceProvider,
}

/// The part of an AE-ID that names the AE (`AE-ID-Stem`), as `Csensor1` or `S_SAH25`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AeIdStem(String);

text_type!(AeIdStem);

impl AeIdStem {
    /// From the stem. `C` and `S` alone ask for one to be assigned and are no stems.
    ///
    /// # Errors
    /// [`IdError`] if it is not one part of allowed characters that starts with `C` or `S` and goes on.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_length(text)?;
        check_segment(text, 0)?;
        if text.len() < 2 || !text.starts_with(['C', 'S']) {
            return Err(IdError::NotAnEntity);
        }
        Ok(Self(text.to_owned()))
    }

    /// Who assigned it.
    #[must_use]
    pub fn scope(&self) -> AeIdScope {
        if self.0.starts_with('C') { AeIdScope::Cse } else { AeIdScope::ServiceProvider }
    }
}

/// How much of an address is left out because it is understood.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AddressForm {
    /// `cse-in/sensor1`: within the CSE that receives it.
    CseRelative,
    /// `/id-in/cse-in/sensor1`: within the service provider's domain.
    SpRelative,
    /// `//example.net/id-in/cse-in/sensor1`.
    Absolute,
}

/// Address of a resource or an entity (`to`), taken apart.
///
/// ```
/// use onem2m_ws::primitive::{Address, AddressForm};
///
/// let address = Address::parse("//example.net/id-in/cse-in/sensor1")?;
/// assert_eq!(address.form(), AddressForm::Absolute);
/// assert_eq!(address.cse_id(), Some("id-in"));
/// assert_eq!(address.path(), "cse-in/sensor1");
/// # Ok::<(), onem2m_ws::primitive::IdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    text: String,
    /// Bytes of the service provider's name in `text`, after the two slashes; zero if there is none.
    sp: usize,
    /// Bytes of the name after the next slash.
    cse: usize,
}

impl Address {
    /// Takes an address apart.
    ///
    /// A fragment (`#attr`, one attribute of the resource) may follow the path. A URL such as `ws://host/` is a point
    /// of access and no address.
    ///
    /// # Errors
    /// [`IdError`] if a part is missing or a character is not allowed.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_length(text)?;
        let (body, fragment) = match text.split_once('#') {
            Some((body, fragment)) => (body, Some(fragment)),
            None => (text, None),
        };
        let slashes = if body.starts_with("//") { 2 } else { usize::from(body.starts_with('/')) };
        let mut at = slashes;
        for segment in body[slashes..].split('/') {
            check_segment(segment, at)?;
            at += segment.len() + 1;
        }
        if let Some(fragment) = fragment {
            check_segment(fragment, body.len() + 1)?;
        }
        let first = |from: usize| body.get(from..).map_or(0, |rest| rest.find('/').unwrap_or(rest.len()));
        let (sp, cse) = match slashes {
            0 => (0, 0),
            1 => (0, first(1)),
            _ => (first(2), first(2 + first(2) + 1)),
        };
        Ok(Self { text: text.to_owned(), sp, cse })
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Which form it has.
    #[must_use]
    pub fn form(&self) -> AddressForm {
        match (self.sp, self.cse) {
            (0, 0) => AddressForm::CseRelative,
            (0, _) => AddressForm::SpRelative,
            _ => AddressForm::Absolute,
        }
    }

    /// Name of the service provider, without slashes; only in the absolute form.
    #[must_use]
    pub fn sp_id(&self) -> Option<&str> {
        (self.sp > 0).then(|| &self.text[2..2 + self.sp])
    }

    /// The first name below the service provider, without slashes: the CSE, or an AE with an `S` stem.
    #[must_use]
    pub fn cse_id(&self) -> Option<&str> {
        let start = self.cse_start();
        (self.cse > 0).then(|| &self.text[start..start + self.cse])
    }

    /// What is left for the CSE to look up, with a fragment if there is one; empty if the CSE itself is meant.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.form() {
            AddressForm::CseRelative => &self.text,
            _ => {
                let rest = &self.text[(self.cse_start() + self.cse).min(self.text.len())..];
                rest.strip_prefix('/').unwrap_or(rest)
            }
        }
    }

    fn cse_start(&self) -> usize {
        if self.sp > 0 { 2 + self.sp + 1 } else { 1 }
    }

    /// The path, if the address is one of this CSE: relative to it, or with its identifiers.
    #[must_use]
    pub fn local_path(&self, sp_id: &SpId, cse_id: &CseId) -> Option<&str> {
        let here = match self.form() {
            AddressForm::CseRelative => true,
            AddressForm::SpRelative => self.cse_id() == Some(cse_id.name()),
            AddressForm::Absolute => {
                self.sp_id().is_some_and(|sp| sp.eq_ignore_ascii_case(sp_id.domain()))
                    && self.cse_id() == Some(cse_id.name())
            }
        };
        here.then(|| self.path())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

/// An AE or a CSE in the one form that can be compared: `//sp/S...`, `//sp/cse/C...` or `//sp/cse`.
///
/// `fr` names an entity in several ways; what decides about access must compare this and nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityId(String);

impl EntityId {
    /// The entity that `originator` names, as seen by the CSE `cse_id` of the provider `sp_id`.
    ///
    /// # Errors
    /// [`IdError`] if it names no entity: empty, `C` or `S` alone (these ask for an identifier), a relative name that
    /// starts with neither, or something below an entity.
    ///
    /// ```
    /// use onem2m_ws::primitive::{CseId, EntityId, SpId};
    ///
    /// let (sp, cse) = (SpId::new("example.net")?, CseId::new("/id-in")?);
    /// let entity = EntityId::from_originator("Csensor1", &sp, &cse)?;
    /// assert_eq!(entity.as_str(), "//example.net/id-in/Csensor1");
    /// assert_eq!(entity, EntityId::from_originator("/id-in/Csensor1", &sp, &cse)?);
    /// # Ok::<(), onem2m_ws::primitive::IdError>(())
    /// ```
    pub fn from_originator(originator: &str, sp_id: &SpId, cse_id: &CseId) -> Result<Self, IdError> {
        let address = Address::parse(originator)?;
        let sp = match address.sp_id() {
            Some(sp) => SpId::new(sp)?,
            None => sp_id.clone(),
        };
        let (name, path) = match address.form() {
            AddressForm::CseRelative => {
                let stem = AeIdStem::new(originator)?;
                return Ok(Self(match stem.scope() {
                    AeIdScope::Cse => format!("{sp}{cse_id}/{stem}"),
                    AeIdScope::ServiceProvider => format!("{sp}/{stem}"),
                }));
            }
            _ => (address.cse_id().ok_or(IdError::NotAnEntity)?, address.path()),
        };
        if path.is_empty() {
            return Ok(Self(format!("{sp}/{name}")));
        }
        let stem = AeIdStem::new(path).map_err(|_| IdError::NotAnEntity)?;
        match stem.scope() {
            AeIdScope::Cse => Ok(Self(format!("{sp}/{name}/{stem}"))),
            // Such a stem is unique in the provider's domain; below a CSE there is none.
            AeIdScope::ServiceProvider => Err(IdError::NotAnEntity),
        }
    }

    /// The absolute form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_form_are_taken_apart() {
        use AddressForm::*;
        for (text, form, sp, cse, path) in [
            ("cse-in", CseRelative, None, None, "cse-in"),
            ("cse-in/sensor1/data", CseRelative, None, None, "cse-in/sensor1/data"),
            ("cin0001", CseRelative, None, None, "cin0001"),
            ("cnt0001/la", CseRelative, None, None, "cnt0001/la"),
            ("-/sensor1", CseRelative, None, None, "-/sensor1"),
            ("C", CseRelative, None, None, "C"),
            ("sensor1#lbl", CseRelative, None, None, "sensor1#lbl"),
            ("/id-in", SpRelative, None, Some("id-in"), ""),
            ("/id-in/cse-in/a", SpRelative, None, Some("id-in"), "cse-in/a"),
            ("/id-in/Csensor1", SpRelative, None, Some("id-in"), "Csensor1"),
            ("/S_SAH25", SpRelative, None, Some("S_SAH25"), ""),
            ("/id-in#lbl", SpRelative, None, Some("id-in"), "#lbl"),
            ("//example.net", Absolute, Some("example.net"), None, ""),
            ("//example.net/id-in", Absolute, Some("example.net"), Some("id-in"), ""),
            ("//example.net/id-in/a~b_c.d", Absolute, Some("example.net"), Some("id-in"), "a~b_c.d"),
            ("//example.net/mncse1234", Absolute, Some("example.net"), Some("mncse1234"), ""),
        ] {
            let address = Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (address.form(), address.sp_id(), address.cse_id(), address.path()),
                (form, sp, cse, path),
                "{text}"
            );
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, error) in [
            ("", IdError::Empty),
            ("/", IdError::EmptySegment(1)),
            ("//", IdError::EmptySegment(2)),
            ("///a", IdError::EmptySegment(2)),
            ("a//b", IdError::EmptySegment(2)),
            ("a/", IdError::EmptySegment(2)),
            ("/id-in/", IdError::EmptySegment(7)),
            ("//sp//x", IdError::EmptySegment(5)),
            ("a/../b", IdError::DotSegment(2)),
            ("./b", IdError::DotSegment(0)),
            ("a b", IdError::Character(1)),
            ("a\nb", IdError::Character(1)),
            ("a/b\0", IdError::Character(3)),
            ("a%2fb", IdError::Character(1)),
            ("caf\u{e9}", IdError::Character(3)),
            ("a?b", IdError::Character(1)),
            ("a#b#c", IdError::Character(3)),
            ("a#", IdError::EmptySegment(2)),
            ("#a", IdError::EmptySegment(0)),
            ("ws://host/x", IdError::Character(2)),
            ("://example.net/mncse1234", IdError::Character(0)),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn every_unreserved_character_and_no_other_is_allowed() {
        for code in 0..=0xff_u8 {
            let text = format!("x{}", char::from(code));
            let expected = code.is_ascii_alphanumeric() || b"-._~".contains(&code);
            assert_eq!(CseId::new(&text).is_ok(), expected, "{text:?}");
            // In an address, slash and hash separate.
            assert_eq!(Address::parse(&format!("{text}y")).is_ok(), expected || b"/#".contains(&code), "{text:?}");
        }
    }

    #[test]
    fn length_is_limited() {
        let longest = "a".repeat(MAX_ID_LENGTH);
        assert!(Address::parse(&longest).is_ok());
        assert!(CseId::new(&longest).is_ok());
        for parse in [
            |text: &str| Address::parse(text).map(drop),
            |text: &str| CseId::new(text).map(drop),
            |text: &str| SpId::new(text).map(drop),
            |text: &str| AeIdStem::new(text).map(drop),
        ] {
            assert_eq!(parse(&format!("C{longest}")), Err(IdError::TooLong));
        }
    }

    #[test]
    fn stems_tell_who_assigned_them() {
        assert_eq!(AeIdStem::new("Csensor1").map(|stem| stem.scope()), Ok(AeIdScope::Cse));
        assert_eq!(AeIdStem::new("S_SAH25").map(|stem| stem.scope()), Ok(AeIdScope::ServiceProvider));
        for text in ["C", "S", "x1", "c1", "admin"] {
            assert_eq!(AeIdStem::new(text), Err(IdError::NotAnEntity), "{text}");
        }
        assert_eq!(AeIdStem::new("C/x"), Err(IdError::Character(1)));
        assert_eq!(AeIdStem::new(""), Err(IdError::Empty));
    }

    #[test]
    fn an_originator_has_one_absolute_form() {
        let sp = SpId::new("//Example.net").unwrap();
        let cse = CseId::new("id-in").unwrap();
        assert_eq!((sp.as_str(), cse.as_str()), ("//example.net", "/id-in"));
        for (originator, absolute) in [
            ("Csensor1", "//example.net/id-in/Csensor1"),
            ("/id-in/Csensor1", "//example.net/id-in/Csensor1"),
            ("//example.net/id-in/Csensor1", "//example.net/id-in/Csensor1"),
            ("//EXAMPLE.net/id-in/Csensor1", "//example.net/id-in/Csensor1"),
            ("/id-mn/Csensor1", "//example.net/id-mn/Csensor1"),
            ("S_SAH25", "//example.net/S_SAH25"),
            ("/S_SAH25", "//example.net/S_SAH25"),
            ("//example.net/S_SAH25", "//example.net/S_SAH25"),
            ("//other.org/S_SAH25", "//other.org/S_SAH25"),
            ("/id-in", "//example.net/id-in"),
            ("//other.org/id-mn", "//other.org/id-mn"),
        ] {
            let entity = EntityId::from_originator(originator, &sp, &cse);
            assert_eq!(entity.as_ref().map(EntityId::as_str), Ok(absolute), "{originator}");
        }
        for originator in [
            "C",
            "S",
            "id-in",
            "admin:admin",
            "",
            "//example.net",
            "/id-in/x",
            "/id-in/S1",
            "/id-in/C",
            "Cx/y",
            "/id-in/Cx/y",
            "Cx#lbl",
            "/id-in#lbl",
        ] {
            let entity = EntityId::from_originator(originator, &sp, &cse);
            assert!(entity.is_err(), "{originator}: {entity:?}");
        }
    }

    #[test]
    fn a_cse_knows_its_own_addresses() {
        let (sp, cse) = (SpId::new("example.net").unwrap(), CseId::new("/id-in").unwrap());
        for (text, path) in [
            ("cse-in/a", Some("cse-in/a")),
            ("/id-in/cse-in/a", Some("cse-in/a")),
            ("//EXAMPLE.NET/id-in/cse-in/a", Some("cse-in/a")),
            ("/id-in", Some("")),
            ("/id-mn/cse-in/a", None),
            ("//other.org/id-in/cse-in/a", None),
            ("//example.net", None),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.local_path(&sp, &cse), path, "{text}");
        }
    }
}
