//! Reading a body: within its limit and in time. What it must be is the front's to say.

use std::pin::pin;

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpMessage as _, HttpRequest};
use tokio::time::timeout;

use crate::limits::{ALREADY_THERE, FrontLimits};

/// What the head says of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// There is none.
    Nothing,
    /// It has so many bytes.
    Bytes(u64),
    /// It comes in chunks. Whether it is a body at all shows at its end.
    Chunked,
}

/// Why there is no whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It has more bytes than it may.
    TooLong,
    /// It did not come in time.
    TooSlow,
    /// It ended early, or its chunks are malformed.
    Broken,
}

/// Marks a request whose body was read to its end.
pub(crate) struct BodyRead;

/// What `headers` announce.
#[must_use]
pub fn announced(headers: &HeaderMap) -> Announced {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Announced::Chunked;
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match length {
        None | Some(0) => Announced::Nothing,
        Some(length) => Announced::Bytes(length),
    }
}

/// The body of `request`, all of it.
///
/// # Errors
/// When it has more than `max_bytes`, takes longer than the limits allow, or is none.
pub async fn read(
    request: &HttpRequest,
    payload: Payload,
    max_bytes: usize,
    limits: &FrontLimits,
) -> Result<Bytes, BodyError> {
    let mut whole = pin!(payload.to_bytes_limited(max_bytes));
    let body = match timeout(limits.body_timeout, &mut whole).await {
        Err(_) => timeout(ALREADY_THERE, whole).await,
        read => read,
    };
    let body = body
        .map_err(|_| BodyError::TooSlow)?
        .map_err(|_| BodyError::TooLong)?
        .map_err(|_| BodyError::Broken)?;
    request.extensions_mut().insert(BodyRead);
    Ok(body)
}
