//! An API key as clients see it.

use serde::Serialize;
use webhook_domain::access::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Name;

use super::AsText;

/// An API key as JSON. Its text is there in the answer of its creation alone.
#[derive(Serialize)]
pub struct ApiKeyJson<'a> {
    object_type: &'static str,
    id: AsText<ApiKeyId>,
    name: Option<&'a str>,
    platform_id: AsText<&'a PlatformScope>,
    permissions: Vec<&'static str>,
    created_at: AsText<Instant>,
    expires_at: Option<AsText<Instant>>,
    revoked_at: Option<AsText<Instant>>,
    api_key: Option<&'a str>,
}

impl<'a> ApiKeyJson<'a> {
    /// `key`, without its text.
    #[must_use]
    pub fn new(key: &'a ApiKey) -> Self {
        Self {
            object_type: "API_KEY",
            id: AsText(key.id),
            name: key.name.as_ref().map(Name::as_str),
            platform_id: AsText(&key.scope),
            permissions: key.permissions.iter().map(Permission::name).collect(),
            created_at: AsText(key.created_at),
            expires_at: key.expires_at.map(AsText),
            revoked_at: key.revoked_at.map(AsText),
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
