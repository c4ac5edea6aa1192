//! Where a request comes from, as coarsely as one client can choose its address.

use std::net::{IpAddr, Ipv4Addr};

/// Whom a failure, or a connection, is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address. The others name an interface (RFC 4291 §2.5.4), and a client changes them
    /// as it likes (RFC 8981).
    V6(u64),
    /// Everybody, while there are too many addresses to tell apart, and whoever has no address.
    Crowd,
}

impl Origin {
    /// Where `peer` is. An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is an IPv4 address.
    #[must_use]
    pub fn of(peer: Option<IpAddr>) -> Self {
        match peer.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                Self::V6(a << 48 | b << 32 | c << 16 | d)
            }
            None => Self::Crowd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Origin {
        Origin::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn ipv4_addresses_are_told_apart() {
        assert_eq!(of("192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn ipv6_addresses_are_told_apart_by_their_networks_of_64_bits() {
        assert_eq!(of("2001:db8:1:2::"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        for other in [
            "2001:db8:1:3::",
            "2001:db8:2:2::",
            "2001:db9:1:2::",
            "2002:db8:1:2::",
        ] {
            assert_ne!(of("2001:db8:1:2::"), of(other), "{other}");
        }
    }

    #[test]
    fn an_ipv4_address_counts_as_itself_in_ipv6() {
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
    }

    #[test]
    fn who_has_no_address_is_one_of_the_crowd() {
        assert_eq!(Origin::of(None), Origin::Crowd);
    }
}
