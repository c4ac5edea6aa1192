//! A lane, and what holds it up.

use serde::{Deserialize, Serialize};

use super::{Form, StoredError};
use crate::delivery::attempt::{FailureCause, StatusCode};
use crate::delivery::lane::{Epoch, LaneState, Position};
use crate::delivery::penalty_box::{PenaltyBox, ShortWaits};
use crate::error::InvalidValue;
use crate::time::Instant;

/// A lane as it is kept, under its webhook's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the lane's of that name")]
pub struct StoredLane {
    pub form: Form,
    pub owner: Option<String>,
    pub epoch: i64,
    pub done: i64,
    /// None outside the box.
    pub penalty_box: Option<StoredPenaltyBox>,
    pub ready_at: Option<i64>,
}

impl StoredLane {
    /// The form of `lane`.
    #[must_use]
    pub fn of(lane: &LaneState) -> Self {
        Self {
            form: Form,
            owner: lane.owner.map(|owner| owner.to_string()),
            epoch: lane.epoch.0,
            done: lane.done.0,
            penalty_box: StoredPenaltyBox::of(lane.penalty_box),
            ready_at: lane.ready_at.map(Instant::as_milliseconds),
        }
    }

    /// The lane.
    ///
    /// # Errors
    /// When its owner's id is none, or what holds it up cannot be understood.
    pub fn restore(&self) -> Result<LaneState, StoredError> {
        let owner = self.owner.as_deref().map(str::parse).transpose();
        let penalty_box = self.penalty_box.as_ref().map(StoredPenaltyBox::restore);
        Ok(LaneState {
            owner: owner.map_err(StoredError::value("owner"))?,
            epoch: Epoch(self.epoch),
            done: Position(self.done),
            penalty_box: penalty_box.transpose()?.unwrap_or(PenaltyBox::Out),
            ready_at: self.ready_at.map(Instant::from_milliseconds),
        })
    }
}

/// A penalty box as it is kept; there is none outside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPenaltyBox {
    /// Since when no delivery has succeeded.
    pub since: i64,
    /// The name of why the last attempt failed.
    pub cause: String,
    /// The status of its answer, if there was one.
    pub status: Option<u16>,
    /// When the head first failed, how often it was sent again, and when it is sent next.
    pub head: Option<(i64, u32, i64)>,
    /// How many short waits the head has had, and whether the present one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_waits: Option<(u32, bool)>,
    /// When the head would have been sent again, had nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<i64>,
    /// When the head failed last. Older releases did not keep it.
    #[serde(default)]
    pub failed_at: Option<i64>,
    /// When the one before the head was given up.
    pub given_up_at: Option<i64>,
}

impl StoredPenaltyBox {
    const FIELD: &str = "penalty_box";

    /// The form of `penalty_box`; none outside it.
    #[must_use]
    pub fn of(penalty_box: PenaltyBox) -> Option<Self> {
        let mut stored = Self {
            since: penalty_box.since()?.as_milliseconds(),
            cause: penalty_box.cause()?.name().to_owned(),
            status: penalty_box.cause()?.status().map(StatusCode::get),
            head: None,
            short_waits: None,
            planned_at: None,
            failed_at: None,
            given_up_at: None,
        };
        match penalty_box {
            PenaltyBox::Out => return None,
            PenaltyBox::Retrying {
                first_failed_at,
                retry_count,
                failed_at,
                retry_at,
                short_waits,
                planned_at,
                ..
            } => {
                stored.head = Some((
                    first_failed_at.as_milliseconds(),
                    retry_count,
                    retry_at.as_milliseconds(),
                ));
                stored.short_waits = Some(short_waits)
                    .filter(|waits| *waits != ShortWaits::default())
                    .map(|waits| (waits.count, waits.is_one));
                stored.planned_at = planned_at.map(Instant::as_milliseconds);
                stored.failed_at = Some(failed_at.as_milliseconds());
            }
            PenaltyBox::NextInTurn { given_up_at, .. } => {
                stored.given_up_at = Some(given_up_at.as_milliseconds());
            }
        }
        Some(stored)
    }

    /// The penalty box.
    ///
    /// # Errors
    /// When what holds the lane up cannot be understood.
    pub fn restore(&self) -> Result<PenaltyBox, StoredError> {
        let value = StoredError::value;
        let status = self.status.map(StatusCode::new).transpose();
        let status = status.map_err(value(Self::FIELD))?;
        let cause = FailureCause::restore(&self.cause, status).map_err(value(Self::FIELD))?;
        let since = Instant::from_milliseconds(self.since);
        match (self.head, self.given_up_at) {
            (Some((first_failed_at, retry_count, retry_at)), _) => Ok(PenaltyBox::Retrying {
                since,
                cause,
                first_failed_at: Instant::from_milliseconds(first_failed_at),
                retry_count,
                failed_at: Instant::from_milliseconds(self.failed_at.unwrap_or(first_failed_at)),
                retry_at: Instant::from_milliseconds(retry_at),
                short_waits: self
                    .short_waits
                    .map(|(count, is_one)| ShortWaits { count, is_one })
                    .unwrap_or_default(),
                planned_at: self.planned_at.map(Instant::from_milliseconds),
            }),
            (None, Some(given_up_at)) => Ok(PenaltyBox::NextInTurn {
                since,
                cause,
                given_up_at: Instant::from_milliseconds(given_up_at),
            }),
            (None, None) => Err(value(Self::FIELD)(InvalidValue::new(
                "must say what holds the lane up",
            ))),
        }
    }
}
