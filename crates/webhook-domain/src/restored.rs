//! What a restore brings back: a backup against the database that it replaces.
//!
//! A backup knows nothing of what was done after it. A key that was revoked since signs again, and a key that was made since is
//! lost. Where both databases can be read, this says for which webhooks that is so, and how to roll them: a pure function of the
//! two lists and an instant.

use std::collections::BTreeMap;

use crate::access::api_key::ApiKey;
use crate::id::{ApiKeyId, PlatformId, SigningKeyId, WebhookId};
use crate::signing::key_ring::{KeyRing, Overlap, SigningKey};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;
use crate::webhook::Webhook;

/// Which webhook it is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedWebhook {
    /// Its platform.
    pub platform: PlatformId,
    /// Its id.
    pub id: WebhookId,
    /// Its name.
    pub name: Option<String>,
    /// Where its deliveries go.
    pub url: Option<String>,
}

impl NamedWebhook {
    fn of(webhook: &Webhook) -> Self {
        let settings = &webhook.settings;
        Self {
            platform: webhook.platform.clone(),
            id: webhook.id,
            name: settings.name.as_ref().map(|name| name.as_str().to_owned()),
            url: settings.url.as_ref().map(|url| url.as_str().to_owned()),
        }
    }
}

/// A webhook whose ring is another in the backup than in the database that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferingRing {
    /// The webhook.
    pub webhook: NamedWebhook,
    /// The keys that the backup signs with, newest first.
    pub signs_now: Vec<Fingerprint>,
    /// The keys that the replaced database signed with, newest first.
    pub signed_before: Vec<Fingerprint>,
    /// The keys that the backup signs with, though they signed no more in the replaced database.
    pub revoked: Vec<Fingerprint>,
    /// The keys of the replaced database that the backup does not have.
    pub lost: Vec<Fingerprint>,
    /// When the ring was rolled last in the replaced database.
    pub rolled_at: Option<Instant>,
    /// How long the current key of the backup may go on signing once it is rolled: not at all if one of its keys was revoked,
    /// otherwise as long as the replaced database let it.
    pub overlap: Overlap,
}

/// The webhooks of a backup against those of the database that it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhooksCompared {
    /// Those that sign with other keys.
    pub differing: Vec<DifferingRing>,
    /// Those that were deleted since the backup, and are there again.
    pub deleted_since: Vec<NamedWebhook>,
    /// Those that were made since the backup, and are lost.
    pub made_since: Vec<NamedWebhook>,
}

/// Compares the webhooks of a backup with those of the database that it replaces, as of `now`.
#[must_use]
pub fn compare_webhooks(backup: &[Webhook], replaced: &[Webhook], now: Instant) -> WebhooksCompared {
    let by_id = |webhooks: &[Webhook]| -> BTreeMap<WebhookId, usize> {
        let places = webhooks.iter().enumerate();
        places.map(|(place, webhook)| (webhook.id, place)).collect()
    };
    let (in_backup, in_replaced) = (by_id(backup), by_id(replaced));
    let mut compared = WebhooksCompared::default();
    for webhook in backup {
        match in_replaced.get(&webhook.id).map(|place| &replaced[*place]) {
            None => compared.deleted_since.push(NamedWebhook::of(webhook)),
            Some(before) => compared.differing.extend(difference(webhook, before, now)),
        }
    }
    let made = replaced
        .iter()
        .filter(|webhook| !in_backup.contains_key(&webhook.id));
    compared.made_since = made.map(NamedWebhook::of).collect();
    compared
}

fn difference(webhook: &Webhook, replaced: &Webhook, now: Instant) -> Option<DifferingRing> {
    let (ring, before) = (&webhook.key_ring, &replaced.key_ring);
    if promises(ring, now) == promises(before, now) {
        return None;
    }
    let missing_in = |ring: &KeyRing, other: &KeyRing| -> Vec<Fingerprint> {
        let keys = promises(other, now);
        ring.valid_at(now)
            .filter(|key| keys.iter().all(|(id, _)| *id != key.id))
            .map(SigningKey::fingerprint)
            .collect()
    };
    let revoked = missing_in(ring, before);
    Some(DifferingRing {
        webhook: NamedWebhook::of(webhook),
        signs_now: ring.fingerprints(now),
        signed_before: before.fingerprints(now),
        overlap: match revoked.is_empty() {
            true => promised(ring, before, now),
            false => Overlap::NONE,
        },
        revoked,
        lost: missing_in(before, ring),
        rolled_at: before.rolled_at(),
    })
}

/// The keys that sign at `now`, and until when; the current one has no end.
fn promises(ring: &KeyRing, now: Instant) -> Vec<(SigningKeyId, Option<Instant>)> {
    let current = ring.current().map(|key| (key.id, None));
    let retired = ring
        .retired_at(now)
        .map(|retired| (retired.key.id, Some(ring.expiry_of(retired, now))));
    current.into_iter().chain(retired).collect()
}

/// How long the current key of `ring` goes on signing by what `before` says of it.
fn promised(ring: &KeyRing, before: &KeyRing, now: Instant) -> Overlap {
    let retired = ring.current().and_then(|current| {
        before
            .retired_at(now)
            .find(|retired| retired.key.id == current.id)
    });
    let Some(retired) = retired else {
        return Overlap::DAY;
    };
    let seconds = before.expiry_of(retired, now).since(now).as_secs();
    Overlap::from_seconds(seconds.min(Overlap::MAX_SECONDS.into())).unwrap_or(Overlap::NONE)
}

/// The API keys of a backup that are in force at `now`, and were not any more in the database that it replaces.
#[must_use]
pub fn revived_api_keys(backup: &[ApiKey], replaced: &[ApiKey], now: Instant) -> Vec<ApiKey> {
    let in_force: BTreeMap<ApiKeyId, bool> = replaced
        .iter()
        .map(|key| (key.id, key.is_in_force(now)))
        .collect();
    backup
        .iter()
        .filter(|key| key.is_in_force(now) && !in_force.get(&key.id).copied().unwrap_or(false))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::api_key::ApiKeyDigest;
    use crate::access::caller::PlatformScope;
    use crate::access::permission::PermissionSet;
    use crate::signing::signing_protocol::SigningProtocol;
    use crate::testing::{ManualClock, SeededEntropy, fixtures};

    const NOW: Instant = ManualClock::START;

    fn webhook() -> Webhook {
        let (platform, entropy) = (fixtures::platform("acme"), SeededEntropy::new(1));
        fixtures::webhook(&platform, fixtures::bare_settings(), NOW, &entropy)
    }

    fn rolled(webhook: &Webhook, seconds: u64, seed: u64) -> Webhook {
        let key = fixtures::new_key(NOW, &SeededEntropy::new(seed)).under(SigningProtocol::HmacSha256);
        let overlap = Overlap::from_seconds(seconds).unwrap();
        Webhook {
            key_ring: webhook.key_ring.clone().roll(key, overlap, NOW).unwrap(),
            ..webhook.clone()
        }
    }

    fn api_key() -> ApiKey {
        ApiKey {
            id: ApiKeyId::generate(NOW, &SeededEntropy::new(3)).unwrap(),
            name: None,
            scope: PlatformScope::All,
            permissions: PermissionSet::all(),
            digest: ApiKeyDigest([0; 32]),
            created_at: NOW,
            expires_at: None,
            revoked_at: None,
        }
    }

    fn one(compared: &WebhooksCompared) -> &DifferingRing {
        assert_eq!(compared.differing.len(), 1, "{compared:?}");
        &compared.differing[0]
    }

    #[test]
    fn rings_that_sign_alike_do_not_differ() {
        let webhook = webhook();
        let compared = compare_webhooks(
            std::slice::from_ref(&webhook),
            std::slice::from_ref(&webhook),
            NOW,
        );
        assert_eq!(compared, WebhooksCompared::default());
    }

    #[test]
    fn a_key_that_was_revoked_since_is_rolled_without_overlap() {
        let (backup, replaced) = (webhook(), rolled(&webhook(), 0, 2));
        let compared = compare_webhooks(
            std::slice::from_ref(&backup),
            std::slice::from_ref(&replaced),
            NOW,
        );
        let ring = one(&compared);
        assert_eq!(ring.revoked, backup.key_ring.fingerprints(NOW));
        assert_eq!(ring.lost, replaced.key_ring.fingerprints(NOW));
        assert_eq!(ring.overlap, Overlap::NONE);
    }

    #[test]
    fn a_key_that_was_rolled_with_an_overlap_keeps_what_is_left_of_it() {
        let (backup, replaced) = (webhook(), rolled(&webhook(), 600, 2));
        let later = NOW.whole_seconds().plus(Duration::from_secs(100));
        let (backup, replaced) = ([backup], [replaced]);
        let compared = compare_webhooks(&backup, &replaced, later);
        let ring = one(&compared);
        assert!(ring.revoked.is_empty());
        assert_eq!(ring.overlap, Overlap::from_seconds(500).unwrap());
        let after = later.plus(Duration::from_secs(500));
        let compared = compare_webhooks(&backup, &replaced, after);
        assert_eq!(one(&compared).overlap, Overlap::NONE, "its time is over");
    }

    #[test]
    fn webhooks_of_one_side_alone_are_named() {
        let there = [webhook()];
        let compared = compare_webhooks(&there, &[], NOW);
        assert_eq!(compared.deleted_since[0].id, there[0].id);
        let compared = compare_webhooks(&[], &there, NOW);
        assert_eq!(compared.made_since[0].id, there[0].id);
    }

    #[test]
    fn an_api_key_that_was_revoked_since_is_in_force_again() {
        let key = api_key();
        let revoked = key.revoked(NOW);
        let (backup, replaced) = ([key], [revoked]);
        assert_eq!(revived_api_keys(&backup, &replaced, NOW), backup);
        assert!(revived_api_keys(&backup, &backup, NOW).is_empty());
        assert!(revived_api_keys(&replaced, &backup, NOW).is_empty());
    }
}
