//! What an error is about: the resource that the request's path names, and its id if the path has a well-formed one.

use webhook_domain::id::{ApiKeyId, DeliveryId, RotationId, WebhookId};

use crate::openapi::shared::{Component, RESOURCE_TYPE};
use crate::wire::schemas::Enumeration;

/// The resource that a request's path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A webhook, or all of them.
    Webhook(Option<WebhookId>),
    /// An API key, or all of them.
    ApiKey(Option<ApiKeyId>),
    /// A signing key by its fingerprint.
    SigningKey,
    /// Audit records.
    AuditRecord,
    /// Events.
    Event,
    /// An event on its way to a webhook, or all of them.
    WebhookEvent(Option<DeliveryId>),
    /// A rotation, or all of them.
    Rotation(Option<RotationId>),
}

impl About {
    /// What a path below `/v1/` is about though it leads nowhere, by its first segment.
    pub(crate) fn of_path(below_version: &str) -> Self {
        match below_version.split('/').next() {
            Some("api-keys") => Self::ApiKey(None),
            Some("signing-keys") => Self::SigningKey,
            Some("audit-records") => Self::AuditRecord,
            Some("rotations") => Self::Rotation(None),
            _ => Self::default(),
        }
    }
}

impl Default for About {
    /// What a service of webhooks is about where the path says nothing.
    fn default() -> Self {
        Self::Webhook(None)
    }
}

impl From<Option<WebhookId>> for About {
    fn from(id: Option<WebhookId>) -> Self {
        Self::Webhook(id)
    }
}

impl From<Option<ApiKeyId>> for About {
    fn from(id: Option<ApiKeyId>) -> Self {
        Self::ApiKey(id)
    }
}

impl From<Option<DeliveryId>> for About {
    fn from(id: Option<DeliveryId>) -> Self {
        Self::WebhookEvent(id)
    }
}

impl Enumeration for About {
    const NAMES: Component = RESOURCE_TYPE;

    fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "WEBHOOK",
            Self::ApiKey(_) => "API_KEY",
            Self::SigningKey => "SIGNING_KEY",
            Self::AuditRecord => "AUDIT_RECORD",
            Self::Event => "EVENT",
            Self::WebhookEvent(_) => "WEBHOOK_EVENT",
            Self::Rotation(_) => "ROTATION",
        }
    }
}

impl About {
    pub(super) fn id(self) -> Option<String> {
        match self {
            Self::Webhook(id) => id.map(|id| id.to_string()),
            Self::ApiKey(id) => id.map(|id| id.to_string()),
            Self::WebhookEvent(id) => id.map(|id| id.to_string()),
            Self::Rotation(id) => id.map(|id| id.to_string()),
            Self::SigningKey | Self::AuditRecord | Self::Event => None,
        }
    }
}
