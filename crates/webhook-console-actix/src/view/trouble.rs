//! The page that says why there is no other.

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use webhook_domain::access::caller::Acting;

use super::frame::{Frame, page_with};
use crate::trouble::{Said, Trouble};

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    frame: Frame,
    title: &'static str,
    text: String,
}

/// The answer that says it, to whoever is signed in. `sign_in` is where to sign in.
pub(crate) fn answer(trouble: &Trouble, acting: Option<&Acting>, sign_in: String) -> HttpResponse {
    match trouble {
        Trouble::SignedOut => return to(sign_in),
        Trouble::Elsewhere(place) => return to(place.clone()),
        _ => {}
    }
    let Said {
        status,
        title,
        text,
        retry_after,
    } = trouble.said();
    let frame = acting.map_or_else(Frame::bare, Frame::of_nowhere);
    let shown = page_with(status, &TroublePage { frame, title, text });
    let mut response = shown.unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
    response
}

/// The answer that sends the browser to a page.
pub(crate) fn to(place: String) -> HttpResponse {
    see_other(place).finish()
}

pub(crate) fn see_other(place: String) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, place));
    response
}
