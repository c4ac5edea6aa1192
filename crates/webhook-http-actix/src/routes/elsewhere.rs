//! Paths that lead nowhere and methods that a path does not take. Under `/v…` that is told only to callers with a
//! valid credential, of a version that exists.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::Core;
use crate::authenticate::admit;
use crate::context;
use crate::errors::{About, Problem};

/// 404, after the version and the credential where there must be one.
pub(crate) async fn no_such_path(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    match request.path().strip_prefix("/v") {
        None => Err(Problem::no_such_path()),
        Some(rest) if rest.split('/').next() != Some("1") => Err(Problem::unsupported_version()),
        Some(rest) => {
            let about = About::of_path(rest.strip_prefix("1/").unwrap_or_default());
            let refused = match admit(&request, &core).await {
                Ok((_, Ok(()))) => Problem::no_such_path(),
                Ok((_, Err(too_often))) => too_often.into(),
                Err(problem) => problem,
            };
            Err(refused.about(about))
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
    let problem = match admit(request, core).await {
        Ok((_, Ok(()))) => Problem::method_not_allowed(allowed),
        Ok((_, Err(too_often))) => too_often.into(),
        Err(problem) => problem,
    };
    Err(problem.about(about))
}
