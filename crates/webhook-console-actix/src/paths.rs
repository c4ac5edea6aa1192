//! The paths of pages, spelt once where more than one place has them.

use std::fmt::Display;

use webhook_domain::id::PlatformId;

/// Where the console begins.
pub(crate) const HOME: &str = "/console/";
/// Where to sign in.
pub(crate) const SIGN_IN: &str = "/console/sign-in";

/// Where those are whose new key is not adopted, under the path of a platform.
pub(crate) const NOT_ADOPTED: &str = "not-adopted";
/// Where those of them are whose retired key stops soon.
pub(crate) const STOPPING: &str = "stopping";
/// Where those are whose key is due for a roll.
pub(crate) const ROLL_DUE: &str = "roll-due";

/// The page of `platform` with this path.
pub(crate) fn page(platform: &PlatformId, path: impl Display) -> String {
    format!("/console/p/{platform}/{path}")
}

/// The page at `path`, asked with those of these parameters that are not empty.
pub(crate) fn with_query<'a>(path: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Where to sign in to come back to `place`, which is a path of the console with its query.
pub(crate) fn sign_in_to(place: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("{SIGN_IN}?{}", query.append_pair("to", place).finish())
}

/// `text`, if it is a path of the console, which a browser cannot take for anything else.
pub(crate) fn within(text: &str) -> Option<&str> {
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    let is_within = text.starts_with("/console/p/") && !text.contains("//") && text.bytes().all(is_plain);
    is_within.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_a_platform_are_come_back_to() {
        for right in [
            "/console/p/acme/",
            "/console/p/acme/webhooks?active=true&name=a%20b",
        ] {
            assert_eq!(within(right), Some(right));
        }
        for wrong in [
            "",
            "https://example.com/console/p/",
            "//example.com/console/p/",
            "/console/p/acme//example.com",
            "/console/p/\\example.com",
            "/console/p/acme\r\nSet-Cookie: a=b",
            "/v1/webhooks",
            "/console/sign-out",
        ] {
            assert_eq!(within(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_query_has_what_is_not_empty() {
        assert_eq!(with_query("/a", [("b", "c d&e"), ("f", "")]), "/a?b=c+d%26e");
        assert_eq!(with_query("/a", [("b", "")]), "/a");
    }

    #[test]
    fn where_to_come_back_to_is_one_parameter() {
        let place = sign_in_to("/console/p/acme/webhooks?a=b&c=d");
        assert_eq!(
            place,
            "/console/sign-in?to=%2Fconsole%2Fp%2Facme%2Fwebhooks%3Fa%3Db%26c%3Dd"
        );
    }
}
