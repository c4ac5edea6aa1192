//! Checks begin one after the other, in all processes: whoever begins one holds a lock until the transaction ends. Nothing else is locked in
//! such a transaction, so it waits for none that waits for it.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use webhook_domain::delivery::key_check::allowance::{BegunCheck, NewCheck, WINDOW};
use webhook_domain::id::KeyCheckId;
use webhook_domain::ports::KeyCheckStore;
use webhook_domain::{Refusal, ServiceError, StoreError};

use super::row::KeyCheckRow;
use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::schema::key_checks;
use crate::engine::failure::Failure;

/// The lock of whoever begins a check: "keychk" in ASCII.
const LOCK: i64 = 0x6b65_7963_686b;

#[async_trait]
impl KeyCheckStore for DieselStore {
    async fn begin(&self, check: NewCheck) -> Result<(), ServiceError> {
        let begin = move |connection: &mut AnyConnection| begin(connection, &check);
        Ok(self.writer.alone(begin).await??)
    }

    async fn end(&self, check: KeyCheckId, has_sent: bool) -> Result<(), StoreError> {
        let end = move |connection: &mut AnyConnection| {
            let ended = key_checks::table.find(check.to_string());
            match has_sent {
                true => diesel::update(ended)
                    .set(key_checks::is_over.eq(true))
                    .execute(connection)?,
                false => diesel::delete(ended).execute(connection)?,
            };
            Ok(())
        };
        self.writer.alone(end).await
    }
}

fn begin(connection: &mut AnyConnection, check: &NewCheck) -> Result<Result<(), Refusal>, Failure> {
    lock(connection)?;
    let (oldest, latest) = (check.at.minus(WINDOW), check.at.plus(WINDOW));
    // Those that do not count any more, as `BegunCheck::counts` says.
    let outlived = key_checks::begun_at
        .le(oldest.as_milliseconds())
        .or(key_checks::begun_at.ge(latest.as_milliseconds()));
    diesel::delete(key_checks::table.filter(outlived)).execute(connection)?;
    let of_webhook = key_checks::webhook_id.eq(check.webhook.to_string());
    let rows: Vec<KeyCheckRow> = key_checks::table
        .filter(of_webhook.or(key_checks::host.eq(&check.host)))
        .select(KeyCheckRow::as_select())
        .load(connection)?;
    let begun = rows.into_iter().map(KeyCheckRow::decode);
    let begun: Vec<BegunCheck> = begun.collect::<Result<_, RowError>>()?;
    if let Err(refusal) = check.judge(&begun) {
        return Ok(Err(refusal));
    }
    diesel::insert_into(key_checks::table)
        .values(KeyCheckRow::encode(check))
        .execute(connection)?;
    Ok(Ok(()))
}

/// Keeps others from beginning a check until the transaction ends. On SQLite, a transaction that writes is the only one.
fn lock(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(()),
        AnyConnection::Postgres(postgres) => sql_query(format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .execute(postgres)
            .map(drop),
    }
}
