//! Waiting without the interpreter, so that Ctrl-C, the end of the program and `fork` find nobody stuck.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use onem2m_ws::ErrorKind;
use pyo3::prelude::*;

use crate::errors;

/// The interpreter is about to end: nobody may begin to wait, and those who wait come back.
static EXITING: AtomicBool = AtomicBool::new(false);
/// Threads that wait detached from the interpreter. One that came back to an interpreter that ended would be killed
/// inside of us (CPython before 3.14), so the end waits for them.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// How often a waiting thread looks whether it is to stop.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

pub(crate) fn is_exiting() -> bool {
    EXITING.load(Ordering::Acquire)
}

/// Waits detached from the interpreter.
pub(crate) fn detached<T: Send>(py: Python<'_>, wait: impl FnOnce() -> T + Send) -> PyResult<T> {
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            WAITING.fetch_sub(1, Ordering::AcqRel);
        }
    }
    WAITING.fetch_add(1, Ordering::AcqRel);
    let _counted = Counted; // until the thread is attached again
    if is_exiting() {
        return Err(errors::new(py, ErrorKind::Closed, "the program is ending"));
    }
    Ok(py.detach(wait))
}

/// Sends everybody who waits back, and returns when they are, at the latest after `seconds`. For `atexit`.
#[pyfunction]
pub(crate) fn begin_exit(py: Python<'_>, seconds: f64) {
    EXITING.store(true, Ordering::Release);
    let Ok(time) = Duration::try_from_secs_f64(seconds) else { return };
    let deadline = Instant::now() + time;
    while WAITING.load(Ordering::Acquire) != 0 && Instant::now() < deadline {
        // Detached, or they could not come back.
        py.detach(|| std::thread::sleep(Duration::from_millis(1)));
    }
}

/// The child of a `fork` has only one thread, and it does not wait.
#[pyfunction]
pub(crate) fn forked() {
    WAITING.store(0, Ordering::Release);
}

/// The process that an object belongs to. In a child process its locks may be held by a thread that is not there.
#[derive(Clone, Copy)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(std::process::id())
    }

    pub(crate) fn is_here(self) -> bool {
        self.0 == std::process::id()
    }

    pub(crate) fn check(self, py: Python<'_>) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        Err(errors::new(
            py,
            ErrorKind::Forked,
            "this object was made before fork(); make a new one in the child process",
        ))
    }
}
