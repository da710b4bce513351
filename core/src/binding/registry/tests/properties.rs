//! What holds after any steps, in any order, also late and repeated ones (WS-5.2-3).

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const ENTITIES: [&str; 4] = ["Ca", "Cb", "Sc", "/id-mn"];
const PRINCIPALS: [&str; 4] = ["k1", "k2", "k3-old", "k3-new"];

/// The credential of `k2` is for two entities, the others do not say.
fn identity(who: usize) -> Arc<PeerIdentity> {
    let identity = PeerIdentity::from(principal(PRINCIPALS[who]));
    Arc::new(if who == 1 { identity.only(vec![entity("Cb"), entity("Sc")]) } else { identity })
}

fn speaks_for(who: Option<usize>, stem: &str) -> bool {
    who != Some(1) || stem == "Cb" || stem == "Sc"
}

#[derive(Clone, Debug)]
enum Step {
    Connect { who: Option<usize>, hint: Option<usize> },
    Request { connection: usize, entity: usize },
    Register { connection: usize, entity: usize },
    Deregister { entity: usize },
    Restore { entity: usize, owner: Option<usize> },
    Disconnect { connection: usize },
    Alive { connection: usize },
    Wait { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || prop::option::of(0..PRINCIPALS.len());
    let entity = || 0..ENTITIES.len();
    // Any connection that there ever was, the newest ones mostly.
    let connection = || prop_oneof![3 => 0..4_usize, 1 => 0..64_usize];
    prop_oneof![
        4 => (who(), prop::option::of(entity())).prop_map(|(who, hint)| Step::Connect { who, hint }),
        5 => (connection(), entity()).prop_map(|(connection, entity)| Step::Request { connection, entity }),
        3 => (connection(), entity()).prop_map(|(connection, entity)| Step::Register { connection, entity }),
        1 => entity().prop_map(|entity| Step::Deregister { entity }),
        1 => (entity(), who()).prop_map(|(entity, owner)| Step::Restore { entity, owner }),
        4 => connection().prop_map(|connection| Step::Disconnect { connection }),
        2 => connection().prop_map(|connection| Step::Alive { connection }),
        1 => (0..2000_u64).prop_map(|millis| Step::Wait { millis }),
    ]
}

/// What an observer knows by the events alone, beside what it did itself.
#[derive(Default)]
struct Observer {
    opened: Vec<(ConnectionId, Option<usize>)>,
    live: HashSet<ConnectionId>,
    evicted: HashSet<ConnectionId>,
    routes: HashMap<String, ConnectionId>,
    registered: HashSet<String>,
}

struct Run {
    world: World,
    policy: TakeOver,
    observer: Observer,
}

/// Two credentials of one rotation are one node.
fn node_of(who: usize) -> usize {
    who.min(2)
}

impl Run {
    fn new(policy: TakeOver, binds_plain: bool) -> Self {
        let rotation = vec![(principal(PRINCIPALS[2]), principal(PRINCIPALS[3]))];
        let flapping = Flapping { count: 2, within: Duration::from_secs(1) };
        let mut world = with_rules(&TakeOverRules { policy, flapping, rotation });
        world.registry.binds_plain = binds_plain;
        Self { world, policy, observer: Observer::default() }
    }

    /// The connection that was opened so many before the newest.
    fn connection(&self, back: usize) -> Option<ConnectionId> {
        let opened = &self.observer.opened;
        opened.len().checked_sub(back + 1).map(|place| opened[place].0)
    }

    fn take(&mut self, step: &Step) {
        let World { registry, now } = &mut self.world;
        let now = *now;
        let before = self.observer.routes.clone();
        // Whose rights count in this step, and whether the step ended a connection.
        let mut actor = None;
        let mut ended = None;
        match *step {
            Step::Connect { who, hint } => {
                let id = ConnectionId(self.observer.opened.len() as u64 + 1);
                self.observer.opened.push((id, who));
                self.observer.live.insert(id);
                actor = Some(id);
                registry.connected(id, who.map(identity), hint.map(|e| ENTITIES[e]), now);
            }
            Step::Request { connection, entity } => {
                let Some(id) = self.connection(connection) else { return };
                actor = Some(id);
                let request = Request::retrieve("cse-in").from(ENTITIES[entity]);
                let admission = self.world.registry.admit(id, &request, now);
                if !self.observer.live.contains(&id) || self.observer.evicted.contains(&id) {
                    assert!(refused(&admission).is_some(), "a connection without rights passes");
                }
            }
            Step::Register { connection, entity } => {
                let Some(id) = self.connection(connection) else { return };
                actor = Some(id);
                self.world.registry.register(id, Registration::known(ENTITIES[entity]), now);
            }
            Step::Deregister { entity } => {
                let was = registry.deregister(ENTITIES[entity]);
                assert_eq!(was, self.observer.registered.contains(ENTITIES[entity]));
            }
            Step::Restore { entity, owner } => {
                let owner = owner.map(|owner| principal(PRINCIPALS[owner]));
                registry.restore(Registration::known(ENTITIES[entity]), owner.as_ref(), now);
                self.observer.registered.insert(ENTITIES[entity].to_owned());
            }
            Step::Disconnect { connection } => {
                let Some(id) = self.connection(connection) else { return };
                let was_live = self.observer.live.remove(&id);
                ended = Some(id);
                self.world.registry.disconnected(id, now);
                if !was_live {
                    assert!(self.world.registry.events.is_empty(), "a late or repeated end changes something");
                }
            }
            Step::Alive { connection } => {
                let Some(id) = self.connection(connection) else { return };
                self.world.registry.is_alive(id, now);
            }
            Step::Wait { millis } => self.world.now += Duration::from_millis(millis),
        }
        let events = self.world.events();
        self.follow(&events);
        self.check(&before, actor, ended);
    }

    /// The events tell everything: whoever follows them knows what the registry knows.
    fn follow(&mut self, events: &[RegistryEvent]) {
        let Observer { live, evicted, routes, registered, .. } = &mut self.observer;
        for event in events {
            match event {
                RegistryEvent::Registered { entity } => {
                    registered.insert(entity.clone());
                }
                RegistryEvent::Deregistered { entity } => {
                    assert!(registered.remove(entity));
                    routes.remove(entity);
                }
                RegistryEvent::Reachable { entity, connection } => {
                    assert_eq!(routes.insert(entity.clone(), *connection), None, "it was reachable already");
                }
                RegistryEvent::Unreachable { entity, connection, .. } => {
                    assert_eq!(routes.remove(entity), Some(*connection));
                }
                RegistryEvent::TakenOver { entity, from, by, .. } => {
                    assert_ne!(from, by);
                    assert_eq!(routes.insert(entity.clone(), *by), Some(*from));
                }
                RegistryEvent::Probe { connection } => assert!(live.contains(connection)),
                RegistryEvent::Close { connection, .. } => {
                    assert!(live.contains(connection));
                    assert!(evicted.insert(*connection), "closed twice");
                }
                RegistryEvent::Flapping { count, .. } => assert_eq!(*count, 3),
                RegistryEvent::Refused { entity, connection } => assert_ne!(routes.get(entity), Some(connection)),
                RegistryEvent::Impostor { .. } => {}
            }
        }
    }

    fn check(&self, before: &HashMap<String, ConnectionId>, actor: Option<ConnectionId>, ended: Option<ConnectionId>) {
        let Observer { opened, live, evicted, routes, registered } = &self.observer;
        let registry = &self.world.registry;
        let who = |id: ConnectionId| opened[id.0 as usize - 1].1.map(node_of);
        let may = |id: ConnectionId, stem: &str| speaks_for(who(id), stem);
        let has_rights = |id: &ConnectionId| live.contains(id) && !evicted.contains(id);

        assert_eq!(registry.connections.keys().copied().collect::<HashSet<_>>(), *live);
        let mut carried: HashSet<(ConnectionId, Arc<str>)> = HashSet::new();
        for (stem, entry) in &registry.entities {
            assert!(registered.contains(&**stem));
            assert_eq!(entry.route.as_ref(), routes.get(&**stem), "{stem}: the events told something else");
            let claims: HashSet<_> = entry.claims.iter().copied().collect();
            assert_eq!(claims.len(), entry.claims.len(), "claimed twice");
            for connection in entry.route.iter().chain(&claims) {
                assert!(has_rights(connection), "{stem}: {connection:?} is gone");
                assert!(may(*connection, stem), "{stem}: {connection:?} may not speak for it");
                carried.insert((*connection, Arc::clone(stem)));
            }
            if let Some(route) = entry.route {
                assert!(!claims.contains(&route));
            } else {
                assert!(claims.is_empty(), "{stem}: somebody waits for nobody");
            }
            if let Some(owner) = &entry.owner {
                let node = &registry.nodes[owner];
                assert_eq!(node.entities.iter().filter(|entity| *entity == stem).count(), 1);
                let reached = node.connection.filter(|connection| may(*connection, stem));
                assert_eq!(entry.route, reached, "{stem}: its node has a connection, and it is reached over it");
                assert!(claims.is_empty());
            } else if let Some(route) = entry.route {
                assert_eq!(who(route), None, "{stem}: it is reached over an authenticated connection");
            }
        }
        assert_eq!(registry.entities.len(), registered.len());
        let kept = registry.connections.iter();
        let kept: HashSet<_> =
            kept.flat_map(|(id, carrier)| carrier.carried.iter().map(|stem| (*id, Arc::clone(stem)))).collect();
        assert_eq!(kept, carried, "a connection carries what it is reached as, or claims");

        // What a credential is for belongs to nobody else while its connection is there, unless it does already.
        for (stem, slot) in &registry.named {
            assert!(registry.nodes[slot].connection.is_some() && registry.nodes[slot].named.contains(stem));
            let Some(entry) = registry.entities.get(stem).filter(|entry| entry.owner.is_none()) else { continue };
            let of_others = entry.route.iter().chain(&entry.claims).find(|id| who(**id) != Some(1));
            assert_eq!(of_others, None, "{stem}");
        }
        let named: usize = registry.nodes.values().map(|node| node.named.len()).sum();
        assert_eq!(named, registry.named.len());

        // A connection without a credential speaks for one entity.
        if registry.binds_plain {
            for (id, carrier) in registry.connections.iter().filter(|(id, _)| who(**id).is_none()) {
                assert!(carrier.carried.len() <= 1, "{id:?}: {:?}", carrier.carried);
            }
        }

        // At most one connection has a principal's rights, and the newest does.
        for (node, name) in PRINCIPALS.iter().enumerate().take(3) {
            let of_node: Vec<_> =
                opened.iter().map(|(id, _)| *id).filter(|id| who(*id) == Some(node) && has_rights(id)).collect();
            assert!(of_node.len() <= 1, "two connections of one principal");
            let slot = registry.connection_of(&principal(name));
            assert_eq!(slot, of_node.first().copied());
        }
        for (slot, node) in &registry.nodes {
            assert!(node.connection.is_some() || !node.entities.is_empty(), "{slot}: kept for nothing");
        }

        // Who took whose place in this step.
        for (entity, old) in before {
            let Some(new) = routes.get(entity).filter(|new| *new != old) else { continue };
            let died = ended == Some(*old);
            let same = who(*old).is_some() && who(*old) == who(*new);
            // The claim of one that lost its rights to a connection of its own node is another way to die.
            let fell = evicted.contains(old);
            // A credential that is for the entity is proof, and a connection without one has none.
            let proved = who(*new) == Some(1) && who(*old).is_none();
            match self.policy {
                TakeOver::Probe | TakeOver::Refuse => {
                    assert!(
                        died || same || proved || (fell && actor != Some(*new)),
                        "{entity}: {new:?} took it from {old:?}"
                    );
                }
                TakeOver::Newest => assert!(died || same || who(*old).is_none()),
            }
        }
    }

    /// When all has gone, nothing is left.
    fn end(mut self) {
        for id in self.observer.live.clone() {
            self.world.registry.disconnected(id, self.world.now);
        }
        let events = self.world.events();
        self.follow(&events);
        assert!(self.observer.routes.is_empty(), "somebody is reached over a connection that is gone");
        for entity in ENTITIES {
            self.world.registry.deregister(entity);
        }
        let Registry { entities, connections, nodes, named, .. } = &self.world.registry;
        assert!(entities.is_empty() && connections.is_empty() && nodes.is_empty() && named.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ws_5_2_3_whatever_happens_an_entity_and_a_principal_have_one_connection_at_most(
        policy in prop_oneof![
            4 => Just(TakeOver::Probe), 1 => Just(TakeOver::Refuse), 1 => Just(TakeOver::Newest)
        ],
        binds_plain in any::<bool>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut run = Run::new(policy, binds_plain);
        for step in &steps {
            run.take(step);
        }
        run.end();
    }

    #[test]
    fn ws_5_2_3_a_late_clean_up_never_removes_a_successor(
        who in prop::option::of(0..PRINCIPALS.len()),
        steps in prop::collection::vec(step(), 1..40),
        repetitions in 1..4_usize,
        binds_plain in any::<bool>(),
    ) {
        let mut run = Run::new(TakeOver::Newest, binds_plain);
        run.take(&Step::Connect { who, hint: None });
        run.take(&Step::Register { connection: 0, entity: 0 });
        for step in &steps {
            run.take(step);
        }
        // The place is taken, and then the clean-ups of all that came before arrive, in some order, more than once.
        run.take(&Step::Connect { who, hint: Some(0) });
        let newest = run.connection(0);
        let routes = run.observer.routes.clone();
        let old = run.observer.opened.len() - 1;
        let with_newest: HashMap<_, _> = routes.into_iter().filter(|(_, route)| Some(*route) == newest).collect();
        for _ in 0..repetitions {
            for back in 1..=old {
                run.take(&Step::Disconnect { connection: back });
            }
        }
        for (entity, route) in with_newest {
            prop_assert_eq!(run.world.registry.route(&entity), Some(route));
        }
        prop_assert_eq!(run.world.registry.connections.len(), 1);
        run.end();
    }
}
