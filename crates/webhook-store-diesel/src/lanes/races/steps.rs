//! What a transaction does in a race, in steps as [`attempt`](crate::engine::group::attempt) takes them.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditStamp};
use webhook_domain::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, StatusCode,
};
use webhook_domain::delivery::event::Event;
use webhook_domain::delivery::lane::{LaneState, Position};
use webhook_domain::delivery::retry_schedule::{Jitter, RetrySchedule};
use webhook_domain::id::{EventId, ProcessId, WebhookId};
use webhook_domain::ports::{Change, ChangeOrder, Creation, Effect, Lane, QueuedDelivery, Turn};
use webhook_domain::testing::fixtures;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Settings, TargetUrl, Version, Webhook};

use super::Ground;
use crate::audit::head::Chain;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::schema::deliveries;
use crate::engine::failure::transact;
use crate::events::audience::{Audiences, Routing};
use crate::events::spread::Spread;
use crate::lanes::key_uses::KnownUses;
use crate::lanes::locked::{Hints, LockedLanes};
use crate::lanes::own;
use crate::lanes::record::{Turns, record};
use crate::webhooks::change::{Changes, Work};
use crate::webhooks::save::Saved;

/// Longer than any race takes, in milliseconds.
pub(super) const LONG_LEASE: i64 = 50_000;

/// A change of webhooks that is written but for the lanes it concerns.
pub(super) struct Changing<'a> {
    changes: Changes,
    saved: Saved<'a>,
}

impl Changing<'_> {
    /// Changes the lanes, and finishes what was begun.
    pub(super) fn finish(mut self, ground: &Ground, connection: &mut AnyConnection) -> Hints {
        let mut lanes = ground.lock(connection, self.changes.lanes());
        self.changes.change_lanes(connection, &mut lanes).unwrap();
        let hints = lanes.save(connection, None).unwrap();
        self.changes.save_answers(connection, &ground.vault).unwrap();
        self.saved.finish(connection).unwrap();
        hints
    }
}

impl Ground {
    /// Locks lanes.
    pub(super) fn lock(
        &self,
        connection: &mut AnyConnection,
        webhooks: impl Iterator<Item = WebhookId>,
    ) -> LockedLanes {
        let webhooks: BTreeSet<WebhookId> = webhooks.collect();
        LockedLanes::lock(connection, &webhooks, self.now()).unwrap()
    }

    pub(super) fn event(&self) -> Event {
        Event {
            id: EventId::generate(self.now(), self.entropy.as_ref()).unwrap(),
            ..fixtures::event(&self.platform, "INVOICE.CREATED", self.now())
        }
    }

    /// Finds who wants an event: the first steps of a publication.
    pub(super) fn address(
        &self,
        connection: &mut AnyConnection,
        audiences: &mut Audiences,
        event: Event,
    ) -> Spread {
        let mut routing = self.routing(connection, audiences);
        let mut spread = Spread::default();
        let audience = routing.of(connection, &event).unwrap();
        spread.add(&routing, event, audience).unwrap();
        spread.save_events(connection).unwrap();
        spread
    }

    /// The rest of a publication but its commit.
    pub(super) fn put(&self, connection: &mut AnyConnection, spread: Spread) -> Hints {
        let lanes = self.lock(connection, spread.webhooks());
        self.put_into(connection, spread, lanes)
    }

    /// The rest of a publication whose lanes are locked, but its commit.
    pub(super) fn put_into(
        &self,
        connection: &mut AnyConnection,
        spread: Spread,
        mut lanes: LockedLanes,
    ) -> Hints {
        spread.save(connection, &mut lanes).unwrap();
        lanes.save(connection, None).unwrap()
    }

    /// A publication but its commit.
    pub(super) fn publish(&self, connection: &mut AnyConnection) -> Event {
        let event = self.event();
        let spread = self.address(connection, &mut Audiences::default(), event.clone());
        self.put(connection, spread);
        event
    }

    /// A publication in a transaction of its own.
    pub(super) fn published(&self, connection: &mut AnyConnection) -> Event {
        transact(connection, |connection| Ok(self.publish(connection))).unwrap()
    }

    /// Locks webhooks, decides on them, and writes all but lanes: the first steps of a change.
    pub(super) fn write<'a>(&'a self, connection: &mut AnyConnection, works: &[Work]) -> Changing<'a> {
        let mut audiences = Audiences::default();
        let mut routing = self.routing(connection, &mut audiences);
        self.write_as(connection, works, &mut routing)
    }

    /// As [`write`](Self::write), by a process that has looked up some audiences before.
    pub(super) fn write_as<'a>(
        &'a self,
        connection: &mut AnyConnection,
        works: &[Work],
        routing: &mut Routing<'_>,
    ) -> Changing<'a> {
        let works: Vec<&Work> = works.iter().collect();
        let taken = TakenRows::Await;
        let mut changes = Changes::load(connection, &self.vault, &works, taken, None, routing).unwrap();
        for reply in changes.decide(connection, &self.vault, &works).unwrap() {
            reply.unwrap();
        }
        let chain = Chain::lock(connection, self.keys()).unwrap();
        let saved = changes
            .save(connection, &self.vault, chain, None, routing)
            .unwrap();
        Changing { changes, saved }
    }

    /// Reads how often subscriptions have changed: the first step of any transaction that may publish.
    pub(super) fn routing<'a>(
        &self,
        connection: &mut AnyConnection,
        audiences: &'a mut Audiences,
    ) -> Routing<'a> {
        audiences
            .in_transaction(connection, [self.platform.to_string()].into())
            .unwrap()
    }

    /// A change in a transaction of its own.
    pub(super) fn changed(&self, connection: &mut AnyConnection, works: &[Work]) {
        transact(connection, |connection| {
            self.write(connection, works).finish(self, connection);
            Ok(())
        })
        .unwrap();
    }

    /// The creation of a webhook that may be sent to and wants all that is published.
    pub(super) fn creation(&self) -> (Webhook, Work) {
        self.creation_with(fixtures::bare_settings())
    }

    /// The creation of a webhook with these settings that may be sent to.
    pub(super) fn creation_with(&self, settings: Settings) -> (Webhook, Work) {
        let settings = Settings {
            url: Some(TargetUrl::restore("https://example.com/one".to_owned())),
            ..settings
        };
        let now = self.now();
        let webhook = fixtures::webhook(&self.platform, settings, now, self.entropy.as_ref());
        let stamp = AuditStamp::new(&fixtures::acting(&self.platform), now, self.entropy.as_ref()).unwrap();
        let creation = Creation {
            webhook: webhook.clone(),
            audit: stamp.record(
                AuditAction::WebhookCreated,
                webhook.id.to_string(),
                AuditDetails::default(),
            ),
            announcement: None,
            quota: None,
            idempotency: None,
        };
        (webhook, Work::Create(Box::new(creation)))
    }

    pub(super) fn webhook(&self, connection: &mut AnyConnection) -> Webhook {
        let (webhook, creation) = self.creation();
        self.changed(connection, &[creation]);
        webhook
    }

    /// A change of settings, which makes another version of the webhook.
    pub(super) fn setting(
        &self,
        webhook: &Webhook,
        edit: impl Fn(&mut Settings) + Send + Sync + 'static,
    ) -> Work {
        self.setting_at(webhook, self.now(), edit)
    }

    /// As [`setting`](Self::setting), by a process whose clock shows `at`.
    pub(super) fn setting_at(
        &self,
        webhook: &Webhook,
        at: Instant,
        edit: impl Fn(&mut Settings) + Send + Sync + 'static,
    ) -> Work {
        self.order(webhook, move |stored| {
            let mut after = stored.clone();
            edit(&mut after.settings);
            after.version = Version(stored.version.0 + 1);
            after.updated_at = at;
            Effect::Save(Box::new(after))
        })
    }

    pub(super) fn deletion(&self, webhook: &Webhook) -> Work {
        self.order(webhook, |_| Effect::Delete)
    }

    fn order(&self, webhook: &Webhook, effect: impl Fn(&Webhook) -> Effect + Send + Sync + 'static) -> Work {
        let decide = move |stored: &Webhook| {
            Ok(Change {
                effect: effect(stored),
                ..Change::default()
            })
        };
        Work::Change(Box::new(ChangeOrder {
            platform: self.platform.clone(),
            webhook: webhook.id,
            decide: Box::new(decide),
            announcement: None,
            settles: None,
            idempotency: None,
        }))
    }

    pub(super) fn new_process(&self) -> ProcessId {
        ProcessId::generate(self.now(), self.entropy.as_ref()).unwrap()
    }

    /// A process that may own lanes.
    pub(super) fn process(&self, connection: &mut AnyConnection) -> ProcessId {
        let process = self.new_process();
        own::join(connection, &process.to_string(), LONG_LEASE).unwrap();
        process
    }

    /// A process that has these lanes.
    pub(super) fn owner(&self, connection: &mut AnyConnection, webhooks: &[WebhookId]) -> ProcessId {
        let process = self.process(connection);
        let taken = transact(connection, |connection| Ok(take(connection, process, webhooks))).unwrap();
        assert_eq!(taken.len(), webhooks.len(), "they are free");
        process
    }

    /// The turn at the head of the lane, in the lane's epoch.
    pub(super) fn turn(
        &self,
        connection: &mut AnyConnection,
        webhook: &Webhook,
        outcome: AttemptOutcome,
    ) -> Turn {
        let state = lane(connection, webhook.id).unwrap();
        let queued = connection
            .queued(&webhook.id.to_string(), state.done.0, 1)
            .unwrap();
        let queued = queued.into_iter().map(|(delivery, event)| QueuedDelivery {
            position: Position(delivery.position),
            attempts: u32::try_from(delivery.tried).unwrap(),
            delivery: delivery.decode().unwrap(),
            event: event.decode().unwrap(),
        });
        let lane = Lane {
            webhook: webhook.clone(),
            epoch: state.epoch,
            penalty_box: state.penalty_box,
            withdrawn: 0,
            queued: queued.collect(),
        };
        turn_at(&lane, &lane.queued[0], outcome, self.now())
    }

    /// Records a turn but for the commit, and says which lanes were lost.
    pub(super) fn record(
        &self,
        connection: &mut AnyConnection,
        process: ProcessId,
        turn: &Turn,
    ) -> Vec<WebhookId> {
        let mut lanes = self.lock(connection, [turn.delivery.webhook].into_iter());
        let turns = Turns {
            process,
            turns: vec![turn.clone()],
        };
        let (mut recorded, _) = record(
            connection,
            &[&turns],
            &mut lanes,
            &KnownUses::default(),
            (&mut Vec::new(), &mut Vec::new()),
        )
        .unwrap();
        lanes.save(connection, None).unwrap();
        recorded.remove(0).lost
    }

    /// Has what stands at the head of the lane succeed.
    pub(super) fn delivered(&self, connection: &mut AnyConnection, process: ProcessId, webhook: &Webhook) {
        let turn = self.turn(connection, webhook, succeeded());
        let lost = transact(connection, |connection| {
            Ok(self.record(connection, process, &turn))
        });
        assert_eq!(lost.unwrap(), []);
    }
}

/// Takes lanes, but for the commit.
pub(super) fn take(
    connection: &mut AnyConnection,
    process: ProcessId,
    webhooks: &[WebhookId],
) -> Vec<WebhookId> {
    own::take(connection, &process.to_string(), webhooks).unwrap()
}

/// An attempt at one of the deliveries of a lane.
pub(super) fn turn_at(lane: &Lane, queued: &QueuedDelivery, outcome: AttemptOutcome, now: Instant) -> Turn {
    let attempt = Attempt {
        response_body: None,
        at: now,
        duration: Duration::ZERO,
        key_fingerprints: Vec::new(),
        host: None,
        credentials: CredentialsTaken::Current,
        outcome,
    };
    let schedule = RetrySchedule::default();
    let aftermath = lane.penalty_box.after(&attempt, None, &schedule, Jitter::NONE);
    Turn {
        position: queued.position,
        epoch: lane.epoch,
        number: queued.attempts + 1,
        version: lane.webhook.version,
        delivery: queued.delivery.clone().after(aftermath.head, attempt.ended_at()),
        attempt,
        penalty_box: aftermath.penalty_box,
        trace: None,
        tells: Vec::new(),
    }
}

/// The lane as it is stored, if there is one.
pub(super) fn lane(connection: &mut AnyConnection, webhook: WebhookId) -> Option<LaneState> {
    let row = connection.lanes_of(&[webhook.to_string()]).unwrap().pop();
    row.map(|row| row.decode().unwrap())
}

/// The positions, the events, the statuses and the numbers of attempts of the webhook's deliveries, in their order.
pub(super) fn deliveries_to(
    connection: &mut AnyConnection,
    webhook: WebhookId,
) -> Vec<(i64, String, String, i64)> {
    deliveries::table
        .filter(deliveries::webhook_id.eq(webhook.to_string()))
        .order(deliveries::position)
        .select((
            deliveries::position,
            deliveries::event_id,
            deliveries::status,
            deliveries::tried,
        ))
        .load(connection)
        .unwrap()
}

pub(super) fn succeeded() -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(204).unwrap())
}

pub(super) fn failed() -> AttemptOutcome {
    AttemptOutcome::failed(FailureCause::Timeout)
}
