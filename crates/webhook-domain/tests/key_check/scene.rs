//! Where a check takes place: a store in memory, and a receiver at a test's command.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use webhook_domain::ServiceError;
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use webhook_domain::access::caller::Acting;
use webhook_domain::delivery::attempt::{AttemptOutcome, StatusCode};
use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::delivery::key_check::allowance::Allowance;
use webhook_domain::delivery::key_check::{KeyCheck, Verdict};
use webhook_domain::entropy::{Entropy, EntropyError};
use webhook_domain::ports::{
    AuditLog, AuditQuery, Creation, Outcome, Parcel, Response, Sender, Shortage, WebhookStore,
};
use webhook_domain::services::{KeyCheckService, ProbePlaces, ProbeService, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::{Overlap, SigningKey};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::{AuthenticationType, Edit, Settings, SettingsUpdate, Webhook};
use webhook_verify::Verifier;

/// What a receiver does with the parcel of this number.
pub(crate) type Conduct = Box<dyn Fn(usize, &Parcel) -> Result<AttemptOutcome, Shortage> + Send + Sync>;

/// A receiver, and what it got.
pub(crate) struct Receiver {
    pub(crate) conduct: Mutex<Conduct>,
    pub(crate) got: Mutex<Vec<Parcel>>,
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage> {
        let mut got = self.got.lock().unwrap();
        let outcome = (self.conduct.lock().unwrap())(got.len(), &parcel);
        got.push(parcel);
        outcome.map(Response::of)
    }
}

/// Randomness of which the single bytes are told: those say which key is asked about first.
pub(crate) struct Coins {
    pub(crate) coin: u8,
    pub(crate) others: SeededEntropy,
}

impl Entropy for Coins {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.others.fill(bytes)?;
        if let [coin] = bytes {
            *coin = self.coin;
        }
        Ok(())
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) service: KeyCheckService,
    pub(crate) acting: Acting,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::tossing(0)
    }

    /// With this coin, which decides on the order.
    pub(crate) fn tossing(coin: u8) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let receiver = Arc::new(Receiver {
            conduct: Mutex::new(Box::new(|_, _| Ok(answered(204)))),
            got: Mutex::default(),
        });
        let others = SeededEntropy::new(9);
        let probes = ProbeService {
            webhooks: store.clone(),
            queue: store.clone(),
            pause: store.clone(),
            events: store.clone(),
            answers: store.clone(),
            sender: receiver.clone(),
            clock: clock.clone(),
            entropy: Arc::new(Coins { coin, others }),
            environment: Environment::Test,
            places: ProbePlaces::new(4),
        };
        Self {
            service: KeyCheckService {
                probes,
                checks: store.clone(),
                describe: Some(described),
            },
            store,
            clock,
            entropy: Arc::new(SeededEntropy::default()),
            receiver,
            acting: fixtures::acting(&fixtures::acme()),
        }
    }

    pub(crate) async fn webhook(&self, settings: Settings) -> Webhook {
        let now = self.clock.now();
        let webhook = fixtures::webhook(&fixtures::acme(), settings, now, self.entropy.as_ref());
        let stamp = AuditStamp::new(&self.acting, now, self.entropy.as_ref()).unwrap();
        let creation = Creation {
            announcement: None,
            audit: stamp.record(
                AuditAction::WebhookCreated,
                webhook.id.to_string(),
                AuditDetails::default(),
            ),
            webhook: webhook.clone(),
            quota: None,
            idempotency: None,
        };
        self.store.create(creation).await.unwrap();
        webhook
    }

    /// A webhook that was rolled: its current key and the one before.
    pub(crate) async fn rolled(&self, first: SigningProtocol, second: SigningProtocol) -> (Webhook, Keys) {
        let settings = Settings {
            signing_protocol: first,
            reference: None,
            ..fixtures::full_settings()
        };
        let webhook = self.webhook(settings).await;
        let update = SettingsUpdate {
            signing_protocol: Edit::Set(second),
            ..SettingsUpdate::new(false, true, AuthenticationType::Password)
        };
        let rolled = self.roll(&webhook, Some(update), Overlap::DAY).await;
        let keys = Keys {
            new: rolled.key_ring.current().unwrap().clone(),
            old: rolled.key_ring.previous(self.clock.now()).unwrap().key.clone(),
        };
        (rolled, keys)
    }

    pub(crate) async fn roll(
        &self,
        webhook: &Webhook,
        update: Option<SettingsUpdate>,
        overlap: Overlap,
    ) -> Webhook {
        let secrets = SecretKeyService::new(
            self.store.clone(),
            self.clock.clone(),
            self.entropy.clone(),
            Overlap::DAY,
        );
        let roll = RollSecret {
            update,
            overlap: Some(overlap),
            ..RollSecret::default()
        };
        done(secrets.roll(&self.acting, webhook.id, roll).await)
    }

    pub(crate) fn conducts(
        &self,
        conduct: impl Fn(usize, &Parcel) -> AttemptOutcome + Send + Sync + 'static,
    ) {
        *self.receiver.conduct.lock().unwrap() = Box::new(move |number, parcel| Ok(conduct(number, parcel)));
    }

    pub(crate) async fn check(&self, webhook: &Webhook) -> Result<KeyCheck, ServiceError> {
        let checked = self
            .service
            .check(&self.acting, webhook.id, Allowance::OnRequest, None);
        checked.await.map(|outcome| done(Ok(outcome)))
    }

    /// What the receiver said that conducts itself like this.
    pub(crate) async fn verdict(
        &self,
        webhook: &Webhook,
        conduct: impl Fn(usize, &Parcel) -> AttemptOutcome + Send + Sync + 'static,
    ) -> Verdict {
        self.conducts(conduct);
        // So that nothing is too often.
        self.clock.advance_seconds(3600);
        self.check(webhook).await.unwrap().verdict
    }

    pub(crate) fn got<T>(&self, read: impl Fn(&Parcel) -> T) -> Vec<T> {
        self.receiver.got.lock().unwrap().iter().map(read).collect()
    }

    pub(crate) async fn records(&self, webhook: &Webhook) -> Vec<AuditRecord> {
        let query = AuditQuery {
            action: Some(AuditAction::KeysChecked),
            ..AuditQuery::of_resource(webhook.id, 100)
        };
        let records = AuditLog::list(self.store.as_ref(), &webhook.platform, query);
        records.await.unwrap()
    }

    pub(crate) async fn stored(&self, webhook: &Webhook) -> Webhook {
        let found = WebhookStore::find(self.store.as_ref(), &webhook.platform, webhook.id);
        found.await.unwrap().unwrap()
    }
}

pub(crate) struct Keys {
    pub(crate) new: SigningKey,
    pub(crate) old: SigningKey,
}

impl Keys {
    /// What verifies with these of the two.
    pub(crate) fn verifier(keys: &[&SigningKey]) -> Verifier {
        let (first, others) = keys.split_first().unwrap();
        let verifier = Verifier::new(first.receivers_key());
        { others }
            .iter()
            .fold(verifier, |verifier, key| verifier.with_key(key.receivers_key()))
    }
}

pub(crate) fn done<T>(outcome: Result<Outcome<T>, ServiceError>) -> T {
    match outcome.unwrap() {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

pub(crate) fn answered(status: u16) -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(status).unwrap())
}

pub(crate) fn header<'a>(parcel: &'a Parcel, wanted: &str) -> &'a str {
    let found = parcel.headers.iter().find(|(name, _)| *name == wanted);
    found.map_or("", |(_, value)| value)
}

pub(crate) fn verifies(verifier: &Verifier, parcel: &Parcel) -> bool {
    let header = |wanted: &str| {
        let found = parcel
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_bytes())
    };
    // The receiver's own clock is as good as the sender's.
    let seconds = self::header(parcel, "webhook-timestamp").parse().unwrap();
    let now = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
    verifier.verify(header, &parcel.body, now).is_ok()
}

/// Answers 204 to what `verifier` verifies, and `refusal` to everything else.
pub(crate) fn verifying(
    verifier: Verifier,
    refusal: u16,
) -> impl Fn(usize, &Parcel) -> AttemptOutcome + Send + Sync {
    move |_, parcel| answered(if verifies(&verifier, parcel) { 204 } else { refusal })
}

pub(crate) fn described(webhook: &Webhook, _: Instant) -> JsonText {
    let evidence = webhook
        .key_ring
        .adoption()
        .map(|adoption| adoption.evidence.name());
    JsonText::parse(serde_json::json!({ "evidence": evidence }).to_string().as_bytes()).unwrap()
}

/// The outcome of a future that never waits.
pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}
