//! Whether a request may have the originator that it names: the rules for `fr`, as one function.
//!
//! Covers: TS-0004 7.3.2.1, TS-0003 7.2.1, TS-0020 6.4; rows WS-7-2, WS-7-3, WS-6.4-3. Identifiers are compared as [`EntityId`]
//! and in no other way. What it does not do: know who is at the other end ([`super::PeerIdentity`] says), which principal an
//! entity belongs to ([`super::Registry`] does), or what an originator may do to a resource.

use super::identity::{Framework, PeerIdentity};
use super::registration::{Registration, RegistreeKind};
use crate::primitive::{EntityId, IdError, Operation, Request, StatusCode};

/// What a request is about, as far as its originator goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// CREATE `<AE>`.
    RegistersAe,
    /// CREATE `<remoteCSE>`.
    RegistersCse,
    /// A CSE retrieves or deletes the `<remoteCSE>` that it may have left here in an earlier run.
    LooksForItself,
    /// Anything else.
    Other,
}

impl Act {
    pub(super) fn of(request: &Request) -> Self {
        match Registration::kind_requested_by(request) {
            Some(RegistreeKind::Ae) => Self::RegistersAe,
            Some(RegistreeKind::Cse) => Self::RegistersCse,
            None => {
                let from = request.from.as_deref().unwrap_or_default();
                let own = from.starts_with('/') && request.to.ends_with(from);
                match request.operation {
                    Operation::Retrieve | Operation::Delete if own => Self::LooksForItself,
                    _ => Self::Other,
                }
            }
        }
    }

    pub(super) const fn registers(self) -> bool {
        matches!(self, Self::RegistersAe | Self::RegistersCse)
    }
}

/// A request, as far as the rules look at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    /// What the security association says of its peer; `None` outside any.
    pub(super) association: Option<&'a PeerIdentity>,
    pub(super) act: Act,
    /// `fr`.
    pub(super) originator: Option<&'a str>,
}

/// What the rules ask about the registrar, and about the connection over which a request came.
pub(super) trait Known {
    /// Whom an identifier means here.
    fn entity(&self, originator: &str) -> Result<EntityId, IdError>;
    /// This CSE.
    fn own(&self) -> &EntityId;
    /// As what an entity is registered, if it is.
    fn registered(&self, entity: &EntityId) -> Option<RegistreeKind>;
    /// An originator that needs no registration, such as the administrator.
    fn is_trusted(&self, originator: &str) -> bool;
    /// A registered CSE, or the registrar of this one, is at the other end: it forwards the requests of others.
    fn forwards(&self) -> bool;
    /// This registered entity is at the other end.
    fn carries(&self, entity: &EntityId) -> bool;
    /// The one entity, registered now, for which a connection without an association speaks, if it is bound to one.
    fn bound(&self) -> Option<&str>;
    /// CSEs are to be reached through associations alone.
    fn cse_needs_association(&self) -> bool;
}

/// What the rules say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Pass,
    /// It passes as if `fr` were this AE-ID-Stem: the only one that the credential allows, where one was to be assigned.
    PassAs(String),
    Refuse {
        status: StatusCode,
        /// What was wrong, and what to do.
        text: String,
        /// Somebody speaks for somebody else.
        is_impostor: bool,
    },
}

/// Judges whether a request may have its originator (TS-0004 7.3.2.1).
pub(super) fn judge(claim: &Claim<'_>, world: &impl Known) -> Verdict {
    let text = claim.originator.unwrap_or_default();
    let allowed = claim.association.and_then(PeerIdentity::entities);
    if matches!(text, "" | "C" | "S") {
        return unnamed(claim, text, allowed, world);
    }
    if allowed.is_none() && world.is_trusted(text) {
        // To have some credential is not to be the administrator. Of whom the program has accepted itself it says so by that.
        return match claim.association.map(PeerIdentity::framework) {
            None | Some(Framework::Program) => Verdict::Pass,
            Some(_) => impostor(format!("the credential of this connection does not name {text:?}: use one that does")),
        };
    }
    let entity = match world.entity(text) {
        Ok(entity) => entity,
        // What an AE may be called is the CSE's to say.
        Err(_) if allowed.is_none() && claim.act == Act::RegistersAe && bound(claim, world).is_none() => {
            return Verdict::Pass;
        }
        Err(error) => return bad(format!("fr {text:?} names no AE and no CSE: {error}")),
    };
    match allowed {
        Some(allowed) => of_credential(claim.act, text, &entity, allowed, world),
        None => of_anybody(claim, text, &entity, world),
    }
}

/// The entity for which alone the connection speaks, outside an association.
fn bound<'a>(claim: &Claim<'_>, world: &'a impl Known) -> Option<&'a str> {
    world.bound().filter(|_| claim.association.is_none())
}

/// `fr` is missing, or asks for an identifier: only an AE that registers may do so.
fn unnamed(claim: &Claim<'_>, text: &str, allowed: Option<&[EntityId]>, world: &impl Known) -> Verdict {
    if claim.act != Act::RegistersAe {
        return bad(match text {
            "" => "fr is missing: only CREATE of an AE may be without it".to_owned(),
            _ => format!("fr {text:?} asks for an AE-ID, which only CREATE of an AE may: name the originator"),
        });
    }
    match (allowed, bound(claim, world)) {
        (Some(allowed), _) => assigned(text, allowed, world),
        (None, Some(bound)) => second(bound, "another AE"),
        (None, _) => Verdict::Pass,
    }
}

/// The AE-ID that the credential allows, as the one that is to be assigned: what the CSE would choose by itself, the AE might not
/// use.
fn assigned(text: &str, allowed: &[EntityId], world: &impl Known) -> Verdict {
    // One of another CSE, or of another service provider, is not assigned here.
    let is_ours = |entity: &&EntityId| world.entity(stem_of(entity)).as_ref() == Ok(entity);
    let of_aes = allowed.iter().filter(|entity| kind_of(entity, world) == RegistreeKind::Ae);
    let stems: Vec<&str> = of_aes.filter(is_ours).map(stem_of).filter(|stem| stem.starts_with(text)).collect();
    match stems[..] {
        [stem] => Verdict::PassAs(stem.to_owned()),
        [] => impostor(
            "the credential of this connection has no AE-ID that could be assigned: register as what it is for".into(),
        ),
        _ => bad(format!("the credential of this connection has several AE-IDs: say one in fr ({})", stems.join(", "))),
    }
}

/// Inside an association that says for whom its peer speaks.
fn of_credential(act: Act, text: &str, entity: &EntityId, allowed: &[EntityId], world: &impl Known) -> Verdict {
    let is_cse = allowed.iter().any(|entity| kind_of(entity, world) == RegistreeKind::Cse);
    if !allowed.contains(entity) {
        return match is_cse && !act.registers() && may_forward(entity, world) {
            true if world.forwards() => Verdict::Pass,
            true => not_registered(text),
            false => {
                impostor(format!("the credential of this connection does not speak for {text:?}: use its own one"))
            }
        };
    }
    // Over Mca an AE says its AE-ID-Stem and nothing longer.
    if (act == Act::RegistersAe || act == Act::Other && !is_cse) && text.contains('/') {
        return bad(format!("fr {text:?}: an AE says its AE-ID-Stem, {:?}", stem_of(entity)));
    }
    let asks_before = act == Act::LooksForItself && kind_of(entity, world) == RegistreeKind::Cse;
    if act.registers()
        || asks_before
        || world.registered(entity).is_some()
        || world.is_trusted(text)
        || world.forwards()
    {
        return Verdict::Pass;
    }
    not_registered(text)
}

/// Outside any association, or inside one that does not say for whom its peer speaks.
fn of_anybody(claim: &Claim<'_>, text: &str, entity: &EntityId, world: &impl Known) -> Verdict {
    let act = claim.act;
    let is_outside = claim.association.is_none();
    // `/Sx` may be either; who registers as a CSE says so.
    let is_cse_id = match act {
        Act::RegistersCse => text.starts_with('/') && cse_of(entity).is_none(),
        _ => kind_of(entity, world) == RegistreeKind::Cse,
    };
    if is_outside && is_cse_id && world.cse_needs_association() {
        let text = format!("{text:?} is a CSE-ID: a CSE connects by TLS, with a credential of its own (wss://)");
        return Verdict::Refuse { status: StatusCode::SECURITY_ASSOCIATION_REQUIRED, text, is_impostor: false };
    }
    let is_registered = world.registered(entity).is_some();
    if (is_registered || act.registers())
        && let Some(bound) = bound(claim, world).filter(|bound| world.entity(bound).as_ref() != Ok(entity))
    {
        return second(bound, &format!("{text:?}"));
    }
    match act {
        Act::RegistersAe => Verdict::Pass,
        // Which CSE may register, and as what, is the CSE's to say.
        Act::RegistersCse if is_cse_id || is_registered => Verdict::Pass,
        Act::LooksForItself if is_cse_id && entity != world.own() => Verdict::Pass,
        _ if is_registered => Verdict::Pass,
        _ if !world.forwards() => not_registered(text),
        // What a CSE forwards outside an association proves nothing.
        _ if is_outside || may_forward(entity, world) => Verdict::Pass,
        _ => impostor(format!(
            "{text:?} is not behind the CSE of this connection, and speaks over a connection of its own"
        )),
    }
}

/// Whether the CSE of this connection may forward what an entity that is not registered over it asks. Who can be reached over
/// another connection speaks over that one: another registree CSE and its AEs, an AE of this CSE, and this CSE itself. TS-0004
/// does not list the last two; without them a CSE could act as any AE of its registrar.
fn may_forward(entity: &EntityId, world: &impl Known) -> bool {
    if entity == world.own() || world.registered(entity).is_some() {
        return false;
    }
    let Some(Ok(cse)) = cse_of(entity).map(|cse| world.entity(cse)) else { return true };
    cse != *world.own() && (world.carries(&cse) || world.registered(&cse).is_none())
}

/// The CSE in the identifier of an AE that it has assigned; the only identifiers with three parts.
fn cse_of(entity: &EntityId) -> Option<&str> {
    let (cse, _) = entity.as_str().rsplit_once('/')?;
    cse.get(2..)?.contains('/').then_some(cse)
}

/// Where an identifier alone does not tell (`//sp.example/Sx`), what is registered does, and it is an AE otherwise.
fn kind_of(entity: &EntityId, world: &impl Known) -> RegistreeKind {
    world.registered(entity).unwrap_or_else(|| {
        let is_ae = cse_of(entity).is_some() || (stem_of(entity).starts_with('S') && stem_of(entity).len() > 1);
        if is_ae { RegistreeKind::Ae } else { RegistreeKind::Cse }
    })
}

/// The AE-ID-Stem, if it is an AE.
fn stem_of(entity: &EntityId) -> &str {
    entity.as_str().rsplit('/').next().unwrap_or_default()
}

fn bad(text: String) -> Verdict {
    Verdict::Refuse { status: StatusCode::BAD_REQUEST, text, is_impostor: false }
}

fn impostor(text: String) -> Verdict {
    Verdict::Refuse { status: StatusCode::ORIGINATOR_NOT_AUTHENTICATED, text, is_impostor: true }
}

fn not_registered(text: &str) -> Verdict {
    let text = format!("{text:?} is not registered here: create its AE or remoteCSE first (TS-0020 6.4)");
    Verdict::Refuse { status: StatusCode::ORIGINATOR_NOT_AUTHENTICATED, text, is_impostor: false }
}

/// A connection without an association speaks for one entity.
fn second(bound: &str, other: &str) -> Verdict {
    impostor(format!(
        "this connection is not secured and speaks for {bound:?}: open another one for {other}, or allow the server to take \
         several entities over one"
    ))
}

#[cfg(test)]
mod tests;
