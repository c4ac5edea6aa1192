//! Lanes.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use webhook_domain::StoreError;
use webhook_domain::delivery::lane::Position;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Arrival, DeliveryQueue, Lane, Recorded, TrackedDelivery, Turn};
use webhook_domain::time::Instant;

use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::unavailable;
use crate::engine::failure::Failure;
use crate::events::port::tracked;
use crate::events::{fan_out, untold};
use crate::lanes::locked::{Hints, LockedLanes};
use crate::lanes::look::Wanted;
use crate::lanes::own;
use crate::lanes::record::Turns;
use crate::lanes::settle::{self, SETTLED_AT_ONCE};

/// How many lanes that others are changing are waited for by one look.
const BUSY_AT_ONCE: usize = 2;

/// How long lanes are had say whose they are, each time that all are looked through: much shorter than a lease, which is
/// not renewed while nobody looks for lanes.
const NOTES_PLATFORMS_FOR: Duration = Duration::from_secs(1);

#[async_trait]
impl DeliveryQueue for DieselStore {
    async fn join(&self, process: ProcessId, lease: Duration, _: Instant) -> Result<bool, StoreError> {
        if self.delivering.is_superseded() {
            return Ok(false);
        }
        if let Some(lock) = &self.delivering_lock
            && !lock
                .take(process)
                .map_err(|error| StoreError::Unavailable(error.into()))?
        {
            return Ok(false);
        }
        let (id, lease) = (process.to_string(), milliseconds(lease));
        let joined = self
            .on_leases(move |connection| own::join(connection, &id, lease))
            .await;
        if let Err(error) = joined {
            self.release_lock(process);
            return Err(error);
        }
        *self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        self.messengers
            .start(&self.url, &self.delivering)
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(true)
    }

    async fn renew(&self, process: ProcessId, lease: Duration, _: Instant) -> Result<bool, StoreError> {
        let renewed = match &self.delivering_lock {
            _ if self.delivering.is_superseded() => false,
            // It ends with the lock alone.
            Some(lock) => lock.is_held_by(process),
            None => {
                let (id, lease) = (process.to_string(), milliseconds(lease));
                self.on_leases(move |connection| own::renew(connection, &id, lease))
                    .await?
            }
        };
        if !renewed {
            self.end(process);
            self.release_lock(process);
        }
        Ok(renewed)
    }

    async fn ready(
        &self,
        process: ProcessId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let (id, now) = (process.to_string(), now.as_milliseconds());
        let since = *self.ready_since.lock().unwrap_or_else(PoisonError::into_inner);
        let find = move |connection: &mut AnyConnection| own::find_ready(connection, &id, now, since);
        let found = self.read_lanes(find).await?;
        *self.ready_since.lock().unwrap_or_else(PoisonError::into_inner) = found.since;
        let (mut ready, mut free) = (found.own, found.free);
        free.truncate(limit as usize);
        if !free.is_empty() {
            let id = process.to_string();
            let asked = free.clone();
            let take = move |connection: &mut AnyConnection| own::take(connection, &id, &asked);
            let taken = self.on_scans(take).await?;
            free.retain(|webhook| !taken.contains(webhook));
            ready.extend(taken);
            ready.extend(self.take_busy(process, free).await);
        }
        Ok(ready)
    }

    async fn take(
        &self,
        process: ProcessId,
        webhooks: Vec<WebhookId>,
        _: Instant,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let id = process.to_string();
        self.on_scans(move |connection| own::take(connection, &id, &webhooks))
            .await
    }

    async fn settle(&self, webhooks: Vec<WebhookId>, now: Instant) -> Result<Vec<WebhookId>, StoreError> {
        let mut due = Vec::new();
        for some in webhooks.chunks(SETTLED_AT_ONCE) {
            due.extend(self.settle_some(some.to_vec(), now).await?);
        }
        Ok(due)
    }

    async fn repair(&self, now: Instant) -> Result<u64, StoreError> {
        // What became ready while nobody looked may lie before what was looked at last.
        *self.ready_since.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        let at = now.as_milliseconds();
        let find = move |connection: &mut AnyConnection| settle::find_wrong(connection, at);
        let wrong = self.read_lanes(find).await?;
        let due = self.settle(wrong, now).await?;
        let find = move |connection: &mut AnyConnection| settle::find_put_off(connection, at);
        let put_off = self.read_lanes(find).await?;
        let put_off = self.settle(put_off, now).await?;
        self.note_platforms().await?;
        let all = due.iter().chain(&put_off);
        self.delivering.arrivals.tell(all.map(|webhook| Arrival {
            webhook: *webhook,
            owned: false,
        }));
        Ok(due.len() as u64)
    }

    async fn fan_out(&self) -> Result<bool, StoreError> {
        let pending = |connection: &mut AnyConnection| {
            let is_untold = untold::is_pending(connection).map_err(unavailable)?;
            Ok((is_untold, fan_out::is_pending(connection).map_err(unavailable)?))
        };
        let (is_untold, is_behind) = self.readers.run(pending).await?;
        let own = self.delivering.own();
        let told = match is_untold {
            true => self.tell(own).await,
            false => Ok(false),
        };
        // The other kind gets on, a step at a time, also where somebody keeps a queue locked that one kind needs.
        if !is_behind || matches!(told, Ok(true)) {
            return told;
        }
        let moving = Arc::clone(&self.moving);
        let step = move |connection: &mut AnyConnection| {
            let mut moving = moving.lock().unwrap_or_else(PoisonError::into_inner);
            fan_out::step(connection, own, &mut moving)
        };
        let hints = self.on_scans(step).await?;
        let moved = hints.is_some();
        self.delivering.tell(hints.unwrap_or_default());
        told.map(|_| moved)
    }

    async fn look(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Option<Lane>, StoreError> {
        let wanted = Wanted {
            process,
            webhook,
            after,
            limit,
        };
        let mut looked = self.lanes.ask(wanted).await?;
        if let Some(lane) = &mut looked {
            lane.webhook.default_rotation = self.writer.default_rotation.get();
        }
        Ok(looked)
    }

    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Recorded, StoreError> {
        self.writer.record(Turns { process, turns }).await
    }

    async fn expedite(
        &self,
        webhook: WebhookId,
        now: Instant,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        self.wait_for_lane(webhook).await?;
        let own = self.delivering.own();
        let work = move |connection: &mut AnyConnection| expedite(connection, own, webhook, now);
        let (head, hints) = self.writer.alone(work).await?;
        self.delivering.tell(hints);
        Ok(head)
    }

    async fn leave(&self, process: ProcessId) -> Result<(), StoreError> {
        self.end(process);
        // Whatever becomes of its row: who takes the lock buries all others.
        self.release_lock(process);
        let id = process.to_string();
        self.on_leases(move |connection| own::leave(connection, &id))
            .await
    }

    async fn arrivals(&self, _: ProcessId) -> Vec<Arrival> {
        self.delivering.arrivals.next().await
    }
}

fn expedite(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    webhook: WebhookId,
    at: Instant,
) -> Result<(Option<TrackedDelivery>, Hints), Failure> {
    let mut lanes = LockedLanes::lock(connection, &[webhook].into(), at)?;
    let Some(lane) = lanes
        .get(webhook)
        .filter(|lane| lane.penalty_box != PenaltyBox::Out)
    else {
        return Ok((None, Hints::default()));
    };
    let Some(head) = connection.queued(&webhook.to_string(), lane.done.0, 1)?.pop() else {
        return Ok((None, Hints::default()));
    };
    let now = lanes.now();
    lanes.wake(webhook, |lane| lane.expedited(at, now));
    Ok((Some(tracked(&head)?), lanes.save(connection, own)?))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl DieselStore {
    /// Runs what leases take, where nothing else is waited for.
    async fn on_leases<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.leases {
            Some(leases) => leases.run(work).await,
            None => self.writer.alone(work).await,
        }
    }

    /// Runs what looking for lanes takes, and what else may wait for it.
    pub(crate) async fn on_scans<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.scans {
            Some(scans) => scans.run(work).await,
            None => self.writer.alone(work).await,
        }
    }

    /// Puts lanes right in one transaction. Those that somebody keeps locked are left as they are, and found again by a later look.
    async fn settle_some(&self, some: Vec<WebhookId>, now: Instant) -> Result<Vec<WebhookId>, StoreError> {
        let all = some.clone();
        let settle = move |connection: &mut AnyConnection| settle::settle(connection, &all, now);
        let settled = self.on_scans(settle).await;
        if !matches!(settled, Err(StoreError::Unavailable(_))) {
            return settled;
        }
        let settle_free = move |connection: &mut AnyConnection| {
            let free = settle::free(connection, some)?;
            settle::settle(connection, &free, now)
        };
        self.on_scans(settle_free).await
    }

    /// Has lanes say whose they are that do not, some in a transaction, for a while. What is left is done the next time.
    async fn note_platforms(&self) -> Result<(), StoreError> {
        let began = std::time::Instant::now();
        let mut last = String::new();
        while began.elapsed() < NOTES_PLATFORMS_FOR {
            let find = move |connection: &mut AnyConnection| settle::find_without_platform(connection, &last);
            let some = self.read_lanes(find).await?;
            let Some(behind) = some.last().cloned() else { break };
            let note = move |connection: &mut AnyConnection| settle::note_platforms(connection, &some);
            self.on_scans(note).await?;
            last = behind;
        }
        Ok(())
    }

    /// Puts some of what befell queues into the lanes of those who are told, and says whether there was something that nobody else is telling.
    async fn tell(&self, own: Option<ProcessId>) -> Result<bool, StoreError> {
        let counts = self.writer.counts.clone();
        let moving = Arc::clone(&self.moving);
        let step = move |connection: &mut AnyConnection| {
            let mut moving = moving.lock().unwrap_or_else(PoisonError::into_inner);
            untold::step(connection, own, &counts, &mut moving)
        };
        let Some((hints, counted)) = self.on_scans(step).await? else {
            return Ok(false);
        };
        self.writer.counts.remember(counted);
        self.delivering.tell(hints);
        Ok(true)
    }

    /// Runs what reads many lanes. On PostgreSQL that takes a connection which finds rows by their keys: left to choose, it reads
    /// all deliveries there are.
    async fn read_lanes<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.scans {
            Some(scans) => scans.run(read).await,
            None => self.readers.run(|connection| Ok(read(connection)?)).await,
        }
    }

    /// Takes some of the free lanes that others were changing, waiting for each. What cannot be had is found again by the next look.
    async fn take_busy(&self, process: ProcessId, free: Vec<WebhookId>) -> Vec<WebhookId> {
        let mut taken = Vec::new();
        for webhook in free.into_iter().take(BUSY_AT_ONCE) {
            let id = process.to_string();
            let take = move |connection: &mut AnyConnection| own::take_waiting(connection, &id, webhook);
            taken.extend(self.on_scans(take).await.unwrap_or_default());
        }
        taken
    }

    /// Says that this store does not deliver for `process` any more.
    fn end(&self, process: ProcessId) {
        let mut own = self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner);
        if *own == Some(process) {
            *own = None;
        }
    }

    fn release_lock(&self, process: ProcessId) {
        if let Some(lock) = &self.delivering_lock {
            lock.release(process);
        }
    }
}
