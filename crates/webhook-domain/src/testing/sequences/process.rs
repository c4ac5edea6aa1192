//! What processes ask for that deliver.

use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Sequence, Sharing};
use crate::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, StatusCode, TlsFailure,
};
use crate::delivery::penalty_box::{HeadFate, PenaltyBox};
use crate::delivery::retry_schedule::{Jitter, RetrySchedule};
use crate::error::{ServiceError, StoreError};
use crate::id::{ProcessId, WebhookId};
use crate::ports::{DeliveryQueue, Lane, QueuedDelivery, Turn};
use crate::time::Instant;

/// Longer than a sequence takes.
const LEASE: Duration = Duration::from_secs(30);
/// A lease that ends before the next operation.
const OVER: Duration = Duration::from_millis(1);
/// How long is waited until it has.
const UNTIL_OVER: Duration = Duration::from_millis(20);
/// How many looks are kept in mind.
const LOOKS: usize = 8;
/// More lanes than there are.
const MANY: u32 = 100;

impl Sequence<'_> {
    fn queue(&self, process: usize) -> Arc<dyn DeliveryQueue> {
        self.stores.processes[process].lanes()
    }

    pub(super) async fn process_step(&mut self) -> (String, Answer) {
        let process = self.random.below(self.processes.len());
        let Some(id) = self.processes[process] else {
            return self.join(process).await;
        };
        let now = self.now();
        let (operation, answer) = match self.random.below(60) {
            0..=1 => return self.join(process).await,
            2 => ("leave", self.leave(process).await),
            3 => ("end the lease", self.end_lease(process, id).await),
            4..=5 => (
                "renew",
                self.queue(process)
                    .renew(id, LEASE, now)
                    .await
                    .map(|renewed| format!("{renewed}")),
            ),
            6..=13 => (
                "ready",
                self.queue(process).ready(id, now, MANY).await.map(sorted),
            ),
            14..=19 => {
                let asked = self.some_webhooks();
                ("take", self.queue(process).take(id, asked, now).await.map(sorted))
            }
            20..=24 => {
                let asked = self.webhooks.clone();
                ("settle", self.queue(process).settle(asked, now).await.map(sorted))
            }
            25..=26 => (
                "repair",
                self.queue(process)
                    .repair(now)
                    .await
                    .map(|lanes| format!("{lanes}")),
            ),
            27..=28 => {
                let webhook = self.some_webhook();
                let expedited = self.queue(process).expedite(webhook, now).await;
                ("expedite", expedited.map(|head| format!("{webhook}: {head:?}")))
            }
            29..=42 => ("look", self.look(process, id).await),
            _ => ("record", self.record(process).await),
        };
        let answer = answer.map_err(ServiceError::from);
        (format!("process {process}: {operation}"), answer)
    }

    async fn join(&mut self, process: usize) -> (String, Answer) {
        let operation = format!("process {process}: join");
        if self.sharing == Sharing::OneAtATime {
            for other in 0..self.processes.len() {
                if let Err(error) = self.leave(other).await {
                    return (operation, Err(error.into()));
                }
            }
        }
        let id = match ProcessId::generate(self.now(), self.entropy.as_ref()) {
            Ok(id) => id,
            Err(error) => return (operation, Err(error.into())),
        };
        self.processes[process] = Some(id);
        let joined = self.queue(process).join(id, LEASE, self.now()).await;
        (
            operation,
            joined.map(|joined| format!("{id} {joined}")).map_err(Into::into),
        )
    }

    pub(super) async fn leave(&mut self, process: usize) -> Result<String, StoreError> {
        if let Some(id) = self.processes[process] {
            self.queue(process).leave(id).await?;
        }
        Ok("done".to_owned())
    }

    /// Has the lease of the process end by time; where there are none, it leaves.
    async fn end_lease(&mut self, process: usize, id: ProcessId) -> Result<String, StoreError> {
        if self.sharing == Sharing::OneAtATime {
            return self.leave(process).await;
        }
        let renewed = self.queue(process).renew(id, OVER, self.now()).await?;
        self.clock.advance(UNTIL_OVER);
        std::thread::sleep(UNTIL_OVER);
        Ok(format!("{renewed}"))
    }

    fn some_webhooks(&mut self) -> Vec<WebhookId> {
        let mut some = self.webhooks.clone();
        some.retain(|_| self.random.chance(60));
        some
    }

    async fn look(&mut self, process: usize, id: ProcessId) -> Result<String, StoreError> {
        let webhook = self.some_webhook();
        let limit = self.random.pick(&[0, 1, 3, 10]);
        // After the first delivery of an earlier look, as one looks who has delivered that.
        let earlier = self
            .looks
            .iter()
            .rev()
            .find(|(_, _, lane)| lane.webhook.id == webhook);
        let after = earlier.and_then(|(_, _, lane)| Some(lane.queued.first()?.position));
        let after = after.filter(|_| self.random.chance(30));
        let looked = self.queue(process).look(id, webhook, after, limit).await?;
        let Some(lane) = looked else {
            return Ok(format!("{webhook}: nothing"));
        };
        let queued: Vec<_> = lane
            .queued
            .iter()
            .map(|queued| (self.place(queued.position), queued.attempts, queued.delivery.id))
            .collect();
        let (epoch, version) = (lane.epoch, lane.webhook.version);
        let told = format!(
            "{webhook}: {epoch:?} {version:?} {:?} {queued:?}",
            lane.penalty_box
        );
        self.looks.push((id, process, lane));
        if self.looks.len() > LOOKS {
            self.looks.remove(0);
        }
        Ok(told)
    }

    /// Records turns at what was found by some look: the last one often, and a stale one otherwise.
    async fn record(&mut self, process: usize) -> Result<String, StoreError> {
        let some = match self.looks.len() {
            0 => return Ok("nothing".to_owned()),
            all if self.random.chance(60) => all - 1,
            all => self.random.below(all),
        };
        let (id, at, lane) = self.looks[some].clone();
        // Now and then another process tells what it did not do.
        let stranger = self.processes[process].filter(|_| self.random.chance(10));
        let (id, at) = stranger.map_or((id, at), |stranger| (stranger, process));
        let turns = self.turns(&lane);
        let told: Vec<_> = turns
            .iter()
            .map(|turn| {
                (
                    self.place(turn.position),
                    turn.number,
                    turn.delivery.status.name(),
                )
            })
            .collect();
        let lost = self.queue(at).record(id, turns).await?.lost;
        Ok(format!(
            "{} {told:?} of {id}: lost {}",
            lane.webhook.id,
            sorted(lost)
        ))
    }

    /// Turns at the head of a lane, until one fails.
    fn turns(&mut self, lane: &Lane) -> Vec<Turn> {
        let mut penalty_box = lane.penalty_box;
        let mut turns = Vec::new();
        for queued in &lane.queued {
            let fails = self.random.chance(35);
            let turn = self.turn(lane, queued, penalty_box, fails);
            penalty_box = turn.penalty_box;
            turns.push(turn);
            if fails || self.random.chance(40) {
                break;
            }
        }
        turns
    }

    fn turn(&mut self, lane: &Lane, queued: &QueuedDelivery, before: PenaltyBox, fails: bool) -> Turn {
        let at = self.now();
        let cause = self
            .random
            .pick(&[FailureCause::Timeout, FailureCause::Tls(TlsFailure::Version)]);
        let failed = AttemptOutcome::failed(cause);
        let succeeded = StatusCode::new(204).map_or(failed, AttemptOutcome::of_answer);
        let attempt = Attempt {
            response_body: None,
            at,
            duration: Duration::ZERO,
            key_fingerprints: lane.webhook.key_ring.fingerprints(at),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome: if fails { failed } else { succeeded },
        };
        let aftermath = before.after(&attempt, None, &RetrySchedule::default(), Jitter::NONE);
        let gives_up = fails && self.random.chance(30);
        let (fate, penalty_box) = match gives_up {
            true => (HeadFate::GivenUp, given_up(aftermath.penalty_box, cause, at)),
            false => (aftermath.head, aftermath.penalty_box),
        };
        Turn {
            position: queued.position,
            epoch: lane.epoch,
            number: queued.attempts + 1,
            version: lane.webhook.version,
            delivery: queued.delivery.clone().after(fate, at),
            attempt,
            penalty_box,
            trace: None,
            tells: Vec::new(),
        }
    }
}

/// The box once a delivery is given up at `at`.
fn given_up(after: PenaltyBox, cause: FailureCause, at: Instant) -> PenaltyBox {
    PenaltyBox::NextInTurn {
        since: after.since().unwrap_or(at),
        cause,
        given_up_at: at,
    }
}

fn sorted(mut webhooks: Vec<WebhookId>) -> String {
    webhooks.sort_unstable();
    format!("{webhooks:?}")
}
