//! `/v1/webhooks`: creating a webhook, listing all.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::permission::Permission;
use webhook_domain::services::CreateWebhook;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::Problem;
use crate::listing::webhooks::Asked;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, json, query};

/// `POST`: 201 with the new webhook and its first key.
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
    answer::of_change(&outcome, core.api.clock.now(), Success::Created)
}

/// `GET`: a page of the platform's webhooks, without their keys for whoever asks.
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
