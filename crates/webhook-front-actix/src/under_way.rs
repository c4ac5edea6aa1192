//! A request on its way through a front's application, as its connection sees it.

use actix_http::ConnectionType;
use actix_web::HttpMessage as _;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;

use crate::body::BodyRead;
use crate::connection::{RequestUnderWay, Watch};

/// A request in its handler. While it lives, the connection's timers leave the client alone. Its end is noted also when the handler
/// is dropped because the client hung up.
#[must_use = "the request is under way until this is dropped"]
pub struct UnderWay(Option<(Watch, RequestUnderWay)>);

impl UnderWay {
    /// The request has reached the application. Nothing is watched for a request without a socket, as in tests.
    pub fn begin(request: &ServiceRequest) -> Self {
        let watch = request.conn_data::<Watch>().cloned();
        Self(watch.map(|watch| {
            let under_way = watch.begin_request();
            (watch, under_way)
        }))
    }

    /// Tells the connection what it must know of the answer: whether it is its last, and whether a body may still come.
    pub fn answered(&self, response: &mut ServiceResponse<BoxBody>) {
        let Some((watch, _)) = &self.0 else { return };
        let headers = response.request().headers();
        let chunked = headers.contains_key(header::TRANSFER_ENCODING);
        let has_body = chunked || headers.contains_key(header::CONTENT_LENGTH);
        if has_body && !response.request().extensions().contains::<BodyRead>() {
            watch.leave_body_unread();
            if chunked {
                // After a body of known length actix closes by itself; the end of this one it would wait for.
                close_after(response);
            }
        }
        if watch.is_not_to_be_kept() {
            close_after(response);
        }
        if response.response().head().connection_type() == ConnectionType::Close {
            watch.close();
        }
    }
}

fn close_after(response: &mut ServiceResponse<BoxBody>) {
    let head = response.response_mut().head_mut();
    head.set_connection_type(ConnectionType::Close);
}
