//! A place for the file of a test, and what all tests do.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::SystemTime;

use onem2m_ws::Result;
use onem2m_ws::primitive::Request;
use onem2m_ws::spool::{Done, Record, RedbSpool, Sequence, Spool, StoreOptions, Stored};
use serde_json::json;

/// A directory that is gone after the test.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("onem2m-ws-spool-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("store.redb")
    }

    pub(crate) fn open(&self) -> RedbSpool {
        self.open_with(StoreOptions::default())
    }

    pub(crate) fn open_with(&self, options: StoreOptions) -> RedbSpool {
        RedbSpool::open(self.file(), options).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future without any runtime: the store needs none.
pub(crate) fn wait<T>(done: Done<T>) -> Result<T> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut done = pin!(done);
    loop {
        match done.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}

pub(crate) fn record(number: impl ToString, expires: Option<SystemTime>) -> Record {
    let number = number.to_string();
    Record::new(Request::notify("Ca", json!({ "m2m:sgn": { "nev": &number } })).request_id(number), expires)
}

pub(crate) fn all(spool: &RedbSpool, entity: &str) -> Vec<Stored> {
    spool.read(entity, Sequence(0), usize::MAX, SystemTime::UNIX_EPOCH).unwrap()
}

pub(crate) fn numbers(stored: &[Stored]) -> Vec<&str> {
    stored.iter().map(|stored| stored.request.request_id.as_str()).collect()
}
