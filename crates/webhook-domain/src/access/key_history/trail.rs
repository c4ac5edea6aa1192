//! What the audit records of a webhook say of one of its keys: who was shown it, when it was made and when it ends.

use crate::access::audit::{AuditAction, AuditRecord, AuditedAdoption};
use crate::access::caller::Credential;
use crate::id::{AuditRecordId, RequestId};
use crate::signing::key_ring::Adoption;
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// How many times that a key was shown are told one by one: the latest.
pub const MOST_SHOWN: usize = 1000;

/// One time that a key was shown to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showing {
    /// The audit record of it.
    pub record: AuditRecordId,
    /// When.
    pub at: Instant,
    /// What was done: the answer to it had the key.
    pub action: AuditAction,
    /// Whose request it was.
    pub credential: Credential,
    /// Which request.
    pub request: RequestId,
}

/// What the audit records of a webhook say of one of its keys. They are read from the newest on back.
#[derive(Debug)]
pub struct KeyTrail {
    pub(super) fingerprint: Fingerprint,
    pub(super) shown: Vec<Showing>,
    pub(super) times_shown: u64,
    /// When it ends by the newest record that names it, if that says it: whether any did.
    pub(super) newest: Option<Option<Instant>>,
    pub(super) made_at: Option<Instant>,
    /// What was shown of it when another took its place.
    pub(super) adopted: Option<Adoption>,
}

impl KeyTrail {
    /// Nothing yet of the key with this fingerprint.
    #[must_use]
    pub const fn of(fingerprint: Fingerprint) -> Self {
        Self {
            fingerprint,
            shown: Vec::new(),
            times_shown: 0,
            newest: None,
            made_at: None,
            adopted: None,
        }
    }

    /// Reads the next older record.
    pub fn add(&mut self, record: &AuditRecord) {
        if shows(record, self.fingerprint.as_str()) {
            self.times_shown += 1;
            if self.shown.len() < MOST_SHOWN {
                self.shown.push(Showing {
                    record: record.id,
                    at: record.at,
                    action: record.action,
                    credential: record.credential.clone(),
                    request: record.request.clone(),
                });
            }
        }
        self.follow(record);
    }

    /// Reads what a record says of when the key began and ends.
    fn follow(&mut self, record: &AuditRecord) {
        let mut end = None;
        for named in record.named_keys() {
            if named.fingerprint == self.fingerprint.as_str() {
                end = Some(named.end.instant());
                self.made_at = named.made_at.or(self.made_at);
            }
        }
        self.newest = self.newest.or(end);
        let adopted = record.details.adopted_key.as_ref();
        let adopted = adopted.filter(|adopted| adopted.fingerprint == self.fingerprint.as_str());
        self.adopted = self.adopted.or(adopted.and_then(AuditedAdoption::read));
    }

    /// When it was shown and how often, for a key that signs like this. Nobody is shown a key with a public half: its private half never
    /// leaves the service.
    pub(super) fn showings(self, protocol: Option<SigningProtocol>) -> (Vec<Showing>, u64) {
        match protocol {
            Some(SigningProtocol::Ed25519) => (Vec::new(), 0),
            Some(SigningProtocol::HmacSha256) | None => (self.shown, self.times_shown),
        }
    }

    /// Whether the record of the key's making was read: there is nothing of it before.
    #[must_use]
    pub const fn is_at_its_beginning(&self) -> bool {
        self.made_at.is_some()
    }
}

/// Whether the answer to what a record tells of had this key.
fn shows(record: &AuditRecord, key: &str) -> bool {
    let details = &record.details;
    if details.replayed {
        return details.shown_keys.iter().any(|shown| shown == key);
    }
    // An answer has the current secret, and the one retired last.
    let is_current = details.current_key.as_deref() == Some(key);
    let previous = details.retired_keys.first();
    let is_previous = previous.is_some_and(|previous| previous.fingerprint == key);
    answers_with_keys(record) && (is_current || is_previous)
}

/// Whether the answer to what a record tells of had keys.
fn answers_with_keys(record: &AuditRecord) -> bool {
    let has_keys = matches!(
        record.action,
        AuditAction::WebhookCreated
            | AuditAction::SecretRolled
            | AuditAction::SecretRemoved
            | AuditAction::SecretRevealed
    );
    // What the service does by itself, and a rotation for whoever began it, is answered to nobody.
    let is_by_itself = matches!(record.credential, Credential::Service | Credential::Rotation);
    has_keys && !is_by_itself && record.details.rotation.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::audit::{AuditDetails, AuditStamp, AuditedRetiredKey};
    use crate::testing::{ManualClock, SeededEntropy, fixtures};

    const KEY: &str = "sha256:0123456789abcdef";
    const OTHER: &str = "sha256:fedcba9876543210";

    fn record(action: AuditAction, credential: Credential, details: AuditDetails) -> AuditRecord {
        let acting = fixtures::acting(&fixtures::acme());
        let stamp = AuditStamp::new(&acting, ManualClock::START, &SeededEntropy::default());
        AuditRecord {
            credential,
            ..stamp.unwrap().record(action, "whk_1".into(), details)
        }
    }

    /// Details with these keys, the current one first.
    fn keys(current: &str, retired: &[&str]) -> AuditDetails {
        let retired = retired.iter().map(|fingerprint| AuditedRetiredKey {
            fingerprint: (*fingerprint).to_owned(),
            expires_at: 7,
            kept_until: None,
        });
        AuditDetails {
            current_key: Some(current.to_owned()),
            retired_keys: retired.collect(),
            ..AuditDetails::default()
        }
    }

    #[test]
    fn a_key_was_shown_where_an_answer_had_it_to_somebody() {
        use AuditAction::{
            KeysChecked, SecretRemoved, SecretRestored, SecretRevealed, SecretRolled, WebhookUpdated,
        };
        let by_rotation = AuditDetails {
            rotation: Some("rot_1".into()),
            ..keys(KEY, &[])
        };
        let person = || Credential::CommandLine;
        for (action, credential, details, shown) in [
            (SecretRolled, person(), keys(KEY, &[]), 1),
            (SecretRevealed, person(), keys(KEY, &[]), 1),
            (SecretRemoved, person(), keys(OTHER, &[KEY]), 1),
            // An answer has the key that was retired last, and none before it.
            (SecretRevealed, person(), keys(OTHER, &[OTHER, KEY]), 0),
            (SecretRestored, person(), keys(KEY, &[]), 0),
            (WebhookUpdated, person(), keys(KEY, &[]), 0),
            (KeysChecked, person(), keys(KEY, &[]), 0),
            (SecretRolled, Credential::Service, keys(KEY, &[]), 0),
            (SecretRolled, Credential::Rotation, keys(OTHER, &[KEY]), 0),
            (SecretRolled, person(), by_rotation, 0),
            (SecretRolled, person(), keys(OTHER, &[]), 0),
        ] {
            let mut trail = KeyTrail::of(KEY.parse().unwrap());
            trail.add(&record(action, credential, details));
            assert_eq!(
                (trail.times_shown, trail.shown.len()),
                (shown, usize::try_from(shown).unwrap()),
                "{action:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_given_again_shows_its_keys_and_tells_of_no_others() {
        let again = |key: &str| AuditDetails::of_replay(&[OTHER.parse().unwrap(), key.parse().unwrap()]);
        let person = || Credential::CommandLine;
        let mut trail = KeyTrail::of(KEY.parse().unwrap());
        // The key had been ended, and then the answer was given again that had made it.
        trail.add(&record(AuditAction::SecretRevealed, person(), again(KEY)));
        trail.add(&record(
            AuditAction::SecretRevealed,
            person(),
            again("sha256:0000000000000000"),
        ));
        assert_eq!((trail.times_shown, trail.newest), (1, None));
        let ended = AuditDetails {
            ended_keys: vec![KEY.into()],
            ..keys(OTHER, &[])
        };
        trail.add(&record(AuditAction::SecretRolled, person(), ended));
        assert_eq!(
            (trail.times_shown, trail.newest),
            (1, Some(Some(ManualClock::START)))
        );
        assert!(!trail.is_at_its_beginning());
    }

    #[test]
    fn of_what_nobody_noted_the_newest_record_says_the_end() {
        let ended = AuditDetails {
            ended_keys: vec![KEY.into()],
            ..AuditDetails::default()
        };
        let person = || Credential::CommandLine;
        let newest_first = [
            (AuditAction::KeysChecked, keys(KEY, &[])),
            (AuditAction::SecretRolled, keys(OTHER, &[OTHER, KEY])),
            (AuditAction::SecretRolled, keys(KEY, &[])),
        ];
        let mut trail = KeyTrail::of(KEY.parse().unwrap());
        for (action, details) in newest_first {
            assert!(!trail.is_at_its_beginning());
            trail.add(&record(action, person(), details));
        }
        assert!(trail.is_at_its_beginning());
        assert_eq!(trail.newest, Some(Some(Instant::from_milliseconds(7_000))));
        let mut trail = KeyTrail::of(KEY.parse().unwrap());
        trail.add(&record(AuditAction::WebhookDeleted, person(), ended));
        trail.add(&record(AuditAction::SecretRevealed, person(), keys(KEY, &[])));
        assert_eq!(trail.newest, Some(Some(ManualClock::START)));
    }
}
