//! Lanes in memory, as the processes that work at them see them.
//!
//! Every change of a lane is one of [`LaneState`]'s.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::delivery::lane::{LaneState, Position, Recording, StoredAttempts};
use crate::delivery::notice::Notice;
use crate::delivery::penalty_box::PenaltyBox;
use crate::error::StoreError;
use crate::id::{ProcessId, WebhookId};
use crate::ports::{
    Arrival, DeliveryQueue, Lane, MAX_ATTEMPTS, QueuedDelivery, Recorded, TrackedDelivery, Turn,
};
use crate::time::Instant;

#[async_trait]
impl DeliveryQueue for MemoryStore {
    async fn join(&self, process: ProcessId, lease: Duration, now: Instant) -> Result<bool, StoreError> {
        let lanes = &mut self.tables().lanes;
        let now = lanes.now(now);
        lanes.processes.insert(process, now.plus(lease));
        Ok(true)
    }

    async fn renew(&self, process: ProcessId, lease: Duration, now: Instant) -> Result<bool, StoreError> {
        let lanes = &mut self.tables().lanes;
        let now = lanes.now(now);
        lanes.bury(now);
        let until = lanes.processes.get_mut(&process);
        Ok(until.map(|until| *until = now.plus(lease)).is_some())
    }

    async fn ready(
        &self,
        process: ProcessId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let lanes = &mut self.tables().lanes;
        let now = lanes.now(now);
        lanes.bury(now);
        let is_ready = |lane: &LaneState| lane.ready_at.is_some_and(|ready_at| ready_at <= now);
        let (own, others): (Vec<_>, Vec<_>) = lanes
            .lanes
            .iter()
            .filter(|(_, lane)| is_ready(lane))
            .partition(|(_, lane)| lane.owner == Some(process));
        let mut ready: Vec<WebhookId> = own.into_iter().map(|(webhook, _)| *webhook).collect();
        ready.retain(|webhook| lanes.head(*webhook).is_some());
        let others: Vec<WebhookId> = others.into_iter().map(|(webhook, _)| *webhook).collect();
        let taken = others
            .into_iter()
            .filter(|webhook| lanes.take(process, *webhook))
            .take(limit as usize);
        ready.extend(taken);
        Ok(ready)
    }

    async fn take(
        &self,
        process: ProcessId,
        webhooks: Vec<WebhookId>,
        now: Instant,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let lanes = &mut self.tables().lanes;
        let now = lanes.now(now);
        lanes.bury(now);
        let mut taken = webhooks;
        taken.retain(|webhook| lanes.take(process, *webhook));
        Ok(taken)
    }

    async fn settle(&self, webhooks: Vec<WebhookId>, now: Instant) -> Result<Vec<WebhookId>, StoreError> {
        let mut tables = self.tables();
        let now = tables.lanes.now(now);
        let mut due = webhooks;
        due.retain(|webhook| {
            let settled = tables.settle(*webhook, now).and_then(|lane| lane.ready_at);
            settled.is_some_and(|ready_at| ready_at <= now)
        });
        Ok(due)
    }

    async fn repair(&self, now: Instant) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let now = tables.lanes.now(now);
        let all: Vec<WebhookId> = tables.lanes.lanes.keys().copied().collect();
        let mut repaired = 0;
        for webhook in all {
            let Some(before) = tables.lanes.lanes.get(&webhook).copied() else {
                continue;
            };
            let after = tables.settle(webhook, now).and_then(|lane| lane.ready_at);
            let is_late = before.ready_at.is_none_or(|before| Some(before) > after) && after.is_some();
            // What was put off by a clock that was ahead has said so, by that clock.
            let was_put_off = before.ready_at.is_some() && before.penalty_box != PenaltyBox::Out;
            repaired += u64::from(is_late && !was_put_off);
            if !is_late {
                // What says too early that it has something to do is found by looking.
                tables.lanes.lanes.insert(webhook, before);
            }
        }
        Ok(repaired)
    }

    async fn fan_out(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn look(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Option<Lane>, StoreError> {
        let tables = self.tables();
        let Tables { lanes, webhooks, .. } = &*tables;
        let lane = lanes
            .lanes
            .get(&webhook)
            .filter(|lane| lane.owner == Some(process));
        let (Some(found), Some(lane)) = (webhooks.get(&webhook), lane) else {
            return Ok(None);
        };
        let queued = lanes.queued(webhook, after).filter_map(|(position, kept)| {
            Some(QueuedDelivery {
                position,
                attempts: kept.tried,
                delivery: kept.delivery.clone(),
                event: lanes.events.get(&kept.delivery.event)?.clone(),
            })
        });
        Ok(Some(Lane {
            webhook: tables.of_deployment(found),
            epoch: lane.epoch,
            penalty_box: lane.penalty_box,
            withdrawn: lanes.withdrawn.get(&webhook).copied().unwrap_or_default(),
            queued: queued.take(limit as usize).collect(),
        }))
    }

    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Recorded, StoreError> {
        let mut tables = self.tables();
        let Tables { lanes, webhooks, .. } = &mut *tables;
        let mut lost = BTreeSet::new();
        let mut told = Vec::new();
        for turn in turns {
            let webhook = turn.delivery.webhook;
            let now = lanes.now(turn.attempt.ended_at());
            let Some(lane) = lanes.lanes.get_mut(&webhook) else {
                lost.insert(webhook);
                continue;
            };
            let mut kept = lanes.deliveries.get_mut(&turn.position);
            let stored = kept.as_ref().map(|kept| StoredAttempts {
                status: kept.delivery.status,
                attempts: kept.tried,
            });
            let version = webhooks.get(&webhook).map(|webhook| webhook.version);
            match (lane.after_turn(process, &turn, stored, version, now), &mut kept) {
                (Recording::News { lane: after, status }, Some(kept)) => {
                    let boxes = (&lane.penalty_box, &after.penalty_box);
                    let notices = Notice::of_turn(&turn, boxes.0, boxes.1, status);
                    told.extend(notices.filter_map(|notice| notice.event(&turn).cloned()));
                    *lane = after;
                    kept.delivery.status = status;
                    kept.tried = turn.number;
                    kept.attempts.push(turn.attempt);
                    let surplus = kept.attempts.len().saturating_sub(MAX_ATTEMPTS);
                    kept.attempts.drain(..surplus);
                }
                (Recording::Lost, _) => drop(lost.insert(webhook)),
                _ => {}
            }
        }
        for event in told {
            tables.spread(&event);
        }
        Ok(Recorded {
            lost: lost.into_iter().collect(),
            locked: Vec::new(),
        })
    }

    async fn expedite(
        &self,
        webhook: WebhookId,
        now: Instant,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        let lanes = &mut self.tables().lanes;
        let held_up = |lane: &&LaneState| lane.penalty_box != PenaltyBox::Out;
        if lanes.lanes.get(&webhook).filter(held_up).is_none() {
            return Ok(None);
        }
        let head = lanes.head(webhook).and_then(|kept| lanes.tracked(kept));
        if head.is_some() {
            let here = lanes.now(now);
            lanes.update(webhook, |lane| lane.expedited(now, here));
        }
        Ok(head)
    }

    async fn leave(&self, process: ProcessId) -> Result<(), StoreError> {
        self.tables().lanes.processes.remove(&process);
        Ok(())
    }

    async fn arrivals(&self, process: ProcessId) -> Vec<Arrival> {
        poll_fn(|context| {
            let lanes = &mut self.tables().lanes;
            match lanes.arrived.remove(&process) {
                Some(arrived) => Poll::Ready(arrived.into_iter().collect()),
                None => {
                    lanes.waiting.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
