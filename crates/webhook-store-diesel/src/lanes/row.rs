//! The row of a lane, and the penalty box in it.

use diesel::prelude::*;
use webhook_domain::delivery::lane::{Epoch, LaneState, Position};
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::stored::StoredPenaltyBox;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use crate::database::row::{At, RowError};
use crate::database::schema::lanes;

/// A row of `lanes`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, Identifiable, QueryableByName)]
#[diesel(table_name = lanes, primary_key(webhook_id))]
pub(crate) struct LaneRow {
    pub(crate) webhook_id: String,
    /// A process; empty for none.
    pub(crate) owner: String,
    pub(crate) done: i64,
    pub(crate) penalty_box: Option<String>,
    pub(crate) epoch: i64,
    pub(crate) ready_at: Option<i64>,
    /// How many of its deliveries were given up because somebody asked for it.
    pub(crate) withdrawn: i64,
}

/// A row that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewLaneRow {
    pub(crate) webhook_id: String,
    /// Whose webhook it is.
    pub(crate) platform: String,
    pub(crate) owner: String,
    pub(crate) done: i64,
    pub(crate) epoch: i64,
}

/// What is written of a lane by whoever does not change its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneColumns {
    pub(crate) webhook_id: String,
    pub(crate) done: i64,
    pub(crate) penalty_box: Option<String>,
    pub(crate) ready_at: Option<i64>,
}

impl NewLaneRow {
    /// The row of the lane of a webhook that was just created.
    pub(crate) fn new(webhook: &Webhook, owner: Option<ProcessId>) -> Self {
        let state = LaneState::new(owner);
        Self {
            webhook_id: webhook.id.to_string(),
            platform: webhook.platform.to_string(),
            owner: state.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            done: state.done.0,
            epoch: state.epoch.0,
        }
    }
}

impl LaneRow {
    pub(crate) fn decode(&self) -> Result<LaneState, RowError> {
        let at = At {
            column: "owner",
            row: &self.webhook_id,
        };
        let owner = Some(self.owner.as_str()).filter(|owner| !owner.is_empty());
        Ok(LaneState {
            owner: owner
                .map(str::parse)
                .transpose()
                .map_err(|problem| at.value(problem))?,
            epoch: Epoch(self.epoch),
            done: Position(self.done),
            penalty_box: self.penalty_box()?,
            ready_at: self.ready_at.map(Instant::from_milliseconds),
        })
    }

    pub(crate) fn penalty_box(&self) -> Result<PenaltyBox, RowError> {
        let Some(column) = &self.penalty_box else {
            return Ok(PenaltyBox::Out);
        };
        let at = At {
            column: "penalty_box",
            row: &self.webhook_id,
        };
        let stored: StoredPenaltyBox = serde_json::from_str(column).map_err(|source| at.json(source))?;
        stored.restore().map_err(|error| at.stored(error))
    }
}

impl LaneColumns {
    pub(crate) fn encode(webhook: WebhookId, lane: &LaneState) -> Result<Self, RowError> {
        Ok(Self {
            webhook_id: webhook.to_string(),
            done: lane.done.0,
            penalty_box: encode_penalty_box(lane.penalty_box)?,
            ready_at: lane.ready_at.map(Instant::as_milliseconds),
        })
    }
}

/// A penalty box in its column; none outside it.
fn encode_penalty_box(penalty_box: PenaltyBox) -> Result<Option<String>, RowError> {
    let stored = StoredPenaltyBox::of(penalty_box);
    let column = stored.map(|stored| serde_json::to_string(&stored));
    column.transpose().map_err(|source| {
        At {
            column: "penalty_box",
            row: "a lane",
        }
        .json(source)
    })
}
