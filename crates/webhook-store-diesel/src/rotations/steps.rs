//! The steps of rotations in a group: which of them are to be taken, and what became of them.
//!
//! The row of a rotation is locked before its webhooks are. So a step is settled or the rotation ends, never both at once, and no two
//! processes take the same step. Nothing else of a group waits for such a lock but another process's steps of the same rotation.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use webhook_domain::Refusal;
use webhook_domain::rotation::{RotationStatus, RotationStep, RotationTotals, Settled};

use crate::database::connection::AnyConnection;
use crate::database::schema::{rotation_webhooks, rotations};
use crate::engine::failure::Failure;
use crate::rotations::row::{SettledColumns, number_of};

/// The rotations that a transaction takes steps of.
#[derive(Default)]
pub(crate) struct Steps {
    /// Those that run, with the epochs of their claims.
    running: BTreeMap<String, i64>,
    /// The steps that are to be taken and are not settled.
    unsettled: BTreeSet<(String, i64)>,
    settled: Vec<SettledColumns>,
    more: BTreeMap<String, RotationTotals>,
}

impl Steps {
    /// Locks the rotations of `steps`. To be called before webhooks are locked.
    pub(crate) fn lock(
        connection: &mut AnyConnection,
        steps: impl Iterator<Item = RotationStep>,
    ) -> Result<Self, Failure> {
        let mut wanted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for step in steps {
            let numbers = wanted.entry(step.rotation.to_string()).or_default();
            numbers.push(number_of(step.number));
        }
        let mut locked = Self::default();
        for (rotation, numbers) in wanted {
            let row = connection.lock_rotation(&rotation)?;
            let Some(row) = row.filter(|row| row.status == RotationStatus::Running.name()) else {
                continue;
            };
            let unsettled: Vec<i64> = rotation_webhooks::table
                .filter(rotation_webhooks::rotation_id.eq(&rotation))
                .filter(rotation_webhooks::number.eq_any(&numbers))
                .filter(rotation_webhooks::outcome.is_null())
                .select(rotation_webhooks::number)
                .load(connection)?;
            let unsettled = unsettled.into_iter().map(|number| (rotation.clone(), number));
            locked.unsettled.extend(unsettled);
            locked.running.insert(rotation, row.epoch);
        }
        Ok(locked)
    }

    /// Whether the step is to be taken; not if it is settled.
    pub(crate) fn admit(&self, step: RotationStep) -> Result<bool, Refusal> {
        let rotation = step.rotation.to_string();
        let epoch = self.running.get(&rotation).copied();
        match epoch == i64::try_from(step.epoch).ok() {
            true => Ok(self.unsettled.contains(&(rotation, number_of(step.number)))),
            false => Err(Refusal::RotationNotRunning),
        }
    }

    /// Has `settled` be what became of an admitted step.
    pub(crate) fn settle(&mut self, step: RotationStep, settled: Settled) {
        let columns = SettledColumns::encode(step, settled);
        self.unsettled
            .remove(&(columns.rotation_id.clone(), columns.number));
        let more = self.more.entry(columns.rotation_id.clone()).or_default();
        *more = more.with(settled);
        self.settled.push(columns);
    }

    /// Whether there is anything to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.settled.is_empty()
    }

    /// Writes what became of the steps, and counts it.
    pub(crate) fn save(&mut self, connection: &mut AnyConnection) -> Result<(), Failure> {
        if self.settled.is_empty() {
            return Ok(());
        }
        connection.settle_steps(&self.settled)?;
        for (rotation, more) in std::mem::take(&mut self.more) {
            let [rolled, skipped, failed] =
                [more.rolled, more.skipped, more.failed].map(|count| i64::try_from(count).unwrap_or(0));
            diesel::update(rotations::table.find(&rotation))
                .set((
                    rotations::rolled.eq(rotations::rolled + rolled),
                    rotations::skipped.eq(rotations::skipped + skipped),
                    rotations::failed.eq(rotations::failed + failed),
                ))
                .execute(connection)?;
        }
        self.settled.clear();
        Ok(())
    }
}
