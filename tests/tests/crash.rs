//! SIGKILL under load: what was answered is there after the next start, and a retry does what it did once.
//!
//! `WEBHOOK_TEST_KILLS` says how many kills each proof makes per database (5 unless told otherwise).

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{Webhook, create, get},
    knob, on_each_database,
    postgres::random_bytes,
};

on_each_database!(
    an_answered_roll_survives_a_kill,
    a_roll_retried_across_a_kill_happens_once
);

/// Rolls at once while the server is killed.
const CLIENTS: usize = 16;

fn kills() -> usize {
    knob("WEBHOOK_TEST_KILLS", 5)
}

/// One client's webhook, the last state that was answered, and the `Idempotency-Key` of a roll whose answer is missing.
struct Holder {
    last: Webhook,
    rolls: usize,
    serial: usize,
    answered: usize,
    unanswered: Option<String>,
}

impl Holder {
    fn new(client: &Client) -> Self {
        Self {
            last: create(client),
            rolls: 0,
            serial: 0,
            answered: 0,
            unanswered: None,
        }
    }

    /// Rolls until the server is gone; a webhook whose ring is full is left for a new one.
    fn roll_until_it_dies(&mut self, client: &Client, name: &str, with_keys: bool) {
        loop {
            if self.rolls == 5 {
                let created = client
                    .post("/v1/webhooks")
                    .json(&webhook_tests::fixtures::new_webhook())
                    .try_send();
                let Ok(created) = created else { return };
                (self.last, self.rolls) = (Webhook::of(&created), 0);
            }
            self.serial += 1;
            let key = format!("{name}-{}", self.serial);
            let mut request = client.patch(&self.last.secret_path());
            if with_keys {
                request = request.header("Idempotency-Key", &key);
            }
            self.rolls += 1;
            match request.try_send() {
                Ok(answer) => {
                    let rolled = Webhook::of(&answer);
                    assert_eq!(rolled.previous_secret(), Some(self.last.secret()));
                    self.last = rolled;
                    self.answered += 1;
                }
                Err(_) => {
                    self.unanswered = Some(key);
                    return;
                }
            }
        }
    }

    /// After the restart the last answered key is current, or one unanswered roll has made it the previous one.
    #[track_caller]
    fn expect_last_answer_kept(&self, client: &Client) -> Webhook {
        let stored = get(client, &self.last);
        let answered = Value::from(self.last.secret());
        let current = stored.json["secret_key"] == answered;
        let overtaken = self.unanswered.is_some() && stored.json["previous_secret_key"] == answered;
        assert!(
            current || overtaken,
            "an answered key is lost:\nanswered {}\nstored {}",
            self.last.json,
            stored.json
        );
        stored
    }

    /// Sends the unanswered roll once more: it has happened once then, whether it had before the kill or not.
    #[track_caller]
    fn retry(&mut self, client: &Client, stored: &Webhook) {
        let Some(key) = self.unanswered.take() else { return };
        let answer = client
            .patch(&self.last.secret_path())
            .header("Idempotency-Key", &key)
            .send();
        let rolled = Webhook::of(&answer.clone().expect_status(200));
        assert_eq!(
            rolled.previous_secret(),
            Some(self.last.secret()),
            "one roll after the last answered one"
        );
        if stored.secret() != self.last.secret() {
            assert!(
                answer.is_replayed(),
                "the roll had happened, so this is its answer"
            );
            assert_eq!(rolled.secret(), stored.secret());
        }
        assert_eq!(get(client, &rolled), rolled, "and no second one");
        self.last = rolled;
    }
}

/// Between 20 and 276 ms, so that kills hit different moments.
fn a_while() -> Duration {
    Duration::from_millis(20 + u64::from(random_bytes(1)[0]))
}

fn survive(backend: Backend, with_keys: bool) {
    let mut service = Service::start(backend);
    let client = service.client();
    let mut holders: Vec<Holder> = (0..CLIENTS).map(|_| Holder::new(&client)).collect();
    let began = Instant::now();
    for kill in 0..kills() {
        let client = service.client();
        let victim = service.take_server();
        thread::scope(|scope| {
            for (number, holder) in holders.iter_mut().enumerate() {
                let client = client.clone();
                let name = format!("{kill}-{number}");
                holder.serial = 0;
                scope.spawn(move || holder.roll_until_it_dies(&client, &name, with_keys));
            }
            thread::sleep(a_while());
            victim.kill();
        });
        service.start_again();
        let client = service.client();
        for holder in &mut holders {
            let stored = holder.expect_last_answer_kept(&client);
            if with_keys {
                holder.retry(&client, &stored);
            } else if holder.unanswered.take().is_some() {
                holder.last = stored;
            }
        }
    }
    let answered: usize = holders.iter().map(|holder| holder.answered).sum();
    println!(
        "{backend:?}: {} kills, {answered} answered rolls, none lost, {:?}",
        kills(),
        began.elapsed()
    );
    assert!(
        answered > kills() * CLIENTS,
        "the kills came under load: {answered} rolls answered"
    );
}

fn an_answered_roll_survives_a_kill(backend: Backend) {
    survive(backend, false);
}

fn a_roll_retried_across_a_kill_happens_once(backend: Backend) {
    survive(backend, true);
}
