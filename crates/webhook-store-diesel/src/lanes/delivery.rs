//! The row of a delivery, and the attempts in it.

use diesel::prelude::*;
use webhook_domain::InvalidValue;
use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::delivery::event::Event;
use webhook_domain::delivery::lane::StoredAttempts;
use webhook_domain::delivery::{Delivery, DeliveryStatus};
use webhook_domain::id::PlatformId;
use webhook_domain::ports::{MAX_ATTEMPTS, Turn};
use webhook_domain::stored::StoredAttempt;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Action;

use crate::database::row::{At, RowError};
use crate::database::schema::deliveries;

/// A row of `deliveries`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, Identifiable, QueryableByName)]
#[diesel(table_name = deliveries, primary_key(webhook_id, position))]
pub(crate) struct DeliveryRow {
    pub(crate) position: i64,
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) webhook_id: String,
    pub(crate) platform: String,
    pub(crate) action: String,
    pub(crate) include_previous_data: bool,
    pub(crate) created_at: i64,
    pub(crate) status: String,
    pub(crate) ended_at: Option<i64>,
    pub(crate) attempts: String,
    /// How many attempts are recorded, those included that are not kept.
    pub(crate) tried: i64,
}

/// Where a delivery is found: its lane, and its position in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlaceRow {
    pub(crate) webhook_id: String,
    pub(crate) position: i64,
}

impl PlaceRow {
    pub(crate) fn of(turn: &Turn) -> Self {
        Self {
            webhook_id: turn.delivery.webhook.to_string(),
            position: turn.position.0,
        }
    }
}

/// A delivery that is put at another position of its lane.
#[derive(Debug, Clone)]
pub(crate) struct MoveRow {
    pub(crate) place: PlaceRow,
    pub(crate) to: i64,
}

/// The position of a delivery, its status, and how often it was tried.
pub(crate) type StatusRow = (i64, String, i64);

/// What an attempt writes.
#[derive(Debug, Clone)]
pub(crate) struct TurnColumns {
    pub(crate) place: PlaceRow,
    pub(crate) status: String,
    pub(crate) ended_at: Option<i64>,
    /// A line of JSON, of 7 KiB at the most. A column with 56 KiB of them keeps the lines within the last 32 KiB before another is
    /// added, so that it stays below 64 KiB.
    pub(crate) attempt: String,
    pub(crate) tried: i64,
}

impl DeliveryRow {
    pub(crate) fn encode(delivery: &Delivery, event: &Event, position: i64) -> Self {
        Self {
            position,
            id: delivery.id.to_string(),
            event_id: delivery.event.to_string(),
            webhook_id: delivery.webhook.to_string(),
            platform: delivery.platform.to_string(),
            action: event.action.as_str().to_owned(),
            include_previous_data: delivery.include_previous_data,
            created_at: delivery.created_at.as_milliseconds(),
            status: delivery.status.name().to_owned(),
            ended_at: delivery.status.ended_at().map(Instant::as_milliseconds),
            attempts: String::new(),
            tried: 0,
        }
    }

    pub(crate) fn decode(&self) -> Result<Delivery, RowError> {
        let at = |column| self.at(column);
        Ok(Delivery {
            id: self.id.parse().map_err(|problem| at("id").value(problem))?,
            event: self
                .event_id
                .parse()
                .map_err(|problem| at("event_id").value(problem))?,
            webhook: self
                .webhook_id
                .parse()
                .map_err(|problem| at("webhook_id").value(problem))?,
            platform: PlatformId::restore(&self.platform),
            include_previous_data: self.include_previous_data,
            created_at: Instant::from_milliseconds(self.created_at),
            status: DeliveryStatus::restore(&self.status, self.ended_at.map(Instant::from_milliseconds))
                .map_err(|problem| at("status").value(problem))?,
        })
    }

    /// The action of its event.
    pub(crate) fn action(&self) -> Action {
        Action::restore(self.action.clone())
    }

    /// What was tried, oldest first.
    pub(crate) fn attempts(&self) -> Result<Vec<Attempt>, RowError> {
        let lines: Vec<_> = self.attempts.lines().collect();
        let kept = &lines[lines.len().saturating_sub(MAX_ATTEMPTS)..];
        kept.iter().map(|line| self.attempt(line)).collect()
    }

    fn attempt(&self, line: &str) -> Result<Attempt, RowError> {
        let at = self.at("attempts");
        let stored: StoredAttempt = serde_json::from_str(line).map_err(|source| at.json(source))?;
        stored.restore().map_err(|error| at.stored(error))
    }

    fn at<'a>(&'a self, column: &'static str) -> At<'a> {
        At {
            column,
            row: &self.id,
        }
    }
}

impl TurnColumns {
    /// `status` is how far the delivery has come by the turn.
    pub(crate) fn encode(turn: &Turn, status: DeliveryStatus) -> Result<Self, RowError> {
        let stored = StoredAttempt::of(&turn.attempt);
        let mut line = serde_json::to_string(&stored).map_err(|source| {
            At {
                column: "attempts",
                row: "a delivery",
            }
            .json(source)
        })?;
        line.push('\n');
        Ok(Self {
            place: PlaceRow::of(turn),
            status: status.name().to_owned(),
            ended_at: status.ended_at().map(Instant::as_milliseconds),
            attempt: line,
            tried: turn.number.into(),
        })
    }
}

/// As much of a delivery as decides whether a turn at it is news.
pub(crate) struct StatusColumns {
    pub(crate) status: String,
    pub(crate) tried: i64,
}

impl StatusColumns {
    pub(crate) fn decode(&self) -> Result<StoredAttempts, InvalidValue> {
        Ok(StoredAttempts {
            // When it ended does not matter here.
            status: DeliveryStatus::restore(&self.status, None)?,
            attempts: u32::try_from(self.tried).unwrap_or(u32::MAX),
        })
    }
}
