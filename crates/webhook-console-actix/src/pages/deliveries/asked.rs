//! Which deliveries a list is asked for: what the form above it says, as it stands in the URL.

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::DeliveryId;
use webhook_domain::ports::DeliveryQuery;
use webhook_domain::webhook::Action;

use crate::paths;
use crate::request::call::Call;
use crate::request::condition::{Wrong, instant, read};

/// What is asked for, as it was written.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) status: String,
    pub(crate) webhook: String,
    pub(crate) event: String,
    pub(crate) action: String,
    pub(crate) key: String,
    pub(crate) created_after: String,
    pub(crate) created_before: String,
}

impl Asked {
    /// What the query of `call` asks for.
    pub(crate) fn of(call: &Call) -> Self {
        let text = |name| call.query(name).unwrap_or_default();
        Self {
            status: text("status"),
            webhook: text("webhook_id"),
            event: text("event_id"),
            action: text("type"),
            key: text("key_fingerprint"),
            created_after: text("created_after"),
            created_before: text("created_before"),
        }
    }

    /// Whether it is not all deliveries that are asked for.
    pub(crate) fn is_filtered(&self) -> bool {
        self.pairs().iter().any(|(_, text)| !text.is_empty())
    }

    /// The conditions as the domain takes them, for at most `limit` deliveries behind `after`.
    pub(crate) fn query(&self, after: Option<DeliveryId>, limit: u32) -> Result<DeliveryQuery, Wrong> {
        Ok(DeliveryQuery {
            webhook: read("webhook_id", &self.webhook, str::parse)?,
            event: read("event_id", &self.event, str::parse)?,
            action: read("type", &self.action, |text| Action::parse(text.to_owned()))?,
            status: read("status", &self.status, DeliveryStatus::named)?,
            created_after: read("created_after", &self.created_after, instant)?,
            created_before: read("created_before", &self.created_before, instant)?,
            signed_with: read("key_fingerprint", &self.key, str::parse)?,
            skip: 0,
            after,
            limit,
        })
    }

    /// The page of `list` that asks for the same behind `after`.
    pub(crate) fn href(&self, list: &str, after: DeliveryId) -> String {
        let after = after.to_string();
        let cursor = ("after", after.as_str());
        paths::with_query(list, self.pairs().into_iter().chain([cursor]))
    }

    fn pairs(&self) -> [(&'static str, &str); 7] {
        [
            ("status", &self.status),
            ("webhook_id", &self.webhook),
            ("event_id", &self.event),
            ("type", &self.action),
            ("key_fingerprint", &self.key),
            ("created_after", &self.created_after),
            ("created_before", &self.created_before),
        ]
    }
}
