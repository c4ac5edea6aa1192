//! Delivering along a lane, with receivers that do as they are told.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod meanwhile;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::delivery::lane::LEASE;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::id::{DeliveryId, EventId, ProcessId, WebhookId};
use webhook_domain::ports::{
    DeliveryQueue as _, EventStore as _, GiveUp, Outcome, Parcel, Receipt, Sender, Shortage,
};
use webhook_domain::services::{
    CreateWebhook, Dispatch, EventService, LaneWorker, Next, PublishEvent, RollSecret, SecretKeyService,
    WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::{Action, Settings, TargetPolicy, TargetUrl, Webhook};
use webhook_verify::Verifier;

/// A receiver that answers what it was told to, and 204 after that.
#[derive(Default)]
struct Receiver {
    answers: Mutex<VecDeque<AttemptOutcome>>,
    got: Mutex<Vec<Parcel>>,
    /// What is wanting to send anything, attempt by attempt.
    shortages: Mutex<VecDeque<Shortage>>,
    /// What stands in answers that refuse.
    says: Mutex<String>,
    /// What happens while the next attempt is under way.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Receiver {
    fn meanwhile(&self, happens: Box<dyn FnOnce() + Send>) {
        *self.meanwhile.lock().unwrap() = Some(happens);
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, parcel: Parcel) -> Result<Receipt, Shortage> {
        if let Some(shortage) = self.shortages.lock().unwrap().pop_front() {
            return Err(shortage);
        }
        self.got.lock().unwrap().push(parcel);
        if let Some(happens) = self.meanwhile.lock().unwrap().take() {
            happens();
        }
        let outcome = self.answers.lock().unwrap().pop_front();
        let mut receipt = Receipt::of(outcome.unwrap_or(answered(204)));
        if let AttemptOutcome::Failed { .. } = receipt.outcome {
            receipt.body.add(self.says.lock().unwrap().as_bytes());
        }
        Ok(receipt)
    }
}

fn answered(status: u16) -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(status).unwrap())
}

struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    receiver: Arc<Receiver>,
    process: ProcessId,
    acting: Acting,
}

impl House {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(ManualClock::START));
        let entropy = Arc::new(SeededEntropy::new(4));
        let house = Self {
            store: Arc::new(MemoryStore::new()),
            receiver: Arc::new(Receiver::default()),
            process: ProcessId::generate(clock.now(), entropy.as_ref()).unwrap(),
            acting: fixtures::operator(&fixtures::acme()),
            clock,
            entropy,
        };
        let joined = house.store.join(house.process, LEASE, house.clock.now()).await;
        assert!(joined.unwrap());
        house
    }

    fn dispatch(&self) -> Dispatch {
        Dispatch {
            attempts_at_once: 512,
            queue: self.store.clone(),
            webhooks: self.store.clone(),
            sender: self.receiver.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            environment: Environment::Test,
            schedule: RetrySchedule::default(),
            describe: None,
        }
    }

    fn answering(self, answers: impl IntoIterator<Item = AttemptOutcome>) -> Self {
        self.receiver.answers.lock().unwrap().extend(answers);
        self
    }

    fn webhooks(&self) -> WebhookService {
        WebhookService::new(self.store.clone(), self.clock.clone(), self.entropy.clone())
    }

    async fn webhook(&self) -> Webhook {
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
    async fn create(&self, create: CreateWebhook) -> Webhook {
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

    async fn publish(&self) -> EventId {
        let events = EventService::new(self.store.clone(), self.clock.clone(), self.entropy.clone());
        let publish = PublishEvent {
            action: Action::parse("INVOICE.CREATED".into()).unwrap(),
            data: JsonText::parse(br#"{"total":1}"#).unwrap(),
            previous_data: None,
            original_request_id: None,
            idempotent: None,
        };
        match events.publish(&self.acting, publish).await.unwrap() {
            Outcome::Done { subject, .. } => subject.event.id,
            Outcome::Replayed(_) => unreachable!(),
        }
    }

    /// Works at the lane until it has nothing to do at once, and records what it did.
    async fn work(&self, worker: &mut LaneWorker) -> Next {
        let dispatch = self.dispatch();
        loop {
            let (next, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
            if let Some(turn) = turn {
                assert_eq!(self.store.record(self.process, vec![turn]).await.unwrap(), []);
                worker.recorded();
            }
            if next != Next::Step {
                return next;
            }
        }
    }

    fn worker(&self, webhook: WebhookId) -> LaneWorker {
        LaneWorker::new(self.process, webhook)
    }

    fn sent(&self) -> usize {
        self.receiver.got.lock().unwrap().len()
    }

    async fn stored(&self, webhook: WebhookId) -> Webhook {
        let acting = fixtures::acting_with(&fixtures::acme(), &[Permission::WebhookView]);
        self.webhooks().read(&acting, webhook).await.unwrap().webhook
    }
}

#[tokio::test]
async fn deliveries_are_sent_in_order_each_once() {
    let house = House::new().await;
    let webhook = house.webhook().await;
    for _ in 0..70 {
        house.publish().await;
        house.clock.advance(Duration::from_millis(1));
    }
    let mut worker = house.worker(webhook.id);
    assert_eq!(house.work(&mut worker).await, Next::Empty);
    let got = house.receiver.got.lock().unwrap();
    let ids: Vec<_> = got
        .iter()
        .map(|parcel| header(parcel, "webhook-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 70);
    assert!(ids.is_sorted(), "the ids of events sort by their time");
}

fn header<'a>(parcel: &'a Parcel, name: &str) -> &'a str {
    &parcel.headers.iter().find(|(known, _)| *known == name).unwrap().1
}

#[tokio::test]
async fn a_delivery_is_signed_with_the_keys_of_the_instant_of_its_attempt() {
    let house = House::new().await;
    let webhook = house.webhook().await;
    let first = webhook.key_ring.current().unwrap().secret.expose().to_owned();
    for _ in 0..3 {
        house.publish().await;
    }
    let (dispatch, mut worker) = (house.dispatch(), house.worker(webhook.id));
    worker.step(&dispatch, |_, _| true).await.unwrap();
    let secrets = SecretKeyService::new(
        house.store.clone(),
        house.clock.clone(),
        house.entropy.clone(),
        Overlap::DAY,
    );
    secrets
        .roll(&house.acting, webhook.id, RollSecret::default())
        .await
        .unwrap();
    worker.step(&dispatch, |_, _| true).await.unwrap();
    let revoking = RollSecret {
        overlap: Some(Overlap::from_seconds(0).unwrap()),
        ..RollSecret::default()
    };
    secrets.roll(&house.acting, webhook.id, revoking).await.unwrap();
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(turn.unwrap().attempt.key_fingerprints.len(), 1);
    let verifier = Verifier::from_keys([first]).unwrap();
    let verified: Vec<bool> = house
        .receiver
        .got
        .lock()
        .unwrap()
        .iter()
        .map(|parcel| {
            let found = |name: &str| {
                let found = parcel
                    .headers
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_bytes())
            };
            verifier
                .verify(found, &parcel.body, house.clock.now().into())
                .is_ok()
        })
        .collect();
    assert_eq!(
        verified,
        [true, true, false],
        "the revoked key signs nothing that begins later"
    );
}

#[tokio::test]
async fn a_failure_holds_the_lane_up_until_its_time() {
    let house = House::new()
        .await
        .answering([AttemptOutcome::failed(FailureCause::Connection), answered(500)]);
    let webhook = house.webhook().await;
    house.publish().await;
    house.publish().await;
    let mut worker = house.worker(webhook.id);
    for minutes in [2, 4] {
        let Next::Wait(until) = house.work(&mut worker).await else {
            unreachable!("it waits")
        };
        let wait = until.since(house.clock.now());
        let least = Duration::from_secs(minutes * 60);
        assert!(wait >= least && wait <= least + least / 10, "{wait:?}");
        house
            .clock
            .set(Instant::from_milliseconds(until.as_milliseconds() - 1));
        assert_eq!(house.work(&mut worker).await, Next::Wait(until));
        house.clock.set(until);
    }
    assert_eq!(house.sent(), 2);
    assert_eq!(house.work(&mut worker).await, Next::Empty);
    assert_eq!(house.sent(), 4);
    let lane = house
        .store
        .look(house.process, webhook.id, None, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lane.penalty_box, PenaltyBox::Out);
}

#[tokio::test]
async fn want_of_our_own_is_no_attempt_and_never_the_receivers_failure() {
    let house = House::new().await.answering([answered(500)]);
    let webhook = house.webhook().await;
    house.publish().await;
    let mut worker = house.worker(webhook.id);
    let shortages = [
        Shortage::FileDescriptors,
        Shortage::Memory,
        Shortage::LocalPorts,
        Shortage::Stopping,
    ];
    let wants = |house: &House| house.receiver.shortages.lock().unwrap().extend(shortages);
    let box_of = async || {
        let lane = house.store.look(house.process, webhook.id, None, 1).await;
        let lane = lane.unwrap().unwrap();
        (lane.penalty_box, lane.queued[0].attempts)
    };
    wants(&house);
    for shortage in shortages {
        assert_eq!(house.work(&mut worker).await, Next::Short(shortage));
        assert_eq!(box_of().await, (PenaltyBox::Out, 0));
    }
    // The same for one that has failed already.
    let Next::Wait(until) = house.work(&mut worker).await else {
        unreachable!("it failed")
    };
    let before = box_of().await;
    house.clock.set(until);
    wants(&house);
    for shortage in shortages {
        assert_eq!(house.work(&mut worker).await, Next::Short(shortage));
        assert_eq!(box_of().await, before);
    }
    assert_eq!(house.work(&mut worker).await, Next::Empty);
    assert_eq!(house.sent(), 2);
}

#[tokio::test]
async fn what_a_failed_answer_says_is_kept_without_what_was_sent() {
    let house = House::new().await.answering([answered(403), answered(200)]);
    let webhook = house.webhook().await;
    let secret = webhook.key_ring.current().unwrap().secret.expose();
    *house.receiver.says.lock().unwrap() = format!("the secret is not {secret}");
    house.publish().await;
    let (dispatch, mut worker) = (house.dispatch(), house.worker(webhook.id));
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    let turn = turn.unwrap();
    let said = turn
        .attempt
        .response_body
        .as_ref()
        .map(|body| body.as_str().to_owned());
    assert_eq!(said.as_deref(), Some("the secret is not [redacted]"));
    house.clock.set(turn.penalty_box.retry_at().unwrap());
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(turn.unwrap().attempt.response_body, None);
}

#[tokio::test]
async fn another_worker_goes_on_where_the_first_stopped() {
    let house = House::new().await.answering([answered(500)]);
    let webhook = house.webhook().await;
    house.publish().await;
    let waits = house.work(&mut house.worker(webhook.id)).await;
    assert!(matches!(waits, Next::Wait(_)));
    assert_eq!(house.work(&mut house.worker(webhook.id)).await, waits);
    assert_eq!(house.sent(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_gone_makes_its_webhook_inactive_and_its_queue_waits() {
    let house = House::new().await.answering([answered(410)]);
    let webhook = house.webhook().await;
    house.publish().await;
    house.publish().await;
    let mut worker = house.worker(webhook.id);
    assert_eq!(house.work(&mut worker).await, Next::Park);
    assert_eq!(house.sent(), 1);
    let stored = house.stored(webhook.id).await;
    assert!(!stored.settings.active);
    house.publish().await;
    house.set_active(&stored).await;
    assert_eq!(house.work(&mut worker).await, Next::Empty);
    assert_eq!(
        house.sent(),
        3,
        "the one that failed and the one after it, and not what came while it was inactive"
    );
}

impl House {
    async fn set_active(&self, webhook: &Webhook) {
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
                    audit: None,
                })
            }),
            idempotency: None,
        };
        self.store.change(order).await.unwrap();
    }
}

#[tokio::test]
async fn a_delivery_is_given_up_after_seven_days_and_the_next_ones_turn_comes() {
    let house = House::new()
        .await
        .answering(std::iter::repeat_n(answered(503), 100));
    let webhook = house.webhook().await;
    house.publish().await;
    house.publish().await;
    let mut worker = house.worker(webhook.id);
    let dispatch = house.dispatch();
    let given_up = loop {
        let (next, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
        if let Some(turn) = turn {
            let status = turn.delivery.status;
            house.store.record(house.process, vec![turn]).await.unwrap();
            worker.recorded();
            if let DeliveryStatus::Failed { at } = status {
                break at;
            }
        }
        if let Next::Wait(until) = next {
            house.clock.set(until);
        }
    };
    let days = given_up.since(ManualClock::START).as_secs_f64() / 86_400.0;
    assert!((7.0..7.1).contains(&days), "{days}");
    let before = house.sent();
    worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(house.sent(), before + 1, "the next one is sent at once");
    let got = house.receiver.got.lock().unwrap();
    assert_ne!(
        header(&got[before], "webhook-id"),
        header(&got[before - 1], "webhook-id")
    );
}

#[tokio::test]
async fn a_webhook_without_a_url_waits() {
    let house = House::new().await;
    let settings = fixtures::bare_settings();
    let create = CreateWebhook {
        settings,
        idempotent: None,
    };
    let webhook = house.create(create).await;
    house.publish().await;
    assert_eq!(house.work(&mut house.worker(webhook.id)).await, Next::Park);
}
