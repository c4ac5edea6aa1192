//! What the console is made of: the domain's services, and where it is.

use std::sync::Arc;

use url::{Host, Url};
use webhook_domain::InvalidValue;
use webhook_domain::entropy::Entropy;
use webhook_domain::idempotency::IdempotencySlot;
use webhook_domain::services::{
    ApiKeyService, AuditService, EventService, KeyCheckService, KeyHistoryService, ProbeService,
    RotationService, SecretKeyService, SessionService, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::time::Clock;
use webhook_domain::webhook::FieldRules;
use webhook_front_actix::{FrontLimits, InFlight, RequestRates};

/// The domain as the console sees it. Cheap to clone: shared pointers inside.
#[derive(Clone)]
pub struct Console {
    /// Signs in and out.
    pub sessions: SessionService,
    /// Creates, reads, changes and deletes webhooks.
    pub webhooks: WebhookService,
    /// Rolls and removes their secrets.
    pub secret_keys: SecretKeyService,
    /// Makes, lists and revokes API keys.
    pub api_keys: ApiKeyService,
    /// Reads what was done.
    pub audit: AuditService,
    /// Follows deliveries.
    pub events: EventService,
    /// Sends test events, and what waits in the penalty box.
    pub probes: ProbeService,
    /// Finds out with which of its keys a webhook's receiver verifies.
    pub key_checks: KeyCheckService,
    /// Says what became of a signing key.
    pub signing_keys: KeyHistoryService,
    /// Rolls the secrets of many webhooks.
    pub rotations: RotationService,
    /// How long a retired key goes on signing unless a form says it.
    pub default_overlap: Overlap,
    /// What the deployment allows in fields.
    pub rules: FieldRules,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the keys of forms come from.
    pub entropy: Arc<dyn Entropy>,
    /// How often each credential and each address may ask, here and at the API together.
    pub rates: Arc<RequestRates>,
    /// How long a body may take, and which proxies are believed.
    pub limits: FrontLimits,
    /// Where browsers find the console, if the deployment says it.
    pub public_url: Option<PublicUrl>,
    /// Whether the server itself speaks TLS.
    pub has_tls: bool,
}

/// What all workers of a server share.
pub struct Shared {
    pub(crate) console: Console,
    pub(crate) in_flight: InFlight<IdempotencySlot>,
}

impl Shared {
    /// The console over these services. The workers of one server must share one.
    #[must_use]
    pub fn new(console: Console) -> Arc<Self> {
        // A connection has at most one request in a handler.
        let in_flight = InFlight::new(console.limits.max_connections);
        Arc::new(Self { console, in_flight })
    }
}

/// Where browsers find the service: `https://` and a host, with a port if it is not the usual one. Plain `http://` is for a loopback
/// address alone, because a session could be read on the way anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    is_https: bool,
}

impl PublicUrl {
    /// Reads one.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = InvalidValue::new(
            "must be like https://webhooks.example.com, without a path; http:// only with a loopback address such as localhost",
        );
        let url = Url::parse(text).map_err(|_| wrong.clone())?;
        let is_https = url.scheme() == "https";
        let has_scheme = is_https || (url.scheme() == "http" && url.host().is_some_and(is_loopback));
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_nobodys = url.username().is_empty() && url.password().is_none();
        match has_scheme && is_bare && is_nobodys {
            true => Ok(Self {
                origin: url.origin().ascii_serialization(),
                is_https,
            }),
            false => Err(wrong),
        }
    }

    /// The origin, as browsers write it in `Origin`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }
}

fn is_loopback(host: Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin_over_https_or_on_loopback() {
        for (text, origin) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("https://hooks.example.com/", "https://hooks.example.com"),
            ("https://HOOKS.example.com:443", "https://hooks.example.com"),
            ("https://10.0.0.1:8443", "https://10.0.0.1:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().origin(), origin);
        }
        for wrong in [
            "",
            "hooks.example.com",
            "http://hooks.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "https://hooks.example.com/console",
            "https://hooks.example.com/?a",
            "https://hooks.example.com/#a",
            "https://a:b@hooks.example.com",
            "ftp://localhost",
        ] {
            assert!(PublicUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
