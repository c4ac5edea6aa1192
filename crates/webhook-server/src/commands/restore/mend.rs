//! What is done about what a restore brings back: differing webhooks are rolled, API keys are revoked.
//!
//! Each is a change like any other: audited, announced, and one by one. What fails is named, and the others are done all the same.

use webhook_domain::access::api_key::ApiKey;
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::restored::DifferingRing;
use webhook_domain::services::{RevokeApiKey, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::Overlap;
use webhook_http_actix::wire::described;

use crate::commands::local::Local;
use crate::exit::{Failure, chain};

/// What was done, each with what went wrong if it was not.
pub(super) struct Mended {
    /// Of each webhook that differs, in their order.
    pub(super) rolled: Vec<Option<String>>,
    /// Of each API key, in their order.
    pub(super) revoked: Vec<Option<String>>,
}

/// Rolls the webhooks whose keys differ: without overlap where one of their keys was revoked.
pub(super) fn roll(local: &Local, differing: &[DifferingRing]) -> Result<Vec<Option<String>>, Failure> {
    let open = &local.open;
    let roll = |ring: &DifferingRing| {
        let (store, clock, entropy) = (open.store.clone(), open.clock.clone(), open.entropy.clone());
        // What is left of a promise counts as a deployment's overlap does: it may be too short for a key that receivers look up, and is
        // then made longer. None at all is asked for.
        let service = SecretKeyService::new(store, clock, entropy, ring.overlap).announcing(described);
        let acting = local.acting_on(Some(ring.webhook.platform.clone()))?;
        let roll = RollSecret {
            overlap: (ring.overlap == Overlap::NONE).then_some(Overlap::NONE),
            ..RollSecret::default()
        };
        let outcome = local.outcome(service.roll(&acting, ring.webhook.id, roll));
        Ok(outcome.err().map(|error| chain(&error)))
    };
    differing.iter().map(roll).collect()
}

/// Revokes the API keys.
pub(super) fn revoke(local: &Local, revived: &[ApiKey]) -> Result<Vec<Option<String>>, Failure> {
    let service = local.open.api_keys();
    let revoke = |key: &ApiKey| {
        let acting = local.acting_on(match &key.scope {
            PlatformScope::One(platform) => Some(platform.clone()),
            PlatformScope::All => None,
        })?;
        let outcome = local.outcome(service.revoke(&acting, key.id, RevokeApiKey::default()));
        Ok(outcome.err().map(|error| chain(&error)))
    };
    revived.iter().map(revoke).collect()
}
