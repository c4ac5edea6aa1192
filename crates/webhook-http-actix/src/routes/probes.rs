//! Sending something to a receiver at once: a test event to a webhook, or to one that is not stored, and what waits in the
//! penalty box.
//!
//! What was answered to a request with an `Idempotency-Key` is answered again without sending anything. A request that a
//! crash cut off is not known to have been made, and sends once more.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::{Instant, sleep};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::idempotency::IdempotencyKey;
use webhook_domain::services::{Expedited, Probed};

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::Problem;
use crate::openapi::bodies::CreateWebhook as CreateObject;
use crate::openapi::errors::{Always, ById, OnChange};
use crate::openapi::parameters::{Named, Platform, WebhookPath};
use crate::representation::ProbeJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, json, query};

/// How long is waited for what comes of a delivery: longer than an attempt takes.
const EXPEDITED_WITHIN: Duration = Duration::from_secs(15);
/// How often is looked whether something has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sends a test event to a webhook.
///
/// One event of type `WEBHOOK.TEST`, signed like any delivery with every secret that is valid, whether the webhook is active or
/// not. It goes past the queue, is sent once, and is not among the webhook's events. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{resourceId}/send-test",
    operation_id = "send_test",
    tag = "Webhooks",
    params(Platform, WebhookPath, Named),
    responses(
        (status = 200, description = "What the receiver said, or why it was not reached.", body = ProbeJson, headers(
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange,
    ),
)]
pub(crate) async fn send_test(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let probes = &core.api.probes;
    let send = async |acting: &Acting, id| Ok(probes.send_test(acting, id).await?);
    to_webhook(&request, payload, &core, send).await
}

/// Sends a test event to where a new webhook would send its deliveries.
///
/// Nothing is stored. The event is signed with a secret that is made for it and forgotten, so a receiver that verifies
/// signatures refuses it, and the answer says so. Needs `WEBHOOK.CREATE`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/test-connection",
    operation_id = "test_connection",
    tag = "Webhooks",
    params(Platform, Named),
    request_body(content = CreateObject),
    responses(
        (status = 200, description = "What the receiver said, or why it was not reached.", body = ProbeJson, headers(
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, OnChange,
    ),
)]
pub(crate) async fn test_connection(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(&request, &core, Permission::WebhookCreate).await?;
    query::none(&request)?;
    let key = idempotency::key(&request)?;
    let body = body::read(&request, payload, &core.limits).await?;
    if body.is_empty() {
        return Err(Problem::bad_request(
            "the body must be a JSON object that describes the webhook",
        ));
    }
    let settings = fields::create(json::parse_object(&body)?, &core.api.rules)?;
    let send = async || Ok(core.api.probes.test_connection(&acting, settings.clone()).await?);
    once(&core, &acting, key, &request, &body, send).await
}

/// Sends what waits in the penalty box again, now.
///
/// The event at the head of the webhook's queue is sent by whichever process has the queue, as its next retry; the answer
/// comes when that is over. A webhook that is not in the penalty box, or is inactive, is refused with 409. Needs
/// `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{resourceId}/send-penalty-box-payload",
    operation_id = "send_penalty_box_payload",
    tag = "Webhooks",
    params(Platform, WebhookPath, Named),
    responses(
        (status = 200, description = "What the receiver said, or why it was not reached.", body = ProbeJson, headers(
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange,
    ),
)]
pub(crate) async fn send_penalty_box_payload(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let probes = &core.api.probes;
    let send = async |acting: &Acting, id| outcome_of(&core, probes.expedite(acting, id).await?).await;
    to_webhook(&request, payload, &core, send).await
}

/// Waits for what comes of a delivery whose time has come.
async fn outcome_of(core: &Core, expedited: Expedited) -> Result<Probed, Problem> {
    let ends = Instant::now() + EXPEDITED_WITHIN;
    loop {
        let probed = core.api.probes.since(&expedited).await?;
        if probed != Probed::StillWaiting || Instant::now() >= ends {
            return Ok(probed);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Has `send` find out something about the webhook that the path names.
async fn to_webhook(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    send: impl AsyncFnOnce(&Acting, WebhookId) -> Result<Probed, Problem>,
) -> Result<HttpResponse, Problem> {
    let id = context::webhook_id(request);
    let about = id.as_ref().ok().copied();
    let sent = async {
        let acting = context::acting(request, core, Permission::WebhookUpdate).await?;
        let id = id?;
        query::none(request)?;
        let key = idempotency::key(request)?;
        let body = body::read_none(request, payload, &core.limits).await?;
        once(core, &acting, key, request, &body, async || {
            send(&acting, id).await
        })
        .await
    };
    sent.await.map_err(|problem: Problem| problem.about(about))
}

/// Answers with what `send` finds out, or with what it found out when the same request was made before.
async fn once(
    core: &Core,
    acting: &Acting,
    key: Option<IdempotencyKey>,
    request: &HttpRequest,
    body: &Bytes,
    send: impl AsyncFnOnce() -> Result<Probed, Problem>,
) -> Result<HttpResponse, Problem> {
    let named = idempotency::turn(core, acting, key, request, body, Success::Changed).await?;
    let named = named.as_ref().map(idempotency::Named::request);
    let probes = &core.api.probes;
    if let Some(earlier) = probes.earlier(acting, named.as_ref()).await? {
        return answer::of_change(core, acting, &earlier, Success::Changed);
    }
    let probed = send().await?;
    let outcome = probes.answer(acting, probed, named.as_ref()).await?;
    answer::of_change(core, acting, &outcome, Success::Changed)
}

/// Any other method on a path that sends something to a webhook.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let about = context::webhook_id(&request).ok();
    let refused = refuse_method(&request, &core, &[Method::POST]).await;
    refused.map_err(|problem| problem.about(about))
}
