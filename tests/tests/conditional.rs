//! `ETag` and `If-Match`: a change that was decided on an older state does not happen.

use webhook_tests::{
    Backend, Service,
    fixtures::{create, get, roll, update},
    on_each_database,
};

on_each_database!(
    every_answer_with_a_webhook_has_an_etag_that_changes_with_it,
    a_roll_on_an_older_state_is_refused_and_changes_nothing,
    a_roll_on_the_current_state_happens,
    a_condition_that_cannot_be_read_does_not_hold,
    of_two_rolls_on_one_state_one_happens,
);

fn every_answer_with_a_webhook_has_an_etag_that_changes_with_it(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    assert!(
        created.etag.starts_with('"') && created.etag.ends_with('"'),
        "a strong tag is quoted: {}",
        created.etag
    );
    assert_eq!(
        get(&client, &created).etag,
        created.etag,
        "reading changes nothing"
    );
    let rolled = roll(&client, &created);
    assert_ne!(rolled.etag, created.etag);
    let removed = client.delete(&created.secret_path()).send().expect_status(200);
    assert_ne!(removed.etag(), rolled.etag);
    assert_eq!(get(&client, &created).etag, removed.etag());
}

fn a_roll_on_an_older_state_is_refused_and_changes_nothing(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let rolled = roll(&client, &created);
    let path = created.secret_path();
    let requests = [
        client.patch(&path),
        client.patch(&path).json(&update()),
        client.delete(&path),
    ];
    for request in requests {
        let answer = request.header("If-Match", &created.etag).send();
        answer.expect_refusal(412, "INVALID_REQUEST");
        assert_eq!(get(&client, &created), rolled);
    }
}

fn a_roll_on_the_current_state_happens(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let rolled = client
        .patch(&created.secret_path())
        .header("If-Match", &created.etag)
        .send()
        .expect_status(200);
    let any = client
        .patch(&created.secret_path())
        .header("If-Match", "*")
        .send()
        .expect_status(200);
    assert_eq!(any.json()["previous_secret_key"], rolled.json()["secret_key"]);
    // RFC 9110 §13.1.1: any one of a list.
    let list = format!("\"something-else\", {}", any.etag());
    let listed = client
        .patch(&created.secret_path())
        .header("If-Match", list)
        .send()
        .expect_status(200);
    let removed = client
        .delete(&created.secret_path())
        .header("If-Match", listed.etag())
        .send();
    removed.expect_status(200);
}

fn a_condition_that_cannot_be_read_does_not_hold(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let unquoted = created.etag.trim_matches('"').to_owned();
    // RFC 9110 §13.1.1: If-Match compares strongly, and a weak tag is never strongly equal.
    let weak = format!("W/{}", created.etag);
    for condition in ["\"", "\"0\"", "\"1\"x", "\u{e9}", &unquoted, &weak].map(str::to_owned) {
        if condition == created.etag {
            continue;
        }
        let answer = client
            .patch(&created.secret_path())
            .header("If-Match", &condition)
            .send();
        assert!(
            [400, 412].contains(&answer.status),
            "If-Match: {condition}: {}",
            answer.shown()
        );
        assert_eq!(get(&client, &created), created, "If-Match: {condition}");
    }
}

fn of_two_rolls_on_one_state_one_happens(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    for _ in 0..10 {
        let created = create(&client);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let (client, created) = (client.clone(), created.clone());
                    scope.spawn(move || {
                        client
                            .patch(&created.secret_path())
                            .header("If-Match", created.etag)
                            .send()
                            .status
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("an answer"))
                .collect()
        });
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|status| **status == 412).count(),
            7,
            "{statuses:?}"
        );
        assert_eq!(get(&client, &created).previous_secret(), Some(created.secret()));
    }
}
