//! The trace that a publication belongs to, by W3C Trace Context level 1 (<https://www.w3.org/TR/trace-context-1/>): taken with
//! the publication, kept with the event, and sent with each attempt.
//!
//! The service makes no spans of its own, so it sends on what it was given: the receiver's span is a child of the publisher's. A header
//! that breaks the rules is as if it were not there, never an error: a trace is not worth an event.
//!
//! | header | is taken if |
//! |---|---|
//! | `traceparent` | it is there once, in lower-case hex, with ids that are not all zeros. One of a later version is sent on as version 00 |
//! | `tracestate` | there is a good `traceparent`, every member follows the rules, and all of them together have at most 512 characters |

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;

/// The header with the ids of the trace and of the span in it.
pub const TRACEPARENT: &str = "traceparent";
/// The header with what tracing systems add of their own.
pub const TRACESTATE: &str = "tracestate";

/// Where in a trace a publication was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace, and the publisher's span in it.
    pub parent: TraceParent,
    /// What tracing systems have added of their own.
    pub state: Option<TraceState>,
}

impl TraceContext {
    /// What the value of `traceparent` and those of all `tracestate` headers, in their order, say. None if there is no trace in them.
    #[must_use]
    pub fn parse<'a>(traceparent: &str, tracestate: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            parent: TraceParent::parse(traceparent)?,
            state: TraceState::parse(tracestate),
        })
    }

    /// The headers of an attempt, by name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let state = self.state.as_ref();
        std::iter::once((TRACEPARENT, self.parent.to_string()))
            .chain(state.map(|state| (TRACESTATE, state.as_str().to_owned())))
    }

    /// What a store kept, as [`Display`](fmt::Display) wrote it. A trace that cannot be read is none: it must not keep its event from
    /// being delivered.
    #[must_use]
    pub fn restore(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some((parent, state)) => Self::parse(parent, [state]),
            None => Self::parse(text, []),
        }
    }
}

impl fmt::Display for TraceContext {
    /// The value of `traceparent`, then a space and that of `tracestate` if there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parent.fmt(f)?;
        match &self.state {
            Some(state) => write!(f, " {}", state.as_str()),
            None => Ok(()),
        }
    }
}

/// The value of a `traceparent` header, which is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// How long a value of version 00 is.
    const LENGTH: usize = 55;
    /// The one flag that has a meaning in every version.
    const SAMPLED: u8 = 1;

    /// Reads a value. White space around it is no part of it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']).as_bytes();
        let (known, rest) = text.split_at_checked(Self::LENGTH)?;
        if [2, 35, 52].iter().any(|dash| known[*dash] != b'-') {
            return None;
        }
        let [version] = hex(&known[..2])?;
        let (trace, span, [flags]) = (hex(&known[3..35])?, hex(&known[36..52])?, hex(&known[53..])?);
        let flags = match (version, rest) {
            (0, []) => flags,
            // What a later version adds means nothing to version 00, which is what is sent on.
            (1..=0xfe, [] | [b'-', ..]) => flags & Self::SAMPLED,
            _ => return None,
        };
        let has_ids = trace != [0; 16] && span != [0; 8];
        has_ids.then_some(Self { trace, span, flags })
    }
}

/// The bytes that `text` writes in lower-case hex.
fn hex<const LENGTH: usize>(text: &[u8]) -> Option<[u8; LENGTH]> {
    if text.len() != 2 * LENGTH {
        return None;
    }
    let mut bytes = [0; LENGTH];
    HEXLOWER.decode_mut(text, &mut bytes).ok()?;
    Some(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", self.flags)
    }
}

/// The value of a `tracestate` header, which is valid: members joined by commas.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceState(Arc<str>);

impl TraceState {
    /// How many characters are kept. More than that is not kept in part: which member may go only its tracing system knows.
    pub const MAX_LENGTH: usize = 512;
    /// How many members there may be.
    const MAX_MEMBERS: usize = 32;
    const MAX_KEY: usize = 256;
    const MAX_VALUE: usize = 256;

    /// Reads the values of all headers of this name as one list. Empty members, and white space around members, are left out.
    #[must_use]
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let members = values.into_iter().flat_map(|value| value.split(','));
        let members = members
            .map(|member| member.trim_matches([' ', '\t']))
            .filter(|member| !member.is_empty());
        let mut text = String::new();
        let mut keys: Vec<&str> = Vec::new();
        for member in members {
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == Self::MAX_MEMBERS {
                return None;
            }
            keys.push(key);
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(member);
            if text.len() > Self::MAX_LENGTH {
                return None;
            }
        }
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The value of one header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_key(key: &str) -> bool {
    let begins = key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    begins && key.len() <= TraceState::MAX_KEY && key.bytes().all(allowed)
}

/// Whether it may be a value. It has no space at its end, where there can be none behind a member.
fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=TraceState::MAX_VALUE).contains(&value.len()) && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn sent_on(traceparent: &str) -> Option<String> {
        TraceParent::parse(traceparent).map(|parent| parent.to_string())
    }

    fn state(values: &[&str]) -> Option<String> {
        TraceState::parse(values.iter().copied()).map(|state| state.as_str().to_owned())
    }

    #[test]
    fn a_trace_parent_is_sent_on_as_it_came() {
        for flags in ["00", "01", "02", "03", "ff"] {
            let text = format!("00-{TRACE}-{SPAN}-{flags}");
            assert_eq!(sent_on(&text), Some(text.clone()));
            assert_eq!(sent_on(&format!("\t {text} ")), Some(text));
        }
        // Digits alone are lower case, too.
        let digits = format!("00-{}-{}-01", "1".repeat(32), "2".repeat(16));
        assert_eq!(sent_on(&digits), Some(digits));
    }

    #[test]
    fn a_trace_parent_that_breaks_a_rule_is_none() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "00".into(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-0x"),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}{SPAN}--01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("FF-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{TRACE}-{SPAN}-\u{e9}"),
            format!("00-\u{e9}{}-{SPAN}-01", &TRACE[2..]),
        ] {
            assert_eq!(sent_on(&wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_trace_parent_of_a_later_version_is_sent_on_as_version_00() {
        let expected = Some(format!("00-{TRACE}-{SPAN}-01"));
        for later in ["01", "cc", "fe"] {
            assert_eq!(sent_on(&format!("{later}-{TRACE}-{SPAN}-01")), expected);
            assert_eq!(sent_on(&format!("{later}-{TRACE}-{SPAN}-ff-what-else")), expected);
        }
    }

    #[test]
    fn a_trace_state_is_one_list_however_it_is_sent() {
        for (sent, expected) in [
            (
                &["rojo=00f067,congo=t61rcWkgMzE"][..],
                "rojo=00f067,congo=t61rcWkgMzE",
            ),
            (&["rojo=1", "congo=2"], "rojo=1,congo=2"),
            (&[" rojo=1 ,, \tcongo=2 3,"], "rojo=1,congo=2 3"),
            (&["tenant@system=1,0a_-*/=!\"~"], "tenant@system=1,0a_-*/=!\"~"),
        ] {
            assert_eq!(state(sent).as_deref(), Some(expected));
        }
        let long = format!("a={},b={}", "x".repeat(254), "y".repeat(253));
        assert_eq!((long.len(), state(&[&long])), (512, Some(long.clone())));
    }

    #[test]
    fn a_trace_state_that_breaks_a_rule_is_none() {
        let many: Vec<_> = (0..33).map(|number| format!("k{number}=1")).collect();
        for wrong in [
            "",
            " , ",
            "a",
            "a=",
            "=1",
            "A=1",
            "a=1=2",
            "a b=1",
            "a=\u{e9}",
            "a=1\u{7f}",
            "a=1\r\nx: y",
            "a=1,a=2",
            &many.join(","),
            &format!("a={}", "x".repeat(257)),
            &format!("{}=1", "a".repeat(257)),
            &format!("a={},b={}", "x".repeat(254), "y".repeat(254)),
        ] {
            assert_eq!(state(&[wrong]), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_trace_reads_back_as_it_is_written_and_is_none_if_it_cannot() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        for values in [&[][..], &["rojo=1 2,congo=3"]] {
            let trace = TraceContext::parse(&parent, values.iter().copied()).unwrap();
            assert_eq!(TraceContext::restore(&trace.to_string()), Some(trace.clone()));
            let names: Vec<_> = trace.headers().map(|(name, _)| name).collect();
            assert_eq!(names.len(), 1 + values.len());
        }
        assert_eq!(TraceContext::parse("00", ["rojo=1"]), None);
        assert_eq!(TraceContext::restore("something of a later release"), None);
    }
}
