//! From typed parameters to the members of a primitive, whatever format they are written in.
//!
//! Covers: TS-0004 6.4.1 and 6.4.2 (the order of the tables, which XML demands; parameters of later releases and unknown
//! members follow). Each format says how a member of one type is written ([`Emit`]); which there are is said here, once.

use super::EncodeError;
use super::parameter::{OF_REQUEST, OF_RESPONSE, Parameters, is_free};
use crate::primitive::{Content, Request, Response, ResponseTypeInfo};

/// The name of a parameter, with what is around it in each format, so that each is one copy.
pub(super) struct Name {
    pub(super) short: &'static str,
    /// JSON: `,"name":`.
    pub(super) json: &'static str,
    /// JSON: `,"name":"`, for a string.
    pub(super) json_text: &'static str,
    /// XML: `<name>`.
    pub(super) open: &'static str,
    /// XML: `</name>`.
    pub(super) close: &'static str,
}

macro_rules! name {
    ($name:literal) => {{
        const NAME: &Name = &Name {
            short: $name,
            json: concat!(",\"", $name, "\":"),
            json_text: concat!(",\"", $name, "\":\""),
            open: concat!("<", $name, ">"),
            close: concat!("</", $name, ">"),
        };
        NAME
    }};
}

/// Which primitive is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Request,
    Response,
}

/// A primitive that is being written. What fails says which member it was.
pub(super) trait Emit {
    /// Begins a primitive with its first member, `op` or `rsc`.
    fn begin(&mut self, kind: Kind, name: &'static Name, number: u64);
    /// Ends it.
    fn end(&mut self);
    /// A number.
    fn integer(&mut self, name: &'static Name, number: u64);
    /// `true` or `false`.
    fn boolean(&mut self, name: &'static Name, value: bool);
    /// Text in which white space counts (`xs:string`).
    fn text(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError>;
    /// Text in which white space does not count (`xs:anyURI`, `xs:token`).
    fn token(&mut self, name: &'static Name, text: &str) -> Result<(), EncodeError>;
    /// Texts without white space.
    fn list(&mut self, name: &'static Name, list: &[String]) -> Result<(), EncodeError>;
    /// `rt`.
    fn response_type(&mut self, name: &'static Name, rt: &ResponseTypeInfo) -> Result<(), EncodeError>;
    /// `pc`.
    fn content(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError>;
    /// A parameter that has members of its own.
    fn structure(&mut self, name: &'static Name, content: &Content) -> Result<(), EncodeError>;
    /// A member that is no parameter.
    fn unknown(&mut self, name: &str, content: &Content) -> Result<(), EncodeError>;
}

/// Writes a request.
pub(super) fn request<E: Emit>(w: &mut E, request: &Request) -> Result<(), EncodeError> {
    if request.request_id.is_empty() {
        return Err(EncodeError::Missing("rqi"));
    }
    let rare = request.additional.as_deref();
    w.begin(Kind::Request, name!("op"), request.operation.code().into());
    w.token(name!("to"), &request.to)?;
    token(w, name!("fr"), request.from.as_deref())?;
    w.token(name!("rqi"), &request.request_id)?;
    integer(w, name!("ty"), request.resource_type.map(|ty| ty.code()));
    content(w, name!("pc"), request.content.as_ref())?;
    if let Some(rare) = rare {
        list(w, name!("rids"), rare.role_ids.as_deref())?;
    }
    token(w, name!("ot"), request.originating_timestamp.as_deref())?;
    token(w, name!("rqet"), request.request_expiration.as_ref().map(|time| time.as_str()))?;
    token(w, name!("rset"), request.result_expiration.as_ref().map(|time| time.as_str()))?;
    if let Some(rare) = rare {
        token(w, name!("oet"), rare.operation_execution_time.as_ref().map(|time| time.as_str()))?;
    }
    if let Some(response_type) = &request.response_type {
        w.response_type(name!("rt"), response_type)?;
    }
    if let Some(rare) = rare {
        token(w, name!("rp"), rare.result_persistence.as_ref().map(|time| time.as_str()))?;
    }
    integer(w, name!("rcn"), request.result_content.map(|rcn| rcn.code()));
    integer(w, name!("ec"), request.event_category.map(|ec| ec.code()));
    if let Some(rare) = rare {
        boolean(w, name!("da"), rare.delivery_aggregation);
        text(w, name!("gid"), rare.group_request_id.as_deref())?;
    }
    structure(w, name!("fc"), request.filter_criteria.as_ref())?;
    integer(w, name!("drt"), request.id_result_type.map(|drt| drt.code()));
    if let Some(rare) = rare {
        list(w, name!("tkns"), rare.tokens.as_deref())?;
        list(w, name!("tids"), rare.token_ids.as_deref())?;
        list(w, name!("ltids"), rare.local_token_ids.as_deref())?;
        boolean(w, name!("tqi"), rare.token_request_indicator);
        list(w, name!("grtm"), rare.group_request_target_members.as_deref())?;
        boolean(w, name!("asi"), rare.authorization_signature_indicator);
        list(w, name!("aus"), rare.authorization_signatures.as_deref())?;
        boolean(w, name!("auri"), rare.authorization_relationship_indicator);
        boolean(w, name!("sqi"), rare.semantic_query_indicator);
    }
    text(w, name!("rvi"), request.release_version.as_deref())?;
    if let Some(rare) = rare {
        text(w, name!("vsi"), rare.vendor_information.as_deref())?;
        list(w, name!("omr"), rare.ontology_mapping_resources.as_deref())?;
        integer(w, name!("gstn"), rare.group_somecast_target_number);
        token(w, name!("msu"), rare.service_user.as_deref())?;
        text(w, name!("ma"), rare.maximum_age.as_deref())?;
        unknown(w, &rare.unknown, OF_REQUEST)?;
    }
    w.end();
    Ok(())
}

/// Writes a response to the request `rqi`, of the release `rvi`; what it says of both itself does not count.
pub(super) fn response<E: Emit>(
    w: &mut E,
    response: &Response,
    rqi: &str,
    rvi: Option<&str>,
) -> Result<(), EncodeError> {
    let rare = response.additional.as_deref();
    w.begin(Kind::Response, name!("rsc"), response.status.code().into());
    token(w, name!("rqi"), Some(rqi).filter(|rqi| !rqi.is_empty()))?;
    content(w, name!("pc"), response.content.as_ref())?;
    token(w, name!("to"), response.to.as_deref())?;
    token(w, name!("fr"), response.from.as_deref())?;
    token(w, name!("ot"), response.originating_timestamp.as_deref())?;
    token(w, name!("rset"), response.result_expiration.as_ref().map(|time| time.as_str()))?;
    if let Some(rare) = rare {
        integer(w, name!("ec"), rare.event_category.map(|ec| ec.code()));
        integer(w, name!("cnst"), rare.content_status.map(|cnst| cnst.code()));
        integer(w, name!("cnot"), rare.content_offset);
        structure(w, name!("ati"), rare.assigned_token_ids.as_ref())?;
        structure(w, name!("tqf"), rare.token_request_information.as_ref())?;
        boolean(w, name!("asri"), rare.authorization_signature_request);
    }
    text(w, name!("rvi"), rvi)?;
    if let Some(rare) = rare {
        text(w, name!("vsi"), rare.vendor_information.as_deref())?;
        token(w, name!("msu"), rare.service_user.as_deref())?;
        unknown(w, &rare.unknown, OF_RESPONSE)?;
    }
    w.end();
    Ok(())
}

#[inline]
fn integer<E: Emit>(w: &mut E, name: &'static Name, number: Option<impl Into<u64>>) {
    if let Some(number) = number {
        w.integer(name, number.into());
    }
}

fn boolean<E: Emit>(w: &mut E, name: &'static Name, value: Option<bool>) {
    if let Some(value) = value {
        w.boolean(name, value);
    }
}

#[inline]
fn text<E: Emit>(w: &mut E, name: &'static Name, text: Option<&str>) -> Result<(), EncodeError> {
    text.map_or(Ok(()), |text| w.text(name, text))
}

#[inline]
fn token<E: Emit>(w: &mut E, name: &'static Name, text: Option<&str>) -> Result<(), EncodeError> {
    text.map_or(Ok(()), |text| w.token(name, text))
}

fn list<E: Emit>(w: &mut E, name: &'static Name, list: Option<&[String]>) -> Result<(), EncodeError> {
    list.map_or(Ok(()), |list| w.list(name, list))
}

#[inline]
fn content<E: Emit>(w: &mut E, name: &'static Name, content: Option<&Content>) -> Result<(), EncodeError> {
    content.map_or(Ok(()), |content| w.content(name, content))
}

#[inline]
fn structure<E: Emit>(w: &mut E, name: &'static Name, content: Option<&Content>) -> Result<(), EncodeError> {
    content.map_or(Ok(()), |content| w.structure(name, content))
}

fn unknown<E: Emit>(w: &mut E, members: &[(String, Content)], own: Parameters) -> Result<(), EncodeError> {
    for (i, (name, content)) in members.iter().enumerate() {
        if !is_free(name, own) || members[..i].iter().any(|(other, _)| other == name) {
            return Err(EncodeError::MemberName(name.clone()));
        }
        w.unknown(name, content)?;
    }
    Ok(())
}
