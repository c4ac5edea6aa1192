//! `/v1/webhooks/{resourceId}/secret-key`: rolling a webhook's secret and removing it.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::{RemoveSecret, RollSecret};

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::Problem;
use crate::openapi::bodies::RollSecret as RollObject;
use crate::openapi::errors::{Always, ById, OnChange, OnCondition};
use crate::openapi::parameters::{Conditional, Named, Platform, RetiredFor, WebhookPath};
use crate::query::PREVIOUS_SECRET_EXPIRES_IN;
use crate::representation::WebhookJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, etag, fields, idempotency, json, query};

/// Rolls a webhook's secret.
///
/// A new secret is generated; the one before is preserved and goes on signing for its window. With a body, the
/// webhook's settings are changed in the same step; without one, `previous_secret_expires_in` may be in the query. At
/// most five retired secrets sign at a time: a roll beyond that is refused with 409, unless the window is 0. Needs
/// `WEBHOOK.UPDATE`.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{resourceId}/secret-key",
    operation_id = "roll_secret",
    tag = "Secrets",
    params(Platform, WebhookPath, RetiredFor, Named, Conditional),
    request_body(content = RollObject),
    responses(
        (status = 200, description = "The webhook, with its secrets.", body = WebhookJson<'_>, headers(
            ("ETag" = String, description = "The webhook's version."),
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange, OnCondition,
    ),
)]
pub(crate) async fn roll(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let id = context::webhook_id(&request);
    let about = id.as_ref().ok().copied();
    let rolled = try_roll(&request, payload, &core, id).await;
    rolled.map_err(|problem| problem.about(about))
}

async fn try_roll(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    id: Result<WebhookId, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::WebhookUpdate).await?;
    let id = id?;
    let overlap = query::overlap(request)?;
    let key = idempotency::key(request)?;
    let precondition = etag::precondition(request)?;
    let body = body::read(request, payload, &core.limits).await?;
    let (update, overlap) = match body.is_empty() {
        true => (None, overlap),
        false if overlap.is_some() => {
            return Err(Problem::invalid_field(
                PREVIOUS_SECRET_EXPIRES_IN,
                "must be in the body when there is one, not in the query",
            ));
        }
        false => {
            let (update, overlap) = fields::roll(json::parse_object(&body)?, &core.api.rules)?;
            (Some(update), overlap)
        }
    };
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Rekeyed).await?;
    let roll = RollSecret {
        update,
        overlap,
        precondition,
        idempotent: named.as_ref().map(idempotency::Named::request),
    };
    let outcome = core.api.secret_keys.roll(&acting, id, roll).await?;
    answer::of_change(core, &acting, &outcome, Success::Rekeyed)
}

/// Removes a webhook's secret.
///
/// It has no current secret any more; the one it had goes on signing for its window. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{resourceId}/secret-key",
    operation_id = "remove_secret",
    tag = "Secrets",
    params(Platform, WebhookPath, RetiredFor, Named, Conditional),
    responses(
        (status = 200, description = "The webhook, with its secrets.", body = WebhookJson<'_>, headers(
            ("ETag" = String, description = "The webhook's version."),
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange, OnCondition,
    ),
)]
pub(crate) async fn remove(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let id = context::webhook_id(&request);
    let about = id.as_ref().ok().copied();
    let removed = try_remove(&request, payload, &core, id).await;
    removed.map_err(|problem| problem.about(about))
}

async fn try_remove(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    id: Result<WebhookId, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::WebhookUpdate).await?;
    let id = id?;
    let overlap = query::overlap(request)?;
    let key = idempotency::key(request)?;
    let precondition = etag::precondition(request)?;
    let body = body::read(request, payload, &core.limits).await?;
    if !body.is_empty() {
        // An overlap in it would silently do nothing.
        return Err(Problem::bad_request(
            "this request takes no body; previous_secret_expires_in goes in the query",
        ));
    }
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Rekeyed).await?;
    let remove = RemoveSecret {
        overlap,
        precondition,
        idempotent: named.as_ref().map(idempotency::Named::request),
    };
    let outcome = core.api.secret_keys.remove(&acting, id, remove).await?;
    answer::of_change(core, &acting, &outcome, Success::Rekeyed)
}

/// Any other method.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    refuse_method(&request, &core, &[Method::PATCH, Method::DELETE]).await
}
