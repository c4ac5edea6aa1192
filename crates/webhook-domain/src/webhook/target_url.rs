//! Where deliveries go.

use std::net::IpAddr;

use url::{Host, Url};

use crate::delivery::address::{AllowedNetworks, ForbiddenAddress};
use crate::error::InvalidValue;

/// Whether a target may be plain `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpPolicy {
    /// `https` alone.
    #[default]
    HttpsOnly,
    /// `http` too, for development and closed networks.
    AllowHttp,
}

/// What a deployment allows of targets: by default `https` and public addresses alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetPolicy {
    /// Whether a target may be plain `http`.
    pub http: HttpPolicy,
    /// Where deliveries may go besides public addresses.
    pub networks: AllowedNetworks,
}

/// An absolute http(s) URL of at most 2048 characters, without user info and without a fragment, kept as it
/// was given. An address in it, however it is spelt, may be delivered to. Where a name leads is judged at each delivery, and
/// so is the address again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUrl(String);

impl TargetUrl {
    /// The most characters of a target.
    pub const MAX_LENGTH: usize = 2048;

    /// Accepts a URL that a delivery can be sent to.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: String, policy: &TargetPolicy) -> Result<Self, InvalidValue> {
        match Self::propose(text, policy)? {
            (url, None) => Ok(url),
            (_, Some(objection)) => Err(objection),
        }
    }

    /// Accepts a URL that some deployment could deliver to, with what this one's `policy` has against it. A webhook that has the
    /// URL already may keep it: the policy may have changed since.
    ///
    /// # Errors
    /// Says what would be right in any deployment.
    pub fn propose(
        text: String,
        policy: &TargetPolicy,
    ) -> Result<(Self, Option<InvalidValue>), InvalidValue> {
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(InvalidValue::new("must be at most 2048 characters"));
        }
        // The URL standard's parser mends these; a receiver is better told than guessed at.
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(InvalidValue::new(
                "must have no spaces, control characters or backslashes",
            ));
        }
        let scheme = check_scheme(&text, policy.http)?;
        let no_url = || InvalidValue::new("must be an absolute URL such as https://example.com/webhooks");
        if authority(&text).is_empty() {
            // Mended too: the host would be taken from the path.
            return Err(no_url());
        }
        let url = Url::parse(&text).map_err(|_| no_url())?;
        if authority(&text).contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidValue::new(
                "must have no user info; use authentication_type PASSWORD with username and password",
            ));
        }
        if url.fragment().is_some() {
            return Err(InvalidValue::new("must have no fragment (`#…`)"));
        }
        if let Some(Host::Domain(name)) = url.host() {
            check_name(name)?;
        }
        let address = literal_address(&url).and_then(|address| policy.networks.judge(address).err());
        Ok((Self(text), scheme.or(address.map(forbidden))))
    }

    /// The URL as the store kept it.
    #[must_use]
    pub fn restore(text: String) -> Self {
        Self(text)
    }

    /// The host that it names, in the one spelling that all spellings of it have.
    #[must_use]
    pub fn host(&self) -> String {
        let url = Url::parse(&self.0).ok();
        url.and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The [host](Self::host) with the port, if that is not the scheme's own, such as `example.com:8443`.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        let host = self.host();
        let url = Url::parse(&self.0).ok();
        match url.and_then(|url| url.port()) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The receiver that it names.
    #[must_use]
    pub fn origin(&self) -> TargetOrigin {
        let url = Url::parse(&self.0).ok();
        TargetOrigin(url.map_or_else(String::new, |url| url.origin().ascii_serialization()))
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The scheme, host and port of a target, in the one spelling that all spellings of them have (RFC 6454 §6.2): what credentials are
/// for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOrigin(String);

impl TargetOrigin {
    /// The origin as the store kept it.
    #[must_use]
    pub const fn restore(text: String) -> Self {
        Self(text)
    }

    /// The origin as text, such as `https://example.com:8443`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Accepts http and https, with what `policy` has against it.
fn check_scheme(text: &str, policy: HttpPolicy) -> Result<Option<InvalidValue>, InvalidValue> {
    const HTTPS_ONLY: InvalidValue = InvalidValue::new(
        "must be an absolute https URL such as https://example.com/webhooks; \
         plain http is for deployments that allow it",
    );
    let scheme = text
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match (scheme.as_deref(), policy) {
        (Some("https"), _) | (Some("http"), HttpPolicy::AllowHttp) => Ok(None),
        (Some("http"), HttpPolicy::HttpsOnly) => Ok(Some(HTTPS_ONLY)),
        (_, HttpPolicy::HttpsOnly) => Err(HTTPS_ONLY),
        (_, HttpPolicy::AllowHttp) => Err(InvalidValue::new(
            "must be an absolute http or https URL such as https://example.com/webhooks",
        )),
    }
}

/// The address that the host is, as the URL standard reads its many spellings; none if it is a name.
fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// Accepts a name that can be looked up and stand in a request: labels of up to 63 letters, digits, hyphens and underscores, 253
/// characters in all (RFC 1035 §2.3.4). The URL standard's parser takes more, and has made what is not ASCII so.
pub(super) fn check_name(name: &str) -> Result<(), InvalidValue> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(InvalidValue::new(
            "must have a host whose labels are 1 to 63 letters, digits, hyphens or underscores, such as example.com",
        ));
    }
    Ok(())
}

fn forbidden(why: ForbiddenAddress) -> InvalidValue {
    InvalidValue::new(match why {
        ForbiddenAddress::NotPublic => {
            "must not be at an address that is not public, unless it is in a network that this deployment allows"
        }
        ForbiddenAddress::Denied => "must not be at an address in a denied network of this deployment",
        ForbiddenAddress::Metadata => {
            "must not be at an address of a cloud's metadata service, which is never delivered to"
        }
    })
}

/// What stands between the scheme and the path, query or fragment.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::address::Network;

    fn allowing(networks: &[&str]) -> TargetPolicy {
        let networks = networks.iter().map(|text| Network::parse(text).unwrap());
        TargetPolicy {
            http: HttpPolicy::AllowHttp,
            networks: AllowedNetworks::new(networks.collect()),
        }
    }

    #[test]
    fn an_absolute_https_url_is_kept_as_it_was_given() {
        for right in [
            "https://example.com",
            "HTTPS://Example.COM:8443/a%20b?c=d",
            "https://[2606:4700::1111]/",
            "https://example.com/a@b?c=@",
            "https://my_service.internal./",
            "https://xn--bcher-kva.example/",
            "https://bücher.example/",
            "https://example.com/{a}|\"b\"?{c}|^`\"d\"",
            &format!("https://{}.example.com/", "a".repeat(63)),
        ] {
            assert_eq!(
                TargetUrl::parse(right.into(), &TargetPolicy::default())
                    .unwrap()
                    .as_str(),
                right
            );
        }
    }

    #[test]
    fn what_no_delivery_could_be_sent_to_is_refused() {
        let long = format!("https://example.com/{}", "a".repeat(2029));
        for wrong in [
            "",
            "/path",
            "//example.com",
            "example.com",
            "https:example.com",
            "https:///",
            "https:///example.com/hooks",
            "https:////example.com",
            "https://",
            "ftp://example.com",
            "javascript://example.com/%0aalert(1)",
            "https://user@example.com",
            "https://user:secret@example.com",
            "https://@example.com",
            "https://:@example.com",
            "https://example.com/#",
            "https://example.com/#fragment",
            " https://example.com",
            "https://example.com/a b",
            "https://exa\tmple.com",
            "https://example.com\\@evil.example",
            "https://example.com:99999",
            "https://exa<mple.com",
            "https://{host}.example.com/",
            "https://exa\"mple.com/",
            "https://exa'mple.com/",
            "https://a..example.com/",
            "https://.example.com/",
            "https://example.com../",
            "https://*.example.com/",
            "https://a,b.example.com/",
            &format!("https://{}.example.com/", "a".repeat(64)),
            &format!("https://{}com/", "abcdefg.".repeat(32)),
            &long,
        ] {
            assert!(TargetUrl::parse(wrong.into(), &allowing(&[])).is_err(), "{wrong}");
        }
        assert!(TargetUrl::parse(long[..2048].into(), &TargetPolicy::default()).is_ok());
    }

    #[test]
    fn all_spellings_of_a_host_are_one() {
        for spelling in [
            "http://10.1.2.3/a",
            "https://0xa.66051:8443/b",
            "http://167838211",
        ] {
            assert_eq!(TargetUrl::restore(spelling.into()).host(), "10.1.2.3");
        }
        assert_eq!(
            TargetUrl::restore("https://Example.COM".into()).host(),
            "example.com"
        );
    }

    #[test]
    fn a_port_is_told_where_the_scheme_does_not_tell_it() {
        for (url, told) in [
            ("https://example.com/a", "example.com"),
            ("https://example.com:443/a", "example.com"),
            ("https://example.com:8443/a", "example.com:8443"),
            ("http://example.com:80", "example.com"),
            ("http://example.com:443", "example.com:443"),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ] {
            assert_eq!(TargetUrl::restore(url.into()).host_and_port(), told);
        }
    }

    #[test]
    fn plain_http_is_for_deployments_that_allow_it() {
        assert!(TargetUrl::parse("http://example.com".into(), &TargetPolicy::default()).is_err());
        assert!(TargetUrl::parse("http://example.com".into(), &allowing(&[])).is_ok());
    }

    #[test]
    fn an_address_that_may_not_be_delivered_to_is_refused_in_every_spelling() {
        let parse = |host: &str, networks: &[&str]| {
            TargetUrl::parse(format!("https://{host}:8443/hook"), &allowing(networks))
        };
        for host in [
            "10.1.2.3",
            "0xa.66051",
            "10.1.515",
            "[::ffff:a01:203]",
            "１０.1.2.3",
        ] {
            let refused = parse(host, &["10.0.0.0/16"]).unwrap_err();
            assert!(refused.to_string().contains("not public"), "{host}: {refused}");
            assert!(parse(host, &["10.1.0.0/16"]).is_ok(), "{host}");
        }
        for host in ["169.254.169.254", "2852039166", "[fd00:ec2::254]"] {
            let refused = parse(host, &["0.0.0.0/0", "::/0"]).unwrap_err();
            assert!(refused.to_string().contains("metadata"), "{host}: {refused}");
        }
        for host in ["localhost", "8.8.8.8", "134744072", "[2606:4700::1111]"] {
            assert!(parse(host, &[]).is_ok(), "{host}");
        }
    }
}
