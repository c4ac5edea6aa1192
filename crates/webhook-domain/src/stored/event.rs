//! An event.

use serde::{Deserialize, Serialize};

use super::{Form, StoredError};
use crate::delivery::event::{Event, JsonText};
use crate::delivery::trace::TraceContext;
use crate::id::{PlatformId, RequestId};
use crate::time::Instant;
use crate::webhook::Action;

/// An event as it is kept. Its data are texts, which come back byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the event's of that name")]
pub struct StoredEvent {
    pub form: Form,
    pub id: String,
    pub platform: String,
    pub action: String,
    pub data: String,
    pub previous_data: Option<String>,
    pub original_request_id: Option<String>,
    pub trace: Option<String>,
    pub created_at: i64,
}

impl StoredEvent {
    /// The form of `event`.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let text = |json: &JsonText| json.as_str().to_owned();
        Self {
            form: Form,
            id: event.id.to_string(),
            platform: event.platform.to_string(),
            action: event.action.as_str().to_owned(),
            data: text(&event.data),
            previous_data: event.previous_data.as_ref().map(text),
            original_request_id: event.original_request_id.as_ref().map(ToString::to_string),
            trace: event.trace.as_ref().map(ToString::to_string),
            created_at: event.created_at.as_milliseconds(),
        }
    }

    /// The event.
    ///
    /// # Errors
    /// When its id is none, or its data are no JSON.
    pub fn restore(self) -> Result<Event, StoredError> {
        let json = |field, text: &str| JsonText::parse(text.as_bytes()).map_err(StoredError::value(field));
        let previous_data = self.previous_data.as_deref();
        Ok(Event {
            id: self.id.parse().map_err(StoredError::value("id"))?,
            platform: PlatformId::restore(&self.platform),
            action: Action::restore(self.action),
            data: json("data", &self.data)?,
            previous_data: previous_data
                .map(|text| json("previous_data", text))
                .transpose()?,
            original_request_id: self.original_request_id.as_deref().map(RequestId::restore),
            trace: self.trace.as_deref().and_then(TraceContext::restore),
            created_at: Instant::from_milliseconds(self.created_at),
        })
    }
}
