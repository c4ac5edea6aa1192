//! The body of a delivery, byte for byte as it is sent and signed, as a file.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::DeliveryId;

use crate::request::call::Call;
use crate::trouble::Trouble;

pub(crate) async fn read(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventView).await?;
    let id: DeliveryId = call.part("id")?;
    let tracked = call.console().events.delivery(&acting, id).await?;
    let body = tracked
        .delivery
        .payload(&tracked.event, call.console().probes.environment);
    let name = format!("attachment; filename=\"{}.json\"", tracked.delivery.event);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(body))
}
