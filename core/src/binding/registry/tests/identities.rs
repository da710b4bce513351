//! What a credential that names its entities may do, and what a connection without one may not (rows WS-7-2, WS-7-3).

use super::*;

fn register_ae(originator: &str) -> Request {
    Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {}})).from(originator)
}

impl World {
    fn open(
        &mut self,
        connection: ConnectionId,
        identity: &Arc<PeerIdentity>,
        hint: Option<&str>,
    ) -> Vec<RegistryEvent> {
        self.registry.connected(connection, Some(Arc::clone(identity)), hint, self.now);
        self.events()
    }

    fn greet(&mut self, identity: Option<&Arc<PeerIdentity>>, hint: Option<&str>) -> bool {
        self.registry.greet(identity.map(|identity| &**identity), hint).is_ok()
    }
}

const NOT_AUTHENTICATED: Option<StatusCode> = Some(StatusCode::ORIGINATOR_NOT_AUTHENTICATED);
const ASSOCIATION_REQUIRED: Option<StatusCode> = Some(StatusCode::SECURITY_ASSOCIATION_REQUIRED);

#[test]
fn ws_7_2_a_credential_speaks_for_what_it_names_and_for_nobody_else() {
    let mut world = world();
    world.connect(ONE, None, None);
    world.register(ONE, "Cb");
    let key = certificate("key", &["Ca"]);
    assert!(world.open(TWO, &key, None).is_empty());
    assert_eq!(refused(&world.speak(TWO, "Ca")), NOT_AUTHENTICATED, "it is not registered");
    assert!(world.events().is_empty(), "which is no alert");
    assert_eq!(refused(&world.speak(TWO, "Cb")), NOT_AUTHENTICATED);
    assert_eq!(world.events(), [impostor("Cb", Some("key"))]);
    assert_eq!(refused(&world.admit(TWO, &register_ae("Cc"))), NOT_AUTHENTICATED);
    assert_eq!(world.events(), [impostor("Cc", Some("key"))]);
    assert_eq!(refused(&world.speak(TWO, "CAdmin")), NOT_AUTHENTICATED, "nor for the administrator");
    world.events();
    assert_eq!(world.admit(TWO, &register_ae("Ca")), Admission::Pass);
    assert_eq!(world.admit(TWO, &register_ae("C")), Admission::PassAs("Ca".to_owned()));
    assert_eq!(world.register(TWO, "Ca"), [registered("Ca"), reachable("Ca", TWO)]);
    assert_eq!(world.speak(TWO, "Ca"), Admission::Pass);
    assert_eq!(refused(&world.speak(TWO, "/id-in/Ca")), Some(StatusCode::BAD_REQUEST), "on Mca it is the stem");
    assert_eq!(world.registry.identity(TWO), Some(&key));
}

#[test]
fn ws_7_2_an_identifier_that_the_credential_does_not_allow_is_not_registered_whatever_the_cse_says() {
    let mut world = world();
    world.open(ONE, &certificate("key", &["Ca"]), None);
    assert!(!world.registry.register(ONE, Registration::known("Cother"), world.now));
    assert_eq!(world.events(), [impostor("Cother", Some("key"))]);
    assert!(!world.registry.is_registered("Cother"));
}

#[test]
fn ws_7_2_a_handshake_that_names_what_its_credential_is_not_for_is_refused() {
    let mut world = world();
    let key = certificate("key", &["Ca", "/id-mn"]);
    for (hint, is_good) in [
        (None, true),
        (Some("Ca"), true),
        (Some("//sp.example/id-in/Ca"), true),
        (Some("/id-mn"), true),
        (Some("C"), true),
        (Some("S"), true),
        (Some("Cb"), false),
        (Some("/id-mn2"), false),
        (Some("/id-mn/Ca"), false),
        (Some("no identifier"), false),
    ] {
        assert_eq!(world.greet(Some(&key), hint), is_good, "{hint:?}");
        let alerts: Vec<_> = hint.filter(|_| !is_good).map(|hint| impostor(hint, Some("key"))).into_iter().collect();
        assert_eq!(world.events(), alerts);
    }
    assert!(world.greet(None, Some("Cb")) && world.greet(Some(&accepted("token")), Some("Cb")));
}

#[test]
fn ws_7_2_what_a_credential_names_is_for_nobody_else_while_it_is_there() {
    let mut world = world();
    let key = certificate("key", &["Ca"]);
    world.open(ONE, &key, None);
    for (who, status) in [(None, ASSOCIATION_REQUIRED), (Some("token"), NOT_AUTHENTICATED)] {
        world.connect(TWO, who, None);
        assert_eq!(refused(&world.admit(TWO, &register_ae("Ca"))), status);
        assert_eq!(world.register(TWO, "Ca").pop(), Some(impostor("Ca", who)));
        assert!(!world.greet(who.map(accepted).as_ref(), Some("Ca")));
        world.disconnect(TWO);
        world.events();
    }
    // Nothing is registered, and the credential has gone: then it is anybody's.
    world.disconnect(ONE);
    world.connect(TWO, None, None);
    assert_eq!(world.admit(TWO, &register_ae("Ca")), Admission::Pass);
    assert!(world.registry.named.is_empty());
}

#[test]
fn ws_7_2_another_credential_for_the_same_entity_is_refused_unless_it_is_of_a_rotation() {
    let (old, new) = (certificate("old", &["Ca"]), certificate("new", &["Ca"]));
    let mut world = world();
    world.open(ONE, &old, None);
    world.register(ONE, "Ca");
    for is_live in [true, false] {
        if !is_live {
            world.disconnect(ONE);
        }
        assert!(!world.greet(Some(&new), None), "without a hint, too");
        assert_eq!(world.events(), [impostor("Ca", Some("new"))]);
        // Were it let in: it still gets nothing.
        assert_eq!(world.open(TWO, &new, None), [impostor("Ca", Some("new"))]);
        assert_eq!(refused(&world.speak(TWO, "Ca")), NOT_AUTHENTICATED);
        assert_eq!(world.registry.route("Ca"), is_live.then_some(ONE));
        world.disconnect(TWO);
        world.events();
    }

    let rotation = vec![(principal("old"), principal("new"))];
    let mut world = with_rules(&TakeOverRules { rotation, ..TakeOverRules::default() });
    world.open(ONE, &old, None);
    world.register(ONE, "Ca");
    assert!(world.greet(Some(&new), Some("Ca")));
    let moved = [taken_over("Ca", ONE, TWO, Some("new")), close(ONE, Eviction::TakenOver)];
    assert_eq!(world.open(TWO, &new, None), moved);
}

#[test]
fn ws_7_2_a_credential_is_proof_against_a_connection_that_has_none() {
    let mut world = world();
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    let moved = [taken_over("Ca", ONE, TWO, Some("key")), close(ONE, Eviction::TakenOver)];
    assert_eq!(world.open(TWO, &certificate("key", &["Ca"]), None), moved, "at once, without a probe");
    assert_eq!(world.registry.owner("Ca"), Some(&principal("key")));
    // From then on it belongs to it, also while it is offline.
    world.disconnect(TWO);
    world.connect(THREE, None, None);
    assert_eq!(refused(&world.speak(THREE, "Ca")), ASSOCIATION_REQUIRED);
}

#[test]
fn ws_7_2_an_entity_is_reached_only_over_a_connection_that_may_speak_for_it() {
    let mut world = world();
    world.open(ONE, &certificate("key", &["Ca", "Cb"]), None);
    world.register(ONE, "Ca");
    world.register(ONE, "Cb");
    // The same credential, after the table that says what it is for has changed.
    world.open(TWO, &certificate("key", &["Cb"]), None);
    assert_eq!((world.registry.route("Ca"), world.registry.route("Cb")), (None, Some(TWO)));
    assert_eq!(refused(&world.speak(TWO, "Ca")), NOT_AUTHENTICATED);
    world.registry.restore(Registration::known("Cc"), Some(&principal("key")), world.now);
    assert_eq!(world.registry.route("Cc"), None);
    world.events();
    assert_eq!(world.open(THREE, &certificate("key", &["Ca", "Cb"]), None)[0], reachable("Ca", THREE));
}

#[test]
fn ws_7_2_a_cse_forwards_for_those_behind_it_alone() {
    let mut world = world();
    world.open(ONE, &certificate("mn", &["/id-mn"]), None);
    world.open(TWO, &certificate("mn2", &["/id-mn2"]), None);
    assert_eq!(
        refused(&world.speak(ONE, "/id-mn/Cx")),
        NOT_AUTHENTICATED,
        "before its registration it forwards nothing"
    );
    for (connection, cse) in [(ONE, "/id-mn"), (TWO, "/id-mn2")] {
        let own = format!("/id-in/cse-in{cse}");
        assert_eq!(world.admit(connection, &Request::retrieve(own).from(cse)), Admission::Pass);
        world.register(connection, cse);
    }
    for (originator, passes) in [
        ("/id-mn", true),
        ("/id-mn/Cx", true),
        ("/id-far/Cx", true),
        ("Sfar", true),
        ("/id-mn2", false),
        ("/id-mn2/Cx", false),
        ("Cx", false),
        ("/id-in", false),
        ("CAdmin", false),
    ] {
        assert_eq!(refused(&world.speak(ONE, originator)), NOT_AUTHENTICATED.filter(|_| !passes), "{originator}");
        let told = world.events();
        assert_eq!(told.is_empty(), passes, "{originator}: {told:?}");
    }
}

#[test]
fn ws_7_3_a_connection_without_a_credential_is_bound_to_the_first_entity_that_it_speaks_as() {
    let mut world = world();
    for (connection, entity) in [(ONE, "Ca"), (TWO, "Cb")] {
        world.connect(connection, None, None);
        world.register(connection, entity);
    }
    assert_eq!(refused(&world.speak(ONE, "Cb")), NOT_AUTHENTICATED, "it has registered as another one");
    assert_eq!(world.events(), [impostor("Cb", None)]);
    assert_eq!(world.registry.route("Cb"), Some(TWO));
    assert_eq!(refused(&world.admit(ONE, &register_ae("Cc"))), NOT_AUTHENTICATED);
    assert_eq!(refused(&world.admit(ONE, &register_ae("C"))), NOT_AUTHENTICATED);
    assert_eq!(world.register(ONE, "Cc").last(), Some(&impostor("Cc", None)), "whatever the CSE says");
    assert!(!world.registry.is_registered("Cc"));
    assert_eq!(world.speak(ONE, "CAdmin"), Admission::Pass, "the administrator is bound to no connection");
    assert_eq!(world.speak(ONE, "Ca"), Admission::Pass);

    // By a word, and by a hint.
    for (word, hint) in [(true, None), (false, Some("Ca"))] {
        world.disconnect(ONE);
        world.connect(ONE, None, hint);
        if word {
            assert_eq!(world.speak(ONE, "CAdmin"), Admission::Pass);
            assert_eq!(world.speak(ONE, "Ca"), Admission::Pass);
        }
        world.disconnect(TWO);
        assert_eq!(refused(&world.speak(ONE, "Cb")), NOT_AUTHENTICATED);
        assert_eq!(world.registry.route("Cb"), None);
        world.connect(TWO, None, Some("Cb"));
    }

    // Until that is deregistered.
    assert!(world.registry.deregister("Ca"));
    assert_eq!(world.admit(ONE, &register_ae("Cc")), Admission::Pass);
    world.events();
    assert_eq!(world.register(ONE, "Cc"), [registered("Cc"), reachable("Cc", ONE)]);
    assert_eq!(refused(&world.speak(ONE, "Cb")), NOT_AUTHENTICATED);
}

#[test]
fn ws_7_3_a_gateway_may_carry_several_entities_where_that_is_set() {
    let mut world = world();
    world.registry.binds_plain = false;
    world.connect(ONE, None, None);
    world.register(ONE, "Ca");
    assert_eq!(world.admit(ONE, &register_ae("Cb")), Admission::Pass);
    world.register(ONE, "Cb");
    for entity in ["Ca", "Cb"] {
        assert_eq!(world.speak(ONE, entity), Admission::Pass);
        assert_eq!(world.registry.route(entity), Some(ONE));
    }
}

#[test]
fn ws_7_3_where_there_is_tls_a_cse_without_it_is_refused() {
    for (needed, status) in [(true, ASSOCIATION_REQUIRED), (false, None)] {
        let mut world = world();
        world.registry.cse_needs_association = needed;
        world.connect(ONE, None, None);
        let register = Request::create("cse-in", ResourceType::REMOTE_CSE, json!({"m2m:csr": {}})).from("/id-mn");
        assert_eq!(refused(&world.admit(ONE, &register)), status);
    }
}

#[test]
fn ws_6_4_3_what_has_passed_is_no_pass_for_all_that_follows() {
    let mut world = world();
    for connection in [ONE, TWO, THREE] {
        world.connect(connection, None, None);
    }
    world.register(ONE, "Ca");
    world.register(THREE, "/id-mn");
    let retrieve = |originator: &str, to: &str| Request::retrieve(to).from(originator);
    for (connection, request, again) in [
        (ONE, retrieve("Ca", "cse-in"), true),
        (ONE, retrieve("CAdmin", "cse-in"), true),
        (THREE, retrieve("/id-mn", "cse-in"), true),
        (THREE, retrieve("/id-mn/Cx", "cse-in"), true),
        // It waits for the place of another one.
        (TWO, retrieve("Ca", "cse-in"), false),
        // Only this question passes.
        (TWO, retrieve("/id-mn2", "/id-in/cse-in/id-mn2"), false),
        (TWO, register_ae("Ca"), false),
    ] {
        assert_eq!(world.admit(connection, &request), Admission::Pass, "{request:?}");
        assert_eq!(world.registry.passes_again(connection, &request), again, "{request:?}");
    }
}

#[test]
fn a_registry_without_names_takes_identifiers_as_they_are() {
    let mut registry = Registry::new("", "", Vec::new()).unwrap();
    let now = Instant::now();
    registry.connected(ONE, None, None, now);
    registry.register(ONE, Registration::known("Ca"), now);
    assert_eq!(registry.admit(ONE, &Request::retrieve("x").from("Ca"), now), Admission::Pass);
    assert!(matches!(registry.admit(ONE, &Request::retrieve("x").from("/id-in/Ca"), now), Admission::Refuse(..)));
    assert!(Registry::new("//a b", "", Vec::new()).is_err() && Registry::new("", "/id/x", Vec::new()).is_err());
}
