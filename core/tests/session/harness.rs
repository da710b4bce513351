//! The world that the tests run in: two sessions, the wires between them, one clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use onem2m_ws::binding::{Config, Event, IncomingToken, Now, Session, Token};
use onem2m_ws::primitive::{Format, Operation, Request, ResourceType, Response, StatusCode};
use onem2m_ws::websocket::{self, Connection, Disconnect, Random, Role};
use onem2m_ws::{ErrorKind, Result};
use serde_json::{Value, json};

/// The registree.
pub(crate) const CLIENT: usize = 0;
/// The registrar.
pub(crate) const SERVER: usize = 1;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MS: Duration = Duration::from_millis(1);

/// SplitMix64: the same numbers for the same seed.
pub(crate) struct Rng(pub u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn upto(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(most.as_nanos()).unwrap() + 1))
    }
}

impl Random for Rng {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = self.next() as u8;
        }
    }
}

/// What an end does with the requests of the other.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// They wait in [`End::asked`] for the test.
    Manual,
    /// They are answered at once, like a small registrar.
    Prompt,
    /// They are answered like that, each after its own time up to this, so out of order.
    Slow(Duration),
}

pub(crate) struct End {
    pub(crate) session: Session<u64>,
    pub(crate) websocket: websocket::Config,
    pub(crate) manner: Manner,
    /// Requests of the other end's that nobody has answered.
    pub(crate) asked: Vec<(IncomingToken, Request)>,
    /// What became of the requests of this end, in the order in which it was told.
    pub(crate) outcomes: Vec<(u64, Result<Response>)>,
    /// Everything else that the session told.
    pub(crate) events: Vec<Event<u64>>,
    role: Role,
    attached: bool,
    /// The sending side is shut down.
    finished: bool,
    answers: Vec<(Instant, IncomingToken, Response)>,
}

impl End {
    fn new(role: Role, config: Config, random: &mut Rng) -> Self {
        Self {
            session: Session::new(config, random),
            websocket: websocket::Config::default(),
            manner: Manner::Manual,
            asked: Vec::new(),
            outcomes: Vec::new(),
            events: Vec::new(),
            role,
            attached: false,
            finished: false,
            answers: Vec::new(),
        }
    }

    /// The only outcome so far.
    pub(crate) fn outcome(&mut self) -> Result<Response> {
        assert_eq!(self.outcomes.len(), 1, "{:?}", self.outcomes);
        self.outcomes.pop().unwrap().1
    }

    /// The kinds of errors with which requests ended, by what was given with the request.
    pub(crate) fn failures(&self) -> Vec<(u64, ErrorKind)> {
        self.outcomes.iter().filter_map(|(id, r)| Some((*id, r.as_ref().err()?.kind()))).collect()
    }

    /// The responses that nobody waited for.
    pub(crate) fn unmatched(&self) -> Vec<&Response> {
        self.events
            .iter()
            .filter_map(|e| if let Event::Unmatched(response) = e { Some(response) } else { None })
            .collect()
    }

    /// How connections ended.
    pub(crate) fn ends(&self) -> Vec<&websocket::Closed> {
        self.events
            .iter()
            .filter_map(|e| if let Event::Disconnected(closed) = e { Some(closed) } else { None })
            .collect()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.events.iter().filter(|e| matches!(e, Event::Closed)).count() == 1
    }

    pub(crate) fn malformed(&self) -> usize {
        self.events.iter().filter(|e| matches!(e, Event::Malformed(_))).count()
    }

    /// Nothing is held for any request.
    pub(crate) fn expect_idle(&mut self) {
        assert_eq!((self.session.in_flight(), self.session.queued(), self.session.buffered()), (0, 0, 0));
        assert!(!self.session.has_events());
    }
}

enum Segment {
    Bytes(Vec<u8>),
    End,
}

#[derive(Default)]
struct Wire {
    segments: VecDeque<(Instant, Segment)>,
    /// Bytes do not overtake each other.
    last: Option<Instant>,
}

/// How a connection is lost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Cut {
    /// Both ends are told by their TCP.
    Reset,
    /// Only the other end's TCP notices.
    Told(usize),
    /// Nobody is told anything.
    Silence,
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) ends: [End; 2],
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
    /// Cut the stream of bytes at arbitrary places.
    pub(crate) pieces: bool,
    /// What connections speak.
    pub(crate) format: Format,
    pub(crate) rng: Rng,
    /// `wires[end]` carries what that end sends.
    wires: [Wire; 2],
    /// What is sent vanishes.
    dead: bool,
    began: Instant,
    next: u64,
}

impl World {
    /// Not connected. The wire takes 10 ms.
    pub(crate) fn new(seed: u64, client: Config, server: Config) -> Self {
        let mut rng = Rng(seed);
        let ends = [End::new(Role::Client, client, &mut rng), End::new(Role::Server, server, &mut rng)];
        let began = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Self {
            now: Now { monotonic: began, wall },
            ends,
            latency: 10 * MS,
            jitter: Duration::ZERO,
            pieces: false,
            format: Format::Json,
            rng,
            wires: Default::default(),
            dead: false,
            began,
            next: 0,
        }
    }

    /// Connected, both ends with the default configuration; the server answers at once.
    pub(crate) fn connected() -> Self {
        Self::connected_with(Config::default(), Config::default())
    }

    pub(crate) fn connected_with(client: Config, server: Config) -> Self {
        let mut world = Self::new(1, client, server);
        world.ends[SERVER].manner = Manner::Prompt;
        world.connect();
        world
    }

    /// Connected in a format.
    pub(crate) fn speaking(format: Format, client: Config, server: Config) -> Self {
        let mut world = Self::new(1, client, server);
        world.ends[SERVER].manner = Manner::Prompt;
        world.format = format;
        world.connect();
        world
    }

    pub(crate) fn connect(&mut self) {
        self.wires = Default::default();
        self.dead = false;
        for end in &mut self.ends {
            let random = Box::new(Rng(self.rng.next()));
            let connection = Connection::new(end.role, end.websocket.clone(), random, self.now.monotonic);
            end.session.attach(self.now, connection, self.format);
            end.attached = true;
            end.finished = false;
        }
    }

    /// Bytes under way vanish, and all that is sent from now on.
    pub(crate) fn cut(&mut self, cut: Cut) {
        self.wires = Default::default();
        self.dead = true;
        let at = self.now.monotonic + self.latency;
        for end in [CLIENT, SERVER] {
            if cut == Cut::Reset || cut == Cut::Told(end) {
                self.wires[1 - end].segments.push_back((at, Segment::End));
            }
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now.monotonic - self.began
    }

    pub(crate) fn end(&mut self, end: usize) -> &mut End {
        &mut self.ends[end]
    }

    pub(crate) fn client(&mut self) -> &mut End {
        &mut self.ends[CLIENT]
    }

    pub(crate) fn server(&mut self) -> &mut End {
        &mut self.ends[SERVER]
    }

    /// Sends, and gives the number by which the outcome is told.
    pub(crate) fn send(&mut self, end: usize, request: Request) -> Result<(u64, Token)> {
        self.next += 1;
        let id = self.next;
        self.ends[end].session.send(self.now, request, id).map(|token| (id, token))
    }

    /// Sends what [`Manner::Prompt`] answers with the same content.
    pub(crate) fn ask(&mut self, end: usize) -> u64 {
        let request = numbered(self.next + 1);
        self.send(end, request).unwrap().0
    }

    pub(crate) fn close(&mut self, end: usize) {
        self.ends[end].session.close(self.now);
    }

    pub(crate) fn go_away(&mut self, end: usize) {
        self.ends[end].session.go_away(self.now);
    }

    /// Answers the oldest request that waits at this end.
    pub(crate) fn answer(&mut self, end: usize, response: Response) -> Result<()> {
        let (token, _) = self.ends[end].asked.remove(0);
        self.ends[end].session.respond(self.now, token, response)
    }

    /// A message of the other end's, made by hand. `first` is the first byte of its only frame: FIN and opcode.
    pub(crate) fn inject(&mut self, to: usize, first: u8, payload: &[u8]) {
        let mask = if to == SERVER { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            length @ ..126 => frame.push(mask | length as u8),
            length @ ..0x1_0000 => {
                frame.push(mask | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(mask | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if mask != 0 {
            frame.extend_from_slice(&[0; 4]); // a key that changes nothing
        }
        frame.extend_from_slice(payload);
        self.put(1 - to, frame);
    }

    /// A text message of the other end's.
    pub(crate) fn inject_text(&mut self, to: usize, text: &str) {
        self.inject(to, 0x81, text.as_bytes());
    }

    fn put(&mut self, from: usize, bytes: Vec<u8>) {
        if self.dead {
            return;
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size = if self.pieces { 1 + self.rng.below(rest.len().min(200) as u64) as usize } else { rest.len() };
            let (piece, after) = rest.split_at(size);
            rest = after;
            let at = self.arrival(from);
            self.wires[from].segments.push_back((at, Segment::Bytes(piece.to_vec())));
        }
    }

    fn arrival(&mut self, from: usize) -> Instant {
        let at = self.now.monotonic + self.latency + self.rng.upto(self.jitter);
        let at = self.wires[from].last.map_or(at, |last| last.max(at));
        self.wires[from].last = Some(at);
        at
    }

    /// Lets everything happen that happens within this time, to its very last instant.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now.monotonic + time;
        loop {
            self.turns();
            match self.next_instant() {
                Some(at) if at <= until => self.set(at),
                _ => break,
            }
        }
        self.set(until);
    }

    /// Lets happen what is under way, up to the instant when both wires are empty and nobody means to answer.
    pub(crate) fn settle(&mut self) {
        loop {
            self.turns();
            let under_way = |world: &Self| {
                world.wires.iter().any(|wire| !wire.segments.is_empty())
                    || world.ends.iter().any(|e| !e.answers.is_empty())
            };
            match self.next_instant() {
                Some(at) if under_way(self) => self.set(at),
                _ => break,
            }
        }
    }

    /// Moves the clock and does nothing.
    pub(crate) fn set(&mut self, at: Instant) {
        let step = at - self.now.monotonic;
        self.now = Now { monotonic: at, wall: self.now.wall + step };
    }

    fn next_instant(&mut self) -> Option<Instant> {
        let wires = self.wires.iter().filter_map(|wire| wire.segments.front().map(|(at, _)| *at)).min();
        let answers = self.ends.iter().flat_map(|end| end.answers.iter().map(|(at, ..)| *at)).min();
        let sessions = self.ends.iter_mut().filter_map(|end| end.session.poll_timeout()).min();
        let next = [wires, answers, sessions].into_iter().flatten().min();
        if let Some(next) = next {
            assert!(next > self.now.monotonic, "a session asks for an instant that has passed, again and again");
        }
        next
    }

    /// Everything that happens now.
    fn turns(&mut self) {
        for _ in 0..10_000 {
            let mut quiet = true;
            for end in [CLIENT, SERVER] {
                quiet &= !self.turn(end);
            }
            if quiet {
                return;
            }
        }
        panic!("the ends do not come to rest");
    }

    fn turn(&mut self, end: usize) -> bool {
        let now = self.now;
        let mut busy = false;
        while let Some((at, _)) = self.wires[1 - end].segments.front()
            && *at <= now.monotonic
        {
            busy = true;
            let (_, segment) = self.wires[1 - end].segments.pop_front().unwrap();
            match segment {
                Segment::Bytes(mut bytes) => self.ends[end].session.handle_data(now, &mut bytes),
                Segment::End => self.ends[end].session.handle_eof(now),
            }
        }
        let this = &mut self.ends[end];
        while let Some(place) = this.answers.iter().position(|(at, ..)| *at <= now.monotonic) {
            busy = true;
            let (_, token, response) = this.answers.swap_remove(place);
            // Its connection may be gone by now.
            let _ = this.session.respond(now, token, response);
        }
        if this.session.poll_timeout().is_some_and(|at| at <= now.monotonic) {
            busy = true;
            this.session.handle_timeout(now);
        }
        while let Some(event) = this.session.poll_event() {
            busy = true;
            match event {
                Event::Response { waiter, result } => this.outcomes.push((waiter, result)),
                Event::Request { token, request } => match this.manner {
                    Manner::Manual => this.asked.push((token, *request)),
                    Manner::Prompt => {
                        let _ = this.session.respond(now, token, answer_to(&request));
                    }
                    Manner::Slow(most) => {
                        let at = now.monotonic + self.rng.upto(most);
                        this.answers.push((at, token, answer_to(&request)));
                    }
                },
                other => this.events.push(other),
            }
        }
        let mut out = BytesMut::new();
        while this.session.poll_transmit(&mut out) {}
        if !out.is_empty() {
            busy = true;
            self.put(end, out.to_vec());
        }
        busy | self.wind_up(end)
    }

    /// Does with the transport what the session says.
    fn wind_up(&mut self, end: usize) -> bool {
        let this = &mut self.ends[end];
        if !this.attached {
            return false;
        }
        let transport = this.session.transport();
        if transport == Disconnect::NotYet || (transport == Disconnect::Finish && this.finished) {
            return false;
        }
        let was_finished = std::mem::replace(&mut this.finished, true);
        if matches!(transport, Disconnect::Now | Disconnect::AtOnce) {
            this.attached = false;
            this.session.detach(self.now);
        }
        if !was_finished && !self.dead {
            let at = self.arrival(end);
            self.wires[end].segments.push_back((at, Segment::End));
        }
        true
    }
}

/// A request whose content carries a number.
pub(crate) fn numbered(id: u64) -> Request {
    Request::retrieve("cse-in/box").from("Ctest").filter(json!({ "fu": 2, "ofst": id }))
}

/// The number in an answer to [`numbered`].
pub(crate) fn number_of(response: &Response) -> u64 {
    response.content.as_ref().unwrap().value().unwrap()["ofst"].as_u64().unwrap()
}

pub(crate) fn register() -> Request {
    Request::create("cse-in", ResourceType::AE, json!({"m2m:ae": {"rn": "sensor", "api": "Ntest"}})).from("C")
}

/// What a small registrar says.
fn answer_to(request: &Request) -> Response {
    match request.operation {
        Operation::Create if request.resource_type == Some(ResourceType::AE) => {
            Response::new(StatusCode::CREATED).content(json!({"m2m:ae": {"aei": "C42", "ri": "C42", "rn": "sensor"}}))
        }
        Operation::Create => Response::new(StatusCode::CREATED),
        Operation::Delete => Response::new(StatusCode::DELETED),
        _ => {
            let echo = request.filter_criteria.as_ref().map_or(Value::Null, |content| content.value().unwrap());
            Response::ok().content(echo)
        }
    }
}
