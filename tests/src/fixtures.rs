//! Webhooks to test with.

use serde_json::{Value, json};

use crate::{answer::Answer, client::Client, clock::instant};

/// The smallest create object.
pub fn new_webhook() -> Value {
    json!({"name": "Orders", "reference": null, "url": "https://receiver.example.com/hook"})
}

/// The smallest update object: its three required fields, as they are after [`new_webhook`].
pub fn update() -> Value {
    json!({"active": true, "include_previous_data": false, "authentication_type": "NONE"})
}

/// `object` with the members of `changes` set.
#[track_caller]
pub fn with(object: Value, changes: Value) -> Value {
    let (Value::Object(mut object), Value::Object(changes)) = (object, changes) else {
        panic!("two objects")
    };
    object.extend(changes);
    Value::Object(object)
}

/// `object` without `name`.
#[track_caller]
pub fn without(mut object: Value, name: &str) -> Value {
    object
        .as_object_mut()
        .expect("an object")
        .remove(name)
        .unwrap_or_else(|| panic!("there is no `{name}`"));
    object
}

/// A webhook as an answer showed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// The whole of it.
    pub json: Value,
    /// Its version.
    pub etag: String,
}

impl Webhook {
    /// Reads the webhook of an answer.
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.shown());
        let json = answer.json();
        assert_eq!(json["object_type"], "WEBHOOK", "{json}");
        Self {
            json,
            etag: answer.etag(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.json["id"].as_str().expect("a webhook has an id")
    }

    /// `/v1/webhooks/{id}`
    pub fn path(&self) -> String {
        format!("/v1/webhooks/{}", self.id())
    }

    /// `/v1/webhooks/{id}/secret-key`
    pub fn secret_path(&self) -> String {
        format!("{}/secret-key", self.path())
    }

    /// The current key, which must be shown and be a key: `whsec_` and 32 bytes in base64.
    #[track_caller]
    pub fn secret(&self) -> String {
        let text = self.json["secret_key"]
            .as_str()
            .unwrap_or_else(|| panic!("no secret_key: {}", self.json));
        let encoded = text
            .strip_prefix("whsec_")
            .unwrap_or_else(|| panic!("not a key: {text}"));
        let bytes = data_encoding::BASE64
            .decode(encoded.as_bytes())
            .unwrap_or_else(|_| panic!("not base64: {text}"));
        assert_eq!(bytes.len(), 32, "{text}");
        text.to_owned()
    }

    /// The newest retired key, if it is shown.
    pub fn previous_secret(&self) -> Option<String> {
        self.json["previous_secret_key"].as_str().map(str::to_owned)
    }

    /// When the secret was rolled, in seconds since 1970.
    #[track_caller]
    pub fn rolled_at(&self) -> i64 {
        instant(&self.json["secret_rolled_at"])
    }

    /// When the newest retired key stops signing, in seconds since 1970.
    #[track_caller]
    pub fn previous_expires_at(&self) -> i64 {
        instant(&self.json["previous_secret_expires_at"])
    }

    /// The number in the ETag: each change of a webhook counts one up.
    #[track_caller]
    pub fn version(&self) -> u64 {
        let digits: String = self.etag.chars().filter(char::is_ascii_digit).collect();
        digits
            .parse()
            .unwrap_or_else(|_| panic!("no number in ETag {}", self.etag))
    }
}

/// Creates [`new_webhook`].
#[track_caller]
pub fn create(client: &Client) -> Webhook {
    create_with(client, json!({}))
}

/// Creates [`new_webhook`] with `changes`.
#[track_caller]
pub fn create_with(client: &Client, changes: Value) -> Webhook {
    let answer = client
        .post("/v1/webhooks")
        .json(&with(new_webhook(), changes))
        .send();
    Webhook::of(&answer.expect_status(201))
}

/// Rolls without a body.
#[track_caller]
pub fn roll(client: &Client, webhook: &Webhook) -> Webhook {
    Webhook::of(&client.patch(&webhook.secret_path()).send().expect_status(200))
}

/// Rolls with `changes` to the smallest update object.
#[track_caller]
pub fn roll_with(client: &Client, webhook: &Webhook, changes: Value) -> Webhook {
    let answer = client
        .patch(&webhook.secret_path())
        .json(&with(update(), changes))
        .send();
    Webhook::of(&answer.expect_status(200))
}

/// The webhook as a GET shows it; with its keys if `client` may see them.
#[track_caller]
pub fn get(client: &Client, webhook: &Webhook) -> Webhook {
    Webhook::of(&client.get(&webhook.path()).send().expect_status(200))
}
