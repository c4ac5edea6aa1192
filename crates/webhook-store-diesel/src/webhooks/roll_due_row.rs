//! The row that says when the key of a webhook is due for a roll.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use webhook_domain::webhook::{RotationDays, Webhook};

/// After how many days the deployment has keys due for a roll, if it does. All of a store share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct DefaultRotation(Arc<AtomicU16>);

impl DefaultRotation {
    pub(crate) fn set(&self, days: Option<RotationDays>) {
        self.0.store(days.map_or(0, RotationDays::get), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<RotationDays> {
        RotationDays::new(self.0.load(Ordering::Relaxed).into()).ok()
    }
}

/// A row as it is to be; none if it has no instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RollDueColumns {
    pub(crate) webhook_id: String,
    pub(crate) platform: String,
    pub(crate) due_at: Option<i64>,
    pub(crate) counted_from: i64,
    pub(crate) since: i64,
    pub(crate) is_done: bool,
}

impl RollDueColumns {
    pub(crate) fn of(webhook: &Webhook) -> Self {
        let noted = webhook.noted_roll_due();
        Self {
            webhook_id: webhook.id.to_string(),
            platform: webhook.platform.to_string(),
            due_at: noted.map(|noted| noted.at.as_milliseconds()),
            counted_from: noted.map_or(0, |noted| noted.counted_from.as_milliseconds()),
            since: noted.map_or(0, |noted| noted.since.as_milliseconds()),
            is_done: noted.is_some_and(|noted| noted.is_done),
        }
    }

    /// What a change of a webhook makes of its row, or its creation; none if nothing. The row of one that is no more goes with it.
    pub(crate) fn after(before: Option<&Webhook>, after: &Webhook) -> Option<Self> {
        let was = before.and_then(Webhook::noted_roll_due);
        (was != after.noted_roll_due()).then(|| Self::of(after))
    }
}
