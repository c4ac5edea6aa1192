//! What a client sets of a webhook, and a change of it as one value: what a PATCH asks for, parsed.
//!
//! A field that stands for itself is added here alone: to [`Settings`], its default and its differences, and to
//! [`SettingsUpdate`] and what applies it.

mod objections;

pub use self::objections::Objections;

use super::{
    ActionList, ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType, Credentials, CustomHeaders,
    CustomHeadersUpdate, Name, Password, Reference, RotationDays, TargetUrl, Username,
};
use crate::error::Refusal;
use crate::signing::key_ring::Overlap;
use crate::signing::signing_protocol::SigningProtocol;

/// What a client sets of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A name for people.
    pub name: Option<Name>,
    /// The platform's own name for it; no two webhooks of a platform have the same.
    pub reference: Option<Reference>,
    /// Whether events are collected and delivered.
    pub active: bool,
    /// Whether a delivery says what the resource was before.
    pub include_previous_data: bool,
    /// How the service proves itself to the receiver, beside the signature.
    pub authentication: Authentication,
    /// Headers that go with every delivery.
    pub custom_headers: Option<CustomHeaders>,
    /// Where deliveries go; nowhere while null.
    pub url: Option<TargetUrl>,
    /// The actions that are sent; null or empty means all.
    pub included_actions: Option<ActionList>,
    /// The actions that are not sent, even if included.
    pub excluded_actions: Option<ActionList>,
    /// How the next key signs.
    pub signing_protocol: SigningProtocol,
    /// After how many days a key is due for a roll; as the deployment has it while null.
    pub secret_rotation_days: Option<RotationDays>,
    /// Whether the service rolls a key that is due, if receivers look it up.
    pub secret_rotates_automatically: bool,
}

impl Default for Settings {
    /// An active webhook with nothing set that may be left out.
    fn default() -> Self {
        Self {
            name: None,
            reference: None,
            active: true,
            include_previous_data: false,
            authentication: Authentication::default(),
            custom_headers: None,
            url: None,
            included_actions: None,
            excluded_actions: None,
            signing_protocol: SigningProtocol::default(),
            secret_rotation_days: None,
            secret_rotates_automatically: false,
        }
    }
}

impl Settings {
    /// The names of the fields in which `self` and `other` differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (before, after) = (
            self.authentication.credentials(),
            other.authentication.credentials(),
        );
        [
            ("name", self.name != other.name),
            ("reference", self.reference != other.reference),
            ("active", self.active != other.active),
            (
                "include_previous_data",
                self.include_previous_data != other.include_previous_data,
            ),
            (
                "authentication_type",
                self.authentication.kind() != other.authentication.kind(),
            ),
            ("username", before.username != after.username),
            ("password", before.password != after.password),
            (
                "api_header_field",
                before.api_header_field != after.api_header_field,
            ),
            ("api_key", before.api_key != after.api_key),
            ("custom_headers", self.custom_headers != other.custom_headers),
            ("url", self.url != other.url),
            (
                "included_actions",
                self.included_actions != other.included_actions,
            ),
            (
                "excluded_actions",
                self.excluded_actions != other.excluded_actions,
            ),
            (
                "signing_protocol",
                self.signing_protocol != other.signing_protocol,
            ),
            (
                "secret_rotation_days",
                self.secret_rotation_days != other.secret_rotation_days,
            ),
            (
                "secret_rotates_automatically",
                self.secret_rotates_automatically != other.secret_rotates_automatically,
            ),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

/// What an update does to an optional field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Edit<T> {
    /// The field was absent: what is stored stays.
    #[default]
    Keep,
    /// The field was null: what is stored goes.
    Clear,
    /// The field had this value.
    Set(T),
}

impl<T: Clone> Edit<T> {
    fn apply(&self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Keep => stored,
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

/// The update object: three required fields, the rest optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsUpdate {
    /// See [`Settings::active`].
    pub active: bool,
    /// See [`Settings::include_previous_data`].
    pub include_previous_data: bool,
    /// The type of authentication to use from now on.
    pub authentication_type: AuthenticationType,
    /// See [`Settings::name`].
    pub name: Edit<Name>,
    /// See [`Settings::reference`].
    pub reference: Edit<Reference>,
    /// See [`Credentials::username`].
    pub username: Edit<Username>,
    /// See [`Credentials::password`].
    pub password: Edit<Password>,
    /// See [`Credentials::api_header_field`].
    pub api_header_field: Edit<ApiHeaderField>,
    /// See [`Credentials::api_key`].
    pub api_key: Edit<ApiKeyValue>,
    /// See [`Settings::custom_headers`]: a set takes the place of the one before.
    pub custom_headers: Edit<CustomHeadersUpdate>,
    /// See [`Settings::url`].
    pub url: Edit<TargetUrl>,
    /// See [`Settings::included_actions`].
    pub included_actions: Edit<ActionList>,
    /// See [`Settings::excluded_actions`].
    pub excluded_actions: Edit<ActionList>,
    /// The protocol of the next key; cleared, it is the default one.
    pub signing_protocol: Edit<SigningProtocol>,
    /// See [`Settings::secret_rotation_days`].
    pub secret_rotation_days: Edit<RotationDays>,
    /// See [`Settings::secret_rotates_automatically`]; cleared, it is false.
    pub secret_rotates_automatically: Edit<bool>,
    /// For how long the credentials before may still be used if the receiver refuses new ones. It is part of no settings.
    pub previous_credentials_expires_in: Overlap,
    /// What the deployment has against some of these values, unless the webhook has them already.
    pub objections: Objections,
}

impl SettingsUpdate {
    /// An update that sets the three required fields and keeps all else.
    #[must_use]
    pub fn new(active: bool, include_previous_data: bool, authentication_type: AuthenticationType) -> Self {
        Self {
            active,
            include_previous_data,
            authentication_type,
            name: Edit::Keep,
            reference: Edit::Keep,
            username: Edit::Keep,
            password: Edit::Keep,
            api_header_field: Edit::Keep,
            api_key: Edit::Keep,
            custom_headers: Edit::Keep,
            url: Edit::Keep,
            included_actions: Edit::Keep,
            excluded_actions: Edit::Keep,
            signing_protocol: Edit::Keep,
            secret_rotation_days: Edit::Keep,
            secret_rotates_automatically: Edit::Keep,
            previous_credentials_expires_in: Overlap::NONE,
            objections: Objections::default(),
        }
    }

    /// The settings after the update.
    ///
    /// # Errors
    /// When the result lacks what its type of authentication needs, has a custom header that may not stand beside it or that has no
    /// value, or has a value that is new and that the deployment objects to.
    pub fn apply(&self, stored: Settings) -> Result<Settings, Refusal> {
        self.objections.hold_against(self, &stored)?;
        let credentials = stored.authentication.credentials().clone();
        let credentials = Credentials {
            username: self.username.apply(credentials.username),
            password: self.password.apply(credentials.password),
            api_header_field: self.api_header_field.apply(credentials.api_header_field),
            api_key: self.api_key.apply(credentials.api_key),
        };
        let authentication = Authentication::new(self.authentication_type, credentials)?;
        let custom_headers = self.custom_headers_beside(&authentication, &stored)?;
        Ok(Settings {
            name: self.name.apply(stored.name),
            reference: self.reference.apply(stored.reference),
            active: self.active,
            include_previous_data: self.include_previous_data,
            authentication,
            custom_headers,
            url: self.url.apply(stored.url),
            included_actions: self.included_actions.apply(stored.included_actions),
            excluded_actions: self.excluded_actions.apply(stored.excluded_actions),
            signing_protocol: self
                .signing_protocol
                .apply(Some(stored.signing_protocol))
                .unwrap_or_default(),
            secret_rotation_days: self.secret_rotation_days.apply(stored.secret_rotation_days),
            secret_rotates_automatically: self
                .secret_rotates_automatically
                .apply(Some(stored.secret_rotates_automatically))
                .unwrap_or_default(),
        })
    }

    /// The custom headers after the update. They are judged beside `authentication` if one or the other changes: what is stored
    /// can be sent back, whatever the rule was when it was accepted.
    fn custom_headers_beside(
        &self,
        authentication: &Authentication,
        stored: &Settings,
    ) -> Result<Option<CustomHeaders>, Refusal> {
        let before = stored.custom_headers.as_ref();
        let headers = match &self.custom_headers {
            Edit::Keep => stored.custom_headers.clone(),
            Edit::Clear => None,
            Edit::Set(update) => Some(update.apply(before)?),
        };
        let is_as_before = headers.as_ref() == before && *authentication == stored.authentication;
        if let Some(headers) = headers.as_ref().filter(|_| !is_as_before) {
            headers.check_beside(authentication, (before, &stored.authentication))?;
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests;
