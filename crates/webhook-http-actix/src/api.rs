//! What the API is made of: the domain's services, the rules for fields, and the limits on clients.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::web;
use webhook_domain::StoreError;
use webhook_domain::delivery::address::Network;
use webhook_domain::delivery::event::Environment;
use webhook_domain::entropy::Entropy;
use webhook_domain::services::{
    ApiKeyService, AuditService, Authenticator, EventService, ProbeService, SecretKeyService, WebhookService,
};
use webhook_domain::time::Clock;
use webhook_domain::webhook::{ActionCatalogue, TargetPolicy};

use crate::in_flight::InFlight;
use crate::request_rate::RequestRates;

/// The domain as the API sees it. Cheap to clone: shared pointers inside.
#[derive(Clone)]
pub struct Api {
    /// Creates, reads, changes and deletes webhooks.
    pub webhooks: WebhookService,
    /// Rolls and removes their secrets.
    pub secret_keys: SecretKeyService,
    /// Finds out whose request it is.
    pub authenticator: Authenticator,
    /// Makes, lists and revokes API keys.
    pub api_keys: ApiKeyService,
    /// Reads what was done.
    pub audit: AuditService,
    /// Publishes events and follows their deliveries.
    pub events: EventService,
    /// Sends test events, and what waits in the penalty box.
    pub probes: ProbeService,
    /// What deliveries call this deployment.
    pub environment: Environment,
    /// Asked by `/health/ready` whether the store works. From memory: it neither waits nor asks the store.
    pub store: StoreCheck,
    /// Asked by `/health/ready` whether what delivers moves.
    pub delivers: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Asked by `/health/ready` whether deliveries are paused, which is no reason not to be ready.
    pub deliveries_are_paused: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Says which retired key is still to be shown.
    pub clock: Arc<dyn Clock>,
    /// Where request ids come from.
    pub entropy: Arc<dyn Entropy>,
    /// What the deployment allows in fields.
    pub rules: FieldRules,
}

/// Says whether the store works, without waiting for it.
pub type StoreCheck = Arc<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// What a deployment allows in fields.
#[derive(Debug, Clone, Default)]
pub struct FieldRules {
    /// Where `url` may lead.
    pub targets: TargetPolicy,
    /// The actions there are.
    pub actions: CurrentActions,
}

/// The actions there are, which may be replaced while requests are served. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct CurrentActions(Arc<RwLock<Arc<ActionCatalogue>>>);

impl CurrentActions {
    /// Begins with this catalogue.
    #[must_use]
    pub fn new(catalogue: ActionCatalogue) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(catalogue))))
    }

    /// The catalogue of this moment.
    #[must_use]
    pub fn get(&self) -> Arc<ActionCatalogue> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another catalogue in its place, for requests that come from now on.
    pub fn replace(&self, catalogue: ActionCatalogue) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }
}

/// How much, how long and how many: what a client may take of the server.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// The longest body, in bytes; beyond it 413. 64 KiB.
    pub max_body_bytes: usize,
    /// The longest event, in bytes; beyond it 413. 256 KiB.
    pub max_event_bytes: usize,
    /// From the moment a body is waited for until all of it is there; then 408. 10 seconds.
    pub body_timeout: Duration,
    /// From the first byte of a request's head, or the start of a connection, until the head is complete; then
    /// 408. 5 seconds.
    pub head_timeout: Duration,
    /// How long an answer may wait for a client that takes none of it; then the connection is cut. 10 seconds.
    pub write_timeout: Duration,
    /// How long a connection may be idle between two requests. 75 seconds.
    pub keep_alive: Duration,
    /// How long a request waits for another with the same `Idempotency-Key`; then 422. 5 seconds.
    pub idempotency_wait: Duration,
    /// Requests per second of one credential, and how many of them may come at once; then 429. 50,000; none is no
    /// limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests per second without a valid credential from one client address, after 20 seconds' worth at once; then
    /// 429. 50; none is no limit.
    pub failed_authentications_per_second: Option<NonZeroU32>,
    /// Threads that serve connections. As many as the machine has cores, at most 512.
    pub workers: usize,
    /// Connections of all clients. For a further one, the connection that has waited longest for its client is closed. 10,000.
    pub max_connections: usize,
    /// Connections of one client address (IPv6: of one /64 network) that is no trusted proxy, likewise. 7,500.
    pub max_connections_of_one_address: usize,
    /// Bytes of request heads that are not complete, in all. Beyond it the connection whose head was begun first is closed. 16 MiB.
    pub max_unfinished_head_bytes: usize,
    /// The networks of reverse proxies whose `X-Forwarded-For` and `Forwarded` are believed. None.
    pub trusted_proxies: Vec<Network>,
    /// How long requests under way may take to finish once the server is told to stop, in whole seconds. 30 seconds.
    pub shutdown_timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024,
            max_event_bytes: 256 * 1024,
            body_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            idempotency_wait: Duration::from_secs(5),
            requests_per_second: NonZeroU32::new(50_000),
            failed_authentications_per_second: NonZeroU32::new(50),
            workers: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            max_connections: 10_000,
            max_connections_of_one_address: 7_500,
            max_unfinished_head_bytes: 16 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl HttpLimits {
    /// The number of workers that actix takes: 1 to 512.
    pub(crate) fn worker_count(&self) -> usize {
        self.workers.clamp(1, 512)
    }
}

/// What all workers of a server share.
pub struct Core {
    pub(crate) api: Api,
    pub(crate) limits: HttpLimits,
    pub(crate) in_flight: InFlight,
    pub(crate) rates: RequestRates,
}

impl Core {
    /// The API under `limits`, for [`app`](crate::app). The workers of one server must share one.
    #[must_use]
    pub fn new(api: Api, limits: HttpLimits) -> web::Data<Self> {
        // A connection has at most one request in a handler.
        let in_flight = InFlight::new(limits.max_connections);
        let rates = RequestRates::new(&limits, &api.clock);
        web::Data::new(Self {
            api,
            limits,
            in_flight,
            rates,
        })
    }
}
