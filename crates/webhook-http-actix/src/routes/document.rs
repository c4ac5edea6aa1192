//! `/openapi.json` and `/docs/`: what the API is, for programs and for people. No credential is asked for.
//!
//! The page is Swagger UI from inside the binary. Its policy lets the browser load nothing from elsewhere, and send
//! nothing elsewhere.

use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::http::header::{self, ContentEncoding, ContentType};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::Config;

use crate::errors::Problem;
use crate::openapi::values::{any_object, one};
use crate::paths;
use crate::request::call::Call;

/// The document as the application serves it.
#[derive(Clone, Copy)]
pub(crate) struct DocumentText(pub(crate) fn() -> &'static str);

/// The document itself.
pub(crate) struct OpenApiDocument;

impl ToSchema for OpenApiDocument {}

impl PartialSchema for OpenApiDocument {
    fn schema() -> RefOr<Schema> {
        one(any_object("A document by OpenAPI 3.1."))
    }
}

/// Styles are the page's own, written into it by its script; everything else comes from this server.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Gives this document.
///
/// OpenAPI 3.1.
#[utoipa::path(
    get,
    path = paths::DOCUMENT,
    operation_id = "openapi",
    tag = "Service",
    security(()),
    responses((status = 200, description = "This document.", body = OpenApiDocument)),
)]
pub(crate) async fn document(call: Call) -> Result<HttpResponse, Problem> {
    let document = call.request.app_data::<DocumentText>();
    let document = document.ok_or_else(|| Problem::internal("the application has no document"))?;
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body((document.0)()))
}

/// `GET /docs`: the page is a folder.
pub(crate) async fn to_page(_: Call) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, paths::PAGE_FOLDER))
        .finish())
}

/// `GET /docs/{file}`: a part of the page; the page itself without a name.
pub(crate) async fn page(call: Call) -> Result<HttpResponse, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from(paths::DOCUMENT).validator_url("none")));
    let file = call.part(paths::FILE);
    let found = utoipa_swagger_ui::serve(file, CONFIG.clone());
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
