//! Which addresses deliveries may go to.
//!
//! Whoever sets a webhook's `url` chooses where this service connects to. An address that is not public could be one of
//! the operator's own machines, so it is refused ([`ForbiddenAddress::NotPublic`]) unless the deployment lists its network.
//! The addresses at which clouds hand out their machines' credentials are refused ([`ForbiddenAddress::Metadata`])
//! whatever is listed: nobody receives webhooks there.
//!
//! Sources: the IANA registries of special-purpose addresses (RFC 6890 and what was registered since), RFC 4291,
//! RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo). What is not known to be public is not public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::InvalidValue;

/// Why an address may not be delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenAddress {
    /// It is not public, and its network is not listed.
    #[error("is not a public address, and its network is not among those this deployment allows")]
    NotPublic,
    /// Its network is listed as one that is never delivered to.
    #[error("is in a denied network of this deployment")]
    Denied,
    /// A cloud hands out credentials there; no list admits it.
    #[error("is an address of a cloud's metadata service, which is never delivered to")]
    Metadata,
}

/// Networks that may be delivered to although they are not public, and networks that may not although they are, or although they are
/// listed. None, by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedNetworks {
    allowed: Vec<Network>,
    denied: Vec<Network>,
}

/// All addresses whose first `length` bits are those of `base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    length: u8,
}

impl AllowedNetworks {
    /// These networks.
    #[must_use]
    pub const fn new(networks: Vec<Network>) -> Self {
        Self {
            allowed: networks,
            denied: Vec::new(),
        }
    }

    /// The same without these, whatever else is listed.
    #[must_use]
    pub fn without(mut self, networks: Vec<Network>) -> Self {
        self.denied.extend(networks);
        self
    }

    /// The networks that are allowed.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.allowed
    }

    /// Whether a delivery may go to `address`. An IPv4-mapped address is judged as the IPv4 address it is connected as.
    ///
    /// # Errors
    /// Says why not.
    pub fn judge(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        let address = address.to_canonical();
        if leads_to_metadata(address) {
            return Err(ForbiddenAddress::Metadata);
        }
        let is_denied = |address: IpAddr| self.denied.iter().any(|network| network.contains(address));
        let leads_to_denied = match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => carried(address)
                .into_iter()
                .flatten()
                .any(|inner| is_denied(inner.into())),
        };
        if is_denied(address) || leads_to_denied {
            return Err(ForbiddenAddress::Denied);
        }
        if is_public(address) || self.allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        Err(ForbiddenAddress::NotPublic)
    }
}

impl Network {
    /// Reads CIDR notation, such as `10.0.0.0/8`. A network with bits set behind its prefix is refused: whether the
    /// address or the prefix is the mistake, only its author knows. A network of IPv4-mapped addresses is the IPv4 one.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        read(text).ok_or(InvalidValue::new(
            "must be a network like 10.0.0.0/8 or fd00::/8, with no bit set behind the prefix",
        ))
    }

    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => in_v4(address, base, self.length),
            (IpAddr::V6(base), IpAddr::V6(address)) => in_v6(address, base, self.length),
            _ => false,
        }
    }
}

fn read(text: &str) -> Option<Network> {
    let (base, length) = text.split_once('/')?;
    let digits_alone = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let (base, length) = (base.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?);
    let (bits, width) = match base {
        IpAddr::V4(base) => (u128::from(base.to_bits()) << 96, 32),
        IpAddr::V6(base) => (base.to_bits(), 128),
    };
    let behind_prefix = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    if !digits_alone || length > width || bits & behind_prefix != 0 {
        return None;
    }
    match base.to_canonical() {
        canonical @ IpAddr::V4(_) if base.is_ipv6() && length >= 96 => Some(Network {
            base: canonical,
            length: length - 96,
        }),
        _ => Some(Network { base, length }),
    }
}

const fn in_v4(address: Ipv4Addr, base: Ipv4Addr, length: u8) -> bool {
    // A shift by the whole width, for a prefix of nothing, is all there is: everything is in it.
    match (address.to_bits() ^ base.to_bits()).checked_shr(32 - length as u32) {
        Some(differing) => differing == 0,
        None => true,
    }
}

const fn in_v6(address: Ipv6Addr, base: Ipv6Addr, length: u8) -> bool {
    match (address.to_bits() ^ base.to_bits()).checked_shr(128 - length as u32) {
        Some(differing) => differing == 0,
        None => true,
    }
}

/// Where clouds hand out credentials, IPv4: the common one, ECS tasks, EKS pods, Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same, IPv6: EC2, EKS pods, Google.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

fn leads_to_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => METADATA_V4.contains(&address),
        IpAddr::V6(address) => {
            METADATA_V6.contains(&address)
                || carried(address)
                    .iter()
                    .flatten()
                    .any(|inner| METADATA_V4.contains(inner))
        }
    }
}

/// The IPv4 addresses that packets to `address` could come out at, wherever its prefix says that it carries one.
fn carried(address: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let bits = address.to_bits();
    let at = |shift: u32| Some(Ipv4Addr::from_bits((bits >> shift) as u32));
    match address.segments() {
        // IPv4-compatible, IPv4-translated (RFC 2765), NAT64 under its well-known prefix.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            [at(0), None, None, None]
        }
        // NAT64 under the prefix for local use: /96, /64, /56 and /48 (RFC 6052 §2.2; bits 64 to 71 are zero).
        [0x64, 0xff9b, 1, ..] => {
            let split = |before: u32, after: u32| Some(Ipv4Addr::from_bits(before | after));
            [
                at(0),
                at(24),
                split(((bits >> 64) as u32) << 24, (bits >> 32) as u32 & 0x00ff_ffff),
                split(((bits >> 64) as u32) << 16, (bits >> 40) as u32 & 0xffff),
            ]
        }
        [0x2002, ..] => [at(80), None, None, None],
        // Teredo: the relay's server, and the client, whose bits are inverted.
        [0x2001, 0, ..] => [at(64), Some(Ipv4Addr::from_bits(!(bits as u32))), None, None],
        _ => [None; 4],
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.segments() {
            // The way out of a network that has IPv6 alone; as public as what is behind it.
            [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(Ipv4Addr::from_bits(address.to_bits() as u32)),
            segments => is_public_v6(segments),
        },
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224.., ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

/// Global unicast (2000::/3) without the IETF's protocol assignments (2001::/23, Teredo among them), 6to4 and the
/// prefixes for documentation.
const fn is_public_v6(segments: [u16; 8]) -> bool {
    matches!(segments, [0x2000..=0x3fff, ..])
        && !matches!(
            segments,
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..]
        )
}

#[cfg(test)]
mod tests;
