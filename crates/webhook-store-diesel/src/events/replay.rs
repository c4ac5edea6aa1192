//! Sending again what a webhook was sent: many deliveries, put at the end of its lane.

use std::collections::BTreeMap;

use diesel::prelude::*;
use webhook_domain::Refusal;
use webhook_domain::id::{DeliveryId, ProcessId};
use webhook_domain::ports::{EndedQuery, ResendMany};

use crate::database::connection::AnyConnection;
use crate::database::schema::{deliveries, failed_deliveries, webhooks};
use crate::engine::failure::Failure;
use crate::events::pending::Pending;
use crate::lanes::delivery::{DeliveryRow, MoveRow, PlaceRow};
use crate::lanes::key_uses;
use crate::lanes::locked::{Hints, LockedLanes};

/// The deliveries of a webhook that have come to their end, in the order in which their events were published.
pub(crate) fn ended(connection: &mut AnyConnection, query: &EndedQuery) -> QueryResult<Vec<DeliveryId>> {
    let mut asked = deliveries::table
        .filter(deliveries::webhook_id.eq(query.webhook.to_string()))
        .filter(deliveries::platform.eq(query.platform.to_string()))
        .filter(deliveries::created_at.ge(query.created_after.as_milliseconds()))
        .filter(deliveries::status.ne("PENDING"))
        .order((deliveries::created_at, deliveries::position))
        .limit(i64::try_from(query.limit).unwrap_or(i64::MAX))
        .select(deliveries::id)
        .into_boxed();
    if let Some(before) = query.created_before {
        asked = asked.filter(deliveries::created_at.lt(before.as_milliseconds()));
    }
    if let Some(status) = query.status {
        asked = asked.filter(deliveries::status.eq(status));
    }
    let ids: Vec<String> = asked.load(connection)?;
    // An id that cannot be read is that of a row that cannot be sent either.
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Puts deliveries at the end of their lane in the order that is asked for, and says how many there are with those before. Refused if there
/// is no such webhook, or the quota has no room for all that are asked for.
pub(crate) fn resend_many(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    resend: &ResendMany,
    pending: &mut Pending,
) -> Result<Result<(u64, Hints), Refusal>, Failure> {
    let (platform, name) = (resend.platform.to_string(), resend.webhook.to_string());
    let mut lanes = LockedLanes::lock(connection, &[resend.webhook].into(), resend.at)?;
    // A lane is of a webhook that does not move to another platform.
    let is_here: bool = diesel::select(diesel::dsl::exists(
        webhooks::table
            .filter(webhooks::id.eq(&name))
            .filter(webhooks::platform.eq(&platform)),
    ))
    .get_result(connection)?;
    if !is_here || !lanes.holds(resend.webhook) {
        return Ok(Err(Refusal::NO_SUCH_WEBHOOK));
    }
    let ids: Vec<String> = resend.deliveries.iter().map(ToString::to_string).collect();
    if ids.is_empty() {
        return Ok(Ok((resend.before, Hints::default())));
    }
    if let Some(quota) = resend.quota
        && let Err(refusal) = pending.admit(
            connection,
            &resend.platform,
            quota,
            resend.room_for,
            ids.len() as u64,
        )?
    {
        return Ok(Err(refusal));
    }
    let found: Vec<DeliveryRow> = deliveries::table
        .filter(deliveries::id.eq_any(&ids))
        .filter(deliveries::webhook_id.eq(&name))
        .filter(deliveries::status.ne("PENDING"))
        .select(DeliveryRow::as_select())
        .load(connection)?;
    let mut attempts = Vec::new();
    for row in &found {
        attempts.extend(row.attempts()?);
    }
    let places: BTreeMap<String, i64> = found.into_iter().map(|row| (row.id, row.position)).collect();
    let places: Vec<i64> = ids.iter().filter_map(|id| places.get(id).copied()).collect();
    diesel::delete(failed_deliveries::table.filter(failed_deliveries::position.eq_any(&places)))
        .execute(connection)?;
    let positions = connection.draw_positions(places.len())?;
    let last = positions.last().copied().unwrap_or_default();
    key_uses::have_moved(connection, &name, &attempts, &platform, last)?;
    let moves: Vec<MoveRow> = places
        .into_iter()
        .zip(positions)
        .map(|(position, to)| MoveRow {
            place: PlaceRow {
                webhook_id: name.clone(),
                position,
            },
            to,
        })
        .collect();
    // Fewer than were found, if some were forgotten meanwhile.
    let moved = connection.move_ended(&moves)?;
    if moved > 0 {
        let now = lanes.now();
        lanes.wake(resend.webhook, |lane| lane.with_arrival(now));
    }
    let moved = u64::try_from(moved).unwrap_or(u64::MAX);
    Ok(Ok((
        resend.before.saturating_add(moved),
        lanes.save(connection, own)?,
    )))
}
