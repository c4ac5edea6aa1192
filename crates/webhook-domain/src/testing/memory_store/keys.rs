//! What is noted of signing keys, in memory.

use std::collections::BTreeMap;

use crate::access::key_history::KnownKey;
use crate::id::{PlatformId, WebhookId};
use crate::signing::key_ring::{KeyRing, KeyTurnover};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;
use crate::webhook::Webhook;

/// By platform, fingerprint and webhook.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<(String, String, WebhookId), KnownKey>);

impl Keys {
    /// Notes which keys came and went when a webhook's ring changed from one to the other.
    pub(super) fn note(
        &mut self,
        webhook: &Webhook,
        (before, after): (Option<&KeyRing>, Option<&KeyRing>),
        at: Option<Instant>,
    ) {
        for turned in KeyTurnover::between(before, after, at) {
            let place = (
                webhook.platform.to_string(),
                turned.fingerprint.as_str().to_owned(),
                webhook.id,
            );
            let known = self.0.entry(place).or_insert(KnownKey {
                webhook: webhook.id,
                protocol: Some(turned.protocol),
                made_at: turned.made_at,
                ended_at: None,
            });
            known.ended_at = turned.ended_at.or(known.ended_at);
        }
    }

    /// The keys of the platform with this fingerprint, in the order of their webhooks' ids.
    pub(super) fn with(&self, platform: &PlatformId, key: &Fingerprint) -> impl Iterator<Item = &KnownKey> {
        let of_key = (platform.to_string(), key.as_str().to_owned());
        let all = self.0.iter();
        all.filter(move |((platform, key, _), _)| *platform == of_key.0 && *key == of_key.1)
            .map(|(_, known)| known)
    }
}
