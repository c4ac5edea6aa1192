//! Publishing: events and their deliveries, and the lanes that they are put into.

use std::collections::BTreeMap;

use webhook_domain::delivery::Delivery;
use webhook_domain::event::Event;
use webhook_domain::id::ProcessId;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{Outcome, Publication, Published};
use webhook_domain::webhook::Route;
use webhook_domain::{Refusal, ServiceError};

use crate::answers;
use crate::answers::row::slot_key;
use crate::audit::head::Keys;
use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::engine::lane_group::{LaneDone, LaneReply, LaneWork};
use crate::events::route::RouteRow;
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::notify::Arrived;
use crate::lanes::own::assign;

pub(crate) fn publish(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    own: Option<ProcessId>,
    works: &[&LaneWork],
    head: i64,
    replies: &mut [Option<LaneReply>],
) -> Result<Vec<Arrived>, Failure> {
    let publications: Vec<(usize, &Publication)> = works
        .iter()
        .enumerate()
        .filter_map(|(place, work)| match work {
            LaneWork::Publish(publication) => Some((place, publication.as_ref())),
            LaneWork::Record(..) => None,
        })
        .collect();
    let mut new = New::after(head);
    let routes = routes(connection, &publications)?;
    let mut answered: BTreeMap<Vec<u8>, &Idempotency<Published>> = BTreeMap::new();
    let mut later = Vec::new();
    for (place, publication) in publications {
        let idempotency = publication.idempotency.as_ref();
        if let Some(earlier) = answers::earlier(connection, idempotency, keys.vault)? {
            replies[place] = Some(earlier.map(LaneDone::Published).map_err(ServiceError::from));
            continue;
        }
        if let Some(idempotency) = idempotency {
            if let Some(first) = answered.get(&slot_key(&idempotency.slot)) {
                if first.fingerprint != idempotency.fingerprint {
                    replies[place] = Some(Err(Refusal::IdempotencyKeyReused.into()));
                    continue;
                }
                // The same request twice in one group: by itself it finds the answer of the first.
                return Err(Failure::NotAsOne);
            }
            answered.insert(slot_key(&idempotency.slot), idempotency);
        }
        let event = &publication.event;
        let deliveries = new.add(event, &routes);
        let published = Published {
            event: event.clone(),
            deliveries,
        };
        later.push((place, published, publication.idempotency.clone()));
    }
    let arrived = new.save(connection, own)?;
    for (place, published, idempotency) in later {
        let answer = answers::store(connection, &published, idempotency, keys.vault)?;
        replies[place] = Some(Ok(LaneDone::Published(Outcome::Done {
            subject: Box::new(published),
            answer,
        })));
    }
    Ok(arrived)
}

fn routes(
    connection: &mut AnyConnection,
    publications: &[(usize, &Publication)],
) -> Result<Vec<Route>, Failure> {
    let mut platforms: Vec<String> = publications
        .iter()
        .map(|(_, publication)| publication.event.platform.to_string())
        .collect();
    platforms.sort_unstable();
    platforms.dedup();
    decoded(&connection.routes_of(&platforms)?)
}

pub(crate) fn decoded(rows: &[RouteRow]) -> Result<Vec<Route>, Failure> {
    Ok(rows.iter().map(RouteRow::decode).collect::<Result<_, _>>()?)
}

/// What publications leave in the tables.
pub(crate) struct New {
    /// The position of the newest delivery.
    position: i64,
    events: Vec<EventRow>,
    deliveries: Vec<DeliveryRow>,
    /// The lanes, with the first new position in each.
    webhooks: BTreeMap<String, i64>,
}

impl New {
    /// Nothing yet, behind the newest delivery there is, which is at `head`.
    pub(crate) fn after(head: i64) -> Self {
        Self {
            position: head,
            events: Vec::new(),
            deliveries: Vec::new(),
            webhooks: BTreeMap::new(),
        }
    }

    /// Adds an event and its deliveries along `routes`, and says how many there are.
    pub(crate) fn add(&mut self, event: &Event, routes: &[Route]) -> u64 {
        let mut added = 0;
        for delivery in routes.iter().filter_map(|route| Delivery::along(event, route)) {
            self.position += 1;
            added += 1;
            self.webhooks
                .entry(delivery.webhook.to_string())
                .or_insert(self.position);
            self.deliveries
                .push(DeliveryRow::encode(&delivery, event, self.position));
        }
        self.events.push(EventRow::encode(event));
        added
    }

    /// Writes it, and finds who works at the lanes.
    pub(crate) fn save(
        self,
        connection: &mut AnyConnection,
        own: Option<ProcessId>,
    ) -> Result<Vec<Arrived>, Failure> {
        let now = self.events.iter().map(|event| event.created_at).max();
        if !self.events.is_empty() {
            connection.insert_events(&self.events)?;
        }
        if self.deliveries.is_empty() {
            return Ok(Vec::new());
        }
        connection.insert_deliveries(&self.deliveries)?;
        connection.save_delivery_head(self.position)?;
        assign(connection, &self.webhooks, own, now.unwrap_or_default())
    }
}
