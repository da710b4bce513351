//! A connection by OpenSSL that behaves as one by rustls.
//!
//! Covers: TS-0020 5.1. What it does not do: handshakes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use openssl::ssl::ErrorCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_openssl::SslStream;

use crate::net::tls::stream::Quiet;

/// It writes one buffer at a time, by `send` with the flag that keeps SIGPIPE away.
pub(crate) struct Stream {
    inner: SslStream<Quiet>,
    /// Our end of TLS is sent.
    is_ended: bool,
}

impl Stream {
    pub(super) fn new(inner: SslStream<Quiet>) -> Self {
        Self { inner, is_ended: false }
    }

    #[cfg(test)]
    pub(super) fn ssl(&self) -> &openssl::ssl::SslRef {
        self.inner.ssl()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // The binding takes a connection that is cut for one that has ended; asked again, OpenSSL tells.
        match Pin::new(&mut self.inner).poll_peek(cx, &mut [0]) {
            Poll::Ready(Err(error)) if error.code() != ErrorCode::ZERO_RETURN => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the peer ended the connection without ending TLS before",
            ))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // OpenSSL, asked again, would wait for the peer's end, which need not come.
        if self.is_ended {
            return Pin::new(self.inner.get_mut()).poll_shutdown(cx);
        }
        let ended = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.is_ended = ended.is_ready();
        ended
    }
}
