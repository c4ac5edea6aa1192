//! Paths that lead nowhere and methods that a path does not take. Under `/v…` that is told only to callers with a
//! valid credential, of a version that exists.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::Core;
use crate::authenticate::authenticate;
use crate::context;
use crate::errors::Problem;

/// 404, after the version and the credential where there must be one.
pub(crate) async fn no_such_path(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    match request.path().strip_prefix("/v") {
        None => Err(Problem::no_such_path()),
        Some(rest) if rest.split('/').next() != Some("1") => Err(Problem::unsupported_version()),
        Some(_) => {
            authenticate(request.headers(), &core.api).await?;
            Err(Problem::no_such_path())
        }
    }
}

/// 405, after the credential.
pub(super) async fn refuse_method(
    request: &HttpRequest,
    core: &Core,
    allowed: &'static [Method],
) -> Result<HttpResponse, Problem> {
    let about = context::webhook_id(request).ok();
    let authenticated = authenticate(request.headers(), &core.api).await;
    let problem = authenticated.map_or_else(|problem| problem, |_| Problem::method_not_allowed(allowed));
    Err(problem.about(about))
}
