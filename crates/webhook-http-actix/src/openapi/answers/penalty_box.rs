//! What holds a webhook's queue up, and what sending something at once has found out.

use utoipa::PartialSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};

use super::CompleteObject;
use crate::openapi::shared::{Component, FAILURE_CAUSE};
use crate::openapi::values::{boolean, instant, one, or_null, string};
use crate::representation::ProbeJson;

pub(crate) const PENALTY_BOX_DATA: Component = Component("PenaltyBoxData", penalty_box_data);

/// The data of a penalty box.
fn penalty_box_data() -> RefOr<Schema> {
    let number = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .description(Some(description))
    };
    let payload = ObjectBuilder::new().schema_type(Type::String).description(Some(
        "The body of the delivery at the head of the queue, as text. Null in a list of webhooks, when nothing is queued, and for callers \
         without `WEBHOOK_EVENT.VIEW`.",
    ));
    CompleteObject::new("What holds the webhook's queue up.")
        .with(
            "retry_count",
            one(number("How often what is at the head was sent again.")),
        )
        .with(
            "retry_at",
            or_null(instant("When it is sent again, at the latest.")),
        )
        .with(
            "status_code",
            or_null(number("What the receiver answered last, if it did.")),
        )
        .with("cause", FAILURE_CAUSE.or_null("Why the last attempt failed."))
        .with("payload", or_null(payload))
        .schema()
}

impl PartialSchema for ProbeJson {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new("What came of something that was sent at once.")
            .with("successful", one(boolean("Whether the receiver answered 2xx.")))
            .with(
                "message",
                one(string("What it answered, or why it did not, for people.")),
            )
            .with(
                "response_body",
                or_null(string(
                    "The first KiB of what it answered, if that was not 2xx and said something soon. Credentials, secrets and \
                     signatures in it are replaced by `[redacted]`. Null for callers who may not see the event that was sent.",
                )),
            )
            .schema()
    }
}
