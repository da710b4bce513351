//! HTTP proxies as people name them: by a URL, or by the variables of the environment.
//!
//! Covers: TS-0020 6.6; row WS-6.6-1. Asking a proxy for a tunnel is [`crate::websocket::handshake::proxy`]'s part. What it
//! does not do: read the environment (variables are looked up by a function that is given), resolve names, or know of
//! proxies that are asked by TLS or SOCKS.

mod variables;

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::poa::host_and_port;
use crate::websocket::handshake::proxy::Credentials;
use crate::{Error, ErrorKind};

/// An HTTP proxy, and who we are towards it. Shown, it is `http://host:port`, never with its credentials.
///
/// ```
/// use onem2m_ws::binding::Proxy;
///
/// let proxy: Proxy = "http://gateway:s%40cret@proxy.example:3128".parse()?;
/// assert_eq!((proxy.host(), proxy.port(), proxy.credentials().is_some()), ("proxy.example", 3128, true));
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// assert_eq!("proxy.example".parse::<Proxy>()?.port(), 80);
/// # Ok::<(), onem2m_ws::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Without brackets.
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

impl Proxy {
    /// Name, IPv4 or IPv6 address (without brackets).
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 80 where the URL names none, as in other URLs with `http` (curl alone takes 1080).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who we are towards it.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The same proxy with these credentials instead of those of its URL.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }
}

impl FromStr for Proxy {
    type Err = Error;

    /// Takes `http://[user:password@]host[:port]`, also without `http://`, with what is not allowed in a URL
    /// percent-encoded. The error never shows the text, which may have a password.
    fn from_str(url: &str) -> Result<Self, Error> {
        read(url).map_err(|what| {
            let text = format!("the proxy's URL: {what}; write it as http://[user:password@]host[:port]");
            Error::new(ErrorKind::InvalidArgument, text)
        })
    }
}

fn read(url: &str) -> Result<Proxy, String> {
    if url.bytes().any(|b| b <= b' ' || b >= 0x7f) {
        return Err("it has a blank, a control character or a character outside ASCII".to_owned());
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err("a proxy that is asked by TLS (https://) is not part of this version".to_owned()),
        "socks" | "socks4" | "socks4a" | "socks5" | "socks5h" => {
            return Err("a SOCKS proxy is not part of this version".to_owned());
        }
        _ => return Err("the scheme is not http".to_owned()),
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !matches!(path, "" | "/") {
        return Err("it has more than a host and a port (a / ? or # in the password is written %2F %3F %23)".to_owned());
    }
    let (userinfo, authority) = match authority.rsplit_once('@') {
        Some((userinfo, authority)) => (Some(userinfo), authority),
        None => (None, authority),
    };
    let (host, port) = host_and_port(authority)?;
    let credentials = match userinfo {
        None | Some("") => None,
        Some(userinfo) => {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            let decode = |text, what| percent_decoded(text).ok_or(format!("the {what} is not percent-encoded UTF-8"));
            let (user, password) = (decode(user, "user name")?, decode(password, "password")?);
            Some(Credentials::basic(&user, &password).map_err(|invalid| invalid.to_string())?)
        }
    };
    Ok(Proxy { host, port: port.unwrap_or(80), credentials })
}

/// RFC 3986 2.1. Not by a crate, since no copy may stay in memory.
fn percent_decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, rest) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                u8::try_from(digit(high)? << 4 | digit(low)?).ok()?
            }
            (b'%', _) => return None,
            (byte, _) => *byte,
        });
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "http://{open}{}{close}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}{})", if self.credentials.is_some() { ", credentials hidden" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Proxy {
        url.parse().unwrap()
    }

    #[test]
    fn ws_6_6_1_a_proxy_is_named_by_its_url() {
        for (url, host, port) in [
            ("http://proxy.example:3128", "proxy.example", 3128),
            ("HTTP://Proxy.Example:3128/", "proxy.example", 3128),
            ("http://proxy.example", "proxy.example", 80),
            ("http://proxy.example:", "proxy.example", 80),
            ("proxy.example:3128", "proxy.example", 3128),
            ("proxy", "proxy", 80),
            ("http://192.0.2.1:8080", "192.0.2.1", 8080),
            ("http://[2001:db8::1]:8080", "2001:db8::1", 8080),
            ("[::1]", "::1", 80),
            ("http://@proxy:1", "proxy", 1),
        ] {
            let proxy = parse(url);
            assert_eq!((proxy.host(), proxy.port(), proxy.credentials()), (host, port, None), "{url}");
        }
        assert_eq!(parse("[2001:DB8::1]").to_string(), "http://[2001:db8::1]:80");
    }

    #[test]
    fn ws_6_6_1_credentials_in_the_url_are_percent_decoded() {
        for (userinfo, user, password) in [
            ("u:p", "u", "p"),
            ("u", "u", ""),
            (":p", "", "p"),
            ("u:p:w", "u", "p:w"),
            ("u:p@w", "u", "p@w"),
            ("us%65r:p%40%3a%2F%3F%23%25w", "user", "p@:/?#%w"),
            ("u:open%20sesame", "u", "open sesame"),
            ("m%C3%BCller:p%e2%82%ac", "müller", "p€"),
        ] {
            for url in [format!("http://{userinfo}@proxy:1"), format!("{userinfo}@proxy:1/")] {
                let expected = Credentials::basic(user, password).unwrap();
                assert_eq!(parse(&url).credentials(), Some(&expected), "{url}");
            }
        }
        let replaced = parse("http://u:p@proxy").with_credentials(Credentials::basic("other", "one").unwrap());
        assert_eq!(replaced.credentials(), Some(&Credentials::basic("other", "one").unwrap()));
    }

    #[test]
    fn ws_6_6_1_what_is_no_proxy_is_refused_without_showing_it() {
        for (url, reason) in [
            ("", "no host"),
            ("http://", "no host"),
            ("http://hunter2:hunter2@", "no host"),
            ("http://hunter2:hunter2@:80", "no host"),
            ("https://hunter2:hunter2@proxy", "https://"),
            ("socks5://hunter2:hunter2@proxy", "SOCKS"),
            ("ftp://hunter2:hunter2@proxy", "not http"),
            ("http://u:hunter2@proxy:0", "port"),
            ("http://u:hunter2@proxy:65536", "port"),
            ("http://u:hunter2@proxy:http", "port"),
            ("http://u:hunter2@proxy/path", "more than"),
            ("http://u:hunter2/1@proxy", "more than"),
            ("http://u:hunter2@proxy?x", "more than"),
            ("http://u:hunter2#1@proxy", "more than"),
            ("http://u:hunter2@::1:80", "brackets"),
            ("http://u:hunter2@[::1", "not closed"),
            ("http://u:hunter2@pro*xy", "character"),
            ("http://u:hunter2@proxy\r\nX: y", "control"),
            ("http://u:hunter2 @proxy", "blank"),
            ("http://u:hunter2é@proxy", "outside ASCII"),
            ("http://u:hunter2%0d%0aX:y@proxy", "control"),
            ("http://u:hunter2%00@proxy", "control"),
            ("http://u%3A:hunter2@proxy", "colon"),
            ("http://u:hunter2%@proxy", "percent"),
            ("http://u:hunter2%4@proxy", "percent"),
            ("http://u:hunter2%4x@proxy", "percent"),
            ("http://u:hunter2%ff@proxy", "percent"),
        ] {
            let error = url.parse::<Proxy>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(reason), "{url:?}: {error}");
            assert!(!error.message().contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn ws_6_6_1_a_proxy_shows_no_credentials() {
        let proxy = parse("http://hunter2:hunter2@proxy:3128");
        assert_eq!(proxy.to_string(), "http://proxy:3128");
        assert_eq!(format!("{proxy:?}"), "Proxy(http://proxy:3128, credentials hidden)");
    }
}
