//! A registrar (IN), an MN-CSE under it, AEs at both, and cables between them that can be cut.

use std::sync::Arc;
use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, Reopening, Subscription};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use onem2m_ws::registrar::{Registrar, RegistrarBuilder, Upstream, UpstreamState};
use onem2m_ws::{IncomingRequest, client::ClientBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const CNT: ResourceType = ResourceType::CONTAINER;
pub(crate) const CIN: ResourceType = ResourceType::CONTENT_INSTANCE;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Whole,
    /// Nothing is carried, and nobody is told.
    Frozen,
    /// What is connected is cut off, and what connects too.
    Cut,
}

/// Carries TCP connections to a server, until it is cut.
pub(crate) struct Cable {
    pub(crate) url: String,
    mode: Arc<watch::Sender<Mode>>,
}

impl Cable {
    pub(crate) async fn to(url: &str) -> Self {
        let target = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let mode = Arc::new(watch::Sender::new(Mode::Whole));
        let modes = Arc::clone(&mode);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *modes.borrow() != Mode::Cut {
                    tokio::spawn(carry(near, target.clone(), modes.subscribe()));
                }
            }
        });
        Self { url, mode }
    }

    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    pub(crate) fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    pub(crate) fn mend(&self) {
        self.mode.send_replace(Mode::Whole);
    }

    /// Cuts what is connected now; it can connect again at once.
    pub(crate) async fn flicker(&self) {
        self.cut();
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.mend();
    }
}

async fn carry(mut near: TcpStream, target: String, mut modes: watch::Receiver<Mode>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let (mut from_near, mut to_near) = near.split();
    let (mut from_far, mut to_far) = far.split();
    let (up, down) = (modes.clone(), modes.clone());
    tokio::select! {
        () = pass(&mut from_near, &mut to_far, up) => {}
        () = pass(&mut from_far, &mut to_near, down) => {}
        _ = modes.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut modes: watch::Receiver<Mode>,
) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let mode = modes.wait_for(|mode| *mode != Mode::Frozen).await;
        if mode.is_ok_and(|mode| *mode == Mode::Cut) || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

pub(crate) fn quick(client: ClientBuilder) -> ClientBuilder {
    client.reopening(Reopening {
        first_delay: Duration::from_millis(5),
        largest_delay: Duration::from_millis(50),
        stable_after: Duration::from_millis(1),
    })
}

pub(crate) fn registrar_at(listen: &str) -> Registrar {
    Registrar::builder().listen(listen).start().unwrap()
}

pub(crate) fn url(registrar: &Registrar) -> String {
    registrar.points_of_access()[0].to_string()
}

pub(crate) fn gateway(upstream: &str, change: impl FnOnce(Upstream) -> Upstream) -> RegistrarBuilder {
    let upstream = Upstream::new(upstream, "/id-in").with_client(quick);
    let registrar = Registrar::builder().cse_id("/id-mn").cse_name("cse-mn").listen("ws://127.0.0.1:0");
    registrar.upstream(change(upstream))
}

pub(crate) async fn joined(gateway: &Registrar) -> UpstreamState {
    until(gateway, |state| state.is_registered).await
}

pub(crate) async fn until(gateway: &Registrar, wanted: impl Fn(&UpstreamState) -> bool) -> UpstreamState {
    let mut states = gateway.upstream_states().unwrap();
    let state = tokio::time::timeout(PATIENCE, states.wait_for(|state| wanted(state))).await;
    state.unwrap_or_else(|_| panic!("{:?}", gateway.upstream_state())).unwrap().clone()
}

/// IN, MN, and AEs at both, each connection over a cable of its own.
pub(crate) struct World {
    pub(crate) registrar: Registrar,
    pub(crate) gateway: Registrar,
    /// Between the MN and the IN.
    pub(crate) up: Cable,
    /// Between the AE at the MN and the MN.
    pub(crate) down: Cable,
    /// `Csensor` at the MN, with the container `cse-mn/sensor/data`.
    pub(crate) sensor: Client,
    /// `Cboss` at the IN, with the container `cse-in/boss/orders`.
    pub(crate) boss: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|upstream| upstream).await
    }

    pub(crate) async fn with(change: impl FnOnce(Upstream) -> Upstream) -> Self {
        let registrar = registrar_at("ws://127.0.0.1:0");
        let up = Cable::to(&url(&registrar)).await;
        let gateway = gateway(&up.url, change).start().unwrap();
        joined(&gateway).await;
        let down = Cable::to(&url(&gateway)).await;
        let sensor = ae(&down.url, "Csensor", "sensor").await;
        create(&sensor, "cse-mn/sensor", CNT, container("data")).await;
        let boss = ae(&url(&registrar), "Cboss", "boss").await;
        create(&boss, "cse-in/boss", CNT, container("orders")).await;
        Self { registrar, gateway, up, down, sensor, boss }
    }

    pub(crate) async fn end(self) {
        self.up.mend();
        self.down.mend();
        self.sensor.close().await;
        self.boss.close().await;
        self.gateway.shutdown().await;
        self.registrar.shutdown().await;
    }
}

pub(crate) async fn ae(url: &str, originator: &str, name: &str) -> Client {
    let client = quick(Client::builder(url).originator(originator)).connect().await.unwrap();
    client.register_ae(AeRegistration::new("Ntest").name(name)).await.unwrap();
    client
}

pub(crate) fn container(name: &str) -> Value {
    json!({"m2m:cnt": {"rn": name}})
}

pub(crate) fn instance(number: u32) -> Value {
    json!({"m2m:cin": {"con": number.to_string()}})
}

#[track_caller]
pub(crate) fn expect(response: &Response, status: StatusCode) {
    assert_eq!(response.status, status, "{:?}", response.debug_text());
}

pub(crate) async fn create(client: &Client, to: &str, ty: ResourceType, content: Value) -> Response {
    let response = client.send(Request::create(to, ty, content)).await.unwrap();
    expect(&response, StatusCode::CREATED);
    response
}

pub(crate) async fn subscribe(client: &Client, to: &str, target: &str) {
    let response = client.subscribe(to, Subscription::new().notify([target])).await.unwrap();
    expect(&response, StatusCode::CREATED);
}

pub(crate) fn content(response: &Response) -> Value {
    response.content.as_ref().unwrap().value().unwrap()
}

/// Answers every request 2000, and hands on the numbers in the notifications of contentInstances; verifications too, as none.
pub(crate) fn readings(client: &Client) -> mpsc::UnboundedReceiver<Option<u32>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let content = incoming.request.content.as_ref().unwrap().value().unwrap();
        let number = content.pointer("/m2m:sgn/nev/rep/m2m:cin/con").or(content.pointer("/m2m:sgn/number"));
        let number = number.map(|con| con.as_str().unwrap().parse().unwrap());
        // An answer that is too late for its connection is lost, and the notification comes again.
        let _ = incoming.respond(Response::ok());
        let _ = sender.send(number);
    });
    receiver
}

/// What comes until all of `1..=last` has come: in order, where repetitions are the ones of an interrupted delivery. Returns how
/// many there were.
pub(crate) async fn all_in_order(readings: &mut mpsc::UnboundedReceiver<Option<u32>>, last: u32) -> u32 {
    all_after(readings, 0, last).await
}

/// The same, after `seen`.
pub(crate) async fn all_after(readings: &mut mpsc::UnboundedReceiver<Option<u32>>, mut seen: u32, last: u32) -> u32 {
    let mut repeated = 0;
    while seen < last {
        let next = tokio::time::timeout(PATIENCE, readings.recv()).await;
        let number = next.unwrap_or_else(|_| panic!("nothing came after {seen}")).unwrap().unwrap();
        if number <= seen {
            assert_eq!(number, seen, "only what was not answered comes again");
            repeated += 1;
        } else {
            assert_eq!(number, seen + 1, "in order, and none lost");
            seen = number;
        }
    }
    repeated
}

pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waits = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what}: not seen"));
}
