//! A second request within one attempt, with the credentials that the webhook had before.
//!
//! A receiver that has not changed over yet refuses the new credentials with 401 or 403. It is then asked once more, at once: the same
//! request with the same `webhook-id`, signature and body, and the previous credentials. The attempt ends as the second request does.
//!
//! A second request is as much under the rules as the first: the webhook is read again and must be the same version, so that credentials
//! that were dropped meanwhile are not used; and whoever admitted the first request is asked again, since deliveries may be paused, the
//! process may stop, or its lease have ended. If any of this fails, the attempt ends as the first request did.
//!
//! If the second request fails too, there is none for the webhook in the next [`PAUSE`]: a receiver that knows neither credentials must
//! not take two wrong ones at each attempt for somebody who tries passwords out. That is remembered in this process alone. So there may
//! be one more after a restart, or when another process takes the lane over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Dispatch;
use crate::delivery::attempt::{AttemptOutcome, CredentialsTaken};
use crate::id::WebhookId;
use crate::ports::{Parcel, Response, Shortage};
use crate::time::Instant;
use crate::webhook::{PreviousCredentials, Webhook};

/// For how long there is no second request after one has failed.
const PAUSE: Duration = Duration::from_secs(5 * 60);
/// For how many webhooks that is remembered. While it is so for more, no other has a second request.
const REMEMBERED: usize = 10_000;

/// When second requests of this process have failed, for as long as there is to be no other.
#[derive(Debug, Clone, Default)]
pub struct SecondTries(Arc<Mutex<BTreeMap<WebhookId, Instant>>>);

impl SecondTries {
    /// Whether the webhook may have a second request at `now`.
    fn may(&self, webhook: WebhookId, now: Instant) -> bool {
        let mut failed = self.failed();
        if failed.len() >= REMEMBERED {
            failed.retain(|_, failed_at| holds_off(*failed_at, now));
        }
        match failed.get(&webhook) {
            Some(failed_at) => !holds_off(*failed_at, now),
            None => failed.len() < REMEMBERED,
        }
    }

    fn has_failed(&self, webhook: WebhookId, now: Instant) {
        self.failed().insert(webhook, now);
    }

    fn has_succeeded(&self, webhook: WebhookId) {
        self.failed().remove(&webhook);
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<WebhookId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure at that instant rules a second request out at `now`. Not if the clock was set back since.
fn holds_off(failed_at: Instant, now: Instant) -> bool {
    failed_at <= now && now < failed_at.plus(PAUSE)
}

/// Sends `parcel`, and sends it again with the previous credentials of `webhook` if it has some, the receiver refuses the present ones,
/// and `admit` lets something be sent to the webhook still. Says with which credentials it came to its end.
///
/// # Errors
/// When something of this service's own is wanting for either request. The attempt is then to be made again.
pub(super) async fn send(
    dispatch: &Dispatch,
    webhook: &Webhook,
    parcel: Parcel,
    admit: impl FnOnce() -> bool + Send,
) -> Result<(Response, CredentialsTaken), Shortage> {
    let previous = webhook.previous_credentials(dispatch.clock.now());
    let again = previous.map(|previous| with_previous(&parcel, previous));
    let first = dispatch.sender.send(parcel).await?;
    let Some(again) = again.filter(|_| is_refusal(&first)) else {
        return Ok((first, CredentialsTaken::Current));
    };
    if !dispatch.may_try_again(webhook).await || !admit() {
        return Ok((first, CredentialsTaken::Current));
    }
    let second = dispatch.sender.send(again).await?;
    match second.outcome {
        AttemptOutcome::Succeeded { .. } => dispatch.second_tries.has_succeeded(webhook.id),
        AttemptOutcome::Failed { .. } => dispatch.second_tries.has_failed(webhook.id, dispatch.clock.now()),
    }
    Ok((second, CredentialsTaken::Previous))
}

impl Dispatch {
    /// Whether nothing speaks against a second request: it has not failed a moment ago, and the webhook is the same still.
    async fn may_try_again(&self, webhook: &Webhook) -> bool {
        if !self.second_tries.may(webhook.id, self.clock.now()) {
            return false;
        }
        // What cannot be read again may have changed.
        let stored = self.webhooks.find(&webhook.platform, webhook.id).await;
        stored.is_ok_and(|stored| {
            stored.is_some_and(|stored| {
                stored.version == webhook.version && stored.previous_credentials(self.clock.now()).is_some()
            })
        })
    }
}

/// Whether the receiver refuses the credentials (RFC 9110 §15.5.2, §15.5.4).
fn is_refusal(response: &Response) -> bool {
    let cause = match response.outcome {
        AttemptOutcome::Succeeded { .. } => return false,
        AttemptOutcome::Failed { cause } => cause,
    };
    cause
        .status()
        .is_some_and(|status| matches!(status.get(), 401 | 403))
}

fn with_previous(parcel: &Parcel, previous: &PreviousCredentials) -> Parcel {
    Parcel {
        authentication: previous.authentication.clone(),
        ..parcel.clone()
    }
}
