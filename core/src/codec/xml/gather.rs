//! The members of an object, as its elements come.
//!
//! Covers: TS-0004 8.4.2 (one member for all elements of a name; an array, also of one). Of the elements of a name that may be
//! there only once, the second is refused. Does not read.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::item::{Item, Members};
use super::super::schema::{Form, Member};
use super::super::{DecodeError, DecodeErrorKind};

/// Up to so many members, looking through all of them is faster than a table. Few resources have more.
const FEW: usize = 32;

#[derive(Default)]
pub(super) struct Gathered<'a> {
    members: Members<'a>,
    /// Where they are, if they are many.
    places: Option<HashMap<Cow<'a, str>, usize>>,
}

impl<'a> Gathered<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn into_members(self) -> Members<'a> {
        self.members
    }

    /// Adds the value of an element or an attribute that stands at `at`. `member` is what is known of it.
    pub(super) fn add(
        &mut self,
        name: Cow<'a, str>,
        member: Option<&Member>,
        value: Item<'a>,
        at: usize,
    ) -> Result<(), DecodeError> {
        let repeated = member.is_some_and(|member| member.repeated);
        let Some(place) = self.place(&name) else {
            // One empty element takes the whole member away.
            let value = if repeated && value != Item::Null { Item::List(vec![value]) } else { value };
            self.push(name, value);
            return Ok(());
        };
        let is_list = matches!(member, Some(Member { form: Form::List(_), repeated: false, .. }));
        match (&mut self.members[place].1, value) {
            (Item::List(items), Item::List(more)) if is_list => items.extend(more),
            (Item::List(items), value) if repeated || member.is_none() => items.push(value),
            (first, value) if repeated || member.is_none() => {
                *first = Item::List(vec![std::mem::replace(first, Item::Null), value]);
            }
            _ => return Err(DecodeError::at(DecodeErrorKind::DuplicateMember(name.into_owned()), at)),
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            // Those of one name mostly stand together.
            None => self.members.iter().rposition(|(other, _)| other == name),
            Some(places) => places.get(name).copied(),
        }
    }

    fn push(&mut self, name: Cow<'a, str>, value: Item<'a>) {
        let place = self.members.len();
        if let Some(places) = &mut self.places {
            places.insert(name.clone(), place);
        } else if place == FEW {
            let names = self.members.iter().map(|(name, _)| name).chain([&name]);
            self.places = Some(names.cloned().zip(0..).collect());
        }
        self.members.push((name, value));
    }
}
