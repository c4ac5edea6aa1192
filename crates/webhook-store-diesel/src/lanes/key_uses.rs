//! Which keys have signed deliveries of which webhooks, so that what a key has signed is found by reading its webhook's deliveries and not
//! those of the platform.
//!
//! A row is written once for each key, in the transaction that records the first attempt that it signed. What this process has written
//! is remembered, so recording pays a look into memory for a key that is known. Rows go when
//! all that their keys have signed is forgotten, and only those of keys that have ended: what processes remember must not be missing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::Turn;
use webhook_domain::signing::secret::Fingerprint;

use crate::database::connection::AnyConnection;
use crate::database::schema::{key_uses, signing_keys};

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

/// Where what a key has signed for a webhook stands in its lane.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Signed {
    pub(crate) webhook: String,
    pub(crate) first: i64,
    /// The last position at which there can be something; none while the key may be in its webhook's ring.
    pub(crate) last: Option<i64>,
}

/// The webhooks of which the key has signed deliveries, and where these stand.
pub(crate) fn find(
    connection: &mut AnyConnection,
    platform: &str,
    key: &Fingerprint,
    webhook: Option<WebhookId>,
) -> QueryResult<Vec<Signed>> {
    let known = signing_keys::platform
        .eq(key_uses::platform)
        .and(signing_keys::fingerprint.eq(key_uses::fingerprint))
        .and(signing_keys::webhook_id.eq(key_uses::webhook_id));
    let mut found = key_uses::table
        .left_join(signing_keys::table.on(known))
        .filter(key_uses::platform.eq(platform.to_owned()))
        .filter(key_uses::fingerprint.eq(key.as_str().to_owned()))
        .select((
            key_uses::webhook_id,
            key_uses::first_position,
            signing_keys::last_position.nullable(),
        ))
        .into_boxed();
    if let Some(webhook) = webhook {
        found = found.filter(key_uses::webhook_id.eq(webhook.to_string()));
    }
    found.load(connection)
}

/// Says that deliveries which were signed with these keys of a webhook stand at `position` now, at the most.
pub(crate) fn have_moved<'a>(
    connection: &mut AnyConnection,
    webhook: &str,
    attempts: impl IntoIterator<Item = &'a Attempt>,
    platform: &str,
    position: i64,
) -> QueryResult<()> {
    let keys = attempts.into_iter().flat_map(|attempt| &attempt.key_fingerprints);
    let keys: BTreeSet<&str> = keys.map(Fingerprint::as_str).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let moved = signing_keys::table
        .filter(signing_keys::platform.eq(platform))
        .filter(signing_keys::fingerprint.eq_any(keys))
        .filter(signing_keys::webhook_id.eq(webhook))
        .filter(signing_keys::last_position.lt(position));
    diesel::update(moved)
        .set(signing_keys::last_position.eq(position))
        .execute(connection)
        .map(drop)
}

/// Forgets the uses of keys that ended from `first` on and before `last`: all that they have signed is forgotten. A key that has ended signs
/// nothing any more, so nobody who remembers such a row misses it.
pub(crate) fn forget(connection: &mut AnyConnection, first: i64, last: i64) -> QueryResult<()> {
    let text = match connection {
        AnyConnection::Sqlite(_) => ["?", "?"],
        AnyConnection::Postgres(_) => ["$1", "$2"],
    };
    let [first_mark, last_mark] = text;
    sql_query(format!(
        "DELETE FROM key_uses WHERE (platform, fingerprint, webhook_id) IN (SELECT platform, fingerprint, webhook_id \
         FROM signing_keys WHERE ended_at >= {first_mark} AND ended_at < {last_mark} AND last_position IS NOT NULL)"
    ))
    .bind::<BigInt, _>(first)
    .bind::<BigInt, _>(last)
    .execute(connection)
    .map(drop)
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
