//! What a registration is on the wire, and which requests a client takes.
//!
//! Covers: TS-0020 6.1, 6.4; rows WS-6.4-1 to -5, WS-6.1-3, WS-5.2-9. Looks only at primitives: who is connected is
//! [`super::registry`]'s part.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::registry::Principal;
use crate::primitive::{Operation, Request, ResourceType, Response, StatusCode};
use crate::{Error, ErrorKind, Result};

/// Which requests a client takes (TS-0020 6.1: an AE may handle notifications only, or no requests at all).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Accepts {
    /// Every request.
    #[default]
    AllRequests,
    /// NOTIFY only; anything else is answered 4005 OPERATION_NOT_ALLOWED.
    NotificationsOnly,
    /// Nothing; every request is answered 4005 OPERATION_NOT_ALLOWED.
    Nothing,
}

impl Accepts {
    /// True if a request with this operation goes to the application.
    #[must_use]
    pub const fn takes(self, operation: Operation) -> bool {
        match self {
            Self::AllRequests => true,
            Self::NotificationsOnly => matches!(operation, Operation::Notify),
            Self::Nothing => false,
        }
    }
}

/// The kind of a registree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegistreeKind {
    /// Registered by an `<AE>` resource.
    Ae,
    /// Registered by a `<remoteCSE>` resource.
    Cse,
}

/// A registration that is in force. It outlives connections (WS-6.4-4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// AE-ID or CSE-ID, as the registrar gave it.
    pub entity: String,
    /// What it is.
    pub kind: RegistreeKind,
    /// Addresses of the resource that stands for it: deleting it there ends the registration.
    addresses: Vec<String>,
}

impl Registration {
    /// True for the requests that are let through before a registration: CREATE `<AE>` and CREATE `<remoteCSE>`.
    #[must_use]
    pub fn is_requested_by(request: &Request) -> bool {
        Self::kind_requested_by(request).is_some()
    }

    pub(super) fn kind_requested_by(request: &Request) -> Option<RegistreeKind> {
        match (request.operation, request.resource_type) {
            (Operation::Create, Some(ResourceType::AE)) => Some(RegistreeKind::Ae),
            (Operation::Create, Some(ResourceType::REMOTE_CSE)) => Some(RegistreeKind::Cse),
            _ => None,
        }
    }

    /// The registration that a request and its response brought about.
    ///
    /// The identity is what the registrar's answer says (`aei`, `csi`); where the answer has no content (`rcn` 0),
    /// it is the originator, or the CSE-ID that was asked for.
    #[must_use]
    pub fn from_exchange(request: &Request, response: &Response) -> Option<Self> {
        let kind = Self::kind_requested_by(request)?;
        if response.status != StatusCode::CREATED {
            return None;
        }
        let answer = response.content.as_ref().and_then(|content| content.value().ok());
        let asked = request.content.as_ref().and_then(|content| content.value().ok());
        let text = |value: &Option<Value>, name: &str| {
            let resource = value.as_ref()?.as_object()?.values().next()?;
            resource.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let identity = match kind {
            RegistreeKind::Ae => text(&answer, "aei"),
            RegistreeKind::Cse => text(&answer, "csi").or_else(|| text(&asked, "csi")),
        };
        let entity = identity.or_else(|| request.from.clone().filter(|fr| !matches!(fr.as_str(), "" | "C" | "S")))?;
        let mut addresses = Vec::new();
        addresses.extend(text(&answer, "ri"));
        if let Some(name) = text(&answer, "rn").or_else(|| text(&asked, "rn")) {
            addresses.push(format!("{}/{name}", request.to.trim_end_matches('/')));
        }
        Some(Self { entity, kind, addresses })
    }

    /// A registration that is known to be in force from an earlier run.
    #[must_use]
    pub fn known(entity: impl Into<String>) -> Self {
        let entity = entity.into();
        let kind = if entity.starts_with('/') { RegistreeKind::Cse } else { RegistreeKind::Ae };
        Self { entity, kind, addresses: Vec::new() }
    }

    /// The address of the resource that stands for it, as the registrar named it.
    #[must_use]
    pub fn address(&self) -> &str {
        self.addresses.first().map_or(self.entity.as_str(), String::as_str)
    }

    /// The form in which it is kept for the time after a restart (WS-6.4-4), with the principal to which it belongs: small, and
    /// JSON.
    ///
    /// # Errors
    /// None that is known: `Internal`.
    pub fn to_bytes(&self, owner: Option<&Principal>) -> Result<Bytes> {
        let kept = Kept {
            owner: owner.map(|owner| owner.as_str().into()),
            entity: self.entity.as_str().into(),
            is_cse: self.kind == RegistreeKind::Cse,
            addresses: self.addresses.iter().map(|address| address.as_str().into()).collect(),
        };
        serde_json::to_vec(&kept).map(Bytes::from).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// `Storage` if it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Option<Principal>)> {
        let Kept { entity, is_cse, addresses, owner } = serde_json::from_slice(bytes)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("no registration: {error}")))?;
        let kind = if is_cse { RegistreeKind::Cse } else { RegistreeKind::Ae };
        let addresses = addresses.into_iter().map(Cow::into_owned).collect();
        Ok((Self { entity: entity.into(), kind, addresses }, owner.map(Principal::new)))
    }

    /// True if `request` may end this registration, once it is answered with success: a DELETE of its resource
    /// (WS-6.4-5). The resource may be addressed CSE-relative, SP-relative or absolute, by its identifier or by its name
    /// below the address that it was created with. Of another name for that address (`cse-in` for `-`) only the registrar
    /// knows: then this is false, and the registrar's answers tell that the registration is over.
    #[must_use]
    pub fn may_end_with(&self, request: &Request) -> bool {
        request.operation == Operation::Delete
            && self.addresses.iter().map(String::as_str).chain([self.entity.as_str()]).any(|address| {
                let address = address.trim_start_matches('/');
                request.to.strip_suffix(address).is_some_and(|before| before.is_empty() || before.ends_with('/'))
            })
    }
}

/// A [`Registration`] as it is kept. Members are added only so that older ones can be read.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(rename = "id")]
    entity: Cow<'a, str>,
    #[serde(rename = "cse", default, skip_serializing_if = "std::ops::Not::not")]
    is_cse: bool,
    #[serde(rename = "at", default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Cow<'a, str>>,
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    owner: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ws_6_4_4_a_registration_is_read_as_it_was_kept() {
        let answer = Response::new(StatusCode::CREATED).content(json!({"m2m:ae": {"aei": "Ca", "ri": "Ca"}}));
        let of_an_ae = Registration::from_exchange(&register("Ca"), &answer).unwrap();
        for registration in [of_an_ae, Registration::known("/id-mn"), Registration::known("C\"\u{e4}")] {
            for owner in [None, Some(Principal::new("gateway 7"))] {
                let bytes = registration.to_bytes(owner.as_ref()).unwrap();
                assert_eq!(Registration::from_bytes(&bytes).unwrap(), (registration.clone(), owner));
            }
        }
        assert_eq!(Registration::known("Ca").to_bytes(None).unwrap(), br#"{"id":"Ca"}"#[..]);
        for other in ["", "{", "[]", r#"{"cse":true}"#, r#"{"id":7}"#] {
            assert_eq!(Registration::from_bytes(other.as_bytes()).unwrap_err().kind(), ErrorKind::Storage, "{other}");
        }
    }

    fn register(fr: &str) -> Request {
        Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {"rn": "sensor", "api": "Nx"}})).from(fr)
    }

    #[test]
    fn ws_6_4_2_the_identity_is_what_the_registrar_says() {
        let answer = |content| Response::new(StatusCode::CREATED).content(content);
        let given = Registration::from_exchange(&register("Ca"), &answer(json!({"m2m:ae": {"aei": "Ca", "ri": "Ca"}})));
        assert_eq!(given.map(|r| r.entity), Some("Ca".to_owned()));
        let assigned = Registration::from_exchange(&register("C"), &answer(json!({"m2m:ae": {"aei": "C17"}})));
        assert_eq!(assigned.map(|r| r.entity), Some("C17".to_owned()));
        let without_content = Registration::from_exchange(&register("Ca"), &Response::new(StatusCode::CREATED));
        assert_eq!(without_content.map(|r| r.entity), Some("Ca".to_owned()));
        assert_eq!(Registration::from_exchange(&register("C"), &Response::new(StatusCode::CREATED)), None);
        let refused = Response::new(StatusCode::CONFLICT);
        assert_eq!(Registration::from_exchange(&register("Ca"), &refused), None);
    }

    #[test]
    fn ws_6_4_5_a_delete_of_the_resource_ends_it_in_every_form_of_address() {
        let answer = Response::new(StatusCode::CREATED).content(json!({"m2m:ae": {"aei": "Ca", "ri": "Ca"}}));
        let registration = Registration::from_exchange(&register("Ca"), &answer).unwrap();
        for (to, ends) in [
            ("cse-in/sensor", true),
            ("/id-in/cse-in/sensor", true),
            ("//sp.example/id-in/cse-in/sensor", true),
            ("Ca", true),
            ("/id-in/Ca", true),
            ("cse-in/sensor/data", false),
            ("cse-in/othersensor", false),
            ("xCa", false),
        ] {
            assert_eq!(registration.may_end_with(&Request::delete(to)), ends, "{to}");
        }
        assert!(!registration.may_end_with(&Request::retrieve("Ca")));
    }

    #[test]
    fn ws_6_1_3_an_ae_takes_notifications_only_or_nothing() {
        assert!(Accepts::AllRequests.takes(Operation::Retrieve));
        assert!(!Accepts::NotificationsOnly.takes(Operation::Retrieve));
        assert!(Accepts::NotificationsOnly.takes(Operation::Notify));
        assert!(!Accepts::Nothing.takes(Operation::Notify));
    }
}
