//! What a credential may do.

use std::fmt;
use std::str::FromStr;

use crate::error::InvalidValue;

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// One thing that a credential may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[$doc])* $variant,)*
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name clients use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

permissions! {
    /// Read webhooks, without their keys.
    WebhookView => "WEBHOOK.VIEW",
    /// Create webhooks, and test a connection before.
    WebhookCreate => "WEBHOOK.CREATE",
    /// Change webhooks, roll and remove their keys.
    WebhookUpdate => "WEBHOOK.UPDATE",
    /// Delete webhooks.
    WebhookDelete => "WEBHOOK.DELETE",
    /// Read a webhook's keys back; each time is audited.
    WebhookReveal => "WEBHOOK.REVEAL",
    /// Publish events.
    EventCreate => "EVENT.CREATE",
    /// Read events on their way to webhooks.
    WebhookEventView => "WEBHOOK_EVENT.VIEW",
    /// Send an event to a webhook again.
    WebhookEventResend => "WEBHOOK_EVENT.RESEND",
    /// Read API keys, without their text.
    ApiKeyView => "API_KEY.VIEW",
    /// Create API keys.
    ApiKeyCreate => "API_KEY.CREATE",
    /// Revoke API keys.
    ApiKeyDelete => "API_KEY.DELETE",
    /// Read audit records.
    AuditRecordView => "AUDIT_RECORD.VIEW",
}

impl FromStr for Permission {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.name() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|permission| permission.name()).collect();
                InvalidValue(format!("must be one of {}", names.join(", ")).into())
            })
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// Every permission there is.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// What a store kept: permissions by their names. One that is not known is of a newer release, which works on the same
    /// database, and nobody has it here.
    #[must_use]
    pub fn restore<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names.into_iter().filter_map(|name| name.parse().ok());
        known.collect()
    }

    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    /// The permissions in the set, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.contains(*permission))
    }

    const fn bit(permission: Permission) -> u32 {
        1 << permission as u32
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |bits, permission| bits | Self::bit(permission)),
        )
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reads_back_from_its_name() {
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse(), Ok(*permission));
        }
        assert!("WEBHOOK.ROLL".parse::<Permission>().is_err());
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        for alone in Permission::ALL {
            let set = PermissionSet::from_iter([*alone]);
            assert_eq!(set.iter().collect::<Vec<_>>(), [*alone]);
        }
        assert_eq!(PermissionSet::all().iter().count(), Permission::ALL.len());
    }
}
