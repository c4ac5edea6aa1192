//! What was set of a webhook, in words.

use webhook_domain::time::Instant;
use webhook_domain::webhook::{
    Action, ActionList, ApiHeaderField, AuthenticationType, Settings, Username, Webhook,
};

/// A setting and what it is.
pub(super) type Fact = (&'static str, String);

/// All that is not said elsewhere on the page.
pub(super) fn of(webhook: &Webhook, now: Instant) -> Vec<Fact> {
    let settings = &webhook.settings;
    let mut facts = vec![
        (
            "Included actions",
            actions(settings.included_actions.as_ref(), "all"),
        ),
        (
            "Excluded actions",
            actions(settings.excluded_actions.as_ref(), "none"),
        ),
        (
            "Previous data",
            yes(settings.include_previous_data, "sent", "not sent"),
        ),
        ("Authentication", authentication(settings)),
        ("Custom headers", headers(settings)),
        ("Signing protocol", settings.signing_protocol.name().to_owned()),
    ];
    if let Some(previous) = webhook.previous_credentials(now) {
        let until = previous.expires_at;
        facts.push((
            "Credentials before",
            format!("tried until {until} where the new ones are refused"),
        ));
    }
    let days = settings.secret_rotation_days.map(|days| days.get().to_string());
    let default = webhook.default_rotation.map(|days| days.get().to_string());
    facts.push((
        "Key is due for a roll",
        match (days, default) {
            (Some(days), _) => format!("after {days} days"),
            (None, Some(days)) => format!("after {days} days, as usual here"),
            (None, None) => "never".to_owned(),
        },
    ));
    let by_itself = yes(settings.secret_rotates_automatically, "by the service", "by you");
    facts.push(("Then it is rolled", by_itself));
    facts
}

fn yes(is_so: bool, yes: &str, no: &str) -> String {
    if is_so { yes } else { no }.to_owned()
}

fn actions(list: Option<&ActionList>, none: &str) -> String {
    match list.filter(|list| !list.is_empty()) {
        Some(list) => list.iter().map(Action::as_str).collect::<Vec<_>>().join(", "),
        None => none.to_owned(),
    }
}

fn authentication(settings: &Settings) -> String {
    let credentials = settings.authentication.credentials();
    match settings.authentication.kind() {
        AuthenticationType::None => "none beside the signature".to_owned(),
        AuthenticationType::Password => {
            let user = credentials.username.as_ref().map_or("", Username::as_str);
            format!("HTTP Basic, as {user}")
        }
        AuthenticationType::ApiKey => {
            let header = credentials
                .api_header_field
                .as_ref()
                .map_or("", ApiHeaderField::as_str);
            format!("an API key in {header}")
        }
    }
}

fn headers(settings: &Settings) -> String {
    let Some(headers) = &settings.custom_headers else {
        return "none".to_owned();
    };
    let names: Vec<_> = headers.iter().map(|header| header.name.as_str()).collect();
    names.join(", ")
}
