//! What the domain needs of the world, as traits that adapters implement.
//!
//! A method of a store is one atomic unit: all of it happens, durably, before it returns, or none of it does.
//! To add a port: write its trait here in the domain's words, with `automock`; implement it for
//! `testing::MemoryStore`; say in `testing::conformance` what every implementation must do.

mod answer_store;
mod api_key_store;
mod audit_log;
mod delivery_pause;
mod delivery_queue;
mod event_store;
mod key_check_store;
mod rotation_store;
mod sender;
mod session_store;
mod token_verifier;
mod webhook_store;

pub use crate::delivery::lane::Turn;
pub use crate::delivery::shortage::Shortage;
pub use answer_store::AnswerStore;
pub use api_key_store::{ApiKeyStore, DecideRevocation, NewApiKey, Revocation, ScopeFilter};
pub use audit_log::{AuditLog, AuditQuery};
pub use delivery_pause::{AUDITED_AS, DeliveryPause, Pause, PauseReason};
pub use delivery_queue::{Arrival, DeliveryQueue, Lane, QueuedDelivery, Recorded};
pub use event_store::{
    Backlog, DeliveryQuery, DescribeDelivery, EndedQuery, EventStore, GiveUp, ListedDelivery, MAX_ATTEMPTS,
    Publication, Published, Resend, ResendMany, Resent, Telling, TrackedDelivery,
};
pub use key_check_store::KeyCheckStore;
pub use rotation_store::{
    ClaimedRotation, FinishRotation, MatchingWebhooks, NewRotation, RotationStore, RotationWebhooksQuery,
};
pub use sender::{Parcel, Response, Sender};
pub use session_store::SessionStore;
pub use token_verifier::TokenVerifier;
pub use webhook_store::{
    Change, ChangeOrder, Creation, Decide, Effect, KeyExpiry, Outcome, RollDue, WebhookStore,
};

#[cfg(any(test, feature = "test-support"))]
pub use {
    answer_store::MockAnswerStore, api_key_store::MockApiKeyStore, audit_log::MockAuditLog,
    delivery_pause::MockDeliveryPause, delivery_queue::MockDeliveryQueue, event_store::MockEventStore,
    key_check_store::MockKeyCheckStore, rotation_store::MockRotationStore, sender::MockSender,
    session_store::MockSessionStore, token_verifier::MockTokenVerifier, webhook_store::MockWebhookStore,
};
