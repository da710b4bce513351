//! Basic and Bearer credentials of a peer, for the program's hook: read once and for all, and compared without telling
//! by the time how much of a guess is right.
//!
//! Covers: RFC 7617, RFC 6750 2.1, RFC 7235 2.1 and 4.2. What it does not do: know which ones are good, or overwrite
//! the bytes of the handshake itself, which are the connection's until it is open.

use std::fmt;

use data_encoding::BASE64;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::HandshakeInfo;
use crate::websocket::handshake::is_b64token;

/// What a peer says to prove who it is. It is not part of `Debug`, and overwritten in memory when dropped.
pub struct Secret(Zeroizing<String>);

/// User name and password of a peer (RFC 7617): both are what it says, and prove nothing before they were compared.
#[derive(Debug)]
pub struct Basic {
    /// Without a colon.
    pub user: Secret,
    /// What follows the first colon; may be empty.
    pub password: Secret,
}

impl Secret {
    /// Whether it is this one. The time that it takes depends on the lengths of both, not on where they differ.
    #[must_use]
    pub fn is(&self, expected: &str) -> bool {
        self.0.as_bytes().ct_eq(expected.as_bytes()).into()
    }

    /// The text, for a lookup or for a function that compares hashes. An `==` on it is not safe: use [`is`](Self::is).
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl HandshakeInfo<'_> {
    /// The user name and password in `Authorization: Basic`. `None` if there are none, if there is more than one
    /// `Authorization`, or if it is malformed: no Base64 of UTF-8 with a colon and without control characters.
    ///
    /// ```
    /// use onem2m_ws::server::{Denied, Principal, Server};
    ///
    /// let password = "read it from a file";
    /// let server = Server::builder().listen("ws://127.0.0.1:0").authenticate(move |handshake| {
    ///     let denied = || Denied::unauthorized("Basic realm=\"cse\"");
    ///     let peer = handshake.basic().ok_or_else(denied)?;
    ///     // Both are compared always: how long it takes does not tell which users there are.
    ///     if peer.user.is("gateway") & peer.password.is(password) {
    ///         return Ok(Some(Principal::new("gateway")));
    ///     }
    ///     Err(denied())
    /// });
    /// # let _ = server;
    /// ```
    #[must_use]
    pub fn basic(&self) -> Option<Basic> {
        let encoded = self.authorization("Basic")?.as_bytes();
        let mut plain = Zeroizing::new(vec![0; BASE64.decode_len(encoded.len()).ok()?]);
        let count = BASE64.decode_mut(encoded, &mut plain).ok()?;
        let (user, password) = std::str::from_utf8(&plain[..count]).ok()?.split_once(':')?;
        let good = !user.chars().chain(password.chars()).any(char::is_control);
        good.then(|| Basic { user: Secret::new(user), password: Secret::new(password) })
    }

    /// The token in `Authorization: Bearer`. `None` if there is none, if there is more than one `Authorization`, or if
    /// it is no `b64token` (RFC 6750 2.1).
    #[must_use]
    pub fn bearer(&self) -> Option<Secret> {
        self.authorization("Bearer").filter(|token| is_b64token(token)).map(Secret::new)
    }

    /// What follows this scheme, whose case means nothing, in the only `Authorization` there is.
    fn authorization(&self, scheme: &str) -> Option<&str> {
        let mut fields = self.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Authorization"));
        let (Some((_, value)), None) = (fields.next(), fields.next()) else { return None };
        let (named, credentials) = value.split_once(' ')?;
        named.eq_ignore_ascii_case(scheme).then(|| credentials.trim_matches(' '))
    }
}

impl Secret {
    fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::Random;
    use crate::websocket::handshake::client::{ClientHandshake, ClientRequest};
    use crate::websocket::handshake::server::ServerHandshake;
    use crate::websocket::handshake::{Credentials, Limits};

    /// What the hook sees of a handshake with these header lines.
    fn seen<T>(lines: &str, look: impl FnOnce(&HandshakeInfo<'_>) -> T) -> T {
        let mut handshake = ServerHandshake::new(Limits::default());
        let head = format!(
            "GET / HTTP/1.1\r\nHost: in\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: ud63env87LQLd4uIV20/oQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
        );
        let request = handshake.handle_data(head.as_bytes()).unwrap().unwrap();
        look(&HandshakeInfo { request: &request, peer: ([127, 0, 0, 1], 1).into(), identity: None })
    }

    /// The line of a real client's request.
    fn line(credentials: &Credentials) -> String {
        let credentials = Some(credentials.clone());
        let request =
            ClientRequest { authority: "in".into(), target: "/".into(), credentials, ..ClientRequest::default() };
        let mut handshake = ClientHandshake::new(&request, Limits::default(), &mut Zeros).unwrap();
        let text = String::from_utf8(handshake.transmit().to_vec()).unwrap();
        text.lines().find(|line| line.starts_with("Authorization: ")).unwrap().to_owned() + "\r\n"
    }

    struct Zeros;

    impl Random for Zeros {
        fn fill(&mut self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    fn basic(lines: &str) -> Option<(String, String)> {
        let basic = seen(lines, |peer| peer.basic())?;
        Some((basic.user.expose().to_owned(), basic.password.expose().to_owned()))
    }

    fn bearer(lines: &str) -> Option<String> {
        seen(lines, |peer| peer.bearer()).map(|token| token.expose().to_owned())
    }

    #[test]
    fn what_a_client_sends_is_what_the_hook_sees() {
        for (user, password) in [("Aladdin", "open sesame"), ("", "x"), ("u", ""), ("ü", "p:w:"), ("", "")] {
            let sent = line(&Credentials::basic(user, password).unwrap());
            assert_eq!(basic(&sent), Some((user.to_owned(), password.to_owned())));
            assert_eq!(bearer(&sent), None);
        }
        let sent = line(&Credentials::bearer("mF_9.B5f-4.1JqM==").unwrap());
        assert_eq!((basic(&sent), bearer(&sent)), (None, Some("mF_9.B5f-4.1JqM==".to_owned())));
        assert!(basic("authorization:  bAsIc   dTpw  \r\n").is_some(), "case and blanks mean nothing");
    }

    #[test]
    fn what_is_malformed_or_there_twice_is_nothing() {
        for lines in [
            "",
            "Authorization: Basic\r\n",
            "Authorization: Basic \r\n",
            "Authorization: BasicdTpw\r\n",
            "Authorization: Digest dTpw\r\n",
            "Authorization: Basic dTp\r\n",
            "Authorization: Basic dTpw=\r\n",
            "Authorization: Basic dTp_\r\n",
            "Authorization: Basic dTpw dTpw\r\n",
            "Authorization: Basic dXA=\r\n", // no colon
            "Authorization: Basic dTr/\r\n", // no UTF-8
            "Authorization: Basic dToK\r\n", // a line feed
            "Authorization: Basic dTpw\r\nAuthorization: Basic dTpw\r\n",
            "Authorization: Basic dTpw\r\nauthorization: Bearer a\r\n",
            "Proxy-Authorization: Basic dTpw\r\n",
        ] {
            assert_eq!(basic(lines), None, "{lines}");
        }
        for lines in [
            "Authorization: Bearer\r\n",
            "Authorization: Bearer =\r\n",
            "Authorization: Bearer a b\r\n",
            "Authorization: Bearer a,b\r\n",
            "Authorization: Bearer a\"\r\n",
            "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n",
            "Authorization: a\r\n",
        ] {
            assert_eq!(bearer(lines), None, "{lines}");
        }
    }

    #[test]
    fn they_are_compared_whole_and_not_shown() {
        let secret = Secret::new("hunter2");
        assert!(secret.is("hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2", "hunter3"] {
            assert!(!secret.is(other), "{other}");
        }
        let basic = Basic { user: Secret::new("gateway"), password: secret };
        let text = format!("{basic:?}");
        assert!(!text.contains("hunter2") && !text.contains("gateway"), "{text}");
    }
}
