//! A key ring in its column: JSON, each key sealed under its own id, as [`webhook_domain::stored::StoredRing`] has it.
//!
//! A ring is read and written with its webhook, always whole, so it is one value and not a table: a roll
//! is one row read and one row written. A key that a roll retires keeps its sealed form, byte for byte.

use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::stored::{SealedKeys, StoredRing};

use crate::database::row::{At, RowError};
use crate::sealing::Vault;

/// Reads and writes the rings of one webhook.
pub(crate) struct RingCodec<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) platform: &'a PlatformId,
    pub(crate) webhook: WebhookId,
    pub(crate) at: At<'a>,
}

impl RingCodec<'_> {
    pub(crate) fn decode(&self, column: &[u8]) -> Result<(KeyRing, SealedKeys), RowError> {
        let stored: StoredRing = serde_json::from_slice(column).map_err(|source| self.at.json(source))?;
        let restored = stored.restore(self.platform, self.webhook, self.vault);
        restored.map_err(|error| self.at.stored(error))
    }

    /// Writes `ring`, sealing only the keys that `sealed` does not have.
    pub(crate) fn encode(&self, ring: &KeyRing, sealed: &SealedKeys) -> Result<Vec<u8>, RowError> {
        let stored = StoredRing::of(ring, self.platform, self.webhook, self.vault, sealed);
        let stored = stored.map_err(|error| self.at.stored(error))?;
        serde_json::to_vec(&stored).map_err(|source| self.at.json(source))
    }
}
