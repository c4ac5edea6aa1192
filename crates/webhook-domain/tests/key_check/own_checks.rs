//! Checks that the service makes by itself.

use std::time::Duration;

use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::{DeliveryQueue as _, WebhookStore as _};
use webhook_domain::services::{
    Dispatch, EventService, ExpiryNotices, LaneWorker, OwnChecks, PublishEvent, RemoveSecret, RollSecret,
    SecondTries, SecretKeyService, Upkeep,
};
use webhook_domain::signing::key_ring::{Evidence, Overlap};
use webhook_domain::testing::fixtures;
use webhook_domain::time::Clock as _;
use webhook_domain::webhook::{Action, Settings, Webhook};

use crate::scene::*;

pub(crate) const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

impl Fixture {
    fn own_checks(&self) -> OwnChecks {
        OwnChecks {
            store: self.store.clone(),
            checks: self.service.clone(),
        }
    }

    /// A webhook that was rolled with a day's overlap, and keeps its previous key until the new one is adopted.
    pub(crate) async fn keeping(&self, settings: Settings) -> (Webhook, Keys) {
        self.keeping_for(settings, Overlap::DAY).await
    }

    async fn keeping_for(&self, settings: Settings, overlap: Overlap) -> (Webhook, Keys) {
        let webhook = self.webhook(settings).await;
        let (store, clock, entropy) = (self.store.clone(), self.clock.clone(), self.entropy.clone());
        let secrets = SecretKeyService::new(store, clock, entropy, Overlap::DAY);
        let roll = RollSecret {
            overlap: Some(overlap),
            keeps_previous_until_adopted: true,
            ..RollSecret::default()
        };
        let rolled = done(secrets.roll(&self.acting, webhook.id, roll).await);
        let keys = Keys {
            new: rolled.key_ring.current().unwrap().clone(),
            old: rolled.key_ring.previous(self.clock.now()).unwrap().key.clone(),
        };
        (rolled, keys)
    }

    /// An event for the webhook, whose receiver answers 500.
    async fn fail_a_delivery(&self, webhook: &Webhook) {
        let now = self.clock.now();
        self.conducts(|_, _| answered(500));
        let process = ProcessId::generate(now, self.entropy.as_ref()).unwrap();
        assert!(
            self.store
                .join(process, Duration::from_secs(60), now)
                .await
                .unwrap()
        );
        self.store.take(process, vec![webhook.id], now).await.unwrap();
        let publish = PublishEvent {
            action: Action::parse("INVOICE.CREATED".into()).unwrap(),
            data: JsonText::parse(b"1").unwrap(),
            previous_data: None,
            original_request_id: None,
            trace: None,
            idempotent: None,
        };
        let events = EventService::new(self.store.clone(), self.clock.clone(), self.entropy.clone());
        done(events.publish(&self.acting, publish).await);
        let dispatch = Dispatch {
            attempts_at_once: 1,
            queue: self.store.clone(),
            webhooks: self.store.clone(),
            sender: self.receiver.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            environment: Environment::Test,
            schedule: RetrySchedule::default(),
            second_tries: SecondTries::default(),
            describe: None,
            describe_delivery: None,
        };
        let stepped = LaneWorker::new(process, webhook.id)
            .step(&dispatch, |_, _| true)
            .await;
        let turn = stepped.unwrap().1.unwrap();
        assert_eq!(self.store.record(process, vec![turn]).await.unwrap().lost, []);
    }

    /// What a process does from time to time, and how many checks it makes of that.
    pub(crate) async fn pass(&self, seconds: u64) -> u32 {
        self.clock.advance_seconds(seconds);
        let checked = self.own_checks().run().await.unwrap().checked;
        Upkeep::new(self.store.clone(), self.clock.clone())
            .run()
            .await
            .unwrap();
        checked
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        reference: None,
        active: true,
        ..fixtures::full_settings()
    }
}

#[tokio::test]
async fn a_check_is_made_in_the_last_tenth_of_the_overlap_and_then_each_day_until_the_key_is_adopted() {
    let fixture = Fixture::new();
    let (webhook, keys) = fixture.keeping(settings()).await;
    fixture.conducts(verifying(Keys::verifier(&[&keys.old]), 401));
    assert_eq!(fixture.pass(DAY * 9 / 10 - 1).await, 0);
    assert_eq!(fixture.pass(1).await, 1);
    assert_eq!(fixture.pass(DAY - 1).await, 0, "the next one is a day later");
    // Of two processes, one makes it.
    fixture.clock.advance_seconds(1);
    let (here, there) = (fixture.own_checks(), fixture.own_checks());
    let both = here.run().await.unwrap().checked + there.run().await.unwrap().checked;
    assert_eq!(both, 1);
    let stored = fixture.stored(&webhook).await;
    assert!(
        stored
            .key_ring
            .previous(fixture.clock.now())
            .unwrap()
            .is_held(fixture.clock.now())
    );

    fixture.conducts(verifying(Keys::verifier(&[&keys.new]), 401));
    assert_eq!(fixture.pass(DAY).await, 1);
    let stored = fixture.stored(&webhook).await;
    let adoption = stored.key_ring.adoption().unwrap();
    assert_eq!(adoption.evidence, Evidence::Check);
    assert_eq!(stored.key_ring.previous(fixture.clock.now()), None);
    assert_eq!(fixture.pass(2 * DAY).await, 0);
    let verdicts: Vec<_> = fixture
        .records(&webhook)
        .await
        .into_iter()
        .map(|record| record.credential.to_string())
        .collect();
    assert_eq!(verdicts, ["service"; 3]);
}

#[tokio::test]
async fn no_check_is_made_of_an_inactive_webhook_nor_again_of_a_receiver_that_does_not_verify() {
    let fixture = Fixture::new();
    let inactive = Settings {
        active: false,
        ..settings()
    };
    fixture.keeping(inactive).await;
    assert_eq!(fixture.pass(DAY).await, 0);
    assert_eq!(fixture.got(|_| ()).len(), 0);

    let fixture = Fixture::new();
    let (webhook, _) = fixture.keeping(settings()).await;
    fixture.conducts(|_, _| answered(200));
    assert_eq!(fixture.pass(DAY).await, 1);
    for _ in 0..5 {
        assert_eq!(fixture.pass(DAY).await, 0);
    }
    let stored = fixture.stored(&webhook).await;
    assert_eq!(
        stored.key_ring.valid_at(fixture.clock.now()).count(),
        2,
        "it is kept all the same"
    );
}

#[tokio::test]
async fn no_check_is_made_in_the_penalty_box_nor_without_a_current_key() {
    let fixture = Fixture::new();
    let settings_of_all = Settings {
        url: settings().url,
        ..fixtures::bare_settings()
    };
    let (webhook, _) = fixture.keeping(settings_of_all).await;
    fixture.fail_a_delivery(&webhook).await;
    assert_eq!(fixture.pass(DAY).await, 0);
    assert_eq!(fixture.got(|_| ()).len(), 1, "the delivery alone");

    let fixture = Fixture::new();
    let (webhook, _) = fixture.keeping(settings()).await;
    let (store, clock, entropy) = (
        fixture.store.clone(),
        fixture.clock.clone(),
        fixture.entropy.clone(),
    );
    let secrets = SecretKeyService::new(store, clock, entropy, Overlap::DAY);
    done(
        secrets
            .remove(&fixture.acting, webhook.id, RemoveSecret::default())
            .await,
    );
    assert_eq!(fixture.pass(22 * HOUR).await, 0);
    let after = (fixture.clock.now().minus(Duration::from_secs(3 * DAY)), None);
    let due = fixture
        .store
        .with_expiring_keys(after, fixture.clock.now(), 10)
        .await
        .unwrap();
    assert_eq!(due, [], "nobody is to look after it before the overlap ends");
    assert_eq!(fixture.got(|_| ()).len(), 0);
}

#[tokio::test]
async fn that_a_key_stops_is_told_an_hour_before_also_if_a_check_is_due_within_that_hour() {
    let fixture = Fixture::new();
    let (store, clock, entropy) = (
        fixture.store.clone(),
        fixture.clock.clone(),
        fixture.entropy.clone(),
    );
    let notices = ExpiryNotices::new(store, clock, entropy, described);
    fixture.conducts(|_, _| answered(401));
    fixture
        .keeping_for(settings(), Overlap::from_seconds(3 * HOUR).unwrap())
        .await;
    let mut told = Vec::new();
    for minute in (5..=3 * 60).step_by(5) {
        fixture.pass(300).await;
        if notices.run().await.unwrap() > 0 {
            told.push(minute);
        }
    }
    assert_eq!(told, [120], "the check was due after 162 minutes");
}

#[tokio::test]
async fn a_check_that_finds_too_many_at_its_host_is_made_later() {
    let fixture = Fixture::new();
    for _ in 0..17 {
        fixture.keeping(settings()).await;
    }
    fixture.conducts(|_, _| answered(401));
    assert_eq!(
        fixture.pass(DAY).await,
        15,
        "as many as the service begins in an hour"
    );
    let mut later = Vec::new();
    for _ in 0..4 {
        later.push(fixture.pass(1_200).await);
    }
    assert_eq!(later.iter().sum::<u32>(), 2, "{later:?}");
}
