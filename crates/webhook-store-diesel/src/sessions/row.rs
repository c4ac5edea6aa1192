//! The row of a session.

use data_encoding::HEXLOWER;
use diesel::prelude::*;
use webhook_domain::InvalidValue;
use webhook_domain::access::api_key::{ApiKeyDigest, PresentedApiKey};
use webhook_domain::access::session::{Session, SessionDigest};
use webhook_domain::time::Instant;

use crate::database::row::{At, RowError};
use crate::database::schema::sessions;

/// A row of `sessions`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct SessionRow {
    digest: Vec<u8>,
    api_key_id: String,
    api_key_digest: Vec<u8>,
    began_at: i64,
    used_at: i64,
}

impl SessionRow {
    pub(super) fn encode(session: &Session) -> Self {
        Self {
            digest: session.digest.0.to_vec(),
            api_key_id: session.api_key.id.to_string(),
            api_key_digest: session.api_key.digest.0.to_vec(),
            began_at: session.began_at.as_milliseconds(),
            used_at: session.used_at.as_milliseconds(),
        }
    }

    pub(super) fn decode(self) -> Result<Session, RowError> {
        let row = HEXLOWER.encode(&self.digest);
        let at = |column| At { column, row: &row };
        let bytes = |column, bytes: &[u8]| {
            <[u8; 32]>::try_from(bytes).map_err(|_| at(column).value(InvalidValue::new("must be 32 bytes")))
        };
        Ok(Session {
            digest: SessionDigest(bytes("digest", &self.digest)?),
            api_key: PresentedApiKey {
                id: self
                    .api_key_id
                    .parse()
                    .map_err(|problem| at("api_key_id").value(problem))?,
                digest: ApiKeyDigest(bytes("api_key_digest", &self.api_key_digest)?),
            },
            began_at: Instant::from_milliseconds(self.began_at),
            used_at: Instant::from_milliseconds(self.used_at),
        })
    }
}
