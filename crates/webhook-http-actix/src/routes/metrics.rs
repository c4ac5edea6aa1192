//! `GET /metrics`, where the deployment wants the metrics on the API's own address. No credential is asked for.

use actix_web::HttpResponse;
use actix_web::http::header;

use crate::errors::Problem;
use crate::request::call::Call;

/// Gives the metrics, in the form that `Accept` asks for.
pub(crate) async fn metrics(call: Call) -> Result<HttpResponse, Problem> {
    let write = call.api().monitoring.metrics.as_ref();
    let write = write.ok_or_else(Problem::no_such_path)?;
    let accept = call.request.headers().get(header::ACCEPT);
    let written = write(accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default());
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, written.content_type))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(written.text))
}
