//! Previous credentials: the password or the API key sealed for the version from which on it is the previous one.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::StoredError;
use crate::error::InvalidValue;
use crate::id::{PlatformId, WebhookId};
use crate::sealing::{Place, SealError, Vault, key_name_of};
use crate::signing::secret::SecretText;
use crate::time::Instant;
use crate::webhook::{
    ApiHeaderField, ApiKeyValue, Authentication, Credentials, Password, PreviousCredentials, TargetOrigin,
    Username, Version,
};

const FIELD: &str = "previous_credentials";

/// Previous credentials as they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPreviousCredentials {
    /// The version of the webhook from which on they are the previous ones.
    pub since: i64,
    /// The name of the type that they are of.
    pub authentication_type: String,
    /// For `PASSWORD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For `PASSWORD`, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// For `API_KEY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_header_field: Option<String>,
    /// For `API_KEY`, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The receiver that they are for.
    pub origin: String,
    /// The first instant at which they are not used any more.
    pub expires_at: i64,
}

impl StoredPreviousCredentials {
    /// The form of `previous`, which are those of `webhook`.
    ///
    /// # Errors
    /// When a credential cannot be sealed.
    pub fn of(
        previous: &PreviousCredentials,
        platform: &PlatformId,
        webhook: WebhookId,
        vault: &Vault,
    ) -> Result<Self, StoredError> {
        let credentials = previous.authentication.credentials();
        let (for_password, for_api_key) = places(platform, webhook, previous.since);
        let seal = |place, secret: Option<&str>| {
            let sealed = secret.map(|secret| vault.seal(place, secret.as_bytes()));
            let sealed = sealed.transpose().map_err(StoredError::sealing(FIELD))?;
            Ok(sealed.map(|sealed| BASE64.encode(&sealed)))
        };
        let text = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self {
            since: previous.since.0,
            authentication_type: previous.authentication.kind().name().to_owned(),
            username: text(credentials.username.as_ref().map(Username::as_str)),
            password: seal(for_password, credentials.password.as_ref().map(Password::expose))?,
            api_header_field: text(credentials.api_header_field.as_ref().map(ApiHeaderField::as_str)),
            api_key: seal(for_api_key, credentials.api_key.as_ref().map(ApiKeyValue::expose))?,
            origin: previous.origin.as_str().to_owned(),
            expires_at: previous.expires_at.as_milliseconds(),
        })
    }

    /// The previous credentials of `webhook`.
    ///
    /// # Errors
    /// When a credential does not open, or the type cannot be understood.
    pub fn restore(
        self,
        platform: &PlatformId,
        webhook: WebhookId,
        vault: &Vault,
    ) -> Result<PreviousCredentials, StoredError> {
        let since = Version(self.since);
        let (for_password, for_api_key) = places(platform, webhook, since);
        let open = |place, sealed: Option<String>| -> Result<Option<SecretText>, StoredError> {
            let Some(sealed) = sealed else { return Ok(None) };
            let bytes = BASE64.decode(sealed.as_bytes());
            let bytes = bytes.map_err(|_| StoredError::sealing(FIELD)(SealError::Malformed))?;
            let opened = vault.open(place, &bytes).map_err(StoredError::sealing(FIELD))?;
            let text = std::str::from_utf8(&opened);
            let text = text.map_err(|_| StoredError::value(FIELD)(InvalidValue::new("must be in UTF-8")))?;
            Ok(Some(SecretText::new(text.to_owned())))
        };
        let credentials = Credentials {
            username: self.username.map(Username::restore),
            password: open(for_password, self.password)?.map(Password::restore),
            api_header_field: self.api_header_field.map(ApiHeaderField::restore),
            api_key: open(for_api_key, self.api_key)?.map(ApiKeyValue::restore),
        };
        let kind = self.authentication_type.parse();
        let kind = kind.map_err(StoredError::value(FIELD))?;
        Ok(PreviousCredentials {
            since,
            authentication: Authentication::restore(kind, credentials),
            origin: TargetOrigin::restore(self.origin),
            expires_at: Instant::from_milliseconds(self.expires_at),
        })
    }

    /// Whether each credential is sealed under the master key of this name.
    #[must_use]
    pub fn are_sealed_under(&self, name: &str) -> bool {
        [&self.password, &self.api_key]
            .into_iter()
            .flatten()
            .all(|sealed| {
                let bytes = BASE64.decode(sealed.as_bytes()).ok();
                bytes.and_then(|bytes| key_name_of(&bytes)).as_deref() == Some(name)
            })
    }
}

/// Where the password and the API key are sealed for.
const fn places(platform: &PlatformId, webhook: WebhookId, since: Version) -> (Place<'_>, Place<'_>) {
    (
        Place::PreviousPassword(platform, webhook, since),
        Place::PreviousApiKey(platform, webhook, since),
    )
}
