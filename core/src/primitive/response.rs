//! The response primitive.
//!
//! Covers: TS-0004 6.4.2 (every parameter, in the order of table 6.4.2-1). Members that the table does not know are
//! carried in [`ResponseAdditional::unknown`], not lost.

use serde_json::json;

use super::{AbsRelTimestamp, Content, ContentStatus, EventCategory, ReleaseVersion, StatusCode};

/// A response primitive.
///
/// A response whose status is not a success is still a response, not an error of this library.
///
/// ```
/// use onem2m_ws::primitive::{Response, StatusCode};
///
/// let response = Response::error(StatusCode::NOT_FOUND, "no resource cse-in/nowhere");
/// assert!(!response.status.is_success());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// `rsc`: the outcome.
    pub status: StatusCode,
    /// `rqi`: of the request that this answers; empty only where the request had none that could be read.
    pub request_id: String,
    /// `pc`: content.
    pub content: Option<Content>,
    /// `to`: the originator of the request.
    pub to: Option<String>,
    /// `fr`: who answers.
    pub from: Option<String>,
    /// `ot`: when the response was made (`m2m:timestamp`).
    pub originating_timestamp: Option<String>,
    /// `rset`: when the result stops being of use.
    pub result_expiration: Option<AbsRelTimestamp>,
    /// `rvi`: release that the answering entity speaks, as text.
    pub release_version: Option<ReleaseVersion>,
    /// Parameters that few responses have, and members that the standard's table does not know.
    pub additional: Option<Box<ResponseAdditional>>,
}

/// Response parameters that few responses have.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct ResponseAdditional {
    /// `ec`: how urgent it is.
    pub event_category: Option<EventCategory>,
    /// `cnst`: whether the content is complete.
    pub content_status: Option<ContentStatus>,
    /// `cnot`: where the next part of the content begins.
    pub content_offset: Option<u64>,
    /// `ati`: assigned token identifiers.
    pub assigned_token_ids: Option<Content>,
    /// `tqf`: token request information.
    pub token_request_information: Option<Content>,
    /// `asri`: authorization signature request information.
    pub authorization_signature_request: Option<bool>,
    /// `vsi`: vendor information.
    pub vendor_information: Option<String>,
    /// `msu`: M2M service user (after Release 3).
    pub service_user: Option<String>,
    /// Members that the table does not know, with their names as they came.
    pub unknown: Vec<(String, Content)>,
}

impl Response {
    /// A response with this status and nothing else. The session adds the identifier of the request.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self {
            status,
            request_id: String::new(),
            content: None,
            to: None,
            from: None,
            originating_timestamp: None,
            result_expiration: None,
            release_version: None,
            additional: None,
        }
    }

    /// 2000 OK.
    #[must_use]
    pub const fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    /// A status with an explanation for the originator's developer, as `{"m2m:dbg": text}` (TS-0004 7.5.2).
    #[must_use]
    pub fn error(status: StatusCode, debug: impl AsRef<str>) -> Self {
        Self::new(status).content(json!({ "m2m:dbg": debug.as_ref() }))
    }

    /// Sets the content.
    #[must_use]
    pub fn content(mut self, content: impl Into<Content>) -> Self {
        self.content = Some(content.into());
        self
    }

    /// Sets the identifier of the request that this answers.
    #[must_use]
    pub fn request_id(mut self, rqi: impl Into<String>) -> Self {
        self.request_id = rqi.into();
        self
    }

    /// The parameters that few responses have, made if there are none yet.
    pub fn additional_mut(&mut self) -> &mut ResponseAdditional {
        self.additional.get_or_insert_default()
    }
}
