//! What the audit records say of keys, read in the order in which they were written.
//!
//! How far they are read is written with what was found. So nothing is left out, whoever dies; and of two processes that have read the same, one writes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant as Moment};

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

/// How many records are read for one transaction: so few that whoever rolls meanwhile does not notice.
const STEP: u32 = 64;
/// How many times as long as a step has taken nothing is read after it, for others to have the database meanwhile. While everything is
/// rolled, records are written faster than they are read; they are read afterwards.
const REST: u32 = 3;
/// Behind by how many records there is no rest: so many are read within [`LONGEST_WAIT`].
const FAR_BEHIND: i64 = 100_000;
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
        let Progress { newest, .. } = self.progress().await?;
        loop {
            let began = Moment::now();
            let read = self.read_step().await?;
            if read >= newest {
                break;
            }
            if newest - read < FAR_BEHIND {
                tokio::time::sleep(began.elapsed() * REST).await;
            }
        }
        loop {
            let began = Moment::now();
            let settle = move |connection: &mut AnyConnection| Ok(ends::settle(connection, now)?);
            if !self.on_scans(settle).await? {
                return Ok(());
            }
            tokio::time::sleep(began.elapsed() * REST).await;
        }
    }

    /// Reads all records that were written before this call.
    pub(crate) async fn read_all_records(&self) -> Result<(), StoreError> {
        let reading = async {
            let Progress { newest, .. } = self.progress().await?;
            while self.read_step().await? < newest {}
            Ok(())
        };
        let late = "many audit records were not read for signing keys yet; try again in a minute";
        tokio::time::timeout(LONGEST_WAIT, reading)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(late.into())))
    }

    async fn progress(&self) -> Result<Progress, StoreError> {
        let progress = |connection: &mut AnyConnection| progress(connection).map_err(unavailable);
        self.readers.run(progress).await
    }

    /// Reads some records, if there are, and says up to which position all are read then. Only what was found is brought to the connection that
    /// others wait for.
    async fn read_step(&self) -> Result<i64, StoreError> {
        let look = |connection: &mut AnyConnection| look(connection).map_err(unavailable);
        let step = self.readers.run(look).await?;
        match step.from < step.to {
            true => self.on_scans(move |connection| step.save(connection)).await,
            false => Ok(step.to),
        }
    }
}

/// How far the records are read, and the position of the newest.
struct Progress {
    read: i64,
    newest: i64,
}

fn progress(connection: &mut AnyConnection) -> QueryResult<Progress> {
    let newest: Option<i64> = audit_chain::table
        .find(1)
        .select(audit_chain::position)
        .get_result(connection)
        .optional()?;
    let read = key_reading::table
        .find(1)
        .select(key_reading::position)
        .get_result(connection)?;
    Ok(Progress {
        read,
        // Nothing is read that is not there.
        newest: newest.unwrap_or(read).max(read),
    })
}

/// What the records from behind one position up to another say.
struct Step {
    from: i64,
    to: i64,
    found: Vec<KnownKeyRow>,
}

/// Reads the next records.
fn look(connection: &mut AnyConnection) -> QueryResult<Step> {
    let Progress { read: from, newest } = progress(connection)?;
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
    Ok(Step { from, to, found })
}

impl Step {
    /// Writes what was found, unless somebody else has read on meanwhile. Says up to which position all are read.
    fn save(self, connection: &mut AnyConnection) -> Result<i64, Failure> {
        let from = connection.lock_key_reading()?;
        let oldest_level: i64 = audit_chain::table
            .find(1)
            .select(audit_chain::oldest_level)
            .get_result(connection)?;
        levels::admit(oldest_level)?;
        if from != self.from {
            return Ok(from);
        }
        if !self.found.is_empty() {
            connection.note_keys(&self.found)?;
        }
        diesel::update(key_reading::table.find(1))
            .set(key_reading::position.eq(self.to))
            .execute(connection)?;
        Ok(self.to)
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use webhook_domain::signing::secret::SecretText;

    use super::*;
    use crate::database::opening::open;
    use crate::sealing::Vault;
    use crate::{DatabaseUrl, MasterKey, SystemEntropy};

    #[test]
    fn of_two_who_have_read_the_same_records_one_writes() {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(directory.path().join("webhook.db"));
        std::fs::write(directory.path().join("webhook.db"), "").unwrap();
        let key = SecretText::new(data_encoding::BASE64.encode(&[7; 32]));
        let vault = Vault::new(MasterKey::parse(&key).unwrap(), Arc::new(SystemEntropy::new())).unwrap();
        let mut connection = open(&url, &vault).unwrap().connection;
        let read = |to| Step {
            from: 0,
            to,
            found: Vec::new(),
        };
        assert_eq!(read(64).save(&mut connection).unwrap(), 64);
        assert_eq!(
            read(10).save(&mut connection).unwrap(),
            64,
            "nothing is read anew"
        );
        assert_eq!(progress(&mut connection).unwrap().read, 64);
    }
}
