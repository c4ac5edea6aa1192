//! What a front tells its connections.

use std::sync::Arc;

use actix_web::http::StatusCode;
use webhook_domain::entropy::Entropy;

use crate::limits::FrontLimits;
use crate::tls::ServerCertificate;

/// What the connections of a front know of it. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    /// What a client may take of it.
    pub limits: FrontLimits,
    /// What it shows of itself over TLS; without one, connections are plain HTTP.
    pub certificate: Option<ServerCertificate>,
    /// Where request ids come from.
    pub entropy: Arc<dyn Entropy>,
    /// The front's own words for what actix refuses.
    pub refuse: fn(BareRefusal) -> Refusal,
}

/// A request that actix-http refuses by itself, with an empty answer, before the application sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareRefusal {
    /// 400: the request's line or headers are not HTTP/1.1 (RFC 9112).
    NotHttp,
    /// 408: the head was begun and did not come in time.
    TooSlow,
    /// 431: more than 96 headers, or more than 128 KiB of them.
    HeadTooLong,
    /// 5xx: actix itself failed.
    Failed,
}

impl BareRefusal {
    pub(crate) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::REQUEST_TIMEOUT => Self::TooSlow,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadTooLong,
            _ if status.is_server_error() => Self::Failed,
            _ => Self::NotHttp,
        }
    }
}

/// What a client is told of a [`BareRefusal`]. The status, `X-REQUEST-ID`, `Content-Length` and `Connection: close` come with it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}
