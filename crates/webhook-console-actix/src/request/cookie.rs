//! The cookie of a session.
//!
//! Over TLS its name begins with `__Host-`: a browser then takes it from this host alone, over TLS alone, and for all paths (RFC 6265bis
//! §4.1.3.2). On a loopback address without TLS browsers refuse such a name, so it has another one there.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue, InvalidHeaderValue};
use webhook_domain::access::session::SessionToken;

use crate::console::Console;
use crate::request::own_origin;

const OVER_TLS: &str = "__Host-webhook-console";
const ON_LOOPBACK: &str = "webhook-console";

/// The session that `request` shows; none if it shows none, or two.
pub(crate) fn token(request: &HttpRequest, console: &Console) -> Option<SessionToken> {
    let name = name(request, console);
    let headers = request.headers().get_all(header::COOKIE);
    let pairs = headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(';'));
    let mut values = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    let (_, first) = values.next()?;
    match values.next() {
        Some(_) => None,
        None => SessionToken::read(first),
    }
}

/// The header that has the browser keep `token` until it is closed.
pub(crate) fn keep(
    request: &HttpRequest,
    console: &Console,
    token: &SessionToken,
) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&written(request, console, token.expose(), ""))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header that has the browser forget it.
pub(crate) fn forget(request: &HttpRequest, console: &Console) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_str(&written(request, console, "", "; Max-Age=0"))
}

fn written(request: &HttpRequest, console: &Console, value: &str, more: &str) -> String {
    let secure = if own_origin::is_over_tls(request, console) {
        "; Secure"
    } else {
        ""
    };
    let name = name(request, console);
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}

fn name(request: &HttpRequest, console: &Console) -> &'static str {
    match own_origin::is_over_tls(request, console) {
        true => OVER_TLS,
        false => ON_LOOPBACK,
    }
}
