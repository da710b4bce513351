//! Filter criteria: which resources a discovery finds, and which events a subscription wants.
//!
//! Covers: TS-0004 6.3.5.8 (`fc`) and the conditions of 6.3.5.7 (`enc`); TS-0001 8.1.2 (filterUsage, limit, level,
//! offset). Conditions on relatives (`clbl`, `palb`, `catr`, `patr`, `chty`, `pty`), semantics and content queries are
//! refused by name.

use std::time::SystemTime;

use serde_json::{Map, Number, Value};

use super::{
    Cse,
    failure::{Checked, Failure, refuse, shown},
    tree::Resource,
};
use crate::primitive::{FilterOperation, FilterUsage, Request, StatusCode, parse_timestamp};

#[derive(Clone, PartialEq, Debug)]
enum Condition {
    CreatedBefore(SystemTime),
    CreatedAfter(SystemTime),
    ModifiedSince(SystemTime),
    UnmodifiedSince(SystemTime),
    ExpiresBefore(SystemTime),
    ExpiresAfter(SystemTime),
    StateBelow(u64),
    StateAbove(u64),
    SizeFrom(u64),
    SizeBelow(u64),
    Labels(Vec<String>),
    Types(Vec<u64>),
    ContentTypes(Vec<String>),
    Attribute(String, Value),
}

/// Conditions on one resource.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Criteria {
    conditions: Vec<Condition>,
    /// One is enough.
    any: bool,
}

/// Filter criteria of a request.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Filter {
    pub(super) criteria: Criteria,
    pub(super) discovers: bool,
    pub(super) limit: Option<u64>,
    pub(super) level: Option<u64>,
    /// How many results to skip.
    pub(super) skip: u64,
}

/// The members of `enc` that are [`Criteria`].
pub(super) const EVENT_CONDITIONS: &[&str] =
    &["crb", "cra", "ms", "us", "exb", "exa", "sts", "stb", "sza", "szb", "fo"];

const UNSUPPORTED: &[&str] = &[
    "clbl", "palb", "lbq", "chty", "pty", "catr", "patr", "smf", "cfs", "cfq", "arp", "ops", "aq", "gq", "gmty", "gsf",
    "geom",
];

impl Criteria {
    /// Reads a member; `false` if it is no condition.
    pub(super) fn read(&mut self, name: &str, value: &Value) -> Checked<bool> {
        let wrong = || Failure::bad(format!("criterion {}: not a value that it can have", shown(name)));
        let time = || value.as_str().and_then(parse_timestamp).ok_or_else(wrong);
        let count = || value.as_u64().ok_or_else(wrong);
        let condition = match name {
            "crb" => Condition::CreatedBefore(time()?),
            "cra" => Condition::CreatedAfter(time()?),
            "ms" => Condition::ModifiedSince(time()?),
            "us" => Condition::UnmodifiedSince(time()?),
            "exb" => Condition::ExpiresBefore(time()?),
            "exa" => Condition::ExpiresAfter(time()?),
            "sts" => Condition::StateBelow(count()?),
            "stb" => Condition::StateAbove(count()?),
            "sza" => Condition::SizeFrom(count()?),
            "szb" => Condition::SizeBelow(count()?),
            "lbl" => Condition::Labels(list(value, Value::as_str).ok_or_else(wrong)?.map(str::to_owned).collect()),
            "ty" => Condition::Types(list(value, Value::as_u64).ok_or_else(wrong)?.collect()),
            "cty" => {
                Condition::ContentTypes(list(value, Value::as_str).ok_or_else(wrong)?.map(str::to_owned).collect())
            }
            "atr" => {
                for attribute in list(value, Value::as_object).ok_or_else(wrong)? {
                    let name = attribute.get("nm").and_then(Value::as_str).ok_or_else(wrong)?;
                    let wanted = attribute.get("val").filter(|val| !val.is_object() && !val.is_array());
                    let wanted = wanted.ok_or_else(wrong)?;
                    self.conditions.push(Condition::Attribute(name.to_owned(), wanted.clone()));
                }
                return Ok(true);
            }
            "fo" => {
                self.any = match value.as_u64().and_then(|fo| u16::try_from(fo).ok()).map(FilterOperation) {
                    Some(FilterOperation::LOGICAL_AND) => false,
                    Some(FilterOperation::LOGICAL_OR) => true,
                    Some(FilterOperation::LOGICAL_XOR) => {
                        return refuse(StatusCode::NOT_IMPLEMENTED, "fo 3 (XOR) is not implemented by this CSE");
                    }
                    _ => return Err(wrong()),
                };
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.conditions.push(condition);
        Ok(true)
    }

    /// Whether the resource satisfies all conditions, or one of them, or there are none.
    pub(super) fn match_with(&self, resource: &Resource) -> bool {
        let mut conditions = self.conditions.iter();
        if self.any && !self.conditions.is_empty() {
            conditions.any(|condition| condition.holds(resource))
        } else {
            conditions.all(|condition| condition.holds(resource))
        }
    }
}

impl Condition {
    fn holds(&self, resource: &Resource) -> bool {
        let expires = || resource.text("et").and_then(parse_timestamp);
        match self {
            Self::CreatedBefore(at) => resource.created < *at,
            Self::CreatedAfter(at) => resource.created > *at,
            Self::ModifiedSince(at) => resource.modified > *at,
            Self::UnmodifiedSince(at) => resource.modified < *at,
            Self::ExpiresBefore(at) => expires().is_some_and(|et| et < *at),
            Self::ExpiresAfter(at) => expires().is_some_and(|et| et > *at),
            Self::StateBelow(state) => resource.number("st").is_some_and(|st| st < *state),
            Self::StateAbove(state) => resource.number("st").is_some_and(|st| st > *state),
            Self::SizeFrom(size) => resource.number("cs").is_some_and(|cs| cs >= *size),
            Self::SizeBelow(size) => resource.number("cs").is_some_and(|cs| cs < *size),
            Self::Labels(labels) => resource.texts("lbl").any(|label| labels.iter().any(|wanted| wanted == label)),
            Self::Types(types) => types.contains(&u64::from(resource.ty.code())),
            Self::ContentTypes(types) => {
                resource.text("cnf").is_some_and(|cnf| types.iter().any(|wanted| wanted == cnf))
            }
            Self::Attribute(name, wanted) => match resource.attributes.get(name) {
                None | Some(Value::Object(_)) => false,
                Some(Value::Array(values)) => values.iter().any(|value| is_like(value, wanted)),
                Some(value) => is_like(value, wanted),
            },
        }
    }
}

/// A list of values of one kind. A single value stands for a list of one: not all peers keep to lists.
fn list<'a, T: 'a>(value: &'a Value, of: impl Fn(&'a Value) -> Option<T> + 'a) -> Option<impl Iterator<Item = T> + 'a> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        single => std::slice::from_ref(single),
    };
    values.iter().all(|value| of(value).is_some()).then(|| values.iter().filter_map(of))
}

/// Equality; `*` in a wanted text stands for any characters (TS-0001 8.1.2, attribute condition).
fn is_like(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(text), Value::String(pattern)) => matches_pattern(text, pattern),
        (Value::Number(number), Value::String(text)) => text.parse::<Number>().is_ok_and(|wanted| wanted == *number),
        (Value::Bool(flag), Value::String(text)) => text.parse::<bool>().is_ok_and(|wanted| wanted == *flag),
        (value, wanted) => value == wanted,
    }
}

/// Whether a text is like a pattern, in which `*` stands for any characters, or none. Takes time in proportion to the product of the lengths at most.
pub(super) fn matches_pattern(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl Cse {
    /// The filter criteria of a request.
    pub(super) fn filter(&self, request: &Request) -> Checked<Option<Filter>> {
        let Some(content) = &request.filter_criteria else { return Ok(None) };
        let Value::Object(members) = self.read("fc", content)? else {
            return Err(Failure::bad("fc is not an object"));
        };
        Filter::read(&members).map(Some)
    }
}

impl Filter {
    fn read(members: &Map<String, Value>) -> Checked<Self> {
        let mut filter = Self::default();
        for (name, value) in members {
            let count = || {
                value
                    .as_u64()
                    .ok_or_else(|| Failure::bad(format!("fc member {}: a whole number expected", shown(name))))
            };
            match name.as_str() {
                "fu" => {
                    filter.discovers = match count()?.try_into().map(FilterUsage) {
                        Ok(FilterUsage::DISCOVERY_CRITERIA) => true,
                        Ok(FilterUsage::CONDITIONAL_RETRIEVAL) => false,
                        _ => {
                            return refuse(StatusCode::NOT_IMPLEMENTED, "fu: only 1 and 2 are implemented by this CSE");
                        }
                    }
                }
                "lim" => filter.limit = Some(count()?),
                "lvl" => match count()? {
                    0 => return Err(Failure::bad("fc member lvl: must be above 0")),
                    level => filter.level = Some(level),
                },
                "ofst" => match count()? {
                    0 => return Err(Failure::bad("fc member ofst: counts from 1")),
                    first => filter.skip = first - 1,
                },
                _ if filter.criteria.read(name, value)? => {}
                _ if UNSUPPORTED.contains(&name.as_str()) => {
                    return refuse(
                        StatusCode::NOT_IMPLEMENTED,
                        format!("filter criterion {} is not implemented by this CSE", shown(name)),
                    );
                }
                _ => return Err(Failure::bad(format!("fc has no member {}", shown(name)))),
            }
        }
        Ok(filter)
    }
}
