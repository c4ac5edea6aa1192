//! Paths that lead nowhere and methods that a path does not take. Under `/v…` that is told only to callers with a
//! valid credential, of a version that exists.

use actix_web::HttpResponse;
use actix_web::http::Method;

use crate::errors::{About, Problem};
use crate::request::authenticate::admit;
use crate::request::call::Call;

/// 404, after the version and the credential where there must be one.
pub(crate) async fn no_such_path(call: Call) -> Result<HttpResponse, Problem> {
    match call.request.path().strip_prefix("/v") {
        None => Err(Problem::no_such_path()),
        Some(rest) if rest.split('/').next() != Some("1") => Err(Problem::unsupported_version()),
        Some(rest) => {
            let about = About::of_path(rest.strip_prefix("1/").unwrap_or_default());
            let refused = refused(&call, Problem::no_such_path()).await;
            Err(refused.about(about))
        }
    }
}

/// 405, after the credential where there must be one.
pub(crate) async fn wrong_method(call: Call, allowed: &'static [Method]) -> Result<HttpResponse, Problem> {
    let problem = Problem::method_not_allowed(allowed);
    match call.request.path().starts_with("/v") {
        true => Err(refused(&call, problem).await),
        false => Err(problem),
    }
}

/// `problem`, for those who may know it.
async fn refused(call: &Call, problem: Problem) -> Problem {
    match admit(&call.request, &call.core).await {
        Ok((_, Ok(()))) => problem,
        Ok((_, Err(too_often))) => too_often.into(),
        Err(problem) => problem,
    }
}
