//! The answers that actix-http gives by itself, before any of our code sees a request: to a head it cannot read
//! (400), one that is too long (431), or one that does not come (408). They have an empty body and no request id.
//! They are recognised as they are written, and sent in the front's own words instead.

use actix_web::http::StatusCode;

use crate::front::{BareRefusal, Front, Refusal};
use crate::request_id;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const EMPTY_BODY: &[u8] = b"\r\ncontent-length: 0\r\n";
/// Every answer of ours has this header, so one without it is actix's.
const MARK_OF_OURS: &[u8] = b"\r\nx-request-id: ";

/// Where in `written` a refusal of actix's begins, if it ends with one. After such a refusal actix closes the
/// connection, so it is always last. No body of ours ends like a head or has a line like its first.
pub(super) fn find(written: &[u8]) -> Option<usize> {
    // Nearly every write ends with a body: look no further then.
    if !written.ends_with(END_OF_HEAD) {
        return None;
    }
    let start = rfind(written, b"HTTP/1.")?;
    let head = &written[start..];
    let is_bare = contains(head, EMPTY_BODY) && !contains(head, MARK_OF_OURS);
    (is_bare && status(head)?.as_u16() >= 400).then_some(start)
}

/// A refusal as actix would write it.
pub(super) fn head(version: &str, status: StatusCode) -> Vec<u8> {
    format!("{version} {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
}

/// The same refusal in the front's own words, with a request id.
pub(super) fn in_our_words(front: &Front, refusal: &[u8]) -> Vec<u8> {
    let status = status(refusal).unwrap_or(StatusCode::BAD_REQUEST);
    let Refusal { content_type, body } = (front.refuse)(BareRefusal::of(status));
    let mut answer = Vec::with_capacity(refusal.len() + body.len() + 128);
    let text = String::from_utf8_lossy(refusal);
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        if !line.starts_with("content-length:") && !line.starts_with("connection:") {
            answer.extend_from_slice(line.as_bytes());
            answer.extend_from_slice(b"\r\n");
        }
    }
    let id = request_id::generate(front.entropy.as_ref());
    let id = id.as_ref().map_or("", |id| id.as_str());
    let head = format!(
        "connection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nx-request-id: {id}\r\n\r\n",
        body.len()
    );
    answer.extend_from_slice(head.as_bytes());
    answer.extend_from_slice(&body);
    tracing::debug!(
        request.id = id,
        http.status = status.as_u16(),
        "refused a malformed request"
    );
    answer
}

fn status(head: &[u8]) -> Option<StatusCode> {
    // "HTTP/1.1 400 …"
    StatusCode::from_bytes(head.get(9..12)?).ok()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn rfind(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: x\r\n\r\n";

    #[test]
    fn a_bare_refusal_is_found_after_an_answer_of_ours() {
        let ours = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: r\r\n\r\n{}";
        assert_eq!(find(BARE), Some(0));
        assert_eq!(find(&[&ours[..], BARE].concat()), Some(ours.len()));
        assert_eq!(find(ours), None);
    }

    #[test]
    fn an_answer_of_ours_without_a_body_is_left_alone() {
        let ours = b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\nx-request-id: r\r\n\r\n";
        assert_eq!(find(ours), None);
        assert_eq!(find(b"HTTP/1.1 100 Continue\r\n\r\n"), None);
    }
}
