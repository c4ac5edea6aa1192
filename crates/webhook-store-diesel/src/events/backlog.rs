//! What waits on one platform, counted for whoever operates it.
//!
//! The lanes of the platform that have something to do are found by an index of their own, those that have had it for longest first; no more
//! of them are looked at than deliveries are counted. Neither what was delivered nor what has nothing to do is read.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};
use webhook_domain::ports::Backlog;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::lanes::counting::{BY_KEYS, WAITS};

/// How many chunks of what is still to be moved into lanes are read: each has 256 recipients, but for the last of an event.
const CHUNKS: u64 = 64;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    queued: i64,
    /// Of what is still to be moved into lanes, each recipient takes 32 characters, but for the last.
    #[diesel(sql_type = BigInt)]
    chunked: i64,
    #[diesel(sql_type = BigInt)]
    lanes: i64,
    #[diesel(sql_type = BigInt)]
    chunks: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    oldest_due: Option<i64>,
}

/// Counts, in a transaction, which this must be all of.
pub(crate) fn read(connection: &mut AnyConnection, platform: &str) -> QueryResult<Backlog> {
    let [first, second] = match connection {
        AnyConnection::Sqlite(_) => ["?1", "?2"],
        AnyConnection::Postgres(postgres) => {
            postgres.batch_execute(BY_KEYS)?;
            ["$1", "$2"]
        }
    };
    // One more than is counted tells whether there are more.
    let most = Backlog::MOST_COUNTED + 1;
    let text = format!(
        "WITH looked_at AS MATERIALIZED (SELECT webhook_id, done, withdrawn, penalty_box IS NULL AS is_free FROM lanes \
           WHERE platform = {first} AND ready_at IS NOT NULL ORDER BY ready_at, webhook_id LIMIT {most}), \
         spread AS MATERIALIZED (SELECT (length(recipients) + 1) / 32 AS deliveries FROM fan_outs \
           WHERE platform = {second} ORDER BY number LIMIT {CHUNKS}) \
         SELECT (SELECT count(*) FROM (SELECT 1 FROM looked_at AS lanes CROSS JOIN deliveries WHERE {WAITS} LIMIT {most}) AS waiting) AS queued, \
         CAST((SELECT coalesce(sum(deliveries), 0) FROM spread) AS BIGINT) AS chunked, \
         (SELECT count(*) FROM looked_at) AS lanes, (SELECT count(*) FROM spread) AS chunks, \
         (SELECT min(published_at) FROM (SELECT (SELECT CASE WHEN deliveries.tried = 0 THEN deliveries.created_at END FROM deliveries \
           WHERE {WAITS} ORDER BY deliveries.position LIMIT 1) AS published_at FROM looked_at AS lanes WHERE is_free) AS heads) AS oldest_due"
    );
    let counted: Counted = sql_query(text)
        .bind::<Text, _>(platform)
        .bind::<Text, _>(platform)
        .get_result(connection)?;
    let of = |count: i64| u64::try_from(count).unwrap_or(0);
    let waiting = of(counted.queued).saturating_add(of(counted.chunked));
    Ok(Backlog {
        waiting: waiting.min(Backlog::MOST_COUNTED),
        has_more: waiting.max(of(counted.lanes)) > Backlog::MOST_COUNTED || of(counted.chunks) == CHUNKS,
        oldest_due: counted.oldest_due.map(Instant::from_milliseconds),
    })
}
