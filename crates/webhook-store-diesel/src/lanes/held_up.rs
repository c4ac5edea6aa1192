//! What holds a webhook's queue up, read along with a webhook that is to be shown.

use std::collections::HashMap;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::WebhookId;
use webhook_domain::webhook::{HeldUp, Webhook};

use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::schema::webhooks;
use crate::engine::failure::Failure;
use crate::lanes::row::LaneRow;

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
