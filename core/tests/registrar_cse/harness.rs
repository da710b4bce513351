//! A CSE whose clock and randomness are the test's.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use onem2m_ws::primitive::{EntityId, Request, ResourceType, Response, ResultContent, StatusCode};
use onem2m_ws::registrar::{Answer, Cse, CseConfig, Effect, RandomSource, Ticket, VerificationId};
use serde_json::{Value, json};

pub(crate) const ADMIN: &str = "CAdmin";
pub(crate) const ACP: ResourceType = ResourceType::ACCESS_CONTROL_POLICY;
pub(crate) const AE: ResourceType = ResourceType::AE;
pub(crate) const CNT: ResourceType = ResourceType::CONTAINER;
pub(crate) const CIN: ResourceType = ResourceType::CONTENT_INSTANCE;
pub(crate) const SUB: ResourceType = ResourceType::SUBSCRIPTION;
pub(crate) const CSR: ResourceType = ResourceType::REMOTE_CSE;

/// 2027-01-15T08:00:00.
pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) struct World {
    pub(crate) cse: Cse,
    pub(crate) now: SystemTime,
    /// Effects of everything since they were last taken.
    pub(crate) effects: Vec<Effect>,
}

/// A response with its content read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response,
    pub(crate) content: Value,
}

impl Reply {
    pub(crate) fn new(response: Response) -> Self {
        let content = response.content.as_ref().map_or(Value::Null, |content| content.value().expect("valid content"));
        if response.status.is_error() {
            assert!(content["m2m:dbg"].is_string(), "an error explains itself: {response:?} {content}");
        }
        Self { response, content }
    }

    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.response.status, status, "{}", self.content);
        self
    }

    /// The attributes in the content.
    #[track_caller]
    pub(crate) fn attributes(&self) -> &Value {
        let content = self.content.as_object().unwrap_or_else(|| panic!("content: {}", self.content));
        assert_eq!(content.len(), 1, "one member: {}", self.content);
        content.values().next().expect("one member")
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        self.attributes()[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.content)).to_owned()
    }

    pub(crate) fn debug(&self) -> &str {
        self.content["m2m:dbg"].as_str().unwrap_or_default()
    }
}

/// What a store has of the resources.
pub(crate) type Kept = BTreeMap<String, Bytes>;

fn random() -> RandomSource {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    Box::new(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(CseConfig::default())
    }

    pub(crate) fn with(config: CseConfig) -> Self {
        let cse = Cse::new(config, start(), random()).expect("a working configuration");
        Self { cse, now: start(), effects: Vec::new() }
    }

    /// With what a store has; it notes its changes.
    pub(crate) fn restored(config: CseConfig, now: SystemTime, kept: &Kept) -> Self {
        let cse = Cse::restore(config, now, random(), kept.clone()).expect("resources that can be read");
        Self { cse, now, effects: Vec::new() }
    }

    /// With the AEs `Csensor` (container `data`) and `Cactuator`.
    pub(crate) fn populated() -> Self {
        Self::populate(Self::new())
    }

    pub(crate) fn populate(mut self) -> Self {
        self.register("Csensor", "sensor");
        self.register("Cactuator", "actuator");
        self.create("Csensor", "cse-in/sensor", CNT, json!({"m2m:cnt": {"rn": "data"}})).expect(StatusCode::CREATED);
        self.effects.clear();
        self
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    pub(crate) fn sweep(&mut self) {
        let effects = self.cse.sweep(self.now);
        self.effects.extend(effects);
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let outcome = self.cse.handle(self.now, request);
        self.effects.extend(outcome.effects);
        outcome.answer
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, request: Request) -> Reply {
        let request = if request.request_id.is_empty() { request.request_id("r1") } else { request };
        match self.answer(&request) {
            Answer::Response(response) => {
                assert_eq!(response.request_id, request.request_id);
                Reply::new(response)
            }
            other => panic!("a response was expected, not {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn create(&mut self, from: &str, to: &str, ty: ResourceType, content: Value) -> Reply {
        self.ask(Request::create(to, ty, content).from(from))
    }

    #[track_caller]
    pub(crate) fn retrieve(&mut self, from: &str, to: &str) -> Reply {
        self.ask(Request::retrieve(to).from(from))
    }

    #[track_caller]
    pub(crate) fn retrieve_with(&mut self, from: &str, to: &str, rcn: u16, filter: Value) -> Reply {
        self.ask(Request::retrieve(to).from(from).result_content(ResultContent(rcn)).filter(filter))
    }

    #[track_caller]
    pub(crate) fn update(&mut self, from: &str, to: &str, content: Value) -> Reply {
        self.ask(Request::update(to, content).from(from))
    }

    #[track_caller]
    pub(crate) fn delete(&mut self, from: &str, to: &str) -> Reply {
        self.ask(Request::delete(to).from(from))
    }

    #[track_caller]
    pub(crate) fn register(&mut self, from: &str, name: &str) {
        let ae =
            json!({"m2m:ae": {"rn": name, "api": "Ntest", "rr": true, "srv": ["2a", "3"], "poa": ["ws://default"]}});
        self.create(from, "cse-in", AE, ae).expect(StatusCode::CREATED);
    }

    /// A contentInstance in `cse-in/sensor/data`.
    #[track_caller]
    pub(crate) fn reading(&mut self, content: &str) -> Reply {
        self.create("Csensor", "cse-in/sensor/data", CIN, json!({"m2m:cin": {"con": content}}))
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, from: &str, to: &str, attributes: Value) -> Reply {
        self.create(from, to, SUB, json!({"m2m:sub": attributes}))
    }

    /// Takes the notifications since the last call: whom, and what.
    pub(crate) fn notifications(&mut self) -> Vec<(String, Value)> {
        let taken = std::mem::take(&mut self.effects);
        let (notify, rest): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|effect| matches!(effect, Effect::Notify { .. }));
        self.effects = rest;
        notify
            .into_iter()
            .map(|effect| {
                let Effect::Notify { entity, request } = effect else { unreachable!() };
                assert_eq!(request.from.as_deref(), Some("/id-in"));
                let content = request.content.expect("content").value().expect("valid content");
                (short(&entity), content["m2m:sgn"].clone())
            })
            .collect()
    }

    /// Takes the verifications since the last call.
    pub(crate) fn verifications(&mut self) -> Vec<(VerificationId, String, Request)> {
        let taken = std::mem::take(&mut self.effects);
        let mut found = Vec::new();
        for effect in taken {
            match effect {
                Effect::Verify { id, entity, request } => found.push((id, short(&entity), *request)),
                other => self.effects.push(other),
            }
        }
        found
    }

    pub(crate) fn verified(&mut self, id: VerificationId, outcome: Option<StatusCode>) {
        let effects = self.cse.verified(self.now, id, outcome);
        self.effects.extend(effects);
    }

    /// Takes the late answers since the last call.
    pub(crate) fn late_answers(&mut self) -> Vec<(Ticket, Reply)> {
        let taken = std::mem::take(&mut self.effects);
        let mut found = Vec::new();
        for effect in taken {
            match effect {
                Effect::Respond { ticket, response } => found.push((ticket, Reply::new(response))),
                other => self.effects.push(other),
            }
        }
        found
    }
}

/// `Cxxx` and `/cse` as tests write them.
pub(crate) fn short(entity: &EntityId) -> String {
    let relative = entity.as_str().strip_prefix("//onem2m-ws.example").unwrap_or(entity.as_str());
    relative.strip_prefix("/id-in/").unwrap_or(relative).to_owned()
}

/// The names, in order, of a discovery result.
pub(crate) fn found(reply: &Reply) -> Vec<&str> {
    let list = reply.content["m2m:uril"].as_array().unwrap_or_else(|| panic!("a list: {}", reply.content));
    list.iter().filter_map(Value::as_str).collect()
}
