//! The object that says which events are sent again.

use webhook_domain::InvalidValue;
use webhook_domain::id::WebhookId;
use webhook_domain::services::Replay;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Edit;

use super::object::Fields;
use crate::errors::Problem;
use crate::json::Object;

/// What a client may set.
pub(crate) const SETTABLE: [&str; 3] = ["created_after", "created_before", "status"];

/// What an event that has come to its end may be.
pub(crate) const ENDED: [&str; 2] = ["SUCCEEDED", "FAILED"];

/// Which events of `webhook` are sent again, as `body` says.
pub(crate) fn replay(body: Object, webhook: WebhookId) -> Result<Replay, Problem> {
    let mut fields = Fields::new(body, |name| SETTABLE.contains(&name))?;
    let instant = |text: String| text.parse::<Instant>();
    let Edit::Set(created_after) = fields.text("created_after", instant)? else {
        return Err(Problem::missing_field(
            "created_after",
            "must be there, and not null",
        ));
    };
    let created_before = given(fields.text("created_before", instant)?);
    if created_before.is_some_and(|before| before <= created_after) {
        return Err(Problem::invalid_field(
            "created_before",
            "must be later than created_after",
        ));
    }
    let ended = |text: String| {
        let named = ENDED.into_iter().find(|name| *name == text);
        named.ok_or(InvalidValue::new(
            "must be one of SUCCEEDED, FAILED, or null for both",
        ))
    };
    Ok(Replay {
        webhook,
        created_after,
        created_before,
        status: given(fields.text("status", ended)?),
        idempotent: None,
    })
}

fn given<T>(edit: Edit<T>) -> Option<T> {
    match edit {
        Edit::Set(value) => Some(value),
        Edit::Keep | Edit::Clear => None,
    }
}
