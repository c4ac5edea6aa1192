//! What was done, by whom, when, from which request: written in the same transaction as the change.
//!
//! A record names keys by their fingerprints and settings by their names, never by their values.

mod adopted;

use serde::{Deserialize, Serialize};

pub use self::adopted::AuditedAdoption;
use crate::access::caller::{Acting, Credential};
use crate::delivery::key_check::KeyCheck;
use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;
use crate::id::{AuditRecordId, PlatformId, RequestId};
use crate::signing::key_ring::{KeyRing, SigningKey};
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// A webhook was created, with its first key.
    WebhookCreated,
    /// A webhook's settings were changed.
    WebhookUpdated,
    /// A webhook was deleted, and its keys with it.
    WebhookDeleted,
    /// A webhook's secret was rolled.
    SecretRolled,
    /// A webhook's current secret was removed.
    SecretRemoved,
    /// The last roll of a webhook's secret was undone.
    SecretRestored,
    /// Until when one retired secret of a webhook signs was set.
    RetiredSecretChanged,
    /// It was found out which of its secrets a webhook's receiver verifies with.
    KeysChecked,
    /// A webhook's secrets were read back, or shown once more by an answer that was given again.
    SecretRevealed,
    /// A rotation of many webhooks' secrets was begun.
    RotationStarted,
    /// A rotation was stopped before its end.
    RotationStopped,
    /// An API key was created.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// A new master key has taken the place of the one before.
    MasterKeyChanged,
    /// All deliveries were paused.
    DeliveriesPaused,
    /// Deliveries go on.
    DeliveriesResumed,
}

impl AuditAction {
    /// Every action there is.
    pub const ALL: [Self; 16] = [
        Self::WebhookCreated,
        Self::WebhookUpdated,
        Self::WebhookDeleted,
        Self::SecretRolled,
        Self::SecretRemoved,
        Self::SecretRestored,
        Self::RetiredSecretChanged,
        Self::KeysChecked,
        Self::SecretRevealed,
        Self::RotationStarted,
        Self::RotationStopped,
        Self::ApiKeyCreated,
        Self::ApiKeyRevoked,
        Self::MasterKeyChanged,
        Self::DeliveriesPaused,
        Self::DeliveriesResumed,
    ];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebhookCreated => "WEBHOOK.CREATED",
            Self::WebhookUpdated => "WEBHOOK.UPDATED",
            Self::WebhookDeleted => "WEBHOOK.DELETED",
            Self::SecretRolled => "WEBHOOK.SECRET_ROLLED",
            Self::SecretRemoved => "WEBHOOK.SECRET_REMOVED",
            Self::SecretRestored => "WEBHOOK.SECRET_RESTORED",
            Self::RetiredSecretChanged => "WEBHOOK.RETIRED_SECRET_CHANGED",
            Self::KeysChecked => "WEBHOOK.KEYS_CHECKED",
            Self::SecretRevealed => "WEBHOOK.SECRET_REVEALED",
            Self::RotationStarted => "ROTATION.STARTED",
            Self::RotationStopped => "ROTATION.STOPPED",
            Self::ApiKeyCreated => "API_KEY.CREATED",
            Self::ApiKeyRevoked => "API_KEY.REVOKED",
            Self::MasterKeyChanged => "MASTER_KEY.CHANGED",
            Self::DeliveriesPaused => "DELIVERIES.PAUSED",
            Self::DeliveriesResumed => "DELIVERIES.RESUMED",
        }
    }
}

impl std::str::FromStr for AuditAction {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|action| action.name() == text);
        named.ok_or_else(|| {
            InvalidValue(format!("must be one of {}", Self::ALL.map(Self::name).join(", ")).into())
        })
    }
}

/// What can be said of a change without telling a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditDetails {
    /// The settings that changed, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_fields: Vec<String>,
    /// The fingerprint of the current key after the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_key: Option<String>,
    /// How it signs, by name, unless with HMAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The retired keys that still sign after the change, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired_keys: Vec<AuditedRetiredKey>,
    /// The fingerprints of keys that signed before the change and no longer do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_keys: Vec<String>,
    /// What was shown of the key that was the current one before the change and is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_key: Option<AuditedAdoption>,
    /// The fingerprints of keys that a client brought from elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported_keys: Vec<String>,
    /// Until when the receiver's credentials of before the change may be used, if it kept them: in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_credentials_expires_at: Option<i64>,
    /// Whether what tells of keys is an answer of before that was given again: nothing was done, and the keys may have changed since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// The fingerprints of the keys that an answer had which was given again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown_keys: Vec<String>,
    /// What an API key may do, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// What a check of keys has found out, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The rotation that the secret was rolled by, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
    /// Why a rotation was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

/// A retired key as an audit record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedRetiredKey {
    /// Which key.
    pub fingerprint: String,
    /// Until when it signs, in seconds since the Unix epoch.
    pub expires_at: i64,
    /// Until when it signs at the most, if it is kept until the current key is adopted, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<i64>,
}

impl AuditDetails {
    /// The keys of `after` at `now`, and which of those of `before` they no longer have among them.
    #[must_use]
    pub fn of_keys(before: Option<&KeyRing>, after: &KeyRing, now: Instant) -> Self {
        let still = |id| after.valid_at(now).any(|key| key.id == id);
        Self {
            current_key: after.current().map(fingerprint_of),
            protocol: after
                .current()
                .map(SigningKey::protocol)
                .filter(|protocol| *protocol != SigningProtocol::HmacSha256)
                .map(|protocol| protocol.name().to_owned()),
            retired_keys: after
                .retired_at(now)
                .map(|retired| AuditedRetiredKey {
                    fingerprint: fingerprint_of(&retired.key),
                    expires_at: after.expiry_of(retired, now).as_seconds(),
                    kept_until: retired.kept.map(|_| after.end_of(retired).as_seconds()),
                })
                .collect(),
            ended_keys: before
                .into_iter()
                .flat_map(|ring| ring.valid_at(now))
                .filter(|key| !still(key.id))
                .map(fingerprint_of)
                .collect(),
            adopted_key: before.and_then(|before| AuditedAdoption::of_replaced(before, after)),
            ..Self::default()
        }
    }

    /// The signing keys that an answer has which is given again. They say nothing of the webhook's keys by then.
    #[must_use]
    pub fn of_replay(shown: &[Fingerprint]) -> Self {
        Self {
            replayed: true,
            shown_keys: shown.iter().map(|key| key.as_str().to_owned()).collect(),
            ..Self::default()
        }
    }

    /// What a check has found out. The current key is the one that was asked about, whichever is the current one by now.
    #[must_use]
    pub fn of_check(check: &KeyCheck) -> Self {
        let current = check.keys.first();
        Self {
            current_key: current.map(|key| key.fingerprint.as_str().to_owned()),
            verdict: Some(check.verdict.name().to_owned()),
            ..Self::default()
        }
    }

    /// The keys of `ring` at `now`, all of which end with their webhook.
    #[must_use]
    pub fn of_end(ring: &KeyRing, now: Instant) -> Self {
        Self {
            ended_keys: ring.valid_at(now).map(fingerprint_of).collect(),
            ..Self::default()
        }
    }
}

fn fingerprint_of(key: &SigningKey) -> String {
    key.fingerprint().as_str().to_owned()
}

/// One audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Which record.
    pub id: AuditRecordId,
    /// The platform it was done on.
    pub platform: PlatformId,
    /// When.
    pub at: Instant,
    /// Whose request it was.
    pub credential: Credential,
    /// From which request.
    pub request: RequestId,
    /// What was done.
    pub action: AuditAction,
    /// To what: the id of a webhook, a rotation or an API key.
    pub resource_id: String,
    /// What more can be said.
    pub details: AuditDetails,
}

/// What is known of an audit record before the decision it tells of: who, when, from which request.
#[derive(Debug, Clone)]
pub struct AuditStamp {
    id: AuditRecordId,
    at: Instant,
    platform: PlatformId,
    credential: Credential,
    request: RequestId,
}

impl AuditStamp {
    /// The stamp of what `acting` does at `now`.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn new(acting: &Acting, now: Instant, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self {
            id: AuditRecordId::generate(now, entropy)?,
            at: now,
            platform: acting.platform().clone(),
            credential: acting.credential(),
            request: acting.request().clone(),
        })
    }

    /// The record that `action` was done to `resource_id`.
    #[must_use]
    pub fn record(&self, action: AuditAction, resource_id: String, details: AuditDetails) -> AuditRecord {
        AuditRecord {
            id: self.id,
            platform: self.platform.clone(),
            at: self.at,
            credential: self.credential.clone(),
            request: self.request.clone(),
            action,
            resource_id,
            details,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::key_ring::{Evidence, Overlap};
    use crate::testing::{ManualClock, SeededEntropy, fixtures};

    const NOW: Instant = ManualClock::START;

    #[test]
    fn an_action_reads_back_from_its_name() {
        for action in AuditAction::ALL {
            assert_eq!(action.name().parse(), Ok(action));
        }
        assert!("WEBHOOK.ROLLED".parse::<AuditAction>().is_err());
    }

    #[test]
    fn details_name_the_keys_that_sign_and_those_that_no_longer_do() {
        let entropy = SeededEntropy::default();
        let mut keys = (0..3).map(|_| fixtures::new_key(NOW, &entropy).under(SigningProtocol::HmacSha256));
        let (first, second, third) = (keys.next().unwrap(), keys.next().unwrap(), keys.next().unwrap());
        let before = KeyRing::new(first.clone())
            .roll(second.clone(), Overlap::DAY, NOW)
            .unwrap();

        let kept = before.clone().roll(third.clone(), Overlap::DAY, NOW).unwrap();
        let details = AuditDetails::of_keys(Some(&before), &kept, NOW);
        assert_eq!(details.current_key, Some(fingerprint_of(&third)));
        let expires_at = NOW.as_seconds() + 86_400;
        let retired = [&second, &first].map(|key| AuditedRetiredKey {
            fingerprint: fingerprint_of(key),
            expires_at,
            kept_until: None,
        });
        assert_eq!(details.retired_keys, retired);
        assert_eq!(details.ended_keys, [""; 0]);

        let ended = before.clone().remove(Overlap::NONE, NOW).unwrap();
        let details = AuditDetails::of_keys(Some(&before), &ended, NOW);
        assert_eq!(details.current_key, None);
        assert_eq!(details.retired_keys, []);
        assert_eq!(
            details.ended_keys,
            [fingerprint_of(&second), fingerprint_of(&first)]
        );
    }

    #[test]
    fn details_say_what_was_shown_of_the_key_that_is_replaced() {
        let entropy = SeededEntropy::default();
        let mut keys = (0..2).map(|_| fixtures::new_key(NOW, &entropy).under(SigningProtocol::HmacSha256));
        let (first, second) = (keys.next().unwrap(), keys.next().unwrap());
        let ring = KeyRing::new(first.clone());
        let proved = ring.clone().proved(first.id, Evidence::Receipt, NOW);
        let rolled = |ring: &KeyRing| ring.clone().roll(second.clone(), Overlap::DAY, NOW).unwrap();
        let of =
            |before: &KeyRing, after: &KeyRing| AuditDetails::of_keys(Some(before), after, NOW).adopted_key;
        let adopted = of(&proved, &rolled(&proved)).unwrap();
        assert_eq!(adopted.fingerprint, fingerprint_of(&first));
        assert_eq!(adopted.read(), proved.adoption());
        assert_eq!(of(&ring, &rolled(&ring)), None, "nothing was shown");
        assert_eq!(of(&proved, &proved), None, "it stays the current one");
    }

    #[test]
    fn details_never_hold_a_secret() {
        let entropy = SeededEntropy::default();
        let webhook = fixtures::webhook(&fixtures::acme(), fixtures::full_settings(), NOW, &entropy);
        let details = AuditDetails::of_keys(None, &webhook.key_ring, NOW);
        assert!(!format!("{details:?}").contains("whsec_"));
    }
}
