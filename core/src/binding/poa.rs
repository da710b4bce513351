//! Points of access: where a CSE can be reached by WebSocket.
//!
//! Covers: TS-0020 6.2.1, rows WS-6.2.1-2, WS-6.2.2.1-1, WS-6.2.2.2-1 (`Host` is the authority of the point of access).
//! Does not resolve names.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// A `ws://` or `wss://` point of access.
///
/// ```
/// use onem2m_ws::binding::PointOfAccess;
///
/// let poa: PointOfAccess = "ws://[::1]:9000".parse()?;
/// assert_eq!((poa.host(), poa.port(), poa.is_secure()), ("::1", 9000, false));
/// assert_eq!(poa.to_string(), "ws://[::1]:9000");
/// assert_eq!("wss://in.example".parse::<PointOfAccess>()?.port(), 443);
/// # Ok::<(), onem2m_ws::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PointOfAccess {
    secure: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// Begins with `/`.
    target: String,
}

impl PointOfAccess {
    /// The point of access of a server that listens at `address`.
    #[must_use]
    pub fn from_address(address: SocketAddr, secure: bool) -> Self {
        Self { secure, host: address.ip().to_string(), port: address.port(), target: "/".to_owned() }
    }

    /// True for `wss://`: TLS comes before the opening handshake (TS-0020 7).
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Name, IPv4 or IPv6 address (without brackets).
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// True if the host is this one by its name alone (RFC 6761 6.3), or by its address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => {
                let name = self.host.strip_suffix('.').unwrap_or(&self.host);
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }

    /// The port; 80 and 443 where the URI names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The request target of the opening handshake: `/`, or the path and query of the URI for peers that need one.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The authority, as the `Host` header has it: the port only where it is not the scheme's default.
    #[must_use]
    pub fn authority(&self) -> String {
        let bracketed = self.host.contains(':');
        let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
        if self.port == default_port(self.secure) {
            format!("{open}{}{close}", self.host)
        } else {
            format!("{open}{}{close}:{}", self.host, self.port)
        }
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// The host, without brackets and in lower case, and the port of an authority (RFC 3986 3.2) in visible ASCII. On failure:
/// what is wrong.
pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = if let Some(v6) = authority.strip_prefix('[') {
        let (host, after) = v6.split_once(']').ok_or("the bracket of an IPv6 address is not closed")?;
        host.parse::<Ipv6Addr>().map_err(|_| "what stands in brackets is no IPv6 address")?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("something other than a port follows the IPv6 address"),
        }
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err("an IPv6 address needs brackets"),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return Err("there is no host");
    }
    if !authority.starts_with('[') && !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)) {
        return Err("the host has a character that no name has");
    }
    let port = match port {
        None | Some("") => None,
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port != 0 && text.bytes().all(|b| b.is_ascii_digit()) => Some(port),
            _ => return Err("the port is no number from 1 to 65535"),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

impl FromStr for PointOfAccess {
    type Err = Error;

    fn from_str(uri: &str) -> Result<Self, Error> {
        let bad = |what: &str| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("point of access {uri:?}: {what}; write it as ws://host[:port] or wss://host[:port]"),
            )
        };
        let (scheme, rest) = uri.split_once("://").ok_or_else(|| bad("there is no scheme"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(bad("the scheme is neither ws nor wss")),
        };
        if rest.bytes().any(|b| b <= b' ' || b >= 0x7f) {
            return Err(bad("it has a blank, a control character or a character outside ASCII"));
        }
        if rest.contains('#') {
            return Err(bad("a fragment has no meaning here (RFC 6455 3)"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(bad("a user name or password does not belong in it"));
        }
        let (host, port) = host_and_port(authority).map_err(bad)?;
        let port = port.unwrap_or(default_port(secure));
        let target = match target.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'?') => format!("/{target}"),
            Some(_) => target.to_owned(),
        };
        Ok(Self { secure, host, port, target })
    }
}

impl fmt::Display for PointOfAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "wss" } else { "ws" }, self.authority())?;
        if self.target == "/" { Ok(()) } else { f.write_str(&self.target) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> PointOfAccess {
        uri.parse().unwrap()
    }

    #[test]
    fn ws_6_2_1_2_default_ports_names_and_addresses() {
        for (uri, secure, host, port) in [
            ("ws://ws-server.example.com:80", false, "ws-server.example.com", 80),
            ("ws://ws-server.example.com", false, "ws-server.example.com", 80),
            ("wss://10.251.232.119:443", true, "10.251.232.119", 443),
            ("wss://10.251.232.119", true, "10.251.232.119", 443),
            ("WS://Example.Net:9000/", false, "example.net", 9000),
            ("ws://[2001:db8::1]", false, "2001:db8::1", 80),
            ("wss://[::1]:9000", true, "::1", 9000),
        ] {
            let poa = parse(uri);
            assert_eq!((poa.is_secure(), poa.host(), poa.port()), (secure, host, port), "{uri}");
        }
    }

    #[test]
    fn ws_6_2_2_2_1_host_is_the_authority_of_the_point_of_access() {
        assert_eq!(parse("ws://example.net:9000/").authority(), "example.net:9000");
        assert_eq!(parse("ws://example.net:80").authority(), "example.net");
        assert_eq!(parse("wss://[::1]:443").authority(), "[::1]");
        assert_eq!(parse("wss://[::1]:80").authority(), "[::1]:80");
    }

    #[test]
    fn ws_6_2_2_1_1_target_is_slash_unless_the_uri_has_another() {
        assert_eq!(parse("ws://h").target(), "/");
        assert_eq!(parse("ws://h/").target(), "/");
        assert_eq!(parse("ws://h/ws/v1?x=1").target(), "/ws/v1?x=1");
        assert_eq!(parse("ws://h?x=1").target(), "/?x=1");
        assert_eq!(parse("ws://h/ws").to_string(), "ws://h/ws");
    }

    #[test]
    fn what_is_no_point_of_access_is_refused_with_the_reason() {
        for (uri, reason) in [
            ("localhost:9000", "no scheme"),
            ("http://h", "neither ws nor wss"),
            ("ws://", "no host"),
            ("ws://:9000", "no host"),
            ("ws://h:0", "port"),
            ("ws://h:65536", "port"),
            ("ws://h:+80", "port"),
            ("ws://::1:9000", "brackets"),
            ("ws://[::1", "not closed"),
            ("ws://[nonsense]", "no IPv6"),
            ("ws://[::1]9000", "follows"),
            ("ws://u:p@h", "user name"),
            ("ws://h/#f", "fragment"),
            ("ws://h /", "blank"),
            ("ws://h\r\nX: y", "control"),
            ("ws://h*x", "character"),
            ("ws://bücher.example", "outside ASCII"),
        ] {
            let error = uri.parse::<PointOfAccess>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(reason), "{uri}: {error}");
        }
    }
}
