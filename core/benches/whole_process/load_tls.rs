//! The raw clients over TLS, each with the certificate of its originator; and those that do nothing but come and go.

use std::net::TcpStream as Blocking;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion};

use super::certificates::{Authority, SERVER_NAME};
use super::load::{Crowd, opening, read_accept};
use super::process::{Exchange, Workers};

fn name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).unwrap()
}

/// Opens a connection: TCP, TLS, and the opening handshake.
async fn open_one(port: u16, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = TlsConnector::from(config).connect(name(), stream).await.unwrap();
    stream.write_all(opening(port).as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"\r\n\r\n") {
        let size = stream.read(&mut buffer).await.unwrap();
        assert_ne!(size, 0, "refused: {}", String::from_utf8_lossy(&answer));
        answer.extend(&buffer[..size]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Connections on which a number of requests is always under way.
pub(crate) async fn open(port: u16, connections: usize, window: usize) -> Workers {
    let authority = Authority::from_environment();
    let mut workers = Workers::default();
    for number in 0..connections {
        let stream = open_one(port, authority.client_config(number, &[&TLS13])).await;
        workers.add(Crowd::new(stream, number, window));
    }
    workers
}

/// Opens one connection after the other, and resets each when it is open.
struct Passage {
    port: u16,
    config: Arc<ClientConfig>,
}

impl Exchange for Passage {
    async fn exchange(&mut self) -> u64 {
        let stream = open_one(self.port, Arc::clone(&self.config)).await;
        socket2::SockRef::from(stream.get_ref().0).set_linger(Some(Duration::ZERO)).unwrap();
        1
    }
}

/// So many at the same time.
fn pass(port: u16, together: usize, version: &'static SupportedProtocolVersion) -> Workers {
    let authority = Authority::from_environment();
    let mut workers = Workers::default();
    for number in 0..together {
        // An AE of its own: a connection that comes while another one of its AE is open takes over from it.
        workers.add(Passage { port, config: authority.client_config(number, &[version]) });
    }
    workers
}

pub(crate) async fn pass_13(port: u16, together: usize, _: usize) -> Workers {
    pass(port, together, &TLS13)
}

pub(crate) async fn pass_12(port: u16, together: usize, _: usize) -> Workers {
    pass(port, together, &TLS12)
}

/// Connections that are held, the first of them with this number.
pub(crate) fn connect(port: u16, first: usize, count: usize) -> Vec<StreamOwned<ClientConnection, Blocking>> {
    use std::io::Write;
    let authority = Authority::from_environment();
    let one = |number| {
        let stream = Blocking::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let config = authority.client_config(number, &[&TLS13]);
        let mut stream = StreamOwned::new(ClientConnection::new(config, name()).unwrap(), stream);
        stream.write_all(opening(port).as_bytes()).unwrap();
        read_accept(&mut stream);
        stream
    };
    (first..first + count).map(one).collect()
}
