//! The standard's tables, as the build made them from `schema/*.csv`.
//!
//! Covers: finding a member of one type by its name. Everything is a number into another array: nothing is prepared at
//! start, and the tables can stay in the file. Does not know which types are looked at one after the other.

use std::cmp::Ordering;

use super::{Atom, Form, Member, Place, Type};

/// Where else than among its own members the members of a type are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nowhere.
    Plain,
    /// Among the attributes of other resources, and the resources.
    Resource,
    /// Among the resources.
    Wrapper,
}

/// [`Form`] with a number instead of a type.
#[derive(Clone, Copy)]
enum RowForm {
    Atom(Atom),
    Any,
    List(Atom),
    Object(u16),
}

/// A member, its name as a number.
struct Row {
    name: u16,
    order: u16,
    form: RowForm,
    repeated: bool,
    place: Place,
    may_be_empty: bool,
}

/// A type. Its rows end where those of the next begin.
struct Shape {
    kind: Kind,
    /// A type that has further members of this one.
    base: u16,
    start: u16,
}

const NO_BASE: u16 = u16::MAX;

const fn row(name: u16, order: u16, form: RowForm, repeated: bool, place: Place, may_be_empty: bool) -> Row {
    Row { name, order, form, repeated, place, may_be_empty }
}

include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// The number of a name that any type has.
fn number(name: &str) -> Option<u16> {
    let mut low = 0;
    let mut high = ENDS.len() as u16;
    while low < high {
        let middle = low.midpoint(high);
        match name_of(middle).cmp(name) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return Some(middle),
            Ordering::Greater => high = middle,
        }
    }
    None
}

fn name_of(number: u16) -> &'static str {
    let number = usize::from(number);
    let start = if number == 0 { 0 } else { ENDS[number - 1] };
    &NAMES[usize::from(start)..usize::from(ENDS[number])]
}

pub(super) fn kind(shape: u16) -> Kind {
    SHAPES[usize::from(shape)].kind
}

/// A member of its own or of one of its bases.
pub(super) fn member(shape: u16, name: &str) -> Option<Member> {
    let number = number(name)?;
    let mut at = usize::from(shape);
    loop {
        let end = SHAPES.get(at + 1).map_or(ROWS.len(), |next| usize::from(next.start));
        let rows = &ROWS[usize::from(SHAPES[at].start)..end];
        if let Ok(found) = rows.binary_search_by_key(&number, |row| row.name) {
            return Some(rows[found].member());
        }
        match SHAPES[at].base {
            NO_BASE => return None,
            base => at = usize::from(base),
        }
    }
}

impl Row {
    fn member(&self) -> Member {
        let form = match self.form {
            RowForm::Atom(atom) => Form::Atom(atom),
            RowForm::Any => Form::Any,
            RowForm::List(atom) => Form::List(atom),
            RowForm::Object(shape) => Form::Object(Type::standard(shape)),
        };
        let Self { order, repeated, place, may_be_empty, .. } = *self;
        Member { name: name_of(self.name), form, repeated, place, order, may_be_empty }
    }
}

/// What a prefix stands for. One that stands for two things stands for the first.
pub(super) fn uri_of(prefix: &str) -> Option<&'static str> {
    NAMESPACES.iter().find(|known| known.0 == prefix).map(|known| known.1)
}

/// `wanted` if it is one of the prefixes of `uri`, else the first of them.
pub(super) fn prefix_of(uri: &str, wanted: &str) -> Option<&'static str> {
    let mut known = NAMESPACES.iter().filter(|known| known.1 == uri).map(|known| known.0);
    let first = known.clone().next()?;
    Some(known.find(|prefix| *prefix == wanted).unwrap_or(first))
}

/// How many bytes the tables take.
#[cfg(test)]
pub(super) fn size() -> usize {
    NAMES.len() + size_of_val(&ENDS) + size_of_val(&SHAPES) + size_of_val(&ROWS) + size_of_val(&NAMESPACES)
}
