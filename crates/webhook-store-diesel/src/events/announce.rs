//! Events about webhooks, published in the transaction of the change that they tell of.
//!
//! Whether anybody wants to hear of a platform's webhooks is asked once a group, by an index that has those alone who do: where
//! nobody does, changes cost nothing more.

use std::collections::BTreeSet;

use webhook_domain::event::Event;
use webhook_domain::id::ProcessId;
use webhook_domain::webhook::{Announcement, Happened, Webhook};

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::publish::{New, decoded};
use crate::lanes::notify::Arrived;

/// What a group has to tell.
pub(crate) struct Announced {
    /// The platforms where somebody wants to be told.
    platforms: BTreeSet<String>,
    events: Vec<Event>,
}

impl Announced {
    /// Nothing yet, for changes on `platforms`.
    pub(crate) fn load(connection: &mut AnyConnection, platforms: BTreeSet<String>) -> Result<Self, Failure> {
        let asked: Vec<String> = platforms.into_iter().collect();
        let routes = match asked.is_empty() {
            true => Vec::new(),
            false => connection.routes_of_announcements(&asked)?,
        };
        Ok(Self {
            platforms: routes.into_iter().map(|route| route.platform).collect(),
            events: Vec::new(),
        })
    }

    /// Takes what happened, if anybody wants to know.
    pub(crate) fn tell(&mut self, announcement: Option<&Announcement>, happened: Happened<'_>) {
        let Some(announcement) = announcement else { return };
        let (Happened::Created(webhook) | Happened::Updated(_, webhook) | Happened::Deleted(webhook)) =
            happened;
        if !self.platforms.contains(webhook.platform.as_str()) && !wants_announcements(webhook) {
            return;
        }
        self.platforms.insert(webhook.platform.to_string());
        self.events.push(announcement.event(happened));
    }

    /// Publishes it, for a process with the id `own` if it delivers. The webhooks must have been written.
    pub(crate) fn publish(
        self,
        connection: &mut AnyConnection,
        own: Option<ProcessId>,
    ) -> Result<Vec<Arrived>, Failure> {
        if self.events.is_empty() {
            return Ok(Vec::new());
        }
        let head = connection.lock_delivery_head()?;
        let platforms: Vec<String> = self.platforms.into_iter().collect();
        let routes = decoded(&connection.routes_of_announcements(&platforms)?)?;
        let mut new = New::after(head);
        for event in &self.events {
            // What nobody gets is not kept.
            if routes
                .iter()
                .any(|route| route.platform == event.platform && route.admits(&event.action))
            {
                new.add(event, &routes);
            }
        }
        new.save(connection, own)
    }
}

fn wants_announcements(webhook: &Webhook) -> bool {
    webhook.settings.active && webhook.settings.wants_announcements()
}
