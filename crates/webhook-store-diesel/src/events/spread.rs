//! Events and those they go to, put into their lanes.

use std::collections::{BTreeMap, BTreeSet};

use webhook_domain::delivery::Delivery;
use webhook_domain::delivery::event::Event;
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::audience::{Audience, Routing};
use crate::events::fan_out;
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::locked::LockedLanes;

/// How many deliveries a group makes at the most. What more there are to be made is [moved later](fan_out).
const GROUP_DELIVERIES: usize = 16_384;
/// How many deliveries of one event a group makes.
const EVENT_DELIVERIES: usize = 2_048;

/// What a transaction publishes.
#[derive(Default)]
pub(crate) struct Spread {
    /// What goes into its lanes at once.
    direct: Vec<(Event, Audience)>,
    deliveries: usize,
    /// What goes behind other events of its platform, or to too many.
    behind: Vec<(Event, Audience)>,
}

impl Spread {
    /// How many deliveries there are on each platform so far.
    pub(crate) fn told(&self) -> BTreeMap<String, u64> {
        let mut told = BTreeMap::new();
        for (event, audience) in self.direct.iter().chain(&self.behind) {
            *told.entry(event.platform.to_string()).or_default() += audience.len() as u64;
        }
        told
    }

    /// Adds an event that goes to `audience`, and says to how many webhooks that is. None if its platform has as much waiting to be
    /// moved as it may.
    pub(crate) fn add(&mut self, routing: &Routing<'_>, event: Event, audience: Audience) -> Option<u64> {
        let recipients = audience.len();
        if self.fits(routing, &event, recipients) {
            self.put_directly(event, audience);
        } else if fan_out::has_room(self.chunks(routing, &event), recipients) {
            self.behind.push((event, audience));
        } else {
            return None;
        }
        Some(recipients as u64)
    }

    /// As [`add`](Self::add) for an event that is told whatever waits, unless nobody gets it: then it is not kept.
    pub(crate) fn add_if_wanted(
        &mut self,
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        event: Event,
    ) -> Result<(), Failure> {
        let audience = routing.of(connection, &event)?;
        match audience.is_empty() {
            true => {}
            false if self.fits(routing, &event, audience.len()) => self.put_directly(event, audience),
            false => self.behind.push((event, audience)),
        }
        Ok(())
    }

    /// Whether an event would go at once into a lane that is among `held`.
    pub(crate) fn needs(
        &self,
        held: &BTreeSet<WebhookId>,
        routing: &Routing<'_>,
        event: &Event,
        audience: &Audience,
    ) -> bool {
        let is_held = || audience.iter().any(|recipient| held.contains(&recipient.webhook));
        !held.is_empty() && self.fits(routing, event, audience.len()) && is_held()
    }

    fn put_directly(&mut self, event: Event, audience: Audience) {
        self.deliveries += audience.len();
        self.direct.push((event, audience));
    }

    /// Whether an event for so many can go into its lanes with this group.
    fn fits(&self, routing: &Routing<'_>, event: &Event, recipients: usize) -> bool {
        self.chunks(routing, event) == 0
            && recipients <= EVENT_DELIVERIES
            && self.deliveries + recipients <= GROUP_DELIVERIES
    }

    /// How many chunks the event's platform has waiting, those of this transaction included.
    fn chunks(&self, routing: &Routing<'_>, event: &Event) -> i64 {
        let own = self
            .behind
            .iter()
            .filter(|(other, _)| other.platform == event.platform);
        let own: i64 = own.map(|(_, audience)| fan_out::chunks_of(audience.len())).sum();
        routing.chunks_of(&event.platform) + own
    }

    /// The webhooks whose lanes something is put into. They are to be locked before it is [saved](Self::save).
    pub(crate) fn webhooks(&self) -> impl Iterator<Item = WebhookId> {
        let recipients = self.direct.iter().flat_map(|(_, audience)| audience.iter());
        recipients.map(|recipient| recipient.webhook)
    }

    /// Writes the events, and the recipients of those that go behind others. To be called before lanes are locked.
    pub(crate) fn save_events(&self, connection: &mut AnyConnection) -> Result<(), Failure> {
        let events = self.direct.iter().chain(&self.behind);
        let rows: Vec<EventRow> = events.map(|(event, _)| EventRow::encode(event)).collect();
        if !rows.is_empty() {
            connection.insert_events(&rows)?;
        }
        fan_out::put_behind(connection, &self.behind)
    }

    /// Writes the deliveries of the others.
    pub(crate) fn save(self, connection: &mut AnyConnection, lanes: &mut LockedLanes) -> Result<(), Failure> {
        deliver(connection, &self.direct, lanes)
    }
}

/// Writes the deliveries of events, which get their positions now that nobody else can put anything into their lanes. A webhook
/// that was deleted meanwhile has no lane, and gets nothing.
pub(super) fn deliver(
    connection: &mut AnyConnection,
    events: &[(Event, Audience)],
    lanes: &mut LockedLanes,
) -> Result<(), Failure> {
    let mut deliveries: Vec<DeliveryRow> = Vec::new();
    let mut woken = BTreeSet::new();
    for (event, audience) in events {
        for recipient in audience.iter() {
            if lanes.holds(recipient.webhook) {
                let delivery = Delivery::to(event, recipient.webhook, recipient.include_previous_data);
                // The position follows.
                deliveries.push(DeliveryRow::encode(&delivery, event, 0));
                woken.insert(recipient.webhook);
            }
        }
    }
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
