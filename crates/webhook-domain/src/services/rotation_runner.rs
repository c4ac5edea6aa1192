//! What rolls the webhooks of rotations.
//!
//! Every process that serves asks, each second, for the rotations that nobody works at, and goes on saying that it works at its own: see
//! [`RotationClaim`](crate::rotation::RotationClaim). A rotation whose process has died is taken over once its claim has ended.
//!
//! A step is the roll of one webhook. It is refused in its own transaction unless the rotation runs and the claim is still that of the
//! step. What became of it is saved in that transaction. So a process that is cut off leaves nothing undone that is said to be done, and
//! the other way round; and one that was merely slow, and finds that another has taken over, does nothing more. When it is not known
//! whether a step was saved, it is done again: a step that is settled stays as it is.
//!
//! Webhooks are read page by page. Of a page, `AT_ONCE` are rolled at the same time, so that the store can commit some together and has the
//! next ones then.

mod round;
mod run;

use std::sync::Arc;
use std::time::Duration;

use super::announcement;
use super::rotations::{announcement as announcement_of_end, stopped};
use super::secret_key::RollRule;
use crate::access::audit::AuditStamp;
use crate::access::caller::{Acting, Credential};
use crate::concurrently::concurrently;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{ProcessId, RequestId};
use crate::ports::{
    ApiKeyStore, Change, ChangeOrder, ClaimedRotation, DeliveryPause, Effect, FinishRotation, Outcome,
    RotationStore, RotationWebhooksQuery, WebhookStore,
};
use crate::rotation::{DescribeRotation, FailReason, Rotation, RotationStep, Settled, StopReason};
use crate::signing::key_ring::NewKey;
use crate::time::{Clock, Instant};
use crate::webhook::{Describe, Webhook};

use self::round::{AT_ONCE, Next, Round};
pub use self::run::RotationRun;
use self::run::Waiting;

/// How many are read at a time.
const PAGE: u32 = 1_024;
/// How often the store may refuse a webhook.
const TRIES: u32 = 3;
/// How long it takes until something is tried again that cannot be done now.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rolls the webhooks of rotations, for one process.
#[derive(Clone)]
pub struct RotationRunner {
    /// The process.
    pub process: ProcessId,
    /// The rotations.
    pub rotations: Arc<dyn RotationStore>,
    /// The webhooks.
    pub webhooks: Arc<dyn WebhookStore>,
    /// The API keys, one of which may have begun a rotation.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// Says whether deliveries are paused.
    pub pause: Arc<dyn DeliveryPause>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where keys come from.
    pub entropy: Arc<dyn Entropy>,
    /// Writes webhooks for announcements, if the deployment makes any.
    pub describe: Option<Describe>,
    /// Writes rotations, likewise.
    pub describe_rotation: Option<DescribeRotation>,
}

/// What comes next in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationTurn {
    /// There is more to be done at once.
    GoOn,
    /// There is nothing to be done before that.
    WaitUntil(Instant),
    /// The rotation has ended, or somebody else works at it.
    Over,
}

/// Whether a rotation may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Given,
    /// Not as long as deliveries are paused.
    NotNow,
    CredentialRevoked,
}

/// What came of a step.
enum Stepped {
    /// The webhook has its outcome, which is a failure or not.
    Settled { is_failure: bool },
    /// Not this time: the store said so, or it is not known.
    NotNow(ServiceError),
    /// The rotation has ended, or somebody else works at it.
    Over,
}

impl RotationRunner {
    /// The rotations that this process works at from now on. To be asked more often than a [claim](crate::rotation::LEASE) lasts.
    ///
    /// # Errors
    /// The store's.
    pub async fn claim(&self) -> Result<Vec<ClaimedRotation>, StoreError> {
        self.rotations
            .claim_rotations(self.process, self.clock.now())
            .await
    }

    /// Does what is due of a run, for as long as nothing else is to be looked at, and says what comes next.
    ///
    /// # Errors
    /// The store's, or that of the source of randomness: then nothing more was done than is saved, and the run goes on from there when it is
    /// asked again.
    pub async fn advance(&self, run: &mut RotationRun) -> Result<RotationTurn, ServiceError> {
        let now = self.clock.now();
        match self.leave(&run.rotation, now).await? {
            Leave::Given => {}
            Leave::NotNow => return Ok(RotationTurn::WaitUntil(now.plus(PATIENCE))),
            Leave::CredentialRevoked => {
                return self.finish(run, Some(StopReason::CredentialRevoked), now).await;
            }
        }
        if run.rotation.has_too_many_failures(run.failed) {
            return self.finish(run, Some(StopReason::TooManyFailures), now).await;
        }
        self.read(run).await?;
        let from = run.counts_from(now);
        let Some(first) = run.waiting.front() else {
            return self.finish(run, None, now).await;
        };
        if !run.rotation.is_due(first.number, from, now) {
            return Ok(RotationTurn::WaitUntil(run.rotation.due_at(first.number, from)));
        }
        self.steps(run, from).await
    }

    /// Takes the steps that are due when turns are counted from `from`, of those that were read.
    async fn steps(&self, run: &mut RotationRun, from: Instant) -> Result<RotationTurn, ServiceError> {
        let round = Round::new(std::mem::take(&mut run.waiting));
        concurrently((0..AT_ONCE).map(|_| self.work_off(run, &round, from))).await;
        let ended = round.end();
        run.waiting = ended.waiting;
        run.failed += ended.failed;
        if ended.is_over {
            return Ok(RotationTurn::Over);
        }
        if ended.put_off.is_empty() {
            return Ok(RotationTurn::GoOn);
        }
        let is_answered = ended.is_answered;
        // What befalls all is no refusal of this one.
        let works = is_answered || self.webhooks.check().await.is_ok();
        for (mut waiting, error) in ended.put_off.into_iter().rev() {
            let is_of_this = !matches!(
                error,
                ServiceError::Store(StoreError::Overloaded) | ServiceError::Entropy(_)
            );
            waiting.refused += u32::from(works && is_of_this);
            if waiting.refused >= TRIES {
                match self.fail(run, waiting).await {
                    Stepped::Settled { .. } => {
                        run.failed += 1;
                        continue;
                    }
                    Stepped::Over => return Ok(RotationTurn::Over),
                    Stepped::NotNow(_) => waiting.refused = 0,
                }
            }
            run.waiting.push_front(waiting);
        }
        Ok(match is_answered {
            true => RotationTurn::GoOn,
            false => RotationTurn::WaitUntil(self.clock.now().plus(PATIENCE)),
        })
    }

    /// Takes one step after the other.
    async fn work_off(&self, run: &RotationRun, round: &Round, from: Instant) {
        let is_due = |next: Waiting| run.rotation.is_due(next.number, from, self.clock.now());
        while let Some(Next { waiting, asks }) = round.next(is_due) {
            if asks {
                // If that is not known, it is asked again.
                let leave = self.leave(&run.rotation, self.clock.now()).await.ok();
                if !round.may(waiting, leave) {
                    return;
                }
            }
            let stepped = self.step(run, waiting, self.clock.now()).await;
            round.note(waiting, stepped);
        }
    }

    async fn leave(&self, rotation: &Rotation, now: Instant) -> Result<Leave, StoreError> {
        if !self.is_credential_good(rotation, now).await? {
            return Ok(Leave::CredentialRevoked);
        }
        // Whoever begins one while deliveries are paused knows it; of any other it was not to be expected that nobody hears of a key.
        let pause = self.pause.current().await?;
        Ok(
            match pause.is_some_and(|pause| rotation.created_at < pause.since) {
                true => Leave::NotNow,
                false => Leave::Given,
            },
        )
    }

    /// Whether what began the rotation may still act. Of a token nothing is known but that it was good then; the operator always may.
    async fn is_credential_good(&self, rotation: &Rotation, now: Instant) -> Result<bool, StoreError> {
        let Credential::ApiKey(id) = rotation.begun_by else {
            return Ok(true);
        };
        let key = self.api_keys.find(id).await?;
        Ok(key.is_some_and(|key| key.is_in_force(now)))
    }

    /// Reads the next webhooks, if none waits.
    async fn read(&self, run: &mut RotationRun) -> Result<(), StoreError> {
        let (true, Some(from)) = (run.waiting.is_empty(), run.unread_from) else {
            return Ok(());
        };
        let query = RotationWebhooksQuery {
            from,
            unsettled: true,
            limit: PAGE,
        };
        let page = self.rotations.rotation_webhooks(run.rotation.id, query).await?;
        run.unread_from = page
            .last()
            .filter(|_| page.len() == PAGE as usize)
            .map(|last| last.number + 1);
        run.waiting = page
            .into_iter()
            .map(|read| Waiting {
                number: read.number,
                webhook: read.webhook,
                key_before: read.key_before,
                refused: 0,
            })
            .collect();
        Ok(())
    }

    /// Rolls a webhook, or passes it over.
    async fn step(&self, run: &RotationRun, waiting: Waiting, now: Instant) -> Stepped {
        let order = match self.order(run, waiting, now) {
            Ok(order) => order,
            Err(error) => return Stepped::NotNow(error),
        };
        match self.webhooks.change(order).await {
            Ok(Outcome::Done { .. } | Outcome::Replayed(_)) => Stepped::Settled { is_failure: false },
            Err(ServiceError::Refused(Refusal::RotationNotRunning)) => Stepped::Over,
            Err(ServiceError::Refused(refusal)) => {
                self.settle(run, waiting, Settled::of_refusal(&refusal), now)
                    .await
            }
            Err(error) => Stepped::NotNow(error),
        }
    }

    /// The roll of a webhook, by the rule of any roll.
    fn order(&self, run: &RotationRun, waiting: Waiting, now: Instant) -> Result<ChangeOrder, ServiceError> {
        let rotation = Arc::clone(&run.rotation);
        let entropy = self.entropy.as_ref();
        let acting = acting(&rotation);
        let rule = RollRule {
            update: None,
            key: NewKey::generate(now, entropy)?,
            overlap: rotation.orders.overlap,
            keeps_previous_until_adopted: rotation.orders.keeps_previous_until_adopted,
            at: now,
        };
        let stamp = AuditStamp::new(&acting, now, entropy)?;
        let announcement = announcement(self.describe, &acting, now, entropy)?;
        let decide = move |stored: &Webhook| match rotation.passes_over(stored, waiting.key_before) {
            Some(settled) => Ok(Change {
                settles: Some(settled),
                ..Change::default()
            }),
            None => rolled(&rotation, rule.change(stored, &stamp)?),
        };
        Ok(ChangeOrder {
            platform: run.rotation.platform.clone(),
            webhook: waiting.webhook,
            decide: Box::new(decide),
            announcement,
            settles: Some(step_of(run, waiting, now)),
            idempotency: None,
        })
    }

    async fn fail(&self, run: &RotationRun, waiting: Waiting) -> Stepped {
        let failed = Settled::Failed(FailReason::Store);
        self.settle(run, waiting, failed, self.clock.now()).await
    }

    /// Saves what became of a webhook that is not changed.
    async fn settle(&self, run: &RotationRun, waiting: Waiting, settled: Settled, now: Instant) -> Stepped {
        let step = step_of(run, waiting, now);
        match self.rotations.settle_step(step, settled).await {
            Ok(()) => Stepped::Settled {
                is_failure: matches!(settled, Settled::Failed(_)),
            },
            Err(ServiceError::Refused(_)) => Stepped::Over,
            Err(error) => Stepped::NotNow(error),
        }
    }

    /// Ends the rotation. If somebody else has ended it meanwhile, it is over all the same.
    async fn finish(
        &self,
        run: &RotationRun,
        reason: Option<StopReason>,
        now: Instant,
    ) -> Result<RotationTurn, ServiceError> {
        let rotation = &run.rotation;
        let entropy = self.entropy.as_ref();
        let by_itself = Acting::as_service(rotation.platform.clone(), RequestId::generate(entropy)?);
        let audit = reason.map(|reason| stopped(&by_itself, rotation.id, reason, now, entropy));
        let finish = FinishRotation {
            platform: rotation.platform.clone(),
            rotation: rotation.id,
            reason,
            at: now,
            epoch: Some(run.epoch),
            audit: audit.transpose()?,
            // Of the request that began it.
            announcement: announcement_of_end(self.describe_rotation, &acting(rotation), now, entropy)?,
            idempotency: None,
        };
        match self.rotations.finish_rotation(finish).await {
            Ok(_) | Err(ServiceError::Refused(_)) => Ok(RotationTurn::Over),
            Err(error) => Err(error),
        }
    }
}

/// The roll of a webhook as a step of its rotation.
fn rolled(rotation: &Rotation, mut change: Change) -> Result<Change, Refusal> {
    if let Some(audit) = &mut change.audit {
        audit.details.rotation = Some(rotation.id.to_string());
    }
    if let Effect::Save(webhook) = &change.effect {
        let current = webhook.key_ring.current();
        change.settles = current.map(|key| Settled::Rolled(key.id));
    }
    Ok(change)
}

fn step_of(run: &RotationRun, waiting: Waiting, now: Instant) -> RotationStep {
    RotationStep {
        rotation: run.rotation.id,
        number: waiting.number,
        epoch: run.epoch,
        at: now,
    }
}

/// Whoever began the rotation.
fn acting(rotation: &Rotation) -> Acting {
    Acting::resumed(
        rotation.begun_by.clone(),
        rotation.platform.clone(),
        rotation.request.clone(),
    )
}
