//! What the response to a CREATE, UPDATE or DELETE carries.
//!
//! Covers: TS-0001 8.1.2 (result content), TS-0004 7.5.2.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};

use super::{
    Cse,
    failure::{Checked, refuse},
    schema::schema,
    tree::{Key, Resource},
};
use crate::primitive::{Content, Format, Operation, Request, ResourceType, Response, ResultContent, StatusCode};

/// What a response to a CREATE or UPDATE carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Nothing,
    Attributes,
    Address,
    AddressAndAttributes,
    /// Attributes that have become other than the originator knows them.
    Modified,
}

impl Shape {
    /// `rcn` of a CREATE; attributes if there is none.
    ///
    /// `rcn` 7 (original resource) is defined for the RETRIEVE of announced resources only, but TS-0020 A.1 creates
    /// with it and is answered with all attributes: it is taken as 1 here.
    pub(super) fn for_create(request: &Request) -> Checked<Self> {
        match request.result_content {
            None | Some(ResultContent::ATTRIBUTES | ResultContent::ORIGINAL_RESOURCE) => Ok(Self::Attributes),
            Some(ResultContent::NOTHING) => Ok(Self::Nothing),
            Some(ResultContent::HIERARCHICAL_ADDRESS) => Ok(Self::Address),
            Some(ResultContent::HIERARCHICAL_ADDRESS_AND_ATTRIBUTES) => Ok(Self::AddressAndAttributes),
            Some(ResultContent::MODIFIED_ATTRIBUTES) => Ok(Self::Modified),
            Some(rcn) => refuse_rcn(Operation::Create, rcn),
        }
    }

    /// `rcn` of an UPDATE; attributes if there is none.
    pub(super) fn for_update(request: &Request) -> Checked<Self> {
        match request.result_content {
            None | Some(ResultContent::ATTRIBUTES) => Ok(Self::Attributes),
            Some(ResultContent::NOTHING) => Ok(Self::Nothing),
            Some(ResultContent::MODIFIED_ATTRIBUTES) => Ok(Self::Modified),
            Some(rcn) => refuse_rcn(Operation::Update, rcn),
        }
    }
}

/// `rcn` does not go with the operation.
pub(super) fn refuse_rcn<T>(operation: Operation, rcn: ResultContent) -> Checked<T> {
    refuse(StatusCode::BAD_REQUEST, format!("rcn {rcn} is not allowed with {operation}"))
}

/// A representation: the attributes under the name of the type.
pub(super) fn representation(resource: &Resource) -> Content {
    encoded(&One(root(resource.ty), &resource.attributes))
}

/// An object of one member, written without making a copy of what it holds.
pub(super) struct One<'a, T>(pub(super) &'a str, pub(super) T);

impl<T: Serialize> Serialize for One<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// A value as content.
pub(super) fn encoded(value: &impl Serialize) -> Content {
    // Maps with text as keys and numbers that JSON has cannot fail; an empty object would be noticed by any test.
    let bytes = serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec());
    Content::from_encoded(Format::Json, bytes.into())
}

/// The member that holds a representation of this type.
pub(super) fn root(ty: ResourceType) -> &'static str {
    schema(ty).map_or("m2m:unknown", |schema| schema.root)
}

impl Cse {
    /// The response about a resource, of whose attributes `modified` are news.
    pub(super) fn shaped(
        &self,
        status: StatusCode,
        shape: Shape,
        key: Key,
        modified: impl FnOnce(&Resource) -> Map<String, Value>,
    ) -> Response {
        let resource = self.tree.get(key);
        let content = match shape {
            Shape::Nothing => return Response::new(status),
            Shape::Attributes => representation(resource),
            Shape::Address => json!({ "m2m:uri": self.tree.path(key) }).into(),
            Shape::AddressAndAttributes => {
                json!({ "m2m:rce": { root(resource.ty): resource.attributes, "uri": self.tree.path(key) } }).into()
            }
            Shape::Modified => encoded(&One(root(resource.ty), modified(resource))),
        };
        Response::new(status).content(content)
    }
}
