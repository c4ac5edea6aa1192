//! Which keys have signed deliveries of which webhooks, so that what a key has signed is found by reading its webhook's deliveries and not
//! those of the platform.
//!
//! A row is written once for each key, in the transaction that records the first attempt that it signed. What this process has written
//! is remembered, so recording pays a look into memory for a key that is known. Rows are not deleted: there are no more of them than audit
//! records of rolls.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::Turn;
use webhook_domain::signing::secret::Fingerprint;

use crate::database::connection::AnyConnection;
use crate::database::schema::key_uses;

/// How many keys are remembered.
const REMEMBERED: usize = 200_000;

/// A key that has signed a delivery of a webhook.
pub(crate) type KeyUse = (WebhookId, Fingerprint);

/// The keys that are known to have a row.
#[derive(Default)]
pub(crate) struct KnownUses(HashSet<KeyUse>);

impl KnownUses {
    /// Remembers rows that a committed transaction has written.
    pub(crate) fn remember(&mut self, written: Vec<KeyUse>) {
        if self.0.len() + written.len() > REMEMBERED {
            self.0.clear();
        }
        self.0.extend(written);
    }
}

#[derive(Insertable)]
#[diesel(table_name = key_uses)]
struct KeyUseRow {
    platform: String,
    fingerprint: String,
    webhook_id: String,
    first_position: i64,
}

/// The rows that a transaction is to write: those of keys that are not known.
pub(crate) struct NewUses<'a> {
    known: &'a KnownUses,
    found: BTreeMap<(String, String), (KeyUse, PlatformId, i64)>,
}

impl<'a> NewUses<'a> {
    pub(crate) fn beside(known: &'a KnownUses) -> Self {
        Self {
            known,
            found: BTreeMap::new(),
        }
    }

    /// Adds the keys that signed the attempt of `turn`.
    pub(crate) fn add(&mut self, turn: &Turn) {
        let webhook = turn.delivery.webhook;
        for key in &turn.attempt.key_fingerprints {
            let used = (webhook, key.clone());
            if self.known.0.contains(&used) {
                continue;
            }
            let place = (webhook.to_string(), key.as_str().to_owned());
            let first = turn.position.0;
            let (_, _, least) = self
                .found
                .entry(place)
                .or_insert_with(|| (used, turn.delivery.platform.clone(), first));
            *least = first.min(*least);
        }
    }

    /// Writes the rows that are not there, and says which are known once the transaction is committed.
    pub(crate) fn save(self, connection: &mut AnyConnection) -> QueryResult<Vec<KeyUse>> {
        let rows: Vec<KeyUseRow> = self
            .found
            .iter()
            .map(|((webhook, key), (_, platform, first))| KeyUseRow {
                platform: platform.to_string(),
                fingerprint: key.clone(),
                webhook_id: webhook.clone(),
                first_position: *first,
            })
            .collect();
        if !rows.is_empty() {
            connection.insert_key_uses(&rows)?;
        }
        Ok(self.found.into_values().map(|(used, ..)| used).collect())
    }
}

/// The webhooks of which the key has signed deliveries, and the least position of these.
pub(crate) fn find(
    connection: &mut AnyConnection,
    platform: &str,
    key: &Fingerprint,
) -> QueryResult<(Vec<String>, i64)> {
    let found: Vec<(String, i64)> = key_uses::table
        .filter(key_uses::platform.eq(platform))
        .filter(key_uses::fingerprint.eq(key.as_str()))
        .select((key_uses::webhook_id, key_uses::first_position))
        .load(connection)?;
    let least = found.iter().map(|(_, first)| *first).min().unwrap_or_default();
    Ok((found.into_iter().map(|(webhook, _)| webhook).collect(), least))
}

impl AnyConnection {
    fn insert_key_uses(&mut self, rows: &[KeyUseRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => {
                for row in rows {
                    diesel::insert_into(key_uses::table)
                        .values(row)
                        .on_conflict_do_nothing()
                        .execute(sqlite)?;
                }
                Ok(())
            }
            Self::Postgres(postgres) => diesel::insert_into(key_uses::table)
                .values(rows)
                .on_conflict_do_nothing()
                .execute(postgres)
                .map(drop),
        }
    }
}
