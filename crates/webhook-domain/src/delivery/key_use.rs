//! What a signing key has signed, counted from the attempts that are kept.

use std::collections::BTreeMap;

use super::attempt::Attempt;
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// What one key has signed for one webhook, among the attempts that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyUse {
    /// How many attempts.
    pub attempts: u64,
    /// Of how many deliveries.
    pub deliveries: u64,
    /// When the first of these attempts began.
    pub first_at: Option<Instant>,
    /// When the last one did.
    pub last_at: Option<Instant>,
    /// How many attempts went to which host and port. Releases before 0.2 did not record it; what they made is in no host's number.
    pub hosts: BTreeMap<String, u64>,
}

impl KeyUse {
    /// Counts those attempts at one delivery that the key signed.
    pub fn count(&mut self, key: &Fingerprint, attempts: &[Attempt]) {
        let before = self.attempts;
        for attempt in attempts
            .iter()
            .filter(|attempt| attempt.key_fingerprints.contains(key))
        {
            self.attempts += 1;
            self.first_at = Some(self.first_at.map_or(attempt.at, |first| first.min(attempt.at)));
            self.last_at = Some(self.last_at.map_or(attempt.at, |last| last.max(attempt.at)));
            if let Some(host) = &attempt.host {
                *self.hosts.entry(host.clone()).or_default() += 1;
            }
        }
        self.deliveries += u64::from(self.attempts > before);
    }
}
