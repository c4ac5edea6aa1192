//! An API key as clients see it.

use serde::Serialize;
use webhook_domain::access::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Name;

use super::Shown;

/// An API key as JSON. Its text is there in the answer of its creation alone.
#[derive(Serialize)]
pub struct ApiKeyJson<'a> {
    object_type: &'static str,
    id: Shown<ApiKeyId>,
    name: Option<&'a str>,
    platform_id: Shown<&'a PlatformScope>,
    permissions: Vec<&'static str>,
    created_at: Shown<Instant>,
    expires_at: Option<Shown<Instant>>,
    revoked_at: Option<Shown<Instant>>,
    api_key: Option<&'a str>,
}

impl<'a> ApiKeyJson<'a> {
    /// `key`, without its text.
    #[must_use]
    pub fn new(key: &'a ApiKey) -> Self {
        Self {
            object_type: "API_KEY",
            id: Shown(key.id),
            name: key.name.as_ref().map(Name::as_str),
            platform_id: Shown(&key.scope),
            permissions: key.permissions.iter().map(Permission::name).collect(),
            created_at: Shown(key.created_at),
            expires_at: key.expires_at.map(Shown),
            revoked_at: key.revoked_at.map(Shown),
            api_key: None,
        }
    }

    /// A key that was just created, with its text: whoever writes it answers for where it goes.
    #[must_use]
    pub fn with_text(created: &'a CreatedApiKey) -> Self {
        Self {
            api_key: Some(created.text.expose()),
            ..Self::new(&created.key)
        }
    }
}
