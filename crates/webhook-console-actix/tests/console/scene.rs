//! A whole console over a store in memory, and what a test does to it past the console.

use std::sync::Arc;
use std::time::Duration;

use webhook_console_actix::{Console, PublicUrl, Shared};
use webhook_domain::access::api_key::CreatedApiKey;
use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::delivery::event::Environment;
use webhook_domain::id::{ApiKeyId, WebhookId};
use webhook_domain::ports::{AuditQuery, Outcome};
use webhook_domain::services::{
    ApiKeyService, AuditService, Authenticator, CreateApiKey, CreateWebhook, EventService, KeyCheckService,
    KeyHistoryService, ProbePlaces, ProbeService, RevokeApiKey, RotationService, SecretKeyService,
    SessionService, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::Clock;
use webhook_domain::webhook::{FieldRules, Name, Settings, TargetUrl, Webhook};
use webhook_front_actix::{FrontLimits, RequestRates};

use crate::browser::Browser;
use crate::receiver::Receiver;

/// The console, and what a test holds of it.
pub(crate) struct Scene {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) console: Console,
    pub(crate) shared: Arc<Shared>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A console that `change` has changed before anybody saw it.
    pub(crate) fn with(change: impl FnOnce(&mut Console)) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::new(7));
        let receiver = Arc::new(Receiver::default());
        let api_keys = ApiKeyService::new(store.clone(), clock.clone(), entropy.clone());
        let authenticator = Authenticator::new(api_keys.clone(), None, clock.clone());
        let probes = ProbeService {
            webhooks: store.clone(),
            queue: store.clone(),
            pause: store.clone(),
            events: store.clone(),
            answers: store.clone(),
            sender: receiver.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            environment: Environment::Test,
            places: ProbePlaces::new(64),
        };
        let shared_clock: Arc<dyn Clock> = clock.clone();
        let mut console = Console {
            sessions: SessionService::new(store.clone(), authenticator, clock.clone(), entropy.clone()),
            webhooks: WebhookService::new(store.clone(), clock.clone(), entropy.clone()),
            secret_keys: SecretKeyService::new(store.clone(), clock.clone(), entropy.clone(), Overlap::DAY),
            api_keys,
            audit: AuditService::new(store.clone()),
            events: EventService::new(store.clone(), clock.clone(), entropy.clone()),
            key_checks: KeyCheckService {
                probes: probes.clone(),
                checks: store.clone(),
                describe: None,
            },
            signing_keys: KeyHistoryService {
                webhooks: store.clone(),
                audit: store.clone(),
                events: store.clone(),
                clock: clock.clone(),
                events_kept_for: Duration::from_secs(86_400),
            },
            rotations: RotationService::new(store.clone(), clock.clone(), entropy.clone(), Overlap::DAY),
            probes,
            default_overlap: Overlap::DAY,
            rules: FieldRules::default(),
            entropy,
            rates: Arc::new(RequestRates::new(None, None, &shared_clock)),
            limits: FrontLimits::default(),
            public_url: None,
            has_tls: false,
            clock: shared_clock,
        };
        change(&mut console);
        Self {
            clock,
            receiver,
            shared: Shared::new(console.clone()),
            console,
        }
    }

    /// A console that browsers find here.
    pub(crate) fn at(url: &str) -> Self {
        let url = PublicUrl::parse(url).unwrap();
        Self::with(|console| console.public_url = Some(url))
    }

    /// Whoever works on `platform` at the command line.
    pub(crate) fn operator(platform: &str) -> Acting {
        fixtures::operator(&fixtures::platform(platform))
    }

    /// A new API key, and its id.
    pub(crate) async fn key(&self, scope: &str, permissions: PermissionSet) -> (String, ApiKeyId) {
        let create = CreateApiKey {
            name: None,
            scope: scope.parse().unwrap(),
            permissions,
            lifetime: None,
            idempotent: None,
        };
        let acting = Self::operator("default");
        let created = self.console.api_keys.create(&acting, create).await.unwrap();
        let CreatedApiKey { key, text } = done(created);
        (text.expose().to_owned(), key.id)
    }

    /// Revokes it, past the console.
    pub(crate) async fn revoke(&self, scope: &str, id: ApiKeyId) {
        let platform = match scope.parse().unwrap() {
            PlatformScope::One(platform) => platform.to_string(),
            PlatformScope::All => "default".to_owned(),
        };
        let acting = Self::operator(&platform);
        let revoked = self
            .console
            .api_keys
            .revoke(&acting, id, RevokeApiKey::default())
            .await;
        done(revoked.unwrap());
    }

    /// A browser that has signed in with a key of `acme` that may do everything.
    pub(crate) async fn signed_in(&self) -> Browser<'_> {
        self.signed_in_to("acme", PermissionSet::all()).await
    }

    /// A browser that has signed in with a key of `acme` that may do this.
    pub(crate) async fn signed_in_for(&self, permissions: &[Permission]) -> Browser<'_> {
        self.signed_in_to("acme", permissions.iter().copied().collect())
            .await
    }

    pub(crate) async fn signed_in_to(&self, scope: &str, permissions: PermissionSet) -> Browser<'_> {
        let (key, _) = self.key(scope, permissions).await;
        let mut browser = Browser::new(self);
        browser.sign_in(&key).await;
        browser
    }

    /// A webhook of `platform`.
    pub(crate) async fn webhook(&self, platform: &str, name: &str) -> Webhook {
        self.webhook_at(platform, name, "https://example.com/hook").await
    }

    /// One whose receiver is here.
    pub(crate) async fn webhook_at(&self, platform: &str, name: &str, url: &str) -> Webhook {
        let settings = Settings {
            name: Some(Name::parse(name.to_owned()).unwrap()),
            url: Some(TargetUrl::restore(url.to_owned())),
            ..Settings::default()
        };
        let create = CreateWebhook {
            settings,
            idempotent: None,
        };
        let acting = Self::operator(platform);
        done(self.console.webhooks.create(&acting, create).await.unwrap())
    }

    /// A webhook as it is stored.
    pub(crate) async fn stored(&self, platform: &str, id: WebhookId) -> Option<Webhook> {
        self.console
            .webhooks
            .look(&Self::operator(platform), id)
            .await
            .ok()
    }

    /// What was done to a webhook, newest first.
    pub(crate) async fn audited(&self, platform: &str, id: WebhookId) -> Vec<AuditAction> {
        let query = AuditQuery::of_resource(id.to_string(), 100);
        let records = self.console.audit.list(&Self::operator(platform), query).await;
        records.unwrap().into_iter().map(|record| record.action).collect()
    }
}

fn done<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("it was done before"),
    }
}
