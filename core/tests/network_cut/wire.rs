//! A TCP relay that can be cut as a network is: from one moment on the bytes of a direction are gone, and nobody is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Which way bytes go, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
    Both,
}

use Direction::{Both, ToClient, ToServer};

/// The relay. New connections pass as long as it is whole; one that was cut is never whole again, as its bytes are gone.
pub(crate) struct Wire {
    url: String,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    /// For the connections to come.
    next: [bool; 2],
    all: Vec<[Arc<Way>; 2]>,
}

/// One direction of one connection.
#[derive(Default)]
struct Way {
    cut: AtomicBool,
    swallowed: Mutex<Vec<u8>>,
}

impl Wire {
    pub(crate) async fn to(server: &str) -> Self {
        let target = server.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let lines = Arc::<Mutex<Lines>>::default();
        let accepted = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let ways = {
                    let mut lines = accepted.lock().unwrap();
                    let ways = lines.next.map(|cut| Arc::new(Way { cut: cut.into(), ..Way::default() }));
                    lines.all.push(ways.clone());
                    ways
                };
                // A server that is gone refuses, and so does the wire.
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                let [up, down] = ways;
                tokio::spawn(carry(from_client, to_server, up));
                tokio::spawn(carry(from_server, to_client, down));
            }
        });
        Self { url, lines }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on what goes this way is gone, on every connection that there is, and on those to come until it is mended.
    pub(crate) fn cut(&self, direction: Direction) {
        let mut lines = self.lines.lock().unwrap();
        for way in direction.ways() {
            lines.next[way] = true;
            for line in &lines.all {
                line[way].cut.store(true, Ordering::SeqCst);
            }
        }
    }

    /// New connections pass again.
    pub(crate) fn mend(&self) {
        self.lines.lock().unwrap().next = [false; 2];
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.lines.lock().unwrap().all.len()
    }

    /// True if a server wrote `text`, which never arrived. What a client writes is masked.
    pub(crate) fn has_swallowed(&self, text: &str) -> bool {
        let lines = self.lines.lock().unwrap();
        lines
            .all
            .iter()
            .any(|[_, down]| down.swallowed.lock().unwrap().windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// How many bytes of a direction never arrived.
    pub(crate) fn swallowed(&self, direction: Direction) -> usize {
        let lines = self.lines.lock().unwrap();
        let ways = lines.all.iter().flat_map(|line| direction.ways().map(|way| &line[way]));
        ways.map(|way| way.swallowed.lock().unwrap().len()).sum()
    }
}

impl Direction {
    fn ways(self) -> impl Iterator<Item = usize> {
        [(ToServer, 0), (ToClient, 1)].into_iter().filter(move |(way, _)| self == Both || self == *way).map(|(_, n)| n)
    }
}

/// Carries one direction until it ends. A cut swallows also the end, so both sockets stay open for good then.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Arc<Way>) {
    let mut buffer = vec![0; 4096];
    loop {
        let read = from.read(&mut buffer).await;
        let cut = way.cut.load(Ordering::SeqCst);
        match read {
            Ok(count @ 1..) if cut => way.swallowed.lock().unwrap().extend_from_slice(&buffer[..count]),
            Ok(count @ 1..) => {
                // Who does not take it is gone, and its end comes the other way.
                let _ = to.write_all(&buffer[..count]).await;
            }
            _ if cut => std::future::pending().await,
            _ => {
                let _ = to.shutdown().await;
                break;
            }
        }
    }
    // A cut that comes now must not be told by this half either: the other one says when the sockets go.
    to.forget();
}
