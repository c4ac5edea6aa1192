//! Whose turn it is to have something moved into lanes: a chunk of an [event for many](super::fan_out), or what is [untold](super::untold).
//!
//! A lane that somebody keeps locked holds up what goes there and what stands behind it, which is all of one platform. So after a step has waited
//! for it in vain, that platform is left alone for a while, and others go on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::lanes::locked::LockedLanes;

/// How long a step waits for a lane. Who changes lanes commits in less, and looks for lanes wait for the step.
const WAIT: Duration = Duration::from_secs(1);
/// How long a platform is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// Whose turn it is.
#[derive(Default)]
pub(crate) struct Moving {
    /// The platform of which a chunk was moved last, or was to be.
    pub(super) last: String,
    /// Platforms that are left alone, and until when.
    left_alone: BTreeMap<String, Instant>,
}

impl Moving {
    /// The platforms that are left alone at this moment.
    pub(super) fn left_alone(&mut self) -> Vec<String> {
        let now = Instant::now();
        self.left_alone.retain(|_, until| *until > now);
        self.left_alone.keys().cloned().collect()
    }

    /// As [`LockedLanes::lock`] for what is moved on `platforms`, but does not wait for long. If that was in vain, those of them with a lane that was
    /// locked before are left alone, or all if that is not known.
    pub(super) fn lock(
        &mut self,
        connection: &mut AnyConnection,
        webhooks: &BTreeSet<WebhookId>,
        now: webhook_domain::time::Instant,
        platforms: &BTreeSet<String>,
    ) -> Result<LockedLanes, Failure> {
        connection.wait_at_most(WAIT)?;
        let ids: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
        let taken = connection.locked_lanes(&ids)?;
        let locked = LockedLanes::lock(connection, webhooks, now);
        if let Err(Failure::Lanes(..)) = &locked {
            let known: BTreeSet<String> = taken.into_iter().filter_map(|lane| lane.platform).collect();
            self.leave_alone(if known.is_empty() { platforms } else { &known });
        }
        locked
    }

    fn leave_alone(&mut self, platforms: &BTreeSet<String>) {
        let until = Instant::now() + LEFT_ALONE;
        for platform in platforms {
            tracing::warn!(
                platform,
                "somebody keeps a queue locked; what is to be moved into queues of its platform waits"
            );
            self.left_alone.insert(platform.clone(), until);
        }
    }
}
