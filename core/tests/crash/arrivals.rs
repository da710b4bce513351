//! What arrived at one registree, in which order.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub(crate) struct Arrivals {
    pub(crate) entity: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: HashSet<String>,
    /// The counter of the container (`st`) in the latest one that was new.
    latest: u64,
    summary: Summary,
}

#[derive(Clone, Default)]
pub(crate) struct Summary {
    pub(crate) delivered: u64,
    pub(crate) repeated: u64,
    /// Times that the registree itself went away.
    pub(crate) cuts: u64,
    pub(crate) disorder: Vec<String>,
}

impl Arrivals {
    pub(crate) fn new(entity: String) -> Arc<Self> {
        Arc::new(Self { entity, inner: Mutex::default() })
    }

    /// A notification came. `st` grows with each instance of a container; what was not answered before a crash may have left its
    /// number to a later one.
    pub(crate) fn came(&self, content: &Value) {
        let cin = &content["m2m:sgn"]["nev"]["rep"]["m2m:cin"];
        let (con, st) = (cin["con"].as_str().unwrap(), cin["st"].as_u64().unwrap());
        let Inner { seen, latest, summary } = &mut *self.inner.lock().unwrap();
        if !seen.insert(con.to_owned()) {
            summary.repeated += 1;
            return;
        }
        if st < *latest {
            summary.disorder.push(format!("{con} is number {st}, after number {latest}"));
        }
        *latest = st;
        summary.delivered += 1;
    }

    pub(crate) fn cut(&self) {
        self.inner.lock().unwrap().summary.cuts += 1;
    }

    pub(crate) fn has(&self, con: &str) -> bool {
        self.inner.lock().unwrap().seen.contains(con)
    }

    pub(crate) fn summary(&self) -> Summary {
        self.inner.lock().unwrap().summary.clone()
    }
}
