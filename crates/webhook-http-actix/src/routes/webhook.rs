//! `/v1/webhooks/{resourceId}`: reading a webhook, changing its settings, deleting it.

use actix_web::HttpResponse;
use webhook_domain::access::permission::Permission;
use webhook_domain::services::{DeleteWebhook, UpdateWebhook};

use crate::answer::{self, Success};
use crate::errors::Problem;
use crate::openapi::parameters::{IfMatch, WebhookPath};
use crate::paths;
use crate::request::call::Call;
use crate::request::json;
use crate::wire::{self, Keys, UpdateWebhook as UpdateObject, WebhookJson};

/// Reads a webhook.
///
/// Its secrets are in the answer for a caller with `WEBHOOK.REVEAL`; each such reading is audited. Needs
/// `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = paths::WEBHOOK,
    operation_id = "read_webhook",
    tag = "Webhooks",
    params(WebhookPath),
    responses((status = 200, description = "The webhook.", body = WebhookJson<'_>)),
)]
pub(crate) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id = call.webhook_id()?;
    call.without_query()?;
    let seen = call.api().webhooks.read(&acting, id).await?;
    let keys = match seen.revealed {
        true => Keys::Shown,
        false => Keys::Withheld,
    };
    answer::of_read(&call.core, &acting, &seen.webhook, keys)
}

/// Changes a webhook's settings.
///
/// Its secrets stay as they are and are not shown. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    patch,
    path = paths::WEBHOOK,
    operation_id = "update_webhook",
    tag = "Webhooks",
    params(WebhookPath, IfMatch),
    request_body(content = UpdateObject),
    responses((status = 200, description = "The webhook as it is now.", body = WebhookJson<'_>)),
)]
pub(crate) async fn update(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let precondition = call.precondition()?;
    let body = call.required_body("says what is to change").await?;
    let update = wire::update(json::parse_object(&body)?, &call.api().rules)?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let update = UpdateWebhook {
        update,
        precondition,
        idempotent: turn.request(),
    };
    let outcome = call.api().webhooks.update(&acting, id, update).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Deletes a webhook.
///
/// Its secrets are erased with it and sign nothing any more. Needs `WEBHOOK.DELETE`.
#[utoipa::path(
    delete,
    path = paths::WEBHOOK,
    operation_id = "delete_webhook",
    tag = "Webhooks",
    params(WebhookPath, IfMatch),
    responses((status = 200, description = "The webhook as it was.", body = WebhookJson<'_>)),
)]
pub(crate) async fn delete(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookDelete).await?;
    let id = call.webhook_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let precondition = call.precondition()?;
    let body = call.without_body().await?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let delete = DeleteWebhook {
        precondition,
        idempotent: turn.request(),
    };
    let outcome = call.api().webhooks.delete(&acting, id, delete).await?;
    turn.answer(&call.core, &acting, &outcome).await
}
