//! Elements to the JSON data model.
//!
//! Covers: TS-0004 8.3.1 and 8.4.2 as far as they correspond: XML attributes are members, lists and repeated elements are arrays,
//! an empty element is null. Where that could also be an empty text or an empty list, the rule is: in a request it is null, in a
//! response an empty text; an empty list where the type says so. What the schema does not know is a text, or an object
//! if there are elements in it. Does not know parameters: those are found by the envelope.

use std::borrow::Cow;

use super::super::item::Item;
use super::super::schema::{Form, Member, Place, Type};
use super::super::{DecodeError, DecodeErrorKind};
use super::chars::line_ends;
use super::gather::Gathered;
use super::name::{INSTANCE, Named, member_named};
use super::scope::Scope;
use super::source::{Event, Pieces, Source, Tag, syntax};
use super::value::{attribute_value, element_value, empty_text};
use crate::primitive::XmlPlace;

/// The member that is the text of its element.
pub(super) const TEXT_MEMBER: &str = "val";

/// Reads the element `text`, which is what the place says.
pub(in super::super) fn read(text: &str, place: XmlPlace, max_depth: u32) -> Result<Item<'_>, DecodeError> {
    let is_parameter = place.is_parameter || is_parameter(text);
    let parent = if is_parameter { primitive(place.in_response) } else { Type::CONTENT };
    let (name, item) = read_member(text, Scope::STANDARD, parent, place.in_response, max_depth)?;
    Ok(if is_parameter { item } else { Item::Object(vec![(name, item)]) })
}

/// Whether an element that an application has written is a parameter with members of its own, such as `<fc>`: what stands in
/// `pc` has a prefix.
fn is_parameter(text: &str) -> bool {
    let name = text.strip_prefix('<').and_then(|rest| rest.split([' ', '/', '>']).next()).unwrap_or_default();
    let member = Type::REQUEST.member(name).or_else(|| Type::RESPONSE.member(name));
    member.is_some_and(|member| matches!(member.form, Form::Object(_)))
}

/// The type of a primitive.
pub(super) fn primitive(is_response: bool) -> Type {
    if is_response { Type::RESPONSE } else { Type::REQUEST }
}

/// Reads the element `text`, a member of `parent`, in whose place the declarations in `scope` hold.
pub(super) fn read_member<'a>(
    text: &'a str,
    scope: Scope<'a>,
    parent: Type,
    in_response: bool,
    max_depth: u32,
) -> Result<(Cow<'a, str>, Item<'a>), DecodeError> {
    let mut reader = Reader { source: Source::new(text, scope, max_depth)? };
    let Event::Start(tag) = reader.source.next()? else { return Err(syntax("an element", 0)) };
    let named = reader.member(Some(parent), &tag)?;
    let member = reader.value(&tag, named, in_response)?;
    match reader.source.next()? {
        Event::Eof => Ok(member),
        _ => Err(DecodeError::at(DecodeErrorKind::TrailingBytes, reader.source.at())),
    }
}

/// Reads the text of the element `text`.
pub(super) fn read_text<'a>(text: &'a str, scope: Scope<'a>, max_depth: u32) -> Result<Cow<'a, str>, DecodeError> {
    let mut reader = Reader { source: Source::new(text, scope, max_depth)? };
    let Event::Start(tag) = reader.source.next()? else { return Err(syntax("an element", 0)) };
    reader.text(&tag)
}

struct Reader<'a> {
    source: Source<'a>,
}

/// What an element holds.
struct Inside<'a> {
    members: Gathered<'a>,
    text: Pieces<'a>,
    /// Whether some of the members are elements.
    elements: bool,
}

impl<'a> Reader<'a> {
    fn member(&self, parent: Option<Type>, tag: &Tag<'a>) -> Result<Named<'a>, DecodeError> {
        self.source
            .scope
            .resolve(tag.prefix)
            .and_then(|found| member_named(parent, tag.name, tag.prefix, tag.local, found.uri))
            .ok_or_else(|| syntax("a namespace that is registered", tag.start))
    }

    /// The value of an element whose start tag has been read. Calls itself no deeper than the source allows.
    fn value(
        &mut self,
        tag: &Tag<'a>,
        (name, member): Named<'a>,
        in_response: bool,
    ) -> Result<(Cow<'a, str>, Item<'a>), DecodeError> {
        let value = match member {
            Some(Member { form: Form::Object(own), .. }) => self.object(tag, own, name.contains(':'), in_response),
            Some(Member { form: form @ (Form::Atom(_) | Form::List(_)), may_be_empty, .. }) => self
                .text(tag)
                .and_then(|text| element_value(form, may_be_empty, text, in_response).map_err(|why| bad(why, tag))),
            _ => self.unknown(tag, in_response),
        };
        match value {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(error.inside(&name)),
        }
    }

    /// An element that holds text alone.
    fn text(&mut self, tag: &Tag<'a>) -> Result<Cow<'a, str>, DecodeError> {
        let mut members = Gathered::default();
        self.attributes(tag, None, &mut members)?;
        let (mut text, mut more) = (Pieces::default(), !tag.empty);
        while more {
            match self.source.next()? {
                Event::Text(piece) => text.push(line_ends(piece)),
                Event::Char(c) => text.push(c.to_string().into()),
                Event::Start(_) => return Err(bad("text alone", tag)),
                Event::End | Event::Eof | Event::Aside => more = false,
            }
        }
        if members.is_empty() { Ok(text.into_text()) } else { Err(bad("text alone", tag)) }
    }

    /// An element of a type that has members.
    fn object(
        &mut self,
        tag: &Tag<'a>,
        own: Type,
        is_global: bool,
        in_response: bool,
    ) -> Result<Item<'a>, DecodeError> {
        let in_response = in_primitive(own).unwrap_or(in_response);
        let Inside { mut members, text, elements } = self.inside(tag, Some(own), in_response)?;
        if !text.is_blank() {
            let member = own.member(TEXT_MEMBER).filter(|member| member.place == Place::Text && !elements);
            let member = member.ok_or_else(|| bad("elements", tag))?;
            let value = element_value(member.form, false, text.into_text(), in_response);
            let value = value.map_err(|why| bad(why, tag).inside(TEXT_MEMBER))?;
            members.add(member.name.into(), Some(&member), value, tag.start)?;
        }
        // What can stand anywhere is there, even if it holds nothing.
        Ok(if members.is_empty() && !is_global { Item::Null } else { Item::Object(members.into_members()) })
    }

    /// An element of which nothing is known.
    fn unknown(&mut self, tag: &Tag<'a>, in_response: bool) -> Result<Item<'a>, DecodeError> {
        let Inside { mut members, text, elements } = self.inside(tag, None, in_response)?;
        if members.is_empty() {
            let text = text.into_text();
            return Ok(if text.is_empty() { empty_text(in_response) } else { Item::Text(text) });
        }
        if !text.is_blank() {
            if elements {
                return Err(bad("either text or elements", tag));
            }
            members.add(TEXT_MEMBER.into(), None, Item::Text(text.into_text()), tag.start)?;
        }
        Ok(Item::Object(members.into_members()))
    }

    /// What an element of the type `own` holds, up to its end.
    fn inside(&mut self, tag: &Tag<'a>, own: Option<Type>, in_response: bool) -> Result<Inside<'a>, DecodeError> {
        let mut members = Gathered::default();
        self.attributes(tag, own, &mut members)?;
        let (mut text, mut elements) = (Pieces::default(), false);
        if tag.empty {
            return Ok(Inside { members, text, elements });
        }
        loop {
            match self.source.next()? {
                Event::Start(child) => {
                    elements = true;
                    let named = self.member(own, &child)?;
                    let member = named.1;
                    let (name, value) = self.value(&child, named, in_response)?;
                    members.add(name, member.as_ref(), value, child.start)?;
                }
                Event::Text(piece) => text.push(line_ends(piece)),
                Event::Char(c) => text.push(c.to_string().into()),
                Event::End | Event::Eof | Event::Aside => return Ok(Inside { members, text, elements }),
            }
        }
    }

    fn attributes(&self, tag: &Tag<'a>, own: Option<Type>, members: &mut Gathered<'a>) -> Result<(), DecodeError> {
        if !tag.has_attributes() {
            return Ok(());
        }
        for attribute in tag.attributes().filter(|attribute| !attribute.is_declaration()) {
            // The default namespace is not that of attributes.
            let resolved = self.source.scope.resolve(attribute.prefix).filter(|_| !attribute.prefix.is_empty());
            let uri = resolved.map_or("", |found| found.uri);
            if uri == INSTANCE {
                continue;
            }
            let named = if uri.is_empty() {
                // There are no global attributes.
                let member = own.and_then(|own| own.member(attribute.local));
                Some((Cow::Borrowed(attribute.local), member))
            } else {
                member_named(own, attribute.name, attribute.prefix, attribute.local, uri)
            };
            let (name, member) = named.ok_or_else(|| syntax("a namespace that is registered", attribute.at))?;
            let form = member.map_or(Form::Any, |member| member.form);
            let value = attribute_value(form, attribute.value()?).map_err(|why| bad(why, tag).inside(&name))?;
            members.add(name, member.as_ref(), value, attribute.at)?;
        }
        Ok(())
    }
}

/// What the rule for empty elements is inside of a primitive.
pub(super) fn in_primitive(own: Type) -> Option<bool> {
    match own {
        Type::RESPONSE => Some(true),
        Type::REQUEST => Some(false),
        _ => None,
    }
}

fn bad(expected: &'static str, tag: &Tag<'_>) -> DecodeError {
    DecodeError::at(DecodeErrorKind::BadMember { path: String::new(), expected }, tag.start)
}
