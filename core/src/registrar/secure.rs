//! TLS of the embedded registrar: of the connections of its registrees, and of the one to its own registrar.
//!
//! Covers: TS-0020 7; row WS-7-1. What it does not do: more than passing settings on to the server and to the client that do it.

use super::{Registrar, RegistrarBuilder, Upstream};
use crate::net::tls::Tls;
use crate::{ErrorKind, Result};

impl RegistrarBuilder {
    /// What TLS is to be like at each `wss://` place. See [`ServerBuilder::tls`](crate::server::ServerBuilder::tls).
    pub fn tls(self, tls: Tls) -> Self {
        self.with_server(|server| server.tls(tls))
    }

    /// Listens at `wss://host:port` with TLS settings of its own.
    pub fn listen_with(self, point_of_access: impl Into<String>, tls: Tls) -> Self {
        self.with_server(|server| server.listen_with(point_of_access, tls))
    }
}

impl Upstream {
    /// What TLS of the connection to a registrar at `wss://host[:port]` is to be like. See
    /// [`ClientBuilder::tls`](crate::client::ClientBuilder::tls).
    pub fn tls(self, tls: Tls) -> Self {
        self.with_client(|client| client.tls(tls))
    }
}

impl Registrar {
    /// Reads the files of all TLS settings anew, those of the connection to its own registrar too. See
    /// [`Server::reload_tls`](crate::server::Server::reload_tls): how many connections of registrees are closed is returned; and
    /// [`Client::reload_tls`](crate::client::Client::reload_tls).
    ///
    /// # Errors
    /// `InvalidArgument` if a file cannot be used: what needs it goes on with what it has. `InvalidState` if there is no TLS.
    pub fn reload_tls(&self) -> Result<usize> {
        let registrees = self.server().reload_tls();
        let Some(above) = self.upstream.as_ref().map(|upstream| upstream.client().reload_tls()) else {
            return registrees;
        };
        // What is without TLS has nothing to reload.
        let is_without = |kind| kind == ErrorKind::InvalidState;
        match (registrees, above) {
            (Err(error), above) if is_without(error.kind()) => match above {
                Ok(()) => Ok(0),
                Err(above) if is_without(above.kind()) => Err(error),
                Err(above) => Err(above),
            },
            (Ok(_), Err(above)) if !is_without(above.kind()) => Err(above),
            (registrees, _) => registrees,
        }
    }
}
