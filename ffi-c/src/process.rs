//! The process that a handle belongs to: after `fork`, a child has our memory but not our threads, and locks that those
//! held stay locked for ever.

use onem2m::{Error, ErrorKind, Result};

/// A value of the process that made it. In a child process it is neither used nor dropped.
pub(crate) struct Homed<T> {
    home: u32,
    value: Option<T>,
}

impl<T> Homed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { home: std::process::id(), value: Some(value) }
    }

    /// # Errors
    /// `Forked` in a child process.
    pub(crate) fn get(&self) -> Result<&T> {
        let here = if self.home == std::process::id() { self.value.as_ref() } else { None };
        here.ok_or_else(|| {
            Error::new(ErrorKind::Forked, "this handle was made before fork(); make a new one in the child process")
        })
    }

    /// The value, or `None` in a child process, where it is left alone.
    pub(crate) fn take(mut self) -> Option<T> {
        if self.home == std::process::id() { self.value.take() } else { None }
    }
}

impl<T> Drop for Homed<T> {
    fn drop(&mut self) {
        if self.home != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}
