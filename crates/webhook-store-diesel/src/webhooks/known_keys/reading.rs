//! What the audit records say of keys, read in the order in which they were written.
//!
//! One process reads at a time. How far it came is written with what it found, so nothing is read twice or left out, whoever dies.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::access::named_keys::KeyEnd;
use webhook_domain::time::Instant;

use super::{KnownKeyRow, ends};
use crate::DieselStore;
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::levels;
use crate::database::row::unavailable;
use crate::database::schema::{audit_chain, audit_records, key_reading};
use crate::engine::failure::{Failure, chain};

/// How many records are read in one transaction: so few that whoever rolls meanwhile does not notice.
const STEP: u32 = 256;
/// For how long somebody who asks for a key has records read.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl DieselStore {
    /// Reads what audit records say of signing keys, from where it was left, up to the newest of this moment; and settles what has ended
    /// by `now`. Each step is a short transaction of its own, so others go on meanwhile. For upkeep: whoever asks for a key has read what is
    /// left, and it is better not to have much.
    ///
    /// # Errors
    /// The database's; what was read before is kept.
    pub async fn note_keys(&self, now: Instant) -> Result<(), StoreError> {
        while self.read_step().await? {}
        let settle = move |connection: &mut AnyConnection| Ok(ends::settle(connection, now)?);
        while self.on_scans(settle).await? {}
        Ok(())
    }

    /// Reads all records that were written before this call.
    pub(crate) async fn read_all_records(&self) -> Result<(), StoreError> {
        let reading = async {
            while self.read_step().await? {}
            Ok(())
        };
        let late = "many audit records were not read for signing keys yet; try again in a minute";
        tokio::time::timeout(LONGEST_WAIT, reading)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(late.into())))
    }

    /// Reads some records, if there are, and says whether there may be more.
    async fn read_step(&self) -> Result<bool, StoreError> {
        let is_behind = |connection: &mut AnyConnection| is_behind(connection).map_err(unavailable);
        Ok(self.readers.run(is_behind).await? && self.on_scans(read).await?)
    }
}

fn is_behind(connection: &mut AnyConnection) -> QueryResult<bool> {
    let newest: Option<i64> = audit_chain::table
        .find(1)
        .select(audit_chain::position)
        .get_result(connection)
        .optional()?;
    let read: i64 = key_reading::table
        .find(1)
        .select(key_reading::position)
        .get_result(connection)?;
    Ok(newest.is_some_and(|newest| newest > read))
}

/// Reads the next records, and says whether there are more.
fn read(connection: &mut AnyConnection) -> Result<bool, Failure> {
    let from = connection.lock_key_reading()?;
    let (newest, oldest_level): (i64, i64) = audit_chain::table
        .find(1)
        .select((audit_chain::position, audit_chain::oldest_level))
        .get_result(connection)?;
    levels::admit(oldest_level)?;
    let rows: Vec<AuditRow> = audit_records::table
        .filter(audit_records::position.gt(from))
        .filter(audit_records::position.le(newest))
        .order(audit_records::position)
        .limit(STEP.into())
        .select(AuditRow::as_select())
        .load(connection)?;
    // Without a row between, what is missing was taken away: there is nothing to be read of it.
    let to = rows.last().map_or(newest, |row| row.position);
    let mut found = Found::default();
    for row in rows {
        match row.decode() {
            Ok(record) => found.read(&record),
            Err(error) => tracing::warn!(
                error = chain(&error),
                "an audit record cannot be read; what it says of signing keys is left out"
            ),
        }
    }
    let found = found.rows();
    if !found.is_empty() {
        connection.note_keys(&found)?;
    }
    diesel::update(key_reading::table.find(1))
        .set(key_reading::position.eq(to))
        .execute(connection)?;
    Ok(to < newest)
}

/// What records say of keys: one row for each, in one order for all transactions.
#[derive(Default)]
struct Found(BTreeMap<(String, String, String), KnownKeyRow>);

impl Found {
    fn read(&mut self, record: &AuditRecord) {
        for named in record.named_keys() {
            let platform = record.platform.to_string();
            let (key, webhook) = (named.fingerprint.to_owned(), record.resource_id.clone());
            let place = (platform.clone(), key.clone(), webhook.clone());
            let row = self.0.entry(place).or_insert(KnownKeyRow {
                platform,
                fingerprint: key,
                webhook_id: webhook,
                protocol: None,
                made_at: None,
                ended_at: None,
                is_past: false,
            });
            let protocol = named.protocol.map(|protocol| protocol.name().to_owned());
            row.protocol = row.protocol.take().or(protocol);
            row.made_at = row.made_at.or(named.made_at.map(Instant::as_milliseconds));
            if !row.is_past {
                row.ended_at = named.end.instant().map(Instant::as_milliseconds);
                row.is_past = matches!(named.end, KeyEnd::Past(_));
            }
        }
    }

    fn rows(self) -> Vec<KnownKeyRow> {
        self.0.into_values().collect()
    }
}
