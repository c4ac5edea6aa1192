//! A lane, its worker, and a receiver that does as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::attempt::{AttemptOutcome, StatusCode};
use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::delivery::lane::LEASE;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::delivery::trace::TraceContext;
use webhook_domain::id::{EventId, ProcessId, WebhookId};
use webhook_domain::ports::{
    DeliveryQueue as _, ListedDelivery, Outcome, Parcel, Response, Sender, Shortage,
};
use webhook_domain::services::{
    CreateWebhook, Dispatch, EventService, LaneWorker, Next, PublishEvent, SecondTries, WebhookService,
};
use webhook_domain::signing::receipt::ReceiptHeader;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::{Action, Settings, TargetPolicy, TargetUrl, Webhook};

/// The value of `webhook-receipt` in the answer to a delivery.
pub(super) type MakeReceipt = Box<dyn Fn(&Parcel) -> String + Send>;

/// A receiver that answers what it was told to, and 204 after that.
#[derive(Default)]
pub(super) struct Receiver {
    pub(super) answers: Mutex<VecDeque<AttemptOutcome>>,
    pub(super) got: Mutex<Vec<Parcel>>,
    /// What is wanting to send anything, attempt by attempt.
    pub(super) shortages: Mutex<VecDeque<Shortage>>,
    /// What stands in answers that refuse.
    pub(super) says: Mutex<String>,
    /// Makes the receipt with which what succeeds is answered.
    pub(super) receipt: Mutex<Option<MakeReceipt>>,
    /// What happens while the next attempt is under way.
    pub(super) meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Receiver {
    pub(super) fn meanwhile(&self, happens: Box<dyn FnOnce() + Send>) {
        *self.meanwhile.lock().unwrap() = Some(happens);
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage> {
        if let Some(shortage) = self.shortages.lock().unwrap().pop_front() {
            return Err(shortage);
        }
        let receipt = self.receipt.lock().unwrap().as_ref().map(|make| make(&parcel));
        self.got.lock().unwrap().push(parcel);
        if let Some(happens) = self.meanwhile.lock().unwrap().take() {
            happens();
        }
        let outcome = self.answers.lock().unwrap().pop_front();
        let mut response = Response::of(outcome.unwrap_or(answered(204)));
        match response.outcome {
            AttemptOutcome::Failed { .. } => response.body.add(self.says.lock().unwrap().as_bytes()),
            AttemptOutcome::Succeeded { .. } => {
                response.receipt = receipt.map(|value| ReceiptHeader::read(value.as_bytes()));
            }
        }
        Ok(response)
    }
}

pub(super) fn answered(status: u16) -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(status).unwrap())
}

pub(super) struct Scene {
    pub(super) store: Arc<MemoryStore>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) entropy: Arc<SeededEntropy>,
    pub(super) receiver: Arc<Receiver>,
    pub(super) process: ProcessId,
    pub(super) acting: Acting,
    pub(super) second_tries: SecondTries,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(ManualClock::START));
        let entropy = Arc::new(SeededEntropy::new(4));
        let scene = Self {
            store: Arc::new(MemoryStore::new()),
            receiver: Arc::new(Receiver::default()),
            process: ProcessId::generate(clock.now(), entropy.as_ref()).unwrap(),
            acting: fixtures::operator(&fixtures::acme()),
            clock,
            entropy,
            second_tries: SecondTries::default(),
        };
        let joined = scene.store.join(scene.process, LEASE, scene.clock.now()).await;
        assert!(joined.unwrap());
        scene
    }

    pub(super) fn dispatch(&self) -> Dispatch {
        Dispatch {
            attempts_at_once: 512,
            queue: self.store.clone(),
            webhooks: self.store.clone(),
            sender: self.receiver.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            environment: Environment::Test,
            schedule: RetrySchedule::default(),
            second_tries: self.second_tries.clone(),
            describe: Some(described),
            describe_delivery: Some(described_delivery),
        }
    }

    pub(super) fn answering(self, answers: impl IntoIterator<Item = AttemptOutcome>) -> Self {
        self.receiver.answers.lock().unwrap().extend(answers);
        self
    }

    pub(super) fn webhooks(&self) -> WebhookService {
        WebhookService::new(self.store.clone(), self.clock.clone(), self.entropy.clone())
    }

    pub(super) async fn webhook(&self) -> Webhook {
        let settings = Settings {
            url: Some(TargetUrl::parse("https://example.com/hook".into(), &TargetPolicy::default()).unwrap()),
            ..fixtures::bare_settings()
        };
        let create = CreateWebhook {
            settings,
            idempotent: None,
        };
        self.create(create).await
    }

    /// Creates a webhook whose lane is the process's.
    pub(super) async fn create(&self, create: CreateWebhook) -> Webhook {
        let Outcome::Done { subject, .. } = self.webhooks().create(&self.acting, create).await.unwrap()
        else {
            unreachable!()
        };
        let taken = self
            .store
            .take(self.process, vec![subject.id], self.clock.now())
            .await;
        assert_eq!(taken.unwrap(), [subject.id]);
        *subject
    }

    pub(super) async fn publish(&self) -> EventId {
        self.publish_in(None).await
    }

    /// Publishes an event in a trace.
    pub(super) async fn publish_in(&self, trace: Option<TraceContext>) -> EventId {
        let events = EventService::new(self.store.clone(), self.clock.clone(), self.entropy.clone());
        let publish = PublishEvent {
            action: Action::parse("INVOICE.CREATED".into()).unwrap(),
            data: JsonText::parse(br#"{"total":1}"#).unwrap(),
            previous_data: None,
            original_request_id: None,
            trace,
            idempotent: None,
        };
        match events.publish(&self.acting, publish).await.unwrap() {
            Outcome::Done { subject, .. } => subject.event.id,
            Outcome::Replayed(_) => unreachable!(),
        }
    }

    /// Works at the lane until it has nothing to do at once, and records what it did.
    pub(super) async fn work(&self, worker: &mut LaneWorker) -> Next {
        let dispatch = self.dispatch();
        loop {
            let (next, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
            if let Some(turn) = turn {
                assert_eq!(
                    self.store.record(self.process, vec![turn]).await.unwrap().lost,
                    []
                );
                worker.recorded();
            }
            if next != Next::Step {
                return next;
            }
        }
    }

    pub(super) fn worker(&self, webhook: WebhookId) -> LaneWorker {
        LaneWorker::new(self.process, webhook)
    }

    pub(super) fn sent(&self) -> usize {
        self.receiver.got.lock().unwrap().len()
    }

    pub(super) async fn stored(&self, webhook: WebhookId) -> Webhook {
        let acting = fixtures::acting_with(&fixtures::acme(), &[Permission::WebhookView]);
        self.webhooks().read(&acting, webhook).await.unwrap().webhook
    }

    pub(super) async fn set_active(&self, webhook: &Webhook) {
        use webhook_domain::ports::{Change, ChangeOrder, Effect, WebhookStore as _};
        let order = ChangeOrder {
            announcement: None,
            platform: webhook.platform.clone(),
            webhook: webhook.id,
            decide: Box::new(|stored| {
                let mut active = stored.clone();
                active.settings.active = true;
                Ok(Change {
                    effect: Effect::Save(Box::new(active)),
                    ..Change::default()
                })
            }),
            settles: None,
            idempotency: None,
        };
        self.store.change(order).await.unwrap();
    }
}

pub(super) fn header<'a>(parcel: &'a Parcel, name: &str) -> &'a str {
    &parcel.headers.iter().find(|(known, _)| *known == name).unwrap().1
}

fn described(webhook: &Webhook, _: Instant) -> JsonText {
    let since = webhook
        .held_up
        .as_ref()
        .and_then(|held_up| held_up.penalty_box().since());
    let text = format!("[\"{}\",{}]", webhook.id, since.is_some());
    JsonText::parse(text.as_bytes()).unwrap()
}

fn described_delivery(given_up: &ListedDelivery) -> JsonText {
    let text = format!("[\"{}\",{}]", given_up.delivery.id, given_up.attempts.len());
    JsonText::parse(text.as_bytes()).unwrap()
}
