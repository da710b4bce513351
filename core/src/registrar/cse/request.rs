//! `<request>`: what is kept of a non-blocking request, and where its originator finds the result.
//!
//! Covers: TS-0001 9.6.12; TS-0004 7.3.2.2, 7.3.2.5, 7.4.12 (which document V3.32.0 calls it; elsewhere 7.4.13). Only this
//! CSE makes and changes one; its originator and the administrator may retrieve and delete it. When the request is carried
//! out, and by whom its result is awaited, is [`super::transfer`]'s part.
//!
//! Everything that the request needs to be carried out later stands in the attributes, with absolute times, so that one
//! that waits for its execution time goes on after a restart ([`Cse::resume`]).

use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use super::{
    Cse, Effect,
    failure::{Checked, Failure, refuse},
    notification::{Event, Subject},
    tree::{Key, Seed, weight},
};
use crate::codec::{self, DecodeOptions, Primitive};
use crate::primitive::{
    AbsRelTimestamp, EntityId, Format, NotificationEventType, Request, ResourceType, Response, StatusCode,
    format_timestamp,
};

/// `rs` (TS-0004 6.3.4.2.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Completed = 1,
    Failed = 2,
    Pending = 3,
    Forwarded = 4,
}

/// The members of `m2m:metaInformation` (TS-0004 6.3.5.34): the parameters of the request that have no attribute of their own.
const META_INFORMATION: &[&str] = &[
    "ty", "ot", "rqet", "rset", "oet", "rt", "rp", "rcn", "ec", "da", "gid", "fc", "drt", "rids", "tqi", "tkns",
    "tids", "ltids", "grtm", "asi", "aus", "auri", "sqi", "rvi", "vsi", "gstn", "omr", "msu",
];

/// The members of `m2m:operationResult`: what is kept of a response.
const OPERATION_RESULT: &[&str] = &["rsc", "rqi", "pc", "to", "fr", "ot", "rset", "ec", "cnst", "cnot"];

impl Cse {
    /// Makes the `<request>` of a request that `originator` does not wait for; its times are absolute.
    pub(super) fn record(
        &mut self,
        now: SystemTime,
        originator: &EntityId,
        request: &Request,
        effects: &mut Vec<Effect>,
    ) -> Checked<Key> {
        if request.request_id.is_empty() {
            return Err(Failure::bad("a non-blocking request without rqi: its result could not be told from others"));
        }
        let limits = &self.config.limits;
        if self.tree.requests() >= limits.requests {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!(
                    "this CSE holds {} non-blocking requests already: send it blocking (rt 3), or later",
                    limits.requests
                ),
            );
        }
        let due = self.end_of(now, request)?;
        let mut bare = request.clone();
        let content = bare.content.take();
        let mut meta = members_of(|out| codec::encode_request(Format::Json, &bare, out))?;
        meta.retain(|name, _| META_INFORMATION.contains(&name.as_str()));
        // A mandatory member: what a Release 1 originator does not say (TS-0004 7.3.2.1).
        meta.entry("rvi").or_insert_with(|| json!("1"));

        let root = self.tree.root();
        let ri = self.new_id("req");
        let mut attributes = Map::new();
        let time = format_timestamp(now);
        let from = request.from.as_deref().unwrap_or_default();
        for (name, value) in [
            ("rn", json!(ri)),
            ("ty", json!(ResourceType::REQUEST.code())),
            ("ri", json!(ri)),
            ("pi", json!(self.tree.get(root).ri)),
            ("ct", json!(time)),
            ("lt", json!(time)),
            ("lbl", json!([from])),
            ("et", json!(format_timestamp(due))),
            ("op", json!(request.operation.code())),
            ("tg", json!(request.to)),
            ("org", json!(from)),
            ("rid", json!(request.request_id)),
            ("mi", Value::Object(meta)),
        ] {
            attributes.insert(name.to_owned(), value);
        }
        if let Some(content) = content {
            attributes.insert("pc".to_owned(), self.read("pc", &content)?);
        }
        attributes.insert("rs".to_owned(), json!(Status::Pending as u8));
        attributes.insert("ors".to_owned(), json!({ "rsc": StatusCode::ACCEPTED.code(), "rqi": request.request_id }));
        self.expect_capacity(root, ResourceType::REQUEST, weight(&attributes), &[])?;
        let seed = Seed {
            ty: ResourceType::REQUEST,
            rn: ri.clone(),
            ri,
            attributes,
            creator: originator.clone(),
            created: now,
            due: Some(due),
        };
        let key = self.tree.insert(root, seed);
        let kind = NotificationEventType::CREATE_OF_DIRECT_CHILD_RESOURCE;
        self.notify(now, root, Event { kind, subject: Subject::Here(key), modified: None }, effects);
        Ok(key)
    }

    /// When the `<request>` ends: as long after the last of its times as the originator asks, or as this CSE keeps results.
    fn end_of(&self, now: SystemTime, request: &Request) -> Checked<SystemTime> {
        let at = |time: &AbsRelTimestamp| time.remaining(now).and_then(|left| now.checked_add(left));
        let more = request.additional.as_deref();
        let times = [&request.request_expiration, &request.result_expiration];
        let times = times.into_iter().flatten().chain(more.and_then(|more| more.operation_execution_time.as_ref()));
        let latest = times.filter_map(at).fold(now, SystemTime::max);
        let end = match more.and_then(|more| more.result_persistence.as_ref()) {
            None => latest.checked_add(self.config.result_persistence),
            // Counted from the moment when there is a result at the latest.
            Some(rp) => match (rp.as_str().parse::<u64>(), rp.remaining(now)) {
                (Ok(milliseconds), _) => latest.checked_add(Duration::from_millis(milliseconds)),
                (Err(_), Some(left)) => now.checked_add(left).map(|end| end.max(latest)),
                (Err(_), None) => return Err(Failure::bad("rp is no timestamp")),
            },
        };
        let longest = now.checked_add(self.config.limits.request_life);
        match end {
            Some(end) if end == now => Err(Failure::bad("rp has passed: the result would be gone at once")),
            Some(end) if longest.is_none_or(|longest| end <= longest) => Ok(end),
            _ => refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!(
                    "the request and its result would be kept for more than {} s, the limit of this CSE",
                    self.config.limits.request_life.as_secs()
                ),
            ),
        }
    }

    /// Says that the request is on its way to another entity.
    pub(super) fn mark_forwarded(&mut self, now: SystemTime, key: Key, effects: &mut Vec<Effect>) {
        self.change(now, key, vec![("rs", json!(Status::Forwarded as u8))], effects);
    }

    /// Puts the result in. One that is too large for this CSE is replaced by a refusal.
    pub(super) fn put_result(&mut self, now: SystemTime, key: Key, response: &Response, effects: &mut Vec<Effect>) {
        let too_large =
            || Response::error(StatusCode::NOT_ACCEPTABLE, "the result is too large to be kept by this CSE");
        let mut result =
            operation_result(response).unwrap_or_else(|failure| fallback(failure.into_response(), response));
        let most = self.config.limits.total_bytes.saturating_sub(self.tree.bytes());
        if weight(&result) > most {
            result = fallback(too_large(), response);
        }
        let failed = result.get("rsc").and_then(Value::as_u64).is_none_or(|rsc| rsc >= 4000);
        let status = if failed { Status::Failed } else { Status::Completed };
        self.change(now, key, vec![("rs", json!(status as u8)), ("ors", Value::Object(result))], effects);
    }

    fn change(&mut self, now: SystemTime, key: Key, news: Vec<(&str, Value)>, effects: &mut Vec<Effect>) {
        let mut modified: Map<String, Value> = news.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        modified.insert("lt".to_owned(), json!(format_timestamp(now)));
        let resource = self.tree.get_mut(key);
        resource.modified = now;
        for (name, value) in &modified {
            resource.attributes.insert(name.clone(), value.clone());
        }
        self.tree.resized(key);
        let kind = NotificationEventType::UPDATE_OF_RESOURCE;
        let event = Event { kind, subject: Subject::Here(key), modified: Some(&modified) };
        self.notify(now, key, event, effects);
    }

    /// Whether there is no result yet.
    pub(super) fn is_open(&self, key: Key) -> bool {
        let status = self.tree.get(key).number("rs");
        [Status::Pending, Status::Forwarded].into_iter().any(|open| status == Some(open as u64))
    }

    /// Whether the request has gone to another entity, from where it cannot be recalled.
    pub(super) fn is_forwarded(&self, key: Key) -> bool {
        let resource = self.tree.get(key);
        resource.ty == ResourceType::REQUEST && resource.number("rs") == Some(Status::Forwarded as u64)
    }

    /// The request of a `<request>` as its originator sent it, with absolute times.
    pub(super) fn recorded(&self, key: Key) -> Option<Request> {
        let attributes = &self.tree.get(key).attributes;
        let mut members = attributes.get("mi")?.as_object()?.clone();
        for (from, to) in [("op", "op"), ("tg", "to"), ("org", "fr"), ("rid", "rqi"), ("pc", "pc")] {
            if let Some(value) = attributes.get(from) {
                members.insert(to.to_owned(), value.clone());
            }
        }
        let text = Value::Object(members).to_string();
        match codec::decode(Format::Json, text.into(), &DecodeOptions::default()).ok()?.primitive {
            Primitive::Request(request) => Some(*request),
            Primitive::Response(_) => None,
        }
    }
}

/// A response as a member of another document: all that is written of it.
pub(super) fn response_members(response: &Response) -> Checked<Map<String, Value>> {
    members_of(|out| codec::encode_response(Format::Json, response, out))
}

fn operation_result(response: &Response) -> Checked<Map<String, Value>> {
    let mut members = response_members(response)?;
    members.retain(|name, _| OPERATION_RESULT.contains(&name.as_str()));
    Ok(members)
}

/// A result that can be kept in any case.
fn fallback(instead: Response, of: &Response) -> Map<String, Value> {
    let instead = instead.request_id(of.request_id.as_str());
    operation_result(&instead).unwrap_or_default()
}

fn members_of(write: impl FnOnce(&mut BytesMut) -> Result<(), codec::EncodeError>) -> Checked<Map<String, Value>> {
    let mut out = BytesMut::new();
    write(&mut out).map_err(|error| Failure::bad(format!("it cannot be kept: {error}")))?;
    serde_json::from_slice(&out).map_err(|error| Failure::bad(format!("it cannot be kept: {error}")))
}
