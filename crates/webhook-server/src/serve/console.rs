//! What the console is made of in this deployment: the API's own services, and sessions.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use webhook_console_actix::{Console, Shared, configure, routes};
use webhook_domain::services::SessionService;
use webhook_domain::signing::key_ring::Overlap;
use webhook_front_actix::{FrontLimits, RequestRates};
use webhook_http_actix::{Api, Beside};

use crate::settings::ConsoleSettings;
use crate::store::OpenStore;

/// What the console shares with the API's server.
pub(super) struct Server<'a> {
    /// How much of it a client may take.
    pub(super) limits: &'a FrontLimits,
    /// How often each client may ask.
    pub(super) rates: Arc<RequestRates>,
    /// Whether it speaks TLS.
    pub(super) has_tls: bool,
}

/// The sessions of its users.
pub(super) fn sessions(api: &Api, open: &OpenStore) -> SessionService {
    SessionService::new(
        open.store.clone(),
        api.authenticator.clone(),
        open.clock.clone(),
        open.entropy.clone(),
    )
}

/// The console as a front beside the API; none if the deployment wants none.
pub(super) fn beside(
    settings: ConsoleSettings,
    api: &Api,
    sessions: SessionService,
    default_overlap: Overlap,
    server: &Server<'_>,
) -> Option<Beside> {
    let ConsoleSettings { is_on, public_url } = settings;
    let console = Console {
        sessions,
        webhooks: api.webhooks.clone(),
        secret_keys: api.secret_keys.clone(),
        api_keys: api.api_keys.clone(),
        audit: api.audit.clone(),
        events: api.events.clone(),
        probes: api.probes.clone(),
        key_checks: api.key_checks.clone(),
        signing_keys: api.signing_keys.clone(),
        rotations: api.rotations.clone(),
        default_overlap,
        rules: api.rules.clone(),
        clock: api.clock.clone(),
        entropy: api.entropy.clone(),
        rates: Arc::clone(&server.rates),
        limits: server.limits.clone(),
        public_url,
        has_tls: server.has_tls,
    };
    let shared = Shared::new(console);
    is_on.then(|| Beside {
        routes: routes(),
        configure: Arc::new(move |router: &mut ServiceConfig| configure(router, &shared)),
    })
}
