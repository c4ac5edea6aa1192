//! The address of the client that made a request.
//!
//! It is the TCP peer's, unless the peer is in a network of proxies that the deployment trusts. Then it is what the proxies say in
//! `X-Forwarded-For` or `Forwarded` (RFC 7239): the rightmost address that is not a trusted proxy's. What stands to the left of it
//! was written by the client, who can write anything. Where a header cannot be read, or the two headers name different addresses,
//! it is the peer's.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use webhook_domain::delivery::address::Network;

/// The client's address; none when the socket does not tell its peer. `trusted` are the networks of reverse proxies whose headers
/// are believed.
#[must_use]
pub fn client_address(request: &HttpRequest, trusted: &[Network]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    Some(behind(peer, request.headers(), trusted))
}

fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let of_list = addresses(headers, &header::X_FORWARDED_FOR, node);
    let of_standard = addresses(headers, &header::FORWARDED, forwarded_for);
    let client = |sent: Vec<IpAddr>| {
        let foreign = sent.iter().rev().find(|address| !is_trusted(**address, trusted));
        // If all are trusted, the leftmost is where the request came from.
        foreign.or(sent.first()).copied()
    };
    match (
        of_list.map(|sent| sent.map(client)),
        of_standard.map(|sent| sent.map(client)),
    ) {
        (Some(Some(Some(client))), None) | (None, Some(Some(Some(client)))) => client,
        (Some(Some(Some(one))), Some(Some(Some(other)))) if one == other => one,
        _ => peer,
    }
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The addresses that all headers of this name list, in their order. `None` when there is no such header, `Some(None)` when one
/// cannot be read.
fn addresses(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Option<Vec<IpAddr>>> {
    let mut values = headers.get_all(name).peekable();
    values.peek()?;
    let mut found = Vec::new();
    for value in values {
        let Ok(value) = value.to_str() else {
            return Some(None);
        };
        for element in value
            .split(',')
            .map(str::trim)
            .filter(|element| !element.is_empty())
        {
            match read(element) {
                Some(address) => found.push(address),
                None => return Some(None),
            }
        }
    }
    Some(Some(found))
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239 §4). One that is hidden or unknown has no address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut named = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let value = named.next()?;
    if named.next().is_some() {
        return None;
    }
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    node(quoted.unwrap_or(value))
}

/// An address, with or without brackets and a port (RFC 7239 §6).
fn node(text: &str) -> Option<IpAddr> {
    let in_brackets = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = in_brackets.unwrap_or(text).parse::<IpAddr>().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(peer: &str, sent: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| Network::parse(network).unwrap());
        behind(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_is_the_client_whatever_it_sends() {
        for header in ["x-forwarded-for", "forwarded"] {
            assert_eq!(client("192.0.2.1", &[(header, "for=198.51.100.1")]), "192.0.2.1");
        }
        assert_eq!(
            client("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")]),
            "192.0.2.1"
        );
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_other_address_counts() {
        for (sent, expected) in [
            ("198.51.100.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
            ("198.51.100.1:4711,10.0.0.2:80", "198.51.100.1"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711, fd00::1", "2001:db8::7"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("10.0.0.7, 10.0.0.8", "10.0.0.7"),
            // Unreadable: nobody knows what it stands for.
            ("nonsense, 198.51.100.1", "10.0.0.1"),
            ("198.51.100.1, unknown", "10.0.0.1"),
            ("198.51.100.300", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[("x-forwarded-for", sent)]),
                expected,
                "{sent}"
            );
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let sent = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "198.51.100.1, 10.0.0.2"),
        ];
        assert_eq!(client("10.0.0.1", &sent), "198.51.100.1");
    }

    #[test]
    fn the_standard_header_is_read_in_all_its_forms() {
        for (sent, expected) in [
            ("for=198.51.100.1", "198.51.100.1"),
            ("For=\"198.51.100.1:80\";proto=https;by=10.0.0.1", "198.51.100.1"),
            ("proto=https;FOR=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            (
                "for=203.0.113.9, for=198.51.100.1;by=10.0.0.3, for=10.0.0.2",
                "198.51.100.1",
            ),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden, for=10.0.0.2", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
            ("for=198.51.100.1;for=203.0.113.9", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("forwarded", sent)]), expected, "{sent}");
        }
    }

    #[test]
    fn where_the_two_headers_disagree_the_peer_counts() {
        let both = |list, standard| client("10.0.0.1", &[("x-forwarded-for", list), ("forwarded", standard)]);
        assert_eq!(both("198.51.100.1", "for=198.51.100.1"), "198.51.100.1");
        assert_eq!(both("198.51.100.1", "for=203.0.113.9"), "10.0.0.1");
        assert_eq!(both("198.51.100.1", "for=unknown"), "10.0.0.1");
    }
}
