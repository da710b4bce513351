//! The command `openssl` at the other end: `s_client` and `s_server`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use onem2m_ws::tls::TlsVersion;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::harness::{ID, KEY, certified, client, port, serve, shared};
use crate::pki::{Authority, Issued, Leaf};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: oneM2M.json\r\n\r\n";

/// The command, ended with the test.
struct OpenSsl {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OpenSsl {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command openssl belongs to these tests");
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    /// What it prints until a line has this in it, and that line.
    fn until(&mut self, text: &str) -> (String, String) {
        let mut before = String::new();
        loop {
            let mut line = Vec::new();
            if self.stdout.read_until(b'\n', &mut line).unwrap() == 0 {
                let mut why = String::new();
                let _ = self.child.stderr.take().unwrap().read_to_string(&mut why);
                panic!("no {text:?} in {before}\n{why}");
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.contains(text) {
                return (before, line);
            }
            before.push_str(&line);
            before.push('\n');
        }
    }
}

fn hex() -> String {
    KEY.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A certificate, its key and its authority in files, erased with the test.
struct Files(std::path::PathBuf);

impl Files {
    fn new(name: &str, issued: &Issued, authority: &Authority) -> Self {
        let folder = std::env::temp_dir().join(format!("onem2m-ws-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, pem) in [("cert.pem", issued.pem()), ("key.pem", issued.key_pem()), ("ca.pem", authority.pem())] {
            std::fs::write(folder.join(file), pem).unwrap();
        }
        Self(folder)
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a connection with `s_client`, and returns the suite.
fn open(port: u16, more: &[&str]) -> String {
    let target = format!("127.0.0.1:{port}");
    let mut arguments = vec!["s_client", "-connect", &target, "-servername", "localhost"];
    arguments.extend(more);
    let mut command = OpenSsl::start(&arguments);
    let (_, line) = command.until("Cipher is");
    command.stdin.write_all(UPGRADE.as_bytes()).unwrap();
    command.until("HTTP/1.1 101");
    line.rsplit(' ').next().unwrap().to_owned()
}

/// Lets `s_server` answer the opening handshake of a client of ours, and returns the suite.
async fn answer(tls: onem2m_ws::tls::Tls, more: &[&str]) -> String {
    let mut arguments = vec!["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"];
    arguments.extend(more);
    let mut command = OpenSsl::start(&arguments);
    let (_, line) = command.until("ACCEPT");
    let port: u16 = line.rsplit(':').next().unwrap().parse().unwrap();
    let serve = tokio::task::spawn_blocking(move || {
        let (mut before, line) = command.until("Sec-WebSocket-Key");
        before.push_str(&line);
        let accept = derive_accept_key(line.split_once(':').unwrap().1.trim().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \
             {accept}\r\nSec-WebSocket-Protocol: oneM2M.json\r\n\r\n"
        );
        command.stdin.write_all(answer.as_bytes()).unwrap();
        let suite = before.lines().find_map(|line| line.strip_prefix("CIPHER is ")).unwrap().to_owned();
        (command, suite)
    });
    let client = client(port, tls).connect().await.unwrap();
    let (command, suite) = serve.await.unwrap();
    drop(command);
    client.close().await;
    suite
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_7_1_s_client_comes_with_a_pre_shared_key() {
    let (server, _cse) = serve(shared(KEY).ts0003_suites(true));
    let (port, hex) = (port(&server), hex());
    let key = ["-psk_identity", ID, "-psk", &hex];
    for suite in ["PSK-AES128-CBC-SHA256", "ECDHE-PSK-AES128-CBC-SHA256", "ECDHE-PSK-CHACHA20-POLY1305"] {
        let more = [&key[..], &["-tls1_2", "-cipher", suite]].concat();
        assert_eq!(tokio::task::block_in_place(|| open(port, &more)), suite);
    }
    let more = [&key[..], &["-tls1_3"]].concat();
    assert_eq!(tokio::task::block_in_place(|| open(port, &more)), "TLS_AES_128_GCM_SHA256");
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_7_1_s_server_takes_a_pre_shared_key() {
    let hex = hex();
    let key = ["-nocert", "-psk_identity", ID, "-psk", &hex];
    for suite in ["PSK-AES128-CBC-SHA256", "ECDHE-PSK-AES128-CBC-SHA256"] {
        let more = [&key[..], &["-tls1_2", "-cipher", suite]].concat();
        assert_eq!(answer(shared(KEY).ts0003_suites(true), &more).await, suite);
    }
    let more = [&key[..], &["-tls1_3"]].concat();
    assert_eq!(answer(shared(KEY), &more).await, "TLS_AES_128_GCM_SHA256");
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_7_1_the_command_comes_and_answers_with_a_certificate_and_the_mandatory_suite_alone() {
    const SUITE: &str = "ECDHE-ECDSA-AES128-SHA256";
    let authority = Authority::new();
    let server = certified(&authority.issue(&Leaf::server()), &authority).ts0003_suites(true);
    let sensor = authority.issue(&Leaf::client("URI://sp.example/Ssensor1"));
    let files = Files::new("s_client", &sensor, &authority);
    let (cert, key, ca) = (files.path("cert.pem"), files.path("key.pem"), files.path("ca.pem"));
    let common = ["-cert", &cert, "-key", &key, "-CAfile", &ca, "-verify_return_error", "-tls1_2", "-cipher", SUITE];
    let (serving, _cse) = serve(server);
    let port = port(&serving);
    assert_eq!(tokio::task::block_in_place(|| open(port, &common)), SUITE);

    let files = Files::new("s_server", &authority.issue(&Leaf::server()), &authority);
    let (cert, key, ca) = (files.path("cert.pem"), files.path("key.pem"), files.path("ca.pem"));
    let more = ["-cert", &cert, "-key", &key, "-CAfile", &ca, "-Verify", "3", "-verify_return_error", "-tls1_2"];
    let more = [&more[..], &["-cipher", SUITE]].concat();
    let ours = certified(&sensor, &authority);
    assert_eq!(answer(ours.clone().ts0003_suites(true), &more).await, SUITE);

    // Without it being said, it is not spoken.
    let mut command = OpenSsl::start(&[&["s_server", "-accept", "127.0.0.1:0"][..], &more].concat());
    let (_, line) = command.until("ACCEPT");
    let port = line.rsplit(':').next().unwrap().parse().unwrap();
    let error = client(port, ours.most_version(TlsVersion::V1_2)).connect().await.err().unwrap();
    assert_eq!(error.kind(), onem2m_ws::ErrorKind::TlsFailed, "{error}");
}
