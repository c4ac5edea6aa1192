//! An API key: as answers show it, and as it is asked for.

use std::time::Duration;

use actix_web::http::StatusCode;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, RefOr};
use webhook_domain::InvalidValue;
use webhook_domain::access::api_key::{
    ApiKey, CreatedApiKey, INVALID_LIFETIME, MAX_LIFETIME_SECONDS, lifetime,
};
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::id::ApiKeyId;
use webhook_domain::services::CreateApiKey;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Edit, Name};

use super::answer::answer;
use super::body::{Sent, body};
use super::fields::Fields;
use super::schemas::{ApiKeyText, AsText, ByName, Described, plain};
use crate::errors::{Code, Problem};
use crate::openapi::shared::PERMISSION;
use crate::openapi::values::whole;
use crate::request::json::Object;

answer! {
    /// An API key.
    #[document("ApiKey", object_type = "API_KEY")]
    pub struct ApiKeyJson<'a> {
        /// The key's id; not a secret.
        id: AsText<ApiKeyId> = "key_01hv9k2m4rt6w8y0abcdefghjk",
        /// What people call it.
        name: Option<AsText<&'a Name>> = "billing",
        /// The platform that it is good for; `*` is all.
        platform_id: AsText<&'a PlatformScope> = "default",
        /// What the key may do.
        permissions: Vec<ByName<Permission>> = ["WEBHOOK.VIEW"],
        /// When it was created.
        created_at: AsText<Instant> = "2024-04-12T15:22:37Z",
        /// When it stops being good for anything.
        expires_at: Option<AsText<Instant>> = "2024-04-13T15:22:37Z",
        /// When it was revoked.
        revoked_at: Option<AsText<Instant>> = null,
        /// The key's text, in the answer of its creation alone.
        api_key: Option<ApiKeyText<'a>> = null,
    }
}

impl<'a> ApiKeyJson<'a> {
    /// `key`, without its text.
    #[must_use]
    pub fn new(key: &'a ApiKey) -> Self {
        Self {
            object_type: Self::OBJECT_TYPE,
            id: AsText(key.id),
            name: key.name.as_ref().map(AsText),
            platform_id: AsText(&key.scope),
            permissions: key.permissions.iter().map(ByName).collect(),
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
            api_key: Some(ApiKeyText(created.text.expose())),
            ..Self::new(&created.key)
        }
    }
}

body! {
    /// An API key to create.
    #[document("CreateApiKey", read_from = Fields, answered_with = ApiKeyJson<'_>)]
    pub(crate) struct ApiKeyBody {
        /// What the key may do: nothing that the key it is made with may not.
        permissions: PermissionSet = ["WEBHOOK.VIEW"],
        /// What people call the key.
        name: Option<Name> = "billing",
        /// For how many seconds the key is good; for ever if it is absent.
        expires_in: Option<Lifetime> = 86400,
        /// The platform that the key is good for, or `*` for all; the one acted on if it is absent.
        platform_id: Option<PlatformScope>,
    }
}

/// The key that `body` asks for. Who names no platform gets a key for the one acted on.
pub(crate) fn create_api_key(body: Object, acting: &Acting) -> Result<CreateApiKey, Problem> {
    let asked = ApiKeyBody::read(&mut Fields::new(body, ApiKeyBody::is_known)?)?;
    let acted_on = || PlatformScope::One(acting.platform().clone());
    let scope = asked.platform_id.unwrap_or_else(acted_on);
    if !acting.scopes().contains(&scope) {
        let message = "platform_id must be the platform acted on, or `*` if this credential is good for all";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, Code::UserNotAllowed, message).with_field("platform_id")
        );
    }
    Ok(CreateApiKey {
        name: asked.name,
        scope,
        permissions: asked.permissions,
        lifetime: asked.expires_in.map(|Lifetime(lifetime)| lifetime),
        idempotent: None,
    })
}

/// For how long a key is good.
struct Lifetime(Duration);

impl Described for Lifetime {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(1, MAX_LIFETIME_SECONDS as usize, says), nullable)
    }
}

impl Sent for Lifetime {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        let lifetime = fields.whole(name, lifetime, INVALID_LIFETIME)?;
        Ok(lifetime.map(Self))
    }
}

impl Sent for PlatformScope {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.named(name)
    }
}

impl Described for PermissionSet {
    fn schema(says: &str, _: bool) -> RefOr<Schema> {
        let permissions = ArrayBuilder::new().items(PERMISSION.one(""));
        let permissions = permissions.min_items(Some(1)).unique_items(true);
        permissions.description(Some(says)).into()
    }
}

impl Sent for PermissionSet {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        let Edit::Set(names) = fields.texts(name, "must be a list of permissions")? else {
            return Ok(None);
        };
        if names.is_empty() {
            return Err(Problem::invalid_field(name, "must have at least one permission"));
        }
        let mut permissions = Vec::<Permission>::new();
        for (index, text) in names.iter().enumerate() {
            let wrong = |problem: &InvalidValue| Problem::invalid_value(format!("{name}.{index}"), problem);
            let permission = text.parse().map_err(|problem| wrong(&problem))?;
            if permissions.contains(&permission) {
                return Err(wrong(&InvalidValue::new("must not be listed twice")));
            }
            permissions.push(permission);
        }
        Ok(Some(permissions.into_iter().collect()))
    }
}
