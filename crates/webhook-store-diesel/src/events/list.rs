//! Lists of deliveries, by what is asked for of them.

use diesel::prelude::*;
use webhook_domain::ports::{DeliveryQuery, ListedDelivery};

use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::schema::{deliveries, failed_deliveries};
use crate::events::port::FAILED;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::key_uses;

pub(super) fn decode(row: &DeliveryRow) -> Result<ListedDelivery, RowError> {
    Ok(ListedDelivery {
        attempts: row.attempts()?,
        delivery: row.decode()?,
        action: row.action(),
    })
}

/// Events are left alone: a page of them may be many megabytes.
pub(super) fn read(
    connection: &mut AnyConnection,
    platform: &str,
    query: &DeliveryQuery,
) -> QueryResult<Vec<DeliveryRow>> {
    let mut asked = deliveries::table
        .order(deliveries::position.desc())
        .limit(query.limit.into())
        .offset(i64::try_from(query.skip).unwrap_or(i64::MAX))
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(webhook) = query.webhook {
        asked = asked.filter(deliveries::webhook_id.eq(webhook.to_string()));
    }
    if let Some(event) = query.event {
        asked = asked.filter(deliveries::event_id.eq(event.to_string()));
    }
    if let Some(action) = &query.action {
        asked = asked.filter(deliveries::action.eq(action.as_str().to_owned()));
    }
    if let Some(status) = query.status {
        asked = asked.filter(deliveries::status.eq(status));
    }
    if query.status == Some(FAILED) {
        // What was given up is rare: found by itself, and not by reading all that was not.
        let failed = failed_deliveries::table.filter(failed_deliveries::platform.eq(platform.to_owned()));
        asked = asked.filter(deliveries::position.eq_any(failed.select(failed_deliveries::position)));
    }
    if let Some(created_after) = query.created_after {
        asked = asked.filter(deliveries::created_at.ge(created_after.as_milliseconds()));
    }
    if let Some(created_before) = query.created_before {
        asked = asked.filter(deliveries::created_at.lt(created_before.as_milliseconds()));
    }
    if query.signed_with.is_none() {
        asked = asked.filter(deliveries::platform.eq(platform.to_owned()));
    }
    if let Some(key) = &query.signed_with {
        // Few webhooks have one, mostly a single one: its deliveries are read from the first on that the key signed. They are the platform's,
        // since the use of the key is: asked for the platform as well, SQLite would go through all deliveries of the platform.
        let signed = key_uses::find(connection, platform, key, None)?;
        let least = signed.iter().map(|signed| signed.first).min();
        let ends: Option<Vec<i64>> = signed.iter().map(|signed| signed.last).collect();
        let greatest = ends.and_then(|ends| ends.into_iter().max());
        asked = asked
            .filter(deliveries::webhook_id.eq_any(signed.into_iter().map(|signed| signed.webhook)))
            .filter(deliveries::position.ge(least.unwrap_or_default()))
            .filter(deliveries::position.le(greatest.unwrap_or(i64::MAX)));
        // As it stands in the column: a quote that is part of a text has a backslash before it.
        asked = asked.filter(deliveries::attempts.like(format!("%\"{}\"%", key.as_str())));
    }
    if let Some(after) = query.after {
        let position: Option<i64> = deliveries::table
            .filter(deliveries::id.eq(after.to_string()))
            .filter(deliveries::platform.eq(platform.to_owned()))
            .select(deliveries::position)
            .get_result(connection)
            .optional()?;
        // What is no more has nothing after it.
        asked = asked.filter(deliveries::position.lt(position.unwrap_or(0)));
    }
    asked.load(connection)
}
