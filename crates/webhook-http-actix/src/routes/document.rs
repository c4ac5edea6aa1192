//! `/openapi.json` and `/docs/`: what the API is, for programs and for people. No credential is asked for.
//!
//! The page is Swagger UI from inside the binary. Its policy lets the browser load nothing from elsewhere, and send
//! nothing elsewhere.

use std::sync::{Arc, LazyLock};

use actix_web::http::Method;
use actix_web::http::header::{self, ContentEncoding, ContentType};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::Config;

use crate::errors::Problem;
use crate::openapi::openapi_json;

/// Where the page and what it consists of are.
pub(crate) const PAGE: &str = "/docs/";

/// Styles are the page's own, written into it by its script; everything else comes from this server.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Gives this document.
///
/// OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "Service",
    security(()),
    responses((status = 200, description = "This document.", body = Object)),
)]
pub(crate) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(openapi_json())
}

/// `GET /docs`: the page is a folder.
pub(crate) async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, PAGE))
        .finish()
}

/// `GET /docs/{file}`: a part of the page; the page itself without a name.
pub(crate) async fn page(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));
    let found = utoipa_swagger_ui::serve(&file, CONFIG.clone());
    let found = found.map_err(|error| Problem::internal(error.to_string()))?;
    let part = found.ok_or_else(Problem::no_such_path)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(part.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"));
    if part.gzpipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    Ok(response.body(part.bytes.into_owned()))
}

/// Any other method.
pub(crate) async fn wrong_method() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed(&[Method::GET]))
}
