//! The trace that a request belongs to: what its `traceparent` and `tracestate` say. One that breaks the rules is as if it were not there.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use webhook_domain::delivery::trace::{self, TraceContext, TraceParent};

static TRACEPARENT: HeaderName = HeaderName::from_static(trace::TRACEPARENT);
static TRACESTATE: HeaderName = HeaderName::from_static(trace::TRACESTATE);

/// The trace of a request with these headers.
pub(crate) fn context(headers: &HeaderMap) -> Option<TraceContext> {
    let traceparent = only(headers)?;
    let states: Result<Vec<_>, _> = headers.get_all(&TRACESTATE).map(HeaderValue::to_str).collect();
    TraceContext::parse(traceparent, states.unwrap_or_default())
}

/// The same without what tracing systems add of their own.
pub(crate) fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    only(headers).and_then(TraceParent::parse)
}

/// The value of the one `traceparent`. Of several nobody can say which is right.
fn only(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(&TRACEPARENT);
    match (sent.next(), sent.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn sent(headers: &[(&HeaderName, &'static [u8])]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append((*name).clone(), HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(parent(&map), context(&map).map(|context| context.parent));
        context(&map).map(|context| context.to_string())
    }

    #[test]
    fn a_trace_is_taken_from_its_two_headers() {
        let both = |state: &'static [u8]| sent(&[(&TRACEPARENT, PARENT.as_bytes()), (&TRACESTATE, state)]);
        assert_eq!(
            sent(&[(&TRACEPARENT, PARENT.as_bytes())]).as_deref(),
            Some(PARENT)
        );
        assert_eq!(both(b"rojo=1"), Some(format!("{PARENT} rojo=1")));
        // A state that cannot be read is no reason to lose the trace.
        for unreadable in [&b"rojo"[..], b"rojo=\xff"] {
            assert_eq!(both(unreadable).as_deref(), Some(PARENT));
        }
        let in_parts = [
            (&TRACESTATE, &b"rojo=1"[..]),
            (&TRACEPARENT, PARENT.as_bytes()),
            (&TRACESTATE, b"congo=2"),
        ];
        assert_eq!(sent(&in_parts), Some(format!("{PARENT} rojo=1,congo=2")));
    }

    #[test]
    fn without_one_good_trace_parent_there_is_no_trace() {
        let state = (&TRACESTATE, &b"rojo=1"[..]);
        for parents in [
            &[][..],
            &[&b"00"[..]],
            &[b"\xff"],
            &[PARENT.as_bytes(), PARENT.as_bytes()],
        ] {
            let mut headers: Vec<_> = parents.iter().map(|parent| (&TRACEPARENT, *parent)).collect();
            headers.push(state);
            assert_eq!(sent(&headers), None, "{parents:?}");
        }
    }
}
