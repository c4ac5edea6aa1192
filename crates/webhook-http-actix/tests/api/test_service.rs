//! A whole API over a store in memory, and how a test talks to it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::documented;
use crate::probes::Receiver;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web;
use webhook_domain::StoreError;
use webhook_domain::access::api_key::{ApiKey, CreatedApiKey, generate_text};
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditStamp};
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::delivery::event::Environment;
use webhook_domain::entropy::Entropy;
use webhook_domain::id::{ApiKeyId, PlatformId};
use webhook_domain::ports::{ApiKeyStore, AuditQuery, NewApiKey, TokenVerifier, WebhookStore};
use webhook_domain::services::{
    ApiKeyService, AuditService, Authenticator, EventService, KeyCheckService, KeyHistoryService,
    ProbePlaces, ProbeService, RotationService, SecretKeyService, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::Clock as _;
use webhook_http_actix::wire::{described, described_rotation};
use webhook_http_actix::{Api, Core, FieldRules, HttpLimits, Monitoring, app};

pub(crate) use crate::requests::*;

/// The service, and what a test holds of it.
pub(crate) struct TestService {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) core: web::Data<Core>,
    pub(crate) api: Api,
    /// A key for `acme` that may do everything.
    pub(crate) key: String,
    entropy: Arc<dyn Entropy>,
}

impl TestService {
    pub(crate) fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::over(store.clone(), store, HttpLimits::default())
    }

    /// With `webhooks` in place of the store in memory.
    pub(crate) fn over(webhooks: Arc<dyn WebhookStore>, store: Arc<MemoryStore>, limits: HttpLimits) -> Self {
        Self::with(
            webhooks,
            store.clone(),
            store,
            Arc::new(SeededEntropy::new(7)),
            limits,
        )
    }

    pub(crate) fn with(
        webhooks: Arc<dyn WebhookStore>,
        api_keys: Arc<dyn ApiKeyStore>,
        store: Arc<MemoryStore>,
        entropy: Arc<dyn Entropy>,
        limits: HttpLimits,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let receiver = Arc::new(Receiver::default());
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
        let api = Api {
            webhooks: WebhookService::new(webhooks.clone(), clock.clone(), entropy.clone()),
            secret_keys: SecretKeyService::new(
                webhooks.clone(),
                clock.clone(),
                entropy.clone(),
                Overlap::DAY,
            ),
            authenticator: Authenticator::new(
                ApiKeyService::new(api_keys.clone(), clock.clone(), entropy.clone()),
                None,
                clock.clone(),
            ),
            api_keys: ApiKeyService::new(api_keys, clock.clone(), entropy.clone()),
            audit: AuditService::new(store.clone()),
            events: EventService::new(store.clone(), clock.clone(), entropy.clone()),
            signing_keys: KeyHistoryService {
                webhooks: webhooks.clone(),
                audit: store.clone(),
                events: store.clone(),
                clock: clock.clone(),
                events_kept_for: Duration::from_secs(86_400),
            },
            key_checks: KeyCheckService {
                probes: probes.clone(),
                checks: store.clone(),
                describe: Some(described),
            },
            rotations: RotationService::new(store.clone(), clock.clone(), entropy.clone(), Overlap::DAY)
                .announcing(described_rotation),
            probes,
            environment: Environment::Test,
            delivers: Arc::new(|| true),
            deliveries_are_paused: Arc::new(|| false),
            store: Arc::new(move || {
                let mut check = std::pin::pin!(webhooks.check());
                match check.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(checked) => checked,
                    Poll::Pending => Err(StoreError::Overloaded),
                }
            }),
            clock: clock.clone(),
            entropy: entropy.clone(),
            rules: FieldRules::default(),
            monitoring: Monitoring::default(),
        };
        let mut service = Self {
            store,
            receiver,
            clock,
            core: Core::new(api.clone(), limits),
            api,
            key: String::new(),
            entropy: Arc::new(SeededEntropy::new(8)),
        };
        service.key = service.key_for(&PlatformScope::One(fixtures::acme()), PermissionSet::all(), None);
        service
    }

    /// The same store and key in a deployment of other rules.
    pub(crate) fn under(mut self, rules: FieldRules) -> Self {
        self.api.rules = rules;
        self.core = Core::new(self.api.clone(), HttpLimits::default());
        self
    }

    /// Believing the tokens that `tokens` does.
    pub(crate) fn believing(tokens: Arc<dyn TokenVerifier>) -> Self {
        let mut service = Self::new();
        let (clock, entropy) = (service.clock.clone(), service.api.entropy.clone());
        let api_keys = ApiKeyService::new(service.store.clone(), clock.clone(), entropy);
        service.api.authenticator = Authenticator::new(api_keys, Some(tokens), clock);
        service.core = Core::new(service.api.clone(), HttpLimits::default());
        service
    }

    /// The text of a new API key, good for `lifetime` or for ever.
    pub(crate) fn key_for(
        &self,
        scope: &PlatformScope,
        permissions: PermissionSet,
        lifetime: Option<Duration>,
    ) -> String {
        let now = self.clock.now();
        let id = ApiKeyId::generate(now, self.entropy.as_ref()).unwrap();
        let (text, digest) = generate_text(id, self.entropy.as_ref()).unwrap();
        let key = ApiKey {
            id,
            name: None,
            scope: scope.clone(),
            permissions,
            digest,
            created_at: now,
            expires_at: lifetime.map(|lifetime| now.plus(lifetime)),
            revoked_at: None,
        };
        let stamp =
            AuditStamp::new(&fixtures::operator(&fixtures::acme()), now, self.entropy.as_ref()).unwrap();
        let audit = stamp.record(
            AuditAction::ApiKeyCreated,
            id.to_string(),
            AuditDetails::default(),
        );
        let presented = text.expose().to_owned();
        let new = NewApiKey {
            created: CreatedApiKey { key, text },
            audit,
            quota: None,
            idempotency: None,
        };
        finished(self.store.insert(new)).unwrap();
        presented
    }

    pub(crate) fn key_of(&self, platform: &str, permissions: &[Permission]) -> String {
        let platform: PlatformId = platform.parse().unwrap();
        let permissions = permissions.iter().copied().collect();
        self.key_for(&PlatformScope::One(platform), permissions, None)
    }

    /// Asks with the service's own key.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let key = self.key.clone();
        self.ask_as(Some(&key), ask).await
    }

    pub(crate) async fn ask_as(&self, key: Option<&str>, ask: Ask) -> Answer {
        let mut request = TestRequest::default().method(ask.method.clone()).uri(&ask.uri);
        if let Some(peer) = ask.peer {
            request = request.peer_addr(peer);
        }
        if let Some(key) = key {
            request = request.append_header(("x-api-key", key));
        }
        if !ask.body.is_empty() {
            request = request.append_header(("content-length", ask.body.len().to_string()));
            if ask.json {
                request = request.append_header(("content-type", "application/json"));
            }
        }
        for (name, value) in ask.headers {
            request = request.append_header((name, value));
        }
        let app = init_service(app(&self.core)).await;
        let response = call_service(&app, request.set_payload(ask.body).to_request()).await;
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: read_body(response).await.to_vec(),
        };
        documented::check(&ask.method, &ask.uri, &answer);
        answer
    }

    /// Creates a webhook and gives its id and its first key.
    pub(crate) async fn webhook(&self) -> (String, String) {
        let created = self.ask(create(CREATE)).await;
        created.succeeds(201);
        (created.text("id"), created.text("secret_key"))
    }

    /// The audit records of a webhook of `acme`, newest first.
    pub(crate) async fn audited(&self, id: &str) -> Vec<AuditAction> {
        use webhook_domain::ports::AuditLog;
        let query = AuditQuery::of_resource(id, 100);
        let records = AuditLog::list(self.store.as_ref(), &fixtures::acme(), query)
            .await
            .unwrap();
        records.into_iter().map(|record| record.action).collect()
    }
}

/// The outcome of a future that never waits: the store in memory has nothing to wait for.
pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}
