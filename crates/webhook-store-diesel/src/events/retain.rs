//! Forgetting events that were delivered long ago.
//!
//! An event may be put into a queue again at any moment. So what is forgotten is judged by the very statement that forgets it, on
//! the rows as they are once they are locked: of a resend and of this one comes first, and the other sees what it has done.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::database::schema::{deliveries, events, failed_deliveries, fan_outs, lanes};
use crate::engine::failure::Failure;
use crate::lanes::key_uses;

/// Forgets up to `limit` events published before `before` of which no delivery waits any more, and says how many.
pub(crate) fn forget(connection: &mut AnyConnection, before: Instant, limit: u32) -> Result<u32, Failure> {
    // What waits for a webhook that is no more waits for nothing.
    let waits = deliveries::status.eq("PENDING").and(exists(
        lanes::table.filter(lanes::webhook_id.eq(deliveries::webhook_id)),
    ));
    let waiting = deliveries::table
        .filter(deliveries::event_id.eq(events::id))
        .filter(waits);
    let done_with: Vec<(String, i64)> = events::table
        .filter(events::created_at.lt(before.as_milliseconds()))
        .filter(not(exists(waiting)))
        .filter(not(exists(
            fan_outs::table.filter(fan_outs::event_id.eq(events::id)),
        )))
        .order((events::created_at, events::id))
        .limit(limit.into())
        .select((events::id, events::created_at))
        .load(connection)?;
    let oldest = done_with.iter().map(|(_, created_at)| *created_at).min();
    let done_with: Vec<String> = done_with.into_iter().map(|(id, _)| id).collect();
    let given_up = deliveries::table
        .filter(deliveries::event_id.eq_any(&done_with))
        .filter(deliveries::status.eq("FAILED"))
        .select(deliveries::position);
    diesel::delete(failed_deliveries::table.filter(failed_deliveries::position.eq_any(given_up)))
        .execute(connection)?;
    let old = deliveries::table.filter(deliveries::event_id.eq_any(&done_with));
    diesel::delete(old.filter(not(waits))).execute(connection)?;
    let left = deliveries::table.filter(deliveries::event_id.eq(events::id));
    let forgotten = diesel::delete(
        events::table
            .filter(events::id.eq_any(&done_with))
            .filter(not(exists(left))),
    )
    .execute(connection)?;
    if let Some(oldest) = oldest {
        // A key signs what was published before its end. So nothing is left of those that ended before the oldest event that is kept.
        let kept: Option<i64> = events::table
            .select(diesel::dsl::min(events::created_at))
            .get_result(connection)?;
        key_uses::forget(connection, oldest, kept.unwrap_or(before.as_milliseconds()))?;
    }
    Ok(u32::try_from(forgotten).unwrap_or(u32::MAX))
}

/// Has up to `limit` events that were published later than `latest`, and of which no delivery waits any more, count as published at
/// `now`, and says how many.
pub(crate) fn bring_back(
    connection: &mut AnyConnection,
    latest: Instant,
    now: Instant,
    limit: u32,
) -> Result<u32, Failure> {
    let waiting = deliveries::table
        .filter(deliveries::event_id.eq(events::id))
        .filter(deliveries::status.eq("PENDING"))
        .filter(exists(
            lanes::table.filter(lanes::webhook_id.eq(deliveries::webhook_id)),
        ));
    let ahead: Vec<String> = events::table
        .filter(events::created_at.gt(latest.as_milliseconds()))
        .filter(not(exists(waiting)))
        .filter(not(exists(
            fan_outs::table.filter(fan_outs::event_id.eq(events::id)),
        )))
        .limit(limit.into())
        .select(events::id)
        .load(connection)?;
    diesel::update(events::table.filter(events::id.eq_any(&ahead)))
        .set(events::created_at.eq(now.as_milliseconds()))
        .execute(connection)?;
    Ok(u32::try_from(ahead.len()).unwrap_or(limit))
}
