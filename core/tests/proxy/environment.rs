//! The proxy of the environment. A process has one environment, so each case is a process of its own: the test runs itself.

use std::process::{Command, Stdio};

use onem2m_ws::ErrorKind;

use crate::support::{Answer, TestProxy, client, register_and_exchange, registrar};

/// Where a process that is a case finds the registrar.
const URL: &str = "PROXY_TEST_URL";

/// Whether a client in an environment with these variables, and none of these kinds else, reaches the registrar.
async fn reaches(url: &str, variables: &[(&str, &str)]) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "environment::ws_6_6_1_the_proxy_of_the_environment"]).env(URL, url);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"] {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 passed") || text.contains("1 failed"), "the test did not run: {text}");
    output.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_6_6_1_the_proxy_of_the_environment() {
    if let Ok(url) = std::env::var(URL) {
        return in_this_environment(&url).await;
    }
    let (_registrar, url) = registrar();
    let address = url.trim_start_matches("ws://").parse().unwrap();
    let proxy = TestProxy::new([Answer::TunnelTo(address)]).await;
    let through = format!("http://gateway:s%40cret@{}", proxy.address);
    // Only the proxy knows where this is.
    let registrar = "ws://in.invalid:9000";

    assert!(reaches(registrar, &[("HTTP_PROXY", &through)]).await);
    assert_eq!(proxy.asked().len(), 1);
    assert!(proxy.asked()[0].contains("Proxy-Authorization: Basic Z2F0ZXdheTpzQGNyZXQ=\r\n"), "{:?}", proxy.asked());
    assert!(reaches(registrar, &[("all_proxy", &through), ("no_proxy", "other.invalid")]).await);
    assert!(!reaches(registrar, &[("HTTPS_PROXY", &through)]).await);
    assert!(!reaches(registrar, &[("HTTP_PROXY", &through), ("NO_PROXY", ".invalid")]).await);
    assert!(!reaches(registrar, &[("HTTP_PROXY", &through), ("REQUEST_METHOD", "GET")]).await);
    assert!(!reaches(registrar, &[("HTTP_PROXY", "socks5://127.0.0.1:1")]).await);
    assert_eq!(proxy.asked().len(), 2);
    // Loopback is reached directly.
    assert!(reaches(&url, &[("HTTP_PROXY", &through)]).await);
    assert_eq!(proxy.asked().len(), 2);
}

async fn in_this_environment(url: &str) {
    // Without the setting nothing of the environment counts.
    if url.contains(".invalid") {
        let error = client(url, "Cenv").connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownHost, "{error}");
    }
    let name = format!("env{}", std::process::id());
    let client = client(url, &format!("C{name}")).proxy_from_environment(true).connect().await.unwrap();
    register_and_exchange(&client, &name).await;
    client.close().await;
}
