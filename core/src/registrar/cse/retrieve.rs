//! RETRIEVE: of a resource, of parts of it, with its children; and discovery.
//!
//! Covers: TS-0001 8.1.2 (`fc`, `drt`, `rcn`), 10.1.2, 10.2.6 (discovery); TS-0004 7.3.3.6, 7.3.3.14, 7.5.2, 7.4.28
//! (`<latest>`, `<oldest>`).
//!
//! Filter criteria without `fu` 1 decide on the target alone if the response carries just that (`rcn` 1), and
//! otherwise on which descendants come with it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    Call, Cse,
    access::{Originator, Standing},
    address::Edge,
    failure::{Checked, Failure, refuse, shown},
    filter::Filter,
    policy::Right,
    result::{refuse_rcn, representation, root},
    schema::schema,
    tree::Key,
};
use crate::primitive::{ContentStatus, IdResultType, Operation, Request, Response, ResultContent, StatusCode};

/// Descendants of a resource that a response carries.
struct Found {
    keys: Vec<Key>,
    /// There were more: where they begin, counted from 1.
    next: Option<u64>,
}

impl Cse {
    pub(super) fn retrieve(
        &self,
        call: &Call<'_>,
        key: Key,
        edge: Option<Edge>,
        fragment: Option<&str>,
        filter: Option<Filter>,
    ) -> Checked<Response> {
        let request = call.request;
        // A contentInstance has the access rule of its container.
        let key = match edge {
            None => key,
            Some(edge) => self.instance(key, edge)?,
        };
        if let Some(filter) = filter.as_ref().filter(|filter| filter.discovers) {
            if fragment.is_some() || request.content.is_some() {
                return Err(Failure::bad("discovery finds resources, not attributes"));
            }
            return self.discover(&call.originator, request, key, filter);
        }
        if let Some(names) = self.wanted_attributes(request, fragment)? {
            if request.result_content.is_some_and(|rcn| rcn != ResultContent::ATTRIBUTES) {
                return Err(Failure::bad("partial retrieval goes with rcn 1 only"));
            }
            self.expect_match(key, filter.as_ref())?;
            return self.part(key, &names);
        }
        match request.result_content.unwrap_or(ResultContent::ATTRIBUTES) {
            ResultContent::ATTRIBUTES => {
                self.expect_match(key, filter.as_ref())?;
                Ok(Response::ok().content(representation(self.tree.get(key))))
            }
            ResultContent::ORIGINAL_RESOURCE => Err(Failure::bad("rcn 7: the target is not an announced resource")),
            rcn => self
                .with_children(&call.originator, request, key, rcn, &filter.unwrap_or_default())?
                .map_or_else(|| refuse_rcn(Operation::Retrieve, rcn), Ok),
        }
    }

    /// The newest or oldest contentInstance of a container.
    pub(super) fn instance(&self, container: Key, edge: Edge) -> Checked<Key> {
        let mut instances = self.tree.get(container).instances();
        let found = match edge {
            Edge::Latest => instances.next_back(),
            Edge::Oldest => instances.next(),
        };
        found.ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "the container has no contentInstance"))
    }

    fn expect_match(&self, key: Key, filter: Option<&Filter>) -> Checked {
        if filter.is_none_or(|filter| filter.criteria.match_with(self.tree.get(key))) {
            return Ok(());
        }
        refuse(StatusCode::NOT_FOUND, "the resource does not satisfy the filter criteria")
    }

    /// The attributes that a partial retrieval names: in a fragment, in the content, or (from Release 4) in `atrl`.
    fn wanted_attributes(&self, request: &Request, fragment: Option<&str>) -> Checked<Option<Vec<String>>> {
        if let Some(name) = fragment {
            return Ok(Some(vec![name.to_owned()]));
        }
        let parameter =
            request.additional.as_ref().and_then(|more| more.unknown.iter().find(|(name, _)| name == "atrl"));
        let list = match (&request.content, parameter) {
            (Some(content), _) => {
                let Value::Object(mut members) = self.read("pc", content)? else {
                    return Err(Failure::bad("pc is not an object"));
                };
                match (members.len(), members.remove("m2m:atrl")) {
                    (1, Some(list)) => list,
                    _ => return Err(Failure::bad("the content of a RETRIEVE can only be m2m:atrl")),
                }
            }
            (None, Some((_, content))) => self.read("atrl", content)?,
            (None, None) => return Ok(None),
        };
        match list {
            Value::Array(names) if !names.is_empty() && names.iter().all(Value::is_string) => {
                Ok(Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
            }
            _ => Err(Failure::bad("the list of attributes must be a list of at least one name")),
        }
    }

    fn part(&self, key: Key, names: &[String]) -> Checked<Response> {
        let resource = self.tree.get(key);
        let mut part = Map::new();
        for name in names {
            if schema(resource.ty).and_then(|schema| schema.attribute(name)).is_none() {
                return Err(Failure::bad(format!("{} has no attribute {}", root(resource.ty), shown(name))));
            }
            if let Some(value) = resource.attributes.get(name) {
                part.insert(name.clone(), value.clone());
            }
        }
        Ok(Response::ok().content(json!({ root(resource.ty): part })))
    }

    /// The response to a RETRIEVE or DELETE that wants children too; `None` if `rcn` means something else.
    pub(super) fn with_children(
        &self,
        who: &Originator,
        request: &Request,
        key: Key,
        rcn: ResultContent,
        filter: &Filter,
    ) -> Checked<Option<Response>> {
        let resource = self.tree.get(key);
        let (content, cut) = match rcn {
            ResultContent::ATTRIBUTES_AND_CHILD_RESOURCES | ResultContent::CHILD_RESOURCES => {
                if filter.skip > 0 {
                    return Err(Failure::bad("ofst goes with results that are lists, not trees"));
                }
                let found = self.search(who, key, filter, Right::RETRIEVE, Descent::ThroughFound);
                let own = match rcn {
                    ResultContent::CHILD_RESOURCES => Map::new(),
                    _ => resource.attributes.clone(),
                };
                (json!({ root(resource.ty): self.nested(key, own, &found.keys) }), found.next.map(|_| None))
            }
            ResultContent::ATTRIBUTES_AND_CHILD_RESOURCE_REFERENCES => {
                let found = self.search(who, key, filter, Right::RETRIEVE, Descent::Everywhere);
                let mut own = resource.attributes.clone();
                own.insert("ch".to_owned(), self.references(who, request, &found.keys)?);
                (json!({ root(resource.ty): own }), found.next.map(Some))
            }
            ResultContent::CHILD_RESOURCE_REFERENCES => {
                let found = self.search(who, key, filter, Right::RETRIEVE, Descent::Everywhere);
                (json!({ "m2m:rrl": { "rrf": self.references(who, request, &found.keys)? } }), found.next.map(Some))
            }
            _ => return Ok(None),
        };
        Ok(Some(marked(Response::ok().content(content), cut)))
    }

    fn discover(&self, who: &Originator, request: &Request, key: Key, filter: &Filter) -> Checked<Response> {
        let found = self.search(who, key, filter, Right::DISCOVERY, Descent::Everywhere);
        let content = match request.result_content {
            None => {
                let addresses: Vec<String> = self.addresses(who, request, &found.keys)?;
                json!({ "m2m:uril": addresses })
            }
            Some(ResultContent::CHILD_RESOURCE_REFERENCES) => {
                json!({ "m2m:rrl": { "rrf": self.references(who, request, &found.keys)? } })
            }
            Some(rcn) => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    format!("rcn {rcn} is not allowed with discovery: leave it out, or use 6"),
                );
            }
        };
        Ok(marked(Response::ok().content(content), found.next.map(Some)))
    }

    /// Descendants at which `who` has the right and that satisfy the filter, parents before their children.
    fn search(&self, who: &Originator, key: Key, filter: &Filter, right: Right, descent: Descent) -> Found {
        let most = self.config.limits.results as u64;
        let most = filter.limit.map_or(most, |limit| limit.min(most));
        let deepest = filter.level.map_or(u64::MAX, |level| level.saturating_add(self.tree.get(key).depth as u64));
        let mut keys = Vec::new();
        let mut skip = filter.skip;
        let mut open: Vec<Key> = self.children_backwards(key);
        while let Some(key) = open.pop() {
            let resource = self.tree.get(key);
            let fits = filter.criteria.match_with(resource) && self.may(who, key, right);
            if fits && skip > 0 {
                skip -= 1;
            } else if fits {
                if keys.len() as u64 >= most {
                    return Found { keys, next: Some(filter.skip.saturating_add(most).saturating_add(1)) };
                }
                keys.push(key);
            }
            if (fits || descent == Descent::Everywhere) && (resource.depth as u64) < deepest {
                open.extend(self.children_backwards(key));
            }
        }
        Found { keys, next: None }
    }

    fn children_backwards(&self, key: Key) -> Vec<Key> {
        let mut children: Vec<Key> = self.tree.get(key).children().collect();
        children.reverse();
        children
    }

    /// The members of `own`, then the found descendants as lists under the names of their types, each with its own.
    fn nested(&self, key: Key, own: Map<String, Value>, found: &[Key]) -> Map<String, Value> {
        let mut done: HashMap<Key, Map<String, Value>> =
            found.iter().map(|&key| (key, self.tree.get(key).attributes.clone())).collect();
        done.insert(key, own);
        // Parents stand before their children, so that from the end each child is complete when its parent takes it.
        for child in found.iter().rev() {
            let resource = self.tree.get(*child);
            if let Some(attributes) = done.remove(child)
                && let Some(parent) = resource.parent.and_then(|parent| done.get_mut(&parent))
                && let Value::Array(list) = parent.entry(root(resource.ty)).or_insert_with(|| json!([]))
            {
                list.push(Value::Object(attributes));
            }
        }
        let mut own = done.remove(&key).unwrap_or_default();
        in_order(&mut own);
        own
    }

    fn references(&self, who: &Originator, request: &Request, keys: &[Key]) -> Checked<Value> {
        let addresses = self.addresses(who, request, keys)?;
        Ok(keys
            .iter()
            .zip(addresses)
            .map(|(&key, address)| {
                let resource = self.tree.get(key);
                json!({ "nm": resource.rn, "typ": resource.ty.code(), "val": address })
            })
            .collect())
    }

    /// Addresses in the form that `drt` asks for; relative to this CSE for those who are registered to it, and
    /// SP-relative for all others.
    pub(super) fn addresses(&self, who: &Originator, request: &Request, keys: &[Key]) -> Checked<Vec<String>> {
        let structured = match request.id_result_type {
            None | Some(IdResultType::STRUCTURED) => true,
            Some(IdResultType::UNSTRUCTURED) => false,
            Some(other) => return Err(Failure::bad(format!("drt {other} is not defined"))),
        };
        let far = who.standing == Standing::Remote;
        Ok(keys
            .iter()
            .map(|&key| {
                let address = if structured { self.tree.path(key) } else { self.tree.get(key).ri.clone() };
                if far { format!("{}/{address}", self.config.cse_id) } else { address }
            })
            .collect())
    }
}

/// Where a search goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Descent {
    /// Below every resource.
    Everywhere,
    /// Below those that are part of the result, which shows where they are.
    ThroughFound,
}

/// Says in the response that it has been cut, and where a list goes on (TS-0001 8.1.3, contentStatus, contentOffset).
fn marked(mut response: Response, cut: Option<Option<u64>>) -> Response {
    if let Some(next) = cut {
        let more = response.additional_mut();
        more.content_status = Some(ContentStatus::PARTIAL_CONTENT);
        more.content_offset = next;
    }
    response
}

/// Turns the lists of children round, which were filled from the end.
fn in_order(attributes: &mut Map<String, Value>) {
    for (name, value) in attributes {
        if let Value::Array(list) = value
            && name.starts_with("m2m:")
        {
            list.reverse();
            list.iter_mut().filter_map(Value::as_object_mut).for_each(in_order);
        }
    }
}
