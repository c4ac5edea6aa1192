//! The rows that say which webhook wants which action.

use diesel::prelude::*;
use webhook_domain::webhook::{Subscription, Webhook};

/// The action of those who want all that the platform publishes.
pub(crate) const EVERY_ACTION: &str = "*";

/// A row of `subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub(crate) struct SubscriptionRow {
    pub(crate) platform: String,
    pub(crate) action: String,
    pub(crate) webhook_id: String,
    pub(crate) ruled_out: bool,
    pub(crate) include_previous_data: bool,
}

impl SubscriptionRow {
    /// The rows of a webhook as it is.
    pub(crate) fn of(webhook: &Webhook) -> Vec<Self> {
        let row = |action: &str, ruled_out| Self {
            platform: webhook.platform.to_string(),
            action: action.to_owned(),
            webhook_id: webhook.id.to_string(),
            ruled_out,
            include_previous_data: webhook.settings.include_previous_data,
        };
        let subscriptions = webhook.settings.subscriptions();
        let rows = subscriptions.iter().map(|subscription| match subscription {
            Subscription::All => row(EVERY_ACTION, false),
            Subscription::Included(action) => row(action.as_str(), false),
            Subscription::Excluded(action) => row(action.as_str(), true),
        });
        rows.collect()
    }
}
