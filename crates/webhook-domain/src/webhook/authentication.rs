//! How the service proves itself to a receiver beside the signature: HTTP Basic, an API key in a header, or
//! not at all.

use std::fmt;

use super::header_names::{AUTHORIZATION, is_of_traces, is_same, is_senders_own};
use crate::error::{InvalidValue, Refusal};
use crate::signing::secret::SecretText;
use crate::text::{self, PublicText, TextRule, TextValue};

/// The type of authentication in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AuthenticationType {
    /// HTTP Basic (RFC 7617).
    Password,
    /// A key in a header of its own.
    ApiKey,
    /// None.
    #[default]
    None,
}

impl AuthenticationType {
    /// Every type there is.
    pub const ALL: [Self; 3] = [Self::Password, Self::ApiKey, Self::None];

    /// The name clients use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::ApiKey => "API_KEY",
            Self::None => "NONE",
        }
    }
}

impl std::str::FromStr for AuthenticationType {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(InvalidValue::new("must be one of PASSWORD, API_KEY, NONE"))
    }
}

impl fmt::Display for AuthenticationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The user name of HTTP Basic, under pattern U.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

/// The password of HTTP Basic, under pattern U.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password(SecretText);

/// The name of the header an API key is sent in, under pattern H, and none that the sender or HTTP sets itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiHeaderField(String);

/// The API key sent in that header, under pattern K.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyValue(SecretText);

impl Username {
    /// Accepts 0–256 characters of pattern U.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: String) -> Result<Self, InvalidValue> {
        text::U.check(&text)?;
        Ok(Self(text))
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(text: String) -> Self {
        Self(text)
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Password {
    /// Accepts 0–256 characters of pattern U.
    ///
    /// # Errors
    /// Says what would be right, without repeating the password.
    pub fn parse(text: SecretText) -> Result<Self, InvalidValue> {
        text::U.check(text.expose())?;
        Ok(Self(text))
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(text: SecretText) -> Self {
        Self(text)
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl ApiHeaderField {
    /// Accepts 0–256 characters of pattern H that do not name a header of the sender's own, in any case and with `_` as `-`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: String) -> Result<Self, InvalidValue> {
        text::H.check(&text)?;
        if is_senders_own(&text) || is_of_traces(&text) || is_same(&text, AUTHORIZATION) {
            return Err(InvalidValue::new(
                "must not name a header that the sender sets itself; choose one of your own, such as X-Webhook-Key",
            ));
        }
        Ok(Self(text))
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(text: String) -> Self {
        Self(text)
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ApiKeyValue {
    /// Accepts 0–256 characters of pattern K.
    ///
    /// # Errors
    /// Says what would be right, without repeating the key.
    pub fn parse(text: SecretText) -> Result<Self, InvalidValue> {
        text::K.check(text.expose())?;
        Ok(Self(text))
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(text: SecretText) -> Self {
        Self(text)
    }

    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

macro_rules! of_pattern {
    ($($name:ident: $pattern:ident, $given:expr;)*) => {
        $(impl TextValue for $name {
            const RULE: TextRule = TextRule::Pattern(&text::$pattern);

            fn from_text(text: String) -> Result<Self, InvalidValue> {
                Self::parse($given(text))
            }
        })*
    };
}

of_pattern! {
    Username: U, String::from;
    Password: U, SecretText::new;
    ApiHeaderField: H, String::from;
    ApiKeyValue: K, SecretText::new;
}

impl PublicText for Username {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl PublicText for ApiHeaderField {
    fn text(&self) -> &str {
        self.as_str()
    }
}

/// What the types of authentication need, each kept whether or not its type is in use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// For `PASSWORD`.
    pub username: Option<Username>,
    /// For `PASSWORD`.
    pub password: Option<Password>,
    /// For `API_KEY`.
    pub api_header_field: Option<ApiHeaderField>,
    /// For `API_KEY`.
    pub api_key: Option<ApiKeyValue>,
}

/// A type of authentication together with the credentials it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authentication {
    kind: AuthenticationType,
    credentials: Credentials,
}

impl Authentication {
    /// Puts `kind` in use, if `credentials` has what it needs.
    ///
    /// # Errors
    /// [`Refusal::MissingField`] with the field that is needed and empty; [`Refusal::InvalidField`] for a
    /// user name with a colon, which HTTP Basic cannot carry (RFC 7617 §2).
    pub fn new(kind: AuthenticationType, credentials: Credentials) -> Result<Self, Refusal> {
        match kind {
            AuthenticationType::Password => check_password(&credentials)?,
            AuthenticationType::ApiKey => check_api_key(&credentials)?,
            AuthenticationType::None => {}
        }
        Ok(Self { kind, credentials })
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(kind: AuthenticationType, credentials: Credentials) -> Self {
        Self { kind, credentials }
    }

    /// The type in use.
    #[must_use]
    pub const fn kind(&self) -> AuthenticationType {
        self.kind
    }

    /// Every credential that was set.
    #[must_use]
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

fn check_password(credentials: &Credentials) -> Result<(), Refusal> {
    let username = credentials.username.as_ref().map_or("", Username::as_str);
    if username.is_empty() {
        return Err(missing(
            "username",
            "must be set and not empty while authentication_type is PASSWORD",
        ));
    }
    if username.contains(':') {
        let problem =
            InvalidValue::new("must have no colon while authentication_type is PASSWORD (RFC 7617)");
        return Err(Refusal::invalid("username", problem));
    }
    if credentials.password.is_none() {
        return Err(missing(
            "password",
            "must be set while authentication_type is PASSWORD",
        ));
    }
    Ok(())
}

fn check_api_key(credentials: &Credentials) -> Result<(), Refusal> {
    if credentials
        .api_header_field
        .as_ref()
        .is_none_or(|field| field.as_str().is_empty())
    {
        return Err(missing(
            "api_header_field",
            "must be set and not empty while authentication_type is API_KEY",
        ));
    }
    if credentials
        .api_key
        .as_ref()
        .is_none_or(|key| key.expose().is_empty())
    {
        return Err(missing(
            "api_key",
            "must be set and not empty while authentication_type is API_KEY",
        ));
    }
    Ok(())
}

const fn missing(field: &'static str, expected: &'static str) -> Refusal {
    Refusal::MissingField { field, expected }
}

#[cfg(test)]
mod tests {
    use super::super::header_names::{OF_TRACES, SENDERS_OWN};
    use super::*;

    fn with_username(username: &str) -> Credentials {
        Credentials {
            username: Some(Username::parse(username.into()).unwrap()),
            password: Some(Password::parse(SecretText::new(String::new())).unwrap()),
            ..Credentials::default()
        }
    }

    fn field_of(refusal: Refusal) -> String {
        match refusal {
            Refusal::MissingField { field, .. } => format!("missing {field}"),
            Refusal::InvalidField { field, .. } => format!("invalid {field}"),
            other => other.to_string(),
        }
    }

    #[test]
    fn password_needs_a_username_without_a_colon_and_a_password() {
        let refused = |credentials| {
            field_of(Authentication::new(AuthenticationType::Password, credentials).unwrap_err())
        };
        assert!(Authentication::new(AuthenticationType::Password, with_username("u")).is_ok());
        assert_eq!(refused(Credentials::default()), "missing username");
        assert_eq!(refused(with_username("")), "missing username");
        assert_eq!(refused(with_username("a:b")), "invalid username");
        assert_eq!(
            refused(Credentials {
                password: None,
                ..with_username("u")
            }),
            "missing password"
        );
    }

    #[test]
    fn api_key_needs_a_header_and_a_key_both_non_empty() {
        let credentials = |field: &str, key: &str| Credentials {
            api_header_field: Some(ApiHeaderField::parse(field.into()).unwrap()),
            api_key: Some(ApiKeyValue::parse(SecretText::new(key.into())).unwrap()),
            ..Credentials::default()
        };
        let refused =
            |credentials| field_of(Authentication::new(AuthenticationType::ApiKey, credentials).unwrap_err());
        assert!(Authentication::new(AuthenticationType::ApiKey, credentials("X-Key", "k")).is_ok());
        assert_eq!(refused(Credentials::default()), "missing api_header_field");
        assert_eq!(refused(credentials("", "k")), "missing api_header_field");
        assert_eq!(refused(credentials("X-Key", "")), "missing api_key");
    }

    #[test]
    fn credentials_of_a_type_not_in_use_are_kept() {
        let kept = Authentication::new(AuthenticationType::None, with_username("a:b")).unwrap();
        assert_eq!(kept.credentials(), &with_username("a:b"));
    }

    #[test]
    fn a_header_of_the_senders_own_is_refused_in_any_case_and_with_any_joints() {
        for own in SENDERS_OWN.into_iter().chain(OF_TRACES).chain([AUTHORIZATION]) {
            for spelt in [own.to_owned(), own.to_uppercase(), own.replace('-', "_")] {
                assert!(ApiHeaderField::parse(spelt.clone()).is_err(), "{spelt}");
            }
        }
        assert!(ApiHeaderField::parse("X-Webhook-Key".into()).is_ok());
    }
}
