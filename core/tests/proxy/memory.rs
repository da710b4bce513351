//! Credentials do not stay in memory: a process that had some looks through its own. It is a process of its own, since the
//! proxy knows them too: the test runs itself.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use onem2m_ws::ErrorKind;
use zeroize::Zeroizing;

use crate::own_memory::found;
use crate::support::{Answer, PATIENCE, TestProxy, Then, client};

const PROXY: &str = "PROXY_TEST_MEMORY";

/// Backwards, here and where they are looked for: forwards they are in memory only in what is made of them. What is freed
/// loses its first bytes to the allocator, so that only its end is looked for.
const PASSWORD: &[u8] = b"terces-eht-si-siht-rotacolla-eht-yb-nettirwrevo-era-deerf-si-tahw-fo-setyb-tsrif-eht";
/// The end of the header field, likewise.
const ENCODED: &[u8] = b"=QXZyNWZz1SZoRXLzlWLzlGa";

fn password() -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(PASSWORD.len()));
    text.extend(PASSWORD.iter().rev().map(|byte| char::from(*byte)));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_6_6_1_credentials_do_not_stay_in_memory() {
    if let Ok(proxy) = std::env::var(PROXY) {
        return in_this_process(&proxy).await;
    }
    let no = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".to_vec();
    let proxy = TestProxy::new([Answer::Bytes(no, 1000, Then::Close)]).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "memory::ws_6_6_1_credentials_do_not_stay_in_memory", "--nocapture"]);
    command.env(PROXY, proxy.address.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.asked().len(), 2, "{:?}", proxy.asked());
}

async fn in_this_process(proxy: &str) {
    let url = {
        let password = password();
        let mut url = Zeroizing::new(String::with_capacity(200));
        for part in ["http://gateway:", &password, "@", proxy] {
            url.push_str(part);
        }
        url
    };
    let by_url = client("ws://in.invalid", "Cmemory").proxy(&*url).build().unwrap();
    let apart = client("ws://in.invalid", "Cmemory").proxy(proxy).proxy_credentials("gateway", &*password());
    let apart = apart.build().unwrap();
    drop(url);
    for client in [&by_url, &apart] {
        assert_eq!(client.connect().await.unwrap_err().kind(), ErrorKind::ProxyRefused);
    }
    assert!(found(PASSWORD) >= 2, "both clients have it");
    for client in [by_url, apart] {
        client.close().await;
    }
    // The task behind a client ends a moment after it was closed.
    let closed = Instant::now();
    while found(PASSWORD) > 0 && closed.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(found(PASSWORD), 0);
    assert_eq!(found(ENCODED), 0);
}
