//! RETRIEVE, and what responses carry.
//!
//! Covers: TS-0001 8.1.2 (`rcn`, `drt`), 10.1.2; TS-0004 7.3.3.6, 7.5.2; partial retrieval (TS-0004 7.3.3.6).

use serde_json::{Map, Value, json};

use super::{
    Call, Cse,
    address::Edge,
    failure::{Checked, Failure, refuse, shown},
    schema::schema,
    tree::{Key, Resource},
};
use crate::primitive::{Operation, Request, ResourceType, Response, ResultContent, StatusCode};

/// What a response to a CREATE or UPDATE carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Nothing,
    Attributes,
    Address,
    AddressAndAttributes,
    /// Attributes that are not as the originator gave them.
    Modified,
}

impl Shape {
    /// `rcn` of a CREATE; attributes if there is none.
    ///
    /// `rcn` 7 (original resource) is defined for RETRIEVE of announced resources only, but TS-0020 A.1 creates with
    /// it and is answered with all attributes: taken as 1 here.
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
}

/// `rcn` does not go with the operation.
pub(super) fn refuse_rcn<T>(operation: Operation, rcn: ResultContent) -> Checked<T> {
    refuse(StatusCode::BAD_REQUEST, format!("rcn {rcn} is not allowed with {operation}"))
}

/// A representation: the attributes under the name of the type.
pub(super) fn wrapped(resource: &Resource) -> Value {
    json!({ root(resource.ty): resource.attributes })
}

pub(super) fn root(ty: ResourceType) -> &'static str {
    schema(ty).map_or("m2m:unknown", |schema| schema.root)
}

impl Cse {
    pub(super) fn retrieve(
        &self,
        call: &Call<'_>,
        key: Key,
        _edge: Option<Edge>,
        _fragment: Option<&str>,
    ) -> Checked<Response> {
        self.expect_read(&call.originator, key)?;
        Ok(Response::ok().content(wrapped(self.tree.get(key))))
    }

    /// The response to a CREATE or UPDATE that gave the attributes `given`.
    pub(super) fn shaped(&self, status: StatusCode, shape: &Shape, key: Key, given: &Map<String, Value>) -> Response {
        let resource = self.tree.get(key);
        let content = match shape {
            Shape::Nothing => return Response::new(status),
            Shape::Attributes => wrapped(resource),
            Shape::Address => json!({ "m2m:uri": self.tree.path(key) }),
            Shape::AddressAndAttributes => {
                json!({ "m2m:rce": { root(resource.ty): resource.attributes, "uri": self.tree.path(key) } })
            }
            Shape::Modified => {
                let modified: Map<String, Value> = resource
                    .attributes
                    .iter()
                    .filter(|(name, value)| given.get(*name) != Some(value))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                json!({ root(resource.ty): modified })
            }
        };
        Response::new(status).content(content)
    }
}
