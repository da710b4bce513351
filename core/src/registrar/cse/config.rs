//! What can be set on the embedded CSE, and the bounds that keep its memory finite.

use std::{fmt, time::Duration};

use crate::primitive::{CseId, CseType, EntityId, IdError, SpId};

/// Who may read what others have created.
///
/// It decides where no `<accessControlPolicy>` does: about resources that have no `acpi`, and nothing above them either. In both
/// settings only the creator of a resource, the creator of anything above it (the registered AE for all that lies
/// below its `<AE>`) and the administrator may change or delete it, and every registered entity may retrieve the
/// `<CSEBase>` and create resources directly below it. Entities behind a registered CSE count as registered, and so do the
/// registrar of this CSE and those behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Access {
    /// Every registered entity may retrieve, discover and subscribe to everything. What examples and tests need:
    /// an actuator subscribes to the container of a sensor.
    #[default]
    Registered,
    /// Only those who may change a resource may retrieve, discover or subscribe to it.
    CreatorOnly,
}

/// Bounds on what the CSE takes. What is past one is refused with NOT_ACCEPTABLE (5207) unless its field says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Resources in all, the `<CSEBase>` included. Default 100 000.
    pub resources: usize,
    /// Bytes of all attributes together, about. Default 256 MiB.
    pub total_bytes: u64,
    /// Bytes of the content of one request, and of the attributes of one resource after an UPDATE. Default 512 KiB.
    pub content_bytes: usize,
    /// Levels of JSON in the content of a request; deeper is BAD_REQUEST (4000). Default 32.
    pub content_depth: usize,
    /// Levels of resources below the `<CSEBase>`. Default 16.
    pub nesting: usize,
    /// Bytes of a resource name or an entity identifier; longer is BAD_REQUEST (4000). Default 128.
    pub name_bytes: usize,
    /// Resources in one result; the rest is left out and the result marked as partial. Default 1000.
    pub results: usize,
    /// contentInstances of one container, on top of its own `mni`: the oldest go. Default 10 000.
    pub instances: usize,
    /// Subscriptions directly below one resource. Default 64.
    pub subscriptions: usize,
    /// Entries of `nu` in one subscription. Default 16.
    pub notification_targets: usize,
    /// Access control rules in `pv`, and in `pvs`, of one `<accessControlPolicy>`. Default 32.
    pub rules: usize,
    /// Entries of `acor` in one access control rule, without those that say the same, and without `all`. Default 64.
    pub originators: usize,
    /// Policies in the `acpi` of one resource. Default 16.
    pub policies: usize,
    /// Subscriptions whose verification is under way. Default 256.
    pub verifications: usize,
    /// `<request>`s of non-blocking requests; and likewise blocking requests that wait for their `oet`. Default 1000.
    pub requests: usize,
    /// How long a `<request>` may last, with all that `rqet`, `rset`, `oet` and `rp` ask for. Default a day.
    pub request_life: Duration,
    /// How far ahead the `oet` of a blocking request may be. Default 20 s: after 30 s, connections answer by themselves.
    pub blocking_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resources: 100_000,
            total_bytes: 256 << 20,
            content_bytes: 512 << 10,
            content_depth: 32,
            nesting: 16,
            name_bytes: 128,
            results: 1000,
            instances: 10_000,
            subscriptions: 64,
            notification_targets: 16,
            rules: 32,
            originators: 64,
            policies: 16,
            verifications: 256,
            requests: 1000,
            request_life: Duration::from_secs(86_400),
            blocking_delay: Duration::from_secs(20),
        }
    }
}

/// Settings of a [`Cse`](super::Cse). The default is a working IN-CSE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CseConfig {
    /// CSE-ID in SP-relative form. Default `/id-in`.
    pub cse_id: String,
    /// Name of the `<CSEBase>`. Default `cse-in`.
    pub cse_name: String,
    /// M2M-SP-ID in absolute form. Default `//onem2m-ws.example`.
    pub sp_id: String,
    /// IN, MN or ASN. Default IN.
    pub cse_type: CseType,
    /// CSE-ID of the registrar of this CSE, in SP-relative form: what is for a CSE that is not registered here goes there.
    /// Default none, the empty text.
    pub registrar: String,
    /// Points of access of this CSE (`poa` of the `<CSEBase>`). Default none.
    pub points_of_access: Vec<String>,
    /// The administrator: an originator that needs no registration and may do everything. Default `CAdmin`.
    pub admin: String,
    /// Values of `rvi` that are taken, oldest first. Default `2a 3 4 5`.
    pub releases: Vec<String>,
    /// Life of a resource whose creator gives no `et`. Default 5 years, at most 100.
    pub default_expiration: Duration,
    /// How long a notification target has to answer a verification request. Default 10 s.
    pub verification_time: Duration,
    /// How long the result of a non-blocking request is kept whose originator gives no `rp`. Default 5 minutes, at most a year.
    pub result_persistence: Duration,
    /// Who may read what others have created.
    pub access: Access,
    /// Bounds.
    pub limits: Limits,
}

const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Default for CseConfig {
    fn default() -> Self {
        Self {
            cse_id: "/id-in".to_owned(),
            cse_name: "cse-in".to_owned(),
            sp_id: "//onem2m-ws.example".to_owned(),
            cse_type: CseType::IN_CSE,
            registrar: String::new(),
            points_of_access: Vec::new(),
            admin: "CAdmin".to_owned(),
            releases: ["2a", "3", "4", "5"].map(str::to_owned).to_vec(),
            default_expiration: 5 * YEAR,
            verification_time: Duration::from_secs(10),
            result_persistence: Duration::from_secs(300),
            access: Access::default(),
            limits: Limits::default(),
        }
    }
}

/// A setting that a CSE cannot work with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    setting: &'static str,
    reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// The identifiers among the settings, checked.
pub(super) struct Identity {
    pub(super) sp_id: SpId,
    pub(super) cse_id: CseId,
    /// The CSE itself.
    pub(super) own: EntityId,
    pub(super) admin: EntityId,
    pub(super) registrar: Option<EntityId>,
}

impl CseConfig {
    pub(super) fn check(&self) -> Result<Identity, ConfigError> {
        let wrong = |setting| move |error: IdError| ConfigError { setting, reason: error.to_string() };
        let refuse = |setting, reason: &str| Err(ConfigError { setting, reason: reason.to_owned() });
        let sp_id = SpId::new(&self.sp_id).map_err(wrong("sp_id"))?;
        let cse_id = CseId::new(&self.cse_id).map_err(wrong("cse_id"))?;
        if sp_id.as_str() != self.sp_id {
            return refuse("sp_id", "must be `//` and a domain name in small letters");
        }
        if cse_id.as_str() != self.cse_id {
            return refuse("cse_id", "must begin with `/`, as in `/id-in`");
        }
        let own = EntityId::from_originator(&self.cse_id, &sp_id, &cse_id).map_err(wrong("cse_id"))?;
        let admin = EntityId::from_originator(&self.admin, &sp_id, &cse_id).map_err(wrong("admin"))?;
        let registrar = match self.registrar.as_str() {
            "" => None,
            text if CseId::new(text).map_err(wrong("registrar"))?.as_str() != text => {
                return refuse("registrar", "must begin with `/`, as in `/id-in`");
            }
            text if text == self.cse_id => return refuse("registrar", "must be another CSE than this one"),
            text => Some(EntityId::from_originator(text, &sp_id, &cse_id).map_err(wrong("registrar"))?),
        };
        CseId::new(&self.cse_name).map_err(wrong("cse_name"))?;
        if self.cse_name.starts_with('/') || self.cse_name == "-" {
            return refuse("cse_name", "must be a name without a slash, and not `-`");
        }
        if self.cse_name == cse_id.name() {
            return refuse("cse_name", "must differ from the CSE-ID, or one address would mean two things");
        }
        if self.releases.is_empty() {
            return refuse("releases", "at least one is needed");
        }
        if self.default_expiration > 100 * YEAR {
            return refuse("default_expiration", "at most 100 years");
        }
        if self.verification_time > YEAR {
            return refuse("verification_time", "at most a year");
        }
        if self.result_persistence.is_zero() || self.result_persistence > YEAR {
            return refuse("result_persistence", "more than 0, and at most a year");
        }
        Ok(Identity { sp_id, cse_id, own, admin, registrar })
    }

    /// The newest release, which this CSE speaks of its own accord.
    pub(super) fn release(&self) -> &str {
        self.releases.last().map_or("3", String::as_str)
    }
}
