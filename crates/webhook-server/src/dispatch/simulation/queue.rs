//! The queue of deliveries as one process has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use webhook_domain::StoreError;
use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::delivery::lane::Position;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Arrival, DeliveryQueue, EventStore, Lane, Recorded, TrackedDelivery, Turn};
use webhook_domain::time::{Clock, Instant};

use super::journal::Fact;
use super::ports::Ports;
use super::tampering::Tampering;
use super::world::World;

#[async_trait]
impl DeliveryQueue for Ports {
    async fn join(&self, process: ProcessId, lease: Duration, now: Instant) -> Result<bool, StoreError> {
        let world = Arc::clone(&self.world);
        let number = self.process.number;
        let join = async move {
            let joined = world.store.join(process, lease, now).await?;
            world.write(Fact::Note(format!("#{number} is {process} now")));
            let until = world.clock.now().plus(lease);
            world.write(Fact::Leased { process, until });
            Ok(joined)
        };
        self.process.call(&self.world, "join", join).await
    }

    async fn renew(&self, process: ProcessId, lease: Duration, now: Instant) -> Result<bool, StoreError> {
        let world = Arc::clone(&self.world);
        let renew = async move {
            let renewed = world.store.renew(process, lease, now).await?;
            if renewed {
                let until = world.clock.now().plus(lease);
                world.write(Fact::Leased { process, until });
            }
            Ok(renewed || world.is_tampered(Tampering::IgnoresLeases))
        };
        self.process.call(&self.world, "renew", renew).await
    }

    async fn ready(
        &self,
        process: ProcessId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let world = Arc::clone(&self.world);
        let ready = async move {
            if world.is_tampered(Tampering::FindsNothing) {
                return Ok(Vec::new());
            }
            world.store.ready(process, now, limit).await
        };
        self.process.call(&self.world, "find lanes", ready).await
    }

    async fn take(
        &self,
        process: ProcessId,
        webhooks: Vec<WebhookId>,
        now: Instant,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let world = Arc::clone(&self.world);
        let take = async move { world.store.take(process, webhooks, now).await };
        self.process.call(&self.world, "take lanes", take).await
    }

    async fn settle(&self, webhooks: Vec<WebhookId>, now: Instant) -> Result<Vec<WebhookId>, StoreError> {
        let world = Arc::clone(&self.world);
        let settle = async move { world.store.settle(webhooks, now).await };
        self.process.call(&self.world, "settle lanes", settle).await
    }

    async fn repair(&self, now: Instant) -> Result<u64, StoreError> {
        let world = Arc::clone(&self.world);
        let repair = async move {
            let lanes = world.store.repair(now).await?;
            if lanes > 0 {
                world.write(Fact::Repaired { lanes });
            }
            Ok(lanes)
        };
        self.process.call(&self.world, "repair lanes", repair).await
    }

    async fn fan_out(&self) -> Result<bool, StoreError> {
        self.process.until_running().await;
        self.world.store.fan_out().await
    }

    async fn look(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Option<Lane>, StoreError> {
        let world = Arc::clone(&self.world);
        let number = self.process.number;
        let look = async move {
            let after = after.filter(|_| !world.is_tampered(Tampering::ReadsFromTheHead));
            let mut looked = world.store.look(process, webhook, after, limit).await?;
            if world.is_tampered(Tampering::IgnoresLeases) {
                looked = world.remembered(process, webhook, looked);
            }
            let Some(mut lane) = looked else { return Ok(None) };
            let epoch = lane.epoch;
            world.write(Fact::Looked {
                number,
                process,
                webhook,
                epoch,
            });
            world.is_owned_by(webhook, process, epoch);
            if world.is_tampered(Tampering::ReversesQueues) {
                lane.queued.reverse();
            }
            if world.is_tampered(Tampering::KeepsFirstKeys) {
                lane.webhook.key_ring = world.first_keys(webhook, &lane.webhook.key_ring);
            }
            Ok(Some(lane))
        };
        self.process.call(&self.world, "look at a lane", look).await
    }

    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Recorded, StoreError> {
        let world = Arc::clone(&self.world);
        let made = turns.clone();
        let record = async move { world.record(process, turns).await };
        let recorded = self.process.call(&self.world, "record turns", record).await?;
        for turn in made {
            if !recorded.lost.contains(&turn.delivery.webhook) {
                let turn = Box::new(turn);
                self.world.write(Fact::Acknowledged { turn });
            }
        }
        Ok(recorded)
    }

    async fn expedite(
        &self,
        webhook: WebhookId,
        now: Instant,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        self.world.store.expedite(webhook, now).await
    }

    async fn leave(&self, process: ProcessId) -> Result<(), StoreError> {
        let world = Arc::clone(&self.world);
        let leave = async move {
            world.store.leave(process).await?;
            world.write(Fact::Left { process });
            Ok(())
        };
        self.process.call(&self.world, "leave", leave).await
    }

    async fn arrivals(&self, process: ProcessId) -> Vec<Arrival> {
        loop {
            self.process.until_running().await;
            let mut arrived = self.world.store.arrivals(process).await;
            self.process.until_running().await;
            arrived.retain(|_| self.world.is_heard());
            if !arrived.is_empty() {
                return arrived;
            }
        }
    }
}

impl World {
    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Recorded, StoreError> {
        if self.is_tampered(Tampering::LosesTurns) {
            return Ok(Recorded::default());
        }
        let mut before = BTreeMap::new();
        for turn in &turns {
            before.insert(turn.delivery.id, self.attempts(turn).await?.len());
        }
        let recorded = self.store.record(process, turns.clone()).await?;
        if self.is_tampered(Tampering::RecordsUnderAnyEpoch) {
            self.record_as_owner(&turns, &recorded.lost).await?;
        }
        for turn in turns {
            let attempts = self.attempts(&turn).await?;
            let known = before.get(&turn.delivery.id).copied().unwrap_or_default();
            let is_news = attempts
                .iter()
                .skip(known)
                .any(|attempt| *attempt == turn.attempt);
            let fact = Fact::Recorded {
                turn: Box::new(turn.clone()),
                is_news,
            };
            self.write(fact.clone());
            if is_news && self.is_tampered(Tampering::RecordsTwice) {
                let mut again = turn;
                again.number += 1;
                self.store.record(process, vec![again]).await?;
                self.write(fact);
            }
        }
        Ok(recorded)
    }

    /// Records turns of lanes that were lost as if those who have the lanes now had made them.
    async fn record_as_owner(&self, turns: &[Turn], lost: &[WebhookId]) -> Result<(), StoreError> {
        for turn in turns.iter().filter(|turn| lost.contains(&turn.delivery.webhook)) {
            if let Some((owner, epoch)) = self.owner(turn.delivery.webhook) {
                let mut turn = turn.clone();
                turn.epoch = epoch;
                self.store.record(owner, vec![turn]).await?;
            }
        }
        Ok(())
    }

    async fn attempts(&self, turn: &Turn) -> Result<Vec<Attempt>, StoreError> {
        let platform = &turn.delivery.platform;
        let found = self.store.find_delivery(platform, turn.delivery.id).await?;
        Ok(found.map(|found| found.attempts).unwrap_or_default())
    }
}
