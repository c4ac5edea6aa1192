//! API keys. A change of them runs alone, in a transaction of its own.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use webhook_domain::access::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::id::ApiKeyId;
use webhook_domain::ports::{ApiKeyStore, NewApiKey, Outcome, Revocation, ScopeFilter};
use webhook_domain::time::Instant;
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
                quota,
                audit,
                idempotency,
            } = key;
            if let Some(quota) = quota {
                let present = in_force(connection, &created.key, quota.most())?;
                if let Err(over) = quota.admit(present, 1) {
                    return Ok(Err(over.into()));
                }
            }
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

    async fn bring_back(
        &self,
        latest: Instant,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<ApiKeyId>, StoreError> {
        let work = move |connection: &mut AnyConnection| {
            // Ids begin with the time: what was made before is not read.
            let ahead: Vec<ApiKeyRow> = api_keys::table
                .filter(api_keys::id.ge(ApiKeyId::first_at(latest).to_string()))
                .filter(api_keys::created_at.gt(latest.as_milliseconds()))
                .filter(api_keys::expires_at.is_not_null())
                .filter(api_keys::revoked_at.is_null())
                .order(api_keys::id)
                .limit(limit.into())
                .load(connection)?;
            let mut brought_back = Vec::new();
            for row in &ahead {
                let Some(key) = row.decode()?.brought_back(latest, now) else {
                    continue;
                };
                let after = ApiKeyRow::encode(&key, row.last_audit);
                diesel::update(api_keys::table.find(&row.id))
                    .set((
                        api_keys::created_at.eq(after.created_at),
                        api_keys::expires_at.eq(after.expires_at),
                    ))
                    .execute(connection)?;
                brought_back.push(key.id);
            }
            Ok(brought_back)
        };
        self.writer.alone(work).await
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

#[derive(QueryableByName)]
struct InForce {
    #[diesel(sql_type = BigInt)]
    lasting: i64,
    #[diesel(sql_type = BigInt)]
    expiring: i64,
}

/// How many keys of the scope of `key` are in force when it is created, counted up to `most`. Those that were revoked and those that
/// have expired are not read.
fn in_force(connection: &mut AnyConnection, key: &ApiKey, most: u64) -> Result<u64, Failure> {
    let [scope, limit, now] = match connection {
        AnyConnection::Sqlite(_) => ["?1", "?2", "?3"],
        AnyConnection::Postgres(_) => ["$1", "$2", "$3"],
    };
    let of_scope =
        format!("SELECT 1 FROM api_keys WHERE scope = {scope} AND revoked_at IS NULL AND expires_at");
    let text = format!(
        "SELECT (SELECT count(*) FROM ({of_scope} IS NULL LIMIT {limit}) AS a) AS lasting, \
         (SELECT count(*) FROM ({of_scope} > {now} LIMIT {limit}) AS b) AS expiring"
    );
    let found: InForce = sql_query(text)
        .bind::<Text, _>(key.scope.to_string())
        .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(key.created_at.as_milliseconds())
        .get_result(connection)?;
    Ok(u64::try_from(found.lasting.saturating_add(found.expiring)).unwrap_or(0))
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
