//! Who is at the other end of a connection, by the credential that was accepted.
//!
//! Covers: TS-0003 8.2.1 (what a security association says of its peer); row WS-7-2. Everything above TLS sees only this. What
//! it does not do: read certificates, or say which requests their holder may make.

use std::time::SystemTime;

use super::registry::Principal;
use crate::primitive::EntityId;

/// By what a peer was authenticated (TS-0003 8.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Framework {
    /// A certificate that a trust anchor vouches for.
    Certificate,
    /// A public key that is known here (RFC 7250).
    RawPublicKey,
    /// A key that both ends have (RFC 4279, RFC 8446 4.2.11).
    PreSharedKey,
    /// What the program accepted itself, such as a password or a token: there is no TLS association that says more.
    Program,
}

impl Framework {
    /// `certificate`, `raw-public-key`, `pre-shared-key` or `program`, as Python and C name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::RawPublicKey => "raw-public-key",
            Self::PreSharedKey => "pre-shared-key",
            Self::Program => "program",
        }
    }
}

/// Who is at the other end of a connection. Holds no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerIdentity {
    framework: Framework,
    principal: Principal,
    names: Vec<String>,
    entities: Option<Vec<EntityId>>,
    not_after: Option<SystemTime>,
}

impl PeerIdentity {
    /// A peer whose credential has this name. It may speak for any entity that belongs to nobody else, until
    /// [`only`](Self::only) says more.
    #[must_use]
    pub fn new(framework: Framework, principal: Principal) -> Self {
        Self { framework, principal, names: Vec::new(), entities: None, not_after: None }
    }

    /// With the names that the credential itself has, as they stand there.
    #[must_use]
    pub fn named(self, names: Vec<String>) -> Self {
        Self { names, ..self }
    }

    /// It speaks for these entities alone.
    #[must_use]
    pub fn only(self, entities: Vec<EntityId>) -> Self {
        Self { entities: Some(entities), ..self }
    }

    /// It is nobody's any more after this time.
    #[must_use]
    pub fn until(self, not_after: SystemTime) -> Self {
        Self { not_after: Some(not_after), ..self }
    }

    /// By what it was authenticated.
    #[must_use]
    pub fn framework(&self) -> Framework {
        self.framework
    }

    /// The one name of the credential: of two connections with the same one both ends are the same node.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The names in the credential: `URI:`, `DNS:`, `IP:` or `ID:` and a name of its certificate, the `ni` digest of its key, or the
    /// identity of its pre-shared key.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The entities for which alone it speaks; `None` if the credential does not say.
    #[must_use]
    pub fn entities(&self) -> Option<&[EntityId]> {
        self.entities.as_deref()
    }

    /// Whether it speaks for this entity, as far as the credential says.
    #[must_use]
    pub fn speaks_for(&self, entity: &EntityId) -> bool {
        self.entities.as_ref().is_none_or(|entities| entities.contains(entity))
    }

    /// When the credential ends, if it does.
    #[must_use]
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }
}

/// Whoever the program accepted, by a name and nothing more.
impl From<Principal> for PeerIdentity {
    fn from(principal: Principal) -> Self {
        Self::new(Framework::Program, principal)
    }
}
