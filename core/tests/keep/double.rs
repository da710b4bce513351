//! A store whose state outlives servers. Its writing can be held back, or fail.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use onem2m_ws::spool::{Done, Expired, Fact, FactKind, MemoryLimits, MemorySpool, Record, Sequence, Spool, Stored};
use onem2m_ws::{Error, ErrorKind, Result};
use tokio::sync::watch;

use crate::peer::PATIENCE;

pub(crate) struct Double {
    records: MemorySpool,
    facts: Mutex<BTreeMap<(FactKind, String), Bytes>>,
    /// True while nothing is written.
    held: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
    failing: AtomicBool,
    appends_fail: AtomicBool,
    is_full: AtomicBool,
    /// Calls, in short.
    log: Mutex<Vec<String>>,
}

impl Double {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(MemoryLimits::default())
    }

    pub(crate) fn with(limits: MemoryLimits) -> Arc<Self> {
        Arc::new(Self {
            records: MemorySpool::new(limits),
            facts: Mutex::default(),
            held: watch::Sender::new(false),
            waiting: Arc::default(),
            failing: AtomicBool::new(false),
            appends_fail: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            log: Mutex::default(),
        })
    }

    /// From now on what is asked for is not written.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// From now on writing fails, or does not.
    pub(crate) fn fail(&self, yes: bool) {
        self.failing.store(yes, Ordering::SeqCst);
    }

    pub(crate) fn fail_appends(&self, yes: bool) {
        self.appends_fail.store(yes, Ordering::SeqCst);
    }

    /// From now on too much waits to be written, or does not.
    pub(crate) fn be_full(&self, yes: bool) {
        self.is_full.store(yes, Ordering::SeqCst);
    }

    /// Waits until so much waits to be written.
    pub(crate) async fn until_waiting(&self, count: usize) {
        let wait = async {
            while self.waiting.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("nothing waits to be written");
    }

    /// The calls since the last time.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    pub(crate) fn knows(&self, kind: FactKind, key: &str) -> bool {
        self.facts.lock().unwrap().contains_key(&(kind, key.to_owned()))
    }

    pub(crate) fn forget(&self, kind: FactKind, key: &str) {
        self.facts.lock().unwrap().remove(&(kind, key.to_owned()));
    }

    pub(crate) fn note(&self, kind: FactKind, key: &str, value: &'static [u8]) {
        self.facts.lock().unwrap().insert((kind, key.to_owned()), Bytes::from_static(value));
    }

    fn done<T: Send + 'static>(&self, what: String, work: impl FnOnce() -> Result<T>) -> Done<T> {
        self.log.lock().unwrap().push(what);
        if self.failing.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(Error::new(ErrorKind::Storage, "the disk is full"))));
        }
        let result = work();
        let mut held = self.held.subscribe();
        if !*held.borrow() {
            return Box::pin(ready(result));
        }
        let waiting = Arc::clone(&self.waiting);
        waiting.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            held.wait_for(|held| !held).await.unwrap();
            waiting.fetch_sub(1, Ordering::SeqCst);
            result
        })
    }
}

/// What the memory has done when it returns.
fn at_once<T>(done: Done<T>) -> Result<T> {
    let mut done = done;
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match done.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => unreachable!("memory does not wait"),
    }
}

impl Spool for Double {
    fn append(&self, entity: &str, record: Record) -> Done<Sequence> {
        if self.appends_fail.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(Error::new(ErrorKind::Storage, "the disk is full"))));
        }
        self.done(format!("append {entity}"), || at_once(self.records.append(entity, record)))
    }

    fn read(&self, entity: &str, after: Sequence, most: usize, now: SystemTime) -> Result<Vec<Stored>> {
        self.records.read(entity, after, most, now)
    }

    fn acknowledge(&self, entity: &str, sequence: Sequence, rqi: &str) -> Done<()> {
        let what = format!("acknowledge {entity} {}", sequence.0);
        self.done(what, || at_once(self.records.acknowledge(entity, sequence, rqi)))
    }

    fn expire(&self, now: SystemTime) -> Done<Vec<Expired>> {
        self.records.expire(now)
    }

    fn drop_entity(&self, entity: &str) -> Done<usize> {
        self.done(format!("drop {entity}"), || at_once(self.records.drop_entity(entity)))
    }

    fn replaced(&self) -> u64 {
        self.records.replaced()
    }

    fn waiting(&self, entity: &str) -> usize {
        self.records.waiting(entity)
    }

    fn keep(&self, facts: Vec<Fact>) -> Done<()> {
        if self.is_full.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(Error::new(ErrorKind::QueueFull, "the disk is slow"))));
        }
        let what = facts.iter().map(|fact| {
            let verb = if fact.value.is_some() { "keep" } else { "forget" };
            format!("{verb} {:?} {}", fact.kind, fact.key)
        });
        self.done(what.collect::<Vec<_>>().join(", "), || {
            let mut all = self.facts.lock().unwrap();
            for Fact { kind, key, value } in facts {
                match value {
                    Some(value) => drop(all.insert((kind, key), value)),
                    None => drop(all.remove(&(kind, key))),
                }
            }
            Ok(())
        })
    }

    fn kept(&self, kind: FactKind) -> Result<Vec<(String, Bytes)>> {
        let all = self.facts.lock().unwrap();
        let of_kind = all.iter().filter(|((of, _), _)| *of == kind);
        Ok(of_kind.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn is_durable(&self) -> bool {
        true
    }
}
