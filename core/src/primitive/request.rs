//! The request primitive.
//!
//! Covers: TS-0004 6.4.1 (every parameter, in the order of table 6.4.1-1), and the parameters that Release 4 and 5
//! added. Members that the table does not know are carried in [`Additional::unknown`], not lost.
//! Does not check which parameter goes with which operation: the receiver's CSE does.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::{
    AbsRelTimestamp, Content, EventCategory, FilterCriteria, IdResultType, Operation, ResourceType, ResponseType,
    ResultContent,
};

/// A request primitive.
///
/// Made with [`Request::create`], [`retrieve`](Request::retrieve), [`update`](Request::update),
/// [`delete`](Request::delete) or [`notify`](Request::notify); every parameter is a public field. A session fills in
/// `request_id`, `from` and `release_version` where they were left empty.
///
/// ```
/// use onem2m_ws::primitive::{Request, ResourceType};
/// use serde_json::json;
///
/// let request = Request::create("cse-in/sensor1", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
/// assert_eq!(request.to, "cse-in/sensor1");
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// `op`: what is asked for.
    pub operation: Operation,
    /// `to`: the target, in CSE-relative, SP-relative or absolute form.
    pub to: String,
    /// `fr`: the originator. Absent or empty only in the registration of an AE that wants an AE-ID assigned.
    pub from: Option<String>,
    /// `rqi`: correlates the response; empty means that the session makes one.
    pub request_id: String,
    /// `ty`: type of the resource to create; on CREATE only.
    pub resource_type: Option<ResourceType>,
    /// `pc`: content.
    pub content: Option<Content>,
    /// `ot`: when the originator made the request (`m2m:timestamp`).
    pub originating_timestamp: Option<String>,
    /// `rqet`: when the request stops being of use.
    pub request_expiration: Option<AbsRelTimestamp>,
    /// `rset`: when the result stops being of use.
    pub result_expiration: Option<AbsRelTimestamp>,
    /// `rt`: blocking or not, and whom to notify.
    pub response_type: Option<ResponseTypeInfo>,
    /// `rcn`: what the response is to carry.
    pub result_content: Option<ResultContent>,
    /// `ec`: how urgent it is.
    pub event_category: Option<EventCategory>,
    /// `fc`: filter criteria; see [`FilterCriteria`].
    pub filter_criteria: Option<Content>,
    /// `drt`: form of the addresses in a discovery result.
    pub id_result_type: Option<IdResultType>,
    /// `rvi`: release that the originator speaks, as text (`"3"`); absent towards Release 1.
    pub release_version: Option<ReleaseVersion>,
    /// Parameters that few requests have, and members that the standard's table does not know.
    pub additional: Option<Box<Additional>>,
}

/// `rvi`: a release of the standard as text, `"3"` (`m2m:releaseVersion`). Those that there are claim no memory.
pub type ReleaseVersion = Cow<'static, str>;

/// A release as it was read.
pub(crate) fn release_version(text: &str) -> ReleaseVersion {
    Cow::Borrowed(match text {
        "3" => "3",
        "4" => "4",
        "5" => "5",
        "2a" => "2a",
        "2" => "2",
        "1" => "1",
        _ => return Cow::Owned(text.to_owned()),
    })
}

/// `rt`: response type and notification targets (TS-0004 6.3.5.30).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseTypeInfo {
    /// `rtv`: the mode.
    pub value: ResponseType,
    /// `nu`: whom to notify of the result; the originator if there is none, nobody if it is empty.
    pub notification_uris: Option<Vec<String>>,
}

/// Request parameters that few requests have.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Additional {
    /// `rids`: role IDs.
    pub role_ids: Option<Vec<String>>,
    /// `oet`: when the operation is to be carried out.
    pub operation_execution_time: Option<AbsRelTimestamp>,
    /// `rp`: how long the result is kept.
    pub result_persistence: Option<AbsRelTimestamp>,
    /// `da`: delivery aggregation.
    pub delivery_aggregation: Option<bool>,
    /// `gid`: group request identifier.
    pub group_request_id: Option<String>,
    /// `tkns`: tokens.
    pub tokens: Option<Vec<String>>,
    /// `tids`: token IDs.
    pub token_ids: Option<Vec<String>>,
    /// `ltids`: local token IDs.
    pub local_token_ids: Option<Vec<String>>,
    /// `tqi`: token request indicator.
    pub token_request_indicator: Option<bool>,
    /// `grtm`: group request target members.
    pub group_request_target_members: Option<Vec<String>>,
    /// `asi`: authorization signature indicator.
    pub authorization_signature_indicator: Option<bool>,
    /// `aus`: authorization signatures.
    pub authorization_signatures: Option<Vec<String>>,
    /// `auri`: authorization relationship indicator.
    pub authorization_relationship_indicator: Option<bool>,
    /// `sqi`: semantic query indicator.
    pub semantic_query_indicator: Option<bool>,
    /// `vsi`: vendor information.
    pub vendor_information: Option<String>,
    /// `omr`: ontology mapping resources (after Release 3).
    pub ontology_mapping_resources: Option<Vec<String>>,
    /// `gstn`: group somecast target number (after Release 3).
    pub group_somecast_target_number: Option<u64>,
    /// `msu`: M2M service user (after Release 3).
    pub service_user: Option<String>,
    /// `ma`: maximum age (not standardized; sent by ACME).
    pub maximum_age: Option<String>,
    /// Members that the table does not know, with their names as they came.
    pub unknown: Vec<(String, Content)>,
}

/// A parameter that says when a request, or its result, stops being of use; for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiration<'a> {
    name: &'static str,
    text: &'a str,
}

impl fmt::Display for Expiration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.text)
    }
}

impl Request {
    /// A request with the two parameters that every one has.
    #[must_use]
    pub fn new(operation: Operation, to: impl Into<String>) -> Self {
        Self {
            operation,
            to: to.into(),
            from: None,
            request_id: String::new(),
            resource_type: None,
            content: None,
            originating_timestamp: None,
            request_expiration: None,
            result_expiration: None,
            response_type: None,
            result_content: None,
            event_category: None,
            filter_criteria: None,
            id_result_type: None,
            release_version: None,
            additional: None,
        }
    }

    /// CREATE a resource of type `ty` below `to`, from its representation (`{"m2m:cnt": {...}}`).
    #[must_use]
    pub fn create(to: impl Into<String>, ty: ResourceType, content: impl Into<Content>) -> Self {
        let mut request = Self::new(Operation::Create, to);
        request.resource_type = Some(ty);
        request.content = Some(content.into());
        request
    }

    /// RETRIEVE `to`.
    #[must_use]
    pub fn retrieve(to: impl Into<String>) -> Self {
        Self::new(Operation::Retrieve, to)
    }

    /// Discover resources below `to`: RETRIEVE with filter criteria whose use is discovery.
    #[must_use]
    pub fn discover(to: impl Into<String>, criteria: FilterCriteria) -> Self {
        let mut request = Self::new(Operation::Retrieve, to);
        request.filter_criteria = Some(criteria.discovery().into());
        request
    }

    /// UPDATE attributes of `to`; an attribute with the value `null` is deleted.
    #[must_use]
    pub fn update(to: impl Into<String>, content: impl Into<Content>) -> Self {
        let mut request = Self::new(Operation::Update, to);
        request.content = Some(content.into());
        request
    }

    /// DELETE `to` and all below it.
    #[must_use]
    pub fn delete(to: impl Into<String>) -> Self {
        Self::new(Operation::Delete, to)
    }

    /// NOTIFY `to`.
    #[must_use]
    pub fn notify(to: impl Into<String>, content: impl Into<Content>) -> Self {
        let mut request = Self::new(Operation::Notify, to);
        request.content = Some(content.into());
        request
    }

    /// Sets the originator.
    #[must_use]
    pub fn from(mut self, originator: impl Into<String>) -> Self {
        self.from = Some(originator.into());
        self
    }

    /// Sets the request identifier.
    #[must_use]
    pub fn request_id(mut self, rqi: impl Into<String>) -> Self {
        self.request_id = rqi.into();
        self
    }

    /// Sets the release version indicator.
    #[must_use]
    pub fn release_version(mut self, rvi: impl Into<ReleaseVersion>) -> Self {
        self.release_version = Some(rvi.into());
        self
    }

    /// Sets what the response is to carry.
    #[must_use]
    pub fn result_content(mut self, rcn: ResultContent) -> Self {
        self.result_content = Some(rcn);
        self
    }

    /// Sets filter criteria.
    #[must_use]
    pub fn filter(mut self, criteria: impl Into<Content>) -> Self {
        self.filter_criteria = Some(criteria.into());
        self
    }

    /// Sets when the request stops being of use, from now (`rqet`, in milliseconds).
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.request_expiration = Some(AbsRelTimestamp::relative(time));
        self
    }

    /// How long after `now` the request or its result is still of use, and which parameter says so: `rqet` or `rset`, whichever is
    /// sooner. `None`: for ever. The parameter is the error if its text is no time.
    pub(crate) fn time_left(&self, now: SystemTime) -> Result<Option<(Duration, Expiration<'_>)>, Expiration<'_>> {
        let mut soonest: Option<(Duration, Expiration<'_>)> = None;
        for (name, time) in [("rqet", &self.request_expiration), ("rset", &self.result_expiration)] {
            let Some(time) = time else { continue };
            let expiration = Expiration { name, text: time.as_str() };
            let left = time.remaining(now).ok_or(expiration)?;
            if soonest.is_none_or(|(soonest, _)| left < soonest) {
                soonest = Some((left, expiration));
            }
        }
        Ok(soonest)
    }

    /// Makes points in time of `rqet` and `rset` where they are counted from `now`.
    pub(crate) fn fix_expirations(&mut self, now: SystemTime) {
        let expirations = [&mut self.request_expiration, &mut self.result_expiration];
        expirations.into_iter().flatten().for_each(|time| time.fix(now));
    }

    /// The parameters that few requests have, made if there are none yet.
    pub fn additional_mut(&mut self) -> &mut Additional {
        self.additional.get_or_insert_default()
    }

    /// What a request that is kept counts as, in bytes: itself, and the texts that it holds. None is left out, since all of
    /// them may have come from a peer whose request is passed on.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = |time: &Option<AbsRelTimestamp>| time.as_ref().map_or(0, |time| time.as_str().len());
        let list = |list: &Option<Vec<String>>| {
            list.iter().flatten().map(|item| size_of::<String>() + item.len()).sum::<usize>()
        };
        let content = |content: &Option<Content>| content.as_ref().map_or(0, |content| content.bytes().len());
        let Request {
            to,
            from,
            request_id,
            content: pc,
            originating_timestamp,
            request_expiration,
            result_expiration,
            response_type,
            filter_criteria,
            release_version,
            additional,
            operation: _,
            resource_type: _,
            result_content: _,
            event_category: _,
            id_result_type: _,
        } = self;
        let mut size = size_of::<Self>() + to.len() + request_id.len();
        size += text(from) + text(originating_timestamp) + release_version.as_ref().map_or(0, |text| text.len());
        size += time(request_expiration) + time(result_expiration);
        size += content(pc) + content(filter_criteria);
        if let Some(ResponseTypeInfo { notification_uris, value: _ }) = response_type {
            size += list(notification_uris);
        }
        if let Some(additional) = additional {
            let Additional {
                role_ids,
                operation_execution_time,
                result_persistence,
                group_request_id,
                tokens,
                token_ids,
                local_token_ids,
                group_request_target_members,
                authorization_signatures,
                vendor_information,
                ontology_mapping_resources,
                service_user,
                maximum_age,
                unknown,
                delivery_aggregation: _,
                token_request_indicator: _,
                authorization_signature_indicator: _,
                authorization_relationship_indicator: _,
                semantic_query_indicator: _,
                group_somecast_target_number: _,
            } = &**additional;
            size += size_of::<Additional>();
            size += time(operation_execution_time) + time(result_persistence);
            size += text(group_request_id) + text(vendor_information) + text(service_user) + text(maximum_age);
            size += list(role_ids) + list(tokens) + list(token_ids) + list(local_token_ids);
            size +=
                list(group_request_target_members) + list(authorization_signatures) + list(ontology_mapping_resources);
            for (name, value) in unknown {
                size += size_of::<(String, Content)>() + name.len() + value.bytes().len();
            }
        }
        size
    }
}
