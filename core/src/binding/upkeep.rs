//! Keeps a registration alive: renews it before it lapses, and makes it again where the registrar has forgotten it.
//!
//! Covers: TS-0020 5.2, 6.4; TS-0001 9.6.1.3 (`expirationTime`); rows WS-5.2-9, WS-6.4-4. A pure machine: it says which request
//! is to be sent next ([`Upkeep::next`]) and is told what came of it ([`Upkeep::answered`]). It sends nothing, and opens no
//! connection. What a script keeps between two runs is [`Saved`]; the file it is in is the client's part.

use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use super::deadline::{after, doubled};
use super::{Now, Registration, RegistreeKind};
use crate::codec;
use crate::primitive::{Format, Request, Response, StatusCode, format_timestamp, parse_timestamp};
use crate::{Error, ErrorKind, Result};

/// Time until another attempt after one that failed; it doubles with every failure.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// Longest time until another attempt.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Least time between two checks that answers to other requests gave rise to.
const DOUBT_AGAIN: Duration = Duration::from_secs(60);

/// What came of a step.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum UpkeepOutcome {
    /// The registration is in force; `until` as far as it is known.
    Confirmed {
        /// When it lapses if it is not renewed.
        until: Option<SystemTime>,
    },
    /// It was renewed.
    Renewed {
        /// When it lapses if it is not renewed again.
        until: SystemTime,
    },
    /// The registrar had forgotten it, and it was made again. What was below the resource is gone.
    RegisteredAgain(Registration),
    /// It could not be renewed or made again; this is tried again after a while.
    Failed {
        /// What was tried, for a message.
        attempt: &'static str,
        /// The registrar's answer.
        status: StatusCode,
        /// What it says about it.
        debug: String,
    },
}

/// What is known of a registration that is to be known in the next run as well (WS-5.2-9).
#[derive(Clone, PartialEq, Debug)]
pub struct Saved {
    /// The registration.
    pub registration: Registration,
    /// When it lapses.
    pub until: Option<SystemTime>,
    /// For how long it was made, and is renewed.
    pub life: Option<Duration>,
    /// The request that made it.
    pub request: Request,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Check,
    Renew,
    Register,
}

/// Keeps one registration alive: says which request is to be sent next ([`next`](Self::next)), and is told what came of it.
pub struct Upkeep {
    kept: Option<Saved>,
    /// A part of the renewal's lead, so that those who registered together do not renew together: 0 to 1.
    spread: f64,
    due: Option<Step>,
    under_way: Option<Step>,
    not_before: Option<Instant>,
    /// Attempts in a row that failed.
    failures: u32,
    last_doubt: Option<Instant>,
    /// It is known to be in force in this run.
    confirmed: bool,
}

impl Upkeep {
    /// Nothing is kept yet. `random` spreads the renewals of entities that registered together.
    #[must_use]
    pub fn new(random: u16) -> Self {
        Self {
            kept: None,
            spread: f64::from(random) / f64::from(u16::MAX),
            due: None,
            under_way: None,
            not_before: None,
            failures: 0,
            last_doubt: None,
            confirmed: false,
        }
    }

    // ---- inputs

    /// The entity has registered with this request, and this was the answer.
    pub fn registered(&mut self, now: Now, registration: Registration, request: &Request, response: &Response) {
        let until = expiration(response).or_else(|| expiration_of(request.content.as_ref()));
        let life = until.and_then(|until| until.duration_since(now.wall).ok());
        let mut request = request.clone();
        request.request_id.clear();
        request.from = Some(registration.entity.clone());
        self.kept = Some(Saved { registration, until, life, request });
        (self.due, self.not_before, self.failures, self.confirmed) = (None, None, 0, true);
    }

    /// The registration of an earlier run goes on; it is checked when the connection is open.
    pub fn resume(&mut self, saved: Saved) {
        (self.kept, self.due, self.confirmed) = (Some(saved), None, false);
    }

    /// The registration was ended by its entity: nothing is kept any more.
    pub fn ended(&mut self) {
        let spread = self.spread;
        *self = Self { spread, ..Self::new(0) };
    }

    /// A connection was opened, after the one over which the entity registered: the registrar may have forgotten it meanwhile.
    pub fn opened(&mut self) {
        if self.kept.is_some() {
            (self.due, self.not_before, self.failures) = (Some(self.due.unwrap_or(Step::Check)), None, 0);
        }
    }

    /// The registrar answered another request as if the entity were not registered.
    pub fn doubted(&mut self, now: Now) {
        let again = self.last_doubt.is_none_or(|last| now.monotonic >= after(last, DOUBT_AGAIN));
        if self.kept.is_some() && self.due.is_none() && self.under_way.is_none() && again {
            (self.due, self.last_doubt) = (Some(Step::Check), Some(now.monotonic));
        }
    }

    // ---- outputs

    /// The request that is to be sent now, if there is one. Until it is [`answered`](Self::answered) there is no other.
    pub fn next(&mut self, now: Now) -> Option<Request> {
        if self.under_way.is_some() || self.not_before.is_some_and(|at| at > now.monotonic) {
            return None;
        }
        let due_by_time = || self.renewal(now).is_some_and(|wait| wait.is_zero()).then_some(Step::Renew);
        let step = self.due.or_else(due_by_time)?;
        let request = self.kept.as_ref().and_then(|kept| kept.request(step, now))?;
        (self.due, self.not_before, self.under_way) = (None, None, Some(step));
        Some(request)
    }

    /// What came of the request that [`next`](Self::next) gave. An error is no answer: it is tried again.
    pub fn answered(&mut self, now: Now, result: &Result<Response>) -> Option<UpkeepOutcome> {
        let step = self.under_way.take()?;
        let Some(kept) = &mut self.kept else { return None };
        let Ok(response) = result else {
            return self.again(now, step);
        };
        let (gone, status) = (Self::is_forgotten(response.status), response.status);
        match step {
            Step::Check if status.is_success() => {
                (self.confirmed, self.failures) = (true, 0);
                kept.until = expiration(response).or(kept.until);
                if kept.life.is_none() {
                    kept.life = kept.until.and_then(|until| until.duration_since(now.wall).ok());
                }
                Some(UpkeepOutcome::Confirmed { until: kept.until })
            }
            Step::Renew if status.is_success() => {
                let asked = now.wall.checked_add(kept.life?)?;
                let until = expiration(response).unwrap_or(asked);
                kept.until = Some(until);
                (self.confirmed, self.failures) = (true, 0);
                Some(UpkeepOutcome::Renewed { until })
            }
            Step::Check | Step::Renew if gone => {
                (self.due, self.confirmed) = (Some(Step::Register), false);
                None
            }
            Step::Register => {
                // It was there all the same: what was asked for may not be retrieved by its own entity.
                if matches!(status, StatusCode::CONFLICT | StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED) {
                    (self.confirmed, self.failures) = (true, 0);
                    return Some(UpkeepOutcome::Confirmed { until: kept.until });
                }
                let Some(registration) = Registration::from_exchange(&kept.request, response) else {
                    return self.failed(now, step, response);
                };
                let request = kept.request.clone();
                self.registered(now, registration.clone(), &request, response);
                Some(UpkeepOutcome::RegisteredAgain(registration))
            }
            Step::Check | Step::Renew => self.failed(now, step, response),
        }
    }

    /// Somebody else retrieved the resource: it is there.
    pub fn confirmed(&mut self, response: &Response) {
        if let Some(kept) = &mut self.kept {
            kept.until = expiration(response).or(kept.until);
            self.confirmed = true;
        }
    }

    /// True for what a registrar answers to an entity that it does not know, or about a resource that is not there.
    #[must_use]
    pub const fn is_forgotten(status: StatusCode) -> bool {
        matches!(
            status,
            StatusCode::NOT_FOUND | StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE | StatusCode::ORIGINATOR_NOT_AUTHENTICATED
        )
    }

    fn again(&mut self, now: Now, step: Step) -> Option<UpkeepOutcome> {
        let wait = doubled(FIRST_RETRY, self.failures, LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        (self.due, self.not_before) = (Some(step), Some(after(now.monotonic, wait)));
        None
    }

    fn failed(&mut self, now: Now, step: Step, response: &Response) -> Option<UpkeepOutcome> {
        self.again(now, step);
        let attempt = match step {
            Step::Check => "to retrieve it",
            Step::Renew => "to renew it",
            Step::Register => "to make it again",
        };
        let debug = response.debug_text().unwrap_or_default();
        Some(UpkeepOutcome::Failed { attempt, status: response.status, debug })
    }

    /// When [`next`](Self::next) is to be asked again if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<Instant> {
        if self.under_way.is_some() {
            return None;
        }
        let wait = match self.due {
            Some(_) => Duration::ZERO,
            None => self.renewal(now)?,
        };
        Some(after(now.monotonic, wait).max(self.not_before.unwrap_or(now.monotonic)))
    }

    /// What is to be known in the next run.
    #[must_use]
    pub const fn saved(&self) -> Option<&Saved> {
        self.kept.as_ref()
    }

    /// True if the registration is known to be in force in this run: it was made, or the registrar confirmed it.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Time until the registration is to be renewed: when a quarter of its life is left, and up to a tenth more.
    fn renewal(&self, now: Now) -> Option<Duration> {
        let Saved { until, life, .. } = self.kept.as_ref()?;
        let lead = (*life)?.mul_f64(0.25 + 0.1 * self.spread);
        let left = (*until)?.duration_since(now.wall).unwrap_or_default();
        Some(left.saturating_sub(lead))
    }
}

impl Saved {
    fn request(&self, step: Step, now: Now) -> Option<Request> {
        let request = match step {
            Step::Register => {
                let mut request = self.request.clone();
                let mut content = request.content.as_ref()?.value().ok()?;
                let attributes = content.as_object_mut()?.values_mut().next()?.as_object_mut()?;
                if let (true, Some(et)) = (attributes.contains_key("et"), self.renewed_until(now)) {
                    attributes.insert("et".to_owned(), et.into());
                }
                request.content = Some(content.into());
                request
            }
            Step::Check => Request::retrieve(self.registration.address()),
            Step::Renew => {
                let root = match self.registration.kind {
                    RegistreeKind::Ae => "m2m:ae",
                    RegistreeKind::Cse => "m2m:csr",
                };
                Request::update(self.registration.address(), json!({ root: { "et": self.renewed_until(now)? } }))
            }
        };
        let mut request = request.from(self.registration.entity.as_str());
        request.release_version.clone_from(&self.request.release_version);
        Some(request)
    }

    fn renewed_until(&self, now: Now) -> Option<String> {
        now.wall.checked_add(self.life?).map(format_timestamp)
    }

    /// As text: JSON, for a file that people can read.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut bytes = BytesMut::new();
        // A primitive has an identifier; this one gets a new one whenever it is sent.
        let request = self.request.clone().request_id("register");
        let request = match codec::encode_request(Format::Json, &request, &mut bytes) {
            Ok(()) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let mut members = Map::new();
        let registration = self.registration.to_bytes(None).ok();
        let registration = registration.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        members.insert("registration".to_owned(), registration);
        members.insert("until".to_owned(), self.until.map(format_timestamp).into());
        members.insert("life_s".to_owned(), self.life.map(|life| life.as_secs_f64()).into());
        members.insert("request".to_owned(), request);
        serde_json::to_string_pretty(&members).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// `Storage`, naming what is missing or wrong.
    pub fn from_json(text: &str) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::Storage, format!("it is damaged: {what}"));
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?;
        let registration = value.get("registration").ok_or_else(|| wrong("registration"))?.to_string();
        let registration = Registration::from_bytes(registration.as_bytes());
        let (registration, _) = registration.map_err(|error| wrong(error.message()))?;
        let time = |name: &str| match value.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(time) => time.as_str().and_then(parse_timestamp).map(Some).ok_or_else(|| wrong(name)),
        };
        let life = match value.get("life_s") {
            None | Some(Value::Null) => None,
            Some(life) => {
                let life = life.as_f64().and_then(|life| Duration::try_from_secs_f64(life).ok());
                Some(life.ok_or_else(|| wrong("life_s"))?)
            }
        };
        let request = value.get("request").ok_or_else(|| wrong("request"))?.to_string();
        let decoded = codec::decode(Format::Json, request.into(), &codec::DecodeOptions::default());
        let decoded = decoded.map_err(|error| wrong(&format!("request: {error}")))?;
        let codec::Primitive::Request(request) = decoded.primitive else { return Err(wrong("request")) };
        Ok(Self { registration, until: time("until")?, life, request: request.request_id("") })
    }
}

/// `et` of the resource in a response.
fn expiration(response: &Response) -> Option<SystemTime> {
    expiration_of(response.content.as_ref())
}

fn expiration_of(content: Option<&crate::primitive::Content>) -> Option<SystemTime> {
    let value = content?.value().ok()?;
    let resource = value.as_object()?.values().next()?;
    parse_timestamp(resource.get("et")?.as_str()?)
}

#[cfg(test)]
mod tests;
