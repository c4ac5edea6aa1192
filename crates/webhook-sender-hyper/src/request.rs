//! What is sent to a receiver.

use data_encoding::BASE64;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use url::Position;
use webhook_domain::ports::Parcel;
use webhook_domain::webhook::{ApiHeaderField, Authentication, AuthenticationType, CustomHeaders};

use crate::pool::Origin;
use crate::spelling::Spelling;

/// What receivers see of who calls.
const AGENT: &str = concat!("webhook-server/", env!("CARGO_PKG_VERSION"));

/// A request, and to whom it goes.
pub(crate) struct Addressed {
    pub(crate) origin: Origin,
    pub(crate) request: Request<Full<Bytes>>,
    /// How the names of the webhook's own headers are spelt.
    pub(crate) spelling: Spelling,
}

/// The request; none if a part of it cannot stand in one, which the domain's types do not let happen.
pub(crate) fn addressed(parcel: Parcel) -> Option<Addressed> {
    // As the URL standard reads it: every spelling of an address becomes the one that is judged.
    let url = url::Url::parse(parcel.url.as_str()).ok()?;
    let origin = Origin::of(&url)?;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::builder().method(Method::POST).uri(target);
    let headers = request.headers_mut()?;
    headers.insert(
        HOST,
        HeaderValue::try_from(&url[Position::BeforeHost..Position::AfterPort]).ok()?,
    );
    let custom: Vec<_> = parcel
        .custom_headers
        .iter()
        .flat_map(CustomHeaders::iter)
        .collect();
    for header in &custom {
        let mut value = HeaderValue::from_str(header.value.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(
            HeaderName::from_bytes(header.name.as_str().as_bytes()).ok()?,
            value,
        );
    }
    let api_header_field = parcel.authentication.credentials().api_header_field.as_ref();
    let own_names = custom.iter().map(|header| header.name.as_str());
    let spelling = Spelling::of(own_names.chain(api_header_field.map(ApiHeaderField::as_str)));
    // After the custom headers: the service proves itself even if a stored one has the same name.
    if let Some((name, mut value)) = proof(&parcel.authentication) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    // After the webhook's own: none of these can be overridden.
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in parcel.headers {
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    let request = request.body(Full::new(Bytes::from(parcel.body))).ok()?;
    Some(Addressed {
        origin,
        request,
        spelling,
    })
}

/// The header by which the service proves itself.
fn proof(authentication: &Authentication) -> Option<(HeaderName, HeaderValue)> {
    let credentials = authentication.credentials();
    match authentication.kind() {
        AuthenticationType::None => None,
        AuthenticationType::Password => {
            let (username, password) = (credentials.username.as_ref()?, credentials.password.as_ref()?);
            let pair = format!("{}:{}", username.as_str(), password.expose());
            let value = format!("Basic {}", BASE64.encode(pair.as_bytes()));
            Some((AUTHORIZATION, HeaderValue::try_from(value).ok()?))
        }
        AuthenticationType::ApiKey => {
            let (field, key) = (
                credentials.api_header_field.as_ref()?,
                credentials.api_key.as_ref()?,
            );
            let name = HeaderName::from_bytes(field.as_str().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(key.expose()).ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use webhook_domain::webhook::{Credentials, TargetPolicy, TargetUrl};

    use super::*;

    /// What a webhook may have as its target can be sent to: there are not two parsers that disagree.
    #[test]
    fn every_target_that_is_accepted_makes_a_request() {
        let characters = (0x21_u8..0x7f)
            .map(char::from)
            .chain(['\u{e9}', '\u{4e2d}', '\u{1f511}']);
        let mut accepted = 0;
        for character in characters {
            for url in [
                format!("https://ho{character}st.example/"),
                format!("https://{character}host.example/"),
                format!("https://host.example:8443/a{character}b"),
                format!("https://host.example/?a{character}b"),
                format!("https://host.example?{character}"),
            ] {
                let Ok(target) = TargetUrl::parse(url.clone(), &TargetPolicy::default()) else {
                    continue;
                };
                let parcel = Parcel {
                    url: target,
                    headers: Vec::new(),
                    authentication: Authentication::new(AuthenticationType::None, Credentials::default())
                        .unwrap(),
                    custom_headers: None,
                    body: Vec::new(),
                    is_probe: false,
                    within: None,
                };
                assert!(addressed(parcel).is_some(), "{url}");
                accepted += 1;
            }
        }
        assert!(accepted > 300, "{accepted}");
    }
}
