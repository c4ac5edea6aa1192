//! Who works at a lane. All SQL that changes the owner of one stands here.
//!
//! A process may own lanes while it has a row in `processes`. The row is deleted when the process leaves, or when somebody finds
//! that its lease has ended ([`bury`]); renewing a lease is an UPDATE of that row under the condition that it has not ended, so of
//! the two one comes first and the other sees it. A row that is gone never comes back: an id joins once. So "its owner has no
//! row" stays true once it is true, and a lane of which it holds is free for good, until somebody takes it.
//!
//! To take a lane is to raise its epoch under the condition that the epoch is still the one that was judged. Of two processes that
//! take the same lane at the same moment one gets it, and is told so; the other is told of what it really got.
//!
//! On PostgreSQL all of this goes by the database's clock. On SQLite, where one process delivers at a time and holds a lock on a
//! file for it ([`super::delivering`]), leases do not end by themselves: whoever holds the lock buries all others.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::POSTGRES_NOW;
use crate::database::schema::processes;
use crate::engine::failure::Failure;

/// A lease that ends later than this from now, in milliseconds, was given by a clock that was wrong. It is void.
const LONGEST_LEASE: i64 = 60_000;
/// Lanes that became ready so long before what was seen last are looked for all the same, in milliseconds: a transaction may have
/// taken its time between reading the clock and committing.
const MARGIN: i64 = 60_000;
/// How long is waited for somebody who is changing a lane that is to be taken.
const A_MOMENT: Duration = Duration::from_secs(1);
/// How many ready lanes are read by one statement.
const READY_AT_ONCE: i64 = 10_000;

/// Gives the process a lease of so many milliseconds. Its id must be new.
pub(crate) fn join(connection: &mut AnyConnection, process: &str, lease: i64) -> Result<(), Failure> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            // The caller holds the lock: nobody else delivers any more.
            diesel::delete(processes::table).execute(sqlite)?;
            let row = (processes::id.eq(process), processes::lease_ends_at.eq(i64::MAX));
            diesel::insert_into(processes::table)
                .values(row)
                .execute(sqlite)?;
        }
        AnyConnection::Postgres(postgres) => {
            let join = format!("INSERT INTO processes (id, lease_ends_at) VALUES ($1, {POSTGRES_NOW} + $2)");
            sql_query(join)
                .bind::<Text, _>(process)
                .bind::<BigInt, _>(lease)
                .execute(postgres)?;
        }
    }
    Ok(())
}

/// Makes the lease of the process end so many milliseconds from now, and says whether it had not ended. On SQLite leases do not
/// end by themselves, so there is nothing to renew.
pub(crate) fn renew(connection: &mut AnyConnection, process: &str, lease: i64) -> Result<bool, Failure> {
    let AnyConnection::Postgres(postgres) = connection else {
        return Ok(true);
    };
    let renew = format!(
        "UPDATE processes SET lease_ends_at = {POSTGRES_NOW} + $2 WHERE id = $1 AND lease_ends_at > {POSTGRES_NOW}"
    );
    let renewed = sql_query(renew)
        .bind::<Text, _>(process)
        .bind::<BigInt, _>(lease)
        .execute(postgres)?;
    Ok(renewed > 0)
}

/// Begins the next epoch of all lanes of the process: what it remembers of them may be of commits that are lost.
pub(crate) fn begin_epochs(connection: &mut AnyConnection, process: &str) -> QueryResult<usize> {
    let begin = "UPDATE lanes SET epoch = epoch + 1 WHERE webhook_id IN \
                 (SELECT webhook_id FROM lanes WHERE owner = $1 ORDER BY webhook_id FOR NO KEY UPDATE)";
    match connection {
        AnyConnection::Sqlite(_) => Ok(0),
        AnyConnection::Postgres(postgres) => sql_query(begin).bind::<Text, _>(process).execute(postgres),
    }
}

/// Ends the lease of the process.
pub(crate) fn leave(connection: &mut AnyConnection, process: &str) -> Result<(), Failure> {
    diesel::delete(processes::table.find(process)).execute(connection)?;
    Ok(())
}

/// Ends the leases whose time is up, and those that nobody can have been given.
fn bury(connection: &mut AnyConnection) -> Result<(), Failure> {
    if let AnyConnection::Postgres(postgres) = connection {
        let bury = format!(
            "DELETE FROM processes WHERE lease_ends_at <= {POSTGRES_NOW} OR lease_ends_at > {POSTGRES_NOW} + $1"
        );
        let buried = sql_query(bury)
            .bind::<BigInt, _>(LONGEST_LEASE)
            .execute(postgres)?;
        if buried > 0 {
            tracing::warn!(
                processes = buried,
                "processes have not renewed their leases; their lanes are free"
            );
        }
    }
    Ok(())
}

/// What a look at the lanes that are ready has found.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// The process's own with something queued.
    pub(crate) own: Vec<WebhookId>,
    /// Those that are nobody's.
    pub(crate) free: Vec<WebhookId>,
    /// From when on there are ready lanes, in milliseconds since the Unix epoch: the next look need not begin earlier.
    pub(crate) since: i64,
}

#[derive(QueryableByName)]
struct ReadyRow {
    #[diesel(sql_type = Text)]
    webhook_id: String,
    #[diesel(sql_type = Bool)]
    own: bool,
    #[diesel(sql_type = Bool)]
    wanted: bool,
    #[diesel(sql_type = BigInt)]
    ready_at: i64,
}

/// Looks for lanes that are ready at `now`, if the database has no clock of its own, and that became so after `since`. It
/// judges leases first.
pub(crate) fn find_ready(
    connection: &mut AnyConnection,
    process: &str,
    now: i64,
    since: i64,
) -> Result<Ready, Failure> {
    bury(connection)?;
    let now = connection.now()?.unwrap_or(now);
    // A clock that was ahead and is right again must not hide what was ready before it says so.
    let since = since.min(now.saturating_sub(MARGIN));
    let select = |me: &str, now: &str, since: &str, after: &str, limit: &str| {
        format!(
            "SELECT webhook_id, owner = {me} AS own, ready_at, CASE WHEN owner = {me} THEN EXISTS (SELECT 1 FROM deliveries \
             WHERE deliveries.webhook_id = lanes.webhook_id AND deliveries.position > lanes.done) ELSE NOT EXISTS (SELECT 1 \
             FROM processes WHERE processes.id = lanes.owner) END AS wanted FROM lanes \
             WHERE (ready_at, webhook_id) > ({since}, {after}) AND ready_at <= {now} ORDER BY ready_at, webhook_id LIMIT {limit}"
        )
    };
    let mut ready = Ready {
        since,
        ..Ready::default()
    };
    let mut from = (since, String::new());
    loop {
        let rows: Vec<ReadyRow> = match connection {
            AnyConnection::Sqlite(sqlite) => sql_query(select("?1", "?2", "?3", "?4", "?5"))
                .bind::<Text, _>(process)
                .bind::<BigInt, _>(now)
                .bind::<BigInt, _>(from.0)
                .bind::<Text, _>(&from.1)
                .bind::<BigInt, _>(READY_AT_ONCE)
                .load(sqlite)?,
            AnyConnection::Postgres(postgres) => sql_query(select("$1", "$2", "$3", "$4", "$5"))
                .bind::<Text, _>(process)
                .bind::<BigInt, _>(now)
                .bind::<BigInt, _>(from.0)
                .bind::<Text, _>(&from.1)
                .bind::<BigInt, _>(READY_AT_ONCE)
                .load(postgres)?,
        };
        if from.1.is_empty() {
            ready.since = rows.first().map_or(since, |row| row.ready_at);
        }
        let last = rows.last().map(|row| (row.ready_at, row.webhook_id.clone()));
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        for row in rows.into_iter().filter(|row| row.wanted) {
            let Ok(webhook) = row.webhook_id.parse() else {
                continue;
            };
            let kind = if row.own { &mut ready.own } else { &mut ready.free };
            kind.push(webhook);
        }
        match last {
            Some(last) if found >= READY_AT_ONCE => from = last,
            _ => break,
        }
    }
    ready.since = ready.since.saturating_sub(MARGIN);
    Ok(ready)
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Text)]
    webhook_id: String,
}

/// Takes those of these lanes that are free, and says which were taken. One that somebody else is changing is left to them.
pub(crate) fn take(
    connection: &mut AnyConnection,
    process: &str,
    webhooks: &[WebhookId],
) -> Result<Vec<WebhookId>, Failure> {
    take_locking(connection, process, webhooks, " SKIP LOCKED")
}

/// As [`take`] for one lane, but waits a moment for others who are changing it: a lane into which much is published is hardly ever
/// not being changed. If it takes too long, nothing is taken, and the transaction is of no use any more.
pub(crate) fn take_waiting(
    connection: &mut AnyConnection,
    process: &str,
    webhook: WebhookId,
) -> Result<Vec<WebhookId>, Failure> {
    connection.wait_at_most(A_MOMENT)?;
    take_locking(connection, process, &[webhook], "")
}

fn take_locking(
    connection: &mut AnyConnection,
    process: &str,
    webhooks: &[WebhookId],
    locking: &str,
) -> Result<Vec<WebhookId>, Failure> {
    bury(connection)?;
    let mut ids: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    let taken: Vec<Taken> = match connection {
        AnyConnection::Sqlite(sqlite) => {
            let mut taken = Vec::new();
            for id in &ids {
                let take = "UPDATE lanes SET owner = ?1, epoch = epoch + 1 WHERE webhook_id = ?2 AND NOT EXISTS \
                            (SELECT 1 FROM processes WHERE processes.id = lanes.owner) \
                            AND EXISTS (SELECT 1 FROM processes WHERE processes.id = ?1) RETURNING webhook_id";
                let found: Vec<Taken> = sql_query(take)
                    .bind::<Text, _>(process)
                    .bind::<Text, _>(id)
                    .load(sqlite)?;
                taken.extend(found);
            }
            taken
        }
        AnyConnection::Postgres(postgres) => {
            let take = format!(
                "WITH free AS MATERIALIZED (SELECT webhook_id, epoch FROM lanes WHERE webhook_id = ANY ($2) \
                 AND NOT EXISTS (SELECT 1 FROM processes WHERE processes.id = lanes.owner) \
                 AND EXISTS (SELECT 1 FROM processes WHERE processes.id = $1)), \
                 locked AS MATERIALIZED (SELECT lanes.webhook_id FROM lanes JOIN free \
                 ON free.webhook_id = lanes.webhook_id AND free.epoch = lanes.epoch \
                 ORDER BY lanes.webhook_id FOR NO KEY UPDATE OF lanes{locking}) \
                 UPDATE lanes SET owner = $1, epoch = lanes.epoch + 1 FROM locked \
                 WHERE lanes.webhook_id = locked.webhook_id RETURNING lanes.webhook_id"
            );
            sql_query(take)
                .bind::<Text, _>(process)
                .bind::<Array<Text>, _>(&ids)
                .load(postgres)?
        }
    };
    Ok(taken
        .iter()
        .filter_map(|taken| taken.webhook_id.parse().ok())
        .collect())
}
