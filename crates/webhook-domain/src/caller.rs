//! Who asks, and for which platform.
//!
//! A [`Caller`] is a credential that was found valid. Naming a platform makes of it an [`Acting`], which
//! every service takes: what it does is done on that platform, needs the permission that the service
//! [asks for](Acting::require), and is audited under the credential's name.

use std::fmt;
use std::sync::Arc;

use crate::error::Refusal;
use crate::id::{ApiKeyId, PlatformId, RequestId};
use crate::permission::{Permission, PermissionSet};

/// The platforms a credential is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformScope {
    /// One tenant's credential.
    One(PlatformId),
    /// A credential for all platforms, written `*`.
    All,
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
    type Err = crate::error::InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            Ok(Self::All)
        } else {
            text.parse().map(Self::One)
        }
    }
}

/// Whose request something was: the name under which it is audited, and to which idempotency keys belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credential {
    /// An API key.
    ApiKey(ApiKeyId),
    /// The operator at the command line of the machine.
    CommandLine,
    /// The service itself.
    Service,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(id) => id.fmt(f),
            Self::CommandLine => f.write_str("command-line"),
            Self::Service => f.write_str("service"),
        }
    }
}

impl std::str::FromStr for Credential {
    type Err = crate::error::InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "command-line" => Ok(Self::CommandLine),
            "service" => Ok(Self::Service),
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
    /// Whose request it is.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.caller.credential
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
    fn a_missing_permission_is_named() {
        let acting = caller(PlatformScope::All)
            .acting_on(None, "r".parse().unwrap())
            .unwrap();
        let refusal = acting.require(Permission::WebhookUpdate).unwrap_err();
        assert_eq!(refusal.to_string(), "this needs the WEBHOOK.UPDATE permission");
    }
}
