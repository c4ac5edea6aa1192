//! What the API is made of in this deployment.

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::ports::WebhookStore;
use webhook_domain::services::{
    AuditService, Authenticator, EventService, KeyCheckService, KeyHistoryService, ProbeService,
    SecretKeyService, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_http_actix::wire::{described, described_delivery};
use webhook_http_actix::{Api, FieldRules, Monitoring};

use super::readiness::Readiness;
use super::rotations;
use crate::dispatch::Pulse;
use crate::store::OpenStore;

/// What the deployment says.
pub(super) struct Rules {
    /// What fields may hold.
    pub(super) fields: FieldRules,
    /// How long a previous secret goes on signing, unless a request says it.
    pub(super) default_overlap: Overlap,
    /// For how long events and their attempts are kept.
    pub(super) events_kept_for: Duration,
}

/// The domain as the API sees it.
pub(super) fn api(
    rules: Rules,
    authenticator: Authenticator,
    probes: ProbeService,
    pulse: Arc<Pulse>,
    readiness: Arc<Readiness>,
    open: &OpenStore,
) -> Api {
    let store: Arc<dyn WebhookStore> = open.store.clone();
    let (clock, entropy) = (&open.clock, &open.entropy);
    Api {
        webhooks: WebhookService::new(store.clone(), clock.clone(), entropy.clone())
            .announcing(described)
            .retiring_for(rules.default_overlap)
            .limited(open.quotas),
        secret_keys: SecretKeyService::new(
            store.clone(),
            clock.clone(),
            entropy.clone(),
            rules.default_overlap,
        )
        .announcing(described),
        authenticator,
        api_keys: open.api_keys(),
        audit: AuditService::new(open.store.clone()),
        events: EventService::new(open.store.clone(), clock.clone(), entropy.clone())
            .announcing(described_delivery)
            .limited(open.quotas),
        rotations: rotations::service(open, rules.default_overlap),
        environment: probes.environment,
        signing_keys: KeyHistoryService {
            webhooks: store.clone(),
            audit: open.store.clone(),
            events: open.store.clone(),
            clock: clock.clone(),
            events_kept_for: rules.events_kept_for,
        },
        key_checks: KeyCheckService {
            probes: probes.clone(),
            checks: open.store.clone(),
            describe: Some(described),
        },
        probes,
        store: Arc::new(move || readiness.check()),
        deliveries_are_paused: {
            let pulse = Arc::clone(&pulse);
            Arc::new(move || pulse.is_paused())
        },
        delivers: Arc::new(move || pulse.moves()),
        clock: clock.clone(),
        entropy: entropy.clone(),
        rules: rules.fields,
        monitoring: Monitoring::default(),
    }
}
