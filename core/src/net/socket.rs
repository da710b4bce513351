//! What is set on every TCP socket, of either end.
//!
//! Covers: row WS-6.3-2 (a connection lives as long as it can, and a dead one is noticed). What it does not do: open or
//! accept anything.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Small messages leave at once, and bytes that a peer does not acknowledge within `write_timeout` end the connection.
///
/// The latter is for a peer whose network is gone while bytes are under way: TCP by itself repeats them for a quarter of an
/// hour (RFC 5482). A peer that is there and takes no bytes is noticed by the connection itself.
pub(crate) fn tune(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux", target_os = "cygwin"))]
    SockRef::from(stream).set_tcp_user_timeout(Some(write_timeout))?;
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux", target_os = "cygwin")))]
    let _ = (SockRef::from(stream), write_timeout);
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ws_6_3_2_every_socket_has_no_delay_and_a_user_timeout() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tune(&stream, Duration::from_secs(30)).unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
    }
}
