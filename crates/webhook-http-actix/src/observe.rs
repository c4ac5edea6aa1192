//! Around every request: its id, its end in the log, and that its connection knows of it.

use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use webhook_domain::id::RequestId;
use webhook_front_actix::UnderWay;
use webhook_front_actix::request_id::{self, X_REQUEST_ID};

use crate::api::Core;
use crate::errors::Problem;

/// Its probes come every second, and what they find is in the log without them.
const READY: &str = "/health/ready";

/// Calls the route and completes its answer.
pub(crate) async fn observe(
    core: web::Data<Core>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let under_way = UnderWay::begin(&request);
    let Some(id) = request_id::of(request.headers(), core.api.entropy.as_ref()) else {
        return Err(Problem::internal("a request id could not be made").into());
    };
    request.extensions_mut().insert(id.clone());

    let answered = next.call(request).await;
    let mut response = match answered {
        Ok(response) => response,
        // A refusal of actix's own that no route saw.
        Err(error) => return Err(in_our_words(&error, &id)),
    };
    under_way.answered(&mut response);
    if let Ok(value) = header::HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    log(&response, &id, begun);
    drop(under_way);
    Ok(response)
}

fn in_our_words(error: &Error, id: &RequestId) -> Error {
    let mut response = actix_web::ResponseError::error_response(&Problem::of_framework(error));
    if let Ok(value) = header::HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    InternalError::from_response(error.to_string(), response).into()
}

fn log(response: &ServiceResponse<BoxBody>, id: &RequestId, begun: Instant) {
    let status = response.status();
    let problem = response.response().error().and_then(Error::as_error::<Problem>);
    let route = route(response);
    if status.is_server_error() && route.as_deref() != Some(READY) {
        tracing::error!(
            request.id = id.as_str(),
            http.method = method(response.request().method()),
            http.route = route,
            http.status = status.as_u16(),
            duration_us = elapsed_us(begun),
            error = problem.map(Problem::chain),
            "a request failed"
        );
    } else {
        tracing::debug!(
            request.id = id.as_str(),
            http.method = method(response.request().method()),
            http.route = route,
            http.status = status.as_u16(),
            error.code = problem.map(Problem::code),
            duration_us = elapsed_us(begun),
            "a request was answered"
        );
    }
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
        _ => "_OTHER",
    }
}

/// The pattern that the path matched: a path itself may hold anything.
fn route(response: &ServiceResponse<BoxBody>) -> Option<String> {
    response.request().match_pattern()
}

fn elapsed_us(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
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
