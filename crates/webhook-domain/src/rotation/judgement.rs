//! Whether a webhook is rolled when it is its turn. Much may have happened since the rotation began.

use super::{Rotation, Settled, SkipReason};
use crate::webhook::Webhook;

impl Rotation {
    /// Why the webhook, as it is stored, is not rolled; none if it is.
    #[must_use]
    pub fn passes_over(&self, webhook: &Webhook) -> Option<Settled> {
        if self.was_rolled_since(webhook) {
            return Some(Settled::Skipped(SkipReason::RolledSince));
        }
        let still_matches = self.orders.filter.accepts(webhook);
        (!still_matches).then_some(Settled::Skipped(SkipReason::NoLongerMatches))
    }

    /// Whether its secret was rolled or removed since the rotation began. A ring says in whole seconds when that was; within the second in
    /// which the rotation began, the id of the key tells it.
    fn was_rolled_since(&self, webhook: &Webhook) -> bool {
        let ring = &webhook.key_ring;
        let began = self.created_at.whole_seconds();
        ring.rolled_at()
            .is_some_and(|rolled_at| match rolled_at == began {
                true => ring
                    .current()
                    .is_none_or(|current| current.id.made_at() > self.created_at),
                false => rolled_at > began,
            })
    }
}
