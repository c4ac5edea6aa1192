//! Secrets that are shown once: as they are kept with the form they answer, and on the page.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use webhook_domain::id::WebhookId;
use webhook_domain::signing::key_ring::SigningKey;
use webhook_domain::signing::secret::{Fingerprint, SecretText};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::webhook::title;

/// The text of a secret on its way to a page. It is written nowhere but there, and in a stored answer, which is sealed.
pub(crate) struct ShownText(SecretText);

impl ShownText {
    /// The text. Whoever calls this answers for where it goes.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Serialize for ShownText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for ShownText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(SecretText::new(String::deserialize(deserializer)?)))
    }
}

/// A key of a webhook, with what its receiver verifies with.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShownKey {
    pub(crate) fingerprint: String,
    pub(crate) protocol: String,
    /// The secret, if receiver and sender share one.
    pub(crate) secret: Option<ShownText>,
    /// The public half, if it has one.
    pub(crate) public: Option<String>,
    /// Until when it signs, in milliseconds since the Unix epoch; none for the current one.
    until: Option<i64>,
}

impl ShownKey {
    fn new(key: &SigningKey, until: Option<Instant>) -> Self {
        let secret = key.expose_shared();
        Self {
            fingerprint: key.fingerprint().to_string(),
            protocol: key.protocol().name().to_owned(),
            secret: secret.map(|text| ShownText(SecretText::new(text.to_owned()))),
            public: key.verification_key().map(|key| key.text().to_owned()),
            until: until.map(Instant::as_milliseconds),
        }
    }

    /// Until when it signs.
    pub(crate) fn until(&self) -> Option<super::Moment> {
        self.until.map(|at| super::Moment(Instant::from_milliseconds(at)))
    }
}

/// The keys of a webhook that sign, to be shown.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShownKeys {
    id: String,
    pub(crate) title: String,
    /// The current one first.
    pub(crate) keys: Vec<ShownKey>,
}

impl ShownKeys {
    /// Those that sign at `now`, with the texts of those that `shows` picks.
    pub(crate) fn of(webhook: &Webhook, now: Instant) -> Self {
        let ring = &webhook.key_ring;
        let current = ring.current().map(|key| ShownKey::new(key, None));
        let retired = ring
            .retired_at(now)
            .map(|retired| ShownKey::new(&retired.key, Some(ring.expiry_of(retired, now))));
        Self {
            id: webhook.id.to_string(),
            title: title(webhook),
            keys: current.into_iter().chain(retired).collect(),
        }
    }

    /// The same, with the text of the current key alone.
    pub(crate) fn of_new(webhook: &Webhook, now: Instant) -> Self {
        let mut shown = Self::of(webhook, now);
        for key in shown.keys.iter_mut().filter(|key| key.until.is_some()) {
            key.secret = None;
        }
        shown
    }

    /// Whose they are.
    pub(crate) fn webhook(&self) -> Option<WebhookId> {
        self.id.parse().ok()
    }

    /// Those whose text is shown.
    pub(crate) fn fingerprints(&self) -> Vec<Fingerprint> {
        let shown = self.keys.iter().filter(|key| key.secret.is_some());
        shown.filter_map(|key| key.fingerprint.parse().ok()).collect()
    }
}
