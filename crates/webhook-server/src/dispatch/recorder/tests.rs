//! What is recorded when somebody keeps a lane locked.

use std::collections::BTreeSet;
use std::sync::Mutex;

use webhook_domain::delivery::Delivery;
use webhook_domain::delivery::attempt::{Attempt, AttemptOutcome, CredentialsTaken, FailureCause};
use webhook_domain::delivery::event::Environment;
use webhook_domain::delivery::lane::{Epoch, Position};
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::ports::{MockDeliveryQueue, MockSender, MockWebhookStore};
use webhook_domain::services::SecondTries;
use webhook_domain::testing::{ManualClock, SeededEntropy, fixtures};
use webhook_domain::webhook::Version;

use super::*;

/// A store in which lanes can be locked, and what was recorded in it.
#[derive(Default)]
struct Store {
    locked: Mutex<BTreeSet<WebhookId>>,
    recorded: Mutex<Vec<(WebhookId, i64)>>,
}

impl Store {
    fn record(&self, turns: &[Turn]) -> Recorded {
        let locked = self.locked.lock().unwrap().clone();
        let free = turns
            .iter()
            .filter(|turn| !locked.contains(&turn.delivery.webhook));
        let free = free.map(|turn| (turn.delivery.webhook, turn.position.0));
        self.recorded.lock().unwrap().extend(free);
        Recorded {
            lost: Vec::new(),
            locked: locked.into_iter().collect(),
        }
    }

    fn positions_of(&self, webhook: WebhookId) -> Vec<i64> {
        let recorded = self.recorded.lock().unwrap();
        let of_webhook = recorded.iter().filter(|(other, _)| *other == webhook);
        of_webhook.map(|(_, position)| *position).collect()
    }
}

fn turn(webhook: WebhookId, position: i64) -> Turn {
    let now = ManualClock::START;
    Turn {
        position: Position(position),
        epoch: Epoch(1),
        number: 1,
        version: Version(1),
        delivery: Delivery::to(
            &fixtures::event(&fixtures::acme(), "INVOICE.PAID", now),
            webhook,
            false,
        ),
        attempt: Attempt {
            response_body: None,
            at: now,
            duration: Duration::ZERO,
            key_fingerprints: Vec::new(),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome: AttemptOutcome::failed(FailureCause::Timeout),
        },
        penalty_box: PenaltyBox::Out,
        trace: None,
        tells: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_somebody_keeps_locked_delays_no_other_and_loses_nothing() {
    let entropy = Arc::new(SeededEntropy::new(1));
    let new_id = || WebhookId::generate(ManualClock::START, entropy.as_ref()).unwrap();
    let (locked, free) = (new_id(), new_id());
    let store = Arc::new(Store::default());
    let mut queue = MockDeliveryQueue::new();
    let recording = Arc::clone(&store);
    queue
        .expect_record()
        .returning(move |_, turns| Ok(recording.record(&turns)));
    let dispatch = Dispatch {
        attempts_at_once: 8,
        queue: Arc::new(queue),
        webhooks: Arc::new(MockWebhookStore::new()),
        sender: Arc::new(MockSender::new()),
        clock: Arc::new(ManualClock::at(ManualClock::START)),
        entropy: entropy.clone(),
        environment: Environment::Test,
        schedule: RetrySchedule::default(),
        second_tries: SecondTries::default(),
        describe: None,
        describe_delivery: None,
    };
    let process = ProcessId::generate(ManualClock::START, entropy.as_ref()).unwrap();
    let pulse = Arc::new(Pulse::counting_by(crate::metrics::DeliveryMetrics::default()));
    let (send, made) = mpsc::channel(UNRECORDED);
    let recorder = tokio::spawn(record(dispatch, process, Arc::clone(&pulse), made));
    let (of_locked, of_free) = (Arc::<LaneSignal>::default(), Arc::<LaneSignal>::default());
    let deliver = async |webhook: WebhookId, signal: &Arc<LaneSignal>, position: i64| {
        signal
            .unrecorded
            .fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        send.send((turn(webhook, position), Arc::clone(signal)))
            .await
            .unwrap();
    };

    store.locked.lock().unwrap().insert(locked);
    deliver(locked, &of_locked, 1).await;
    deliver(free, &of_free, 2).await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(store.positions_of(free), [2]);
    assert!(of_free.is_recorded() && !of_locked.is_recorded());
    for position in 3..10 {
        deliver(free, &of_free, position).await;
        sleep(PAUSE).await;
        assert!(of_free.is_recorded() && pulse.moves(), "at {position}");
    }

    // It becomes free when a later turn of it has been made, and before the earlier one is tried again.
    sleep(PAUSE / 2).await;
    store.locked.lock().unwrap().clear();
    deliver(locked, &of_locked, 10).await;
    sleep(PAUSE / 4).await;
    assert!(store.positions_of(locked).is_empty(), "the first one comes first");
    drop(send);
    sleep(PAUSE).await;
    assert_eq!(store.positions_of(locked), [1, 10]);
    assert!(of_locked.is_recorded() && recorder.is_finished());
}
