//! What can be asked of the domain: each service a struct over ports, each method one use.
//!
//! A service checks the permission, draws the time and the randomness, and hands the store a decision.

mod api_keys;
mod audit;
mod authentication;
mod secret_key;
mod upkeep;
mod webhooks;

pub use api_keys::{ApiKeyService, AuthenticationError, CreateApiKey, RevokeApiKey};
pub use audit::AuditService;
pub use authentication::{Authenticator, Presented};
pub use secret_key::{RemoveSecret, RollPreview, RollSecret, SecretKeyService};
pub use upkeep::{Upkeep, UpkeepTally};
pub use webhooks::{CreateWebhook, DeleteWebhook, Seen, UpdateWebhook, WebhookService};
