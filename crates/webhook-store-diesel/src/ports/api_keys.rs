//! API keys. A change of them runs alone, in a transaction of its own.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::id::ApiKeyId;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{ApiKeyStore, NewApiKey, Outcome, Revocation, ScopeFilter};
use webhook_domain::{Refusal, ServiceError, StoreError};

use super::{corrupt, unavailable};
use crate::DieselStore;
use crate::chain_head::{Chain, Keys};
use crate::connection::AnyConnection;
use crate::failure::Failure;
use crate::key_handover;
use crate::rows::answer::{AnswerRow, slot_key};
use crate::rows::api_key::ApiKeyRow;
use crate::rows::audit::AuditRow;
use crate::schema::api_keys;
use crate::sealing::Vault;

/// What came of a change, or the rule that said no.
type Decided<T> = Result<Outcome<T>, Refusal>;

#[async_trait]
impl ApiKeyStore for DieselStore {
    async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.api_keys.find(id).await
    }

    async fn insert(&self, key: NewApiKey) -> Result<Outcome<CreatedApiKey>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            let mut chain = Chain::lock(connection, keys)?;
            if let Some(earlier) = earlier_answer(connection, key.idempotency.as_ref(), &vault)? {
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
            let answer = store_answer(connection, &created, idempotency, &vault)?;
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
            if let Some(earlier) = earlier_answer(connection, revocation.idempotency.as_ref(), &vault)? {
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
            let answer = store_answer(connection, &revoked, revocation.idempotency, &vault)?;
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

/// What this request was answered before, or why it is refused; none if it is the first of its name.
fn earlier_answer<T>(
    connection: &mut AnyConnection,
    idempotency: Option<&Idempotency<T>>,
    vault: &Vault,
) -> Result<Option<Decided<T>>, Failure> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let stored = connection.load_answers(&[slot_key(&idempotency.slot)])?.pop();
    let Some(row) = stored.filter(|row| !idempotency.has_outlived(row.stored_at())) else {
        return Ok(None);
    };
    if !vault.knows_key_of(&row.answer) {
        key_handover::learn(connection, vault)?;
    }
    if !row.answers(&idempotency.fingerprint) {
        return Ok(Some(Err(Refusal::IdempotencyKeyReused)));
    }
    Ok(Some(Ok(Outcome::Replayed(row.open(vault)?))))
}

fn store_answer<T>(
    connection: &mut AnyConnection,
    subject: &T,
    idempotency: Option<Idempotency<T>>,
    vault: &Vault,
) -> Result<Option<webhook_domain::secret::SecretBytes>, Failure> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let answer = (idempotency.render)(subject, idempotency.at);
    let slot = slot_key(&idempotency.slot);
    // One that is too old to be given again may stand there.
    connection.delete_answer(&slot)?;
    connection.insert_answers(&[AnswerRow::encode(slot, &idempotency, &answer, vault)?])?;
    Ok(Some(answer))
}
