//! An audit record as clients see it.

use webhook_domain::access::audit::{AuditAction, AuditRecord, AuditedRetiredKey};
use webhook_domain::access::caller::Credential;
use webhook_domain::delivery::key_check::Verdict;
use webhook_domain::id::AuditRecordId;
use webhook_domain::rotation::StopReason;
use webhook_domain::time::Instant;

use super::answer::answer;
use super::schemas::{AsText, ByName, FingerprintText};

answer! {
    /// What was done once. Secrets are named by their fingerprints, settings by their names.
    #[document("AuditRecord", object_type = "AUDIT_RECORD")]
    pub struct AuditRecordJson<'a> {
        /// The record's id.
        id: AsText<AuditRecordId> = "aud_01hv9k2m4rt6w8y0abcdefghjk",
        /// When it was done.
        created_at: AsText<Instant> = "2024-04-12T15:22:37Z",
        /// What was done.
        action: ByName<AuditAction> = "WEBHOOK.SECRET_ROLLED",
        /// The id of what it was done to.
        resource_id: &'a str = "whk_01hv9k2m4rt6w8y0abcdefghjk",
        /// Who did it: the id of an API key, a token's subject, the command line or the service.
        credential: AsText<&'a Credential> = "key_01hv9k2m4rt6w8y0abcdefghjk",
        /// The X-REQUEST-ID of the request.
        request_id: &'a str = "reqr_5f2hJ8kQ0sVx7Zb3Nd9w",
        /// The settings that changed, by name.
        changed_fields: &'a [String] = ["url"],
        /// The current secret after the change.
        current_key: Option<FingerprintText<'a>> = "sha256:0123456789abcdef",
        /// Those that still signed, newest first.
        retired_keys: Vec<RetiredKeyJson<'a>> = [{"fingerprint": "sha256:fedcba9876543210", "expires_at": "2024-04-13T15:22:37Z"}],
        /// The secrets that signed before the change and no longer did.
        ended_keys: Vec<FingerprintText<'a>> = [],
        /// Those that a client brought from elsewhere.
        imported_keys: Vec<FingerprintText<'a>> = [],
        /// Until when the receiver's credentials of before the change may be used, if it kept them.
        previous_credentials_expires_at: Option<AsText<Instant>> = null,
        /// Whether a stored answer was given again: nothing was done.
        replayed: bool = false,
        /// The secrets that such an answer had. The webhook may have others since.
        shown_keys: Vec<FingerprintText<'a>> = [],
        /// What an API key was allowed to do.
        permissions: &'a [String] = [],
        /// What a check of keys has found out.
        verdict: Option<ByName<Verdict>> = null,
        /// The rotation that rolled the secret, if it was one.
        rotation_id: Option<&'a str> = null,
        /// Why a rotation was stopped.
        stop_reason: Option<ByName<StopReason>> = null,
    }
}

answer! {
    /// A retired secret that still signed after the change.
    #[document("RetiredKey")]
    pub(crate) struct RetiredKeyJson<'a> {
        /// Which one.
        fingerprint: FingerprintText<'a>,
        /// Until when it signs.
        expires_at: AsText<Instant>,
    }
}

impl<'a> AuditRecordJson<'a> {
    /// `record`, whole.
    #[must_use]
    pub fn new(record: &'a AuditRecord) -> Self {
        let details = &record.details;
        let fingerprint = |text: &'a String| FingerprintText(text);
        Self {
            object_type: Self::OBJECT_TYPE,
            id: AsText(record.id),
            created_at: AsText(record.at),
            action: ByName(record.action),
            resource_id: &record.resource_id,
            credential: AsText(&record.credential),
            request_id: record.request.as_str(),
            changed_fields: &details.changed_fields,
            current_key: details.current_key.as_ref().map(fingerprint),
            retired_keys: details.retired_keys.iter().map(retired_key).collect(),
            ended_keys: details.ended_keys.iter().map(fingerprint).collect(),
            imported_keys: details.imported_keys.iter().map(fingerprint).collect(),
            previous_credentials_expires_at: details.previous_credentials_expires_at.map(seconds),
            replayed: details.replayed,
            shown_keys: details.shown_keys.iter().map(fingerprint).collect(),
            permissions: &details.permissions,
            verdict: details
                .verdict
                .as_ref()
                .and_then(|name| name.parse().ok())
                .map(ByName),
            rotation_id: details.rotation.as_deref(),
            stop_reason: details
                .stop_reason
                .as_ref()
                .and_then(|name| name.parse().ok())
                .map(ByName),
        }
    }
}

fn retired_key(key: &AuditedRetiredKey) -> RetiredKeyJson<'_> {
    RetiredKeyJson {
        fingerprint: FingerprintText(&key.fingerprint),
        expires_at: seconds(key.expires_at),
    }
}

/// The instant so many seconds after the Unix epoch.
fn seconds(since_epoch: i64) -> AsText<Instant> {
    AsText(Instant::from_milliseconds(since_epoch.saturating_mul(1000)))
}
