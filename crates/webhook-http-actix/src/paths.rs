//! Every path of the API, spelt once: for the router, the document, the links in lists and `Location`.
//!
//! Which operations a path takes stands in the [table of operations](crate::operations).

use std::fmt::Display;

/// What paths call a webhook's id: the published name.
pub(crate) const WEBHOOK_ID: &str = "resourceId";
/// What they call the fingerprint of a key.
pub(crate) const FINGERPRINT: &str = "fingerprint";
/// What they call any other id.
pub(crate) const ID: &str = "id";

pub(crate) const WEBHOOKS: &str = "/v1/webhooks";
pub(crate) const ACTIONS: &str = "/v1/webhooks/actions";
pub(crate) const TEST_CONNECTION: &str = "/v1/webhooks/test-connection";
pub(crate) const WEBHOOK: &str = "/v1/webhooks/{resourceId}";
pub(crate) const SECRET_KEY: &str = "/v1/webhooks/{resourceId}/secret-key";
pub(crate) const RETIRED_SECRET_KEY: &str = "/v1/webhooks/{resourceId}/secret-key/retired/{fingerprint}";
pub(crate) const RESTORE_SECRET_KEY: &str = "/v1/webhooks/{resourceId}/secret-key/restore";
pub(crate) const CHECK_SECRET_KEY: &str = "/v1/webhooks/{resourceId}/secret-key/check";
pub(crate) const SIGNING_KEY: &str = "/v1/signing-keys/{fingerprint}";
pub(crate) const KEY_SET: &str = "/v1/webhooks/{resourceId}/jwks.json";
pub(crate) const SEND_TEST: &str = "/v1/webhooks/{resourceId}/send-test";
pub(crate) const REPLAY: &str = "/v1/webhooks/{resourceId}/replay";
pub(crate) const SEND_PENALTY_BOX_PAYLOAD: &str = "/v1/webhooks/{resourceId}/send-penalty-box-payload";

pub(crate) const EVENTS: &str = "/v1/events";
pub(crate) const WEBHOOK_EVENTS: &str = "/v1/webhook-events";
pub(crate) const WEBHOOK_EVENT: &str = "/v1/webhook-events/{id}";
pub(crate) const RESEND: &str = "/v1/webhook-events/{id}/resend";
pub(crate) const GIVE_UP: &str = "/v1/webhook-events/{id}/give-up";

pub(crate) const ROTATIONS: &str = "/v1/rotations";
pub(crate) const ROTATION: &str = "/v1/rotations/{id}";
pub(crate) const ROTATION_WEBHOOKS: &str = "/v1/rotations/{id}/webhooks";
pub(crate) const STOP_ROTATION: &str = "/v1/rotations/{id}/stop";

pub(crate) const API_KEYS: &str = "/v1/api-keys";
pub(crate) const API_KEY: &str = "/v1/api-keys/{id}";
pub(crate) const AUDIT_RECORDS: &str = "/v1/audit-records";

pub(crate) const LIVE: &str = "/health/live";
pub(crate) const READY: &str = "/health/ready";
/// Where the deployment wants the metrics on this address.
pub(crate) const METRICS: &str = "/metrics";
pub(crate) const DOCUMENT: &str = "/openapi.json";
/// The page of the document, which is a folder, and a part of it.
pub(crate) const PAGE: &str = "/docs";
pub(crate) const PAGE_FOLDER: &str = "/docs/";
pub(crate) const PAGE_PART: &str = "/docs/{*file}";
/// What the path of a part calls it.
pub(crate) const FILE: &str = "file";

/// `path` with `id` in its place.
pub(crate) fn with_id(path: &str, id: impl Display) -> String {
    match path.split_once('{').zip(path.split_once('}')) {
        Some(((before, _), (_, after))) => format!("{before}{id}{after}"),
        None => path.to_owned(),
    }
}
