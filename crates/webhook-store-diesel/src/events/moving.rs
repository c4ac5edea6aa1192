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
/// A transaction that has a lane locked for longer than this is no commit like others.
const COMMIT: Duration = Duration::from_millis(100);

/// Whose turn it is.
#[derive(Default)]
pub(crate) struct Moving {
    /// The platform of which a chunk was moved last, or was to be.
    pub(super) last: String,
    /// Platforms that are left alone, and until when.
    left_alone: BTreeMap<String, Instant>,
    /// Whether the last step for several platforms has waited in vain.
    waited_in_vain: bool,
}

impl Moving {
    /// The platforms that are left alone at this moment.
    pub(super) fn left_alone(&mut self) -> Vec<String> {
        let now = Instant::now();
        self.left_alone.retain(|_, until| *until > now);
        self.left_alone.keys().cloned().collect()
    }

    /// As [`LockedLanes::lock`] for what is moved on `platforms`, but does not wait for long. One platform for which that was in vain is left alone. Of
    /// several, whose lane it was is found out by the next step.
    pub(super) fn lock(
        &mut self,
        connection: &mut AnyConnection,
        webhooks: &BTreeSet<WebhookId>,
        now: webhook_domain::time::Instant,
        platforms: &BTreeSet<String>,
    ) -> Result<LockedLanes, Failure> {
        connection.wait_at_most(WAIT)?;
        let suspects = match self.waited_in_vain && platforms.len() > 1 {
            true => platforms_with_held(connection, webhooks)?,
            false => BTreeSet::new(),
        };
        let began = Instant::now();
        let locked = LockedLanes::lock(connection, webhooks, now);
        let in_vain = matches!(locked, Err(Failure::Lanes(..))) && began.elapsed() >= WAIT;
        match (in_vain, platforms.len()) {
            (true, 1) => self.leave_alone(platforms),
            (true, _) if !self.waited_in_vain => self.waited_in_vain = true,
            // Nobody can be named, as when several share a lock.
            (true, _) if suspects.is_empty() => self.leave_alone(platforms),
            (true, _) => self.leave_alone(&suspects),
            (false, 1) => {}
            (false, _) => self.waited_in_vain = false,
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

/// The platforms with a lane that one and the same transaction has locked for a while.
fn platforms_with_held(
    connection: &mut AnyConnection,
    webhooks: &BTreeSet<WebhookId>,
) -> Result<BTreeSet<String>, Failure> {
    let ids: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
    let before = connection.locked_lanes(&ids)?;
    if before.is_empty() {
        return Ok(BTreeSet::new());
    }
    std::thread::sleep(COMMIT);
    let mut after = connection.locked_lanes(&ids)?;
    after.retain(|lane| before.contains(lane));
    Ok(after.into_iter().filter_map(|lane| lane.platform).collect())
}
