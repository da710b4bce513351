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
    SockRef::from(stream).set_tcp_user_timeout(Some(write_timeout.clamp(LEAST, MOST)))?;
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux", target_os = "cygwin")))]
    let _ = (SockRef::from(stream), write_timeout);
    Ok(())
}

/// What the system takes: a number of milliseconds without a sign in a type that has one, and 0 for its own default.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux", target_os = "cygwin"))]
const LEAST: Duration = Duration::from_millis(1);
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux", target_os = "cygwin"))]
const MOST: Duration = Duration::from_millis(i32::MAX as u64);

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ws_6_3_2_every_socket_has_no_delay_and_a_user_timeout() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let year = Duration::from_secs(365 * 24 * 3600);
        for (time, set) in
            [(Duration::from_secs(30), Duration::from_secs(30)), (Duration::from_nanos(1), LEAST), (year, MOST)]
        {
            tune(&stream, time).unwrap();
            assert!(stream.nodelay().unwrap());
            assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(set));
        }
    }
}
