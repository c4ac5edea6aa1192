//! A webhook as clients see it.

use serde::{Serialize, Serializer};
use webhook_domain::delivery::attempt::{FailureCause, StatusCode};
use webhook_domain::delivery::event::{Environment, JsonText};
use webhook_domain::id::WebhookId;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{
    ActionList, ApiHeaderField, HeldUp, Name, Reference, TargetUrl, Username, Webhook,
};

use super::Shown;

/// Room for a webhook without long texts or lists, so that its keys are not copied about while it is written.
const USUAL_LENGTH: usize = 2048;
/// Room for one action of a list.
const ACTION_LENGTH: usize = 32;

/// Whether a webhook's keys are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// They are there.
    Shown,
    /// They are null, as if there were none.
    Withheld,
}

/// A webhook as JSON: every field of it, null when it is empty, and never a password or an API key.
#[derive(Serialize)]
pub struct WebhookJson<'a> {
    object_type: &'static str,
    id: Shown<WebhookId>,
    name: Option<&'a str>,
    reference: Option<&'a str>,
    active: bool,
    include_previous_data: bool,
    authentication_type: &'static str,
    username: Option<&'a str>,
    api_header_field: Option<&'a str>,
    url: Option<&'a str>,
    included_actions: Option<Actions<'a>>,
    excluded_actions: Option<Actions<'a>>,
    signing_protocol: &'static str,
    previous_signing_protocol: Option<&'static str>,
    secret_key: Option<&'a str>,
    previous_secret_key: Option<&'a str>,
    previous_secret_expires_at: Option<Shown<Instant>>,
    secret_rolled_at: Option<Shown<Instant>>,
    penalty_box: Option<Shown<Instant>>,
    penalty_box_data: Option<PenaltyBoxJson>,
    created_at: Shown<Instant>,
    updated_at: Shown<Instant>,
}

/// What holds the queue up.
#[derive(Serialize)]
struct PenaltyBoxJson {
    retry_count: u32,
    retry_at: Option<Shown<Instant>>,
    status_code: Option<u16>,
    cause: Option<&'static str>,
    payload: Option<String>,
}

impl PenaltyBoxJson {
    fn new(held_up: &HeldUp) -> Self {
        let penalty_box = held_up.penalty_box();
        let cause = penalty_box.cause();
        Self {
            retry_count: penalty_box.retry_count(),
            retry_at: penalty_box.retry_at().map(Shown),
            status_code: cause.and_then(FailureCause::status).map(StatusCode::get),
            cause: cause.map(FailureCause::name),
            payload: None,
        }
    }
}

struct Actions<'a>(&'a ActionList);

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|action| action.as_str()))
    }
}

impl<'a> WebhookJson<'a> {
    /// `webhook` as it is at `now`. With its keys shown, whoever writes it answers for where it goes.
    #[must_use]
    pub fn new(webhook: &'a Webhook, now: Instant, keys: Keys) -> Self {
        let settings = &webhook.settings;
        let credentials = settings.authentication.credentials();
        let previous = webhook.key_ring.previous(now);
        let shown = keys == Keys::Shown;
        let held_up = webhook.held_up.as_deref();
        Self {
            object_type: "WEBHOOK",
            id: Shown(webhook.id),
            name: settings.name.as_ref().map(Name::as_str),
            reference: settings.reference.as_ref().map(Reference::as_str),
            active: settings.active,
            include_previous_data: settings.include_previous_data,
            authentication_type: settings.authentication.kind().name(),
            username: credentials.username.as_ref().map(Username::as_str),
            api_header_field: credentials.api_header_field.as_ref().map(ApiHeaderField::as_str),
            url: settings.url.as_ref().map(TargetUrl::as_str),
            included_actions: settings.included_actions.as_ref().map(Actions),
            excluded_actions: settings.excluded_actions.as_ref().map(Actions),
            signing_protocol: settings.signing_protocol.name(),
            previous_signing_protocol: previous.map(|retired| retired.key.protocol.name()),
            secret_key: webhook
                .key_ring
                .current()
                .filter(|_| shown)
                .map(|key| key.secret.expose()),
            previous_secret_key: previous
                .filter(|_| shown)
                .map(|retired| retired.key.secret.expose()),
            previous_secret_expires_at: previous.map(|retired| Shown(retired.expires_at)),
            secret_rolled_at: webhook.key_ring.rolled_at().map(Shown),
            penalty_box: held_up
                .and_then(|held_up| held_up.penalty_box().since())
                .map(Shown),
            penalty_box_data: held_up.map(PenaltyBoxJson::new),
            created_at: Shown(webhook.created_at),
            updated_at: Shown(webhook.updated_at),
        }
    }
}

impl WebhookJson<'_> {
    /// The same with the body of the delivery at the head of its queue, if that is held up and was read, as a deployment of this
    /// environment sends it.
    #[must_use]
    pub fn with_payload(mut self, webhook: &Webhook, environment: Environment) -> Self {
        if let (Some(shown), Some(held_up)) = (&mut self.penalty_box_data, &webhook.held_up) {
            let payload = held_up.payload(environment);
            shown.payload = payload.and_then(|bytes| String::from_utf8(bytes).ok());
        }
        self
    }
}

/// A webhook as the receivers of events about webhooks see it: without its keys.
#[must_use]
pub fn described(webhook: &Webhook, now: Instant) -> JsonText {
    JsonText::of(&WebhookJson::new(webhook, now, Keys::Withheld))
}

/// Room for the JSON of `webhook`.
pub(crate) fn expected_length(webhook: &Webhook) -> usize {
    let settings = &webhook.settings;
    let lists = [&settings.included_actions, &settings.excluded_actions];
    let actions: usize = lists.into_iter().flatten().map(|list| list.iter().len()).sum();
    let url = settings.url.as_ref().map_or(0, |url| url.as_str().len());
    USUAL_LENGTH + url + actions * ACTION_LENGTH
}
