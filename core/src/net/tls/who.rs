//! From the names in a credential to the entities that speak with it.
//!
//! Covers: TS-0003 8.1.2, 8.2.1, 10.1.1 (AE-ID, CSE-ID, node and device certificates, raw public keys); row WS-7-2. Names are
//! compared whole: no wildcard, no part of a name. What it does not do: verify certificates.

use std::collections::HashMap;

use super::material::invalid;
use super::names::{Name, Names};
use super::settings::{Tls, Unnamed};
use crate::Result;
use crate::binding::ni::{KeyDigest, Truncation};
use crate::binding::{Framework, PeerIdentity, Principal};
use crate::primitive::{CseId, EntityId, SpId};
use crate::websocket::escape;

/// What was judged, or in our words why it is nobody.
pub(super) type Judged<T> = std::result::Result<T, String>;

/// Whom a server knows by which credential.
#[derive(Debug)]
pub(super) struct Directory {
    sp: SpId,
    cse: CseId,
    /// By the names of credentials, as they are shown.
    table: HashMap<String, Vec<EntityId>>,
    uri_schemes: Vec<String>,
    unnamed: Unnamed,
}

impl Directory {
    /// # Errors
    /// `InvalidArgument` if an entity is none.
    pub(super) fn new(tls: &Tls, sp: &SpId, cse: &CseId) -> Result<Self> {
        let mut table: HashMap<String, Vec<EntityId>> = HashMap::new();
        for (credential, entities) in &tls.peers {
            let known = table.entry(canonical(credential)?).or_default();
            for entity in entities {
                known.push(EntityId::from_originator(entity, sp, cse).map_err(|error| {
                    invalid(format!("tls: peer {credential:?}: {entity:?} is neither an AE-ID nor a CSE-ID: {error}"))
                })?);
            }
        }
        let (uri_schemes, unnamed) = (tls.uri_schemes.clone(), tls.unnamed);
        Ok(Self { sp: sp.clone(), cse: cse.clone(), table, uri_schemes, unnamed })
    }

    /// Who shows this certificate, which its authority may give to entities of these `providers`.
    ///
    /// # Errors
    /// Why it is nobody here.
    pub(super) fn holder(&self, names: &Names, providers: Option<&[SpId]>) -> Judged<PeerIdentity> {
        let mut decides: Option<String> = None;
        let mut entities = Vec::new();
        for name in &names.all {
            let shown = name.to_string();
            let known = match (self.table.get(&shown), name) {
                (Some(known), _) => known.clone(),
                (None, Name::Uri(uri)) => self.ae(uri, providers)?.into_iter().collect(),
                (None, Name::Dns(name)) => self.cse_of(name, providers).into_iter().collect(),
                (None, _) => continue,
            };
            if !known.is_empty() {
                decides.get_or_insert(shown);
                entities.extend(known);
            }
        }
        let key = KeyDigest::of(&names.public_key, Truncation::Full).to_string();
        if let Some(known) = self.table.get(&key) {
            decides.get_or_insert_with(|| key.clone());
            entities.extend(known.iter().cloned());
        }
        let principal = match (&decides, self.unnamed) {
            (Some(name), _) => name.clone(),
            (None, Unnamed::FirstCome) => key,
            (None, Unnamed::Refuse) => {
                let shown: Vec<String> = names.all.iter().map(Name::to_string).collect();
                return Err(format!(
                    "the certificate names no entity of this CSE (its names: {}); say in tls which entities speak with it",
                    if shown.is_empty() { "none".to_owned() } else { escape(&shown.join(", ")) }
                ));
            }
        };
        let identity = PeerIdentity::new(Framework::Certificate, Principal::new(principal))
            .named(names.all.iter().map(Name::to_string).collect())
            .until(names.not_after);
        Ok(if decides.is_some() { identity.only(entities) } else { identity })
    }

    /// Who has this raw public key, which is known.
    pub(super) fn owner(&self, key: &KeyDigest) -> PeerIdentity {
        self.with_entities(of_key(key), &key.to_string())
    }

    /// With the entities that speak with this credential, if the settings say which.
    pub(super) fn with_entities(&self, identity: PeerIdentity, credential: &str) -> PeerIdentity {
        match self.table.get(credential) {
            Some(entities) => identity.only(entities.clone()),
            None => identity,
        }
    }

    /// The AE of an AE-ID certificate: `//sp.example/Ssensor1`, `//sp.example/cse/Csensor1` (TS-0003 8.1.2.5).
    fn ae(&self, uri: &str, providers: Option<&[SpId]>) -> Judged<Option<EntityId>> {
        let behind_scheme = |scheme: &String| uri.strip_prefix(scheme.as_str()).and_then(|rest| rest.strip_prefix(':'));
        let id = self.uri_schemes.iter().find_map(behind_scheme).unwrap_or(uri);
        if !id.starts_with("//") {
            return Ok(None);
        }
        let Ok(entity) = EntityId::from_originator(id, &self.sp, &self.cse) else { return Ok(None) };
        let is_ae = entity.as_str().rsplit('/').next().is_some_and(|stem| stem.starts_with(['C', 'S']));
        match providers {
            _ if !is_ae => Ok(None),
            Some(providers) if !providers.iter().any(|sp| is_within(&entity, sp)) => Err(format!(
                "its authority may not certify {:?}, an entity of another service provider",
                entity.as_str()
            )),
            _ => Ok(Some(entity)),
        }
    }

    /// The CSE of a CSE-ID certificate, by its public domain name below this CSE: `<cse>.<this cse>.<domain of the provider>`
    /// (TS-0001 6.5.1.1). Any other name of a CSE is for the table.
    fn cse_of(&self, name: &str, providers: Option<&[SpId]>) -> Option<EntityId> {
        if providers.is_some_and(|providers| !providers.contains(&self.sp)) {
            return None;
        }
        let below = format!(".{}.{}", self.cse.name(), self.sp.domain()).to_ascii_lowercase();
        let label = name.strip_suffix(&below).filter(|label| !label.contains('.'))?;
        EntityId::from_originator(&format!("/{label}"), &self.sp, &self.cse).ok()
    }
}

fn is_within(entity: &EntityId, sp: &SpId) -> bool {
    entity.as_str().strip_prefix(sp.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

/// Whoever has the raw public key with this digest.
pub(super) fn of_key(key: &KeyDigest) -> PeerIdentity {
    let name = key.to_string();
    PeerIdentity::new(Framework::RawPublicKey, Principal::new(name.clone())).named(vec![name])
}

/// The names of credentials that have several spellings, in one.
fn canonical(credential: &str) -> Result<String> {
    Ok(match credential.split_once(':') {
        Some(("DNS", name)) => format!("DNS:{}", name.to_ascii_lowercase()),
        Some(("ni", _)) => credential.parse::<KeyDigest>()?.to_string(),
        _ => credential.to_owned(),
    })
}
