//! Retrying safely: a request repeated under its `Idempotency-Key` is answered as before and does nothing again.

use std::{sync::Barrier, thread};

use serde_json::json;
use webhook_tests::{
    Answer, Backend, Client, Service,
    fixtures::{create, get, new_webhook, update, with},
    on_each_database,
};

on_each_database!(
    a_replay_answers_byte_for_byte_and_rolls_nothing,
    creating_and_removing_replay_too,
    another_request_under_the_same_key_is_refused,
    a_refusal_is_not_stored,
    another_credential_has_keys_of_its_own,
    who_asks_is_checked_again_before_a_replay,
    of_many_requests_at_once_one_rolls_and_the_others_replay,
    a_replay_survives_a_kill,
    a_key_has_from_1_to_255_printable_characters,
    a_replay_outlives_later_rolls,
);

#[track_caller]
fn roll_under(client: &Client, path: &str, key: &str) -> Answer {
    client.patch(path).header("Idempotency-Key", key).send()
}

/// A replay: the same status, body, tag and place, and a header that says it is one.
#[track_caller]
fn expect_replay(of: &Answer, replay: &Answer) {
    assert!(replay.is_replayed(), "{}", replay.shown());
    assert!(!of.is_replayed(), "{}", of.shown());
    assert_eq!(replay.status, of.status);
    assert_eq!(replay.body, of.body);
    for name in ["etag", "location", "cache-control", "content-type"] {
        assert_eq!(replay.header(name), of.header(name), "{name}");
    }
}

fn a_replay_answers_byte_for_byte_and_rolls_nothing(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let path = create(&client).secret_path();
    let first = roll_under(&client, &path, "retry-1").expect_status(200);
    let replay = roll_under(&client, &path, "retry-1");
    expect_replay(&first, &replay);
    let stored = client.get(path.trim_end_matches("/secret-key")).send();
    assert_eq!(stored.etag(), first.etag(), "nothing was rolled by the replay");
    assert_eq!(stored.json()["secret_key"], first.json()["secret_key"]);
    let other = roll_under(&client, &path, "retry-2").expect_status(200);
    assert!(!other.is_replayed());
    assert_ne!(other.json()["secret_key"], first.json()["secret_key"]);
}

fn creating_and_removing_replay_too(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let body = with(new_webhook(), json!({"reference": "only-once"}));
    let make = || {
        client
            .post("/v1/webhooks")
            .header("Idempotency-Key", "create")
            .json(&body)
            .send()
    };
    let created = make().expect_status(201);
    // Not 409 for the reference: this is no second webhook.
    expect_replay(&created, &make());
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let remove = || {
        let path = format!("/v1/webhooks/{id}/secret-key");
        client.delete(&path).header("Idempotency-Key", "remove").send()
    };
    let removed = remove().expect_status(200);
    expect_replay(&removed, &remove());
}

fn another_request_under_the_same_key_is_refused(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let other = create(&client);
    let body = update();
    let first = client
        .patch(&webhook.secret_path())
        .header("Idempotency-Key", "k")
        .json(&body)
        .send()
        .expect_status(200);
    let bare = roll_under(&client, &webhook.secret_path(), "bare").expect_status(200);
    let state = get(&client, &webhook);
    let query = format!("{}?previous_secret_expires_in=60", webhook.secret_path());
    let different_body = with(update(), json!({"include_previous_data": true}));
    let others = [
        client.patch(&webhook.secret_path()).json(&different_body),
        client.patch(&webhook.secret_path()),
        client.patch(&query),
        client.patch(&other.secret_path()).json(&body),
        client.delete(&webhook.secret_path()),
        client.post("/v1/webhooks").json(&new_webhook()),
    ];
    for request in others {
        let answer = request.header("Idempotency-Key", "k").send();
        answer.expect_refusal(409, "IDEMPOTENCY_CHECK_FAILED");
    }
    // The same but for its query.
    let answer = roll_under(&client, &query, "bare");
    answer.expect_refusal(409, "IDEMPOTENCY_CHECK_FAILED");
    assert_eq!(get(&client, &webhook), state);
    assert_eq!(get(&client, &other), other);
    expect_replay(&bare, &roll_under(&client, &webhook.secret_path(), "bare"));
    // The stored answer is still there for the request it belongs to.
    let replay = client
        .patch(&webhook.secret_path())
        .header("Idempotency-Key", "k")
        .json(&body)
        .send();
    expect_replay(&first, &replay);
}

fn a_refusal_is_not_stored(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let path = webhook.secret_path();
    let bad = client
        .patch(&path)
        .header("Idempotency-Key", "k")
        .json(&json!({"active": true}))
        .send();
    bad.expect_refusal(400, "MISSING_FIELD");
    let stale = client
        .patch(&path)
        .header("Idempotency-Key", "k")
        .header("If-Match", "\"no-such-version\"")
        .send();
    stale.expect_refusal(412, "INVALID_REQUEST");
    let good = roll_under(&client, &path, "k").expect_status(200);
    assert!(!good.is_replayed());
    assert_eq!(
        good.json()["previous_secret_key"],
        webhook.json["secret_key"],
        "the refused ones rolled nothing"
    );
}

fn another_credential_has_keys_of_its_own(backend: Backend) {
    let service = Service::start(backend);
    let path = create(&service.client()).secret_path();
    let first = roll_under(&service.client(), &path, "k").expect_status(200);
    let colleague = service.client_of("default", &["WEBHOOK.UPDATE"]);
    let second = roll_under(&colleague, &path, "k").expect_status(200);
    assert!(!second.is_replayed());
    assert_eq!(second.json()["previous_secret_key"], first.json()["secret_key"]);
}

fn who_asks_is_checked_again_before_a_replay(backend: Backend) {
    let service = Service::start(backend);
    let path = create(&service.client()).secret_path();
    let key = service
        .deployment()
        .create_key("default", &["WEBHOOK.UPDATE"], &["--expires-in", "2"]);
    let client = service.client_with(&key);
    let first = roll_under(&client, &path, "k").expect_status(200);
    thread::sleep(std::time::Duration::from_millis(3_100));
    let late = roll_under(&client, &path, "k");
    late.expect_refusal(401, "UNAUTHORISED");
    late.expect_without(first.json()["secret_key"].as_str().expect("a key"));
}

fn of_many_requests_at_once_one_rolls_and_the_others_replay(backend: Backend) {
    const AT_ONCE: usize = 32;
    let service = Service::start(backend);
    let client = service.client();
    for round in 0..5 {
        let webhook = create(&client);
        let barrier = Barrier::new(AT_ONCE);
        let answers: Vec<Answer> = thread::scope(|scope| {
            let ask = || {
                let (client, path, key) = (client.clone(), webhook.secret_path(), format!("round-{round}"));
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    roll_under(&client, &path, &key).expect_status(200)
                })
            };
            let threads: Vec<_> = (0..AT_ONCE).map(|_| ask()).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("an answer"))
                .collect()
        });
        let fresh = answers.iter().filter(|answer| !answer.is_replayed()).count();
        assert_eq!(fresh, 1, "one of {AT_ONCE} is the first");
        assert!(
            answers.iter().all(|answer| answer.body == answers[0].body),
            "all have the same answer"
        );
        let stored = get(&client, &webhook);
        assert_eq!(stored.etag, answers[0].etag(), "one roll, no more");
        assert_eq!(stored.previous_secret(), Some(webhook.secret()));
    }
}

fn a_replay_survives_a_kill(backend: Backend) {
    let mut service = Service::start(backend);
    let path = create(&service.client()).secret_path();
    let first = roll_under(&service.client(), &path, "k").expect_status(200);
    service.kill();
    service.start_again();
    expect_replay(&first, &roll_under(&service.client(), &path, "k"));
}

fn a_key_has_from_1_to_255_printable_characters(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    let refused: [&[u8]; 5] = [
        b"",
        too_long.as_bytes(),
        "schlüssel".as_bytes(),
        b"tab\tinside",
        b"\xff",
    ];
    for key in refused {
        let answer = client
            .patch(&webhook.secret_path())
            .header("Idempotency-Key", key)
            .send();
        answer.expect_refusal(400, "INVALID_FIELD");
    }
    let twice = client
        .patch(&webhook.secret_path())
        .header("Idempotency-Key", "a")
        .header("Idempotency-Key", "b")
        .send();
    twice.expect_refusal(400, "INVALID_FIELD");
    assert_eq!(get(&client, &webhook), webhook);
    for key in [
        longest.as_str(),
        "x",
        "with space ~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}",
    ] {
        let first = roll_under(&client, &webhook.secret_path(), key).expect_status(200);
        expect_replay(&first, &roll_under(&client, &webhook.secret_path(), key));
    }
}

fn a_replay_outlives_later_rolls(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let path = create(&client).secret_path();
    let first = roll_under(&client, &path, "k").expect_status(200);
    let leak = format!("{path}?previous_secret_expires_in=0");
    let last = client.patch(&leak).send().expect_status(200);
    let replay = roll_under(&client, &path, "k");
    expect_replay(&first, &replay);
    assert_eq!(
        client.get(path.trim_end_matches("/secret-key")).send().etag(),
        last.etag()
    );
}
