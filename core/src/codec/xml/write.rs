//! The JSON data model to elements.
//!
//! Covers: TS-0004 8.3.1 (the order of elements, XML attributes, lists with blanks between, repeated elements, null as an
//! empty element), 6.1 (namespaces). Whatever would not be read back as the same value is refused: XML has neither types nor
//! control characters, and an empty element can mean one thing only. Two things are written as what they mean: a number where
//! a time is, as its digits, and a root without its prefix, with it.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::{BufMut, BytesMut};

use super::super::item::{Item, Members};
use super::super::schema::{self, Atom, Form, M2M, Member, Place, Type};
use super::super::{EncodeError, MAX_DEPTH};
use super::chars::{is_blank, split_name};
use super::name::member_named;
use super::read::in_primitive;
use super::text::{list_text, value_text, write_attribute, write_text};

/// Where the element in `pc` stands.
const CONTENT_LEVEL: u32 = 3;

/// Appends the element that stands in `pc` for this content.
pub(in super::super) fn write_content(
    item: &Item<'_>,
    in_response: bool,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    match item {
        Item::Object(members) => match members.as_slice() {
            [(name, value)] => {
                let mut writer = Writer { out, declared: Vec::new() };
                writer.member(Type::CONTENT, name, value, in_response, CONTENT_LEVEL)
            }
            _ => Err(EncodeError::not_carried("not exactly one member")),
        },
        _ => Err(EncodeError::not_carried("no object")),
    }
}

/// Appends the elements of one parameter of the primitive `own`.
pub(super) fn write_parameter(
    own: Type,
    name: &str,
    item: &Item<'_>,
    in_response: bool,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if matches!(item, Item::List(_)) && own.member(name).is_none() {
        // A primitive has each parameter once, so that elements cannot stand for the items.
        return Err(EncodeError::not_carried("a list that is no parameter").inside(name));
    }
    Writer { out, declared: Vec::new() }.member(own, name, item, in_response, CONTENT_LEVEL - 1)
}

struct Writer<'w> {
    out: &'w mut BytesMut,
    /// The prefixes besides `m2m` that are declared where the next element goes.
    declared: Vec<String>,
}

/// An element or an attribute: how it is called, and what is known of it.
struct Named<'n> {
    name: Cow<'n, str>,
    /// A prefix that needs a declaration, and its namespace.
    declaration: Option<(&'n str, &'static str)>,
    member: Option<Member>,
    /// It stands where one root must be.
    is_root: bool,
}

impl Named<'_> {
    fn place(&self) -> Place {
        self.member.map_or(Place::Element, |member| member.place)
    }

    /// Among its siblings. What is not known stands last.
    fn order(&self) -> u32 {
        self.member.map_or(u32::MAX, |member| member.order.into())
    }
}

/// What is known of the place of an element.
#[derive(Clone, Copy)]
struct At {
    in_response: bool,
    level: u32,
}

impl Writer<'_> {
    fn member(
        &mut self,
        parent: Type,
        name: &str,
        value: &Item<'_>,
        in_response: bool,
        level: u32,
    ) -> Result<(), EncodeError> {
        let written =
            named(Some(parent), name).and_then(|named| self.elements(&named, value, At { in_response, level }));
        written.map_err(|error| error.inside(name))
    }

    /// All elements of a member.
    fn elements(&mut self, named: &Named<'_>, value: &Item<'_>, at: At) -> Result<(), EncodeError> {
        let several = match (named.member, value) {
            (Some(Member { repeated: true, .. }), Item::List(items)) => match items.as_slice() {
                [] => return Err(EncodeError::not_carried("an empty array of elements")),
                [Item::Null] => return Err(EncodeError::not_carried("an array of null alone")),
                items => items,
            },
            (Some(Member { repeated: true, .. }), Item::Null) => return self.element(named, value, at),
            (Some(Member { repeated: true, .. }), _) => {
                return Err(EncodeError::not_carried("something other than an array"));
            }
            (None, Item::List(_)) if named.is_root => {
                return Err(EncodeError::not_carried("an array instead of one root"));
            }
            (None, Item::List(items)) => match items.as_slice() {
                [] | [_] => return Err(EncodeError::not_carried("an array of unknown type with fewer than two items")),
                items => items,
            },
            _ => return self.element(named, value, at),
        };
        several.iter().try_for_each(|item| self.element(named, item, at))
    }

    /// One element. Calls itself no deeper than the elements of a primitive may nest.
    fn element(&mut self, named: &Named<'_>, value: &Item<'_>, at: At) -> Result<(), EncodeError> {
        if at.level > MAX_DEPTH {
            return Err(EncodeError::not_carried("elements that nest too deep"));
        }
        let before = self.declared.len();
        self.out.put_u8(b'<');
        self.out.put_slice(named.name.as_bytes());
        if let Some((prefix, uri)) = named.declaration
            && !self.declared.iter().any(|declared| declared == prefix)
        {
            self.out.put_slice(b" xmlns:");
            self.out.put_slice(prefix.as_bytes());
            self.out.put_slice(b"=\"");
            write_attribute(uri, self.out)?;
            self.out.put_u8(b'"');
            self.declared.push(prefix.to_owned());
        }
        let is_empty = match (named.member.map(|member| member.form), value) {
            (Some(Form::Object(own)), Item::Object(members)) => {
                let is_global = named.name.contains(':');
                if members.is_empty() && !is_global {
                    return Err(EncodeError::not_carried("an empty object"));
                }
                let in_response = in_primitive(own).unwrap_or(at.in_response);
                self.object(Some(own), members, At { in_response, ..at })?
            }
            (Some(Form::Object(_)), Item::Null) if !named.name.contains(':') => true,
            (Some(Form::Object(_)), Item::Null) => return Err(EncodeError::not_carried("null instead of an object")),
            (Some(Form::Object(_)), _) => return Err(EncodeError::not_carried("something other than an object")),
            (None | Some(Form::Any), Item::Object(members)) if !members.is_empty() => self.object(None, members, at)?,
            (form, value) => {
                let may_be_empty = named.member.is_some_and(|member| member.may_be_empty);
                let text = element_text(form.unwrap_or(Form::Any), may_be_empty, value, at.in_response)?;
                if !text.is_empty() {
                    self.out.put_u8(b'>');
                    write_text(&text, self.out)?;
                }
                text.is_empty()
            }
        };
        if is_empty {
            self.out.put_slice(b"/>");
        } else {
            self.out.put_slice(b"</");
            self.out.put_slice(named.name.as_bytes());
            self.out.put_u8(b'>');
        }
        self.declared.truncate(before);
        Ok(())
    }

    /// The attributes of an object, and what is in its element; whether there is nothing in it.
    fn object(&mut self, own: Option<Type>, members: &Members<'_>, at: At) -> Result<bool, EncodeError> {
        let mut text = None;
        let mut elements = Vec::with_capacity(members.len());
        for (name, value) in members {
            let written = named(own, name).and_then(|named| {
                match named.place() {
                    Place::Element => elements.push((named.order(), name, named, value)),
                    Place::Attribute => self.attribute(&named, value)?,
                    Place::Text => text = Some(element_text(form_of(&named), false, value, at.in_response)?),
                }
                Ok(())
            });
            written.map_err(|error| error.inside(name))?;
        }
        if let Some(text) = text {
            if !elements.is_empty() {
                return Err(EncodeError::not_carried("text beside elements"));
            }
            if is_blank(&text) {
                return Err(EncodeError::not_carried("an object with an empty text"));
            }
            self.out.put_u8(b'>');
            write_text(&text, self.out)?;
            return Ok(false);
        }
        if elements.is_empty() {
            return Ok(true);
        }
        self.out.put_u8(b'>');
        elements.sort_by_key(|(order, ..)| *order);
        if own.is_some_and(Type::holds_root) {
            // With its prefix and without it.
            let mut names = HashSet::with_capacity(elements.len());
            if !elements.iter().all(|(_, _, named, _)| names.insert(named.name.as_ref())) {
                return Err(EncodeError::not_carried("the same root twice"));
            }
        }
        let inside = At { level: at.level + 1, ..at };
        for (_, name, named, value) in elements {
            self.elements(&named, value, inside).map_err(|error| error.inside(name))?;
        }
        Ok(false)
    }

    fn attribute(&mut self, named: &Named<'_>, value: &Item<'_>) -> Result<(), EncodeError> {
        let text = match (form_of(named), value) {
            (_, Item::Null) => return Err(EncodeError::not_carried("null instead of a text")),
            (Form::Atom(Atom::Text | Atom::Token), Item::Text(text)) if text.is_empty() => Cow::Borrowed(""),
            (Form::Atom(atom), value) => value_text(atom, value)?,
            (Form::List(atom), Item::List(items)) => list_text(atom, items)?.into(),
            _ => return Err(EncodeError::not_carried("something other than a text")),
        };
        self.out.put_u8(b' ');
        self.out.put_slice(named.name.as_bytes());
        self.out.put_slice(b"=\"");
        write_attribute(&text, self.out)?;
        self.out.put_u8(b'"');
        Ok(())
    }
}

fn form_of(named: &Named<'_>) -> Form {
    named.member.map_or(Form::Any, |member| member.form)
}

/// The text of an element, if that means this value.
fn element_text<'v>(
    form: Form,
    may_be_empty: bool,
    value: &'v Item<'_>,
    in_response: bool,
) -> Result<Cow<'v, str>, EncodeError> {
    let is_text = matches!(form, Form::Any | Form::Atom(Atom::Text | Atom::Token | Atom::Time));
    match (form, value) {
        (_, Item::Null) if may_be_empty => Err(EncodeError::not_carried("null instead of a list")),
        (_, Item::Null) if is_text && in_response => Err(EncodeError::not_carried("null instead of a text")),
        (_, Item::Null) => Ok(Cow::Borrowed("")),
        (_, Item::Text(text)) if text.is_empty() && is_text => match in_response {
            true => Ok(Cow::Borrowed("")),
            false => Err(EncodeError::not_carried("an empty text")),
        },
        (Form::Any, Item::Text(text)) => Ok(Cow::Borrowed(text)),
        (Form::Any, Item::Boolean(_) | Item::Integer(_) | Item::Float(_)) => {
            Err(EncodeError::not_carried("a number or a boolean where any type can be"))
        }
        (Form::Any, _) => Err(EncodeError::not_carried("an array or an empty object where any type can be")),
        (Form::Atom(atom), value) => value_text(atom, value),
        (Form::List(_), Item::List(items)) if items.is_empty() && !may_be_empty => {
            Err(EncodeError::not_carried("an empty list"))
        }
        (Form::List(atom), Item::List(items)) => list_text(atom, items).map(Cow::Owned),
        (Form::List(_), _) => Err(EncodeError::not_carried("something other than a list")),
        (Form::Object(_), _) => Err(EncodeError::not_carried("an object instead of a text")),
    }
}

/// How a member of `parent` is called in XML, if its name is then read as the same again.
fn named<'n>(parent: Option<Type>, name: &'n str) -> Result<Named<'n>, EncodeError> {
    let Some((prefix, local)) = split_name(name) else {
        return Err(EncodeError::not_carried("a name that XML does not have"));
    };
    let is_root = parent.is_some_and(Type::holds_root);
    if prefix.is_empty() && is_root && parent.is_some_and(|parent| parent.member(name).is_none()) {
        let name = format!("m2m:{name}");
        // Peers leave the prefix off, and are understood where there is such a root.
        let member = parent.and_then(|parent| parent.member(&name));
        if member.is_none() {
            return Err(EncodeError::not_carried("a root without a prefix"));
        }
        return Ok(Named { name: name.into(), declaration: None, member, is_root });
    }
    let uri = match prefix {
        "" => "",
        "m2m" => M2M,
        _ => schema::uri_of(prefix)
            .ok_or_else(|| EncodeError::not_carried("a prefix whose namespace has not been registered"))?,
    };
    match member_named(parent, name, prefix, local, uri) {
        Some((read, member)) if read == name => {
            let declaration = (!prefix.is_empty() && prefix != "m2m").then_some((prefix, uri));
            Ok(Named { name: name.into(), declaration, member, is_root })
        }
        _ => Err(EncodeError::not_carried("a name that would be read as another")),
    }
}
