//! A server knows when its registrees can be reached: what it says of those that are away, and how long it stores for them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use onem2m_ws::binding::Schedule;
use onem2m_ws::codec::{self, DecodeOptions, Primitive};
use onem2m_ws::primitive::{AbsRelTimestamp, Format, Request, ResourceType, Response, StatusCode, format_timestamp};
use onem2m_ws::registrar::Registrar;
use onem2m_ws::server::Server;
use onem2m_ws::spool::{Done, Expired, Fact, FactKind, MemorySpool, Record, Sequence, Spool, Stored};
use onem2m_ws::{ErrorKind, IncomingRequest, Result};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Peer = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(86_400);

/// A store that notes until when each record is kept.
#[derive(Default)]
struct Noting {
    store: MemorySpool,
    expire: Mutex<Vec<Option<SystemTime>>>,
}

impl Spool for Noting {
    fn append(&self, entity: &str, record: Record) -> Done<Sequence> {
        self.expire.lock().unwrap().push(record.expires);
        self.store.append(entity, record)
    }

    fn read(&self, entity: &str, after: Sequence, most: usize, now: SystemTime) -> Result<Vec<Stored>> {
        self.store.read(entity, after, most, now)
    }

    fn acknowledge(&self, entity: &str, sequence: Sequence, rqi: &str) -> Done<()> {
        self.store.acknowledge(entity, sequence, rqi)
    }

    fn expire(&self, now: SystemTime) -> Done<Vec<Expired>> {
        self.store.expire(now)
    }

    fn drop_entity(&self, entity: &str) -> Done<usize> {
        self.store.drop_entity(entity)
    }

    fn waiting(&self, entity: &str) -> usize {
        self.store.waiting(entity)
    }

    fn keep(&self, facts: Vec<Fact>) -> Done<()> {
        self.store.keep(facts)
    }

    fn kept(&self, kind: FactKind) -> Result<Vec<(String, Bytes)>> {
        self.store.kept(kind)
    }

    fn replaced(&self) -> u64 {
        self.store.replaced()
    }

    fn is_durable(&self) -> bool {
        false
    }
}

async fn connect(server: &Server) -> Peer {
    let mut request = server.points_of_access()[0].to_string().into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

/// Sends a request and takes its response.
async fn ask(peer: &mut Peer, request: Value) -> Value {
    peer.send(Message::text(request.to_string())).await.unwrap();
    let message = tokio::time::timeout(PATIENCE, peer.next()).await.expect("nothing came").unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

/// A day that begins in more than three days, and a schedule of that day only.
fn some_day() -> (SystemTime, String) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let day = SystemTime::UNIX_EPOCH + DAY * u32::try_from(now.as_secs() / 86_400 + 4).unwrap();
    let text = format_timestamp(day);
    (day, format!("* * * {} {} * {}", &text[6..8], &text[4..6], &text[..4]))
}

fn server(spool: Arc<dyn Spool>) -> Server {
    let handler = |_: &Server, incoming: IncomingRequest| incoming.respond(Response::new(StatusCode::CREATED)).unwrap();
    Server::builder().listen("ws://127.0.0.1:0").spool(spool).start(handler).unwrap()
}

async fn gone(server: &Server, entity: &str) {
    tokio::time::timeout(PATIENCE, async {
        while server.is_connected(entity) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the connection was given up");
}

#[tokio::test]
async fn ws_5_2_7_a_server_knows_when_a_registree_can_be_reached() {
    let server = server(Arc::new(MemorySpool::default()));
    let (day, entry) = some_day();
    let schedule = Schedule::parse([entry]).unwrap();
    assert!(!server.set_schedule("Ca", Some(schedule.clone())), "it is not registered");
    assert_eq!(server.schedule("Ca"), None);

    let mut peer = connect(&server).await;
    let register = json!({"op": 1, "to": "cse-in", "fr": "Ca", "rqi": "1", "ty": 2, "pc": {"m2m:ae": {}}});
    assert_eq!(ask(&mut peer, register).await["rsc"], 2001);
    assert!(server.set_schedule("Ca", Some(schedule.clone())));
    let now = SystemTime::now();
    assert_eq!(server.next_reachable("Ca", now), Some(day));
    assert_eq!(server.next_reachable("Ca", day + DAY / 2), Some(day + DAY / 2));
    assert_eq!(server.next_reachable("Ca", day + DAY), None);
    assert_eq!(server.next_reachable("Cb", now), None);

    drop(peer);
    gone(&server, "Ca").await;
    let said = async || {
        let error = server.send("Ca", Request::retrieve("Ca")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        error.message().to_owned()
    };
    let text = format!("by its schedule it can be reached again at {} (UTC)", &format_timestamp(day)[..15]);
    assert!(said().await.ends_with(&text), "{}", said().await);
    for (entry, text) in [
        ("* * * * * * *", "it can always be reached (UTC)"),
        ("* * * * * * 2000-2199", "it can be reached now and until 22000101T000000 (UTC)"),
        ("* * * * * * 2000", "it cannot be reached any more (UTC)"),
    ] {
        server.set_schedule("Ca", Some(Schedule::parse([entry]).unwrap()));
        assert!(said().await.ends_with(text), "{}", said().await);
    }
    server.set_schedule("Ca", None);
    assert!(!said().await.contains("schedule"));

    // A deregistration ends it.
    server.set_schedule("Ca", Some(schedule));
    server.deregister("Ca");
    let mut peer = connect(&server).await;
    let register = json!({"op": 1, "to": "cse-in", "fr": "Ca", "rqi": "2", "ty": 2, "pc": {"m2m:ae": {}}});
    assert_eq!(ask(&mut peer, register).await["rsc"], 2001);
    assert_eq!(server.schedule("Ca"), None);
}

#[tokio::test]
async fn ws_5_2_7_the_embedded_registrar_follows_the_schedule_of_a_registree() {
    let spool = Arc::new(Noting::default());
    let store = Arc::clone(&spool) as Arc<dyn Spool>;
    let registrar =
        Registrar::builder().with_server(|server| server.spool(store)).listen("ws://127.0.0.1:0").start().unwrap();
    let server = registrar.server();
    let (day, entry) = some_day();

    let mut mn = connect(server).await;
    let csr = json!({"rn": "mn", "cb": "/id-mn/cse-mn", "csi": "/id-mn", "rr": true, "srv": ["3"]});
    let create =
        json!({"op": 1, "to": "cse-in", "fr": "/id-mn", "rqi": "1", "rvi": "3", "ty": 16, "pc": {"m2m:csr": csr}});
    assert_eq!(ask(&mut mn, create).await["rsc"], 2001);
    let sch = json!({"rn": "s", "se": {"sce": [entry]}});
    let create =
        json!({"op": 1, "to": "cse-in/mn", "fr": "/id-mn", "rqi": "2", "rvi": "3", "ty": 18, "pc": {"m2m:sch": sch}});
    assert_eq!(ask(&mut mn, create).await["rsc"], 2001);
    assert_eq!(server.next_reachable("/id-mn", SystemTime::now()), Some(day));
    mn.close(None).await.unwrap();
    gone(server, "/id-mn").await;

    // A blocking request: refused, with the time.
    let mut admin = connect(server).await;
    let retrieve = json!({"op": 2, "to": "/id-mn/cse-mn", "fr": "CAdmin", "rqi": "3", "rvi": "3"});
    let answer = ask(&mut admin, retrieve).await;
    assert_eq!(answer["rsc"], 5103, "{answer}");
    let text = answer["pc"]["m2m:dbg"].as_str().unwrap();
    assert!(text.contains(&format!("can be reached again at {}", &format_timestamp(day)[..15])), "{text}");

    // A notification: stored until the window is over, unless it says itself how long it is of use.
    server.notify("/id-mn", Request::notify("/id-mn", json!({"m2m:sgn": {}}))).await.unwrap();
    let mut short = Request::notify("/id-mn", json!({"m2m:sgn": {}}));
    short.request_expiration = Some(AbsRelTimestamp::absolute(day));
    server.notify("/id-mn", short).await.unwrap();
    assert_eq!(*spool.expire.lock().unwrap(), [Some(day + DAY), Some(day)]);

    // Without the <schedule> the usual time.
    let delete = json!({"op": 4, "to": "cse-in/mn/s", "fr": "CAdmin", "rqi": "4", "rvi": "3"});
    assert_eq!(ask(&mut admin, delete).await["rsc"], 2002);
    assert_eq!(server.schedule("/id-mn"), None);
    server.notify("/id-mn", Request::notify("/id-mn", json!({"m2m:sgn": {}}))).await.unwrap();
    let last = spool.expire.lock().unwrap().last().copied().flatten().unwrap();
    assert!(last <= SystemTime::now() + DAY, "24 hours");
    drop(admin);
    registrar.shutdown().await;
}

#[test]
fn ws_5_2_7_a_schedule_comes_through_every_format() {
    let content = json!({"m2m:sch": {"rn": "s", "se": {"sce": ["* 0-5 2,6,10 * * * *"]}}});
    let request = Request::create("cse-in/sensor", ResourceType::SCHEDULE, content.clone()).from("Ca").request_id("r");
    for format in [Format::Json, Format::Cbor, Format::Xml] {
        let mut out = BytesMut::new();
        codec::encode_request(format, &request, &mut out).unwrap();
        let decoded = codec::decode(format, out.freeze(), &DecodeOptions::default()).unwrap();
        let Primitive::Request(decoded) = decoded.primitive else { panic!("a request") };
        assert_eq!(decoded.content.unwrap().value().unwrap(), content, "{format:?}");
    }
}
