//! Resources as clients see them: the JSON of the API, for whoever else shows it, such as a command line.
//!
//! Each type borrows from the domain's own and is written with serde. Every field is there, null when it is empty.
//! What may be seen by nobody (a password, a digest) has no field; what may be seen by few (a webhook's keys, the text
//! of a new API key) is there only where the caller says so.

mod actions;
mod api_key;
mod audit_record;
mod event;
mod probe;

use std::fmt::Display;

use serde::{Serialize, Serializer};

pub use actions::{ActionsJson, actions_json};
pub use api_key::ApiKeyJson;
pub use audit_record::AuditRecordJson;
pub use event::{EventJson, ResentJson, WebhookEventJson};
pub use probe::ProbeJson;

pub use crate::wire::{Keys, WebhookJson, described};

/// Serialises as the text that it displays.
#[derive(Debug)]
pub(crate) struct AsText<T>(pub(crate) T);

impl<T: Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
