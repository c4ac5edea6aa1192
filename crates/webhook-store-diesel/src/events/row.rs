//! The row of an event.

use diesel::prelude::*;
use webhook_domain::InvalidValue;
use webhook_domain::delivery::event::{Event, JsonText};
use webhook_domain::delivery::trace::TraceContext;
use webhook_domain::id::{PlatformId, RequestId};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Action;

use crate::database::row::{At, RowError};
use crate::database::schema::events;

/// A row of `events`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, Identifiable, QueryableByName)]
#[diesel(table_name = events)]
pub(crate) struct EventRow {
    pub(crate) id: String,
    pub(crate) platform: String,
    pub(crate) action: String,
    pub(crate) created_at: i64,
    pub(crate) original_request_id: Option<String>,
    pub(crate) data: Vec<u8>,
    pub(crate) previous_data: Option<Vec<u8>>,
    pub(crate) trace: Option<String>,
}

impl EventRow {
    pub(crate) fn encode(event: &Event) -> Self {
        let bytes = |json: &JsonText| json.as_str().as_bytes().to_vec();
        Self {
            id: event.id.to_string(),
            platform: event.platform.to_string(),
            action: event.action.as_str().to_owned(),
            created_at: event.created_at.as_milliseconds(),
            original_request_id: event.original_request_id.as_ref().map(ToString::to_string),
            data: bytes(&event.data),
            previous_data: event.previous_data.as_ref().map(bytes),
            trace: event.trace.as_ref().map(ToString::to_string),
        }
    }

    /// How long its data are.
    pub(crate) fn bytes(&self) -> i64 {
        let bytes = self.data.len() + self.previous_data.as_ref().map_or(0, Vec::len);
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    pub(crate) fn decode(&self) -> Result<Event, RowError> {
        let at = |column| At {
            column,
            row: &self.id,
        };
        let json = |bytes: &[u8], column| {
            JsonText::parse(bytes).map_err(|_| at(column).value(InvalidValue::new("must be JSON")))
        };
        Ok(Event {
            id: self.id.parse().map_err(|problem| at("id").value(problem))?,
            platform: PlatformId::restore(&self.platform),
            action: Action::restore(self.action.clone()),
            data: json(&self.data, "data")?,
            previous_data: self
                .previous_data
                .as_deref()
                .map(|bytes| json(bytes, "previous_data"))
                .transpose()?,
            original_request_id: self.original_request_id.as_deref().map(RequestId::restore),
            trace: self.trace.as_deref().and_then(TraceContext::restore),
            created_at: Instant::from_milliseconds(self.created_at),
        })
    }
}
