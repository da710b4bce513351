//! Credentials do not stay in memory: a process that had some looks through its own. It is a process of its own, since
//! the server knows them too: the test runs itself.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use onem2m_ws::ErrorKind;
use zeroize::Zeroizing;

use crate::own_memory::found;
use crate::support::{PATIENCE, client, refusing};

const SERVER: &str = "CREDENTIALS_TEST_MEMORY";

/// Backwards, here and where they are looked for: forwards they are in memory only in what is made of them. What is
/// freed loses its first bytes to the allocator, so that only its end is looked for.
const SECRET: &[u8] = b"terces-eht-si-siht-rotacolla-eht-yb-nettirwrevo-era-deerf-si-tahw-fo-setyb-tsrif-eht";
/// The end of the header field that it makes with this user, likewise.
const ENCODED: &[u8] = b"=QXZyNWZz1SZoRXLzlWLzlGa";
const USER: &str = "gateway";

fn secret() -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET.len()));
    text.extend(SECRET.iter().rev().map(|byte| char::from(*byte)));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_stay_in_memory() {
    if let Ok(url) = std::env::var(SERVER) {
        return in_this_process(&url).await;
    }
    let url = refusing(403, false).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "memory::credentials_do_not_stay_in_memory", "--nocapture"]);
    command.env(SERVER, url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

async fn in_this_process(url: &str) {
    let basic = client(url).basic(USER, &*secret()).build().unwrap();
    let bearer = client(url).bearer(&*secret()).build().unwrap();
    for client in [&basic, &bearer] {
        assert_eq!(client.connect().await.unwrap_err().kind(), ErrorKind::HandshakeRefused);
    }
    assert!(found(SECRET) >= 2, "both clients have it");
    for client in [basic, bearer] {
        client.close().await;
    }
    // The task behind a client ends a moment after it was closed.
    let closed = Instant::now();
    while found(SECRET) > 0 && closed.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(found(SECRET), 0);
    assert_eq!(found(ENCODED), 0);
}
