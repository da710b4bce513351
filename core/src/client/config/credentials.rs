//! Who we are towards the registrar, by a header field of the opening handshake.
//!
//! Covers: RFC 7617 (Basic), RFC 6750 (Bearer); TS-0020 7 (WS-7-3: without TLS anybody on the way reads them).

use super::ClientBuilder;
use crate::binding::PointOfAccess;
use crate::websocket::handshake::{Credentials, InvalidField};
use crate::{Error, ErrorKind, Result};

impl ClientBuilder {
    /// Who we are towards the registrar, by user name and password (Basic, RFC 7617): in `Authorization` of every
    /// opening handshake, whether it asks for them or not. None by default. Of this and [`bearer`](Self::bearer) the
    /// later call holds.
    ///
    /// They go to the registrar only, never to a proxy, and are shown nowhere. Without TLS they can be read on the way:
    /// a warning is logged then, unless the registrar is on this host. ACME takes them with its `enableBasicAuth`;
    /// wrong ones it answers with 101, and then closes the connection with 1011.
    ///
    /// [`Client::connect`](super::Client::connect) fails with `InvalidArgument` if the user name has a colon, or either
    /// a control character; with `HandshakeRefused` if the registrar does not accept them, and is not tried again.
    ///
    /// ```no_run
    /// # async fn example(password: &str) -> onem2m_ws::Result<()> {
    /// use onem2m_ws::client::Client;
    ///
    /// let client = Client::builder("ws://localhost:9000").originator("Csensor1").basic("gateway", password).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        self.credentials = Some(named("basic", Credentials::basic(user.as_ref(), password.as_ref())));
        self
    }

    /// Who we are towards the registrar, by a token (Bearer, RFC 6750), as [`basic`](Self::basic) says. The token is of
    /// letters, digits and `-._~+/`, with `=` at its end only.
    pub fn bearer(mut self, token: impl AsRef<str>) -> Self {
        self.credentials = Some(named("bearer", Credentials::bearer(token.as_ref())));
        self
    }

    /// The credentials for `poa`, if there are some.
    pub(in crate::client) fn credentials_for(&self, poa: &PointOfAccess) -> Result<Option<Credentials>> {
        let Some(credentials) = self.credentials.clone().transpose()? else { return Ok(None) };
        if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Authorization")) {
            let text = "header \"Authorization\" besides basic or bearer: the credentials are to be in one place";
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        if !poa.is_secure() && !poa.is_loopback() {
            tracing::warn!(%poa, "the credentials can be read on the way: use wss://");
        }
        Ok(Some(credentials))
    }
}

/// With the setting's name in the error.
pub(super) fn named(setting: &str, credentials: std::result::Result<Credentials, InvalidField>) -> Result<Credentials> {
    credentials.map_err(|invalid| Error::new(ErrorKind::InvalidArgument, format!("{setting}: {invalid}")))
}
