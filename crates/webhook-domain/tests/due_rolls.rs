//! Keys that are due for a roll, over years and under clocks that step: two services on one store in memory.

#![expect(clippy::unwrap_used, reason = "so a test says that it failed")]

use std::collections::BTreeSet;
use std::sync::Arc;

use webhook_domain::access::caller::Acting;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::{DeliveryPause, Outcome, Pause, PauseReason, WebhookStore};
use webhook_domain::services::{
    CreateWebhook, DueRolls, DueRollsTally, RollSecret, SecretKeyService, UndoRoll, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock, Instant};
use webhook_domain::webhook::{RotationDays, Settings, Webhook};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * DAY;

/// Two services on one store, each with a clock of its own, of a deployment with ninety days.
struct Fleet {
    store: Arc<MemoryStore>,
    clocks: [Arc<ManualClock>; 2],
    services: [DueRolls; 2],
    acting: Acting,
    entropy: Arc<SeededEntropy>,
}

impl Fleet {
    fn new() -> Self {
        let days = RotationDays::new(90).unwrap();
        let store = Arc::new(MemoryStore::new().rotating_after(Some(days)));
        let entropy = Arc::new(SeededEntropy::default());
        let clocks = [(); 2].map(|()| Arc::new(ManualClock::default()));
        let services = clocks.clone().map(|clock| {
            let pause: Arc<dyn DeliveryPause> = store.clone();
            DueRolls::new(store.clone(), pause, clock, entropy.clone(), Overlap::DAY)
        });
        Self {
            store,
            clocks,
            services,
            acting: fixtures::acting(&fixtures::acme()),
            entropy,
        }
    }

    /// So many days after the start, as clocks show it that are ahead by so many seconds.
    fn set(&self, day: i64, shifts: [i64; 2]) {
        for (clock, shift) in self.clocks.iter().zip(shifts) {
            let start = ManualClock::START.as_milliseconds();
            clock.set(Instant::from_milliseconds(start + (day * DAY + shift) * 1_000));
        }
    }

    async fn create(&self, settings: Settings) -> Webhook {
        let [clock, _] = self.clocks.clone();
        let service = WebhookService::new(self.store.clone(), clock, self.entropy.clone());
        let create = CreateWebhook {
            settings,
            idempotent: None,
        };
        subject(service.create(&self.acting, create).await.unwrap())
    }

    fn secrets(&self) -> SecretKeyService {
        let [clock, _] = self.clocks.clone();
        SecretKeyService::new(self.store.clone(), clock, self.entropy.clone(), Overlap::DAY)
    }

    async fn stored(&self, id: WebhookId) -> Webhook {
        self.store.find(&fixtures::acme(), id).await.unwrap().unwrap()
    }

    /// What both do, at the same time.
    async fn run(&self) -> DueRollsTally {
        let (one, other) = tokio::join!(self.services[0].run(), self.services[1].run());
        let (one, other) = (one.unwrap(), other.unwrap());
        DueRollsTally {
            rolled: one.rolled + other.rolled,
            told: one.told + other.told,
            full: one.full + other.full,
            recounted: one.recounted + other.recounted,
        }
    }
}

fn subject(outcome: Outcome) -> Webhook {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => unreachable!("nothing is sent again"),
    }
}

fn looked_up() -> Settings {
    Settings {
        signing_protocol: SigningProtocol::Ed25519,
        secret_rotates_automatically: true,
        ..fixtures::bare_settings()
    }
}

/// By how many seconds the two clocks are ahead on a day.
type Shifts = fn(i64) -> [i64; 2];

/// How clocks step, and on which days of four hundred a key is rolled then.
const STEPS: &[(&str, Shifts, &[i64])] = &[
    ("right", |_| [0; 2], &[90, 180, 270, 360]),
    (
        "a year ahead for a day: rolled by that, and ninety days after the clock is right",
        |day| if day == 10 { [YEAR; 2] } else { [0; 2] },
        &[10, 101, 191, 281, 371],
    ),
    (
        "a year ahead, right, and ahead again: no key is rolled twice by it",
        |day| {
            if matches!(day, 10..=20 | 50) {
                [YEAR; 2]
            } else {
                [0; 2]
            }
        },
        &[10, 111, 201, 291, 381],
    ),
    (
        "a year behind for a while: no key is due earlier by it",
        |day| {
            if matches!(day, 10..=20) {
                [-YEAR; 2]
            } else {
                [0; 2]
            }
        },
        &[90, 180, 270, 360],
    ),
    (
        "in 1970 for a while",
        |day| {
            if matches!(day, 10..=20) {
                [-100 * YEAR; 2]
            } else {
                [0; 2]
            }
        },
        &[90, 180, 270, 360],
    ),
    (
        "a year ahead when the webhook is made",
        |day| if day == 0 { [YEAR; 2] } else { [0; 2] },
        &[91, 181, 271, 361],
    ),
    (
        "an hour back from the thirtieth day on, and forward again on the two hundredth",
        |day| {
            if matches!(day, 30..=199) {
                [-HOUR; 2]
            } else {
                [0; 2]
            }
        },
        &[91, 181, 271, 361],
    ),
    (
        "a few minutes apart, as clocks are",
        |_| [0, 120],
        &[90, 180, 270, 360],
    ),
];

#[tokio::test]
async fn each_key_is_rolled_once_when_it_is_due_however_clocks_step() {
    for (name, shifts, expected) in STEPS {
        let fleet = Fleet::new();
        fleet.set(0, shifts(0));
        let webhook = fleet.create(looked_up()).await;
        let mut keys = BTreeSet::from([webhook.key_ring.current().unwrap().id]);
        let mut rolled = Vec::new();
        for day in 0..400 {
            fleet.set(day, shifts(day));
            // As often as it is looked: what is done is done.
            for _ in 0..2 {
                let tally = fleet.run().await;
                rolled.extend((0..tally.rolled).map(|_| day));
                assert_eq!((tally.told, tally.full), (0, 0), "{name}, day {day}");
            }
            keys.insert(fleet.stored(webhook.id).await.key_ring.current().unwrap().id);
        }
        assert_eq!(rolled, *expected, "{name}");
        assert_eq!(keys.len(), expected.len() + 1, "{name}: a roll is a key");
    }
}

/// A key that is brought back counts from then on; the one that a removal leaves behind does not count at all.
#[tokio::test]
async fn what_is_due_is_counted_from_the_current_keys_own_beginning() {
    let fleet = Fleet::new();
    let due_on = |webhook: &Webhook, now: Instant| {
        let due_at = webhook.roll_due_at(now)?;
        let passed = due_at.since(ManualClock::START.whole_seconds());
        Some((passed.as_secs() as i64 / DAY, passed.as_secs() as i64 % DAY))
    };
    let [clock, _] = fleet.clocks.clone();
    let webhook = fleet.create(looked_up()).await;
    assert_eq!(due_on(&webhook, clock.now()), Some((90, 0)));
    let secrets = fleet.secrets();
    // A clock that is ahead makes a roll look later, and the next one no earlier than that.
    fleet.set(0, [YEAR; 2]);
    let roll = RollSecret::default;
    subject(secrets.roll(&fleet.acting, webhook.id, roll()).await.unwrap());
    fleet.set(2, [0; 2]);
    let rolled = subject(secrets.roll(&fleet.acting, webhook.id, roll()).await.unwrap());
    assert!(rolled.key_ring.rolled_at().unwrap() > clock.now());
    assert_eq!(due_on(&rolled, clock.now()), Some((92, 0)));
    fleet.set(2, [HOUR; 2]);
    let restored = secrets.undo_roll(&fleet.acting, webhook.id, UndoRoll::default());
    let restored = subject(restored.await.unwrap());
    assert_eq!(due_on(&restored, clock.now()), Some((92, HOUR)));
    let own = Settings {
        secret_rotation_days: Some(RotationDays::new(7).unwrap()),
        ..looked_up()
    };
    let own = fleet.create(own).await;
    assert_eq!(due_on(&own, clock.now()), Some((9, HOUR)));
    let removed = secrets.remove(&fleet.acting, own.id, Default::default()).await;
    assert_eq!(due_on(&subject(removed.unwrap()), clock.now()), None);
}

/// While too many keys sign, a roll would be refused. It is made when one has stopped, and not tried at each look.
#[tokio::test]
async fn a_full_ring_is_rolled_once_it_has_room() {
    let fleet = Fleet::new();
    let daily = Settings {
        secret_rotation_days: Some(RotationDays::new(1).unwrap()),
        active: false,
        ..looked_up()
    };
    let webhook = fleet.create(daily).await;
    let week = Overlap::from_seconds(Overlap::MAX_SECONDS.into()).unwrap();
    for _ in 0..5 {
        let roll = RollSecret {
            overlap: Some(week),
            ..RollSecret::default()
        };
        let rolled = fleet.secrets().roll(&fleet.acting, webhook.id, roll).await;
        subject(rolled.unwrap());
    }
    let mut looked = Vec::new();
    for hours in 23..=7 * 24 + 1 {
        fleet.set(0, [hours * HOUR; 2]);
        let tally = fleet.run().await;
        looked.push((hours, tally.rolled, fleet.run().await));
        assert!(tally.full <= 2, "{hours}");
    }
    assert!(
        looked
            .iter()
            .all(|(.., again)| *again == DueRollsTally::default())
    );
    let rolled: Vec<_> = looked
        .iter()
        .filter(|(_, rolled, _)| *rolled > 0)
        .map(|(hours, rolled, _)| (*hours, *rolled))
        .collect();
    assert_eq!(rolled, [(7 * 24, 1)], "an inactive one is rolled too");
}

#[tokio::test]
async fn nothing_is_done_while_deliveries_are_paused() {
    let fleet = Fleet::new();
    fleet.create(looked_up()).await;
    fleet.create(fixtures::bare_settings()).await;
    fleet.set(100, [0; 2]);
    let since = fleet.clocks[0].now();
    let reason = PauseReason::Operator;
    fleet.store.pause(Pause { since, reason }, None).await.unwrap();
    assert_eq!(fleet.run().await, DueRollsTally::default());
    let stamp = webhook_domain::access::audit::AuditStamp::new(&fleet.acting, since, fleet.entropy.as_ref());
    let record = stamp.unwrap().record(
        webhook_domain::access::audit::AuditAction::DeliveriesResumed,
        "deliveries".to_owned(),
        Default::default(),
    );
    fleet.store.resume(record).await.unwrap();
    let tally = fleet.run().await;
    assert_eq!((tally.rolled, tally.told), (1, 1));
}

#[test]
fn days_are_1_to_730() {
    for right in [1, 730] {
        assert_eq!(u64::from(RotationDays::new(right).unwrap().get()), right);
    }
    for wrong in [0, 731, u64::MAX] {
        let told = RotationDays::new(wrong).unwrap_err().to_string();
        assert_eq!(told, "must be a whole number of days from 1 to 730");
    }
}
