//! What can be asked of the domain: each service a struct over ports, each method one use.
//!
//! A service checks the permission, draws the time and the randomness, and hands the store a decision.

mod api_keys;
mod secret_key;
mod upkeep;
mod webhooks;

pub use api_keys::{ApiKeyService, AuthenticationError, CreateApiKey, CreatedApiKey};
pub use secret_key::{RemoveSecret, RollSecret, SecretKeyService};
pub use upkeep::{Upkeep, UpkeepTally};
pub use webhooks::{CreateWebhook, Seen, WebhookService};
