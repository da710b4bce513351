//! The one tokio runtime of a process that uses us from a foreign language.
//!
//! It is made on first use (nothing starts at load), its threads are named, and they have all signals blocked: the host's
//! handlers run on the host's threads. After `fork` the child gets a runtime of its own.

use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{SigSet, SigmaskHow};
use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle, Runtime};

use super::Home;
use crate::{Error, ErrorKind, Result};

static FIRST: OnceCell<(Home, Runtime)> = OnceCell::new();
/// Runtimes of child processes: at most one is of this process.
static LATER: Mutex<Vec<(Home, Handle)>> = Mutex::new(Vec::new());

/// The runtime of this process.
pub(super) fn handle() -> Result<Handle> {
    let (home, runtime) = FIRST.get_or_try_init(|| Result::Ok((Home::here(), start()?)))?;
    if *home == Home::here() {
        return Ok(runtime.handle().clone());
    }
    let mut later = LATER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, handle)) = later.iter().find(|(home, _)| *home == Home::here()) {
        return Ok(handle.clone());
    }
    let runtime = start()?;
    let handle = runtime.handle().clone();
    later.push((Home::here(), handle.clone()));
    // It lives as long as the process: there is nobody to drop it.
    std::mem::forget(runtime);
    Ok(handle)
}

fn start() -> Result<Runtime> {
    let error = |what: &str| Error::new(ErrorKind::Internal, format!("the runtime could not be started: {what}"));
    // Threads inherit the mask of the thread that makes them.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(|e| error(&e.to_string()))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("onem2m-ws")
        .on_thread_start(|| {
            // Threads that tokio makes later come from threads that have the mask; this is for those that do not.
            let _ = SigSet::all().thread_block();
        })
        .enable_all()
        .build();
    before.thread_set_mask().map_err(|e| error(&e.to_string()))?;
    runtime.map_err(|e| error(&e.to_string()))
}
