//! Reading a body: of the right type, within its limit, in time. Length and time are the front's to measure.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, Payload};
use webhook_front_actix::body::{self, Announced, BodyError};

use crate::errors::{Code, Problem};
use crate::limits::HttpLimits;

/// The body of `request`; empty when there is none.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limits: &HttpLimits,
) -> Result<Bytes, Problem> {
    read_up_to(limits.max_body_bytes, request, payload, limits).await
}

/// The event that `request` publishes.
pub(crate) async fn read_event(
    request: &HttpRequest,
    payload: Payload,
    limits: &HttpLimits,
) -> Result<Bytes, Problem> {
    read_up_to(limits.max_event_bytes, request, payload, limits).await
}

async fn read_up_to(
    max_bytes: usize,
    request: &HttpRequest,
    payload: Payload,
    limits: &HttpLimits,
) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let announced = body::announced(headers);
    match announced {
        Announced::Nothing => return Ok(Bytes::new()),
        Announced::Bytes(length) if length > max_bytes as u64 => return Err(too_long(max_bytes)),
        Announced::Bytes(_) => check_type(headers)?,
        // Whether it is a body at all shows at its end.
        Announced::Chunked => {}
    }
    let whole = body::read(request, payload, max_bytes, &limits.front).await;
    let body = whole.map_err(|error| match error {
        BodyError::TooLong => too_long(max_bytes),
        BodyError::TooSlow => Problem::body_timeout(),
        BodyError::Broken => Problem::bad_request("the body ended early, or its chunks are malformed"),
    })?;
    if announced == Announced::Chunked && !body.is_empty() {
        check_type(headers)?;
    }
    Ok(body)
}

/// Sees to it that `request` has no body: what stands in it would silently do nothing.
pub(crate) async fn read_none(
    request: &HttpRequest,
    payload: Payload,
    limits: &HttpLimits,
) -> Result<Bytes, Problem> {
    let body = read(request, payload, limits).await?;
    match body.is_empty() {
        true => Ok(body),
        false => Err(Problem::bad_request("this request takes no body; leave it out")),
    }
}

fn too_long(max_bytes: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::InvalidRequest,
        format!("the body must have at most {max_bytes} bytes"),
    )
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let is_json = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().is_ok_and(is_json),
        _ => false,
    };
    let is_plain = headers
        .get_all(header::CONTENT_ENCODING)
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_json && is_plain {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::UnsupportedMediaType,
        "the body must be application/json in UTF-8, without a content encoding, and Content-Type must say so",
    ))
}

/// `application/json`, without parameters or with a `charset` that is UTF-8 in any spelling (RFC 9110 §8.3.1).
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim_matches([' ', '\t']));
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json") && parts.filter(|part| !part.is_empty()).all(is_utf_8)
}

fn is_utf_8(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        let value = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value);
        name.eq_ignore_ascii_case("charset") && is_name_of_utf_8(value)
    })
}

/// `utf-8`, `UTF8`, `Utf_8`: clients write it as they like.
fn is_name_of_utf_8(charset: &str) -> bool {
    let digits_and_letters = charset.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
    digits_and_letters
        .map(|byte| byte.to_ascii_lowercase())
        .eq(*b"utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_json_in_utf_8() {
        for right in [
            "application/json",
            "Application/JSON",
            "application/json;",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json;charset=utf8",
            "application/json; charset=UTF8",
            "application/json; Charset=\"Utf_8\"",
        ] {
            assert!(is_json(right), "{right}");
        }
        for wrong in [
            "",
            "text/plain",
            "application/jsonp",
            "application/problem+json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-80",
            "application/json; charset=",
            "application/json; version=1",
            "application/json, application/json",
        ] {
            assert!(!is_json(wrong), "{wrong}");
        }
    }
}
