//! What holds a webhook's queue up, read along with a webhook that is to be shown, and undone by changes of it.

use std::collections::{BTreeMap, HashMap};

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::penalty_box::PenaltyBox;
use webhook_domain::webhook::{HeldUp, Webhook};

use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::schema::webhooks;
use crate::engine::failure::Failure;
use crate::lanes::notify::Arrived;
use crate::lanes::own::assign;
use crate::lanes::row::{LaneColumns, LaneRow, encode_penalty_box};

/// Whether the queue of a webhook is held up, in a query of webhooks.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(crate) struct IsHeldUp;

impl Expression for IsHeldUp {
    type SqlType = Bool;
}

impl<DB: Backend> QueryFragment<DB> for IsHeldUp {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "EXISTS (SELECT 1 FROM lanes WHERE lanes.webhook_id = webhooks.id AND lanes.penalty_box IS NOT NULL)",
        );
        Ok(())
    }
}

impl AppearsOnTable<webhooks::table> for IsHeldUp {}
impl SelectableExpression<webhooks::table> for IsHeldUp {}

/// What holds the queue of `webhook` up, with the delivery at its head.
pub(crate) fn read(
    connection: &mut AnyConnection,
    webhook: WebhookId,
) -> Result<Option<Box<HeldUp>>, Failure> {
    let id = webhook.to_string();
    let Some(lane) = connection.lanes_of(std::slice::from_ref(&id))?.pop() else {
        return Ok(None);
    };
    let penalty_box = lane.penalty_box()?;
    if penalty_box == PenaltyBox::Out {
        return Ok(None);
    }
    let head = connection.queued(&id, lane.done, 1)?.pop();
    let head = head.map(|(delivery, event)| Ok::<_, RowError>((delivery.decode()?, event.decode()?)));
    Ok(HeldUp::new(penalty_box, head.transpose()?))
}

/// Says of each of `shown` what holds its queue up, but not what is queued.
pub(crate) fn tell_of_list(connection: &mut AnyConnection, shown: &mut [Webhook]) -> Result<(), Failure> {
    let ids: Vec<String> = shown.iter().map(|webhook| webhook.id.to_string()).collect();
    let lanes = connection.lanes_of(&ids)?;
    let mut lanes: HashMap<String, LaneRow> = lanes
        .into_iter()
        .map(|lane| (lane.webhook_id.clone(), lane))
        .collect();
    for webhook in shown {
        if let Some(lane) = lanes.remove(&webhook.id.to_string()) {
            webhook.held_up = HeldUp::new(lane.penalty_box()?, None);
        }
    }
    Ok(())
}

/// Whether the queue of a webhook that was `before` goes on as `after`.
pub(crate) fn goes_on(before: &Webhook, after: &Webhook) -> bool {
    before.held_up.as_ref().is_some_and(|held_up| {
        let stood = *held_up.penalty_box();
        stood.after_change(&before.settings, &after.settings, after.updated_at) != stood
    })
}

/// Has queues go on whose webhooks were changed from one to the other, and finds who works at them.
pub(crate) fn let_go_on(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    changed: &[(Webhook, Webhook)],
) -> Result<Vec<Arrived>, Failure> {
    let Some(now) = changed.iter().map(|(_, after)| after.updated_at).max() else {
        return Ok(Vec::new());
    };
    let ids: Vec<String> = changed.iter().map(|(before, _)| before.id.to_string()).collect();
    let lanes = connection.lock_lanes(&ids)?;
    let mut columns = Vec::new();
    for lane in &lanes {
        let Some((before, after)) = changed
            .iter()
            .find(|(before, _)| before.id.to_string() == lane.webhook_id)
        else {
            continue;
        };
        let penalty_box = lane.penalty_box()?;
        let penalty_box = penalty_box.after_change(&before.settings, &after.settings, after.updated_at);
        columns.push(with_box(lane, penalty_box)?);
    }
    connection.save_lanes(&columns)?;
    wake(connection, own, &lanes, now.as_milliseconds())
}

/// What a lane is saved as when its box has become this.
pub(crate) fn with_box(lane: &LaneRow, penalty_box: PenaltyBox) -> Result<LaneColumns, RowError> {
    Ok(LaneColumns {
        webhook_id: lane.webhook_id.clone(),
        done: lane.done,
        penalty_box: encode_penalty_box(penalty_box)?,
    })
}

/// Finds who works at lanes that there are.
pub(crate) fn wake(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    lanes: &[LaneRow],
    now: i64,
) -> Result<Vec<Arrived>, Failure> {
    let ids: BTreeMap<String, i64> = lanes
        .iter()
        .map(|lane| (lane.webhook_id.clone(), lane.done))
        .collect();
    assign(connection, &ids, own, now)
}
