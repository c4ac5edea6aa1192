//! An event on its way to a webhook, as clients see it.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::delivery::attempt::{Attempt, CredentialsTaken, FailureCause, ResponseBody, StatusCode};
use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::delivery::{Delivery, DeliveryStatus};
use webhook_domain::id::{DeliveryId, EventId, WebhookId};
use webhook_domain::ports::{ListedDelivery, TrackedDelivery};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Action;

use super::answer::answer;
use super::schemas::{AsText, ByName, Described, FingerprintText};
use crate::openapi::delivery::DELIVERY;

answer! {
    /// An event on its way to a webhook.
    #[document("WebhookEvent", object_type = "WEBHOOK_EVENT")]
    pub struct WebhookEventJson<'a> {
        /// Which one.
        id: AsText<DeliveryId> = "whe_01hv9k2m4rt6w8y0abcdefghjk",
        /// The event.
        event_id: AsText<EventId> = "evt_01hv9k2m4rt6w8y0abcdefghjk",
        /// The webhook.
        webhook_id: AsText<WebhookId> = "whk_01hv9k2m4rt6w8y0abcdefghjk",
        /// What happened.
        r#type: AsText<&'a Action> = "INVOICE.CREATED",
        /// How far it has come.
        status: ByName<DeliveryStatus> = "PENDING",
        /// When the event was published.
        created_at: AsText<Instant> = "2024-04-12T15:22:37Z",
        /// What is delivered. Null in a list.
        payload: Option<Payload> = null,
        /// What was tried, oldest first.
        attempts: Vec<AttemptJson<'a>> = [],
    }
}

answer! {
    /// One try to deliver.
    #[document("Attempt")]
    pub(crate) struct AttemptJson<'a> {
        /// When it began.
        at: AsText<Instant>,
        /// What the receiver answered.
        status_code: Option<u16>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Why it failed.
        cause: Option<ByName<FailureCause>>,
        /// The first KiB of what the receiver answered, if it took nothing and said something soon. Credentials, secrets and
        /// signatures in it are replaced by `[redacted]`. Null in a list.
        response_body: Option<&'a str>,
        /// The secrets it was signed with, newest first.
        key_fingerprints: Vec<FingerprintText<'a>>,
        /// The credentials that it ended with. `PREVIOUS`: the receiver answered 401 or 403 to the webhook's own, and was asked once more
        /// with those before.
        credentials: ByName<CredentialsTaken>,
    }
}

impl<'a> WebhookEventJson<'a> {
    /// `tracked`, whole, as a deployment of this environment delivers it.
    #[must_use]
    pub fn new(tracked: &'a TrackedDelivery, environment: Environment) -> Self {
        let TrackedDelivery {
            delivery,
            event,
            attempts,
        } = tracked;
        Self {
            payload: Payload::of(delivery.payload(event, environment)),
            ..Self::without_payload(delivery, &event.action, attempts)
        }
    }

    /// `listed`, without what is delivered and what was answered.
    #[must_use]
    pub fn listed(listed: &'a ListedDelivery) -> Self {
        let mut shown = Self::without_payload(&listed.delivery, &listed.action, &listed.attempts);
        for attempt in &mut shown.attempts {
            attempt.response_body = None;
        }
        shown
    }

    fn without_payload(delivery: &Delivery, action: &'a Action, attempts: &'a [Attempt]) -> Self {
        Self {
            object_type: Self::OBJECT_TYPE,
            id: AsText(delivery.id),
            event_id: AsText(delivery.event),
            webhook_id: AsText(delivery.webhook),
            r#type: AsText(action),
            status: ByName(delivery.status),
            created_at: AsText(delivery.created_at),
            payload: None,
            attempts: attempts.iter().map(attempt).collect(),
        }
    }
}

/// A delivery as the receivers of events about deliveries see it: without what is delivered and what was answered.
#[must_use]
pub fn described_delivery(listed: &ListedDelivery) -> JsonText {
    JsonText::of(&WebhookEventJson::listed(listed))
}

fn attempt(attempt: &Attempt) -> AttemptJson<'_> {
    let fingerprints = attempt.key_fingerprints.iter();
    AttemptJson {
        at: AsText(attempt.at),
        status_code: attempt.status().map(StatusCode::get),
        duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
        cause: attempt.cause().map(ByName),
        response_body: attempt.response_body.as_ref().map(ResponseBody::as_str),
        key_fingerprints: fingerprints.map(|key| FingerprintText(key.as_str())).collect(),
        credentials: ByName(attempt.credentials),
    }
}

/// What is delivered: JSON in UTF-8, the domain puts it together of nothing else.
#[derive(Serialize)]
struct Payload(Box<RawValue>);

impl Payload {
    fn of(payload: Vec<u8>) -> Option<Self> {
        let payload = String::from_utf8(payload).ok()?;
        RawValue::from_string(payload).ok().map(Self)
    }
}

impl Described for Payload {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        DELIVERY.of(says, nullable)
    }
}
