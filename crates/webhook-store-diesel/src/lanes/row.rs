//! The row of a lane, and the penalty box in it.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use webhook_domain::InvalidValue;
use webhook_domain::delivery::attempt::{FailureCause, StatusCode};
use webhook_domain::delivery::lane::{Epoch, LaneState, Position};
use webhook_domain::delivery::penalty_box::{PenaltyBox, ShortWaits};
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::time::Instant;

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
}

/// What is written of a lane by whoever does not change its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneColumns {
    pub(crate) webhook_id: String,
    pub(crate) done: i64,
    pub(crate) penalty_box: Option<String>,
    pub(crate) ready_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredBox {
    since: i64,
    cause: String,
    status: Option<u16>,
    /// When the head first failed, how often it was sent again, and when it is sent next.
    head: Option<(i64, u32, i64)>,
    /// How many short waits the head has had, and whether the present one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    short_waits: Option<(u32, bool)>,
    /// When the head would have been sent again, had nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planned_at: Option<i64>,
    /// When the head failed last. Older releases did not keep it.
    #[serde(default)]
    failed_at: Option<i64>,
    /// When the one before the head was given up.
    given_up_at: Option<i64>,
}

impl LaneRow {
    /// The row of the lane of a webhook that was just created.
    pub(crate) fn new(webhook: WebhookId, owner: Option<ProcessId>) -> Self {
        let state = LaneState::new(owner);
        Self {
            webhook_id: webhook.to_string(),
            owner: state.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            done: state.done.0,
            penalty_box: None,
            epoch: state.epoch.0,
            ready_at: None,
        }
    }

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
        let stored: StoredBox = serde_json::from_str(column).map_err(|source| at.json(source))?;
        let status = stored.status.map(StatusCode::new).transpose();
        let status = status.map_err(|problem| at.value(problem))?;
        let cause = FailureCause::restore(&stored.cause, status).map_err(|problem| at.value(problem))?;
        let since = Instant::from_milliseconds(stored.since);
        match (stored.head, stored.given_up_at) {
            (Some((first_failed_at, retry_count, retry_at)), _) => Ok(PenaltyBox::Retrying {
                since,
                cause,
                first_failed_at: Instant::from_milliseconds(first_failed_at),
                retry_count,
                failed_at: Instant::from_milliseconds(stored.failed_at.unwrap_or(first_failed_at)),
                retry_at: Instant::from_milliseconds(retry_at),
                short_waits: stored
                    .short_waits
                    .map(|(count, is_one)| ShortWaits { count, is_one })
                    .unwrap_or_default(),
                planned_at: stored.planned_at.map(Instant::from_milliseconds),
            }),
            (None, Some(given_up_at)) => Ok(PenaltyBox::NextInTurn {
                since,
                cause,
                given_up_at: Instant::from_milliseconds(given_up_at),
            }),
            (None, None) => Err(at.value(InvalidValue::new("must say what holds the lane up"))),
        }
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
    let (mut short_waits, mut planned_at) = (None, None);
    let mut failed_at = None;
    let (head, given_up_at) = match penalty_box {
        PenaltyBox::Out => return Ok(None),
        PenaltyBox::Retrying {
            first_failed_at,
            retry_count,
            failed_at: failed,
            retry_at,
            short_waits: waits,
            planned_at: planned,
            ..
        } => {
            short_waits = Some(waits)
                .filter(|waits| *waits != ShortWaits::default())
                .map(|waits| (waits.count, waits.is_one));
            planned_at = planned.map(Instant::as_milliseconds);
            failed_at = Some(failed.as_milliseconds());
            let head = (
                first_failed_at.as_milliseconds(),
                retry_count,
                retry_at.as_milliseconds(),
            );
            (Some(head), None)
        }
        PenaltyBox::NextInTurn { given_up_at, .. } => (None, Some(given_up_at.as_milliseconds())),
    };
    let (Some(since), Some(cause)) = (penalty_box.since(), penalty_box.cause()) else {
        return Ok(None);
    };
    let stored = StoredBox {
        since: since.as_milliseconds(),
        cause: cause.name().to_owned(),
        status: cause.status().map(StatusCode::get),
        head,
        short_waits,
        planned_at,
        failed_at,
        given_up_at,
    };
    serde_json::to_string(&stored).map(Some).map_err(|source| {
        At {
            column: "penalty_box",
            row: "a lane",
        }
        .json(source)
    })
}
