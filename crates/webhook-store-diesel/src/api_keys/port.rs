//! API keys. A change of them runs alone, in a transaction of its own.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::access::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::id::ApiKeyId;
use webhook_domain::ports::{ApiKeyStore, NewApiKey, Outcome, Revocation, ScopeFilter};
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::DieselStore;
use crate::answers;
use crate::api_keys::row::ApiKeyRow;
use crate::audit::head::{Chain, Keys};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::api_keys;
use crate::engine::failure::Failure;

#[async_trait]
impl ApiKeyStore for DieselStore {
    async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.api_keys.ask(id).await
    }

    async fn insert(&self, key: NewApiKey) -> Result<Outcome<CreatedApiKey>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            let mut chain = Chain::lock(connection, keys)?;
            if let Some(earlier) = answers::earlier(connection, key.idempotency.as_ref(), &vault)? {
                return Ok(earlier);
            }
            let NewApiKey {
                created,
                audit,
                idempotency,
            } = key;
            let last_audit = chain.append(AuditRow::encode(&audit)?, None);
            let row = ApiKeyRow::encode(&created.key, Some(last_audit));
            diesel::insert_into(api_keys::table)
                .values(row)
                .execute(connection)?;
            let answer = answers::store(connection, &created, idempotency, &vault)?;
            chain.save(connection, &[])?;
            Ok(Ok(Outcome::Done {
                subject: Box::new(created),
                answer,
            }))
        };
        Ok(self.writer.alone(work).await??)
    }

    async fn revoke(&self, revocation: Revocation) -> Result<Outcome<ApiKey>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            let mut chain = Chain::lock(connection, keys)?;
            if let Some(earlier) = answers::earlier(connection, revocation.idempotency.as_ref(), &vault)? {
                return Ok(earlier);
            }
            let Some((row, scope_mates)) = load_unrevoked(connection, revocation.id)? else {
                return Ok(Err(Refusal::NO_SUCH_API_KEY));
            };
            let (revoked, audit) = match (revocation.decide)(&row.decode()?, &scope_mates) {
                Ok(decided) => decided,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let last_audit = chain.append(AuditRow::encode(&audit)?, row.last_audit);
            let after = ApiKeyRow::encode(&revoked, Some(last_audit));
            diesel::update(api_keys::table.find(&row.id))
                .set((
                    api_keys::revoked_at.eq(after.revoked_at),
                    api_keys::last_audit.eq(after.last_audit),
                ))
                .execute(connection)?;
            let answer = answers::store(connection, &revoked, revocation.idempotency, &vault)?;
            chain.save(connection, &[])?;
            Ok(Ok(Outcome::Done {
                subject: Box::new(revoked),
                answer,
            }))
        };
        Ok(self.writer.alone(work).await??)
    }

    async fn list(
        &self,
        scopes: ScopeFilter,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        let read = move |connection: &mut AnyConnection| {
            let mut query = api_keys::table
                .filter(api_keys::id.gt(after))
                .order(api_keys::id)
                .limit(limit.into())
                .into_boxed();
            if let ScopeFilter::These(scopes) = scopes {
                let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
                query = query.filter(api_keys::scope.eq_any(scopes));
            }
            let rows: Vec<ApiKeyRow> = query.load(connection).map_err(unavailable)?;
            rows.iter()
                .map(ApiKeyRow::decode)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }
}

/// The key, if it is not revoked, and every key of its scope that is not.
fn load_unrevoked(
    connection: &mut AnyConnection,
    id: ApiKeyId,
) -> Result<Option<(ApiKeyRow, Vec<ApiKey>)>, Failure> {
    let unrevoked = api_keys::table.filter(api_keys::revoked_at.is_null());
    let row: Option<ApiKeyRow> = unrevoked
        .filter(api_keys::id.eq(id.to_string()))
        .get_result(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let of_scope: Vec<ApiKeyRow> = unrevoked
        .filter(api_keys::scope.eq(&row.scope))
        .load(connection)?;
    let scope_mates = of_scope.iter().map(ApiKeyRow::decode).collect::<Result<_, _>>()?;
    Ok(Some((row, scope_mates)))
}
