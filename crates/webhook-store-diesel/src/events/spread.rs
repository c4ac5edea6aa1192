//! Events and those they go to, put into their lanes.

use std::collections::BTreeSet;

use webhook_domain::delivery::Delivery;
use webhook_domain::event::Event;
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::audience::{Audience, Routing};
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::locked::LockedLanes;

/// What a transaction publishes.
#[derive(Default)]
pub(crate) struct Spread {
    events: Vec<(Event, Audience)>,
}

impl Spread {
    /// Adds an event, and says to how many webhooks it goes.
    pub(crate) fn add(
        &mut self,
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        event: Event,
    ) -> Result<u64, Failure> {
        let audience = routing.of(connection, &event)?;
        let recipients = audience.len() as u64;
        self.events.push((event, audience));
        Ok(recipients)
    }

    /// As [`add`](Self::add), unless nobody gets it: then it is not kept.
    pub(crate) fn add_if_wanted(
        &mut self,
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        event: Event,
    ) -> Result<(), Failure> {
        let audience = routing.of(connection, &event)?;
        if !audience.is_empty() {
            self.events.push((event, audience));
        }
        Ok(())
    }

    /// The webhooks whose lanes something is put into. They are to be locked before it is [saved](Self::save).
    pub(crate) fn webhooks(&self) -> impl Iterator<Item = WebhookId> {
        let recipients = self.events.iter().flat_map(|(_, audience)| audience.iter());
        recipients.map(|recipient| recipient.webhook)
    }

    /// Writes the events and their deliveries, which get their positions now that nobody else can put anything into their lanes.
    /// A webhook that was deleted meanwhile has no lane, and gets nothing.
    pub(crate) fn save(self, connection: &mut AnyConnection, lanes: &mut LockedLanes) -> Result<(), Failure> {
        if self.events.is_empty() {
            return Ok(());
        }
        let mut deliveries: Vec<DeliveryRow> = Vec::new();
        let mut woken = BTreeSet::new();
        for (event, audience) in &self.events {
            for recipient in audience.iter() {
                if lanes.holds(recipient.webhook) {
                    let delivery = Delivery::to(event, recipient.webhook, recipient.include_previous_data);
                    // The position follows.
                    deliveries.push(DeliveryRow::encode(&delivery, event, 0));
                    woken.insert(recipient.webhook);
                }
            }
        }
        let rows: Vec<EventRow> = self
            .events
            .iter()
            .map(|(event, _)| EventRow::encode(event))
            .collect();
        connection.insert_events(&rows)?;
        if deliveries.is_empty() {
            return Ok(());
        }
        let positions = connection.draw_positions(deliveries.len())?;
        for (delivery, position) in deliveries.iter_mut().zip(positions) {
            delivery.position = position;
        }
        connection.insert_deliveries(&deliveries)?;
        let now = lanes.now();
        for webhook in woken {
            lanes.wake(webhook, |lane| lane.with_arrival(now));
        }
        Ok(())
    }
}
