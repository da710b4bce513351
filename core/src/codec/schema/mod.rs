//! What the members of primitives, resources and complex types look like in XML.
//!
//! Covers: TS-0004 6.1 (namespaces), 6.3 (data types), 6.4 (parameters), 6.3.6 and 7.4 (attributes and their order), 7.5.2
//! (what stands in `pc`), TS-0023 (flexContainers of the standard), and those of the application ([`register`]). A name
//! alone does not tell: `ty` is a number in a resource and a list in filter criteria. So every name is asked for in its
//! type. Does not check values, nor which members may stand together.

mod register;
mod table;
#[cfg(test)]
mod tests;

pub use register::{AttributeType, RegisterError, register_flex_container, register_namespace};

use register::Container;
use table::Kind;

/// The namespace of oneM2M itself, whose prefix is `m2m`.
pub(crate) const M2M: &str = "http://www.onem2m.org/xml/protocols";

/// A value that is one text in XML.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Atom {
    /// `xs:string` and what is made of it: a JSON string, in which white space counts.
    Text,
    /// `xs:anyURI`, `xs:token`, `xs:NCName`, identifiers, times, base64: a JSON string that neither begins nor ends with white
    /// space.
    Token,
    /// `m2m:absRelTimestamp`: a JSON string; an integer is accepted.
    Time,
    /// Integers and all enumerations: a JSON number.
    Integer,
    /// `xs:float` and `xs:double`: a JSON number.
    Number,
    /// `xs:boolean`.
    Boolean,
}

/// How a member looks in XML.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// One text.
    Atom(Atom),
    /// `xs:anyType`, `xs:anySimpleType`: only a JSON string can be carried as text.
    Any,
    /// `xs:list`: a JSON array, one element with blanks between the items.
    List(Atom),
    /// A JSON object: elements in an element.
    Object(Type),
}

/// Where the value of a member stands in the XML element of its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In an element of its own.
    Element,
    /// In an XML attribute.
    Attribute,
    /// It is the text of the element.
    Text,
}

/// A member of a complex type, a resource or a primitive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    /// Its name in JSON: `ty`, `m2m:sgn`, `cod:color`.
    pub(crate) name: &'static str,
    /// What its value is, or each of its values.
    pub(crate) form: Form,
    /// A JSON array, even of one; one element for each value.
    pub(crate) repeated: bool,
    /// Where its value stands.
    pub(crate) place: Place,
    /// Its position among its siblings in XML. Siblings of the same order stand in any order.
    pub(crate) order: u16,
    /// An empty element is an empty list, and not null.
    pub(crate) may_be_empty: bool,
}

/// A complex type, a resource type or a primitive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Type(Which);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// By its number in the tables.
    Standard(u16),
    /// Described by the application.
    Own(&'static Container),
}

impl Type {
    /// A request primitive.
    pub(crate) const REQUEST: Self = Self::standard(table::REQUEST);
    /// A response primitive.
    pub(crate) const RESPONSE: Self = Self::standard(table::RESPONSE);
    /// What stands in `pc`, and in `rep` of a notification: any one root.
    pub(crate) const CONTENT: Self = Self::standard(table::CONTENT);

    const fn standard(shape: u16) -> Self {
        Self(Which::Standard(shape))
    }

    /// The member with this JSON name.
    ///
    /// A resource has, in this order, its own attributes, those of all other resources (for later releases, and for peers
    /// that add them), references to children, and children: the root of any resource, repeated.
    pub(crate) fn member(self, name: &str) -> Option<Member> {
        let number = table::number(name);
        let among = |shape| table::member(shape, number?);
        let own = match self.0 {
            Which::Standard(shape) => among(shape),
            Which::Own(container) => container.member(name).or_else(|| among(table::FLEX_CONTAINER)),
        };
        // Every root has a prefix: other names need not take the lock.
        let resource = || among(table::ROOTS).or_else(|| if is_own(name) { register::container(name) } else { None });
        own.or_else(|| match self.kind() {
            Kind::Plain => None,
            Kind::Wrapper => resource(),
            Kind::Resource => among(table::ATTRIBUTES)
                .or_else(|| resource().map(|child| Member { repeated: true, order: u16::MAX, ..child })),
        })
    }

    /// Whether one of its members is a root: the content of a primitive, the representation in a notification, and the
    /// resource beside `uri` in `m2m:rce`.
    pub(crate) fn holds_root(self) -> bool {
        self.kind() == Kind::Wrapper
    }

    fn kind(self) -> Kind {
        match self.0 {
            Which::Standard(shape) => table::kind(shape),
            Which::Own(_) => Kind::Resource,
        }
    }
}

/// Whether a name can be that of a flexContainer which the application has described.
fn is_own(name: &str) -> bool {
    name.contains(':') && !name.starts_with("m2m:")
}

/// The namespace that a prefix stands for, where the standard or the application says so.
pub(crate) fn uri_of(prefix: &str) -> Option<&'static str> {
    table::uri_of(prefix).or_else(|| register::uri_of(prefix))
}

/// The prefix for a namespace. `wanted` is the one in the document, which is taken if it is known for this namespace: the home
/// domain is both `hd` and `hod`.
pub(crate) fn prefix_of(uri: &str, wanted: &str) -> Option<&'static str> {
    table::prefix_of(uri, wanted).or_else(|| register::prefix_of(uri))
}
