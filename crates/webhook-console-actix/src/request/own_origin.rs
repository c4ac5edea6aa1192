//! Whether a request comes from the console's own pages, and over what.
//!
//! A browser says in `Sec-Fetch-Site` from where a request comes, wherever the console is reached over TLS or on a loopback address. An
//! older one says the `Origin` of a form. Without either nothing is changed.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};

use crate::console::Console;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether `request` comes from one of the console's own pages.
pub(crate) fn is_own(request: &HttpRequest, console: &Console) -> bool {
    if let Some(site) = request.headers().get(&SEC_FETCH_SITE) {
        return site.as_bytes() == b"same-origin";
    }
    let origin = request.headers().get(header::ORIGIN);
    let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else {
        return false;
    };
    match &console.public_url {
        Some(own) => origin == own.origin(),
        None => {
            let scheme = if console.has_tls { "https" } else { "http" };
            host(request).is_some_and(|host| is_loopback(host) && origin == format!("{scheme}://{host}"))
        }
    }
}

/// Whether the browser that sends `request` reaches the console over TLS, as far as can be told. In doubt it does: a cookie is then
/// refused rather than sent in the open.
pub(crate) fn is_over_tls(request: &HttpRequest, console: &Console) -> bool {
    match &console.public_url {
        Some(own) => own.is_https(),
        None => console.has_tls || !host(request).is_some_and(is_loopback),
    }
}

/// Whether the request was made by a page of another site.
pub(crate) fn is_from_another_site(request: &HttpRequest) -> bool {
    let site = request.headers().get(&SEC_FETCH_SITE);
    site.is_some_and(|site| site.as_bytes() == b"cross-site")
}

/// The host that the request was sent to, with its port.
fn host(request: &HttpRequest) -> Option<&str> {
    request.headers().get(header::HOST)?.to_str().ok()
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_this_machine() {
        for own in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.8.9.1",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "",
            "example.com",
            "localhost.example.com",
            "10.0.0.1:80",
            "[::2]:80",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
