//! `/v1/events`: publishing.

use actix_web::HttpResponse;
use webhook_domain::access::permission::Permission;

use crate::answer::Success;
use crate::errors::Problem;
use crate::openapi::parameters::Trace;
use crate::paths;
use crate::request::call::Call;
use crate::request::trace;
use crate::wire::{self, EventBody, EventJson};

/// Publishes an event.
///
/// From this answer on it reaches every webhook of the platform that wants it, in order, at least once, through any crash.
/// Needs `EVENT.CREATE`.
#[utoipa::path(
    post,
    path = paths::EVENTS,
    operation_id = "publish_event",
    tag = "Events",
    params(Trace),
    request_body(content = EventBody),
    responses((status = 202, description = "The event is kept, and on its way.", body = EventJson<'_>)),
)]
pub(crate) async fn publish(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::EventCreate).await?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.required_event("says what happened").await?;
    let mut publish = wire::publish(&body, &call.api().rules.actions.get())?;
    let turn = call.turn(&acting, key, &body, Success::Accepted).await?;
    publish.trace = trace::context(call.request.headers());
    publish.idempotent = turn.request();
    let outcome = call.api().events.publish(&acting, publish).await?;
    turn.answer(&call.core, &acting, &outcome).await
}
