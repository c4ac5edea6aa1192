//! `/v1/webhooks`: creating a webhook, listing all.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;
use webhook_domain::services::CreateWebhook;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::Problem;
use crate::listing::webhooks::Asked;
use crate::openapi::answers::WebhookList;
use crate::openapi::bodies::CreateWebhook as CreateObject;
use crate::openapi::errors::{Always, OnChange};
use crate::openapi::parameters::{Named, Platform, WebhookPage};
use crate::representation::WebhookJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, json, query};

/// Creates a webhook.
///
/// The answer has its first secret. Needs `WEBHOOK.CREATE`.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "create_webhook",
    tag = "Webhooks",
    params(Platform, Named),
    request_body(content = CreateObject),
    responses(
        (status = 201, description = "The webhook, with its first secret.", body = WebhookJson<'_>, headers(
            ("Location" = String, description = "Where the webhook is."),
            ("ETag" = String, description = "The webhook's version."),
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, OnChange,
    ),
)]
pub(crate) async fn create(
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
    let named = idempotency::turn(&core, &acting, key, &request, &body, Success::Created).await?;
    let create = CreateWebhook {
        settings,
        idempotent: named.as_ref().map(idempotency::Named::request),
    };
    let outcome = core.api.webhooks.create(&acting, create).await?;
    answer::of_change(&core, &acting, &outcome, Success::Created)
}

/// Lists the platform's webhooks, page by page.
///
/// The links say where in the order the pages before and after begin, so that reading on skips nothing when webhooks
/// come and go. No secrets are shown, whoever asks. Needs `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "list_webhooks",
    tag = "Webhooks",
    params(Platform, WebhookPage),
    responses(
        (status = 200, description = "A page of webhooks.", body = WebhookList, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Always,
    ),
)]
pub(crate) async fn list(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let acting = context::acting(&request, &core, Permission::WebhookView).await?;
    let asked = Asked::of(&request)?;
    let page = asked.read(&core.api.webhooks, &acting).await?;
    answer::of_list(&asked.json(&page, core.api.clock.now()))
}

/// Any other method.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    refuse_method(&request, &core, &[Method::GET, Method::POST]).await
}
