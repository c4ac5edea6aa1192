//! Sending something to a receiver at once: a test event to a webhook, or to one that is not stored, and what waits in the
//! penalty box.
//!
//! What was answered to a request with an `Idempotency-Key` is answered again without sending anything. A request that a
//! crash cut off is not known to have been made, and sends once more.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::idempotency::IdempotencyKey;
use webhook_domain::services::Probed;
use webhook_front_actix::expedited::outcome_of;

use crate::answer::Success;
use crate::errors::Problem;
use crate::openapi::parameters::WebhookPath;
use crate::paths;
use crate::request::call::Call;
use crate::request::json;
use crate::wire::{self, CreateWebhook, ProbeJson};

/// Sends a test event to a webhook.
///
/// One event of type `WEBHOOK.TEST`, signed like any delivery with every secret that is valid, whether the webhook is active or
/// not. It goes past the queue, is sent once, and is not among the webhook's events. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = paths::SEND_TEST,
    operation_id = "send_test",
    tag = "Webhooks",
    params(WebhookPath),
    responses((status = 200, description = "What the receiver said, or why it was not reached.", body = ProbeJson)),
)]
pub(crate) async fn send_test(call: Call) -> Result<HttpResponse, Problem> {
    let send = async |call: &Call, acting: &Acting, id| Ok(call.api().probes.send_test(acting, id).await?);
    to_webhook(call, send).await
}

/// Sends a test event to where a new webhook would send its deliveries.
///
/// Nothing is stored. The event is signed with a secret that is made for it and forgotten, so a receiver that verifies
/// signatures refuses it, and the answer says so. Needs `WEBHOOK.CREATE`.
#[utoipa::path(
    post,
    path = paths::TEST_CONNECTION,
    operation_id = "test_connection",
    tag = "Webhooks",
    request_body(content = CreateWebhook),
    responses((status = 200, description = "What the receiver said, or why it was not reached.", body = ProbeJson)),
)]
pub(crate) async fn test_connection(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookCreate).await?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.required_body("describes the webhook").await?;
    let (settings, _) = wire::create(json::parse_object(&body)?, &call.api().rules)?;
    let send = async || {
        Ok(call
            .api()
            .probes
            .test_connection(&acting, settings.clone())
            .await?)
    };
    once(&call, &acting, key, &body, send).await
}

/// Sends what waits in the penalty box again, now.
///
/// The event at the head of the webhook's queue is sent by whichever process has the queue, as its next retry; the answer
/// comes when that is over. A webhook that is not in the penalty box, or is inactive, is refused with 409. Needs
/// `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = paths::SEND_PENALTY_BOX_PAYLOAD,
    operation_id = "send_penalty_box_payload",
    tag = "Webhooks",
    params(WebhookPath),
    responses((status = 200, description = "What the receiver said, or why it was not reached.", body = ProbeJson)),
)]
pub(crate) async fn send_penalty_box_payload(call: Call) -> Result<HttpResponse, Problem> {
    let send = async |call: &Call, acting: &Acting, id| {
        let expedited = call.api().probes.expedite(acting, id).await?;
        Ok(outcome_of(&call.api().probes, &expedited).await?)
    };
    to_webhook(call, send).await
}

/// Has `send` find out something about the webhook that the path names.
async fn to_webhook(
    mut call: Call,
    send: impl AsyncFnOnce(&Call, &Acting, WebhookId) -> Result<Probed, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.without_body().await?;
    once(&call, &acting, key, &body, async || {
        send(&call, &acting, id).await
    })
    .await
}

/// Answers with what `send` finds out, or with what it found out when the same request was made before.
async fn once(
    call: &Call,
    acting: &Acting,
    key: Option<IdempotencyKey>,
    body: &Bytes,
    send: impl AsyncFnOnce() -> Result<Probed, Problem>,
) -> Result<HttpResponse, Problem> {
    let turn = call.turn(acting, key, body, Success::Changed).await?;
    let request = turn.request();
    let probes = &call.api().probes;
    if let Some(earlier) = probes.earlier(acting, request.as_ref()).await? {
        return turn.answer(&call.core, acting, &earlier).await;
    }
    let probed = send().await?;
    let outcome = probes.answer(acting, probed, request.as_ref()).await?;
    turn.answer(&call.core, acting, &outcome).await
}
