//! What can be asked of the domain: each service a struct over ports, each method one use.
//!
//! A service checks the permission, draws the time and the randomness, and hands the store a decision.

use crate::access::caller::Acting;
use crate::entropy::{Entropy, EntropyError};
use crate::error::ServiceError;
use crate::id::WebhookId;
use crate::idempotency::IdempotentRequest;
use crate::ports::{ChangeOrder, Decide, Outcome, WebhookStore};
use crate::time::Instant;
use crate::webhook::{Announcement, Describe};

mod api_keys;
mod audit;
mod authentication;
mod dispatch;
mod events;
mod probes;
mod secret_key;
mod upkeep;
mod webhooks;

pub use api_keys::{ApiKeyService, AuthenticationError, CreateApiKey, RevokeApiKey};
pub use audit::AuditService;
pub use authentication::{Authenticator, Presented};
pub use dispatch::{Dispatch, LaneWorker, Next};
pub use events::{EventService, PublishEvent};
pub use probes::{Expedited, ProbePlaces, ProbeService, Probed};
pub use secret_key::{RemoveSecret, RollPreview, RollSecret, SecretKeyService};
pub use upkeep::{Upkeep, UpkeepTally};
pub use webhooks::{CreateWebhook, DeleteWebhook, Seen, UpdateWebhook, WebhookService};

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

/// Has the store decide on a webhook of the platform that `acting` acts on.
async fn order(
    store: &dyn WebhookStore,
    acting: &Acting,
    webhook: WebhookId,
    decide: Decide,
    announcement: Option<Announcement>,
    idempotent: Option<IdempotentRequest>,
    now: Instant,
) -> Result<Outcome, ServiceError> {
    let order = ChangeOrder {
        platform: acting.platform().clone(),
        webhook,
        decide,
        announcement,
        idempotency: idempotent.map(|request| request.by(acting, now)),
    };
    store.change(order).await
}
