//! How many signing keys there are, and since when, counted with each change.
//!
//! A current key is counted at the minute in which it was made, so that the oldest is found by the first row that is not
//! empty. The head of the chain is locked by whoever counts, so no two transactions wait for each other's rows.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use webhook_domain::webhook::Webhook;

use crate::database::connection::AnyConnection;

const CURRENT: &str = "current";
const RETIRED: &str = "retired";
/// How long a row of current keys is, in milliseconds.
const MINUTE: i64 = 60_000;

/// By how much a row of counts changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyCountChange {
    pub(crate) state: &'static str,
    pub(crate) made_at: i64,
    pub(crate) by: i64,
}

/// By how much the counts change, by state and minute.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KeyCounts(BTreeMap<(&'static str, i64), i64>);

impl KeyCounts {
    /// Counts a change of a webhook: made by it if there is none before, and deleted if there is none after.
    pub(super) fn change(&mut self, before: Option<&Webhook>, after: Option<&Webhook>) {
        self.count(before, -1);
        self.count(after, 1);
    }

    fn count(&mut self, webhook: Option<&Webhook>, sign: i64) {
        let Some(webhook) = webhook else { return };
        let ring = &webhook.key_ring;
        if ring.current().is_some() {
            let made_at = ring.rolled_at().unwrap_or(webhook.created_at).as_milliseconds();
            let minute = made_at.div_euclid(MINUTE) * MINUTE;
            *self.0.entry((CURRENT, minute)).or_default() += sign;
        }
        let retired = i64::try_from(ring.retired().len()).unwrap_or(i64::MAX);
        *self.0.entry((RETIRED, 0)).or_default() += sign * retired;
    }

    /// Writes what has changed. The head of the chain must be locked.
    pub(super) fn save(self, connection: &mut AnyConnection) -> QueryResult<()> {
        let changed = self.0.into_iter().filter(|(_, by)| *by != 0);
        let changed = changed.map(|((state, made_at), by)| KeyCountChange { state, made_at, by });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        connection.change_key_counts(&changed)
    }
}

/// How many keys there are, as it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub(crate) struct StoredKeyCounts {
    #[diesel(sql_type = BigInt)]
    pub(crate) current: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) retired: i64,
    /// The minute in which the oldest current key was made; less than 0 if there is none.
    #[diesel(sql_type = BigInt)]
    pub(crate) oldest: i64,
    /// How many rows count nothing any more.
    #[diesel(sql_type = BigInt)]
    pub(crate) empty: i64,
}

/// Reads the counts.
pub(crate) fn read(connection: &mut AnyConnection) -> QueryResult<StoredKeyCounts> {
    sql_query(
        "SELECT CAST(coalesce(sum(CASE WHEN state = 'current' THEN keys ELSE 0 END), 0) AS BIGINT) AS current, \
         CAST(coalesce(sum(CASE WHEN state = 'retired' THEN keys ELSE 0 END), 0) AS BIGINT) AS retired, \
         coalesce(min(CASE WHEN state = 'current' AND keys > 0 THEN made_at END), -1) AS oldest, \
         CAST(coalesce(sum(CASE WHEN keys = 0 AND state = 'current' THEN 1 ELSE 0 END), 0) AS BIGINT) AS empty FROM key_counts",
    )
    .get_result(connection)
}

/// Deletes the rows that count nothing any more. One that somebody else is changing is left alone.
pub(crate) fn delete_empty(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            sql_query("DELETE FROM key_counts WHERE keys = 0 AND state = 'current'").execute(sqlite)
        }
        AnyConnection::Postgres(postgres) => sql_query(
            "DELETE FROM key_counts WHERE (state, made_at) IN (SELECT state, made_at FROM key_counts \
             WHERE keys = 0 AND state = 'current' FOR UPDATE SKIP LOCKED)",
        )
        .execute(postgres),
    }
    .map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use webhook_domain::signing::key_ring::Overlap;
    use webhook_domain::signing::signing_protocol::SigningProtocol;
    use webhook_domain::testing::{ManualClock, SeededEntropy, fixtures};

    use super::*;

    #[test]
    fn a_roll_moves_the_current_key_to_its_minute_and_counts_a_retired_one() {
        let (entropy, start) = (SeededEntropy::default(), ManualClock::START);
        let created = fixtures::webhook(&fixtures::acme(), fixtures::full_settings(), start, &entropy);
        let later = start.plus(Duration::from_secs(3600));
        let key = fixtures::new_key(later, &entropy).under(SigningProtocol::HmacSha256);
        let mut rolled = created.clone();
        rolled.key_ring = rolled.key_ring.roll(key, Overlap::DAY, later).unwrap();
        let mut counts = KeyCounts::default();
        counts.change(None, Some(&created));
        counts.change(Some(&created), Some(&rolled));
        let minute = |at: webhook_domain::time::Instant| at.as_milliseconds() / MINUTE * MINUTE;
        let expected = [
            ((CURRENT, minute(start)), 0),
            ((CURRENT, minute(later)), 1),
            ((RETIRED, 0), 1),
        ];
        assert_eq!(counts.0, expected.into());
        counts.change(Some(&rolled), None);
        assert!(counts.0.values().all(|by| *by == 0), "{counts:?}");
    }
}
