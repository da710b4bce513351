//! The content of a request, read and bounded.
//!
//! Covers: TS-0004 7.5.2 (one member, named after the type), 8.4.2.

use serde_json::{Map, Value};

use super::{
    Cse,
    failure::{Checked, Failure, refuse, shown},
    schema::{Schema, kind_of},
};
use crate::primitive::{Content, Request, StatusCode};

impl Cse {
    /// A structured parameter as JSON, within the limits.
    pub(super) fn read(&self, name: &str, content: &Content) -> Checked<Value> {
        let limits = &self.config.limits;
        if content.bytes().len() > limits.content_bytes {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("{name} has more than {} bytes, the limit of this CSE", limits.content_bytes),
            );
        }
        let value = content.value().map_err(|error| Failure::bad(format!("{name} cannot be read: {error}")))?;
        if is_deeper(&value, limits.content_depth) {
            return Err(Failure::bad(format!("{name} is nested more than {} deep", limits.content_depth)));
        }
        Ok(value)
    }

    /// The attributes in the content of a CREATE or UPDATE of this type.
    pub(super) fn representation(&self, request: &Request, schema: &Schema) -> Checked<Map<String, Value>> {
        let Some(content) = &request.content else {
            return Err(Failure::bad(format!("{} without content", request.operation)));
        };
        let Value::Object(members) = self.read("pc", content)? else {
            return Err(Failure::bad("pc is not an object"));
        };
        let mut members = members.into_iter();
        match (members.next(), members.next()) {
            (Some((root, Value::Object(attributes))), None) if root == schema.root => Ok(attributes),
            (Some((root, value)), None) if root == schema.root => {
                Err(Failure::bad(format!("{root} must be an object, not {}", kind_of(&value))))
            }
            (Some((root, _)), None) => Err(Failure::bad(format!("pc must hold {}, not {}", schema.root, shown(&root)))),
            _ => Err(Failure::bad(format!("pc must hold exactly one member, {}", schema.root))),
        }
    }
}

/// Whether lists and objects are nested more than `most` deep.
fn is_deeper(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(list) => most == 0 || list.iter().any(|value| is_deeper(value, most - 1)),
        Value::Object(members) => most == 0 || members.values().any(|value| is_deeper(value, most - 1)),
        _ => false,
    }
}
