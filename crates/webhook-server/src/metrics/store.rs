//! What the store commits: how long it takes, how much at a time, and the rolls and checks of keys among it.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use webhook_domain::access::audit::AuditAction;
use webhook_domain::delivery::key_check::Verdict;
use webhook_domain::delivery::notice::{Happening, Notice};
use webhook_store_diesel::{Audited, StoreObserver};

use super::{DeliveryMetrics, buckets};

/// How a secret was rolled or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A new key; those before go on signing for their time.
    Roll,
    /// A new key; one before does not sign any more.
    RollAtOnce,
    /// No key any more; those before go on signing for their time.
    Remove,
    /// No key any more, and one before does not sign any more.
    RemoveAtOnce,
    /// The last roll was undone.
    Restore,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Roll,
        Self::RollAtOnce,
        Self::Remove,
        Self::RemoveAtOnce,
        Self::Restore,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Roll => "roll",
            Self::RollAtOnce => "roll_at_once",
            Self::Remove => "remove",
            Self::RemoveAtOnce => "remove_at_once",
            Self::Restore => "restore",
        }
    }

    const fn of(change: Audited) -> Option<Self> {
        match (change.action, change.ended_keys) {
            (AuditAction::SecretRolled, false) => Some(Self::Roll),
            (AuditAction::SecretRolled, true) => Some(Self::RollAtOnce),
            (AuditAction::SecretRemoved, false) => Some(Self::Remove),
            (AuditAction::SecretRemoved, true) => Some(Self::RemoveAtOnce),
            (AuditAction::SecretRestored, _) => Some(Self::Restore),
            _ => None,
        }
    }
}

/// Counts commits, rolls, checks of keys, and what is given up on request.
pub(super) struct StoreMetrics {
    commits: Histogram,
    members: Histogram,
    /// In the order of [`Kind::ALL`].
    rolls: [Counter; Kind::ALL.len()],
    /// In the order of [`Verdict::ALL`].
    key_checks: [Counter; Verdict::ALL.len()],
    deliveries: DeliveryMetrics,
}

impl StoreMetrics {
    pub(super) fn register(registry: &mut Registry, deliveries: DeliveryMetrics) -> Self {
        let rolls = Family::<[(&'static str, &'static str); 1], Counter>::default();
        let key_checks = Family::<[(&'static str, &'static str); 1], Counter>::default();
        let metrics = Self {
            commits: Histogram::new(buckets::COMMIT),
            members: Histogram::new(buckets::GROUP),
            rolls: Kind::ALL.map(|kind| rolls.get_or_create_owned(&[("kind", kind.name())])),
            key_checks: Verdict::ALL
                .map(|verdict| key_checks.get_or_create_owned(&[("verdict", verdict.name())])),
            deliveries,
        };
        registry.register(
            "webhook_rolls",
            "Secrets that were rolled, removed or restored",
            rolls,
        );
        registry.register(
            "webhook_key_checks",
            "Checks of which key a receiver verifies with, by what they found out",
            key_checks,
        );
        registry.register_with_unit(
            "webhook_store_commit",
            "How long a group of changes took from loading its rows to its commit",
            Unit::Seconds,
            metrics.commits.clone(),
        );
        registry.register(
            "webhook_store_group_size",
            "Changes, publications and batches of recorded attempts that were committed together",
            metrics.members.clone(),
        );
        metrics
    }
}

impl StoreObserver for StoreMetrics {
    fn committed(&self, members: usize, took: Duration) {
        self.commits.observe(took.as_secs_f64());
        self.members.observe(members as f64);
    }

    fn audited(&self, change: Audited) {
        let rolls = Kind::ALL.into_iter().zip(&self.rolls);
        for (_, rolls) in rolls.filter(|(kind, _)| Kind::of(change) == Some(*kind)) {
            rolls.inc();
        }
        let key_checks = Verdict::ALL.into_iter().zip(&self.key_checks);
        for (_, checks) in key_checks.filter(|(verdict, _)| change.verdict == Some(*verdict)) {
            checks.inc();
        }
    }

    fn noticed(&self, notice: &Notice) {
        if matches!(notice.what, Happening::GivenUp { on_request: true, .. }) {
            self.deliveries.given_up_on_request();
        }
    }
}
