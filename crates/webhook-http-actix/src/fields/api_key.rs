//! The object that an API key is created of.

use actix_web::http::StatusCode;
use webhook_domain::InvalidValue;
use webhook_domain::access::api_key::{self, INVALID_LIFETIME};
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::services::CreateApiKey;
use webhook_domain::webhook::{Edit, Name};

use super::object::Fields;
use crate::errors::{Code, Problem};
use crate::json::Object;

/// What a client may set.
pub(crate) const SETTABLE: [&str; 4] = ["permissions", "name", "expires_in", "platform_id"];

/// What an answer has and a client may not set.
pub(crate) const IGNORED: [&str; 6] = [
    "object_type",
    "id",
    "created_at",
    "expires_at",
    "revoked_at",
    "api_key",
];

/// The key that `body` asks for. Who names no platform gets a key for the one acted on.
pub(crate) fn api_key(body: Object, acting: &Acting) -> Result<CreateApiKey, Problem> {
    let mut fields = Fields::new(body, |name| SETTABLE.contains(&name) || IGNORED.contains(&name))?;
    let permissions = permissions(&mut fields)?;
    let name = match fields.text("name", Name::parse)? {
        Edit::Set(name) => Some(name),
        Edit::Keep | Edit::Clear => None,
    };
    let lifetime = fields.whole("expires_in", api_key::lifetime, INVALID_LIFETIME)?;
    let scope = fields.named("platform_id")?;
    let scope = scope.unwrap_or_else(|| PlatformScope::One(acting.platform().clone()));
    if !acting.scopes().contains(&scope) {
        let message = "platform_id must be the platform acted on, or `*` if this credential is good for all";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, Code::UserNotAllowed, message).with_field("platform_id")
        );
    }
    Ok(CreateApiKey {
        name,
        scope,
        permissions,
        lifetime,
        idempotent: None,
    })
}

fn permissions(fields: &mut Fields) -> Result<PermissionSet, Problem> {
    const FIELD: &str = "permissions";
    let Edit::Set(names) = fields.texts(FIELD, "must be a list of permissions")? else {
        return Err(Problem::missing_field(FIELD, "must be there, and not null"));
    };
    if names.is_empty() {
        return Err(Problem::invalid_field(FIELD, "must have at least one permission"));
    }
    let mut permissions = Vec::<Permission>::new();
    for (index, name) in names.iter().enumerate() {
        let wrong = |problem: &InvalidValue| Problem::invalid_value(format!("{FIELD}.{index}"), problem);
        let permission = name.parse().map_err(|problem| wrong(&problem))?;
        if permissions.contains(&permission) {
            return Err(wrong(&InvalidValue::new("must not be listed twice")));
        }
        permissions.push(permission);
    }
    Ok(permissions.into_iter().collect())
}
