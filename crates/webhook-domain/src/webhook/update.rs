//! A change of a webhook's settings, as one value: what a PATCH asks for, parsed.

use super::{
    ActionList, ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType, Credentials, Name, Password,
    Reference, Settings, TargetUrl, Username,
};
use crate::error::Refusal;
use crate::signing_protocol::SigningProtocol;

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
    /// See [`Settings::url`].
    pub url: Edit<TargetUrl>,
    /// See [`Settings::included_actions`].
    pub included_actions: Edit<ActionList>,
    /// See [`Settings::excluded_actions`].
    pub excluded_actions: Edit<ActionList>,
    /// The protocol of the next key; cleared, it is the default one.
    pub signing_protocol: Edit<SigningProtocol>,
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
            url: Edit::Keep,
            included_actions: Edit::Keep,
            excluded_actions: Edit::Keep,
            signing_protocol: Edit::Keep,
        }
    }

    /// The settings after the update.
    ///
    /// # Errors
    /// When the result lacks what its type of authentication needs.
    pub fn apply(&self, stored: Settings) -> Result<Settings, Refusal> {
        let credentials = stored.authentication.credentials().clone();
        let credentials = Credentials {
            username: self.username.apply(credentials.username),
            password: self.password.apply(credentials.password),
            api_header_field: self.api_header_field.apply(credentials.api_header_field),
            api_key: self.api_key.apply(credentials.api_key),
        };
        Ok(Settings {
            name: self.name.apply(stored.name),
            reference: self.reference.apply(stored.reference),
            active: self.active,
            include_previous_data: self.include_previous_data,
            authentication: Authentication::new(self.authentication_type, credentials)?,
            url: self.url.apply(stored.url),
            included_actions: self.included_actions.apply(stored.included_actions),
            excluded_actions: self.excluded_actions.apply(stored.excluded_actions),
            signing_protocol: self
                .signing_protocol
                .apply(Some(stored.signing_protocol))
                .unwrap_or_default(),
        })
    }
}
