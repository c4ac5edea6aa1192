//! Who asks, and for which platform.
//!
//! A [`Caller`] is a credential that was found valid. Naming a platform makes of it an [`Acting`], which
//! every service takes: what it does is done on that platform, needs the permission that the service
//! [asks for](Acting::require), and is audited under the credential's name.

use std::fmt;
use std::sync::Arc;

use crate::access::permission::{Permission, PermissionSet};
use crate::error::{InvalidValue, Refusal};
use crate::id::{ApiKeyId, PlatformId, RequestId};

/// The platforms a credential is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformScope {
    /// One tenant's credential.
    One(PlatformId),
    /// A credential for all platforms, written `*`.
    All,
}

impl PlatformScope {
    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub fn restore(text: &str) -> Self {
        match text {
            "*" => Self::All,
            platform => Self::One(PlatformId::restore(platform)),
        }
    }
}

impl fmt::Display for PlatformScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(platform) => platform.fmt(f),
            Self::All => f.write_str("*"),
        }
    }
}

impl std::str::FromStr for PlatformScope {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            Ok(Self::All)
        } else {
            text.parse().map(Self::One)
        }
    }
}

/// Whom a bearer token speaks for, in its issuer's words: 1–256 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenSubject(Arc<str>);

impl TokenSubject {
    /// The most characters there may be.
    const MAX_LENGTH: usize = 256;

    /// Accepts 1–256 characters without control characters.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let length = text.chars().count();
        if (1..=Self::MAX_LENGTH).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidValue::new(
                "must be 1 to 256 characters, none of them a control character",
            ))
        }
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub fn restore(text: &str) -> Self {
        Self(text.into())
    }

    /// The subject of tokens that name none, `-`. They all share one name in audit records, and their
    /// idempotency keys.
    #[must_use]
    pub fn unnamed() -> Self {
        Self("-".into())
    }

    /// The subject as its issuer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose request something was: the name under which it is audited, and to which idempotency keys belong.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credential {
    /// An API key.
    ApiKey(ApiKeyId),
    /// A bearer token, by its subject: written `jwt:` and the subject.
    Token(TokenSubject),
    /// The operator at the command line of the machine.
    CommandLine,
    /// The service itself.
    Service,
    /// The service itself, where it rolls keys that are due.
    Rotation,
}

/// What the text of a token's credential begins with. No other credential's text does.
const TOKEN_PREFIX: &str = "jwt:";

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(id) => id.fmt(f),
            Self::Token(subject) => write!(f, "{TOKEN_PREFIX}{}", subject.as_str()),
            Self::CommandLine => f.write_str("command-line"),
            Self::Service => f.write_str("service"),
            Self::Rotation => f.write_str("service:rotation"),
        }
    }
}

impl Credential {
    /// What a store kept: it was accepted once, whatever the rule is today.
    ///
    /// # Errors
    /// When it is the text of no kind of credential.
    pub fn restore(text: &str) -> Result<Self, InvalidValue> {
        match text.strip_prefix(TOKEN_PREFIX) {
            Some(subject) => Ok(Self::Token(TokenSubject::restore(subject))),
            None => text.parse(),
        }
    }
}

impl std::str::FromStr for Credential {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(subject) = text.strip_prefix(TOKEN_PREFIX) {
            return TokenSubject::parse(subject).map(Self::Token);
        }
        match text {
            "command-line" => Ok(Self::CommandLine),
            "service" => Ok(Self::Service),
            "service:rotation" => Ok(Self::Rotation),
            _ => text.parse().map(Self::ApiKey),
        }
    }
}

/// A credential that was found valid.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose it is.
    pub credential: Credential,
    /// The platforms it is good for.
    pub scope: PlatformScope,
    /// What it may do there.
    pub permissions: PermissionSet,
}

impl Caller {
    /// The operator at the command line, who may do everything everywhere.
    #[must_use]
    pub fn command_line() -> Self {
        Self {
            credential: Credential::CommandLine,
            scope: PlatformScope::All,
            permissions: PermissionSet::all(),
        }
    }

    /// Whether the caller has `permission`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], naming it.
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        if self.permissions.contains(permission) {
            Ok(())
        } else {
            Err(Refusal::NotPermitted { permission })
        }
    }

    /// Chooses the platform that request `request` acts on: the one `named`, or else the credential's own, or
    /// else `default`.
    ///
    /// # Errors
    /// [`Refusal::OtherPlatform`] when the credential belongs to another platform than the one named.
    pub fn acting_on(
        self: Arc<Self>,
        named: Option<PlatformId>,
        request: RequestId,
    ) -> Result<Acting, Refusal> {
        let platform = match (&self.scope, named) {
            (PlatformScope::One(own), Some(named)) if *own != named => return Err(Refusal::OtherPlatform),
            (PlatformScope::One(own), _) => own.clone(),
            (PlatformScope::All, Some(named)) => named,
            (PlatformScope::All, None) => PlatformId::default_platform(),
        };
        Ok(Acting {
            caller: self,
            platform,
            request,
        })
    }
}

/// A caller at work on one platform, in one request.
#[derive(Debug, Clone)]
pub struct Acting {
    caller: Arc<Caller>,
    platform: PlatformId,
    request: RequestId,
}

impl Acting {
    /// The service itself, at work on `platform` of its own accord.
    #[must_use]
    pub fn as_service(platform: PlatformId, request: RequestId) -> Self {
        Self::of_own_accord(Credential::Service, platform, request)
    }

    /// The service itself, rolling keys that are due on `platform`.
    #[must_use]
    pub fn as_rotation(platform: PlatformId, request: RequestId) -> Self {
        Self::of_own_accord(Credential::Rotation, platform, request)
    }

    fn of_own_accord(credential: Credential, platform: PlatformId, request: RequestId) -> Self {
        let caller = Caller {
            credential,
            scope: PlatformScope::One(platform.clone()),
            permissions: PermissionSet::all(),
        };
        Self {
            caller: Arc::new(caller),
            platform,
            request,
        }
    }

    /// Whoever made the request `request` earlier with `credential`, where what they began then goes on. They may do what it takes: that
    /// was judged when they began it.
    #[must_use]
    pub fn resumed(credential: Credential, platform: PlatformId, request: RequestId) -> Self {
        let caller = Caller {
            credential,
            scope: PlatformScope::One(platform.clone()),
            permissions: [Permission::WebhookUpdate].into_iter().collect(),
        };
        Self {
            caller: Arc::new(caller),
            platform,
            request,
        }
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Whose request it is.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.caller.credential.clone()
    }

    /// The platform that everything named in the request belongs to.
    #[must_use]
    pub fn platform(&self) -> &PlatformId {
        &self.platform
    }

    /// The request's id.
    #[must_use]
    pub fn request(&self) -> &RequestId {
        &self.request
    }

    /// Whether the caller has `permission`, for what depends on it without needing it.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.caller.permissions.contains(permission)
    }

    /// Whether the caller's own scope takes in all of `scope`.
    #[must_use]
    pub fn covers(&self, scope: &PlatformScope) -> bool {
        self.caller.scope == PlatformScope::All || self.caller.scope == *scope
    }

    /// The scopes of what belongs to the platform acted on, as far as the caller may know of it: the platform, and for
    /// those who are good for all platforms what is good for all.
    #[must_use]
    pub fn scopes(&self) -> Vec<PlatformScope> {
        let own = PlatformScope::One(self.platform.clone());
        match self.caller.scope {
            PlatformScope::One(_) => vec![own],
            PlatformScope::All => vec![own, PlatformScope::All],
        }
    }

    /// Insists on `permission`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], naming it.
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        self.caller.require(permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scope: PlatformScope) -> Arc<Caller> {
        Arc::new(Caller {
            credential: Credential::CommandLine,
            scope,
            permissions: PermissionSet::default(),
        })
    }

    fn acting(scope: PlatformScope, named: Option<&str>) -> Result<String, Refusal> {
        let request = "r".parse().unwrap();
        let acting = caller(scope).acting_on(named.map(|text| text.parse().unwrap()), request)?;
        Ok(acting.platform().to_string())
    }

    #[test]
    fn a_tenants_credential_acts_on_its_own_platform_alone() {
        let acme = || PlatformScope::One("acme".parse().unwrap());
        assert_eq!(acting(acme(), None).unwrap(), "acme");
        assert_eq!(acting(acme(), Some("acme")).unwrap(), "acme");
        assert_eq!(acting(acme(), Some("other")), Err(Refusal::OtherPlatform));
        assert_eq!(acting(acme(), Some("default")), Err(Refusal::OtherPlatform));
    }

    #[test]
    fn a_credential_for_all_acts_on_the_platform_named_or_on_default() {
        assert_eq!(acting(PlatformScope::All, Some("acme")).unwrap(), "acme");
        assert_eq!(acting(PlatformScope::All, None).unwrap(), "default");
    }

    #[test]
    fn a_credential_reads_back_from_its_text() {
        let key = "key_01hv9k2m4rt6w8y0abcdefghjk";
        for text in [
            "command-line",
            "service",
            "service:rotation",
            key,
            "jwt:-",
            "jwt:billing@acme",
            "jwt:jwt:x",
            "jwt:service",
        ] {
            let credential: Credential = text.parse().unwrap();
            assert_eq!(credential.to_string(), text);
        }
        assert_ne!("jwt:service".parse(), Ok(Credential::Service));
        for wrong in ["", "jwt:", "jwt", "JWT:x", "billing", "jwt:a\nb"] {
            assert!(wrong.parse::<Credential>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_subject_has_1_to_256_characters_and_no_control_character() {
        for right in ["a", " ", "é".repeat(256).as_str()] {
            assert_eq!(TokenSubject::parse(right).unwrap().as_str(), right);
        }
        for wrong in ["", "é".repeat(257).as_str(), "a\0", "a\u{85}b", "\u{7f}"] {
            assert!(TokenSubject::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_missing_permission_is_named() {
        let acting = caller(PlatformScope::All)
            .acting_on(None, "r".parse().unwrap())
            .unwrap();
        let refusal = acting.require(Permission::WebhookUpdate).unwrap_err();
        assert_eq!(refusal.to_string(), "this needs the WEBHOOK.UPDATE permission");
    }
}
