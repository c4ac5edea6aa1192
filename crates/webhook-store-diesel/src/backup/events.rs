//! Which events and deliveries one database has and another has not. Both are gone through in order, a part at a time.

use diesel::prelude::*;
use webhook_domain::delivery::DeliveryStatus;

use crate::backup::{BackupError, Examination};
use crate::database::schema::{deliveries, events};

/// How many rows are read at a time.
const STEP: i64 = 1000;

/// What the events of a backup are to those of the database that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventsCompared {
    /// Accepted since the backup was made: the backup does not have them.
    pub lost: u64,
    /// Deliveries that wait in the backup, and have come to their end since: they are sent again.
    pub sent_again: u64,
}

/// Compares the events of a backup with those of the database that it replaces.
///
/// # Errors
/// When one of them cannot be read.
pub fn compare_events(
    backup: &mut Examination,
    replaced: &mut Examination,
) -> Result<EventsCompared, BackupError> {
    Ok(EventsCompared {
        lost: lost(backup, replaced)?,
        sent_again: sent_again(backup, replaced)?,
    })
}

fn lost(backup: &mut Examination, replaced: &mut Examination) -> Result<u64, BackupError> {
    let mut lost = 0;
    let mut last = String::new();
    loop {
        let ids: Vec<String> = events::table
            .filter(events::id.gt(&last))
            .order(events::id)
            .select(events::id)
            .limit(STEP)
            .load(&mut replaced.connection)?;
        let Some(end) = ids.last() else { return Ok(lost) };
        last.clone_from(end);
        let kept: i64 = events::table
            .filter(events::id.eq_any(&ids))
            .count()
            .get_result(&mut backup.connection)?;
        lost += (ids.len() as u64).saturating_sub(u64::try_from(kept).unwrap_or_default());
    }
}

fn sent_again(backup: &mut Examination, replaced: &mut Examination) -> Result<u64, BackupError> {
    let mut again = 0;
    let mut last = String::new();
    loop {
        let waiting: Vec<String> = deliveries::table
            .filter(deliveries::status.eq(DeliveryStatus::Pending.name()))
            .filter(deliveries::id.gt(&last))
            .order(deliveries::id)
            .select(deliveries::id)
            .limit(STEP)
            .load(&mut backup.connection)?;
        let Some(end) = waiting.last() else {
            return Ok(again);
        };
        last.clone_from(end);
        let ended: i64 = deliveries::table
            .filter(deliveries::id.eq_any(&waiting))
            .filter(deliveries::status.ne(DeliveryStatus::Pending.name()))
            .count()
            .get_result(&mut replaced.connection)?;
        again += u64::try_from(ended).unwrap_or_default();
    }
}
