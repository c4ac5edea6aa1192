//! The object that says which events are sent again.

use webhook_domain::id::WebhookId;
use webhook_domain::services::Replay;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Edit;

use super::object::Fields;
use crate::errors::Problem;
use crate::json::Object;

/// What a client may set.
pub(crate) const SETTABLE: [&str; 3] = ["created_after", "created_before", "status"];

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
    Replay::check_period(created_after, created_before)
        .map_err(|problem| Problem::invalid_value("created_before", &problem))?;
    Ok(Replay {
        webhook,
        created_after,
        created_before,
        status: given(fields.text("status", |text| Replay::status_named(&text))?),
        idempotent: None,
    })
}

fn given<T>(edit: Edit<T>) -> Option<T> {
    match edit {
        Edit::Set(value) => Some(value),
        Edit::Keep | Edit::Clear => None,
    }
}
