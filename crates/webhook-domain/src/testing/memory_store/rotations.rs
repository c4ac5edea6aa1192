//! Rotations in memory.

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, ProcessId, RotationId};
use crate::ports::{
    ClaimedRotation, FinishRotation, MatchingWebhooks, NewRotation, Outcome, RotationStore,
    RotationWebhooksQuery,
};
use crate::rotation::{
    KeyBefore, Rotation, RotationClaim, RotationFilter, RotationStatus, RotationStep, RotationWebhook,
    Settled,
};
use crate::time::Instant;
use crate::webhook::Webhook;

/// A rotation, who works at it, and its webhooks.
pub(super) struct Kept {
    rotation: Rotation,
    claim: RotationClaim,
    webhooks: Vec<RotationWebhook>,
}

impl Kept {
    fn shown(&self) -> Rotation {
        let mut rotation = self.rotation.clone();
        rotation.totals.adopted = self.webhooks.iter().filter(|kept| kept.is_adopted).count() as u64;
        rotation
    }

    fn at(&mut self, number: u64) -> Option<&mut RotationWebhook> {
        self.webhooks.get_mut(usize::try_from(number).ok()?)
    }
}

impl Tables {
    /// Whether the step is to be taken; not if it is settled.
    pub(super) fn admit_step(&mut self, step: RotationStep) -> Result<bool, Refusal> {
        let kept = self.rotations.get_mut(&step.rotation);
        let running = kept
            .filter(|kept| kept.rotation.status == RotationStatus::Running && kept.claim.epoch == step.epoch);
        let kept = running.ok_or(Refusal::RotationNotRunning)?;
        Ok(kept
            .at(step.number)
            .is_some_and(|webhook| webhook.settled.is_none()))
    }

    /// Saves what became of an admitted step.
    pub(super) fn save_step(&mut self, step: RotationStep, settled: Settled) {
        if let Some(kept) = self.rotations.get_mut(&step.rotation) {
            kept.rotation.totals = kept.rotation.totals.with(settled);
            if let Some(webhook) = kept.at(step.number) {
                webhook.settled = Some((settled, step.at));
            }
        }
    }

    /// Notes in rotations what was shown of the current key of a webhook.
    pub(super) fn note_adoption(&mut self, before: &Webhook, after: &Webhook) {
        let (was, is) = (&before.key_ring, &after.key_ring);
        let (Some(current), true) = (is.current(), was.adoption() != is.adoption()) else {
            return;
        };
        let webhooks = self.rotations.values_mut().flat_map(|kept| &mut kept.webhooks);
        for webhook in webhooks.filter(|webhook| webhook.webhook == after.id) {
            if webhook.settled.and_then(|(settled, _)| settled.key()) == Some(current.id) {
                webhook.is_adopted = is.adoption().is_some();
            }
        }
    }

    fn matching(&self, platform: &PlatformId, filter: &RotationFilter) -> Vec<&Webhook> {
        let all = self.webhooks.values();
        let mut found: Vec<_> = all
            .filter(|webhook| webhook.platform == *platform && filter.accepts(webhook))
            .collect();
        found.sort_unstable_by_key(|webhook| (webhook.created_at, webhook.id));
        found
    }
}

#[async_trait]
impl RotationStore for MemoryStore {
    async fn matching_webhooks(
        &self,
        platform: &PlatformId,
        filter: &RotationFilter,
        shown: u32,
    ) -> Result<MatchingWebhooks, StoreError> {
        let tables = self.tables();
        let matching = tables.matching(platform, filter);
        Ok(MatchingWebhooks {
            total: matching.len() as u64,
            first: matching
                .iter()
                .take(shown as usize)
                .map(|webhook| webhook.id)
                .collect(),
        })
    }

    async fn begin_rotation(&self, new: NewRotation) -> Result<Outcome<Rotation>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(new.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let mut rotation = new.rotation;
        let mut others = tables.rotations.values().map(|kept| &kept.rotation);
        let is_in_the_way = |other: &&Rotation| {
            other.platform == rotation.platform && other.status == RotationStatus::Running
        };
        if let Some(other) = others.find(is_in_the_way) {
            return Err(Refusal::RotationUnderWay { id: other.id }.into());
        }
        let matching = tables.matching(&rotation.platform, &rotation.orders.filter);
        let webhooks = (0..).zip(matching).map(|(number, webhook)| RotationWebhook {
            number,
            webhook: webhook.id,
            key_before: KeyBefore::of(webhook.key_ring.current().map(|current| current.id)),
            settled: None,
            is_adopted: false,
        });
        let webhooks: Vec<_> = webhooks.collect();
        rotation.totals.total = webhooks.len() as u64;
        rotation.confirm(new.confirm_total)?;
        let kept = Kept {
            rotation: rotation.clone(),
            claim: RotationClaim::NOBODYS,
            webhooks,
        };
        tables.rotations.insert(rotation.id, kept);
        tables.record(new.audit);
        Ok(tables.done(rotation, new.idempotency))
    }

    async fn find_rotation(
        &self,
        platform: &PlatformId,
        id: RotationId,
    ) -> Result<Option<Rotation>, StoreError> {
        let tables = self.tables();
        let kept = tables.rotations.get(&id);
        let own = kept.filter(|kept| kept.rotation.platform == *platform);
        Ok(own.map(Kept::shown))
    }

    async fn rotations(
        &self,
        platform: &PlatformId,
        before: Option<RotationId>,
        limit: u32,
    ) -> Result<Vec<Rotation>, StoreError> {
        let tables = self.tables();
        let own = tables
            .rotations
            .values()
            .rev()
            .filter(|kept| kept.rotation.platform == *platform);
        let earlier = own.filter(|kept| before.is_none_or(|before| kept.rotation.id < before));
        Ok(earlier.take(limit as usize).map(Kept::shown).collect())
    }

    async fn rotation_webhooks(
        &self,
        rotation: RotationId,
        query: RotationWebhooksQuery,
    ) -> Result<Vec<RotationWebhook>, StoreError> {
        let tables = self.tables();
        let kept = tables.rotations.get(&rotation).into_iter();
        let asked_for = kept.flat_map(|kept| &kept.webhooks).filter(|webhook| {
            webhook.number >= query.from && !(query.unsettled && webhook.settled.is_some())
        });
        Ok(asked_for.take(query.limit as usize).copied().collect())
    }

    async fn claim_rotations(
        &self,
        process: ProcessId,
        now: Instant,
    ) -> Result<Vec<ClaimedRotation>, StoreError> {
        let mut tables = self.tables();
        let running = tables.rotations.values_mut();
        let running = running.filter(|kept| kept.rotation.status == RotationStatus::Running);
        let claimed = running.filter_map(|kept| {
            kept.claim = kept.claim.taken_by(process, now)?;
            Some(ClaimedRotation {
                rotation: kept.rotation.clone(),
                epoch: kept.claim.epoch,
            })
        });
        Ok(claimed.collect())
    }

    async fn settle_step(&self, step: RotationStep, settled: Settled) -> Result<(), ServiceError> {
        let mut tables = self.tables();
        if tables.admit_step(step)? {
            tables.save_step(step, settled);
        }
        Ok(())
    }

    async fn finish_rotation(&self, finish: FinishRotation) -> Result<Outcome<Rotation>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(finish.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let kept = tables.rotations.get_mut(&finish.rotation);
        let kept = kept.filter(|kept| kept.rotation.platform == finish.platform);
        let kept = kept.ok_or(Refusal::NO_SUCH_ROTATION)?;
        if finish.epoch.is_some_and(|epoch| epoch != kept.claim.epoch) {
            return Err(Refusal::RotationNotRunning.into());
        }
        let finished = kept.shown().finished(finish.reason, finish.at)?;
        kept.rotation = finished.clone();
        if let Some(audit) = finish.audit {
            tables.record(audit);
        }
        if let Some(announcement) = finish.announcement {
            tables.spread(&announcement.event(&finished));
        }
        Ok(tables.done(finished, finish.idempotency))
    }

    async fn forget_rotations(&self, before: Instant) -> Result<u32, StoreError> {
        let mut tables = self.tables();
        let were = tables.rotations.len();
        let is_kept = |kept: &Kept| kept.rotation.finished_at.is_none_or(|at| at >= before);
        tables.rotations.retain(|_, kept| is_kept(kept));
        Ok(u32::try_from(were - tables.rotations.len()).unwrap_or(u32::MAX))
    }
}
