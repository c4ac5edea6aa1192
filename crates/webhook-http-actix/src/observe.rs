//! Around every request: its id, its end in the log, and what a connection must know of it.

use std::time::Instant;

use actix_http::ConnectionType;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use webhook_domain::id::RequestId;

use crate::api::Core;
use crate::connection::{RequestUnderWay, Watch};
use crate::errors::Problem;
use crate::request_id::{self, X_REQUEST_ID};

/// Marks a request whose body was read to its end.
pub(crate) struct BodyRead;

/// Calls the route and completes its answer.
pub(crate) async fn observe(
    core: web::Data<Core>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let watch = request.conn_data::<Watch>().cloned();
    let under_way = watch.as_ref().map(Watch::begin_request);
    let Some(id) = request_id::of(request.headers(), &core.api) else {
        return Err(Problem::internal("a request id could not be made").into());
    };
    request.extensions_mut().insert(id.clone());

    let answered = next.call(request).await;
    let mut response = match answered {
        Ok(response) => response,
        // A refusal of actix's own that no route saw.
        Err(error) => return Err(in_our_words(&error, &id)),
    };
    if let Some(watch) = watch {
        tell_connection(&watch, &mut response);
    }
    if let Ok(value) = header::HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    log(&response, &id, begun);
    drop::<Option<RequestUnderWay>>(under_way);
    Ok(response)
}

/// What the connection must know of an answer: whether it is its last, and whether a body may still come.
fn tell_connection(watch: &Watch, response: &mut ServiceResponse<BoxBody>) {
    let headers = response.request().headers();
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let has_body = chunked || headers.contains_key(header::CONTENT_LENGTH);
    if has_body && !response.request().extensions().contains::<BodyRead>() {
        watch.leave_body_unread();
        if chunked {
            // After a body of known length actix closes by itself; the end of this one it would wait for.
            let head = response.response_mut().head_mut();
            head.set_connection_type(ConnectionType::Close);
        }
    }
    if watch.is_not_to_be_kept() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    if response.response().head().connection_type() == ConnectionType::Close {
        watch.close();
    }
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
    if status.is_server_error() {
        tracing::error!(
            request.id = id.as_str(),
            http.method = method(response.request().method()),
            http.route = route(response),
            http.status = status.as_u16(),
            duration_us = elapsed_us(begun),
            error = problem.map(Problem::chain),
            "a request failed"
        );
    } else {
        tracing::debug!(
            request.id = id.as_str(),
            http.method = method(response.request().method()),
            http.route = route(response),
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
