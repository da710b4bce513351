//! Who is at the other end of a connection, for C.

use std::ffi::c_char;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use onem2m::Result;
use onem2m::binding::PeerIdentity;
use serde_json::json;

use crate::client::{onem2m_ws_client, shared};
use crate::event::since_1970;
use crate::guard::{guard, guard_value};
use crate::handle::{Handle, borrow, give, store, take};
use crate::registrar::{onem2m_ws_registrar, running};
use crate::text::{onem2m_ws_text, text};

/// Who is at the other end of a connection, by the credential that was accepted. It has no secrets, and stays as it is when the
/// connection ends.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_peer_identity {
    identity: PeerIdentity,
    json: OnceLock<String>,
}

impl Handle for onem2m_ws_peer_identity {}

impl onem2m_ws_peer_identity {
    pub(crate) const fn new(identity: PeerIdentity) -> Self {
        Self { identity, json: OnceLock::new() }
    }
}

/// Hands an identity out, or NULL if there is none.
fn hand_out(out: *mut *mut onem2m_ws_peer_identity, of: impl FnOnce() -> Result<Option<PeerIdentity>>) -> i32 {
    guard(|| {
        store(out, "out", std::ptr::null_mut())?;
        let Some(identity) = of()? else { return Ok(()) };
        store(out, "out", give(onem2m_ws_peer_identity::new(identity)))
    })
}

fn in_json(identity: &PeerIdentity) -> String {
    let entities = identity.entities().map(|all| all.iter().map(|entity| entity.as_str()).collect::<Vec<_>>());
    json!({
        "framework": identity.framework().name(),
        "principal": identity.principal().as_str(),
        "names": identity.names(),
        "entities": entities,
        "not_after_ms": identity.not_after().map(milliseconds),
    })
    .to_string()
}

fn milliseconds(time: SystemTime) -> i64 {
    if time < UNIX_EPOCH { 0 } else { since_1970(time) }
}

/// Who the registrar is that the client is connected to, by its certificate or key. `*identity` is to be freed with
/// onem2m_ws_peer_identity_free(), and NULL without TLS or without a connection. In on_request it is who has sent the request.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_peer_identity(
    client: *const onem2m_ws_client,
    identity: *mut *mut onem2m_ws_peer_identity,
) -> i32 {
    hand_out(identity, || shared(client)?.client().peer_identity())
}

/// Who is at the other end of the connection over which an entity ("Ca", "/id-mn") is reached now. `*identity` is to be freed with
/// onem2m_ws_peer_identity_free(), and NULL if nobody was authenticated there, or the entity is offline. Events bring it too.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_peer_identity(
    registrar: *const onem2m_ws_registrar,
    entity: *const c_char,
    identity: *mut *mut onem2m_ws_peer_identity,
) -> i32 {
    hand_out(identity, || running(registrar)?.registrar.identity_of(text(entity, "entity")?))
}

/// Frees an identity; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_free(identity: *mut onem2m_ws_peer_identity) {
    guard_value((), || {
        drop(take(identity));
        Ok(())
    });
}

fn look(
    identity: *const onem2m_ws_peer_identity,
    at: impl FnOnce(&onem2m_ws_peer_identity) -> Option<&str>,
) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || Ok(onem2m_ws_text::of_option(at(borrow(identity, "identity")?))))
}

/// By what it was authenticated: "certificate", "raw-public-key", "pre-shared-key", or "program".
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_framework(identity: *const onem2m_ws_peer_identity) -> onem2m_ws_text {
    look(identity, |handle| Some(handle.identity.framework().name()))
}

/// The one name of the credential: of two connections with the same one both ends are the same node.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_principal(identity: *const onem2m_ws_peer_identity) -> onem2m_ws_text {
    look(identity, |handle| Some(handle.identity.principal().as_str()))
}

/// The names in the credential, the first with `index` 0; no text after the last: "URI:", "DNS:", "IP:" or "ID:" and a name of
/// its certificate, the digest of its key, "ni:///sha-256;...", or "PSK:" and the identifier of the key that both ends have.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_name(
    identity: *const onem2m_ws_peer_identity,
    index: usize,
) -> onem2m_ws_text {
    look(identity, |handle| handle.identity.names().get(index).map(String::as_str))
}

/// The entities for which it speaks, "//sp.example/Ssensor", the first with `index` 0; no text after the last. See
/// onem2m_ws_peer_identity_is_limited().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_entity(
    identity: *const onem2m_ws_peer_identity,
    index: usize,
) -> onem2m_ws_text {
    look(identity, |handle| handle.identity.entities()?.get(index).map(|entity| entity.as_str()))
}

/// True if it speaks for the entities of onem2m_ws_peer_identity_entity() alone; false if the credential does not say, so that it may
/// speak for any that belongs to nobody else.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_is_limited(identity: *const onem2m_ws_peer_identity) -> bool {
    guard_value(false, || Ok(borrow(identity, "identity")?.identity.entities().is_some()))
}

/// When the credential ends, in milliseconds since 1970 (UTC); -1 if it does not.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_not_after_ms(identity: *const onem2m_ws_peer_identity) -> i64 {
    guard_value(-1, || Ok(borrow(identity, "identity")?.identity.not_after().map_or(-1, milliseconds)))
}

/// All of it as a JSON object, to be logged: {"framework":"certificate","principal":...,"names":[...],"entities":[...],
/// "not_after_ms":...}. `entities` and `not_after_ms` may be null.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_peer_identity_to_json(identity: *const onem2m_ws_peer_identity) -> onem2m_ws_text {
    look(identity, |handle| Some(handle.json.get_or_init(|| in_json(&handle.identity))))
}
