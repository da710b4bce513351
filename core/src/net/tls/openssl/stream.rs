//! A connection by OpenSSL that behaves as one by rustls.
//!
//! Covers: TS-0020 5.1. What it does not do: handshakes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use openssl::ssl::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_openssl::SslStream;

use super::failure::{self, reason};
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
        Pin::new(&mut self.inner).poll_read(cx, buffer).map_err(|error| {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()).and_then(failure::reason_of);
            match cause {
                Some(reason::UNEXPECTED_EOF_WHILE_READING) => io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the peer ended the connection without ending TLS before",
                ),
                _ => error,
            }
        })
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
