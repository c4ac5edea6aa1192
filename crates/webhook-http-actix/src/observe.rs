//! Around every request: its id, its end in the log, and that its connection knows of it.

use std::time::{Duration, Instant};

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
use crate::monitoring::{AnsweredRequest, OTHER};
use crate::operations;

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

    let method = method(request.method());
    let answered = next.call(request).await;
    let mut response = match answered {
        Ok(response) => response,
        // A refusal of actix's own that no route saw.
        Err(error) => {
            let error = in_our_words(&error, &id);
            let seen = Seen {
                method,
                route: None,
                status: error.as_response_error().status_code().as_u16(),
                took: begun.elapsed(),
            };
            tell(&core, &seen);
            return Err(error);
        }
    };
    under_way.answered(&mut response);
    if let Ok(value) = header::HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    let pattern = response.request().match_pattern();
    let seen = Seen {
        method,
        route: pattern.as_deref().and_then(operations::route),
        status: response.status().as_u16(),
        took: begun.elapsed(),
    };
    tell(&core, &seen);
    log(&response, &id, &seen);
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

/// What is told of a request.
struct Seen {
    method: &'static str,
    /// The pattern that the path matched: a path itself may hold anything.
    route: Option<&'static str>,
    status: u16,
    took: Duration,
}

impl Seen {
    fn took_us(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

fn tell(core: &Core, seen: &Seen) {
    if let Some(observer) = &core.api.monitoring.requests {
        observer.answered(&AnsweredRequest {
            method: seen.method,
            route: seen.route.unwrap_or(OTHER),
            status: seen.status,
            took: seen.took,
        });
    }
}

fn log(response: &ServiceResponse<BoxBody>, id: &RequestId, seen: &Seen) {
    let problem = response.response().error().and_then(Error::as_error::<Problem>);
    if response.status().is_server_error() && seen.route != Some(READY) {
        tracing::error!(
            request.id = id.as_str(),
            http.method = seen.method,
            http.route = seen.route,
            http.status = seen.status,
            duration_us = seen.took_us(),
            error = problem.map(Problem::chain),
            "a request failed"
        );
    } else {
        tracing::debug!(
            request.id = id.as_str(),
            http.method = seen.method,
            http.route = seen.route,
            http.status = seen.status,
            error.code = problem.map(Problem::code),
            duration_us = seen.took_us(),
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
