//! How much one platform may have, so that none takes what belongs to all.
//!
//! A quota is judged in the transaction that would pass it. What is there already when a quota is lowered stays: only what would be
//! new is refused.

use std::fmt;
use std::num::NonZeroU32;

/// What a quota is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Webhooks, active or not.
    Webhooks,
    /// API keys of the platform that are in force. Those that are good for all platforms are nobody's.
    ApiKeys,
    /// Events on their way to a webhook (`PENDING`), one for each webhook they go to.
    PendingEvents,
}

impl Counted {
    /// The name of the setting with the quota.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks_per_platform",
            Self::ApiKeys => "api_keys_per_platform",
            Self::PendingEvents => "pending_events_per_platform",
        }
    }
}

/// How many of something a platform may have at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    of: Counted,
    most: NonZeroU32,
}

impl Quota {
    /// At most so many.
    #[must_use]
    pub const fn new(of: Counted, most: NonZeroU32) -> Self {
        Self { of, most }
    }

    /// How many there may be.
    #[must_use]
    pub fn most(self) -> u64 {
        self.most.get().into()
    }

    /// Whether a platform that has `present` may have `more` besides. Nothing more is always fine.
    ///
    /// # Errors
    /// Says what would make room.
    pub fn admit(self, present: u64, more: u64) -> Result<(), OverQuota> {
        if more == 0 || present.saturating_add(more) <= self.most() {
            return Ok(());
        }
        Err(OverQuota {
            quota: self,
            present,
            more,
        })
    }
}

/// The quotas of every platform of a deployment; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Of webhooks.
    pub webhooks: Option<Quota>,
    /// Of API keys.
    pub api_keys: Option<Quota>,
    /// Of events that wait for a webhook.
    pub pending_events: Option<Quota>,
}

/// That a platform would have more than it may. Its text says what would make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverQuota {
    /// The quota.
    pub quota: Quota,
    /// How many there are.
    pub present: u64,
    /// How many there would be besides.
    pub more: u64,
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            quota: Quota { of, most },
            present,
            more,
        } = self;
        let setting = of.setting();
        match of {
            Counted::Webhooks => write!(
                f,
                "this platform has {present} webhooks, and may have {most} ({setting}); delete one that is not needed any \
                 more, or have the operator raise the limit"
            ),
            Counted::ApiKeys => write!(
                f,
                "this platform has {present} API keys in force, and may have {most} ({setting}); revoke one that is not \
                 needed any more, or have the operator raise the limit"
            ),
            Counted::PendingEvents if *more > quota_of(*most) => write!(
                f,
                "{more} more events would wait, one for each webhook that they go to, and a platform may have {most} pending \
                 events ({setting}) at all; send fewer, have fewer webhooks want them, or have the operator raise the limit"
            ),
            Counted::PendingEvents => write!(
                f,
                "this platform has {present} pending events, and may have {most} ({setting}); this would be {more} more. Try \
                 again once webhooks have taken some of them, mend or delete webhooks whose events wait, or have the \
                 operator raise the limit"
            ),
        }
    }
}

fn quota_of(most: NonZeroU32) -> u64 {
    most.get().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(of: Counted, most: u32) -> Quota {
        Quota::new(of, NonZeroU32::new(most).unwrap())
    }

    #[test]
    fn a_quota_is_reached_and_never_passed() {
        let quota = quota(Counted::PendingEvents, 3);
        for (present, more, is_admitted) in [
            (0, 3, true),
            (2, 1, true),
            (3, 0, true),
            (3, 1, false),
            (2, 2, false),
            (0, 4, false),
            (9, 0, true),
            (9, 1, false),
            (u64::MAX, 1, false),
        ] {
            assert_eq!(
                quota.admit(present, more).is_ok(),
                is_admitted,
                "{present} {more}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_limit_and_what_makes_room() {
        let says = |of, present, more| quota(of, 5).admit(present, more).unwrap_err().to_string();
        for (text, expected) in [
            (
                says(Counted::Webhooks, 5, 1),
                [
                    "has 5 webhooks",
                    "may have 5 (webhooks_per_platform)",
                    "delete one",
                ],
            ),
            (
                says(Counted::ApiKeys, 7, 1),
                [
                    "has 7 API keys",
                    "may have 5 (api_keys_per_platform)",
                    "revoke one",
                ],
            ),
            (
                says(Counted::PendingEvents, 4, 2),
                [
                    "has 4 pending events",
                    "may have 5 (pending_events_per_platform)",
                    "Try again once webhooks have taken",
                ],
            ),
            (
                says(Counted::PendingEvents, 0, 6),
                [
                    "6 more events would wait",
                    "5 pending events (pending_events_per_platform)",
                    "fewer webhooks",
                ],
            ),
        ] {
            for part in expected {
                assert!(text.contains(part), "{text}: {part}");
            }
        }
    }
}
