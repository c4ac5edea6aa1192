//! What a check of keys found out, as clients see it.

use webhook_domain::delivery::attempt::StatusCode;
use webhook_domain::delivery::key_check::{Answered, CheckedKey, KeyCheck, KeyRole, Verdict};
use webhook_domain::time::Instant;

use super::answer::answer;
use super::schemas::{AsText, ByName, FingerprintText, NamedCause};

answer! {
    /// With which of its keys a webhook's receiver verifies, as far as its answers say.
    #[document("KeyCheck", object_type = "KEY_CHECK")]
    pub struct KeyCheckJson<'a> {
        /// What was found out: the first of these that holds. `DOES_NOT_VERIFY`: a control was accepted. `UNREACHABLE`: a control or the
        /// current key had no answer that says yes or no. `ADOPTED`: the current key was accepted. `NOT_ADOPTED`: the previous one was.
        /// `INCONCLUSIVE`: everything was refused.
        verdict: ByName<Verdict> = "ADOPTED",
        /// When the check began.
        checked_at: AsText<Instant> = "2024-04-12T15:22:37Z",
        /// What was said to the two controls, which are signed by keys that are nobody's, in the order in which they were sent.
        controls: Vec<KeyControlJson> = [
            {"status_code": 401, "cause": "STATUS_CODE"}, {"status_code": 401, "cause": "STATUS_CODE"},
        ],
        /// What was said to the keys: to the current one, and to the one retired last if it still signs.
        keys: Vec<CheckedKeyJson<'a>> = [
            {"fingerprint": "sha256:0123456789abcdef", "role": "CURRENT", "accepted": true, "status_code": 204, "cause": null},
            {"fingerprint": "sha256:fedcba9876543210", "role": "PREVIOUS", "accepted": false, "status_code": 401,
             "cause": "STATUS_CODE"},
        ],
    }
}

answer! {
    /// What the receiver said to something that no key of the webhook has signed.
    #[document("KeyControl")]
    pub(crate) struct KeyControlJson {
        /// What the receiver answered.
        status_code: Option<u16>,
        /// Why it was not accepted. Null if it was.
        cause: Option<NamedCause>,
    }
}

answer! {
    /// What the receiver said to something that one key has signed.
    #[document("CheckedKey")]
    pub(crate) struct CheckedKeyJson<'a> {
        /// Which key.
        fingerprint: FingerprintText<'a>,
        /// What it is to the webhook.
        role: ByName<KeyRole>,
        /// Whether the receiver answered 2xx.
        accepted: bool,
        /// What the receiver answered.
        status_code: Option<u16>,
        /// Why it was not accepted. Null if it was.
        cause: Option<NamedCause>,
    }
}

impl<'a> KeyCheckJson<'a> {
    /// `check`, whole.
    #[must_use]
    pub fn new(check: &'a KeyCheck) -> Self {
        Self {
            object_type: Self::OBJECT_TYPE,
            verdict: ByName(check.verdict),
            checked_at: AsText(check.checked_at),
            controls: check.controls.iter().map(control).collect(),
            keys: check.keys.iter().map(checked_key).collect(),
        }
    }
}

fn control(answered: &Answered) -> KeyControlJson {
    KeyControlJson {
        status_code: answered.status().map(StatusCode::get),
        cause: answered.cause().map(NamedCause),
    }
}

fn checked_key(key: &CheckedKey) -> CheckedKeyJson<'_> {
    CheckedKeyJson {
        fingerprint: FingerprintText(key.fingerprint.as_str()),
        role: ByName(key.role),
        accepted: key.answered.is_accepted(),
        status_code: key.answered.status().map(StatusCode::get),
        cause: key.answered.cause().map(NamedCause),
    }
}
