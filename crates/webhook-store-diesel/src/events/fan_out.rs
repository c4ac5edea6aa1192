//! Events for many webhooks, moved into their lanes a chunk at a time.
//!
//! An event with more recipients than fit a group is accepted with the list of them, in chunks. A step moves one chunk in a
//! transaction of its own, so that nobody waits for all of it. One step at a time moves a platform's chunks, in their order. What
//! is published on a platform while it has chunks goes behind them, as chunks too: so the order in the lanes stays that in which
//! events were accepted.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use webhook_domain::delivery::event::Event;
use webhook_domain::id::ProcessId;

use crate::database::connection::AnyConnection;
use crate::database::row::{At, RowError};
use crate::database::schema::{events, fan_out_heads, fan_outs};
use crate::engine::failure::Failure;
use crate::events::audience::{Audience, Recipient};
use crate::events::moving::Moving;
use crate::events::row::EventRow;
use crate::events::spread::deliver;
use crate::lanes::locked::Hints;

/// How many webhooks a chunk is for.
const CHUNK: usize = 256;
/// How many chunks a platform may have: of a million recipients. What is published beyond that is refused.
const MOST_CHUNKS: i64 = 4096;

/// A row of `fan_outs`.
#[derive(Debug, Clone, Queryable, Insertable)]
#[diesel(table_name = fan_outs)]
struct ChunkRow {
    platform: String,
    number: i64,
    event_id: String,
    recipients: String,
}

/// Whether a platform that has so many chunks may have those of so many recipients more.
pub(super) fn has_room(chunks: i64, recipients: usize) -> bool {
    chunks + chunks_of(recipients) <= MOST_CHUNKS
}

/// How many chunks so many recipients are.
pub(super) fn chunks_of(recipients: usize) -> i64 {
    i64::try_from(recipients.div_ceil(CHUNK)).unwrap_or(i64::MAX)
}

/// Stores the recipients of events, which must have been inserted, behind what their platforms have already.
pub(super) fn put_behind(
    connection: &mut AnyConnection,
    behind: &[(Event, Audience)],
) -> Result<(), Failure> {
    let mut by_platform: BTreeMap<&str, Vec<ChunkRow>> = BTreeMap::new();
    for (event, audience) in behind {
        let rows = by_platform.entry(event.platform.as_str()).or_default();
        rows.extend(audience.chunks(CHUNK).map(|recipients| ChunkRow {
            platform: event.platform.to_string(),
            // Follows once the platform is locked.
            number: 0,
            event_id: event.id.to_string(),
            recipients: encode(recipients),
        }));
    }
    for (platform, mut rows) in by_platform {
        connection.add_chunks(platform, i64::try_from(rows.len()).unwrap_or(i64::MAX))?;
        let numbers = connection.draw_positions(rows.len())?;
        for (row, number) in rows.iter_mut().zip(numbers) {
            row.number = number;
        }
        match connection {
            AnyConnection::Sqlite(sqlite) => {
                for row in &rows {
                    diesel::insert_into(fan_outs::table).values(row).execute(sqlite)?;
                }
            }
            AnyConnection::Postgres(postgres) => {
                diesel::insert_into(fan_outs::table)
                    .values(&rows)
                    .execute(postgres)?;
            }
        }
    }
    Ok(())
}

/// Whether there is anything to be moved.
pub(crate) fn is_pending(connection: &mut AnyConnection) -> QueryResult<bool> {
    let any: Option<String> = fan_out_heads::table
        .filter(fan_out_heads::chunks.gt(0))
        .select(fan_out_heads::platform)
        .limit(1)
        .get_result(connection)
        .optional()?;
    Ok(any.is_some())
}

/// Moves the first chunk of a platform into the lanes: of the one that comes after the last, if it has any, so that each has its
/// turn, also when that of one before it fails. None if there is nothing to be moved now that nobody else is moving.
pub(crate) fn step(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    moving: &mut Moving,
) -> Result<Option<Hints>, Failure> {
    let left_alone = moving.left_alone();
    let Some(platform) = connection.lock_fan_out(&moving.last, &left_alone)? else {
        return Ok(None);
    };
    moving.last.clone_from(&platform);
    let first: Option<ChunkRow> = fan_outs::table
        .filter(fan_outs::platform.eq(&platform))
        .order(fan_outs::number)
        .limit(1)
        .get_result(connection)
        .optional()?;
    let Some(chunk) = first else {
        // Counted, and not there: somebody has tampered with it.
        connection.set_chunks(&platform, 0)?;
        return Ok(Some(Hints::default()));
    };
    let event: Option<EventRow> = events::table
        .find(&chunk.event_id)
        .get_result(connection)
        .optional()?;
    let moved = event.map(|event| event.decode()).transpose();
    let hints = match (moved, decode(&chunk)) {
        (Ok(Some(event)), Ok(recipients)) => {
            let webhooks: BTreeSet<_> = recipients.iter().map(|recipient| recipient.webhook).collect();
            let mut lanes = moving.lock(
                connection,
                &webhooks,
                event.created_at,
                &[platform.clone()].into(),
            )?;
            deliver(connection, &[(event, recipients.into())], &mut lanes)?;
            lanes.save(connection, own)?
        }
        (Ok(None), _) => Hints::default(),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(
                event.id = chunk.event_id,
                error = crate::engine::failure::chain(&error),
                "an event cannot be read; those to whom it was to go do not get it"
            );
            Hints::default()
        }
    };
    let moved = (&chunk.platform, chunk.number);
    diesel::delete(fan_outs::table.find(moved)).execute(connection)?;
    connection.add_chunks(&platform, -1)?;
    Ok(Some(hints))
}

fn encode(recipients: &[Recipient]) -> String {
    let words = recipients.iter().map(|recipient| {
        let mark = if recipient.include_previous_data { "+" } else { "-" };
        format!("{mark}{}", recipient.webhook)
    });
    words.collect::<Vec<_>>().join(" ")
}

fn decode(chunk: &ChunkRow) -> Result<Vec<Recipient>, RowError> {
    let at = At {
        column: "recipients",
        row: &chunk.event_id,
    };
    let words = chunk.recipients.split(' ').map(|word| {
        let (mark, id) = word.split_at_checked(1).unwrap_or(("", word));
        Ok(Recipient {
            webhook: id.parse().map_err(|problem| at.value(problem))?,
            include_previous_data: mark == "+",
        })
    });
    words.collect()
}
