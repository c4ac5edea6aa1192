//! When keys are due for a roll, as a table has it beside the webhooks.
//!
//! There is a row for each webhook with a current key and days after which it is due: its own, or else the deployment's. So a roll costs
//! nothing more where nobody has set any. The days of the deployment are a setting: a row may have been written by a process with
//! another one, or by a release that knew of no rows. So a process that starts goes through all webhooks, in steps, and puts right what is
//! not as it would have it. Until then nothing is done wrong, because what is due is judged by the webhook.

use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::RollDue;
use webhook_domain::time::Instant;
use webhook_domain::webhook::RotationDays;

use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::{roll_dues, webhooks};
use crate::engine::failure::Failure;
use crate::sealing::Vault;
use crate::webhooks::roll_due_row::RollDueColumns;
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

/// The rows of keys that are due by `now` and about which something is left to be done, in their order.
pub(crate) fn due(
    connection: &mut AnyConnection,
    (at, behind): (Instant, Option<WebhookId>),
    now: Instant,
    limit: u32,
) -> Result<Vec<RollDue>, StoreError> {
    let at = at.as_milliseconds();
    let behind = behind.map_or_else(String::new, |id| id.to_string());
    let is_behind = roll_dues::due_at
        .gt(at)
        .or(roll_dues::due_at.eq(at).and(roll_dues::webhook_id.gt(behind)));
    let query = roll_dues::table
        .filter(roll_dues::is_done.eq(false))
        .filter(roll_dues::due_at.between(at, now.as_milliseconds()))
        .filter(is_behind)
        .order((roll_dues::due_at, roll_dues::webhook_id))
        .select((roll_dues::due_at, roll_dues::platform, roll_dues::webhook_id))
        .limit(limit.into());
    let rows: Vec<(i64, String, String)> = query.load(connection).map_err(unavailable)?;
    let parsed = rows.into_iter().map(|(at, platform, webhook)| {
        Ok(RollDue {
            at: Instant::from_milliseconds(at),
            platform: PlatformId::restore(&platform),
            webhook: webhook.parse()?,
        })
    });
    parsed
        .collect::<Result<_, webhook_domain::InvalidValue>>()
        .map_err(corrupt)
}

/// The webhooks of the rows whose days are counted from later than `latest`.
pub(crate) fn ahead(
    connection: &mut AnyConnection,
    latest: Instant,
    limit: u32,
) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
    let query = roll_dues::table
        .filter(roll_dues::counted_from.gt(latest.as_milliseconds()))
        .order(roll_dues::counted_from)
        .select((roll_dues::platform, roll_dues::webhook_id))
        .limit(limit.into());
    let rows: Vec<(String, String)> = query.load(connection).map_err(unavailable)?;
    let parsed = rows
        .into_iter()
        .map(|(platform, id)| Ok((PlatformId::restore(&platform), id.parse()?)));
    parsed
        .collect::<Result<_, webhook_domain::InvalidValue>>()
        .map_err(corrupt)
}

/// Webhooks next to each other in the order of their ids.
pub(crate) struct Stretch {
    /// Those whose rows are not right.
    pub(crate) wrong: Vec<String>,
    /// The last of all; none if there are none.
    pub(crate) last: Option<WebhookId>,
}

/// Looks at the next `limit` webhooks behind `after`. One that cannot be read is left as it is.
pub(crate) fn look(
    connection: &mut AnyConnection,
    vault: &Vault,
    default: Option<RotationDays>,
    after: Option<WebhookId>,
    limit: u32,
) -> Result<Stretch, StoreError> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let query = webhooks::table
        .left_join(roll_dues::table.on(roll_dues::webhook_id.eq(webhooks::id)))
        .filter(webhooks::id.gt(after))
        .order(webhooks::id)
        .select((
            webhooks::id,
            webhooks::secret_rotation_days.is_not_null(),
            roll_dues::due_at.nullable(),
            (roll_dues::counted_from, roll_dues::since, roll_dues::is_done).nullable(),
        ))
        .limit(limit.into());
    type Looked = (String, bool, Option<i64>, Option<(i64, i64, bool)>);
    let rows: Vec<Looked> = query.load(connection).map_err(unavailable)?;
    let last = rows
        .last()
        .map(|row| row.0.parse())
        .transpose()
        .map_err(corrupt)?;
    let concerned = rows
        .iter()
        .filter(|(_, has_days, due_at, ..)| default.is_some() || *has_days || due_at.is_some());
    let ids: Vec<&str> = concerned.map(|row| row.0.as_str()).collect();
    let mut wrong = Vec::new();
    if !ids.is_empty() {
        let query = webhooks::table.filter(webhooks::id.eq_any(&ids));
        let stored: Vec<WebhookRow> = query.load(connection).map_err(unavailable)?;
        let right = stored.into_iter().filter_map(|row| columns(row, vault, default));
        wrong.extend(right.filter_map(|right| {
            let row = rows.iter().find(|row| row.0 == right.webhook_id)?;
            let is_right = match right.due_at {
                None => row.2.is_none(),
                due_at => (row.2, row.3) == (due_at, Some((right.counted_from, right.since, right.is_done))),
            };
            (!is_right).then_some(right.webhook_id)
        }));
    }
    Ok(Stretch { wrong, last })
}

/// Puts the rows of these webhooks right. What somebody else keeps locked is noted by whoever that is, or the next time.
pub(crate) fn put_right(
    connection: &mut AnyConnection,
    vault: &Vault,
    default: Option<RotationDays>,
    ids: &[String],
) -> Result<(), Failure> {
    let locked = connection.lock_webhooks(ids, TakenRows::Skip)?;
    let right: Vec<_> = locked
        .into_iter()
        .filter_map(|(row, _)| columns(row, vault, default))
        .collect();
    connection.note_roll_dues(&right)?;
    Ok(())
}

fn columns(row: WebhookRow, vault: &Vault, default: Option<RotationDays>) -> Option<RollDueColumns> {
    let mut webhook = LoadedWebhook::decode(row, vault).ok()?.webhook;
    webhook.default_rotation = default;
    Some(RollDueColumns::of(&webhook))
}
