//! `/v1/webhooks/{resourceId}`: reading a webhook, changing its settings, deleting it.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::{DeleteWebhook, UpdateWebhook};

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::Problem;
use crate::openapi::bodies::UpdateWebhook as UpdateObject;
use crate::openapi::errors::{Always, ById, OnChange, OnCondition};
use crate::openapi::parameters::{Conditional, Named, Platform, WebhookPath};
use crate::representation::{Keys, WebhookJson};
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, etag, fields, idempotency, json, query};

/// Reads a webhook.
///
/// Its secrets are in the answer for a caller with `WEBHOOK.REVEAL`; each such reading is audited. Needs
/// `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{resourceId}",
    operation_id = "read_webhook",
    tag = "Webhooks",
    params(Platform, WebhookPath),
    responses(
        (status = 200, description = "The webhook.", body = WebhookJson<'_>, headers(
            ("ETag" = String, description = "The webhook's version."),
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Always, ById,
    ),
)]
pub(crate) async fn read(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let id = context::webhook_id(&request);
    let about = id.as_ref().ok().copied();
    let read = async {
        let acting = context::acting(&request, &core, Permission::WebhookView).await?;
        let id = id?;
        query::none(&request)?;
        let seen = core.api.webhooks.read(&acting, id).await?;
        let keys = match seen.revealed {
            true => Keys::Shown,
            false => Keys::Withheld,
        };
        answer::of_read(&core, &acting, &seen.webhook, keys)
    };
    read.await.map_err(|problem: Problem| problem.about(about))
}

/// Changes a webhook's settings.
///
/// Its secrets stay as they are and are not shown. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{resourceId}",
    operation_id = "update_webhook",
    tag = "Webhooks",
    params(Platform, WebhookPath, Named, Conditional),
    request_body(content = UpdateObject),
    responses(
        (status = 200, description = "The webhook as it is now.", body = WebhookJson<'_>, headers(
            ("ETag" = String, description = "The webhook's version."),
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange, OnCondition,
    ),
)]
pub(crate) async fn update(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let id = context::webhook_id(&request);
    let about = id.as_ref().ok().copied();
    let updated = try_update(&request, payload, &core, id).await;
    updated.map_err(|problem| problem.about(about))
}

async fn try_update(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    id: Result<WebhookId, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::WebhookUpdate).await?;
    let id = id?;
    query::none(request)?;
    let key = idempotency::key(request)?;
    let precondition = etag::precondition(request)?;
    let body = body::read(request, payload, &core.limits).await?;
    if body.is_empty() {
        return Err(Problem::bad_request(
            "the body must be a JSON object that says what is to change",
        ));
    }
    let update = fields::update(json::parse_object(&body)?, &core.api.rules)?;
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Changed).await?;
    let update = UpdateWebhook {
        update,
        precondition,
        idempotent: named.as_ref().map(idempotency::Named::request),
    };
    let outcome = core.api.webhooks.update(&acting, id, update).await?;
    answer::of_change(core, &acting, &outcome, Success::Changed)
}

/// Deletes a webhook.
///
/// Its secrets are erased with it and sign nothing any more. Needs `WEBHOOK.DELETE`.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{resourceId}",
    operation_id = "delete_webhook",
    tag = "Webhooks",
    params(Platform, WebhookPath, Named, Conditional),
    responses(
        (status = 200, description = "The webhook as it was.", body = WebhookJson<'_>, headers(
            ("ETag" = String, description = "The webhook's version."),
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange, OnCondition,
    ),
)]
pub(crate) async fn delete(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let id = context::webhook_id(&request);
    let about = id.as_ref().ok().copied();
    let deleted = try_delete(&request, payload, &core, id).await;
    deleted.map_err(|problem| problem.about(about))
}

async fn try_delete(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    id: Result<WebhookId, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::WebhookDelete).await?;
    let id = id?;
    query::none(request)?;
    let key = idempotency::key(request)?;
    let precondition = etag::precondition(request)?;
    let body = body::read_none(request, payload, &core.limits).await?;
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Changed).await?;
    let delete = DeleteWebhook {
        precondition,
        idempotent: named.as_ref().map(idempotency::Named::request),
    };
    let outcome = core.api.webhooks.delete(&acting, id, delete).await?;
    answer::of_change(core, &acting, &outcome, Success::Changed)
}

/// Any other method.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    refuse_method(&request, &core, &[Method::GET, Method::PATCH, Method::DELETE]).await
}
