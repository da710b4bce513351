//! The standard's tables, as the build made them from `schema/*.csv`.
//!
//! Covers: finding a member of one type by its name. Everything is a number into another array: nothing is prepared at
//! start, and the tables can stay in the file. Does not know which types are looked at one after the other.

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

/// The first bytes of the names, by which they are sorted: comparing numbers takes less time than comparing texts.
static KEYS: [u64; ENDS.len()] = {
    let mut keys = [0; ENDS.len()];
    let mut i = 0;
    let mut start = 0;
    while i < keys.len() {
        let end = ENDS[i] as usize;
        keys[i] = key(NAMES.as_bytes(), start, end);
        (start, i) = (end, i + 1);
    }
    keys
};

/// The first eight bytes from `start` on, with zeros behind the end: in the order of texts.
const fn key(bytes: &[u8], start: usize, end: usize) -> u64 {
    let mut key = 0;
    let mut i = start;
    while i < start + 8 {
        key = key << 8 | if i < end { bytes[i] as u64 } else { 0 };
        i += 1;
    }
    key
}

/// The number of a name that any type has.
pub(super) fn number(name: &str) -> Option<u16> {
    let key = key(name.as_bytes(), 0, name.len());
    let first = KEYS.partition_point(|other| *other < key);
    let same = KEYS[first..].iter().take_while(|other| **other == key).count();
    (first..first + same).map(|number| number as u16).find(|number| name_of(*number) == name)
}

fn name_of(number: u16) -> &'static str {
    let number = usize::from(number);
    let start = if number == 0 { 0 } else { ENDS[number - 1] };
    &NAMES[usize::from(start)..usize::from(ENDS[number])]
}

pub(super) fn kind(shape: u16) -> Kind {
    SHAPES[usize::from(shape)].kind
}

/// A member, by the number of its name, of its own or of one of its bases.
pub(super) fn member(shape: u16, number: u16) -> Option<Member> {
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

/// Whether a type has a member of this name.
pub(super) fn has(shape: u16, name: &str) -> bool {
    number(name).is_some_and(|number| member(shape, number).is_some())
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
    NAMES.len()
        + size_of_val(&KEYS)
        + size_of_val(&ENDS)
        + size_of_val(&SHAPES)
        + size_of_val(&ROWS)
        + size_of_val(&NAMESPACES)
}
