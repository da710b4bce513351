//! What the registry does, step by step; [`properties`] says what holds after any steps.

mod identities;
mod properties;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::binding::Framework;
use crate::primitive::{CseId, EntityId, Request, ResourceType, SpId};

const ONE: ConnectionId = ConnectionId(1);
const TWO: ConnectionId = ConnectionId(2);
const THREE: ConnectionId = ConnectionId(3);

/// A registry whose time stands still unless a test moves it.
struct World {
    registry: Registry,
    now: Instant,
}

fn world() -> World {
    with_rules(&TakeOverRules::default())
}

fn with_policy(policy: TakeOver) -> World {
    with_rules(&TakeOverRules { policy, ..TakeOverRules::default() })
}

fn with_rules(rules: &TakeOverRules) -> World {
    let registry = Registry::new("//sp.example", "/id-in", vec!["CAdmin".to_owned()]).unwrap();
    World { registry: registry.with_rules(rules), now: Instant::now() }
}

fn principal(name: &str) -> Principal {
    Principal::new(name)
}

fn entity(originator: &str) -> EntityId {
    let (sp_id, cse_id) = (SpId::new("//sp.example").unwrap(), CseId::new("/id-in").unwrap());
    EntityId::from_originator(originator, &sp_id, &cse_id).unwrap()
}

/// A credential that is for these entities alone.
fn certificate(name: &str, entities: &[&str]) -> Arc<PeerIdentity> {
    let entities = entities.iter().map(|originator| entity(originator)).collect();
    Arc::new(PeerIdentity::new(Framework::Certificate, principal(name)).only(entities))
}

/// Whoever the program accepted by this name.
fn accepted(name: &str) -> Arc<PeerIdentity> {
    Arc::new(principal(name).into())
}

impl World {
    fn connect(&mut self, connection: ConnectionId, who: Option<&str>, hint: Option<&str>) -> Vec<RegistryEvent> {
        self.registry.connected(connection, who.map(accepted), hint, self.now);
        self.events()
    }

    fn register(&mut self, connection: ConnectionId, entity: &str) -> Vec<RegistryEvent> {
        self.registry.register(connection, Registration::known(entity), self.now);
        self.events()
    }

    fn disconnect(&mut self, connection: ConnectionId) -> Vec<RegistryEvent> {
        self.registry.disconnected(connection, self.now);
        self.events()
    }

    fn is_alive(&mut self, connection: ConnectionId) -> Vec<RegistryEvent> {
        self.registry.is_alive(connection, self.now);
        self.events()
    }

    fn admit(&mut self, connection: ConnectionId, request: &Request) -> Admission {
        self.registry.admit(connection, request, self.now)
    }

    fn speak(&mut self, connection: ConnectionId, entity: &str) -> Admission {
        self.admit(connection, &Request::retrieve("cse-in").from(entity))
    }

    fn events(&mut self) -> Vec<RegistryEvent> {
        std::iter::from_fn(|| self.registry.poll_event()).collect()
    }
}

fn refused(admission: &Admission) -> Option<StatusCode> {
    match admission {
        Admission::Refuse(status, _) => Some(*status),
        Admission::Pass | Admission::PassAs(_) => None,
    }
}

fn reachable(entity: &str, connection: ConnectionId) -> RegistryEvent {
    RegistryEvent::Reachable { entity: entity.to_owned(), connection }
}

fn unreachable(entity: &str, connection: ConnectionId) -> RegistryEvent {
    RegistryEvent::Unreachable { entity: entity.to_owned(), connection, why: None }
}

fn registered(entity: &str) -> RegistryEvent {
    RegistryEvent::Registered { entity: entity.to_owned() }
}

fn taken_over(entity: &str, from: ConnectionId, by: ConnectionId, who: Option<&str>) -> RegistryEvent {
    RegistryEvent::TakenOver { entity: entity.to_owned(), from, by, principal: who.map(principal) }
}

fn impostor(entity: &str, who: Option<&str>) -> RegistryEvent {
    RegistryEvent::Impostor { entity: entity.to_owned(), principal: who.map(principal) }
}

fn newcomer_refused(entity: &str, connection: ConnectionId) -> RegistryEvent {
    RegistryEvent::Refused { entity: entity.to_owned(), connection }
}

const fn probe(connection: ConnectionId) -> RegistryEvent {
    RegistryEvent::Probe { connection }
}

const fn close(connection: ConnectionId, why: Eviction) -> RegistryEvent {
    RegistryEvent::Close { connection, why }
}

#[test]
fn all_forms_of_an_identifier_are_one_entity() {
    let World { registry, .. } = world();
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
    let mut world = world();
    assert!(world.connect(ONE, None, Some("Ca")).is_empty());
    let register = Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {}})).from("Ca");
    assert_eq!(world.admit(ONE, &register), Admission::Pass);
    let status = refused(&world.speak(ONE, "Ca"));
    assert_eq!(status, Some(StatusCode::ORIGINATOR_NOT_AUTHENTICATED));
    assert_eq!(refused(&world.admit(ONE, &Request::retrieve("x"))), Some(StatusCode::BAD_REQUEST));
    assert_eq!(world.registry.route("Ca"), None);
    assert_eq!(world.speak(ONE, "CAdmin"), Admission::Pass);

    assert_eq!(world.register(ONE, "Ca"), [registered("Ca"), reachable("Ca", ONE)]);
    assert_eq!(world.speak(ONE, "Ca"), Admission::Pass);
    assert_eq!(world.registry.route("/id-in/Ca"), Some(ONE));
}

#[test]
fn ws_6_4_4_a_registration_outlives_its_connection() {
    let mut world = world();
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    assert_eq!(world.disconnect(ONE), [unreachable("Ca", ONE)]);
    assert!(world.registry.is_registered("Ca"));
    assert_eq!(world.registry.route("Ca"), None);
    // Reopened: the first request, or the handshake's hint, brings the route back without a registration.
    assert!(world.connect(TWO, None, None).is_empty());
    assert_eq!(world.speak(TWO, "Ca"), Admission::Pass);
    assert_eq!(world.events(), [reachable("Ca", TWO)]);
    world.disconnect(TWO);
    assert_eq!(world.connect(THREE, None, Some("/id-in/Ca")), [reachable("Ca", THREE)]);
    assert_eq!(world.registry.route("Ca"), Some(THREE));
}

#[test]
fn ws_6_4_4_a_registration_that_is_answered_when_its_connection_has_gone_has_no_route() {
    let mut world = world();
    world.connect(ONE, Some("key"), None);
    world.disconnect(ONE);
    assert_eq!(world.register(ONE, "Ca"), [registered("Ca")]);
    assert_eq!(world.registry.route("Ca"), None);
    assert_eq!(world.connect(TWO, None, Some("Ca")), [reachable("Ca", TWO)]);
}

#[test]
fn ws_6_4_5_deregistration_ends_the_routing() {
    let mut world = world();
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    assert!(world.registry.deregister("/id-in/Ca"));
    assert_eq!(world.events(), [RegistryEvent::Deregistered { entity: "Ca".to_owned() }]);
    assert!(!world.registry.deregister("Ca"));
    assert!(world.events().is_empty());
    assert_eq!(world.registry.route("Ca"), None);
    assert!(refused(&world.speak(ONE, "Ca")).is_some());
}

#[test]
fn ws_5_2_3_a_second_connection_does_not_take_over_a_live_one() {
    let mut world = world();
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    assert_eq!(world.connect(TWO, None, Some("Ca")), [probe(ONE)]);
    assert_eq!(world.registry.route("Ca"), Some(ONE));
    assert_eq!(world.is_alive(ONE), [newcomer_refused("Ca", TWO), close(TWO, Eviction::Held)]);
    assert!(refused(&world.speak(TWO, "Ca")).is_some(), "it has no second try over the same connection");
    assert!(world.disconnect(TWO).is_empty());
    // The next one comes while the first is dead but not noticed: it gets the route when the first is gone.
    assert_eq!(world.connect(THREE, None, Some("Ca")), [probe(ONE)]);
    assert_eq!(world.disconnect(ONE), [taken_over("Ca", ONE, THREE, None)]);
    assert_eq!(world.registry.route("Ca"), Some(THREE));
    // A clean-up that comes late does no harm.
    assert!(world.disconnect(ONE).is_empty());
    assert_eq!(world.registry.route("Ca"), Some(THREE));
}

#[test]
fn ws_5_2_3_a_newcomer_gets_nothing_by_registering_what_a_live_connection_has() {
    let mut world = world();
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    world.connect(TWO, None, None);
    // A CSE that answers 2001 again.
    assert_eq!(world.register(TWO, "Ca"), [registered("Ca"), probe(ONE)]);
    assert_eq!(world.registry.route("Ca"), Some(ONE));
    assert_eq!(world.is_alive(ONE), [newcomer_refused("Ca", TWO), close(TWO, Eviction::Held)]);
}

#[test]
fn ws_5_2_3_the_newest_connection_of_a_principal_has_all_that_belongs_to_it_at_once() {
    let mut world = world();
    world.connect(ONE, Some("key"), None);
    world.register(ONE, "Ca");
    world.register(ONE, "Cb");
    let events = world.connect(TWO, Some("key"), None);
    let moved = [
        taken_over("Ca", ONE, TWO, Some("key")),
        taken_over("Cb", ONE, TWO, Some("key")),
        close(ONE, Eviction::TakenOver),
    ];
    assert_eq!(events, moved, "a node has one connection for all its entities");
    assert_eq!(world.registry.connection_of(&principal("key")), Some(TWO));
    assert!(refused(&world.speak(ONE, "Ca")).is_some(), "what was under way on the old one does not take it back");
    assert!(world.events().is_empty(), "and is no alert");
    assert!(world.disconnect(ONE).is_empty());
    assert_eq!(world.registry.route("Ca"), Some(TWO));
    // After a clean end, the next connection has them without a word.
    assert_eq!(world.disconnect(TWO), [unreachable("Ca", TWO), unreachable("Cb", TWO)]);
    assert_eq!(world.connect(THREE, Some("key"), None), [reachable("Ca", THREE), reachable("Cb", THREE)]);
}

#[test]
fn ws_5_2_3_nobody_but_its_principal_speaks_for_an_entity() {
    for (who, status) in
        [(Some("other"), StatusCode::ORIGINATOR_NOT_AUTHENTICATED), (None, StatusCode::SECURITY_ASSOCIATION_REQUIRED)]
    {
        for policy in [TakeOver::Probe, TakeOver::Refuse, TakeOver::Newest] {
            let mut world = with_policy(policy);
            world.connect(ONE, Some("key"), None);
            world.register(ONE, "Ca");
            let register = Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {}})).from("Ca");
            for is_live in [true, false] {
                if !is_live {
                    world.disconnect(ONE);
                }
                let route = is_live.then_some(ONE);
                assert!(world.registry.greet(who.map(accepted).as_deref(), Some("/id-in/Ca")).is_err());
                assert_eq!(world.events(), [impostor("Ca", who)]);
                assert_eq!(world.connect(TWO, who, Some("Ca")), [impostor("Ca", who)]);
                assert_eq!(refused(&world.speak(TWO, "Ca")), Some(status));
                assert_eq!(refused(&world.admit(TWO, &register)), Some(status));
                assert_eq!(world.events(), [impostor("Ca", who), impostor("Ca", who)]);
                assert_eq!(world.register(TWO, "Ca"), [impostor("Ca", who)], "whatever the CSE says");
                assert_eq!(world.registry.route("Ca"), route, "{policy:?}");
                world.disconnect(TWO);
            }
            assert_eq!(world.registry.greet(Some(&accepted("key")), Some("Ca")), Ok(()));
            assert_eq!(world.connect(THREE, Some("key"), None), [reachable("Ca", THREE)]);
            // Deregistered, it belongs to nobody.
            assert!(world.registry.deregister("Ca"));
            world.connect(TWO, who, None);
            world.events();
            assert_eq!(world.register(TWO, "Ca"), [registered("Ca"), reachable("Ca", TWO)]);
        }
    }
}

#[test]
fn ws_5_2_3_the_credentials_of_a_rotation_are_one_node() {
    let pair = |one, other| (principal(one), principal(other));
    for rotation in [vec![pair("old", "new")], vec![pair("new", "old")], vec![pair("a", "old"), pair("new", "a")]] {
        let mut world = with_rules(&TakeOverRules { rotation, ..TakeOverRules::default() });
        world.connect(ONE, Some("old"), None);
        world.register(ONE, "Ca");
        let events = world.connect(TWO, Some("new"), Some("Ca"));
        assert_eq!(events, [taken_over("Ca", ONE, TWO, Some("new")), close(ONE, Eviction::TakenOver)]);
        assert!(world.registry.greet(Some(&accepted("third")), Some("Ca")).is_err());
    }
}

#[test]
fn ws_5_2_3_an_entity_that_belongs_to_nobody_belongs_to_the_first_principal_that_is_reached_as_it() {
    let mut world = world();
    world.registry.restore(Registration::known("Ca"), None, world.now);
    world.registry.restore(Registration::known("Cb"), Some(&principal("b")), world.now);
    assert_eq!(world.registry.owner("Cb"), Some(&principal("b")));
    assert_eq!(world.connect(ONE, None, Some("Ca")), [reachable("Ca", ONE)]);
    // The credential says who the newcomer is, not that the entity is its own: as anybody else it waits.
    assert_eq!(world.connect(TWO, Some("a"), Some("Ca")), [probe(ONE)]);
    assert_eq!(world.registry.owner("Ca"), None);
    assert_eq!(world.disconnect(ONE), [taken_over("Ca", ONE, TWO, Some("a"))]);
    assert_eq!(world.registry.owner("Ca"), Some(&principal("a")));
    assert_eq!(world.connect(THREE, Some("b"), None), [reachable("Cb", THREE)]);
}

#[test]
fn ws_5_2_3_the_policy_for_newcomers_without_authentication_is_a_setting() {
    let mut world = with_policy(TakeOver::Refuse);
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    let refused_events = [newcomer_refused("Ca", TWO), close(TWO, Eviction::Held)];
    assert_eq!(world.connect(TWO, None, Some("Ca")), refused_events);
    assert!(refused(&world.speak(TWO, "Ca")).is_some());
    assert!(world.disconnect(ONE) == [unreachable("Ca", ONE)], "who was refused waits for nothing");

    let mut world = with_policy(TakeOver::Newest);
    world.registry.binds_plain = false;
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    world.register(ONE, "Cb");
    let events = world.connect(TWO, None, Some("Ca"));
    let why = Some(Eviction::TakenOver);
    let other = RegistryEvent::Unreachable { entity: "Cb".to_owned(), connection: ONE, why };
    let moved = [taken_over("Ca", ONE, TWO, None), other, close(ONE, Eviction::TakenOver)];
    assert_eq!(events, moved, "nobody has spoken for the other one yet");
    assert_eq!(world.speak(TWO, "Cb"), Admission::Pass);
    assert_eq!(world.events(), [reachable("Cb", TWO)]);
}

#[test]
fn ws_5_2_3_flapping_is_told_when_there_are_more_take_overs_than_the_setting() {
    let flapping = Flapping { count: 3, within: Duration::from_secs(10) };
    let mut world = with_rules(&TakeOverRules { flapping, ..TakeOverRules::default() });
    let mut number = 1;
    world.connect(ConnectionId(number), Some("key"), None);
    world.register(ConnectionId(number), "Ca");
    let mut take_over = |world: &mut World, after: u64| {
        world.now += Duration::from_secs(after);
        number += 1;
        let events = world.connect(ConnectionId(number), Some("key"), None);
        assert_eq!(world.registry.route("Ca"), Some(ConnectionId(number)), "nobody is banned");
        events.into_iter().find_map(|event| match event {
            RegistryEvent::Flapping { entity, count } => Some((entity, count)),
            _ => None,
        })
    };
    let told = Some(("Ca".to_owned(), 4));
    for after in [0, 5, 5] {
        assert_eq!(take_over(&mut world, after), None, "three are in order");
    }
    assert_eq!(take_over(&mut world, 0), told, "the fourth within 10 s, to the second");
    for after in [0, 0, 10] {
        assert_eq!(take_over(&mut world, after), None, "counting has begun anew");
    }
    assert_eq!(take_over(&mut world, 1), None, "the first two are older than 10 s");
    assert_eq!(take_over(&mut world, 1), None);
    assert_eq!(take_over(&mut world, 1), told);
}

#[test]
fn what_is_kept_of_a_connection_goes_with_it() {
    let mut world = world();
    for connection in [ONE, TWO, THREE] {
        world.connect(connection, None, Some("Cunknown"));
    }
    world.register(ONE, "Ca");
    for connection in [TWO, THREE] {
        assert_eq!(world.speak(connection, "Ca"), Admission::Pass);
        assert_eq!(world.events(), [probe(ONE)]);
    }
    assert_eq!(world.disconnect(ONE), [taken_over("Ca", ONE, THREE, None)], "the newest");
    assert!(world.registry.connections[&TWO].carried.is_empty(), "the other one claims it anew, or not");
    assert!(world.registry.deregister("Ca"));
    for connection in [TWO, THREE] {
        assert!(world.registry.connections[&connection].carried.is_empty());
        world.disconnect(connection);
    }
    assert!(world.registry.connections.is_empty());
}

#[test]
fn a_registered_cse_forwards_for_others() {
    let mut world = world();
    world.connect(ONE, None, None);
    assert_eq!(world.admit(ONE, &Request::delete("/id-in/cse-in/id-mn").from("/id-mn")), Admission::Pass);
    assert!(refused(&world.admit(ONE, &Request::retrieve("/id-in/cse-in").from("/id-mn"))).is_some());
    world.register(ONE, "/id-mn");
    assert_eq!(world.speak(ONE, "/id-mn/Cx"), Admission::Pass);
    world.connect(TWO, None, None);
    assert!(refused(&world.speak(TWO, "/id-mn/Cx")).is_some());
}

#[test]
fn ws_5_2_2_the_registrar_may_open_several_connections_and_nothing_is_routed_over_them() {
    let mut world = world();
    world.registry.set_registrar(Registration::known("/id-up"));
    assert!(world.connect(ONE, None, Some("/id-up")).is_empty());
    assert!(world.connect(TWO, None, None).is_empty());
    assert_eq!(world.admit(TWO, &Request::retrieve("x").from("/id-up")), Admission::Pass);
    for connection in [ONE, TWO] {
        assert_eq!(world.admit(connection, &Request::retrieve("x").from("/id-up/Ca")), Admission::Pass);
        assert!(world.registry.speaks_for(connection, "//sp.example/id-up"));
    }
    world.connect(THREE, None, None);
    assert!(matches!(world.admit(THREE, &Request::retrieve("x").from("/id-up/Ca")), Admission::Refuse(..)));
    assert!(!world.registry.speaks_for(THREE, "/id-up"));
    assert_eq!(world.registry.route("/id-up"), None);
    assert!(world.disconnect(ONE).is_empty());
    assert!(!world.registry.speaks_for(ONE, "/id-up"));
}
