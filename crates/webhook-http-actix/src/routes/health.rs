//! Whether the process lives, and whether it can do its work. No credential is asked for.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use webhook_domain::ServiceError;

use crate::api::Core;
use crate::errors::Problem;

/// `GET /health/live`: 200 for as long as the process answers at all.
pub(crate) async fn live() -> HttpResponse {
    ok()
}

/// `GET /health/ready`: 200 when the store works, 503 when it does not.
pub(crate) async fn ready(core: Data<Core>) -> Result<HttpResponse, Problem> {
    match core.api.store.check().await {
        Ok(()) => Ok(ok()),
        Err(error) => Err(ServiceError::from(error).into()),
    }
}

/// Any other method.
pub(crate) async fn wrong_method() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed(&[Method::GET, Method::HEAD]))
}

fn ok() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(r#"{"status":"ok"}"#)
}
