//! One connection per node over real sockets: nothing that was accepted is lost or reordered when connections take each
//! other's place (row WS-5.2-3). The peers are not ours.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use onem2m_ws::binding::{ConnectionId, PeerIdentity, Registration, TAKEN_OVER};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::{Denied, Handler, HandshakeInfo, Principal, Server, ServerBuilder, ServerEvent, TakeOver};
use onem2m_ws::spool::{MemoryLimits, MemorySpool};
use onem2m_ws::{ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::{Error as WsError, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Peer = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(30);

/// Answers everything, and keeps what it is told.
#[derive(Clone, Default)]
struct Cse {
    events: Arc<Mutex<Vec<ServerEvent>>>,
}

impl Handler for Cse {
    fn on_request(&self, _server: &Server, incoming: IncomingRequest) {
        let answer = match incoming.request.resource_type {
            Some(_) => Response::new(StatusCode::CREATED),
            None => Response::ok(),
        };
        let _ = incoming.respond(answer);
    }

    fn on_event(&self, _server: &Server, event: ServerEvent) {
        self.events.lock().unwrap().push(event);
    }
}

impl Cse {
    fn seen(&self) -> Vec<ServerEvent> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until an event has come that `is_it`.
    async fn event(&self, is_it: impl Fn(&ServerEvent) -> bool) -> ServerEvent {
        let look = async {
            loop {
                if let Some(event) = self.seen().into_iter().find(&is_it) {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        found.unwrap_or_else(|_| panic!("not among the events: {:?}", self.seen()))
    }
}

/// Whom the hook below accepts by this name.
fn accepted(name: &str) -> Option<Arc<PeerIdentity>> {
    Some(Arc::new(Principal::new(name).into()))
}

/// `Authorization: Bearer NAME` is the principal NAME, `Bearer bad` is wrong, `Bearer barred` is known and not let in.
fn by_token(handshake: &HandshakeInfo<'_>) -> Result<Option<Principal>, Denied> {
    assert!(handshake.peer().ip().is_loopback());
    match handshake.header("authorization").map(|value| value.strip_prefix("Bearer ")) {
        None => Ok(None),
        Some(Some("barred")) => Err(Denied::forbidden("this device is barred")),
        Some(None | Some("bad")) => Err(Denied::unauthorized("Bearer realm=\"cse\"")),
        Some(Some("defect")) => panic!("a defect in the hook"),
        Some(Some(name)) => Ok(Some(Principal::new(name))),
    }
}

fn builder() -> ServerBuilder {
    Server::builder().listen("ws://127.0.0.1:0").authenticate(by_token)
}

fn start(builder: ServerBuilder) -> (Server, Cse) {
    let cse = Cse::default();
    (builder.start(cse.clone()).unwrap(), cse)
}

async fn try_connect(server: &Server, token: Option<&str>, origin: Option<&str>) -> Result<Peer, WsError> {
    let mut request = server.points_of_access()[0].to_string().into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    if let Some(token) = token {
        headers.insert("Authorization", format!("Bearer {token}").parse().unwrap());
    }
    if let Some(origin) = origin {
        headers.insert("X-M2M-Origin", origin.parse().unwrap());
    }
    tokio_tungstenite::connect_async(request).await.map(|(peer, _)| peer)
}

async fn connect(server: &Server, token: Option<&str>, origin: Option<&str>) -> Peer {
    try_connect(server, token, origin).await.unwrap()
}

async fn refusal(server: &Server, token: Option<&str>, origin: Option<&str>) -> http::Response<Option<Vec<u8>>> {
    match try_connect(server, token, origin).await {
        Err(WsError::Http(response)) => *response,
        other => panic!("not refused: {:?}", other.err()),
    }
}

async fn say(peer: &mut Peer, primitive: Value) {
    peer.send(Message::text(primitive.to_string())).await.unwrap();
}

async fn next(peer: &mut Peer) -> Message {
    tokio::time::timeout(PATIENCE, peer.next()).await.expect("nothing came").unwrap().unwrap()
}

async fn hear(peer: &mut Peer) -> Value {
    loop {
        if let Message::Text(text) = next(peer).await {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

/// The code and the reason with which the server closes.
async fn closed(peer: &mut Peer) -> (u16, String) {
    loop {
        if let Message::Close(frame) = next(peer).await {
            let frame = frame.expect("a close frame says why");
            return (frame.code.into(), frame.reason.to_string());
        }
    }
}

async fn register(peer: &mut Peer, entity: &str) {
    let request = json!({"op": 1, "to": "cse-in", "fr": entity, "rqi": "reg", "ty": 2, "pc": {"m2m:ae": {}}});
    say(peer, request).await;
    assert_eq!(hear(peer).await["rsc"], 2001);
}

async fn status_of(peer: &mut Peer, entity: &str) -> Value {
    say(peer, json!({"op": 2, "to": "cse-in", "fr": entity, "rqi": "status"})).await;
    hear(peer).await["rsc"].clone()
}

fn notification(number: usize) -> Request {
    Request::notify("Ca", json!({ "m2m:sgn": { "number": number } }))
}

/// What one connection received, in its order.
type Heard = Vec<(usize, String)>;

/// What a test does with the connections of one registree.
struct Registree {
    heard: Vec<Arc<Mutex<Heard>>>,
    /// How many notifications came over all connections, with repetitions.
    count: watch::Sender<usize>,
}

impl Registree {
    fn new() -> Self {
        Self { heard: Vec::new(), count: watch::Sender::new(0) }
    }

    /// Takes notifications from a connection and answers them, all but the `silent_at`th, after which it is silent, though
    /// the connection stays open and is read (or not, if it is to be `deaf`). The task ends with the connection, and tells how
    /// it was closed.
    fn listen(&mut self, mut peer: Peer, silent_at: Option<usize>, deaf: bool) -> tokio::task::JoinHandle<Option<u16>> {
        let heard = Arc::new(Mutex::new(Heard::new()));
        self.heard.push(Arc::clone(&heard));
        let count = self.count.clone();
        tokio::spawn(async move {
            let mut code = None;
            let mut seen = 0;
            while let Some(Ok(message)) = peer.next().await {
                let text = match message {
                    Message::Text(text) => text,
                    Message::Close(frame) => {
                        code = frame.map(|frame| frame.code.into());
                        continue;
                    }
                    _ => continue,
                };
                let primitive: Value = serde_json::from_str(text.as_str()).unwrap();
                assert_eq!(primitive["op"], 5, "{primitive}");
                let number = primitive["pc"]["m2m:sgn"]["number"].as_u64().unwrap() as usize;
                let rqi = primitive["rqi"].as_str().unwrap().to_owned();
                heard.lock().unwrap().push((number, rqi.clone()));
                seen += 1;
                count.send_modify(|count| *count += 1);
                if silent_at.is_some_and(|silent_at| seen >= silent_at) {
                    if deaf {
                        // TCP stays open, and no ping is answered.
                        std::future::pending::<()>().await;
                    }
                    continue;
                }
                let answer = json!({"rsc": 2000, "rqi": rqi});
                let _ = peer.send(Message::text(answer.to_string())).await;
            }
            code
        })
    }

    async fn wait_for(&self, count: usize) {
        let mut heard = self.count.subscribe();
        // What it gives is a lock, which is not to be held.
        let waited = tokio::time::timeout(PATIENCE, heard.wait_for(|heard| *heard >= count)).await.is_ok();
        assert!(waited, "only {} of {count} came", *self.count.borrow());
    }

    /// Reads what came, one connection after the other: everything in order, and only the last one of a connection may come
    /// again, as the first of the next. Returns how many were repeated.
    fn check(&self, total: usize) -> usize {
        let mut next = 0;
        let mut repeated = 0;
        let mut last: Option<(usize, String)> = None;
        let mut ids = HashMap::new();
        for (place, heard) in self.heard.iter().enumerate() {
            for (index, (number, rqi)) in heard.lock().unwrap().iter().enumerate() {
                if *number + 1 == next && index == 0 {
                    assert_eq!(last.as_ref(), Some(&(*number, rqi.clone())), "it comes again as another request");
                    repeated += 1;
                } else {
                    assert_eq!(*number, next, "connection {place}, {index}: out of order, or lost");
                    assert_eq!(ids.insert(rqi.clone(), *number), None, "an rqi is used twice");
                    next += 1;
                }
                last = Some((*number, rqi.clone()));
            }
        }
        assert_eq!(next, total, "lost");
        repeated
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_5_2_3_ten_thousand_notifications_survive_a_hundred_take_overs_in_order() {
    const TOTAL: usize = 10_000;
    const TAKE_OVERS: usize = 100;
    let spool = MemorySpool::new(MemoryLimits { per_entity: TOTAL, ..MemoryLimits::default() });
    let (server, cse) = start(builder().spool(Arc::new(spool)).flapping(10_000, Duration::from_secs(3600)));
    let mut registree = Registree::new();
    let mut first = connect(&server, Some("key"), None).await;
    register(&mut first, "Ca").await;
    let producer = {
        let server = server.clone();
        tokio::spawn(async move {
            for number in 0..TOTAL {
                server.notify("Ca", notification(number)).await.unwrap();
                if number.is_multiple_of(16) {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    // Of the hundred that are taken over, every third falls silent with a request under way; the others are in the middle of
    // answering.
    // Others may take more than theirs, on a busy machine.
    let quota = TOTAL / (TAKE_OVERS + 1) / 2;
    let silent_at = |connection: usize| (connection.is_multiple_of(3) && connection < TAKE_OVERS).then_some(quota);
    let mut listeners = vec![registree.listen(first, silent_at(0), false)];
    for take_over in 1..=TAKE_OVERS {
        registree.wait_for(take_over * quota).await;
        // The one before may fall silent a little later than by the count of all.
        if silent_at(take_over - 1).is_some() {
            let heard = Arc::clone(registree.heard.last().unwrap());
            let waiting = async {
                while heard.lock().unwrap().len() < quota && server.waiting("Ca") > 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(PATIENCE, waiting).await.expect("nothing comes any more");
        }
        let peer = connect(&server, Some("key"), None).await;
        listeners.push(registree.listen(peer, silent_at(take_over), false));
    }
    producer.await.unwrap();
    let drained = async {
        while server.waiting("Ca") > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drained).await.expect("something waits for ever");
    let last = listeners.pop().unwrap();
    for listener in listeners {
        let code = tokio::time::timeout(PATIENCE, listener).await.expect("a connection is left open").unwrap();
        assert_eq!(code, Some(TAKEN_OVER));
    }
    let repeated = registree.check(TOTAL);
    let fell_silent = |(connection, heard): &(usize, &Arc<Mutex<Heard>>)| {
        silent_at(*connection).is_some_and(|quota| heard.lock().unwrap().len() >= quota)
    };
    let silent = registree.heard.iter().enumerate().filter(fell_silent).count();
    assert!(silent > TAKE_OVERS / 4, "{silent} fell silent");
    println!(
        "{repeated} of {TOTAL} notifications came twice in {TAKE_OVERS} take-overs, {silent} of them with a silent peer"
    );
    assert!((silent..=TAKE_OVERS).contains(&repeated), "{repeated} were repeated, {silent} were not answered");
    assert_eq!(server.take_overs().taken_over, TAKE_OVERS as u64);
    server.shutdown().await;
    assert_eq!(last.await.unwrap(), Some(1001));
    let events = cse.seen();
    let taken = |event: &&ServerEvent| matches!(event, ServerEvent::TakenOver { .. });
    assert_eq!(events.iter().filter(taken).count(), TAKE_OVERS);
    let offline = |event: &ServerEvent| matches!(event, ServerEvent::Unreachable { .. });
    assert!(!events[..events.len() - 1].iter().any(offline), "it was reachable all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_5_2_3_without_authentication_nothing_is_lost_when_dead_holders_are_replaced() {
    const TOTAL: usize = 2000;
    const TAKE_OVERS: usize = 10;
    let short = Duration::from_millis(150);
    // Only the probe of a newcomer finds out that a holder is dead.
    let (server, cse) = start(
        Server::builder()
            .listen("ws://127.0.0.1:0")
            .ping_after(None)
            .pong_timeout(short)
            .spool(Arc::new(MemorySpool::new(MemoryLimits { per_entity: TOTAL, ..MemoryLimits::default() }))),
    );
    let mut registree = Registree::new();
    let mut first = connect(&server, None, None).await;
    register(&mut first, "Ca").await;
    let quota = TOTAL / (TAKE_OVERS + 1);
    let mut listeners = vec![registree.listen(first, Some(quota), true)];
    for number in 0..TOTAL {
        server.notify("Ca", notification(number)).await.unwrap();
    }
    for take_over in 1..=TAKE_OVERS {
        registree.wait_for(take_over * quota).await;
        let peer = connect(&server, None, Some("Ca")).await;
        let silent_at = (take_over < TAKE_OVERS).then_some(quota);
        listeners.push(registree.listen(peer, silent_at, true));
    }
    registree.wait_for(TOTAL + TAKE_OVERS).await;
    assert_eq!(registree.check(TOTAL), TAKE_OVERS, "each dead one left one without an answer");
    assert_eq!(server.take_overs().taken_over, TAKE_OVERS as u64);
    cse.event(|event| matches!(event, ServerEvent::TakenOver { principal: None, .. })).await;
    for listener in listeners {
        listener.abort();
    }
    server.shutdown().await;
}

#[tokio::test]
async fn ws_5_2_3_who_is_authenticated_never_waits_for_a_dead_connection() {
    // Nothing but the newcomer ends the old one while the test is patient.
    let long = PATIENCE * 10;
    let builder = builder().ping_after(None).close_timeout(long).pong_timeout(long).request_timeout(long);
    let (server, _) = start(builder.write_timeout(long));
    let mut dead = connect(&server, Some("key"), None).await;
    register(&mut dead, "Ca").await;
    for number in 0..2 {
        server.notify("Ca", notification(number)).await.unwrap();
    }
    let first = hear(&mut dead).await;
    // From here on it is not read, and its TCP connection stays open.
    let mut newcomer = connect(&server, Some("key"), None).await;
    let again = hear(&mut newcomer).await;
    assert_eq!((&again["rqi"], &again["pc"]), (&first["rqi"], &first["pc"]));
    say(&mut newcomer, json!({"rsc": 2000, "rqi": again["rqi"]})).await;
    assert_eq!(hear(&mut newcomer).await["pc"]["m2m:sgn"]["number"], 1);
    // What the dead one says after all acknowledges nothing.
    say(&mut dead, json!({"rsc": 2000, "rqi": again["rqi"]})).await;
    assert_eq!(server.waiting("Ca"), 1);
}

#[tokio::test]
async fn ws_5_2_3_the_old_connection_of_a_principal_is_closed_with_a_clear_reason() {
    let (server, cse) = start(builder());
    let mut first = connect(&server, Some("key"), None).await;
    register(&mut first, "Ca").await;
    register(&mut first, "Cb").await;
    // A request of the program's own, which no store repeats.
    let sent = {
        let server = server.clone();
        tokio::spawn(async move { server.send("Ca", Request::retrieve("Ca")).await })
    };
    assert_eq!(hear(&mut first).await["op"], 2);

    let mut second = connect(&server, Some("key"), None).await;
    let (code, reason) = closed(&mut first).await;
    assert_eq!(code, 4001);
    assert_eq!(reason, "a newer connection of this node has taken over");
    assert_eq!(sent.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionLost, "at once, not after a time-out");
    server.notify("Cb", notification(0)).await.unwrap();
    assert_eq!(hear(&mut second).await["op"], 5, "all that belongs to the node has moved");
    assert_eq!(status_of(&mut second, "Ca").await, 2000);

    let key = || Some(Principal::new("key"));
    assert_eq!(server.principal_of("Ca"), key());
    let [one, two] = [1, 2].map(ConnectionId);
    cse.event(|event| matches!(event, ServerEvent::TakenOver { entity, .. } if entity == "Cb")).await;
    let [ca, cb] = ["Ca", "Cb"].map(str::to_owned);
    let identity = || accepted("key");
    let expected = [
        ServerEvent::Registered { entity: ca.clone() },
        ServerEvent::Reachable { entity: ca.clone(), connection: one, identity: identity() },
        ServerEvent::Registered { entity: cb.clone() },
        ServerEvent::Reachable { entity: cb.clone(), connection: one, identity: identity() },
        ServerEvent::TakenOver { entity: ca.clone(), by: two, principal: key(), identity: identity() },
        ServerEvent::TakenOver { entity: cb, by: two, principal: key(), identity: identity() },
    ];
    assert_eq!(cse.seen(), expected);
    second.close(None).await.unwrap();
    let gone = cse.event(|event| matches!(event, ServerEvent::Unreachable { .. })).await;
    let cause = "closed by the peer".to_owned();
    assert!(
        matches!(&gone, ServerEvent::Unreachable { entity, connection, cause: c } if *entity == ca && *connection == two && c.starts_with(&cause)),
        "{gone:?}"
    );
    assert!(server.deregister("Ca"));
    cse.event(|event| *event == ServerEvent::Deregistered { entity: ca.clone() }).await;
}

#[tokio::test]
async fn ws_5_2_3_who_has_another_credential_or_none_is_refused_and_an_alert_is_told() {
    let (server, cse) = start(builder().take_over(TakeOver::Newest));
    let mut holder = connect(&server, Some("key"), None).await;
    register(&mut holder, "Ca").await;
    for (token, status) in [(Some("other"), 4106), (None, 4107)] {
        let answer = refusal(&server, token, Some("Ca")).await;
        assert_eq!(answer.status(), 403);
        let mut newcomer = connect(&server, token, None).await;
        assert_eq!(status_of(&mut newcomer, "Ca").await, status);
        let principal = token.map(Principal::new);
        let alert = |event: &ServerEvent| matches!(event, ServerEvent::SecurityAlert { entity, principal: p, peer: Some(_) } if entity == "Ca" && *p == principal);
        cse.event(alert).await;
    }
    assert_eq!(server.take_overs().alerts, 4);
    assert_eq!(server.refusals().handshake, 2);
    assert_eq!(status_of(&mut holder, "Ca").await, 2000, "the holder has noticed nothing");
    assert_eq!(server.take_overs().taken_over, 0);
}

#[tokio::test]
async fn ws_5_2_3_the_credentials_of_a_rotation_take_over_from_each_other() {
    let (server, cse) = start(builder().rotation(Principal::new("old"), Principal::new("new")));
    let mut first = connect(&server, Some("old"), None).await;
    register(&mut first, "Ca").await;
    let mut second = connect(&server, Some("new"), Some("Ca")).await;
    assert_eq!(closed(&mut first).await.0, TAKEN_OVER);
    assert_eq!(status_of(&mut second, "Ca").await, 2000);
    let principal = Some(Principal::new("new"));
    let by = ConnectionId(2);
    let identity = accepted("new");
    let moved = ServerEvent::TakenOver { entity: "Ca".into(), by, principal, identity };
    cse.event(|event| *event == moved).await;
}

#[tokio::test]
async fn ws_5_2_3_a_restored_registration_belongs_to_its_principal() {
    let (server, _) = start(builder());
    server.restore_as(Registration::known("Ca"), Some(&Principal::new("key")));
    assert_eq!(refusal(&server, Some("other"), Some("Ca")).await.status(), 403);
    server.notify("Ca", notification(0)).await.unwrap();
    let mut owner = connect(&server, Some("key"), None).await;
    assert_eq!(hear(&mut owner).await["op"], 5, "its credential says who it is");
}

#[tokio::test]
async fn ws_6_2_3_1_1_the_hook_refuses_with_401_or_403_and_a_reason() {
    let (server, _) = start(builder());
    let answer = refusal(&server, Some("bad"), None).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["WWW-Authenticate"], "Bearer realm=\"cse\"");
    let answer = refusal(&server, Some("barred"), None).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.body().as_deref(), Some(&b"this device is barred\n"[..]));
    assert_eq!(refusal(&server, Some("defect"), None).await.status(), 500);
    assert_eq!(server.refusals().handshake, 3);
    assert_eq!(server.connections(), 0);
    // A challenge that would break the header is not sent, and nothing else either.
    assert_eq!(Denied::unauthorized("Basic\r\nX: y"), Denied::unauthorized("\n"));
}

#[tokio::test]
async fn ws_5_2_3_without_authentication_the_policy_decides() {
    // Probe: the holder answers pings as long as it is read.
    let (server, cse) = start(Server::builder().listen("ws://127.0.0.1:0"));
    let mut holder = connect(&server, None, None).await;
    register(&mut holder, "Ca").await;
    let holder = tokio::spawn(async move { while holder.next().await.is_some() {} });
    let mut newcomer = connect(&server, None, Some("Ca")).await;
    let held = (1008, "another connection of this entity is alive".to_owned());
    assert_eq!(closed(&mut newcomer).await, held);
    let refused = cse.event(|event| matches!(event, ServerEvent::NewcomerRefused { .. })).await;
    assert!(matches!(refused, ServerEvent::NewcomerRefused { peer: Some(_), connection: ConnectionId(2), .. }));
    assert_eq!(server.take_overs().refused, 1);
    holder.abort();

    // Refuse: without a look at the holder, which is silent here.
    let (server, cse) = start(Server::builder().listen("ws://127.0.0.1:0").take_over(TakeOver::Refuse));
    let mut holder = connect(&server, None, None).await;
    register(&mut holder, "Ca").await;
    let mut newcomer = connect(&server, None, None).await;
    assert_eq!(status_of(&mut newcomer, "Ca").await, 4103, "answered before it is closed");
    assert_eq!(closed(&mut newcomer).await, held);
    cse.event(|event| matches!(event, ServerEvent::NewcomerRefused { .. })).await;
    assert_eq!(status_of(&mut holder, "Ca").await, 2000);

    // Newest: unsafe, and said so.
    let (server, _) = start(Server::builder().listen("ws://127.0.0.1:0").take_over(TakeOver::Newest));
    let mut holder = connect(&server, None, None).await;
    register(&mut holder, "Ca").await;
    let mut newcomer = connect(&server, None, Some("Ca")).await;
    assert_eq!(closed(&mut holder).await.0, TAKEN_OVER);
    assert_eq!(status_of(&mut newcomer, "Ca").await, 2000);
}

#[tokio::test]
async fn ws_5_2_3_flapping_is_told_and_bans_nobody() {
    let (server, cse) = start(builder().flapping(3, Duration::from_secs(60)));
    let mut peer = connect(&server, Some("key"), None).await;
    register(&mut peer, "Ca").await;
    let mut peers = vec![peer];
    for _ in 0..4 {
        peers.push(connect(&server, Some("key"), None).await);
    }
    cse.event(|event| *event == ServerEvent::Flapping { entity: "Ca".to_owned(), count: 4 }).await;
    assert_eq!(server.take_overs().flapping, 1);
    let mut last = peers.pop().unwrap();
    assert_eq!(status_of(&mut last, "Ca").await, 2000);
}

#[tokio::test]
async fn ws_5_2_8_what_will_not_be_delivered_is_told() {
    let (server, cse) = start(builder().request_timeout(Duration::from_millis(20)));
    let mut silent = connect(&server, Some("key"), None).await;
    register(&mut silent, "Ca").await;
    let mut request = notification(0);
    request.request_id = "in-vain".to_owned();
    server.notify("Ca", request).await.unwrap();
    let given_up = ServerEvent::RequestGivenUp { entity: "Ca".to_owned(), rqi: "in-vain".to_owned() };
    cse.event(|event| *event == given_up).await;
}

#[tokio::test]
async fn ws_5_2_3_the_embedded_registrar_passes_events_on() {
    let seen: Arc<Mutex<Vec<ServerEvent>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let registrar = Registrar::builder()
        .listen("ws://127.0.0.1:0")
        .with_server(|server| server.authenticate(by_token))
        .on_event(move |_server, event| keep.lock().unwrap().push(event))
        .start()
        .unwrap();
    let server = registrar.server();
    let mut first = connect(server, Some("key"), None).await;
    let ae = json!({"m2m:ae": {"api": "Nx", "rr": true, "srv": ["3"]}});
    say(&mut first, json!({"op": 1, "to": "cse-in", "fr": "Ca", "rqi": "1", "ty": 2, "rvi": "3", "pc": ae})).await;
    assert_eq!(hear(&mut first).await["rsc"], 2001);
    let mut second = connect(server, Some("key"), None).await;
    say(&mut second, json!({"op": 4, "to": "Ca", "fr": "Ca", "rqi": "2", "rvi": "3"})).await;
    assert_eq!(hear(&mut second).await["rsc"], 2002);
    let by = ConnectionId(2);
    let expected = [
        ServerEvent::Registered { entity: "Ca".into() },
        ServerEvent::Reachable { entity: "Ca".into(), connection: ConnectionId(1), identity: accepted("key") },
        ServerEvent::TakenOver {
            entity: "Ca".into(),
            by,
            principal: Some(Principal::new("key")),
            identity: accepted("key"),
        },
        ServerEvent::Deregistered { entity: "Ca".into() },
    ];
    let told = async {
        while seen.lock().unwrap().len() < expected.len() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("an event is missing");
    assert_eq!(*seen.lock().unwrap(), expected);
    drop((first, second));
    registrar.shutdown().await;
}
