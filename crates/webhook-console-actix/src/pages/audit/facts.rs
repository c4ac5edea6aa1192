//! What a record says beside who, when and to what: each fact with its name, and where it leads.

use webhook_domain::access::audit::{AuditDetails, AuditRecord};
use webhook_domain::time::Instant;

use crate::view::Moment;

/// A fact.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) values: Vec<Value>,
}

/// What a fact says.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) until: Option<Moment>,
}

impl Value {
    fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            until: None,
        }
    }
}

/// All that `record` says.
pub(super) fn of(record: &AuditRecord) -> Vec<Fact> {
    let AuditDetails {
        changed_fields,
        current_key,
        protocol,
        retired_keys,
        ended_keys,
        adopted_key,
        imported_keys,
        previous_credentials_expires_at,
        replayed,
        shown_keys,
        permissions,
        verdict,
        rotation,
        stop_reason,
    } = &record.details;
    let texts = |texts: &[String]| texts.iter().map(Value::of).collect();
    let one = |text: &Option<String>| text.iter().map(Value::of).collect();
    let retired = retired_keys.iter().map(|key| Value {
        text: key.fingerprint.clone(),
        until: Some(seconds(key.expires_at)),
    });
    let credentials = previous_credentials_expires_at.map(|at| Value {
        text: "kept".to_owned(),
        until: Some(seconds(at)),
    });
    let adopted = adopted_key.as_ref().map(|adopted| {
        let by = adopted.evidence.to_lowercase();
        Value::of(format!("{}, by a {by}", adopted.fingerprint))
    });
    let again = replayed.then(|| Value::of("a stored answer was given again; nothing was done"));
    let facts = [
        ("Settings that changed", texts(changed_fields)),
        ("Current key after it", one(current_key)),
        ("Which signs with", one(protocol)),
        ("Retired keys that still signed", retired.collect()),
        ("Keys that signed no more", texts(ended_keys)),
        ("Receiver verified before with", adopted.into_iter().collect()),
        ("Keys that were imported", texts(imported_keys)),
        ("Credentials before", credentials.into_iter().collect()),
        ("Given again", again.into_iter().collect()),
        ("Keys that were shown", texts(shown_keys)),
        ("Permissions", texts(permissions)),
        ("Verdict of the check", one(verdict)),
        ("Rolled by the rotation", one(rotation)),
        ("Stopped because of", one(stop_reason)),
    ];
    let facts = facts.into_iter().map(|(name, values)| Fact { name, values });
    facts.filter(|fact: &Fact| !fact.values.is_empty()).collect()
}

fn seconds(since_epoch: i64) -> Moment {
    Moment(Instant::from_milliseconds(since_epoch.saturating_mul(1000)))
}
