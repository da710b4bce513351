//! Users and tokens that a server knows: the hook for programs that have a list of them.
//!
//! Covers: RFC 7617, RFC 6750; rows WS-5.2-3, WS-6.2.3.1-1 (401). What it does not do: keep them in a file, or as
//! hashes.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::{Denied, HandshakeInfo, Principal, Secret};
use crate::websocket::handshake::{Credentials, InvalidField};
use crate::{Error, ErrorKind, Result};

/// Who may open connections, by password (Basic, RFC 7617) or token (Bearer, RFC 6750), for
/// [`ServerBuilder::accounts`](super::ServerBuilder::accounts). No secret is part of `Debug`, and each is overwritten
/// in memory when dropped.
///
/// ```
/// use onem2m_ws::server::{Accounts, Server};
///
/// let accounts = Accounts::new().user("gateway", "read it from a file")?.token("sensor", "mF_9.B5f-4.1JqM")?;
/// let server = Server::builder().listen("ws://127.0.0.1:0").accounts(accounts);
/// # let _ = server;
/// # Ok::<(), onem2m_ws::Error>(())
/// ```
#[derive(Default)]
pub struct Accounts {
    /// Passwords by user name.
    users: BTreeMap<String, Zeroizing<String>>,
    /// Tokens by the name of who has it.
    tokens: BTreeMap<String, Zeroizing<String>>,
}

impl Accounts {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user, or gives it another password. The principal of its connections has its name.
    ///
    /// # Errors
    /// `InvalidArgument` if the name is empty or has a colon, if the password is empty, or if either has a control
    /// character.
    pub fn user(mut self, name: &str, password: &str) -> Result<Self> {
        Credentials::basic(name, password).map_err(invalid)?;
        if name.is_empty() || password.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "accounts: a user needs a name and a password"));
        }
        self.users.insert(name.to_owned(), Zeroizing::new(password.to_owned()));
        Ok(self)
    }

    /// Adds who has this token, or gives it another one. The principal of its connections has this name: one that is a
    /// user's too is the same principal.
    ///
    /// # Errors
    /// `InvalidArgument` if the name is empty, or the token is no `b64token` (RFC 6750 2.1).
    pub fn token(mut self, name: &str, token: &str) -> Result<Self> {
        Credentials::bearer(token).map_err(invalid)?;
        if name.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "accounts: a token needs a name"));
        }
        self.tokens.insert(name.to_owned(), Zeroizing::new(token.to_owned()));
        Ok(self)
    }

    /// Whose handshake this is; 401 if it is nobody's. Every entry is compared, so that the time does not tell which
    /// ones there are.
    pub(super) fn judge(&self, handshake: &HandshakeInfo<'_>) -> std::result::Result<Principal, Denied> {
        let basic = handshake.basic();
        let by_password = |user: &str, password: &str| {
            basic.as_ref().is_some_and(|peer| peer.user.is(user) & peer.password.is(password))
        };
        let token = handshake.bearer();
        let by_token = |token: Option<&Secret>, own: &str| token.is_some_and(|token| token.is(own));
        let mut found = None;
        for (name, password) in &self.users {
            found = by_password(name, password).then_some(name).or(found);
        }
        for (name, own) in &self.tokens {
            found = by_token(token.as_ref(), own).then_some(name).or(found);
        }
        let challenge = if self.users.is_empty() { "Bearer" } else { "Basic realm=\"onem2m\", charset=\"UTF-8\"" };
        found.map(|name| Principal::new(name.as_str())).ok_or_else(|| Denied::unauthorized(challenge))
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, tokens } = self;
        f.debug_struct("Accounts").field("users", &users.len()).field("tokens", &tokens.len()).finish()
    }
}

fn invalid(invalid: InvalidField) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("accounts: {invalid}"))
}
