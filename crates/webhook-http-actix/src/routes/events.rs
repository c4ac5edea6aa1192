//! `/v1/events`: publishing.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::{About, Problem};
use crate::openapi::bodies::PublishEvent as PublishObject;
use crate::openapi::errors::{Always, OnChange};
use crate::openapi::parameters::{Named, Platform};
use crate::representation::EventJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, query};

/// Publishes an event.
///
/// From this answer on it reaches every webhook of the platform that wants it, in order, at least once, through any crash.
/// Needs `EVENT.CREATE`.
#[utoipa::path(
    post,
    path = "/v1/events",
    operation_id = "publish_event",
    tag = "Events",
    params(Platform, Named),
    request_body(content = PublishObject),
    responses(
        (status = 202, description = "The event is kept, and on its way.", body = EventJson<'_>, headers(
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, OnChange,
    ),
)]
pub(crate) async fn publish(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let published = try_publish(&request, payload, &core).await;
    published.map_err(|problem| problem.about(About::Event))
}

async fn try_publish(request: &HttpRequest, payload: Payload, core: &Core) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::EventCreate).await?;
    query::none(request)?;
    let key = idempotency::key(request)?;
    let body = body::read_event(request, payload, &core.limits).await?;
    if body.is_empty() {
        return Err(Problem::bad_request(
            "the body must be a JSON object that says what happened",
        ));
    }
    let mut publish = fields::event(&body, &core.api.rules.actions.get())?;
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Accepted).await?;
    publish.idempotent = named.as_ref().map(idempotency::Named::request);
    let outcome = core.api.events.publish(&acting, publish).await?;
    answer::of_change(core, &acting, &outcome, Success::Accepted)
}

/// Any other method.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let refused = refuse_method(&request, &core, &[Method::POST]).await;
    refused.map_err(|problem| problem.about(About::Event))
}
