//! Finding API keys, many at a time.
//!
//! Every request asks for the key it was made with: a revoked key is refused from the moment its revocation was answered, in every
//! process. So nothing is cached; see [`BatchReader`].

use diesel::QueryResult;
use webhook_domain::StoreError;
use webhook_domain::access::api_key::ApiKey;
use webhook_domain::id::ApiKeyId;

use crate::api_keys::row::ApiKeyRow;
use crate::database::connection::AnyConnection;
use crate::engine::batch_reader::{Batch, BatchReader};

/// The way to the thread that finds API keys.
pub(crate) type ApiKeyLookup = BatchReader<KeysById>;

/// Questions for API keys by their ids.
pub(crate) struct KeysById;

impl Batch for KeysById {
    type Question = ApiKeyId;
    type Answer = Option<ApiKey>;

    const NAME: &'static str = "store-keys";

    fn set_up(&self, connection: &mut AnyConnection) -> QueryResult<()> {
        connection.find_by_key()
    }

    fn answer(
        &self,
        connection: &mut AnyConnection,
        questions: &[&ApiKeyId],
    ) -> QueryResult<Vec<Result<Option<ApiKey>, StoreError>>> {
        let mut ids: Vec<_> = questions.iter().map(ToString::to_string).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = connection.load_api_keys(&ids)?;
        Ok(questions.iter().map(|id| find(&rows, **id)).collect())
    }
}

fn find(rows: &[ApiKeyRow], id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let id = id.to_string();
    let row = rows.iter().find(|row| row.id == id);
    row.map(ApiKeyRow::decode)
        .transpose()
        .map_err(|error| StoreError::Corrupt(error.into()))
}
