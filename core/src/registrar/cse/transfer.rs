//! When a request is carried out, and how its result comes to its originator.
//!
//! Covers: TS-0020 6.5; TS-0001 8.1.2 (`rt`, `oet`, `rp`), 8.2.2; TS-0004 7.3.2.2 to 7.3.2.6, 7.5.2 (`m2m:rsp`); row WS-6.5-1.
//!
//! | `rt` | answer | then |
//! | --- | --- | --- |
//! | 3 blocking, or none | the result | |
//! | 1 non-blocking, synchronous | 1001 and the address of a `<request>` | the result stands in the `<request>` |
//! | 2 non-blocking, asynchronous | 1002 and the address of a `<request>` | likewise, and it is notified as `m2m:rsp` |
//! | 4 flexible | the result if it is there at once; otherwise as 2 if there is `nu`, and as 1 if not | |
//! | 5 none | nothing | |
//!
//! A result is not there at once if the request waits for its execution time (`oet`), for the agreement of a notification
//! target, or for another entity. A request with `oet` is carried out at that time, not before; at once if it has passed.
//! A blocking one is held back for [`Limits::blocking_delay`](super::Limits::blocking_delay) at most. A request for another CSE
//! goes on at once, with its `oet`, and is refused if that has passed.
//!
//! Does not do: registrations in non-blocking form, since who registers could not be told the result; `da`.

use std::{
    collections::{BTreeSet, HashMap},
    time::SystemTime,
};

use serde_json::json;

use super::{
    Answer, Cse, Effect, Ticket,
    access::Originator,
    address::Target,
    failure::{Checked, Failure, refuse},
    request::response_members,
    tree::Key,
    wants_no_response,
};
use crate::primitive::{
    AbsRelTimestamp, Operation, Request, ResourceType, Response, ResponseType, ResponseTypeInfo, StatusCode,
};

/// Requests whose result does not go to their originator at once.
#[derive(Default)]
pub(super) struct Transfers {
    /// Those that wait for their execution time.
    due: BTreeSet<(SystemTime, Ticket)>,
    /// All of them, by the ticket under which they wait now.
    jobs: HashMap<Ticket, Job>,
}

struct Job {
    /// As it is carried out: blocking, at once, with absolute times.
    request: Box<Request>,
    /// It came from the registrar of this CSE.
    from_registrar: bool,
    asker: Asker,
}

/// Who gets the result.
enum Asker {
    /// Whoever holds this ticket: the originator waits for its response.
    Originator(Ticket),
    /// The `<request>` of this identifier, and the entities in the list.
    Resource(String, Option<Vec<String>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Blocking,
    Synch,
    Asynch,
    Flexible,
}

impl Mode {
    fn of(request: &Request) -> Self {
        match request.response_type.as_ref().map(|rt| rt.value) {
            Some(ResponseType::NON_BLOCKING_REQUEST_SYNCH) => Self::Synch,
            Some(ResponseType::NON_BLOCKING_REQUEST_ASYNCH) => Self::Asynch,
            Some(ResponseType::FLEX_BLOCKING) => Self::Flexible,
            _ => Self::Blocking,
        }
    }
}

impl Transfers {
    /// When the next request is to be carried out.
    pub(super) fn next(&self) -> Option<SystemTime> {
        self.due.first().map(|(at, _)| *at)
    }

    fn blocked(&self) -> usize {
        self.jobs.values().filter(|job| matches!(job.asker, Asker::Originator(_))).count()
    }
}

impl Cse {
    /// Carries out a request in the way in which its originator wants the result.
    pub(super) fn answer(
        &mut self,
        now: SystemTime,
        request: &Request,
        from_registrar: bool,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        let mode = Mode::of(request);
        if mode == Mode::Blocking && execution_time(request).is_none() {
            return self.process(now, request, from_registrar, None, effects);
        }
        self.admit(now, request)?;
        let originator = self.originator(request, from_registrar);
        originator.known()?;
        let target = self.locate(&request.to)?;
        // `drt` is checked before anything is made: the acknowledgement has an address.
        self.addresses(&originator, request, &[])?;
        let about_request = matches!(&target, Target::Here(key, _) if self.tree.get(*key).ty == ResourceType::REQUEST);
        // TS-0004 7.4.12.2: the result of a non-blocking request is asked for blocking.
        let mode = match mode {
            Mode::Synch | Mode::Asynch if about_request => {
                return Err(Failure::bad("a <request> is retrieved and deleted blocking: use rt 3"));
            }
            Mode::Flexible if about_request => Mode::Blocking,
            mode => mode,
        };
        if matches!(mode, Mode::Synch | Mode::Asynch) && is_registration(request) {
            return refuse(
                StatusCode::NOT_IMPLEMENTED,
                "a registration is answered blocking by this CSE: use rt 3, blockingRequest",
            );
        }
        let at = self.execution(now, request, mode, &target)?;
        match mode {
            Mode::Blocking => self.answer_later(now, &originator, request, at, effects),
            Mode::Synch => self.accept(now, &originator, request, None, at, effects),
            Mode::Asynch => {
                let targets = self.result_targets(request)?;
                self.accept(now, &originator, request, Some(targets), at, effects)
            }
            Mode::Flexible => self.answer_flexibly(now, &originator, request, at, effects),
        }
    }

    /// When the request is to be carried out, if that is not now.
    fn execution(
        &self,
        now: SystemTime,
        request: &Request,
        mode: Mode,
        target: &Target,
    ) -> Checked<Option<SystemTime>> {
        let Some(oet) = execution_time(request) else { return Ok(None) };
        let Some(left) = oet.remaining(now) else { return Err(Failure::bad("oet is no timestamp")) };
        let expirations = [("rqet", &request.request_expiration), ("rset", &request.result_expiration)];
        for (name, expiration) in expirations {
            // It could not be carried out in time.
            if expiration.as_ref().and_then(|time| time.remaining(now)).is_some_and(|end| end <= left) {
                return Err(Failure::bad(format!("oet is not before {name}")));
            }
        }
        if matches!(target, Target::Elsewhere(_)) {
            if left.is_zero() {
                // TS-0004 7.3.2.6
                return refuse(StatusCode::REQUEST_TIMEOUT, "oet has passed");
            }
            return Ok(None);
        }
        if left.is_zero() {
            return Ok(None);
        }
        let limits = &self.config.limits;
        if mode == Mode::Blocking && left > limits.blocking_delay {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!(
                    "oet is more than {} s ahead, for which this CSE does not hold a response back: use rt 1 or 2",
                    limits.blocking_delay.as_secs()
                ),
            );
        }
        match now.checked_add(left) {
            Some(at) => Ok(Some(at)),
            None => refuse(StatusCode::NOT_ACCEPTABLE, "oet is too far ahead"),
        }
    }

    /// A blocking request with an execution time.
    fn answer_later(
        &mut self,
        now: SystemTime,
        originator: &Originator,
        request: &Request,
        at: Option<SystemTime>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        let from_registrar = originator.from_registrar;
        let Some(at) = at else { return self.process(now, request, from_registrar, None, effects) };
        if self.transfers.blocked() >= self.config.limits.requests {
            return refuse(StatusCode::NOT_ACCEPTABLE, "too many requests wait for their execution time in this CSE");
        }
        let mut request = absolute(now, request);
        if let Some(more) = &mut request.additional {
            more.operation_execution_time = None;
        }
        let ticket = Ticket(self.next_serial());
        self.delay(at, ticket, Job { request: Box::new(request), from_registrar, asker: Asker::Originator(ticket) });
        Ok(Answer::Later(ticket))
    }

    /// A non-blocking request: acknowledges it, and carries it out now or later.
    fn accept(
        &mut self,
        now: SystemTime,
        originator: &Originator,
        request: &Request,
        targets: Option<Vec<String>>,
        at: Option<SystemTime>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        let request = absolute(now, request);
        let key = self.record(now, originator.known()?, &request, effects)?;
        let acknowledgement = self.acknowledgement(originator, &request, key, targets.is_some());
        let asker = Asker::Resource(self.tree.get(key).ri.clone(), targets);
        let job = Job { request: blocking(request), from_registrar: originator.from_registrar, asker };
        match at {
            Some(at) => {
                let ticket = Ticket(self.next_serial());
                self.delay(at, ticket, job);
            }
            None => self.carry_out(now, job, effects),
        }
        Ok(Answer::Response(acknowledgement?))
    }

    /// A flexible request: the result if it is there at once, otherwise an acknowledgement. Where there is no room for a
    /// `<request>`, its originator waits.
    fn answer_flexibly(
        &mut self,
        now: SystemTime,
        originator: &Originator,
        request: &Request,
        at: Option<SystemTime>,
        effects: &mut Vec<Effect>,
    ) -> Checked<Answer> {
        let named = request.response_type.as_ref().is_some_and(|rt| rt.notification_uris.is_some());
        let targets = if named { Some(self.result_targets(request)?) } else { None };
        if at.is_some() {
            return self.accept(now, originator, request, targets, at, effects);
        }
        let request = absolute(now, request);
        let bare = blocking(request.clone());
        let from_registrar = originator.from_registrar;
        let answer = self.process(now, &bare, from_registrar, None, effects)?;
        if !matches!(answer, Answer::Later(_) | Answer::Forward { .. }) {
            return Ok(answer);
        }
        let Ok(key) = self.record(now, originator.known()?, &request, effects) else { return Ok(answer) };
        let acknowledgement = self.acknowledgement(originator, &request, key, targets.is_some())?;
        let asker = Asker::Resource(self.tree.get(key).ri.clone(), targets);
        self.wait(now, answer, Job { request: bare, from_registrar, asker }, effects);
        Ok(Answer::Response(acknowledgement))
    }

    fn acknowledgement(
        &self,
        originator: &Originator,
        request: &Request,
        key: Key,
        asynchronous: bool,
    ) -> Checked<Response> {
        let address = self.addresses(originator, request, &[key])?.pop().unwrap_or_default();
        let status = if asynchronous {
            StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_ASYNCH
        } else {
            StatusCode::ACCEPTED_FOR_NON_BLOCKING_REQUEST_SYNCH
        };
        Ok(Response::new(status).content(json!({ "m2m:uri": address })))
    }

    /// Whom the result is notified to: the originator if `nu` is absent, nobody if it is empty (TS-0001 8.1.2).
    fn result_targets(&self, request: &Request) -> Checked<Vec<String>> {
        let named = request.response_type.as_ref().and_then(|rt| rt.notification_uris.clone());
        let targets = named.unwrap_or_else(|| request.from.iter().cloned().collect());
        if targets.len() > self.config.limits.notification_targets {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("nu has more than {} entries, the limit of this CSE", self.config.limits.notification_targets),
            );
        }
        for target in &targets {
            let recipient = self.recipient(target).map_err(|failure| match failure.status {
                StatusCode::NOT_IMPLEMENTED => failure,
                _ => Failure::bad(format!("the result cannot be notified: {}", failure.debug)),
            })?;
            self.expect_reachable(recipient.key, StatusCode::TARGET_NOT_REACHABLE)?;
        }
        Ok(targets)
    }

    fn delay(&mut self, at: SystemTime, ticket: Ticket, job: Job) {
        self.transfers.due.insert((at, ticket));
        self.transfers.jobs.insert(ticket, job);
    }

    /// Carries out the request whose time comes first.
    pub(super) fn carry_out_next(&mut self, now: SystemTime, effects: &mut Vec<Effect>) {
        if let Some((_, ticket)) = self.transfers.due.pop_first()
            && let Some(job) = self.transfers.jobs.remove(&ticket)
        {
            self.carry_out(now, job, effects);
        }
    }

    fn carry_out(&mut self, now: SystemTime, job: Job, effects: &mut Vec<Effect>) {
        match self.process(now, &job.request, job.from_registrar, None, effects) {
            Ok(answer) => self.wait(now, answer, job, effects),
            Err(failure) => self.hand_over(now, job, failure.into_response(), effects),
        }
    }

    /// Hands the result over if the answer is that, and otherwise waits for it.
    fn wait(&mut self, now: SystemTime, answer: Answer, job: Job, effects: &mut Vec<Effect>) {
        match answer {
            Answer::Response(response) => {
                let response = self.complete(response, &job.request);
                self.hand_over(now, job, response, effects);
            }
            Answer::Later(ticket) => drop(self.transfers.jobs.insert(ticket, job)),
            Answer::Forward { entity, request } => {
                if let Asker::Resource(ri, _) = &job.asker
                    && let Some(key) = self.tree.by_id(ri)
                {
                    self.mark_forwarded(now, key, effects);
                }
                let ticket = Ticket(self.next_serial());
                self.transfers.jobs.insert(ticket, job);
                effects.push(Effect::Forward { ticket, entity, request });
            }
            Answer::NoResponse => {}
        }
    }

    /// Hands the response to a request that waited under this ticket over; gives it back if none did.
    pub(super) fn settle_job(
        &mut self,
        now: SystemTime,
        ticket: Ticket,
        response: Response,
        effects: &mut Vec<Effect>,
    ) -> Option<Response> {
        let Some(job) = self.transfers.jobs.remove(&ticket) else { return Some(response) };
        self.hand_over(now, job, response, effects);
        None
    }

    /// Takes the response of another entity to the request of an [`Effect::Forward`]: its own, or an error that says why
    /// there is none.
    pub fn forwarded(&mut self, now: SystemTime, ticket: Ticket, response: Response) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.expire(now, &mut effects);
        // What is left over is for a request that was given up meanwhile.
        let _ = self.settle_job(now, ticket, response, &mut effects);
        effects
    }

    /// Gives the result to whoever asked for it.
    fn hand_over(&mut self, now: SystemTime, job: Job, mut response: Response, effects: &mut Vec<Effect>) {
        let Job { request, asker, .. } = job;
        if response.from.is_none() || response.request_id != request.request_id {
            let from = response.from.take();
            response = self.complete(response, &request);
            response.from = from.or(response.from);
        }
        match asker {
            Asker::Originator(ticket) => {
                if !wants_no_response(&request) {
                    effects.push(Effect::Respond { ticket, response });
                }
            }
            Asker::Resource(ri, targets) => {
                let Some(key) = self.tree.by_id(&ri) else { return };
                let in_time = request
                    .result_expiration
                    .as_ref()
                    .is_none_or(|rset| rset.remaining(now).is_some_and(|left| !left.is_zero()));
                if !in_time {
                    let text = "rset has passed before there was a result";
                    response = self.complete(Response::error(StatusCode::REQUEST_TIMEOUT, text), &request);
                }
                self.put_result(now, key, &response, effects);
                if let Some(targets) = targets.filter(|_| in_time) {
                    self.notify_result(&request, &response, &targets, effects);
                }
            }
        }
    }

    /// The result as a notification. It is of no use after `rset`, and then not kept for those who are away.
    fn notify_result(&self, request: &Request, response: &Response, targets: &[String], effects: &mut Vec<Effect>) {
        let members = response_members(response).unwrap_or_else(|failure| {
            let instead = failure.into_response().request_id(request.request_id.as_str());
            response_members(&instead).unwrap_or_default()
        });
        let content = json!({ "m2m:rsp": members });
        for recipient in targets.iter().filter_map(|target| self.recipient(target).ok()) {
            let mut notification = self.notification(&recipient, (&content).into());
            notification.request_expiration.clone_from(&request.result_expiration);
            notification.event_category = request.event_category;
            effects.push(Effect::Notify { entity: recipient.entity, request: Box::new(notification) });
        }
    }

    /// Gives up the request of a `<request>` that is deleted or has ended.
    pub(super) fn give_up(&mut self, ri: &str) {
        let of_it = |job: &Job| matches!(&job.asker, Asker::Resource(resource, _) if resource == ri);
        let Some(ticket) = self.transfers.jobs.iter().find(|(_, job)| of_it(job)).map(|(&ticket, _)| ticket) else {
            return;
        };
        self.transfers.jobs.remove(&ticket);
        self.transfers.due.retain(|(_, waits)| *waits != ticket);
        self.pending.remove(&ticket);
        self.waiting.retain(|_, waits| *waits != ticket);
    }

    /// To be called once when the resources of an earlier run are back: non-blocking requests that wait for their execution
    /// time go on waiting, and those that were being carried out when that run ended have failed, since nobody knows how far
    /// they came. Their `<request>` says so, and the targets of asynchronous ones are told.
    pub fn resume(&mut self, now: SystemTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        let open = self
            .tree
            .get(self.tree.root())
            .children()
            .filter(|&key| self.tree.get(key).ty == ResourceType::REQUEST && self.is_open(key));
        let open: Vec<Key> = open.collect();
        for key in open {
            let ri = self.tree.get(key).ri.clone();
            let Some(request) = self.recorded(key) else { continue };
            let rt = request.response_type.as_ref();
            let asynchronous = rt.is_some_and(|rt| {
                rt.value == ResponseType::NON_BLOCKING_REQUEST_ASYNCH || rt.notification_uris.is_some()
            });
            let targets = if asynchronous { self.result_targets(&request).ok() } else { None };
            let at = execution_time(&request).and_then(|oet| oet.remaining(now)).filter(|left| !left.is_zero());
            let originator = request.from.as_ref().and_then(|from| self.entity(from).ok());
            let cse = originator.and_then(|originator| self.cse_of(&originator));
            let from_registrar = cse.is_some_and(|cse| self.is_beyond_registrar(&cse));
            let job = Job { request: blocking(request), from_registrar, asker: Asker::Resource(ri, targets) };
            match at.and_then(|left| now.checked_add(left)).filter(|_| !self.is_forwarded(key)) {
                Some(at) => {
                    let ticket = Ticket(self.next_serial());
                    self.delay(at, ticket, job);
                }
                None => {
                    let text = "this CSE was restarted; whether the request was carried out is not known";
                    let response = Response::error(StatusCode::INTERNAL_SERVER_ERROR, text);
                    self.hand_over(now, job, response, &mut effects);
                }
            }
        }
        effects
    }
}

fn execution_time(request: &Request) -> Option<&AbsRelTimestamp> {
    request.additional.as_ref()?.operation_execution_time.as_ref()
}

fn is_registration(request: &Request) -> bool {
    request.operation == Operation::Create
        && matches!(request.resource_type, Some(ResourceType::AE | ResourceType::REMOTE_CSE))
}

/// The request with absolute times: relative ones are counted from its arrival, however late it is looked at again.
fn absolute(now: SystemTime, request: &Request) -> Request {
    let mut request = request.clone();
    request.fix_expirations(now);
    if let Some(oet) = request.additional.as_mut().and_then(|more| more.operation_execution_time.as_mut()) {
        oet.fix(now);
    }
    request
}

/// The request as it is carried out: at once, and blocking.
fn blocking(mut request: Request) -> Box<Request> {
    request.response_type = None::<ResponseTypeInfo>;
    if let Some(more) = &mut request.additional {
        more.operation_execution_time = None;
        more.result_persistence = None;
    }
    Box::new(request)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::primitive::format_timestamp;
    use crate::registrar::CseConfig;

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn cse() -> Cse {
        let mut counter = 0;
        let random = Box::new(move || {
            counter += 1;
            counter
        });
        let mut cse = Cse::new(CseConfig::default(), start(), random).unwrap();
        for name in ["Ca", "Cb"] {
            let ae = json!({"m2m:ae": {"rn": name, "api": "N1", "rr": true, "srv": ["3"]}});
            let register = Request::create("cse-in", ResourceType::AE, ae).from(name);
            let _ = cse.handle(start(), &register);
        }
        cse
    }

    /// Non-blocking, with all sorts of parameters.
    fn request(mode: ResponseType) -> Request {
        let mut request = Request::create("cse-in", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": "later"}}));
        request = request.from("Ca").request_id("r1").release_version("3");
        request.response_type = Some(ResponseTypeInfo { value: mode, notification_uris: None });
        request.event_category = Some(crate::primitive::EventCategory::BEST_EFFORT);
        request.result_content = Some(crate::primitive::ResultContent::HIERARCHICAL_ADDRESS);
        request.result_expiration = Some(AbsRelTimestamp::from_text("60000"));
        request
    }

    /// What a restart leaves: the resources.
    fn restart(cse: &mut Cse) {
        cse.transfers = Transfers::default();
        cse.pending.clear();
        cse.waiting.clear();
    }

    fn result(effects: &[Effect]) -> serde_json::Value {
        let [Effect::Notify { request, .. }] = effects else { panic!("one notification, not {effects:?}") };
        request.content.as_ref().unwrap().value().unwrap()["m2m:rsp"].clone()
    }

    #[test]
    fn ws_6_5_1_a_request_that_waits_for_its_time_survives_a_restart() {
        let mut cse = cse();
        let mut asked = request(ResponseType::NON_BLOCKING_REQUEST_ASYNCH);
        asked.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("30000"));
        let _ = cse.handle(start(), &asked);
        restart(&mut cse);
        let key = cse.tree.get(cse.tree.root()).children().last().unwrap();
        assert_eq!(cse.recorded(key).unwrap(), absolute(start(), &asked), "nothing of it is lost");
        assert_eq!(cse.resume(start() + Duration::from_secs(10)), []);
        assert_eq!(cse.sweep(start() + Duration::from_secs(29)), []);
        let done = result(&cse.sweep(start() + Duration::from_secs(30)));
        assert_eq!(
            (&done["rsc"], &done["rqi"], &done["pc"]["m2m:uri"]),
            (&json!(2001), &json!("r1"), &json!("cse-in/later"))
        );
    }

    #[test]
    fn ws_6_5_1_what_a_restart_interrupts_ends_as_an_error() {
        for late in [false, true] {
            let mut cse = cse();
            let mut asked = request(ResponseType::NON_BLOCKING_REQUEST_ASYNCH);
            if late {
                // Its time came while nobody was there.
                asked.additional_mut().operation_execution_time = Some(AbsRelTimestamp::from_text("5000"));
            } else {
                asked.resource_type = Some(ResourceType::SUBSCRIPTION);
                asked.content = Some(json!({"m2m:sub": {"nu": ["Cb"]}}).into());
            }
            let _ = cse.handle(start(), &asked);
            let key = cse.tree.get(cse.tree.root()).children().last().unwrap();
            assert!(cse.is_open(key));
            restart(&mut cse);
            let told = result(&cse.resume(start() + Duration::from_secs(10)));
            assert_eq!((&told["rsc"], &told["rqi"]), (&json!(5000), &json!("r1")));
            let attributes = &cse.tree.get(key).attributes;
            assert_eq!((&attributes["rs"], &attributes["ors"]["rsc"]), (&json!(2), &json!(5000)));
            assert_eq!(attributes["lt"], json!(format_timestamp(start() + Duration::from_secs(10))));
            assert_eq!(cse.resume(start() + Duration::from_secs(11)), [], "once");
        }
    }
}
