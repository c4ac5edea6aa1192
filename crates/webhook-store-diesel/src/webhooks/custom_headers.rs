//! Custom headers in their column: JSON, each value sealed for its webhook and name, as [`webhook_domain::stored::StoredHeaders`] has
//! it. Null for a webhook without.

use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::stored::{SealedHeaders, StoredHeaders};
use webhook_domain::webhook::CustomHeaders;

use crate::database::row::{At, RowError};
use crate::sealing::Vault;

/// Reads and writes the custom headers of one webhook.
pub(crate) struct HeadersCodec<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) platform: &'a PlatformId,
    pub(crate) webhook: WebhookId,
    pub(crate) at: At<'a>,
}

impl HeadersCodec<'_> {
    pub(crate) fn decode(
        &self,
        column: Option<&[u8]>,
    ) -> Result<(Option<CustomHeaders>, SealedHeaders), RowError> {
        let Some(column) = column else {
            return Ok((None, SealedHeaders::default()));
        };
        let stored: StoredHeaders = serde_json::from_slice(column).map_err(|source| self.at.json(source))?;
        let restored = stored.restore(self.platform, self.webhook, self.vault);
        let (headers, sealed) = restored.map_err(|error| self.at.stored(error))?;
        Ok((Some(headers), sealed))
    }

    /// Writes `headers`, sealing only the values that `sealed` does not have.
    pub(crate) fn encode(
        &self,
        headers: Option<&CustomHeaders>,
        sealed: &SealedHeaders,
    ) -> Result<Option<Vec<u8>>, RowError> {
        let Some(headers) = headers else { return Ok(None) };
        let stored = StoredHeaders::of(headers, self.platform, self.webhook, self.vault, sealed);
        let stored = stored.map_err(|error| self.at.stored(error))?;
        let column = serde_json::to_vec(&stored).map_err(|source| self.at.json(source))?;
        Ok(Some(column))
    }
}
