//! Checking which of a webhook's keys its receiver verifies with.
//!
//! The rules are in [`crate::delivery::key_check`]. Here a check is carried out: it takes its place among the checks of all processes, sends its
//! probes one after the other, each on a connection of its own, and records what they found out. A probe goes past the queue: it is sent once,
//! it is no event, and whatever comes of it changes nothing of the queue, of the penalty box, or of whether the webhook is active.
//!
//! The webhook is read again before each probe. So a key that was retired at once meanwhile signs nothing more, and nothing is sent to a url
//! that is no longer the webhook's; what was not sent counts as unanswered.
//!
//! A check that is cut off, by a crash or because nobody waits for it any more, is not recorded; it goes on counting.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::adoption::Proof;
use super::{ProbeService, announcement};
use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::delivery::event::{Event, JsonText};
use crate::delivery::key_check::allowance::{Allowance, NewCheck};
use crate::delivery::key_check::{Answered, KeyCheck, Plan, PlannedProbe, Verdict};
use crate::delivery::probed::Probed;
use crate::error::{Refusal, ServiceError};
use crate::id::{KeyCheckId, WebhookId};
use crate::idempotency::{Idempotency, IdempotentRequest};
use crate::ports::{Change, ChangeOrder, KeyCheckStore, Outcome, Parcel};
use crate::signing::key_ring::Evidence;
use crate::signing::secret::SecretBytes;
use crate::time::Instant;
use crate::webhook::{Action, Describe, TargetUrl, Webhook};

/// Checks keys.
#[derive(Clone)]
pub struct KeyCheckService {
    /// What probes are sent with, and the places that they share.
    pub probes: ProbeService,
    /// The checks that were made lately.
    pub checks: Arc<dyn KeyCheckStore>,
    /// Writes webhooks for announcements, if the deployment makes any.
    pub describe: Option<Describe>,
}

/// What a probe says.
#[derive(Serialize)]
struct CheckData {
    webhook_id: String,
}

/// A check that may begin.
struct Ready {
    webhook: Webhook,
    url: TargetUrl,
    plan: Plan,
}

impl KeyCheckService {
    /// How long a check sends: what was not sent by then is not sent.
    pub const TIME: Duration = Duration::from_secs(20);

    /// Finds out with which of its keys the webhook's receiver verifies, and records it. The webhook may be inactive. Needs
    /// `WEBHOOK.UPDATE`. A request that was answered before is answered again, and nothing is sent.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::NoTarget`], [`Refusal::NoCurrentKey`], [`Refusal::DeliveriesPaused`],
    /// [`Refusal::KeyCheckUnderWay`], [`Refusal::TooManyKeyChecks`], [`Refusal::IdempotencyKeyReused`],
    /// [`Overloaded`](crate::StoreError::Overloaded) while too many probes are under way, [`ServiceError::Short`], or the store's.
    pub async fn check(
        &self,
        acting: &Acting,
        id: WebhookId,
        allowance: Allowance,
        request: Option<IdempotentRequest<KeyCheck>>,
    ) -> Result<Outcome<KeyCheck>, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.probes.clock.now();
        let named = request.map(|request| request.by(acting, now));
        if let Some(answer) = self.earlier(named.as_ref()).await? {
            return Ok(Outcome::Replayed(answer));
        }
        let ready = self.prepare(acting, id, now).await?;
        let _place = self.probes.places.take(acting.platform(), &ready.url)?;
        let entropy = self.probes.entropy.as_ref();
        // Drawn before something is sent, so that what was found out can be recorded.
        let stamp = AuditStamp::new(acting, now, entropy)?;
        let check = NewCheck {
            id: KeyCheckId::generate(now, entropy)?,
            webhook: id,
            host: ready.url.host(),
            at: now,
            allowance,
        };
        let check_id = check.id;
        self.checks.begin(check).await?;
        let mut answers = Vec::new();
        let asked = self.ask(acting, &ready, &mut answers).await;
        let has_sent = answers.iter().any(|answered| *answered != Answered::NotSent);
        // A store that does not learn of the end frees the place after the lease.
        let _ = self.checks.end(check_id, has_sent).await;
        asked?;
        self.record(acting, &ready, &answers, stamp, named).await
    }

    /// What this request was answered before, if it was.
    async fn earlier(
        &self,
        named: Option<&Idempotency<KeyCheck>>,
    ) -> Result<Option<SecretBytes>, ServiceError> {
        let Some(named) = named else {
            return Ok(None);
        };
        // Nothing is rendered to find an answer.
        let named = named.rendering(Arc::new(|_: &Probed, _| SecretBytes::new(Vec::new())));
        match self.probes.answers.earlier(&named).await? {
            Some(Outcome::Replayed(answer)) => Ok(Some(answer)),
            _ => Ok(None),
        }
    }

    /// What there is to be sent, if the webhook can be checked.
    async fn prepare(&self, acting: &Acting, id: WebhookId, now: Instant) -> Result<Ready, ServiceError> {
        let found = self.probes.webhooks.find(acting.platform(), id).await?;
        let webhook = found.ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        let url = webhook.settings.url.clone().ok_or(Refusal::NoTarget)?;
        let plan = Plan::draw(&webhook.key_ring, now, self.probes.entropy.as_ref())?;
        let plan = plan.ok_or(Refusal::NoCurrentKey)?;
        self.probes.refuse_while_paused().await?;
        Ok(Ready { webhook, url, plan })
    }

    /// Sends the probes one after the other, and adds what came of each to `answers`.
    async fn ask(
        &self,
        acting: &Acting,
        ready: &Ready,
        answers: &mut Vec<Answered>,
    ) -> Result<(), ServiceError> {
        for probe in ready.plan.probes() {
            let now = self.probes.clock.now();
            let left = Self::TIME.saturating_sub(now.since(ready.plan.at));
            if left.is_zero() {
                break;
            }
            answers.push(match self.may_be_sent(acting, ready, probe, now).await? {
                true => self.send(ready, probe, left).await?,
                false => Answered::NotSent,
            });
        }
        Ok(())
    }

    /// Whether the webhook, as it is now, still has this url and this key, and deliveries are not paused.
    async fn may_be_sent(
        &self,
        acting: &Acting,
        ready: &Ready,
        probe: &PlannedProbe,
        now: Instant,
    ) -> Result<bool, ServiceError> {
        let found = self
            .probes
            .webhooks
            .find(acting.platform(), ready.webhook.id)
            .await?;
        let stored = found.ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        let is_paused = self.probes.pause.current().await?.is_some();
        let is_same_url = stored.settings.url.as_ref() == Some(&ready.url);
        Ok(!is_paused && is_same_url && probe.is_in_force(&stored.key_ring, now))
    }

    async fn send(
        &self,
        ready: &Ready,
        probe: &PlannedProbe,
        within: Duration,
    ) -> Result<Answered, ServiceError> {
        let Ready { webhook, url, plan } = ready;
        let event = Event {
            id: probe.id,
            platform: webhook.platform.clone(),
            action: Action::of_service(Action::KEY_CHECK),
            data: JsonText::of(&CheckData {
                webhook_id: webhook.id.to_string(),
            }),
            previous_data: None,
            original_request_id: None,
            trace: None,
            created_at: plan.at,
        };
        let body = event.payload(self.probes.environment, false);
        let parcel = Parcel {
            url: url.clone(),
            headers: probe.sign(&body, plan.at).headers,
            authentication: webhook.settings.authentication.clone(),
            custom_headers: webhook.settings.custom_headers.clone(),
            body,
            is_probe: true,
            within: Some(within),
        };
        let response = self.probes.sender.send(parcel).await?;
        Ok(Answered::Sent(response.outcome))
    }

    /// Records what was found out, the adoption if that is news, and the answer to the request, in one transaction.
    async fn record(
        &self,
        acting: &Acting,
        ready: &Ready,
        answers: &[Answered],
        stamp: AuditStamp,
        named: Option<Idempotency<KeyCheck>>,
    ) -> Result<Outcome<KeyCheck>, ServiceError> {
        let check = ready.plan.judge(answers);
        let details = AuditDetails::of_check(&check);
        let now = self.probes.clock.now();
        // Whether that key is still the current one is decided on the webhook as it is stored.
        let proof = Proof {
            key: ready.plan.current().id,
            evidence: Evidence::Check,
            at: now,
        };
        let adopted = (check.verdict == Verdict::Adopted).then_some(proof);
        let decide = move |stored: &Webhook| {
            let audit = stamp.record(AuditAction::KeysChecked, stored.id.to_string(), details.clone());
            Ok(Change {
                audit: Some(audit),
                ..adopted.map_or_else(Change::default, |proof| proof.change(stored))
            })
        };
        let answered = named.map(|named| {
            let answer = (named.render)(&check, named.at);
            named.rendering(Arc::new(move |_: &Webhook, _| answer.clone()))
        });
        let order = ChangeOrder {
            platform: acting.platform().clone(),
            webhook: ready.webhook.id,
            decide: Box::new(decide),
            announcement: announcement(self.describe, acting, now, self.probes.entropy.as_ref())?,
            settles: None,
            idempotency: answered,
        };
        Ok(match self.probes.webhooks.change(order).await? {
            Outcome::Done { answer, .. } => Outcome::Done {
                subject: Box::new(check),
                answer,
            },
            Outcome::Replayed(answer) => Outcome::Replayed(answer),
        })
    }
}
