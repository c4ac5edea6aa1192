//! What the API is made of: the domain's services, the rules for fields, and the limits on clients.

use std::sync::Arc;

use actix_web::web;
use webhook_domain::StoreError;
use webhook_domain::delivery::event::Environment;
use webhook_domain::entropy::Entropy;
use webhook_domain::idempotency::IdempotencySlot;
use webhook_domain::services::{
    ApiKeyService, AuditService, Authenticator, EventService, KeyCheckService, KeyHistoryService,
    ProbeService, RotationService, SecretKeyService, WebhookService,
};
use webhook_domain::time::Clock;
use webhook_domain::webhook::FieldRules;
use webhook_front_actix::{InFlight, RequestRates};

use crate::limits::HttpLimits;
use crate::monitoring::Monitoring;

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
    /// Finds out with which of its keys a webhook's receiver verifies.
    pub key_checks: KeyCheckService,
    /// Says what became of a signing key.
    pub signing_keys: KeyHistoryService,
    /// Rolls the secrets of many webhooks.
    pub rotations: RotationService,
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
    /// Who is told of requests, and whether the metrics are here.
    pub monitoring: Monitoring,
}

/// Says whether the store works, without waiting for it.
pub type StoreCheck = Arc<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// What all workers of a server share.
pub struct Core {
    pub(crate) api: Api,
    pub(crate) limits: HttpLimits,
    pub(crate) in_flight: InFlight<IdempotencySlot>,
    pub(crate) rates: Arc<RequestRates>,
}

impl Core {
    /// The API under `limits`, for [`app`](crate::app). The workers of one server must share one.
    #[must_use]
    pub fn new(api: Api, limits: HttpLimits) -> web::Data<Self> {
        // A connection has at most one request in a handler.
        let in_flight = InFlight::new(limits.front.max_connections);
        let rates = RequestRates::new(
            limits.requests_per_second,
            limits.failed_authentications_per_second,
            &api.clock,
        );
        web::Data::new(Self {
            api,
            limits,
            in_flight,
            rates: Arc::new(rates),
        })
    }

    /// The rates of its clients, for another front beside it.
    #[must_use]
    pub fn rates(&self) -> Arc<RequestRates> {
        Arc::clone(&self.rates)
    }
}
