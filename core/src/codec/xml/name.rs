//! Which member of the JSON data model an element or an attribute is.
//!
//! Covers: TS-0004 8.3.1, 8.4.2 rule 3, 7.5.2 (only what is declared globally has a prefix). Names are matched by their
//! namespace; one with a prefix too many or too few is understood. Does not read values.

use std::borrow::Cow;

use super::super::schema::{self, M2M, Member, Type};

/// The attributes of this namespace say how to check a document, and nothing about what it holds.
pub(super) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A member: its name in JSON, and what is known of it.
pub(super) type Named<'a> = (Cow<'a, str>, Option<Member>);

/// The member of `parent` that has the name `name` = `prefix:local`, whose prefix stands for `uri`. `None` if nothing is known
/// of the namespace, so that no prefix can stand for it in JSON.
pub(super) fn member_named<'a>(
    parent: Option<Type>,
    name: &'a str,
    prefix: &str,
    local: &'a str,
    uri: &str,
) -> Option<Named<'a>> {
    let known = |name: &str| parent.and_then(|parent| parent.member(name));
    let found = |member: Member| (Cow::Borrowed(member.name), Some(member));
    let holds_root = parent.is_some_and(Type::holds_root);
    if uri.is_empty() {
        if let Some(member) = known(local) {
            return Some(found(member));
        }
        // Only a type that is known has global members.
        let global = if parent.is_some() { format!("m2m:{local}") } else { String::new() };
        return Some(match known(&global) {
            Some(member) => found(member),
            None if holds_root => (global.into(), None),
            None => (local.into(), None),
        });
    }
    if uri == M2M {
        let global = if prefix == "m2m" { Cow::Borrowed(name) } else { format!("m2m:{local}").into() };
        return Some(match known(&global).or_else(|| known(local)) {
            Some(member) => found(member),
            // In a document with a default namespace, what should have none is in that.
            None if prefix.is_empty() && !holds_root => (local.into(), None),
            None => (global, None),
        });
    }
    let global = match schema::prefix_of(uri, prefix) {
        Some(known) if known == prefix => Cow::Borrowed(name),
        Some(known) => format!("{known}:{local}").into(),
        None if prefix.is_empty() || schema::uri_of(prefix).is_some() => return None,
        None => Cow::Borrowed(name),
    };
    Some(match known(&global).or_else(|| known(local).filter(|_| prefix.is_empty())) {
        Some(member) => found(member),
        None => (global, None),
    })
}
