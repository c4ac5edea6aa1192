//! Which webhooks of a list are asked for.
//!
//! A filter is a set of conditions, each exact, all of them to hold. It is judged on the webhook as it is read: nothing is stored for
//! it that a change would have to keep in step.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::target_url::check_name;
use super::{Name, Reference, TargetUrl, Webhook};
use crate::error::InvalidValue;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// The conditions that webhooks of a list meet. Without any, every webhook does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFilter {
    /// Its reference is this one. A webhook without a reference has none, not an empty one.
    pub reference: Option<Reference>,
    /// Its name is this one, character by character; likewise.
    pub name: Option<Name>,
    /// Whether it is active.
    pub active: Option<bool>,
    /// Whether its queue is held up.
    pub in_penalty_box: Option<bool>,
    /// Its url has this host.
    pub url_host: Option<UrlHost>,
    /// It signs by this protocol.
    pub signing_protocol: Option<SigningProtocol>,
    /// Its secret was last rolled or removed before this instant; or was made then, if that never happened.
    pub rolled_before: Option<Instant>,
    /// Whether its current key is due for a roll.
    pub roll_due: Option<bool>,
}

impl WebhookFilter {
    /// Whether every webhook meets it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `webhook` meets every condition at `now`. It must have been read with what holds its queue up.
    #[must_use]
    pub fn accepts(&self, webhook: &Webhook, now: Instant) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        let settings = &webhook.settings;
        is(self.reference.as_ref(), settings.reference.as_ref())
            && is(self.name.as_ref(), settings.name.as_ref())
            && is(self.active.as_ref(), Some(&settings.active))
            && is(self.in_penalty_box.as_ref(), Some(&webhook.held_up.is_some()))
            && self.accepts_url(settings.url.as_ref().map(TargetUrl::as_str))
            && is(self.signing_protocol.as_ref(), Some(&settings.signing_protocol))
            && self
                .rolled_before
                .is_none_or(|instant| webhook.secret_dates_from() < instant)
            && is(self.roll_due.as_ref(), Some(&webhook.is_roll_due(now)))
    }

    /// Whether a webhook with this url meets the condition on its host, if there is one.
    #[must_use]
    pub fn accepts_url(&self, url: Option<&str>) -> bool {
        self.url_host
            .as_ref()
            .is_none_or(|host| url.and_then(UrlHost::of).as_ref() == Some(host))
    }
}

impl Webhook {
    /// How old its secret is: when it was last rolled or removed, or when it was made with the webhook.
    #[must_use]
    pub fn secret_dates_from(&self) -> Instant {
        self.key_ring.rolled_at().unwrap_or(self.created_at)
    }
}

/// The host of a url, in the one spelling that all spellings of it have: a name in lower case and in ASCII (`xn--…`), without the
/// dot that may stand at its end; an IPv4 address in decimal numbers; an IPv6 address in brackets, compressed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UrlHost(String);

impl UrlHost {
    /// What is said of anything else.
    const INVALID: InvalidValue = InvalidValue::new(
        "must be the host of a url without scheme, port and path, such as example.com, 192.0.2.1 or [2001:db8::1]",
    );

    /// The host of `url`, if it has one.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        Url::parse(url).ok()?.host_str().map(Self::of_name)
    }

    /// The host in its one spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_name(name: &str) -> Self {
        Self(name.strip_suffix('.').unwrap_or(name).to_owned())
    }
}

impl fmt::Display for UrlHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UrlHost {
    type Err = InvalidValue;

    /// Reads any spelling of a host that a url can have.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let is_spelt = |c: char| !(c.is_control() || c.is_whitespace() || c == '\\');
        if text.chars().count() > TargetUrl::MAX_LENGTH || !text.chars().all(is_spelt) {
            return Err(Self::INVALID);
        }
        let host = Host::parse(text).map_err(|_| Self::INVALID)?;
        if let Host::Domain(name) = &host {
            check_name(name).map_err(|_| Self::INVALID)?;
        }
        let host = Self::of_name(&host.to_string());
        match host.0.is_empty() {
            true => Err(Self::INVALID),
            false => Ok(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> String {
        text.parse::<UrlHost>().unwrap().0
    }

    #[test]
    fn every_spelling_of_a_host_is_the_same_host() {
        for (spellings, expected) in [
            (
                &[
                    "example.com",
                    "EXAMPLE.com",
                    "example.com.",
                    "ex%61mple.com",
                    "ｅxample.com",
                ][..],
                "example.com",
            ),
            (
                &["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"],
                "xn--bcher-kva.example",
            ),
            (
                &["192.0.2.1", "0xc0000201", "192.0.513", "3221225985", "192.0.2.1."],
                "192.0.2.1",
            ),
            (&["[2001:db8::1]", "[2001:DB8:0:0::0001]"], "[2001:db8::1]"),
            (&["under_score.example"], "under_score.example"),
            (&["localhost", "LOCALHOST"], "localhost"),
        ] {
            for spelling in spellings {
                assert_eq!(host(spelling), expected, "{spelling}");
                for url in [
                    format!("https://{spelling}"),
                    format!("http://{spelling}:8443/a/b?c=other.example"),
                    format!("HTTPS://{spelling}/other.example"),
                ] {
                    assert_eq!(UrlHost::of(&url).unwrap().as_str(), expected, "{url}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_host_alone_is_refused_with_what_would_be_right() {
        for wrong in [
            "",
            ".",
            " example.com",
            "exam ple.com",
            "example.com:443",
            "https://example.com",
            "example.com/",
            "example.com?a",
            "example.com#a",
            "user@example.com",
            "2001:db8::1",
            "[2001:db8::1]:443",
            "[2001:db8::1",
            "256.0.0.1",
            "*.example.com",
            "a,b.example.com",
            "a..example.com",
            "a\tb",
            "a\\b",
            "a%00b",
            &"a".repeat(TargetUrl::MAX_LENGTH + 1),
        ] {
            let told = wrong.parse::<UrlHost>().unwrap_err().to_string();
            assert!(told.contains("such as example.com"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_url_without_a_host_has_none() {
        for url in ["", "example.com", "data:x", "https://"] {
            assert_eq!(UrlHost::of(url), None, "{url}");
        }
    }
}
