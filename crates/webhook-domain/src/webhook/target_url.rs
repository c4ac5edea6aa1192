//! Where deliveries go.

use url::Url;

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

/// An absolute http(s) URL of at most 2048 characters, without user info and without a fragment, kept as it
/// was given. Whether the address behind it may be delivered to is judged at each delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUrl(String);

impl TargetUrl {
    /// The most characters of a target.
    pub const MAX_LENGTH: usize = 2048;

    /// Accepts a URL that a delivery can be sent to.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: String, policy: HttpPolicy) -> Result<Self, InvalidValue> {
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(InvalidValue::new("must be at most 2048 characters"));
        }
        // The URL standard's parser mends these; a receiver is better told than guessed at.
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(InvalidValue::new(
                "must have no spaces, control characters or backslashes",
            ));
        }
        check_scheme(&text, policy)?;
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
        Ok(Self(text))
    }

    /// The URL as the store kept it.
    #[must_use]
    pub fn restore(text: String) -> Self {
        Self(text)
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_scheme(text: &str, policy: HttpPolicy) -> Result<(), InvalidValue> {
    let scheme = text
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match (scheme.as_deref(), policy) {
        (Some("https"), _) | (Some("http"), HttpPolicy::AllowHttp) => Ok(()),
        (_, HttpPolicy::HttpsOnly) => Err(InvalidValue::new(
            "must be an absolute https URL such as https://example.com/webhooks; \
             plain http is for deployments that allow it",
        )),
        (_, HttpPolicy::AllowHttp) => Err(InvalidValue::new(
            "must be an absolute http or https URL such as https://example.com/webhooks",
        )),
    }
}

/// What stands between the scheme and the path, query or fragment.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_https_url_is_kept_as_it_was_given() {
        for right in [
            "https://example.com",
            "HTTPS://Example.COM:8443/a%20b?c=d",
            "https://[2001:db8::1]/",
            "https://example.com/a@b?c=@",
        ] {
            assert_eq!(
                TargetUrl::parse(right.into(), HttpPolicy::HttpsOnly)
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
            &long,
        ] {
            assert!(
                TargetUrl::parse(wrong.into(), HttpPolicy::AllowHttp).is_err(),
                "{wrong}"
            );
        }
        assert!(TargetUrl::parse(long[..2048].into(), HttpPolicy::HttpsOnly).is_ok());
    }

    #[test]
    fn plain_http_is_for_deployments_that_allow_it() {
        assert!(TargetUrl::parse("http://example.com".into(), HttpPolicy::HttpsOnly).is_err());
        assert!(TargetUrl::parse("http://example.com".into(), HttpPolicy::AllowHttp).is_ok());
    }
}
