//! A descriptor that becomes readable when there is something to fetch, for `poll`, `epoll` and event loops.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use crate::{Error, ErrorKind, Result};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod descriptor {
    use nix::sys::eventfd::{EfdFlags, EventFd};
    use std::os::fd::{AsFd, BorrowedFd};

    /// One descriptor with a counter.
    pub(super) struct Descriptor(EventFd);

    impl Descriptor {
        pub(super) fn new() -> nix::Result<Self> {
            EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map(Self)
        }

        pub(super) fn set(&self) {
            // The counter cannot overflow: it is read before it is written again.
            let _ = self.0.write(1);
        }

        pub(super) fn reset(&self) {
            // Nothing to read is what is wanted.
            let _ = self.0.read();
        }

        pub(super) fn readable(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod descriptor {
    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
    use nix::unistd::{pipe, read, write};
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    /// A pipe, where there is no eventfd.
    pub(super) struct Descriptor(OwnedFd, OwnedFd);

    impl Descriptor {
        pub(super) fn new() -> nix::Result<Self> {
            let (from, to) = pipe()?;
            for end in [&from, &to] {
                fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
                fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            }
            Ok(Self(from, to))
        }

        pub(super) fn set(&self) {
            // A full pipe is readable, which is all that counts.
            let _ = write(&self.1, &[1]);
        }

        pub(super) fn reset(&self) {
            while matches!(read(&self.0, &mut [0; 64]), Ok(count) if count > 0) {}
        }

        pub(super) fn readable(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

/// The descriptor of a queue.
pub(super) struct Wake(descriptor::Descriptor);

impl Wake {
    pub(super) fn new() -> Result<Self> {
        let error = |e: nix::Error| Error::new(ErrorKind::Internal, format!("no descriptor to wake up with: {e}"));
        descriptor::Descriptor::new().map(Self).map_err(error)
    }

    pub(super) fn set(&self) {
        self.0.set();
    }

    pub(super) fn reset(&self) {
        self.0.reset();
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.readable()
    }
}

impl AsRawFd for Wake {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
