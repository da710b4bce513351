//! A value of the JSON data model, between two formats.
//!
//! Covers: TS-0004 8.4.2, 8.5.1 (what JSON and CBOR have in common, and what XML is read into). Each format reads its bytes
//! into one and writes its bytes from one. Text is borrowed where the input has it as it is; integers are exact.
//! Does not know oneM2M's names and types.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A value of the JSON data model.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Item<'a> {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Item<'a>>),
    /// Its names are unique.
    Object(Members<'a>),
}

/// The members of an object, in the order in which they came.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, Item<'a>)>;

/// The name that occurs twice.
pub(super) fn duplicate<'m>(members: &'m [(Cow<'_, str>, Item<'_>)]) -> Option<&'m str> {
    // Comparing each with each is for the few that most objects have.
    const FEW: usize = 12;
    if members.len() <= FEW {
        let before = |i: usize| members[..i].iter().any(|(other, _)| *other == members[i].0);
        return (1..members.len()).find(|i| before(*i)).map(|i| members[i].0.as_ref());
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

impl From<Item<'_>> for Value {
    /// Integers of more than 64 bits become floating-point numbers, which is all that `Value` has for them.
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Null => Self::Null,
            Item::Boolean(value) => Self::Bool(value),
            Item::Integer(number) => Number::from_i128(number).map_or_else(|| (number as f64).into(), Self::Number),
            Item::Float(number) => number.into(),
            Item::Text(text) => Self::String(text.into_owned()),
            Item::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Item::Object(members) => {
                let members = members.into_iter().map(|(name, item)| (name.into_owned(), Self::from(item)));
                Self::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}
