//! Namespaces and flexContainers that the application adds to those of the standard.
//!
//! Covers: TS-0004 7.4.37 and TS-0023 for specializations of one's own; TS-0004 8.3.1 needs to know them, because JSON has
//! prefixes only, and XML needs the namespace and the order of elements. Does not change or take away anything: what is
//! registered holds for the process until it ends. It is leaked for that reason: schema types are plain references, so a
//! message in work needs no lock and no counter, and the memory is bounded by the limits below.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use super::{Atom, Form, Member, Place, Type, Which, table};

/// The most namespaces, and the most flexContainers, that can be registered.
const MOST_REGISTERED: usize = 1024;
/// The most attributes of a flexContainer.
const MOST_ATTRIBUTES: usize = 4096;
/// The most bytes of a prefix or a name.
const MOST_NAME: usize = 255;
/// The most bytes of a namespace.
const MOST_URI: usize = 2048;
/// Where the order of the attributes begins: after those of every flexContainer.
const FIRST_ORDER: u16 = 0x100;

static REGISTRY: RwLock<Registry> = RwLock::new(Registry::new());

/// Makes `prefix` stand for the namespace `uri` in XML, in this whole process.
///
/// JSON and CBOR know prefixes only (`acme:thermo`). In XML the same member is written and recognized by its namespace.
/// The namespaces of oneM2M and of its domains (`m2m`, `cod`, `hod`, …) are known already. Every namespace has one prefix, and
/// registering the same pair again does nothing.
///
/// May be called at any time and from any thread; messages are read and written by what is registered at that moment.
/// It cannot be undone.
///
/// # Errors
/// [`RegisterError`] if `prefix` is not an XML name without a colon or begins with `xml`, if `uri` is empty, too long or has
/// white space in it, if either of them already belongs to another, or if there are too many (1024).
pub fn register_namespace(prefix: &str, uri: &str) -> Result<(), RegisterError> {
    REGISTRY.write().unwrap_or_else(PoisonError::into_inner).add_namespace(prefix, uri)
}

/// Describes a flexContainer of one's own, in this whole process.
///
/// `root` is the name of its member (`acme:thermo`), whose prefix must be known; `attributes` are its custom attributes in the order
/// in which they stand in XML. It has the attributes of every flexContainer without being told. Registering
/// the same again does nothing. Without a description, XML cannot tell a number from a text.
///
/// May be called at any time and from any thread; messages are read and written by what is registered at that moment.
/// It cannot be undone.
///
/// # Errors
/// [`RegisterError`] if a name is not an XML name, if the prefix is unknown, if the root or an attribute belongs to the standard,
/// if the root is described differently already, if an attribute is there twice, or if there are too many
/// (1024 flexContainers, 4096 attributes in one).
///
/// # Examples
/// ```
/// use onem2m_ws::codec::{AttributeType, register_flex_container, register_namespace};
///
/// register_namespace("acme", "http://acme.example/iot")?;
/// register_flex_container(
///     "acme:thermo",
///     &[("temp", AttributeType::Number), ("unit", AttributeType::String), ("alarms", "integer_list".parse()?)],
/// )?;
/// # Ok::<(), onem2m_ws::codec::RegisterError>(())
/// ```
pub fn register_flex_container(root: &str, attributes: &[(&str, AttributeType)]) -> Result<(), RegisterError> {
    REGISTRY.write().unwrap_or_else(PoisonError::into_inner).add_container(root, attributes)
}

macro_rules! attribute_types {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $form:expr;)*) => {
        /// What a custom attribute of a flexContainer holds.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum AttributeType {
            $($(#[doc = $doc])* $variant,)*
        }

        impl AttributeType {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name: `string_list` for [`StringList`](Self::StringList).
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            const fn form(self) -> Form {
                match self { $(Self::$variant => $form,)* }
            }
        }
    };
}

attribute_types! {
    /// Text in which white space counts.
    String = "string", Form::Atom(Atom::Text);
    /// A whole number, or an enumeration.
    Integer = "integer", Form::Atom(Atom::Integer);
    /// Any number.
    Number = "number", Form::Atom(Atom::Number);
    /// True or false.
    Boolean = "boolean", Form::Atom(Atom::Boolean);
    /// A time, as text.
    Timestamp = "timestamp", Form::Atom(Atom::Token);
    /// A URI or an identifier, as text.
    Uri = "uri", Form::Atom(Atom::Token);
    /// An array of texts without white space.
    StringList = "string_list", Form::List(Atom::Text);
    /// An array of whole numbers.
    IntegerList = "integer_list", Form::List(Atom::Integer);
    /// An array of numbers.
    NumberList = "number_list", Form::List(Atom::Number);
    /// An array of booleans.
    BooleanList = "boolean_list", Form::List(Atom::Boolean);
    /// Anything; XML can carry it if it is text.
    Any = "any", Form::Any;
}

impl FromStr for AttributeType {
    type Err = RegisterError;

    fn from_str(name: &str) -> Result<Self, RegisterError> {
        let found = Self::ALL.iter().find(|known| known.name() == name);
        found.copied().ok_or_else(|| RegisterError::UnknownType(name.to_owned()))
    }
}

/// Why something was not registered. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// Not an XML name, or longer than 255 bytes; or the name of a root without its prefix.
    BadName(String),
    /// Not the name of a namespace: empty, longer than 2048 bytes, or with white space or control characters.
    BadUri(String),
    /// No namespace is known for this prefix.
    UnknownPrefix(String),
    /// There is no [`AttributeType`] of this name.
    UnknownType(String),
    /// The name belongs to the standard or to XML.
    Reserved(String),
    /// The name is registered with another meaning, or is there twice.
    Conflict(String),
    /// No more can be registered, or not with as many attributes.
    TooMany,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName(name) => write!(f, "{name:?} is not a valid name"),
            Self::BadUri(uri) => write!(f, "{uri:?} is not a valid namespace"),
            Self::UnknownPrefix(prefix) => write!(f, "the prefix {prefix:?} has no namespace: register that first"),
            Self::UnknownType(name) => write!(f, "there is no attribute type {name:?}"),
            Self::Reserved(name) => write!(f, "{name:?} belongs to the standard"),
            Self::Conflict(name) => write!(f, "{name:?} is already registered with another meaning"),
            Self::TooMany => f.write_str("too many names are registered"),
        }
    }
}

impl std::error::Error for RegisterError {}

/// A flexContainer that the application described.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Container {
    root: &'static str,
    /// By name; their order in XML is in each.
    attributes: Vec<Member>,
}

impl Container {
    /// A custom attribute.
    pub(super) fn member(&self, name: &str) -> Option<Member> {
        let found = self.attributes.binary_search_by_key(&name, |attribute| attribute.name);
        found.ok().map(|at| self.attributes[at])
    }

    /// Whether it is described just so.
    fn is(&self, attributes: &[(&str, AttributeType)]) -> bool {
        let same = |((name, form), order): (&(&str, AttributeType), u16)| {
            self.member(name).is_some_and(|known| known.form == form.form() && known.order == order)
        };
        self.attributes.len() == attributes.len() && attributes.iter().zip(FIRST_ORDER..).all(same)
    }
}

/// A flexContainer by the name of its root.
pub(super) fn container(root: &str) -> Option<Member> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.containers.get(root).map(|container| member(container.root, Form::Object(Type(Which::Own(container))), 0))
}

pub(super) fn uri_of(prefix: &str) -> Option<&'static str> {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner).namespaces.get(prefix).copied()
}

pub(super) fn prefix_of(uri: &str) -> Option<&'static str> {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner).prefixes.get(uri).copied()
}

/// All that is registered.
struct Registry {
    namespaces: BTreeMap<&'static str, &'static str>,
    /// The same the other way round.
    prefixes: BTreeMap<&'static str, &'static str>,
    containers: BTreeMap<&'static str, &'static Container>,
}

impl Registry {
    const fn new() -> Self {
        Self { namespaces: BTreeMap::new(), prefixes: BTreeMap::new(), containers: BTreeMap::new() }
    }

    fn add_namespace(&mut self, prefix: &str, uri: &str) -> Result<(), RegisterError> {
        check_name(prefix)?;
        if prefix.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml")) {
            return Err(RegisterError::Reserved(prefix.to_owned()));
        }
        if uri.is_empty() || uri.len() > MOST_URI || !uri.chars().all(is_uri_char) {
            return Err(RegisterError::BadUri(uri.to_owned()));
        }
        if uri.starts_with("http://www.w3.org/XML/1998/namespace") || uri.starts_with("http://www.w3.org/2000/xmlns/") {
            return Err(RegisterError::Reserved(uri.to_owned()));
        }
        let of_prefix = table::uri_of(prefix).or_else(|| self.namespaces.get(prefix).copied());
        let of_uri = table::prefix_of(uri, prefix).or_else(|| self.prefixes.get(uri).copied());
        match (of_prefix, of_uri) {
            (None, None) => {}
            (Some(known), Some(_)) if known == uri => return Ok(()),
            (Some(_), _) => return Err(RegisterError::Conflict(prefix.to_owned())),
            (None, Some(_)) => return Err(RegisterError::Conflict(uri.to_owned())),
        }
        if self.namespaces.len() == MOST_REGISTERED {
            return Err(RegisterError::TooMany);
        }
        let (prefix, uri) = (leak(prefix), leak(uri));
        self.namespaces.insert(prefix, uri);
        self.prefixes.insert(uri, prefix);
        Ok(())
    }

    fn add_container(&mut self, root: &str, attributes: &[(&str, AttributeType)]) -> Result<(), RegisterError> {
        let (prefix, name) = root.split_once(':').ok_or_else(|| RegisterError::BadName(root.to_owned()))?;
        check_name(prefix)?;
        check_name(name)?;
        if prefix == "m2m" || table::has(table::ROOTS, root) {
            return Err(RegisterError::Reserved(root.to_owned()));
        }
        if table::uri_of(prefix).is_none() && !self.namespaces.contains_key(prefix) {
            return Err(RegisterError::UnknownPrefix(prefix.to_owned()));
        }
        if let Some(known) = self.containers.get(root) {
            return if known.is(attributes) { Ok(()) } else { Err(RegisterError::Conflict(root.to_owned())) };
        }
        if self.containers.len() == MOST_REGISTERED || attributes.len() > MOST_ATTRIBUTES {
            return Err(RegisterError::TooMany);
        }
        check_attributes(attributes)?;

        let described = attributes.iter().zip(FIRST_ORDER..);
        let described = described.map(|((name, form), order)| member(leak(name), form.form(), order));
        let mut container = Container { root: leak(root), attributes: described.collect() };
        container.attributes.sort_unstable_by_key(|attribute| attribute.name);
        self.containers.insert(container.root, Box::leak(Box::new(container)));
        Ok(())
    }
}

fn member(name: &'static str, form: Form, order: u16) -> Member {
    Member { name, form, repeated: false, place: Place::Element, order, may_be_empty: false }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.into())
}

/// Each has a name, and one that neither another of them nor every flexContainer has.
fn check_attributes(attributes: &[(&str, AttributeType)]) -> Result<(), RegisterError> {
    let mut names: Vec<&str> = attributes.iter().map(|attribute| attribute.0).collect();
    names.sort_unstable();
    for name in &names {
        check_name(name)?;
        if matches!(*name, "rn" | "ch") || table::has(table::FLEX_CONTAINER, name) {
            return Err(RegisterError::Reserved((*name).to_owned()));
        }
    }
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(RegisterError::Conflict(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// An XML name without a colon.
fn check_name(name: &str) -> Result<(), RegisterError> {
    let begins = name.starts_with(is_name_start);
    if begins && name.len() <= MOST_NAME && name.chars().all(is_name_char) {
        Ok(())
    } else {
        Err(RegisterError::BadName(name.to_owned()))
    }
}

/// Whether the name of a namespace may have it: XML can carry it, and does not change it as it does white space.
fn is_uri_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// `NameStartChar` of XML 1.0 without the colon.
fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` of XML 1.0 without the colon.
fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "http://acme.example/iot";

    fn with_acme() -> Registry {
        let mut registry = Registry::new();
        registry.add_namespace("acme", URI).unwrap();
        registry
    }

    #[test]
    fn attribute_types_have_names() {
        for known in AttributeType::ALL {
            assert_eq!(known.name().parse(), Ok(*known));
        }
        for unknown in ["", "String", "list", "string_list "] {
            assert_eq!(unknown.parse::<AttributeType>(), Err(RegisterError::UnknownType(unknown.into())));
        }
    }

    #[test]
    fn a_namespace_is_registered_once() {
        let mut registry = with_acme();
        assert_eq!(registry.add_namespace("acme", URI), Ok(()));
        assert_eq!(registry.add_namespace("acme", "urn:other"), Err(RegisterError::Conflict("acme".into())));
        assert_eq!(registry.add_namespace("other", URI), Err(RegisterError::Conflict(URI.into())));
        assert_eq!(registry.namespaces.len(), 1);
    }

    #[test]
    fn a_namespace_of_the_standard_stays_what_it_is() {
        let mut registry = Registry::new();
        let home = "http://www.onem2m.org/xml/protocols/homedomain";
        for (prefix, uri) in [("m2m", super::super::M2M), ("hd", home), ("hod", home)] {
            assert_eq!(registry.add_namespace(prefix, uri), Ok(()), "the same again");
            assert_eq!(registry.add_namespace(prefix, URI), Err(RegisterError::Conflict(prefix.into())));
            assert_eq!(registry.add_namespace("acme", uri), Err(RegisterError::Conflict(uri.into())));
        }
        let horizontal = "http://www.onem2m.org/xml/protocols/horizontal";
        assert_eq!(registry.add_namespace("hd", horizontal), Err(RegisterError::Conflict("hd".into())));
        assert!(registry.namespaces.is_empty());
    }

    #[test]
    fn names_are_xml_names() {
        let longest = "a".repeat(MOST_NAME);
        for good in ["a", "_", "A-1.b", "küche", "\u{10000}", &longest] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let too_long = "a".repeat(MOST_NAME + 1);
        for bad in ["", "1a", "-a", ".a", "a:b", "a b", "a\0", "×", "a÷", "\u{FFFE}", &too_long] {
            assert_eq!(check_name(bad), Err(RegisterError::BadName(bad.into())), "{bad}");
            assert!(Registry::new().add_namespace(bad, URI).is_err());
            assert!(with_acme().add_container(&format!("acme:{bad}"), &[]).is_err());
            assert!(with_acme().add_container("acme:x", &[(bad, AttributeType::String)]).is_err());
        }
        for reserved in ["xml", "xmlns", "XMLfoo"] {
            assert_eq!(Registry::new().add_namespace(reserved, URI), Err(RegisterError::Reserved(reserved.into())));
        }
    }

    #[test]
    fn namespaces_are_not_empty_and_have_no_white_space() {
        let longest = "u".repeat(MOST_URI);
        assert_eq!(Registry::new().add_namespace("acme", &longest), Ok(()));
        let too_long = "u".repeat(MOST_URI + 1);
        for bad in ["", " ", "a b", "a\n", "a\0", "a\u{FFFF}", &too_long] {
            assert_eq!(Registry::new().add_namespace("acme", bad), Err(RegisterError::BadUri(bad.into())));
        }
        for reserved in ["http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"] {
            assert_eq!(Registry::new().add_namespace("acme", reserved), Err(RegisterError::Reserved(reserved.into())));
        }
    }

    #[test]
    fn a_flex_container_is_described_once() {
        let mut registry = with_acme();
        let described = [("temp", AttributeType::Number), ("unit", AttributeType::String)];
        assert_eq!(registry.add_container("acme:thermo", &described), Ok(()));
        assert_eq!(registry.add_container("acme:thermo", &described), Ok(()));
        let conflict = Err(RegisterError::Conflict("acme:thermo".into()));
        let [temp, unit] = described;
        let longer = [temp, unit, ("more", AttributeType::Any)];
        let other_type = [("temp", AttributeType::Integer), unit];
        for other in [&[temp][..], &[unit, temp], &other_type, &longer, &[]] {
            assert_eq!(registry.add_container("acme:thermo", other), conflict);
        }
        assert_eq!(registry.containers.len(), 1);
    }

    #[test]
    fn a_flex_container_needs_a_prefix_that_is_known() {
        let mut registry = with_acme();
        assert_eq!(registry.add_container("thermo", &[]), Err(RegisterError::BadName("thermo".into())));
        assert_eq!(registry.add_container("nobody:x", &[]), Err(RegisterError::UnknownPrefix("nobody".into())));
        assert_eq!(registry.add_container("dcfg:x", &[]), Err(RegisterError::UnknownPrefix("dcfg".into())));
        assert_eq!(registry.add_container("cod:ownOne", &[]), Ok(()), "a prefix of the standard");
        for reserved in ["m2m:own", "m2m:cnt", "cod:color"] {
            assert_eq!(registry.add_container(reserved, &[]), Err(RegisterError::Reserved(reserved.into())));
        }
    }

    #[test]
    fn attributes_are_not_those_of_every_flex_container() {
        for reserved in ["ty", "rn", "ri", "lbl", "cnd", "nl", "fcied", "ch"] {
            let described = [("ok", AttributeType::Any), (reserved, AttributeType::Any)];
            assert_eq!(
                with_acme().add_container("acme:x", &described),
                Err(RegisterError::Reserved(reserved.into())),
                "{reserved}"
            );
        }
        let twice = [("a", AttributeType::String), ("b", AttributeType::Any), ("a", AttributeType::String)];
        assert_eq!(with_acme().add_container("acme:x", &twice), Err(RegisterError::Conflict("a".into())));
    }

    #[test]
    fn there_are_limits() {
        let mut registry = with_acme();
        let names: Vec<String> = (0..=MOST_ATTRIBUTES).map(|number| format!("a{number}")).collect();
        let described: Vec<_> = names.iter().map(|name| (name.as_str(), AttributeType::Any)).collect();
        assert_eq!(registry.add_container("acme:x", &described), Err(RegisterError::TooMany));
        assert_eq!(registry.add_container("acme:x", &described[..MOST_ATTRIBUTES]), Ok(()));
        let last = FIRST_ORDER + MOST_ATTRIBUTES as u16 - 1;
        assert_eq!(registry.containers["acme:x"].member(&names[MOST_ATTRIBUTES - 1]).unwrap().order, last);

        for number in 1..MOST_REGISTERED {
            registry.add_namespace(&format!("p{number}"), &format!("urn:{number}")).unwrap();
            registry.add_container(&format!("acme:x{number}"), &[]).unwrap();
        }
        assert_eq!(registry.add_namespace("more", "urn:more"), Err(RegisterError::TooMany));
        assert_eq!(registry.add_container("acme:more", &[]), Err(RegisterError::TooMany));
        assert_eq!(registry.add_namespace("p1", "urn:1"), Ok(()), "it is there already");
    }

    #[test]
    fn errors_say_what_was_wrong() {
        assert_eq!(RegisterError::BadName("a b".into()).to_string(), "\"a b\" is not a valid name");
        assert!(RegisterError::UnknownPrefix("x".into()).to_string().contains("\"x\""));
    }
}
