//! `/v1/webhook-events`: events on their way to webhooks, and sending one again.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::InvalidValue;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::DeliveryId;
use webhook_domain::ports::DeliveryQuery;
use webhook_domain::webhook::Action;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::{About, Problem};
use crate::listing::{self, Asked};
use crate::openapi::answers::WebhookEventList;
use crate::openapi::errors::{Always, ById, OnChange};
use crate::openapi::parameters::{DeliveryPart, DeliveryPath, Named, Platform};
use crate::query::Parameters;
use crate::representation::WebhookEventJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, idempotency, query};

const PARAMETERS: [&str; 6] = ["webhook_id", "event_id", "type", "status", "after", "limit"];

/// Lists events on their way to webhooks, those that were queued last first.
///
/// One that was sent again counts as queued then. Needs `WEBHOOK_EVENT.VIEW`.
#[utoipa::path(
    get,
    path = "/v1/webhook-events",
    operation_id = "list_webhook_events",
    tag = "Events",
    params(Platform, DeliveryPart),
    responses(
        (status = 200, description = "A part of the list.", body = WebhookEventList, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Always,
    ),
)]
pub(crate) async fn list(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let listed = try_list(&request, &core).await;
    listed.map_err(|problem| problem.about(About::WebhookEvent(None)))
}

async fn try_list(request: &HttpRequest, core: &Core) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::WebhookEventView).await?;
    let (asked, query) = asked(request)?;
    let found = core.api.events.deliveries(&acting, query).await?;
    let list = asked.list(
        &found,
        |listed| listed.delivery.id.to_string(),
        WebhookEventJson::listed,
    );
    answer::of_list(&list)
}

fn asked(request: &HttpRequest) -> Result<(Asked, DeliveryQuery), Problem> {
    let parameters = Parameters::of(request, &PARAMETERS)?;
    let mut query = DeliveryQuery {
        webhook: parameters.parsed("webhook_id", str::parse)?,
        event: parameters.parsed("event_id", str::parse)?,
        action: parameters.parsed("type", |text| Action::parse(text.to_owned()))?,
        status: parameters.parsed("status", status)?,
        after: parameters.parsed("after", str::parse::<DeliveryId>)?,
        limit: 0,
    };
    let filters = [
        ("webhook_id", query.webhook.map(|id| id.to_string())),
        ("event_id", query.event.map(|id| id.to_string())),
        (
            "type",
            query.action.as_ref().map(|action| action.as_str().to_owned()),
        ),
        ("status", query.status.map(str::to_owned)),
    ];
    let asked = Asked {
        path: "/v1/webhook-events",
        filters: filters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", query.after.map(|id| id.to_string())),
    };
    query.limit = asked.to_fetch();
    Ok((asked, query))
}

fn status(text: &str) -> Result<&'static str, InvalidValue> {
    let named = DeliveryStatus::NAMES.into_iter().find(|name| *name == text);
    named.ok_or(InvalidValue::new("must be one of PENDING, SUCCEEDED, FAILED"))
}

/// Reads an event on its way to a webhook.
///
/// With what is delivered, and every attempt so far. Needs `WEBHOOK_EVENT.VIEW`.
#[utoipa::path(
    get,
    path = "/v1/webhook-events/{id}",
    operation_id = "read_webhook_event",
    tag = "Events",
    params(Platform, DeliveryPath),
    responses(
        (status = 200, description = "The event on its way.", body = WebhookEventJson<'_>, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Always, ById,
    ),
)]
pub(crate) async fn read(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let id = context::delivery_id(&request);
    let about = id.as_ref().ok().copied();
    let read = async {
        let acting = context::acting(&request, &core, Permission::WebhookEventView).await?;
        let id = id?;
        query::none(&request)?;
        let tracked = core.api.events.delivery(&acting, id).await?;
        answer::of_list(&WebhookEventJson::new(&tracked, core.api.environment))
    };
    read.await.map_err(|problem: Problem| problem.about(about))
}

/// Sends an event to its webhook again.
///
/// It goes to the end of the webhook's queue, under the same `webhook-id`. One that is in the queue still is refused with 409.
/// Needs `WEBHOOK_EVENT.RESEND`.
#[utoipa::path(
    post,
    path = "/v1/webhook-events/{id}/resend",
    operation_id = "resend_webhook_event",
    tag = "Events",
    params(Platform, DeliveryPath, Named),
    responses(
        (status = 202, description = "It is in the queue.", body = WebhookEventJson<'_>, headers(
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange,
    ),
)]
pub(crate) async fn resend(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let id = context::delivery_id(&request);
    let about = id.as_ref().ok().copied();
    let resent = try_resend(&request, payload, &core, id).await;
    resent.map_err(|problem| problem.about(about))
}

async fn try_resend(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    id: Result<DeliveryId, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::WebhookEventResend).await?;
    let id = id?;
    query::none(request)?;
    let key = idempotency::key(request)?;
    let body = body::read_none(request, payload, &core.limits).await?;
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Accepted).await?;
    let idempotent = named.as_ref().map(idempotency::Named::request);
    let outcome = core.api.events.resend(&acting, id, idempotent).await?;
    answer::of_change(core, &acting, &outcome, Success::Accepted)
}

/// Any other method on `/v1/webhook-events`.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    refused(request, core, &[Method::GET]).await
}

/// Any other method on `/v1/webhook-events/{id}`.
pub(crate) async fn wrong_method_on_one(
    request: HttpRequest,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    refused(request, core, &[Method::GET]).await
}

/// Any other method on `/v1/webhook-events/{id}/resend`.
pub(crate) async fn wrong_method_on_resend(
    request: HttpRequest,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    refused(request, core, &[Method::POST]).await
}

async fn refused(
    request: HttpRequest,
    core: Data<Core>,
    allowed: &'static [Method],
) -> Result<HttpResponse, Problem> {
    let about = context::delivery_id(&request).ok();
    let refused = refuse_method(&request, &core, allowed).await;
    refused.map_err(|problem| problem.about(about))
}
