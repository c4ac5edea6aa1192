//! Events in memory, and their deliveries as clients see them.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::lanes::Kept;
use super::{MemoryStore, Tables};
use crate::delivery::event::Event;
use crate::delivery::key_use::KeyUse;
use crate::delivery::lane::Position;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{DeliveryId, EventId, PlatformId, WebhookId};
use crate::ports::{
    Backlog, DeliveryQuery, EndedQuery, EventStore, GiveUp, ListedDelivery, Outcome, Publication, Published,
    Resend, ResendMany, Resent, TrackedDelivery,
};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;
use crate::webhook::{Announcement, Happened, Webhook};

impl Tables {
    /// What the webhooks that want the event get.
    fn recipients(&self, event: &Event) -> Vec<Delivery> {
        let webhooks = self.webhooks.values();
        webhooks
            .filter_map(|webhook| Delivery::collect(event, webhook))
            .collect()
    }

    /// Keeps the event and its deliveries, and says how many there are.
    pub(super) fn spread(&mut self, event: &Event) -> u64 {
        let collected = self.recipients(event);
        let deliveries = collected.len() as u64;
        self.lanes.events.insert(event.id, event.clone());
        for delivery in collected {
            let kept = Kept {
                delivery,
                attempts: Vec::new(),
                tried: 0,
            };
            self.lanes.enqueue(kept, event.created_at);
        }
        deliveries
    }

    /// The events of which a delivery waits.
    fn needed_events(&self) -> BTreeSet<EventId> {
        let deliveries = self.lanes.deliveries.values().map(|kept| &kept.delivery);
        let waiting = deliveries.filter(|delivery| {
            delivery.status == DeliveryStatus::Pending && self.webhooks.contains_key(&delivery.webhook)
        });
        waiting.map(|delivery| delivery.event).collect()
    }

    fn backlog(&self, platform: &PlatformId) -> Backlog {
        let may_be_sent_to = |webhook: &&Webhook| {
            webhook.platform == *platform && webhook.settings.active && webhook.settings.url.is_some()
        };
        let (mut waiting, mut oldest_due) = (0, None);
        for webhook in self.webhooks.values().filter(may_be_sent_to) {
            waiting += self.lanes.queued(webhook.id, None).count() as u64;
            let head = self.lanes.head(webhook.id).filter(|head| head.tried == 0);
            let due = head.filter(|_| self.listed(webhook).held_up.is_none());
            let due = due.map(|head| head.delivery.created_at);
            oldest_due = [oldest_due, due].into_iter().flatten().min();
        }
        Backlog {
            waiting: waiting.min(Backlog::MOST_COUNTED),
            has_more: waiting > Backlog::MOST_COUNTED,
            oldest_due,
        }
    }

    /// Publishes what happened to a webhook.
    pub(super) fn tell(
        &mut self,
        announcement: Option<&Announcement>,
        happened: &[Happened],
        before: Option<&Webhook>,
        webhook: &Webhook,
    ) {
        for event in announcement
            .iter()
            .flat_map(|told| told.events(happened, before, webhook))
        {
            self.spread(&event);
        }
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn publish(&self, publication: Publication) -> Result<Outcome<Published>, ServiceError> {
        let mut tables = self.tables();
        let Publication {
            event,
            quota,
            idempotency,
        } = publication;
        if let Some(replayed) = tables.replay(idempotency.as_ref())? {
            return Ok(replayed);
        }
        tables.judge_pending(quota, &event.platform, tables.recipients(&event).len())?;
        let deliveries = tables.spread(&event);
        Ok(tables.done(Published { event, deliveries }, idempotency))
    }

    async fn find_delivery(
        &self,
        platform: &PlatformId,
        id: DeliveryId,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        let lanes = &self.tables().lanes;
        let place = lanes.place_of(platform, id);
        Ok(place.and_then(|place| lanes.tracked(lanes.deliveries.get(&place)?)))
    }

    async fn deliveries(
        &self,
        platform: &PlatformId,
        query: DeliveryQuery,
    ) -> Result<Vec<ListedDelivery>, StoreError> {
        let lanes = &self.tables().lanes;
        // What is no more has nothing after it.
        let end = match query.after {
            None => Position(i64::MAX),
            Some(after) => lanes.place_of(platform, after).unwrap_or(Position(0)),
        };
        let asked_for = |tracked: &TrackedDelivery| {
            tracked.delivery.platform == *platform
                && query.webhook.is_none_or(|id| tracked.delivery.webhook == id)
                && query.event.is_none_or(|id| tracked.delivery.event == id)
                && query
                    .action
                    .as_ref()
                    .is_none_or(|action| tracked.event.action == *action)
                && query
                    .status
                    .is_none_or(|name| tracked.delivery.status.name() == name)
                && query
                    .created_after
                    .is_none_or(|after| tracked.delivery.created_at >= after)
                && query
                    .created_before
                    .is_none_or(|before| tracked.delivery.created_at < before)
                && query.signed_with.as_ref().is_none_or(|key| {
                    let mut attempts = tracked.attempts.iter();
                    attempts.any(|attempt| attempt.key_fingerprints.contains(key))
                })
        };
        let newest_first = lanes.deliveries.range(..end).rev();
        let found = newest_first
            .filter_map(|(_, kept)| lanes.tracked(kept))
            .filter(asked_for)
            .skip(usize::try_from(query.skip).unwrap_or(usize::MAX))
            .take(query.limit as usize)
            .map(|tracked| ListedDelivery {
                delivery: tracked.delivery,
                action: tracked.event.action,
                attempts: tracked.attempts,
            })
            .collect();
        Ok(found)
    }

    async fn backlog(&self, platform: &PlatformId) -> Result<Backlog, StoreError> {
        Ok(self.tables().backlog(platform))
    }

    async fn queued(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
        count_to: u32,
    ) -> Result<BTreeMap<WebhookId, u64>, StoreError> {
        let tables = self.tables();
        let own = webhooks.into_iter().filter(|id| {
            let webhook = tables.webhooks.get(id);
            webhook.is_some_and(|webhook| webhook.platform == *platform)
        });
        let counted = own.map(|id| {
            let queued = tables.lanes.queued(id, None).take(count_to as usize);
            (id, queued.count() as u64)
        });
        Ok(counted.collect())
    }

    async fn use_of_key(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        key: &Fingerprint,
    ) -> Result<KeyUse, StoreError> {
        let lanes = &self.tables().lanes;
        let mut used = KeyUse::default();
        for kept in lanes.deliveries.values() {
            if kept.delivery.webhook == webhook && kept.delivery.platform == *platform {
                used.count(key, &kept.attempts);
            }
        }
        Ok(used)
    }

    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(resend.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let lanes = &tables.lanes;
        let place = lanes.place_of(&resend.platform, resend.delivery);
        let place = place.ok_or(Refusal::NO_SUCH_DELIVERY)?;
        let kept = lanes.deliveries.get(&place);
        // Without its webhook there is no queue for it.
        let kept = kept.filter(|kept| lanes.lanes.contains_key(&kept.delivery.webhook));
        let mut tracked = kept
            .and_then(|kept| lanes.tracked(kept))
            .ok_or(Refusal::NO_SUCH_DELIVERY)?;
        tracked.delivery = tracked.delivery.resent()?;
        tables.judge_pending(resend.quota, &resend.platform, 1)?;
        let lanes = &mut tables.lanes;
        if let Some(kept) = lanes.deliveries.remove(&place) {
            let delivery = tracked.delivery.clone();
            lanes.enqueue(Kept { delivery, ..kept }, resend.at);
        }
        Ok(tables.done(tracked, resend.idempotency))
    }

    async fn give_up(&self, give_up: GiveUp) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(give_up.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let lanes = &mut tables.lanes;
        let place = lanes.place_of(&give_up.platform, give_up.delivery);
        let place = place.ok_or(Refusal::NO_SUCH_DELIVERY)?;
        let kept = lanes.deliveries.get(&place);
        let mut tracked = kept
            .filter(|kept| lanes.lanes.contains_key(&kept.delivery.webhook))
            .and_then(|kept| lanes.tracked(kept))
            .ok_or(Refusal::NO_SUCH_DELIVERY)?;
        tracked.delivery = tracked.delivery.given_up(give_up.at)?;
        let webhook = tracked.delivery.webhook;
        let is_head = lanes
            .head(webhook)
            .is_some_and(|head| head.delivery.id == give_up.delivery);
        if let Some(kept) = lanes.deliveries.get_mut(&place) {
            kept.delivery = tracked.delivery.clone();
        }
        *lanes.withdrawn.entry(webhook).or_default() += 1;
        if is_head {
            let now = lanes.now(give_up.at);
            lanes.update(webhook, |lane| lane.without_head(place, give_up.at, now));
        }
        let (action, last) = (&tracked.event.action, tracked.attempts.last());
        let told = give_up
            .telling
            .and_then(|telling| telling.event(&tracked.delivery, action, last));
        if let Some(event) = told {
            tables.spread(&event);
        }
        Ok(tables.done(tracked, give_up.idempotency))
    }

    async fn ended(&self, query: EndedQuery) -> Result<Vec<DeliveryId>, StoreError> {
        let lanes = &self.tables().lanes;
        let mut found: Vec<_> = lanes
            .deliveries
            .iter()
            .map(|(place, kept)| (kept.delivery.created_at, *place, &kept.delivery))
            .filter(|(created_at, _, delivery)| {
                delivery.platform == query.platform
                    && delivery.webhook == query.webhook
                    && delivery.status != DeliveryStatus::Pending
                    && query.status.is_none_or(|name| delivery.status.name() == name)
                    && *created_at >= query.created_after
                    && query.created_before.is_none_or(|before| *created_at < before)
            })
            .collect();
        found.sort_unstable_by_key(|(created_at, place, _)| (*created_at, *place));
        let ids = found.iter().map(|(_, _, delivery)| delivery.id);
        Ok(ids.take(query.limit).collect())
    }

    async fn resend_many(&self, resend: ResendMany) -> Result<Outcome<Resent>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(resend.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let is_here = |webhook: &Webhook| webhook.platform == resend.platform;
        if !tables.webhooks.get(&resend.webhook).is_some_and(is_here) {
            return Err(Refusal::NO_SUCH_WEBHOOK.into());
        }
        let room_for = usize::try_from(resend.room_for).unwrap_or(usize::MAX);
        tables.judge_pending(resend.quota, &resend.platform, room_for)?;
        let lanes = &mut tables.lanes;
        let mut count = resend.before;
        for delivery in resend.deliveries {
            let Some(place) = lanes.place_of(&resend.platform, delivery) else {
                continue;
            };
            let of_webhook = |kept: &&Kept| kept.delivery.webhook == resend.webhook;
            let kept = lanes.deliveries.get(&place).filter(of_webhook);
            let Some(Ok(delivery)) = kept.map(|kept| kept.delivery.clone().resent()) else {
                continue;
            };
            if let Some(kept) = lanes.deliveries.remove(&place) {
                lanes.enqueue(Kept { delivery, ..kept }, resend.at);
                count += 1;
            }
        }
        let resent = Resent {
            webhook: resend.webhook,
            deliveries: count,
        };
        Ok(tables.done(resent, resend.idempotency.filter(|_| resend.is_last)))
    }

    async fn bring_back_events(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        let mut tables = self.tables();
        let needed = tables.needed_events();
        let events = tables.lanes.events.values_mut();
        let ahead = events.filter(|event| event.created_at > latest && !needed.contains(&event.id));
        let moved = ahead
            .take(limit as usize)
            .map(|event| event.created_at = now)
            .count();
        Ok(u32::try_from(moved).unwrap_or(limit))
    }

    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let mut tables = self.tables();
        let needed = tables.needed_events();
        let lanes = &mut tables.lanes;
        let done_with: BTreeSet<EventId> = lanes
            .events
            .values()
            .filter(|event| event.created_at < before && !needed.contains(&event.id))
            .map(|event| event.id)
            .take(limit as usize)
            .collect();
        lanes
            .deliveries
            .retain(|_, kept| !done_with.contains(&kept.delivery.event));
        lanes.events.retain(|id, _| !done_with.contains(id));
        Ok(u32::try_from(done_with.len()).unwrap_or(u32::MAX))
    }
}
