//! What a registrar knows of its registrees: who is registered, and over which connection each can be reached.
//!
//! Covers: TS-0020 5.2, 6.4; rows WS-5.2-3, WS-6.4-2, -3, -4, -5. Decides which requests pass (the gate) and where a
//! primitive for a registree goes. Does not authenticate: who a peer is by its certificate is decided before.
//!
//! A connection may speak for several entities (one node, several AEs); an entity has at most one connection. A second
//! connection that claims an entity waits until the first has answered a probe or died: without authentication, a
//! newcomer never takes over a live connection.

use std::collections::HashMap;
use std::sync::Arc;

use super::Registration;
use super::registration::RegistreeKind;
use crate::primitive::{Operation, Request, StatusCode};

/// One connection, for as long as the process lives: numbers are not reused, so a late clean-up of an old connection
/// cannot hit its successor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// What becomes of a request that came over a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It goes to the CSE.
    Pass,
    /// It goes to the CSE, and from now on this entity is reached over the connection.
    PassAndRoute(String),
    /// It goes to the CSE; the entity is reached over another connection, which is to be probed.
    PassAndProbe(ConnectionId),
    /// It is answered with this status and explanation.
    Refuse(StatusCode, String),
}

/// The registrees of one registrar.
#[derive(Debug)]
pub struct Registry {
    /// `//sp.example`
    sp_id: String,
    /// `/id-in`
    cse_id: String,
    /// Originators that need no registration, such as the CSE's administrator.
    trusted: Vec<String>,
    /// By the stems of their identifiers.
    entities: HashMap<Arc<str>, Entry>,
    /// The entities that each connection speaks for, if any: reached over it, or over another one, which it would take the
    /// place of.
    connections: HashMap<ConnectionId, Vec<Arc<str>>>,
}

#[derive(Debug)]
struct Entry {
    registration: Registration,
    route: Option<ConnectionId>,
    claims: Vec<ConnectionId>,
    /// It is the registrar of this CSE: nothing is routed over the connections that it opens.
    is_registrar: bool,
}

impl Registry {
    /// An empty registry of the CSE `cse_id` (`/id-in`) of the service provider `sp_id` (`//sp.example`). Originators in
    /// `trusted` need no registration.
    #[must_use]
    pub fn new(sp_id: impl Into<String>, cse_id: impl Into<String>, trusted: Vec<String>) -> Self {
        Self {
            sp_id: sp_id.into(),
            cse_id: cse_id.into(),
            trusted,
            entities: HashMap::new(),
            connections: HashMap::new(),
        }
    }

    /// The shortest form of an identifier within this CSE, which all its forms share: `//sp/id-in/Ca`, `/id-in/Ca` and
    /// `Ca` are the same AE.
    #[must_use]
    pub fn stem<'a>(&self, id: &'a str) -> &'a str {
        let id = match id.strip_prefix(self.sp_id.as_str()) {
            Some(rest) if rest.starts_with('/') && !self.sp_id.is_empty() => rest,
            _ => id,
        };
        match id.strip_prefix(self.cse_id.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            Some(stem) if !stem.is_empty() && !self.cse_id.is_empty() => stem,
            // An AE-ID that the service provider assigned has no CSE in it: `/Sa`.
            _ => id.strip_prefix('/').filter(|stem| stem.starts_with('S')).unwrap_or(id),
        }
    }

    /// A connection was opened; `hint` is the entity that its handshake named (`X-M2M-Origin`), which proves nothing.
    pub fn connected(&mut self, connection: ConnectionId, hint: Option<&str>) -> Admission {
        match hint {
            Some(entity) => self.speak_for(connection, entity).unwrap_or(Admission::Pass),
            None => Admission::Pass,
        }
    }

    /// The gate (TS-0020 6.4): before a registration only the registration itself passes.
    pub fn admit(&mut self, connection: ConnectionId, request: &Request) -> Admission {
        if Registration::is_requested_by(request) {
            return Admission::Pass;
        }
        let Some(originator) = request.from.as_deref().filter(|fr| !fr.is_empty()) else {
            return Admission::Refuse(StatusCode::BAD_REQUEST, "fr is missing".to_owned());
        };
        if let Some(admission) = self.speak_for(connection, originator) {
            return admission;
        }
        if self.trusted.iter().any(|trusted| trusted == originator) || self.forwards(connection) {
            return Admission::Pass;
        }
        // A CSE asks whether it is registered, and clears away what an earlier run left, before it registers.
        let own = originator.starts_with('/') && request.to.ends_with(originator);
        if own && matches!(request.operation, Operation::Delete | Operation::Retrieve) {
            return Admission::Pass;
        }
        Admission::Refuse(
            StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
            format!("{originator:?} is not registered here: create its AE or remoteCSE first (TS-0020 6.4)"),
        )
    }

    /// True if the connection belongs to a registered CSE, or to the registrar, which forwards the requests of others. It need
    /// not be the one over which the CSE is reached: ACME opens one for each request.
    fn forwards(&self, connection: ConnectionId) -> bool {
        let carried = self.connections.get(&connection).into_iter().flatten();
        carried.filter_map(|stem| self.entities.get(stem)).any(|entry| entry.registration.kind == RegistreeKind::Cse)
    }

    /// True if the connection has named this entity as the one that it belongs to, and the entity is registered.
    #[must_use]
    pub fn speaks_for(&self, connection: ConnectionId, entity: &str) -> bool {
        let stem = self.stem(entity);
        self.connections.get(&connection).is_some_and(|carried| carried.iter().any(|other| **other == *stem))
    }

    /// What is reached over the connection.
    fn routed(&self, connection: ConnectionId) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        let carried = self.connections.get(&connection).into_iter().flatten();
        carried
            .filter_map(|stem| self.entities.get_key_value(stem))
            .filter(move |(_, entry)| entry.route == Some(connection))
    }

    /// Notes that the connection speaks for an entity.
    fn carry(&mut self, connection: ConnectionId, stem: Arc<str>) {
        let carried = self.connections.entry(connection).or_insert_with(|| Vec::with_capacity(1)); // mostly there is one
        if !carried.contains(&stem) {
            carried.push(stem);
        }
    }

    /// Undoes [`carry`](Self::carry).
    fn drop_from(&mut self, connection: ConnectionId, stem: &str) {
        if let Some(carried) = self.connections.get_mut(&connection) {
            carried.retain(|other| **other != *stem);
            if carried.is_empty() {
                self.connections.remove(&connection);
            }
        }
    }

    /// The connection speaks for an entity, if that is registered.
    fn speak_for(&mut self, connection: ConnectionId, entity: &str) -> Option<Admission> {
        let stem = Arc::clone(self.entities.get_key_value(self.stem(entity))?.0);
        let entry = self.entities.get_mut(&stem)?;
        if entry.is_registrar {
            self.carry(connection, stem);
            return Some(Admission::Pass);
        }
        Some(match entry.route {
            Some(holder) if holder == connection => Admission::Pass,
            Some(holder) => {
                if !entry.claims.contains(&connection) {
                    entry.claims.push(connection);
                    self.carry(connection, stem);
                }
                Admission::PassAndProbe(holder)
            }
            None => {
                entry.route = Some(connection);
                let entity = stem.to_string();
                self.carry(connection, stem);
                Admission::PassAndRoute(entity)
            }
        })
    }

    /// A registration succeeded over this connection (WS-6.4-2). Returns the entity's stem: it is reachable now.
    pub fn register(&mut self, connection: ConnectionId, registration: Registration) -> String {
        let stem = self.stem(&registration.entity).to_owned();
        self.deregister(&stem);
        let entry = Entry { registration, route: Some(connection), claims: Vec::new(), is_registrar: false };
        let key: Arc<str> = stem.as_str().into();
        self.entities.insert(Arc::clone(&key), entry);
        self.carry(connection, key);
        stem
    }

    /// A registration from before this process began (WS-6.4-4): the entity is registered and offline.
    pub fn restore(&mut self, registration: Registration) {
        let stem = self.stem(&registration.entity).into();
        let entry = Entry { registration, route: None, claims: Vec::new(), is_registrar: false };
        self.entities.entry(stem).or_insert(entry);
    }

    /// This CSE is an MN-CSE of that registrar, and has a connection to it of its own. What the registrar sends over connections
    /// that it opens passes, as of a CSE that is registered; ACME opens one for each request, several at a time.
    pub fn set_registrar(&mut self, registrar: Registration) {
        let stem = self.stem(&registrar.entity).into();
        let entry = Entry { registration: registrar, route: None, claims: Vec::new(), is_registrar: true };
        self.entities.insert(stem, entry);
    }

    /// A registration ended (WS-6.4-5): nothing is routed to the entity any more. True if it was registered.
    pub fn deregister(&mut self, entity: &str) -> bool {
        let stem = self.stem(entity).to_owned();
        let Some(entry) = self.entities.remove(stem.as_str()) else { return false };
        for connection in entry.route.into_iter().chain(entry.claims) {
            self.drop_from(connection, &stem);
        }
        true
    }

    /// A connection is gone. Returns who is reached over a waiting connection now; everybody else whom it carried stays
    /// registered and is offline.
    pub fn disconnected(&mut self, connection: ConnectionId) -> Vec<(String, ConnectionId)> {
        let mut handed_over = Vec::new();
        for stem in self.connections.remove(&connection).unwrap_or_default() {
            let Some(entry) = self.entities.get_mut(&stem) else { continue };
            if entry.route != Some(connection) {
                entry.claims.retain(|claim| *claim != connection);
                continue;
            }
            entry.route = entry.claims.pop();
            let others = std::mem::take(&mut entry.claims);
            if let Some(next) = entry.route {
                handed_over.push((stem.to_string(), next));
            }
            for other in others {
                self.drop_from(other, &stem);
            }
        }
        handed_over
    }

    /// The connection answered its probe: it keeps its entities. Returns the connections that claimed them, which are to
    /// be closed (WS-5.2-3: at most one connection between two nodes).
    pub fn is_alive(&mut self, connection: ConnectionId) -> Vec<ConnectionId> {
        let routed: Vec<Arc<str>> = self.routed(connection).map(|(stem, _)| Arc::clone(stem)).collect();
        let mut refused = Vec::new();
        for stem in routed {
            let claims = self.entities.get_mut(&stem).map(|entry| std::mem::take(&mut entry.claims));
            for claim in claims.unwrap_or_default() {
                self.drop_from(claim, &stem);
                refused.push(claim);
            }
        }
        refused.sort_unstable();
        refused.dedup();
        refused
    }

    /// The connection over which an entity is reached; `None` if it is offline or not registered.
    #[must_use]
    pub fn route(&self, entity: &str) -> Option<ConnectionId> {
        self.entities.get(self.stem(entity))?.route
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitive::ResourceType;
    use serde_json::json;

    const ONE: ConnectionId = ConnectionId(1);
    const TWO: ConnectionId = ConnectionId(2);
    const THREE: ConnectionId = ConnectionId(3);

    fn registry() -> Registry {
        Registry::new("//sp.example", "/id-in", vec!["CAdmin".to_owned()])
    }

    fn refused(admission: &Admission) -> Option<StatusCode> {
        match admission {
            Admission::Refuse(status, _) => Some(*status),
            _ => None,
        }
    }

    #[test]
    fn all_forms_of_an_identifier_are_one_entity() {
        let registry = registry();
        for id in ["Ca", "/id-in/Ca", "//sp.example/id-in/Ca"] {
            assert_eq!(registry.stem(id), "Ca", "{id}");
        }
        for (id, stem) in [("/Sa", "Sa"), ("//sp.example/Sa", "Sa"), ("/id-mn", "/id-mn"), ("/id-in", "/id-in")] {
            assert_eq!(registry.stem(id), stem, "{id}");
        }
        assert_eq!(registry.stem("/id-mn/Ca"), "/id-mn/Ca", "another CSE's AE is another entity");
    }

    #[test]
    fn ws_6_4_3_before_the_registration_only_the_registration_passes() {
        let mut registry = registry();
        registry.connected(ONE, Some("Ca"));
        let register = Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {}})).from("Ca");
        assert_eq!(registry.admit(ONE, &register), Admission::Pass);
        let retrieve = Request::retrieve("cse-in").from("Ca");
        let status = refused(&registry.admit(ONE, &retrieve));
        assert_eq!(status, Some(StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE));
        assert_eq!(refused(&registry.admit(ONE, &Request::retrieve("x"))), Some(StatusCode::BAD_REQUEST));
        assert_eq!(registry.route("Ca"), None);
        assert_eq!(registry.admit(ONE, &Request::retrieve("cse-in").from("CAdmin")), Admission::Pass);

        registry.register(ONE, Registration::known("Ca"));
        assert_eq!(registry.admit(ONE, &retrieve), Admission::Pass);
        assert_eq!(registry.route("/id-in/Ca"), Some(ONE));
    }

    #[test]
    fn ws_6_4_4_a_registration_outlives_its_connection() {
        let mut registry = registry();
        registry.connected(ONE, None);
        registry.register(ONE, Registration::known("Ca"));
        assert!(registry.disconnected(ONE).is_empty());
        assert!(registry.is_registered("Ca"));
        assert_eq!(registry.route("Ca"), None);
        // Reopened: the first request, or the handshake's hint, brings the route back without a registration.
        assert_eq!(registry.connected(TWO, None), Admission::Pass);
        let admission = registry.admit(TWO, &Request::retrieve("cse-in").from("Ca"));
        assert_eq!(admission, Admission::PassAndRoute("Ca".to_owned()));
        registry.disconnected(TWO);
        assert_eq!(registry.connected(THREE, Some("/id-in/Ca")), Admission::PassAndRoute("Ca".to_owned()));
        assert_eq!(registry.route("Ca"), Some(THREE));
    }

    #[test]
    fn ws_6_4_5_deregistration_ends_the_routing() {
        let mut registry = registry();
        registry.connected(ONE, None);
        registry.register(ONE, Registration::known("Ca"));
        assert!(registry.deregister("/id-in/Ca"));
        assert!(!registry.deregister("Ca"));
        assert_eq!(registry.route("Ca"), None);
        assert!(refused(&registry.admit(ONE, &Request::retrieve("x").from("Ca"))).is_some());
    }

    #[test]
    fn ws_5_2_2_the_registrar_may_open_several_connections_and_nothing_is_routed_over_them() {
        let mut registry = Registry::new("//sp.example", "/id-mn", Vec::new());
        registry.set_registrar(Registration::known("/id-in"));
        assert_eq!(registry.connected(ONE, Some("/id-in")), Admission::Pass);
        assert_eq!(registry.admit(TWO, &Request::retrieve("x").from("/id-in")), Admission::Pass);
        for connection in [ONE, TWO] {
            assert_eq!(registry.admit(connection, &Request::retrieve("x").from("/id-in/Ca")), Admission::Pass);
            assert!(registry.speaks_for(connection, "//sp.example/id-in"));
        }
        assert!(refused(&registry.admit(THREE, &Request::retrieve("x").from("/id-in/Ca"))).is_some());
        assert!(!registry.speaks_for(THREE, "/id-in"));
        assert_eq!(registry.route("/id-in"), None);
        assert!(registry.disconnected(ONE).is_empty());
        assert!(!registry.speaks_for(ONE, "/id-in"));
    }

    #[test]
    fn ws_5_2_3_a_second_connection_does_not_take_over_a_live_one() {
        let mut registry = registry();
        registry.connected(ONE, None);
        registry.register(ONE, Registration::known("Ca"));
        assert_eq!(registry.connected(TWO, Some("Ca")), Admission::PassAndProbe(ONE));
        assert_eq!(registry.route("Ca"), Some(ONE));
        assert_eq!(registry.is_alive(ONE), [TWO]);
        registry.disconnected(TWO);
        // The next one comes while the first is dead but not noticed: it gets the route when the first is gone.
        assert_eq!(registry.connected(THREE, Some("Ca")), Admission::PassAndProbe(ONE));
        assert_eq!(registry.disconnected(ONE), [("Ca".to_owned(), THREE)]);
        assert_eq!(registry.route("Ca"), Some(THREE));
        // A clean-up that comes late does no harm.
        assert!(registry.disconnected(ONE).is_empty());
        assert_eq!(registry.route("Ca"), Some(THREE));
    }

    #[test]
    fn a_connection_is_kept_only_while_it_speaks_for_somebody() {
        let mut registry = registry();
        for connection in [ONE, TWO, THREE] {
            registry.connected(connection, Some("Cunknown"));
        }
        assert!(registry.connections.is_empty());
        registry.register(ONE, Registration::known("Ca"));
        for connection in [TWO, THREE] {
            assert_eq!(registry.connected(connection, Some("Ca")), Admission::PassAndProbe(ONE));
        }
        assert_eq!(registry.connections.len(), 3);
        assert_eq!(registry.disconnected(ONE), [("Ca".to_owned(), THREE)], "the newest");
        assert_eq!(registry.connections.keys().collect::<Vec<_>>(), [&THREE], "the other one claims it anew, or not");
        assert!(registry.deregister("Ca"));
        assert!(registry.connections.is_empty());
    }

    #[test]
    fn a_registered_cse_forwards_for_others() {
        let mut registry = registry();
        registry.connected(ONE, None);
        assert_eq!(registry.admit(ONE, &Request::delete("/id-in/cse-in/id-mn").from("/id-mn")), Admission::Pass);
        assert!(refused(&registry.admit(ONE, &Request::retrieve("/id-in/cse-in").from("/id-mn"))).is_some());
        registry.register(ONE, Registration::known("/id-mn"));
        assert_eq!(registry.admit(ONE, &Request::retrieve("cse-in").from("/id-mn/Cx")), Admission::Pass);
        registry.connected(TWO, None);
        assert!(refused(&registry.admit(TWO, &Request::retrieve("cse-in").from("/id-mn/Cx"))).is_some());
    }
}
