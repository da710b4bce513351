//! The CSE itself, as a synchronous engine: a request in, an answer and effects out.
//!
//! No I/O, no clock and no random source of its own: time is an argument, randomness is given at construction. Whoever
//! embeds it sends what the effects say, and calls back with what came of verifications.
//!
//! Covers: TS-0001 8.1, 10.1, 10.2 and TS-0004 7.2 to 7.5 for `<CSEBase>`, `<AE>`, `<container>`, `<contentInstance>`,
//! `<subscription>`, `<remoteCSE>`, `<request>`, `<schedule>`, `<accessControlPolicy>` and the virtual `<latest>` and `<oldest>`;
//! discovery (TS-0001 10.2.6); access control (TS-0001 11.3.4); the registration that TS-0020 6.4 needs on the registrar's side,
//! and the transfer modes of 6.5.
//!
//! Does not do: limits of access control rules (contexts, object details), groups and roles in them; announcement, groups,
//! notification batching. What it does not do it refuses by name.
//!
//! ```
//! use std::time::SystemTime;
//! use onem2m_ws::primitive::{Request, ResourceType, StatusCode};
//! use onem2m_ws::registrar::{Answer, Cse, CseConfig};
//! use serde_json::json;
//!
//! let mut counter = 0;
//! let random = Box::new(move || { counter += 1; counter });
//! let now = SystemTime::UNIX_EPOCH;
//! let mut cse = Cse::new(CseConfig::default(), now, random)?;
//! let register = Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {"api": "Nexample", "rr": true}}))
//!     .from("Csensor1");
//! let Answer::Response(response) = cse.handle(now, &register).answer else { panic!() };
//! assert_eq!(response.status, StatusCode::CREATED);
//! # Ok::<(), onem2m_ws::registrar::ConfigError>(())
//! ```

mod access;
mod acpi;
mod address;
mod config;
mod create;
mod delete;
mod failure;
mod filter;
mod keeping;
mod next_hop;
mod notification;
mod payload;
mod policy;
mod registration;
mod request;
mod result;
mod retrieve;
mod schedule;
mod schema;
mod subscription;
mod transfer;
mod tree;
mod update;

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

pub use self::config::{Access, ConfigError, CseConfig, Limits};
pub use self::keeping::Change;
use self::{
    access::{Originator, Standing, right_for},
    address::Target,
    config::Identity,
    failure::{Checked, Failure, refuse, shown},
    transfer::Transfers,
    tree::{Key, Seed, Tree},
};
use crate::binding::Schedule;
use crate::primitive::{
    CseId, CseType, EntityId, Operation, Request, ResourceType, Response, ResponseType, SpId, StatusCode,
    format_timestamp,
};

/// Where identifiers get their randomness from: each call gives 64 new random bits.
pub type RandomSource = Box<dyn FnMut() -> u64 + Send>;

/// Names a request whose answer comes later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// Names one verification request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct VerificationId(u64);

/// What came of a request.
#[derive(Clone, PartialEq, Debug)]
#[must_use]
pub struct Outcome {
    /// What the originator gets, or from where it will get it.
    pub answer: Answer,
    /// What else is to be done, in this order; the answer may be sent before or after.
    pub effects: Vec<Effect>,
}

/// How a request is answered.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// With this. `rqi`, `to`, `fr` and `rvi` are set.
    Response(Response),
    /// Later, by the [`Effect::Respond`] with this ticket. It comes from [`Cse::verified`], [`Cse::forwarded`] or
    /// [`Cse::sweep`].
    Later(Ticket),
    /// By another entity: send it `request`; what it answers, with the `rqi` of the original request put in, answers
    /// that one.
    Forward {
        /// A registered AE or remote CSE, or the registrar of this CSE.
        entity: EntityId,
        /// The request for it. `rqi` is the original one and may be replaced on that leg.
        request: Box<Request>,
    },
    /// Not at all: the originator asked for no response (`rt` 5).
    /// A request that goes to another entity is [`Answer::Forward`] all the same, and nothing comes back.
    NoResponse,
}

/// Something that whoever embeds the CSE is to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Send a NOTIFY to a registree; store it if the registree is offline. `rqi` is left to the sender.
    Notify {
        /// A registered AE or remote CSE, or the registrar of this CSE.
        entity: EntityId,
        /// The notification.
        request: Box<Request>,
    },
    /// Send a verification request to a registree and hand the outcome to [`Cse::verified`]. It is not stored: if the
    /// registree is offline, that is the outcome. It expires with its `rqet`.
    Verify {
        /// To be handed back.
        id: VerificationId,
        /// A registered AE or remote CSE, or the registrar of this CSE.
        entity: EntityId,
        /// The verification request.
        request: Box<Request>,
    },
    /// Send a request to another entity and hand its response to [`Cse::forwarded`]: the originator does not wait for it
    /// on its connection. It is not stored, unless it is a notification.
    Forward {
        /// To be handed back.
        ticket: Ticket,
        /// A registered AE or remote CSE.
        entity: EntityId,
        /// The request for it. `rqi` is the original one and may be replaced on that leg.
        request: Box<Request>,
    },
    /// Answer the request that was to be answered later.
    Respond {
        /// As in [`Answer::Later`].
        ticket: Ticket,
        /// The answer.
        response: Response,
    },
    /// This entity is registered from now on.
    Registered {
        /// The AE or CSE.
        entity: EntityId,
    },
    /// The schedule of this entity has changed: it can be reached at these times; `None`: it has none any more. Those in
    /// force are listed by [`Cse::schedules`].
    Scheduled {
        /// A registered AE or remote CSE.
        entity: EntityId,
        /// What its `<schedule>` says.
        schedule: Option<Schedule>,
    },
    /// This entity is not registered any more: drop what is stored for it.
    Deregistered {
        /// The AE or CSE.
        entity: EntityId,
    },
}

/// A small CSE. See the [module](self).
pub struct Cse {
    config: CseConfig,
    sp_id: SpId,
    cse_id: CseId,
    own: EntityId,
    admin: EntityId,
    /// The registrar of this CSE; its `<remoteCSE>` is always there.
    registrar: Option<EntityId>,
    tree: Tree,
    /// Registered AEs.
    aes: HashMap<EntityId, Key>,
    /// Registered CSEs, and the registrar.
    remotes: HashMap<EntityId, Key>,
    /// Requests that wait for verifications.
    pending: HashMap<Ticket, Pending>,
    /// Which of them waits for which verification.
    waiting: HashMap<VerificationId, Ticket>,
    /// Requests whose originator does not wait, or whose time has not come.
    transfers: Transfers,
    random: RandomSource,
    serial: u64,
}

/// A request that waits for verifications.
struct Pending {
    request: Box<Request>,
    from_registrar: bool,
    /// The identifier that the targets were told.
    ri: String,
    unanswered: usize,
    deadline: SystemTime,
}

impl fmt::Debug for Cse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cse").field("cse_id", &self.config.cse_id).field("resources", &self.tree.len()).finish()
    }
}

/// One request on its way through the CSE.
struct Call<'a> {
    now: SystemTime,
    request: &'a Request,
    originator: Originator,
    /// The request has waited for verifications, which have succeeded: the identifier that the targets were told.
    resumed: Option<String>,
}

impl Cse {
    /// A CSE with nothing but its `<CSEBase>`.
    ///
    /// `now` is the moment of its creation; `random` makes its identifiers unpredictable.
    ///
    /// # Errors
    /// A setting that cannot work.
    pub fn new(config: CseConfig, now: SystemTime, random: RandomSource) -> Result<Self, ConfigError> {
        let Identity { sp_id, cse_id, own, admin, registrar } = config.check()?;
        let mut tree = Tree::new(base(&config, &admin, now));
        let mut remotes = HashMap::new();
        if let Some(registrar) = &registrar {
            let key = tree.insert(tree.root(), next_hop::of_registrar(&config, registrar, now));
            remotes.insert(registrar.clone(), key);
        }
        Ok(Self {
            config,
            sp_id,
            cse_id,
            own,
            admin,
            registrar,
            tree,
            aes: HashMap::new(),
            remotes,
            pending: HashMap::new(),
            waiting: HashMap::new(),
            transfers: Transfers::default(),
            random,
            serial: 0,
        })
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &CseConfig {
        &self.config
    }

    /// Number of resources, the `<CSEBase>` included.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.tree.len()
    }

    /// Whether this AE or CSE is registered here.
    #[must_use]
    pub fn is_registered(&self, entity: &EntityId) -> bool {
        self.aes.contains_key(entity) || self.remotes.contains_key(entity)
    }

    /// Carries out a request.
    ///
    /// `now` must not run backwards by much; it decides what has expired. That `fr` may be used on the connection on
    /// which the request came is for the caller to check (TS-0004 7.3.2.1).
    pub fn handle(&mut self, now: SystemTime, request: &Request) -> Outcome {
        self.take(now, request, false)
    }

    fn take(&mut self, now: SystemTime, request: &Request, from_registrar: bool) -> Outcome {
        let mut effects = Vec::new();
        self.expire(now, &mut effects);
        let answer = self.answer(now, request, from_registrar, &mut effects).unwrap_or_else(|failure| {
            // Nothing has been changed by a request that is refused.
            Answer::Response(failure.into_response())
        });
        let answer = match answer {
            Answer::Response(_) | Answer::Later(_) if wants_no_response(request) => Answer::NoResponse,
            Answer::Response(response) => Answer::Response(self.complete(response, request)),
            other => other,
        };
        Outcome { answer, effects }
    }

    fn process(
        &mut self,
        now: SystemTime,
        request: &Request,
        from_registrar: bool,
        resumed: Option<String>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        self.admit(now, request)?;
        let originator = self.originator(request, from_registrar);
        let call = Call { now, request, originator, resumed };
        let target = self.locate(&request.to)?;
        let filter = match (&target, request.operation) {
            (Target::Here(..) | Target::Nowhere(_), Operation::Retrieve) => self.filter(request),
            _ => Ok(None),
        };
        let right = right_for(request.operation, matches!(&filter, Ok(Some(filter)) if filter.discovers));
        let (key, edge) = match target {
            Target::Here(key, edge) => (key, edge),
            Target::Elsewhere(cse) => return self.forward(&call, &cse),
            Target::Nowhere(nearest) => {
                if self.is_ruled(nearest) {
                    self.expect_access(&call, nearest, right)?;
                } else {
                    call.originator.expect_known_or_cse()?;
                }
                return refuse(StatusCode::NOT_FOUND, format!("there is no resource {}", shown(&request.to)));
            }
        };
        self.expect_access(&call, key, right)?;
        let fragment = request.to.split_once('#').map(|(_, fragment)| fragment);
        if fragment.is_some() && request.operation != Operation::Retrieve {
            return Err(Failure::bad("to addresses an attribute; only RETRIEVE can do that"));
        }
        match request.operation {
            Operation::Create => self.create(&call, key, edge, effects),
            Operation::Retrieve => self.retrieve(&call, key, edge, fragment, filter?).map(Answer::Response),
            Operation::Update => self.update(&call, key, edge, effects),
            Operation::Delete => self.delete(&call, key, edge, effects).map(Answer::Response),
            Operation::Notify => self.deliver(&call, key),
        }
    }

    /// A request for another CSE: on to the next hop (TS-0001 10.1, retargeting; TS-0004 7.3.2.6).
    fn forward(&self, call: &Call<'_>, cse: &EntityId) -> Checked<Answer> {
        let originator = call.originator.known()?;
        let unknown = || Failure::new(StatusCode::NOT_FOUND, format!("no way to {}", shown(&call.request.to)));
        let (entity, hop) = self.next_hop(cse).ok_or_else(unknown)?;
        let from_there = match call.originator.standing {
            Standing::Remote => {
                self.cse_of(originator).and_then(|origin| self.next_hop(&origin).map(|(hop, _)| hop.clone()))
            }
            _ => None,
        };
        if from_there.as_ref() == Some(entity) {
            // It would come back, and again.
            return Err(unknown());
        }
        self.expect_reachable(hop, StatusCode::TARGET_NOT_REACHABLE)?;
        let mut request = call.request.clone();
        request.from = Some(self.sp_relative(originator));
        Ok(Answer::Forward { entity: entity.clone(), request: Box::new(request) })
    }

    /// A NOTIFY to an AE of this CSE goes on to the AE (TS-0004 7.5.1.2).
    fn deliver(&self, call: &Call<'_>, key: Key) -> Checked<Answer> {
        let resource = self.tree.get(key);
        if resource.ty != ResourceType::AE {
            return refuse(StatusCode::OPERATION_NOT_ALLOWED, "only an AE can be notified");
        }
        self.expect_reachable(key, StatusCode::TARGET_NOT_REACHABLE)?;
        let mut request = call.request.clone();
        request.to.clone_from(&resource.ri);
        Ok(Answer::Forward { entity: resource.creator.clone(), request: Box::new(request) })
    }

    /// What every request must satisfy, whatever its target (TS-0004 7.3.2.1).
    fn admit(&self, now: SystemTime, request: &Request) -> Checked {
        if let Some(release) = &request.release_version
            && !self.config.releases.iter().any(|known| known == release)
        {
            return refuse(
                StatusCode::RELEASE_VERSION_NOT_SUPPORTED,
                format!("rvi {} is not supported; supported are {}", shown(release), self.config.releases.join(", ")),
            );
        }
        for (name, time) in [("rqet", &request.request_expiration), ("rset", &request.result_expiration)] {
            match time.as_ref().map(|time| time.remaining(now)) {
                None => {}
                Some(None) => return Err(Failure::bad(format!("{name} is no timestamp"))),
                Some(Some(Duration::ZERO)) => {
                    return refuse(StatusCode::REQUEST_TIMEOUT, format!("{name} has passed"));
                }
                Some(Some(_)) => {}
            }
        }
        match request.response_type.as_ref().map(|rt| rt.value) {
            None
            | Some(
                ResponseType::BLOCKING_REQUEST
                | ResponseType::NON_BLOCKING_REQUEST_SYNCH
                | ResponseType::NON_BLOCKING_REQUEST_ASYNCH
                | ResponseType::FLEX_BLOCKING
                | ResponseType::NO_RESPONSE,
            ) => {}
            Some(other) => return Err(Failure::bad(format!("rt {} is not defined", other.code()))),
        }
        match (request.operation, request.resource_type) {
            (Operation::Create, None) => Err(Failure::bad("CREATE without ty")),
            (Operation::Create, Some(_)) | (_, None) => Ok(()),
            (operation, Some(_)) => Err(Failure::bad(format!("{operation} with ty"))),
        }
    }

    /// Sets what every response carries (TS-0004 6.4.2).
    fn complete(&self, mut response: Response, request: &Request) -> Response {
        response.request_id.clone_from(&request.request_id);
        response.to = request.from.clone().filter(|from| !from.is_empty());
        response.from = Some(self.config.cse_id.clone());
        response.release_version.clone_from(&request.release_version);
        response
    }

    /// A new resource identifier: the prefix and random characters.
    fn new_id(&mut self, prefix: &str) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut bits = (self.random)();
        let mut id = String::with_capacity(prefix.len() + 10);
        id.push_str(prefix);
        for _ in 0..10 {
            id.push(char::from(DIGITS[usize::try_from(bits % 62).unwrap_or(0)]));
            bits /= 62;
        }
        while self.is_taken(&id) {
            id.push('.');
            id.push_str(&self.next_serial().to_string());
        }
        id
    }

    /// A number that is used once.
    const fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Whether an identifier means something already.
    fn is_taken(&self, id: &str) -> bool {
        self.tree.by_id(id).is_some()
            || id == self.config.cse_name
            || id == self.config.admin
            || self.pending.values().any(|pending| pending.ri == id)
    }
}

fn wants_no_response(request: &Request) -> bool {
    request.response_type.as_ref().is_some_and(|rt| rt.value == ResponseType::NO_RESPONSE)
}

/// The `<CSEBase>` (TS-0004 7.4.3).
fn base(config: &CseConfig, admin: &EntityId, now: SystemTime) -> Seed {
    let time = format_timestamp(now);
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    set("rn", json!(config.cse_name));
    set("ty", json!(ResourceType::CSE_BASE.code()));
    set("ri", json!(&config.cse_id[1..]));
    set("ct", json!(time));
    set("lt", json!(time));
    set("cst", json!(config.cse_type.code()));
    set("csi", json!(config.cse_id));
    set("srt", schema::hosted_types().map(|ty| json!(ty.code())).collect());
    set("poa", json!(config.points_of_access));
    set("srv", json!(config.releases));
    set("csz", json!(["application/json", "application/xml", "application/cbor"]));
    set("spi", json!(config.sp_id));
    if config.cse_type == CseType::IN_CSE {
        set("ici", json!(config.cse_id));
    }
    Seed {
        ty: ResourceType::CSE_BASE,
        ri: config.cse_id[1..].to_owned(),
        rn: config.cse_name.clone(),
        attributes,
        creator: admin.clone(),
        created: now,
        due: None,
    }
}
