//! A whole API over a store in memory, and how a test talks to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::documented;
use crate::probes::Receiver;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web;
use serde_json::Value;
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
    ApiKeyService, AuditService, Authenticator, EventService, ProbePlaces, ProbeService, SecretKeyService,
    WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::Clock as _;
use webhook_http_actix::{Api, Core, FieldRules, HttpLimits, Monitoring, app};

/// A create object with nothing that may be left out.
pub(crate) const CREATE: &str = r#"{"name":null,"reference":null,"url":null}"#;
/// An update object with nothing that may be left out.
pub(crate) const UPDATE: &str =
    r#"{"active":true,"include_previous_data":false,"authentication_type":"NONE"}"#;
/// A well-formed id that no webhook has.
pub(crate) const NO_ONES_ID: &str = "whk_01hv9k2m4rt6w8y0abcdefghjk";

pub(crate) struct House {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) core: web::Data<Core>,
    pub(crate) api: Api,
    /// A key for `acme` that may do everything.
    pub(crate) key: String,
    entropy: Arc<dyn Entropy>,
}

/// What a request was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks the envelope.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str, field: Option<&str>) -> &Self {
        let json = self.json();
        let shown = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.status, status, "{shown}");
        assert_eq!(json["code"], code, "{shown}");
        assert_eq!(json["field"].as_str(), field, "{shown}");
        let kind = if status < 500 {
            "INVALID_REQUEST"
        } else {
            "API_ERROR"
        };
        assert_eq!(json["type"], kind, "{shown}");
        let types = ["WEBHOOK", "API_KEY", "AUDIT_RECORD", "EVENT", "WEBHOOK_EVENT"];
        assert!(
            types.iter().any(|known| json["resource_type"] == *known),
            "{shown}"
        );
        assert!(!json["message"].as_str().unwrap().is_empty(), "{shown}");
        assert_eq!(json.as_object().unwrap().len(), 6, "{shown}");
        assert!(self.header("x-request-id").is_some());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self
    }

    /// Checks what an error says it is about.
    #[track_caller]
    pub(crate) fn is_about(&self, resource_type: &str, id: Option<&str>) {
        let json = self.json();
        assert_eq!(json["resource_type"], resource_type);
        assert_eq!(json["resource_id"].as_str(), id);
    }

    /// Checks an answer with one webhook.
    #[track_caller]
    pub(crate) fn succeeds(&self, status: u16) -> &Self {
        self.answers(status);
        assert!(self.header("etag").is_some());
        self
    }

    /// Checks an answer with anything.
    #[track_caller]
    pub(crate) fn answers(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.header("x-request-id").is_some());
        self
    }
}

/// A request to make.
pub(crate) struct Ask {
    method: Method,
    uri: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    json: bool,
    peer: Option<SocketAddr>,
}

impl Ask {
    pub(crate) fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Vec::new(),
            body: Vec::new(),
            json: true,
            peer: None,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Over a connection from this address.
    pub(crate) fn coming_from(mut self, address: &str) -> Self {
        self.peer = Some(SocketAddr::new(address.parse().unwrap(), 50_000));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// With this content type, or none.
    pub(crate) fn of_type(mut self, content_type: Option<&str>) -> Self {
        self.json = false;
        match content_type {
            Some(value) => self.header("content-type", value),
            None => self,
        }
    }
}

pub(crate) fn create(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/webhooks").body(body)
}

pub(crate) fn roll(id: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/v1/webhooks/{id}/secret-key"))
}

pub(crate) fn remove(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/v1/webhooks/{id}/secret-key"))
}

pub(crate) fn get(uri: impl Into<String>) -> Ask {
    Ask::new(Method::GET, uri)
}

pub(crate) fn update(id: &str, body: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/v1/webhooks/{id}")).body(body)
}

pub(crate) fn delete(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/v1/webhooks/{id}"))
}

pub(crate) fn publish(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/events").body(body)
}

pub(crate) fn create_key(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/api-keys").body(body)
}

pub(crate) fn revoke_key(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/v1/api-keys/{id}"))
}

pub(crate) fn read(id: &str) -> Ask {
    Ask::new(Method::GET, format!("/v1/webhooks/{id}"))
}

impl House {
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
            probes: ProbeService {
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
            },
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
        let mut house = Self {
            store,
            receiver,
            clock,
            core: Core::new(api.clone(), limits),
            api,
            key: String::new(),
            entropy: Arc::new(SeededEntropy::new(8)),
        };
        house.key = house.key_for(&PlatformScope::One(fixtures::acme()), PermissionSet::all(), None);
        house
    }

    /// The same store and key in a deployment of other rules.
    pub(crate) fn under(mut self, rules: FieldRules) -> Self {
        self.api.rules = rules;
        self.core = Core::new(self.api.clone(), HttpLimits::default());
        self
    }

    /// Believing the tokens that `tokens` does.
    pub(crate) fn believing(tokens: Arc<dyn TokenVerifier>) -> Self {
        let mut house = Self::new();
        let (clock, entropy) = (house.clock.clone(), house.api.entropy.clone());
        let api_keys = ApiKeyService::new(house.store.clone(), clock.clone(), entropy);
        house.api.authenticator = Authenticator::new(api_keys, Some(tokens), clock);
        house.core = Core::new(house.api.clone(), HttpLimits::default());
        house
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

    /// Asks with the house's own key.
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
