//! Names of headers: when two are the same to a receiver, and which of them are not a client's to set.
//!
//! HTTP compares names without regard to case (RFC 9110 §5.1). Many receivers also read `_` and `-` as the same: CGI (RFC 3875
//! §4.1.18) and its descendants make one variable of both. So all names are compared in lower case with `_` as `-`.

use crate::delivery::trace::{TRACEPARENT, TRACESTATE};

/// The header that HTTP Basic uses.
pub(super) const AUTHORIZATION: &str = "authorization";

/// What the sender sets itself, what frames the message, and what is a matter of the connection alone; in the form that is compared.
pub(super) const SENDERS_OWN: [&str; 25] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "webhook-id",
    "webhook-key-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-payload-signature",
    "x-payload-signature-timestamp",
];

/// What the sender sets itself for an event that was published in a trace.
pub(super) const OF_TRACES: [&str; 2] = [TRACEPARENT, TRACESTATE];

/// What no custom header may be besides: what a proxy on the way adds and receivers believe, and what another mechanism sets.
pub(super) const RESERVED: [&str; 6] = [
    "cookie",
    "forwarded",
    "http2-settings",
    TRACEPARENT,
    TRACESTATE,
    "x-real-ip",
];

/// The families of such names, which the service's own may join.
pub(super) const RESERVED_PREFIXES: [&str; 4] = ["proxy-", "webhook-", "x-forwarded-", "x-payload-"];

/// The form in which names are compared.
pub(super) fn compared(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether a receiver may take the two for one.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    compared(one) == compared(other)
}

/// Whether the sender or HTTP itself sets the header.
pub(super) fn is_senders_own(name: &str) -> bool {
    SENDERS_OWN.contains(&compared(name).as_str())
}

/// Whether the sender sets the header for some events.
pub(super) fn is_of_traces(name: &str) -> bool {
    OF_TRACES.contains(&compared(name).as_str())
}

/// Whether the header is kept from custom headers for another reason.
pub(super) fn is_reserved(name: &str) -> bool {
    let name = compared(name);
    RESERVED.contains(&name.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a byte may stand in a name (RFC 9110 §5.6.2).
pub(super) const fn is_in_tokens(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_lists_stands_there_in_the_form_that_is_compared() {
        for name in SENDERS_OWN
            .iter()
            .chain(&RESERVED)
            .chain(&RESERVED_PREFIXES)
            .chain(&[AUTHORIZATION])
        {
            assert_eq!(compared(name), **name);
        }
    }

    #[test]
    fn names_are_compared_without_case_and_with_both_kinds_of_joints_alike() {
        assert!(is_same("X-Api-Key", "x_API_key") && is_senders_own("Content_LENGTH"));
        assert!(is_reserved("X_Forwarded-For") && is_reserved("WEBHOOK_x"));
        assert!(!is_same("X-Api-Key", "X-ApiKey") && !is_reserved("X-Forwarded") && !is_reserved("webhook"));
    }
}
