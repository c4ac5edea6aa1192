//! `/v1/webhooks`: creating a webhook, listing all.

use actix_web::HttpResponse;
use webhook_domain::access::permission::Permission;
use webhook_domain::services::CreateWebhook;

use crate::answer::{self, Success};
use crate::errors::Problem;
use crate::listing::webhooks::{Asked, WebhookPageJson};
use crate::openapi::parameters::WebhookPage;
use crate::paths;
use crate::request::call::Call;
use crate::request::json;
use crate::wire::{self, CreateWebhook as CreateObject, WebhookJson};

/// Creates a webhook.
///
/// The answer has its first secret: a new one, or the one that `imported_secret_key` brings from a former provider, so that a receiver
/// goes on with what it has. That needs `WEBHOOK.REVEAL` as well. Needs `WEBHOOK.CREATE`.
#[utoipa::path(
    post,
    path = paths::WEBHOOKS,
    operation_id = "create_webhook",
    tag = "Webhooks",
    request_body(content = CreateObject),
    responses((status = 201, description = "The webhook, with its first secret.", body = WebhookJson<'_>)),
)]
pub(crate) async fn create(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookCreate).await?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.required_body("describes the webhook").await?;
    let (settings, imported) = wire::create(json::parse_object(&body)?, &call.api().rules)?;
    let turn = call.turn(&acting, key, &body, Success::Created).await?;
    let create = CreateWebhook {
        settings,
        idempotent: turn.request(),
    };
    let webhooks = &call.api().webhooks;
    let outcome = match imported {
        Some(secrets) => webhooks.import(&acting, create, &secrets).await?,
        None => webhooks.create(&acting, create).await?,
    };
    turn.answer(&call.core, &acting, &outcome).await
}

/// Lists the platform's webhooks, page by page.
///
/// Filters are exact, and all of them hold; pages and links are those of the webhooks that meet them. The links say where in the order
/// the pages before and after begin, so that reading on skips nothing when webhooks come and go. No secrets are shown, whoever asks.
/// Needs `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = paths::WEBHOOKS,
    operation_id = "list_webhooks",
    tag = "Webhooks",
    params(WebhookPage),
    responses((status = 200, description = "A page of webhooks.", body = WebhookPageJson<'_>)),
)]
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookView).await?;
    let asked = Asked::of(&call.request)?;
    let page = asked.read(&call.api().webhooks, &acting).await?;
    answer::of_list(&asked.json(&page, call.api().clock.now()))
}
