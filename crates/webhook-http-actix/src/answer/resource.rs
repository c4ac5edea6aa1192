//! What an answer can be about.

use serde::{Deserialize, Serialize};
use webhook_domain::access::api_key::{ApiKey, CreatedApiKey};
use webhook_domain::delivery::key_check::KeyCheck;
use webhook_domain::ports::{Published, Resent, TrackedDelivery};
use webhook_domain::rotation::Rotation;
use webhook_domain::services::{Probed, ShownAgain};
use webhook_domain::signing::found_key::fingerprint_of;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::View;
use crate::errors::Problem;
use crate::paths;
use crate::request::etag;
use crate::wire::{
    ApiKeyJson, EventJson, KeyCheckJson, Keys, ProbeJson, ResentJson, RotationJson, WebhookEventJson,
    WebhookJson, expected_length,
};

/// Room for an API key, so that its text is not copied about while it is written.
const USUAL_API_KEY_LENGTH: usize = 2048;

/// Room for an event, as it is answered.
const USUAL_EVENT_LENGTH: usize = 256;

/// Room for a check of keys.
const USUAL_KEY_CHECK_LENGTH: usize = 512;

/// What an answer can be about.
pub(crate) trait Resource: 'static {
    /// Its entity tag, if it has versions.
    fn etag(&self) -> Option<String> {
        None
    }

    /// Where it is, if it can be created.
    fn location(&self) -> Option<String> {
        None
    }

    /// The secrets that `body` has, which was its JSON at some time.
    fn secrets_in(_body: &[u8]) -> Result<Option<ShownAgain>, Problem> {
        Ok(None)
    }

    /// Its JSON at `now`.
    fn to_body(&self, now: Instant, keys: Keys, view: View) -> Vec<u8>;
}

/// What tells of keys in the JSON of a webhook. None of it is ever escaped.
#[derive(Deserialize)]
struct WebhookWithKeys<'a> {
    id: &'a str,
    secret_key: Option<&'a str>,
    previous_secret_key: Option<&'a str>,
}

/// What tells of the text of an API key in its JSON, likewise.
#[derive(Deserialize)]
struct ApiKeyWithText<'a> {
    id: &'a str,
    api_key: Option<&'a str>,
}

impl Resource for Webhook {
    fn etag(&self) -> Option<String> {
        Some(etag::of(self.version))
    }

    fn location(&self) -> Option<String> {
        Some(paths::with_id(paths::WEBHOOK, self.id))
    }

    fn to_body(&self, now: Instant, keys: Keys, view: View) -> Vec<u8> {
        let json = WebhookJson::new(self, now, keys);
        let json = match view.payloads {
            true => json.with_payload(view.environment),
            false => json,
        };
        written(&json, expected_length(self))
    }

    fn secrets_in(body: &[u8]) -> Result<Option<ShownAgain>, Problem> {
        let written: WebhookWithKeys<'_> = serde_json::from_slice(body).map_err(Problem::internal)?;
        let texts = [written.secret_key, written.previous_secret_key]
            .into_iter()
            .flatten();
        let keys = texts.map(fingerprint_of).collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(Problem::internal)?;
        if keys.is_empty() {
            return Ok(None);
        }
        let webhook = written.id.parse().map_err(Problem::internal)?;
        Ok(Some(ShownAgain::SigningKeys { webhook, keys }))
    }
}

impl Resource for ApiKey {
    fn to_body(&self, _: Instant, _: Keys, _: View) -> Vec<u8> {
        written(&ApiKeyJson::new(self), USUAL_API_KEY_LENGTH)
    }
}

impl Resource for CreatedApiKey {
    fn location(&self) -> Option<String> {
        Some(paths::with_id(paths::API_KEY, self.key.id))
    }

    fn to_body(&self, now: Instant, keys: Keys, view: View) -> Vec<u8> {
        match keys {
            Keys::Shown => written(&ApiKeyJson::with_text(self), USUAL_API_KEY_LENGTH),
            Keys::Withheld => self.key.to_body(now, keys, view),
        }
    }

    fn secrets_in(body: &[u8]) -> Result<Option<ShownAgain>, Problem> {
        let written: ApiKeyWithText<'_> = serde_json::from_slice(body).map_err(Problem::internal)?;
        if written.api_key.is_none() {
            return Ok(None);
        }
        let id = written.id.parse().map_err(Problem::internal)?;
        Ok(Some(ShownAgain::ApiKey(id)))
    }
}

impl Resource for TrackedDelivery {
    fn to_body(&self, _: Instant, _: Keys, view: View) -> Vec<u8> {
        let expected = USUAL_EVENT_LENGTH + self.event.data.as_str().len();
        written(&WebhookEventJson::new(self, view.environment), expected)
    }
}

impl Resource for Published {
    fn to_body(&self, _: Instant, _: Keys, _: View) -> Vec<u8> {
        written(&EventJson::new(self), USUAL_EVENT_LENGTH)
    }
}

impl Resource for Resent {
    fn to_body(&self, _: Instant, _: Keys, _: View) -> Vec<u8> {
        written(&ResentJson::new(self), USUAL_EVENT_LENGTH)
    }
}

impl Resource for Probed {
    fn to_body(&self, _: Instant, _: Keys, _: View) -> Vec<u8> {
        written(&ProbeJson::new(self), USUAL_EVENT_LENGTH)
    }
}

impl Resource for KeyCheck {
    fn to_body(&self, _: Instant, _: Keys, _: View) -> Vec<u8> {
        written(&KeyCheckJson::new(self), USUAL_KEY_CHECK_LENGTH)
    }
}

impl Resource for Rotation {
    fn to_body(&self, _: Instant, _: Keys, _: View) -> Vec<u8> {
        written(&RotationJson::new(self), USUAL_EVENT_LENGTH)
    }
}

fn written(json: &impl Serialize, expected_length: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(expected_length);
    // Into memory, and nothing in it that cannot be written.
    if let Err(error) = serde_json::to_writer(&mut body, json) {
        tracing::error!(error = %error, "a resource could not be written as JSON");
    }
    body
}
