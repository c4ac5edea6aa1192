//! A webhook, with its keys and credentials sealed.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::{
    Form, SealedHeaders, SealedKeys, StoredError, StoredHeaders, StoredPreviousCredentials, StoredRing,
};
use crate::error::InvalidValue;
use crate::id::{PlatformId, WebhookId};
use crate::sealing::{Place, SealError, Vault};
use crate::signing::secret::SecretText;
use crate::time::Instant;
use crate::webhook::{
    ActionList, ApiHeaderField, ApiKeyValue, Authentication, Credentials, Name, Password, Reference,
    RotationDays, Settings, TargetUrl, Username, Version, Webhook,
};

/// A webhook as it is kept. What holds its queue up is no part of it: that is kept with its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the webhook's of that name")]
pub struct StoredWebhook {
    pub form: Form,
    pub id: String,
    pub platform: String,
    pub name: Option<String>,
    pub reference: Option<String>,
    pub active: bool,
    pub include_previous_data: bool,
    pub authentication_type: String,
    pub username: Option<String>,
    /// Sealed.
    pub password: Option<String>,
    pub api_header_field: Option<String>,
    /// Sealed.
    pub api_key: Option<String>,
    /// With sealed values.
    #[serde(default)]
    pub custom_headers: Option<StoredHeaders>,
    pub url: Option<String>,
    pub included_actions: Option<Vec<String>>,
    pub excluded_actions: Option<Vec<String>>,
    pub signing_protocol: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_rotation_days: Option<i64>,
    #[serde(default)]
    pub secret_rotates_automatically: bool,
    /// With sealed values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_credentials: Option<StoredPreviousCredentials>,
    pub key_ring: StoredRing,
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
}

impl StoredWebhook {
    /// The form of `webhook`.
    ///
    /// # Errors
    /// When a secret cannot be sealed.
    pub fn of(webhook: &Webhook, vault: &Vault) -> Result<Self, StoredError> {
        let (id, platform, settings) = (webhook.id, &webhook.platform, &webhook.settings);
        let credentials = settings.authentication.credentials();
        let seal = |field, place, secret: Option<&str>| {
            let sealed = secret.map(|secret| vault.seal(place, secret.as_bytes()));
            let sealed = sealed.transpose().map_err(StoredError::sealing(field))?;
            Ok(sealed.map(|sealed| BASE64.encode(&sealed)))
        };
        let password = credentials.password.as_ref().map(Password::expose);
        let api_key = credentials.api_key.as_ref().map(ApiKeyValue::expose);
        let custom_headers = settings.custom_headers.as_ref().map(|headers| {
            let sealed = SealedHeaders::default();
            StoredHeaders::of(headers, platform, id, vault, &sealed)
        });
        let previous = webhook.previous_credentials.as_ref();
        let previous = previous.map(|previous| StoredPreviousCredentials::of(previous, platform, id, vault));
        let actions = |list: &Option<ActionList>| {
            let list = list.as_ref()?;
            Some(list.iter().map(|action| action.as_str().to_owned()).collect())
        };
        Ok(Self {
            form: Form,
            id: id.to_string(),
            platform: platform.to_string(),
            name: text(settings.name.as_ref().map(Name::as_str)),
            reference: text(settings.reference.as_ref().map(Reference::as_str)),
            active: settings.active,
            include_previous_data: settings.include_previous_data,
            authentication_type: settings.authentication.kind().name().to_owned(),
            username: text(credentials.username.as_ref().map(Username::as_str)),
            password: seal("password", Place::Password(platform, id), password)?,
            api_header_field: text(credentials.api_header_field.as_ref().map(ApiHeaderField::as_str)),
            api_key: seal("api_key", Place::ApiKey(platform, id), api_key)?,
            custom_headers: custom_headers.transpose()?,
            url: text(settings.url.as_ref().map(TargetUrl::as_str)),
            included_actions: actions(&settings.included_actions),
            excluded_actions: actions(&settings.excluded_actions),
            signing_protocol: settings.signing_protocol.name().to_owned(),
            secret_rotation_days: settings.secret_rotation_days.map(|days| days.get().into()),
            secret_rotates_automatically: settings.secret_rotates_automatically,
            previous_credentials: previous.transpose()?,
            key_ring: StoredRing::of(&webhook.key_ring, platform, id, vault, &SealedKeys::default())?,
            created_at: webhook.created_at.as_milliseconds(),
            updated_at: webhook.updated_at.as_milliseconds(),
            version: webhook.version.0,
        })
    }

    /// The webhook, without what holds its queue up.
    ///
    /// # Errors
    /// When a secret does not open, or a value cannot be understood.
    pub fn restore(self, vault: &Vault) -> Result<Webhook, StoredError> {
        let id: WebhookId = self.id.parse().map_err(StoredError::value("id"))?;
        let platform = PlatformId::restore(&self.platform);
        let password = open(vault, "password", Place::Password(&platform, id), self.password)?;
        let api_key = open(vault, "api_key", Place::ApiKey(&platform, id), self.api_key)?;
        let credentials = Credentials {
            username: self.username.map(Username::restore),
            password: password.map(Password::restore),
            api_header_field: self.api_header_field.map(ApiHeaderField::restore),
            api_key: api_key.map(ApiKeyValue::restore),
        };
        let custom_headers = self.custom_headers;
        let custom_headers = custom_headers.map(|headers| headers.restore(&platform, id, vault));
        let custom_headers = custom_headers.transpose()?.map(|(headers, _)| headers);
        let kind = self.authentication_type.parse();
        let kind = kind.map_err(StoredError::value("authentication_type"))?;
        let protocol = self.signing_protocol.parse();
        let settings = Settings {
            name: self.name.map(Name::restore),
            reference: self.reference.map(Reference::restore),
            active: self.active,
            include_previous_data: self.include_previous_data,
            authentication: Authentication::restore(kind, credentials),
            custom_headers,
            url: self.url.map(TargetUrl::restore),
            included_actions: self.included_actions.map(ActionList::restore),
            excluded_actions: self.excluded_actions.map(ActionList::restore),
            signing_protocol: protocol.map_err(StoredError::value("signing_protocol"))?,
            secret_rotation_days: self.secret_rotation_days.map(RotationDays::restore),
            secret_rotates_automatically: self.secret_rotates_automatically,
        };
        let previous = self.previous_credentials;
        let previous = previous.map(|previous| previous.restore(&platform, id, vault));
        let (key_ring, _) = self.key_ring.restore(&platform, id, vault)?;
        Ok(Webhook {
            id,
            platform,
            settings,
            previous_credentials: previous.transpose()?,
            key_ring,
            created_at: Instant::from_milliseconds(self.created_at),
            updated_at: Instant::from_milliseconds(self.updated_at),
            version: Version(self.version),
            default_rotation: None,
            held_up: None,
        })
    }
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn open(
    vault: &Vault,
    field: &'static str,
    place: Place<'_>,
    sealed: Option<String>,
) -> Result<Option<SecretText>, StoredError> {
    let Some(sealed) = sealed else { return Ok(None) };
    let bytes = BASE64.decode(sealed.as_bytes());
    let bytes = bytes.map_err(|_| StoredError::sealing(field)(SealError::Malformed))?;
    let opened = vault.open(place, &bytes).map_err(StoredError::sealing(field))?;
    let text = std::str::from_utf8(&opened);
    let text = text.map_err(|_| StoredError::value(field)(InvalidValue::new("must be UTF-8")))?;
    Ok(Some(SecretText::new(text.to_owned())))
}
