//! Previous credentials in their column: JSON, what is secret of them sealed for the version from which on they are the previous ones, as
//! [`webhook_domain::stored::StoredPreviousCredentials`] has it. Null for a webhook without.

use diesel::prelude::*;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::stored::StoredPreviousCredentials;
use webhook_domain::webhook::{PreviousCredentials, Webhook};

use crate::database::connection::AnyConnection;
use crate::database::row::{At, RowError};
use crate::database::schema::credential_expiries;
use crate::sealing::Vault;

/// The previous credentials of a webhook as they were read, so that what stays is not sealed anew.
#[derive(Default)]
pub(crate) struct SealedCredentials {
    column: Option<Vec<u8>>,
    read: Option<StoredPreviousCredentials>,
}

impl SealedCredentials {
    /// Whether each is sealed under the master key of this name.
    pub(crate) fn are_sealed_under(&self, name: &str) -> bool {
        self.read.as_ref().is_none_or(|read| read.are_sealed_under(name))
    }
}

/// Reads and writes the previous credentials of one webhook.
pub(crate) struct PreviousCredentialsCodec<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) platform: &'a PlatformId,
    pub(crate) webhook: WebhookId,
    pub(crate) at: At<'a>,
}

impl PreviousCredentialsCodec<'_> {
    pub(crate) fn decode(
        &self,
        column: Option<Vec<u8>>,
    ) -> Result<(Option<PreviousCredentials>, SealedCredentials), RowError> {
        let Some(column) = column else {
            return Ok((None, SealedCredentials::default()));
        };
        let stored: StoredPreviousCredentials =
            serde_json::from_slice(&column).map_err(|source| self.at.json(source))?;
        let restored = stored.clone().restore(self.platform, self.webhook, self.vault);
        let previous = restored.map_err(|error| self.at.stored(error))?;
        let sealed = SealedCredentials {
            column: Some(column),
            read: Some(stored),
        };
        Ok((Some(previous), sealed))
    }

    /// Writes `previous`: as `before` has them if they are the same.
    pub(crate) fn encode(
        &self,
        previous: Option<&PreviousCredentials>,
        before: Option<(&Webhook, &SealedCredentials)>,
    ) -> Result<Option<Vec<u8>>, RowError> {
        let Some(previous) = previous else { return Ok(None) };
        if let Some((before, sealed)) = before
            && before.previous_credentials.as_ref() == Some(previous)
        {
            return Ok(sealed.column.clone());
        }
        let stored = StoredPreviousCredentials::of(previous, self.platform, self.webhook, self.vault);
        let stored = stored.map_err(|error| self.at.stored(error))?;
        let column = serde_json::to_vec(&stored).map_err(|source| self.at.json(source))?;
        Ok(Some(column))
    }
}

/// Notes when the previous credentials of `after` expire, for the sweep, where that is another instant than before. Those of a webhook
/// that is no more go with it.
pub(crate) fn note_expiry(
    connection: &mut AnyConnection,
    before: Option<&Webhook>,
    after: &Webhook,
) -> QueryResult<()> {
    let expiry = |webhook: &Webhook| {
        let previous = webhook.previous_credentials.as_ref();
        previous.map(|previous| previous.expires_at.as_milliseconds())
    };
    let (before, expires_at) = (before.and_then(expiry), expiry(after));
    if before == expires_at {
        return Ok(());
    }
    let id = after.id.to_string();
    diesel::delete(credential_expiries::table.find(&id)).execute(connection)?;
    match expires_at {
        None => Ok(()),
        Some(expires_at) => diesel::insert_into(credential_expiries::table)
            .values((
                credential_expiries::webhook_id.eq(&id),
                credential_expiries::expires_at.eq(expires_at),
            ))
            .execute(connection)
            .map(drop),
    }
}
