//! An event, and an event on its way to a webhook, as clients see them.

use serde::Serialize;
use serde_json::value::RawValue;
use webhook_domain::delivery::Delivery;
use webhook_domain::delivery::attempt::{Attempt, FailureCause, ResponseBody, StatusCode};
use webhook_domain::delivery::event::Environment;
use webhook_domain::id::{DeliveryId, EventId, WebhookId};
use webhook_domain::ports::{ListedDelivery, Published, Resent, TrackedDelivery};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Action;

use super::AsText;

/// An event that was published, as JSON.
#[derive(Serialize)]
pub struct EventJson<'a> {
    object_type: &'static str,
    id: AsText<EventId>,
    r#type: &'a str,
    created_at: AsText<Instant>,
    webhook_events: u64,
}

impl<'a> EventJson<'a> {
    /// `published`, without what it says.
    #[must_use]
    pub fn new(published: &'a Published) -> Self {
        let event = &published.event;
        Self {
            object_type: "EVENT",
            id: AsText(event.id),
            r#type: event.action.as_str(),
            created_at: AsText(event.created_at),
            webhook_events: published.deliveries,
        }
    }
}

/// How many events are sent again, as JSON.
#[derive(Serialize)]
pub struct ResentJson {
    resent: u64,
}

impl ResentJson {
    /// What came of sending many again.
    #[must_use]
    pub const fn new(resent: &Resent) -> Self {
        Self {
            resent: resent.deliveries,
        }
    }
}

/// An event on its way to a webhook, as JSON.
#[derive(Serialize)]
pub struct WebhookEventJson<'a> {
    object_type: &'static str,
    id: AsText<DeliveryId>,
    event_id: AsText<EventId>,
    webhook_id: AsText<WebhookId>,
    r#type: &'a str,
    status: &'static str,
    created_at: AsText<Instant>,
    payload: Option<Box<RawValue>>,
    attempts: Vec<AttemptJson<'a>>,
}

/// One try to deliver.
#[derive(Serialize)]
struct AttemptJson<'a> {
    at: AsText<Instant>,
    status_code: Option<u16>,
    duration_ms: u64,
    cause: Option<&'static str>,
    response_body: Option<&'a str>,
    key_fingerprints: Vec<&'a str>,
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
            payload: as_json(delivery.payload(event, environment)),
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
            object_type: "WEBHOOK_EVENT",
            id: AsText(delivery.id),
            event_id: AsText(delivery.event),
            webhook_id: AsText(delivery.webhook),
            r#type: action.as_str(),
            status: delivery.status.name(),
            created_at: AsText(delivery.created_at),
            payload: None,
            attempts: attempts.iter().map(attempt).collect(),
        }
    }
}

/// What is delivered: JSON in UTF-8, the domain puts it together of nothing else.
pub(crate) fn as_json(payload: Vec<u8>) -> Option<Box<RawValue>> {
    let payload = String::from_utf8(payload).ok()?;
    RawValue::from_string(payload).ok()
}

fn attempt(attempt: &Attempt) -> AttemptJson<'_> {
    AttemptJson {
        at: AsText(attempt.at),
        status_code: attempt.status().map(StatusCode::get),
        duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
        cause: attempt.cause().map(FailureCause::name),
        response_body: attempt.response_body.as_ref().map(ResponseBody::as_str),
        key_fingerprints: attempt.key_fingerprints.iter().map(Fingerprint::as_str).collect(),
    }
}
