//! Putting right what lanes say of having something to do.
//!
//! Whether a lane is empty is asked by a statement of its own after the lane was locked. As a part of the statement that locks, it
//! would be answered as of before the lock was had, and what was queued in between would sleep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use webhook_domain::id::WebhookId;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::POSTGRES_NOW;
use crate::database::schema::lanes;
use crate::engine::failure::Failure;
use crate::lanes::locked::LockedLanes;
use crate::lanes::row::LaneRow;

/// How many lanes are put right in one transaction.
pub(crate) const SETTLED_AT_ONCE: usize = 256;

/// How long is waited for a lane. Looks for lanes wait for it.
const WAIT: Duration = Duration::from_secs(1);

/// In these lanes a delivery waits, and their webhooks may be sent to: what is asked in [`settle`], and of all lanes in
/// [`find_wrong`].
const PENDING: &str = "EXISTS (SELECT 1 FROM deliveries WHERE deliveries.webhook_id = lanes.webhook_id \
     AND deliveries.position > lanes.done AND deliveries.status = 'PENDING')";
const SENDABLE: &str = "EXISTS (SELECT 1 FROM webhooks WHERE webhooks.id = lanes.webhook_id AND webhooks.active \
     AND webhooks.url IS NOT NULL)";

#[derive(QueryableByName)]
struct Content {
    #[diesel(sql_type = Text)]
    webhook_id: String,
    #[diesel(sql_type = Bool)]
    pending: bool,
    #[diesel(sql_type = Bool)]
    sendable: bool,
}

/// Puts these lanes right in one transaction, which this must be all of, and gives those that are due.
pub(crate) fn settle(
    connection: &mut AnyConnection,
    webhooks: &[WebhookId],
    now: Instant,
) -> Result<Vec<WebhookId>, Failure> {
    let asked: BTreeSet<WebhookId> = webhooks.iter().copied().collect();
    connection.wait_at_most(WAIT)?;
    let mut lanes = LockedLanes::lock(connection, &asked, now)?;
    let now = lanes.now();
    let contents = contents(connection, &asked)?;
    let mut due = Vec::new();
    for webhook in asked {
        let (Some(lane), Some(content)) = (lanes.get(webhook), contents.get(&webhook)) else {
            continue;
        };
        let settled = lane.settled(content.pending, content.sendable, now);
        if settled.ready_at.is_some_and(|ready_at| ready_at <= now) {
            due.push(webhook);
        }
        lanes.set(webhook, settled);
    }
    lanes.save(connection, None)?;
    Ok(due)
}

/// Those of these lanes that nobody else has locked at this moment. They are locked then.
pub(crate) fn free(
    connection: &mut AnyConnection,
    mut webhooks: Vec<WebhookId>,
) -> Result<Vec<WebhookId>, Failure> {
    let ids: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
    let held: BTreeSet<String> = connection.held_lanes(&ids)?.into_iter().collect();
    webhooks.retain(|webhook| !held.contains(&webhook.to_string()));
    Ok(webhooks)
}

fn contents(
    connection: &mut AnyConnection,
    webhooks: &BTreeSet<WebhookId>,
) -> Result<BTreeMap<WebhookId, Content>, Failure> {
    let select = |which: &str| {
        format!("SELECT webhook_id, {PENDING} AS pending, {SENDABLE} AS sendable FROM lanes WHERE {which}")
    };
    let ids: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
    let rows: Vec<Content> = match connection {
        AnyConnection::Sqlite(sqlite) => {
            let mut rows = Vec::with_capacity(ids.len());
            for id in &ids {
                let found: Vec<Content> = sql_query(select("webhook_id = ?1"))
                    .bind::<Text, _>(id)
                    .load(sqlite)?;
                rows.extend(found);
            }
            rows
        }
        AnyConnection::Postgres(postgres) => sql_query(select("webhook_id = ANY ($1)"))
            .bind::<Array<Text>, _>(&ids)
            .load(postgres)?,
    };
    let parsed = rows
        .into_iter()
        .filter_map(|row| Some((row.webhook_id.parse().ok()?, row)));
    Ok(parsed.collect())
}

#[derive(QueryableByName)]
struct Wrong {
    #[diesel(sql_type = Text)]
    webhook_id: String,
}

/// The lanes that have something to do and do not say so, or say it of a time that is too late.
pub(crate) fn find_wrong(connection: &mut AnyConnection, now: i64) -> Result<Vec<WebhookId>, Failure> {
    let select = |now: &str| {
        format!(
            "SELECT webhook_id FROM lanes WHERE (ready_at IS NULL OR ready_at > {now} + 1000 AND penalty_box IS NULL) \
             AND {PENDING} AND {SENDABLE}"
        )
    };
    let rows: Vec<Wrong> = match connection {
        AnyConnection::Sqlite(sqlite) => sql_query(select("?1")).bind::<BigInt, _>(now).load(sqlite)?,
        AnyConnection::Postgres(postgres) => sql_query(select(POSTGRES_NOW)).load(postgres)?,
    };
    Ok(rows
        .iter()
        .filter_map(|row| row.webhook_id.parse().ok())
        .collect())
}

/// The lanes that wait although what holds them up is due: until when was told by a clock that was ahead.
pub(crate) fn find_put_off(connection: &mut AnyConnection, now: i64) -> Result<Vec<WebhookId>, Failure> {
    let now = connection.now()?.unwrap_or(now);
    let waiting: Vec<LaneRow> = lanes::table
        .filter(lanes::ready_at.gt(now))
        .filter(lanes::penalty_box.is_not_null())
        .load(connection)?;
    let now = Instant::from_milliseconds(now);
    let is_due = |row: &LaneRow| row.penalty_box().is_ok_and(|held_up| held_up.is_due(now));
    let put_off = waiting.iter().filter(|row| is_due(row));
    Ok(put_off.filter_map(|row| row.webhook_id.parse().ok()).collect())
}

/// The first lanes behind `after` that do not say whose they are, in the order of their ids: they were there before that was noted, or a
/// release made them that does not know of it.
pub(crate) fn find_without_platform(
    connection: &mut AnyConnection,
    after: &str,
) -> Result<Vec<String>, Failure> {
    let first = match connection {
        AnyConnection::Sqlite(_) => "?1",
        AnyConnection::Postgres(_) => "$1",
    };
    let select = format!(
        "SELECT webhook_id FROM lanes WHERE platform IS NULL AND webhook_id > {first} ORDER BY webhook_id LIMIT {SETTLED_AT_ONCE}"
    );
    let rows: Vec<Wrong> = sql_query(select).bind::<Text, _>(after).load(connection)?;
    Ok(rows.into_iter().map(|row| row.webhook_id).collect())
}

/// Has these lanes say whose they are, but for those that somebody is changing.
pub(crate) fn note_platforms(connection: &mut AnyConnection, lanes: &[String]) -> Result<(), Failure> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            let note = "UPDATE lanes SET platform = (SELECT platform FROM webhooks WHERE webhooks.id = lanes.webhook_id) \
                 WHERE webhook_id = ?1";
            for lane in lanes {
                sql_query(note).bind::<Text, _>(lane).execute(sqlite)?;
            }
        }
        AnyConnection::Postgres(postgres) => {
            let note = "UPDATE lanes SET platform = webhooks.platform FROM webhooks WHERE webhooks.id = lanes.webhook_id AND \
                 lanes.webhook_id IN (SELECT webhook_id FROM lanes WHERE webhook_id = ANY($1) ORDER BY webhook_id \
                 FOR NO KEY UPDATE SKIP LOCKED)";
            sql_query(note).bind::<Array<Text>, _>(lanes).execute(postgres)?;
        }
    }
    Ok(())
}
