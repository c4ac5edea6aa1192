//! Every rule a client can break, broken on the wire: the answer names the field, says what would be right, repeats no
//! secret, and nothing is changed.

mod bodies;
mod characters;
mod credentials;
mod fields;
mod headers;
mod limits;
mod requests;

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Service,
    client::Request,
    fixtures::{Webhook, create_with, get, new_webhook, update, with},
};

/// Stands wherever a secret is sent, and must never come back.
const SECRET: &str = "Hunter2Hunter2";

/// Where an object with webhook fields can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Create,
    Roll,
}

const BOTH_DOORS: [Door; 2] = [Door::Create, Door::Roll];

impl Door {
    /// The smallest object it takes.
    fn object(self) -> Value {
        match self {
            Self::Create => new_webhook(),
            Self::Roll => update(),
        }
    }
}

/// A service with one webhook in it, which every refused request must leave alone.
struct Scene {
    service: Service,
    client: Client,
    webhook: Webhook,
    listed: String,
}

impl Scene {
    fn new(backend: Backend) -> Self {
        let service = Service::start(backend);
        let client = service.client();
        let webhook = create_with(
            &client,
            json!({"username": "alice", "password": "Kept", "reference": "kept"}),
        );
        let listed = list(&service);
        Self {
            service,
            client,
            webhook,
            listed,
        }
    }

    fn request(&self, door: Door) -> Request<'_> {
        match door {
            Door::Create => self.client.post("/v1/webhooks"),
            Door::Roll => self.client.patch(&self.webhook.secret_path()),
        }
    }

    /// Sends `text` as JSON, which must be refused with one of `codes` on account of `field`.
    #[track_caller]
    fn refuse_text(&self, door: Door, text: impl AsRef<[u8]>, codes: &[&str], field: Option<&str>) {
        let text = text.as_ref();
        let answer = self.request(door).json_text(text).send();
        let about = || {
            let shown = String::from_utf8_lossy(&text[..text.len().min(300)]).into_owned();
            format!("{door:?} {shown}\n{}", answer.shown())
        };
        assert_eq!(answer.status, 400, "{}", about());
        let refusal = answer.refusal();
        assert!(
            codes.contains(&refusal.code.as_str()),
            "one of {codes:?}: {}",
            about()
        );
        assert_eq!(refusal.field.as_deref(), field, "{}", about());
        self.expect_untouched(&answer);
    }

    /// Sends the smallest object with `changes`, which must be refused with one of `codes` on account of `field`.
    #[track_caller]
    fn refuse(&self, door: Door, changes: Value, codes: &[&str], field: &str) {
        self.refuse_text(door, with(door.object(), changes).to_string(), codes, Some(field));
    }

    /// The answer repeats no secret, and the webhook is as it was.
    #[track_caller]
    fn expect_untouched(&self, answer: &Answer) {
        answer.expect_without(SECRET);
        assert_eq!(
            get(&self.client, &self.webhook),
            self.webhook,
            "a refusal changes nothing: {}",
            answer.shown()
        );
    }

    /// Sends the smallest object with `changes`, which must be accepted, and gives the webhook.
    ///
    /// A roll retires the older keys, so that any number can follow.
    #[track_caller]
    fn accept(&mut self, door: Door, changes: Value) -> Webhook {
        let mut object = with(door.object(), changes);
        if door == Door::Roll {
            object = with(object, json!({"previous_secret_expires_in": 0}));
        }
        let answer = self.request(door).json(&object).send();
        assert!(
            [200, 201].contains(&answer.status),
            "{door:?} {object}\n{}",
            answer.shown()
        );
        let webhook = Webhook::of(&answer);
        if door == Door::Roll {
            self.webhook = webhook.clone();
        }
        webhook
    }

    /// No refused request has made a webhook. To be asked when none was accepted either.
    #[track_caller]
    fn expect_no_new_webhook(&self) {
        assert_eq!(
            list(&self.service),
            self.listed,
            "the webhooks are those there were"
        );
    }
}

fn list(service: &Service) -> String {
    service
        .deployment()
        .run(&["webhook", "list"])
        .expect_success()
        .to_owned()
}
