//! Something happened on a platform: what publishers say, and what receivers get to read.
//!
//! An event is published once and goes to every webhook of its platform that wants it, each on its own way (see
//! [`crate::delivery`]). What the publisher said of it is never read or rewritten here: it goes on byte for byte.

mod json_text;

use std::fmt;
use std::str::FromStr;

pub use json_text::JsonText;

use crate::delivery::trace::TraceContext;
use crate::error::InvalidValue;
use crate::id::{EventId, PlatformId, RequestId};
use crate::time::Instant;
use crate::webhook::Action;

/// What deliveries call the deployment they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// `TEST`.
    Test,
    /// `LIVE`.
    Live,
}

impl Environment {
    /// The name receivers see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "TEST",
            Self::Live => "LIVE",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Environment {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "TEST" => Ok(Self::Test),
            "LIVE" => Ok(Self::Live),
            _ => Err(InvalidValue::new("must be TEST or LIVE")),
        }
    }
}

/// Something that happened on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which one. Receivers see it as `webhook-id`, the same at every attempt.
    pub id: EventId,
    /// Where it happened.
    pub platform: PlatformId,
    /// What happened; `type` on the wire.
    pub action: Action,
    /// What there is to say of it.
    pub data: JsonText,
    /// What the resource was before, if the publisher said so; `null` says as little as none.
    pub previous_data: Option<JsonText>,
    /// The request that made it happen, if the publisher said so.
    pub original_request_id: Option<RequestId>,
    /// The trace that the publication belongs to.
    pub trace: Option<TraceContext>,
    /// When it was published.
    pub created_at: Instant,
}

impl Event {
    /// The body of a delivery of this event, with what the resource was before if the webhook includes that
    /// and the publisher gave it. The same arguments give the same bytes.
    #[must_use]
    pub fn payload(&self, environment: Environment, include_previous_data: bool) -> Vec<u8> {
        let previous_data = self
            .previous_data
            .as_ref()
            .filter(|previous| include_previous_data && !previous.is_null());
        // Put together from parts, so that nothing can fail or change on the way: no part but the publisher's own
        // JSON can hold a character that JSON escapes.
        let request = part(
            r#","original_request_id":""#,
            self.original_request_id.as_ref(),
            "\"",
        );
        let previous = part(r#","previous_data":"#, previous_data.map(JsonText::as_str), "");
        format!(
            r#"{{"created_at":"{}","type":"{}"{request},"environment":"{environment}","data":{}{previous}}}"#,
            self.created_at,
            self.action.as_str(),
            self.data.as_str(),
        )
        .into_bytes()
    }
}

/// A field that may be left out.
fn part(start: &str, value: Option<impl fmt::Display>, end: &str) -> String {
    value.map_or_else(String::new, |value| format!("{start}{value}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, fixtures};

    fn event() -> Event {
        Event {
            data: json(r#"{ "total": 1.10, "id": 123456789012345678901234567890 }"#),
            previous_data: Some(json(r#"{"total":1e400}"#)),
            original_request_id: Some("reqr_1".parse().unwrap()),
            ..fixtures::event(&fixtures::acme(), "INVOICE.UPDATED", ManualClock::START)
        }
    }

    fn json(text: &str) -> JsonText {
        JsonText::parse(text.as_bytes()).unwrap()
    }

    fn payload(event: &Event, environment: Environment, include_previous_data: bool) -> String {
        let payload = String::from_utf8(event.payload(environment, include_previous_data)).unwrap();
        let read: serde_json::Result<serde::de::IgnoredAny> = serde_json::from_str(&payload);
        assert!(read.is_ok(), "{payload}");
        payload
    }

    #[test]
    fn a_payload_has_what_the_publisher_said_byte_for_byte() {
        assert_eq!(
            payload(&event(), Environment::Live, true),
            concat!(
                r#"{"created_at":"2024-04-12T15:22:37Z","type":"INVOICE.UPDATED","original_request_id":"reqr_1","#,
                r#""environment":"LIVE","data":{ "total": 1.10, "id": 123456789012345678901234567890 },"#,
                r#""previous_data":{"total":1e400}}"#,
            )
        );
    }

    #[test]
    fn what_is_not_said_or_not_wanted_is_left_out() {
        let bare = concat!(
            r#"{"created_at":"2024-04-12T15:22:37Z","type":"INVOICE.UPDATED","environment":"TEST","#,
            r#""data":{ "total": 1.10, "id": 123456789012345678901234567890 }}"#,
        );
        let mut event = event();
        event.original_request_id = None;
        assert_eq!(payload(&event, Environment::Test, false), bare);
        for nothing in [None, Some(json("null"))] {
            event.previous_data = nothing;
            assert_eq!(payload(&event, Environment::Test, true), bare);
        }
    }

    #[test]
    fn an_environment_reads_back_as_it_is_written() {
        for environment in [Environment::Test, Environment::Live] {
            assert_eq!(environment.to_string().parse(), Ok(environment));
        }
        assert!("test".parse::<Environment>().is_err());
    }
}
