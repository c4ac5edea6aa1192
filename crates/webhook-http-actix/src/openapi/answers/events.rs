//! Events, and events on their way to webhooks.

use utoipa::PartialSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use webhook_domain::id::{DeliveryId, EventId, WebhookId};

use super::{CompleteObject, WHAT, WebhookEventList, one_way, reference};
use crate::openapi::delivery::DELIVERY;
use crate::openapi::shared::{ACTION, Component, FAILURE_CAUSE, WEBHOOK_EVENT_STATUS};
use crate::openapi::values::{constant, fingerprint, id, instant, list, one, or_null, string};
use crate::representation::{EventJson, ResentJson, WebhookEventJson};

impl PartialSchema for EventJson<'_> {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .description(Some("To how many webhooks it goes."));
        CompleteObject::new("An event that was published.")
            .with("object_type", constant("EVENT", WHAT))
            .with(
                "id",
                one(id(
                    EventId::PREFIX,
                    "The event's id; receivers see it as `webhook-id`.",
                )),
            )
            .with("type", ACTION.one("What happened."))
            .with("created_at", one(instant("When it was published.")))
            .with("webhook_events", one(count))
            .schema()
    }
}

pub(in crate::openapi) const ATTEMPT: Component = Component("Attempt", attempt);

/// One try to deliver.
fn attempt() -> RefOr<Schema> {
    let number = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .description(Some(description))
    };
    CompleteObject::new("One try to deliver.")
        .with("at", one(instant("When it began.")))
        .with("status_code", or_null(number("What the receiver answered.")))
        .with("duration_ms", one(number("How long it took, in milliseconds.")))
        .with("cause", FAILURE_CAUSE.or_null("Why it failed."))
        .with(
            "response_body",
            or_null(string(
                "The first KiB of what the receiver answered, if it took nothing and said something soon. Credentials, \
                 secrets and signatures in it are replaced by `[redacted]`. Null in a list.",
            )),
        )
        .with(
            "key_fingerprints",
            list(
                one(fingerprint("")),
                "The secrets it was signed with, newest first.",
            ),
        )
        .schema()
}

impl PartialSchema for ResentJson {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .description(Some("How many events are in the queue again."));
        CompleteObject::new("What came of sending events again.")
            .with("resent", one(count))
            .schema()
    }
}

impl PartialSchema for WebhookEventJson<'_> {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new("An event on its way to a webhook.")
            .with("object_type", constant("WEBHOOK_EVENT", WHAT))
            .with("id", one(id(DeliveryId::PREFIX, "Which one.")))
            .with("event_id", one(id(EventId::PREFIX, "The event.")))
            .with("webhook_id", one(id(WebhookId::PREFIX, "The webhook.")))
            .with("type", ACTION.one("What happened."))
            .with("status", WEBHOOK_EVENT_STATUS.one("How far it has come."))
            .with("created_at", one(instant("When the event was published.")))
            .with("payload", DELIVERY.or_null("What is delivered. Null in a list."))
            .with("attempts", list(ATTEMPT.one(""), "What was tried, oldest first."))
            .schema()
    }
}

impl PartialSchema for WebhookEventList {
    fn schema() -> RefOr<Schema> {
        one_way(
            reference::<WebhookEventJson<'_>>(),
            "Events on their way to webhooks; those that were queued last come first.",
        )
    }
}
