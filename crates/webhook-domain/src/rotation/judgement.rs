//! Whether a webhook is rolled when it is its turn. Much may have happened since the rotation began.

use super::{KeyBefore, Rotation, Settled, SkipReason};
use crate::webhook::Webhook;

impl Rotation {
    /// Why the webhook, as it is stored, is not rolled; none if it is. `before` is what was noted of it when the rotation began.
    #[must_use]
    pub fn passes_over(&self, webhook: &Webhook, before: KeyBefore) -> Option<Settled> {
        if self.was_rolled_since(webhook, before) {
            return Some(Settled::Skipped(SkipReason::RolledSince));
        }
        let still_matches = self.orders.filter.accepts(webhook);
        (!still_matches).then_some(Settled::Skipped(SkipReason::NoLongerMatches))
    }

    /// Whether it has another current key than when the rotation began, or none any more. No clock is asked: one that was ahead once would
    /// have the webhook passed over for as long.
    fn was_rolled_since(&self, webhook: &Webhook, before: KeyBefore) -> bool {
        let current = webhook.key_ring.current().map(|current| current.id);
        match before {
            KeyBefore::Key(key) => current != Some(key),
            KeyBefore::None => current.is_some(),
            KeyBefore::NotNoted => self.was_rolled_since_by_clocks(webhook),
        }
    }

    /// The same for a rotation that was begun by a release which noted no keys. A ring says in whole seconds when it was rolled or its key
    /// removed; within the second in which the rotation began, the id of the key tells it.
    fn was_rolled_since_by_clocks(&self, webhook: &Webhook) -> bool {
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
