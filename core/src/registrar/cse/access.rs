//! Who asks, and what they may do.
//!
//! Covers: TS-0001 9.6.1.3.2, 10.2.3.1, 11.3.4; TS-0003 7.1; TS-0004 7.3.3.15; 7.3.2.2 (an originator that is not registered is
//! refused before the target is looked at, so that nothing is learned about what exists). What a policy says is
//! [`super::policy`]'s part, which policies a resource has [`super::acpi`]'s.
//!
//! The administrator may do everything. For everybody else the rule is looked for from the resource upwards:
//!
//! 1. An `<accessControlPolicy>` has its own `pvs`, and nothing else counts.
//! 2. A resource with `acpi` has the `pv` of the policies there. One that grants is enough; one that is not there any more
//!    grants nothing. Who made the resource does not count.
//! 3. A resource without `acpi` is its creator's, who may do everything with it. A `<contentInstance>`, which cannot have
//!    an `acpi`, is no exception for its creator.
//! 4. A `<request>` is nobody else's.
//! 5. For all others, the rule is that of the parent. Above the `<CSEBase>`, [`Access`] decides.
//!
//! So nothing changes for those who use no policies, and a policy at an `<AE>` holds for all below it that has no other.
//! TS-0001 allows both for a resource without `acpi`: "parent" and "system default".
//!
//! Somebody who has not the right gets the same answer whether or not there is a resource: where there is none, the nearest
//! one above it decides, if that has a policy or is below one that has. A resource whose own `acpi` grants less than what is above
//! it can be told from none.
//!
//! What is asked for: CREATE at the parent (with RETRIEVE for a `<subscription>`: TS-0004 7.4.8.2.1), not for registrations
//! (TS-0001 10.2.2.2, 10.2.2.7); DISCOVERY at the target of a discovery and at all that it finds; RETRIEVE at the target and at all
//! children that come with it; NOTIFY at the `<AE>` that another entity notifies. This CSE notifies without asking, but tells
//! a subscriber only of what it may retrieve at that time.

use super::{
    Call, Cse,
    config::Access,
    failure::{Checked, Failure, refuse, shown},
    policy::Right,
    tree::{Key, Resource},
};
use crate::primitive::{EntityId, Operation, Request, ResourceType, SpId, StatusCode};

/// What an originator is to this CSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The administrator.
    Admin,
    /// A registered AE.
    Ae,
    /// A registered CSE, the registrar of this CSE, or an entity behind one of them.
    Remote,
    /// A CSE that is not registered.
    UnknownCse,
    /// Anybody else.
    Unknown,
}

/// The originator of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Originator {
    /// `fr` as it came; empty if there is none.
    pub(super) text: String,
    /// Whom that means; `None` if it means nobody, or asks for an identifier.
    pub(super) id: Option<EntityId>,
    /// What policies call it, if they do not by `id`: it belongs to another service provider.
    pub(super) abroad: Option<EntityId>,
    pub(super) standing: Standing,
    /// The request came from the registrar of this CSE.
    pub(super) from_registrar: bool,
}

/// What the rules for a resource say to somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ruling {
    Granted,
    Denied,
    /// There is no rule but the default.
    Default,
}

/// What is asked of the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    /// May this be done to the resource?
    May(Right),
    /// May its `acpi` be changed? Not the privileges decide about that, but the selfPrivileges of the policies (TS-0001
    /// 9.6.1.3.2).
    MayLink,
}

impl Originator {
    /// The entity, which must be one that is registered, or the administrator.
    pub(super) fn known(&self) -> Checked<&EntityId> {
        match (self.standing, &self.id) {
            (Standing::Admin | Standing::Ae | Standing::Remote, Some(id)) => Ok(id),
            _ if self.text.is_empty() => Err(Failure::bad("fr is absent")),
            _ => refuse(
                StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
                format!("originator {} is not registered", shown(&self.text)),
            ),
        }
    }

    /// Whether it may learn that something does not exist. A CSE that registers asks first for the `<remoteCSE>` of
    /// its last life, and must learn that there is none.
    pub(super) fn expect_known_or_cse(&self) -> Checked {
        if self.standing == Standing::UnknownCse { Ok(()) } else { self.known().map(drop) }
    }
}

impl Cse {
    /// Who makes this request, which came from the registrar of this CSE or from anybody else.
    ///
    /// Who is behind the registrar is known by nothing but the way on which a request comes: any identifier may be one of
    /// theirs. So it is believed for those, and for nobody else.
    pub(super) fn originator(&self, request: &Request, from_registrar: bool) -> Originator {
        let text = request.from.clone().unwrap_or_default();
        let id = self.entity(&text).ok();
        let standing = id.as_ref().map_or(Standing::Unknown, |id| self.standing(id, from_registrar));
        let abroad = id.as_ref().filter(|_| standing == Standing::Remote).and_then(|id| self.abroad(id));
        Originator { text, id, abroad, standing, from_registrar }
    }

    fn standing(&self, id: &EntityId, from_registrar: bool) -> Standing {
        if !from_registrar {
            if *id == self.admin {
                return Standing::Admin;
            }
            if self.aes.contains_key(id) {
                return Standing::Ae;
            }
        }
        let Some(cse) = self.cse_of(id) else { return Standing::Unknown };
        if from_registrar == self.is_beyond_registrar(&cse) && self.next_hop(&cse).is_some() {
            return Standing::Remote;
        }
        let is_cse = cse == *id && cse != self.own && Some(&cse) != self.registrar.as_ref();
        if is_cse && !from_registrar { Standing::UnknownCse } else { Standing::Unknown }
    }

    /// The identifier at its own service provider of an entity that is known by a shorter one here, since its CSE is
    /// registered. Only if there is a policy that may have it.
    pub(super) fn abroad(&self, entity: &EntityId) -> Option<EntityId> {
        if !self.tree.has_policies() || self.aes.contains_key(entity) {
            return None;
        }
        let remote = self.tree.get(*self.remotes.get(&self.cse_of(entity)?)?);
        let provider = SpId::new(remote.text("spi")?).ok().filter(|provider| *provider != self.sp_id)?;
        EntityId::from_originator(&format!("{provider}{}", self.sp_relative(entity)), &provider, &self.cse_id).ok()
    }

    /// What the rules say to an entity, which policies call `named`. Allocates nothing.
    fn ruling(&self, entity: &EntityId, named: &EntityId, resource: &Resource, question: Question) -> Ruling {
        let verdict = |granted: bool| if granted { Ruling::Granted } else { Ruling::Denied };
        let mut at = resource;
        loop {
            if let Some(policy) = &at.policy {
                let right = if let Question::May(right) = question { right } else { Right::UPDATE };
                return verdict(policy.grants_self(named, right));
            }
            if at.has_acpi {
                let policies = at.texts("acpi").filter_map(|ri| self.tree.get(self.tree.by_id(ri)?).policy.as_ref());
                let mut granted = policies.map(|policy| match question {
                    Question::May(right) => policy.grants(named, right),
                    Question::MayLink => policy.grants_self(named, Right::UPDATE),
                });
                return verdict(granted.any(|granted| granted));
            }
            if at.creator == *entity && at.ty != ResourceType::CONTENT_INSTANCE {
                return Ruling::Granted;
            }
            match at.parent {
                _ if at.ty == ResourceType::REQUEST => return Ruling::Denied,
                Some(parent) => at = self.tree.get(parent),
                None => return Ruling::Default,
            }
        }
    }

    /// What the rules say to an originator, which is known.
    fn ruling_for(&self, who: &Originator, resource: &Resource, question: Question) -> Ruling {
        match &who.id {
            _ if who.standing == Standing::Admin => Ruling::Granted,
            Some(id) => self.ruling(id, who.abroad.as_ref().unwrap_or(id), resource, question),
            None => Ruling::Denied,
        }
    }

    /// Whether `who` has the right.
    pub(super) fn may(&self, who: &Originator, key: Key, right: Right) -> bool {
        if who.known().is_err() {
            return false;
        }
        let resource = self.tree.get(key);
        let reads = right == Right::RETRIEVE || right == Right::DISCOVERY;
        let by_default = match right {
            Right::NOTIFY => true,
            Right::CREATE => resource.ty == ResourceType::CSE_BASE,
            // What somebody has asked is not for others to see (TS-0004 7.3.2.2).
            _ => {
                reads
                    && (self.config.access == Access::Registered && resource.ty != ResourceType::REQUEST
                        || resource.ty == ResourceType::CSE_BASE)
            }
        };
        if by_default && !self.tree.has_policies() {
            return true;
        }
        match self.ruling_for(who, resource, Question::May(right)) {
            Ruling::Granted => true,
            Ruling::Denied => false,
            Ruling::Default => by_default,
        }
    }

    /// Whether `who` may change the `acpi` of the resource.
    pub(super) fn may_link(&self, who: &Originator, key: Key) -> bool {
        who.known().is_ok() && self.ruling_for(who, self.tree.get(key), Question::MayLink) == Ruling::Granted
    }

    /// Whether an entity that watches the resource may still retrieve it, or nothing but the default decides about that.
    pub(super) fn may_be_told(&self, entity: &EntityId, resource: &Resource) -> bool {
        if !self.tree.has_policies() || *entity == self.admin {
            return true;
        }
        let abroad = self.abroad(entity);
        let named = abroad.as_ref().unwrap_or(entity);
        self.ruling(entity, named, resource, Question::May(Right::RETRIEVE)) != Ruling::Denied
    }

    /// Whether there is a policy for the resource: its own, or that of something above it.
    pub(super) fn is_ruled(&self, key: Key) -> bool {
        self.tree.has_policies()
            && self.tree.ancestry(key).any(|resource| resource.has_acpi || resource.policy.is_some())
    }

    /// Refuses a request that needs this right at the resource, and perhaps more, from somebody who has not got it. To be asked
    /// before anything else is said about the resource.
    pub(super) fn expect_access(&self, call: &Call<'_>, key: Key, right: Right) -> Checked {
        let (who, ty) = (&call.originator, call.request.resource_type);
        let creates = call.request.operation == Operation::Create;
        if creates && matches!(ty, Some(ResourceType::AE | ResourceType::REMOTE_CSE)) && !self.is_ruled(key) {
            // What is needed for a registration is no matter of access control.
            return Ok(());
        }
        who.known()?;
        let granted = if creates && ty == Some(ResourceType::SUBSCRIPTION) {
            self.may(who, key, Right::RETRIEVE)
                && self.ruling_for(who, self.tree.get(key), Question::May(right)) != Ruling::Denied
        } else {
            // Which of the two an UPDATE needs depends on its content.
            self.may(who, key, right) || right == Right::UPDATE && self.may_link(who, key)
        };
        if granted { Ok(()) } else { self.refuse_access(who, key, right) }
    }

    /// Refuses an originator that has not this right at the resource.
    pub(super) fn expect(&self, who: &Originator, key: Key, right: Right) -> Checked {
        who.known()?;
        if self.may(who, key, right) { Ok(()) } else { self.refuse_access(who, key, right) }
    }

    /// The refusal, which tells nothing of a resource that has a policy.
    pub(super) fn refuse_access<T>(&self, who: &Originator, key: Key, right: Right) -> Checked<T> {
        let reads = right == Right::RETRIEVE || right == Right::DISCOVERY;
        let who = shown(&who.text);
        let text = if self.is_ruled(key) {
            format!("{who} has not the privileges that this request needs")
        } else if reads {
            format!("{who} may not retrieve this resource")
        } else {
            format!("{who} may not change this resource: only its creator and the administrator may")
        };
        refuse(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, text)
    }
}

/// What an operation asks for.
pub(super) const fn right_for(operation: Operation, discovers: bool) -> Right {
    match operation {
        Operation::Create => Right::CREATE,
        Operation::Retrieve if discovers => Right::DISCOVERY,
        Operation::Retrieve => Right::RETRIEVE,
        Operation::Update => Right::UPDATE,
        Operation::Delete => Right::DELETE,
        Operation::Notify => Right::NOTIFY,
    }
}
