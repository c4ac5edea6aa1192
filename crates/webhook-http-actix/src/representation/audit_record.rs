//! An audit record as clients see it.

use serde::Serialize;
use webhook_domain::access::audit::{AuditRecord, AuditedRetiredKey};
use webhook_domain::access::caller::Credential;
use webhook_domain::id::AuditRecordId;
use webhook_domain::time::Instant;

use super::AsText;

/// An audit record as JSON. It names keys by their fingerprints and settings by their names.
#[derive(Debug, Serialize)]
pub struct AuditRecordJson<'a> {
    object_type: &'static str,
    id: AsText<AuditRecordId>,
    created_at: AsText<Instant>,
    action: &'static str,
    resource_id: &'a str,
    credential: AsText<&'a Credential>,
    request_id: &'a str,
    changed_fields: &'a [String],
    current_key: Option<&'a str>,
    retired_keys: Vec<RetiredKeyJson<'a>>,
    ended_keys: &'a [String],
    permissions: &'a [String],
}

/// A retired key as an audit record names it.
#[derive(Debug, Serialize)]
struct RetiredKeyJson<'a> {
    fingerprint: &'a str,
    expires_at: AsText<Instant>,
}

impl<'a> AuditRecordJson<'a> {
    /// `record`, whole.
    #[must_use]
    pub fn new(record: &'a AuditRecord) -> Self {
        let details = &record.details;
        Self {
            object_type: "AUDIT_RECORD",
            id: AsText(record.id),
            created_at: AsText(record.at),
            action: record.action.name(),
            resource_id: &record.resource_id,
            credential: AsText(&record.credential),
            request_id: record.request.as_str(),
            changed_fields: &details.changed_fields,
            current_key: details.current_key.as_deref(),
            retired_keys: details.retired_keys.iter().map(retired_key).collect(),
            ended_keys: &details.ended_keys,
            permissions: &details.permissions,
        }
    }
}

fn retired_key(key: &AuditedRetiredKey) -> RetiredKeyJson<'_> {
    let expires_at = Instant::from_milliseconds(key.expires_at.saturating_mul(1000));
    RetiredKeyJson {
        fingerprint: &key.fingerprint,
        expires_at: AsText(expires_at),
    }
}
