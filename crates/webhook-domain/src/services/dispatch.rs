//! Delivering along lanes, one attempt after another.
//!
//! A [`LaneWorker`] is one lane in the hands of its process. Each [`step`](LaneWorker::step) looks at the lane anew, so that an
//! attempt is signed with the keys that are valid when it begins: what was retired before signs nothing. What deliveries say
//! does not change, so they are read a few at a time. A turn is handed to whoever records turns in batches; the worker
//! goes on meanwhile. After a crash the last turns are not known, and their deliveries are sent again.

mod gone;
mod second_try;
mod telling;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use self::second_try::SecondTries;
use crate::delivery::DeliveryStatus;
use crate::delivery::attempt::{Attempt, Confidential, ResponseBody};
use crate::delivery::event::Environment;
use crate::delivery::lane::{Epoch, Position};
use crate::delivery::penalty_box::{HeadFate, PenaltyBox};
use crate::delivery::retry_schedule::{Jitter, RetrySchedule};
use crate::delivery::trace::TraceContext;
use crate::entropy::Entropy;
use crate::error::ServiceError;
use crate::id::{ProcessId, WebhookId};
use crate::ports::{
    DeliveryQueue, DescribeDelivery, Parcel, QueuedDelivery, Sender, Shortage, Turn, WebhookStore,
};
use crate::services::Changing;
use crate::services::adoption::Proof;
use crate::signing::key_ring::{Evidence, SigningKey};
use crate::signing::receipt::ReceiptOutcome;
use crate::signing::signature;
use crate::time::{Clock, Instant};
use crate::webhook::{Describe, TargetUrl, Webhook};

/// How many deliveries are read at a time.
const READ_AT_ONCE: u32 = 32;
/// How many bytes of those that wait are kept, so that many lanes fit into little memory. One is kept in any case.
const KEPT_BYTES: usize = 128 * 1024;

/// What delivers.
#[derive(Clone)]
pub struct Dispatch {
    /// The lanes.
    pub queue: Arc<dyn DeliveryQueue>,
    /// The webhooks, of which one becomes inactive when its receiver says that it is gone.
    pub webhooks: Arc<dyn WebhookStore>,
    /// What carries deliveries.
    pub sender: Arc<dyn Sender>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Jitter, and the ids of audit records.
    pub entropy: Arc<dyn Entropy>,
    /// What deliveries call this deployment.
    pub environment: Environment,
    /// When what failed is sent again.
    pub schedule: RetrySchedule,
    /// How many attempts may be under way at a time. 512, if there are file descriptors for them.
    pub attempts_at_once: usize,
    /// When second requests within an attempt have failed here.
    pub second_tries: SecondTries,
    /// Writes a webhook for those who are told what happened to it; nobody is, if there is none.
    pub describe: Option<Describe>,
    /// Writes a delivery for those who are told that it was given up; nobody is, if there is none.
    pub describe_delivery: Option<DescribeDelivery>,
}

/// What a lane's worker is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on at once.
    Step,
    /// Wait until then: what failed is not sent again before.
    Wait(Instant),
    /// Wait a moment: something of this service's own is wanting. Nothing happened: it is no attempt, and there is no turn.
    Short(Shortage),
    /// Wait until the target may be sent to: too much is under way there.
    Busy,
    /// Wait until something has changed: nothing may be sent to the webhook as it is, or the last turn gave a delivery up and is
    /// not recorded yet.
    Park,
    /// Nothing is queued.
    Empty,
    /// The lane is another process's, or its webhook is no more.
    Lost,
}

/// A lane in the hands of its process.
pub struct LaneWorker {
    process: ProcessId,
    webhook: WebhookId,
    /// In which epoch the lane was the process's when it looked last. What follows is of that epoch.
    epoch: Option<Epoch>,
    /// How many deliveries had been given up by request when something was read last.
    withdrawn: u64,
    read: VecDeque<QueuedDelivery>,
    /// The last delivery that has come to its end here, recorded or not.
    ended: Option<Position>,
    /// The box as the last turn here left it, as long as the lane's own may be older.
    penalty_box: Option<PenaltyBox>,
    /// Whether the last turn here gave its delivery up, and may not be recorded yet. The store has the last word on that: if the
    /// webhook was changed meanwhile, the delivery stays at the head.
    gave_up: bool,
    /// The last attempt, for whoever counts attempts.
    last: Option<Made>,
    /// The keys with a public half that signed the last attempt. Deriving what they sign with costs as much as a signature.
    signed: Vec<SigningKey>,
}

/// What can be counted of an attempt, beside what its turn says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// For how long it had been due when it began: since its delivery arrived, the one ahead of it came to its end here, or what held
    /// the lane up was over, whichever was last. None for the first of those that are sent again on request: when that was is not known.
    pub lag: Option<Duration>,
    /// Whether the current key signed it.
    pub by_current: bool,
    /// How many retired keys signed it.
    pub by_retired: usize,
    /// Whether it made the webhook inactive: the receiver is gone.
    pub made_inactive: bool,
    /// What the receipt in its answer is good for, if there was one.
    pub receipt: Option<ReceiptOutcome>,
    /// When it ended.
    ended_at: Instant,
}

impl LaneWorker {
    /// The lane of `webhook`.
    #[must_use]
    pub const fn new(process: ProcessId, webhook: WebhookId) -> Self {
        Self {
            process,
            webhook,
            epoch: None,
            withdrawn: 0,
            read: VecDeque::new(),
            ended: None,
            penalty_box: None,
            gave_up: false,
            last: None,
            signed: Vec::new(),
        }
    }

    /// The lane's webhook.
    #[must_use]
    pub const fn webhook(&self) -> WebhookId {
        self.webhook
    }

    /// What can be counted of the last attempt that was made here.
    #[must_use]
    pub const fn last_made(&self) -> Option<&Made> {
        self.last.as_ref()
    }

    /// Says that every turn so far is recorded: from now on the lane's box is the one in the store, which others may have
    /// opened meanwhile.
    pub const fn recorded(&mut self) {
        self.penalty_box = None;
        self.gave_up = false;
    }

    /// Forgets all that was read and done: the lane was lost, or a turn of it could not be recorded.
    pub fn forget(&mut self) {
        *self = Self::new(self.process, self.webhook);
    }

    /// Makes an attempt at the delivery that stands at the head of the lane, if it is due and `admit` lets something be sent to
    /// the webhook now, and gives the turn that is to be recorded. `admit` is asked before each request.
    ///
    /// # Errors
    /// The store's, or that of the source of randomness. If there is no turn, it is not known whether something was sent.
    pub async fn step(
        &mut self,
        dispatch: &Dispatch,
        mut admit: impl FnMut(&Webhook, &TargetUrl) -> bool + Send,
    ) -> Result<(Next, Option<Turn>), ServiceError> {
        if self.gave_up {
            return Ok((Next::Park, None));
        }
        // Before the look: a key that is retired between the two is signed with as of this instant.
        let now = dispatch.clock.now();
        let Some((mut webhook, stored_box)) = self.look(dispatch).await? else {
            self.forget();
            return Ok((Next::Lost, None));
        };
        let (Some(head), Some(epoch)) = (self.read.front_mut(), self.epoch) else {
            return Ok((Next::Empty, None));
        };
        let Some(url) = webhook.settings.url.clone().filter(|_| webhook.settings.active) else {
            return Ok((Next::Park, None));
        };
        let before = self.penalty_box.unwrap_or(stored_box);
        if let Some(retry_at) = before.retry_at().filter(|_| !before.is_due(now)) {
            return Ok((Next::Wait(retry_at), None));
        }
        if !admit(&webhook, &url) {
            // Others wait too, and the memory is not for what waits.
            self.read.clear();
            return Ok((Next::Busy, None));
        }
        // Drawn before something is sent: an attempt whose outcome cannot be told is made again.
        let jitter = Jitter::draw(dispatch.entropy.as_ref())?;
        let body = head.delivery.payload(&head.event, dispatch.environment);
        // Which keys sign is what was just read; of those that signed before, what they derived is used again.
        webhook.key_ring = webhook.key_ring.sharing(&self.signed);
        let signed = signature::sign(&webhook.key_ring, head.event.id, &body, now);
        let derived = webhook
            .key_ring
            .valid_at(now)
            .filter(|key| key.verification_key().is_some());
        self.signed = derived.cloned().collect();
        let signatures = signed.signatures();
        let trace = head.event.trace.as_ref();
        let mut headers = signed.headers;
        headers.extend(trace.into_iter().flat_map(TraceContext::headers));
        let parcel = Parcel {
            url: url.clone(),
            headers,
            authentication: webhook.settings.authentication.clone(),
            custom_headers: webhook.settings.custom_headers.clone(),
            body,
            is_probe: false,
            within: None,
        };
        let again = || admit(&webhook, &url);
        let (response, credentials) = match second_try::send(dispatch, &webhook, parcel, again).await {
            Ok(sent) => sent,
            Err(shortage) => return Ok((Next::Short(shortage), None)),
        };
        let ended_at = dispatch.clock.now();
        let due_at = match (before.retry_at(), self.last) {
            (Some(retry_at), _) => Some(retry_at),
            (None, Some(last)) => Some(last.ended_at.max(head.delivery.created_at)),
            (None, None) => Some(head.delivery.created_at).filter(|_| head.attempts == 0),
        };
        let by_current = webhook.key_ring.current().is_some();
        let mut made = Made {
            lag: due_at.map(|due_at| now.since(due_at)),
            by_current,
            by_retired: signed.key_fingerprints.len() - usize::from(by_current),
            made_inactive: false,
            receipt: response
                .receipt
                .map(|header| ReceiptOutcome::of(&header, &webhook.key_ring, head.event.id, now)),
            ended_at,
        };
        let attempt = Attempt {
            at: now,
            duration: ended_at.since(now),
            key_fingerprints: signed.key_fingerprints,
            host: Some(url.host_and_port()),
            credentials,
            outcome: response.outcome,
            response_body: ResponseBody::of(&response.body, || Confidential::of(&webhook, &signatures)),
        };
        let aftermath = before.after(&attempt, response.retry_after, &dispatch.schedule, jitter);
        head.attempts = head.attempts.saturating_add(1);
        // What befalls the delivery of an announcement is announced to nobody.
        let is_announcement = head.event.action.is_of_service();
        let mut turn = Turn {
            position: head.position,
            epoch,
            number: head.attempts,
            version: webhook.version,
            delivery: head.delivery.clone().after(aftermath.head, ended_at),
            attempt,
            penalty_box: aftermath.penalty_box,
            trace: head.event.trace.as_ref().map(|trace| trace.parent),
            tells: Vec::new(),
        };
        turn.tells = telling::of(dispatch, &webhook, &before, &turn, &head.event.action);
        self.penalty_box = Some(aftermath.penalty_box);
        match turn.delivery.status {
            DeliveryStatus::Pending => {}
            DeliveryStatus::Succeeded { .. } => {
                self.ended = Some(turn.position);
                self.read.pop_front();
            }
            DeliveryStatus::Failed { .. } => {
                self.gave_up = true;
                self.read.clear();
            }
        }
        if aftermath.head == HeadFate::WebhookGone {
            // The turn is of the webhook as it is by this very turn. Where it could not be made inactive, the turn says that the
            // receiver is asked again, and then it is tried again.
            if let Ok((version, is_inactive)) = dispatch.set_inactive(&webhook, ended_at).await {
                turn.version = version;
                made.made_inactive = is_inactive;
            }
        }
        if let Some(key) = made.receipt.and_then(ReceiptOutcome::proved) {
            let proof = Proof {
                key,
                evidence: Evidence::Receipt,
                at: ended_at,
            };
            let telling = dispatch.describe.filter(|_| !is_announcement);
            // The delivery has succeeded in any case. What cannot be recorded now, the next receipt says again.
            drop(dispatch.changing(telling).prove(&webhook, proof).await);
        }
        self.last = Some(made);
        Ok((Next::Step, Some(turn)))
    }

    /// The webhook as it is now, and the lane's box, with something to send read if there is any. None if the lane is lost.
    async fn look(&mut self, dispatch: &Dispatch) -> Result<Option<(Webhook, PenaltyBox)>, ServiceError> {
        loop {
            let limit = if self.read.is_empty() { READ_AT_ONCE } else { 0 };
            let looked = dispatch
                .queue
                .look(self.process, self.webhook, self.ended, limit)
                .await?;
            let Some(lane) = looked else { return Ok(None) };
            match self.epoch {
                Some(epoch) if epoch != lane.epoch => {
                    // It was lost and won again: what is remembered is of another time.
                    self.forget();
                    continue;
                }
                _ => self.epoch = Some(lane.epoch),
            }
            if self.withdrawn != lane.withdrawn {
                self.withdrawn = lane.withdrawn;
                if !self.read.is_empty() {
                    // One of those that were read may have been given up.
                    self.read.clear();
                    continue;
                }
            }
            self.keep(lane.queued);
            return Ok(Some((lane.webhook, lane.penalty_box)));
        }
    }

    fn keep(&mut self, queued: Vec<QueuedDelivery>) {
        let mut bytes = 0;
        for delivery in queued {
            bytes += delivery.event.data.as_str().len();
            bytes += delivery
                .event
                .previous_data
                .as_ref()
                .map_or(0, |data| data.as_str().len());
            if bytes > KEPT_BYTES && !self.read.is_empty() {
                break;
            }
            self.read.push_back(delivery);
        }
    }
}

impl Dispatch {
    /// Changes webhooks, and tells of it if it can `describe` them.
    fn changing(&self, describe: Option<Describe>) -> Changing<'_> {
        Changing {
            store: self.webhooks.as_ref(),
            entropy: self.entropy.as_ref(),
            describe,
        }
    }
}
