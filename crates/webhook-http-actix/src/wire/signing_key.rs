//! What became of a signing key, as clients see it.

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::caller::Credential;
use webhook_domain::access::key_history::{KeyHistory, KeyState, Showing};
use webhook_domain::delivery::key_use::KeyUse;
use webhook_domain::id::{AuditRecordId, WebhookId};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Name;

use super::answer::answer;
use super::schemas::{AsText, ByName, FingerprintText};

/// How many hosts are named: those with the most attempts.
const MOST_HOSTS: usize = 100;

answer! {
    /// A signing key that a webhook has or had, by its fingerprint. The key itself is in no answer about it.
    #[document("SigningKey", object_type = "SIGNING_KEY")]
    pub struct SigningKeyJson<'a> {
        /// Which key.
        fingerprint: FingerprintText<'a> = "sha256:0123456789abcdef",
        /// The id of the webhook that has it, or had it.
        webhook_id: AsText<WebhookId> = "whk_01hv9k2m4rt6w8y0abcdefghjk",
        /// What the webhook is called. Null if it has no name, or was deleted.
        webhook_name: Option<AsText<&'a Name>> = "orders",
        /// Whether the webhook still exists.
        webhook_exists: bool = true,
        /// How the key signs. Null for a key that was made before release 0.2 and is gone.
        signing_protocol: Option<ByName<SigningProtocol>> = "HmacSHA256",
        /// Whether the key signs: it does while it is `CURRENT` or `RETIRED`.
        state: ByName<KeyState> = "RETIRED",
        /// Since when it signs or signed. Null if that is not known.
        signs_from: Option<AsText<Instant>> = "2024-04-12T15:22:37Z",
        /// From when on it does not sign. Null for a current key, and if that is not known.
        signs_until: Option<AsText<Instant>> = "2024-04-19T15:22:37Z",
        /// To whom and when it was shown, the latest first, 1000 at the most. Empty for an Ed25519 key, which is shown to nobody.
        shown: Vec<ShownJson<'a>> = [{
            "audit_record_id": "aud_01hv9k2m4rt6w8y0abcdefghjk", "created_at": "2024-04-12T15:22:37Z",
            "action": "WEBHOOK.SECRET_ROLLED", "credential": "key_01hv9k2m4rt6w8y0abcdefghjk",
            "request_id": "reqr_5f2hJ8kQ0sVx7Zb3Nd9w",
        }],
        /// How often it was shown, as far as the audit records were read.
        times_shown: u64 = 1,
        /// Whether all audit records of the webhook since the key was made were read. If not, the key may have been shown before, too.
        all_records_read: bool = true,
        /// What it has signed, of what is kept.
        signed: SignedJson<'a> = {
            "attempts": 2, "webhook_events": 1, "first_at": "2024-04-12T16:00:00Z", "last_at": "2024-04-12T16:02:00Z",
            "hosts": [{"host": "receiver.example", "attempts": 2}], "kept_since": "2024-03-13T15:22:37Z",
        },
    }
}

answer! {
    /// One time that a key was in the answer to a request.
    #[document("SigningKeyShown")]
    pub(crate) struct ShownJson<'a> {
        /// The audit record of the request.
        audit_record_id: AsText<AuditRecordId>,
        /// When it was.
        created_at: AsText<Instant>,
        /// What was done.
        action: ByName<AuditAction>,
        /// Whose request it was: the id of an API key, a token's subject, or the command line.
        credential: AsText<&'a Credential>,
        /// The X-REQUEST-ID of the request.
        request_id: &'a str,
    }
}

answer! {
    /// What a key has signed for a webhook, counted from the attempts that are kept.
    #[document("SigningKeyUse")]
    pub(crate) struct SignedJson<'a> {
        /// How many attempts.
        attempts: u64,
        /// Of how many events on their way to the webhook.
        webhook_events: u64,
        /// When the first of these attempts was made.
        first_at: Option<AsText<Instant>>,
        /// When the last one was made.
        last_at: Option<AsText<Instant>>,
        /// The hosts that they went to, those with the most attempts first, 100 at the most. Attempts that were made before release 0.2
        /// say of no host.
        hosts: Vec<SignedForHostJson<'a>>,
        /// Attempts at events that were published before then are not kept any more.
        kept_since: AsText<Instant>,
    }
}

answer! {
    /// How much of what a key has signed went to one host.
    #[document("SigningKeyHost")]
    pub(crate) struct SignedForHostJson<'a> {
        /// The host in the URL of the webhook at the time, with its port if that is not the scheme's own.
        host: &'a str,
        /// How many attempts.
        attempts: u64,
    }
}

impl<'a> SigningKeyJson<'a> {
    /// `history`, whole.
    #[must_use]
    pub fn new(history: &'a KeyHistory) -> Self {
        Self {
            object_type: Self::OBJECT_TYPE,
            fingerprint: FingerprintText(history.fingerprint.as_str()),
            webhook_id: AsText(history.webhook),
            webhook_name: history.webhook_name.as_ref().map(AsText),
            webhook_exists: history.webhook_exists,
            signing_protocol: history.protocol.map(ByName),
            state: ByName(history.state),
            signs_from: history.signs_from.map(AsText),
            signs_until: history.signs_until.map(AsText),
            shown: history.shown.iter().map(shown).collect(),
            times_shown: history.times_shown,
            all_records_read: history.is_trail_whole,
            signed: signed(&history.used, history.attempts_kept_since),
        }
    }
}

fn shown(shown: &Showing) -> ShownJson<'_> {
    ShownJson {
        audit_record_id: AsText(shown.record),
        created_at: AsText(shown.at),
        action: ByName(shown.action),
        credential: AsText(&shown.credential),
        request_id: shown.request.as_str(),
    }
}

fn signed(used: &KeyUse, kept_since: Instant) -> SignedJson<'_> {
    let mut hosts: Vec<_> = used.hosts.iter().collect();
    hosts.sort_by_key(|(_, attempts)| std::cmp::Reverse(**attempts));
    let hosts = hosts.into_iter().take(MOST_HOSTS);
    SignedJson {
        attempts: used.attempts,
        webhook_events: used.deliveries,
        first_at: used.first_at.map(AsText),
        last_at: used.last_at.map(AsText),
        hosts: hosts
            .map(|(host, attempts)| SignedForHostJson {
                host,
                attempts: *attempts,
            })
            .collect(),
        kept_since: AsText(kept_since),
    }
}
