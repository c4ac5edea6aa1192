//! Around every request: its id, its end as observers are told of it, and that its connection knows of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};
use webhook_domain::id::RequestId;
use webhook_front_actix::request_id::{self, X_REQUEST_ID};
use webhook_front_actix::{OnAbandoned, RoutePattern, UnderWay};

use crate::answer::IDEMPOTENT_REPLAYED;
use crate::api::Core;
use crate::beside::Beside;
use crate::errors::Problem;
use crate::monitoring::{Answered, OTHER, ObservedRequest};
use crate::request::known::Known;

/// Calls the route and completes its answer.
pub(crate) async fn observe(
    core: web::Data<Core>,
    beside: Arc<[Beside]>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let under_way = UnderWay::begin(&request);
    let Some(id) = request_id::of(request.headers(), core.api.entropy.as_ref()) else {
        return Err(Problem::internal("a request id could not be made").into());
    };
    let method = method(request.method());
    {
        let mut extensions = request.extensions_mut();
        extensions.insert(Known::new(id.clone(), method, begun));
        extensions.insert(id.clone());
    }
    if Beside::is_entered(&beside, &request) {
        let (core, beside) = (core.clone(), Arc::clone(&beside));
        let tell = move |request: &HttpRequest| tell_of_abandoned(&core, &beside, request);
        request.extensions_mut().insert(OnAbandoned(Rc::new(tell)));
    }
    let answered = next.call(request).await;
    let mut response = match answered {
        Ok(response) => response,
        // A refusal of actix's own that no route saw.
        Err(error) => {
            let problem = Problem::of_framework(&error);
            let answer = Answered {
                problem: Some(&problem),
                ..Answered::of(error.as_response_error().status_code().as_u16())
            };
            tell(
                &core,
                &ObservedRequest::new(method, OTHER, begun.elapsed(), &id),
                &answer,
            );
            return Err(in_our_words(&error, &problem, &id));
        }
    };
    under_way.answered(&mut response);
    if let Ok(value) = header::HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    tell_of(&core, &beside, &response);
    drop(under_way);
    Ok(response)
}

/// Tells observers of a request that another front does not come to answer.
fn tell_of_abandoned(core: &Core, beside: &[Beside], request: &HttpRequest) {
    let route = route_beside(beside, request);
    Known::note_acting(request);
    Known::tell_of_abandoned(core, request, route.unwrap_or(OTHER));
}

/// The route of another front that `request` has come to.
fn route_beside(beside: &[Beside], request: &HttpRequest) -> Option<&'static str> {
    let pattern = request.extensions().get::<RoutePattern>().copied()?;
    Beside::route(beside, pattern.0)
}

fn in_our_words(error: &Error, problem: &Problem, id: &RequestId) -> Error {
    let mut response = actix_web::ResponseError::error_response(problem);
    if let Ok(value) = header::HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    InternalError::from_response(error.to_string(), response).into()
}

/// Tells observers of a request that is answered with `response`.
fn tell_of(core: &Core, beside: &[Beside], response: &ServiceResponse<BoxBody>) {
    let request = response.request();
    Known::note_acting(request);
    let Some(known) = Known::of(request) else { return };
    let route = known.route().or_else(|| route_beside(beside, request));
    let route = route.unwrap_or(OTHER);
    let answer = Answered {
        is_replayed: response.headers().contains_key(&IDEMPOTENT_REPLAYED),
        problem: response.response().error().and_then(Error::as_error::<Problem>),
        ..Answered::of(response.status().as_u16())
    };
    tell(core, &known.observed(core, request, route), &answer);
}

fn tell(core: &Core, request: &ObservedRequest<'_>, answer: &Answered<'_>) {
    for observer in &core.api.monitoring.requests {
        observer.answered(request, answer);
    }
    tracing::debug!(
        request.id = request.id.as_str(),
        http.method = request.method,
        http.route = request.route,
        http.status = answer.status,
        error.code = answer.code(),
        duration_us = u64::try_from(request.took.as_micros()).unwrap_or(u64::MAX),
        "a request was answered"
    );
}

/// The method, if it is one of HTTP's own: a client may send any word.
fn method(sent: &Method) -> &'static str {
    match *sent {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_a_clients_own_is_not_logged() {
        for known in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
        ] {
            assert_eq!(method(&Method::from_bytes(known.as_bytes()).unwrap()), known);
        }
        for own in ["hunter2", "get", "PROPFIND"] {
            assert_eq!(method(&Method::from_bytes(own.as_bytes()).unwrap()), "_OTHER");
        }
    }
}
