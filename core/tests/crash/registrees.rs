//! Those who are notified: clients of ours that stay, others that come and go, and some that register while it goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use onem2m_ws::IncomingRequest;
use onem2m_ws::client::{AeRegistration, Client, ClientEvent, Reopening, Subscription};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use serde_json::{Value, json};

use crate::World;
use crate::arrivals::Arrivals;
use crate::chance::Chance;
use crate::peer::{Gone, Peer, admin};

/// Registers a client of ours, which stays connected and reopens by itself.
pub(crate) async fn stay(world: &World, arrivals: Arc<Arrivals>) -> Client {
    let reopening = Reopening {
        first_delay: Duration::from_millis(5),
        largest_delay: Duration::from_millis(50),
        ..Reopening::default()
    };
    let entity = arrivals.entity.clone();
    let client = Client::builder(&world.url).originator(&entity).reopening(reopening).connect().await.unwrap();
    // After each reopening the registrar is asked whether it still knows the entity.
    let forgotten = Arc::clone(&world.forgotten);
    client.on_event(move |event| {
        if matches!(event, ClientEvent::RegisteredAgain(_) | ClientEvent::RegistrationFailed(_)) {
            forgotten.fetch_add(1, Ordering::SeqCst);
        }
    });
    client.register_ae(AeRegistration::new("Ncrash").name(&entity)).await.unwrap();
    let cnt = Request::create(format!("cse-in/{entity}"), ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "data"}}));
    assert_eq!(client.send(cnt).await.unwrap().status, StatusCode::CREATED);
    client.on_request(move |incoming: IncomingRequest| {
        arrivals.came(&incoming.request.content.as_ref().unwrap().value().unwrap());
        // The connection may be gone.
        let _ = incoming.respond(Response::ok());
    });
    let subscribed = client.subscribe(format!("cse-in/{entity}/data"), Subscription::new()).await.unwrap();
    assert_eq!(subscribed.status, StatusCode::CREATED);
    client
}

/// Until all is over; then it has never registered again.
pub(crate) async fn keep(client: Client, world: Arc<World>) {
    let registration = client.registration();
    while !world.is_over.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.registration(), registration);
    assert_eq!(world.forgotten.load(Ordering::SeqCst), 0, "no registration was lost, and none made again");
    let own = client.send(Request::retrieve(client.registration().unwrap().entity)).await.unwrap();
    assert_eq!(own.status, StatusCode::OK, "{:?}", own.debug_text());
    client.close().await;
}

fn register(entity: &str) -> Value {
    let pc = json!({"m2m:ae": {"rn": entity, "api": "Ncrash", "rr": true, "srv": ["3"]}});
    json!({"op": 1, "to": "cse-in", "fr": entity, "rqi": "ae", "rvi": "3", "ty": 2, "pc": pc})
}

/// Registers one that comes and goes, with a container and a subscription.
pub(crate) async fn populate(world: &World, arrivals: &Arrivals) {
    let entity = &arrivals.entity;
    let mut peer = Peer::come(&world.url, None).await;
    let mut requests = vec![register(entity)];
    for (ty, to, pc) in [
        (3, format!("cse-in/{entity}"), json!({"m2m:cnt": {"rn": "data"}})),
        (23, format!("cse-in/{entity}/data"), json!({"m2m:sub": {"nu": [entity], "enc": {"net": [3]}}})),
    ] {
        requests.push(json!({"op": 1, "to": to, "fr": entity, "rqi": "c", "rvi": "3", "ty": ty, "pc": pc}));
    }
    for request in requests {
        let answer = peer.ask(request).await.unwrap();
        assert_eq!(answer["rsc"], 2001, "{answer}");
    }
}

/// Comes, takes some notifications, answers most of them, and goes.
pub(crate) async fn come_and_go(world: Arc<World>, arrivals: Arc<Arrivals>, mut chance: Chance) {
    while !world.is_over.load(Ordering::SeqCst) {
        let mut peer = Peer::come(&world.url, Some(&arrivals.entity)).await;
        let takes = 1 + chance.below(60);
        let was_cut = take(&mut peer, &world, &arrivals, takes, &mut chance).await.is_ok();
        if was_cut {
            arrivals.cut();
        }
        drop(peer);
        if !world.is_ending.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(chance.below(80))).await;
        }
    }
}

async fn take(
    peer: &mut Peer,
    world: &World,
    arrivals: &Arrivals,
    takes: u64,
    chance: &mut Chance,
) -> std::result::Result<(), Gone> {
    let mut taken = 0;
    while taken < takes && !world.is_over.load(Ordering::SeqCst) {
        let Ok(heard) = tokio::time::timeout(Duration::from_millis(50), peer.hear()).await else { continue };
        let heard = heard?;
        assert_eq!(heard["op"], 5, "{heard}");
        arrivals.came(&heard["pc"]);
        if !world.is_ending.load(Ordering::SeqCst) {
            taken += 1;
            if taken == takes && chance.below(2) == 0 {
                return Ok(()); // without an answer: it comes again
            }
        }
        peer.say(&json!({"rsc": 2000, "rqi": heard["rqi"]})).await?;
    }
    Ok(())
}

/// Entities that were registered, or ended, while the registrar was being killed, as far as they were told.
#[derive(Default)]
pub(crate) struct Newcomers(BTreeMap<String, Told>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Registered,
    Ended,
    /// The answer was lost.
    Nothing,
}

/// Registers new entities, and ends every second registration.
pub(crate) async fn register_and_end(world: Arc<World>, mut chance: Chance) -> Newcomers {
    let mut all = BTreeMap::new();
    while !world.is_ending.load(Ordering::SeqCst) {
        let number = world.sequence.fetch_add(1, Ordering::Relaxed);
        let entity = format!("Cnew{number}");
        let mut peer = Peer::come(&world.url, None).await;
        let mut told = Told::Nothing;
        if let Ok(answer) = peer.ask(register(&entity)).await {
            assert_eq!(answer["rsc"], 2001, "{answer}");
            told = Told::Registered;
            if number % 2 == 1 {
                let delete = json!({"op": 4, "to": entity, "fr": entity, "rqi": "d", "rvi": "3"});
                told = match peer.ask(delete).await {
                    Ok(answer) if answer["rsc"] == 2002 => Told::Ended,
                    Ok(answer) => panic!("{answer}"),
                    Err(Gone) => Told::Nothing,
                };
            }
        }
        all.insert(entity, told);
        tokio::time::sleep(Duration::from_millis(chance.below(30))).await;
    }
    Newcomers(all)
}

impl Newcomers {
    fn count(&self, what: Told) -> usize {
        self.0.values().filter(|told| **told == what).count()
    }

    pub(crate) fn registered(&self) -> usize {
        self.count(Told::Registered)
    }

    pub(crate) fn ended(&self) -> usize {
        self.count(Told::Ended)
    }

    /// Who was told that it is registered is so; who was told that it is not, is not.
    pub(crate) async fn check(&self, peer: &mut Peer) {
        for (entity, told) in &self.0 {
            let status = peer.ask(admin(2, entity)).await.unwrap()["rsc"].clone();
            let own = json!({"op": 2, "to": entity, "fr": entity, "rqi": "own", "rvi": "3"});
            let own = peer.ask(own).await.unwrap()["rsc"].clone();
            match told {
                Told::Registered => assert_eq!((status, own), (json!(2000), json!(2000)), "{entity}"),
                Told::Ended => assert_eq!((status, own), (json!(4004), json!(4106)), "{entity}"),
                Told::Nothing => {}
            }
        }
    }
}
