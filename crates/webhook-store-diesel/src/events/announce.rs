//! Events about webhooks, published in the transaction of the change that they tell of.
//!
//! Where nobody on a platform follows what happens to its webhooks, changes there cost nothing more.

use std::collections::BTreeSet;

use webhook_domain::delivery::event::Event;
use webhook_domain::webhook::{Announcement, Happened, Webhook};

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::audience::Routing;
use crate::events::spread::Spread;

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

fn follows(webhook: &Webhook) -> bool {
    webhook.settings.active && webhook.settings.wants_announcements()
}
