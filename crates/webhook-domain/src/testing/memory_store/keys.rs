//! What is known of signing keys by their fingerprints, in memory.

use std::collections::BTreeMap;

use crate::access::audit::AuditRecord;
use crate::access::key_history::{KnownKey, PastKey};
use crate::access::named_keys::KeyEnd;
use crate::id::{PlatformId, WebhookId};
use crate::signing::key_ring::EndedKey;
use crate::signing::secret::Fingerprint;
use crate::webhook::Webhook;

/// By platform, fingerprint and webhook.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<(String, String, WebhookId), Noted>);

struct Noted {
    known: KnownKey,
    /// Whether it is in no ring any more.
    is_past: bool,
}

impl Keys {
    /// Notes what a record says of keys.
    pub(super) fn read(&mut self, record: &AuditRecord) {
        let Ok(webhook) = record.resource_id.parse() else {
            return;
        };
        for named in record.named_keys() {
            let noted = self.of(&record.platform, named.fingerprint, webhook);
            noted.known.protocol = noted.known.protocol.or(named.protocol);
            noted.known.made_at = noted.known.made_at.or(named.made_at);
            if !noted.is_past {
                noted.known.ended_at = named.end.instant();
                noted.is_past = matches!(named.end, KeyEnd::Past(_));
            }
        }
    }

    /// Notes what no record says.
    pub(super) fn end(&mut self, webhook: &Webhook, ended: &[EndedKey]) {
        for ended in ended {
            let noted = self.of(&webhook.platform, ended.fingerprint.as_str(), webhook.id);
            noted.known.protocol = Some(ended.protocol);
            noted.known.ended_at = Some(ended.ended_at);
            noted.is_past = true;
        }
    }

    fn of(&mut self, platform: &PlatformId, fingerprint: &str, webhook: WebhookId) -> &mut Noted {
        let place = (platform.to_string(), fingerprint.to_owned(), webhook);
        self.0.entry(place).or_insert(Noted {
            known: KnownKey {
                webhook,
                protocol: None,
                made_at: None,
                ended_at: None,
            },
            is_past: false,
        })
    }

    /// The keys of a webhook that end, in no order.
    pub(super) fn ending(&self, platform: &PlatformId, webhook: WebhookId) -> Vec<PastKey> {
        let of_webhook =
            |place: &(String, String, WebhookId)| place.0 == platform.as_str() && place.2 == webhook;
        let own = self.0.iter().filter(|(place, _)| of_webhook(place));
        own.filter_map(|((_, fingerprint, _), noted)| {
            Some(PastKey {
                fingerprint: fingerprint.parse().ok()?,
                protocol: noted.known.protocol,
                made_at: noted.known.made_at,
                ended_at: noted.known.ended_at?,
            })
        })
        .collect()
    }

    /// The keys of the platform with this fingerprint, in the order of their webhooks' ids.
    pub(super) fn with(&self, platform: &PlatformId, key: &Fingerprint) -> impl Iterator<Item = &KnownKey> {
        let of_key = (platform.to_string(), key.as_str().to_owned());
        let all = self.0.iter();
        all.filter(move |((platform, key, _), _)| *platform == of_key.0 && *key == of_key.1)
            .map(|(_, noted)| &noted.known)
    }
}
