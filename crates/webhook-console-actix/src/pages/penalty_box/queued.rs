//! How many deliveries wait in queues that are held up: asked for those of a page at once, and counted no further than is shown.

use std::collections::BTreeMap;

use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::webhook::Webhook;

use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::Figure;

/// What is in the queues of some webhooks.
#[derive(Default)]
pub(crate) struct Queued(BTreeMap<WebhookId, u64>);

impl Queued {
    /// What is in the queues of those of `webhooks` that are held up; nothing is known of it for those who may not see deliveries.
    pub(crate) async fn read(call: &Call, acting: &Acting, webhooks: &[Webhook]) -> Result<Self, Trouble> {
        let held_up = webhooks.iter().filter(|webhook| webhook.held_up.is_some());
        let ids: Vec<_> = held_up.map(|webhook| webhook.id).collect();
        if ids.is_empty() || !acting.may(Permission::WebhookEventView) {
            return Ok(Self::default());
        }
        // One more tells whether there are more.
        let events = &call.console().events;
        Ok(Self(events.queued(acting, ids, Figure::MOST_QUEUED + 1).await?))
    }

    /// How many wait for this webhook, if that is known.
    pub(crate) fn of(&self, webhook: WebhookId) -> Option<Figure> {
        let counted = self.0.get(&webhook)?;
        Some(Figure::of(*counted, Figure::MOST_QUEUED))
    }
}
