//! What of the CSE outlives the process: its resources, each by itself.
//!
//! Covers: row WS-6.4-4 (what was registered, and all that was created, is there after a restart). One form for all resource
//! types: a new type needs nothing here as long as what it knows is in its attributes. What does not outlive the process:
//! requests that wait for verifications, whose originators have lost the connection that they would be answered on.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Cse, CseConfig, RandomSource, next_hop,
    policy::Policy,
    tree::{Key, Resource, Seed},
};
use crate::binding::{Registration, RegistreeKind};
use crate::primitive::{EntityId, ResourceType};
use crate::{Error, ErrorKind, Result};

/// A resource that is to be kept, or to be forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its identifier.
    pub ri: String,
    /// What [`Cse::restore`] makes it of again; `None` if it is not there any more.
    pub resource: Option<Bytes>,
}

/// A resource as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<Attributes> {
    /// Its place in the order of creation.
    #[serde(rename = "n")]
    sequence: u64,
    /// The parent's `ri`; none for the `<CSEBase>`.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(rename = "y")]
    ty: u32,
    #[serde(rename = "c")]
    creator: String,
    /// Created, modified, ceases to be: these are finer than `ct`, `lt` and `et`, or differ from them.
    #[serde(rename = "t")]
    times: (Moment, Moment, Option<Moment>),
    #[serde(rename = "a")]
    attributes: Attributes,
}

/// Seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Moment(u64, u32);

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs(), since.subsec_nanos())
    }
}

impl Moment {
    fn time(self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(self.0))?
            .checked_add(Duration::from_nanos(self.1.into()))
    }
}

impl Cse {
    /// A CSE with the resources that an earlier one had, which were noted with [`Cse::take_changes`]; a new one if there are
    /// none. This one notes its changes too.
    ///
    /// `kept` has the identifier of each resource and what was noted of it, in any order. What has expired meanwhile is ended
    /// by the first [`Cse::sweep`] or [`Cse::handle`], with all that follows from it. The attributes of the `<CSEBase>` are
    /// those of `config`, but for the time of its creation; identity (`cse_id`, `sp_id`) must be the same.
    ///
    /// # Errors
    /// `InvalidArgument` for a setting that cannot work, or does not fit to the resources; `Storage` if a resource cannot be
    /// read or has no parent, with its identifier.
    pub fn restore(
        config: CseConfig,
        now: SystemTime,
        random: RandomSource,
        kept: impl IntoIterator<Item = (String, Bytes)>,
    ) -> Result<Self> {
        let mut all = kept.into_iter().map(|(ri, bytes)| Ok((read(&ri, &bytes)?, ri))).collect::<Result<Vec<_>>>()?;
        // Parents are older than their children.
        all.sort_by_key(|(resource, _)| resource.sequence);
        let mut all = all.into_iter();
        let base = all.next();
        let born = match &base {
            Some((base, ri)) => moment(ri, base.times.0)?,
            None => now,
        };
        let mut cse = Self::new(config, born, random)
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, error.to_string()))?;
        if let Some((base, ri)) = base {
            cse.expect_own(&base, &ri)?;
            cse.tree.get_mut(cse.tree.root()).modified = moment(&ri, base.times.1)?;
        }
        // What belongs to another registrar, which this CSE had before.
        let mut stale = HashSet::new();
        for (resource, ri) in all {
            let is_below = resource.parent.as_ref().is_some_and(|parent| stale.contains(parent));
            if is_below || (next_hop::is_of_a_registrar(&ri) && cse.tree.by_id(&ri).is_none()) {
                stale.insert(ri);
            } else {
                cse.put_back(resource, ri)?;
            }
        }
        cse.tree.note_changes();
        cse.tree.note_again(stale);
        Ok(cse)
    }

    /// The resources that were made, changed or removed since the last call, where the CSE was made by [`Cse::restore`]: to
    /// be kept together, before what was decided is told to anybody.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let changed = self.tree.take_changed();
        let mut changes = Vec::with_capacity(changed.len());
        for ri in changed {
            let resource = self.tree.by_id(&ri).map(|key| self.written(key));
            changes.push(Change { ri, resource });
        }
        changes
    }

    /// True if [`Cse::take_changes`] has something.
    pub(crate) fn has_changes(&self) -> bool {
        self.tree.has_changed()
    }

    /// Takes back what could not be kept: it comes with the next changes.
    pub(crate) fn take_back(&mut self, identifiers: Vec<String>) {
        self.tree.note_again(identifiers);
    }

    /// Who is registered.
    pub(crate) fn registrations(&self) -> impl Iterator<Item = Registration> {
        let known = |(id, kind): (&EntityId, RegistreeKind)| {
            let mut registration = Registration::known(self.short(id));
            registration.kind = kind;
            registration
        };
        let aes = self.aes.keys().map(|id| (id, RegistreeKind::Ae));
        let remotes = self.remotes.iter().filter(|&(_, &key)| !self.is_of_registrar(key));
        aes.chain(remotes.map(|(id, _)| (id, RegistreeKind::Cse))).map(known)
    }

    fn written(&self, key: Key) -> Bytes {
        let Resource { ty, parent, attributes, creator, created, modified, due, sequence, .. } = self.tree.get(key);
        let kept = Kept {
            sequence: *sequence,
            parent: parent.map(|parent| self.tree.get(parent).ri.clone()),
            ty: ty.code(),
            creator: creator.as_str().to_owned(),
            times: ((*created).into(), (*modified).into(), due.map(Moment::from)),
            attributes,
        };
        // Texts, numbers and maps with text keys can always be written.
        serde_json::to_vec(&kept).unwrap_or_default().into()
    }

    fn expect_own(&self, base: &Kept<Map<String, Value>>, ri: &str) -> Result<()> {
        let spi = base.attributes.get("spi").and_then(Value::as_str).unwrap_or_default();
        let csi = base.attributes.get("csi").and_then(Value::as_str).unwrap_or_default();
        if base.parent.is_some() || base.ty != ResourceType::CSE_BASE.code() {
            return Err(damaged(ri, "it is the oldest one, and not the <CSEBase>"));
        }
        if (spi, csi) != (self.sp_id.as_str(), self.cse_id.as_str()) {
            let text = format!(
                "the store has the resources of the CSE {csi:?} of {spi:?}, and the settings name {:?} of {:?}: use another \
                 store, or the same identity",
                self.cse_id.as_str(),
                self.sp_id.as_str()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        Ok(())
    }

    fn put_back(&mut self, resource: Kept<Map<String, Value>>, ri: String) -> Result<()> {
        let Kept { sequence, parent, ty, creator, times: (created, modified, due), attributes } = resource;
        let parent =
            parent.and_then(|parent| self.tree.by_id(&parent)).ok_or_else(|| damaged(&ri, "it has no parent"))?;
        if let Some(key) = self.tree.by_id(&ri).filter(|&key| self.is_of_registrar(key)) {
            // It is there from the beginning.
            let modified = moment(&ri, modified)?;
            let there = self.tree.get_mut(key);
            (there.attributes, there.modified) = (attributes, modified);
            self.tree.resized(key);
            return Ok(());
        }
        let creator = EntityId::from_originator(&creator, &self.sp_id, &self.cse_id)
            .map_err(|error| damaged(&ri, &format!("its creator: {error}")))?;
        let rn = attributes.get("rn").and_then(Value::as_str).ok_or_else(|| damaged(&ri, "it has no name"))?.to_owned();
        if self.tree.get(parent).child(&rn).is_some() || self.tree.by_id(&ri).is_some() {
            return Err(damaged(&ri, "there is another one of its name"));
        }
        let (created, modified) = (moment(&ri, created)?, moment(&ri, modified)?);
        let due = due.map(|due| moment(&ri, due)).transpose()?;
        let ty = ResourceType(ty);
        let policy = match ty {
            // Limits that were made narrower are for what comes.
            ResourceType::ACCESS_CONTROL_POLICY => Policy::read(&attributes, &self.sp_id, &self.cse_id).map(Some),
            _ => Ok(None),
        };
        let policy = policy.map_err(|failure| damaged(&ri, &failure.debug))?.map(Box::new);
        let seed = Seed { ty, ri, rn, attributes, creator: creator.clone(), created, due };
        let key = self.tree.insert_again(parent, seed, sequence, modified);
        self.tree.get_mut(key).policy = policy;
        match ty {
            ResourceType::AE => drop(self.aes.insert(creator, key)),
            ResourceType::REMOTE_CSE => drop(self.remotes.insert(creator, key)),
            _ => {}
        }
        Ok(())
    }
}

fn read(ri: &str, bytes: &[u8]) -> Result<Kept<Map<String, Value>>> {
    serde_json::from_slice(bytes).map_err(|error| damaged(ri, &error.to_string()))
}

fn moment(ri: &str, moment: Moment) -> Result<SystemTime> {
    moment.time().ok_or_else(|| damaged(ri, "a time of it is out of range"))
}

fn damaged(ri: &str, why: &str) -> Error {
    Error::new(ErrorKind::Storage, format!("the resource {ri:?} in the store cannot be taken back: {why}"))
}
