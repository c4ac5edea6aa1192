//! Whose request it is. The credential is asked after at every request: a key that was revoked, or a token that has
//! expired, is good for nothing from then on.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use webhook_domain::access::caller::Caller;
use webhook_domain::services::Presented;
use webhook_front_actix::{TooOften, client_address};

use crate::api::{Api, Core};
use crate::errors::Problem;

static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The caller that a request with these headers is made by.
async fn authenticate(headers: &HeaderMap, api: &Api) -> Result<Arc<Caller>, Problem> {
    let presented = credential(headers).ok_or_else(Problem::unauthorised)?;
    Ok(Arc::new(api.authenticator.authenticate(presented).await?))
}

/// The caller that `request` is made by, counted: as a request of its credential, or else as a failure of its address.
/// Whether the credential asks too often is the second part of the answer, since it is told after the permission.
pub(crate) async fn admit(
    request: &HttpRequest,
    core: &Core,
) -> Result<(Arc<Caller>, Result<(), TooOften>), Problem> {
    match authenticate(request.headers(), &core.api).await {
        Ok(caller) => {
            let counted = core.rates.count(&caller.credential);
            Ok((caller, counted))
        }
        Err(problem) => {
            if problem.is_unauthorised() {
                count_failure(request, core)?;
            }
            Err(problem)
        }
    }
}

/// Counts a failure of the address that `request` comes from.
pub(crate) fn count_failure(request: &HttpRequest, core: &Core) -> Result<(), TooOften> {
    let client = client_address(request, &core.limits.front.trusted_proxies);
    core.rates.count_failure(client)
}

/// The one credential that the headers agree on: none if there is none, if one is malformed, or if two differ. What
/// `X-API-KEY` says is an API key, also if `Authorization` says it too.
fn credential(headers: &HeaderMap) -> Option<Presented<'_>> {
    let api_keys = headers.get_all(&X_API_KEY).map(plain);
    let bearers = headers.get_all(header::AUTHORIZATION).map(bearer);
    let mut sent = api_keys.chain(bearers);
    let first = sent.next()??;
    let agreed = sent.all(|other| other == Some(first)).then_some(first);
    if headers.contains_key(&X_API_KEY) {
        agreed.map(Presented::ApiKey)
    } else {
        agreed.map(Presented::Bearer)
    }
}

fn plain(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| !text.is_empty())
}

/// `Bearer` in any case, spaces, and the token (RFC 9110 §11.4, RFC 6750 §2.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = plain(value)?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        credential(&map).map(|presented| match presented {
            Presented::ApiKey(text) => format!("key {text}"),
            Presented::Bearer(text) => format!("bearer {text}"),
            Presented::Again(_) => unreachable!("a header holds text"),
        })
    }

    #[test]
    fn a_credential_is_read_from_either_header() {
        assert_eq!(sent(&[("x-api-key", "k")]).as_deref(), Some("key k"));
        for scheme in ["Bearer k", "bearer k", "BEARER   k"] {
            assert_eq!(
                sent(&[("authorization", scheme)]).as_deref(),
                Some("bearer k"),
                "{scheme}"
            );
        }
        assert_eq!(
            sent(&[("x-api-key", "k"), ("authorization", "Bearer k")]).as_deref(),
            Some("key k")
        );
    }

    #[test]
    fn credentials_that_disagree_are_none() {
        for headers in [
            &[("x-api-key", "a"), ("authorization", "Bearer b")][..],
            &[("x-api-key", "a"), ("x-api-key", "b")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            &[("x-api-key", "a"), ("authorization", "Basic a")],
            &[("x-api-key", "a"), ("authorization", "")],
        ] {
            assert_eq!(sent(headers), None, "{headers:?}");
        }
    }

    #[test]
    fn an_empty_or_malformed_credential_is_none() {
        for value in ["", "Bearer", "Bearer ", "Basic k", "k"] {
            assert_eq!(sent(&[("authorization", value)]), None, "{value:?}");
        }
        assert_eq!(sent(&[("x-api-key", "")]), None);
        assert_eq!(sent(&[]), None);
    }
}
