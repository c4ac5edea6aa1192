//! Whether the process lives, and whether it can do its work. No credential is asked for.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};
use webhook_domain::{ServiceError, StoreError};

use crate::errors::Problem;
use crate::openapi::errors::StoreFailures;
use crate::openapi::values::{one, one_of};
use crate::paths;
use crate::request::call::Call;

/// That the service is well. It is written as one of two texts, so its two fields stand here by hand.
pub(crate) struct Health;

impl ToSchema for Health {}

impl PartialSchema for Health {
    fn schema() -> RefOr<Schema> {
        let paused = one_of(["paused"], "There while an operator has paused deliveries.");
        one(ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("That the service is well."))
            .property("status", one(one_of(["ok"], "Always `ok`.")))
            .required("status")
            .property("deliveries", one(paused)))
    }
}

/// Says whether the process lives.
///
/// It does for as long as it answers at all.
#[utoipa::path(
    get,
    path = paths::LIVE,
    operation_id = "live",
    tag = "Service",
    security(()),
    responses((status = 200, description = "The process lives.", body = Health)),
)]
pub(crate) async fn live(_: Call) -> Result<HttpResponse, Problem> {
    Ok(ok())
}

/// Says whether the service can do its work.
///
/// It can when its store did what requests need within the last seconds, a read and a write, and what delivers moves. While an
/// operator has paused deliveries it is ready too, and says so: events are accepted and wait.
#[utoipa::path(
    get,
    path = paths::READY,
    operation_id = "ready",
    tag = "Service",
    security(()),
    responses((status = 200, description = "The service can do its work.", body = Health), StoreFailures),
)]
pub(crate) async fn ready(call: Call) -> Result<HttpResponse, Problem> {
    if !(call.api().delivers)() {
        let error = StoreError::Unavailable("what delivers stands still".into());
        return Err(ServiceError::from(error).into());
    }
    match (call.api().store)() {
        Ok(()) if (call.api().deliveries_are_paused)() => {
            Ok(json(r#"{"status":"ok","deliveries":"paused"}"#))
        }
        Ok(()) => Ok(ok()),
        Err(error) => Err(ServiceError::from(error).into()),
    }
}

fn ok() -> HttpResponse {
    json(r#"{"status":"ok"}"#)
}

fn json(body: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(body)
}
