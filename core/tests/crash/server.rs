//! The registrar as a process of its own, and how it is killed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use onem2m_ws::registrar::{Limits, Registrar};

const STORE: &str = "ONEM2M_CRASH_STORE";
const LISTEN: &str = "ONEM2M_CRASH_LISTEN";
const READY: &str = "the registrar listens at ";

/// What this process is to be: a registrar with this store, at this point of access.
pub(crate) fn asked_for() -> Option<(String, String)> {
    Some((std::env::var(STORE).ok()?, std::env::var(LISTEN).ok()?))
}

/// Is the registrar, until it is killed or its standard input ends.
pub(crate) async fn serve(store: &str, listen: &str) {
    let limits = Limits { results: usize::MAX, instances: usize::MAX, resources: 1_000_000, ..Limits::default() };
    let builder = Registrar::builder().listen(listen).store(store).limits(limits);
    // In the end one peer asks for all.
    let builder = builder.with_server(|server| server.several_entities_without_tls(true));
    let registrar = builder.with_server(|server| server.delivery_window(crate::window())).start().unwrap();
    println!("\n{READY}{}", registrar.points_of_access()[0]);
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
    registrar.shutdown().await;
    // What the test harness has to say then, nobody hears.
    std::process::exit(0);
}

pub(crate) struct Process {
    child: Child,
    /// Closed, it ends the registrar: also when this test ends early.
    input: Option<ChildStdin>,
    url: String,
}

impl Process {
    pub(crate) fn start(file: &File, listen: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", crate::TEST, "--nocapture"])
            .env(STORE, file.path())
            .env(LISTEN, listen)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the registrar did not start").unwrap();
            if let Some(url) = line.strip_prefix(READY) {
                break url.to_owned();
            }
        };
        Self { input: child.stdin.take(), child, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it well.
    pub(crate) fn end(&mut self) {
        self.input = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is not hurt.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file of the store, which is removed in the end.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("onem2m-ws-crash-{}", std::process::id())))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
