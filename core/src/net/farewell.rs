//! The end of a connection that is refused, so that the peer can read why.
//!
//! Covers: row WS-6.2.3.1-1 (a refusal arrives), WS-7-1 (so does an alert). What it does not do: say why.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// So long a peer that is refused has to take its answer.
const TIME: Duration = Duration::from_secs(1);

/// Sends the last words, if they are not said yet, and then reads what the peer still sends, at most `most` bytes of it: closing a
/// socket with unread bytes resets the connection and may take the words away (RFC 7230 6.6). A peer that does not take them is
/// left alone.
pub(crate) async fn say(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), words: &[u8], most: usize) {
    let say_and_drain = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        let mut scrap = [0; 4096];
        let mut drained = 0;
        while drained < most {
            match stream.read(&mut scrap).await? {
                0 => break,
                count => drained += count,
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(TIME, say_and_drain).await;
}
