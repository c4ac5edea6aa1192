//! Events about webhooks, published in the transaction of the change that they tell of.
//!
//! Where nobody on a platform follows what happens to its webhooks, changes there cost nothing more.

use std::collections::BTreeSet;

use webhook_domain::delivery::event::Event;
use webhook_domain::id::ProcessId;
use webhook_domain::webhook::{Announcement, Happened, Webhook};

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::audience::{Audiences, Routing};
use crate::events::pending::{Counted, Counts, Pending};
use crate::events::spread::Spread;
use crate::lanes::locked::{Hints, LockedLanes};

/// What a group has to tell.
pub(crate) struct Announced {
    /// The platforms where somebody follows.
    platforms: BTreeSet<String>,
    events: Vec<Event>,
}

impl Announced {
    /// Nothing yet, for changes on `platforms`.
    pub(crate) fn load(
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        platforms: BTreeSet<String>,
    ) -> Result<Self, Failure> {
        let mut followed = BTreeSet::new();
        for platform in platforms {
            if routing.has_followers(connection, &platform, &Happened::ACTIONS)? {
                followed.insert(platform);
            }
        }
        Ok(Self {
            platforms: followed,
            events: Vec::new(),
        })
    }

    /// Takes what happened to `webhook`, which was `before`, if anybody wants to know.
    pub(crate) fn tell(
        &mut self,
        announcement: Option<&Announcement>,
        happened: &[Happened],
        before: Option<&Webhook>,
        webhook: &Webhook,
    ) {
        let Some(announcement) = announcement.filter(|_| !happened.is_empty()) else {
            return;
        };
        if !self.platforms.contains(webhook.platform.as_str()) && !follows(webhook) {
            return;
        }
        self.platforms.insert(webhook.platform.to_string());
        self.events.extend(announcement.events(happened, before, webhook));
    }

    /// Puts it into `spread`. What has changed in subscriptions must have been written.
    pub(crate) fn publish(
        &mut self,
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        spread: &mut Spread,
    ) -> Result<(), Failure> {
        for event in std::mem::take(&mut self.events) {
            spread.add_if_wanted(connection, routing, event)?;
        }
        Ok(())
    }
}

/// Publishes an event of the service's own that tells of no webhook, in a transaction in which the head of the chain is locked and nothing
/// behind it. Gives who is to be told once that is committed, and what was counted.
pub(crate) fn publish_alone(
    connection: &mut AnyConnection,
    counts: &Counts,
    own: Option<ProcessId>,
    event: Event,
) -> Result<(Hints, Counted), Failure> {
    let mut audiences = Audiences::default();
    let (platform, now) = (event.platform.to_string(), event.created_at);
    let mut routing = audiences.in_transaction(connection, BTreeSet::from([platform]))?;
    let mut spread = Spread::default();
    spread.add_if_wanted(connection, &mut routing, event)?;
    let pending = Pending::lock(connection, counts, &BTreeSet::new(), &spread.told())?;
    let counted = pending.save(connection)?;
    spread.save_events(connection)?;
    let mut lanes = LockedLanes::lock(connection, &spread.webhooks().collect(), now)?;
    spread.save(connection, &mut lanes)?;
    Ok((lanes.save(connection, own)?, counted))
}

fn follows(webhook: &Webhook) -> bool {
    webhook.settings.active && webhook.settings.wants_announcements()
}
