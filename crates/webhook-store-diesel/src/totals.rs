//! What waits and what there is in the whole database, counted for whoever operates it.
//!
//! One process of a fleet counts: the one that delivers for longest. It has a lease for that already, so no other one is needed;
//! when it ends, the next one counts. What is read are lanes that have something to do, what waits in them, and tables that
//! keep counts: neither all deliveries nor all webhooks. It is read where reads of requests are, so nothing that delivers or
//! changes waits for it.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable};
use webhook_domain::StoreError;
use webhook_domain::id::ProcessId;
use webhook_domain::rotation::RotationStatus;
use webhook_domain::time::Instant;

use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::POSTGRES_NOW;
use crate::database::row::unavailable;
use crate::database::schema::rotations;
use crate::engine::failure::Failure;
use crate::lanes::counting::{BY_KEYS, WAITS};
use crate::webhooks::key_counts;

/// How many deliveries are counted at the most.
pub const MOST_COUNTED: u64 = 1_000_000;
/// How many lanes are looked at. Those that have had something to do for longest come first.
const LANES: i64 = 200_000;
/// How many rows of counts may be empty before they are deleted.
const EMPTY_ROWS: i64 = 1_000;

/// What waits and what there is. Instants are those of the clocks that wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Deliveries that wait in the lanes of active webhooks, or to be put into lanes; at most [`MOST_COUNTED`].
    pub waiting: u64,
    /// When the oldest event of those at the heads of lanes was published. Not of those that are sent again on request.
    pub oldest: Option<Instant>,
    /// The same of the lanes that nothing holds up.
    pub oldest_due: Option<Instant>,
    /// Lanes whose receivers hold them up.
    pub held_up: u64,
    /// Current signing keys.
    pub current_keys: u64,
    /// Retired signing keys that are kept.
    pub retired_keys: u64,
    /// The minute in which the oldest current key was made.
    pub oldest_key: Option<Instant>,
    /// Rotations, of all platforms.
    pub rotations: RotationCounts,
}

/// How many rotations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RotationCounts {
    /// Those that run.
    pub running: u64,
    /// Those that were stopped before their end.
    pub stopped: u64,
    /// Those of which all webhooks have an outcome.
    pub done: u64,
}

impl DieselStore {
    /// Counts. None if another process does.
    ///
    /// # Errors
    /// The store's.
    pub async fn totals(&self) -> Result<Option<Totals>, StoreError> {
        let Some(own) = self.delivering.own() else {
            return Ok(None);
        };
        let read = move |connection: &mut AnyConnection| {
            connection
                .transaction(|connection| read(connection, own))
                .map_err(unavailable)
        };
        let Some((totals, empty_rows)) = self.readers.run(read).await? else {
            return Ok(None);
        };
        if empty_rows > EMPTY_ROWS {
            let delete = |connection: &mut AnyConnection| {
                key_counts::delete_empty(connection).map_err(Failure::Before)
            };
            self.writer.alone(delete).await?;
        }
        Ok(Some(totals))
    }
}

#[derive(QueryableByName)]
struct IsFirst {
    #[diesel(sql_type = Bool)]
    is_first: bool,
}

/// Whether it is this process that counts. On SQLite one process delivers at a time.
fn counts(connection: &mut AnyConnection, own: ProcessId) -> QueryResult<bool> {
    let AnyConnection::Postgres(postgres) = connection else {
        return Ok(true);
    };
    let first = format!(
        "SELECT coalesce(min(id) = $1, FALSE) AS is_first FROM processes WHERE lease_ends_at > {POSTGRES_NOW}"
    );
    let found: IsFirst = sql_query(first)
        .bind::<diesel::sql_types::Text, _>(own.to_string())
        .get_result(postgres)?;
    Ok(found.is_first)
}

fn read(connection: &mut AnyConnection, own: ProcessId) -> QueryResult<Option<(Totals, i64)>> {
    if let AnyConnection::Postgres(postgres) = connection {
        postgres.batch_execute(BY_KEYS)?;
    }
    if !counts(connection, own)? {
        return Ok(None);
    }
    let keys = key_counts::read(connection)?;
    let mut totals = Totals {
        waiting: waiting(connection)?,
        current_keys: of(keys.current),
        retired_keys: of(keys.retired),
        oldest_key: Some(keys.oldest)
            .filter(|oldest| *oldest >= 0)
            .map(Instant::from_milliseconds),
        rotations: rotations(connection)?,
        ..Totals::default()
    };
    for lanes in heads(connection)? {
        let oldest = lanes.oldest.map(Instant::from_milliseconds);
        totals.oldest = [totals.oldest, oldest].into_iter().flatten().min();
        match lanes.held_up {
            true => totals.held_up = of(lanes.lanes),
            false => totals.oldest_due = oldest,
        }
    }
    Ok(Some((totals, keys.empty)))
}

/// There is a row of each since it began, and few of them: a platform runs one at a time.
fn rotations(connection: &mut AnyConnection) -> QueryResult<RotationCounts> {
    let counted: Vec<(String, i64)> = rotations::table
        .group_by(rotations::status)
        .select((rotations::status, count_star()))
        .load(connection)?;
    let count = |status: RotationStatus| {
        let found = counted.iter().find(|(name, _)| name == status.name());
        found.map_or(0, |(_, count)| of(*count))
    };
    Ok(RotationCounts {
        running: count(RotationStatus::Running),
        stopped: count(RotationStatus::Stopped),
        done: count(RotationStatus::Done),
    })
}

fn of(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    queued: i64,
    /// Of what is still to be moved into lanes, each recipient takes 32 characters, but for the last.
    #[diesel(sql_type = BigInt)]
    chunked: i64,
}

fn waiting(connection: &mut AnyConnection) -> QueryResult<u64> {
    let text = format!(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM lanes CROSS JOIN deliveries WHERE lanes.ready_at IS NOT NULL AND {WAITS} \
         LIMIT {MOST_COUNTED}) AS waiting) AS queued, \
         CAST((SELECT coalesce(sum((length(recipients) + 1) / 32), 0) FROM fan_outs) AS BIGINT) AS chunked"
    );
    let found: Waiting = sql_query(text).get_result(connection)?;
    Ok(of(found.queued)
        .saturating_add(of(found.chunked))
        .min(MOST_COUNTED))
}

/// The lanes that have something to do, in two kinds.
#[derive(QueryableByName)]
struct Heads {
    #[diesel(sql_type = Bool)]
    held_up: bool,
    #[diesel(sql_type = BigInt)]
    lanes: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    oldest: Option<i64>,
}

fn heads(connection: &mut AnyConnection) -> QueryResult<Vec<Heads>> {
    // What was tried before and is not held up is sent again on request: when it was queued for that is not known.
    let text = format!(
        "SELECT held_up, count(*) AS lanes, min(published_at) AS oldest FROM (SELECT penalty_box IS NOT NULL AS held_up, \
         (SELECT CASE WHEN deliveries.tried = 0 OR lanes.penalty_box IS NOT NULL THEN deliveries.created_at END FROM deliveries \
         WHERE {WAITS} ORDER BY deliveries.position LIMIT 1) AS published_at \
         FROM lanes WHERE ready_at IS NOT NULL ORDER BY ready_at, webhook_id LIMIT {LANES}) AS heads GROUP BY held_up"
    );
    sql_query(text).load(connection)
}
