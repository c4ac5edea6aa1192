//! What befell queues, and that a rotation has ended, told to those who follow it.
//!
//! An event of the service itself goes into lanes, and lanes are locked in one order, all at once. What a turn has made come true is known
//! only when lanes are locked already, perhaps not those of who is to be told. So the event is written down in that transaction, and
//! put into lanes by one of its own: it is told if and only if it is so, and a moment later.

use std::collections::BTreeSet;

use diesel::prelude::*;
use webhook_domain::delivery::event::Event;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::database::schema::untold_events;
use crate::engine::failure::{Failure, chain};
use crate::events::audience::{Audiences, Routing};
use crate::events::moving::Moving;
use crate::events::pending::{Counted, Counts, Pending};
use crate::events::row::EventRow;
use crate::events::spread::Spread;
use crate::lanes::locked::Hints;

/// How many are put into lanes by one transaction.
const TOLD_AT_ONCE: i64 = 64;

/// Writes down those of `events` that somebody wants to hear of. `routing` must know their platforms.
pub(crate) fn write_down<'a>(
    connection: &mut AnyConnection,
    routing: &mut Routing<'_>,
    events: impl IntoIterator<Item = &'a Event>,
) -> Result<(), Failure> {
    for event in events {
        if routing.of(connection, event)?.is_empty() {
            continue;
        }
        let row = EventRow::encode(event);
        diesel::insert_into(untold_events::table)
            .values((
                untold_events::id.eq(row.id),
                untold_events::platform.eq(row.platform),
                untold_events::action.eq(row.action),
                untold_events::created_at.eq(row.created_at),
                untold_events::original_request_id.eq(row.original_request_id),
                untold_events::data.eq(row.data),
                untold_events::previous_data.eq(row.previous_data),
                untold_events::trace.eq(row.trace),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Whether there is anything to be told.
pub(crate) fn is_pending(connection: &mut AnyConnection) -> QueryResult<bool> {
    let any = untold_events::table.select(untold_events::id).limit(1);
    let any: Option<String> = any.get_result(connection).optional()?;
    Ok(any.is_some())
}

/// Puts some of them into the lanes of those who want them, the oldest first. None if there are none to be told now that nobody else is telling.
pub(crate) fn step(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    counts: &Counts,
    moving: &mut Moving,
) -> Result<Option<(Hints, Counted)>, Failure> {
    let rows = connection.lock_untold(&moving.left_alone(), TOLD_AT_ONCE)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    diesel::delete(untold_events::table.filter(untold_events::id.eq_any(ids))).execute(connection)?;
    let mut audiences = Audiences::default();
    let platforms: BTreeSet<String> = rows.iter().map(|row| row.platform.clone()).collect();
    let mut routing = audiences.in_transaction(connection, platforms.clone())?;
    let mut spread = Spread::default();
    for row in &rows {
        match row.decode() {
            Ok(event) => spread.add_if_wanted(connection, &mut routing, event)?,
            Err(error) => tracing::error!(
                event.id = row.id,
                error = chain(&error),
                "an event cannot be read; nobody is told of it"
            ),
        }
    }
    let pending = Pending::lock(connection, counts, &BTreeSet::new(), &spread.told())?;
    let counted = pending.save(connection)?;
    spread.save_events(connection)?;
    let webhooks: BTreeSet<WebhookId> = spread.webhooks().collect();
    let now = rows.iter().map(|row| row.created_at).max().unwrap_or(0);
    let mut lanes = moving.lock(connection, &webhooks, Instant::from_milliseconds(now), &platforms)?;
    spread.save(connection, &mut lanes)?;
    Ok(Some((lanes.save(connection, own)?, counted)))
}
