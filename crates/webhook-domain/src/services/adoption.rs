//! What is done when it was shown that a receiver verifies with a key.

use crate::access::caller::Acting;
use crate::error::{Refusal, ServiceError};
use crate::id::{RequestId, SigningKeyId};
use crate::ports::{Change, Effect};
use crate::services::Changing;
use crate::signing::key_ring::Evidence;
use crate::time::Instant;
use crate::webhook::{Happened, Webhook};

/// That a receiver verifies with a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof {
    /// The key.
    pub(super) key: SigningKeyId,
    /// How it was shown.
    pub(super) evidence: Evidence,
    /// When.
    pub(super) at: Instant,
}

impl Proof {
    /// Whether it says anything that is not known of `webhook`.
    pub(super) fn is_news_of(&self, webhook: &Webhook) -> bool {
        webhook.key_ring.is_news(self.key, self.evidence, self.at)
    }

    /// What comes of it for the webhook as it is stored. There is no audit record of it: nobody did anything.
    pub(super) fn change(&self, stored: &Webhook) -> Change {
        let proved = stored.clone().proved(self.key, self.evidence, self.at);
        let tells: &[Happened] = match (stored.key_ring.adoption(), proved.key_ring.adoption()) {
            (None, Some(_)) => &[Happened::SecretAdopted],
            (Some(_), None) => &[Happened::SecretAdoptionWithdrawn],
            _ if proved.key_ring == stored.key_ring => return Change::default(),
            _ => &[],
        };
        Change {
            effect: Effect::Save(Box::new(proved)),
            tells,
            ..Change::default()
        }
    }
}

impl Changing<'_> {
    /// Records what `proof` says of the webhook, which was seen as `seen`, in a transaction of its own, if it is news. Whether that key is
    /// the current one is decided there: a roll may have come between.
    ///
    /// # Errors
    /// The store's, or that of the source of randomness. Nothing is recorded then, unless the store says that it does not know.
    pub(super) async fn prove(&self, seen: &Webhook, proof: Proof) -> Result<(), ServiceError> {
        if !proof.is_news_of(seen) {
            return Ok(());
        }
        let request = RequestId::generate(self.entropy)?;
        let acting = Acting::as_service(seen.platform.clone(), request);
        let is_current = move |webhook: &Webhook| {
            let current = webhook.key_ring.current();
            current.is_some_and(|current| current.id == proof.key)
        };
        let was_current = is_current(seen);
        let decide = move |stored: &Webhook, _: &_| {
            // What was shown of the current key says nothing against the one that a roll has put in its place meanwhile.
            let is_overtaken = was_current && !is_current(stored);
            Ok(match is_overtaken {
                true => Change::default(),
                false => proof.change(stored),
            })
        };
        match self.decide(&acting, seen.id, None, proof.at, decide).await {
            // Deleted meanwhile: there is nothing to know of it.
            Ok(_) | Err(ServiceError::Refused(Refusal::NotFound { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
