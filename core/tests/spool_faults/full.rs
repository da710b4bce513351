//! A disk that is really full: a file system of 2 MiB, or where that may not be mounted, a bound on the size of files.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use onem2m_ws::ErrorKind;
use onem2m_ws::spool::{RedbSpool, Sequence, Spool, StoreOptions};

use crate::support::{Place, all, record, wait};

const CHILD: &str = "ONEM2M_WS_SPOOL_FULL";

/// Runs the test of this name in a process of its own, which may change what it sees of the system.
fn in_a_process(test: &str, how: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, how)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text.into_owned()
}

/// Fills the disk; makes room again with `grow`; nothing that was accepted is missing then.
fn fill(place: &Place, grow: impl FnOnce()) {
    let spool = place.open();
    let mut accepted = 0_u64;
    let begin = Instant::now();
    let error = loop {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not become full");
        match wait(spool.append("Ca", record(format_args!("{:0500}", accepted + 1), None))) {
            Ok(at) => {
                accepted += 1;
                assert_eq!(at, Sequence(accepted));
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("is full"), "{error}");
    assert!(accepted > 100, "{accepted}");
    grow();
    let begin = Instant::now();
    while let Err(error) = wait(spool.append("Ca", record(format_args!("{:0500}", accepted + 1), None))) {
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not recover: {error}");
        std::thread::sleep(Duration::from_millis(5));
    }
    accepted += 1;
    let check = |spool: &RedbSpool| {
        let stored = all(spool, "Ca");
        assert_eq!(stored.len() as u64, accepted);
        for (number, stored) in (1_u64..).zip(stored) {
            assert_eq!(stored.sequence, Sequence(number));
            assert_eq!(stored.request.request_id, format!("{number:0500}"));
        }
    };
    check(&spool);
    drop(spool);
    check(&place.open());
}

fn mount_memory(at: &Path, size: &str, flags: MsFlags) -> nix::Result<()> {
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(size))
}

/// Mounts of this process alone; for that it need not be root where the system gives it a name space of its own.
fn own_mounts() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).or_else(|_| {
        let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
        let write = |file, text: String| std::fs::write(file, text).map_err(|_| nix::Error::EPERM);
        write("/proc/self/setgroups", "deny".to_owned())?;
        write("/proc/self/uid_map", format!("0 {user} 1"))?;
        write("/proc/self/gid_map", format!("0 {group} 1"))
    })?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
}

#[test]
fn ws_6_5_4_a_full_disk_is_named_and_loses_nothing() {
    const NAME: &str = "full::ws_6_5_4_a_full_disk_is_named_and_loses_nothing";
    let Ok(how) = std::env::var(CHILD) else {
        let text = in_a_process(NAME, "mount");
        if text.contains("NO MOUNT") {
            in_a_process(NAME, "limit");
        }
        return;
    };
    let place = Place::new();
    let directory = place.file().parent().unwrap().to_owned();
    if how == "mount" {
        // A process with threads may not have a name space of its own: the test harness has one per test.
        if let Err(error) = own_mounts().and_then(|()| mount_memory(&directory, "size=2m", MsFlags::empty())) {
            eprintln!("NO MOUNT: {error}");
            return;
        }
        fill(&place, || mount_memory(&directory, "size=64m", MsFlags::MS_REMOUNT).unwrap());
    } else {
        // SAFETY: the signal is ignored, no handler runs.
        #[allow(unsafe_code)]
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.unwrap();
        let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, 2 << 20, hard).unwrap();
        fill(&place, || setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap());
    }
}

/// The rights of files do not bind root, a mount does.
#[test]
fn a_place_that_may_not_be_written_is_refused() {
    const NAME: &str = "full::a_place_that_may_not_be_written_is_refused";
    let place = Place::new();
    let directory = place.file().parent().unwrap().to_owned();
    let refused = |what: &str| {
        let error = RedbSpool::open(place.file(), StoreOptions::default()).err().expect(what);
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("may not be written"), "{what}: {error}");
        assert!(error.message().contains(&place.file().display().to_string()), "{error}");
    };
    if std::env::var_os(CHILD).is_some() {
        if let Err(error) = own_mounts().and_then(|()| mount_memory(&directory, "size=4m", MsFlags::empty())) {
            eprintln!("NO MOUNT: {error}");
            return;
        }
        let read_only = |flags| mount_memory(&directory, "size=4m", MsFlags::MS_REMOUNT | flags).unwrap();
        read_only(MsFlags::MS_RDONLY);
        refused("a new file in a file system that is read-only");
        read_only(MsFlags::empty());
        drop(place.open());
        read_only(MsFlags::MS_RDONLY);
        refused("a file in a file system that is read-only");
        read_only(MsFlags::empty());
        assert_eq!(place.open().found().records, 0);
        return;
    }
    let by_mount = !in_a_process(NAME, "mount").contains("NO MOUNT");
    if nix::unistd::geteuid().is_root() {
        assert!(by_mount, "root can mount");
        return;
    }
    let may = |path: &Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    may(&directory, 0o500);
    refused("a new file in a directory that is read-only");
    may(&directory, 0o700);
    drop(place.open());
    may(&place.file(), 0o400);
    refused("a file that is read-only");
    may(&place.file(), 0o600);
}
