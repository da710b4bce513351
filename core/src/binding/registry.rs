//! What a registrar knows of its registrees: who is registered, and over which connection each can be reached.
//!
//! Covers: TS-0020 5.2, 6.4; rows WS-5.2-3, WS-6.4-2, -3, -4, -5, WS-7-2. Decides which requests pass (the gate) and where a
//! primitive for a registree goes. Does not authenticate: who a peer is by its credential is decided before, and said when
//! its connection is opened.
//!
//! A connection may speak for several entities (one node, several AEs); an entity has at most one connection, and so has a
//! principal. Who may take whose place:
//!
//! - Of the connections of one principal the newest has the place at once, with all the entities that belong to it. An
//!   entity belongs to the first principal over whose connection it is reached, until it is deregistered.
//! - For an entity that belongs to a principal nobody else speaks, whether its connection lives or not. What the credential of a
//!   principal names is its own as long as it is connected, registered or not, and is reached over no connection of a credential
//!   that does not name it.
//! - For any other entity a newcomer waits until the connection that is there has answered a probe or died, unless
//!   [`TakeOver`] says otherwise.

mod belonging;
mod event;
mod gate;
mod take_over;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::registration::RegistreeKind;
use super::{PeerIdentity, Registration};
use crate::primitive::{IdError, StatusCode};

pub use event::RegistryEvent;
pub use take_over::{Eviction, Flapping, Principal, TAKEN_OVER, TakeOver, TakeOverRules};

use gate::Names;
use take_over::{Moves, Slots};

/// One connection, for as long as the process lives: numbers are not reused, so a late clean-up of an old connection
/// cannot hit its successor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// What becomes of a request that came over a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It goes to the CSE.
    Pass,
    /// It goes to the CSE with this originator instead: the AE-ID-Stem that its credential is for, where `fr` asks for one.
    PassAs(String),
    /// It is answered with this status and explanation.
    Refuse(StatusCode, String),
}

/// The registrees of one registrar.
///
/// After each input, [`poll_event`](Self::poll_event) gives what follows from it.
#[derive(Debug)]
pub struct Registry {
    names: Names,
    /// Originators that need no registration, such as the CSE's administrator.
    trusted: Vec<String>,
    policy: TakeOver,
    flapping: Flapping,
    slots: Slots,
    /// A connection without an association speaks for one entity.
    binds_plain: bool,
    cse_needs_association: bool,
    /// By the stems of their identifiers.
    entities: HashMap<Arc<str>, Entry>,
    /// Every connection that is open.
    connections: HashMap<ConnectionId, Carrier>,
    /// By the one name of their principals: nodes that have a connection, or to which an entity belongs.
    nodes: HashMap<Principal, Node>,
    /// What the credentials of the nodes that are connected are for, registered or not.
    named: HashMap<Arc<str>, Principal>,
    events: VecDeque<RegistryEvent>,
}

#[derive(Debug)]
struct Entry {
    registration: Registration,
    /// The node to which it belongs: then its route is that node's connection, or none, and nobody claims it.
    owner: Option<Principal>,
    route: Option<ConnectionId>,
    /// Those that would take the place of the route, the newest last.
    claims: Vec<ConnectionId>,
    moves: Moves,
    /// It is the registrar of this CSE: nothing is routed over the connections that it opens.
    is_registrar: bool,
}

/// A connection that is open.
#[derive(Debug)]
struct Carrier {
    /// As it was presented.
    identity: Option<Arc<PeerIdentity>>,
    /// Without one: the first entity that it registered or spoke as.
    bound: Option<Arc<str>>,
    /// The entities that it speaks for, if any: reached over it, or over another one, which it would take the place of.
    carried: Vec<Arc<str>>,
    /// It is being closed for the sake of another one, and has no rights any more.
    is_evicted: bool,
}

/// What is authenticated by one credential, or by the credentials of a rotation.
#[derive(Debug, Default)]
struct Node {
    connection: Option<ConnectionId>,
    /// What belongs to it.
    entities: Vec<Arc<str>>,
    /// What the credential of its connection is for.
    named: Vec<Arc<str>>,
}

impl Registry {
    /// An empty registry of the CSE `cse_id` (`/id-in`) of the service provider `sp_id` (`//sp.example`), either of which may be
    /// empty if it is not known. Originators in `trusted` need no registration.
    ///
    /// # Errors
    /// [`IdError`] if one of the first two is no identifier.
    pub fn new(sp_id: &str, cse_id: &str, trusted: Vec<String>) -> Result<Self, IdError> {
        Ok(Self {
            names: Names::new(sp_id, cse_id)?,
            trusted,
            policy: TakeOver::default(),
            flapping: Flapping::default(),
            slots: Slots::default(),
            binds_plain: true,
            cse_needs_association: false,
            entities: HashMap::new(),
            connections: HashMap::new(),
            nodes: HashMap::new(),
            named: HashMap::new(),
            events: VecDeque::new(),
        })
    }

    /// With other rules for take-overs than the default ones.
    #[must_use]
    pub fn with_rules(self, rules: &TakeOverRules) -> Self {
        let TakeOverRules { policy, flapping, rotation } = rules;
        Self { policy: *policy, flapping: *flapping, slots: Slots::new(rotation), ..self }
    }

    /// Whether a connection outside any association speaks for one entity only: the first that it registers, or speaks as (but
    /// not one in `trusted`). True by default; TS-0004 7.3.2.1 itself lets any connection speak for any registered AE.
    #[must_use]
    pub fn with_plain_bound(self, yes: bool) -> Self {
        Self { binds_plain: yes, ..self }
    }

    /// Whether a CSE is refused outside an association (4107, TS-0004 7.3.2.1). False by default, for closed environments.
    #[must_use]
    pub fn with_associations_for_cses(self, yes: bool) -> Self {
        Self { cse_needs_association: yes, ..self }
    }

    /// The shortest form of an identifier within this CSE, which all its forms share: `//sp/id-in/Ca`, `/id-in/Ca` and
    /// `Ca` are the same AE.
    #[must_use]
    pub fn stem<'a>(&self, id: &'a str) -> &'a str {
        let Names { sp_id, cse_id, .. } = &self.names;
        let id = match id.split_at_checked(sp_id.as_str().len()) {
            // A domain name.
            Some((sp, rest)) if rest.starts_with('/') && sp.eq_ignore_ascii_case(sp_id.as_str()) => rest,
            _ => id,
        };
        match id.strip_prefix(cse_id.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            Some(stem) if !stem.is_empty() => stem,
            // An AE-ID that the service provider assigned has no CSE in it: `/Sa`.
            _ => id.strip_prefix('/').filter(|stem| stem.starts_with('S')).unwrap_or(id),
        }
    }

    // ---- inputs

    /// A connection was opened. `identity` is who was authenticated, if anybody; `hint` is the entity that its handshake
    /// named, which proves nothing.
    ///
    /// A principal that has a connection already has this one instead from now on (WS-5.2-3). What its credential names and
    /// belongs to nobody is its own.
    pub fn connected(
        &mut self,
        connection: ConnectionId,
        identity: Option<Arc<PeerIdentity>>,
        hint: Option<&str>,
        now: Instant,
    ) {
        let carrier = Carrier { identity: identity.clone(), bound: None, carried: Vec::new(), is_evicted: false };
        self.connections.insert(connection, carrier);
        if let Some(identity) = identity {
            let slot = self.slots.of(identity.principal());
            let old = self.nodes.entry(slot.clone()).or_default().connection.replace(connection);
            let named = self.name(connection, &slot, identity.entities().unwrap_or_default());
            for stem in self.nodes.get(&slot).map(|node| node.entities.clone()).unwrap_or_default() {
                if self.may_speak(&identity, &stem) {
                    self.reach(&stem, connection, now);
                }
            }
            for stem in named {
                self.claim_named(connection, &stem, now);
            }
            if let Some(old) = old {
                self.evict(old, Eviction::TakenOver, now);
            }
        }
        if let Some(entity) = hint {
            // A refusal is told by its event; whatever else comes over the connection is judged by itself.
            let _ = self.speak_for(connection, entity, now);
        }
    }

    /// A registration succeeded over this connection (WS-6.4-2). The entity is reachable now, unless it was registered
    /// already and is reached over another connection: then the newcomer has the rights of any other one. False if nothing is
    /// registered, since the connection may not speak for the entity, whatever the CSE says.
    pub fn register(&mut self, connection: ConnectionId, registration: Registration, now: Instant) -> bool {
        if !self.may_register(connection, &registration.entity) {
            return false;
        }
        let key: Arc<str> = self.stem(&registration.entity).into();
        match self.entities.get_mut(&key) {
            Some(entry) => entry.registration = registration,
            None => {
                self.entities.insert(Arc::clone(&key), Entry::new(registration));
            }
        }
        self.events.push_back(RegistryEvent::Registered { entity: key.to_string() });
        // The CSE may have answered when the connection had gone.
        if self.is_live(connection) {
            self.contend(connection, &key, now);
        }
        true
    }

    /// A registration from before this process began (WS-6.4-4): the entity is registered and offline. It belongs to
    /// `owner`, or to the first principal over whose connection it is reached.
    pub fn restore(&mut self, registration: Registration, owner: Option<&Principal>, now: Instant) {
        let key: Arc<str> = self.stem(&registration.entity).into();
        if self.entities.contains_key(&key) {
            return;
        }
        self.entities.insert(Arc::clone(&key), Entry::new(registration));
        let Some(slot) = owner.map(|owner| self.slots.of(owner)) else { return };
        self.bind(&key, &slot);
        let Some(connection) = self.nodes.get(&slot).and_then(|node| node.connection) else { return };
        if self.identity(connection).is_some_and(|identity| self.may_speak(identity, &key)) {
            self.reach(&key, connection, now);
        }
    }

    /// This CSE is an MN-CSE of that registrar, and has a connection to it of its own. What the registrar sends over connections
    /// that it opens passes, as of a CSE that is registered; ACME opens one for each request, several at a time.
    pub fn set_registrar(&mut self, registrar: Registration) {
        let stem = self.stem(&registrar.entity).into();
        self.entities.insert(stem, Entry { is_registrar: true, ..Entry::new(registrar) });
    }

    /// A registration ended (WS-6.4-5): nothing is routed to the entity any more, and it belongs to nobody. True if it was
    /// registered.
    pub fn deregister(&mut self, entity: &str) -> bool {
        let stem = self.stem(entity).to_owned();
        let Some(entry) = self.entities.remove(stem.as_str()) else { return false };
        for connection in entry.route.into_iter().chain(entry.claims) {
            self.drop_from(connection, &stem);
        }
        if let Some(slot) = entry.owner {
            if let Some(node) = self.nodes.get_mut(&slot) {
                node.entities.retain(|other| **other != *stem);
            }
            self.forget_if_empty(&slot);
        }
        self.events.push_back(RegistryEvent::Deregistered { entity: stem });
        true
    }

    /// A connection is gone. Whoever was reached over it is reached over a waiting connection now, or stays registered and
    /// is offline. Nothing happens if this was said before.
    pub fn disconnected(&mut self, connection: ConnectionId, now: Instant) {
        let Some(carrier) = self.connections.remove(&connection) else { return };
        self.give_up(connection, carrier, None, now);
    }

    /// The connection gave a sign of life: it keeps its entities, and those that claimed them are closed (WS-5.2-3: at most
    /// one connection between two nodes).
    pub fn is_alive(&mut self, connection: ConnectionId, now: Instant) {
        let mut refused = Vec::new();
        for (stem, entry) in self.routed(connection) {
            refused.extend(entry.claims.iter().map(|claim| (stem.to_string(), *claim)));
        }
        for (entity, claim) in refused {
            self.events.push_back(RegistryEvent::Refused { entity, connection: claim });
            self.evict(claim, Eviction::Held, now);
        }
    }

    // ---- outputs

    /// What happened next, or is to be done.
    pub fn poll_event(&mut self) -> Option<RegistryEvent> {
        self.events.pop_front()
    }

    /// The connection over which an entity is reached; `None` if it is offline or not registered.
    #[must_use]
    pub fn route(&self, entity: &str) -> Option<ConnectionId> {
        self.entities.get(self.stem(entity))?.route
    }

    /// Who is authenticated on a connection, if anybody.
    #[must_use]
    pub fn identity(&self, connection: ConnectionId) -> Option<&Arc<PeerIdentity>> {
        self.connections.get(&connection)?.identity.as_ref()
    }

    /// The principal to which an entity belongs; of a rotation pair, the first.
    #[must_use]
    pub fn owner(&self, entity: &str) -> Option<&Principal> {
        self.entities.get(self.stem(entity))?.owner.as_ref()
    }

    /// The principal to which an entity belongs when it is registered over this connection.
    #[must_use]
    pub fn owner_over(&self, connection: ConnectionId, entity: &str) -> Option<Principal> {
        self.owner(entity).cloned().or_else(|| self.slot_of(connection))
    }

    /// The connection of a principal.
    #[must_use]
    pub fn connection_of(&self, principal: &Principal) -> Option<ConnectionId> {
        self.nodes.get(&self.slots.of(principal))?.connection
    }

    /// True if the entity is registered, connected or not.
    #[must_use]
    pub fn is_registered(&self, entity: &str) -> bool {
        self.entities.contains_key(self.stem(entity))
    }

    /// The entities that are registered.
    pub fn entities(&self) -> impl Iterator<Item = &Registration> {
        self.entities.values().map(|entry| &entry.registration)
    }

    // ---- who speaks for whom

    /// True if the connection is open and has its rights.
    fn is_live(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|carrier| !carrier.is_evicted)
    }

    /// True if the connection belongs to a registered CSE, or to the registrar, which forward the requests of others.
    fn forwards(&self, connection: ConnectionId) -> bool {
        let carried = self.connections.get(&connection).into_iter().flat_map(|carrier| &carrier.carried);
        let mut entries = carried.filter_map(|stem| self.entities.get(stem));
        entries.any(|entry| match entry.registration.kind {
            RegistreeKind::Cse => entry.route == Some(connection) || entry.is_registrar,
            RegistreeKind::Ae => false,
        })
    }

    /// True if the connection has named this entity, which is registered, as one that it speaks for.
    #[must_use]
    pub fn speaks_for(&self, connection: ConnectionId, entity: &str) -> bool {
        let stem = self.stem(entity);
        let carrier = self.connections.get(&connection);
        carrier.is_some_and(|carrier| carrier.carried.iter().any(|other| **other == *stem))
    }

    /// What is reached over the connection.
    fn routed(&self, connection: ConnectionId) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        let carried = self.connections.get(&connection).into_iter().flat_map(|carrier| &carrier.carried);
        carried
            .filter_map(|stem| self.entities.get_key_value(stem))
            .filter(move |(_, entry)| entry.route == Some(connection))
    }

    /// The connection speaks for an entity, if that is registered.
    fn speak_for(&mut self, connection: ConnectionId, entity: &str, now: Instant) -> Option<Admission> {
        let stem = Arc::clone(self.entities.get_key_value(self.stem(entity))?.0);
        Some(self.contend(connection, &stem, now))
    }

    /// The connection speaks for a registered entity, and is to be reached as that.
    fn contend(&mut self, connection: ConnectionId, stem: &Arc<str>, now: Instant) -> Admission {
        let may = self.identity(connection).is_none_or(|identity| self.may_speak(identity, stem));
        if !may || self.is_of_another(stem, self.slot_of(connection).as_ref()) {
            return self.refuse_impostor(connection, stem);
        }
        let Some(entry) = self.entities.get_mut(stem) else { return Admission::Pass };
        if entry.is_registrar {
            self.carry(connection, stem);
            return Admission::Pass;
        }
        match (entry.route, self.policy) {
            (Some(holder), _) if holder == connection => {}
            (None, _) => self.reach(stem, connection, now),
            (Some(holder), TakeOver::Probe) => {
                if !entry.claims.contains(&connection) {
                    entry.claims.push(connection);
                    self.carry(connection, stem);
                }
                self.events.push_back(RegistryEvent::Probe { connection: holder });
            }
            (Some(holder), TakeOver::Newest) => {
                self.reach(stem, connection, now);
                self.evict(holder, Eviction::TakenOver, now);
            }
            (Some(_), TakeOver::Refuse) => {
                self.events.push_back(RegistryEvent::Refused { entity: stem.to_string(), connection });
                self.evict(connection, Eviction::Held, now);
                let text = format!("{stem:?} is reached over another connection");
                return Admission::Refuse(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE, text);
            }
        }
        Admission::Pass
    }

    /// From now on the entity is reached over the connection, and belongs to its principal if it belonged to nobody. Whoever
    /// else claimed it claims it anew, or does not.
    fn reach(&mut self, stem: &Arc<str>, connection: ConnectionId, now: Instant) {
        let Some(entry) = self.entities.get_mut(stem) else { return };
        let before = entry.route.replace(connection);
        let claims = std::mem::take(&mut entry.claims);
        let is_free = entry.owner.is_none();
        let entity = stem.to_string();
        match before {
            Some(from) => {
                let flapping = entry.moves.note(now, self.flapping);
                let principal =
                    self.connections.get(&connection).and_then(|c| Some(c.identity.as_ref()?.principal().clone()));
                let told = RegistryEvent::TakenOver { entity: entity.clone(), from, by: connection, principal };
                self.events.push_back(told);
                self.events.extend(flapping.map(|count| RegistryEvent::Flapping { entity, count }));
                self.drop_from(from, stem);
            }
            None => self.events.push_back(RegistryEvent::Reachable { entity, connection }),
        }
        for claim in claims.into_iter().filter(|claim| *claim != connection) {
            self.drop_from(claim, stem);
        }
        self.carry(connection, stem);
        if is_free && let Some(slot) = self.slot_of(connection) {
            self.bind(stem, &slot);
        }
    }

    // ---- ends

    /// The connection loses its rights and everything that it carries, and is to be closed; once.
    fn evict(&mut self, connection: ConnectionId, why: Eviction, now: Instant) {
        let Some(carrier) = self.connections.get_mut(&connection).filter(|carrier| !carrier.is_evicted) else { return };
        carrier.is_evicted = true;
        let (identity, carried) = (carrier.identity.clone(), std::mem::take(&mut carrier.carried));
        let evicted = Carrier { identity, bound: None, carried, is_evicted: true };
        self.give_up(connection, evicted, Some(why), now);
        self.events.push_back(RegistryEvent::Close { connection, why });
    }

    /// Takes away what a connection has, as far as it still has it: another one may have its place already.
    fn give_up(&mut self, connection: ConnectionId, had: Carrier, why: Option<Eviction>, now: Instant) {
        if let Some(slot) = had.identity.map(|identity| self.slots.of(identity.principal())) {
            let node = self.nodes.get_mut(&slot);
            if node.is_some_and(|node| node.connection.take_if(|of_now| *of_now == connection).is_some()) {
                self.unname(&slot);
            }
            self.forget_if_empty(&slot);
        }
        for stem in had.carried {
            let Some(entry) = self.entities.get_mut(&stem) else { continue };
            if entry.route != Some(connection) {
                entry.claims.retain(|claim| *claim != connection);
            } else if let Some(next) = entry.claims.pop() {
                self.reach(&stem, next, now);
            } else {
                entry.route = None;
                self.events.push_back(RegistryEvent::Unreachable { entity: stem.to_string(), connection, why });
            }
        }
    }

    fn forget_if_empty(&mut self, slot: &Principal) {
        if self.nodes.get(slot).is_some_and(|node| node.connection.is_none() && node.entities.is_empty()) {
            self.nodes.remove(slot);
        }
    }

    /// Notes that the connection speaks for an entity.
    fn carry(&mut self, connection: ConnectionId, stem: &Arc<str>) {
        let is_bound = self.connections.get(&connection).is_some_and(|carrier| self.bound(carrier).is_some());
        let binds = !is_bound && !self.is_trusted(stem);
        let Some(carrier) = self.connections.get_mut(&connection) else { return };
        if binds && carrier.identity.is_none() {
            carrier.bound = Some(Arc::clone(stem));
        }
        if !carrier.carried.contains(stem) {
            if carrier.carried.capacity() == 0 {
                carrier.carried.reserve_exact(1); // mostly there is one
            }
            carrier.carried.push(Arc::clone(stem));
        }
    }

    /// Undoes [`carry`](Self::carry).
    fn drop_from(&mut self, connection: ConnectionId, stem: &str) {
        if let Some(carrier) = self.connections.get_mut(&connection) {
            carrier.carried.retain(|other| **other != *stem);
        }
    }
}

impl Entry {
    const fn new(registration: Registration) -> Self {
        Self { registration, owner: None, route: None, claims: Vec::new(), moves: Moves::NONE, is_registrar: false }
    }
}

#[cfg(test)]
mod tests;
