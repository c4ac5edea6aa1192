//! Every registered range by its first and last address, and the addresses beside it.

use super::*;

fn judge(allowed: &[&str], address: &str) -> Result<(), ForbiddenAddress> {
    let networks = allowed.iter().map(|text| Network::parse(text).unwrap()).collect();
    AllowedNetworks::new(networks).judge(address.parse().unwrap())
}

#[test]
fn both_ends_of_every_special_network_are_refused_and_its_neighbours_are_not() {
    // First, last; neighbours that are public.
    let table: &[(&str, &str, &[&str])] = &[
        ("0.0.0.0", "0.255.255.255", &["1.0.0.0"]),
        ("10.0.0.0", "10.255.255.255", &["9.255.255.255", "11.0.0.0"]),
        (
            "100.64.0.0",
            "100.127.255.255",
            &["100.63.255.255", "100.128.0.0"],
        ),
        ("127.0.0.0", "127.255.255.255", &["126.255.255.255", "128.0.0.0"]),
        (
            "169.254.0.0",
            "169.254.255.255",
            &["169.253.255.255", "169.255.0.0"],
        ),
        ("172.16.0.0", "172.31.255.255", &["172.15.255.255", "172.32.0.0"]),
        ("192.0.0.0", "192.0.0.255", &["191.255.255.255", "192.0.1.0"]),
        ("192.0.2.0", "192.0.2.255", &["192.0.1.255", "192.0.3.0"]),
        ("192.88.99.0", "192.88.99.255", &["192.88.98.255", "192.88.100.0"]),
        (
            "192.168.0.0",
            "192.168.255.255",
            &["192.167.255.255", "192.169.0.0"],
        ),
        ("198.18.0.0", "198.19.255.255", &["198.17.255.255", "198.20.0.0"]),
        (
            "198.51.100.0",
            "198.51.100.255",
            &["198.51.99.255", "198.51.101.0"],
        ),
        ("203.0.113.0", "203.0.113.255", &["203.0.112.255", "203.0.114.0"]),
        ("224.0.0.0", "239.255.255.255", &["223.255.255.255"]),
        ("240.0.0.0", "255.255.255.255", &[]),
        ("::", "::ffff:ffff", &[]),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", &[]),
        ("100::", "100::ffff:ffff:ffff:ffff", &[]),
        ("1fff::", "1fff:ffff::", &["2000::"]),
        (
            "2001::",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            &["2000:ffff::", "2001:200::"],
        ),
        (
            "2001:db8::",
            "2001:db8:ffff::",
            &["2001:db7:ffff::", "2001:db9::"],
        ),
        ("2002::", "2002:ffff:ffff::", &["2001:ffff::", "2003::"]),
        ("2002:808:808::", "2002:a00:1::1", &[]),
        ("3fff::", "3fff:fff:ffff::", &["3ffe:ffff::", "3fff:1000::"]),
        ("4000::", "5f00::1", &[]),
        ("fc00::", "fdff:ffff::", &[]),
        ("fe80::", "febf:ffff::", &[]),
        ("fec0::", "feff:ffff::", &[]),
        ("ff00::", "ffff:ffff::", &[]),
    ];
    for (first, last, neighbours) in table {
        for address in [first, last] {
            assert_eq!(judge(&[], address), Err(ForbiddenAddress::NotPublic), "{address}");
        }
        for address in *neighbours {
            assert_eq!(judge(&[], address), Ok(()), "{address}");
        }
    }
}

#[test]
fn an_address_that_carries_an_ipv4_address_is_no_way_around() {
    for public in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
        assert_eq!(judge(&[], public), Ok(()), "{public}");
    }
    for inner in ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0"] {
        for prefix in ["::ffff:", "64:ff9b::", "::ffff:0:", "::"] {
            let address = format!("{prefix}{inner}");
            assert_eq!(
                judge(&[], &address),
                Err(ForbiddenAddress::NotPublic),
                "{address}"
            );
        }
    }
}

#[test]
fn a_listed_network_is_allowed_and_nothing_beside_it() {
    assert_eq!(judge(&["10.0.0.0/8"], "10.1.2.3"), Ok(()));
    assert_eq!(judge(&["10.0.0.0/8"], "::ffff:10.1.2.3"), Ok(()));
    assert_eq!(judge(&["::ffff:10.0.0.0/104"], "10.1.2.3"), Ok(()));
    assert_eq!(judge(&["fd00::/8"], "fd12::1"), Ok(()));
    assert_eq!(judge(&["0.0.0.0/0", "::/0"], "::1"), Ok(()));
    assert_eq!(judge(&["127.0.0.1/32"], "127.0.0.1"), Ok(()));
    for (listed, beside) in [
        ("10.0.0.0/9", "10.128.0.0"),
        ("127.0.0.1/32", "127.0.0.2"),
        ("0.0.0.0/0", "::1"),
        ("::/0", "10.0.0.1"),
        ("10.0.0.0/8", "64:ff9b::10.0.0.1"),
        ("fd00::/16", "fd01::"),
    ] {
        assert_eq!(
            judge(&[listed], beside),
            Err(ForbiddenAddress::NotPublic),
            "{beside}"
        );
    }
}

#[test]
fn metadata_services_are_refused_in_every_form_whatever_is_listed() {
    let everything = ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00::/8"];
    for address in ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"] {
        assert_eq!(
            judge(&everything, address),
            Err(ForbiddenAddress::Metadata),
            "{address}"
        );
    }
    for metadata in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ] {
        let [a, b, c, d] = metadata.parse::<Ipv4Addr>().unwrap().octets();
        for form in [
            metadata.to_owned(),
            format!("::ffff:{metadata}"),
            format!("::{metadata}"),
            format!("::ffff:0:{metadata}"),
            format!("64:ff9b::{metadata}"),
            // RFC 6052 §2.2: prefixes of 96, 64, 56 and 48 bits.
            format!("64:ff9b:1::{metadata}"),
            format!("64:ff9b:1:7:{:x}:{b:02x}{c:02x}:{d:02x}00:0", a),
            format!("64:ff9b:1:7{a:02x}:{b:02x}:{c:02x}{d:02x}:0:0"),
            format!("64:ff9b:1:{a:02x}{b:02x}:{c:x}:{d:02x}00:0:0"),
            format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            format!("2001:0:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            format!("2001::{:02x}{:02x}:{:02x}{:02x}", !a, !b, !c, !d),
        ] {
            assert_eq!(
                judge(&everything, &form),
                Err(ForbiddenAddress::Metadata),
                "{form}"
            );
        }
    }
}

#[test]
fn a_network_is_written_without_bits_behind_its_prefix() {
    for right in [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "127.0.0.1/32",
        "::/0",
        "::1/128",
        "fd00::/8",
    ] {
        assert!(Network::parse(right).is_ok(), "{right}");
    }
    for wrong in [
        "",
        "all",
        "10.0.0.0",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "/8",
        "fd00::1/8",
        "::/129",
        "10.0.0.0/8/8",
        "10.0.0.0/256",
        "010.0.0.0/8",
        "10.0.0.0/8 ",
        "0.0.0.1/0",
    ] {
        assert!(Network::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_denied_is_so_whatever_is_allowed_and_however_it_is_written() {
    let networks =
        |texts: &[&str]| -> Vec<Network> { texts.iter().map(|text| Network::parse(text).unwrap()).collect() };
    let listed = AllowedNetworks::new(networks(&["10.0.0.0/8"])).without(networks(&[
        "10.1.0.0/16",
        "8.8.8.0/24",
        "2606:4700::/32",
    ]));
    for denied in [
        "10.1.2.3",
        "8.8.8.8",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2606:4700::1111",
    ] {
        let judged = listed.judge(denied.parse().unwrap());
        assert_eq!(judged, Err(ForbiddenAddress::Denied), "{denied}");
    }
    for admitted in ["10.2.3.4", "8.8.4.4", "2001:4860:4860::8888"] {
        assert_eq!(listed.judge(admitted.parse().unwrap()), Ok(()), "{admitted}");
    }
    let metadata = listed.judge("169.254.169.254".parse().unwrap());
    assert_eq!(metadata, Err(ForbiddenAddress::Metadata));
}
