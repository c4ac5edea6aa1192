//! What can be asked of the domain: each service a struct over ports, each method one use.
//!
//! A service checks the permission, draws the time and the randomness, and hands the store a decision.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::Acting;
use crate::entropy::{Entropy, EntropyError};
use crate::error::{Refusal, ServiceError};
use crate::id::{PlatformId, WebhookId};
use crate::idempotency::IdempotentRequest;
use crate::ports::{Change, ChangeOrder, Effect, Outcome, WebhookStore};
use crate::time::Instant;
use crate::webhook::{Announcement, Describe, Happened, Webhook};

mod adoption;
mod api_keys;
mod audit;
mod authentication;
mod clock_mending;
mod dispatch;
mod due_rolls;
mod events;
mod expiry_notices;
mod key_check;
mod key_history;
mod own_checks;
mod probes;
mod rotation_runner;
mod rotations;
mod secret_key;
mod sessions;
mod upkeep;
mod webhooks;

pub use crate::delivery::probed::Probed;
pub use api_keys::{ApiKeyService, AuthenticationError, CreateApiKey, RevokeApiKey};
pub use audit::AuditService;
pub use authentication::{Authenticator, Presented};
pub use clock_mending::{ClockMending, Mended};
pub use dispatch::{Dispatch, LaneWorker, Made, Next, SecondTries};
pub use due_rolls::{DueRolls, DueRollsTally};
pub use events::{EventService, PublishEvent, Replay};
pub use expiry_notices::ExpiryNotices;
pub use key_check::KeyCheckService;
pub use key_history::KeyHistoryService;
pub use own_checks::{OwnChecks, OwnChecksTally};
pub use probes::{Expedited, ProbePlaces, ProbeService};
pub use rotation_runner::{RotationRun, RotationRunner, RotationTurn};
pub use rotations::{RotationService, StartRotation};
pub use secret_key::{RemoveSecret, RollPreview, RollSecret, SecretKeyService, SetExpiry, UndoRoll};
pub use sessions::{SessionService, UsedBy};
pub use upkeep::{Upkeep, UpkeepTally};
pub use webhooks::{CreateWebhook, DeleteWebhook, Seen, ShownAgain, UpdateWebhook, WebhookService};

/// What a service changes stored webhooks with.
struct Changing<'a> {
    store: &'a dyn WebhookStore,
    entropy: &'a dyn Entropy,
    /// Writes webhooks for announcements, if the deployment makes any.
    describe: Option<Describe>,
}

impl Changing<'_> {
    /// Has the store decide on a webhook of the platform that `acting` acts on, and announces what it decides. What a decision
    /// may not do itself, since it may run more than once, is done before: reading the clock (`now`) and drawing randomness.
    async fn decide(
        &self,
        acting: &Acting,
        webhook: WebhookId,
        idempotent: Option<IdempotentRequest>,
        now: Instant,
        decide: impl Fn(&Webhook, &AuditStamp) -> Result<Change, Refusal> + Send + Sync + 'static,
    ) -> Result<Outcome, ServiceError> {
        let stamp = AuditStamp::new(acting, now, self.entropy)?;
        let order = ChangeOrder {
            platform: acting.platform().clone(),
            webhook,
            decide: Box::new(move |stored| decide(stored, &stamp)),
            announcement: announcement(self.describe, acting, now, self.entropy)?,
            settles: None,
            idempotency: idempotent.map(|request| request.by(acting, now)),
        };
        self.store.change(order).await
    }
}

/// Saves what `next` makes of a webhook as it is stored, if it makes something of it, without a record: nobody asked for it. Says whether
/// it did. What `announcement` becomes then is `tells`.
async fn save_next(
    store: &dyn WebhookStore,
    (platform, webhook): (&PlatformId, WebhookId),
    announcement: Option<Announcement>,
    tells: &'static [Happened],
    next: impl Fn(&Webhook) -> Option<Webhook> + Send + Sync + 'static,
) -> Result<bool, ServiceError> {
    let is_saved = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&is_saved);
    let decide = move |stored: &Webhook| {
        let saved = next(stored);
        says.store(saved.is_some(), Ordering::Relaxed);
        Ok(saved.map_or_else(Change::default, |webhook| Change {
            effect: Effect::Save(Box::new(webhook)),
            tells,
            ..Change::default()
        }))
    };
    let order = ChangeOrder {
        platform: platform.clone(),
        webhook,
        decide: Box::new(decide),
        announcement,
        settles: None,
        idempotency: None,
    };
    store.change(order).await?;
    Ok(is_saved.load(Ordering::Relaxed))
}

/// What tells of a change, if the deployment tells of any.
fn announcement(
    describe: Option<Describe>,
    acting: &Acting,
    now: Instant,
    entropy: &dyn Entropy,
) -> Result<Option<Announcement>, EntropyError> {
    describe
        .map(|describe| Announcement::new(acting, now, entropy, describe))
        .transpose()
}

/// The change of `before` to `after`, audited and told as `tells`: nothing if it is the same version.
fn saved(
    before: &Webhook,
    after: Webhook,
    stamp: &AuditStamp,
    action: AuditAction,
    keys: AuditDetails,
    tells: &'static [Happened],
) -> Change {
    if after.version == before.version {
        return Change::default();
    }
    let changed_fields = before.settings.differences(&after.settings);
    let kept = after.previous_credentials.as_ref();
    let kept = kept.filter(|kept| before.previous_credentials.as_ref() != Some(kept));
    let details = AuditDetails {
        changed_fields: changed_fields.into_iter().map(str::to_owned).collect(),
        previous_credentials_expires_at: kept.map(|kept| kept.expires_at.as_seconds()),
        ..keys
    };
    let audit = stamp.record(action, after.id.to_string(), details);
    Change {
        effect: Effect::Save(Box::new(after)),
        audit: Some(audit),
        tells,
        settles: None,
    }
}
