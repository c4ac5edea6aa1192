//! A webhook as clients see it.

use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::signing::key_ring::{RetiredKey, SigningKey};
use webhook_domain::time::Instant;
use webhook_domain::webhook::{PreviousCredentials, Settings, Webhook};

use super::field_value::FieldValue;
use super::penalty_box::PenaltyBoxJson;
use super::secret_adoption::SecretAdoptionJson;

/// Room for a webhook without long texts or lists, so that its keys are not copied about while it is written.
const USUAL_LENGTH: usize = 2048;
/// Room for one action of a list, or for one name of a header.
const ITEM_LENGTH: usize = 32;

/// Whether a webhook's keys are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// They are there.
    Shown,
    /// They are null, as if there were none.
    Withheld,
}

/// A webhook as JSON: every field of it, null when it is empty, and never a password, an API key or the value of a custom header.
pub struct WebhookJson<'a> {
    pub(super) webhook: &'a Webhook,
    /// The newest retired key that still signs.
    pub(super) previous: Option<&'a RetiredKey>,
    /// Until when it signs, as far as that is known.
    pub(super) previous_expires_at: Option<Instant>,
    pub(super) is_previous_held: bool,
    /// When its current key is due for a roll, as far as that is known.
    pub(super) roll_due_at: Option<Instant>,
    /// The credentials before, if they may still be used.
    pub(super) previous_credentials: Option<&'a PreviousCredentials>,
    pub(super) penalty_box: Option<PenaltyBoxJson>,
    pub(super) secret_adoption: Option<SecretAdoptionJson>,
    keys: Keys,
}

impl<'a> WebhookJson<'a> {
    /// `webhook` as it is at `now`. With its keys shown, whoever writes it answers for where it goes.
    #[must_use]
    pub fn new(webhook: &'a Webhook, now: Instant, keys: Keys) -> Self {
        let ring = &webhook.key_ring;
        let adopted = ring.current().zip(ring.adoption());
        let previous = ring.previous(now);
        Self {
            webhook,
            previous,
            previous_expires_at: previous.map(|retired| ring.expiry_of(retired, now)),
            is_previous_held: previous.is_some_and(|retired| retired.is_held(now)),
            roll_due_at: webhook.roll_due_at(now),
            previous_credentials: webhook.previous_credentials(now),
            penalty_box: webhook.held_up.as_deref().map(PenaltyBoxJson::new),
            secret_adoption: adopted.map(|(current, adoption)| SecretAdoptionJson::new(current, adoption)),
            keys,
        }
    }

    /// The same with the body of the delivery at the head of its queue, if that is held up and was read, as a deployment of this
    /// environment sends it.
    #[must_use]
    pub fn with_payload(mut self, environment: Environment) -> Self {
        if let (Some(shown), Some(held_up)) = (&mut self.penalty_box, &self.webhook.held_up) {
            let payload = held_up.payload(environment);
            shown.payload = payload.and_then(|bytes| String::from_utf8(bytes).ok());
        }
        self
    }

    pub(super) fn current(&self) -> Option<&'a SigningKey> {
        self.webhook.key_ring.current()
    }

    pub(super) const fn settings(&self) -> &'a Settings {
        &self.webhook.settings
    }

    /// `key`, if keys are shown.
    pub(super) fn revealed(&self, key: Option<&'a str>) -> FieldValue<'a> {
        key.filter(|_| self.keys == Keys::Shown).into()
    }
}

/// A webhook as the receivers of events about webhooks see it: without its keys.
#[must_use]
pub fn described(webhook: &Webhook, now: Instant) -> JsonText {
    JsonText::of(&WebhookJson::new(webhook, now, Keys::Withheld))
}

/// Room for the JSON of `webhook`.
pub(crate) fn expected_length(webhook: &Webhook) -> usize {
    let settings = &webhook.settings;
    let lists = [&settings.included_actions, &settings.excluded_actions];
    let actions: usize = lists.into_iter().flatten().map(|list| list.iter().len()).sum();
    let headers = settings
        .custom_headers
        .as_ref()
        .map_or(0, |headers| headers.iter().len());
    let url = settings.url.as_ref().map_or(0, |url| url.as_str().len());
    USUAL_LENGTH + url + (actions + headers) * ITEM_LENGTH
}
