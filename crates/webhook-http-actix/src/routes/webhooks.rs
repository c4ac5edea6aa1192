//! `/v1/webhooks` and `/v1/webhooks/{id}`: creating a webhook, reading one.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::permission::Permission;
use webhook_domain::services::CreateWebhook;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::Problem;
use crate::representation::Keys;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, json, query};

/// `POST /v1/webhooks`: 201 with the new webhook and its first key.
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

/// `GET /v1/webhooks/{id}`: the webhook, with its keys for those who may have them revealed.
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
        answer::of_read(&seen.webhook, core.api.clock.now(), keys)
    };
    read.await.map_err(|problem: Problem| problem.about(about))
}

/// Any other method on `/v1/webhooks`.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    refuse_method(&request, &core, &[Method::POST]).await
}

/// Any other method on `/v1/webhooks/{id}`.
pub(crate) async fn wrong_method_on_one(
    request: HttpRequest,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    refuse_method(&request, &core, &[Method::GET]).await
}
