//! What was shown of a webhook's current secret, as clients see it.

use webhook_domain::signing::key_ring::{Adoption, Evidence, SigningKey};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::time::Instant;

use super::answer::answer;
use super::schemas::{AsText, ByName};

answer! {
    /// That the receiver verifies with the current secret, as far as that can be shown.
    #[document("SecretAdoption")]
    pub(crate) struct SecretAdoptionJson {
        /// The fingerprint of the current secret.
        fingerprint: AsText<Fingerprint> = "sha256:fedcba9876543210",
        /// How it was shown: by a receipt in an answer to a delivery, or by a check.
        evidence: ByName<Evidence> = "RECEIPT",
        /// When it was shown first.
        adopted_at: AsText<Instant> = "2024-04-12T16:01:12Z",
    }
}

impl SecretAdoptionJson {
    pub(super) fn new(current: &SigningKey, adoption: Adoption) -> Self {
        Self {
            fingerprint: AsText(current.fingerprint()),
            evidence: ByName(adoption.evidence),
            adopted_at: AsText(adoption.adopted_at),
        }
    }
}
