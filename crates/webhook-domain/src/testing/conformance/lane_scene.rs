//! What the rules about events and lanes do.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::scene::{Scene, done, fail, held};
use crate::delivery::attempt::{
    Attempt, AttemptOutcome, BodyStart, CredentialsTaken, ResponseBody, StatusCode,
};
use crate::delivery::event::Event;
use crate::delivery::lane::LEASE;
use crate::delivery::retry_schedule::{Jitter, RetrySchedule};
use crate::error::ServiceError;
use crate::id::{DeliveryId, EventId, ProcessId, WebhookId};
use crate::ports::{
    Change, DeliveryQuery, Effect, Lane, Outcome, Publication, Published, QueuedDelivery, Resend,
    TrackedDelivery, Turn,
};
use crate::testing::fixtures;
use crate::webhook::{Settings, Version, Webhook};

/// Longer than a store takes to tell what has arrived.
const LONG: Duration = Duration::from_secs(20);

impl Scene {
    /// A process that may own lanes.
    pub(super) async fn process(&self) -> ProcessId {
        let process = self.new_process();
        assert!(self.join(process, LEASE).await, "nobody else delivers");
        process
    }

    pub(super) fn new_process(&self) -> ProcessId {
        held(ProcessId::generate(self.now(), self.entropy.as_ref()))
    }

    /// Whether the store lets the process own lanes.
    pub(super) async fn join(&self, process: ProcessId, lease: Duration) -> bool {
        held(self.ports.lanes().join(process, lease, self.now()).await)
    }

    /// The lanes of the process in which there is something to do, with those that it has taken just now.
    pub(super) async fn ready(&self, process: ProcessId) -> Vec<WebhookId> {
        let mut ready = held(self.ports.lanes().ready(process, self.now(), 10).await);
        ready.sort_unstable();
        ready
    }

    pub(super) fn event(&self, action: &str) -> Event {
        Event {
            id: held(EventId::generate(self.now(), self.entropy.as_ref())),
            ..fixtures::event(&self.platform, action, self.now())
        }
    }

    pub(super) async fn publish(&self, event: &Event) -> Published {
        let publication = Publication {
            event: event.clone(),
            quota: None,
            idempotency: None,
        };
        done(self.ports.events().publish(publication).await).0
    }

    /// What puts a delivery of the platform at the end of its lane again.
    pub(super) fn resend(&self, delivery: DeliveryId) -> Resend {
        Resend {
            platform: self.platform.clone(),
            delivery,
            at: self.now(),
            quota: None,
            idempotency: None,
        }
    }

    pub(super) async fn published(&self, action: &str) -> Event {
        let event = self.event(action);
        self.publish(&event).await;
        event
    }

    /// What is due of the lane once what it says is put right.
    pub(super) async fn settle(&self, webhook: &Webhook) -> Vec<WebhookId> {
        held(self.ports.lanes().settle(vec![webhook.id], self.now()).await)
    }

    /// Changes the settings as a client does, so that it is another version.
    pub(super) async fn change_counted(
        &self,
        webhook: WebhookId,
        edit: impl Fn(&mut Settings) + Send + Sync + 'static,
    ) -> Result<Outcome, ServiceError> {
        let decide = move |stored: &Webhook| {
            let mut webhook = stored.clone();
            edit(&mut webhook.settings);
            webhook.version = Version(stored.version.0 + 1);
            Ok(Change {
                effect: Effect::Save(Box::new(webhook)),
                ..Change::default()
            })
        };
        self.change(webhook, None, decide).await
    }

    /// The lane, if it is the process's own or nobody's.
    pub(super) async fn look(&self, process: ProcessId, webhook: &Webhook) -> Option<Lane> {
        held(
            self.ports
                .lanes()
                .take(process, vec![webhook.id], self.now())
                .await,
        );
        self.look_at_own(process, webhook).await
    }

    /// The lane, if it is the process's own.
    pub(super) async fn look_at_own(&self, process: ProcessId, webhook: &Webhook) -> Option<Lane> {
        held(self.ports.lanes().look(process, webhook.id, None, 10).await)
    }

    pub(super) async fn lane(&self, process: ProcessId, webhook: &Webhook) -> Lane {
        held(
            self.look(process, webhook)
                .await
                .ok_or("the lane is not the process's own"),
        )
    }

    pub(super) async fn queued(&self, process: ProcessId, webhook: &Webhook) -> Vec<EventId> {
        let lane = self.lane(process, webhook).await;
        lane.queued.iter().map(|queued| queued.event.id).collect()
    }

    /// A failed one has a long answer that is hard to write down.
    pub(super) fn turn(&self, lane: &Lane, head: &QueuedDelivery, outcome: AttemptOutcome) -> Turn {
        let attempt = Attempt {
            response_body: match outcome {
                AttemptOutcome::Succeeded { .. } => None,
                AttemptOutcome::Failed { .. } => Some(worst_response()),
            },
            at: self.now(),
            duration: Duration::from_millis(12),
            key_fingerprints: lane.webhook.key_ring.fingerprints(self.now()),
            host: Some("receiver.example".into()),
            credentials: match outcome {
                AttemptOutcome::Succeeded { .. } => CredentialsTaken::Current,
                AttemptOutcome::Failed { .. } => CredentialsTaken::Previous,
            },
            outcome,
        };
        let schedule = RetrySchedule::default();
        let aftermath = lane.penalty_box.after(&attempt, None, &schedule, Jitter::NONE);
        Turn {
            position: head.position,
            epoch: lane.epoch,
            number: head.attempts + 1,
            version: lane.webhook.version,
            delivery: head.delivery.clone().after(aftermath.head, attempt.ended_at()),
            attempt,
            penalty_box: aftermath.penalty_box,
            trace: head.event.trace.as_ref().map(|trace| trace.parent),
            tells: Vec::new(),
        }
    }

    /// Has the head of the lane succeed.
    pub(super) async fn deliver(&self, process: ProcessId, webhook: &Webhook) -> Turn {
        let lane = self.lane(process, webhook).await;
        let head = held(lane.queued.first().ok_or("nothing is queued"));
        let turn = self.turn(&lane, head, succeeded());
        let lost = held(self.ports.lanes().record(process, vec![turn.clone()]).await).lost;
        assert_eq!(lost, []);
        turn
    }

    /// The lanes of which the process is told next; a store that does not tell is found out after a while.
    pub(super) async fn told(&self, process: ProcessId) -> Vec<WebhookId> {
        let lanes = self.ports.lanes();
        let mut arrivals = lanes.arrivals(process);
        let mut late: Option<Arc<AtomicBool>> = None;
        poll_fn(|context| {
            let late = late.get_or_insert_with(|| alarm(context.waker().clone()));
            match arrivals.as_mut().poll(context) {
                Poll::Pending if late.load(Ordering::Acquire) => fail("the process was not told"),
                polled => polled.map(|told| told.iter().map(|arrival| arrival.webhook).collect()),
            }
        })
        .await
    }

    pub(super) async fn tracked(&self, id: DeliveryId) -> TrackedDelivery {
        let found = held(self.ports.events().find_delivery(&self.platform, id).await);
        held(found.ok_or("the delivery is gone"))
    }

    pub(super) async fn listed(&self, query: DeliveryQuery) -> Vec<DeliveryId> {
        let query = DeliveryQuery {
            limit: query.limit.max(1),
            ..query
        };
        let found = held(self.ports.events().deliveries(&self.platform, query).await);
        found.iter().map(|tracked| tracked.delivery.id).collect()
    }
}

/// Wakes whoever waits when it has taken too long, and says so.
fn alarm(waker: Waker) -> Arc<AtomicBool> {
    let rung = Arc::new(AtomicBool::new(false));
    let ringing = Arc::clone(&rung);
    std::thread::spawn(move || {
        std::thread::sleep(LONG);
        ringing.store(true, Ordering::Release);
        waker.wake();
    });
    rung
}

pub(super) fn succeeded() -> AttemptOutcome {
    AttemptOutcome::of_answer(held(StatusCode::new(204)))
}

pub(super) fn of(event: &Event, webhook: &Webhook) -> DeliveryId {
    DeliveryId::of(event.id, webhook.id)
}

/// Everything that is hard to write down, as much of it as is taken.
fn worst_response() -> ResponseBody {
    ResponseBody::restore(&"\0\n\u{1}\"\\\u{1f511}\u{7f}".repeat(BodyStart::MAX_BYTES))
}
