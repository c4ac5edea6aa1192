//! Publishes events, and delivers them as the service does, when a test says so.

use webhook_domain::delivery::event::JsonText;
use webhook_domain::delivery::lane::LEASE;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::id::{DeliveryId, ProcessId};
use webhook_domain::ports::Outcome;
use webhook_domain::services::{Dispatch, LaneWorker, Next, PublishEvent, SecondTries};
use webhook_domain::webhook::{Action, Webhook};

use crate::scene::Scene;

/// Delivers what waits in a scene.
pub(crate) struct Dispatcher<'a> {
    scene: &'a Scene,
    process: ProcessId,
}

impl<'a> Dispatcher<'a> {
    pub(crate) async fn of(scene: &'a Scene) -> Self {
        let console = &scene.console;
        let now = console.clock.now();
        let process = ProcessId::generate(now, console.entropy.as_ref()).unwrap();
        assert!(console.probes.queue.join(process, LEASE, now).await.unwrap());
        Self { scene, process }
    }

    /// Delivers what waits for `webhook`, until nothing can be sent at once.
    pub(crate) async fn deliver(&self, webhook: &Webhook) {
        let probes = &self.scene.console.probes;
        let dispatch = Dispatch {
            attempts_at_once: 8,
            queue: probes.queue.clone(),
            webhooks: probes.webhooks.clone(),
            sender: probes.sender.clone(),
            clock: probes.clock.clone(),
            entropy: probes.entropy.clone(),
            environment: probes.environment,
            schedule: RetrySchedule::default(),
            second_tries: SecondTries::default(),
            describe: None,
            describe_delivery: None,
        };
        let now = probes.clock.now();
        probes
            .queue
            .take(self.process, vec![webhook.id], now)
            .await
            .unwrap();
        let mut worker = LaneWorker::new(self.process, webhook.id);
        loop {
            let (next, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
            if let Some(turn) = turn {
                assert_eq!(
                    probes.queue.record(self.process, vec![turn]).await.unwrap().lost,
                    []
                );
                worker.recorded();
            }
            if next != Next::Step {
                return;
            }
        }
    }
}

impl Scene {
    /// Publishes an event on the platform of `webhook`, which wants it, and says which delivery that makes.
    pub(crate) async fn publish(&self, webhook: &Webhook, data: &str) -> DeliveryId {
        let publish = PublishEvent {
            action: Action::parse("INVOICE.CREATED".into()).unwrap(),
            data: JsonText::parse(data.as_bytes()).unwrap(),
            previous_data: None,
            original_request_id: None,
            trace: None,
            idempotent: None,
        };
        let acting = Self::operator(webhook.platform.as_str());
        match self.console.events.publish(&acting, publish).await.unwrap() {
            Outcome::Done { subject, .. } => DeliveryId::of(subject.event.id, webhook.id),
            Outcome::Replayed(_) => panic!("it was published before"),
        }
    }
}
