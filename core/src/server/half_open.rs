//! Counts the sockets whose opening handshake is not done, in total and by address.
//!
//! Covers: RFC 6455 10.4 as far as it goes before the upgrade. Such a socket has proved nothing yet, and costs its peer
//! next to nothing. What it does not do: time them out ([`crate::net::listen`] does), or turn anybody away.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// How many there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfOpenLimits {
    pub(super) total: usize,
    pub(super) per_address: usize,
}

/// The sockets that are being opened.
#[derive(Debug)]
pub(super) struct HalfOpen {
    limits: HalfOpenLimits,
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl HalfOpen {
    pub(super) fn new(limits: HalfOpenLimits) -> Self {
        Self { limits, total: 0, by_address: HashMap::new() }
    }

    /// Takes a place for a peer; false if there is none.
    pub(super) fn enter(&mut self, peer: IpAddr) -> bool {
        let network = network(peer);
        let there = self.by_address.get(&network).copied().unwrap_or_default();
        let fits = self.total < self.limits.total && there < self.limits.per_address;
        if fits {
            self.total += 1;
            self.by_address.insert(network, there + 1);
        }
        fits
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, peer: IpAddr) {
        let network = network(peer);
        self.total -= 1;
        if let Some(there) = self.by_address.get_mut(&network) {
            *there -= 1;
            if *there == 0 {
                self.by_address.remove(&network);
            }
        }
    }
}

/// What counts as one address: IPv6 hands out networks of 64 bits, and whoever has one has every address in it.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_limit_holds_at_its_edge_and_a_place_given_back_is_free() {
        let mut half_open = HalfOpen::new(HalfOpenLimits { total: 3, per_address: 2 });
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(ip);
        assert!(half_open.enter(a) && half_open.enter(a));
        assert!(!half_open.enter(a), "two of one address");
        assert!(half_open.enter(b));
        assert!(!half_open.enter(c), "three in total");
        half_open.leave(a);
        assert!(half_open.enter(c));
        assert!(!half_open.enter(a), "what was refused took no place");
        for peer in [a, b, c] {
            half_open.leave(peer);
        }
        assert_eq!((half_open.total, half_open.by_address.len()), (0, 0), "nothing is kept of who has gone");
    }

    #[test]
    fn an_ipv6_network_and_both_forms_of_an_ipv4_address_count_as_one() {
        for (one, other, same) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let mut half_open = HalfOpen::new(HalfOpenLimits { total: 9, per_address: 1 });
            assert!(half_open.enter(ip(one)));
            assert_eq!(half_open.enter(ip(other)), !same, "{one} and {other}");
        }
    }
}
