//! The variables that say which proxy leads where: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
//!
//! Covers: row WS-6.6-1. No standard has them; where programs differ, this does as most do, and says so below.

use std::net::IpAddr;

use zeroize::Zeroizing;

use super::Proxy;
use crate::binding::PointOfAccess;
use crate::{Error, ErrorKind};

impl Proxy {
    /// The proxy that the variables of an environment name for `poa`; `None` for a direct connection.
    ///
    /// - `https_proxy` or `HTTPS_PROXY` counts for `wss://`, `http_proxy` or `HTTP_PROXY` for `ws://`, else `all_proxy` or
    ///   `ALL_PROXY`. Of two spellings the lower one holds (as in curl), and an empty variable is none. `HTTP_PROXY` does not
    ///   count where `REQUEST_METHOD` is set: in a CGI program it is the `Proxy` header of a stranger's request.
    /// - `no_proxy` or `NO_PROXY` lists what is reached directly, separated by commas or blanks: `*` for everything, a name
    ///   for itself and all names below it (with or without a dot or `*.` in front), an address, or a block of addresses as
    ///   `10.0.0.0/8`; a name or address with a port counts for that port. Names are not resolved for this.
    /// - `localhost` and loopback addresses are always reached directly (as in Go): a proxy's are its own.
    ///
    /// ```
    /// use onem2m_ws::binding::Proxy;
    ///
    /// let variables = |name: &str| match name {
    ///     "http_proxy" => Some("http://proxy.example:3128".to_owned()),
    ///     "no_proxy" => Some(".plant.example, 10.0.0.0/8".to_owned()),
    ///     _ => None,
    /// };
    /// let proxy = |poa: &str| Proxy::from_variables(&poa.parse()?, variables);
    /// assert!(proxy("ws://in.example:9000")?.is_some());
    /// assert!(proxy("ws://mn.plant.example:9000")?.is_none());
    /// assert!(proxy("ws://10.1.2.3:9000")?.is_none());
    /// # Ok::<(), onem2m_ws::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` if the variable that counts is no proxy's URL; its value is not shown.
    pub fn from_variables(
        poa: &PointOfAccess,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(Zeroizing::new);
        if poa.is_loopback() {
            return Ok(None);
        }
        let exceptions = variable("no_proxy").or_else(|| variable("NO_PROXY"));
        if exceptions.is_some_and(|list| has(&list, poa.host(), poa.port())) {
            return Ok(None);
        }
        let names: &[&str] = match poa.is_secure() {
            true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
            false if variable("REQUEST_METHOD").is_some() => &["http_proxy", "all_proxy", "ALL_PROXY"],
            false => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
        };
        let Some((name, url)) = names.iter().find_map(|name| variable(name).map(|url| (name, url))) else {
            return Ok(None);
        };
        let named = |error: Error| {
            Error::new(ErrorKind::InvalidArgument, format!("environment variable {name}: {}", error.message()))
        };
        url.parse().map(Some).map_err(named)
    }
}

/// Whether a list of exceptions has this host (in lower case) and port.
fn has(list: &str, host: &str, port: u16) -> bool {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    let name = host.strip_suffix('.').unwrap_or(host);
    let address = address(host);
    entries.into_iter().any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return address.is_some_and(|address| is_within(address, network, bits));
        }
        let (entry, entry_port) = without_port(entry);
        if entry_port.is_some_and(|entry_port| entry_port != port) {
            return false;
        }
        match (address, self::address(entry)) {
            (Some(address), Some(excepted)) => address == excepted,
            (None, None) => is_below(name, entry),
            _ => false,
        }
    })
}

/// An entry without the port behind it; an IPv6 address has colons of its own, and brackets if a port follows.
fn without_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// An address, with or without brackets; one of IPv4 that is mapped into IPv6 is the one of IPv4.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let Some((network, bits)) = self::address(network).zip(bits.parse::<u32>().ok()) else { return false };
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(address.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    // Shifting by all bits of a number is none.
    bits <= width && (address ^ network).checked_shr(width - bits).unwrap_or(0) == 0
}

fn is_below(name: &str, domain: &str) -> bool {
    let domain = domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')).unwrap_or(domain);
    let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
    match name.strip_suffix(domain.as_str()) {
        Some(above) => !domain.is_empty() && (above.is_empty() || above.ends_with('.')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy's host, from variables as `NAME=value`.
    fn chosen(poa: &str, variables: &[&str]) -> Result<Option<String>, Error> {
        let variable = |wanted: &str| {
            let pairs = variables.iter().filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
        };
        let proxy = Proxy::from_variables(&poa.parse().unwrap(), variable)?;
        Ok(proxy.map(|proxy| proxy.host().to_owned()))
    }

    #[test]
    fn ws_6_6_1_which_variable_counts() {
        const WS: &str = "ws://in.example";
        const WSS: &str = "wss://in.example";
        for (poa, variables, expected) in [
            (WS, &[][..], None),
            (WS, &["HTTP_PROXY=a"], Some("a")),
            (WS, &["http_proxy=a"], Some("a")),
            (WS, &["http_proxy=a", "HTTP_PROXY=b"], Some("a")),
            (WS, &["http_proxy=", "HTTP_PROXY=b"], Some("b")),
            (WS, &["HTTPS_PROXY=a", "https_proxy=b"], None),
            (WS, &["ALL_PROXY=a"], Some("a")),
            (WS, &["all_proxy=a", "HTTP_PROXY=b"], Some("b")),
            (WS, &["HTTP_PROXY=", "ALL_PROXY=a"], Some("a")),
            (WSS, &["HTTP_PROXY=a", "http_proxy=b"], None),
            (WSS, &["HTTPS_PROXY=a"], Some("a")),
            (WSS, &["https_proxy=a", "HTTPS_PROXY=b"], Some("a")),
            (WSS, &["ALL_PROXY=a"], Some("a")),
            // A CGI program: the upper spelling is a stranger's.
            (WS, &["REQUEST_METHOD=GET", "HTTP_PROXY=evil"], None),
            (WS, &["REQUEST_METHOD=GET", "HTTP_PROXY=evil", "http_proxy=a"], Some("a")),
            (WS, &["REQUEST_METHOD=GET", "HTTP_PROXY=evil", "ALL_PROXY=a"], Some("a")),
            (WSS, &["REQUEST_METHOD=GET", "HTTPS_PROXY=a"], Some("a")),
            (WS, &["HTTP_PROXY=a", "NO_PROXY=in.example"], None),
            (WS, &["HTTP_PROXY=a", "no_proxy=in.example"], None),
            (WS, &["HTTP_PROXY=a", "no_proxy=other", "NO_PROXY=in.example"], Some("a")),
            (WS, &["HTTP_PROXY=a", "no_proxy=", "NO_PROXY=in.example"], None),
            (WS, &["HTTP_PROXY=a", "NO_PROXY="], Some("a")),
        ] {
            assert_eq!(chosen(poa, variables).unwrap().as_deref(), expected, "{poa} {variables:?}");
        }
    }

    #[test]
    fn ws_6_6_1_loopback_is_reached_directly() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            let poa = format!("ws://{host}:9000");
            assert_eq!(chosen(&poa, &["HTTP_PROXY=a"]).unwrap(), None, "{host}");
            // Nothing is looked at then, not even whether it is a URL.
            assert_eq!(chosen(&poa, &["HTTP_PROXY=socks5://a"]).unwrap(), None, "{host}");
        }
        for host in ["mylocalhost", "localhost.example", "128.0.0.1", "[::2]"] {
            assert!(chosen(&format!("ws://{host}"), &["HTTP_PROXY=a"]).unwrap().is_some(), "{host}");
        }
    }

    #[test]
    fn ws_6_6_1_exceptions() {
        for (list, host, expected) in [
            ("*", "anything", true),
            ("a, *", "anything", true),
            ("in.example", "in.example", true),
            ("IN.Example.", "in.example", true),
            ("in.example", "in.example.", true),
            ("in.example", "a.in.example", true),
            (".in.example", "in.example", true),
            (".in.example", "a.b.in.example", true),
            ("*.in.example", "in.example", true),
            ("*.in.example", "a.in.example", true),
            ("in.example", "main.example", false),
            (".in.example", "main.example", false),
            ("in.example", "in.example.org", false),
            ("example", "in.example", true),
            (".", "in.example", false),
            ("*.", "in.example", false),
            ("a b\tc,, in.example", "in.example", true),
            ("", "in.example", false),
            ("in.example:9000", "in.example", true),
            (".example:9000", "in.example", true),
            ("in.example:80", "in.example", false),
            ("in.example:x", "in.example", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:9000", "10.1.2.3", true),
            ("10.1.2.3:80", "10.1.2.3", false),
            ("10.1.2.3", "10.1.2.30", false),
            ("2.3", "10.1.2.3", false),
            ("::ffff:10.1.2.3", "10.1.2.3", true),
            ("10.0.0.0/8", "10.255.2.3", true),
            ("10.9.9.9/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.2/32", "10.1.2.3", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.0.0.0/x", "10.0.0.0", false),
            ("10.0.0.0/8", "in.example", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("[2001:db8:0::1]", "2001:db8::1", true),
            ("[2001:db8::1]:9000", "2001:db8::1", true),
            ("[2001:db8::1]:80", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("::/0", "10.1.2.3", false),
            ("0.0.0.0/0", "2001:db9::1", false),
        ] {
            assert_eq!(has(list, host, 9000), expected, "{list:?} {host}");
        }
    }

    #[test]
    fn ws_6_6_1_a_variable_that_is_no_url_is_named_and_not_shown() {
        for value in [
            "socks5://u:hunter2@proxy",
            "http://u:hunter2@proxy:x",
            "https://u:hunter2@proxy",
            "u:hunter2\u{fffd}@proxy",
        ] {
            let error = chosen("wss://in.example", &[&format!("ALL_PROXY={value}")]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains("ALL_PROXY") && !error.message().contains("hunter2"), "{error}");
        }
    }
}
