//! The store of events, and of their deliveries.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Outcome;
use crate::access::quota::Quota;
use crate::delivery::attempt::Attempt;
use crate::delivery::event::{Event, JsonText};
use crate::delivery::key_use::KeyUse;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::{ServiceError, StoreError};
use crate::id::{DeliveryId, EventId, PlatformId, RequestId, WebhookId};
use crate::idempotency::Idempotency;
use crate::signing::secret::Fingerprint;
use crate::time::Instant;
use crate::webhook::{Action, Happened};

/// An event that is to be published.
pub struct Publication {
    /// The event.
    pub event: Event,
    /// How many deliveries may wait on its platform, if that is limited.
    pub quota: Option<Quota>,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<Published>>,
}

/// An event that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The event.
    pub event: Event,
    /// To how many webhooks it goes.
    pub deliveries: u64,
}

/// A delivery that is to be put at the end of its webhook's queue again.
pub struct Resend {
    /// The platform it must belong to.
    pub platform: PlatformId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// When.
    pub at: Instant,
    /// How many deliveries may wait on its platform, if that is limited.
    pub quota: Option<Quota>,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<TrackedDelivery>>,
}

/// A delivery that is to be given up.
pub struct GiveUp {
    /// The platform it must belong to.
    pub platform: PlatformId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// When.
    pub at: Instant,
    /// What tells of it, if anything does.
    pub telling: Option<Telling>,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<TrackedDelivery>>,
}

/// Writes a delivery as receivers are to read it: without what it says and what was answered.
pub type DescribeDelivery = fn(&ListedDelivery) -> JsonText;

/// What becomes an event that a delivery was given up, if it is.
#[derive(Debug, Clone)]
pub struct Telling {
    /// The event's id.
    pub id: EventId,
    /// The request that asked for it.
    pub request: Option<RequestId>,
    /// What the event says.
    pub describe: DescribeDelivery,
}

impl Telling {
    /// The event that says that a delivery of an event of this action was given up after `last`, its last attempt. None if it was one of the service's
    /// own: what befalls those is told to nobody.
    #[must_use]
    pub fn event(&self, delivery: &Delivery, action: &Action, last: Option<&Attempt>) -> Option<Event> {
        let DeliveryStatus::Failed { at } = delivery.status else {
            return None;
        };
        let given_up = ListedDelivery {
            delivery: delivery.clone(),
            action: action.clone(),
            attempts: last.cloned().into_iter().collect(),
        };
        (!action.is_of_service()).then(|| Event {
            id: self.id,
            platform: delivery.platform.clone(),
            action: Action::of_service(Happened::EventGivenUp.action()),
            data: (self.describe)(&given_up),
            previous_data: None,
            original_request_id: self.request.clone(),
            trace: None,
            created_at: at,
        })
    }
}

/// Which deliveries of a webhook that have come to their end are looked for, to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedQuery {
    /// The platform of the webhook.
    pub platform: PlatformId,
    /// The webhook.
    pub webhook: WebhookId,
    /// Those of events published then or later.
    pub created_after: Instant,
    /// Those of events published before.
    pub created_before: Option<Instant>,
    /// Those of this status alone, by its name.
    pub status: Option<&'static str>,
    /// At most so many.
    pub limit: usize,
}

/// Deliveries of one webhook that are to be put at the end of its queue again, in this order. They may be a part of what was asked for.
pub struct ResendMany {
    /// The platform of the webhook.
    pub platform: PlatformId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The deliveries. One that waits already or is no more is passed over.
    pub deliveries: Vec<DeliveryId>,
    /// For how many the quota must have room: for those of all parts in the first one, and for none in those after it. They count all
    /// the same.
    pub room_for: u64,
    /// How many were put there by the parts before.
    pub before: u64,
    /// How many deliveries may wait on the platform, if that is limited.
    pub quota: Option<Quota>,
    /// Whether this is the last part: it is with this one that the answer is stored.
    pub is_last: bool,
    /// When.
    pub at: Instant,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<Resent>>,
}

/// What came of sending many again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resent {
    /// The webhook.
    pub webhook: WebhookId,
    /// How many were put at the end of its queue, by this part and those before.
    pub deliveries: u64,
}

/// A delivery with what it delivers, and the attempts so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedDelivery {
    /// How far it has come.
    pub delivery: Delivery,
    /// What is delivered.
    pub event: Event,
    /// What was tried, oldest first: the last [`MAX_ATTEMPTS`] of them.
    pub attempts: Vec<Attempt>,
}

/// A delivery as a list shows it: without what it says, which may be long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDelivery {
    /// How far it has come.
    pub delivery: Delivery,
    /// What happened.
    pub action: Action,
    /// What was tried, oldest first: the last [`MAX_ATTEMPTS`] of them.
    pub attempts: Vec<Attempt>,
}

/// What waits on a platform, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Deliveries that are to be sent, those that are held up among them. Not those to webhooks that may not be sent to.
    pub waiting: u64,
    /// Whether there may be more than were counted.
    pub has_more: bool,
    /// When the event was published that has waited for longest at the head of a queue that nothing holds up. Not of those that are sent
    /// again on request.
    pub oldest_due: Option<Instant>,
}

impl Backlog {
    /// How many deliveries are counted, in at most as many queues.
    pub const MOST_COUNTED: u64 = 10_000;
}

/// How many attempts of one delivery are kept.
pub const MAX_ATTEMPTS: usize = 100;

/// Which deliveries a list is of: those that were queued last come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryQuery {
    /// Those to this webhook alone.
    pub webhook: Option<WebhookId>,
    /// Those of this event alone.
    pub event: Option<EventId>,
    /// Those of events of this action alone.
    pub action: Option<Action>,
    /// Those of this status alone, by its name.
    pub status: Option<&'static str>,
    /// Those of events published then or later.
    pub created_after: Option<Instant>,
    /// Those of events published before.
    pub created_before: Option<Instant>,
    /// Those of which a kept attempt was signed with this key.
    pub signed_with: Option<Fingerprint>,
    /// So many fewer of those that would come first.
    pub skip: u64,
    /// Those that come after this one in the list.
    pub after: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
}

/// Keeps events until all of their deliveries have come to an end and they are old enough.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Saves the event, and for each webhook of the platform that wants it a delivery at the end of its queue, and the
    /// answer, in one transaction. An answer stored earlier for the same request is given again instead.
    ///
    /// Queues have one order for all processes: what was published before the answer to another publication was given
    /// stands before what is published after it.
    ///
    /// The quota is judged on all of the event's deliveries: if they would pass it, there is none of them, and no event. Whatever is
    /// published at the same moment, in whatever process, they do not pass it together. What the service announces is not judged. A
    /// store may notice late that deliveries have come to their end, as long as it never takes more than it may.
    ///
    /// # Errors
    /// [`Refusal::OverQuota`](crate::Refusal::OverQuota),
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn publish(&self, publication: Publication) -> Result<Outcome<Published>, ServiceError>;

    /// The delivery with this id.
    ///
    /// # Errors
    /// The store's.
    async fn find_delivery(
        &self,
        platform: &PlatformId,
        id: DeliveryId,
    ) -> Result<Option<TrackedDelivery>, StoreError>;

    /// The platform's deliveries that `query` asks for. Those that were queued last come first.
    ///
    /// # Errors
    /// The store's.
    async fn deliveries(
        &self,
        platform: &PlatformId,
        query: DeliveryQuery,
    ) -> Result<Vec<ListedDelivery>, StoreError>;

    /// What waits on the platform: no more than [`Backlog::MOST_COUNTED`] deliveries are counted, so that it costs no more than they do,
    /// whatever else waits and has been delivered. That a webhook may not be sent to any more may be noticed a moment late.
    ///
    /// # Errors
    /// The store's.
    async fn backlog(&self, platform: &PlatformId) -> Result<Backlog, StoreError>;

    /// How many deliveries are in the queues of these webhooks of the platform, each counted no further than `count_to`, so that it costs
    /// no more than they do. Nothing is said of a webhook that the platform does not have.
    ///
    /// # Errors
    /// The store's.
    async fn queued(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
        count_to: u32,
    ) -> Result<BTreeMap<WebhookId, u64>, StoreError>;

    /// What a key has signed for a webhook of the platform, counted from the attempts that are kept; nothing if there are none. The
    /// webhook may be gone. It costs what the webhook's deliveries of the time of the key do, and not what those of the platform do.
    ///
    /// # Errors
    /// The store's.
    async fn use_of_key(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        key: &Fingerprint,
    ) -> Result<KeyUse, StoreError>;

    /// Puts a delivery that has come to its end at the end of its webhook's queue, as
    /// [`Delivery::resent`] says, and saves the answer, in one transaction.
    ///
    /// # Errors
    /// [`Refusal::NotFound`](crate::Refusal::NotFound), [`Refusal::StillPending`](crate::Refusal::StillPending),
    /// [`Refusal::OverQuota`](crate::Refusal::OverQuota),
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError>;

    /// Gives up a delivery that waits, as [`Delivery::given_up`] says, and saves the answer, in one transaction. If it stands at the
    /// head of its lane, the next one's turn comes ([`LaneState::without_head`](crate::delivery::lane::LaneState::without_head)). Whoever has
    /// read it from the lane is told by [`Lane::withdrawn`](super::Lane::withdrawn). A success of an attempt that was under way is
    /// recorded all the same, and ends the delivery in its stead.
    ///
    /// # Errors
    /// [`Refusal::NotFound`](crate::Refusal::NotFound), [`Refusal::NotPending`](crate::Refusal::NotPending),
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn give_up(&self, give_up: GiveUp) -> Result<Outcome<TrackedDelivery>, ServiceError>;

    /// The deliveries that `query` asks for, those of the events that were published first before the others; of one instant, in the
    /// order in which they were queued.
    ///
    /// # Errors
    /// The store's.
    async fn ended(&self, query: EndedQuery) -> Result<Vec<DeliveryId>, StoreError>;

    /// Puts deliveries at the end of their webhook's queue, and saves the answer with the last part, in one transaction.
    ///
    /// # Errors
    /// [`Refusal::NotFound`](crate::Refusal::NotFound) if the webhook is no more,
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn resend_many(&self, resend: ResendMany) -> Result<Outcome<Resent>, ServiceError>;

    /// Forgets up to `limit` events published before `before`, with their deliveries: those of which no delivery waits any
    /// more, unless for a webhook that is no more. Says how many.
    ///
    /// # Errors
    /// The store's.
    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError>;

    /// Has up to `limit` events that were published later than `latest`, by a clock that was ahead, and of which no delivery waits any
    /// more, count as published at `now`, and says how many.
    ///
    /// # Errors
    /// The store's.
    async fn bring_back_events(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError>;
}
