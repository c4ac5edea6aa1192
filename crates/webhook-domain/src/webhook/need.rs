//! Why a webhook needs somebody, and lists of those that do: in the order in which a store has noted them, so that a list costs what it
//! shows, however many webhooks there are.

use super::Webhook;
use crate::id::WebhookId;
use crate::time::Instant;

/// Why somebody should look at a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Its queue is held up.
    HeldUp,
    /// Its current key is due for a roll.
    RollDue,
    /// A retired key of it stops by this instant, or is kept another day by then, and nobody has shown that its receiver verifies with the
    /// current key.
    KeyStops {
        /// The last instant.
        by: Instant,
    },
}

/// Where a webhook stands in such a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeedPlace {
    /// When its key is due, or somebody has to look after its retired keys; the same for all queues that are held up.
    pub at: Instant,
    /// Which webhook.
    pub webhook: WebhookId,
}

/// Which webhooks that need somebody are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedQuery {
    /// Why they do.
    pub need: Need,
    /// When that is judged.
    pub at: Instant,
    /// Those behind this place.
    pub after: Option<NeedPlace>,
    /// At most so many.
    pub limit: u32,
    /// How far all of them are counted.
    pub count_to: u32,
}

/// Webhooks that need somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedPage {
    /// Those of the page. A page that is not the last may have fewer than were asked for.
    pub webhooks: Vec<Webhook>,
    /// Behind which place the next page begins, if there is one.
    pub next: Option<NeedPlace>,
    /// How many there are, as far as they are counted.
    pub total: u64,
}

impl Webhook {
    /// Where this stands among those that need somebody; nowhere if it does not. It must have been read with what holds its queue up.
    #[must_use]
    pub fn place_among(&self, need: Need, at: Instant) -> Option<NeedPlace> {
        let place = |at| NeedPlace { at, webhook: self.id };
        match need {
            Need::HeldUp => self
                .held_up
                .as_ref()
                .map(|_| place(Instant::from_milliseconds(0))),
            Need::RollDue => self
                .noted_roll_due()
                .filter(|_| self.is_roll_due(at))
                .map(|noted| place(noted.at)),
            Need::KeyStops { by } => {
                self.unadopted_end(at)?;
                let noted = self.key_ring.next_expiry()?;
                (noted <= by).then(|| place(noted))
            }
        }
    }

    /// When the next of the retired keys that sign at `now` is said to stop, if nobody has shown that the receiver verifies with the current
    /// one.
    #[must_use]
    pub fn unadopted_end(&self, now: Instant) -> Option<Instant> {
        let ring = &self.key_ring;
        let retired = ring.retired_at(now).filter(|_| ring.adoption().is_none());
        retired.map(|retired| ring.expiry_of(retired, now)).min()
    }
}

#[cfg(any(test, feature = "test-support"))]
impl NeedPage {
    /// The page that `query` asks for of `webhooks`, which are all of a platform.
    #[must_use]
    pub fn of(webhooks: impl IntoIterator<Item = Webhook>, query: &NeedQuery) -> Self {
        let place = |webhook: Webhook| Some((webhook.place_among(query.need, query.at)?, webhook));
        let mut all: Vec<_> = webhooks.into_iter().filter_map(place).collect();
        all.sort_by_key(|(place, _)| *place);
        let total = (all.len() as u64).min(query.count_to.into());
        all.retain(|(place, _)| query.after.is_none_or(|after| after < *place));
        let has_more = all.len() > query.limit as usize;
        all.truncate(query.limit as usize);
        Self {
            next: all.last().filter(|_| has_more).map(|(place, _)| *place),
            webhooks: all.into_iter().map(|(_, webhook)| webhook).collect(),
            total,
        }
    }
}
