//! `/v1/webhooks/{resourceId}/replay`: sending a webhook again what it was sent in a time.

use actix_web::HttpResponse;
use webhook_domain::access::permission::Permission;
use webhook_domain::services::Replay;

use crate::answer::Success;
use crate::errors::Problem;
use crate::openapi::parameters::WebhookPath;
use crate::paths;
use crate::request::call::Call;
use crate::request::json;
use crate::wire::{self, ReplayBody, ResentJson};

/// Sends events to a webhook again.
///
/// Those of a time that have come to their end, `SUCCEEDED` or `FAILED`, go to the end of the webhook's queue in the order in which they
/// were published, each under the same `webhook-id`; what is in the queue already stays where it is. At most 100,000 at a time:
/// beyond that 409, and nothing is sent. Needs `WEBHOOK_EVENT.RESEND`.
#[utoipa::path(
    post,
    path = paths::REPLAY,
    operation_id = "replay_webhook_events",
    tag = "Events",
    params(WebhookPath),
    request_body(content = ReplayBody),
    responses((status = 202, description = "They are in the queue.", body = ResentJson)),
)]
pub(crate) async fn replay(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    let webhook = call.webhook_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call
        .required_body("says since when events are sent again")
        .await?;
    let replay = wire::replay(json::parse_object(&body)?, webhook)?;
    let turn = call.turn(&acting, key, &body, Success::Accepted).await?;
    let replay = Replay {
        idempotent: turn.request(),
        ..replay
    };
    let outcome = call.api().events.replay(&acting, replay).await?;
    turn.answer(&call.core, &acting, &outcome).await
}
