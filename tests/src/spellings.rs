//! Ways to write, in the host of a URL, the addresses that no delivery may go to, and beside them addresses that every
//! delivery may go to.
//!
//! Each is named with the address at which a connection would arrive if nobody stood in its way, so that a test can show
//! that a spelling would get through before it shows that it does not. Sources: RFC 6890 and the IANA registries of
//! special-purpose addresses; the host parser of the URL standard for the ways to write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An address that is not public.
    NotPublic,
    /// An address at which a cloud hands out credentials: forbidden whatever is listed.
    Metadata,
    /// A name that every machine has for itself.
    Name,
}

/// A host that no delivery may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The host, as it stands in a URL.
    pub host: String,
    /// Where a connection to it arrives.
    pub leads_to: IpAddr,
    /// What it is.
    pub kind: Kind,
}

impl Spelling {
    /// Whether a connection can be made at all: not to groups of machines, nor to an address that is one link's own and
    /// says not of which.
    pub fn can_be_connected_to(&self) -> bool {
        match self.leads_to {
            IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
            IpAddr::V6(address) => !address.is_multicast() && !address.is_unicast_link_local(),
        }
    }

    /// The host as an address, where it is written as one that needs no URL parser.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }
}

/// One address of each kind of private network, and the machine itself: written in every way.
const IN_EVERY_WAY: &str = "10.1.2.3 100.64.1.2 127.0.0.1 169.254.1.2 172.16.1.2 192.168.1.254 198.18.1.2";

/// The edges of the same networks, and the other networks: written in the ways that differ most.
const IN_SOME_WAYS: &str = "0.1.2.3 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.2 \
    127.255.255.254 169.254.0.1 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.8 192.0.2.1 \
    192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.9 \
    224.0.0.1 239.255.255.255 240.0.0.0 247.1.2.3 255.255.255.254 255.255.255.255";

/// The metadata services of clouds: in every way.
const METADATA: &str =
    "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192";

/// What in IPv6 is not global unicast, or is set aside in it.
const NOT_PUBLIC_V6: &str = "::1 ::2 64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:2::1 2001:10::1 2001:20::1 \
    2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8::1 2002::1 3fff::1 3fff:fff:ffff::1 4000::1 \
    5f00::1 fc00::1 fd00::1 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80::1 fe80::5efe:a01:203 \
    febf:ffff::1 fec0::1 ff02::1 ff0e::1";

const METADATA_V6: &str = "fd00:ec2::254 fd00:ec2::23 fd20:ce::254";

/// Every spelling: several hundred, no two alike.
pub fn forbidden() -> Vec<Spelling> {
    let mut found = Vec::new();
    for (text, kind) in [(IN_EVERY_WAY, Kind::NotPublic), (METADATA, Kind::Metadata)] {
        for address in v4(text) {
            found.extend(some_ways(address, kind));
            found.extend(other_ways(address, kind));
            found.extend(inside_v6(address, kind));
        }
    }
    for address in v4(IN_SOME_WAYS) {
        found.extend(some_ways(address, Kind::NotPublic));
    }
    for (text, kind) in [(NOT_PUBLIC_V6, Kind::NotPublic), (METADATA_V6, Kind::Metadata)] {
        for address in text.split(' ') {
            found.extend(ways_of_v6(address, kind));
        }
    }
    found.extend(this_machine());
    let mut seen = std::collections::HashSet::new();
    found.retain(|spelling| seen.insert(spelling.host.clone()));
    found
}

/// Public addresses, most of them right beside what is not; the last is the way to 8.8.8.8 out of a network that has IPv6
/// alone.
const PUBLIC: &str = "1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 \
    126.255.255.255 128.0.0.1 168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 \
    172.32.0.0 192.0.1.1 192.0.3.1 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 \
    198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 \
    223.255.255.255 2001:200::1 2001:db7:ffff::1 2001:db9::1 2003::1 2606:4700::1111 \
    2a00:1450::1 3ffe::1 3fff:1000::1 64:ff9b::808:808";

/// Hosts that every delivery may go to, and where each leads: far from the forbidden, and right beside it.
pub fn public() -> Vec<(String, IpAddr)> {
    let mut found = Vec::new();
    for text in PUBLIC.split(' ') {
        let address: IpAddr = text.parse().expect("an address");
        let host = if address.is_ipv6() {
            format!("[{text}]")
        } else {
            text.to_owned()
        };
        found.push((host, address));
    }
    let eights = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
    for host in [
        "134744072",
        "0x08080808",
        "010.8.0x8.8",
        "8.526344",
        "８.8.8.8",
        "[::ffff:8.8.8.8]",
        "8.8.8.8.",
    ] {
        found.push((host.to_owned(), eights));
    }
    found
}

/// URLs that say one host to a careless reader and another to a careful one. None of them is a webhook's.
pub const TWO_FACED: [&str; 14] = [
    "http://93.184.216.34@10.1.2.3/",
    "http://10.1.2.3@93.184.216.34/",
    "http://93.184.216.34:80@10.1.2.3:80/",
    "http://93.184.216.34%2F@10.1.2.3/",
    "http://10.1.2.3#@93.184.216.34/",
    "http://93.184.216.34\\@10.1.2.3/",
    "http:\\\\10.1.2.3/",
    "http:///10.1.2.3/",
    "http:10.1.2.3/",
    "http://10.1.2.3%00.example.com/",
    "http://10.1.2.3\t/",
    "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/",
    "http://[10.1.2.3]/",
];

fn v4(text: &str) -> impl Iterator<Item = Ipv4Addr> {
    text.split(' ')
        .map(|address| address.parse().expect("an address"))
}

fn other_ways(address: Ipv4Addr, kind: Kind) -> Vec<Spelling> {
    let [a, b, c, d] = address.octets();
    let whole = address.to_bits();
    let (last_two, last_three) = (whole & 0xffff, whole & 0x00ff_ffff);
    let dotted = address.to_string();
    let percent: String = dotted.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let in_digits = |zero: char| in_digits_from(&dotted, zero);
    let hosts = [
        format!("{dotted}."),
        format!("0X{whole:X}"),
        format!("0x{whole:08x}."),
        format!("0x00000000{whole:08x}"),
        format!("0000{whole:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0x{a:02X}.0x{b:02X}.0x{c:02X}.0x{d:02X}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0{a:04o}.0{b:04o}.0{c:04o}.0{d:04o}"),
        format!("{a}.0x{b:x}.0{c:o}.{d}"),
        format!("{a}.{last_three}"),
        format!("0x{a:x}.{last_three}"),
        format!("0{a:o}.0x{last_three:x}"),
        format!("{a}.{b}.{last_two}"),
        format!("{a}.{b}.0x{last_two:x}"),
        percent.to_uppercase(),
        dotted.replace('.', "%2e"),
        dotted.replace('.', "%2E"),
        percent,
        // Full width, mathematical bold, mathematical monospace.
        in_digits('\u{ff10}'),
        in_digits('\u{1d7ce}'),
        in_digits('\u{1d7f6}'),
        in_circles(&dotted),
        dotted.replace('.', "\u{3002}"),
        dotted.replace('.', "\u{ff0e}"),
        dotted.replace('.', "\u{ff61}"),
        // A soft hyphen, which the mapping of names drops.
        dotted.replace('.', ".\u{ad}"),
        dotted.replace('.', "%C2%AD."),
    ];
    hosts
        .map(|host| Spelling {
            host,
            leads_to: address.into(),
            kind,
        })
        .into()
}

fn some_ways(address: Ipv4Addr, kind: Kind) -> Vec<Spelling> {
    let whole = address.to_bits();
    let hosts = [
        address.to_string(),
        whole.to_string(),
        format!("0x{whole:x}"),
        format!("0{whole:o}"),
        format!("[::ffff:{address}]"),
    ];
    let v4 = hosts.map(|host| Spelling {
        host,
        leads_to: address.into(),
        kind,
    });
    let nat64 = Ipv6Addr::from_bits(0x0064_ff9b_u128 << 96 | u128::from(whole));
    let six_to_four = Ipv6Addr::from_bits(0x2002_u128 << 112 | u128::from(whole) << 80);
    let v6 = [nat64, six_to_four].map(|carrier| of_v6(format!("[{carrier}]"), carrier, kind));
    v4.into_iter().chain(v6).collect()
}

/// An IPv4 address inside an IPv6 one, wherever there is a convention for it.
fn inside_v6(address: Ipv4Addr, kind: Kind) -> Vec<Spelling> {
    let whole = u128::from(address.to_bits());
    let (high, low) = (whole >> 16, whole & 0xffff);
    let mut found: Vec<_> = [
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[::FFFF:{high:X}:{low:X}]"),
        format!("[0:0:0:0:0:ffff:{address}]"),
        format!("[0000:0000:0000:0000:0000:ffff:{high:04x}:{low:04x}]"),
    ]
    .into_iter()
    .map(|host| Spelling {
        host,
        leads_to: address.into(),
        kind,
    })
    .collect();
    let carriers = [
        // IPv4-compatible, IPv4-translated (RFC 2765), NAT64 for local use (RFC 8215).
        whole,
        0xffff_0000_0000 | whole,
        0x0064_ff9b_0001_u128 << 80 | whole,
        // 6to4 with a host behind it.
        0x2002_u128 << 112 | whole << 80 | 1,
        // Teredo: by way of a server there, and to a client there, whose bits are inverted.
        0x2001_u128 << 112 | whole << 64 | 0x8000_u128 << 48,
        0x2001_u128 << 112 | 0x4136_e378_u128 << 64 | (!whole & 0xffff_ffff),
    ];
    for carrier in carriers.map(Ipv6Addr::from_bits) {
        found.push(of_v6(format!("[{carrier}]"), carrier, kind));
    }
    let nat64 = Ipv6Addr::from_bits(0x0064_ff9b_u128 << 96 | whole);
    found.push(of_v6(format!("[64:ff9b::{address}]"), nat64, kind));
    found.push(of_v6(format!("[64:FF9B:0:0:0:0:{high:X}:{low:X}]"), nat64, kind));
    found
}

fn ways_of_v6(text: &str, kind: Kind) -> Vec<Spelling> {
    let address: Ipv6Addr = text.parse().expect("an address");
    let full = address
        .segments()
        .map(|segment| format!("{segment:04x}"))
        .join(":");
    let bare = address.segments().map(|segment| format!("{segment:X}")).join(":");
    let tail = Ipv4Addr::from_bits(address.to_bits() as u32);
    let [a, b, c, d, e, f, ..] = address.segments();
    let dotted = format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{tail}");
    [text.to_owned(), full, bare, dotted]
        .map(|host| of_v6(format!("[{host}]"), address, kind))
        .into()
}

fn of_v6(host: String, address: Ipv6Addr, kind: Kind) -> Spelling {
    Spelling {
        host,
        leads_to: address.into(),
        kind,
    }
}

/// This machine by its names, and by the address that means none in particular.
fn this_machine() -> Vec<Spelling> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut found = Vec::new();
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ｌｏｃａｌｈｏｓｔ",
        "%6cocalhost",
        "local\u{ad}host",
    ] {
        found.push((host, loopback, Kind::Name));
    }
    for host in [
        "0.0.0.0",
        "0",
        "00",
        "0x0",
        "0x",
        "0.0",
        "0.0.0",
        "0.0.0.0.",
        "%30",
        "\u{ff10}",
        "[::ffff:0.0.0.0]",
    ] {
        found.push((host, loopback, Kind::NotPublic));
    }
    for host in ["[::]", "[0:0:0:0:0:0:0:0]", "[::0.0.0.0]"] {
        found.push((host, IpAddr::V6(Ipv6Addr::LOCALHOST), Kind::NotPublic));
    }
    found
        .into_iter()
        .map(|(host, leads_to, kind)| Spelling {
            host: host.to_owned(),
            leads_to,
            kind,
        })
        .collect()
}

/// `text` with its digits taken from the ten characters from `zero` on.
fn in_digits_from(text: &str, zero: char) -> String {
    let digit = |c: char| {
        c.to_digit(10)
            .and_then(|digit| char::from_u32(zero as u32 + digit))
    };
    text.chars().map(|c| digit(c).unwrap_or(c)).collect()
}

fn in_circles(text: &str) -> String {
    let circled = |c| match c {
        '0' => '⓪',
        '1'..='9' => char::from_u32('①' as u32 + c as u32 - '1' as u32).expect("nine in a row"),
        other => other,
    };
    text.chars().map(circled).collect()
}
