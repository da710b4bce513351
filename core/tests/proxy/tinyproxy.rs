//! A real proxy, written by others: tinyproxy, from the packages of Debian (`tinyproxy-bin`) and others. `make test` installs
//! it where it can; where it is not, one line says that these tests are skipped.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use onem2m_ws::ErrorKind;
use onem2m_ws::client::ConnectionState;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{PATIENCE, client, register_and_exchange, registrar, still_works, until};

struct TinyProxy {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for TinyProxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl TinyProxy {
    /// A proxy with these lines in its configuration, `None` where there is none to be had.
    async fn start(name: &str, lines: &[&str]) -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tinyproxy-{name}"));
        fs::create_dir_all(&folder).unwrap();
        // It cannot choose a port by itself. Where somebody else was quicker to take the free one, it ends.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            let log = folder.join("log");
            let mut configuration =
                format!("Port {port}\nListen 127.0.0.1\nLogFile \"{}\"\nLogLevel Info\n", log.display());
            for line in lines {
                configuration += &format!("{line}\n");
            }
            let file = folder.join("tinyproxy.conf");
            fs::write(&file, configuration).unwrap();
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut process = match command.spawn() {
                Ok(process) => process,
                Err(error) => {
                    eprintln!("tinyproxy: {error}");
                    return None;
                }
            };
            let started = Instant::now();
            while process.try_wait().unwrap().is_none() && started.elapsed() < PATIENCE {
                if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                    return Some(Self { process, port, folder });
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        panic!("tinyproxy does not start: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

#[tokio::test]
async fn ws_6_6_1_a_real_proxy_carries_registration_exchange_and_reopening() {
    let Some(proxy) = TinyProxy::start("open", &[]).await else { return };
    let (registrar, url) = registrar();
    let client = client(&url, "Ctiny").proxy(proxy.url()).connect().await.unwrap();
    register_and_exchange(&client, "tiny").await;
    let authority = url.trim_start_matches("ws://");
    assert!(proxy.log().contains(&format!("CONNECT {authority} HTTP/1.1")), "{}", proxy.log());

    // Closed on purpose, and opened again by the next request.
    client.disconnect().await;
    while registrar.server().is_connected("Ctiny") {
        tokio::task::yield_now().await;
    }
    still_works(&client, "tiny").await;
    assert_eq!(client.counters().connections, 2);
    client.close().await;
}

#[tokio::test]
async fn ws_6_6_1_a_real_proxy_that_ends_is_waited_for() {
    let Some(proxy) = TinyProxy::start("ends", &[]).await else { return };
    let (_registrar, url) = registrar();
    let client = client(&url, "Cends").proxy(proxy.url()).connect().await.unwrap();
    register_and_exchange(&client, "ends").await;
    let mut proxy = proxy;
    proxy.process.kill().unwrap();
    proxy.process.wait().unwrap();
    let lost = |change: &onem2m_ws::client::StateChange| change.state == ConnectionState::Disconnected;
    let change = until(&client, lost).await;
    assert!(change.next_attempt.is_some(), "{change:?}");
    let mut again = Command::new("tinyproxy");
    again.arg("-d").arg("-c").arg(proxy.folder.join("tinyproxy.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    proxy.process = again.spawn().unwrap();
    while client.counters().connections < 2 {
        until(&client, |change| change.state.is_open()).await;
        tokio::task::yield_now().await;
    }
    still_works(&client, "ends").await;
    client.close().await;
}

async fn error(url: &str, proxy: &str) -> onem2m_ws::Error {
    client(url, "Ctiny").proxy(proxy).connect().await.unwrap_err()
}

#[tokio::test]
async fn ws_6_6_1_a_real_proxy_with_basic_credentials() {
    let Some(proxy) = TinyProxy::start("basic", &["BasicAuth gateway s.cret-1"]).await else { return };
    let (_registrar, url) = registrar();
    let error = |credentials: &str| {
        let through = proxy.url().replace("http://", &format!("http://{credentials}"));
        let url = url.clone();
        async move { error(&url, &through).await }
    };
    let without = error("").await;
    assert_eq!(without.kind(), ErrorKind::ProxyAuthenticationRequired, "{without}");
    assert!(without.message().contains("(Basic)") && without.message().contains("set the user name"), "{without}");
    let wrong = error("gateway:hunter2@").await;
    assert_eq!(wrong.kind(), ErrorKind::ProxyAuthenticationRequired, "{wrong}");
    assert!(wrong.message().contains("does not accept"), "{wrong}");
    assert!(!format!("{wrong} {wrong:?} {:?}", wrong.refusal()).contains("hunter2"));

    let through = proxy.url().replace("http://", "http://gateway:s%2Ecret%2D1@");
    let by_url = client(&url, "Curl").proxy(through).connect().await.unwrap();
    register_and_exchange(&by_url, "url").await;
    let apart = client(&url, "Capart").proxy(proxy.url()).proxy_credentials("gateway", "s.cret-1");
    register_and_exchange(&apart.connect().await.unwrap(), "apart").await;
}

#[tokio::test]
async fn ws_6_6_1_a_real_proxy_that_refuses() {
    let Some(proxy) = TinyProxy::start("ports", &["ConnectPort 443"]).await else { return };
    let (_registrar, url) = registrar();
    let forbidden = error(&url, &proxy.url()).await;
    assert_eq!((forbidden.kind(), forbidden.refusal().unwrap().status), (ErrorKind::ProxyRefused, 403), "{forbidden}");
    assert!(!forbidden.refusal().unwrap().body.is_empty());

    let Some(proxy) = TinyProxy::start("unreachable", &[]).await else { return };
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let unreachable = error(&format!("ws://{free}"), &proxy.url()).await;
    assert_eq!(unreachable.kind(), ErrorKind::ProxyRefused, "{unreachable}");
    assert_eq!(unreachable.refusal().unwrap().status / 100, 5, "{unreachable}");
}
