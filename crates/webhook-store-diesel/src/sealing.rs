//! Secrets at rest, sealed as [`webhook_domain::sealing`] does it; and a new master key while processes go on serving.

pub(crate) mod entropy;
pub(crate) mod handover;
pub mod rekeying;

pub(crate) use webhook_domain::sealing::key_name_of as sealing_key_name;
pub use webhook_domain::sealing::{MasterKey, Place, SealError, Vault};
