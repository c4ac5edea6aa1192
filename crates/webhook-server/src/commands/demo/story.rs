//! What happens in a demo. A stream of events is published from its beginning to its end; beside it, at fixed parts of
//! its length, the secret is rolled, the receiver changes over to the new key, and the server is killed and started again.
//!
//! The receiver changes over too late: the overlap is over. Nothing is rejected all the same, because the old key is kept until a receipt
//! shows that the new one is in use.
//!
//! The lanes of the server that was killed are its own for up to 6 seconds (see `dispatch`); then the new one delivers what
//! has piled up. So the story ends some seconds after the stream.

use std::cell::RefCell;
use std::fs::read_to_string;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::sleep;
use webhook_domain::InvalidValue;
use webhook_domain::signing::secret::{Fingerprint, SecretText};
use webhook_verify::Secret;

use super::client::{Client, Question};
use super::progress::Progress;
use super::receiver::Receiver;
use super::scratch::Scratch;
use super::server::ServerProcess;
use super::tally::{Book, Fingerprints, Key};
use crate::exit::Failure;

/// What is published.
const ACTION: &str = "INVOICE.CREATED";
/// How many milliseconds lie between two events.
const EVENT_EVERY_MS: u64 = 25;
/// When the secret is rolled, in percent of the stream.
const ROLL_AT: u32 = 30;
/// When the receiver changes over.
const CHANGE_OVER_AT: u32 = 52;
/// When the server is killed.
const KILL_AT: u32 = 65;
/// How the secret is rolled: a second of overlap, and the old key kept beyond that.
const ROLL: &str = "previous_secret_expires_in=1&keep_previous_until_adopted=true";
/// How long there is no server.
const DOWN_FOR: Duration = Duration::from_millis(500);
/// How long what is still on its way is waited for.
const ARRIVE_WITHIN: Duration = Duration::from_secs(25);
/// How often it is looked whether something has come about.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A demo under way.
pub(super) struct Story<'a> {
    length: Duration,
    book: &'a Book,
    receiver: &'a Receiver,
    scratch: &'a Scratch,
    server: &'a RefCell<ServerProcess>,
    progress: &'a Progress,
    client: Client<'a>,
    webhook: String,
    old: Fingerprint,
    new: RefCell<Fingerprint>,
}

#[derive(Deserialize)]
struct WebhookAnswer {
    id: String,
    secret_key: String,
}

/// What a webhook shows of its keys.
#[derive(Deserialize)]
struct SeenWebhook {
    previous_secret_held: bool,
    secret_adoption: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct EventAnswer {
    id: String,
}

impl<'a> Story<'a> {
    /// Creates the webhook, and gives the receiver its key.
    pub(super) async fn begin(
        length: Duration,
        book: &'a Book,
        receiver: &'a Receiver,
        scratch: &'a Scratch,
        server: &'a RefCell<ServerProcess>,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let file = scratch.path().join("data").join("first-api-key");
        let api_key = read_to_string(file)
            .map_err(|error| Failure::cannot("read the API key of the demo's server", &error))?;
        let client = Client::new(server, SecretText::new(api_key.trim_end().to_owned()));
        // Of what the service publishes itself, such as the webhook's own changes, nothing is to be counted.
        let webhook = serde_json::json!({
            "name": "demo",
            "reference": null,
            "url": receiver.url(),
            "included_actions": [ACTION],
        });
        let create = question(Method::POST, "/v1/webhooks", webhook.to_string(), "create");
        let created: WebhookAnswer = read(&client.ask(&create).await?)?;
        let (secret, old) = secret(created.secret_key)?;
        receiver.hold(Key::Old, &secret)?;
        book.begin();
        let story = Self {
            length,
            book,
            receiver,
            scratch,
            server,
            progress,
            client,
            webhook: created.id,
            new: RefCell::new(old.clone()),
            old,
        };
        story.say(
            "created",
            format!(
                "webhook created; the receiver holds the old key, {}",
                story.old.as_str()
            ),
        );
        Ok(story)
    }

    /// Tells the story to its end.
    pub(super) async fn tell(&self) -> Result<(), Failure> {
        tokio::try_join!(self.publish(), self.interfere())?;
        self.say("published", "the last event was published".to_owned());
        self.wait_until(ARRIVE_WITHIN, || self.book.is_complete()).await;
        self.say("ended", "the receiver has what there is to have".to_owned());
        Ok(())
    }

    /// The fingerprints of both keys, once it is told.
    pub(super) fn fingerprints(&self) -> Fingerprints {
        Fingerprints {
            old: self.old.clone(),
            new: self.new.borrow().clone(),
        }
    }

    /// Publishes one event after the other, each until it is accepted; those that are late catch up.
    async fn publish(&self) -> Result<(), Failure> {
        let mut number = 0_u64;
        loop {
            let due = Duration::from_millis(number * EVENT_EVERY_MS);
            if due >= self.length {
                return Ok(());
            }
            self.reach(due).await;
            let event = serde_json::json!({"type": ACTION, "data": {"number": number}});
            let key = format!("event-{number}");
            let publish = question(Method::POST, "/v1/events", event.to_string(), &key);
            let accepted: EventAnswer = read(&self.client.ask(&publish).await?)?;
            self.book.accepted(accepted.id);
            self.book.retried(self.client.retries());
            number += 1;
        }
    }

    async fn interfere(&self) -> Result<(), Failure> {
        self.reach(self.length * ROLL_AT / 100).await;
        let secret = self.roll().await?;
        self.reach(self.length * CHANGE_OVER_AT / 100).await;
        let kept = "the overlap is over; the old key is kept, and goes on signing";
        self.see("kept", kept, |seen| seen.previous_secret_held).await?;
        self.change_over(secret).await?;
        let adopted =
            "a receipt shows that the receiver verifies with the new key; the old one signs no more";
        self.see("adopted", adopted, |seen| seen.secret_adoption.is_some())
            .await?;
        self.reach(self.length * KILL_AT / 100).await;
        self.crash().await
    }

    /// Rolls the secret; nobody tells the receiver.
    async fn roll(&self) -> Result<SecretText, Failure> {
        let path = format!("/v1/webhooks/{}/secret-key?{ROLL}", self.webhook);
        let roll = question(Method::PATCH, &path, String::new(), "roll");
        let rolled: WebhookAnswer = read(&self.client.ask(&roll).await?)?;
        let (secret, new) = secret(rolled.secret_key)?;
        let what = format!(
            "secret rolled to {}; the receiver still holds the old key",
            new.as_str()
        );
        *self.new.borrow_mut() = new;
        self.say("rolled", what);
        Ok(secret)
    }

    /// Waits until the webhook is seen to be so, and says it.
    async fn see(
        &self,
        name: &'static str,
        what: &str,
        is_so: fn(&SeenWebhook) -> bool,
    ) -> Result<(), Failure> {
        let path = format!("/v1/webhooks/{}", self.webhook);
        let until = self.book.elapsed() + ARRIVE_WITHIN;
        while self.book.elapsed() < until {
            let look = question(Method::GET, &path, String::new(), "look");
            if is_so(&read(&self.client.ask(&look).await?)?) {
                self.say(name, what.to_owned());
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Gives the receiver the new key, once what comes is signed with it. Deliveries come in order, so from then on all are.
    async fn change_over(&self, secret: SecretText) -> Result<(), Failure> {
        self.wait_until(ARRIVE_WITHIN, || self.book.saw_both_keys_sign())
            .await;
        self.receiver.hold(Key::New, &secret)?;
        self.say(
            "switched",
            "the receiver changed over, and holds the new key alone".to_owned(),
        );
        Ok(())
    }

    async fn crash(&self) -> Result<(), Failure> {
        self.server.borrow_mut().kill()?;
        self.say(
            "killed",
            "kill -9 of the server; events go on being published".to_owned(),
        );
        sleep(DOWN_FOR).await;
        let started = ServerProcess::start(self.scratch.path()).await?;
        *self.server.borrow_mut() = started;
        self.say(
            "restarted",
            "server started again; it delivers at once".to_owned(),
        );
        Ok(())
    }

    fn say(&self, name: &'static str, what: String) {
        self.progress.say(&self.book.milestone(name, what));
    }

    /// Waits until the stream is `at` old.
    async fn reach(&self, at: Duration) {
        sleep(at.saturating_sub(self.book.elapsed())).await;
    }

    async fn wait_until(&self, within: Duration, come_about: impl Fn() -> bool) {
        let until = self.book.elapsed() + within;
        while !come_about() && self.book.elapsed() < until {
            sleep(LOOK_EVERY).await;
        }
    }
}

fn question(method: Method, path: &str, body: String, idempotency_key: &str) -> Question {
    Question {
        method,
        path: path.to_owned(),
        body,
        idempotency_key: idempotency_key.to_owned(),
    }
}

fn read<'b, T: Deserialize<'b>>(answer: &'b Bytes) -> Result<T, Failure> {
    serde_json::from_slice(answer).map_err(|error| Failure::cannot("read an answer of the API", &error))
}

/// A secret as it was answered, and what tells it from others.
fn secret(text: String) -> Result<(SecretText, Fingerprint), Failure> {
    let text = SecretText::new(text);
    let doing = "read the webhook's secret";
    let secret = Secret::parse(text.expose()).map_err(|error| Failure::cannot(doing, &error))?;
    let fingerprint = secret.fingerprint().parse();
    let fingerprint = fingerprint.map_err(|error: InvalidValue| Failure::cannot(doing, &error))?;
    Ok((text, fingerprint))
}
